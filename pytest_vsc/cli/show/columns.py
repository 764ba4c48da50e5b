"""Tables as wide as a terminal: widths are those that letters have on a screen. Texts of others are cleaned before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from pytest_vsc.reports.folding import cells as width

BETWEEN = "  "
CUT = "…"
LEAST = 8  # columns that the first cell keeps


class Columns(NamedTuple):
    """Which columns of a table are shown, and how wide each of them is."""

    shown: tuple[int, ...]
    widths: tuple[int, ...]
    figures: Collection[int]


def fitted(whole: Sequence[Sequence[str]], figures: Collection[int], spare: Sequence[int], room: int | None) -> Columns:
    """Columns for these rows, the heads among them. figures: those written to the right. room: of the terminal.

    Where that is too small, the spare columns go first, in that order; then the first one is cut.
    """
    widths = [max(width(row[column]) for row in whole) for column in range(len(whole[0]))]
    shown = [*range(len(widths))]
    gone = iter(spare)
    while room is not None and _taken(shown, widths) > room and (column := next(gone, None)) is not None:
        shown.remove(column)
    if room is not None and (over := _taken(shown, widths) - room) > 0:
        widths[0] = max(LEAST, widths[0] - over)
    return Columns(tuple(shown), tuple(widths), figures)


def _taken(shown: Sequence[int], widths: Sequence[int]) -> int:
    return sum(widths[column] for column in shown) + len(BETWEEN) * (len(shown) - 1)


def cells(row: Sequence[str], columns: Columns) -> list[str]:
    """The shown cells of a row, each as wide as its column."""
    return [_padded(row[column], columns.widths[column], column in columns.figures) for column in columns.shown]


def _padded(text: str, wide: int, right: bool) -> str:
    if (taken := width(text)) > wide:
        text, taken = _cut(text, wide)
    return " " * (wide - taken) + text if right else text + " " * (wide - taken)


def _cut(text: str, wide: int) -> tuple[str, int]:
    """The beginning of a text with a mark that more followed, and how wide that is: a wide letter may not fit."""
    kept = text
    while width(kept) > wide - 1:
        kept = kept[:-1]
    return kept + CUT, width(kept) + 1
