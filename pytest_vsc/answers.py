"""Every request answered once: by one that is under way, from the store, or by the engine, loaded when first needed.

It knows nothing of cases and judges nothing. It is used from one thread at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from pytest_vsc.errors import EngineError, ModelError, StoreError
from pytest_vsc.protocols import Engine, ReadyMade
from pytest_vsc.records import FinishReason, Judgement, Request, Response, spoken
from pytest_vsc.store import Store

T = TypeVar("T")


class Wanted(NamedTuple):
    """A request, and whether somebody waits for it already, so that it goes before what is asked ahead."""

    request: Request
    urgent: bool = False


class Given(NamedTuple):
    """The promise of an answer. digest: what the request is known by, "" when it could not be told.

    known: it is settled, and what has to be kept of it before anybody may see it is kept with the next `keep`.
    """

    digest: str
    future: Future[Response]
    known: bool = False


class Remembered(NamedTuple):
    """An answer of this run that no store keeps, as small as it goes: there is one for each request."""

    text: str
    thought: str
    finish_reason: FinishReason
    tokens: int | None
    prompt_tokens: int | None


class Counts(NamedTuple):
    """generated: answers of the model in this run, of `tokens` tokens. stored: answers taken from the store.

    resumed: answers taken from the run that goes on in this one.
    """

    generated: int
    tokens: int
    stored: int
    resumed: int = 0


class Answers:
    """One engine and, where there is one, the store of what it answered before.

    trouble: why the store was given up in this run, "" if it was not. Failures are neither stored nor remembered:
    asking again asks anew.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store | None,
        load: Callable[[Sequence[Request]], None],
        *,
        reveal: bool = False,
        earlier: Mapping[str, Response] = MappingProxyType({}),
    ) -> None:
        """load: makes the engine ready, once, given some of the requests that need it. May raise ModelError.

        earlier: answers of a run that goes on in this one, by digest.
        """
        self._engine, self._make_ready, self._reveal = engine, load, reveal
        self._forgets = isinstance(engine, ReadyMade) and engine.ready_made
        self._store = store if engine.lasting else None
        self._earlier, self._resumed = earlier, set[str]()
        self._loaded = False
        self._print: str | None = None
        self._open: dict[str, Future[Response]] = {}
        self._waiting: dict[str, int] = {}
        self._arrived: deque[tuple[str, Future[Response]]] = deque()
        self._memory: dict[bytes, Remembered] = {}
        self._judged: dict[str, Judgement] = {}
        self._generated = self._tokens = self._stored = 0
        self.trouble = ""

    @property
    def loaded(self) -> bool:
        return self._loaded

    @property
    def counts(self) -> Counts:
        return Counts(self._generated, self._tokens, self._stored, len(self._resumed))

    @property
    def outstanding(self) -> int:
        """How many requests the engine has still to answer. May be read from any thread.

        What has arrived is noted before it is open, and forgotten after it: an answer given at once never counts.
        """
        return max(0, len(self._open) - len(self._arrived))

    def identify(self) -> None:
        """Have the engine's fingerprint told, which an engine that is not here yet must be loaded for.

        Raises ModelError.
        """
        self._fingerprint(())

    def ask(self, wanted: Sequence[Wanted]) -> list[Given]:
        """A promise for each request, in the same order; many are broken already or kept, none is waited for.

        Raises ModelError when the engine has to be loaded now and cannot.
        """
        fingerprint = self._fingerprint([one.request for one in wanted])
        digests = [_digest(one.request, fingerprint) for one in wanted]
        known = self._known([digest for digest in digests if isinstance(digest, str)])
        missing = [
            one.request
            for one, digest in zip(wanted, digests, strict=True)
            if isinstance(digest, str) and digest not in known and digest not in self._open
        ]
        if missing:
            self._load(missing)
        return [self._given(one, digest, known) for one, digest in zip(wanted, digests, strict=True)]

    def keep(self) -> int:
        """Store what has arrived, before anybody is told of it: what was seen once is never asked again.

        Returns how many answers these were.
        """
        fresh: dict[str, Response] = {}
        while self._arrived:
            digest, future = self._arrived[0]
            if self._open.get(digest) is future:
                del self._open[digest]
                self._waiting.pop(digest, None)
            self._arrived.popleft()
            if future.cancelled() or future.exception() is not None:
                continue
            response = spoken(future.result())
            self._generated += 1
            self._tokens += response.tokens or 0
            fresh[digest] = response
        if fresh:
            self._put(fresh)
        if self._judged:
            judged, self._judged = self._judged, {}
            self._with_store(lambda store: store.keep_judgements(judged), None)
        return len(fresh)

    def leave(self, digest: str) -> None:
        """One of those who wait for an answer waits no more; the last to leave cancels the request."""
        if digest not in self._open:
            return
        self._waiting[digest] -= 1
        if not self._waiting[digest]:
            self._open.pop(digest).cancel()
            del self._waiting[digest]

    def judgement(self, digest: str) -> Judgement | None:
        """What a judge said before."""
        return self._judged.get(digest) or self._with_store(lambda store: store.judgement(digest), None)

    def keep_judgement(self, digest: str, judgement: Judgement) -> None:
        """Have it stored at the next `keep`, unless it is a failure."""
        if self._store is not None and judgement.verdict != "ERROR":
            self._judged[digest] = judgement

    def _fingerprint(self, requests: Sequence[Request]) -> str:
        if self._print is None:
            try:
                self._print = self._engine.fingerprint
            except ModelError:  # its weights are not here yet
                if self._loaded:
                    raise
                self._load(requests)
                self._print = self._engine.fingerprint
        return self._print

    def _load(self, requests: Sequence[Request]) -> None:
        if not self._loaded:
            self._make_ready(requests)
            self._loaded = True

    def _known(self, digests: Sequence[str]) -> dict[str, Response]:
        earlier = {digest: self._earlier[digest] for digest in digests if digest in self._earlier}
        self._resumed.update(earlier)
        rest = [digest for digest in digests if digest not in earlier]
        return {**earlier, **(self._remembered(rest) if rest else {})}

    def _remembered(self, digests: Sequence[str]) -> dict[str, Response]:
        """What the store keeps, or this run was answered where no store does."""
        if self._store is not None:
            asked = [digest for digest in digests if digest not in self._open]
            return self._with_store(lambda store: store.answers(asked), {})
        found = {}
        for digest in digests:
            if (kept := self._memory.get(bytes.fromhex(digest))) is not None:
                found[digest] = Response(**kept._asdict())
        return found

    def _given(self, one: Wanted, digest: str | EngineError, known: dict[str, Response]) -> Given:
        if isinstance(digest, EngineError):
            return Given("", _broken(digest), known=True)
        if digest in known:
            self._stored += self._store is not None and digest not in self._resumed
            return Given(digest, _settled(known[digest].model_copy(update={"seconds": 0.0})), known=True)
        at_once = False
        if digest not in self._open:
            future = self._submitted(one)
            at_once = future.done()  # asked before: a callback of one that is done then is called here and now
            future.add_done_callback(lambda done: self._arrived.append((digest, done)))
            self._open[digest], self._waiting[digest] = future, 0
        self._waiting[digest] += 1
        return Given(digest, self._open[digest], known=at_once)

    def _submitted(self, one: Wanted) -> Future[Response]:
        """The engine's promise; what breaks on the way to one is a failed request like any other."""
        try:
            answer = self._engine.submit(one.request, urgent=one.urgent)
            if isinstance(answer, Future):
                return answer
            raise EngineError(f"the engine's submit returned a {type(answer).__name__}; expected a Future")
        except KeyboardInterrupt:  # of the person at the keyboard, while the session's own thread is at work here
            raise
        except BaseException as error:
            return _broken(error)

    def outcome(self, answered: Future[Response]) -> Response | EngineError:
        """How a promise ended; whatever an engine raised is an EngineError.

        Raises ModelError when there is no model any more.
        """
        try:
            return spoken(answered.result())
        except CancelledError:
            return EngineError("cancelled: the run is ending")
        except EngineError as error:
            return error
        except (KeyboardInterrupt, ModelError):
            raise
        except BaseException as error:  # an engine's own bug; its message may hold the prompt
            what = f"{type(error).__name__}: {error}" if self._reveal else f"{type(error).__name__} in the engine"
            return EngineError(what)

    def _put(self, fresh: dict[str, Response]) -> None:
        if self._store is not None:
            model, fingerprint = self._engine.describe().get("model", "?"), self._print or ""
            self._with_store(lambda store: store.keep(model, fingerprint, fresh), None)
        if self._store is None and not self._forgets:
            for digest, response in fresh.items():
                kept = (getattr(response, name) for name in Remembered._fields)
                self._memory[bytes.fromhex(digest)] = Remembered(*kept)

    def _with_store(self, step: Callable[[Store], T], otherwise: T) -> T:
        """Use the store; one that fails is given up for the rest of the run, which goes on without it."""
        if self._store is None:
            return otherwise
        try:
            return step(self._store)
        except StoreError as error:
            self.trouble, self._store = str(error), None
            return otherwise


def _digest(request: Request, fingerprint: str) -> str | EngineError:
    try:
        return request.digest(fingerprint)
    except OSError as error:
        return EngineError(f"picture cannot be read: {error.strerror or error}")


def _settled(response: Response) -> Future[Response]:
    future: Future[Response] = Future()
    future.set_result(response)
    return future


def _broken(error: BaseException) -> Future[Response]:
    future: Future[Response] = Future()
    future.set_exception(error)
    return future
