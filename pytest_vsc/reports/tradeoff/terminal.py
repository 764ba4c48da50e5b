"""A trade-off for a terminal: tables no wider than it, whose names are folded rather than cut off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_vsc.gains import AIMS, SHOWN, Table
from pytest_vsc.reports.folding import cells, folded, folded_name, padded
from pytest_vsc.reports.tradeoff.cells import (
    COSTS,
    HEADS,
    SHIPS,
    apart,
    costs,
    notes,
    place,
    rate,
    remarks,
    sizes,
    verdicts,
)
from pytest_vsc.reports.words import clean
from pytest_vsc.tallies import Metric
from pytest_vsc.tradeoffs import Tradeoff

NARROWEST = 80  # cells; a terminal with fewer gets lines of so many
SHORTEST = 12  # cells of a method's name, however many figures follow
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


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """A table: names to the left, folded where there is no room for them, and figures to the right."""
    wide = [max(cells(row[at]) for row in (heads, *rows)) for at in range(len(heads))]
    room = max(SHORTEST, width - 2 - sum(2 + one for one in wide[1:]))
    first = min(wide[0], room)
    for name, *figures in (heads, *rows):
        start, *rest = folded_name(name, first)
        told = "".join(f"  {' ' * (size - cells(cell))}{cell}" for cell, size in zip(figures, wide[1:], strict=True))
        yield f"  {padded(start, first)}{told}".rstrip()
        yield from (f"  {line}" for line in rest)
