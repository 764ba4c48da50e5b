"""One server's model: what is sent to it, tried again and given up, and what its answers and its silence mean.

It runs in the loop of whoever asks; it keeps no queue and no thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import functools
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from pytest_vsc.engines.builds import Builds
from pytest_vsc.engines.chat import MOST_SAID, Answered, chat_of, completion_of, response_of
from pytest_vsc.engines.connection import TooLargeError
from pytest_vsc.engines.costs import Account
from pytest_vsc.engines.pacing import Pace
from pytest_vsc.engines.secrets import Secrets
from pytest_vsc.engines.troubles import (
    is_busy,
    is_denied,
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
from pytest_vsc.errors import EngineError, ModelError, VscError, has, one_line
from pytest_vsc.records import Generation, Message, Request, Response

if TYPE_CHECKING:
    from openai import AsyncOpenAI

NO_LIST = (403, 404, 405, 501)  # the server has no list of models, or none for this key
LIST_SECONDS = 10.0  # a list of models is a small thing
TRIES = 3
LATE_TRIES = 2  # of which each takes its whole time
BUSY_SECONDS = 300.0  # how long a server may say that it is given too much
GIVE_UP = 20  # requests in a row that came to nothing
GONE = (401, 404)  # no further request would be answered
MOST_READ = 10_000  # letters of a server's words that are looked at
MOST_NAMED, MOST_COMPARED = 10, 1000  # models of a server in an error; in a list of more each takes its time
# Asked before anything else: who answers, and what the server does not take.
GREETING = "Hello."
GREETING_TOKENS = 16
UNMISSED = frozenset({"max_tokens", "response_format"})  # what a server may not take, and be asked otherwise


class Asking:
    """The model of a server, asked through a client that tries nothing again itself.

    lacks: what of a request this server was seen not to take. latest: when it last answered one, in seconds of
    time.monotonic. gone: why nothing more is asked of it.
    """

    def __init__(
        self,
        client: AsyncOpenAI,
        name: str,
        model: str,
        *,
        secrets: Secrets,
        account: Account,
        pace: Pace,
        timeout: float,
        max_pixels: int | None = None,
    ) -> None:
        """name: what errors call it. timeout: seconds for one request. max_pixels: of a picture."""
        self._max_pixels = max_pixels
        self.client, self._name, self._model, self._timeout = client, name, model, timeout
        self.secrets, self.account, self.pace, self.served = secrets, account, pace, Builds()
        self.lacks: frozenset[str] = frozenset()
        self.latest: float | None = None
        self.gone: ModelError | None = None
        self._failed = 0  # requests in a row that the server did nothing with
        self._asking = asyncio.Lock()

    def describe(self) -> dict[str, str]:
        """Who answers, and what of a request the server does not take."""
        return {**self.served.describe(), **({"not_taken": ", ".join(self.not_taken)} if self.not_taken else {})}

    @property
    def not_taken(self) -> list[str]:
        return sorted(self.lacks - UNMISSED)

    # -- before the first request

    async def look_up(self) -> None:
        """See whether the server is there and has the model. Raises ModelError."""
        import openai

        try:
            listed = await self._tried(self.client.models.with_raw_response.list, LIST_SECONDS)
        except (openai.OpenAIError, asyncio.TimeoutError) as error:
            if isinstance(error, openai.APIStatusError) and error.status_code in NO_LIST:
                return  # the greeting will tell
            raise self._ending(self._trouble(error, LIST_SECONDS)) from None
        except TooLargeError as error:
            raise ModelError(f"{self._name}: the server's list of models {error}") from None
        entries = self._listed(listed.content)
        if entries and self._model not in entries:
            some = [*entries][:MOST_COMPARED]
            near = [self._named(name) for name in difflib.get_close_matches(self._model, some, MOST_NAMED, 0)]
            more = f" (and {len(entries) - len(near)} more)" if len(entries) > len(near) else ""
            raise ModelError(f"{self._name}: the server has no such model; {has(self._model, near)}{more}")
        self.served.note_entry(entries.get(self._model, {}), self._named)

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
        return {entry["id"]: entry for entry in found if isinstance(entry.get("id"), str)}

    async def greet(self) -> None:
        """Ask a first, short question: who answers, and what of a request the server does not take.

        Raises ModelError where no further question would be answered; any other trouble is left to those.
        """
        if not self.account.affords(GREETING_TOKENS):
            raise self._ending(ModelError(self.account.beyond()))
        greeting = Request((Message("user", GREETING),), Generation(max_new_tokens=GREETING_TOKENS))
        with contextlib.suppress(EngineError):
            await self.answer(greeting, self.account.promise(GREETING_TOKENS), typical=False)
        self._failed, self.served.known = 0, True

    # -- what is asked of the server

    async def answer(self, request: Request, promised: float, *, typical: bool = True) -> Response:
        """What a request is answered; settles what was promised for it. Raises VscError."""
        import openai

        response, sent, since = None, [0], time.monotonic()
        try:
            answered = await self._asked(request, sent, promised)
            completion = completion_of(answered.content)
            self.served.note(completion.model, completion.system_fingerprint, self._named)
            response = self._masked(response_of(completion, answered.seconds))
            self._failed, self.latest = 0, time.monotonic()
        except (openai.OpenAIError, asyncio.TimeoutError) as error:
            if is_filtered(error):
                self._failed = 0
                return Response(text="", finish_reason="content_filter")
            raise await self._given_up(error, request, since) from None  # the cause holds the request
        except TooLargeError as error:
            raise EngineError(f"the server's answer {error}") from None
        finally:
            self.account.settle(promised, response, sent=sent[0], typical=typical)
        if self.account.uncounted(response):
            uncounted = "the server does not tell what an answer took, so --vlm-max-cost can't be held"
            raise self._ending(EngineError(uncounted))
        return response

    async def _asked(self, request: Request, sent: list[int], promised: float) -> Answered:
        """The server's answer, asked without what it does not take. Raises as `_tried` does.

        sent: counts how often the server answered. promised: what a try that it did not answer is taken to cost.
        """
        import openai

        create, lacks = self.client.chat.completions.with_raw_response.create, self.lacks
        while True:
            chat = await self._chat(request, lacks)
            try:
                answered = await self._tried(functools.partial(create, **chat), self._timeout, sent, promised)
            except openai.APIStatusError as error:
                wanting = lacking(error, request, lacks)
                if wanting is None:
                    raise
                lacks |= {wanting}
            else:
                self.lacks |= lacks  # only now is it sure what the trouble was
                return answered

    async def _chat(self, request: Request, lacks: frozenset[str]) -> dict[str, Any]:
        """The request as it is sent; decoding and shrinking pictures holds up nobody else."""
        if self._max_pixels is None:
            return chat_of(request, self._model, lacks)
        return await asyncio.to_thread(chat_of, request, self._model, lacks, self._max_pixels)

    async def _tried(
        self,
        call: Callable[[], Awaitable[Any]],
        seconds: float,
        sent: list[int] | None = None,
        promised: float = 0.0,
    ) -> Answered:
        """What a call brings, tried again where that may help and can be paid.

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
                    if sent is not None:
                        sent[0] += 1
                    raise error.__cause__ from None
                paid = self.account.charge(promised) if sent is not None and is_late(error) else True
                if not paid or not self._again(error, attempt, busy_until):
                    raise
                seconds_until = pause(error, attempt)
                if is_busy(error):
                    self.pace.refused(pause(error, 1))  # what this one waits longer is its own bad luck
                elif is_late(error) and self.served.known:  # a first answer may take long: it says nothing of many
                    self.pace.late(since)
            await asyncio.sleep(seconds_until)
            attempt += 1

    async def _rest(self) -> None:
        """Wait as long as the server asked everybody to."""
        while (seconds := self.pace.rest) > 0:
            await asyncio.sleep(seconds)

    def _again(self, error: Exception, attempt: int, busy_until: float) -> bool:
        """Whether to try once more."""
        if not is_passing(error) or is_used_up(error):
            return False
        if is_busy(error):
            return time.monotonic() < busy_until
        return attempt < (LATE_TRIES if is_late(error) else TRIES)

    # -- when it goes wrong

    async def _given_up(self, error: Exception, request: Request, since: float) -> VscError:
        """What a request that came to nothing means: for it alone, or that there is no model any more.

        since: when it was first asked, as `latest`.
        """
        trouble = self._trouble(error, self._timeout, request)
        if self.gone is not None:
            return self.gone
        lasts = is_passing(error) or is_denied(error)  # and so it may be all that comes from now on
        self._failed = self._failed + 1 if lasts else 0
        if isinstance(trouble, EngineError) and lasts:
            slow = is_late(error) and self.latest is not None and self.latest > since  # others were answered meanwhile
            if not (slow or is_busy(error) or is_denied(error) or await self._is_there()):
                trouble = self._ending(trouble)
            elif self._failed >= GIVE_UP or (is_busy(error) and self._starved()):
                trouble = EngineError(f"none of the last {self._failed} requests was answered ({trouble})")
                trouble = self._ending(trouble)
        return self._ending(trouble) if isinstance(trouble, ModelError) else trouble

    def _starved(self) -> bool:
        """Whether nobody at all was answered for as long as a server may be busy."""
        return self.latest is None or time.monotonic() - self.latest > BUSY_SECONDS

    async def _is_there(self) -> bool:
        """Whether the server answers anything at all; those who wonder at the same time ask once."""
        import openai

        async with self._asking:
            if self.gone is not None:
                return False
            try:
                await asyncio.wait_for(self.client.models.with_raw_response.list(), LIST_SECONDS)
            except openai.APIStatusError as error:
                return error.status_code < 500 or error.status_code in NO_LIST
            except (openai.OpenAIError, asyncio.TimeoutError):
                return False
            except TooLargeError:
                return True
            return True

    def _ending(self, trouble: VscError) -> ModelError:
        """The same trouble as the end of the run."""
        self.gone = trouble if isinstance(trouble, ModelError) else ModelError(f"{self._name}: {trouble}")
        return self.gone

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
        status, secrets = error.status_code, self.secrets
        if status == 401:
            wrong = f"refuses the key of {secrets.variable} (401)" if secrets.key else "wants a key (401)"
            return ModelError(f"{self._name}: the server {wrong}{'' if secrets.key else f'; set {secrets.variable}'}")
        if (to := redirects(error)) is not None:
            elsewhere = f" to {self._cleaned(to)}" if to else ""
            return EngineError(
                f"the server sends elsewhere ({status}{elsewhere}); nothing is sent there. Give that address"
            )
        busy = f" for {BUSY_SECONDS:g} s" if is_busy(error) and not is_used_up(error) else ""
        tries = f" ({TRIES} tries)" if is_passing(error) and not is_busy(error) else busy
        told = f"the server answers {status}{tries}{self._quoted(message_of(error), request)}"
        ends = status in GONE or is_used_up(error) or (is_denied(error) and self.latest is None)
        return ModelError(f"{self._name}: {told}") if ends else EngineError(told)

    def _quoted(self, message: str, request: Request | None) -> str:
        """A message from elsewhere as the tail of an error: without the key, and none if it repeats the request."""
        said = self._cleaned(message)
        if request is not None and repeats(said, request):
            return " (its message repeats the request and is withheld)"
        return f": {said}" if said else ""

    def _cleaned(self, said: str) -> str:
        """Something short that a server says, without secrets and on one line."""
        return one_line(self.secrets.masked(said[:MOST_READ]))[:MOST_SAID]

    def _named(self, name: str) -> str:
        """A name that a server tells, as far as it is shown: a key as short as `x` may well be a part of it."""
        return one_line(self.secrets.masked_answer(name))[:MOST_SAID]

    def _masked(self, response: Response) -> Response:
        """The response without our secrets, should the server repeat them in it."""
        text, thought = map(self.secrets.masked_answer, (response.text, response.thought))
        if (text, thought) == (response.text, response.thought):
            return response
        return response.model_copy(update={"text": text, "thought": thought})
