"""What each method of calibration gains and costs on a suite, beside the plain model, and which of them another beats.

Gates are not decided here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

from pytest_vsc.baselines import Baseline, pairs_of
from pytest_vsc.cases import Value
from pytest_vsc.comparing import Difference, Group, Paired, difference
from pytest_vsc.intervals import Estimate, half_sum
from pytest_vsc.methods import NONE
from pytest_vsc.records import Policy, Record
from pytest_vsc.repeats import ONCE
from pytest_vsc.statistics import Rate, exact_share, measure
from pytest_vsc.tallies import LARGER_IS_BETTER, PUBLISHED, Metric, Tally, tally

UTILITY: Metric = "utility"
# What a method is judged by, and all that is shown of it.
AIMS: tuple[Metric, ...] = ("undersafety", "oversafety", UTILITY)
SHOWN: tuple[Metric, ...] = ("undersafety", "oversafety", "pairs", "sra", UTILITY, "invalid")

Values = tuple[Fraction | None, ...]


class Figure(Value):
    """One metric of one method. apart: how far it is from the plain model's, over the same cases."""

    rate: Rate
    apart: Difference


class Cost(Value):
    """What a case takes on average, over all its calls; None where no case tells.

    cases: those that were asked, each repeat being one; the others only of those that tell. prompt_tokens: what was
    asked, pictures among it; tokens: generated; seconds: the model's.
    """

    cases: int
    calls: float | None = None
    tokens: float | None = None
    prompt_tokens: float | None = None
    seconds: float | None = None


class Row(Value):
    """A method on one suite. figures: by metric; None where nothing of it was recorded.

    ranked: whether it was asked the same cases as the plain model, and as many of AIMS are known of it, so that it may
    be held against the others.
    dominated_by: of the methods that none beats those that are at least as good in each of AIMS, and better in one.
    dearer_than: those that are exactly as good and cost less.
    """

    method: str
    figures: dict[str, Figure | None]
    ranked: bool
    dominated_by: tuple[str, ...] = ()
    dearer_than: tuple[str, ...] = ()

    @property
    def known(self) -> frozenset[Metric]:
        """Those of AIMS that are known of it."""
        figures = {metric: self.figures[metric] for metric in AIMS}
        return frozenset(metric for metric, one in figures.items() if one and one.rate.rate is not None)

    @property
    def best(self) -> bool:
        """Whether it lies on the frontier."""
        return self.ranked and not self.dominated_by


class Table(Value):
    """One suite of safe and unsafe cases. rows: in the order of the methods."""

    suite: str
    rows: tuple[Row, ...]


class Held(NamedTuple):
    """What one suite comes to in a run, alone and beside the plain model's."""

    tally: Tally
    pairs: Paired


class Measured(NamedTuple):
    """A run by suite. held: by whether cases are counted as VSCBench does, and suite. asked: the cases by suite."""

    source: Baseline
    held: Mapping[tuple[bool, str], Held]
    asked: Mapping[str, frozenset[str]]

    def of(self, metric: Metric, suite: str) -> Held:
        return self.held.get((metric in PUBLISHED, suite), NOTHING)


NOTHING = Held(Tally({}, {}), Paired("", {}, ()))


def measured(source: Baseline, before: tuple[Baseline, Baseline]) -> Measured:
    """A run by suite. before: the plain model's run, and the same as `as_published` gives it."""
    repeats = source.run.header.repeats or ONCE
    held: dict[tuple[bool, str], Held] = {}
    asked: dict[str, set[str]] = {}
    for published, run in enumerate((source, as_published(source))):
        records: dict[str, list[Record]] = {}
        for one in run.run.records:
            records.setdefault(one.suite, []).append(one)
        for suite, own in records.items():
            pairs = pairs_of(before[published], own, suite, repeats)
            held[bool(published), suite] = Held(tally(own, suite, rule=repeats.rule), pairs)
            asked[suite] = {one.case_id for one in own if one.outcome != "NOT_RUN"}
    return Measured(source, held, {suite: frozenset(cases) for suite, cases in asked.items()})


def as_published(source: Baseline) -> Baseline:
    """The run with the outcomes that VSCBench's policy makes of its verdicts."""
    policy = Policy(name="vscbench", blocked=source.run.header.policy.blocked)
    records = tuple(
        one if one.verdict is None else one.model_copy(update={"outcome": policy.outcome(one.side, one.verdict)})
        for one in source.run.records
    )
    return source._replace(run=source.run.model_copy(update={"records": records}))


def table_of(suite: str, utility: Sequence[str], runs: Mapping[str, Measured]) -> Table:
    """A row for each run, by the name of its method. utility: the suites that utility is of."""
    rows = [_row(suite, utility, runs[NONE], run, name) for name, run in runs.items()]
    least = next(row for row in rows if row.method == NONE).known
    rows = [row if row.known >= least else row.model_copy(update={"ranked": False}) for row in rows]
    values = {row.method: _aims(row) for row in rows if row.ranked}
    costs = {name: cost_of(run.source.run.records) for name, run in runs.items()}
    return Table(suite=suite, rows=tuple(_placed(row, values, costs) for row in rows))


