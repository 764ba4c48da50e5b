"""A trade-off as one HTML page that needs nothing beside itself, runs nothing and sends nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import NamedTuple

from pytest_vsc import __version__
from pytest_vsc.gains import SHOWN, Figure, Row, Table
from pytest_vsc.reports.figures import apart, rate
from pytest_vsc.reports.page import POLICY, asset, digest, template
from pytest_vsc.reports.tradeoff import cells, plot
from pytest_vsc.tradeoffs import Tradeoff


class Line(NamedTuple):
    """A method on one suite. told: of each metric its rate, and how far it is from the plain model's."""

    label: str
    told: list[tuple[str, str]]
    place: str


class Panel(NamedTuple):
    """A suite's table."""

    suite: str
    sizes: str
    lines: list[Line]
    notes: list[str]


def page(found: Tradeoff, drawn: bytes | None) -> bytes:
    """The page. drawn: the plot as SVG; None where it could not be made."""
    style = asset("page.css")
    made = template(__package__, "page.html.j2").render(
        found=found,
        version=__version__,
        models=list(dict.fromkeys(method.model for method in found.methods)),
        heads=[cells.HEADS[metric] for metric in SHOWN],
        panels=[Panel(table.suite, cells.sizes(table, found.plain), *_table(found, table)) for table in found.tables],
        takes=cells.COSTS,
        costs={method.name: cells.costs(method) for method in found.methods},
        ships=cells.SHIPS,
        told=[*cells.remarks(found), *cells.verdicts(found)],
        drawn=base64.b64encode(drawn).decode() if drawn else "",
        words=" ".join(plot.words(found, table) for table in found.tables),
        caption=plot.CAPTION,
        policy=POLICY.format(style=digest(style), script="none"),
        style=style,
    )
    return made.encode("utf-8", "replace")


def _table(found: Tradeoff, table: Table) -> tuple[list[Line], list[str]]:
    labels = {method.name: method.label for method in found.methods}
    lines = [Line(labels[row.method], list(_told(found, row)), cells.place(row)) for row in table.rows]
    return lines, list(cells.notes(found, table))


def _told(found: Tradeoff, row: Row) -> Iterator[tuple[str, str]]:
    for metric in SHOWN:
        figure: Figure | None = row.figures[metric]
        yield rate(figure), "" if row.method == found.plain or figure is None else apart(figure)
