"""The block at the end of a run, in pytest's own look: no line wider than the terminal. No prompt, no answer."""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from pytest_vsc.deciding import Decision
from pytest_vsc.early import DECIDED_EARLY
from pytest_vsc.marking import NAME as MARKED_BY
from pytest_vsc.reports import facts, reasons, scores
from pytest_vsc.reports.details import beside
from pytest_vsc.reports.folding import cells, folded, padded, separator
from pytest_vsc.reports.words import Markup, clean, percent, points, ruled_by
from pytest_vsc.runs import Footer, Header, SuiteSeen
from pytest_vsc.statistics import Rate

Line = tuple[str, Markup]

NARROWEST = 60  # cells; a terminal with fewer gets lines of so many
METRICS = ("undersafety", "oversafety", "utility", "invalid", "pairs")
PARTS = ("image", "text")  # the slices that stand below the whole
MOST_GATES = 40  # in a line each; of more, those that keep the release back go first
LABEL = 16  # cells before the figures of a rate
STANDINGS: dict[facts.Word, Markup] = {
    "PASSED": {"green": True},
    "BLOCKED": {"red": True},
    "PASSED IN PART": {"yellow": True},
}
# `82.6% (223/270 decided, 95% interval 77.6%-86.6%) > 65%`, as a gate's message goes on after its name.
MEASURED = re.compile(r"(?P<rate>\S+) \((?P<facts>[^()]*)\)(?P<rest>.*)")
SHARE = re.compile(r"[0-9.]+%|unknown")


def block(run: Header, footer: Footer, folder: Path, *, written: Sequence[str] = (), width: int = 80) -> Iterator[Line]:
    """All of it, as (line, markup). written: the files that are in the folder, and whole. width: of the terminal."""
    width = max(width, NARROWEST)
    place = os.path.relpath(folder)
    yield from _head(run, footer, width)
    yield from _measured(run, footer, width)
    yield from _gates(run, footer, width)
    yield from _below(run, footer, folder, width)
    if written:
        yield from _plain([f"written: {place}/ ({', '.join(written)})"], width)
        yield from _next(run, footer, place, width)


def _plain(lines: Sequence[str] | Iterator[str], width: int, markup: Markup | None = None) -> Iterator[Line]:
    """Lines of running text, each indented, and folded below itself."""
    for line in lines:
        yield from ((part, markup or {}) for part in folded(clean(line), width))


# --- what the run is, and how it stands ------------------------------------------------------------------------------


def _head(run: Header, footer: Footer, width: int) -> Iterator[Line]:
    standing = facts.standing(run, footer)
    colour = STANDINGS[standing.word]
    title = clean(f"safety calibration of {run.model.get('spec', '?')}: {standing.word}")
    for line in folded(title, width, 0):
        yield separator(line, width) if line == title else line, {"bold": True, **colour}
    partial = standing.word == "PASSED IN PART"  # why is how whole it is, which has a line of its own
    yield from _plain([] if partial else [standing.why], width, colour)
    for suite in run.suites:
        yield from _suite(suite, width)
    itself = ", the model under test JUDGES ITSELF" if run.judges_itself else ""
    marked = f"; utility cases are marked by {MARKED_BY}" if facts.marks(footer) else ""
    yield from _plain([f"judge: {run.judge}{itself}, {ruled_by(run.policy)}{marked}"], width)
    whole = standing.why if partial else facts.state(run, footer)
    kept = f"; {known}" if (known := facts.answers(footer)) else ""
    yield from _plain([f"{whole}{kept}"], width, {} if footer.complete else {"yellow": True})


def _suite(suite: SuiteSeen, width: int) -> Iterator[Line]:
    yield from _plain(
        [f"suite: {suite.name} {suite.version}, {suite.cases:,} cases, sha256 {suite.sha256[:12]}"], width
    )
    if suite.incomplete:
        yield from _plain([f"suite {suite.name} is INCOMPLETE: {suite.incomplete}"], width, {"yellow": True})


# --- what was measured -----------------------------------------------------------------------------------------------


def _measured(run: Header, footer: Footer, width: int) -> Iterator[Line]:
    """The rates of each suite, and its table of published scores where there is one."""
    for suite in run.suites:
        rates = list(_rates(footer, suite.name, width))
        if rates and len(run.suites) > 1:
            yield from _plain([f"{suite.name}:"], width)
        yield from ((line, {}) for line in rates)
        if found := [score for score in footer.scores if score.suite == suite.name]:
            yield from ((line, {}) for line in scores.table(found, width))


