"""Carries conversations on, many at a time: what they ask is put to `Answers`, what they are answered is sent in.

It knows nothing of cases and plans. A turn is taken by whoever asks and can wait, or else by a thread of its own: a
thread that only waits for another to wake takes longer than the turn itself.
"""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from pytest_vsc.answers import Answers, Given, Wanted
from pytest_vsc.errors import BrokerError, EngineError, ModelError, VscError
from pytest_vsc.records import Request, Response

CLOSE_SECONDS = 10.0
MOST_CALLS = 200  # of the model in one conversation: a calibration that asks on and on would never end


class Conversation:
    """One under way: where it stands, what it asked so far, and who waits for its end.

    digests: of its requests to the model under test, in the order of asking; answered: what came back for each, None
    for a failure; asides: digests of those to other models. seconds: that model's time for it in this run. ended:
    `result` or `error` is there; little else is, as many of these wait for their tests.
    """

    __slots__ = (
        *("answered", "asides", "askers", "bell", "digests", "dropped", "ended", "error", "exchange", "result"),
        *("seconds", "urgent", "waits_at", "waits_for"),
    )

    def __init__(self, exchange: Generator[Request, Response, Any], *, urgent: bool) -> None:
        self.exchange: Generator[Request, Response, Any] | None = exchange
        self.urgent = urgent
        self.digests: tuple[str, ...] = ()
        self.answered: tuple[Response | None, ...] = ()
        self.asides: tuple[str, ...] = ()
        self.waits_at = self.waits_for = ""
        self.seconds = 0.0
        self.askers = 0
        self.dropped = self.ended = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.bell: threading.Event | None = None  # rings at the end, where somebody has come before it


# A conversation that may go on: it was answered, or begins, or is to be dropped (None).
Move = tuple[Conversation, "Future[Response] | None"]


