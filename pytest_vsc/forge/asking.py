"""Puts cases that are made while a run goes on to a model and a judge, many at a time; equal ones are asked once.

What is asked it does not choose. A run over the cases of a suite is the broker's.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

from pytest_vsc.answers import Answers
from pytest_vsc.cases import Case
from pytest_vsc.conversations import Conversation, Conversations
from pytest_vsc.errors import VscError
from pytest_vsc.examine import Approach, examine
from pytest_vsc.judging import StoredJudge, answers_of, load
from pytest_vsc.protocols import Engine, Judge
from pytest_vsc.records import Outcome, Policy, Record, Request, Response
from pytest_vsc.selfcheck import self_check
from pytest_vsc.store import Store


class Watched:
    """An engine with how long it had something to answer, in seconds."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine, self._clock = engine, clock
        self._lock = threading.Lock()
        self._open, self._begun, self._busy = 0, 0.0, 0.0
        self.check, self.load, self.describe, self.close = engine.check, engine.load, engine.describe, engine.close

    @property
    def fingerprint(self) -> str:
        return self._engine.fingerprint

    @property
    def lasting(self) -> bool:
        return self._engine.lasting

    @property
    def ready_made(self) -> bool:
        return bool(getattr(self._engine, "ready_made", False))

    @property
    def busy(self) -> float:
        with self._lock:
            return self._busy + (self._clock() - self._begun if self._open else 0.0)

    def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:
        with self._lock:
            if not self._open:
                self._begun = self._clock()
            self._open += 1
        try:
            future = self._engine.submit(request, urgent=urgent)
        except BaseException:
            self._ended(None)
            raise
        future.add_done_callback(self._ended)
        return future

    def _ended(self, _: Future[Response] | None) -> None:
        with self._lock:
            self._open -= 1
            if not self._open:
                self._busy += self._clock() - self._begun


class Asking:
    """One model, one judge, and what was asked so far.

    questions: the different ones, whether the model or the store of answers gave the answer. check: what the self-check
    of the model came to.
    """

    def __init__(
        self,
        engine: Engine,
        approach: Approach,
        judge: Judge,
        policy: Policy,
        *,
        store: Store | None = None,
        reveal: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine, self._approach, self._policy, self._clock = engine, approach, policy, clock
        self._watched = Watched(engine, clock)
        self._answers = Answers(self._watched, store, self._load, reveal=reveal)
        self._judges = answers_of(judge, store, reveal=reveal)
        self._judge = StoredJudge(judge, self._answers) if store is not None and not judge.engines else judge
        self._conversations = Conversations(
            {"": self._answers, **self._judges}, ended=lambda _, ended: ended, kept=lambda: None, stepped=lambda: None
        )
        self._put: dict[bytes, Conversation | Outcome] = {}
        self._begun = False
        self._since: float | None = None
        self.check = ""

    @property
    def questions(self) -> int:
        return len(self._put)

    @property
    def share(self) -> float:
        """How much of the time since it was loaded the model had something to answer, 0..1."""
        passed = self._clock() - self._since if self._since is not None else 0.0
        return min(1.0, self._watched.busy / passed) if passed > 0 else 0.0

    @property
    def fingerprint(self) -> str:
        return self._watched.fingerprint

    def describe(self) -> Mapping[str, str]:
        return self._watched.describe()

    def new(self, cases: Sequence[Case]) -> int:
        """How many of these were not asked yet, equal ones counted once."""
        return len({_content(case) for case in cases} - self._put.keys())

    def put(self, cases: Sequence[Case]) -> None:
        """Have those asked that were not yet. Loads the model the first time. Raises ModelError."""
        for case in cases:
            if (content := _content(case)) not in self._put:
                exchange = examine(case, self._approach, self._judge, self._policy)
                self._put[content] = self._conversations.begin(exchange, urgent=False)
        if self._begun:
            self._conversations.wake()
            return
        self._begun = True
        for answers in self._judges.values():
            answers.identify()
        self._conversations.start()

    def outcome(self, case: Case) -> Outcome:
        """Wait for what a case that was put came to. Raises VscError when there is no model any more."""
        content = _content(case)
        ended = self._put[content]
        if isinstance(ended, Conversation):
            try:
                record: Record = self._conversations.result(ended)
            except VscError as error:
                raise self._conversations.failure or error from None
            self._put[content] = ended = record.outcome
        return ended

    def close(self) -> None:
        """Stop at once. May be called twice."""
        for engine in (self._engine, *self._judge.engines.values()):
            engine.close()
        self._conversations.close()

    def _load(self, requests: Sequence[Request]) -> None:
        load(self._engine)
        self.check = self_check(self._engine, requests, self._judge)
        self._since = self._clock()


def _content(case: Case) -> bytes:
    """Of all that decides what comes of it: words, pictures and side."""
    said = "\0".join((str(case.side), case.prompt, *(picture.digest() for picture in case.images)))
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).digest()
