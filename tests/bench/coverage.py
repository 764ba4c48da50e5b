"""How often intervals cover the truth, gates pass what they should not, and runs end early: three tables, by seed.

Run by hand: `python -m tests.bench.coverage [--quick] [--json FILE]`. Everything is asked of the package's own
functions, once for each distinct count; what can be worked out is not drawn. It ends with 1 if a target is missed, by
more than chance explains where it was drawn.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from pytest_vsc.correction import Reliability, corrected, exactly_corrected
from pytest_vsc.intervals import Cluster, clopper_pearson, clustered_exact, exact_of_total, shown
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


FULL = Sizes(point=1000, looks=100, runs=20_000, speed=2000, numbers=NUMBERS)
QUICK = Sizes(point=100, looks=20, runs=1000, speed=200, numbers=(20, 100, 500))


class Point(NamedTuple):
    """What was found at one rate: how often the lower limit lies above it, and the upper below. draws: None for all."""

    where: str
    below: float
    above: float
    draws: int | None

    @property
    def covered(self) -> float:
        return 1 - self.below - self.above


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
ALIKE = {"ones": 1, "threes": 3, "fives": 5}
LAYOUTS = ("threes", "fives", "1-8", "outlier")


def layout(name: str, n: int) -> Ints:
    """The sizes of the groups of about n cases. outlier: a tenth of them are in one group, all others in pairs."""
    if name in ALIKE:
        return np.full(n // ALIKE[name], ALIKE[name])
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
        starts = [kinds.index((0, size)) for size in sizes.tolist()]
        self._kinds, self._starts = [Cluster(*kind) for kind in kinds], np.array(starts)

    def each(self, drawn: Ints, look: Callable[[Mapping[Cluster, int]], tuple[float, ...]]) -> Floats:
        """What is seen in each draw, one row for each."""
        codes = drawn + self._starts + len(self._kinds) * np.arange(len(drawn))[:, None]
        counted = np.bincount(codes.ravel(), minlength=len(self._kinds) * len(drawn)).reshape(len(drawn), -1)
        distinct, which = np.unique(counted, axis=0, return_inverse=True)
        found = [
            look({kind: some for kind, some in zip(self._kinds, row, strict=True) if some}) for row in distinct.tolist()
        ]
        return np.array(found)[which.ravel()]


def clustered(random: np.random.Generator, name: str, n: int, times: int) -> Iterator[tuple[str, Point, Point]]:
    """The name of each design, with what is shown at a rate and what decides."""
    sizes = layout(name, n)
    table = Table(sizes)
    for model, rate in product(MODELS, DRAWN_RATES):
        limits = table.each(
            draw(random, sizes, rate, model, times), lambda found: (*shown(found)[:2], *clustered_exact(found))
        )
        design, where = f"{name}, {model.name}", f"{rate:.2%} {name}, {model.name}"
        yield design, missing(where, limits[:, :2], rate), missing(where, limits[:, 2:], rate)


def missing(where: str, limits: Floats, truth: float | Floats) -> Point:
    """How often limits, one row for each draw, miss it."""
    return Point(where, float(np.mean(limits[:, 0] > truth)), float(np.mean(limits[:, 1] < truth)), len(limits))


def all_copies(sizes: Mapping[int, int]) -> Iterator[Point]:
    """What decides, worked out where all cases of a group always go together: that is what its limits are made for."""
    rows = np.array(list(product(*(range(number + 1) for number in sizes.values()))))
    limits = np.array([clustered_exact(together(sizes, row)) for row in rows.tolist()])
    name = " + ".join(f"{number}x{size}" for size, number in sizes.items())
    for rate in (*RATES[::4], 0.3, 0.4, 0.5):
        chances = np.prod(binom.pmf(rows, list(sizes.values()), rate), axis=1)
        below, above = chances[limits[:, 0] > rate].sum(), chances[limits[:, 1] < rate].sum()
        yield Point(f"{rate:.1%} {name}", float(below), float(above), None)


def large_alone(small: int, sizes: Mapping[int, int]) -> Iterator[Point]:
    """The same where it happens in the large groups only and in none of so many single cases: what is not promised."""
    ((size, number),) = sizes.items()
    n, counts = small + size * number, np.arange(number + 1)
    found = [Counter({**together(sizes, [int(some)]), Cluster(0, 1): small}) for some in counts]
    limits = np.array([clustered_exact(clusters) for clusters in found])
    for rate in np.linspace(0.005, 0.4, 80):
        chances, share = binom.pmf(counts, number, rate), rate * size * number / n
        below, above = chances[limits[:, 0] > share].sum(), chances[limits[:, 1] < share].sum()
        yield Point(f"{share:.1%} {small}x1 + {number}x{size}", float(below), float(above), None)


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

    @cache
    def limits(worse: int, better: int) -> tuple[float, ...]:
        flips = Flips(worse, better, n)
        return (*tango(flips), *exact_difference(flips))

    for worse, better in product((0.0, 0.01, 0.02, 0.05, 0.1, 0.2), repeat=2):
        if worse or better:
            drawn = random.multinomial(n, (worse, better, 1 - worse - better), times)[:, :2].tolist()
            found, where = np.array([limits(*counts) for counts in drawn]), f"{worse:.0%} worse, {better:.0%} better"
            yield "", missing(where, found[:, :2], worse - better), missing(where, found[:, 2:], worse - better)


def paired_groups(random: np.random.Generator, name: str, n: int, times: int) -> Iterator[Point]:
    """What decides between two runs over groups of which half flip as a whole, the others case by case.

    Without a difference: how often one is found, either way, at 2.5 %; with one, how often its limits miss it.
    """
    sizes = layout(name, n)
    shape = (times, len(sizes))
    for worse, better in ((0.02, 0.02), (0.05, 0.05), (0.1, 0.1), (0.02, 0.1), (0.1, 0.02)):
        chance, whole = random.random(shape), random.random(shape) < 0.5
        up = np.where(whole, sizes * (chance < worse), random.binomial(sizes, worse, shape))
        rest = random.binomial(sizes - np.where(whole, 0, up), better / (1 - worse))
        down = np.where(whole, sizes * ((worse <= chance) & (chance < worse + better)), rest)
        where = f"{worse:.0%} worse, {better:.0%} better, {name} of {n}"
        if worse != better:
            limits = [clustered_difference(of(one, sizes), of(two, sizes)) for one, two in zip(up, down, strict=True)]
            yield missing(where, np.array(limits), worse - better)
        else:
            both = [(of(one, one + two), of(two, one + two)) for one, two in zip(up, down, strict=True)]
            found = np.array([(clustered_worse(one), clustered_worse(two)) for one, two in both])
            up_found, down_found = np.mean(found <= TAIL, axis=0).tolist()
            yield Point(where, up_found, down_found, times)


def of(happened: Ints, sizes: Ints) -> list[Cluster]:
    return [Cluster(some, size) for some, size in zip(happened.tolist(), sizes.tolist(), strict=True)]


def no_difference(n: int) -> Iterator[Point]:
    """How often McNemar's test finds one either way, worked out, where n cases flip."""
    counts = np.arange(n + 1)
    found = np.array([mcnemar_worse(int(count), n - int(count)) <= TAIL for count in counts])
    chance = float(binom.pmf(counts, n, 0.5)[found].sum())
    yield Point(f"{n} flips", chance, chance, None)


