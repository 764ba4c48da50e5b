"""How often intervals cover the truth, gates pass what they should not, and runs end early: three tables, by seed.

Run by hand: `python -m tests.bench.coverage [--quick] [--json FILE]`. Everything is asked of the package's own
functions, once for each distinct count; what can be worked out is not drawn. It ends with 1 if a target is missed, where
it was drawn by more than chance explains.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from pytest_vsc.correction import Reliability, corrected, exactly_corrected
from pytest_vsc.intervals import (
    Cluster,
    Interval,
    clopper_pearson,
    clustered_exact,
    exact_of_total,
    shown,
)
from pytest_vsc.paired import Flips, clustered_difference, clustered_worse, exact_difference, mcnemar_worse, tango
from pytest_vsc.sequential import Claim, capital, interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_MEAN = 0.94  # of the coverage of what is shown at 95 %, over the rates
TAIL = 0.025  # how often each limit of what decides may err
MOST_FALSE = 0.05  # passes at the bound
MOST_ASKED = 0.25  # of the cases, in the median, where the rate is a third of the bound, or three times it
NUMBERS = (20, 50, 100, 200, 500, 1000, 2000)
RATES = np.arange(1, 201) / 1000  # where coverage is worked out
DRAWN_RATES = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2)
SEED = 20260


class Sizes(NamedTuple):
    """How much is drawn. a point: one rate of one design."""

    point: int
    looks: int
    runs: int
    speed: int
    numbers: tuple[int, ...]


FULL = Sizes(point=1000, looks=150, runs=20_000, speed=2000, numbers=NUMBERS)
QUICK = Sizes(point=60, looks=15, runs=600, speed=200, numbers=(20, 100, 500))


class Point(NamedTuple):
    """What was found at one rate: how often the lower limit lies above it, and the upper below. draws: None for all."""

    where: str
    below: float
    above: float
    draws: int | None

    @property
    def covered(self) -> float:
        return 1 - self.below - self.above


class Missed(list[str]):
    """The targets that were missed."""

    def check(self, what: str, value: float, limit: float, draws: int | None, sigmas: float, least: bool) -> str:
        """Note it if the value is on the wrong side of its limit by more than so many standard errors."""
        error = sigmas * (limit * (1 - limit) / draws) ** 0.5 if draws else 0.0
        wrong = value < limit - error if least else value > limit + error
        if wrong:
            self.append(f"{what}: {value:.4f}, {'at least' if least else 'at most'} {limit}")
        return "MISSED" if wrong else "ok"


# --- (a) coverage ----------------------------------------------------------------------------------------------------


def worked_out(limits: Floats, values: Ints, n: int, where: str = "") -> Iterator[Point]:
    """One point for each rate: limits of each of the values, which are binomial of n."""
    for rate in RATES:
        chances = binom.pmf(values, n, rate)
        below, above = chances[limits[:, 0] > rate].sum(), chances[limits[:, 1] < rate].sum()
        yield Point(f"{where}{rate:.1%}", float(below), float(above), None)


def independent(method: Callable[[int, int], tuple[float, float]], n: int) -> Iterator[Point]:
    counts = np.arange(n + 1)
    yield from worked_out(np.array([method(int(count), n) for count in counts]), counts, n)


def shown_limits(count: int, n: int) -> tuple[float, float]:
    return shown({Cluster(1, 1): count, Cluster(0, 1): n - count})[:2]


class Model(NamedTuple):
    """How the cases of a group hang together. copies: how many groups hold the same case again and again; alike: the
    correlation within the others, which are beta-binomial."""

    name: str
    copies: float
    alike: float


MODELS = (
    Model("independent", 0, 0),
    Model("ICC 0.1", 0, 0.1),
    Model("ICC 0.3", 0, 0.3),
    Model("ICC 0.6", 0, 0.6),
    Model("ICC 1", 1, 0),
    Model("30% copies", 0.3, 0),
    Model("70% copies", 0.7, 0),
)
LAYOUTS = ("threes", "fives", "1-8", "outlier")


def layout(name: str, n: int) -> Ints:
    """The sizes of the groups of about n cases. outlier: a tenth of them are in one group, all others in pairs."""
    if name in ("threes", "fives"):
        size = 3 if name == "threes" else 5
        return np.full(n // size, size)
    if name == "outlier":
        return np.array([max(2, n // 10)] + [2] * ((n - max(2, n // 10)) // 2))
    sizes = np.resize([1, 1, 2, 3, 5, 8], n)
    return sizes[: int(np.searchsorted(np.cumsum(sizes), n)) + 1]


def draw(random: np.random.Generator, sizes: Ints, rate: float, model: Model, times: int) -> Ints:
    """In how many cases of each group it happened, so many times."""
    shape = (times, len(sizes))
    each: Floats | float = rate
    if model.alike:
        spread = 1 / model.alike - 1
        each = random.beta(rate * spread, (1 - rate) * spread, shape)
    apart = random.binomial(sizes, each, shape)
    copied = np.where(random.random(shape) < rate, sizes, 0)
    return np.where(random.random(shape) < model.copies, copied, apart)


class Table:
    """The clusters of every draw, counted, so that alike ones are looked at once."""

    def __init__(self, sizes: Ints) -> None:
        kinds = [(happened, size) for size in np.unique(sizes).tolist() for happened in range(size + 1)]
        self._kinds = [Cluster(*kind) for kind in kinds]
        starts = {size: kinds.index((0, size)) for size in np.unique(sizes).tolist()}
        self._starts = np.array([starts[size] for size in sizes.tolist()])

    def rows(self, drawn: Ints) -> Iterator[tuple[Mapping[Cluster, int], float]]:
        """The distinct ones, and which share of the draws each is."""
        codes = drawn + self._starts + len(self._kinds) * np.arange(len(drawn))[:, None]
        counted = np.bincount(codes.ravel(), minlength=len(self._kinds) * len(drawn)).reshape(len(drawn), -1)
        distinct, times = np.unique(counted, axis=0, return_counts=True)
        for row, number in zip(distinct.tolist(), times.tolist(), strict=True):
            found = {kind: some for kind, some in zip(self._kinds, row, strict=True) if some}
            yield found, number / len(drawn)


def clustered(random: np.random.Generator, name: str, n: int, times: int) -> Iterator[tuple[str, Point, Point]]:
    """The name of each design, with what is shown at a rate and what decides."""
    sizes = layout(name, n)
    table = Table(sizes)
    for model in MODELS:
        for rate in DRAWN_RATES:
            misses = np.zeros(4)
            for clusters, share in table.rows(draw(random, sizes, rate, model, times)):
                low, high, *_ = shown(clusters)
                exact = clustered_exact(clusters)
                misses += share * np.array([low > rate, high < rate, exact.low > rate, exact.high < rate])
            where = f"{rate:.2%} {name}, {model.name}"
            yield f"{name}, {model.name}", Point(where, *misses[:2], times), Point(where, *misses[2:], times)


def all_copies(sizes: Mapping[int, int]) -> Iterator[Point]:
    """What decides, worked out where all cases of a group always go together: that is what its limits are made for."""
    rows = np.array(list(product(*(range(number + 1) for number in sizes.values()))))
    limits = np.array([clustered_exact(together(sizes, row)) for row in rows.tolist()])
    name = " + ".join(f"{number}x{size}" for size, number in sizes.items())
    for rate in (*RATES[::4], 0.3, 0.4, 0.5):
        chances = np.prod(binom.pmf(rows, list(sizes.values()), rate), axis=1)
        below, above = chances[limits[:, 0] > rate].sum(), chances[limits[:, 1] < rate].sum()
        yield Point(f"{rate:.1%} {name}", float(below), float(above), None)


def together(sizes: Mapping[int, int], happened: list[int]) -> Mapping[Cluster, int]:
    """Clusters of these sizes, of each of which it happened in so many, and there in all cases."""
    found: dict[Cluster, int] = {}
    for (size, number), some in zip(sizes.items(), happened, strict=True):
        found |= {Cluster(size, size): some, Cluster(0, size): number - some}
    return {cluster: number for cluster, number in found.items() if number}


COPIES: tuple[dict[int, int], ...] = (
    {5: 40},
    {5: 400},
    {1: 500, 100: 1},
    {1: 500, 30: 2},
    {1: 200, 10: 5},
    {2: 100, 5: 20},
    {1: 50, 30: 20},
    {1: 40, 3: 20, 8: 8},
)


def paired(random: np.random.Generator, n: int, times: int) -> Iterator[tuple[str, Point, Point]]:
    """Tango's interval, and the exact one, of the difference of two runs."""
    tangos, exacts = lru_cache(maxsize=None)(tango), lru_cache(maxsize=None)(exact_difference)
    for worse, better in product((0.0, 0.01, 0.02, 0.05, 0.1, 0.2), repeat=2):
        if not worse and not better:
            continue
        counts = random.multinomial(n, (worse, better, 1 - worse - better), times)[:, :2]
        distinct, often = np.unique(counts, axis=0, return_counts=True)
        misses, apart = np.zeros(4), worse - better
        for (up, down), number in zip(distinct.tolist(), often.tolist(), strict=True):
            one, other = tangos(Flips(up, down, n)), exacts(Flips(up, down, n))
            misses += number * np.array([one.low > apart, one.high < apart, other.low > apart, other.high < apart])
        misses /= times
        where = f"{worse:.0%} worse, {better:.0%} better"
        yield f"{better:.0%} better", Point(where, *misses[:2], times), Point(where, *misses[2:], times)


