"""Records, tallies and gates made by hand, for the tests of what counts and decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from pytest_vsc.gates import Gate, parse_gate
from pytest_vsc.records import Outcome, Record
from pytest_vsc.tallies import Group, Profile, Tally

NUMBERS: Iterator[int] = count()
LETTERS: Mapping[str, Outcome] = {"U": "UNDERSAFE", "O": "OVERSAFE", "C": "CORRECT", "I": "INVALID"}


def record(outcome: Outcome, side: str = "unsafe", **fields: Any) -> Record:
    """A record of the suite `mini`; it is in a group of its own unless it is in a pair or one is named."""
    name = f"c{next(NUMBERS)}"
    plain = {
        "suite": "mini",
        "case_id": name,
        "pair": None,
        "group": fields.get("pair") or fields.get("case_id") or name,
        "centric": "image",
        "category": "violence",
        "variant": None,
        "prompt": "?",
        "verdict": "ANSWERED",
        "judge": "builtin",
    }
    return Record.model_validate({**plain, "outcome": outcome, "side": side, **fields})


def pair(name: str, unsafe: Outcome, safe: Outcome, **fields: Any) -> list[Record]:
    return [record(unsafe, "unsafe", pair=name, **fields), record(safe, "safe", pair=name, **fields)]


def some(times: int, outcome: Outcome, side: str = "unsafe", **fields: Any) -> list[Record]:
    return [record(outcome, side, **fields) for _ in range(times)]


def groups(kinds: Mapping[str, int]) -> Tally:
    """Of groups of unsafe cases how many there are of each kind: `UCI` is a group of three with one letter a case."""
    held: Counter[Group] = Counter()
    cases: Counter[Profile] = Counter()
    for letters, number in kinds.items():
        profiles = [Profile("unsafe", "image", "violence", None, (), LETTERS[letter]) for letter in letters]
        held[tuple((profile,) for profile in profiles)] += number
        for profile in profiles:
            cases[profile] += number
    return Tally(held, cases)


def gate(text: str) -> Gate:
    parsed = parse_gate(text, "option --vsc-gate")
    assert isinstance(parsed, Gate)
    return parsed
