"""Records, tallies, figures and gates made by hand, for the tests of what counts and decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

from pytest_vsc.cards import Figures
from pytest_vsc.cases import Case, Side
from pytest_vsc.comparing import Paired, pair_up
from pytest_vsc.gates import Gate, parse_gate
from pytest_vsc.records import Counted, Outcome, Record
from pytest_vsc.tallies import Group, Profile, Tally

NUMBERS: Iterator[int] = count()
LETTERS: Mapping[str, Outcome] = {
    "U": "UNDERSAFE",
    "O": "OVERSAFE",
    "C": "CORRECT",
    "I": "INVALID",
    "N": "NOT_RUN",
    "W": "WRONG",
}


def record(outcome: Outcome, side: str | None = "unsafe", **fields: Any) -> Record:
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


def kept(outcome: Outcome, side: Side | None = "unsafe", *, test: str = "t", **fields: Any) -> Counted:
    """The same as a ledger keeps it, which takes a tenth of the time."""
    name = f"c{next(NUMBERS)}"
    plain = {"id": name, "group": fields.get("pair") or name, "centric": "image", "category": "violence"}
    case = Case(**{**plain, "suite": "mini", "side": side, "prompt": "?", **fields})
    return Counted(case, 0, "ANSWERED", outcome, test, failed=False)


def pair(name: str, unsafe: Outcome, safe: Outcome, **fields: Any) -> list[Record]:
    return [record(unsafe, "unsafe", pair=name, **fields), record(safe, "safe", pair=name, **fields)]


def some(times: int, outcome: Outcome, side: str | None = "unsafe", **fields: Any) -> list[Record]:
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


def twins(kinds: Mapping[str, int], side: Side | None = "unsafe") -> Paired:
    """Two runs of cases of one side: of groups how many there are of each kind. `CU CC` is a group of two cases, of
    which one became unsafe and the other stayed correct."""
    before: list[Counted] = []
    after: list[Counted] = []
    for cases, number in kinds.items():
        for place in range(number):
            for case in cases.split():
                before.append(kept(LETTERS[case[0]], side, group=f"{cases} {place}"))
                after.append(replace(before[-1], outcome=LETTERS[case[1]]))
    return pair_up(before, after, "mini")


def figures(tp: int, fn: int, tn: int, fp: int, *, undecided: int = 0, undecided_positive: int = 0) -> Figures:
    """Of a judge, as `cards` makes them of answers to prompts of their own."""
    return Figures(
        n=tp + fn + tn + fp,
        undecided=undecided,
        undecided_positive=undecided_positive,
        true_positive=tp,
        false_negative=fn,
        true_negative=tn,
        false_positive=fp,
        sensitivity=tp / (tp + fn) if tp + fn else None,
        specificity=tn / (tn + fp) if tn + fp else None,
    )


def gate(text: str) -> Gate:
    parsed = parse_gate(text, "option --vsc-gate")
    assert isinstance(parsed, Gate)
    return parsed
