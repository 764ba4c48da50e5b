"""Drives every examination of a run against one engine, ahead of the tests that wait for the records.

It lives in the process that owns the session. It knows nothing of pytest, processes or files of a run.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from typing import Any

from pytest_vsc.cases import Case, Key, Picture
from pytest_vsc.errors import BrokerError, EngineError
from pytest_vsc.examine import examine, judged
from pytest_vsc.protocols import Calibration, Engine, Judge
from pytest_vsc.records import Answer, Policy, Record, Request, Response


class Job:
    """One conversation under way: where it stands, what it asked so far, and who waits for its end."""

    def __init__(self, exchange: Generator[Request, Response, Any]) -> None:
        self.exchange = exchange
        self.digests: list[str] = []
        self.started = time.monotonic()
        self.end: Future[Any] = Future()


class Broker:
    """Asks each request once, whoever and however many wait for it.

    One thread of its own advances all conversations; engines answer through futures. Every method may be called from
    any thread.
    """

    def __init__(
        self,
        engine: Engine,
        calibration: Calibration,
        judge: Judge,
        policy: Policy,
        cases: Mapping[Key, Case],
        *,
        reveal: bool = False,
    ) -> None:
        self._reveal = reveal
        self._engine, self._calibration, self._judge, self._policy = engine, calibration, judge, policy
        self._cases = cases
        self._lock = threading.Lock()
        self._records: dict[Key, Future[Record]] = {}
        self._delivered: dict[Key, Record] = {}
        self._jobs: list[Job] = []
        self._answers: dict[str, Future[Response]] = {}
        self._moves: queue.SimpleQueue[tuple[Job, Future[Response] | None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="vsc-broker", daemon=True)
        self._closed = False

    def start(self, plan: Sequence[Key]) -> None:
        """Load the model, in the caller's thread, and begin with the plan in its order. Raises ModelError."""
        self._engine.load()
        self._thread.start()
        with self._lock:
            for key in plan:
                self._records.setdefault(key, self._examine(key))

    def ask(self, key: Key) -> Record:
        """Wait for the record of a case. A record that was an ERROR when it was last handed out is tried again."""
        with self._lock:
            self._refuse_when_closed()
            if key not in self._cases:
                raise BrokerError(f"ask: case {key.case!r} of suite {key.suite!r} is not part of this run")
            known = self._records.get(key)
            if known is None or (key in self._delivered and known.done() and known.result().verdict == "ERROR"):
                self._records[key] = self._examine(key)
            waiting = self._records[key]
        record = waiting.result()
        with self._lock:
            self._delivered[key] = record
        return record

    def record(self, key: Key) -> Record:
        """The record of a case as it was last handed out, while it may be asked again; nothing is asked for it."""
        return self._delivered[key]

    def question(self, prompt: str, images: tuple[Picture, ...]) -> Answer:
        """Ask and judge something outside any suite."""
        with self._lock:
            self._refuse_when_closed()
            job = self._begin(judged(self._calibration.question(prompt, images), prompt, self._judge))
        answer: Answer = job.end.result()
        return answer

    def close(self) -> None:
        """Stop at once: what runs is stopped, what waits is told. May be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._engine.close()
        self._moves.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        for job in self._jobs:
            _settle(job.end, error=BrokerError("the run is ending"))

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise BrokerError("the run is ending")

    def _examine(self, key: Key) -> Future[Record]:
        return self._begin(examine(self._cases[key], self._calibration, self._judge, self._policy)).end

    def _begin(self, exchange: Generator[Request, Response, Any]) -> Job:
        job = Job(exchange)
        self._jobs.append(job)
        self._moves.put((job, None))
        return job

    def _run(self) -> None:
        try:
            while (move := self._moves.get()) is not None:
                self._advance(*move)
        except BaseException as bug:  # whoever waits must hear of it, and nobody may begin to
            self._closed = True
            for job in self._jobs:
                _settle(job.end, error=BrokerError(f"the broker broke: {type(bug).__name__}"))
            raise

    def _advance(self, job: Job, answered: Future[Response] | None) -> None:
        """Carry one conversation to its next question or its end."""
        try:
            request = self._resume(job.exchange, answered)
        except StopIteration as stop:
            _settle(job.end, result=self._finished(job, stop.value))
        except Exception as bug:  # a judge or calibration that breaks must fail the test that waits, not hang it
            _settle(job.end, error=bug)
        else:
            self._send(job, request)

    def _send(self, job: Job, request: Request) -> None:
        try:
            digest = request.digest(self._engine.fingerprint)
        except OSError as error:
            broken: Future[Response] = Future()
            broken.set_exception(EngineError(f"picture cannot be read: {error.strerror or error}"))
            self._moves.put((job, broken))
            return
        job.digests.append(digest)
        answer = self._answers.get(digest)
        if answer is None or (answer.done() and _is_failure(answer)):
            answer = self._answers[digest] = self._submitted(request)
        answer.add_done_callback(lambda done: self._moves.put((job, done)))

    def _submitted(self, request: Request) -> Future[Response]:
        """The engine's promise; what breaks on the way to one is a failed request like any other."""
        try:
            answer = self._engine.submit(request)
            if isinstance(answer, Future):
                return answer
            raise EngineError(f"the engine's submit returned a {type(answer).__name__}; expected a Future")
        except BaseException as error:
            broken: Future[Response] = Future()
            broken.set_exception(error)
            return broken

    def _resume(self, exchange: Generator[Request, Response, Any], answered: Future[Response] | None) -> Request:
        if answered is None:
            return next(exchange)
        try:
            response = answered.result()
        except CancelledError:
            return exchange.throw(EngineError("cancelled: the run is ending"))
        except EngineError as error:
            return exchange.throw(error)
        except BaseException as error:  # an engine's own bug; its message may hold the prompt
            what = f"{type(error).__name__}: {error}" if self._reveal else f"{type(error).__name__} in the engine"
            return exchange.throw(EngineError(what))
        return exchange.send(response)

    def _finished(self, job: Job, result: Record | Answer) -> Record | Answer:
        if not isinstance(result, Record):
            return result
        spent = time.monotonic() - job.started
        return result.model_copy(update={"requests": tuple(job.digests), "seconds": round(spent, 3)})


def _is_failure(answer: Future[Response]) -> bool:
    return answer.cancelled() or answer.exception() is not None


def _settle(future: Future[Any], *, result: object = None, error: BaseException | None = None) -> None:
    """End a future unless it has ended: closing and finishing may meet."""
    with contextlib.suppress(InvalidStateError):
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
