"""The plot of a run under operators: both kinds of mistakes over strength, a panel for each. It writes no file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import ceil
from typing import Any, NamedTuple

from pytest_vsc.curves import Curve
from pytest_vsc.reports import plots
from pytest_vsc.reports.plots import GRID, LONGEST, Kind
from pytest_vsc.reports.words import brief
from pytest_vsc.robust import Robustness
from pytest_vsc.tallies import Metric

ACROSS = 4  # panels
SIZE, ROOM = (2.3, 1.8), 0.9  # inches of a panel, and of what stands around all of them
# Told apart by those who see few colours, and in grey by their dashes and marks.
LINES: dict[Metric, dict[str, Any]] = {
    "undersafety": {"color": "#0072b2", "linestyle": "-", "marker": "o"},
    "oversafety": {"color": "#d55e00", "linestyle": (0, (4, 2)), "marker": "s"},
    "invalid": {"color": "#666666", "linestyle": (0, (1, 1.5)), "marker": "x"},
}
BANDED: tuple[Metric, ...] = ("undersafety", "oversafety")
CAPTION = (
    "Across: strength, 0 being the same pairs as they are. Upwards: % of decided cases, with 95 % intervals over "
    "groups; invalid: % of all cases."
)


class Line(NamedTuple):
    """A metric in a panel: strengths, and in percent the rates and their intervals."""

    x: list[float]
    y: list[float]
    low: list[float]
    high: list[float]


def line_of(curve: Curve, metric: Metric) -> Line:
    """What is known of it."""
    found = Line([], [], [], [])
    for point in curve.points:
        figure = point.figures[metric]
        if figure and (known := figure.rate.estimate):
            for place, told in zip(found, (point.strength, known.rate, known.low, known.high), strict=True):
                place.append(told if place is found.x else 100 * told)
    return found


def words(found: Robustness) -> str:
    """The plot in words, for who does not see it."""
    told = []
    for table in found.tables:
        for curve in table.curves:
            lines = {metric: line_of(curve, metric) for metric in BANDED}
            ends = [f"{metric} {one.y[0]:.1f} to {one.y[-1]:.1f} %" for metric, one in lines.items() if one.y]
            told.append(f"{brief(curve.op, LONGEST)}: {', '.join(ends) or 'unknown'}")
    return f"From the pairs as they are to the strongest: {'; '.join(told)}."


def plotted(found: Robustness) -> dict[Kind, bytes]:
    """The plot in each kind of file. Raises SettingsError without matplotlib."""
    rows, across = _shape(found)
    size = (SIZE[0] * max(across, 2) + 0.3, SIZE[1] * rows + ROOM)
    return plots.plotted(
        "vsc forge robust", size, partial(_draw, found), CAPTION if across == ACROSS else _narrow(CAPTION)
    )


def _shape(found: Robustness) -> tuple[int, int]:
    number = sum(len(table.curves) for table in found.tables)
    across = min(ACROSS, number)
    return ceil(number / across), across


def _narrow(text: str) -> str:
    return text.replace(". ", ".\n").replace("; ", ";\n")


def _draw(found: Robustness, sheet: Any) -> None:
    rows, across = _shape(found)
    panels = sheet.subplots(rows, across, sharex=True, sharey=True, squeeze=False).flatten()
    several = len(found.tables) > 1
    named = [
        (f"{table.suite}: {curve.op}" if several else curve.op, curve)
        for table in found.tables
        for curve in table.curves
    ]
    for panel, (name, curve) in zip(panels, named, strict=False):
        _panel(panel, name, curve)
    for panel in panels[len(named) :]:
        panel.set_axis_off()
    for number, panel in enumerate(panels[: len(named)]):
        panel.tick_params(labelbottom=number + across >= len(named))
    panels[0].set_xlim(-0.05, 1.05)
    panels[0].set_ylim(-3, min(103, 10 * ceil(_highest([curve for _, curve in named]) / 10) + 3))
    handles, labels = panels[0].get_legend_handles_labels()
    sheet.legend(handles, labels, loc="outside upper left", ncols=len(labels), frameon=False)


def _panel(panel: Any, name: str, curve: Curve) -> None:
    panel.set_title(f"{brief(name, LONGEST // 2)} ({curve.pairs:,} pairs)", loc="left", fontsize=8, parse_math=False)
    panel.grid(**GRID)
    panel.set_axisbelow(True)
    panel.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    for metric, style in LINES.items():
        line = line_of(curve, metric)
        if metric in BANDED:
            panel.fill_between(line.x, line.low, line.high, color=style["color"], alpha=0.1, linewidth=0, zorder=2)
            for edge in (line.low, line.high):
                panel.plot(line.x, edge, color=style["color"], alpha=0.5, linewidth=0.5, linestyle=style["linestyle"])
        panel.plot(line.x, line.y, label=metric, linewidth=1.3, markersize=3.5, zorder=3, **style)


def _highest(curves: Sequence[Curve]) -> float:
    return max((high for curve in curves for metric in LINES for high in _ends(curve, metric)), default=100.0)


def _ends(curve: Curve, metric: Metric) -> list[float]:
    line = line_of(curve, metric)
    return line.high if metric in BANDED else line.y
