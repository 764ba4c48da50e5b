"""An engine that answers from a run file. It runs no model and gives no answer that the run does not hold."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pytest_vsc.cases import Value
from pytest_vsc.errors import EngineError, ModelError, RunFileError
from pytest_vsc.records import Request, Response, answers_in
from pytest_vsc.redaction import refuse_redacted
from pytest_vsc.runs import read_line, read_lines


class Answered(Value, extra="ignore"):
    """What replay reads of a record; the rest of its fields is other modules' matter."""

    requests: tuple[str, ...] = ()
    response: Response | None = None
    turns: tuple[Response | None, ...] = ()
    error: str | None = None


class Header(Value, extra="ignore"):
    """What replay reads of a header: what the model said of itself, its fingerprint among it."""

    model: dict[str, str]
    redacted: bool = False


class Index(NamedTuple):
    """Where the answers of a run stand: by request digest, the offset of the record's line in bytes.

    A request that was answered once stands in `answers` only, even if it had failed before.
    """

    model: dict[str, str]
    answers: dict[str, int]
    failures: dict[str, int]


def index_answers(lines: BinaryIO, file: Path) -> Index:
    """Where every answer of an open run file stands. A last line cut short by a crash is left out.

    Raises ModelError with `file:line` for a line that is not one of a run file, or when there is no header.
    """
    header: Header | None = None
    answers: dict[str, int] = {}
    failures: dict[str, int] = {}
    try:
        for line in read_lines(lines, str(file), {"header": Header, "record": Answered, "footer": None}):
            if isinstance(line.value, Header):
                header = line.value
                refuse_redacted(header.redacted, f"replay:{file}", "a replay")
            elif header is None:
                raise ModelError(
                    f"{file}:{line.number}: a {line.kind} before the header; expected a run file, such as run.jsonl"
                )
            elif isinstance(line.value, Answered):
                said = line.value
                given = answers_in(said.requests, said.response, said.turns)
                for request in said.requests if said.turns else said.requests[-1:]:
                    (answers if request in given else failures)[_short(request)] = line.offset
    except RunFileError as error:
        raise ModelError(str(error)) from error
    if header is None:
        raise ModelError(f"{file}:1: no header; expected a run file, such as run.jsonl")
    if "fingerprint" not in header.model:
        raise ModelError(f"{file}:1: header: the model has no fingerprint, so its answers cannot be found by request")
    return Index(header.model, answers, failures)


def _short(digest: str) -> str:
    """Enough of a digest to find a line by, in little memory; the line itself tells the whole."""
    return digest[:16]


class ReplayEngine:
    """The answers of one run as an engine, under the fingerprint of the model that gave them.

    It remembers where the answers stand and reads each when it is asked for.
    """

    lasting = False  # a run file may have been written by anybody: what it says goes into no store
    ready_made = True  # nor need anybody remember it: it can be read again

    def __init__(self, file: Path) -> None:
        self._file = file
        self._index: Index | None = None
        self._lines: BinaryIO | None = None
        self._lock = threading.Lock()
        self._loaded = self._closed = False

    def check(self) -> None:
        self._read()

    def load(self) -> None:
        self._read()
        self._loaded = True

    def describe(self) -> dict[str, str]:
        """What the recorded model said of itself, and the file as `replay`."""
        model = self._read().model
        return {**{name: said for name, said in model.items() if name != "fingerprint"}, "replay": self._file.name}

    @property
    def fingerprint(self) -> str:
        """That of the recorded model."""
        return (self._index or self._read()).model["fingerprint"]

    @property
    def weights(self) -> str:
        """Those of the recorded model, "" where it did not tell."""
        return (self._index or self._read()).model.get("weights", "")

    def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:  # noqa: ARG002
        """The recorded response; its `seconds` are 0, since nothing is generated now."""
        future: Future[Response] = Future()
        try:
            future.set_result(self._answer(request))
        except EngineError as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._lines is not None:
                self._lines.close()

    def _answer(self, request: Request) -> Response:
        if self._closed or not self._loaded:
            raise EngineError(f"replay:{self._file}: {'closed' if self._closed else 'not loaded'}")
        index = self._index or self._read()
        try:
            digest = request.digest(index.model["fingerprint"])
        except OSError as error:
            raise EngineError(f"a picture cannot be read ({error.strerror}: {error.filename})") from error
        offset = index.answers.get(_short(digest), index.failures.get(_short(digest)))
        recorded = self._recorded(offset) if offset is not None else None
        if recorded is None or digest not in recorded.requests:
            raise EngineError(f"not in run {self._file}: {_gist(request)}")
        said = answers_in(recorded.requests, recorded.response, recorded.turns).get(digest)
        if said is None:
            raise EngineError(recorded.error or "recorded without a response")
        return said.model_copy(update={"seconds": 0.0})

    def _recorded(self, offset: int) -> Answered:
        with self._lock:
            if self._closed or self._lines is None:
                raise EngineError(f"replay:{self._file}: closed")
            try:
                return read_line(self._lines, offset, Answered)
            except (RunFileError, OSError) as error:
                raise EngineError(f"replay:{self._file}: changed while it was read ({error})") from error

    def _read(self) -> Index:
        with self._lock:
            if self._index is None:
                try:
                    # Held open from here on: a run that is written in its place later changes nothing of this one.
                    self._lines = self._file.open("rb")
                    self._index = index_answers(self._lines, self._file)
                except OSError as error:
                    raise ModelError(f"replay:{self._file}: cannot be read ({error.strerror})") from error
            return self._index


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
