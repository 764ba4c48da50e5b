"""An engine for any server that speaks OpenAI's chat API: vLLM, SGLang, `transformers serve`, hosted ones.

It sends what it is asked and reads what comes back, many at a time; it starts no server and streams nothing.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import difflib
import email.utils
import functools
import hashlib
import importlib.util
import itertools
import json
import math
import os
import random
import re
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args
from urllib.parse import SplitResult, urlsplit

from pydantic import ValidationError

from pytest_vsc.cases import Picture, Value
from pytest_vsc.engines import EngineSettings
from pytest_vsc.errors import EngineError, ModelError, VscError, has, one_line
from pytest_vsc.records import FinishReason, Message, Request, Response

if TYPE_CHECKING:
    from openai import AsyncOpenAI

T = TypeVar("T")

KEY = "OPENAI_API_KEY"
AT_ONCE = 16  # requests that the server works on
TIMEOUT = 120.0  # seconds
LIST_SECONDS = 10.0  # a list of models is a small thing
CLOSE_SECONDS = 10.0
TRIES = 3
BACKOFF_SECONDS = 0.5  # before the second try; doubled before each further one
LONGEST_PAUSE = 30.0  # seconds that a server's Retry-After is heeded
PASSING = (408, 409, 429)  # as is 500 and above: it may be otherwise in a moment
GONE = (401, 403, 404)  # no further request would be answered
UNUSABLE = (400, 422)
FILTERED = {"content_filter", "ResponsibleAIPolicyViolation"}
FINISH_REASONS: tuple[FinishReason, ...] = get_args(FinishReason)
MOST_SAID = 200  # letters of a server's own message in an error
MOST_NAMED = 10  # models of a server in an error
REPEATED = 16  # letters and digits in a row that a message must not share with the request
SIGNATURES = (
    (re.compile(rb"\x89PNG\r\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"GIF8"), "image/gif"),
    (re.compile(rb"BM"), "image/bmp"),
)


class Answered(NamedTuple):
    """What a server sent back. seconds: from the sending of the try that was answered to its end."""

    content: bytes
    seconds: float


# One that waits for its turn: whoever is waited for first, then in the order of submission.
Job = tuple[bool, int, Request, "Future[Response]"]


class OpenAIEngine:
    """One model of one server. A thread of its own keeps up to `AT_ONCE` requests, or `batch_size`, with the server."""

    def __init__(
        self, url: str, model: str, settings: EngineSettings, environ: Mapping[str, str] | None = None
    ) -> None:
        """url: where the API begins, `/v1` if it has no path. The key is that of the environment, if there is one."""
        self._url, self._model, self._revision = url, model, settings.revision
        self._at_once = settings.batch_size or AT_ONCE
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
        return {**said, **named, "concurrency": str(self._at_once)}

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) of address, name and revision: all that can be told of a model that somebody else runs."""
        whole = ["openai", base_of(self._url), self._model, self._revision]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()

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
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._at_once)]

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
            if _is_filtered(error):
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
                wanting = _lacking(error, request, lacks)
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
                if attempt == TRIES or not _is_passing(error):
                    raise
                pause = _pause(error, attempt)
            await asyncio.sleep(pause)
            attempt += 1

    def _trouble(self, error: Exception, seconds: float, request: Request | None = None) -> VscError:
        """What an error of the openai package, or its lateness, means here: the one place where that is decided."""
        import openai

        tries = f" ({TRIES} tries)" if _is_passing(error) else ""
        if isinstance(error, asyncio.TimeoutError | openai.APITimeoutError):
            return EngineError(f"timed out after {seconds:g} s{tries}")
        if isinstance(error, openai.APIStatusError):
            status = error.status_code
            if status == 401:
                wrong = f"refuses the key of {KEY} (401)" if self._key else f"wants a key (401); set {KEY}"
                return ModelError(f"{self._name}: the server {wrong}")
            told = f"the server answers {status}{tries}{self._quoted(_message_of(error), request)}"
            return ModelError(f"{self._name}: {told}") if status in GONE else EngineError(told)
        if isinstance(error, openai.APIConnectionError):
            return EngineError(
                f"the server cannot be reached{tries}{self._quoted(str(error.__cause__ or ''), request)}"
            )
        return EngineError(f"{type(error).__name__} in the openai package")

    def _quoted(self, message: str, request: Request | None) -> str:
        """A message from elsewhere as the tail of an error: without the key, and none if it repeats the request."""
        said = one_line(message.replace(self._key, "***") if self._key else message)[:MOST_SAID]
        if request is not None and _repeats(said, request):
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


