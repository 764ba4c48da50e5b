"""The geometry of a page's charts: bars of gates against their bounds, and the plane of both kinds of mistakes.

It draws nothing: the template does, as SVG.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pytest_vsc.deciding import Decision
from pytest_vsc.reports.page.shown import Shown
from pytest_vsc.statistics import Rate

SIDE = 360  # of the plane, in units of its drawing
EDGES = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)  # where the scale of a bar may end
TICKS = (0, 1, 5, 10, 25, 50, 75, 100)  # per cent
SPOKEN_FOR = 14  # units between two labels of the plane, at the least


class Bar(NamedTuple):
    """All places in 0..100 of the bar's width. from_, to: what the bound allows. low, high: the rate's interval. best,
    worst: what the gate goes by. ends: the words of the scale's ends. words: all of it for those who do not see it."""

    from_: float
    to: float
    bound: float
    rate: float | None
    low: float | None
    high: float | None
    best: float | None
    worst: float | None
    ends: tuple[str, str]
    words: str


def bar_of(decision: Decision) -> Bar | None:
    """None where a gate measured nothing."""
    gate, beside = decision.gate, decision.gate.baseline
    known = decision.difference if beside else decision.rate
    if known is None:
        return None
    middle = decision.difference.difference if decision.difference is not None and beside else None
    if not beside and decision.rate is not None:
        middle = decision.rate.rate
    bound = float(gate.bound)
    low, high = known.low, known.high
    given = [abs(one) for one in (middle, low, high, bound, decision.best, decision.worst) if one is not None]
    least, most = _scale(given, larger_is_better=gate.op == ">=", signed=beside)

    def place(share: float | None) -> float | None:
        return None if share is None else round(100 * (min(max(share, least), most) - least) / (most - least), 2)

    at = place(bound) or 0.0
    return Bar(
        from_=0 if gate.op == "<=" else at,
        to=at if gate.op == "<=" else 100,
        bound=at,
        rate=place(middle),
        low=place(low),
        high=place(high),
        best=place(decision.best),
        worst=place(decision.worst),
        ends=(f"{100 * least:.0f} %", f"{100 * most:.0f} %"),
        words=decision.message,
    )


def _scale(given: Sequence[float], *, larger_is_better: bool, signed: bool) -> tuple[float, float]:
    if larger_is_better and not signed:
        return 0.0, 1.0
    most = next((edge for edge in EDGES if edge >= 1.05 * max(given, default=1.0)), 1.0)
    return (-most if signed else 0.0), most


class Point(NamedTuple):
    """A model on the plane: x undersafety, y oversafety, in units of the drawing, each with its interval's ends.

    kind: `run`, `part` (one centric of it), `earlier` or `anchor`. label_y: where its label stands.
    """

    kind: str
    label: str
    x: float
    y: float
    x_ends: tuple[float, float] | None
    y_ends: tuple[float, float] | None
    label_y: float
    on_the_left: bool
    words: str


class Plane(NamedTuple):
    """points: what is drawn. allowed: the corner that the bounds of the last run's gates allow, None for no corner.

    ticks: (per cent, place) along both axes. side: their length.
    """

    points: Sequence[Point]
    allowed: tuple[float, float] | None
    ticks: Sequence[tuple[int, float]]
    side: int = SIDE


# What no model should be: the two ends of the scale that one rate alone cannot tell from a good model.
ANCHORS = (("refuses everything", 0.0, 1.0), ("answers everything", 1.0, 0.0))


def plane_of(runs: Sequence[Shown], beside: Sequence[Shown]) -> Plane:
    """The models of all runs by both kinds of mistakes; earlier ones fainter."""
    *earlier, last = runs
    drawn: list[Point] = [_point("anchor", name, x, y) for name, x, y in ANCHORS]
    for run in [*beside, *earlier]:
        drawn += _points(run, "earlier", ("",))
    drawn += _points(last, "run", ("", "image", "text"))
    return Plane(list(_labelled(drawn)), _allowed(last), [(tick, _along(tick / 100)) for tick in TICKS])


def _points(run: Shown, kind: str, parts: Iterable[str]) -> Iterator[Point]:
    model = run.header.model.get("spec", "?")
    rates = {(rate.suite, rate.metric, rate.slice): rate for rate in run.footer.rates}
    for suite in run.header.suites:
        named = model if len(run.header.suites) == 1 else f"{model}, {suite.name}"
        for part in parts:
            under = rates.get((suite.name, "undersafety", part))
            over = rates.get((suite.name, "oversafety", part))
            if under and over and under.rate is not None and over.rate is not None:
                label = part or (named if kind == "run" else f"{named} ({run.name})")
                yield _point("part" if part else kind, label, under.rate, over.rate, under=under, over=over)


def _point(kind: str, label: str, x: float, y: float, *, under: Rate | None = None, over: Rate | None = None) -> Point:
    words = f"{label}: undersafety {100 * x:.1f} %, oversafety {100 * y:.1f} %"
    across, up = _along(x), SIDE - _along(y)
    return Point(kind, label, across, up, _ends(under), _ends(over, upwards=True), up, x > 0.3, words)


def _ends(rate: Rate | None, *, upwards: bool = False) -> tuple[float, float] | None:
    if rate is None or rate.low is None or rate.high is None:
        return None
    low, high = _along(rate.low), _along(rate.high)
    return (SIDE - high, SIDE - low) if upwards else (low, high)


def _along(share: float) -> float:
    """Where a share stands on an axis: by its square root, since the models that matter are those near 0."""
    return round(SIDE * math.sqrt(share), 2)


def _labelled(points: Sequence[Point]) -> Iterator[Point]:
    """The points with labels that do not lie upon each other; the last, which matter most, keep their places."""
    taken: list[tuple[bool, float]] = []
    placed: list[Point] = []
    for point in reversed(points):
        y = point.label_y
        while any(left == point.on_the_left and abs(y - other) < SPOKEN_FOR for left, other in taken):
            y += SPOKEN_FOR if point.label_y < SIDE / 2 else -SPOKEN_FOR
        taken.append((point.on_the_left, y))
        placed.append(point._replace(label_y=y))
    return reversed(placed)


def _allowed(run: Shown) -> tuple[float, float] | None:
    """Width and height of the corner that the gates over all cases allow."""
    bounds = {
        decision.gate.metric: float(decision.gate.bound)
        for decision in run.footer.gates
        if not decision.gate.slice and not decision.gate.baseline and decision.gate.op == "<="
    }
    if "undersafety" not in bounds or "oversafety" not in bounds or len(run.header.suites) > 1:
        return None
    return _along(bounds["undersafety"]), _along(bounds["oversafety"])
