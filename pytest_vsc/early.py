"""Deciding a run before everything is asked: groups come in random order, and gates are followed as they do.

What a gate will say at the end depends on one total over all of a suite's groups. A plain gate is decided when no
remainder can change it; one that asks for proof also when bets on that total have refuted all but one decision
(`sequential`). Both kinds of error together, that of its proof and that of deciding early, are at most what the proof
leaves open in all. It asks nothing and stops nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from math import ceil, floor
from typing import NamedTuple

from pytest_vsc.cases import Case, Key
from pytest_vsc.deciding import Decision
from pytest_vsc.gates import Gate
from pytest_vsc.intervals import CONFIDENCE, Interval, exact_of_total
from pytest_vsc.records import Outcome
from pytest_vsc.sequential import Bet, Claim, interval
from pytest_vsc.statistics import Rate, sra_of
from pytest_vsc.tallies import (
    LARGER_IS_BETTER,
    ONE_SIDED,
    Item,
    Metric,
    Profile,
    RepeatRule,
    Slice,
    grouped,
    happened,
    matches,
    together,
)

Unit = tuple[str, ...]  # the ids of the cases that a metric counts as one
DECIDED_EARLY = "decided early"


class Thresholds(NamedTuple):
    """Which claims about the total of a metric, once refuted, decide its gate."""

    passes: tuple[Claim, int]
    fails: tuple[Claim, int]


class Follower:
    """One gate on one suite, as the groups that it counts come in.

    ruling: None until it is decided. seen: how many groups it has taken in, in so many `units`.
    """

    def __init__(self, gate: Gate, suite: str, groups: Sequence[Sequence[Unit]]) -> None:
        self.gate, self.suite, self.groups = gate, suite, groups
        self.total = sum(map(len, groups))
        self.ruling: str | None = None
        self.seen = self.units = self.low = self.high = 0
        sizes = [len(group) for group in groups]
        limits = _proof_thresholds(gate, sizes) if gate.proof else _plain_thresholds(gate, self.total)
        self._error = (1 - gate.confidence) / 2 if gate.proof else 0.0
        bound, better = float(gate.bound), gate.metric in LARGER_IS_BETTER
        # What a good model, and a bad one, would be expected to show.
        good, bad = ((1 + bound) / 2, bound / 2) if better else (bound / 2, min(1.0, 2 * bound))
        mean = self.total / len(groups)
        self._passes = Bet(*limits.passes, len(groups), max(sizes), good * mean)
        self._fails = Bet(*limits.fails, len(groups), max(sizes), bad * mean)

    def take(self, low: int, high: int) -> None:
        """Take in the next group: in how many of its units it happened, at the least and at the most."""
        self.units += len(self.groups[self.seen])
        self.seen += 1
        self.low += low
        self.high += high
        better = self.gate.metric in LARGER_IS_BETTER
        against, favourable = (low, high) if better else (high, low)
        self._passes.see(against)
        self._fails.see(favourable)
        if self._refuted(self._passes):
            self.ruling = "PASS"
        elif self._refuted(self._fails):
            self.ruling = "FAIL"

    def _refuted(self, bet: Bet) -> bool:
        return bet.refuted(self._error) if self._error else bet.impossible


def _plain_thresholds(gate: Gate, total: int) -> Thresholds:
    """The worst case decides a PASS, the best case a FAIL."""
    if gate.metric in LARGER_IS_BETTER:
        least = ceil(gate.bound * total)
        return Thresholds(("at most", least - 1), ("at least", least))
    most = floor(gate.bound * total)
    return Thresholds(("at least", most + 1), ("at most", most))


def _proof_thresholds(gate: Gate, sizes: Sequence[int]) -> Thresholds:
    """The totals at which the exact limits over all groups clear the bound."""
    total, bound, counted = sum(sizes), float(gate.bound), Counter(sizes)

    def limits(count: int) -> Interval:
        return exact_of_total(count, counted, gate.confidence)

    if gate.metric in LARGER_IS_BETTER:
        proved = _first(lambda count: limits(count).low >= bound, total)
        disproved = _first(lambda count: limits(count).high >= bound, total) - 1
        return Thresholds(("at most", proved - 1), ("at least", disproved + 1))
    proved = _first(lambda count: limits(count).high > bound, total) - 1
    disproved = _first(lambda count: limits(count).low > bound, total)
    return Thresholds(("at least", proved + 1), ("at most", disproved - 1))


def _first(holds: Callable[[int], bool], total: int) -> int:
    """The smallest of 0..total for which it holds, as it does for all larger ones; total + 1 where it never does."""
    low, high = 0, total + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


class Early:
    """The gates of one run, followed from record to record.

    Cases are asked in the order that they are given in, which has to be random, group by group.
    """

    def __init__(
        self,
        gates: Iterable[tuple[str, Gate]],
        order: Sequence[Case],
        times: int = 1,
        rule: RepeatRule = "any",
        selected: Collection[Key] | None = None,
    ) -> None:
        """gates: with the name of their suite. order: the cases, each once, those that were put in it together next to
        each other. times: how often each is asked. selected: those that are asked, where some are left out.
        """
        self._times, self._rule = times, rule
        self._outcomes: dict[Key, Outcome] = {}
        self._told: defaultdict[Key, dict[int, Outcome]] = defaultdict(dict)
        self._profiles = {
            case.key.first: _profile(case) for case in order if selected is None or case.key.first in selected
        }
        self._groups: defaultdict[str, list[list[list[Item]]]] = defaultdict(list)
        for suite in dict.fromkeys(case.suite for case in order):
            self._groups[suite] = grouped(
                Item(_profile(case), case.id, case.pair, case.group) for case in order if case.suite == suite
            )
        self.open: list[tuple[str, Gate]] = []
        self.followers: list[Follower] = []
        counted = [(suite, gate, self._counted(suite, gate.metric, gate.slice)) for suite, gate in gates]
        counted = [(suite, gate, groups) for suite, gate, groups in counted if groups]  # the rest are reported so
        asking = on_what_is_asked([(suite, gate) for suite, gate, _ in counted])
        for suite, gate, groups in counted:
            if (suite, gate) in asking:
                continue
            if is_followed(gate):
                self.followers.append(Follower(gate, suite, groups))
            else:
                self.open.append((suite, gate))

    @property
    def decided(self) -> bool:
        """Whether no gate is left that a further record could decide."""
        return bool(self.followers) and not self.open and all(follower.ruling for follower in self.followers)

    @property
    def ruled(self) -> int:
        """How many gates are decided."""
        return sum(follower.ruling is not None for follower in self.followers)

    def decision(self, decision: Decision, partial: str = "") -> Decision:
        """The same, with what was known early in its place where not all was asked. decision: by the recorded cases.

        partial: what is recorded of a run that is not whole, and why.
        """
        for follower in self.followers:
            if follower.gate == decision.gate and follower.suite == decision.suite:
                if follower.ruling is None or self._whole(follower):
                    return decision
                gate = follower.gate
                interval = self.interval(follower.suite, gate.metric, gate.slice, follower.seen)
                rate = by_then(follower, decision.rate, interval) if decision.rate else None
                message = early_decision(follower, interval) + (f"; partial {partial}" if partial else "")
                known = {"decision": follower.ruling, "rate": rate, "message": message, "best": None, "worst": None}
                return decision.model_copy(update=known)
        return decision

    def rate(self, rate: Rate) -> Rate:
        """The rate with the interval that holds for it whenever the asking ended."""
        if rate.sides:
            of_unsafe, of_safe = (self.rate(side) for side in rate.sides)
            return sra_of(of_unsafe, of_safe, rate.groups)
        if rate.metric == "invalid":
            return rate
        return with_betting(rate, self.interval(rate.suite, rate.metric, rate.where))

    def see(self, key: Key, outcome: Outcome) -> None:
        """Take in the outcome of a case, or of one of its repeats."""
        told = self._told[key.first]
        told[key.repeat] = outcome
        if len(told) < self._times or key.first not in self._profiles:
            return
        self._outcomes[key.first] = outcome if self._times == 1 else together(list(told.values()), self._rule)
        for follower in self.followers:
            while not follower.ruling and follower.seen < len(follower.groups):
                found = self._events(follower.suite, follower.gate.metric, follower.groups[follower.seen])
                if found is None:
                    break
                follower.take(found.count(True), len(found) - found.count(False))

    def wanted(self, case: Case) -> bool:
        """Whether a gate that is not decided counts the case, or some of its repeats have been answered."""
        profile = self._profiles.get(case.key.first)
        if 0 < len(self._told.get(case.key.first, ())) < self._times:
            return True
        undecided = [(follower.suite, follower.gate) for follower in self.followers if not follower.ruling]
        gates = [gate for suite, gate in [*self.open, *undecided] if suite == case.suite]
        return profile is None or any(_counts(gate.metric, gate.slice, profile) for gate in gates)

    def _counted(self, suite: str, metric: Metric, slice: Slice) -> list[list[Unit]]:
        """The units that a metric counts in a slice, group by group, in the order of asking."""
        found: list[list[Unit]] = []
        for units in self._groups[suite]:
            chosen: list[Unit] = []
            for unit in units:
                selected = (item for item in unit if Key(suite, item.case) in self._profiles)
                members = [item for item in selected if matches(item.profile, slice)]
                if metric == "pairs":
                    whole = {item.profile.side for item in members} == {"safe", "unsafe"}
                    chosen += [tuple(item.case for item in members)] if whole else []
                else:
                    chosen += [(item.case,) for item in members if _counts(metric, (), item.profile)]
            found += [chosen] if chosen else []
        return found

    def _whole(self, follower: Follower) -> bool:
        """Whether all that a gate counts is recorded."""
        metric = follower.gate.metric
        return all(self._events(follower.suite, metric, units) is not None for units in follower.groups)

    def _events(self, suite: str, metric: Metric, units: Sequence[Unit]) -> list[bool | None] | None:
        """Whether the event of a metric took place in each unit; None where one of them is not recorded yet."""
        found: list[bool | None] = []
        for unit in units:
            keys = [Key(suite, case) for case in unit]
            if any(self._outcomes.get(key, "NOT_RUN") == "NOT_RUN" for key in keys):
                return None
            found.append(
                happened(metric, tuple(self._profiles[key]._replace(outcome=self._outcomes[key]) for key in keys))
            )
        return found

    def interval(self, suite: str, metric: Metric, slice: Slice, first: int | None = None) -> Interval | None:
        """The interval of a rate over all selected cases, from the groups that were asked, whenever that ended.

        first: only from so many of them. None where no group was, or where all of them were: then the usual one holds.
        """
        groups = self._counted(suite, metric, slice)
        seen: list[list[bool | None]] = []
        for units in groups[:first]:
            found = self._events(suite, metric, units)
            if found is None:
                break
            seen.append(found)
        if not seen or len(seen) == len(groups):
            return None
        number, largest, mean = len(groups), max(map(len, groups)), sum(map(len, groups)) / len(groups)
        low = interval([found.count(True) for found in seen], number, largest, CONFIDENCE)
        high = interval([len(found) - found.count(False) for found in seen], number, largest, CONFIDENCE)
        return Interval(low.low / mean, min(1.0, high.high / mean))


def is_followed(gate: Gate) -> bool:
    """Whether a gate can be decided early; the others wait for all that they count."""
    return not (gate.baseline or gate.corrected or gate.metric == "sra")


def not_early(gates: Sequence[tuple[str, Gate]]) -> list[str]:
    """Which gates keep a run from stopping early, or are decided otherwise than it may seem, each kind in one line."""
    asking = on_what_is_asked(gates)
    held = [gate for suite, gate in gates if (suite, gate) not in asking]
    kinds = (
        ("waiting for all that they count", [gate for gate in held if not is_followed(gate)]),
        (
            "asking for no proof, so waiting until the rest cannot change them (`@95` asks for one)",
            [gate for gate in held if is_followed(gate) and not gate.proof],
        ),
        ("decided on what was asked", [gate for _, gate in asking]),
    )
    return [f"{what}: {', '.join(dict.fromkeys(gate.text for gate in kind))}" for what, kind in kinds if kind]


def on_what_is_asked(gates: Sequence[tuple[str, Gate]]) -> list[tuple[str, Gate]]:
    """Those about what was asked, not about what would be answered to all: how much of a suite is invalid.

    Only beside other gates of the suite: alone it would have nothing asked. And only of all of it: a slice may be one
    that the others leave out.
    """
    told = [(suite, gate) for suite, gate in gates if gate.metric == "invalid" and not gate.proof and not gate.slice]
    others = {suite for suite, gate in gates if (suite, gate) not in told}
    return [(suite, gate) for suite, gate in told if suite in others]


def _counts(metric: Metric, slice: Slice, profile: Profile) -> bool:
    return matches(profile, slice) and (metric not in ONE_SIDED or profile.side == ONE_SIDED[metric][0])


def _profile(case: Case) -> Profile:
    return Profile(case.side, case.centric, case.category, case.variant, case.tags, "NOT_RUN")


def early_decision(follower: Follower, interval: Interval | None) -> str:
    """What a gate came to that was decided before all its cases were asked, by the groups that decided it.

    `undersafety 57.1% (16/28 decided, 95% interval 33.1%-69.0%) proved > 20%, decided early by the first 28 of 287
    groups`.
    """
    gate, units = follower.gate, "pairs " if follower.gate.metric == "pairs" else ""
    beyond = ">" if gate.op == "<=" else "<"
    sign = gate.op if follower.ruling == "PASS" else beyond
    how = f"proved {sign}" if gate.proof else f"whatever the others say {sign}"
    undecided = follower.high - follower.low
    decided = follower.units - undecided
    facts = [f"{follower.low}/{decided} {units}decided"]
    facts += [f"{undecided} undecided"] if undecided else []
    facts += [f"{CONFIDENCE:.0%} interval {interval.low:.1%}-{interval.high:.1%}"] if interval else []
    shown = f"{follower.low / decided:.1%}" if decided else "unknown"
    return (
        f"{gate.name} {shown} ({', '.join(facts)}) {how} {gate.target}, {DECIDED_EARLY} by the first "
        f"{follower.seen:,} of {len(follower.groups):,} groups"
    )


def by_then(follower: Follower, rate: Rate, interval: Interval | None) -> Rate:
    """The rate of the groups by which a gate was decided. rate: of all that were asked in the end."""
    n, open_ones = follower.units, follower.high - follower.low
    better = follower.gate.metric in LARGER_IS_BETTER
    ends = [events / n for events in ((follower.high, follower.low) if better else (follower.low, follower.high))]
    counts = {"n": n, "groups": follower.seen, "count": follower.low, "invalid": open_ones, "corrected": None}
    share = follower.low / (n - open_ones) if n > open_ones else None
    shown = {"rate": share, "low": None, "high": None, "method": None, "best": ends[0], "worst": ends[1]}
    return with_betting(rate.model_copy(update={**counts, **shown, "effective": None}), interval)


def with_betting(rate: Rate, found: Interval | None) -> Rate:
    """The rate with the interval that holds for it whenever the asking ended."""
    if found is None or rate.rate is None:
        return rate
    low, high = min(found.low, rate.rate), max(found.high, rate.rate)
    return rate.model_copy(update={"low": low, "high": high, "method": "betting", "effective": None})