JUDGES = ((0.99, 0.99, 200), (0.95, 0.98, 300), (0.9, 0.95, 50), (0.9, 0.95, 150), (0.8, 0.9, 100))


def by_a_judge(random: np.random.Generator, n: int, times: int) -> Iterator[tuple[str, Point, Point]]:
    """Lang and Reiczigel's interval, and the exact one, of a rate by a judge whose errors are known from labels."""
    for found, spared, labelled in JUDGES:
        known = cache(judged)
        name = f"sensitivity {found}, specificity {spared} of {labelled}"
        for rate in DRAWN_RATES:
            seen = random.binomial(n, rate * found + (1 - rate) * (1 - spared), times).tolist()
            right = random.binomial(labelled, (found, spared), (times, 2)).tolist()
            limits = np.array([known((count, n), *of, labelled) for count, of in zip(seen, right, strict=True)])
            where = f"{rate:.2%} {name}"
            yield name, missing(where, limits[:, :2], rate), missing(where, limits[:, 2:], rate)


def judged(counts: tuple[int, int], found: int, spared: int, labelled: int) -> tuple[float, ...]:
    judge = Reliability(found / labelled, labelled, spared / labelled, labelled)
    part = TAIL / 3  # of three figures
    exact = exactly_corrected(clopper_pearson(*counts, 1 - 2 * part), judge, part)
    return (*corrected(counts[0] / counts[1], counts[1], judge)[1:], *exact) if judge.tells else (0.0, 1.0, *exact)


