"""One model in this process, through transformers: batches what is asked and answers greedily unless told otherwise.

torch and transformers are imported when a model is checked or loaded, never with this module.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import io
import json
import re
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pytest_vsc.cases import Picture
from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.files import check_weights, digests_of, read_json
from pytest_vsc.errors import EngineError, ModelError, SettingsError, VscError, expected
from pytest_vsc.records import Generation, Request, Response

# Raised whenever this engine would put the same request to the same model in another way.
PREPARATION = 1
PACKAGES = {"torch": "torch", "transformers": "transformers", "PIL": "pillow"}
LIBRARIES = ("torch", "transformers", "tokenizers", "pillow", "torchvision")
DTYPES = ("auto", "bfloat16", "float16", "float32")
BATCH = {"cuda": 64}
BATCH_ELSEWHERE = 32
GATHER_SECONDS = 0.01
CLOSE_SECONDS = 30.0
MOST_PIXELS = 100_000_000

# What model classes cannot take, as measured; by `model_type`.
NO_TEXT_ONLY = frozenset({"paligemma", "blip-2", "instructblip"})
TEXT_ONLY_APART = frozenset({"mllama"})
ONE_PICTURE = frozenset({"kosmos-2", "blip-2", "instructblip"})
NO_CACHE = frozenset({"kosmos-2"})

# The hub's own exceptions, by class name, as one line each.
HUB_ERRORS = {
    "GatedRepoError": "its licence must be accepted on the hub first, and HF_TOKEN set",
    "RepositoryNotFoundError": "no such model on the hub, or it is private and HF_TOKEN is not set",
    "RevisionNotFoundError": "the hub has no such revision of it",
    "LocalEntryNotFoundError": "not in the local cache, and the hub cannot be reached, or must not be (HF_HUB_OFFLINE)",
    "OfflineModeIsEnabled": "not in the local cache, and the hub must not be reached (HF_HUB_OFFLINE)",
    "EntryNotFoundError": "a file of it is missing on the hub",
}


class Job(NamedTuple):
    """A request that waits, with the future that answers it. since: monotonic seconds of its submission."""

    request: Request
    future: Future[Response]
    since: float


class Ready(NamedTuple):
    """A job with its conversation as the processor wants it, pictures decoded."""

    job: Job
    conversation: list[dict[str, Any]]

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
        _require_packages()
        device, dtype = _device_of(self._settings.device), _dtype_of(self._settings.dtype, self._settings.device)
        if self._settings.batch_size is not None and self._settings.batch_size < 1:
            raise SettingsError(f"--vlm-batch-size: not a batch ({self._settings.batch_size}). Expected 1 or more")
        if self._local:
            _check_folder(Path(self._source), self._name)
        with _foreign(self._name), _quiet():
            self._config = _read_config(self._source, self._name, self._settings)
            if not self._local:
                self._check_cache()
            self._processor = _read_processor(self._source, self._name, self._settings)
        self._limit = self._settings.batch_size or BATCH.get(device.partition(":")[0], BATCH_ELSEWHERE)
        template = getattr(self._processor, "chat_template", None)
        self._said = {
            "model": self._name,
            "engine": "transformers",
            "type": str(self._config.model_type),
            "device": device,
            "dtype": dtype,
            "batch_size": str(self._limit),
            "chat_template": "its own" if template else "none: image tokens, then the text, as it stands",
            **({"revision": self._settings.revision} if self._settings.revision else {}),
            **_versions(),
        }

    def _check_cache(self) -> None:
        """What the hub's cache holds of the weights; what it lacks is fetched at load unless that is forbidden."""
        from huggingface_hub import constants

        check_weights(self._folder(), self._name, complete=bool(constants.HF_HUB_OFFLINE))

    def describe(self) -> dict[str, str]:
        return dict(self._said)

    @property
    def fingerprint(self) -> str:
        """sha256 over the files of the model and how it is run. Valid after `check` where the weights are at hand."""
        with self._fingerprint_lock:
            if self._fingerprint is None:
                with _foreign(self._name), _quiet():
                    self._fingerprint = self._compute_fingerprint()
            return self._fingerprint

    def _compute_fingerprint(self) -> str:
        whole = {
            "preparation": PREPARATION,
            "files": digests_of(self._folder()),
            "dtype": self._said["dtype"],
            "device": self._said["device"].partition(":")[0],
            "attention": _attention(self._model or _skeleton(self._config, self._settings)),
            "versions": _versions(),
        }
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

    def _folder(self) -> Path:
        """Where the files lie: the folder itself, or the snapshot in the hub's cache."""
        if self._local:
            return Path(self._source)
        from transformers.utils import cached_file

        return Path(str(cached_file(self._source, "config.json", revision=self._settings.revision))).parent

    # -- loading

    def load(self) -> None:
        self.check()
        with _foreign(self._name), _quiet():
            self._model = self._load_model()
            self._base = _decoding(self._model, self._processor)
        text_config = self._model.config.get_text_config()
        right = bool(getattr(text_config, "is_encoder_decoder", False))
        self._processor.tokenizer.padding_side = "right" if right else "left"
        count = sum(parameter.numel() for parameter in self._model.parameters())
        self._said |= {
            "class": type(self._model).__name__,
            "parameters": f"{count:,}",
            "attention": _attention(self._model),
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
            **_source_options(self._settings),
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
            _free_memory()

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
                ready.append(Ready(job, self._conversation(job.request)))
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
            outcomes, short_of_memory, reason = [], _out_of_memory(error), _explain(error)
        # Outside of `except`: the traceback holds the tensors of the failed batch.
        if outcomes:
            for each, outcome in zip(ready, outcomes, strict=True):
                self._settle(each.job, outcome)
            return False
        if short_of_memory:
            _free_memory()
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

    def _conversation(self, request: Request) -> list[dict[str, Any]]:
        """The request in the processor's terms. Raises EngineError for what this model or any decoder cannot take."""
        count = sum(len(message.images) for message in request.messages)
        kind = self._config.model_type
        if count == 0 and kind in NO_TEXT_ONLY:
            raise EngineError(f"unsupported: text-only ({kind})")
        if count > 1 and kind in ONE_PICTURE:
            raise EngineError(f"unsupported: several pictures ({kind} takes one, got {count})")
        return [
            {
                "role": message.role,
                "content": [
                    *({"type": "image", "image": _decode(picture)} for picture in message.images),
                    *([{"type": "text", "text": message.text}] if message.text or not message.images else []),
                ],
            }
            for message in request.messages
        ]

    def _prepare(self, ready: Sequence[Ready]) -> Mapping[str, Any]:
        """The tensors of a batch, on the device: all that the processor returns, which need not be one row a prompt."""
        import torch

        options = {"padding": True, "padding_side": self._processor.tokenizer.padding_side}
        conversations = [each.conversation for each in ready]
        if getattr(self._processor, "chat_template", None):
            inputs = self._processor.apply_chat_template(
                conversations,
                tokenize=True,
                add_generation_prompt=True,
                return_dict=True,
                return_tensors="pt",
                processor_kwargs=options,
            )
        else:
            pictures = [[part["image"] for part in _parts(each, "image")] for each in conversations]
            token = getattr(self._processor, "image_token", None) or ""
            inputs = self._processor(
                text=[_plain(each, str(token)) for each in conversations],
                images=pictures if any(pictures) else None,
                return_tensors="pt",
                **options,
            )
        prepared: Mapping[str, Any] = inputs.to(self._said["device"], dtype=getattr(torch, self._said["dtype"]))
        return prepared

    def _generate(self, ready: Sequence[Ready]) -> list[Response | EngineError]:
        import torch
        import transformers

        generation = ready[0].job.request.generation
        with _quiet(), torch.inference_mode():
            inputs = self._prepare(ready)
            watch = _Watch(self._stop, self._settings.timeout)
            processors = []
            if generation.temperature > 0:
                processors = [_Sampler([each.job.request for each in ready], self._said["device"])]
            rows = self._model.generate(
                **inputs,
                generation_config=transformers.GenerationConfig(
                    **self._base, max_new_tokens=generation.max_new_tokens, do_sample=False, num_beams=1
                ),
                stopping_criteria=transformers.StoppingCriteriaList([watch]),
                logits_processor=transformers.LogitsProcessorList(processors),
            )
        new = _after_prompt(rows, inputs["input_ids"]).tolist()
        return [self._outcome(each.job, tokens, generation, watch) for each, tokens in zip(ready, new, strict=True)]

    def _outcome(self, job: Job, row: list[int], generation: Generation, watch: _Watch) -> Response | EngineError:
        """What one row of generated ids says: up to the first end token, or cut by the limit, or by the clock."""
        ends, start = _ids(self._base.get("eos_token_id")), self._base.get("decoder_start_token_id")
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


class _Watch:
    """A stopping criterion: ends a running batch when the engine closes or its time is over."""

    def __init__(self, stop: threading.Event, timeout: float | None) -> None:
        self._stop = stop
        self._until = None if timeout is None else time.monotonic() + timeout
        self.fired = False

    def __call__(self, input_ids: Any, *_: Any, **__: Any) -> Any:
        late = self._until is not None and time.monotonic() > self._until
        self.fired = self.fired or late or self._stop.is_set()
        return input_ids.new_full((input_ids.shape[0],), self.fired).bool()


class _Sampler:
    """A logits processor that samples by the Gumbel-max trick: argmax(logits / T + Gumbel noise) ~ softmax(logits / T).

    Each row has a generator of its own, seeded by its request, so that no answer depends on its batch.
    """

    def __init__(self, requests: Sequence[Request], device: str) -> None:
        import torch

        self._temperature = requests[0].generation.temperature
        self._generators = [
            torch.Generator(device).manual_seed(int(request.digest("")[:15], 16)) for request in requests
        ]

    def __call__(self, _: Any, scores: Any) -> Any:
        import torch

        noise = torch.empty_like(scores, dtype=torch.float32)
        for row, generator in zip(noise, self._generators, strict=True):
            row.exponential_(generator=generator)
        return scores.float() / self._temperature - noise.log()


# -- settings and files


def _require_packages() -> None:
    """Raises SettingsError that names the extra when a package of it is missing or too old."""
    missing = [package for module, package in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise SettingsError(f"--vlm: a local model needs {', '.join(missing)}: pip install 'pytest-vsc[local]'")
    version = importlib.metadata.version("transformers")
    if int(version.partition(".")[0]) < 5:
        raise SettingsError(
            f"--vlm: transformers {version} is too old. Expected 5 or later: pip install -U transformers"
        )


def _device_of(wanted: str) -> str:
    """The device by its name in torch. Raises SettingsError for one that is not there."""
    import torch

    there = {"cpu"}
    if torch.cuda.is_available():
        there |= {"cuda", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))}
    if torch.backends.mps.is_available():
        there.add("mps")
    if wanted == "auto":
        return next(kind for kind in ("cuda", "mps", "cpu") if kind in there)
    if wanted not in there:
        raise SettingsError(f"--vlm-device: no device '{wanted}' here; {expected(wanted, {'auto', *there})}")
    return wanted


