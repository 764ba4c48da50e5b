"""How tables write a rate, how far it is from another, and a number; and such tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_vsc.gains import Figure
from pytest_vsc.reports.folding import cells, folded_name, padded

UNKNOWN = "unknown"
SHORTEST = 12  # cells of a name, however many figures follow


def rate(figure: Figure | None) -> str:
    """`34.6`, in percent."""
    return UNKNOWN if figure is None or figure.rate.rate is None else f"{100 * figure.rate.rate:.1f}"


def apart(figure: Figure | None) -> str:
    """`-18.0 (-22.1..-13.9)`, in points."""
    one = figure.apart if figure else None
    if one is None or one.difference is None or one.low is None or one.high is None:
        return UNKNOWN
    return f"{100 * one.difference:+.1f} ({100 * one.low:+.1f}..{100 * one.high:+.1f})"


def number(told: float | None, decimals: int) -> str:
    return UNKNOWN if told is None else f"{told:,.{decimals}f}"


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
