"""How a person names a case of a run: by its id, its pair, a pasted node id; and the nearest names to a wrong one."""

from __future__ import annotations

import difflib
import heapq
import itertools
import re
from collections.abc import Iterable
from typing import NamedTuple

from pytest_vsc.cases import Case, Side
from pytest_vsc.errors import one_line
from pytest_vsc.records import Record

NODE_ID = re.compile(r".*::(\w+)\[(.+)\]\s*", re.DOTALL)
AGAIN = re.compile(r"(.+)-again(\d{1,9})", re.DOTALL)
SIDE_OF_TEST: dict[str, Side] = {"test_undersafety": "unsafe", "test_oversafety": "safe"}
NEAREST, LOOKED_AT = 3, 300


class Name(NamedTuple):
    """What was asked for. side: that of the test, where a node id was pasted. again: the number of a repeat."""

    text: str
    base: str
    side: Side | None = None
    again: int | None = None


def name_of(text: str) -> Name:
    """What a person typed or pasted."""
    found = NODE_ID.fullmatch(text)
    label = found[2] if found else text.strip()
    side = SIDE_OF_TEST.get(found[1]) if found else None
    again = AGAIN.fullmatch(label)
    return Name(label, again[1], side, int(again[2])) if again else Name(label, label, side)


def rank(name: Name, record: Record) -> int | None:
    """How well a record goes by the name, 0 the best: by its own, by its pair's; None where it does not."""
    own, pairs = _names(record)
    wanted = {name.text} | ({name.base} if name.again == record.repeat else set())
    if own & wanted:
        return 0
    if not pairs & wanted:
        return None
    return 1 if name.side in (None, record.side) else 2


def _names(record: Record) -> tuple[set[str], set[str]]:
    """The names of a case, and those of its pair."""
    case = Case(
        id=record.case_id,
        suite=record.suite,
        side=record.side,
        centric=record.centric,
        category=record.category,
        variant=record.variant,
        pair=record.pair,
        group=record.group,
        prompt="",
    )
    names = []
    for name in (record.case_id, record.pair):
        forms = (name, f"{record.suite}/{name}", f"{record.suite}-{name}", case.labelled(name)) if name else ()
        names.append({*forms})
    return names[0], names[1]


def spelled(suite: str, case_id: str, repeat: int, several: bool) -> str:
    """A record's name as it is shown, and understood here: with its suite where a run has several."""
    again = f"-again{repeat}" if repeat else ""
    return one_line(f"{suite}/{case_id}{again}" if several else f"{case_id}{again}")


def nearest(text: str, names: Iterable[str]) -> list[str]:
    """The names most like a text, the nearest first. What shares few letters with it is not looked at closely."""
    wanted = _letters(text)
    close = heapq.nlargest(LOOKED_AT, set(names), key=lambda name: (len(wanted & _letters(name)), name))
    return difflib.get_close_matches(text, close, n=NEAREST, cutoff=0.5)


def _letters(text: str) -> set[tuple[str, str]]:
    return {*itertools.pairwise(text)}
