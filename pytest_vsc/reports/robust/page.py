"""A run under operators as one HTML page that needs nothing beside itself, runs nothing and sends nothing."""

from __future__ import annotations

import base64
from typing import NamedTuple

from pytest_vsc import __version__
from pytest_vsc.curves import HARM, Table
from pytest_vsc.reports.page import POLICY, asset, digest, template
from pytest_vsc.reports.robust import cells, plot
from pytest_vsc.robust import Robustness


class Listed(NamedTuple):
    """A table of the page: what it is of, the heads of its columns, its rows. words: columns that hold no figures."""

    name: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    words: tuple[int, ...] = (0,)


class Panel(NamedTuple):
    """A suite."""

    about: str
    tables: list[Listed]
    notes: list[str]


def page(found: Robustness, drawn: bytes | None) -> bytes:
    """The page. drawn: the plot as SVG; None where it could not be made."""
    style = asset("page.css")
    made = template(__package__, "page.html.j2").render(
        found=found,
        version=__version__,
        title=cells.title(found),
        panels=[Panel(cells.about(table), _tables(table), list(cells.notes(table))) for table in found.tables],
        rise=cells.RISE,
        damaging=cells.DAMAGING,
        gates=[(one.decision, told) for one, told in zip(found.decisions, cells.verdicts(found), strict=True)],
        drawn=base64.b64encode(drawn).decode() if drawn else "",
        words=plot.words(found),
        caption=plot.CAPTION,
        policy=POLICY.format(style=digest(style), script="none"),
        style=style,
    )
    return made.encode("utf-8", "replace")


def _tables(table: Table) -> list[Listed]:
    grids = [
        Listed(f"{cells.HEADS[grid.metric].capitalize()} over strength", ("operator", *grid.heads[1:]), grid.rows)
        for grid in cells.grids(table)
    ]
    worst = [
        Listed(f"Worst for {cells.HEADS[metric]}", ("category", *cells.WORST), rows, (0, 1, 5))
        for metric in HARM
        if (rows := cells.worst(table, metric))
    ]
    return [*grids, *worst]