def _dtype_of(wanted: str, device: str) -> str:
    """The dtype by its name in torch: where it is left open bfloat16 on a CUDA device, elsewhere float32."""
    if wanted not in DTYPES:
        raise SettingsError(f"--vlm-dtype: unknown dtype '{wanted}'; {expected(wanted, DTYPES)}")
    if wanted != "auto":
        return wanted
    return "bfloat16" if _device_of(device).startswith("cuda") else "float32"


def _source_options(settings: EngineSettings) -> dict[str, Any]:
    revision = {"revision": settings.revision} if settings.revision else {}
    return {"trust_remote_code": settings.trust_remote_code, **revision}


def _check_folder(folder: Path, name: str) -> None:
    """What can be seen of a model folder without any library. Raises ModelError."""
    if not folder.is_dir():
        raise ModelError(f"{name}: no such folder ({folder})")
    if not (folder / "config.json").is_file():
        hint = ". It is an adapter; give the model that it adapts" if (folder / "adapter_config.json").is_file() else ""
        raise ModelError(f"{name}: no config.json in the folder; expected one as save_pretrained writes it{hint}")
    read_json(folder / "config.json", name)
    check_weights(folder, name)


def _read_config(source: str, name: str, settings: EngineSettings) -> Any:
    """The config of an image-text-to-text model. Raises ModelError for one of another kind."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

    config: Any = AutoConfig.from_pretrained(source, **_source_options(settings))
    own_code = settings.trust_remote_code and "AutoModelForImageTextToText" in (getattr(config, "auto_map", None) or {})
    if not own_code and type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        classes = ", ".join(getattr(config, "architectures", None) or ["class unknown"])
        raise ModelError(
            f"{name}: is a {config.model_type} ({classes}), not an image-text-to-text model "
            "of the installed transformers; expected a model that takes pictures and answers in text"
        )
    return config


def _read_processor(source: str, name: str, settings: EngineSettings) -> Any:
    """The processor, with its tokenizer able to pad. Raises ModelError when it takes no pictures."""
    from transformers import AutoProcessor

    processor: Any = AutoProcessor.from_pretrained(source, **_source_options(settings))
    lacking = [part for part in ("tokenizer", "image_processor") if getattr(processor, part, None) is None]
    if lacking:
        raise ModelError(f"{name}: its processor is a {type(processor).__name__} and has no {' and no '.join(lacking)}")
    if processor.tokenizer.pad_token_id is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    return processor


def _versions() -> dict[str, str]:
    """Versions of the libraries that can change an answer; the absent are left out."""
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


# -- the model


def _skeleton(config: Any, settings: EngineSettings) -> Any:
    """The model without its weights, to see what would be loaded."""
    import torch
    import transformers

    with torch.device("meta"):
        return transformers.AutoModelForImageTextToText.from_config(
            config, trust_remote_code=settings.trust_remote_code
        )


def _attention(model: Any) -> str:
    return str(getattr(model.config, "_attn_implementation", None) or "unknown")


def _decoding(model: Any, processor: Any) -> dict[str, Any]:
    """The token ids that every generation config gets; everything else the model would like is dropped.

    `generate` fills what is left open from the model's own config, so that one is replaced, too.
    """
    import transformers

    own, tokenizer = model.generation_config, processor.tokenizer
    ids = {name: getattr(own, f"{name}_token_id", None) for name in ("bos", "eos", "pad", "decoder_start")}
    ids["eos"] = tokenizer.eos_token_id if ids["eos"] is None else ids["eos"]
    ids["pad"] = tokenizer.pad_token_id if ids["pad"] is None else ids["pad"]
    kept: dict[str, Any] = {f"{name}_token_id": value for name, value in ids.items() if value is not None}
    model.generation_config = transformers.GenerationConfig(**kept)
    # A placeholder in the answer makes decoding count pictures that are not there.
    holders = {
        value
        for owner in (model.config, processor)
        for kind in ("image", "video", "audio")
        for name in (f"{kind}_token_id", f"{kind}_token_index")
        if isinstance(value := getattr(owner, name, None), int)
    }
    holders -= _ids(ids["eos"])
    known = model.get_output_embeddings()
    size = known.weight.shape[0] if known is not None else None
    suppressed = sorted(holder for holder in holders if holder >= 0 and (size is None or holder < size))
    return {
        **kept,
        **({"suppress_tokens": suppressed} if suppressed else {}),
        "use_cache": model.config.model_type not in NO_CACHE,
    }


def _ids(value: int | Sequence[int] | None) -> set[int]:
    return set() if value is None else {value} if isinstance(value, int) else set(value)


def _after_prompt(rows: Any, prompts: Any) -> Any:
    """The generated part of each row; some model classes return the prompt before it, some do not."""
    width = prompts.shape[1]
    repeated = rows.shape[1] >= width and bool((rows[:, :width] == prompts).all())
    return rows[:, width:] if repeated else rows


# -- conversations


def _has_pictures(request: Request) -> bool:
    return any(message.images for message in request.messages)


def _split(ready: Sequence[Ready], *, by_kind: bool) -> list[Sequence[Ready]]:
    """Two smaller batches: with and without pictures if that is a difference, else halves."""
    text_only = [each for each in ready if each.text_only]
    if by_kind and 0 < len(text_only) < len(ready):
        return [[each for each in ready if not each.text_only], text_only]
    return [ready[: len(ready) // 2], ready[len(ready) // 2 :]]


def _parts(conversation: Sequence[Mapping[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [part for message in conversation for part in message["content"] if part["type"] == kind]


def _plain(conversation: Sequence[Mapping[str, Any]], image_token: str) -> str:
    """For a model without a chat template: image tokens, then the texts a line each, as they stand."""
    tokens = image_token * len(_parts(conversation, "image"))
    return tokens + "\n".join(part["text"] for part in _parts(conversation, "text"))


def _decode(picture: Picture) -> Any:
    """A picture as RGB, upright. Raises EngineError for bytes that are no picture, or one too large to open."""
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(picture.read())) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                allowed = f"Expected at most {MOST_PIXELS:,}"
                raise EngineError(f"picture {picture.name} cannot be decoded: {width} x {height} pixels. {allowed}")
            return ImageOps.exif_transpose(image).convert("RGB")
    except EngineError:
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error ... on broken bytes
        raise EngineError(f"picture {picture.name} cannot be decoded: {_explain(error)}") from error


# -- foreign exceptions and chatter


@contextmanager
def _foreign(name: str) -> Iterator[None]:
    """Whatever torch, transformers or the hub raise about a model leaves as a ModelError of one line."""
    try:
        yield
    except VscError:
        raise
    except Exception as error:
        raise ModelError(f"{name}: {_explain(error)}") from error


def _explain(error: BaseException) -> str:
    """One line for an exception of another library."""
    chain, cause = [], error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]  # None ends the loop
    for link in chain:
        if known := HUB_ERRORS.get(type(link).__name__):
            return known
    if _out_of_memory(error):
        return "out of memory; a smaller --vlm-dtype, --vlm-batch-size or model may fit"
    text = str(error)
    if isinstance(error, ImportError):
        needed = re.search(r"requires the (\w+) library|pip install [\"']?([\w-]+)|[Pp]ackage [`'\"](\w+)", text)
        if needed:
            package = next(group for group in needed.groups() if group).lower()
            return f"needs {package}, which is not installed: pip install {package}"
    if "trust_remote_code" in text:
        return "needs code of its own to run; --vlm-trust-remote-code allows that, if you trust it"
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {line[:300]}" if line else type(error).__name__


def _out_of_memory(error: BaseException) -> bool:
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(
        sign in str(error) for sign in ("out of memory", "not enough memory", "can't allocate memory")
    )


def _free_memory() -> None:
    """Give back what torch keeps of freed device memory; elsewhere freed is freed."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


_quiet_lock = threading.Lock()
_quiet_depth: list[tuple[int, bool]] = []


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and no advice of transformers meanwhile; the last to leave puts the user's own level back."""
    from transformers.utils import logging

    with _quiet_lock:
        _quiet_depth.append((logging.get_verbosity(), logging.is_progress_bar_enabled()))
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    try:
        yield
    finally:
        with _quiet_lock:
            level, bars = _quiet_depth[0]
            _quiet_depth.pop()
            if not _quiet_depth:
                logging.set_verbosity(level)
                if bars:
                    logging.enable_progress_bar()
