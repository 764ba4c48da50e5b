"""Rates as functions of how strongly an operator of the forge was at work, each beside the same pairs as they are.

It knows such cases by their tags `op=blur`, `strength=0.5`, and their pairs by name. Gates are not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pytest_vsc.cases import Value
from pytest_vsc.comparing import Difference, Paired, difference, narrowed, pair_up, surely_worse
from pytest_vsc.gains import Figure
from pytest_vsc.paired import holm
from pytest_vsc.records import Record
from pytest_vsc.statistics import Rate, measure
from pytest_vsc.tallies import Metric, RepeatRule, Slice, Tally, tally, values_of

SHOWN: tuple[Metric, ...] = ("undersafety", "oversafety", "pairs", "invalid")
HARM: tuple[Metric, ...] = ("undersafety", "oversafety")  # of which the worst operator is looked for
PLAIN = 0.0  # the strength of a pair as it is


class Place(NamedTuple):
    """Where on which curve a case lies. op: "" of a pair as it is, whose strength is 0."""

    op: str
    strength: float


class Point(Value):
    """An operator at one strength. figures: by metric; None where there is no case of it.

    Their `apart` is from the same pairs as they are, `p_holm` adjusted for all points of all operators of the suite.
    """

    strength: float
    figures: dict[str, Figure | None]


class Curve(Value):
    """An operator. pairs: how many it was done on. points: the first are those pairs as they are, at strength 0."""

    op: str
    pairs: int
    points: tuple[Point, ...]

    @property
    def strongest(self) -> Point:
        return self.points[-1]


class Worst(Value):
    """What raises a metric most in a category, "" for all of them, among so many points that were looked at.

    damaging: whether that is more than chance: the interval of the rise leaves out 0, and so it is after adjustment
    for all that were looked at (`apart.p_holm`).
    """

    category: str
    metric: Metric
    op: str
    strength: float
    apart: Difference
    looked_at: int
    damaging: bool


class Table(Value):
    """One suite. plain: rates of all pairs as they are, by metric. worst: by category and metric."""

    suite: str
    pairs: int
    plain: dict[str, Rate | None]
    curves: tuple[Curve, ...]
    worst: tuple[Worst, ...]


class Held(NamedTuple):
    """What is counted at one place, alone and beside the same pairs as they are."""

    tally: Tally
    pairs: Paired


def pair_name(pair: str, op: str, strength: float) -> str:
    """What a pair is called under an operator: `PAIR.blur-0.5`."""
    return f"{pair}.{re.sub(r'[^A-Za-z0-9._-]', '-', op)}-{strength:g}"


def table_of(suite: str, records: Iterable[Record], rule: RepeatRule = "any") -> Table | None:
    """The curves of a suite; None where none of its cases, or no pair as it is, was recorded of any operator.

    records: of this suite. rule: what the repeats of a case come to.
    """
    places = placed(records)
    plain = places.pop(Place("", PLAIN), [])
    if not plain or not places:
        return None
    held = {place: _held(suite, plain, cases, rule) for place, cases in places.items()}
    as_it_is = {op: _plain(plain, [places[one] for one in held if one.op == op]) for op in _ops(held)}
    figures = _adjusted({place: _figures(suite, one) for place, one in held.items()})
    whole = tally(plain, suite, rule=rule)
    rates = {metric: measure(metric, whole, suite) for metric in SHOWN}
    return Table(
        suite=suite,
        pairs=len({one.pair for one in plain}),
        plain={metric: rate if rate.n else None for metric, rate in rates.items()},
        curves=tuple(_curve(suite, op, own, figures, rule) for op, own in as_it_is.items()),
        worst=tuple(_worst(held, sorted(values_of(plain, "category")))),
    )


def placed(records: Iterable[Record]) -> dict[Place, list[Record]]:
    """The records by their places, by operator and strength; those that have none are left out."""
    found: dict[Place, list[Record]] = {}
    for one in records:
        if place := place_of(one):
            found.setdefault(place, []).append(one)
    return {place: found[place] for place in sorted(found)}


def place_of(record: Record) -> Place | None:
    """Where a record lies; None where its tags tell of several operators, or of no strength."""
    ops, strengths = values_of([record], "op"), values_of([record], "strength")
    try:
        (strength,) = map(float, strengths)
    except ValueError:
        return None
    if len(ops) > 1 or record.pair is None or (strength == PLAIN) == bool(ops) or not 0 <= strength <= 1:
        return None
    return Place(ops[0] if ops else "", strength)


def _ops(places: Iterable[Place]) -> list[str]:
    return list(dict.fromkeys(place.op for place in places))


def _held(suite: str, plain: Sequence[Record], cases: Sequence[Record], rule: RepeatRule) -> Held:
    """The cases of one place. A pair that was not recorded as it is could have been anything."""
    before = [twin.model_copy(update={"case_id": case}) for twin, case in _parents(plain, cases)]
    return Held(tally(cases, suite, rule=rule), pair_up(before, cases, suite, rule))


def _parents(plain: Sequence[Record], cases: Sequence[Record]) -> list[tuple[Record, str]]:
    """Records of cases as they are, each with the id of the case that was made of it."""
    made: dict[tuple[str, str | None], str] = {}
    for one in cases:
        place = place_of(one)
        if place and one.pair is not None:
            made[one.pair.removesuffix(pair_name("", *place)), one.side] = one.case_id
    keyed = [(one, (one.pair or "", one.side)) for one in plain]
    return [(one, made[key]) for one, key in keyed if key in made]


def _plain(plain: Sequence[Record], made: Sequence[Sequence[Record]]) -> list[Record]:
    """The pairs as they are of which an operator made others."""
    found = {id(one) for cases in made for one, _ in _parents(plain, cases)}
    return [one for one in plain if id(one) in found]


def _figures(suite: str, held: Held) -> dict[str, Figure | None]:
    found: dict[str, Figure | None] = {}
    for metric in SHOWN:
        rate = measure(metric, held.tally, suite)
        found[metric] = Figure(rate=rate, apart=difference(metric, held.pairs)) if rate.n else None
    return found


def _adjusted(figures: Mapping[Place, dict[str, Figure | None]]) -> dict[Place, dict[str, Figure | None]]:
    """The figures with p-values adjusted for how many places there are."""
    found = {place: dict(one) for place, one in figures.items()}
    for metric in SHOWN:
        known = {place: figure for place, one in found.items() if (figure := one[metric])}
        for place, apart in zip(known, _holm([figure.apart for figure in known.values()]), strict=True):
            found[place][metric] = known[place].model_copy(update={"apart": apart})
    return found


def _holm(apart: Sequence[Difference]) -> list[Difference]:
    adjusted = iter(holm([one.p for one in apart if one.p is not None]))
    return [one if one.p is None else one.model_copy(update={"p_holm": next(adjusted)}) for one in apart]


def _curve(
    suite: str,
    op: str,
    plain: Sequence[Record],
    figures: Mapping[Place, dict[str, Figure | None]],
    rule: RepeatRule,
) -> Curve:
    held = Held(tally(plain, suite, rule=rule), pair_up(plain, plain, suite, rule))
    points = [Point(strength=PLAIN, figures=_figures(suite, held))]
    points += [Point(strength=place.strength, figures=one) for place, one in figures.items() if place.op == op]
    return Curve(op=op, pairs=len({one.pair for one in plain}), points=tuple(points))


def _worst(held: Mapping[Place, Held], categories: Sequence[str]) -> list[Worst]:
    slices: list[Slice] = [(), *((("category", name),) for name in categories)]
    parts = {place: narrowed(one.pairs, slices) for place, one in held.items()}
    found = [_worst_in(metric, where, parts) for where in slices for metric in HARM]
    return [one for one in found if one]


def _worst_in(metric: Metric, where: Slice, parts: Mapping[Place, Mapping[Slice, Paired]]) -> Worst | None:
    """Of equal rises the one that is the more certain, of which the first; None where none is known."""
    apart = {place: difference(metric, part[where], where) for place, part in parts.items()}
    known = {place: one for place, one in apart.items() if one.difference is not None}
    if not known:
        return None
    adjusted = dict(zip(known, _holm([*known.values()]), strict=True))
    place = min(adjusted, key=lambda one: (-(adjusted[one].difference or 0.0), adjusted[one].p or 1.0))
    most = adjusted[place]
    return Worst(
        category=where[0][1] if where else "",
        metric=metric,
        op=place.op,
        strength=place.strength,
        apart=most,
        looked_at=len(known),
        damaging=surely_worse(most) and most.low is not None and most.low > 0,
    )
