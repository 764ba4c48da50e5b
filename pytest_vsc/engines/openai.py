"""An engine for any server that speaks OpenAI's chat API: vLLM, SGLang, `transformers serve`, hosted ones.

It sends what it is asked and reads what comes back, many at a time; it starts no server and streams nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import itertools
import json
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Any, TypeVar

from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.address import base_of, parts_of, place_of, shown
from pytest_vsc.engines.asking import Asking
from pytest_vsc.engines.connection import THREAD, connected
from pytest_vsc.engines.costs import Account, price_of, unknown_price
from pytest_vsc.engines.pacing import Pace
from pytest_vsc.engines.secrets import Secrets, secrets_of
from pytest_vsc.errors import EngineError, ModelError, SettingsError, VscError, one_line
from pytest_vsc.records import Request, Response

T = TypeVar("T")

TIMEOUT = 120.0  # seconds
CLOSE_SECONDS = 10.0

# One that waits for its turn: whoever is waited for first, then in the order of submission.
Job = tuple[bool, int, Request, "Future[Response]"]


class OpenAIEngine:
    """One model of one server. A thread of its own keeps as many requests with the server as that can use."""

    def __init__(
        self, url: str, model: str, settings: EngineSettings, environ: Mapping[str, str] | None = None
    ) -> None:
        """url: where the API begins, `/v1` if it has no path. Keys and headers are those of the environment."""
        self._url, self._model, self._settings, self._environ = url, model, settings, environ
        self._name = f"{shown(url)}#{model}"
        self._secrets: Secrets | None = None
        self._account = Account(None, None)
        self._pace = Pace(settings.concurrency)
        self._server: Asking | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        self._numbers = itertools.count()
        self._waiting: asyncio.PriorityQueue[Job] = asyncio.PriorityQueue()
        self._under_way: dict[asyncio.Task[None], Job] = {}
        self._changed = asyncio.Event()
        self._dispatcher: asyncio.Task[None] | None = None
        self._lock = threading.Lock()
        self._print: str | None = None
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
        timeout = TIMEOUT if self._settings.timeout is None else self._settings.timeout
        try:
            client = connected(base_of(self._url), self._secrets, timeout)
        except ImportError as error:
            raise ModelError(f"{self._name}: the openai package cannot be imported ({one_line(error)})") from None
        self._server = Asking(
            client,
            self._name,
            self._model,
            secrets=self._secrets,
            account=self._account,
            pace=self._pace,
            timeout=timeout,
            max_pixels=self._settings.max_pixels,
        )
        with self._lock:
            if self._closed:
                raise ModelError(f"{self._name}: closed")
            self._loop = asyncio.new_event_loop()
            self._thread.start()
            began = asyncio.run_coroutine_threadsafe(self._begin(self._server), self._loop)
        try:
            began.result()
        except CancelledError:
            raise ModelError(f"{self._name}: closed") from None

    def describe(self) -> dict[str, str]:
        secrets, revision = self._secrets, self._settings.revision
        return {
            "model": self._model,
            "engine": "openai",
            "server": parts_of(self._url).netloc,
            **({"revision": revision} if revision else {}),
            **({"max_pixels": f"{self._settings.max_pixels:,}"} if self._settings.max_pixels else {}),
            **({"key": secrets.variable} if secrets and secrets.key else {}),
            **({"headers": ", ".join(secrets.headers)} if secrets and secrets.headers else {}),
            **(self._server.describe() if self._server else {}),
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

    def _fingerprint(self, server: Asking) -> str:
        headers = sorted(name for name, _ in self._settings.headers)
        pixels = [self._settings.max_pixels] if self._settings.max_pixels else []
        named = ["openai", base_of(self._url), self._model, self._settings.revision]
        whole = [*named, *server.served.identity, server.not_taken, headers]
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

    def _do(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """Have the thread do something, and wait for it. Raises what it raised."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    async def _begin(self, server: Asking) -> None:
        await server.look_up()
        await server.greet()
        self._print = self._fingerprint(server)
        self._dispatcher = asyncio.create_task(self._dispatch(server))

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}  # what began to load as well
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while not self._waiting.empty():
            *_, future = self._waiting.get_nowait()
            _settle(future, None)
        if self._server is not None:
            await self._server.client.close()
        await asyncio.get_running_loop().shutdown_default_executor()  # which looked up the address

    async def _dispatch(self, server: Asking) -> None:
        """Give the server what waits, as much at once as it can use."""
        while True:
            await self._until(lambda: len(self._under_way) < self._pace.limit)
            job = await self._waiting.get()
            *_, request, future = job
            try:
                await self._until_paid_for(server, request.generation.max_new_tokens)
            except asyncio.CancelledError:
                _settle(future, None)
                raise
            if server.gone is not None or future.cancelled():
                _settle(future, server.gone)
                continue
            promised = self._account.promise(request.generation.max_new_tokens)  # before another one is looked at
            task = asyncio.create_task(self._serve(server, request, future, promised))
            self._under_way[task] = job
            task.add_done_callback(self._served)

    async def _until_paid_for(self, server: Asking, tokens: int) -> None:
        """Wait until a request is within what may be spent; where it never can be, that is the end."""
        account = self._account
        await self._until(lambda: account.affords(tokens) or not self._under_way)
        if server.gone is None and not account.affords(tokens):
            server.gone = ModelError(account.beyond())

    async def _until(self, ready: Callable[[], bool]) -> None:
        while not ready():
            self._changed.clear()
            await self._changed.wait()

    def _served(self, task: asyncio.Task[None]) -> None:
        *_, future = self._under_way.pop(task)
        self._changed.set()
        if task.cancelled() and not future.done():  # before it began
            _settle(future, None)

    async def _serve(self, server: Asking, request: Request, future: Future[Response], promised: float) -> None:
        """Answer one request, whatever comes."""
        outcome: Response | VscError | None = None
        try:
            outcome = await server.answer(request, promised)
        except VscError as error:
            outcome = error
        except Exception as bug:  # its message may hold the prompt
            outcome = EngineError(f"{type(bug).__name__} in the openai engine")
        finally:
            if not isinstance(outcome, VscError) and outcome is not None:
                self._pace.answered(more=not self._waiting.empty())
            _settle(future, outcome)


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
