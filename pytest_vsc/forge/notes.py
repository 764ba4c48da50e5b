"""A forged suite as it is read back: its pairs, how each was made, and what was struck from it. It changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ConfigDict, Field, FiniteFloat, ValidationError

from pytest_vsc.cases import Side, Suite, Value
from pytest_vsc.errors import ForgeError, one_line
from pytest_vsc.forge.making import Pair, pairs_of
from pytest_vsc.forge.pairing import NOTES
from pytest_vsc.forge.workbook import is_work
from pytest_vsc.sources import HEADER
from pytest_vsc.suites import load_suite

STRUCK = "forge.struck.jsonl"
OURS = "expected a folder that `vsc forge pairs` made"


class Parent(Value):
    """The pair that a pair was made of. sha256: of its suite as it was then."""

    suite: str
    sha256: str
    pair: str


class Note(Value):
    """How a pair was made, and whether a person has accepted it. number: of the attempt, None where that is not told.

    similarity: by measure, as `weighing.Likeness`. on: the day of the review, YYYY-MM-DD. rewritten: the words of both
    halves that a model gave.
    """

    model_config = ConfigDict(extra="ignore")

    pair: str
    parent: Parent
    recipe: str
    seed: int
    number: int | None = None
    similarity: dict[str, FiniteFloat] = Field(default_factory=dict)
    rewritten: dict[Side, str] | None = None
    reviewed: bool = False
    reviewer: str = ""
    on: str = ""


class Book(NamedTuple):
    """A forged suite. where: its folder as messages name it. pairs: by name, in the suite's order. notes: of each pair;
    one may be there whose pair is not."""

    where: str
    suite: Suite
    pairs: Mapping[str, Pair]
    notes: Mapping[str, Note]

    @property
    def folder(self) -> Path:
        return Path(self.suite.root)

    def unreviewed(self) -> list[Pair]:
        """The pairs that nobody has accepted so far."""
        return [pair for name, pair in self.pairs.items() if not self.notes[name].reviewed]


def read_book(folder: Path) -> Book:
    """Raises ForgeError for a folder that is no forged suite, SuiteError for one that is not sound."""
    where = one_line(folder)
    if not (folder / HEADER).is_file():
        begun = " yet: a forge broke off in it, and the same command goes on" if is_work(folder) else f"; {OURS}"
        raise ForgeError(f"{where}: holds no suite{begun}")
    if not (folder / NOTES).is_file():
        raise ForgeError(f"{where}: has no {NOTES}, so it is no forged suite; {OURS}")
    suite = load_suite(str(folder.absolute()), Path.cwd())
    pairs = {pair.name: pair for pair in pairs_of(suite)}
    notes = read_notes(folder)
    struck = {said["pair"]: said["note"] for said in struck_of(folder)}
    for name in pairs:
        if name not in notes:
            if name not in struck:  # where it is, the strike broke off halfway
                raise ForgeError(f"{where}/{NOTES}: tells nothing of pair '{name}'; {OURS}")
            notes[name] = _note(struck[name], f"{where}/{STRUCK}")
    return Book(where, suite, pairs, notes)


def read_notes(folder: Path) -> dict[str, Note]:
    """The note of each pair, by its name. Raises ForgeError."""
    notes: dict[str, Note] = {}
    for number, (_, said) in enumerate(lines_of(folder / NOTES), 1):
        at = f"{one_line(folder / NOTES)}:{number}"
        note = _note(said, at)
        if note.pair in notes:
            raise ForgeError(f"{at}: pair '{one_line(note.pair)}' is there twice; expected one line a pair")
        notes[note.pair] = note
    return notes


def struck_of(folder: Path) -> list[dict[str, Any]]:
    """What was struck from a suite: of each pair its `pair`, `note` and `rows`. Raises ForgeError."""
    file = folder / STRUCK
    if not file.is_file():
        return []
    found = [said for _, said in lines_of(file)]
    for number, said in enumerate(found, 1):
        if not (isinstance(said.get("pair"), str) and isinstance(said.get("note"), dict)):
            raise ForgeError(f"{one_line(file)}:{number}: expected a pair that was struck, with its note")
    return found


def lines_of(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The lines of a file of JSON objects, as they are written and what they say. Raises ForgeError."""
    number = 1
    try:
        with file.open(encoding="utf-8-sig", newline="\n") as lines:
            for number, line in enumerate(lines, 1):  # noqa: B007  a message tells it
                if not line.strip():
                    continue
                said = json.loads(line)
                if not isinstance(said, dict):
                    raise ValueError(f"no object but {type(said).__name__}")
                yield line if line.endswith("\n") else f"{line}\n", said
    except OSError as error:
        raise ForgeError(f"{one_line(file)}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ForgeError(f"{one_line(file)}:{number}: not JSON: {one_line(error)[:120]}") from None


def _note(said: Mapping[str, Any], at: str) -> Note:
    try:
        return Note.model_validate(said)
    except ValidationError as error:
        raise ForgeError(f"{at}: {misfit(error)}; {OURS}") from None


def misfit(error: ValidationError) -> str:
    """The first thing that is wrong with a value, without the value: `field 'seed': input should be ...`."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"])) or "all of it"
    return one_line(f"field '{place}': {first['msg'][:1].lower()}{first['msg'][1:]}")[:200]