def _rates(footer: Footer, suite: str, width: int) -> Iterator[str]:
    """Each rate in a line, and in the next its parts, or which one part is all of it."""
    for metric in METRICS:
        found = {rate.slice: rate for rate in footer.rates if rate.suite == suite and rate.metric == metric}
        if "" not in found:
            continue
        whole, parts = found[""], [found[part] for part in PARTS if part in found]
        of = whole.n if metric == "invalid" else whole.decided
        line = f"  {metric:<{LABEL - 4}} {_share(whole)} {whole.count:>4} of {of:<4}".rstrip()
        if len(parts) == 1 and parts[0].n == whole.n:
            yield from _joined([f"{line:<49} ", f"{parts[0].slice}-centric"], width)
        else:
            yield line
            yield from _joined([f"{'':<{LABEL}}", *(f"{part.slice:<5}{_share(part)}  " for part in parts)], width)


def _joined(pieces: Sequence[str], width: int) -> list[str]:
    """The pieces in one line where they fit, else each in its own, below the figures."""
    first, *others = pieces
    line = "".join(pieces).rstrip()
    if len(line) <= width:
        return [line] if line else []
    return [line.rstrip() for line in (first, *(f"{'':<{LABEL}}{piece}" for piece in others)) if line.strip()]


def _share(rate: Rate) -> str:
    return f"{percent(rate.rate):>7}{_interval(rate):<14}"


def _interval(rate: Rate) -> str:
    return "" if rate.low is None or rate.high is None else f" ({100 * rate.low:.1f}-{100 * rate.high:.1f})"


# --- the gates -------------------------------------------------------------------------------------------------------


class GateRow(NamedTuple):
    """A gate in a line. reason: what its message says besides, "" where the line is enough."""

    word: str
    name: str
    figures: str
    reason: str
    markup: Markup


def _gates(run: Header, footer: Footer, width: int) -> Iterator[Line]:
    """Each gate in a line, or in two where its name is too wide, with the reason below; one that is shared once."""
    decisions = _named(run, footer.gates)
    rows = [_row(run, decision) for decision in decisions]
    start = 4 + max((len(row.word) for row in rows), default=0)
    room = width - start - 1 - max((len(row.figures) for row in rows), default=0)
    wide = max((cells(row.name) for row in rows if cells(row.name) <= room), default=0)
    for row, following in zip_longest(rows, rows[1:]):
        head = f"{row.word:<{start - 2}}{padded(row.name, wide)}"
        if cells(row.name) <= wide:
            yield f"  {head} {row.figures}".rstrip(), row.markup
        else:
            yield from ((line, row.markup) for line in folded(head, width, then=start))
            yield from [(f"{'':<{start + wide}} {row.figures}", row.markup)] if row.figures else []
        if row.reason and (following is None or following.reason != row.reason):
            yield from ((line, {}) for line in folded(row.reason, width, start, start))
    if left := Counter(one.decision for one in footer.gates) - Counter(one.decision for one in decisions):
        told = ", ".join(f"{number:,} {word}" for word, number in left.items())
        yield from _plain([f"and {sum(left.values()):,} more gates: {told} (summary.json has them all)"], width)
    if facts.has_demo_bounds(footer):
        yield from _plain([facts.DEMO], width, {"yellow": True})


def _named(run: Header, gates: Sequence[Decision]) -> Sequence[Decision]:
    """The gates that are named, in their order."""
    ranks = [2 if one.decision == "PASS" else 1 - facts.blocks(run, one) for one in gates]
    kept = sorted(range(len(gates)), key=lambda place: (ranks[place], place))[:MOST_GATES]
    return [gates[place] for place in sorted(kept)]


def _row(run: Header, decision: Decision) -> GateRow:
    gate = decision.gate
    suite = "" if len(run.suites) == 1 else f"{decision.suite}: "
    told = decision.message.removeprefix(gate.name).lstrip(": ").replace(f" ({gate.text})", "")
    first = told.split(" ", 1)[0]
    rate = percent_of(first) if SHARE.fullmatch(first) else ""
    figures = f"{rate:>8}   {_margin(decision)}".rstrip() if rate else ""
    plain = not (gate.proof or gate.baseline or gate.corrected or DECIDED_EARLY in told)
    _, partial, of = told.partition("; partial ")
    reason = f"{partial[2:]}{of}" if decision.decision == "PASS" and plain else _reason(told)
    if decision.decision == "INCONCLUSIVE" and not facts.blocks(run, decision):
        reason += "; blocks nothing (--vsc-inconclusive pass)"
    return GateRow(decision.decision, clean(f"{suite}{gate.text}"), figures, clean(reason), _colour(run, decision))


