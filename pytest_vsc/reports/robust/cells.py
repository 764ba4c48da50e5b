"""The words of a run under operators that all its forms share: heads, figures, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pytest_vsc.comparing import surely_worse
from pytest_vsc.curves import HARM, SHOWN, Curve, Point, Table, Worst
from pytest_vsc.gains import Figure
from pytest_vsc.reports.figures import UNKNOWN, apart, number, rate
from pytest_vsc.reports.words import clean
from pytest_vsc.robust import Robustness
from pytest_vsc.tallies import Metric

HEADS: dict[Metric, str] = {**{metric: metric for metric in SHOWN}, "pairs": "pairs right"}
GRIDS: tuple[Metric, ...] = ("undersafety", "oversafety", "invalid")  # of which there is a table over strengths
AS_IT_IS = "as is"
ABSENT = "-"  # of a strength at which an operator was not done
OPEN = 0.1  # the share of undecided cases from which on it is told what they leave open
RISE = (
    "Rates in % of the decided cases, over the pairs that an operator could be done on; rise: at its strongest, over "
    "what is decided both as it is and under it, in points, with its 95 % interval over groups; *: more than chance, "
    "all operators and strengths considered (Holm)."
)
DAMAGING = (
    "Worst by category: the largest rise of all operators and strengths. damaging: its interval leaves out 0, and its "
    "p, adjusted for all that were looked at (Holm), is below 0.05."
)
WORST = ("operator", "strength", "rise, points", "p (Holm)", "")


class Grid(NamedTuple):
    """A metric over operators and strengths. rows: the operator, its pairs, a rate at each of heads, the rise."""

    metric: Metric
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]


def grids(table: Table) -> list[Grid]:
    """The tables of a suite."""
    strengths = sorted({point.strength for curve in table.curves for point in curve.points[1:]})
    return [_grid(table, metric, strengths) for metric in GRIDS]


def _grid(table: Table, metric: Metric, strengths: Sequence[float]) -> Grid:
    heads = (f"{HEADS[metric]}, %", "pairs", AS_IT_IS, *(f"{one:g}" for one in strengths), "rise")
    return Grid(metric, heads, [_row(curve, metric, strengths) for curve in table.curves])


def _row(curve: Curve, metric: Metric, strengths: Sequence[float]) -> tuple[str, ...]:
    at = {point.strength: point.figures[metric] for point in curve.points}
    rates = [rate(at[one]) if one in at else ABSENT for one in (0.0, *strengths)]
    return (clean(curve.op), f"{curve.pairs:,}", *rates, rise(curve.strongest.figures[metric]))


def rise(figure: Figure | None) -> str:
    """`+18.0 (+13.9..+22.1) *`, in points."""
    return f"{apart(figure)}{' *' if figure and surely_worse(figure.apart) else ''}"


def points(curve: Curve) -> Iterator[tuple[str, ...]]:
    """Each strength in a row: of each metric the rate, and but for the pairs as they are how far it is from theirs."""
    for point in curve.points:
        beside = point is not curve.points[0]
        cells = (_beside(point, metric) if beside else rate(point.figures[metric]) for metric in SHOWN)
        yield (f"{point.strength:g}" if beside else AS_IT_IS, *cells)


def _beside(point: Point, metric: Metric) -> str:
    return f"{rate(point.figures[metric])}<br>{rise(point.figures[metric])}"


def worst(table: Table, metric: Metric) -> list[tuple[str, ...]]:
    """By category: its name, then what stands under WORST."""
    return [(clean(one.category) or "all", *_worst(one)) for one in table.worst if one.metric == metric]


def _worst(one: Worst) -> tuple[str, ...]:
    told = one.apart
    if not told.difference or told.difference < 0:
        return (ABSENT, ABSENT, "none", ABSENT, f"no rise at any of {one.looked_at:,}")
    standing = "damaging" if one.damaging else "not distinguishable"
    points = UNKNOWN
    if told.low is not None and told.high is not None:
        points = f"{100 * told.difference:+.1f} ({100 * told.low:+.1f}..{100 * told.high:+.1f})"
    adjusted = number(told.p_holm, 3) if told.p_holm is None or told.p_holm >= 0.001 else "<0.001"
    return (clean(one.op), f"{one.strength:g}", points, adjusted, standing)


def about(table: Table) -> str:
    """`suite mini-robust: 24 pairs as they are (undersafety 12.5 %, ...), under 14 operators`."""
    rates = ", ".join(f"{HEADS[metric]} {_percent(table, metric)}" for metric in SHOWN if table.plain[metric])
    operators = "1 operator" if len(table.curves) == 1 else f"{len(table.curves)} operators"
    return f"suite {clean(table.suite)}: {table.pairs:,} pairs as they are ({rates}), under {operators}"


def _percent(table: Table, metric: Metric) -> str:
    known = table.plain[metric]
    return UNKNOWN if known is None or known.rate is None else f"{100 * known.rate:.1f} %"


def notes(table: Table) -> Iterator[str]:
    """What undecided cases leave open at an operator's strongest, a line each."""
    for curve in table.curves:
        for metric in HARM:
            figure = curve.strongest.figures[metric]
            if not figure or not figure.apart.n or figure.apart.undecided < OPEN * figure.apart.n:
                continue
            one = figure.apart
            span = (
                ""
                if one.lowest is None or one.highest is None
                else f"{100 * one.lowest:+.1f}..{100 * one.highest:+.1f}"
            )
            yield (
                f"{clean(curve.op)} at {curve.strongest.strength:g}: {one.undecided:,} of {one.n:,} cases of "
                f"{metric} are undecided as they are or under it; with them the rise is anywhere in {span} points"
            )


def verdicts(found: Robustness) -> Iterator[str]:
    """What became of the gates, a line each."""
    several = len(found.tables) > 1
    for one in found.decisions:
        where = f"{one.suite}: " if several else ""
        yield f"{one.decision} {clean(where + one.message)}"


def title(found: Robustness) -> str:
    """Which model, and how it was judged."""
    method = "" if found.calibration == "none" else f", calibration {clean(found.calibration)}"
    lacking = f"; {clean(found.partial)}" if found.partial else ""
    return f"{clean(found.model)}; judge {clean(found.judge)}, policy {found.policy}{method}{lacking}"
