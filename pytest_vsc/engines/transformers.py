"""One model in this process, through transformers: batches what is asked and answers greedily unless told otherwise.

torch and transformers are imported when a model is checked or loaded, never with this module.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

from pytest_vsc.engines import EngineSettings, checkpoint
from pytest_vsc.engines.decoding import Sampler, Watch, after_prompt, ids_of, token_rules
from pytest_vsc.engines.files import digests_of
from pytest_vsc.engines.foreign import explain, foreign, free_memory, out_of_memory, quiet
from pytest_vsc.engines.prompts import Conversation, conversation_of, prepare
from pytest_vsc.errors import EngineError, ModelError, SettingsError
from pytest_vsc.records import Generation, Request, Response

# Raised whenever this engine would put the same request to the same model in another way (`prompts`, `decoding`).
PREPARATION = 1
BATCH = {"cuda": 64}
BATCH_ELSEWHERE = 32
GATHER_SECONDS = 0.01
CLOSE_SECONDS = 30.0

# Model classes that cannot take texts with and without pictures in one batch, as measured; by `model_type`.
TEXT_ONLY_APART = frozenset({"mllama"})


class Job(NamedTuple):
    """A request that waits, with the future that answers it. since: monotonic seconds of its submission."""

    request: Request
    future: Future[Response]
    since: float


class Ready(NamedTuple):
    """A job with its conversation as the processor wants it, pictures decoded."""

    job: Job
    conversation: Conversation

    @property
    def text_only(self) -> bool:
        return not any(message.images for message in self.job.request.messages)


class TransformersEngine:
    """An image-text-to-text model of a folder or the hub, with one worker thread that forms and answers batches.

    Requests are batched in the order of submission, only with others of the same generation settings. A sampled
    answer depends on its own request, repeat and seed (None counts as 0), not on the batch that it was in.
    """

    def __init__(self, source: str, settings: EngineSettings) -> None:
        self._source, self._settings = source, settings
        self._local = Path(source).is_absolute() or Path(source).is_dir()
        self._name = Path(source).resolve().name if self._local else source
        self._options: dict[str, Any] = {
            "trust_remote_code": settings.trust_remote_code,
            **({"revision": settings.revision} if settings.revision else {}),
        }
        self._said: dict[str, str] = {}
        self._config: Any = None
        self._processor: Any = None
        self._model: Any = None
        self._base: dict[str, Any] = {}
        self._fingerprint: str | None = None
        self._fingerprint_lock = threading.Lock()
        self._limit = settings.batch_size or 1
        self._queue: deque[Job] = deque()
        self._open: set[Future[Response]] = set()
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._worker: threading.Thread | None = None

    # -- before the run

    def check(self) -> None:
        if self._said:
            return
        checkpoint.require_packages()
        device = checkpoint.device_of(self._settings.device)
        dtype = checkpoint.dtype_of(self._settings.dtype, self._settings.device)
        if self._settings.batch_size is not None and self._settings.batch_size < 1:
            raise SettingsError(f"--vlm-batch-size: not a batch ({self._settings.batch_size}). Expected 1 or more")
        if self._local:
            checkpoint.check_folder(Path(self._source), self._name)
        with foreign(self._name), quiet():
            self._config = checkpoint.read_config(self._source, self._name, self._options)
            if not self._local:
                checkpoint.check_cache(self._folder(), self._name)
            self._processor = checkpoint.read_processor(self._source, self._name, self._options)
        self._limit = self._settings.batch_size or BATCH.get(device.partition(":")[0], BATCH_ELSEWHERE)
        template = getattr(self._processor, "chat_template", None)
        self._said = {
            "model": self._name,
            "engine": "transformers",
            "type": str(self._config.model_type),
            "class": (getattr(self._config, "architectures", None) or ["unknown"])[0],
            "device": device,
            "dtype": dtype,
            "batch_size": str(self._limit),
            "chat_template": "its own" if template else "none: image tokens, then the text, as it stands",
            **({"revision": self._settings.revision} if self._settings.revision else {}),
            **checkpoint.versions(),
        }

    def describe(self) -> dict[str, str]:
        return dict(self._said)

    @property
    def fingerprint(self) -> str:
        """sha256 over the files of the model and how it is run. Valid after `check` where the weights are at hand."""
        with self._fingerprint_lock:
            if self._fingerprint is None:
                with foreign(self._name), quiet():
                    self._fingerprint = self._compute_fingerprint()
            return self._fingerprint

    def _compute_fingerprint(self) -> str:
        model = self._model or checkpoint.skeleton(self._config, trust_remote_code=self._settings.trust_remote_code)
        whole = {
            "preparation": PREPARATION,
            "files": digests_of(self._folder()),
            "dtype": self._said["dtype"],
            "device": self._said["device"].partition(":")[0],
            "attention": checkpoint.attention(model),
            "versions": checkpoint.versions(),
        }
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

    def _folder(self) -> Path:
        """Where the files lie: the folder itself, or the snapshot in the hub's cache."""
        return Path(self._source) if self._local else checkpoint.snapshot_of(self._source, self._settings.revision)

    # -- loading

    def load(self) -> None:
        self.check()
        with foreign(self._name), quiet():
            self._model = self._load_model()
            self._base = token_rules(self._model, self._processor)
        text_config = self._model.config.get_text_config()
        right = bool(getattr(text_config, "is_encoder_decoder", False))
        self._processor.tokenizer.padding_side = "right" if right else "left"
        count = sum(parameter.numel() for parameter in self._model.parameters())
        self._said |= {
            "class": type(self._model).__name__,
            "parameters": f"{count:,}",
            "attention": checkpoint.attention(self._model),
            "padding": self._processor.tokenizer.padding_side,
        }
        with self._news:
            if self._stop.is_set():  # closed meanwhile
                self._model = None
                return
            self._worker = threading.Thread(target=self._work, name="vsc-engine", daemon=True)
            self._worker.start()

    def _load_model(self) -> Any:
        import torch
        import transformers

        device = self._said["device"]
        straight = device.startswith("cuda") and importlib.util.find_spec("accelerate") is not None
        model, info = transformers.AutoModelForImageTextToText.from_pretrained(
            self._source,
            use_safetensors=True,
            dtype=getattr(torch, self._said["dtype"]),
            output_loading_info=True,
            **({"device_map": {"": device}} if straight else {}),
            **self._options,
        )
        for fault in ("missing_keys", "mismatched_keys"):
            if keys := sorted(map(str, info.get(fault, ()))):
                what = "are missing from" if fault == "missing_keys" else "have another shape in"
                raise ModelError(f"{self._name}: {len(keys)} tensors {what} its weights, such as {keys[0]}")
        return (model if straight else model.to(device)).eval()

    # -- answering

    def submit(self, request: Request) -> Future[Response]:
        future: Future[Response] = Future()
        with self._news:
            if self._worker is None or self._stop.is_set():
                state = "closed" if self._stop.is_set() else "not loaded"
                future.set_exception(EngineError(f"{self._name}: {state}"))
                return future
            self._open.add(future)
            self._queue.append(Job(request, future, time.monotonic()))
            self._news.notify_all()
        return future

    def close(self) -> None:
        with self._news:
            self._stop.set()
            left, self._open = self._open, set()
            self._queue.clear()
            self._news.notify_all()
        for future in left:
            future.cancel()
            future.set_running_or_notify_cancel()
        if self._worker is not None and self._worker is not threading.current_thread():
            self._worker.join(CLOSE_SECONDS)
        if self._model is not None:
            self._model = None
            free_memory()

    def _work(self) -> None:
        while jobs := self._next():
            self._batch(jobs)

    def _next(self) -> list[Job]:
        """The next batch: the oldest request and the oldest others of its settings. Empty when the engine closes."""
        with self._news:
            self._news.wait_for(lambda: self._queue or self._stop.is_set())
            # Requests come in bursts; a batch that does not wait for the rest of one would hold its first alone.
            while len(self._queue) < self._limit and self._news.wait(GATHER_SECONDS):
                if self._stop.is_set():
                    break
            jobs: list[Job] = []
            others: deque[Job] = deque()
            for job in self._queue:
                if len(jobs) < self._limit and (not jobs or self._alike(jobs[0].request, job.request)):
                    jobs.append(job)
                else:
                    others.append(job)
            self._queue = others
            return [] if self._stop.is_set() else jobs

    def _alike(self, one: Request, other: Request) -> bool:
        apart = self._config.model_type in TEXT_ONLY_APART
        return one.generation == other.generation and (not apart or _has_pictures(one) == _has_pictures(other))

    def _batch(self, jobs: Sequence[Job]) -> None:
        ready: list[Ready] = []
        for job in jobs:
            try:
                ready.append(Ready(job, conversation_of(job.request, self._config.model_type)))
            except EngineError as error:
                self._settle(job, error)
        short_of_memory = self._answer(ready) if ready else False
        if short_of_memory and self._limit > 1:
            self._limit = max(1, min(self._limit, len(ready)) // 2)
            self._said["batch_size"] = f"{self._limit} (halved: out of memory)"

    def _answer(self, ready: Sequence[Ready]) -> bool:
        """Settle every job of a batch; one that fails is split until the bad sample is alone. True: memory ran out."""
        short_of_memory, reason = False, ""
        try:
            outcomes = self._generate(ready)
        except Exception as error:  # foreign code: anything can come; it is mapped, and the batch split, below
            outcomes, short_of_memory, reason = [], out_of_memory(error), explain(error)
        # Outside of `except`: the traceback holds the tensors of the failed batch.
        if outcomes:
            for each, outcome in zip(ready, outcomes, strict=True):
                self._settle(each.job, outcome)
            return False
        if short_of_memory:
            free_memory()
        if self._stop.is_set():
            return short_of_memory
        if len(ready) == 1:
            kind = "out of memory" if short_of_memory else "unsupported: text-only" if ready[0].text_only else "failed"
            self._settle(ready[0].job, EngineError(f"{kind} ({reason})"))
            return short_of_memory
        parts = [self._answer(part) for part in _split(ready, by_kind=not short_of_memory)]
        return short_of_memory or any(parts)

    def _settle(self, job: Job, outcome: Response | EngineError) -> None:
        with self._news:
            ours = job.future in self._open  # else close() has settled it
            self._open.discard(job.future)
        if not ours or not job.future.set_running_or_notify_cancel():
            return
        if isinstance(outcome, Response):
            job.future.set_result(outcome)
        else:
            job.future.set_exception(outcome)

    # -- one batch

    def _generate(self, ready: Sequence[Ready]) -> list[Response | EngineError]:
        import torch
        import transformers

        generation = ready[0].job.request.generation
        with quiet(), torch.inference_mode():
            conversations = [each.conversation for each in ready]
            inputs = prepare(conversations, self._processor, self._said["device"], self._said["dtype"])
            watch = Watch(self._stop, self._settings.timeout)
            processors = []
            if generation.temperature > 0:
                processors = [Sampler([each.job.request for each in ready], self._said["device"])]
            rows = self._model.generate(
                **inputs,
                generation_config=transformers.GenerationConfig(
                    **self._base, max_new_tokens=generation.max_new_tokens, do_sample=False, num_beams=1
                ),
                stopping_criteria=transformers.StoppingCriteriaList([watch]),
                logits_processor=transformers.LogitsProcessorList(processors),
            )
        new = after_prompt(rows, inputs["input_ids"]).tolist()
        return [self._outcome(each.job, tokens, generation, watch) for each, tokens in zip(ready, new, strict=True)]

    def _outcome(self, job: Job, row: list[int], generation: Generation, watch: Watch) -> Response | EngineError:
        """What one row of generated ids says: up to the first end token, or cut by the limit, or by the clock."""
        ends, start = ids_of(self._base.get("eos_token_id")), self._base.get("decoder_start_token_id")
        if start is not None and row[:1] == [start]:
            row = row[1:]
        end = next((place for place, token in enumerate(row) if token in ends), None)
        if end is None and watch.fired and len(row) < generation.max_new_tokens:
            return EngineError(f"timed out after {self._settings.timeout:g} s")
        tokens = row[:end]
        text = self._processor.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return Response(
            text=text.strip(),
            finish_reason="length" if end is None else "stop",
            tokens=len(tokens),
            seconds=time.monotonic() - job.since,
        )


# -- batches


def _has_pictures(request: Request) -> bool:
    return any(message.images for message in request.messages)


def _split(ready: Sequence[Ready], *, by_kind: bool) -> list[Sequence[Ready]]:
    """Two smaller batches: with and without pictures if that is a difference, else halves."""
    text_only = [each for each in ready if each.text_only]
    if by_kind and 0 < len(text_only) < len(ready):
        return [[each for each in ready if not each.text_only], text_only]
    return [ready[: len(ready) // 2], ready[len(ready) // 2 :]]
