"""A trade-off in Markdown, for a comment or a paper's draft. Names of others stand in code spans."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_vsc.gains import SHOWN, Figure, Table
from pytest_vsc.reports.figures import apart, rate
from pytest_vsc.reports.markdown import code, head, line, words
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
from pytest_vsc.tradeoffs import Tradeoff


def markdown(found: Tradeoff) -> str:
    """All of it."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Tradeoff) -> Iterator[str]:
    models = dict.fromkeys(method.model for method in found.methods)
    yield from ("## Calibration: what it gains and what it costs", "")
    yield f"Model {', '.join(map(code, models))}; judge {code(found.judge)}, policy {found.policy}."
    yield f"Gates: {', '.join(map(code, found.gates)) or 'none'}."
    for table in found.tables:
        yield from ("", f"### Suite {code(table.suite)}", "", *_table(found, table))
    heads = ("Method", "Run", *map(str.capitalize, COSTS), "Ship")
    yield from ("", "### Methods, and what a case takes", "", *head(*heads))
    for method in found.methods:
        yield line(code(method.name), code(method.run), *costs(method), SHIPS[method.ship])
    if told := [*remarks(found), *verdicts(found)]:
        yield from ("", *(f"- {words(one)}" for one in told))


def _table(found: Tradeoff, table: Table) -> Iterator[str]:
    yield f"Each rate in %, below it how far it is from that of `{found.plain}`, in points, with its 95 % interval."
    yield from (f"n: {sizes(table, found.plain)}.", "")
    yield from head("Method", *(HEADS[metric] for metric in SHOWN), "Stands")
    labels = {method.name: method.label for method in found.methods}
    for row in table.rows:
        beside = row.method != found.plain
        cells = [_cell(row.figures[metric], beside=beside) for metric in SHOWN]
        yield line(code(labels[row.method]), *cells, place(row))
    if told := list(notes(found, table)):
        yield from ("", *(f"- {words(one)}" for one in told))


def _cell(figure: Figure | None, *, beside: bool) -> str:
    return f"{rate(figure)}<br>{apart(figure)}" if beside and figure else rate(figure)
