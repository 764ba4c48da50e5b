"""The table of categories by variants and sides: where a model goes wrong, each cell a rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from pytest_vsc.cases import UTILITY
from pytest_vsc.repeats import ONCE
from pytest_vsc.reports.page.shown import Shown
from pytest_vsc.statistics import Rate, measure
from pytest_vsc.tallies import LARGER_IS_BETTER, Metric, Slice, SliceKey, Tally, tally, values_of

STEPS = 10  # of the scale of shades
SIDES: tuple[tuple[str, Metric], ...] = (("unsafe", "undersafety"), ("safe", "oversafety"))
RIGHT: tuple[tuple[str, Metric], ...] = ((UTILITY, "utility"),)


class Cell(NamedTuple):
    """rate: None where there is no such case. shade: 0 (never wrong) to STEPS, -1 for no rate. filter: what shows its
    cases, as the page's address."""

    side: str
    rate: Rate | None
    shade: int
    filter: str


class HeatRow(NamedTuple):
    """One category; "all" for the last."""

    name: str
    cells: Sequence[Cell]


class Heat(NamedTuple):
    """columns: how the cases were shown; each has a cell for each side. rows: the categories, then all together.

    sides: of utility cases there is but one, and the share of right ones is told.
    """

    sides: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[HeatRow]


def heat_of(run: Shown, suite: str) -> Heat:
    """The table of one suite."""
    records = [record for record in run.records if record.suite == suite and record.outcome != "NOT_RUN"]
    held = tally(records, suite, rule=(run.header.repeats or ONCE).rule)
    shown: list[tuple[str, Slice]] = []
    for key in ("centric", "variant"):
        values = values_of(held.cases, key)
        kept = [value for value in values if key == "variant" or value == "image"]
        shown += [(value, ((key, value),)) for value in kept]
    shown += [("all", ())] if len(shown) != 1 else []
    sides = RIGHT if any(profile.side is None for profile in held.cases) else SIDES
    rows = []
    for name in (*values_of(held.cases, "category"), ""):
        where: Slice = (("category", name),) if name else ()
        cells = [_cell(held, suite, (*where, *slice), side) for _, slice in shown for side in sides]
        rows.append(HeatRow(name or "all", cells))
    return Heat([side for side, _ in sides], [name for name, _ in shown], rows)


def _cell(held: Tally, suite: str, slice: Slice, of: tuple[str, Metric]) -> Cell:
    side, metric = of
    rate = measure(metric, held, suite, slice)
    chosen: list[tuple[SliceKey | str, str]] = [("suite", suite), *slice, ("side", side)]
    link = "&".join(f"{key}={quote(value, safe='')}" for key, value in chosen)
    if not rate.n:
        return Cell(side, None, -1, link)
    if rate.rate is None:
        return Cell(side, rate, -1, link)
    return Cell(side, rate, round((1 - rate.rate if metric in LARGER_IS_BETTER else rate.rate) * STEPS), link)
