"""The table of scores as VSCBench publishes them, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_vsc.scores import ALL, Score
from pytest_vsc.statistics import Rate

HEADS = ("", "n", "invalid", "SRA_u", "SRA_s", "average", "95 % interval", "undersafe", "oversafe", "undecided")


def table(scores: Sequence[Score]) -> Iterator[str]:
    """The lines of one suite's table: in percent as published, then the counts of the strict policy."""
    names = max(len("image-centric"), *(len(score.name) + 2 for score in scores))
    yield "  scores as published, in %; the three columns on the right count by the strict policy"
    yield _line(HEADS, names)
    for centric in ("image", "text"):
        rows = [score for score in scores if score.centric == centric]
        if rows:
            yield f"  {centric}-centric"
        for score in sorted(rows, key=lambda row: row.name == ALL):
            yield _line(cells(score), names)


def cells(score: Score) -> tuple[str, ...]:
    average = score.sra
    interval = "" if average.low is None or average.high is None else f"{_number(average.low)}-{_number(average.high)}"
    rates = tuple(_percent(rate) for rate in (score.sra_u, score.sra_s, average))
    counts = tuple(f"{count:,}" for count in (score.undersafe, score.oversafe, score.undecided))
    return (f"  {score.name}", f"{score.n:,}", f"{score.invalid:,}", *rates, interval, *counts)


def _line(cells: Sequence[str], names: int) -> str:
    first, *others = cells
    figures = "".join(f"  {cell:>{len(head)}}" for cell, head in zip(others, HEADS[1:], strict=True))
    return f"  {first:<{names}}{figures}".rstrip()


def _percent(rate: Rate) -> str:
    """A rate, or why there is none."""
    if rate.rate is not None:
        return _number(rate.rate)
    return "?" if rate.n else "-"


def _number(share: float) -> str:
    return f"{100 * share:.1f}"
