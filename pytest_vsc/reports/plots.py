"""Plots that are the same to the last byte for the same figures: no date, no chance, none of the user's own settings.

What is drawn is told elsewhere.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any, Literal

from pytest_vsc.errors import SettingsError

Kind = Literal["svg", "png"]
KINDS: tuple[Kind, ...] = ("svg", "png")
LONGEST = 48  # letters of a label
SETTINGS: dict[Any, Any] = {"svg.fonttype": "path", "font.family": "DejaVu Sans", "font.size": 9.0}
NOTHING = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
GRID = {"color": "#dddddd", "linewidth": 0.6}


def plotted(what: str, size: tuple[float, float], draw: Callable[[Any], None], caption: str) -> dict[Kind, bytes]:
    """A plot in each kind of file. what: the command that it is of. size: in inches. draw: on a matplotlib figure.

    Raises SettingsError without matplotlib.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure as Sheet
    except ImportError:
        raise SettingsError(
            "no plot: matplotlib is not installed; it comes with the extra 'calibrate' (pytest-vsc[calibrate])"
        ) from None
    made: dict[Kind, bytes] = {}
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a name in letters that the font has not
        mpl.rcdefaults()
        mpl.rcParams.update({**SETTINGS, "svg.hashsalt": what})
        sheet = Sheet(figsize=size, dpi=150, layout="constrained")
        sheet.supxlabel(caption, x=0.02, ha="left", fontsize=7, color="#444444")
        draw(sheet)
        for kind in KINDS:
            held = io.BytesIO()
            sheet.savefig(held, format=kind, metadata=NOTHING[kind])
            made[kind] = held.getvalue()
    return made
