"""What is asked: sides, answers, centrics, variants, pictures, cases, suite headers. Values only, no reading of suites.

What there is one of for each case is a slotted dataclass, a fifth of a pydantic model's size, and checked by whoever
reads it; pydantic's `TypeAdapter` gives its validation and JSON schema.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Side = Literal["safe", "unsafe"]
Centric = Literal["image", "text"]
Variant = Literal["plain", "search", "typography", "concat", "figstep"]

SIDES: tuple[Side, ...] = get_args(Side)
CENTRICS: tuple[Centric, ...] = get_args(Centric)
VARIANTS: tuple[Variant, ...] = get_args(Variant)


class Value(BaseModel):
    """A frozen value that knows its fields and accepts no others.

    How it is validated is worked out when that is first needed: a run that only collects needs few of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


V = TypeVar("V", bound=Value)


def read_json(form: type[V], line: bytes) -> V:
    """A value out of JSON. Raises ValidationError.

    Half of a surrogate pair, which some models answer, stands escaped in what this package writes; pydantic's own
    reader refuses it.
    """
    try:
        return form.model_validate_json(line)
    except ValidationError as error:
        if b"\\ud" not in line or error.errors()[0]["type"] != "json_invalid":
            raise
        try:
            said = json.loads(line)
        except ValueError:
            raise error from None
        return form.model_validate(said)


def complete(form: type[Value] = Value) -> None:
    """Work all of them out now. Whoever is about to start threads calls this: two must not both be the first."""
    for each in form.__subclasses__():
        each.model_rebuild()
        complete(each)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a case: where its bytes are, and what they were when the suite was read.

    name: as the suite writes it, or a description for a picture given by a test.
    file: absolute path of the bytes; None when `data` holds them.
    sha256: hex digest of the bytes, "" while unknown.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    file: str | None = None
    data: bytes | None = field(default=None, repr=False)
    sha256: str = ""

    def read(self) -> bytes:
        """The encoded bytes (PNG, JPEG, ...). Raises OSError when the file is gone."""
        if self.data is not None:
            return self.data
        return Path(self.file or self.name).read_bytes()

    def unchanged(self) -> bytes:
        """The same, seen to be what they were when the suite was read: an answer is kept under that digest.

        Raises OSError when the file is gone, ValueError when it has changed.
        """
        data = self.read()
        if self.sha256 and hashlib.sha256(data).hexdigest() != self.sha256:
            raise ValueError("is not the one that the suite was read with: its file has changed since")
        return data

    def digest(self) -> str:
        """sha256 of the bytes, hex; read now unless it was noted before."""
        return self.sha256 or hashlib.sha256(self.read()).hexdigest()


class Key(NamedTuple):
    """What a record is counted under: asked twice, a case is one record."""

    suite: str
    case: str
    repeat: int = 0

    @property
    def first(self) -> Key:
        """That of the case itself, of which this may be a repeat."""
        return Key(self.suite, self.case) if self.repeat else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One image-text item of a suite, with its ground truth: a side, or in a utility case the answers.

    id is unique in the suite; pair joins a safe and an unsafe case; group joins what statistics must cluster.
    variant is None for image-centric cases. answers: the accepted forms of a utility case, whose side is None, and
    which is in no pair. options: all that it could be answered by, where these are known.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: str
    suite: str
    side: Side | None = None
    centric: Centric
    category: str
    prompt: str = field(repr=False)  # what shows a case does not show its words
    pair: str | None = None
    group: str
    variant: Variant | None = None
    images: tuple[Picture, ...] = ()
    tags: tuple[str, ...] = ()
    answers: tuple[str, ...] = field(default=(), repr=False)
    options: tuple[str, ...] = field(default=(), repr=False)
    key: Key = field(init=False, repr=False, compare=False)  # made once: whoever keeps keys keeps this one

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", Key(self.suite, self.id))

    def repeated(self, repeat: int) -> Case:
        """The same case, to be asked once more: 0 is the first time."""
        if repeat == self.key.repeat:
            return self
        again = replace(self)
        object.__setattr__(again, "key", Key(self.suite, self.id, repeat))
        return again

    @property
    def label(self) -> str:
        """The part of a node id that names the case: its pair where it has one, since `-k safe` must not match all."""
        return self.labelled(self.pair or self.id)

    def labelled(self, name: str) -> str:
        """The name behind the words that `-k` goes by: suite, centric, variant, category; said once if it begins so."""
        words = [word for word in (self.centric, self.variant, self.category) if word]
        for word in words:
            name = name.removeprefix(f"{word}-")
        again = [f"again{self.key.repeat}"] if self.key.repeat else []
        return "-".join([self.suite, *words, name, *again])


class SuiteHeader(Value):
    """What a suite says of itself in `suite.toml`.

    format: of the suite's files; 1 is the only one so far. paired: the centrics in which every case must have its twin.
    gates: default gates, in the gate language. policy: which verdicts count as what, "" for the default.
    incomplete: what is missing of what the suite is a copy of, in one line; shown in the header of every run.
    """

    format: Literal[1] = 1
    name: str
    version: str
    title: str = ""
    description: str = ""
    licence: str
    picture_licence: str = ""
    source: str = ""
    citation: str = ""
    paired: tuple[Centric, ...] = ()
    categories: tuple[str, ...] = Field(min_length=1)
    gates: tuple[str, ...] = ()
    policy: str = ""
    allow_empty_prompt: bool = False
    incomplete: str = ""


@dataclass(frozen=True, slots=True)
class Suite:
    """A named, versioned, hashed set of cases.

    root: absolute path of its folder. sha256: over the header and every case, picture digests included.
    """

    header: SuiteHeader
    root: str
    cases: tuple[Case, ...]
    sha256: str

    @property
    def name(self) -> str:
        return self.header.name

    @property
    def measures_utility(self) -> bool:
        """Whether its cases have answers: they have all of them, or none."""
        return bool(self.cases) and self.cases[0].side is None


UTILITY = "utility"  # what a case is called that has answers and no side


def count_by_side(cases: Sequence[Case]) -> dict[str, int]:
    """Number of cases a side, both sides always present."""
    return {side: sum(case.side == side for case in cases) for side in SIDES}


def count_by_kind(cases: Sequence[Case]) -> dict[str, int]:
    """The same, but of utility cases how many these are, which have no side."""
    utility = sum(case.side is None for case in cases)
    return {UTILITY: utility} if utility else count_by_side(cases)
