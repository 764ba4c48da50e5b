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
import os
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.address import KEY, base_of, parts_of, place_of, shown
from pytest_vsc.engines.chat import MOST_SAID, Answered, chat_of, response_of
from pytest_vsc.engines.troubles import is_filtered, is_passing, lacking, message_of, pause, repeats
from pytest_vsc.errors import EngineError, ModelError, VscError, has, one_line
from pytest_vsc.records import Request, Response

if TYPE_CHECKING:
    from openai import AsyncOpenAI

T = TypeVar("T")

AT_ONCE = 16  # requests that the server works on
TIMEOUT = 120.0  # seconds
LIST_SECONDS = 10.0  # a list of models is a small thing
CLOSE_SECONDS = 10.0
TRIES = 3
GONE = (401, 403, 404)  # no further request would be answered
MOST_NAMED = 10  # models of a server in an error

# One that waits for its turn: whoever is waited for first, then in the order of submission.
Job = tuple[bool, int, Request, "Future[Response]"]


class OpenAIEngine:
    """One model of one server. A thread of its own keeps up to `AT_ONCE` requests, or `batch_size`, with the server."""

    def __init__(
        self, url: str, model: str, settings: EngineSettings, environ: Mapping[str, str] | None = None
    ) -> None:
        """url: where the API begins, `/v1` if it has no path. The key is that of the environment, if there is one."""
        self._url, self._model, self._revision = url, model, settings.revision
        self.at_once = settings.batch_size or AT_ONCE
        self._timeout = TIMEOUT if settings.timeout is None else settings.timeout
        self._key = (os.environ if environ is None else environ).get(KEY, "").strip()
        self._name = f"{shown(url)}#{model}"
        self._lacks: frozenset[str] = frozenset()  # what this server was seen not to take
        self._client: AsyncOpenAI | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="vsc-openai", daemon=True)
        self._numbers = itertools.count()
        self._waiting: asyncio.PriorityQueue[Job] = asyncio.PriorityQueue()
        self._workers: list[asyncio.Task[None]] = []
        self._lock = threading.Lock()
        self._closed = False

    # -- what an engine offers

    def check(self) -> None:
        parts_of(self._url)
        if not self._key.isascii() or not self._key.isprintable():
            raise ModelError(f"{KEY}: no key; expected printable ASCII characters only")
        if importlib.util.find_spec("openai") is None:
            raise ModelError(f"{self._name}: needs the extra: pip install 'pytest-vsc[openai]'")

    def load(self) -> None:
        self.check()
        self._client = self._connected()
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        self._do(self._begin())

    def describe(self) -> dict[str, str]:
        named = {"revision": self._revision} if self._revision else {}
        said = {"model": self._model, "engine": "openai", "server": parts_of(self._url).netloc}
        return {**said, **named, "concurrency": str(self.at_once)}

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) of address, name and revision: all that can be told of a model that somebody else runs."""
        whole = ["openai", base_of(self._url), self._model, self._revision]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()

    @property
    def weights(self) -> str:
        return f"{place_of(self._url)}#{self._model}"

    @property
    def lasting(self) -> bool:
        """Only where the user names the build: the server may be given another model under the same name."""
        return bool(self._revision)

    def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:
        future: Future[Response] = Future()
        with self._lock:
            if self._loop is not None and self._workers and not self._closed:
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

    def _connected(self) -> AsyncOpenAI:
        try:
            import openai
        except ImportError as error:
            raise ModelError(f"{self._name}: the openai package cannot be imported ({one_line(error)})") from None
        # Retries are made here: those of the package cannot be bounded in time.
        return openai.AsyncOpenAI(
            base_url=base_of(self._url), api_key=self._key or "none", timeout=self._timeout, max_retries=0
        )

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
        self._workers = [asyncio.create_task(self._work()) for _ in range(self.at_once)]

    async def _end(self) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        while not self._waiting.empty():
            *_, future = self._waiting.get_nowait()
            _settle(future, None)
        if self._client is not None:
            await self._client.close()
        await asyncio.get_running_loop().shutdown_default_executor()  # which looked up the address

    async def _work(self) -> None:
        while not self._closed:  # a cancel may be lost in a wait that has just ended
            *_, request, future = await self._waiting.get()
            outcome: Response | VscError | None = None
            try:
                if not future.cancelled():
                    outcome = await self._answer(request)
            except VscError as error:
                outcome = error
            except Exception as bug:  # its message may hold the prompt
                outcome = EngineError(f"{type(bug).__name__} in the openai engine")
            finally:
                _settle(future, outcome)

    # -- what is asked of the server

    async def _look_up(self) -> None:
        """See whether the server is there and has the model. Raises ModelError."""
        import openai

        assert self._client is not None
        try:
            listed = await self._tried(self._client.models.with_raw_response.list, LIST_SECONDS)
        except (openai.OpenAIError, asyncio.TimeoutError) as error:
            if isinstance(error, openai.APIStatusError) and error.status_code in (404, 405):
                return  # it has no list
            trouble = self._trouble(error, LIST_SECONDS)
            if isinstance(trouble, ModelError):
                raise trouble from None
            raise ModelError(f"{self._name}: {trouble}") from None
        names = self._listed(listed.content)
        if names and self._model not in names:
            near = [name[:MOST_SAID] for name in difflib.get_close_matches(self._model, names, MOST_NAMED, 0)]
            more = f" (and {len(names) - len(near)} more)" if len(names) > len(near) else ""
            raise ModelError(f"{self._name}: the server has no such model; {has(self._model, near)}{more}")

    def _listed(self, content: bytes) -> list[str]:
        """The names in a list of models, which some servers send bare. Raises ModelError for what is no JSON."""
        try:
            told = json.loads(content)
        except (ValueError, RecursionError):
            raise ModelError(
                f"{self._name}: the server's list of models is not JSON; expected the address of an OpenAI-compatible "
                "API, such as http://host:8000/v1"
            ) from None
        entries = told.get("data") if isinstance(told, dict) else told
        named = [entry.get("id") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        return [one_line(name) for name in named if isinstance(name, str)]

    async def _answer(self, request: Request) -> Response:
        import openai

        try:
            return response_of(await self._asked(request))
        except (openai.OpenAIError, asyncio.TimeoutError) as error:
            if is_filtered(error):
                return Response(text="", finish_reason="content_filter")
            raise self._trouble(error, self._timeout, request) from None  # the cause holds the request

    async def _asked(self, request: Request) -> Answered:
        """The server's answer, asked without what it does not take. Raises errors of openai, asyncio.TimeoutError."""
        import openai

        assert self._client is not None
        create, lacks = self._client.chat.completions.with_raw_response.create, self._lacks
        while True:
            chat = chat_of(request, self._model, lacks)
            try:
                answered = await self._tried(functools.partial(create, **chat), self._timeout)
            except openai.APIStatusError as error:
                wanting = lacking(error, request, lacks)
                if wanting is None:
                    raise
                lacks |= {wanting}
            else:
                self._lacks |= lacks  # only now is it sure what the trouble was
                return answered

    async def _tried(self, call: Callable[[], Awaitable[Any]], seconds: float) -> Answered:
        """What a call brings, tried again where that may help. Raises errors of openai, asyncio.TimeoutError."""
        import openai

        attempt = 1
        while True:
            since = time.monotonic()
            try:
                raw = await asyncio.wait_for(call(), seconds)
                return Answered(raw.http_response.content, time.monotonic() - since)
            except (openai.OpenAIError, asyncio.TimeoutError) as error:
                if attempt == TRIES or not is_passing(error):
                    raise
                seconds_until = pause(error, attempt)
            await asyncio.sleep(seconds_until)
            attempt += 1

    def _trouble(self, error: Exception, seconds: float, request: Request | None = None) -> VscError:
        """What an error of the openai package, or its lateness, means here: the one place where that is decided."""
        import openai

        tries = f" ({TRIES} tries)" if is_passing(error) else ""
        if isinstance(error, asyncio.TimeoutError | openai.APITimeoutError):
            return EngineError(f"timed out after {seconds:g} s{tries}")
        if isinstance(error, openai.APIStatusError):
            status = error.status_code
            if status == 401:
                wrong = f"refuses the key of {KEY} (401)" if self._key else f"wants a key (401); set {KEY}"
                return ModelError(f"{self._name}: the server {wrong}")
            told = f"the server answers {status}{tries}{self._quoted(message_of(error), request)}"
            return ModelError(f"{self._name}: {told}") if status in GONE else EngineError(told)
        if isinstance(error, openai.APIConnectionError):
            return EngineError(
                f"the server cannot be reached{tries}{self._quoted(str(error.__cause__ or ''), request)}"
            )
        return EngineError(f"{type(error).__name__} in the openai package")

    def _quoted(self, message: str, request: Request | None) -> str:
        """A message from elsewhere as the tail of an error: without the key, and none if it repeats the request."""
        said = one_line(message.replace(self._key, "***") if self._key else message)[:MOST_SAID]
        if request is not None and repeats(said, request):
            return " (its message repeats the request and is withheld)"
        return f": {said}" if said else ""


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
