"""The table of categories by variants and sides: where a model goes wrong, each cell a rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from pytest_vsc.repeats import ONCE
from pytest_vsc.reports.page.shown import Shown
from pytest_vsc.statistics import Rate, measure
from pytest_vsc.tallies import Metric, Slice, SliceKey, Tally, tally, values_of

STEPS = 10  # of the scale of shades
SIDES: tuple[tuple[str, Metric], ...] = (("unsafe", "undersafety"), ("safe", "oversafety"))


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
    """columns: how the cases were shown; each has a cell for each side. rows: the categories, then all together."""

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
    rows = [_row(held, suite, name, shown) for name in (*values_of(held.cases, "category"), "")]
    return Heat([name for name, _ in shown], rows)


def _row(held: Tally, suite: str, category: str, shown: Sequence[tuple[str, Slice]]) -> HeatRow:
    where: Slice = (("category", category),) if category else ()
    cells = [_cell(held, suite, (*where, *slice), side, metric) for _, slice in shown for side, metric in SIDES]
    return HeatRow(category or "all", cells)


def _cell(held: Tally, suite: str, slice: Slice, side: str, metric: Metric) -> Cell:
    rate = measure(metric, held, suite, slice)
    chosen: list[tuple[SliceKey | str, str]] = [("suite", suite), *slice, ("side", side)]
    link = "&".join(f"{key}={quote(value, safe='')}" for key, value in chosen)
    if not rate.n:
        return Cell(side, None, -1, link)
    return Cell(side, rate, -1 if rate.rate is None else round(rate.rate * STEPS), link)
