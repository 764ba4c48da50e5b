"""The heat map of a revision's probes as SVG and PNG: the same bytes for the same card and version of matplotlib."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

from pytest_vsc.calibrations.revision import RevisionCard
from pytest_vsc.errors import SettingsError

SVG, PNG = "accuracies.svg", "accuracies.png"
CELL = 0.28  # inches
HASHSALT = "pytest-vsc"


def require_matplotlib(where: str) -> None:
    """Raises SettingsError that names the extra."""
    if importlib.util.find_spec("matplotlib") is None:
        raise SettingsError(f"{where}: needs matplotlib for its heat map: pip install 'pytest-vsc[calibrate]'")


def draw(card: RevisionCard, folder: Path) -> None:
    """Write both files: balanced accuracy on held-out groups by layer and head, chance is 0.5."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    grid = grid_of(card)
    with mpl.rc_context({"svg.hashsalt": HASHSALT, "svg.fonttype": "path", "font.family": "DejaVu Sans"}):
        size = (2.6 + CELL * len(grid[0]), 1.6 + CELL * len(grid))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        shown = axes.imshow(grid, vmin=0.5, vmax=1.0, cmap="viridis", aspect="auto", interpolation="nearest")
        axes.set_ylabel("layer")
        axes.set_xlabel("head" if card.level == "head" else "")
        if card.level == "layer":
            axes.set_xticks([])
        axes.set_yticks(range(0, len(grid), max(1, len(grid) // 16)))
        for place in card.usable(card.gate)[: card.k]:
            axes.plot(place.head or 0, place.layer, marker="s", ms=5, mfc="none", mec="white")
        axes.set_title("balanced accuracy; marked: edited", fontsize=9)
        figure.colorbar(shown)
        for canvas, name, metadata in (
            (FigureCanvasSVG(figure), SVG, {"Date": None, "Creator": None}),
            (FigureCanvasAgg(figure), PNG, {"Software": None}),
        ):
            written = io.BytesIO()
            canvas.print_figure(written, format=Path(name).suffix[1:], metadata=metadata, dpi=100)
            (folder / name).write_bytes(written.getvalue())


def grid_of(card: RevisionCard) -> list[list[float]]:
    """By layer and head; NaN where there is no probe."""
    across = card.heads if card.level == "head" else 1
    grid = [[float("nan")] * across for _ in card.layers]
    for place in card.places:
        grid[place.layer][place.head or 0] = place.accuracy
    return grid
