"""The plot of a trade-off: both kinds of mistakes across and upwards, utility as colour and number.

It writes no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from pytest_vsc.gains import UTILITY, Figure, Table
from pytest_vsc.reports import plots
from pytest_vsc.reports.plots import GRID, LONGEST, Kind
from pytest_vsc.reports.words import brief
from pytest_vsc.tradeoffs import Tradeoff

SIZE = (7.2, 5.4)  # inches, of one suite
COLOURS, LIGHTEST = "cividis", 0.86  # told apart by those who see few colours, and in grey; none too light on white
UNKNOWN = "#8a8a8a"
MARKER = 7  # dots from the middle of a point to where a label may begin
# Where a label may stand, from its point, in points of type: the nearest first.
AROUND = tuple(
    (x * far, y * far)
    for far in (1.0, 2.0, 3.2, 4.6)
    for x, y in ((9, 7), (9, -7), (-9, 7), (-9, -7), (0, 12), (0, -12), (13, 0), (-13, 0))
)
CAPTION = (
    "Lower left is better. Crosses: 95 % intervals. Filled: on the frontier; hollow: not. Square: the plain model. "
    "In brackets: utility, %."
)


class Spot(NamedTuple):
    """A method in the plot, in percent. x, y: (rate, low, high). kind: `frontier`, `dominated`, `not ranked`."""

    label: str
    x: tuple[float, float, float]
    y: tuple[float, float, float]
    utility: float | None
    best: bool
    plain: bool


def spots(found: Tradeoff, table: Table) -> list[Spot]:
    """Those that can be drawn: both kinds of mistakes are known of them."""
    labels = {method.name: brief(method.label, LONGEST) for method in found.methods}
    drawn: list[Spot] = []
    for row in table.rows:
        x, y = _ends(row.figures["undersafety"]), _ends(row.figures["oversafety"])
        utility = _ends(row.figures[UTILITY])
        if x and y:
            plain = row.method == found.plain
            drawn.append(Spot(labels[row.method], x, y, utility[0] if utility else None, row.best, plain))
    return drawn


def words(found: Tradeoff, table: Table) -> str:
    """The plot in words, for who does not see it."""
    told = [
        f"{spot.label}: undersafety {spot.x[0]:.1f} %, oversafety {spot.y[0]:.1f} %, "
        f"utility {'unknown' if spot.utility is None else f'{spot.utility:.1f} %'}"
        f"{'' if spot.best else ', not on the frontier'}"
        for spot in spots(found, table)
    ]
    return f"Suite {brief(table.suite, LONGEST)}: {'; '.join(told) or 'no method can be drawn'}."


def plotted(found: Tradeoff) -> dict[Kind, bytes]:
    """The plot, a panel for each suite, in each kind of file. Raises SettingsError without matplotlib."""
    size = (SIZE[0], SIZE[1] * len(found.tables))
    return plots.plotted("vsc tradeoff", size, partial(_draw, found), CAPTION)


def _draw(found: Tradeoff, sheet: Any) -> None:
    panels = [*zip(found.tables, sheet.subplots(len(found.tables), squeeze=False)[:, 0], strict=True)]
    for table, panel in panels:
        _panel(panel, table.suite, spots(found, table))
    sheet.draw_without_rendering()  # so that it is known where everything lies
    for table, panel in panels:
        _labels(panel, spots(found, table))


def _ends(figure: Figure | None) -> tuple[float, float, float] | None:
    known = figure.rate.estimate if figure else None
    return (100 * known.rate, 100 * known.low, 100 * known.high) if known else None


def _panel(panel: Any, suite: str, drawn: Sequence[Spot]) -> None:
    panel.set_title(f"suite {brief(suite, LONGEST)}", loc="left", fontsize=10, parse_math=False)
    panel.set_xlabel("undersafety, %")
    panel.set_ylabel("oversafety, %")
    panel.grid(**GRID)
    panel.set_axisbelow(True)
    if not drawn:
        panel.text(0.5, 0.5, "no method can be drawn", transform=panel.transAxes, ha="center")
        return
    _limits(panel, drawn)
    first = sorted((spot for spot in drawn if spot.best), key=lambda spot: (spot.x[0], spot.y[0], spot.label))
    line = {"color": "#555555", "linewidth": 1.0, "linestyle": (0, (4, 3)), "zorder": 2}
    panel.plot([spot.x[0] for spot in first], [spot.y[0] for spot in first], **line)
    colour_of = _colours(panel, drawn)
    for spot in drawn:
        _spot(panel, spot, colour_of(spot.utility))


def _limits(panel: Any, drawn: Sequence[Spot]) -> None:
    """Around all crosses, with room for labels, and within 0 and 100 %."""
    for ends, limit in (([spot.x for spot in drawn], panel.set_xlim), ([spot.y for spot in drawn], panel.set_ylim)):
        low, high = min(end[1] for end in ends), max(end[2] for end in ends)
        room = max(2.0, 0.12 * (high - low))
        limit(max(-1.5, low - room), min(101.5, high + room))


def _colours(panel: Any, drawn: Sequence[Spot]) -> Any:
    """What colour a utility has; the scale stands beside the panel."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    known = [spot.utility for spot in drawn if spot.utility is not None]
    if not known:
        return lambda _: UNKNOWN
    low, high = min(known), max(known)
    scale = Normalize(low, high) if high - low >= 1 else Normalize(low - 0.5, low + 0.5)
    shades = ListedColormap(colormaps[COLOURS]([LIGHTEST * step / 255 for step in range(256)]))
    shown = ScalarMappable(scale, shades)
    panel.figure.colorbar(shown, ax=panel, label="utility, %", pad=0.02)
    return lambda utility: UNKNOWN if utility is None else shown.to_rgba(utility)


