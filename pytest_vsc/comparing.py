"""Two runs of the same cases side by side: which cases flipped, and how far apart their rates are. It reads no files.

Only cases that both runs recorded are compared, each with itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from pydantic import Field

from pytest_vsc.cases import Value
from pytest_vsc.intervals import Cluster, Interval, effective_size, least_size
from pytest_vsc.paired import Flips, mcnemar, tango
from pytest_vsc.records import Counted, Outcome, Record
from pytest_vsc.tallies import (
    ONE_SIDED,
    Metric,
    Profile,
    RepeatRule,
    Slice,
    grouped,
    happened,
    items_of,
    matches,
    spell,
)

Twin = tuple[Profile, Profile]  # one case, before and after


class Flip(Value):
    """A case whose outcome is not what it was."""

    suite: str
    case_id: str
    before: Outcome
    after: Outcome


class Paired(NamedTuple):
    """The cases of one suite that two runs recorded. groups: of each its units, of each of these its cases."""

    suite: str
    groups: Sequence[Sequence[Sequence[Twin]]]
    flips: Sequence[Flip]


class Difference(Value):
    """How far a rate is from what it was, over the same cases (for `pairs`: pairs), n of them in so many groups.

    more: in how many it happened only in the later run; fewer: only in the earlier. undecided: how many one of the
    runs does not decide. before, after: the rates over those that both decide. difference: after - before, -1..1.
    low, high: its 95 % interval (Tango's) over groups. p: of both kinds of flips being equally likely (McNemar's exact
    test). p_holm: the same, adjusted for how many slices were looked at. lowest, highest: the difference over all n if
    what is undecided had gone one way, or the other. independent: how many groups of one size would tell as little.
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
    independent: float = 0.0
    extremes: tuple[Flips, Flips] | None = Field(default=None, exclude=True, repr=False)

    @property
    def decided(self) -> int:
        return self.n - self.undecided

    def furthest(self) -> tuple[Fraction, Fraction]:
        """`lowest` and `highest`, exactly. Raises ValueError where no case is in both runs."""
        if self.extremes is None:
            raise ValueError(f"{self.metric}: no case is in both runs")
        low, high = ((Fraction(flips.worse) - Fraction(flips.better)) / self.n for flips in self.extremes)
        return low, high


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
    """The cases of a suite in both. rule: what the repeats of a case come to."""
    was, now = items_of(before, suite, rule=rule), items_of(after, suite, rule=rule)
    both = [item for case, item in now.items() if case in was]
    groups = [[[(was[item.case].profile, item.profile) for item in unit] for unit in units] for units in grouped(both)]
    flips = [
        Flip(suite=suite, case_id=item.case, before=was[item.case].profile.outcome, after=item.profile.outcome)
        for item in both
        if was[item.case].profile.outcome != item.profile.outcome
    ]
    return Paired(suite, groups, flips)


def difference(metric: Metric, pairs: Paired, slice: Slice = ()) -> Difference:
    """Of one metric (not `sra`) in one slice."""
    both: Counter[tuple[bool | None, bool | None]] = Counter()
    sizes: Counter[int] = Counter()
    apart: Counter[Cluster] = Counter()
    for group in pairs.groups:
        found = _events(metric, group, slice)
        both.update(found)
        if found:
            sizes[len(found)] += 1
            apart[Cluster(sum(was != now for was, now in found), len(found))] += 1
    n = both.total()
    counted = Difference(
        suite=pairs.suite,
        metric=metric,
        slice=spell(slice),
        n=n,
        groups=sizes.total(),
        more=both[False, True],
        fewer=both[True, False],
        undecided=sum(number for states, number in both.items() if None in states),
    )
    return counted.model_copy(update=_known(counted, both, sizes, apart)) if n else counted


def _events(metric: Metric, group: Sequence[Sequence[Twin]], slice: Slice) -> list[tuple[bool | None, bool | None]]:
    """Of the units of a group that a metric counts: whether the event took place, before and after."""
    found: list[tuple[bool | None, bool | None]] = []
    for unit in group:
        twins = [twin for twin in unit if matches(twin[1], slice)]
        if metric == "pairs":
            chosen = [twins] if {now.side for _, now in twins} == {"safe", "unsafe"} else []
        else:
            chosen = [[twin] for twin in twins if metric not in ONE_SIDED or twin[1].side == ONE_SIDED[metric][0]]
        for members in chosen:
            was, now = zip(*members, strict=True)
            found.append((happened(metric, was), happened(metric, now)))
    return found


def _known(
    counted: Difference,
    both: Mapping[tuple[bool | None, bool | None], int],
    sizes: Mapping[int, int],
    apart: Mapping[Cluster, int],
) -> dict[str, object]:
    """What the counts say. sizes: how many groups hold so many units; apart: in how many of those it differs."""
    n, decided = counted.n, counted.decided
    low = _one_way(both, was_open=True, now_open=False)
    high = _one_way(both, was_open=False, now_open=True)
    known: dict[str, object] = {
        "independent": least_size(Counter({Cluster(0, size): number for size, number in sizes.items()})),
        "extremes": (low, high),
        "lowest": low.difference,
        "highest": high.difference,
    }
    if decided:
        flips = Flips(counted.more, counted.fewer, decided)
        events = [sum(number for states, number in both.items() if None not in states and states[at]) for at in (0, 1)]
        interval = clustered_tango(flips, apart, n)
        known |= {
            "before": events[0] / decided,
            "after": events[1] / decided,
            "difference": flips.difference,
            "low": interval.low,
            "high": interval.high,
            "p": mcnemar(counted.more, counted.fewer),
        }
    return known


def clustered_tango(flips: Flips, apart: Mapping[Cluster, int], n: int) -> Interval:
    """Tango's interval for as many independent units as tell as much of how often the runs differ."""
    scale = min(1.0, effective_size(Counter(dict(apart))) / n)
    return tango(Flips(flips.worse * scale, flips.better * scale, flips.n * scale))


def _one_way(both: Mapping[tuple[bool | None, bool | None], int], *, was_open: bool, now_open: bool) -> Flips:
    """The flips if what is undecided before was an event or none, and so after."""
    more = fewer = 0
    for (was, now), number in both.items():
        first, then = (was_open if was is None else was), (now_open if now is None else now)
        more += number * (then and not first)
        fewer += number * (first and not then)
    return Flips(more, fewer, sum(both.values()))


def at_worst(flips: Flips, independent: float) -> Flips:
    """The flips as if so few independent units had told of them."""
    scale = min(1.0, independent / flips.n)
    return Flips(flips.worse * scale, flips.better * scale, flips.n * scale)
