"""An engine for any server that speaks OpenAI's chat API: vLLM, SGLang, `transformers serve`, hosted ones.

It sends what it is asked and reads what comes back, many at a time; it starts no server and streams nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import functools
import hashlib
import importlib.util
import itertools
import json
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.address import base_of, parts_of, place_of, shown
from pytest_vsc.engines.chat import MOST_SAID, Answered, chat_of, completion_of, response_of
from pytest_vsc.engines.connection import TooLargeError, connected
from pytest_vsc.engines.costs import Account, price_of, unknown_price
from pytest_vsc.engines.pacing import Pace
from pytest_vsc.engines.secrets import Secrets, secrets_of
from pytest_vsc.engines.serving import Served
from pytest_vsc.engines.troubles import (
    is_busy,
    is_filtered,
    is_late,
    is_passing,
    is_used_up,
    lacking,
    message_of,
    pause,
    redirects,
    repeats,
)
from pytest_vsc.errors import EngineError, ModelError, SettingsError, VscError, has, one_line
from pytest_vsc.records import Generation, Message, Request, Response

if TYPE_CHECKING:
    from openai import AsyncOpenAI

T = TypeVar("T")

TIMEOUT = 120.0  # seconds
LIST_SECONDS = 10.0  # a list of models is a small thing
CLOSE_SECONDS = 10.0
TRIES = 3
LATE_TRIES = 2  # of which each takes its whole time
BUSY_SECONDS = 300.0  # how long a server may say that it is given too much
GIVE_UP = 20  # requests in a row that came to nothing
DENIED, GONE = 403, (401, 404)  # no further request would be answered; the former once one was: only this one
UNMISSED = frozenset({"max_tokens", "response_format"})  # what a server may not take, and be asked otherwise
MOST_NAMED = 10  # models of a server in an error
# Asked before anything else: who answers, and what the server does not take.
GREETING = "Hello."
GREETING_TOKENS = 16

# One that waits for its turn: whoever is waited for first, then in the order of submission.
Job = tuple[bool, int, Request, "Future[Response]"]


class OpenAIEngine:
    """One model of one server. A thread of its own keeps as many requests with the server as that can use."""

    def __init__(
        self, url: str, model: str, settings: EngineSettings, environ: Mapping[str, str] | None = None
    ) -> None:
        """url: where the API begins, `/v1` if it has no path. Keys and headers are those of the environment."""
        self._url, self._model, self._settings, self._environ = url, model, settings, environ
        self._timeout = TIMEOUT if settings.timeout is None else settings.timeout
        self._name = f"{shown(url)}#{model}"
        self._secrets: Secrets | None = None
        self._account = Account(None, None)
        self._pace = Pace(settings.concurrency)
        self._server = Served()
        self._lacks: frozenset[str] = frozenset()  # what this server was seen not to take
        self._client: AsyncOpenAI | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="vsc-openai", daemon=True)
        self._numbers = itertools.count()
        self._waiting: asyncio.PriorityQueue[Job] = asyncio.PriorityQueue()
        self._under_way: dict[asyncio.Task[None], Job] = {}
        self._changed, self._asking = asyncio.Event(), asyncio.Lock()
        self._dispatcher: asyncio.Task[None] | None = None
        self._lock = threading.Lock()
        self._failed = 0  # requests in a row that came to nothing
        self._latest: float | None = None  # when one was answered
        self._print: str | None = None
        self._gone: ModelError | None = None
        self._closed = False

    # -- what an engine offers

    def check(self) -> None:
        parts = parts_of(self._url)
        if importlib.util.find_spec("openai") is None:
            raise ModelError(f"{self._name}: needs the extra: pip install 'pytest-vsc[openai]'")
        self._secrets = secrets_of(self._settings.key, self._settings.headers, self._environ)
        own = Path(self._settings.prices) if self._settings.prices else None
        price = price_of(self._model, parts.hostname or "", own)
        if price is None and self._settings.max_cost is not None:
            raise SettingsError(unknown_price(self._model))
        self._account = Account(price, self._settings.max_cost)

    def load(self) -> None:
        self.check()
        assert self._secrets is not None
        try:
            self._client = connected(base_of(self._url), self._secrets, self._timeout)
        except ImportError as error:
            raise ModelError(f"{self._name}: the openai package cannot be imported ({one_line(error)})") from None
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        self._do(self._begin())

    def describe(self) -> dict[str, str]:
        secrets, revision = self._secrets, self._settings.revision
        return {
            "model": self._model,
            "engine": "openai",
            "server": parts_of(self._url).netloc,
            **({"revision": revision} if revision else {}),
            **({"key": secrets.variable} if secrets and secrets.key else {}),
            **({"headers": ", ".join(secrets.headers)} if secrets and secrets.headers else {}),
            **self._server.describe(),
            **({"not_taken": ", ".join(sorted(missed))} if (missed := self._lacks - UNMISSED) else {}),
            "concurrency": str(self._pace),
            **self._account.describe(),
        }

    @property
    def at_once(self) -> int:
        """As `protocols.Batching` says."""
        return self._pace.limit

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) of all that can be told of a model that somebody else runs. Raises ModelError before `load`.

        These are: address, name and revision; the model's entry in the server's list, and the build that answered
        first; what the server does not take; names of headers.
        """
        if self._print is None:
            raise ModelError(f"{self._name}: not loaded")
        return self._print

    def _fingerprint(self) -> str:
        headers = sorted(name for name, _ in self._settings.headers)
        pixels = [self._settings.max_pixels] if self._settings.max_pixels else []
        named = ["openai", base_of(self._url), self._model, self._settings.revision]
        whole = [*named, *self._server.identity, sorted(self._lacks - UNMISSED), headers]
        return hashlib.sha256(json.dumps([*whole, *pixels], sort_keys=True).encode()).hexdigest()

    @property
    def weights(self) -> str:
        return f"{place_of(self._url)}#{self._model}"

    @property
    def lasting(self) -> bool:
        """Only where the user names the build: the server may be given another model under the same name."""
        return bool(self._settings.revision)

    def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:
        future: Future[Response] = Future()
        with self._lock:
            if self._loop is not None and self._dispatcher is not None and not self._closed:
                job = (not urgent, next(self._numbers), request, future)
                self._loop.call_soon_threadsafe(self._waiting.put_nowait, job)
                return future
        future.set_exception(EngineError(f"{self._name}: {'closed' if self._closed else 'not loaded'}"))
        return future

    def close(self) -> None:
        """Break off what runs as well: the connections are closed, upon which most servers stop generating."""
        with self._lock:
            closed, self._closed = self._closed, True
        if closed or self._loop is None:
            return
        with contextlib.suppress(FutureTimeout):
            self._do(self._end(), CLOSE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_SECONDS)

    # -- its thread

    def _run(self) -> None:
        assert self._loop is not None
        with contextlib.closing(self._loop):
            self._loop.run_forever()

    def _do(self, work: Coroutine[Any, Any, T], seconds: float | None = None) -> T:
        """Have the thread do something, and wait for it. Raises what it raised."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    async def _begin(self) -> None:
        await self._look_up()
        await self._greet()
        self._print = self._fingerprint()
        self._dispatcher = asyncio.create_task(self._dispatch())

    async def _end(self) -> None:
        tasks = [*self._under_way, *([self._dispatcher] if self._dispatcher else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while not self._waiting.empty():
            *_, future = self._waiting.get_nowait()
            _settle(future, None)
        if self._client is not None:
            await self._client.close()
        await asyncio.get_running_loop().shutdown_default_executor()  # which looked up the address

    async def _dispatch(self) -> None:
        """Give the server what waits, as much at once as it can use."""
        while True:
            await self._until(lambda: len(self._under_way) < self._pace.limit)
            job = await self._waiting.get()
            *_, request, future = job
            try:
                await self._until_paid_for(request.generation.max_new_tokens)
            except asyncio.CancelledError:
                _settle(future, None)
                raise
            if self._gone is not None or future.cancelled():
                _settle(future, self._gone)
                continue
            promised = self._account.promise(request.generation.max_new_tokens)  # before another one is looked at
            task = asyncio.create_task(self._serve(request, future, promised))
            self._under_way[task] = job
            task.add_done_callback(self._served)

    async def _until_paid_for(self, tokens: int) -> None:
        """Wait until a request is within what may be spent; where it never can be, that is the end."""
        account = self._account
        await self._until(lambda: account.affords(tokens) or not self._under_way)
        if self._gone is None and not account.affords(tokens):
            self._gone = ModelError(
                f"--vlm-max-cost {account.most:g}: {account.spent:.4f} US dollars are spent after {account.answers} "
                "answers, and the next one could go beyond; nothing more is asked"
            )

    async def _until(self, ready: Callable[[], bool]) -> None:
        while not ready():
            self._changed.clear()
            await self._changed.wait()

    def _served(self, task: asyncio.Task[None]) -> None:
        *_, future = self._under_way.pop(task)
        self._changed.set()
        if task.cancelled() and not future.done():  # before it began
            _settle(future, None)

    async def _serve(self, request: Request, future: Future[Response], promised: float) -> None:
        """Answer one request, whatever comes."""
        outcome: Response | VscError | None = None
        try:
            outcome = await self._answer(request, promised)
        except VscError as error:
            outcome = error
        except Exception as bug:  # its message may hold the prompt
            outcome = EngineError(f"{type(bug).__name__} in the openai engine")
        finally:
            if not isinstance(outcome, VscError) and outcome is not None:
                self._pace.answered(more=not self._waiting.empty())
            _settle(future, outcome)

    # -- before the first request

    async def _look_up(self) -> None:
        """See whether the server is there and has the model. Raises ModelError."""
        import openai

        assert self._client is not None
        try:
            listed = await self._tried(self._client.models.with_raw_response.list, LIST_SECONDS)
        except (openai.OpenAIError, asyncio.TimeoutError) as error:
            if isinstance(error, openai.APIStatusError) and error.status_code in (404, 405):
                return  # it has no list
            raise self._ending(self._trouble(error, LIST_SECONDS)) from None
        except TooLargeError as error:
            raise ModelError(f"{self._name}: the server's list of models {error}") from None
        entries = self._listed(listed.content)
        if entries and self._model not in entries:
            near = [name[:MOST_SAID] for name in difflib.get_close_matches(self._model, entries, MOST_NAMED, 0)]
            more = f" (and {len(entries) - len(near)} more)" if len(entries) > len(near) else ""
            raise ModelError(f"{self._name}: the server has no such model; {has(self._model, near)}{more}")
        self._server.note_entry(entries.get(self._model, {}), self._cleaned)

    def _listed(self, content: bytes) -> dict[str, Mapping[str, Any]]:
        """The entries of a list of models by name; some servers send it bare. Raises ModelError for what is no JSON."""
        try:
            told = json.loads(content)
        except (ValueError, RecursionError):
            raise ModelError(
                f"{self._name}: the server's list of models is not JSON; expected the address of an OpenAI-compatible "
                "API, such as http://host:8000/v1"
            ) from None
        entries = told.get("data") if isinstance(told, dict) else told
        found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        return {self._cleaned(entry["id"]): entry for entry in found if isinstance(entry.get("id"), str)}

    async def _greet(self) -> None:
        """Ask a first, short question: who answers, and what of a request the server does not take.

        Raises ModelError where no further question would be answered; any other trouble is left to those.
        """
        greeting = Request((Message("user", GREETING),), Generation(max_new_tokens=GREETING_TOKENS))
        with contextlib.suppress(EngineError):
            await self._answer(greeting, self._account.promise(GREETING_TOKENS), typical=False)
        self._failed, self._latest, self._server.known = 0, None, True

    # -- what is asked of the server

    async def _answer(self, request: Request, promised: float, *, typical: bool = True) -> Response:
        """What a request is answered; settles what was promised for it. Raises VscError."""
        import openai

        response, sent = None, [0]
        try:
            answered = await self._asked(request, sent)
            completion = completion_of(answered.content)
            self._server.note(completion.model, completion.system_fingerprint, self._cleaned)
            response = self._masked(response_of(completion, answered.seconds))
            self._failed, self._latest = 0, time.monotonic()
        except (openai.OpenAIError, asyncio.TimeoutError) as error:
            if is_filtered(error):
                self._failed = 0
                return Response(text="", finish_reason="content_filter")
            raise await self._given_up(error, request) from None  # the cause holds the request
        except TooLargeError as error:
            raise EngineError(f"the server's answer {error}") from None
        finally:
            self._account.settle(promised, response, sent=sent[0], typical=typical)
        if self._account.uncounted(response):
            uncounted = "the server does not tell what an answer took, so --vlm-max-cost can't be held"
            raise self._ending(EngineError(uncounted))
        return response

    async def _asked(self, request: Request, sent: list[int]) -> Answered:
        """The server's answer, asked without what it does not take. Raises as `_tried` does.

        sent: counts how often the server was given it in a way that it may charge for.
        """
        import openai

        assert self._client is not None
        create, lacks = self._client.chat.completions.with_raw_response.create, self._lacks
        while True:
            chat = chat_of(request, self._model, lacks)
            try:
                answered = await self._tried(functools.partial(create, **chat), self._timeout, sent)
            except openai.APIStatusError as error:
                wanting = lacking(error, request, lacks)
                if wanting is None:
                    raise
                lacks |= {wanting}
            else:
                self._lacks |= lacks  # only now is it sure what the trouble was
                return answered

    async def _tried(
        self, call: Callable[[], Awaitable[Any]], seconds: float, sent: list[int] | None = None
    ) -> Answered:
        """What a call brings, tried again where that may help.

        Raises errors of openai, asyncio.TimeoutError, TooLargeError.
        """
        import openai

        attempt, busy_until = 1, time.monotonic() + BUSY_SECONDS
        while True:
            await self._rest()
            since = time.monotonic()
            try:
                raw = await asyncio.wait_for(call(), seconds)
                if sent is not None:
                    sent[0] += 1
                return Answered(raw.http_response.content, time.monotonic() - since, attempt)
            except (openai.OpenAIError, asyncio.TimeoutError) as error:
                if isinstance(error.__cause__, TooLargeError):
                    raise error.__cause__ from None
                if sent is not None and is_late(error):
                    sent[0] += 1
                if not self._again(error, attempt, busy_until):
                    raise
                seconds_until = pause(error, attempt)
                if is_busy(error):
                    self._pace.refused(seconds_until)
                elif is_late(error):
                    self._pace.late()
            await asyncio.sleep(seconds_until)
            attempt += 1

    async def _rest(self) -> None:
        """Wait as long as the server asked everybody to."""
        while (seconds := self._pace.rest) > 0:
            await asyncio.sleep(seconds)

    def _again(self, error: Exception, attempt: int, busy_until: float) -> bool:
        """Whether to try once more."""
        if not is_passing(error) or is_used_up(error):
            return False
        if is_busy(error):
            return time.monotonic() < busy_until
        return attempt < (LATE_TRIES if is_late(error) else TRIES)

    # -- when it goes wrong

    async def _given_up(self, error: Exception, request: Request) -> VscError:
        """What a request that came to nothing means: for it alone, or that there is no model any more."""
        trouble = self._trouble(error, self._timeout, request)
        if self._gone is not None:
            return self._gone
        self._failed += 1
        if isinstance(trouble, EngineError) and is_passing(error):
            if not is_busy(error) and not await self._is_there():
                trouble = self._ending(trouble)
            elif self._failed >= GIVE_UP or (is_busy(error) and self._starved()):
                trouble = EngineError(f"none of the last {self._failed} requests was answered ({trouble})")
                trouble = self._ending(trouble)
        return self._ending(trouble) if isinstance(trouble, ModelError) else trouble

    def _starved(self) -> bool:
        """Whether nobody at all was answered for as long as a server may be busy."""
        return self._latest is None or time.monotonic() - self._latest > BUSY_SECONDS

    async def _is_there(self) -> bool:
        """Whether the server answers anything at all; those who wonder at the same time ask once."""
        import openai

        assert self._client is not None
        async with self._asking:
            if self._gone is not None:
                return False
            try:
                await asyncio.wait_for(self._client.models.with_raw_response.list(), LIST_SECONDS)
            except openai.APIStatusError as error:
                return error.status_code < 500
            except (openai.OpenAIError, asyncio.TimeoutError):
                return False
            except TooLargeError:
                return True
            return True

    def _ending(self, trouble: VscError) -> ModelError:
        """The same trouble as the end of the run."""
        self._gone = trouble if isinstance(trouble, ModelError) else ModelError(f"{self._name}: {trouble}")
        return self._gone

    def _trouble(self, error: Exception, seconds: float, request: Request | None = None) -> VscError:
        """What an error of the openai package, or its lateness, means here: the one place where that is decided."""
        import openai

        tries = f" ({LATE_TRIES if is_late(error) else TRIES} tries)" if is_passing(error) else ""
        if is_late(error):
            return EngineError(f"timed out after {seconds:g} s{tries}")
        if isinstance(error, openai.APIStatusError):
            return self._status(error, request)
        if isinstance(error, openai.APIConnectionError):
            return EngineError(
                f"the server cannot be reached{tries}{self._quoted(str(error.__cause__ or ''), request)}"
            )
        return EngineError(f"{type(error).__name__} in the openai package")

    def _status(self, error: Any, request: Request | None) -> VscError:
        """What the server's status means."""
        assert self._secrets is not None
        status, secrets = error.status_code, self._secrets
        if status == 401:
            wrong = f"refuses the key of {secrets.variable} (401)" if secrets.key else "wants a key (401)"
            return ModelError(f"{self._name}: the server {wrong}{'' if secrets.key else f'; set {secrets.variable}'}")
        if (to := redirects(error)) is not None:
            elsewhere = f" to {to}" if to else ""
            return EngineError(
                f"the server sends elsewhere ({status}{elsewhere}); nothing is sent there. Give that address"
            )
        busy = f" for {BUSY_SECONDS:g} s" if is_busy(error) and not is_used_up(error) else ""
        tries = f" ({TRIES} tries)" if is_passing(error) and not is_busy(error) else busy
        told = f"the server answers {status}{tries}{self._quoted(message_of(error), request)}"
        ends = status in GONE or is_used_up(error) or (status == DENIED and self._latest is None)
        return ModelError(f"{self._name}: {told}") if ends else EngineError(told)

    def _quoted(self, message: str, request: Request | None) -> str:
        """A message from elsewhere as the tail of an error: without the key, and none if it repeats the request."""
        said = self._cleaned(message)
        if request is not None and repeats(said, request):
            return " (its message repeats the request and is withheld)"
        return f": {said}" if said else ""

    def _cleaned(self, said: str) -> str:
        """Something short that a server says, without secrets and on one line."""
        return one_line(self._secrets.masked(said) if self._secrets else said)[:MOST_SAID]

    def _masked(self, response: Response) -> Response:
        """The response without our secrets, should the server repeat them in it."""
        assert self._secrets is not None
        text, thought = map(self._secrets.masked_answer, (response.text, response.thought))
        if (text, thought) == (response.text, response.thought):
            return response
        return response.model_copy(update={"text": text, "thought": thought})


def _settle(future: Future[Response], outcome: Response | VscError | None) -> None:
    """Answer a future; None cancels it."""
    if outcome is None:
        future.cancel()
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(outcome, Response):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