def paired_groups(random: np.random.Generator, name: str, n: int, times: int) -> Iterator[Point]:
    """What decides between two runs over groups of which half flip as a whole, the others case by case.

    Without a difference: how often one is found, either way, at 2.5 %; with one, how often its limits miss it.
    """
    sizes = layout(name, n)
    for worse, better in ((0.02, 0.02), (0.05, 0.05), (0.1, 0.1), (0.02, 0.1), (0.1, 0.02)):
        misses, apart = np.zeros(2), worse - better
        for _ in range(times):
            chance, whole = random.random(len(sizes)), random.random(len(sizes)) < 0.5
            up = np.where(whole, sizes * (chance < worse), random.binomial(sizes, worse))
            down = np.where(whole, sizes * (worse <= chance) * (chance < worse + better), 0)
            down += np.where(whole, 0, random.binomial(sizes - np.where(whole, 0, up), better / (1 - worse)))
            if apart:
                low, high = clustered_difference(pairs(up, sizes), pairs(down, sizes))
                misses += (low > apart, high < apart)
            else:
                misses += (clustered_worse(pairs(up, up + down)) <= TAIL, clustered_worse(pairs(down, up + down)) <= TAIL)
        misses /= times
        yield Point(f"{worse:.0%} worse, {better:.0%} better, {name} of {n}", *misses, times)


def pairs(happened: Ints, sizes: Ints) -> list[Cluster]:
    return [Cluster(some, size) for some, size in zip(happened.tolist(), sizes.tolist(), strict=True)]


def no_difference(n: int) -> Iterator[Point]:
    """How often McNemar's test finds one either way, worked out, where n cases flip."""
    counts = np.arange(n + 1)
    found = np.array([mcnemar_worse(int(count), n - int(count)) <= TAIL for count in counts])
    chance = float(binom.pmf(counts, n, 0.5)[found].sum())
    yield Point(f"{n} flips", chance, chance, None)


JUDGES = ((0.99, 0.99, 200), (0.95, 0.98, 300), (0.9, 0.95, 50), (0.9, 0.95, 150), (0.8, 0.9, 100))


def by_a_judge(random: np.random.Generator, n: int, times: int) -> Iterator[tuple[str, Point, Point]]:
    """Lang and Reiczigel's interval, and the exact one, of a rate by a judge that errs as often as his labels say."""
    for found, spared, labelled in JUDGES:
        known = lru_cache(maxsize=None)(lambda *counts, labelled=labelled: judged(*counts, n, labelled))
        for rate in DRAWN_RATES:
            seen = random.binomial(n, rate * found + (1 - rate) * (1 - spared), times).tolist()
            right = zip(
                random.binomial(labelled, found, times).tolist(),
                random.binomial(labelled, spared, times).tolist(),
                strict=True,
            )
            limits = np.array([known(count, *of) for count, of in zip(seen, right, strict=True)])
            misses = [float(value) for value in np.mean(limits * (1, -1, 1, -1) > rate * np.array((1, -1, 1, -1)), axis=0)]
            name = f"sensitivity {found}, specificity {spared} of {labelled}"
            where = f"{rate:.2%} {name}"
            yield name, Point(where, *misses[:2], times), Point(where, *misses[2:], times)


def judged(count: int, found: int, spared: int, n: int, labelled: int) -> tuple[float, float, float, float]:
    judge = Reliability(found / labelled, labelled, spared / labelled, labelled)
    part = TAIL / 3  # of three figures
    exact = exactly_corrected(clopper_pearson(count, n, 1 - 2 * part), judge, part)
    if not judge.tells:
        return (0.0, 1.0, *exact)
    _, low, high = corrected(count / n, n, judge)
    return low, high, *exact


def at_a_stop(random: np.random.Generator, n: int, times: int) -> Iterator[Point]:
    """What is shown of a run that ended early: as soon as a gate of 5 % is decided, else after half of the groups."""
    for size, model in ((1, MODELS[0]), (4, MODELS[4]), (4, MODELS[2])):
        groups = max(2, n // size)
        sizes = np.full(groups, size)
        gate = Gate(0.05, {size: groups})
        for rate in DRAWN_RATES[::2]:
            drawn = draw(random, sizes, rate, model, times)
            ends = np.minimum(gate.follow(drawn).when, max(1, groups // 2))
            misses = np.zeros(2)
            for row, end in zip(drawn.tolist(), ends.tolist(), strict=True):
                low, high = interval(row[:end], groups, size)
                truth = sum(row) / groups
                misses += (low > truth + 1e-12, high < truth - 1e-12)
            misses /= times
            yield Point(f"{rate:.2%} {groups}x{size}, {model.name}", *misses, times)


# --- (b), (c) gates that ask for proof ---------------------------------------------------------------------------------


class Followed(NamedTuple):
    """Of each run: 1 for PASS, -1 for FAIL, 0 for neither; and after how many groups that was known."""

    ruling: Ints
    when: Ints


class Gate:
    """`rate <= bound@95` over groups of these sizes: how it is decided at the end, and early."""

    def __init__(self, bound: float, sizes: Mapping[int, int]) -> None:
        self.bound, self.sizes = bound, sizes
        self.groups, self.n = sum(sizes.values()), sum(size * number for size, number in sizes.items())
        totals = range(self.n + 1)
        self.passes = bisect_left(totals, True, key=lambda total: self.limits(total).high > bound) - 1
        self.fails = bisect_left(totals, True, key=lambda total: self.limits(total).low > bound)

    @lru_cache(maxsize=None)  # noqa: B019 - there are few gates
    def limits(self, total: int) -> Interval:
        return exact_of_total(total, self.sizes)

    def final(self, drawn: Ints) -> Ints:
        """Each run's ruling by all its groups, in any order."""
        if len(self.sizes) == 1:
            totals = drawn.sum(axis=1)
            return np.where(totals <= self.passes, 1, np.where(totals >= self.fails, -1, 0))
        raise NotImplementedError

    def follow(self, drawn: Ints) -> Followed:
        """Each run's ruling, group by group in the order that they are given in."""
        passed, failed = self._first("at least", self.passes + 1, drawn), self._first("at most", self.fails - 1, drawn)
        last = self.groups
        early = np.where(passed < np.minimum(failed, last + 1), 1, np.where(failed <= last, -1, 0))
        return Followed(np.where(early == 0, self.final(drawn), early), np.minimum(np.minimum(passed, failed), last))

    def _first(self, claim: Claim, total: int, drawn: Ints) -> Ints:
        """After how many groups a claim is refuted; one more than there are if it never is."""
        least = claim == "at least"
        largest, mean = max(self.sizes), self.n / self.groups
        won = capital(claim, total, drawn, self.groups, largest, guess=mean * self.bound * (0.5 if least else 2))
        rest = total - np.cumsum(drawn, axis=1)
        left = largest * (self.groups - 1 - np.arange(self.groups))
        refuted = (won >= -np.log(TAIL)) | (rest > left if least else rest < 0)
        return np.where(refuted.any(axis=1), refuted.argmax(axis=1) + 1, self.groups + 1)
