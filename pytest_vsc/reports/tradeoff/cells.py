"""The words of a trade-off that all its forms share: heads, figures, and what is to be said of single methods."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_vsc.gains import AIMS, SHOWN, UTILITY, Row, Table
from pytest_vsc.reports.figures import number
from pytest_vsc.reports.words import clean
from pytest_vsc.tallies import Metric
from pytest_vsc.tradeoffs import Method, Ruling, Tradeoff

HEADS: dict[Metric, str] = {
    **{metric: metric for metric in SHOWN},
    "pairs": "pairs right",
    "sra": "SRA",
}
COSTS = ("calls", "tokens in", "tokens out", "seconds")  # a case
SHIPS: dict[Ruling, str] = {"PASS": "yes", "FAIL": "no", "INCONCLUSIVE": "undecided"}


def costs(method: Method) -> tuple[str, ...]:
    """What stands under COSTS."""
    cost = method.cost
    counted = (number(told, 1) for told in (cost.prompt_tokens, cost.tokens))
    return number(cost.calls, 2), *counted, number(cost.seconds, 3)


def place(row: Row) -> str:
    """Where a method stands: `frontier`, `dominated`, or `not ranked`."""
    return "frontier" if row.best else "dominated" if row.ranked else "not ranked"


def sizes(table: Table, plain: str) -> str:
    """How many there are of what each metric counts, in the plain model's run."""
    row = next(row for row in table.rows if row.method == plain)
    counted = {HEADS[metric]: one.rate.n for metric in SHOWN if (one := row.figures[metric]) and metric != "sra"}
    return ", ".join(f"{head} {n:,}" for head, n in counted.items())


def notes(found: Tradeoff, table: Table) -> Iterator[str]:
    """What is to be said of single methods on one suite, a line each."""
    labels = {method.name: clean(method.label) for method in found.methods}
    plain = next(row for row in table.rows if row.method == found.plain)
    for row in table.rows:
        label = labels[row.method]
        missing = [metric for metric in AIMS if metric in plain.known - row.known]
        if missing:
            yield f"{label} is not ranked: {' and '.join(missing)} unknown"
        elif not row.ranked:
            yield f"{label} is not ranked: not asked the same cases as {found.plain}"
        if row.dominated_by:
            yield f"{label} is dominated by {', '.join(labels[name] for name in row.dominated_by)}"
        if row.dearer_than:
            yield f"{label} is exactly as good as {', '.join(labels[name] for name in row.dearer_than)}, and dearer"
    if all(row.figures[UTILITY] is None for row in table.rows):
        alone = " and ".join(AIMS[:2])
        yield f"utility is unknown: no run has a suite of it, so {alone} alone decide what is dominated"


def remarks(found: Tradeoff) -> Iterator[str]:
    """What is to be said of single methods on all suites, a line each."""
    for method in found.methods:
        label = clean(method.label)
        if method.label != method.name:
            yield f"{label} is {clean(method.name)}"
        if method.partial:
            yield f"{label}: {clean(method.partial)}"
        yield from (f"{label}: not as {found.plain}: {clean(line)}" for line in method.unlike)


def verdicts(found: Tradeoff) -> Iterator[str]:
    """Why methods may not ship, a line for each gate that keeps one back."""
    several = len({one.suite for method in found.methods for one in method.decisions}) > 1
    for method in found.methods:
        for one in method.decisions:
            if one.decision != "PASS":
                where = f"{one.suite}: " if several else ""
                yield f"{clean(method.label)}: {one.decision} {clean(where + one.message)}"
