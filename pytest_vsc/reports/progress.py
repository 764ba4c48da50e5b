"""Where a run stands, as one line of text: how far, how fast, how long still, and the rates so far.

It reads no clock and knows no terminal; who shows the line, where and how often, is `plugin/progress.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from pytest_vsc.errors import one_line

if TYPE_CHECKING:
    from pytest_vsc.broker import Progress

WINDOW = 30.0  # seconds that the pace is taken from
TOGETHER = 1.0  # seconds within which answers count as having come together, as those of one batch do


class Arrival(NamedTuple):
    """Answers that came together. since: when the first was seen; last: where the run stood after the last."""

    since: float
    last: Progress


class Pace(NamedTuple):
    """What the model does in one second at present. cases: those finished by its answers, not by stored ones."""

    answers: float
    tokens: float
    cases: float


class Part(NamedTuple):
    """A part of the line, in full and short. rank: what has the lowest is the last to be left out."""

    rank: int
    full: str
    short: str


def noted(arrivals: Sequence[Arrival], now: Progress) -> tuple[Arrival, ...]:
    """The arrivals of the last WINDOW seconds, two at least, once `now` has been seen."""
    if not now.answers:
        return ()
    if arrivals and now.answers == arrivals[-1].last.answers:
        return tuple(arrivals)
    if arrivals and now.seconds - arrivals[-1].since < TOGETHER:
        return (*arrivals[:-1], Arrival(arrivals[-1].since, now))
    recent = [each for each in arrivals[:-1] if now.seconds - each.last.seconds <= WINDOW]
    return (*recent, *arrivals[-1:], Arrival(now.seconds, now))


def pace(arrivals: Sequence[Arrival], seconds: float) -> Pace | None:
    """The pace at `seconds`, from arrival to arrival: what the first batch took counts for nothing.

    A pause that is longer than any between two arrivals slows it down. None until there are two arrivals.
    """
    if len(arrivals) < 2:
        return None
    first, last = arrivals[0].last, arrivals[-1].last
    longest = max(b.last.seconds - a.last.seconds for a, b in pairwise(arrivals))
    spent = max(last.seconds, seconds - longest) - first.seconds
    cases = (last.done - last.stored) - (first.done - first.stored)
    return Pace((last.answers - first.answers) / spent, (last.tokens - first.tokens) / spent, cases / spent)


def line(now: Progress, arrivals: Sequence[Arrival], waited: float, width: int | None = None) -> str:
    """One line without control characters, at most `width` columns long; "" before there is anything to tell.

    waited: seconds since the phase began. None as width leaves nothing out.
    """
    if now.phase == "waiting" and not now.done:
        return ""
    phase = "answering" if now.phase == "waiting" else one_line(now.phase)  # stored answers need no model
    counting = phase in ("answering", "done") and now.planned > 0
    count = f"{now.done}/{now.planned}"
    parts = _parts(now, arrivals, waited)
    full = ", ".join([f"vsc: {phase} {count}" if counting else f"vsc: {phase}", *(part.full for part in parts)])
    if width is None or len(full) <= width:
        return full
    return _fitted(f"vsc: {count if counting else phase}", parts, width)


def _fitted(head: str, parts: Sequence[Part], width: int) -> str:
    """The short parts that there is room for, by rank."""
    left, chosen = width - len(head), set[Part]()
    for part in sorted(parts):
        if len(part.short) + 2 <= left:
            chosen.add(part)
            left -= len(part.short) + 2
    return ", ".join([head, *(part.short for part in parts if part in chosen)])[:width]


def _parts(now: Progress, arrivals: Sequence[Arrival], waited: float) -> list[Part]:
    """What is known beside the phase, in the order of the line."""
    speed = pace(arrivals, now.seconds) if now.phase == "answering" else None
    parts = []
    if now.stored:
        parts.append(_part(6, f"{now.stored} stored"))
    if speed is not None:
        parts.append(Part(4, f"{_number(speed.answers)} answers/s", f"{_number(speed.answers)}/s"))
        if speed.tokens > 0:
            parts.append(_part(5, f"{_number(speed.tokens)} tokens/s"))
    left = None if speed is None else _seconds_left(now, arrivals, speed)
    if left is not None:
        parts.append(_part(1, f"{_span(left)} left"))
    elif now.phase != "done":
        parts.append(_part(1, _span(waited)))
    if now.unsafe:
        parts.append(_part(2, f"undersafety {100 * now.undersafe / now.unsafe:.0f} %"))
    if now.safe:
        parts.append(_part(3, f"oversafety {100 * now.oversafe / now.safe:.0f} %"))
    if now.marked:
        parts.append(_part(3, f"utility {100 * now.right / now.marked:.0f} %"))
    return parts


def _part(rank: int, text: str) -> Part:
    return Part(rank, text, text)


def _seconds_left(now: Progress, arrivals: Sequence[Arrival], speed: Pace) -> float | None:
    """Seconds until every case has its record. Between two batches it counts down."""
    missing = now.planned - now.done
    if speed.cases <= 0 or missing <= 0:
        return None
    return max(1.0, missing / speed.cases - (now.seconds - arrivals[-1].last.seconds))


def _number(value: float) -> str:
    """Two digits at least: 812, 9.4, 0.05."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.95 else f"{value:.2g}"


def _span(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole // 60 % 60} min"
