"""A run under operators in Markdown, for a comment or a paper's draft. Names of others stand in code spans."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_vsc.curves import HARM, SHOWN, Table
from pytest_vsc.reports.markdown import code, head, line, words
from pytest_vsc.reports.robust import cells
from pytest_vsc.robust import Robustness


def markdown(found: Robustness) -> str:
    """All of it."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Robustness) -> Iterator[str]:
    yield from ("## Robustness: calibration as pairs change", "")
    yield f"Model {code(found.model)}; judge {code(found.judge)}, policy {found.policy}; run {code(found.run)}."
    if found.calibration != "none":
        yield f"Calibration {code(found.calibration)}."
    if found.partial:
        yield f"The run is not whole: {words(found.partial)}."
    for table in found.tables:
        yield from ("", f"### Suite {code(table.suite)}", "", *_table(table))
    if found.decisions:
        yield from ("", "### Gates", "", *(f"- {words(told)}" for told in cells.verdicts(found)))


def _table(table: Table) -> Iterator[str]:
    yield from (f"{words(cells.about(table))}.", cells.RISE.replace("*", "\\*"), "")
    yield from head("Operator", "Pairs", "Strength", *(cells.HEADS[metric] for metric in SHOWN))
    for curve in table.curves:
        for strength, *told in cells.points(curve):
            yield line(code(curve.op), f"{curve.pairs:,}", strength, *(one.replace("*", "\\*") for one in told))
    if told := list(cells.notes(table)):
        yield from ("", *(f"- {words(one)}" for one in told))
    yield from ("", cells.DAMAGING)
    for metric in HARM:
        if rows := cells.worst(table, metric):
            yield from ("", *head(f"Worst for {cells.HEADS[metric]}", *map(str.capitalize, cells.WORST)))
            for category, op, *rest in rows:
                yield line(code(category), code(op) if op != cells.ABSENT else op, *rest)