class Conversations:
    """Those of one run. Every method may be called from any thread.

    failure: why there is no model any more, when that has stopped everything.
    """

    def __init__(
        self,
        answers: Mapping[str, Answers],
        *,
        ended: Callable[[Conversation, Any], Any],
        kept: Callable[[], None],
        stepped: Callable[[], None],
    ) -> None:
        """answers: of each model, by what requests are addressed `to`; "" is the model under test.

        ended: what becomes of what a conversation returned. kept: called when answers of the model were kept.
        stepped: called when some may have ended, so that others can begin.
        """
        self._answers, self._ended, self._kept, self._stepped = answers, ended, kept, stepped
        self._open: set[Conversation] = set()
        self._moves: deque[Move] = deque()
        self._turning, self._ending = threading.Lock(), threading.Lock()
        self._bell = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vsc-broker", daemon=True)
        self._closed = False
        self.broken = False
        self.failure: VscError | None = None

    @property
    def under_way(self) -> int:
        """How many have not ended."""
        return len(self._open)

    def begin(self, exchange: Generator[Request, Response, Any], *, urgent: bool) -> Conversation:
        """Have one ready to go on, in the next turn; call `carry_on` or `wake` after it."""
        begun = Conversation(exchange, urgent=urgent)
        self._open.add(begun)
        self._moves.append((begun, None))
        if self._closed or self.broken:  # since the caller looked
            self._settle(begun, error=BrokerError("the run is ending"))
        return begun

    def result(self, conversation: Conversation) -> Any:
        """Wait for the end of one. Raises what it ended with."""
        with self._ending:
            if not conversation.ended and conversation.bell is None:
                conversation.bell = threading.Event()
        if conversation.bell is not None:
            conversation.bell.wait()
        if conversation.error is not None:
            raise conversation.error
        return conversation.result

    def drop(self, conversation: Conversation) -> None:
        """Nobody waits for this one any more; what is asked for it alone is cancelled."""
        conversation.dropped = True
        self._moves.append((conversation, None))
        self.wake()

    def start(self) -> None:
        """Take the first turn in the caller's thread. Raises what it raised, such as ModelError for want of a model.

        A model that was there and is gone by its end is a `failure`, as at any later time.
        """
        with self._turning:
            try:
                while self._moves:
                    self._turn()
            except ModelError as gone:
                if not any(answers.loaded for answers in self._answers.values()):
                    raise
                self._break(gone)
        self._thread.start()
        self.wake()

    def wake(self) -> None:
        """Have the thread take the next turn."""
        self._bell.set()

    def carry_on(self) -> None:
        """Take the turns that are due, in the caller's thread, unless another one is at it and so takes these too.

        An interrupt in the midst of it ends the run: it is no call for inside a test, which a time limit may interrupt.
        """
        while self._moves and not (self._closed or self.broken):
            if not self._turning.acquire(blocking=False):
                return  # the one that holds it looks for moves again when it has let go
            try:
                if not self._closed:
                    self._turn()
            except KeyboardInterrupt:
                raise
            except BaseException as bug:  # whoever waits must hear of it, and nobody may begin to
                self._break(bug)
            finally:
                self._turning.release()

    def close(self) -> None:
        """End: what came is kept, whoever waits is told. The engine is to be closed before."""
        self._closed = True
        self.wake()
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)
        if self._turning.acquire(timeout=CLOSE_SECONDS):
            try:
                self._keep()  # what came while all was ending
            finally:
                self._turning.release()
        self._tell(BrokerError("the run is ending"))

    def _run(self) -> None:
        while not (self._closed or self.broken):
            self._bell.wait()
            self._bell.clear()
            self.carry_on()

    def _break(self, bug: BaseException) -> None:
        self.broken = True
        if isinstance(bug, VscError):  # the model was needed late and could not be loaded, or it is gone
            self.failure = bug
        error = BrokerError(str(bug) if isinstance(bug, VscError) else f"the broker broke: {type(bug).__name__}")
        error.__cause__ = bug
        self._tell(error)

    def _tell(self, error: BrokerError) -> None:
        for conversation in list(self._open):
            self._settle(conversation, error=error)

    def _settle(self, conversation: Conversation, *, result: object = None, error: BaseException | None = None) -> None:
        """End one unless it has ended: closing and finishing may meet."""
        self._open.discard(conversation)
        with self._ending:
            if conversation.ended:
                return
            conversation.result, conversation.error, conversation.ended = result, error, True
            conversation.exchange, conversation.answered = None, ()
        if conversation.bell is not None:
            conversation.bell.set()

    # -- a turn

    def _turn(self) -> None:
        """Carry on with everything that has happened by now, and with what is answered at once."""
        moves = self._due()
        while moves:
            self._keep()  # before anybody is told
            asking = [(one, wanted) for one, answered in moves if (wanted := self._advanced(one, answered)) is not None]
            known = self._asked(asking)
            self._stepped()
            moves = [*known, *self._due()]

    def _keep(self) -> None:
        for name, answers in self._answers.items():
            if answers.keep() and not name:
                self._kept()

    def _due(self) -> list[Move]:
        due = []
        while self._moves:
            due.append(self._moves.popleft())
        return due

    def _asked(self, asking: Sequence[tuple[Conversation, Wanted]]) -> list[Move]:
        """Put the requests; returns what is answered already. What an engine answers later comes as a move."""
        known: list[Move] = []
        for name, answers in self._answers.items():
            here = [(one, wanted) for one, wanted in asking if wanted.request.to == name]
            given = answers.ask([wanted for _, wanted in here]) if here else []
            for (one, _), promise in zip(here, given, strict=True):
                self._note(one, name, promise)
                if promise.known:
                    known.append((one, promise.future))
                else:
                    promise.future.add_done_callback(functools.partial(self._heard, one))
        return known

    def _heard(self, conversation: Conversation, answered: Future[Response]) -> None:
        self._moves.append((conversation, answered))
        self.wake()

    def _note(self, conversation: Conversation, name: str, promise: Given) -> None:
        conversation.waits_at, conversation.waits_for = name, promise.digest
        if promise.digest and name:
            conversation.asides += (promise.digest,)
        elif promise.digest:
            conversation.digests += (promise.digest,)

    def _advanced(self, conversation: Conversation, answered: Future[Response] | None) -> Wanted | None:
        """Carry one conversation to its next request, or to its end."""
        if conversation.ended:
            return None
        if conversation.dropped:
            self._drop(conversation)
            return None
        try:
            wanted = self._resumed(conversation, answered)
            if wanted.to not in self._answers:
                raise BrokerError(f"a request is addressed to {wanted.to!r}, which is no model of this run")
            if len(conversation.digests) >= MOST_CALLS and conversation.exchange is not None:
                conversation.exchange.throw(EngineError(f"no end after {MOST_CALLS} calls"))
                raise BrokerError(f"no end after {MOST_CALLS} calls")  # it goes on even so
            return Wanted(wanted, conversation.urgent)
        except StopIteration as stop:
            self._settle(conversation, result=self._ended(conversation, stop.value))
        except ModelError:  # there is no model any more: nothing can go on
            raise
        except Exception as bug:  # a judge or calibration that breaks must fail the test that waits, not hang it
            self._settle(conversation, error=bug)
        return None

    def _resumed(self, conversation: Conversation, answered: Future[Response] | None) -> Request:
        exchange = conversation.exchange
        assert exchange is not None
        if answered is None:
            return next(exchange)
        outcome = self._answers[conversation.waits_at].outcome(answered)
        if not conversation.waits_at and conversation.waits_for:
            conversation.answered += (outcome if isinstance(outcome, Response) else None,)
        if isinstance(outcome, EngineError):
            return exchange.throw(outcome)
        if not conversation.waits_at:
            conversation.seconds += outcome.seconds or 0.0
        return exchange.send(outcome)

    def _drop(self, conversation: Conversation) -> None:
        if conversation.exchange is not None:
            conversation.exchange.close()
        self._answers[conversation.waits_at].leave(conversation.waits_for)
        self._settle(conversation, error=BrokerError("the case was given up: its test has died"))