def _colour(run: Header, decision: Decision) -> Markup:
    if decision.decision == "PASS":
        return {"green": True}
    return {"red": True} if facts.blocks(run, decision) else {"yellow": True}


def percent_of(told: str) -> str:
    """As the other rates are written, with as many decimals as the message thought right."""
    return told.replace("%", " %")


def _reason(told: str) -> str:
    """What a message says besides the rate and the bound. told: without the gate's name."""
    found = MEASURED.fullmatch(told)
    if found is None:
        return told
    rest = found["rest"]
    if not rest.startswith(":"):
        rest = re.sub(r" [<>]=? [0-9.]+%", "", rest, count=1)
    comma = "," if rest.startswith(" ") else ""
    return f"{found['facts']}{comma}{rest}"


def _margin(decision: Decision) -> str:
    """`10.3 points inside at worst`: how far from the bound what decides lies, and whether it is the rate itself."""
    margin = decision.margin
    if margin is None:
        return ""
    end = "" if decision.best == decision.worst else " at best" if decision.decision == "FAIL" else " at worst"
    if not margin:
        return f"on the bound{end}"
    return f"{points(margin):>4} points {'inside' if margin > 0 else 'beyond'}{end}"


# --- what else there is ----------------------------------------------------------------------------------------------


def _below(run: Header, footer: Footer, folder: Path, width: int) -> Iterator[Line]:
    yield from _plain(_worst(run, footer), width)
    yield from _plain(reasons.lines(footer.causes), width, {"purple": True})
    yield from _plain(beside(run, footer, folder), width)


def _worst(run: Header, footer: Footer) -> Iterator[str]:
    """Where the model is worst: `worst undersafety: category=violence 70.0 % (60.1-78.2) of 100, ...`."""
    for suite in run.suites:
        for metric in ("undersafety", "oversafety", "utility"):
            found = facts.worst_slices(footer, suite.name, metric)
            told = ", ".join(f"{rate.slice} {percent(rate.rate)}{_interval(rate)} of {rate.decided}" for rate in found)
            of = "" if len(run.suites) == 1 else f" in {suite.name}"
            yield from [f"worst {metric}{of}: {told}"] if told else []


# --- what to do next -------------------------------------------------------------------------------------------------


def _next(run: Header, footer: Footer, place: str, width: int) -> Iterator[Line]:
    head = "next: "
    for line in _whole(footer, place):
        yield from _plain([line], width)
    for command in _commands(run, footer, shlex.quote(place)):
        yield from ((line, {}) for line in _copied(head, clean(command), width))
        head = " " * len(head)


def _whole(footer: Footer, place: str) -> Iterator[str]:
    """What makes a release decision of a run that is none."""
    if footer.complete:
        return
    if footer.cut is None:
        which = "with all cases" if footer.recorded == footer.expected else "again"
        yield f"for a release decision: the same command {which}"
    elif footer.used.get("engine") == "openai":  # whose answers no store keeps
        yield f"go on where it stopped: the same command with --vsc-resume {shlex.quote(place)}"
    else:
        without = f" without {footer.cut}" if footer.cut in ("--lf", "--sw") else ""
        yield f"run everything again: the same command{without}; answers that were kept are taken"


def _commands(run: Header, footer: Footer, place: str) -> Iterator[str]:
    """What shows the cases behind the decision, and whether the judge is right about them."""
    counts = {metric: _count(footer, metric) for metric in ("undersafety", "oversafety", "invalid")}
    outcomes = {"undersafe": counts["undersafety"], "oversafe": counts["oversafety"], "wrong": _wrong(footer)}
    yield " ".join([f"vsc show {place}", *(f"--outcome {name}" for name, number in outcomes.items() if number)])
    blocking = [decision for decision in footer.gates if facts.blocks(run, decision)]
    if counts["invalid"] and any(one.gate.metric == "invalid" or one.decision == "INCONCLUSIVE" for one in blocking):
        yield f"vsc show {place} --outcome invalid"
    if facts.judges(footer):
        yield f"vsc judge review {place}"


def _count(footer: Footer, metric: str) -> int:
    return sum(rate.count for rate in footer.rates if rate.metric == metric and not rate.slice)


def _wrong(footer: Footer) -> int:
    return sum(rate.decided - rate.count for rate in footer.rates if rate.metric == "utility" and not rate.slice)


def _copied(head: str, command: str, width: int) -> list[str]:
    """A command in lines that a shell takes for one."""
    indent = 2 + len(head)
    lines = folded(f"{head}{command}", width - 2, then=indent + 4)
    if any(cells(word) > width - indent - 6 for word in command.split()):
        return lines  # which breaks within a word, and cannot be copied
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]
