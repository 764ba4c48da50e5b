"""An engine that answers by rules from a TOML file: the shipped test double. It runs no model."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pydantic import Field, ValidationError, field_validator, model_validator

from pytest_vsc import private
from pytest_vsc.cases import Value
from pytest_vsc.engines import EngineSettings
from pytest_vsc.errors import EngineError, ModelError, expected
from pytest_vsc.records import FinishReason, Request, Response

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONCURRENT = 64
Question: TypeAlias = "tuple[str, tuple[str, ...] | None]"  # words and pictures; None for any


class Answer(Value):
    """What a request gets: `text` with its finish reason, or `error`. seconds: delay; None takes the script's.

    echo: the text is the last user text, word for word.
    """

    text: str | None = None
    error: str | None = None
    echo: bool = False
    finish_reason: FinishReason = "stop"
    seconds: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one_of_them(self) -> Answer:
        if (self.text is not None) + (self.error is not None) + self.echo != 1:
            raise ValueError("give one of 'text', 'error' and 'echo = true'")
        return self


class Rule(Answer):
    """An answer with its conditions; all that are given must hold.

    match: regex searched in the last user text. picture: regex searched in the picture names of that turn.
    turns: number of user turns so far. times: the rule applies to that many requests, then no more. share: it applies
    to this share of all requests, from 0 to 1, told by a hash of each: the same ones however often and in whatever
    order they are asked, and those of a smaller share among those of a larger.
    """

    match: str | None = None
    picture: str | None = None
    turns: int | None = Field(default=None, ge=1)
    times: int | None = Field(default=None, ge=1)
    share: float | None = Field(default=None, ge=0, le=1)

    @field_validator("match", "picture")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"not a regular expression ({error})") from error
        return pattern

    def fits(self, request: Request) -> bool:
        """Whether the conditions hold; `times` is counted by the engine."""
        asked = _asked(request)
        return (
            (self.match is None or re.search(self.match, asked.text) is not None)
            and (self.picture is None or any(re.search(self.picture, name) for name in asked.pictures))
            and (self.turns is None or self.turns == asked.turns)
            and (self.share is None or _place(request) < self.share)
        )


class Exact(Answer):
    """The answer to one question: the last user text is `prompt`, word for word. It goes before all rules.

    pictures: the names of the pictures of that turn, in their order; None for any, [] for none.
    """

    prompt: str
    pictures: tuple[str, ...] | None = None


class Asked(NamedTuple):
    """What the last user turn of a request says, the names of its pictures, and how many user turns there are."""

    text: str
    pictures: tuple[str, ...]
    turns: int


def _asked(request: Request) -> Asked:
    turns = [message for message in request.messages if message.role == "user"]
    if not turns:
        return Asked("", (), 0)
    return Asked(turns[-1].text, tuple(picture.name for picture in turns[-1].images), len(turns))


def _place(request: Request) -> float:
    """Where a request stands among all, from 0 up to 1, by a hash of all that it says."""
    return int(request.digest("")[:13], 16) / 16**13


class Script(Value):
    """The whole file. log: file that gets one line per load and per request, relative to the script."""

    name: str = ""
    seconds: float = Field(default=0.0, ge=0)
    load_seconds: float = Field(default=0.0, ge=0)
    load_error: str | None = None
    log: str | None = None
    default: Answer | None = None
    exact: tuple[Exact, ...] = ()
    rule: tuple[Rule, ...] = ()

    @field_validator("exact")
    @classmethod
    def _each_once(cls, exact: tuple[Exact, ...]) -> tuple[Exact, ...]:
        first: dict[Question, int] = {}
        for number, each in enumerate(exact, 1):
            before = first.setdefault((each.prompt, each.pictures), number)
            if before != number:
                raise ValueError(f"{number} asks the same as {before}; give one answer to one question")
        return exact


def read_script(file: Path) -> tuple[Script, str]:
    """A script and the sha256 (hex) of its file. Raises ModelError that names the file and the field."""
    try:
        data = file.read_bytes()
        read = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise ModelError(f"scripted:{file}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, TOMLDecodeError, and what its reader lets through
        raise ModelError(f"{file}: not a TOML file: {error}") from error
    try:
        return Script.model_validate(read), hashlib.sha256(data).hexdigest()
    except ValidationError as error:
        raise ModelError(f"{file}: {_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    """The first thing wrong, as *field: what (the value). What is allowed. The nearest match.*"""
    first = error.errors()[0]
    path = [str(part + 1) if isinstance(part, int) else part for part in first["loc"]]
    where, value = " ".join(path) or "the script", first["input"]
    if first["type"] == "extra_forbidden":
        owners: dict[str, type[Value]] = {"exact": Exact, "rule": Rule, "default": Answer}
        owner = owners.get(path[0], Script) if len(path) > 1 else Script
        within = f" in {' '.join(path[:-1])}" if len(path) > 1 else ""
        return f"unknown field '{path[-1]}'{within}; {expected(path[-1], owner.model_fields)}"
    if first["type"] == "literal_error":
        allowed = re.findall(r"'([^']+)'", first.get("ctx", {}).get("expected", ""))
        return f"{where}: unknown value '{value}'; {expected(str(value), allowed)}"
    reason = first["msg"].removeprefix("Value error, ")
    return f"{where}: {reason[:1].lower()}{reason[1:]}" + ("" if isinstance(value, dict | list) else f" ({value!r})")


class ScriptedEngine:
    """The answers and rules of one file as an engine. Which rule applies is decided in the order of submission."""

    lasting = True

    def __init__(self, file: Path, settings: EngineSettings) -> None:
        self._file, self._timeout = file, settings.timeout
        self._script: Script | None = None
        self._fingerprint = ""
        self._exact: dict[Question, Exact] = {}
        self._used: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: set[Future[Response]] = set()

    def check(self) -> None:
        self._read()

    def load(self) -> None:
        script = self._read()
        self._log(script, "load")
        self._closing.wait(script.load_seconds)
        if script.load_error is not None:
            raise ModelError(f"scripted:{self._file}: {script.load_error}")
        self._pool = ThreadPoolExecutor(CONCURRENT, "vsc-scripted")

    def describe(self) -> dict[str, str]:
        script = self._read()
        said = {"model": script.name or self._file.stem, "engine": "scripted", "rules": str(len(script.rule))}
        return {**said, "exact": str(len(script.exact))} if script.exact else said

    @property
    def fingerprint(self) -> str:
        self._read()
        return self._fingerprint

    def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:  # noqa: ARG002
        future: Future[Response] = Future()
        with self._lock:
            if self._pool is None or self._closing.is_set():
                future.set_exception(
                    EngineError(f"scripted:{self._file}: {'closed' if self._closing.is_set() else 'not loaded'}")
                )
                return future
            script = self._read()
            asked = _asked(request)
            self._log(script, f"submit {json.dumps(asked.text)}")
            try:
                answer = self._choose(script, request, asked)
            except OSError as error:
                future.set_exception(EngineError(f"a picture cannot be read ({error.strerror}: {error.filename})"))
                return future
            if answer is not None and answer.echo:
                answer = Answer(text=asked.text, finish_reason=answer.finish_reason, seconds=answer.seconds)
            self._waiting.add(future)
            self._pool.submit(self._answer, future, answer, script, time.monotonic())
        return future

    def close(self) -> None:
        with self._lock:
            self._closing.set()
            waiting, self._waiting = self._waiting, set()
            pool = self._pool
        for future in waiting:
            future.cancel()
            future.set_running_or_notify_cancel()
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def _read(self) -> Script:
        if self._script is None:
            self._script, self._fingerprint = read_script(self._file)
            self._exact = {(each.prompt, each.pictures): each for each in self._script.exact}
        return self._script

    def _choose(self, script: Script, request: Request, asked: Asked) -> Answer | None:
        for question in ((asked.text, asked.pictures), (asked.text, None)):
            if question in self._exact:
                return self._exact[question]
        for number, rule in enumerate(script.rule):
            if (rule.times is None or self._used[number] < rule.times) and rule.fits(request):
                self._used[number] += 1
                return rule
        return script.default

    def _answer(self, future: Future[Response], answer: Answer | None, script: Script, since: float) -> None:
        seconds = script.seconds if answer is None or answer.seconds is None else answer.seconds
        late = self._timeout is not None and seconds > self._timeout
        self._closing.wait(self._timeout if late else seconds)
        with self._lock:
            ours = future in self._waiting  # else close() has settled it
            self._waiting.discard(future)
        if not ours or not future.set_running_or_notify_cancel():
            return
        if late:
            future.set_exception(EngineError(f"timed out after {self._timeout:g} s"))
        elif answer is None:
            future.set_exception(EngineError(f"no rule of {self._file} fits, and it has no [default]"))
        elif answer.text is None:
            future.set_exception(EngineError(answer.error or "error"))
        else:
            taken = time.monotonic() - since
            reason, tokens = answer.finish_reason, len(answer.text.split())
            future.set_result(Response(text=answer.text, finish_reason=reason, tokens=tokens, seconds=taken))

    def _log(self, script: Script, line: str) -> None:
        if script.log is not None:
            with open(self._file.parent / script.log, "a", encoding="utf-8", opener=private.opener) as log:
                log.write(f"{line}\n")
