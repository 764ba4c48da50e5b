"""Draw a sample of a suite: whole groups, every kind of case in its share, the same ones everywhere and each time.

What `-k`, `-m` and node ids select is pytest's business and is not known here.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction

from pytest_vsc.cases import UTILITY, Case, Suite, Value
from pytest_vsc.errors import SettingsError
from pytest_vsc.joining import joined

Kind = tuple[tuple[str, str, str], ...]
_AMOUNT = re.compile(r"([0-9]{1,9})|([0-9]{1,3}(?:\.[0-9]{1,9})?)%")


class Sample(Value):
    """How much of each suite is drawn: `100` cases or `10%` of them, and the seed of the draw."""

    amount: str
    seed: int = 0

    @property
    def text(self) -> str:
        return f"--vsc-sample {self.amount}, seed {self.seed}"

    def wanted(self, cases: int) -> int:
        """How many cases of so many: at least one."""
        if self.amount.endswith("%"):
            return max(1, math.ceil(Fraction(self.amount[:-1]) / 100 * cases))
        return int(self.amount)


class Drawn(Value):
    """What was drawn of one suite. groups: whole ones; kinds: of category, variant and side, as groups combine them."""

    cases: int
    of_cases: int
    groups: int
    of_groups: int
    kinds: int
    of_kinds: int

    @property
    def text(self) -> str:
        return (
            f"{self.cases:,} of {self.of_cases:,} cases, {self.groups:,} of {self.of_groups:,} groups, "
            f"{self.kinds:,} of {self.of_kinds:,} kinds of them"
        )


def parse_sample(amount: str, seed: int, where: str = "--vsc-sample") -> Sample:
    """Raises SettingsError for what is neither a number of cases nor a percentage."""
    found = _AMOUNT.fullmatch(amount.strip())
    if found is None or not Fraction(found[1] or found[2]) > 0 or (found[2] and Fraction(found[2]) > 100):
        raise SettingsError(f"{where}: '{amount}' is no sample; expected a number of cases such as 100, or 10%")
    return Sample(amount=amount.strip(), seed=seed)


def draw(suite: Suite, sample: Sample) -> tuple[frozenset[str], Drawn]:
    """The ids of the cases drawn from a suite, and the figures of the draw.

    Groups are never cut, nor are pairs. Kinds of groups (which categories, variants and sides a group has) are
    represented by their share; groups are added in turn, the kind that lacks most first, until the number is reached.
    """
    units = _units(suite.cases)
    kinds: dict[Kind, list[Sequence[Case]]] = defaultdict(list)
    for unit in units:
        kinds[_kind(unit)].append(unit)
    wanted = min(sample.wanted(len(suite.cases)), len(suite.cases))
    share = Fraction(wanted, len(suite.cases))
    drawn: list[Sequence[Case]] = []
    waiting: list[tuple[Fraction, str, Sequence[Case]]] = []
    for kind, members in kinds.items():
        ranked = sorted(members, key=lambda unit: _rank(suite.name, sample.seed, unit))
        exact = share * len(ranked)
        drawn += ranked[: int(exact)]
        waiting += [
            (exact - int(exact), _rank(str(kind), sample.seed, unit), unit) for unit in ranked[int(exact) :][:1]
        ]
    missing = wanted - sum(map(len, drawn))
    for _, _, unit in sorted(waiting, key=lambda one: (-one[0], one[1])):
        if missing <= 0:
            break
        drawn.append(unit)
        missing -= len(unit)
    ids = frozenset(case.id for unit in drawn for case in unit)
    figures = Drawn(
        cases=len(ids),
        of_cases=len(suite.cases),
        groups=len(drawn),
        of_groups=len(units),
        kinds=len({_kind(unit) for unit in drawn}),
        of_kinds=len(kinds),
    )
    return ids, figures


def shuffled(cases: Sequence[Case], seed: int) -> list[Case]:
    """The cases, each once, in a random order, the same for the same ids and seed; what hangs together stays so."""
    suites = list(dict.fromkeys(case.suite for case in cases))
    units = [(suite, unit) for suite in suites for unit in _units(case for case in cases if case.suite == suite)]
    return [case for _, unit in sorted(units, key=lambda one: _rank(f"order {one[0]}", seed, one[1])) for case in unit]


def _units(cases: Iterable[Case]) -> list[Sequence[Case]]:
    """The cases that are drawn together: those of a group, and of groups that a pair joins."""
    held = {case.id: case for case in cases}
    roots = joined({case.id: {("group", case.group), ("pair", case.pair)} - {("pair", None)} for case in held.values()})
    units: dict[str, list[Case]] = defaultdict(list)
    for name, case in held.items():
        units[roots[name]].append(case)
    return list(units.values())


def _kind(unit: Iterable[Case]) -> Kind:
    return tuple(sorted({(case.category, case.variant or "", case.side or UTILITY) for case in unit}))


def _rank(name: str, seed: int, unit: Iterable[Case]) -> str:
    """Where a unit stands in the draw: chance, but the same for the same ids, in whatever order a suite has them."""
    ids = "\0".join(sorted(case.id for case in unit))
    return hashlib.sha256(f"{seed}\0{name}\0{ids}".encode()).hexdigest()
