"""A case asked several times: how often, what its outcomes come to, and how often they differ."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from pytest_vsc.cases import Value
from pytest_vsc.intervals import Cluster, shown
from pytest_vsc.records import Counted, Outcome, Record
from pytest_vsc.tallies import RepeatRule


class Repeats(Value):
    """How many times each case is asked, and by which rule the outcomes make one (`tallies.together`)."""

    times: int = 1
    rule: RepeatRule = "any"

    @property
    def text(self) -> str:
        return f"each case {self.times} times, {self.rule} of them decide{'s' * (self.rule != 'all')}"


ONCE = Repeats()


class FlipRate(Value):
    """Of n cases in so many groups that were decided at least twice, how many were not decided alike each time.

    low, high: the 95 % interval of the rate, over groups; None where nothing was decided twice.
    """

    suite: str
    n: int
    groups: int
    flipped: int
    rate: float | None = None
    low: float | None = None
    high: float | None = None


def flip_rate(records: Iterable[Record | Counted], suite: str) -> FlipRate:
    """Over the records of one suite. An INVALID one tells nothing of the model's mind."""
    outcomes: defaultdict[str, list[Outcome]] = defaultdict(list)
    group_of: dict[str, str] = {}
    for one in records:
        if one.suite == suite and one.outcome not in ("INVALID", "NOT_RUN"):
            outcomes[one.case_id].append(one.outcome)
            group_of[one.case_id] = one.group
    twice = {case: len(set(said)) > 1 for case, said in outcomes.items() if len(said) > 1}
    sizes = Counter(group_of[case] for case in twice)
    flipped = Counter(group_of[case] for case, differs in twice.items() if differs)
    counted = FlipRate(suite=suite, n=len(twice), groups=len(sizes), flipped=flipped.total())
    if not twice:
        return counted
    interval = shown(Cluster(flipped[group], size) for group, size in sizes.items())
    known = {"rate": counted.flipped / counted.n, "low": interval.low, "high": interval.high}
    return counted.model_copy(update=known)
