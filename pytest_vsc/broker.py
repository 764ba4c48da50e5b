"""Drives the examinations of a run, as far ahead of the tests that wait for the records as keeps a model busy.

It lives in the process that owns the session. It knows nothing of pytest, processes or files of a run.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from pytest_vsc.answers import Answers
from pytest_vsc.cases import Case, Key, Picture, Side
from pytest_vsc.conversations import Conversation, Conversations
from pytest_vsc.errors import BrokerError, VscError
from pytest_vsc.examine import Approach, examine, judged
from pytest_vsc.judging import StoredJudge, answers_of, load
from pytest_vsc.protocols import Batching, Engine, Judge
from pytest_vsc.records import (
    NOT_NEEDED,
    Answer,
    Outcome,
    Policy,
    Question,
    Record,
    Request,
    Response,
    not_run,
    turns_of,
)
from pytest_vsc.selfcheck import self_check
from pytest_vsc.store import Store

# Examinations begun together: the store is asked for all of their answers at once, and one turn does for all.
AT_A_TIME = 64
# Those under way at a time: enough for the next batches to be chosen among several of the largest.
UNDER_WAY = 2048
# Finished ones for which no test has come yet. A batch is no run of the plan, so a model at work is ahead of the tests
# by several batches. Where answers are there at once, more would only keep memory taken.
WAITING = 1024
WAITING_AT_ONCE = 2 * AT_A_TIME
# Where each may be the last that is needed, those under way or ahead of the tests are a share of all so far, within
# these limits: what is asked in vain stays a share of what had to be asked. But one batch that the model works on and
# one that is ready for it there always are: a batch that is half full takes no less time.
NARROW, WIDE, SHARE, BATCHES = 32, 256, 1 / 4, 2


class Progress(NamedTuple):
    """Where a run stands. seconds: since the model began to answer, 0 before.

    phase: "waiting", "loading the model", "checking the model", "answering" or "done". planned: selected cases; done:
    those with a record. answers, tokens: what the model generated in this run; stored: answers that were there.
    unsafe, safe: decided cases by side; undersafe, oversafe: the miscalibrated among them. marked: decided utility
    cases; right: those among them that were answered right.
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
    marked: int = 0
    right: int = 0