# -- where it is


def parts_of(url: str) -> SplitResult:
    """The parts of a server's address. Raises ModelError for one that is none, or that holds what may be a secret.

    An address is written into runs and reports, as is all that says which model was asked.
    """
    wanted = "expected http://host:8000/v1 or https://..., with the name of the model behind '#'"
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or not url.isprintable() or " " in url:
        raise ModelError(f"{shown(url)}: not the address of a server; {wanted}")
    if "@" in url or "?" in url:
        raise ModelError(f"{shown(url)}: a user, a password or a query in the address; {wanted}, and the key in {KEY}")
    return parts


def base_of(url: str) -> str:
    """Where the API begins: the address as given, or its `/v1` if it has no path. Raises ModelError."""
    return f"{url.rstrip('/')}/v1" if parts_of(url).path in ("", "/") else url.rstrip("/")


def shown(url: str) -> str:
    """An address as it may be printed: without user, password and query."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # looked at for its ValueError: what stands there may be half of a password
    except ValueError:
        return one_line(f"{url.partition('://')[0][:10]}://...")
    path = "/..." if "@" in parts.path else parts.path
    return one_line(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}")


# -- what is sent


def chat_of(request: Request, model: str, lacks: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The request in the API's terms, without what the server lacks. Raises EngineError for what cannot be sent.

    Each repeat has a seed of its own, since the same one would give the same answer.
    """
    generation = request.generation
    limit = "max_completion_tokens" if "max_tokens" in lacks else "max_tokens"
    chat: dict[str, Any] = {
        "model": model,
        "messages": [_turn(message) for message in request.messages],
        limit: generation.max_new_tokens,
        "temperature": generation.temperature,
    }
    if generation.seed is not None:
        chat["seed"] = generation.seed + request.repeat
    if request.form and "response_format" not in lacks:
        form = {"name": "answer", "schema": json.loads(request.form), "strict": True}
        chat["response_format"] = {"type": "json_schema", "json_schema": form}
    return chat


def _turn(message: Message) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.text}
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": _data_url(picture)}} for picture in message.images
    ]
    if message.text:  # some servers refuse an empty part
        parts.append({"type": "text", "text": message.text})
    return {"role": message.role, "content": parts}


def _data_url(picture: Picture) -> str:
    try:
        data = picture.read()
    except OSError as error:
        raise EngineError(f"a picture cannot be read ({error.strerror}: {error.filename})") from None
    kind = next((kind for signature, kind in SIGNATURES if signature.match(data)), None)
    if kind is None:
        raise EngineError(f"{one_line(picture.name)}: not a picture of a known format")
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


# -- what comes back


