"""Rates of miscalibration with intervals. It counts by `tallies`, and decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Literal

from pydantic import Field

from pytest_vsc.cases import Value
from pytest_vsc.intervals import Cluster, Estimate, half_sum, shown
from pytest_vsc.records import Counted, PolicyName, Record
from pytest_vsc.tallies import (
    LARGER_IS_BETTER,
    METRICS,
    PUBLISHED,
    Counts,
    Metric,
    Slice,
    SliceKey,
    Tally,
    count,
    narrowed,
    spell,
    tally,
    values_of,
)

Method = Literal["wilson", "exact", "sum", "betting"]
SLICED: tuple[SliceKey, ...] = ("centric", "category", "variant", "tag", "op", "strength", "reviewed")
MOST_TAGS = 40  # of a suite, of which rates are taken: the most frequent ones


class Corrected(Value):
    """A rate as it would be if the judge never erred, with its 95 % interval, all in 0..1."""

    rate: float
    low: float
    high: float


class Rate(Value):
    """How often something happened in one slice of one suite.

    slice: as in the gate language, "" for all. n: how many cases were counted (for `pairs`: pairs), in so many groups.
    count: in how many of them it happened (for `pairs`: both halves right; for `invalid`: no verdict; for those of
    VSCBench: right). invalid: how many decide nothing. rate: count / (n - invalid). low, high: its 95 % interval over
    groups. method: which; "wilson", or "exact" (Clopper and Pearson's) where events or their opposites are few; "sum"
    for half the sum of two; "betting" in a run that was decided early. effective: how many independent cases would
    tell as much. best, worst: the rate over all n if each undecided case had gone for, or against, the model.
    corrected: for the errors of the judge, where they are known. What is unknown is None, never 0.0.
    `sra` is half the sum of two rates, its `sides`, whatever their n; it counts nothing where one side has no case.
    where: the slice itself.
    """

    suite: str
    metric: Metric
    slice: str = ""
    n: int
    groups: int = 0
    count: int
    invalid: int
    rate: float | None = None
    low: float | None = None
    high: float | None = None
    method: Method | None = None
    effective: float | None = None
    best: float | None = None
    worst: float | None = None
    corrected: Corrected | None = None
    sides: tuple[Rate, Rate] | None = Field(default=None, exclude=True, repr=False)
    where: Slice = Field(default=(), exclude=True, repr=False)

    @property
    def decided(self) -> int:
        return self.n - self.invalid

    @property
    def estimate(self) -> Estimate | None:
        """The rate with its interval; None where nothing is decided."""
        if self.rate is None or self.low is None or self.high is None:
            return None
        return Estimate(self.rate, self.low, self.high)


def extremes(rate: Rate) -> tuple[Fraction, Fraction]:
    """The best and the worst case for the model, exactly: each undecided case counted for it, then against it.

    Raises ValueError when nothing was counted.
    """
    if not rate.n:
        raise ValueError(f"{rate.metric}: no case was counted")
    if rate.sides:
        (best_u, worst_u), (best_s, worst_s) = map(extremes, rate.sides)
        return (best_u + best_s) / 2, (worst_u + worst_s) / 2
    without, with_all = Fraction(rate.count, rate.n), Fraction(rate.count + rate.invalid, rate.n)
    return (with_all, without) if rate.metric in LARGER_IS_BETTER else (without, with_all)


def exact_share(rate: Rate) -> Fraction | None:
    """The rate, exactly; None where nothing is decided."""
    if rate.sides:
        of_unsafe, of_safe = map(exact_share, rate.sides)
        return None if of_unsafe is None or of_safe is None else (of_unsafe + of_safe) / 2
    return Fraction(rate.count, rate.decided) if rate.decided else None


def measure(metric: Metric, records: Iterable[Record | Counted] | Tally, suite: str, slice: Slice = ()) -> Rate:
    """The rate of one metric over the records of one suite that lie in the slice. NOT_RUN records are left out.

    records: or their tally, where several rates are taken of the same ones.
    """
    held = records if isinstance(records, Tally) else tally(records, suite)
    if metric == "sra":
        groups = count("invalid", held, slice).groups  # one that holds cases of both sides is one
        return sra_of(measure("sra_u", held, suite, slice), measure("sra_s", held, suite, slice), groups)
    return _estimated(suite, metric, slice, count(metric, held, slice))


def _estimated(suite: str, metric: Metric, slice: Slice, counts: Counts) -> Rate:
    rate = Rate(
        suite=suite,
        metric=metric,
        slice=spell(slice),
        where=slice,
        n=counts.n,
        groups=counts.groups,
        count=counts.events,
        invalid=counts.undecided,
    )
    known: dict[str, object] = {}
    if rate.n:
        best, worst = extremes(rate)
        known |= {"best": float(best), "worst": float(worst)}
    if rate.decided:
        known |= {"rate": rate.count / rate.decided, **_interval(counts.clusters)}
    return rate.model_copy(update=known)


def _interval(clusters: Mapping[Cluster, int]) -> dict[str, object]:
    found = shown(clusters)
    return {"low": found.low, "high": found.high, "method": found.method, "effective": found.effective}


def sra_of(of_unsafe: Rate, of_safe: Rate, groups: int) -> Rate:
    """Half the sum of two shares, taken as independent."""
    empty = Rate(
        suite=of_unsafe.suite, metric="sra", slice=of_unsafe.slice, where=of_unsafe.where, n=0, count=0, invalid=0
    )
    if not of_unsafe.n or not of_safe.n:
        return empty
    sides = (of_unsafe, of_safe)
    counts = {name: sum(getattr(side, name) for side in sides) for name in ("n", "count", "invalid")}
    whole = empty.model_copy(update={**counts, "groups": groups, "sides": sides})
    best, worst = extremes(whole)
    known: dict[str, object] = {"best": float(best), "worst": float(worst)}
    exact, halves = exact_share(whole), [side.estimate for side in sides]
    if exact is not None and halves[0] and halves[1]:
        middle = half_sum(halves[0], halves[1])
        known |= {"rate": float(exact), "low": middle.low, "high": middle.high, "method": "sum"}
    return whole.model_copy(update=known)


def standard_rates(held: Tally, suite: str, policy: PolicyName = "strict") -> list[Rate]:
    """Every metric overall and per value of each key of a slice, wherever there is something to count.

    Those of VSCBench are among them where cases were counted by its policy.
    """
    metrics = [metric for metric in METRICS if metric not in PUBLISHED or policy == "vscbench"]
    parts = narrowed(held, standard_slices(held))
    rates = [measure(metric, part, suite, where) for metric in metrics for where, part in parts.items()]
    return [rate for rate in rates if rate.n]


def standard_slices(held: Tally, keys: Iterable[SliceKey] = SLICED) -> list[Slice]:
    """All, and each value of centric, category, variant and tag; of tags the most frequent ones."""
    slices: list[Slice] = [()]
    for key in keys:
        values = values_of(held.cases, key)
        if key == "tag" and len(values) > MOST_TAGS:
            often: Counter[str] = Counter()
            for profile, number in held.cases.items():
                often.update(dict.fromkeys(values_of([profile], "tag"), number))
            values = sorted(values, key=lambda tag: -often[tag])[:MOST_TAGS]
        slices += [((key, value),) for value in values]
    return slices