def _spot(panel: Any, spot: Spot, colour: Any) -> None:
    (x, *across), (y, *upwards) = spot.x, spot.y
    cross = {"color": "#555555", "linewidth": 0.9, "zorder": 3}
    panel.plot(across, [y, y], **cross)
    panel.plot([x, x], upwards, **cross)
    mark: dict[str, Any] = {"marker": "s" if spot.plain else "o", "markeredgecolor": "black", "markeredgewidth": 0.8}
    mark["zorder"] = 5 if spot.best else 4
    panel.plot([x], [y], markersize=9, markerfacecolor=colour, **mark)
    if not spot.best:
        panel.plot([x], [y], markersize=4, markerfacecolor="white", **mark)


def _labels(panel: Any, drawn: Sequence[Spot]) -> None:
    """A label to each point, where it covers the fewest others and the fewest points."""
    points = [panel.transData.transform((spot.x[0], spot.y[0])) for spot in drawn]
    taken: list[Any] = []
    for spot in drawn:
        told = spot.label if spot.utility is None else f"{spot.label} ({spot.utility:.1f})"
        text = panel.annotate(
            told,
            (spot.x[0], spot.y[0]),
            (0, 0),
            textcoords="offset points",
            parse_math=False,
            fontsize=8,
            zorder=6,
            arrowprops={"arrowstyle": "-", "color": "#777777", "linewidth": 0.5},
        )
        text.set_in_layout(False)
        text.set_bbox({"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.6})
        costs = [_covered(panel, _put(text, at), taken, points) for at in AROUND]
        taken.append(_put(text, AROUND[costs.index(min(costs))]))


def _put(text: Any, at: tuple[float, float]) -> Any:
    """Where the label lies with this offset."""
    text.set_position(at)
    text.set_ha("left" if at[0] > 0 else "right" if at[0] < 0 else "center")
    text.set_va("center")
    from matplotlib.text import Text

    text.get_window_extent()  # which moves it to its place; with the line to its point
    return Text.get_window_extent(text)


def _covered(panel: Any, box: Any, taken: Sequence[Any], points: Sequence[Any]) -> float:
    frame = panel.get_window_extent()
    outside = box.x0 < frame.x0 or box.x1 > frame.x1 or box.y0 < frame.y0 or box.y1 > frame.y1
    near = box.padded(MARKER)
    over = [box.overlaps(other) for other in taken] + [near.contains(*point) for point in points]
    return float(10 * outside + sum(over))
