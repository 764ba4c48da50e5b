"""A run under operators for a terminal: tables no wider than it, whose names are folded rather than cut off."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_vsc.curves import HARM, Table
from pytest_vsc.reports.figures import columns
from pytest_vsc.reports.folding import folded
from pytest_vsc.reports.robust import cells
from pytest_vsc.robust import Robustness

NARROWEST = 80  # cells; a terminal with fewer gets lines of so many


def lines(found: Robustness, width: int) -> Iterator[str]:
    """All of it."""
    width = max(width, NARROWEST)
    yield from folded(f"robustness of {cells.title(found)}", width, 0)
    for table in found.tables:
        yield ""
        yield from folded(cells.about(table), width, 0)
        yield from folded(cells.RISE, width)
        yield from _suite(table, width)
    if found.decisions:
        yield ""
    for told in cells.verdicts(found):
        yield from folded(told, width, 0)


def _suite(table: Table, width: int) -> Iterator[str]:
    for grid in cells.grids(table):
        yield ""
        yield from columns(grid.heads, grid.rows, width)
    for told in cells.notes(table):
        yield from folded(told, width)
    yield from ("", *folded(cells.DAMAGING, width))
    for metric in HARM:
        if rows := cells.worst(table, metric):
            yield ""
            yield from columns((cells.HEADS[metric], *cells.WORST), rows, width)
