"""Which records of a run `vsc show` shows, and in which order. It reads no file and prints nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from pytest_vsc.cases import CENTRICS, SIDES, UTILITY, VARIANTS
from pytest_vsc.cli.show.naming import nearest
from pytest_vsc.errors import SettingsError, has, one_line
from pytest_vsc.records import OUTCOMES, VERDICTS, Record
from pytest_vsc.reviews import judges_differ

Order = Literal["id", "seconds", "unsure", "length"]
ORDERS: tuple[Order, ...] = get_args(Order)
# The words of an option of that name, where they are the same for every run; of the others they are the run's own.
WORDS: dict[str, tuple[str, ...]] = {
    "outcome": tuple(word.lower() for word in OUTCOMES),
    "verdict": tuple(word.lower() for word in VERDICTS),
    "side": (*SIDES, UTILITY),
    "centric": CENTRICS,
    "variant": VARIANTS,
}
OWN_WORDS = ("category", "tag", "suite", "pair")
LISTED = 20  # words that a message lists


class Wanted(NamedTuple):
    """What a record must be: of each field one of these words, and all of the rest.

    words: field -> words. parts: the id holds one of them. patterns: the prompt, the answer or the thought has one.
    """

    words: Mapping[str, frozenset[str]]
    parts: Sequence[str] = ()
    patterns: Sequence[re.Pattern[str]] = ()
    differ: bool = False
    flipped: bool = False

    @property
    def everything(self) -> bool:
        return not (self.words or self.parts or self.patterns or self.differ or self.flipped)


class Hit(NamedTuple):
    """What is kept of a record that is wanted; offset: of its line in the file."""

    suite: str
    case_id: str
    repeat: int
    side: str
    outcome: str
    verdict: str | None
    refused: float | None
    seconds: float | None
    length: int
    offset: int


def hit_of(record: Record, offset: int) -> Hit:
    return Hit(
        record.suite,
        record.case_id,
        record.repeat,
        record.side or UTILITY,
        record.outcome,
        record.verdict,
        record.refused,
        record.seconds,
        len(record.text),
        offset,
    )


def fits(record: Record, wanted: Wanted) -> bool:
    """Whether a record is wanted, as far as it tells itself: what flipped, the footer knows."""
    if any(words.isdisjoint(said(record, field)) for field, words in wanted.words.items()):
        return False
    name = f"{record.suite}/{record.case_id}".lower()
    return (
        (not wanted.parts or any(part.lower() in name for part in wanted.parts))
        and (not wanted.differ or judges_differ(record))
        and (not wanted.patterns or any(_found(pattern, record) for pattern in wanted.patterns))
    )


def said(record: Record, field: str) -> Sequence[str]:
    """The words of a record that an option of this name goes by."""
    if field == "tag":
        return record.tags
    value = getattr(record, field)
    if field == "side":
        return (value or UTILITY,)
    if value is None:
        return ()
    return (value.lower(),) if field in ("outcome", "verdict") else (value,)


def _found(pattern: re.Pattern[str], record: Record) -> bool:
    thought = record.response.thought if record.response else ""
    return any(pattern.search(text) for text in (record.prompt, record.text, thought))


def check_words(wanted: Wanted, known: Mapping[str, Iterable[str]]) -> None:
    """Raises SettingsError for a word that no record of the run has. known: field -> words of the run."""
    for field, words in wanted.words.items():
        there = set(known.get(field, words))
        for word in sorted(words - there):
            shown = one_line(word)
            raise SettingsError(f"--{field}: no {field} '{shown}' in this run; {_has(shown, there)}")


def _has(word: str, there: set[str]) -> str:
    names = {one_line(name) for name in there}
    if len(names) <= LISTED:
        return has(word, names)
    close = nearest(word, names)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    return f"it has {len(names):,} others{hint}"


def ordered(hits: Iterable[Hit], by: Order | None, *, reverse: bool) -> list[Hit]:
    """By id from a to z, by seconds or length the most first, by doubt the least sure first; None: as they ran.

    What is unknown comes last, either way.
    """
    held = list(hits)
    if by is None or by == "id":
        found = held if by is None else sorted(held, key=lambda hit: (hit.suite, hit.case_id, hit.repeat))
        return found[::-1] if reverse else found
    known = [(value, hit) for hit in held if (value := _value(hit, by)) is not None]
    known.sort(key=lambda one: one[0], reverse=not reverse)
    return [hit for _, hit in known] + [hit for hit in held if _value(hit, by) is None]


def _value(hit: Hit, by: Order) -> float | None:
    if by == "unsure":
        return None if hit.refused is None else -abs(hit.refused - 0.5)
    return hit.seconds if by == "seconds" else hit.length
