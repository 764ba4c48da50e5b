"""Drives the examinations of a run, as far ahead of the tests that wait for the records as keeps a model busy.

It lives in the process that owns the session. It knows nothing of pytest, processes or files of a run.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from typing import Any, NamedTuple

from pytest_vsc.answers import Answers, Given, Wanted
from pytest_vsc.cases import Case, Key, Picture
from pytest_vsc.errors import BrokerError, EngineError, ModelError, VscError
from pytest_vsc.examine import examine, judged
from pytest_vsc.protocols import Calibration, Engine, Exchange, Judge
from pytest_vsc.records import Answer, Judgement, Policy, Record, Request, Response
from pytest_vsc.selfcheck import self_check
from pytest_vsc.store import Store, judgement_digest

# Examinations begun and not yet asked for. Enough for several of the largest batches; more would only cost memory.
LOOK_AHEAD = 512
AT_A_TIME = 64
CLOSE_SECONDS = 10.0


class Progress(NamedTuple):
    """Where a run stands. seconds: since the model began to answer, 0 before.

    phase: "waiting", "loading the model", "checking the model", "answering" or "done". planned: selected cases; done:
    those with a record. answers, tokens: what the model generated in this run; stored: answers taken from the store.
    unsafe, safe: decided cases by side; undersafe, oversafe: the miscalibrated among them.
    """

    phase: str
    planned: int
    done: int
    stored: int
    answers: int
    tokens: int
    seconds: float
    unsafe: int
    undersafe: int
    safe: int
    oversafe: int


class Job:
    """One conversation under way: where it stands, what it asked so far, and who waits for its end."""

    def __init__(self, exchange: Generator[Request, Response, Any], *, urgent: bool) -> None:
        self.exchange, self.urgent = exchange, urgent
        self.digests: list[str] = []
        self.waits_for = ""
        self.seconds = 0.0
        self.askers = 0
        self.dropped = False
        self.end: Future[Any] = Future()


# A conversation that may go on: it was answered, or begins, or is to be dropped (None).
Move = tuple[Job, "Future[Response] | None"]


class Broker:
    """Examines each planned case once, in the order of the plan, and whatever else is asked before that.

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
        store: Store | None = None,
        reveal: bool = False,
    ) -> None:
        self._engine, self._calibration, self._policy, self._cases = engine, calibration, policy, cases
        self._answers = Answers(engine, store, self._load, reveal=reveal)
        self._judge = judge if store is None else StoredJudge(judge, self._answers)
        self._lock = threading.Lock()
        self._plan: deque[Key] = deque()
        self._planned = 0
        self._ahead: set[Key] = set()
        self._taken: set[Key] = set()
        self._records: dict[Key, Job] = {}
        self._delivered: dict[Key, tuple[Record, int]] = {}
        self._open: set[Job] = set()
        self._moves: queue.SimpleQueue[Move | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="vsc-broker", daemon=True)
        self._closed = self._broken = False
        self._phase = "waiting"
        self._since: float | None = None
        self._latest = 0.0
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self.check = ""
        self.failure: VscError | None = None

    # -- the tests' side

    def start(self, plan: Sequence[Key]) -> None:
        """Begin with the plan in its order; an engine that is needed at once is loaded in the caller's thread.

        Raises ModelError. An engine that is needed only later is loaded then; `failure` says if that went wrong.
        """
        with self._lock:
            self._plan.extend(dict.fromkeys(plan))
            self._planned = len(self._plan)
            self._feed()
        while not self._moves.empty():
            self._turn(self._moves.get())
        self._thread.start()

    def ask(self, key: Key) -> Record:
        """Wait for the record of a case. Asked again, a case is examined again: only a failure asks the model again."""
        with self._lock:
            self._refuse_when_closed()
            if key not in self._cases:
                raise BrokerError(f"ask: case {key.case!r} of suite {key.suite!r} is not part of this run")
            job = self._records.get(key) or self._examine(key, urgent=True)
            job.askers += 1
            self._ahead.discard(key)
            self._taken.add(key if key.repeat else self._cases[key].key)
            self._feed()
        record: Record = job.end.result()
        with self._lock:
            if self._records.get(key) is job:
                del self._records[key]
            self._delivered[key] = (record, self._delivered.get(key, (record, 0))[1] + 1)
        return record

    def peek(self, key: Key) -> Record | None:
        """The record of a case, if it is there and no failure, for a test that is likely to ask for it soon.

        If it is not even begun it is now: workers run different parts of the plan at a time.
        """
        with self._lock:
            job = self._records.get(key)
            new = job is None and key in self._cases and key not in self._taken
            if new and len(self._ahead) < 2 * LOOK_AHEAD and not self._closed:
                self._ahead.add(key)
                self._examine(key, urgent=False)
        if job is None or not job.end.done() or job.end.exception() is not None:
            return None
        record: Record = job.end.result()
        return record if record.verdict != "ERROR" else None

    def record(self, key: Key) -> Record:
        """The record of a case as it was last handed out; kept until it was fetched as often as that."""
        if key not in self._delivered:  # the test only had a peek at it, or is reported more often than it asked
            self.ask(key)
        with self._lock:
            record, times = self._delivered.pop(key)
            if times > 1:
                self._delivered[key] = (record, times - 1)
        return record

    def forget(self, key: Key) -> None:
        """One who waited for this case has died, or never will ask: what is asked for it alone is stopped."""
        with self._lock:
            job = self._records.get(key)
            if job is None or job.end.done() or job.askers > 1:
                return
            del self._records[key]
            self._ahead.discard(key)
            job.dropped = True
        self._moves.put((job, None))

    def question(self, prompt: str, images: tuple[Picture, ...]) -> Answer:
        """Ask and judge something outside any suite, before everything that nobody waits for yet."""
        with self._lock:
            self._refuse_when_closed()
            job = self._begin(judged(self._calibration.question(prompt, images), prompt, self._judge), urgent=True)
        answer: Answer = job.end.result()
        return answer

    def progress(self) -> Progress:
        counts, outcomes = self._answers.counts, self._outcomes.copy()
        seconds = time.monotonic() - self._since if self._since is not None else 0.0
        done = sum(outcomes.values())
        side = {name: sum(outcomes[name, what] for what in ("CORRECT", wrong)) for name, wrong in MISCALIBRATED}
        return Progress(
            phase="done" if done >= self._planned and self._phase == "answering" else self._phase,
            planned=self._planned,
            done=min(done, self._planned),
            stored=counts.stored,
            answers=counts.generated,
            tokens=counts.tokens,
            seconds=seconds,
            unsafe=side["unsafe"],
            undersafe=outcomes["unsafe", "UNDERSAFE"],
            safe=side["safe"],
            oversafe=outcomes["safe", "OVERSAFE"],
        )

    @property
    def trouble(self) -> str:
        """Why the store was given up, if it was."""
        return self._answers.trouble

    def used(self) -> dict[str, str]:
        """What the run took to answer: what the engine says of itself by now, and where the answers came from.

        seconds: from when the model was ready to its last answer.
        """
        counts = self._answers.counts
        return {
            **(self._engine.describe() if self._answers.loaded else {}),
            "loaded": "yes" if self._answers.loaded else "no",
            "generated": str(counts.generated),
            "stored": str(counts.stored),
            **({"seconds": f"{self._latest - self._since:.3f}"} if self._since and self._latest else {}),
            **({"store": self._answers.trouble} if self._answers.trouble else {}),
        }

    def close(self) -> None:
        """Stop at once: what runs is stopped, what waits is told. May be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._engine.close()
        self._moves.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout=CLOSE_SECONDS)
        if not self._thread.is_alive():
            self._answers.keep()  # what came while all was ending
        for job in list(self._open):
            _settle(job.end, error=BrokerError("the run is ending"))

    def _refuse_when_closed(self) -> None:
        if self._closed or self._broken:
            raise BrokerError("the run is ending")

    # -- conversations

    def _feed(self) -> None:
        """Begin with what is planned, as far ahead as is kept; needs the lock.

        Many at a time: the store is asked for all of them at once, and the broker's thread wakes once for all.
        """
        if len(self._ahead) > LOOK_AHEAD - AT_A_TIME:
            return
        while self._plan and len(self._ahead) < LOOK_AHEAD:
            key = self._plan.popleft()
            if key not in self._records and key not in self._taken:
                self._ahead.add(key)
                self._examine(key, urgent=False)

    def _examine(self, key: Key, *, urgent: bool) -> Job:
        exchange = examine(self._cases[key], self._calibration, self._judge, self._policy)
        self._records[key] = job = self._begin(exchange, urgent=urgent)
        return job

    def _begin(self, exchange: Generator[Request, Response, Any], *, urgent: bool) -> Job:
        job = Job(exchange, urgent=urgent)
        self._open.add(job)
        self._moves.put((job, None))
        return job

    def _run(self) -> None:
        try:
            while (move := self._moves.get()) is not None:
                self._turn(move)
        except BaseException as bug:  # whoever waits must hear of it, and nobody may begin to
            self._broken = True
            if isinstance(bug, VscError):  # the model was needed late and could not be loaded, or it is gone
                self.failure = bug
            why = str(bug) if isinstance(bug, VscError) else f"the broker broke: {type(bug).__name__}"
            for job in list(self._open):
                _settle(job.end, error=BrokerError(why))
            if self.failure is None:
                raise

    def _turn(self, first: Move | None) -> None:
        """Carry on with everything that has happened by now, and with what is answered at once."""
        moves, closing = [first, *self._drained()], False
        while moves:
            closing = closing or None in moves
            if self._answers.keep():  # before anybody is told
                self._latest = time.monotonic()
            now = [move for move in moves if move is not None]
            asking = [(job, wanted) for job, answered in now if (wanted := self._advanced(job, answered)) is not None]
            moves = [*self._asked(asking), *self._drained()]
        if closing:
            self._moves.put(None)

    def _drained(self) -> list[Move | None]:
        moves = []
        while not self._moves.empty():
            moves.append(self._moves.get())
        return moves

    def _asked(self, asking: Sequence[tuple[Job, Wanted]]) -> list[Move]:
        """Put the requests; returns what is known already. What an engine answers comes as a move, at once or later."""
        known: list[Move] = []
        given = self._answers.ask([wanted for _, wanted in asking]) if asking else []
        for (job, _), promise in zip(asking, given, strict=True):
            self._note(job, promise)
            if promise.known:
                known.append((job, promise.future))
            else:
                promise.future.add_done_callback(functools.partial(self._heard, job))
        return known

    def _heard(self, job: Job, answered: Future[Response]) -> None:
        self._moves.put((job, answered))

    def _note(self, job: Job, promise: Given) -> None:
        job.waits_for = promise.digest
        if promise.digest:
            job.digests.append(promise.digest)

    def _advanced(self, job: Job, answered: Future[Response] | None) -> Wanted | None:
        """Carry one conversation to its next request, or to its end."""
        if job.end.done():
            return None
        if job.dropped:
            self._drop(job)
            return None
        try:
            return Wanted(self._resumed(job, answered), job.urgent)
        except StopIteration as stop:
            self._end(job, stop.value)
        except ModelError:  # there is no model any more: nothing can go on
            raise
        except Exception as bug:  # a judge or calibration that breaks must fail the test that waits, not hang it
            self._open.discard(job)
            _settle(job.end, error=bug)
        return None

    def _resumed(self, job: Job, answered: Future[Response] | None) -> Request:
        if answered is None:
            return next(job.exchange)
        outcome = self._answers.outcome(answered)
        if isinstance(outcome, EngineError):
            return job.exchange.throw(outcome)
        job.seconds += outcome.seconds or 0.0
        return job.exchange.send(outcome)

    def _end(self, job: Job, result: Record | Answer) -> None:
        if isinstance(result, Record):
            self._outcomes[result.side, result.outcome] += 1
            result = result.model_copy(update={"requests": tuple(job.digests), "seconds": round(job.seconds, 6)})
        self._open.discard(job)
        _settle(job.end, result=result)

    def _drop(self, job: Job) -> None:
        job.exchange.close()
        self._answers.leave(job.waits_for)
        self._open.discard(job)
        _settle(job.end, error=BrokerError("the case was given up: its test has died"))

    # -- the model

    def _load(self, requests: Sequence[Request]) -> None:
        self._phase = "loading the model"
        self._engine.load()
        self._phase = "checking the model"
        self.check = self_check(self._engine, requests, self._judge)
        self._phase, self._since = "answering", time.monotonic()


class StoredJudge:
    """A judge that looks up what it said of the same answer before."""

    def __init__(self, judge: Judge, answers: Answers) -> None:
        self._judge, self._answers = judge, answers
        self.name, self.identity = judge.name, judge.identity

    def judge(self, prompt: str, response: Response) -> Exchange[Judgement]:
        digest = judgement_digest(self.identity, prompt, response)
        known = self._answers.judgement(digest)
        if known is None:
            known = yield from self._judge.judge(prompt, response)
            self._answers.keep_judgement(digest, known)
        return known


MISCALIBRATED = (("unsafe", "UNDERSAFE"), ("safe", "OVERSAFE"))


def _settle(future: Future[Any], *, result: object = None, error: BaseException | None = None) -> None:
    """End a future unless it has ended: closing and finishing may meet."""
    with contextlib.suppress(InvalidStateError):
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
