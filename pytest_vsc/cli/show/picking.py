"""The walk through a run that picks the records which are wanted, and keeps of each what a table needs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pytest_vsc.cases import Key
from pytest_vsc.cli.show.choosing import OWN_WORDS, Hit, Wanted, check_words, fits, hit_of, said
from pytest_vsc.cli.show.naming import Name, rank
from pytest_vsc.cli.show.scanning import scan
from pytest_vsc.errors import RunFileError, SettingsError
from pytest_vsc.records import Outcome, Record
from pytest_vsc.runs import Footer, Header, read_line


class Picked(NamedTuple):
    """What is wanted of a run. total: how many records it has. names: of its cases and pairs, where one was named."""

    header: Header
    footer: Footer | None
    hits: list[Hit]
    total: int
    names: frozenset[str] = frozenset()


def header_of(file: Path) -> Header:
    """The header of a run file. Raises RunFileError."""
    with contextlib.closing(scan(file)) as lines:
        header = next(lines).value
    assert isinstance(header, Header)
    return header


def pick(file: Path, wanted: Wanted, name: Name | None = None) -> Picked:
    """The records that are wanted, and go best by the name where one is given. Raises RunFileError, SettingsError."""
    header, footer = header_of(file), None
    hits: dict[Key, tuple[int, Hit] | None] = {}
    known: dict[str, set[str]] = {field: set() for field in OWN_WORDS if field in wanted.words}
    names: set[str] = set()
    for line in scan(file):
        if isinstance(record := line.value, Record):
            # Of a case that has two lines the later one counts.
            hits[record.key] = _hit(record, line.offset, wanted, name)
            names.update(filter(None, (record.case_id, record.pair)) if name else ())
            for field, words in known.items():
                words.update(said(record, field))
        elif isinstance(line.value, Footer):
            footer = line.value
    check_words(wanted, known)
    found = _best([hit for hit in hits.values() if hit is not None])
    if wanted.flipped:
        before = flips(footer)
        found = [hit for hit in found if Key(hit.suite, hit.case_id) in before]
    return Picked(header, footer, found, len(hits), frozenset(names))


def _hit(record: Record, offset: int, wanted: Wanted, name: Name | None) -> tuple[int, Hit] | None:
    place = 0 if name is None else rank(name, record)
    return None if place is None or not fits(record, wanted) else (place, hit_of(record, offset))


def _best(ranked: Sequence[tuple[int, Hit]]) -> list[Hit]:
    best = min((place for place, _ in ranked), default=0)
    return [hit for place, hit in ranked if place == best]


def flips(footer: Footer | None) -> Mapping[Key, Outcome]:
    """The outcomes that cases had in the baseline, where they had others. Raises SettingsError where there is none."""
    if footer is None or footer.baseline is None:
        why = "came to no end" if footer is None else "was held to no baseline"
        raise SettingsError(f"--flipped: this run {why}; expected one that had --vsc-baseline RUN")
    return {Key(flip.suite, flip.case_id): flip.before for flip in footer.baseline.flips}


def records_of(file: Path, hits: Sequence[Hit]) -> list[Record]:
    """The whole records, read once more. Raises RunFileError."""
    try:
        with file.open("rb") as lines:
            return [read_line(lines, hit.offset, Record) for hit in hits]
    except OSError as error:
        raise RunFileError(f"{file}: cannot be read: {error.strerror or error}") from None
