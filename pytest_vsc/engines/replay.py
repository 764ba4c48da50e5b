"""An engine that answers from a run file. It runs no model and gives no answer that the run does not hold."""

from __future__ import annotations

import json
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pytest_vsc.cases import Value
from pytest_vsc.errors import EngineError, ModelError, expected
from pytest_vsc.records import Request, Response

KINDS = ("header", "record", "footer")


class Answered(Value, extra="ignore"):
    """What replay reads of a record; the rest of its fields is other modules' matter."""

    requests: tuple[str, ...] = ()
    response: Response | None = None
    error: str | None = None


class Header(Value, extra="ignore"):
    """What replay reads of a header: what the model said of itself, its fingerprint among it."""

    model: dict[str, str]


class Recorded(Value):
    """The answers of a run by request digest; a string stands for the error of a request that got none."""

    model: dict[str, str]
    answers: dict[str, Response | str]


def read_answers(file: Path) -> Recorded:
    """Every answer in a run file. A last line cut short by a crash is left out.

    Raises ModelError with `file:line` for a line that is not one of a run file, or when there is no header.
    """
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise ModelError(f"replay:{file}: cannot be read ({error.strerror})") from error
    header: Header | None = None
    answers: dict[str, Response | str] = {}
    for number, line in enumerate(lines, 1):
        where = f"{file}:{number}"
        read = _parse(line, where, cut=number == len(lines) > 1) if line.strip() else None
        if read is None:
            continue
        value = _understand(read, where)
        if isinstance(value, Header):
            header = value
        elif header is None:
            raise ModelError(f"{where}: a {read['kind']} before the header; expected a run file, such as run.jsonl")
        elif value is not None:
            _note(value, answers)
    if header is None:
        raise ModelError(f"{file}:1: no header; expected a run file, such as run.jsonl")
    if "fingerprint" not in header.model:
        raise ModelError(f"{file}:1: header: the model has no fingerprint, so its answers cannot be found by request")
    return Recorded(model=header.model, answers=answers)


def _understand(read: dict[str, Any], where: str) -> Header | Answered | None:
    """What a line says; None for the footer, which says nothing here."""
    kind = read.get("kind")
    if kind not in KINDS:
        raise ModelError(f"{where}: unknown kind '{kind}'; {expected(str(kind), KINDS)}")
    if kind == "footer":
        return None
    try:
        return Header.model_validate(read) if kind == "header" else Answered.model_validate(read)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise ModelError(f"{where}: {kind}: {field}: {first['msg']}") from error


def _parse(line: bytes, where: str, *, cut: bool) -> dict[str, Any] | None:
    """The object of a line; None for a last line without its end."""
    try:
        read = json.loads(line)
    except ValueError as error:
        if cut:
            return None
        raise ModelError(f"{where}: not a JSON line ({error})") from error
    if not isinstance(read, dict):
        raise ModelError(f"{where}: not a JSON object ({type(read).__name__})")
    return read


def _note(record: Answered, answers: dict[str, Response | str]) -> None:
    """Remember a record's answer. A response goes before an error: a rerun may have replaced it."""
    if not record.requests:
        return
    digest = record.requests[-1]
    if record.response is not None:
        answers[digest] = record.response
    else:
        answers.setdefault(digest, record.error or "recorded without a response")


class ReplayEngine:
    """The answers of one run as an engine, under the fingerprint of the model that gave them."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._recorded: Recorded | None = None
        self._closed = False

    def check(self) -> None:
        self._read()

    def load(self) -> None:
        self._read()

    def describe(self) -> dict[str, str]:
        """What the recorded model said of itself, and the file as `replay`."""
        model = self._read().model
        return {**{name: said for name, said in model.items() if name != "fingerprint"}, "replay": self._file.name}

    @property
    def fingerprint(self) -> str:
        """That of the recorded model."""
        return self._read().model["fingerprint"]

    def submit(self, request: Request) -> Future[Response]:
        future: Future[Response] = Future()
        recorded = self._read()
        try:
            answer = recorded.answers.get(request.digest(self.fingerprint))
        except OSError as error:
            future.set_exception(EngineError(f"a picture cannot be read ({error.strerror}: {error.filename})"))
            return future
        if self._closed:
            future.set_exception(EngineError(f"replay:{self._file}: closed"))
        elif isinstance(answer, Response):
            future.set_result(answer)
        elif answer is not None:
            future.set_exception(EngineError(answer))
        else:
            future.set_exception(EngineError(f"not in run {self._file}: {_gist(request)}"))
        return future

    def close(self) -> None:
        self._closed = True

    def _read(self) -> Recorded:
        if self._recorded is None:
            self._recorded = read_answers(self._file)
        return self._recorded


def _gist(request: Request) -> str:
    """What can be told of a request without its words, which may be harmful."""
    turns = len(request.messages)
    pictures = [picture.name for message in request.messages for picture in message.images]
    shown = f" with {', '.join(pictures)}" if pictures else ""
    generation = request.generation
    return (
        f"a request of {turns} message{'s' * (turns != 1)}{shown} (max_new_tokens {generation.max_new_tokens}, "
        f"temperature {generation.temperature:g}, repeat {request.repeat}). "
        "The words, the pictures, the system prompt and the generation settings must be those of the run"
    )