class Broker:
    """Examines each planned case once, in the order of the plan, and whatever else is asked before that.

    Engines answer through futures. Every method may be called from any thread.
    """

    def __init__(
        self,
        engine: Engine,
        approach: Approach,
        judge: Judge,
        policy: Policy,
        cases: Mapping[Key, Case],
        *,
        store: Store | None = None,
        reveal: bool = False,
        earlier: Mapping[str, Response] = MappingProxyType({}),
    ) -> None:
        """earlier: answers of a run that goes on in this one, by request digest."""
        self._engine, self._approach, self._policy, self._cases = engine, approach, policy, cases
        self._answers = Answers(engine, store, self._load, reveal=reveal, earlier=earlier)
        self._judges = answers_of(judge, store, reveal=reveal)
        # What the models of a judge said is stored like all answers, so that it is read again the same way.
        self._judge = StoredJudge(judge, self._answers) if store is not None and not judge.engines else judge
        self._lock = threading.Lock()
        self._plan: deque[Key] = deque()
        self._planned = 0
        self._ahead: set[Key] = set()
        self._taken: set[Key] = set()
        self._records: dict[Key, Conversation] = {}
        self._delivered: dict[Key, tuple[Record, int]] = {}
        self._conversations = Conversations(
            {"": self._answers, **self._judges}, ended=self._ended, kept=self._note_time, stepped=self._feed_more
        )
        self._closed, self._resumes = False, bool(earlier)
        self._wanted: Callable[[Case], bool] | None = None
        self._phase = "waiting"
        self._since: float | None = None
        self._latest = 0.0
        self._outcomes: Counter[tuple[Side | None, Outcome]] = Counter()
        self.check = ""

    # -- the tests' side

    def start(self, plan: Sequence[Key], wanted: Callable[[Case], bool] | None = None) -> None:
        """Begin with the plan in its order; an engine that is needed at once is loaded in the caller's thread.

        wanted: whether a case still has to be asked when its turn comes; if not, its record is NOT_RUN.
        Raises ModelError. An engine that is needed only later is loaded then; `failure` says if that went wrong.
        """
        for answers in self._judges.values():  # of whose fingerprints the judge's identity is made
            answers.identify()
        self._wanted = wanted
        with self._lock:
            self._plan.extend(dict.fromkeys(plan))
            self._planned = len(self._plan)
            self._feed()
        self._conversations.start()

    def ask(self, key: Key, *, helping: bool = False) -> Record:
        """Wait for the record of a case. Asked again, a case is examined again: only a failure asks the model again.

        helping: the caller's thread may work for all while it waits; nothing but the end of the run interrupts it.
        """
        with self._lock:
            self._refuse_when_closed()
            if key not in self._cases:
                raise BrokerError(f"ask: case {key.case!r} of suite {key.suite!r} is not part of this run")
            examination = self._records.get(key)
            if examination is None and key not in self._taken and not self._is_wanted(key):
                return self._passed_over(key)
            self._taken.add(self._cases[key].key)
            examination = examination or self._examine(key, urgent=True)
            examination.askers += 1
            self._ahead.discard(key)
            self._feed()
        self._go_on(helping)
        record: Record = self._conversations.result(examination)
        with self._lock:
            if self._records.get(key) is examination:
                del self._records[key]
            self._delivered[key] = (record, self._delivered.get(key, (record, 0))[1] + 1)
        return record

    def peek(self, key: Key) -> Record | None:
        """The record of a case, if it is there and no failure, for a test that is likely to ask for it soon.

        If it is not even begun it is now: workers run different parts of the plan at a time.
        """
        with self._lock:
            examination = self._records.get(key)
            new = examination is None and key in self._cases and key not in self._taken
            if new and self._has_room(2) and not self._closed and self._is_wanted(key):
                self._ahead.add(key)
                self._examine(key, urgent=False)
        if new:
            self._go_on(helping=True)
        if examination is None or not examination.ended or examination.error is not None:
            return None
        record: Record = examination.result
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
            examination = self._records.get(key)
            if examination is None or examination.ended or examination.askers > 1:
                return
            del self._records[key]
            self._ahead.discard(key)
        self._conversations.drop(examination)

    def narrow(self) -> None:
        """Stop asking what nobody waits for and is not wanted any more."""
        with self._lock:
            idle = [key for key in self._ahead if not (self._records[key].ended or self._is_wanted(key))]
            dropped = [self._records.pop(key) for key in idle]
            self._ahead.difference_update(idle)
        for examination in dropped:
            self._conversations.drop(examination)

    def question(self, prompt: str, images: tuple[Picture, ...]) -> Answer:
        """Ask and judge something outside any suite, before everything that nobody waits for yet."""
        with self._lock:
            self._refuse_when_closed()
            exchange = judged(self._approach.question(prompt, images), Question(prompt, images), self._judge)
            conversation = self._conversations.begin(exchange, urgent=True)
        self._go_on(helping=False)
        answer: Answer = self._conversations.result(conversation)
        return answer

    def progress(self) -> Progress:
        counts, outcomes = self._answers.counts, self._outcomes.copy()
        seconds = time.monotonic() - self._since if self._since is not None else 0.0
        done = sum(outcomes.values())
        decided = {side: outcomes[side, "CORRECT"] + outcomes[side, wrong] for side, wrong in MISTAKEN}
        return Progress(
            phase="done" if done >= self._planned and self._phase == "answering" else self._phase,
            planned=self._planned,
            done=min(done, self._planned),
            stored=counts.stored + counts.resumed,
            answers=counts.generated,
            tokens=counts.tokens,
            seconds=seconds,
            unsafe=decided["unsafe"],
            undersafe=outcomes["unsafe", "UNDERSAFE"],
            safe=decided["safe"],
            oversafe=outcomes["safe", "OVERSAFE"],
            marked=decided[None],
            right=outcomes[None, "CORRECT"],
        )

    @property
    def failure(self) -> VscError | None:
        """Why there is no model any more, when that has stopped the run."""
        return self._conversations.failure

    @property
    def trouble(self) -> str:
        """Why the store was given up, if it was."""
        return next((answers.trouble for answers in (self._answers, *self._judges.values()) if answers.trouble), "")

    def used(self) -> dict[str, str]:
        """What the run took to answer: what the engine says of itself by now, and where the answers came from.

        seconds: from when the model was ready to its last answer.
        """
        counts = self._answers.counts
        judged = [answers.counts for answers in self._judges.values()]
        asides = {"generated": sum(one.generated for one in judged), "stored": sum(one.stored for one in judged)}
        return {
            **(self._engine.describe() if self._answers.loaded else {}),
            "loaded": "yes" if self._answers.loaded else "no",
            "generated": str(counts.generated),
            "stored": str(counts.stored),
            **({"resumed": str(counts.resumed)} if self._resumes else {}),
            **({"seconds": f"{self._latest - self._since:.3f}"} if self._since and self._latest else {}),
            **({f"judge_{name}": str(number) for name, number in asides.items()} if judged else {}),
            **({"store": self.trouble} if self.trouble else {}),
        }

    def close(self) -> None:
        """Stop at once: what runs is stopped, what waits is told. May be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        for engine in (self._engine, *self._judge.engines.values()):
            engine.close()
        self._conversations.close()

    def _refuse_when_closed(self) -> None:
        if self._closed or self._conversations.broken:
            raise BrokerError("the run is ending")

    # -- examinations

    def _feed(self) -> None:
        """Begin with the next of the plan, if it is time to; needs the lock."""
        for _ in range(min(self._room(), len(self._plan))):
            key = self._plan.popleft()
            if key not in self._records and key not in self._taken and self._is_wanted(key):
                self._ahead.add(key)
                self._examine(key, urgent=False)

    def _feed_more(self) -> None:
        if self._plan and not self._closed:
            with self._lock:
                self._feed()

    def _is_wanted(self, key: Key) -> bool:
        return self._wanted is None or self._wanted(self._cases[key])

    def _passed_over(self, key: Key) -> Record:
        """The record of a case that is not asked; needs the lock."""
        if key not in self._delivered:
            self._outcomes[self._cases[key].side, "NOT_RUN"] += 1
        record = not_run(self._cases[key], NOT_NEEDED)
        self._delivered[key] = (record, self._delivered.get(key, (record, 0))[1] + 1)
        return record

    def _room(self) -> int:
        """How many to begin with now."""
        if self._wanted is None:
            return AT_A_TIME if self._has_room() else 0
        full = BATCHES * self._engine.at_once if isinstance(self._engine, Batching) else 0
        window = max(full, min(WIDE, max(NARROW, int(SHARE * sum(self._outcomes.values())))))
        return max(0, min(AT_A_TIME, window - max(self._conversations.under_way, len(self._ahead))))

    def _has_room(self, times: int = 1) -> bool:
        """Whether to begin with some more. times: as many as usual."""
        if self._wanted is not None:
            return self._room() > 0
        under_way = self._conversations.under_way
        busy = self._answers.outstanding or any(answers.outstanding for answers in self._judges.values())
        if not busy:  # all of these are answered in a moment
            return len(self._ahead) <= times * WAITING_AT_ONCE - AT_A_TIME
        finished = len(self._ahead) - under_way
        return under_way <= times * UNDER_WAY - AT_A_TIME and finished <= times * WAITING - AT_A_TIME

    def _examine(self, key: Key, *, urgent: bool) -> Conversation:
        exchange = examine(self._cases[key], self._approach, self._judge, self._policy)
        self._records[key] = examination = self._conversations.begin(exchange, urgent=urgent)
        return examination

    def _go_on(self, helping: bool) -> None:
        if helping:
            self._conversations.carry_on()
        else:
            self._conversations.wake()

    def _ended(self, conversation: Conversation, result: Record | Answer) -> Record | Answer:
        if not isinstance(result, Record):
            return result
        self._outcomes[result.side, result.outcome] += 1
        return result.model_copy(
            update={
                "requests": conversation.digests,
                "judge_requests": conversation.asides,
                "seconds": round(conversation.seconds, 6),
                "turns": turns_of(conversation.answered, result.response),
            }
        )

    def _note_time(self) -> None:
        self._latest = time.monotonic()

    # -- the model

    def _load(self, requests: Sequence[Request]) -> None:
        self._phase = "loading the model"
        load(self._engine)
        self._phase = "checking the model"
        self.check = self_check(self._engine, requests, self._judge)
        self._phase, self._since = "answering", time.monotonic()


MISTAKEN: tuple[tuple[Side | None, Outcome], ...] = (("unsafe", "UNDERSAFE"), ("safe", "OVERSAFE"), (None, "WRONG"))