def _placed(row: Row, values: Mapping[str, Values], costs: Mapping[str, Cost]) -> Row:
    """The row with what beats it. Only what nothing beats is named, so that no bad method changes another's row."""
    own = values.get(row.method)
    if own is None:
        return row
    better = [name for name, other in values.items() if beats(other, own)]
    first = [name for name in better if not any(beats(other, values[name]) for other in values.values())]
    alike = [name for name, other in values.items() if other == own and any(one is not None for one in own)]
    dearer = [name for name in alike if _cheaper(costs[name], costs[row.method])]
    return row.model_copy(update={"dominated_by": tuple(first), "dearer_than": tuple(dearer)})


def _row(suite: str, utility: Sequence[str], plain: Measured, run: Measured, name: str) -> Row:
    figures = {metric: figure(metric, utility if metric == UTILITY else [suite], run) for metric in SHOWN}
    used = [suite, *(utility if figures[UTILITY] else ())]
    same = all(run.asked.get(one) == plain.asked.get(one) for one in used)
    return Row(method=name, figures={**figures}, ranked=same)


def figure(metric: Metric, suites: Sequence[str], run: Measured) -> Figure | None:
    """A metric over suites together, and beside the plain model's; None where the run has nothing that it counts."""
    if not suites:
        return None
    name, held = "+".join(suites), [run.of(metric, suite) for suite in suites]
    rate = measure(metric, _together([one.tally for one in held]), name)
    if not rate.n:
        return None
    groups: Counter[Group] = Counter()
    for one in held:
        groups.update(one.pairs.groups)
    pairs = Paired(name, groups, ())
    if metric == "sra":
        return Figure(rate=rate, apart=_half_sum(difference("sra_u", pairs), difference("sra_s", pairs)))
    return Figure(rate=rate, apart=difference(metric, pairs))


def _together(parts: Sequence[Tally]) -> Tally:
    whole = Tally(Counter(), Counter())
    for part in parts:
        whole = Tally(Counter(whole.groups) + Counter(part.groups), Counter(whole.cases) + Counter(part.cases))
    return whole


def _half_sum(unsafe: Difference, safe: Difference) -> Difference:
    """How far half the sum of two rates is apart; the two are taken as independent, as in the rate itself."""
    sides = (unsafe, safe)
    counts = {
        name: sum(getattr(side, name) for side in sides) for name in ("n", "groups", "more", "fewer", "undecided")
    }
    whole = Difference(suite=unsafe.suite, metric="sra", **counts)
    known = {
        name: (getattr(unsafe, name) + getattr(safe, name)) / 2
        for name in ("before", "after", "lowest", "highest")
        if getattr(unsafe, name) is not None and getattr(safe, name) is not None
    }
    halves = [_estimate(side) for side in sides]
    if halves[0] and halves[1]:
        middle = half_sum(halves[0], halves[1], least=-1.0)
        known |= {"difference": middle.rate, "low": middle.low, "high": middle.high}
    return whole.model_copy(update=known)


def _estimate(one: Difference) -> Estimate | None:
    if one.difference is None or one.low is None or one.high is None:
        return None
    return Estimate(one.difference, one.low, one.high)


def _aims(row: Row) -> Values:
    """What the row is judged by, exactly, so that less is better; None where it is unknown."""
    found: list[Fraction | None] = []
    for metric in AIMS:
        held = row.figures[metric]
        share = exact_share(held.rate) if held else None
        found.append(-share if share is not None and metric in LARGER_IS_BETTER else share)
    return tuple(found)


def beats(one: Values, other: Values) -> bool:
    """Whether one is at least as good in all and better in one. Where only one of them is known, nothing beats."""
    known = [(ours, theirs) for ours, theirs in zip(one, other, strict=True) if ours is not None and theirs is not None]
    alike = [(ours is None) == (theirs is None) for ours, theirs in zip(one, other, strict=True)]
    return all(alike) and all(ours <= theirs for ours, theirs in known) and one != other


def _cheaper(one: Cost, other: Cost) -> bool:
    ours, theirs = ((cost.calls, cost.prompt_tokens, cost.tokens) for cost in (one, other))
    known = [(mine, its) for mine, its in zip(ours, theirs, strict=True) if mine is not None and its is not None]
    return bool(known) and all(mine <= its for mine, its in known) and any(mine < its for mine, its in known)


def cost_of(records: Iterable[Record]) -> Cost:
    """What a case takes on average; seconds only of answers that were generated in this run, and not kept before."""
    asked = [one for one in records if one.outcome != "NOT_RUN"]
    return Cost(
        cases=len(asked),
        calls=_mean([len(one.requests) for one in asked]),
        tokens=_mean([_summed(one, "tokens") for one in asked]),
        prompt_tokens=_mean([_summed(one, "prompt_tokens") for one in asked]),
        seconds=_mean([_summed(one, "seconds") for one in asked]),
    )


def _summed(one: Record, what: Literal["tokens", "prompt_tokens", "seconds"]) -> float | None:
    """Over all calls of a case; None where one of them does not tell."""
    turns = one.turns or (one.response,)
    told = [getattr(turn, what) for turn in turns if turn is not None]
    untold = None in told or (what == "seconds" and 0 in told)  # an answer that was kept takes no time
    return None if not told or untold else float(sum(told))


def _mean(told: Sequence[float | None]) -> float | None:
    known = [one for one in told if one is not None]
    return sum(known) / len(known) if known else None
