"""A trade-off for a terminal: tables no wider than it, whose names are folded rather than cut off."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_vsc.gains import AIMS, SHOWN, Table
from pytest_vsc.reports.figures import apart, columns, rate
from pytest_vsc.reports.folding import folded
from pytest_vsc.reports.tradeoff.cells import (
    COSTS,
    HEADS,
    SHIPS,
    costs,
    notes,
    place,
    remarks,
    sizes,
    verdicts,
)
from pytest_vsc.reports.words import clean
from pytest_vsc.tallies import Metric
from pytest_vsc.tradeoffs import Tradeoff

NARROWEST = 80  # cells; a terminal with fewer gets lines of so many
OTHERS: tuple[Metric, ...] = tuple(metric for metric in SHOWN if metric not in AIMS)


def lines(found: Tradeoff, width: int) -> Iterator[str]:
    """All of it."""
    width = max(width, NARROWEST)
    models = dict.fromkeys(clean(method.model) for method in found.methods)
    yield from folded(f"trade-off of {', '.join(models)}; judge {clean(found.judge)}, policy {found.policy}", width, 0)
    labels = {method.name: clean(method.label) for method in found.methods}
    for table in found.tables:
        yield ""
        yield from folded(f"suite {clean(table.suite)}; n: {sizes(table, found.plain)}", width, 0)
        yield from _suite(found, table, labels, width)
    yield ""
    yield from _ships(found, labels, width)
    for told in (*remarks(found), *verdicts(found)):
        yield from folded(told, width)


def _suite(found: Tradeoff, table: Table, labels: dict[str, str], width: int) -> Iterator[str]:
    rows = [[labels[row.method], *(rate(row.figures[metric]) for metric in SHOWN)] for row in table.rows]
    yield from columns(["rates, %", *(HEADS[metric] for metric in SHOWN)], rows, width)
    for metrics in (AIMS, OTHERS):
        beside = [
            [labels[row.method], *(apart(row.figures[metric]) for metric in metrics)]
            for row in table.rows
            if row.method != found.plain
        ]
        if beside:
            yield ""
            yield from columns([f"less {found.plain}, points", *(HEADS[metric] for metric in metrics)], beside, width)
    for told in notes(found, table):
        yield from folded(told, width)


def _ships(found: Tradeoff, labels: dict[str, str], width: int) -> Iterator[str]:
    several = len(found.tables) > 1
    heads = [clean(table.suite) if several else "stands" for table in found.tables]
    rows = [
        [labels[method.name], *costs(method), *(place(table.rows[at]) for table in found.tables), SHIPS[method.ship]]
        for at, method in enumerate(found.methods)
    ]
    yield from columns(["a case takes", *COSTS, *heads, "ship"], rows, width)
    yield from folded(f"gates: {', '.join(map(clean, found.gates)) or 'none'}", width)
