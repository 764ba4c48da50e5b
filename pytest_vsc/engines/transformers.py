"""One model in this process, through transformers: batches what is asked and answers greedily unless told otherwise.

One thread chooses and prepares batches while another has the model answer those that are ready. torch and transformers
are imported when a model is checked or loaded, never with this module.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from pytest_vsc.engines import EngineSettings, generating
from pytest_vsc.engines.batching import WINDOW, BatchSize, Bulk, Job, Line
from pytest_vsc.engines.candidate import Candidate
from pytest_vsc.engines.cores import one_left
from pytest_vsc.engines.decoding import FirstScores, apart
from pytest_vsc.engines.foreign import explain, foreign, free_memory, out_of_memory, quiet
from pytest_vsc.engines.prompts import size_of
from pytest_vsc.errors import EngineError, SettingsError
from pytest_vsc.protocols import Probed
from pytest_vsc.records import Request, Response

# Requests in a batch, where it is left to the engine: to begin with, and at most. By kind of device.
BATCHES = {"cuda": (32, 256)}
BATCHES_ELSEWHERE = (32, 64)
# Batches that are ready while one is being answered.
PREPARED = 2
GATHER_SECONDS = 0.01
CLOSE_SECONDS = 30.0
PROBE_TOKENS = 16

# Model classes that cannot take texts with and without pictures in one batch, as measured; by `model_type`.
TEXT_ONLY_APART = frozenset({"mllama", "kosmos-2"})


class Batch(NamedTuple):
    """Jobs to be answered together, with their tensors, or with why there are none."""

    jobs: Sequence[Job]
    inputs: generating.Inputs | None
    error: Exception | None = None


class TransformersEngine:
    """An image-text-to-text model of a folder or the hub.

    A batch holds requests of the same generation settings. A sampled answer depends on its own request, repeat and seed
    (None counts as 0), not on the batch that it was in.
    """

    lasting = True

    def __init__(self, source: str, settings: EngineSettings) -> None:
        self._settings = settings
        self._candidate = Candidate(source, settings)
        self._name = self._candidate.name
        self._said: dict[str, str] = {}
        self._model: generating.Model | None = None
        self._fingerprint: str | None = None
        self._fingerprint_lock = threading.Lock()
        self._size = BatchSize(settings.batch_size or 1, settings.batch_size or 1, fixed=True)
        self._line = Line()
        self._prepared: deque[Batch] = deque()
        self._open: set[Job] = set()
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._cores = contextlib.ExitStack()

    # -- before the run

    def check(self) -> None:
        if self._said:
            return
        size = self._settings.batch_size
        if size is not None and size < 1:
            raise SettingsError(f"--vlm-batch-size: not a batch ({size}). Expected 1 or more")
        self._candidate.check()
        start, most = BATCHES.get(self._candidate.device.partition(":")[0], BATCHES_ELSEWHERE)
        if size is None:
            self._size = BatchSize(start, most, fixed=False)
        self._said = dict(self._candidate.said)

    def describe(self) -> dict[str, str]:
        return {**self._said, "batch_size": str(self._size)} if self._said else {}

    @property
    def fingerprint(self) -> str:
        """sha256 over the files of the model and how it is run. Raises ModelError while its weights are not here."""
        with self._fingerprint_lock:
            if self._fingerprint is None:
                with foreign(self._name), quiet():
                    if self._model is None:
                        self._candidate.check_weights()
                    self._fingerprint = self._candidate.fingerprint(self._said)
            return self._fingerprint

    @property
    def weights(self) -> str:
        """sha256 over the files of the model and its adapter. Raises ModelError while they are not here."""
        return self._candidate.weights

    # -- loading

    def load(self) -> None:
        self.check()
        self._model = generating.load(self._candidate.how(), self._candidate.processor)
        with foreign(self._name):
            self._candidate.check_base()  # the weights of a hub model may not have been here before
        self._said |= self._model.describe()
        self._cores.enter_context(one_left(self._candidate.device))
        with self._news:
            if self._stop.is_set():  # closed meanwhile
                self._model = None
                return
            for name, work in (("vsc-prepare", self._prepare), ("vsc-engine", self._work)):
                self._threads.append(threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True))
                self._threads[-1].start()

    def probe(self, requests: Sequence[Request]) -> Probed:
        """As `protocols.Probing` says. Raises EngineError."""
        import torch

        short = requests[0].generation.model_copy(update={"max_new_tokens": PROBE_TOKENS})
        probes = [dataclasses.replace(request, generation=short) for request in requests]
        if any(not self._alike(probes[0], probe) for probe in probes):
            raise EngineError("the model takes these requests in no common batch")
        singly = [self._probed([probe]) for probe in probes]
        batched, scores = self._probed(probes)
        return Probed(
            [answers[0] for answers, _ in singly], batched, apart(scores, torch.cat([alone for _, alone in singly]))
        )

    def _probed(self, requests: Sequence[Request]) -> tuple[list[Response], Any]:
        """The answers to a batch, and the scores of their first tokens."""
        assert self._model is not None
        first = FirstScores()
        try:
            inputs = self._model.prepare([self._model.conversation(request) for request in requests])
            outcomes = self._model.generate(requests, inputs, self._stop, first=first)
        except EngineError:
            raise
        except Exception as error:  # foreign code: the run itself will show how much of it works
            raise EngineError(explain(error)) from error
        for outcome in outcomes:
            if isinstance(outcome, EngineError):
                raise outcome
        return [outcome for outcome in outcomes if isinstance(outcome, Response)], first.scores

    # -- asking

    @property
    def at_once(self) -> int:
        """As `protocols.Batching` says."""
        return self._size.limit

    def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:
        job = Job(request, urgent)
        with self._news:
            if not self._threads or self._stop.is_set():
                state = "closed" if self._stop.is_set() else "not loaded"
                job.future.set_exception(EngineError(f"{self._name}: {state}"))
                return job.future
            self._open.add(job)
            self._line.put(job)
            self._news.notify_all()
        return job.future

    def close(self) -> None:
        with self._news:
            self._stop.set()
            left, self._open = self._open, set()
            self._line.clear()
            self._prepared.clear()
            self._news.notify_all()
        for job in left:
            job.future.cancel()
            job.future.set_running_or_notify_cancel()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(CLOSE_SECONDS)
        if self._model is not None:
            self._model = None
            free_memory()
        self._cores.close()

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do a thread's work; should that break, nobody waits for it for ever."""
        try:
            work()
        except BaseException as bug:
            with self._news:
                left, self._open = self._open, set()
                self._stop.set()
                self._news.notify_all()
            for job in left:
                if job.future.set_running_or_notify_cancel():
                    job.future.set_exception(EngineError(f"the engine broke: {type(bug).__name__}"))
            raise

    # -- ahead of the model

    def _prepare(self) -> None:
        """Choose and prepare batches, a few ahead of the model; what somebody waits for goes to the front."""
        while jobs := self._next():
            batch = self._batch(jobs)
            with self._news:
                if jobs[0].urgent:
                    self._prepared.appendleft(batch)
                else:
                    self._prepared.append(batch)
                self._news.notify_all()

    def _next(self) -> list[Job]:
        """The jobs of the next batch, as soon as there is room for one. Empty when the engine closes."""
        with self._news:
            self._news.wait_for(
                lambda: (
                    self._stop.is_set() or (len(self._line) and (len(self._prepared) < PREPARED or self._line.urgent))
                )
            )
            # Requests come in bursts; a batch that does not wait for the rest of one would hold its first alone.
            while not self._stop.is_set() and len(self._line) < WINDOW * self._size.limit:
                if not self._news.wait(GATHER_SECONDS):
                    break
            window = self._line.window(self._size.limit)
        for job in window:
            if job.bulk is None:
                job.bulk = self._bulk(job.request)
        with self._news:
            jobs = self._line.take(self._size.limit, self._alike)
        return jobs if jobs or self._stop.is_set() else self._next()

    def _bulk(self, request: Request) -> Bulk:
        pixels = [size_of(picture) for message in request.messages for picture in message.images]
        text = "\n".join(message.text for message in request.messages)
        try:
            length = len(self._candidate.processor.tokenizer(text)["input_ids"])
        except Exception:  # a text that cannot be read fails when its batch is prepared, and says why
            length = 0
        return tuple(sorted(pixels, reverse=True)), length

    def _alike(self, one: Request, other: Request) -> bool:
        apart = self._candidate.kind in TEXT_ONLY_APART
        return one.generation == other.generation and (not apart or _has_pictures(one) == _has_pictures(other))

    def _batch(self, jobs: Sequence[Job]) -> Batch:
        """The tensors of some jobs; one with a picture that cannot be read is settled and left out."""
        model, sound, conversations = self._model, [], []
        if model is None:  # closed meanwhile
            return Batch((), None)
        for job in jobs:
            try:
                conversations.append(model.conversation(job.request))
                sound.append(job)
            except EngineError as error:
                self._settle(job, error)
        try:
            return Batch(sound, model.prepare(conversations) if sound else None)
        except Exception as error:  # foreign code: anything can come; the batch is split when its turn has come
            return Batch(sound, None, error.with_traceback(None))

    # -- answering

    def _work(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._prepared or self._stop.is_set())
                if self._stop.is_set():
                    return
                batch = self._prepared.popleft()
                self._news.notify_all()
            self._answer(batch)

    def _answer(self, batch: Batch) -> None:
        """Settle every job of a batch; one that fails is split until the bad sample is alone."""
        jobs = [job for job in batch.jobs if not job.future.cancelled()]
        if not jobs or self._stop.is_set():
            return
        if len(jobs) > self._size.limit:  # it was prepared before memory ran out
            for part in _halves(jobs):
                self._answer(self._batch(part))
            return
        begun, short_of_memory, reason = time.monotonic(), False, ""
        outcomes: Sequence[Response | EngineError] = []
        try:
            outcomes = self._generated(batch)
        except Exception as error:  # foreign code: anything can come; it is mapped, and the batch split, below
            short_of_memory, reason = out_of_memory(error), explain(error)
        # Outside of `except`: the traceback holds the tensors of the failed batch.
        if outcomes:
            self._size.note(len(batch.jobs), time.monotonic() - begun)
            for job, outcome in zip(batch.jobs, outcomes, strict=True):
                self._settle(job, outcome)
            return
        unprepared = batch.inputs is None
        del batch
        self._split(jobs, short_of_memory, unprepared, reason)

    def _split(self, jobs: Sequence[Job], short_of_memory: bool, unprepared: bool, reason: str) -> None:
        """Answer a batch that failed in parts; a job that fails alone is the one to blame."""
        if short_of_memory:
            free_memory()
            self._size.shrink(len(jobs))
        if self._stop.is_set():
            return
        if len(jobs) == 1:
            text_only = not _has_pictures(jobs[0].request)
            other = "refused by its processor" if unprepared else "failed"
            kind = "out of memory" if short_of_memory else "unsupported: text-only" if text_only else other
            self._settle(jobs[0], EngineError(f"{kind} ({reason})"))
            return
        for part in _halves(jobs) if short_of_memory else _by_kind(jobs) or _halves(jobs):
            self._answer(self._batch(part))

    def _generated(self, batch: Batch) -> list[Response | EngineError]:
        if batch.error is not None:
            raise batch.error
        assert self._model is not None
        assert batch.inputs is not None
        return self._model.generate(
            [job.request for job in batch.jobs],
            batch.inputs,
            self._stop,
            timeout=self._settings.timeout,
            left=lambda: [job.future.cancelled() for job in batch.jobs],
        )

    def _settle(self, job: Job, outcome: Response | EngineError) -> None:
        with self._news:
            ours = job in self._open  # else close() has settled it
            self._open.discard(job)
        if not ours or not job.future.set_running_or_notify_cancel():
            return
        if isinstance(outcome, Response):
            job.future.set_result(outcome)
        else:
            job.future.set_exception(outcome)


def _has_pictures(request: Request) -> bool:
    return any(message.images for message in request.messages)


def _halves(jobs: Sequence[Job]) -> list[Sequence[Job]]:
    return [jobs[: len(jobs) // 2], jobs[len(jobs) // 2 :]]


def _by_kind(jobs: Sequence[Job]) -> list[Sequence[Job]]:
    """Those with and those without pictures, if that is a difference."""
    with_pictures = [job for job in jobs if _has_pictures(job.request)]
    without = [job for job in jobs if not _has_pictures(job.request)]
    return [with_pictures, without] if with_pictures and without else []
