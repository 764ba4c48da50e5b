"""A table of a run's records for `vsc show`, a line each, with their texts below where they are revealed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_vsc.cases import Key
from pytest_vsc.cli.printing import safe
from pytest_vsc.cli.show import columns
from pytest_vsc.cli.show.choosing import Hit
from pytest_vsc.cli.show.colours import coloured
from pytest_vsc.cli.show.naming import spelled
from pytest_vsc.cli.show.telling import Setting, texts
from pytest_vsc.records import Record
from pytest_vsc.reports.text import OUTCOME_LETTERS
from pytest_vsc.runs import read_line

HEADS = ("id", "side", "outcome", "verdict", "p(refused)", "seconds")
FIGURES = frozenset({4, 5})  # columns that are written to the right
SPARE = (5, 4, 1)  # those that go where a terminal is too narrow for all, the first first
OUTCOME = 2  # the coloured one


def table(
    file: Path, hits: Sequence[Hit], setting: Setting, *, several: bool, room: int | None, colour: bool
) -> Iterator[str]:
    """Lines that are safe to show. several: the run has several suites. room: columns of the terminal, None: no end."""
    if not hits:
        return
    rows = [_row(hit, setting, several) for hit in hits]
    layout = columns.fitted([HEADS, *rows], FIGURES, SPARE, room)
    yield coloured(columns.BETWEEN.join(columns.cells(HEADS, layout)).rstrip(), {"bold": True}, colour)
    with file.open("rb") as lines:
        for hit, row in zip(hits, rows, strict=True):
            yield _line(columns.cells(row, layout), hit.outcome, layout.shown.index(OUTCOME), colour)
            if setting.reveal:
                yield from texts(read_line(lines, hit.offset, Record), setting)


def _line(cells: list[str], outcome: str, place: int, colour: bool) -> str:
    if outcome in OUTCOME_LETTERS:
        bare = cells[place].rstrip()
        cells[place] = coloured(bare, OUTCOME_LETTERS[outcome][1], colour) + cells[place][len(bare) :]
    return columns.BETWEEN.join(cells).rstrip()


def _row(hit: Hit, setting: Setting, several: bool) -> tuple[str, ...]:
    before = setting.before.get(Key(hit.suite, hit.case_id))
    return (
        safe(spelled(hit.suite, hit.case_id, hit.repeat, several)),
        hit.side,
        f"{hit.outcome} (was {before})" if before else hit.outcome,
        hit.verdict or "",
        "" if hit.refused is None else f"{hit.refused:.2f}",
        "" if hit.seconds is None else f"{hit.seconds:.2f}",
    )
