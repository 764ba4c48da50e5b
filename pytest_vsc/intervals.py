"""Intervals of one share: of independent cases, and of cases that hang together in groups. It counts nothing.

Two kinds. Score intervals are shown: on average over the truth they cover it as often as they say. Exact ones decide,
and are shown where little happened: they cover it at least that often, whatever it is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from importlib import import_module
from statistics import NormalDist
from typing import Literal, NamedTuple, TypeVar

CONFIDENCE = 0.95
FEW = 5  # events or non-events, of which an exact interval is shown
K = TypeVar("K", bound=Hashable)


def make_ready() -> None:
    """Load now what intervals are computed with: at the end of a run there may be no file handle left to do it."""
    import_module("scipy.special")


class Interval(NamedTuple):
    """The limits of a share, both in 0..1."""

    low: float
    high: float


class Estimate(NamedTuple):
    """A share with its interval, all in 0..1."""

    rate: float
    low: float
    high: float


class Shown(NamedTuple):
    """An interval as a report shows it. effective: of how many independent cases it is the interval."""

    low: float
    high: float
    method: Literal["wilson", "exact"]
    effective: float


class Cluster(NamedTuple):
    """Cases that hang together, of the n of which something happened in `happened`."""

    happened: int
    n: int


def wilson(count: float, n: float, confidence: float = CONFIDENCE) -> Interval:
    """The score interval of a share of `count` in `n` (n >= 1); both may be effective numbers, not whole.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209-212.
    """
    z = quantile(confidence)
    share, extra = count / n, z * z / n
    middle, half = share + extra / 2, z * math.sqrt(share * (1 - share) / n + extra / (4 * n))
    low, high = (middle - half) / (1 + extra), (middle + half) / (1 + extra)
    return Interval(low if count else 0.0, high if count < n else 1.0)  # exact at the ends, where rounding is not


def clopper_pearson(count: float, n: float, confidence: float = CONFIDENCE) -> Interval:
    """The exact interval of a share of `count` in `n` (n > 0); both may be effective numbers, not whole.

    Each of its limits is wrong at most half as often as the confidence leaves open, whatever the share is.
    C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26 (1934), 404-413.
    """
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low = float(betaincinv(count, n - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return Interval(low, high)


def clustered_wilson(clusters: Iterable[Cluster], confidence: float = CONFIDENCE) -> Interval:
    """The score interval of a share over clusters, of which one at least holds a case: Wilson's for `effective_size`.

    clusters: or how many there are of each, here and below.
    """
    counted = _counted(clusters)
    effective = effective_size(counted, confidence)
    return wilson(share_of(counted) * effective, effective, confidence)


def shown(clusters: Iterable[Cluster], confidence: float = CONFIDENCE) -> Shown:
    """The interval of a share over clusters that a report shows, of which one at least holds a case.

    Wilson's for `effective_size`, or Clopper and Pearson's where fewer than FEW events or non-events are left of so
    many cases: there Wilson's covers some shares in 85 % only.
    """
    counted = _counted(clusters)
    effective, (happened, n) = effective_size(counted, confidence), _together(counted)
    share = happened / n
    if min(happened, n - happened) * (effective / n) < FEW:
        return Shown(*clopper_pearson(share * effective, effective, confidence), "exact", effective)
    return Shown(*wilson(share * effective, effective, confidence), "wilson", effective)


def clustered_exact(clusters: Iterable[Cluster], confidence: float = CONFIDENCE) -> Interval:
    """The exact interval of a share over clusters, of which one at least holds a case.

    It makes no guess of how alike the cases of a cluster are: its limits are Clopper and Pearson's for `least_sizes`.
    Each errs at most half as often as the confidence leaves open, whatever the share is and however the cases of a
    cluster hang together: no theorem, but what `tests.bench.coverage` finds. It takes for granted that the share does
    not depend on the size of a cluster. If it happens in the large ones only, a limit may err several times as often.
    """
    counted = _counted(clusters)
    return _exact(share_of(counted), least_sizes(counted), confidence)


def exact_of_total(happened: int, sizes: Mapping[int, int], confidence: float = CONFIDENCE) -> Interval:
    """The widest `clustered_exact` of all clusters of these sizes in which it happened so often in all.

    sizes: how many clusters there are of each, which is at least 1. If all are equal, the total decides and there is
    but one. Both limits grow with the total.
    """
    n, squares = _moments(sizes)
    if not 0 <= happened <= n:
        raise ValueError(f"{happened} events in {n} cases")
    largest, least = _filled(happened, sizes, largest_first=True), _filled(happened, sizes, largest_first=False)
    limits = Sizes(_least(n, squares, happened, largest), _least(n, squares, n - happened, squares - least))
    return _exact(happened / n, limits, confidence)


def _exact(share: float, sizes: Sizes, confidence: float) -> Interval:
    low = clopper_pearson(share * sizes.low, sizes.low, confidence).low
    return Interval(low, clopper_pearson(share * sizes.high, sizes.high, confidence).high)


def _filled(happened: int, sizes: Mapping[int, int], *, largest_first: bool) -> int:
    """The sum of the sizes of the clusters of all events if these fill one cluster after the other."""
    left, total = happened, 0
    for size in sorted(sizes, reverse=largest_first):
        here = min(left, size * sizes[size])
        left, total = left - here, total + here * size
    return total


def _counted(clusters: Iterable[Cluster]) -> Mapping[Cluster, int]:
    return {cluster: number for cluster, number in Counter(clusters).items() if cluster.n}


def _moments(sizes: Mapping[int, int]) -> tuple[int, int]:
    """The sum of the sizes, and of their squares."""
    return sum(size * number for size, number in sizes.items()), sum(size**2 * number for size, number in sizes.items())


def _together(clusters: Mapping[Cluster, int]) -> Cluster:
    """All their cases as one cluster."""
    happened = sum(cluster.happened * number for cluster, number in clusters.items())
    return Cluster(happened, sum(cluster.n * number for cluster, number in clusters.items()))


def share_of(clusters: Mapping[Cluster, int]) -> float:
    """In what share of all their cases it happened. clusters: how many there are of each."""
    happened, n = _together(clusters)
    return happened / n


class Sizes(NamedTuple):
    """Effective numbers of cases, one for each limit of an interval."""

    low: float
    high: float


def least_sizes(clusters: Mapping[Cluster, int]) -> Sizes:
    """How many independent cases tell as much of a share as these do if the cases of a cluster always go together.

    Their number over the mean size of a case's cluster (L. Kish, "Survey Sampling", Wiley 1965: the squared sum of the
    sizes over the sum of their squares). But what is uncertain of a lower limit lies in the events, of an upper one in
    the non-events: the mean size of these cases' clusters counts if it is larger. Without that, a lower limit of rare
    events errs in up to 11 % instead of 2.5 %, where a cluster much larger than the others happens to hold one.
    """
    events, n = _together(clusters)
    squares = sum(cluster.n**2 * number for cluster, number in clusters.items())
    of_events = sum(cluster.n * cluster.happened * number for cluster, number in clusters.items())
    return Sizes(_least(n, squares, events, of_events), _least(n, squares, n - events, squares - of_events))


def least_size(clusters: Mapping[Cluster, int]) -> float:
    """The lower of `least_sizes`."""
    return min(least_sizes(clusters))


def _least(n: int, squares: int, cases: int, sizes: int) -> float:
    """n over the mean size of the clusters of all n cases, or of the given ones if theirs is larger."""
    kish = n * n / squares
    return min(kish, n * cases / sizes) if cases else kish


def effective_size(clusters: Mapping[Cluster, int], confidence: float = CONFIDENCE) -> float:
    """How many independent cases tell as much of a share as these do: from the lower of `least_sizes` to their number.

    Their number over the design effect, less what is uncertain of that: E. L. Korn and B. I. Graubard, "Confidence
    intervals for proportions with small expected number of positive counts estimated from survey data", Survey
    Methodology 24 (1998), 193-201. There the squared ratio of the quantiles of Student's t has the number of clusters
    for its degrees of freedom; here it has that of the clusters that tell something, those where it happened (or where
    it did not, if they are fewer). With rare events in alike cases theirs covers the truth in 85 % instead of 95 %.
    """
    number, (happened, n) = sum(clusters.values()), _together(clusters)
    if number == n:
        return float(n)  # each case is a cluster of its own
    least, share = least_size(clusters), happened / n
    telling = min(
        sum(times for cluster, times in clusters.items() if cluster.happened),
        sum(times for cluster, times in clusters.items() if cluster.happened < cluster.n),
    )
    if telling < 2:
        return least  # nothing tells how alike the cases of a cluster are
    spread = sum((cluster.happened - share * cluster.n) ** 2 * times for cluster, times in clusters.items()) / n**2
    simple = share * (1 - share) / (n - 1)
    few = (student(confidence, n - 1) / student(confidence, telling - 1)) ** 2
    return min(float(n), max(least, n * few * simple / (spread * number / (number - 1)))) if spread else float(n)


def residuals(clusters: Mapping[K, Cluster]) -> dict[K, float]:
    """How far each cluster moves the share of them all; the sum of their squares estimates its variance."""
    n = sum(cluster.n for cluster in clusters.values())
    share = sum(cluster.happened for cluster in clusters.values()) / n
    return {key: (cluster.happened - share * cluster.n) / n for key, cluster in clusters.items()}


@lru_cache
def quantile(confidence: float) -> float:
    """How many standard deviations lie on each side of the middle."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


@lru_cache(maxsize=4096)
def student(confidence: float, degrees: int) -> float:
    """The same quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + confidence) / 2))


def half_sum(first: Estimate, second: Estimate, correlation: float = 0.0, least: float = 0.0) -> Estimate:
    """Half the sum of two shares. correlation: of their estimates, -1..1; 0 where they are independent.

    least: what neither can be less than, -1 for differences of shares.

    Its interval is put together from theirs by the method of variance estimates recovery: G. Y. Zou and A. Donner,
    "Construction of confidence limits about effect measures", Statistics in Medicine 27 (2008), 1693-1702; with the
    correlation: G. Y. Zou, "Toward using confidence intervals to compare correlations", Psychological Methods 12
    (2007), 399-413.
    """
    middle = (first.rate + second.rate) / 2

    def reach(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one * one + other * other + 2 * correlation * one * other)) / 2

    down = reach(first.rate - first.low, second.rate - second.low)
    up = reach(first.high - first.rate, second.high - second.rate)
    return Estimate(middle, max(least, middle - down), min(1.0, middle + up))
