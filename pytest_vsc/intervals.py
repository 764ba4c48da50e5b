"""Intervals of one share: of independent cases, and of cases that hang together in groups. It counts nothing.

Two kinds. Score intervals are shown: on average over the truth they cover it as often as they say. Exact ones decide:
they cover it at least that often, whatever it is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from statistics import NormalDist
from typing import Literal, NamedTuple, TypeVar

CONFIDENCE = 0.95
FEW = 5  # events or non-events, of which an exact interval is shown
K = TypeVar("K", bound=Hashable)


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
    """The score interval of a share over clusters, of which at least one holds a case: Wilson's for `effective_size`."""
    counted = Counter(cluster for cluster in clusters if cluster.n)
    effective = effective_size(counted, confidence)
    return wilson(share_of(counted) * effective, effective, confidence)


def shown(clusters: Iterable[Cluster] | Mapping[Cluster, int], confidence: float = CONFIDENCE) -> Shown:
    """The interval of a share over clusters that a report shows; at least one holds a case.

    clusters: or how many there are of each. Wilson's for `effective_size`; Clopper and Pearson's where so few events
    or non-events are left that Wilson's is too short for some rates.
    """
    counted = _counted(clusters)
    effective, share = effective_size(counted, confidence), share_of(counted)
    if min(share, 1 - share) * effective < FEW:
        return Shown(*clopper_pearson(share * effective, effective, confidence), "exact", effective)
    return Shown(*wilson(share * effective, effective, confidence), "wilson", effective)


def _counted(clusters: Iterable[Cluster] | Mapping[Cluster, int]) -> Mapping[Cluster, int]:
    return {cluster: number for cluster, number in Counter(clusters).items() if cluster.n}


def clustered_exact(clusters: Iterable[Cluster], confidence: float = CONFIDENCE) -> Interval:
    """The exact interval of a share over clusters, of which at least one holds a case.

    It makes no guess of how alike the cases of a cluster are: Clopper and Pearson's for `least_size`.
    """
    counted = Counter(cluster for cluster in clusters if cluster.n)
    effective = least_size(counted)
    return clopper_pearson(share_of(counted) * effective, effective, confidence)


def share_of(clusters: Mapping[Cluster, int]) -> float:
    """In what share of all their cases it happened. clusters: how many there are of each."""
    n = sum(cluster.n * number for cluster, number in clusters.items())
    return sum(cluster.happened * number for cluster, number in clusters.items()) / n


def least_size(clusters: Mapping[Cluster, int]) -> float:
    """How many independent cases tell as much of a share as these do if the cases of a cluster always go together.

    L. Kish, "Survey Sampling", Wiley (1965): the squared sum of the clusters' sizes over the sum of their squares.
    """
    n = sum(cluster.n * number for cluster, number in clusters.items())
    return n * n / sum(cluster.n**2 * number for cluster, number in clusters.items())


def effective_size(clusters: Mapping[Cluster, int], confidence: float = CONFIDENCE) -> float:
    """How many independent cases tell as much of a share as these do, from `least_size` to their number.

    Their number over the design effect, less what is uncertain of that: E. L. Korn and B. I. Graubard, "Confidence
    intervals for proportions with small expected number of positive counts estimated from survey data", Survey
    Methodology 24 (1998), 193-201. There the squared ratio of the quantiles of Student's t has the number of clusters
    for its degrees of freedom; here it has that of the clusters that tell something, those where it happened (or where
    it did not, if they are fewer). With rare events in alike cases theirs covers the truth in 85 % instead of 95 %.
    """
    number, n = sum(clusters.values()), sum(cluster.n * times for cluster, times in clusters.items())
    least = least_size(clusters)
    share = share_of(clusters)
    telling = min(
        sum(times for cluster, times in clusters.items() if cluster.happened),
        sum(times for cluster, times in clusters.items() if cluster.happened < cluster.n),
    )
    if number == n or telling < 2:
        return least  # each case a cluster of its own; or nothing tells how alike they are
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


def half_sum(first: Estimate, second: Estimate, correlation: float = 0.0) -> Estimate:
    """Half the sum of two shares. correlation: of their estimates, -1..1; 0 where they are independent.

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
    return Estimate(middle, max(0.0, middle - down), min(1.0, middle + up))
