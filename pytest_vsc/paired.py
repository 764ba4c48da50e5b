"""Two runs of the same cases: how far apart their rates are, and whether that is more than chance. It reads no runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import NamedTuple

from pytest_vsc.intervals import (
    CONFIDENCE,
    Cluster,
    Interval,
    clopper_pearson,
    clustered_exact,
    least_sizes,
    quantile,
    share_of,
)


def make_ready() -> None:
    """Load now what intervals of differences are computed with, as `intervals.make_ready`."""
    import_module("scipy.optimize")


class Flips(NamedTuple):
    """Of n cases that both runs decided: worse, in how many it happened only in the later run; better, only before."""

    worse: float
    better: float
    n: float

    @property
    def difference(self) -> float:
        """The later rate less the earlier one, -1..1."""
        return (self.worse - self.better) / self.n


def mcnemar(worse: float, better: float) -> float:
    """The exact two-sided p-value of both kinds of flips being equally likely; 1.0 without any.

    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12 (1947), 153-157, with the binomial distribution. worse, better: may be effective numbers.
    """
    return min(1.0, 2 * _tail(max(worse, better), worse + better))


def mcnemar_worse(worse: float, better: float) -> float:
    """The exact one-sided p-value against the later run being no worse than the earlier."""
    return _tail(worse, worse + better)


def clustered_worse(flips: Iterable[Cluster]) -> float:
    """The same for flips that hang together, with no guess of how alike those of a group are.

    flips: of each group, how many got worse among all of its flips; or how many groups there are of each kind. The
    p-value is that of as many flips as tell as much if those of a group always go the same way.
    """
    apart = {cluster: number for cluster, number in Counter(flips).items() if cluster.n}
    if not apart:
        return 1.0
    share, size = share_of(apart), least_sizes(apart).low
    return _tail(share * size, size)


def _tail(count: float, n: float) -> float:
    """How probable `count` or more heads are in n throws of a coin; between whole numbers it goes smoothly."""
    from scipy.special import betainc

    return float(betainc(count, n - count + 1, 0.5)) if count else 1.0


def tango(flips: Flips, confidence: float = CONFIDENCE) -> Interval:
    """The score interval of the difference, each limit in -1..1.

    T. Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample design",
    Statistics in Medicine 17 (1998), 891-908.
    """
    z = quantile(confidence)
    return Interval(
        _crossing(lambda delta: _score(flips, delta) - z, -1.0, flips.difference),
        _crossing(lambda delta: _score(flips, delta) + z, flips.difference, 1.0),
    )


def _score(flips: Flips, delta: float) -> float:
    """How many standard errors the difference lies above delta; the variance is that which fits delta best."""
    worse, better, n = flips
    a, b, c = 2 * n, -worse - better + (2 * n - worse + better) * delta, -better * delta * (1 - delta)
    share = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)  # of cases better, where the difference is delta
    variance = n * (2 * share + delta * (1 - delta))
    above = worse - better - n * delta
    return above / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, above) if above else 0.0


def _crossing(falling: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function is 0 between low and high; the end nearest to that where it never is."""
    from scipy.optimize import brentq

    if falling(low) <= 0:
        return low
    if falling(high) >= 0:
        return high
    return float(brentq(falling, low, high, xtol=1e-14))


def exact_difference(flips: Flips, confidence: float = CONFIDENCE) -> Interval:
    """An interval that covers the difference at least as often as it says, whatever it is.

    Each limit is put together from exact limits of the two shares of flips, each of which errs half as often.
    """
    narrow = (1 + confidence) / 2
    worse, better = (clopper_pearson(count, flips.n, narrow) for count in (flips.worse, flips.better))
    return Interval(worse.low - better.high, worse.high - better.low)


def clustered_difference(
    worse: Iterable[Cluster], better: Iterable[Cluster], confidence: float = CONFIDENCE
) -> Interval:
    """The same for cases that hang together, by `clustered_exact`.

    worse, better: of each group, in how many of its cases it happened only later, or only before; or how many groups
    there are of each kind.
    """
    narrow = (1 + confidence) / 2
    up, down = clustered_exact(worse, narrow), clustered_exact(better, narrow)
    return Interval(up.low - down.high, up.high - down.low)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for there being several, in the same order.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979),
    65-70.
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted
