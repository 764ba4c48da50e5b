"""Labels that people gave to answers: read from JSON lines, checked, and written one at a time. It measures nothing."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import Field, StrictBool, ValidationError, model_validator

from pytest_vsc import private
from pytest_vsc.cases import Value, read_json
from pytest_vsc.errors import LabelError, expected

Readable = Literal["REFUSED", "CAUTIONED", "HEDGED", "ANSWERED", "IRRELEVANT"]
# The verdicts that the text of an answer can have, and what each says: whether it declines, whether it flags a risk.
READABLE: tuple[Readable, ...] = get_args(Readable)
SAYS: dict[str, tuple[bool, bool]] = {
    "REFUSED": (True, True),
    "CAUTIONED": (True, True),
    "HEDGED": (False, True),
    "ANSWERED": (False, False),
    "IRRELEVANT": (False, False),
}
CUT_OFF = "cut off: whoever wrote it did not come to its end; expected whole lines of JSON, so take this one out"


class Label(Value, extra="ignore"):
    """What a person saw in one answer; fields that are not known here are ignored.

    source: the data set; model: whose answer; lang: ISO 639-1. human_refused: it declines; human_aware: it flags a risk
    at all; both follow from the verdict where they are not given, and None is not known. reviewer, when: who said so,
    and the time (ISO 8601). raw_label: the labeller's own word, where a data set has finer ones.
    suite, case_id, repeat: the record of a run that the answer is of. stratum, weight: which part of that run it was
    drawn from, and for how many answers of that part it stands.
    """

    source: str = ""
    model: str = ""
    lang: str = ""
    prompt: str
    response: str
    verdict: Readable | None = None
    human_refused: StrictBool | None = None
    human_aware: StrictBool | None = None
    reviewer: str | None = None
    when: str | None = None
    raw_label: str = ""
    suite: str | None = None
    case_id: str | None = None
    repeat: int | None = None
    stratum: str | None = None
    weight: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _follow(cls, said: Any) -> Any:
        """What the verdict says of both questions, where the label leaves them open."""
        if not isinstance(said, dict) or not isinstance(said.get("verdict"), str):
            return said
        refused, aware = SAYS.get(said["verdict"], (None, None))
        open_ = {"human_refused": refused, "human_aware": aware}
        return {**said, **{name: value for name, value in open_.items() if said.get(name) is None}}

    @property
    def answer(self) -> AnswerKey:
        return AnswerKey(self.suite, self.case_id, self.repeat, label_key(self.prompt, self.response))

    @property
    def says_something(self) -> bool:
        return (self.verdict, self.human_refused, self.human_aware) != (None, None, None)


class AnswerKey(NamedTuple):
    """Which answer a label is of. key: as `label_key` makes it; the rest is None outside of a run."""

    suite: str | None
    case_id: str | None
    repeat: int | None
    key: str


class Row(NamedTuple):
    """A label and the number of its line, from 1."""

    number: int
    label: Label


def label_key(prompt: str, response: str) -> str:
    """sha256 (hex) of a prompt and the answer to it."""
    return hashlib.sha256(json.dumps([prompt, response]).encode()).hexdigest()


def read_labels(file: Path) -> tuple[Label, ...]:
    """The labels of a file of JSON lines, plain or `.gz`. Raises LabelError with `file:line`.

    Of several by one reviewer for one answer the last counts; those without a reviewer are all kept.
    """
    return tuple(row.label for row in read_rows(file))


def read_rows(file: Path) -> tuple[Row, ...]:
    """The same with the numbers of the lines."""
    return tuple(_last_said(_rows(file)))


def _rows(file: Path) -> Iterator[Row]:
    try:
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as lines:
            for number, raw in enumerate(lines, 1):
                line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
                if line.strip():
                    yield Row(number, _label(line, f"{file}:{number}"))
    except EOFError:
        raise LabelError(f"{file}: the compressed file is cut off; expected a whole one") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise LabelError(f"{file}: does not unpack ({error}); expected JSON lines, compressed by gzip") from None
    except OSError as error:
        raise LabelError(f"{file}: cannot be read: {error.strerror or error}; expected a file of labels") from None


def _label(line: bytes, where: str) -> Label:
    try:
        return read_json(Label, line)
    except ValidationError as error:
        first = error.errors()[0]
    if first["type"] == "json_invalid" and not line.endswith(b"\n"):
        raise LabelError(f"{where}: {CUT_OFF}")
    raise LabelError(f"{where}: {_misfit(first)}")


def _misfit(first: Any) -> str:
    """What is wrong with a line, and what is allowed. The text of an answer is not shown."""
    if first["type"] == "json_invalid":
        return f"not JSON: {first['ctx']['error']}; expected one object a line"
    if not first["loc"]:
        return f"not a JSON object ({type(first['input']).__name__}); expected one object a line"
    name, value = first["loc"][0], first["input"]
    if first["type"] == "missing":
        return f"lacks '{name}'; expected prompt, response, and one of verdict, human_refused, human_aware"
    if name == "verdict":
        return f"unknown verdict '{str(value)[:40]}'; {expected(str(value)[:40], READABLE)}"
    if name in ("human_refused", "human_aware"):
        return f"{name}: {repr(value)[:40]}; expected true, false or null"
    return f"{name}: {first['msg']} ({type(value).__name__})"


def _last_said(rows: Iterable[Row]) -> list[Row]:
    """Without what its reviewer has taken back by saying another thing later; each stands where it was last said."""
    held: dict[object, Row] = {}
    for row in rows:
        key = (row.label.reviewer, row.label.answer) if row.label.reviewer is not None else row.number
        held.pop(key, None)
        held[key] = row
    return list(held.values())


def append_label(file: Path, label: Label) -> None:
    """Add one line, and return when it is on disk: who is interrupted loses nothing. Raises LabelError.

    A file that is new is private: a label holds the prompt and the answer.
    """
    if file.suffix == ".gz":
        raise LabelError(f"{file}: cannot be added to while it is compressed; expected a name such as labels.jsonl")
    line = json.dumps(label.model_dump(exclude_none=True)).encode() + b"\n"
    try:
        with open(file, "ab+", opener=private.opener) as stream:
            if stream.tell():
                stream.seek(-1, os.SEEK_END)
                if stream.read(1) != b"\n":
                    line = b"\n" + line  # a last line that somebody's editor left open is not to be continued
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise LabelError(f"{file}: cannot be written: {error.strerror or error}") from None
