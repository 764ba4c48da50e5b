"""Two runs of the same cases side by side: which cases flipped, and how far apart their rates are. It reads no files.

Only cases that both runs recorded are compared, each with itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

from pytest_vsc.cases import Value
from pytest_vsc.intervals import Cluster, Interval, effective_size
from pytest_vsc.paired import Flips, clustered_worse, tango
from pytest_vsc.records import Counted, Outcome, Record
from pytest_vsc.tallies import (
    LARGER_IS_BETTER,
    ONE_SIDED,
    Metric,
    Profile,
    RepeatRule,
    Slice,
    grouped,
    happened,
    holding,
    items_of,
    matches,
    order_of,
    spell,
)

Twin = tuple[Profile, Profile]  # one case, before and after
Group = tuple[tuple[Twin, ...], ...]  # of what hangs together its units, of each of these its cases
SIGNIFICANT = 0.05
Absent = Literal["absent"]
ABSENT: Absent = "absent"
# Whether it took place, before and after: None where that is undecided, ABSENT where the earlier run has it not.
Event = tuple[bool | Absent | None, bool | None]
Apart = Mapping[Flips, int]  # how many groups there are of each number of flips in a number of units


class Flip(Value):
    """A case whose outcome is not what it was."""

    suite: str
    case_id: str
    before: Outcome
    after: Outcome


def worse(flips: Iterable[Flip]) -> list[Flip]:
    """Those that were correct, or not decided, and are miscalibrated or invalid now."""
    return [flip for flip in flips if badness(flip.after) > badness(flip.before)]


def better(flips: Iterable[Flip]) -> list[Flip]:
    """The other way round."""
    return [flip for flip in flips if badness(flip.after) < badness(flip.before)]


def surely_worse(one: Difference) -> bool:
    """Whether the later rate is worse by more than chance, all slices considered."""
    if one.difference is None or one.p_holm is None or one.p_holm >= SIGNIFICANT:
        return False
    return one.difference < 0 if one.metric in LARGER_IS_BETTER else one.difference > 0


def badness(outcome: Outcome) -> int:
    """By how much an outcome is worse than CORRECT, or than not being asked."""
    return 0 if outcome in ("CORRECT", "NOT_RUN") else 1 if outcome == "INVALID" else 2


class Paired(NamedTuple):
    """The cases of one suite that two runs recorded. groups: how many there are of each kind."""

    suite: str
    groups: Mapping[Group, int]
    flips: Sequence[Flip]


class Difference(Value):
    """How far a rate is from what it was, over the same cases (for `pairs`: pairs), n of them in so many groups.

    more: in how many it happened only in the later run; fewer: only in the earlier. undecided: how many one of the
    runs does not decide, or the earlier has not. before, after: the rates over those that both decide. difference:
    after - before, -1..1. low, high: its 95 % interval (Tango's) over groups. p: of both kinds of flips being equally
    likely (McNemar's exact test, over groups). p_holm: the same, adjusted for how many slices were looked at. lowest,
    highest: the difference over all n if what only one run decides had gone one way, or the other, in the other.
    """

    suite: str
    metric: Metric
    slice: str = ""
    n: int
    groups: int
    more: int
    fewer: int
    undecided: int
    before: float | None = None
    after: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    lowest: float | None = None
    highest: float | None = None

    @property
    def decided(self) -> int:
        return self.n - self.undecided


class BaselineSeen(Value):
    """What a run says of its baseline: which it was, what was allowed to differ, and what came of it.

    flips: the cases whose outcome is another one. differences: of each metric, overall and in each slice.
    """

    name: str
    model: str
    started: str
    allowed: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    flips: tuple[Flip, ...] = ()
    differences: tuple[Difference, ...] = ()


def pair_up(
    before: Iterable[Record | Counted], after: Iterable[Record | Counted], suite: str, rule: RepeatRule = "any"
) -> Paired:
    """The cases of the later run, each with what it was. rule: what the repeats of a case come to.

    A case that the earlier run has not, or on the other side, was NOT_RUN there: it could have been anything.
    """
    found, now = items_of(before, suite, rule=rule), items_of(after, suite, rule=rule)
    was = {
        case: found[case].profile
        if case in found and found[case].profile.side == item.profile.side
        else item.profile._replace(outcome="NOT_RUN")
        for case, item in now.items()
    }
    groups: Counter[Group] = Counter(
        _sorted([(was[item.case], item.profile) for item in unit] for unit in units) for units in grouped(now.values())
    )
    flips = [
        Flip(suite=suite, case_id=case, before=was[case].outcome, after=item.profile.outcome)
        for case, item in now.items()
        if was[case].outcome not in (item.profile.outcome, "NOT_RUN")
    ]
    return Paired(suite, groups, flips)


def _sorted(units: Iterable[list[Twin]]) -> Group:
    """The same for all groups that are alike."""

    def order(twin: Twin) -> tuple[tuple[str, ...], ...]:
        return order_of(twin[0]), order_of(twin[1])

    return tuple(sorted((tuple(sorted(unit, key=order)) for unit in units), key=lambda unit: [*map(order, unit)]))


def narrowed(pairs: Paired, slices: Sequence[Slice]) -> dict[Slice, Paired]:
    """Of each slice the groups that hold a case of it, as `tallies.narrowed`."""
    parts = holding(pairs.groups, slices, lambda group: (now for unit in group for _, now in unit))
    return {where: pairs._replace(groups=part) for where, part in parts.items()}


def difference(metric: Metric, pairs: Paired, slice: Slice = ()) -> Difference:
    """Of one metric (not `sra`) in one slice."""
    held = _events(metric, pairs, slice)
    both: Counter[Event] = Counter()
    for events, number in held.items():
        for event in events:
            both[event] += number
    n, undecided = both.total(), sum(number for event, number in both.items() if _open(event))
    counted = Difference(
        suite=pairs.suite,
        metric=metric,
        slice=spell(slice),
        n=n,
        groups=sum(held.values()),
        more=both[False, True],
        fewer=both[True, False],
        undecided=undecided,
    )
    if not n:
        return counted
    lowest, highest = (float(difference_of(apart)) for apart in _furthest(held))
    known: dict[str, object] = {"lowest": lowest, "highest": highest}
    if n > undecided:
        before, after = (
            sum(number for event, number in both.items() if not _open(event) and event[at]) for at in (0, 1)
        )
        known |= {"before": before / (n - undecided), "after": after / (n - undecided)}
        known |= _tested(_apart(held))
    return counted.model_copy(update=known)


def _tested(apart: Apart) -> dict[str, object]:
    flips = total_of(apart)
    interval = clustered_tango(apart)
    p = min(1.0, 2 * min(clustered_worse(flips_for(apart)), clustered_worse(flips_for(apart, better=True))))
    return {"difference": flips.difference, "low": interval.low, "high": interval.high, "p": p}


def furthest(metric: Metric, pairs: Paired, slice: Slice = ()) -> tuple[Apart, Apart]:
    """The flips in groups if what is undecided had been events before and none after; and if the other way round."""
    return _furthest(_events(metric, pairs, slice))


def _furthest(held: Mapping[tuple[Event, ...], int]) -> tuple[Apart, Apart]:
    return _apart(held, open_before=True, open_after=False), _apart(held, open_before=False, open_after=True)


def _events(metric: Metric, pairs: Paired, slice: Slice) -> Counter[tuple[Event, ...]]:
    """How many groups there are of each kind of events of the units that a metric counts."""
    found: Counter[tuple[Event, ...]] = Counter()
    for group, number in pairs.groups.items():
        if events := tuple(_events_in(metric, group, slice)):
            found[events] += number
    return found


def _events_in(metric: Metric, group: Group, slice: Slice) -> Iterator[Event]:
    for unit in group:
        twins = [twin for twin in unit if matches(twin[1], slice)]
        if metric == "pairs":
            chosen = [twins] if {now.side for _, now in twins} == {"safe", "unsafe"} else []
        else:
            chosen = [[twin] for twin in twins if metric not in ONE_SIDED or twin[1].side == ONE_SIDED[metric][0]]
        for members in chosen:
            was, now = zip(*members, strict=True)
            absent = any(profile.outcome == "NOT_RUN" for profile in was)
            yield ABSENT if absent else happened(metric, was), happened(metric, now)


def _apart(
    held: Mapping[tuple[Event, ...], int], open_before: bool | None = None, open_after: bool | None = None
) -> Apart:
    """The flips in groups. open_before, open_after: what is undecided is taken for; None leaves out such units."""
    found: Counter[Flips] = Counter()
    for events, number in held.items():
        taken = [_taken(event, open_before, open_after) for event in events]
        decided = [event for event in taken if not _open(event)]
        if decided:
            found[Flips(decided.count((False, True)), decided.count((True, False)), len(decided))] += number
    return found


def _taken(event: Event, open_before: bool | None, open_after: bool | None) -> Event:
    """The event with what is undecided taken for something; where both runs asked and neither tells, for the same."""
    was, now = event
    if was is None and now is None:
        return open_before, open_before
    return open_before if was is None or was == ABSENT else was, open_after if now is None else now


def _open(event: Event) -> bool:
    return None in event or ABSENT in event


def total_of(apart: Apart) -> Flips:
    """Of all groups together, whole numbers."""
    worse, better, n = (sum(flips[at] * number for flips, number in apart.items()) for at in range(3))
    return Flips(worse, better, n)


def difference_of(apart: Apart) -> Fraction:
    """The later rate less the earlier one, exactly."""
    worse, better, n = map(Fraction, total_of(apart))
    return (worse - better) / n


def cases_for(apart: Apart, *, better: bool = False) -> Counter[Cluster]:
    """In how many cases of each group it happened only later, or (better) only before."""
    return _clusters((Cluster(int(flips[better]), int(flips.n)), number) for flips, number in apart.items())


def flips_for(apart: Apart, *, better: bool = False) -> Counter[Cluster]:
    """How many of each group's flips are those where it happened only later, or (better) only before."""
    return _clusters(
        (Cluster(int(flips[better]), int(flips.worse + flips.better)), number) for flips, number in apart.items()
    )


def _clusters(counted: Iterable[tuple[Cluster, int]]) -> Counter[Cluster]:
    found: Counter[Cluster] = Counter()
    for cluster, number in counted:
        found[cluster] += number
    return found


def clustered_tango(apart: Apart) -> Interval:
    """Tango's interval for as many independent units as tell as much of how often the runs differ."""
    flips = total_of(apart)
    differing = _clusters((Cluster(int(one.worse + one.better), int(one.n)), times) for one, times in apart.items())
    scale = effective_size(differing) / flips.n
    return tango(Flips(flips.worse * scale, flips.better * scale, flips.n * scale))