def at_a_stop(random: np.random.Generator, n: int, times: int) -> Iterator[tuple[str, Point]]:
    """What is shown of a run that ended early: as soon as a gate of 5 % is decided, at half of the groups at last."""
    for size, model in ((1, MODELS[0]), (4, MODELS[2]), (4, MODELS[4])):
        groups = max(2, n // size)
        gate, name = Gate(0.05, np.full(groups, size)), f"{groups} groups of {size}, {model.name}"
        for rate in DRAWN_RATES[::2]:
            drawn = draw(random, gate.sizes, rate, model, times)
            ends = np.minimum(gate.follow(drawn).when, groups // 2).tolist()
            limits = [interval(row[:end], groups, size) for row, end in zip(drawn.tolist(), ends, strict=True)]
            # Of the whole run, not of what it was drawn from; a limit may be the very mean.
            spare = np.add(limits, (-1e-12, 1e-12))
            yield name, missing(f"{rate:.2%} {name}", spare, drawn.mean(axis=1))


# --- (b), (c) gates that ask for proof -------------------------------------------------------------------------------


class Followed(NamedTuple):
    """Of each run: 1 for PASS, -1 for FAIL, 0 for neither; and after how many groups that was known."""

    ruling: Ints
    when: Ints


class Gate:
    """`rate <= bound@95` over groups of these sizes: how it is decided at the end, and early."""

    def __init__(self, bound: float, sizes: Ints) -> None:
        self.bound, self.sizes, self.groups, self.n = bound, sizes, len(sizes), int(sizes.sum())
        self._table = Table(sizes)
        counted = dict(zip(*(found.tolist() for found in np.unique(sizes, return_counts=True)), strict=True))
        totals = range(self.n + 1)
        self.passes = bisect_left(totals, True, key=lambda total: exact_of_total(total, counted).high > bound) - 1
        self.fails = bisect_left(totals, True, key=lambda total: exact_of_total(total, counted).low > bound)

    def final(self, drawn: Ints) -> Ints:
        """Each run's ruling by all its groups, which come in the order of the sizes."""
        limits = self._table.each(drawn, clustered_exact)
        return np.where(limits[:, 1] <= self.bound, 1, np.where(limits[:, 0] > self.bound, -1, 0))

    def follow(self, drawn: Ints, random: np.random.Generator | None = None) -> Followed:
        """Each run's ruling, group by group, in random order; that of the draw where all are equally large."""
        order = drawn if random is None else random.permuted(drawn, axis=1)
        passed, failed = self._first("at least", self.passes + 1, order), self._first("at most", self.fails - 1, order)
        early = np.where(passed < failed, 1, np.where(failed <= self.groups, -1, 0))
        ruling = early.copy()
        if (early == 0).any():
            ruling[early == 0] = self.final(drawn[early == 0])
        return Followed(ruling, np.minimum(np.minimum(passed, failed), self.groups))

    def _first(self, claim: Claim, total: int, order: Ints) -> Ints:
        """After how many groups a claim is refuted; one more than there are if it never is."""
        least, largest = claim == "at least", int(self.sizes.max())
        guess = self.n / self.groups * self.bound * (0.5 if least else 2)
        won = capital(claim, total, order, self.groups, largest, guess=guess)
        rest, left = total - np.cumsum(order, axis=1), largest * (self.groups - 1 - np.arange(self.groups))
        refuted = (won >= -np.log(TAIL)) | ((rest > left) if least else (rest < 0))
        return np.where(refuted.any(axis=1), refuted.argmax(axis=1) + 1, self.groups + 1)


def batches(gate: Gate, rate: float, model: Model, runs: int, random: np.random.Generator) -> Iterator[Ints]:
    """Draws of so many runs, as many at once as fit into memory well."""
    most = max(1, 400_000 // gate.groups)
    for start in range(0, runs, most):
        yield draw(random, gate.sizes, rate, model, min(most, runs - start))


def at_the_bound(gate: Gate, model: Model, runs: int, random: np.random.Generator) -> dict[str, float]:
    """How often a gate passes, and fails, where the rate is its bound: at the end, and with early stop."""
    counts = np.zeros(4)
    mixed = random if len(np.unique(gate.sizes)) > 1 else None
    for drawn in batches(gate, gate.bound, model, runs, random):
        final, followed = gate.final(drawn), gate.follow(drawn, mixed).ruling
        counts += [(final == 1).sum(), (final == -1).sum(), (followed == 1).sum(), (followed == -1).sum()]
    names = ("pass", "fail", "early pass", "early fail")
    return dict(zip(names, (counts / runs).tolist(), strict=True))


def asked(gate: Gate, rate: float, model: Model, runs: int, random: np.random.Generator) -> dict[str, float]:
    """Which share of the cases a run with this rate is asked, and how often it is decided rightly."""
    found = [gate.follow(drawn) for drawn in batches(gate, rate, model, runs, random)]
    when = np.concatenate([one.when for one in found]) / gate.groups
    ruling = np.concatenate([one.ruling for one in found])
    return {
        "median": float(np.median(when)),
        "90 %": float(np.quantile(when, 0.9)),
        "right": float(np.mean(ruling == (1 if rate < gate.bound else -1))),
    }


# --- the tables ------------------------------------------------------------------------------------------------------


class Report:
    """Prints rows, keeps their figures, and notes targets that were missed."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.missed: list[str] = []

    def row(self, table: str, name: str, figures: Mapping[str, Any], verdict: str = "") -> None:
        self.rows.append({"table": table, "name": name, **figures})
        shown = "  ".join(f"{key} {said(value)}" for key, value in figures.items())
        print(f"{table} {name:<40} {shown}  {verdict}".rstrip(), flush=True)

    def verdict(self, what: str, value: float, limit: float, *, least: bool = False, error: float = 0.0) -> str:
        """error: by how much a value may miss its limit by chance."""
        if value >= limit - error if least else value <= limit + error:
            return "ok"
        self.missed.append(f"{what}: {value:.4f}, not {'>=' if least else '<='} {limit}")
        return "MISSED"

    def coverage(self, name: str, n: int | str, points: Iterable[tuple[str, Point]]) -> None:
        """Of what is shown: the mean over the rates, of all designs and of that where it is lowest; and the lowest."""
        held = list(points)
        designs = [[point.covered for key, point in held if key == design] for design in dict.fromkeys(dict(held))]
        means, worst = (
            [float(np.mean(one)) for one in designs],
            min((point for _, point in held), key=lambda p: p.covered),
        )
        draws = sum(point.draws or 0 for _, point in held) / len(designs)
        error = 2 * (LEAST_MEAN * (1 - LEAST_MEAN) / draws) ** 0.5 if draws else 0.0
        figures = {"mean": float(np.mean(means)), "of the worst design": min(means), "lowest": worst.covered}
        verdict = self.verdict(f"{name}, n {n}", min(means), LEAST_MEAN, least=True, error=error)
        self.row("(a)", f"{name}, n {n}", figures | {"at": worst.where}, verdict)

    def errors(self, name: str, points: Iterable[Point], *, aimed: bool = True) -> None:
        """Of what decides: how often either limit errs where it errs most often. aimed: with the target for that.

        Where that was drawn, the worst of hundreds of points lies high by chance: it may by 4 standard errors.
        """
        held = list(points)
        low, high = max(held, key=lambda point: point.below), max(held, key=lambda point: point.above)
        draws = min((point.draws for point in held if point.draws), default=None)
        error = 4 * (TAIL * (1 - TAIL) / draws) ** 0.5 if draws else 0.0
        figures = {"lower errs": low.below, "at": low.where, "upper errs": high.above, "there": high.where}
        verdict = self.verdict(name, max(low.below, high.above), TAIL, error=error) if aimed else "(not promised)"
        self.row("(a)", name, figures | {"draws": draws or "none"}, verdict)


def said(value: object) -> str:
    return f"{value:.2%}" if isinstance(value, float) else str(value)


def coverage(report: Report, amount: Sizes, random: np.random.Generator) -> None:
    for n in amount.numbers:
        report.coverage("shown, independent cases", n, (("", point) for point in independent(shown_limits, n)))
    deciding: list[Point] = []
    for n in amount.numbers:
        for name in LAYOUTS:
            found = list(clustered(random, name, n, amount.point))
            report.coverage(f"shown, {name}", n, ((design, point) for design, point, _ in found))
            deciding += [point for *_, point in found]
    for title, method in (("shown, difference", paired), ("shown, corrected", by_a_judge)):
        exact: list[Point] = []
        for n in amount.numbers:
            found = list(method(random, n, amount.point))
            report.coverage(title, n, ((design, point) for design, point, _ in found))
            exact += [point for *_, point in found]
        report.errors(title.replace("shown", "exact"), exact)
    for n in amount.numbers:
        report.coverage("shown, ended early", n, at_a_stop(random, n, amount.looks))
    report.errors(
        "exact, independent cases", (point for n in amount.numbers for point in independent(clopper_pearson, n))
    )
    report.errors("exact, groups", deciding)
    report.errors("exact, copies", (point for sizes in COPIES for point in all_copies(sizes)))
    report.errors("exact, events in large groups only", large_alone(500, {10: 50}), aimed=False)
    report.errors("exact, McNemar", (point for n in range(1, 400) for point in no_difference(n)))
    places = product(LAYOUTS, (200, 1000))
    report.errors(
        "exact, flips in groups", (p for place in places for p in paired_groups(random, *place, amount.point))
    )


def false_passes(report: Report, amount: Sizes, random: np.random.Generator) -> None:
    designs = [("ones", model) for model in MODELS[:1]]
    designs += [(name, model) for name in ("fives", "1-8", "outlier") for model in (MODELS[2], MODELS[4])]
    for (name, model), n, bound in product(designs, (360, 3600), (0.02, 0.05, 0.1)):
        gate = Gate(bound, layout(name, n))
        figures = at_the_bound(gate, model, amount.runs, random)
        label = f"<= {bound:.0%}@95, {n} cases, {name}, {model.name}"
        error = 2 * (MOST_FALSE * (1 - MOST_FALSE) / amount.runs) ** 0.5
        report.row("(b)", label, figures, report.verdict(label, max(figures.values()), MOST_FALSE, error=error))


def early_stops(report: Report, amount: Sizes, random: np.random.Generator) -> None:
    for name, model in (("ones", MODELS[0]), ("fives", MODELS[2]), ("fives", MODELS[4])):
        gate = Gate(0.05, layout(name, 3600))
        for rate in (0.05 / 3, 0.15, 0.025, 0.1):
            figures = asked(gate, rate, model, amount.speed, random)
            label = f"<= 5%@95, rate {rate:.1%}, {name}, {model.name}"
            aimed = name == "ones" and rate in (0.05 / 3, 0.15)  # of the others nothing was promised
            verdict = report.verdict(label, figures["median"], MOST_ASKED) if aimed else ""
            report.row("(c)", label, figures, verdict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, in less than a minute")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    report, amount = Report(), QUICK if options.quick else FULL
    parts = (
        ("(a) How often intervals cover the truth, at 95 %", coverage),
        ("(b) How often gates pass, or fail, where the rate is their bound", false_passes),
        ("(c) What share of 3,600 cases is asked", early_stops),
    )
    for title, part in parts:
        begun = time.perf_counter()
        print(title, flush=True)
        part(report, amount, np.random.default_rng(SEED))
        print(f"{time.perf_counter() - begun:.0f} s\n", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"rows": report.rows, "missed": report.missed}, indent=1) + "\n")
    print("\n".join(["Missed:", *report.missed]) if report.missed else "No target is missed.")
    sys.exit(bool(report.missed))


if __name__ == "__main__":
    main()
