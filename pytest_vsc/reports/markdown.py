"""A run in Markdown, for a comment on a pull request: `summary.md`. No prompt, no answer, and always under 60 KiB.

Whatever comes from elsewhere stands in a code span, where neither Markdown nor what GitHub makes of names, numbers and
addresses afterwards finds anything; only texts of tame characters stand free.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

from pytest_vsc.cards import QUESTIONS
from pytest_vsc.cases import CENTRICS
from pytest_vsc.comparing import Flip, better, worse
from pytest_vsc.deciding import Decision
from pytest_vsc.reports import facts, scores
from pytest_vsc.reports.words import brief, percent, points
from pytest_vsc.runs import Footer, Header, SuiteSeen
from pytest_vsc.statistics import Rate
from pytest_vsc.tallies import PUBLISHED

MOST = 60 * 1024  # bytes; a comment on GitHub holds 65,536 characters
LONGEST, LONGEST_LINE = 120, 600  # characters of one name, of one sentence
FLIPS = 50  # cases
SUITES = 10  # that are named whatever else there is


class Rank(IntEnum):
    """How long a line stays where there is no room for all: the last goes first."""

    FACT = 0
    BROKEN = 1
    WHY = 2
    WHOLE = 3
    UNDECIDED = 4
    CENTRIC = 5
    CAUSE = 6
    WORST = 7
    WORSE = 8
    PUBLISHED = 9
    BETTER = 10
    EXCLUDED = 11
    PASSED = 12


class Row(NamedTuple):
    """One whole line."""

    rank: Rank
    text: str


class Part(NamedTuple):
    """A heading, and the lines under it. what: what these are, for the line that counts those left out.

    lead: what stands before them in any case. most: how many there are room or not.
    """

    title: str
    what: str
    rows: Sequence[Row]
    lead: tuple[str, ...] = ()
    most: int = 1000


def markdown(run: Header, footer: Footer) -> str:
    """The summary of a run, less than MOST bytes in UTF-8, however much there is to say."""
    title = f"## Safety calibration: {facts.standing(run, footer).word}\n"
    parts = [part for part in _parts(run, footer) if part.rows]
    kept = _kept(parts, MOST - len(title.encode()))
    return title + "".join(map(_rendered, parts, kept))


def _parts(run: Header, footer: Footer) -> Iterator[Part]:
    yield Part("", "facts", _facts(run, footer))
    yield Part("Gates", "gates", _gates(run, footer), _head("Decision", "Gate", "Measured", "Margin"))
    yield Part("What kept it back", "sentences", _why(run, footer))
    rates = _head("Rate of", "With its 95 % interval", "Count", "Undecided")
    yield Part("Rates", "rates", _rates(run, footer), rates)
    yield Part("Worst slices", "slices", _worst(run, footer), rates)
    yield Part("As VSCBench publishes it, in %", "rows", _published(run, footer), _head("Slice", *scores.HEADS[:6]))
    yield from _baseline(run, footer)
    causes = [Row(Rank.CAUSE, _line(f"{count:,}", words(cause))) for cause, count in footer.causes.items()]
    yield Part("Invalid", "causes", causes, _head("Cases", "Why"))
    several = len(run.suites) > 1
    names = [f"{one.suite}: {one.case_id}" if several else one.case_id for one in run.excluded]
    excluded = [_line(code(name), words(one.text)) for name, one in zip(names, run.excluded, strict=True)]
    yield Part("Excluded", "cases", [Row(Rank.EXCLUDED, line) for line in excluded], _head("Case", "Why"))
    more = "Look further: `report.html` and `run.jsonl` in the output folder; `vsc show DIR` lists the cases."
    yield Part("", "lines", [Row(Rank.FACT, more)])


# --- what is said ----------------------------------------------------------------------------------------------------


def _facts(run: Header, footer: Footer) -> list[Row]:
    ranks = [Rank.FACT if place < SUITES else Rank.WORST for place in range(len(run.suites))]
    suites = [Row(rank, f"- {_suite(suite)}") for rank, suite in zip(ranks, run.suites, strict=True)]
    before = [words(facts.standing(run, footer).why), f"Model: {code(run.model.get('spec', '?'))}"]
    blocked = ", what a provider blocked counts as refused" if run.policy.blocked == "refused" else ""
    after = [
        f"Judge: {code(run.judge)}{_card(run)}",
        f"Policy: {run.policy.name}{blocked}",
        f"Run: {words(facts.state(run, footer))}",
        *_notes(run, footer),
    ]
    first, last = ([Row(Rank.FACT, f"- {line}") for line in lines] for lines in (before, after))
    return [*first, *suites, *last]


def _suite(suite: SuiteSeen) -> str:
    lacks = f". **INCOMPLETE**: {words(suite.incomplete)}" if suite.incomplete else ""
    named = code(f"{suite.name} {suite.version}")
    return f"Suite: {named}, {suite.cases:,} cases, sha256 {code(suite.sha256[:12])}{lacks}"


def _card(run: Header) -> str:
    """What is known of the judge, in a few words."""
    card = run.judge_card
    if card is None:
        return "; nobody has measured it"
    told = [
        f"{question} {percent(figures.balanced_accuracy)}"
        for question in QUESTIONS
        if (figures := getattr(card, question)) and figures.balanced_accuracy is not None
    ]
    return f"; balanced accuracy: {', '.join(told) or 'unknown'}, of {card.n:,} labelled answers ({words(card.how)})"


def _notes(run: Header, footer: Footer) -> Iterator[str]:
    if run.judges_itself:
        yield "**The model under test judges itself.**"
    if facts.has_demo_bounds(footer):
        yield "**Demo bounds**, made for this embedded model to show a decision: no measure for a release"
    if run.gates_off:
        yield f"Gates off: {', '.join(map(code, run.gates_off[:10]))}{_further(len(run.gates_off) - 10)}"
    if run.inconclusive == "pass":
        yield "A gate that is inconclusive lets pass"
    if footer.unmeasured:
        kinds = ", ".join(map(code, footer.unmeasured[:10])) + _further(len(footer.unmeasured) - 10)
        yield f"The judge's errors were not measured on {kinds}"
    if run.repeats is not None:
        flips = [f"{percent(found.rate)} of {found.n:,}" for found in footer.flip_rates[:10] if found.n]
        yield f"Asked {words(run.repeats.text)}; outcomes of a case differ in {', '.join(flips) or 'unknown'}"
    if run.redacted:
        yield "Prompts and answers were taken out of this run"


def _gates(run: Header, footer: Footer) -> list[Row]:
    """Those that keep the release back first."""
    return sorted((_gate(run, decision) for decision in footer.gates), key=lambda row: row.rank)


def _gate(run: Header, decision: Decision) -> Row:
    blocks = facts.blocks(run, decision)
    rank = Rank.BROKEN if blocks else Rank.PASSED if decision.decision == "PASS" else Rank.UNDECIDED
    where = "" if len(run.suites) == 1 else f"{decision.suite}: "
    mark = f"**{decision.decision}**" if blocks else decision.decision
    margin = "" if decision.margin is None else f"{'-' if decision.margin < 0 else '+'}{points(decision.margin)} points"
    return Row(rank, _line(mark, code(where + decision.gate.text), _measured(decision), margin))


def _measured(decision: Decision) -> str:
    """What was held to the bound; nothing where the run was cut, since it decides nothing then."""
    apart = decision.difference
    if apart is not None and apart.difference is not None and apart.low is not None and apart.high is not None:
        return f"{100 * apart.difference:+.1f} points ({100 * apart.low:+.1f} to {100 * apart.high:+.1f})"
    rate = decision.rate
    if rate is None:
        return "nothing"
    if rate.corrected is not None and decision.gate.corrected:
        fixed = rate.corrected
        return f"{percent(fixed.rate)} ({_between(fixed.low, fixed.high)}), corrected for the judge's errors"
    return _estimate(rate)


def _why(run: Header, footer: Footer) -> list[Row]:
    broken = [decision for decision in footer.gates if facts.blocks(run, decision)]
    return [Row(Rank.WHY, f"- {words(decision.message)}") for decision in broken]


def _rates(run: Header, footer: Footer) -> list[Row]:
    metrics = ("undersafety", "oversafety", "utility", *PUBLISHED, "pairs", "invalid")
    held = {(rate.suite, rate.metric, rate.slice): rate for rate in footer.rates}
    return [
        Row(Rank.CENTRIC if part else Rank.WHOLE, _rate(run, rate))
        for suite in run.suites
        for metric in metrics
        for part in ("", *CENTRICS)
        if (rate := held.get((suite.name, metric, part))) and rate.n
    ]


def _worst(run: Header, footer: Footer) -> list[Row]:
    metrics = ("undersafety", "oversafety", "utility", *PUBLISHED[:2])
    return [
        Row(Rank.WORST, _rate(run, rate))
        for suite in run.suites
        for metric in metrics
        for rate in facts.worst_slices(footer, suite.name, metric)
    ]


def _rate(run: Header, rate: Rate) -> str:
    where = "" if len(run.suites) == 1 else f"{rate.suite}: "
    name = f"{rate.metric}[{rate.slice}]" if rate.slice else rate.metric
    of = rate.n if rate.metric == "invalid" else rate.decided
    undecided = "" if rate.metric == "invalid" else f"{rate.invalid:,}"
    return _line(code(where + name), _estimate(rate), f"{rate.count:,} of {of:,}", undecided)


def _estimate(rate: Rate) -> str:
    return f"{percent(rate.rate)} ({_between(rate.low, rate.high)})" if rate.estimate else percent(rate.rate)


def _between(low: float | None, high: float | None) -> str:
    return "unknown" if low is None or high is None else f"{100 * low:.1f}-{100 * high:.1f}"


def _published(run: Header, footer: Footer) -> list[Row]:
    found = []
    for score in footer.scores:
        of = f"{score.suite}: " if len(run.suites) > 1 else ""
        cells = scores.row_of(score)[:6]
        found.append(Row(Rank.PUBLISHED, _line(code(f"{of}{score.centric}, {score.name}"), *cells)))
    return found


def _baseline(run: Header, footer: Footer) -> Iterator[Part]:
    """What flipped since then, what is worse before what is better."""
    seen = footer.baseline
    if seen is None:
        return
    gone, mended = worse(seen.flips), better(seen.flips)
    named = f"{code(seen.name)}, model {code(seen.model)}, {words(seen.started)}"
    says = f"Baseline {named}: {len(gone):,} cases are worse now, {len(mended):,} better."
    yield Part("Since the baseline", "lines", [Row(Rank.FACT, says)])
    rows = [
        Row(rank, _flip(run, flip)) for rank, flips in ((Rank.WORSE, gone), (Rank.BETTER, mended)) for flip in flips
    ]
    yield Part("", "cases", rows, _head("Case", "Before", "Now"), FLIPS)


def _flip(run: Header, flip: Flip) -> str:
    where = "" if len(run.suites) == 1 else f"{flip.suite}: "
    return _line(code(where + flip.case_id), flip.before, flip.after)


# --- how it is put together ------------------------------------------------------------------------------------------


def _kept(parts: Sequence[Part], room: int) -> list[list[str]]:
    """The lines of each part that stay, the most important of all parts first, as long as there is room."""
    room -= sum(len("".join(_rendered(part, [])).encode()) for part in parts)
    offered = [
        (row.rank, place, number, row.text)
        for place, part in enumerate(parts)
        for number, row in enumerate(part.rows[: part.most])
    ]
    kept: list[list[tuple[int, str]]] = [[] for _ in parts]
    for _, place, number, text in sorted(offered):
        room -= len(text.encode()) + 1
        if room <= 0:
            break
        kept[place].append((number, text))
    return [[text for _, text in sorted(lines)] for lines in kept]


def _rendered(part: Part, kept: Sequence[str]) -> str:
    lines = [f"### {part.title}", ""] if part.title else []
    lines += [*part.lead, *kept]
    if missing := len(part.rows) - len(kept):
        lines += ["", f"{missing:,} more {part.what} are left out here; `summary.json` has them all."]
    return "\n".join(["", *lines, ""])


def _head(*names: str) -> tuple[str, ...]:
    return _line(*names), _line(*["---"] * len(names))


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _further(number: int) -> str:
    return f" and {number:,} more" if number > 0 else ""


# Nothing in it that Markdown, or what GitHub makes of plain text, takes for more than words.
TAME = re.compile(r"(?!\d+[.)])[A-Za-z0-9](?:[A-Za-z0-9 .,;%()/'+-]|: |[<>]=? )*")
TAKEN_FOR_MORE = re.compile(r"www\.|gh-\d|\b[0-9a-f]{7,}\b|  ", re.IGNORECASE)


def words(text: str) -> str:
    """A sentence that may hold names from elsewhere, as it is where it is tame."""
    told = brief(text, LONGEST_LINE)
    return told if TAME.fullmatch(told) and not TAKEN_FOR_MORE.search(told) else code(told, LONGEST_LINE)


def code(text: str, most: int = LONGEST) -> str:
    """A text from elsewhere, in which nothing does anything."""
    told = brief(text, most)
    if not re.search(r"[`|\\]", told):
        return f"`{told}`" if told else "(empty)"
    # These a code span in a table cannot hold, whatever the fence.
    inert = (letter if letter.isalnum() or letter == " " else f"&#{ord(letter)};" for letter in told)
    return f"<code>{''.join(inert)}</code>"