class Said(Value, extra="ignore"):
    """The message of an answer. Servers send what a model thought under either of two names."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class Choice(Value, extra="ignore"):
    """One answer, with the reason why it ends."""

    message: Said
    finish_reason: str | None = None


class Usage(Value, extra="ignore"):
    """What was counted."""

    completion_tokens: int | None = None


class Completion(Value, extra="ignore"):
    """What is read of a chat completion."""

    choices: tuple[Choice, ...]
    usage: Usage | None = None


def response_of(answered: Answered) -> Response:
    """What the server sent, as a response. Raises EngineError for what is no answer.

    What the model thought is put before its answer as `<think>...</think>`, as models write it that nobody parses.
    """
    try:
        completion = Completion.model_validate_json(answered.content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False)[0]
        where = "".join(f"{part}: " for part in [".".join(map(str, first["loc"]))] if part)
        raise EngineError(f"the server's answer is no chat completion ({where}{first['msg']})") from None
    if not completion.choices:
        raise EngineError("the server's answer holds no choice")
    choice, usage = completion.choices[0], completion.usage
    thought = choice.message.reasoning_content or choice.message.reasoning
    text = choice.message.refusal or choice.message.content or ""
    return Response(
        text=f"<think>\n{thought}\n</think>\n{text}" if thought else text,
        finish_reason=_reason(choice.finish_reason),
        tokens=usage.completion_tokens if usage else None,
        seconds=answered.seconds,
    )


def _reason(told: str | None) -> FinishReason:
    for reason in FINISH_REASONS:
        if told == reason:
            return reason
    ending = "no reason" if told is None else f"'{one_line(told)[:MOST_SAID]}'"
    raise EngineError(f"the answer ends with {ending}; expected one of {', '.join(FINISH_REASONS)}")


# -- what goes wrong


def _is_passing(error: Exception) -> bool:
    """Whether it may be otherwise in a moment: the server is busy, late or was not reached."""
    import openai

    if isinstance(error, openai.APIStatusError):
        return error.status_code in PASSING or error.status_code >= 500
    return isinstance(error, asyncio.TimeoutError | openai.APIConnectionError)


def _pause(error: Exception, attempt: int) -> float:
    """Seconds to wait after a try that failed: as the server says, or longer each time and not all at once."""
    import openai

    told = _retry_after(error.response.headers) if isinstance(error, openai.APIStatusError) else None
    if told is not None:
        return min(max(told, 0.0), LONGEST_PAUSE)
    return BACKOFF_SECONDS * 2.0 ** (attempt - 1) * random.uniform(0.75, 1.25)  # noqa: S311  # no secret


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from a number of them or from a date; None where the server says neither."""
    said = headers.get("retry-after", "")
    with contextlib.suppress(ValueError):
        return float(said) if math.isfinite(float(said)) else None
    with contextlib.suppress(ValueError, TypeError):
        return email.utils.parsedate_to_datetime(said).timestamp() - time.time()
    return None


def _is_filtered(error: Exception) -> bool:
    """Whether a provider's filter refused the request."""
    import openai

    if not isinstance(error, openai.BadRequestError):
        return False
    body: Mapping[str, Any] = error.body if isinstance(error.body, dict) else {}
    inner = body.get("innererror")
    return not FILTERED.isdisjoint({str(body.get("code")), str(inner.get("code") if isinstance(inner, dict) else "")})


def _lacking(error: Any, request: Request, lacks: frozenset[str]) -> str | None:
    """What of a request that was refused the server may not know, so that it is asked again without that.

    The many ways of saying that a form is not supported are not told apart: a further request will tell.
    """
    if error.status_code not in UNUSABLE or _is_filtered(error):
        return None
    words = f"{error.code} {error.param} {_message_of(error)}".lower()
    if "max_tokens" not in lacks and "max_tokens" in words and re.search("unsupported|not supported", words):
        return "max_tokens"
    return "response_format" if request.form and "response_format" not in lacks else None


def _message_of(error: Any) -> str:
    """What a server says beside its status; "" for a page or for what has another shape."""
    body = error.body
    said = body.get("message") or body.get("detail") if isinstance(body, dict) else body
    return said if isinstance(said, str) and not said.lstrip().startswith("<") else ""


def _repeats(message: str, request: Request) -> bool:
    """Whether a message holds something of the request: all of a text or a long run of it, or a picture."""
    if "base64," in message:
        return True
    said = _bare(message)
    runs = {said[at : at + REPEATED] for at in range(max(1, len(said) - REPEATED + 1))}
    texts = [_bare(turn.text) for turn in request.messages]
    return any(text and (text in said or any(len(run) == REPEATED and run in text for run in runs)) for text in texts)


def _bare(text: str) -> str:
    """Letters and digits only, since a message may escape the rest, and what it escapes."""
    told = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return "".join(filter(str.isalnum, re.sub(r"\\[a-z]", " ", told))).lower()
