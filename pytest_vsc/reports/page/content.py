"""What a page says before anybody asks for a case: decisions, rates, comparisons, where it all comes from.

It computes rates only for the table of categories by variants; all others are those that the run wrote down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pytest_vsc.baselines import FIELDS, Baseline, between
from pytest_vsc.cards import CardSeen
from pytest_vsc.comparing import BaselineSeen, Difference, better, surely_worse, worse
from pytest_vsc.deciding import Decision
from pytest_vsc.reports import facts
from pytest_vsc.reports.details import beside as details
from pytest_vsc.reports.facts import Standing
from pytest_vsc.reports.page.charts import Bar, Plane, bar_of, plane_of
from pytest_vsc.reports.page.heat import Heat, heat_of
from pytest_vsc.reports.page.shown import Shown
from pytest_vsc.reports.words import points, ruled_by
from pytest_vsc.runs import Header, Run
from pytest_vsc.scores import Score
from pytest_vsc.statistics import Rate
from pytest_vsc.tallies import Metric

METRICS: tuple[Metric, ...] = ("undersafety", "oversafety", "utility", "invalid", "pairs")
PARTS = ("", "image", "text")
MOST_FLIPS = 200  # cases named in one table


class GateRow(NamedTuple):
    """A gate as a row. blocks: whether it keeps the release back. margin: in points, `12.3 inside`."""

    suite: str
    decision: Decision
    blocks: bool
    margin: str
    bar: Bar | None


class RateRow(NamedTuple):
    """One metric of a suite: over all, and in its halves where there are two."""

    metric: str
    rates: Sequence[tuple[str, Rate]]


class SuiteRates(NamedTuple):
    """A suite's rates, its worst slices, its table by categories, and VSCBench's where that is the policy.

    marked: its cases have answers.
    """

    name: str
    rows: Sequence[RateRow]
    worst: Sequence[Rate]
    heat: Heat
    marked: bool
    scores: Sequence[Score]


class Comparison(NamedTuple):
    """A run held against the first. kinds: (outcome before, after, how many). worse: rates that are worse by more than
    chance. flips: (what, case, before, after), the worse ones first; more: how many further ones there are."""

    before: str
    after: str
    seen: BaselineSeen
    kinds: Sequence[tuple[str, str, int]]
    worse: Sequence[Difference]
    flips: Sequence[tuple[str, str, str, str]]
    more: int


class RunContent(NamedTuple):
    """All that a page says of one run."""

    name: str
    header: Header
    standing: Standing
    state: str
    gates: Sequence[GateRow]
    suites: Sequence[SuiteRates]
    causes: Sequence[tuple[str, int]]
    notes: Sequence[str]
    card: CardSeen | None
    provenance: Sequence[tuple[str, str]]


class PageContent(NamedTuple):
    """runs: those that the page is of, the one that it is about last."""

    title: str
    runs: Sequence[RunContent]
    plane: Plane
    comparisons: Sequence[Comparison]

    @property
    def run(self) -> RunContent:
        return self.runs[-1]


def content(runs: Sequence[Shown], beside: Sequence[Shown]) -> PageContent:
    """Everything but the cases. Raises RunFileError where runs of several cannot be compared."""
    *earlier, last = runs
    model = last.header.model.get("spec", "?")
    title = f"Safety calibration of {model}"
    if earlier:
        title += f", against {earlier[0].header.model.get('spec', '?')}"
    return PageContent(
        title=title,
        runs=[_run(run) for run in runs],
        plane=plane_of(runs, beside),
        comparisons=[_comparison(runs[0], run) for run in runs[1:]] or list(_beside_its_baseline(last)),
    )


def _run(run: Shown) -> RunContent:
    header, footer = run.header, run.footer
    return RunContent(
        name=run.name,
        header=header,
        standing=facts.standing(header, footer),
        state=facts.state(header, footer),
        gates=[_gate(run, decision) for decision in footer.gates],
        suites=[_suite(run, suite.name) for suite in header.suites],
        causes=list(footer.causes.items()),
        notes=list(_notes(run)),
        card=header.judge_card,
        provenance=list(_provenance(run)),
    )


# --- gates and rates ---


def _gate(run: Shown, decision: Decision) -> GateRow:
    margin = decision.margin
    told = "" if margin is None else f"{points(margin)} {'inside' if margin >= 0 else 'beyond'}"
    suite = decision.suite if len(run.header.suites) > 1 else ""
    return GateRow(suite, decision, facts.blocks(run.header, decision), told, bar_of(decision))


def _suite(run: Shown, suite: str) -> SuiteRates:
    rates = {(rate.metric, rate.slice): rate for rate in run.footer.rates if rate.suite == suite}
    rows = []
    for metric in METRICS:
        found = [(part or "all", rates[metric, part]) for part in PARTS if (metric, part) in rates]
        if found:
            rows.append(RateRow(metric, found if len(found) > 2 else found[:1]))
    worst = [rate for metric in METRICS[:3] for rate in facts.worst_slices(run.footer, suite, metric)]
    scores = [score for score in run.footer.scores if score.suite == suite]
    return SuiteRates(suite, rows, worst, heat_of(run, suite), ("utility", "") in rates, scores)


# --- comparisons ---


def _comparison(before: Shown, after: Shown) -> Comparison:
    return _told(between(_baseline(before), _baseline(after), FIELDS), before.name, after.name)


def _baseline(run: Shown) -> Baseline:
    return Baseline(run.name, Run(header=run.header, records=tuple(run.records), footer=run.footer))


def _beside_its_baseline(run: Shown) -> Iterator[Comparison]:
    if run.footer.baseline is not None:
        yield _told(run.footer.baseline, run.footer.baseline.name, run.name)


def _told(seen: BaselineSeen, before: str, after: str) -> Comparison:
    flips = [
        (what, f"{flip.suite}/{flip.case_id}", flip.before, flip.after)
        for what, found in (("worse", worse(seen.flips)), ("better", better(seen.flips)))
        for flip in found
    ]
    kinds = Counter((flip.before, flip.after) for flip in seen.flips)
    return Comparison(
        before=before,
        after=after,
        seen=seen,
        kinds=[(was, now, number) for (was, now), number in kinds.most_common()],
        worse=[one for one in seen.differences if surely_worse(one)],
        flips=flips[:MOST_FLIPS],
        more=len(flips[MOST_FLIPS:]),
    )


# --- what stands beside ---


def _notes(run: Shown) -> Iterator[str]:
    header, footer = run.header, run.footer
    if header.redacted:
        yield "prompts and answers were taken out of this run for publishing"
    if header.judges_itself:
        yield "the model under test judges its own answers"
    for suite in header.suites:
        if suite.incomplete:
            yield f"suite {suite.name} is INCOMPLETE: {suite.incomplete}"
    if facts.has_demo_bounds(footer):
        yield facts.DEMO
    if header.gates_off:
        yield f"gates off: {', '.join(header.gates_off)}"
    yield from details(header, footer, Path(run.name))
    yield from (f"excluded: {one.suite}/{one.case_id}: {one.text}" for one in header.excluded)
    if told := facts.answers(footer):
        yield told


def _provenance(run: Shown) -> Iterator[tuple[str, str]]:
    """Where the decision comes from: all that two runs must share to be compared, and what the model said of itself."""
    header, footer = run.header, run.footer
    yield "run", run.name
    yield "started", header.started
    yield "pytest-vsc", header.pytest_vsc
    for suite in header.suites:
        yield f"suite {suite.name}", f"{suite.version}, {suite.cases:,} cases, sha256 {suite.sha256}"
        if suite.drawn is not None and header.sample is not None:
            yield f"sample of {suite.name}", f"{suite.drawn.text} ({header.sample.text})"
    yield "policy", ruled_by(header.policy).removeprefix("policy: ")
    yield "judge", header.judge
    yield "judge's identity", header.judge_identity or header.judge
    yield "calibration", header.calibration
    made = header.generation.model_dump()
    yield (
        "generation",
        ", ".join(f"{name} {value}" for name, value in made.items() if value not in (None, ())),
    )
    yield "system prompt", f"sha256 {header.system_sha256}" if header.system_sha256 else "none"
    yield "inconclusive gates", "block" if header.inconclusive == "fail" else "pass"
    if header.lock:
        yield "lock", header.lock
    if header.early_stop:
        yield "early stop", header.early_stop
    yield from ((f"model: {name.replace('_', ' ')}", value) for name, value in header.model.items())
    yield from ((f"used: {name.replace('_', ' ')}", value) for name, value in footer.used.items())
