"""The table of scores as VSCBench publishes them, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from pytest_vsc.reports.folding import cells, folded, padded
from pytest_vsc.reports.words import clean
from pytest_vsc.scores import ALL, Score
from pytest_vsc.statistics import Rate

HEADS = ("n", "invalid", "SRA_u", "SRA_s", "average", "interval", "U", "O", "I")
CAPTION = "scores as published, in %; U, O, I: undersafe, oversafe and undecided by the strict policy"


def table(scores: Sequence[Score], width: int) -> Iterator[str]:
    """The lines of one suite's table, none wider than the terminal: in percent as published, with the 95 % interval of
    the average, then the counts of the strict policy. Rows that are too wide for columns become sentences."""
    yield from folded(CAPTION, width)
    rows = {(score.centric, score.name): row_of(score) for score in _ordered(scores)}
    names = max(cells(clean(name)) for _, name in rows)
    wide = [max(map(len, column)) for column in zip(HEADS, *rows.values(), strict=True)]
    gap = next((gap for gap in (2, 1) if 4 + names + sum(wide) + gap * len(wide) <= width), None)
    if gap is not None:
        yield _line("", HEADS, names, wide, gap)
    for centric, of_it in groupby(rows.items(), key=lambda row: row[0][0]):
        yield f"  {centric}-centric"
        for (_, name), figures in of_it:
            if gap is not None:
                yield _line(clean(name), figures, names, wide, gap)
            else:
                told = ", ".join(f"{head} {cell}" for head, cell in zip(HEADS, figures, strict=True) if cell)
                yield from folded(f"{clean(name)}: {told}", width, 4, 6)


def _ordered(scores: Sequence[Score]) -> list[Score]:
    """Those of pictures first, and of these the one of all last."""
    return sorted(scores, key=lambda score: (score.centric != "image", score.name == ALL))


def row_of(score: Score) -> tuple[str, ...]:
    """The figures of a row, as HEADS names them."""
    average = score.sra
    interval = "" if average.low is None or average.high is None else f"{_number(average.low)}-{_number(average.high)}"
    rates = tuple(_percent(rate) for rate in (score.sra_u, score.sra_s, average))
    counts = tuple(f"{count:,}" for count in (score.undersafe, score.oversafe, score.undecided))
    return (f"{score.n:,}", f"{score.invalid:,}", *rates, interval, *counts)


def _line(name: str, figures: Sequence[str], names: int, wide: Sequence[int], gap: int) -> str:
    told = "".join(f"{'':<{gap}}{cell:>{size}}" for cell, size in zip(figures, wide, strict=True))
    return f"    {padded(name, names)}{told}".rstrip()


def _percent(rate: Rate) -> str:
    """A rate, or why there is none."""
    if rate.rate is not None:
        return _number(rate.rate)
    return "?" if rate.n else "-"


def _number(share: float) -> str:
    return f"{100 * share:.1f}"
