"""Intervals of one share, of independent cases and of clusters: against other libraries, published figures, the truth.

How often they cover the truth in general is a matter of minutes: `tests.bench.coverage`.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from pytest_vsc.intervals import (
    FEW,
    Cluster,
    Estimate,
    clopper_pearson,
    clustered_exact,
    clustered_wilson,
    effective_size,
    exact_of_total,
    half_sum,
    least_size,
    least_sizes,
    residuals,
    share_of,
    shown,
    wilson,
)

COUNTS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
CONFIDENCES = st.floats(0.5, 0.999)
CLUSTERS = st.lists(st.integers(1, 6).flatmap(lambda n: st.builds(Cluster, st.integers(0, n), st.just(n))), min_size=1)


# --- of independent cases ---


# Newcombe, Statistics in Medicine 17 (1998), 857-872, table I: method 3 (score, no continuity correction), and method 5
# (Clopper-Pearson), both to four places.
@pytest.mark.parametrize(
    ("happened", "n", "score", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_the_published_table(happened: int, n: int, score: tuple[float, float], exact: tuple[float, float]) -> None:
    assert wilson(happened, n) == pytest.approx(score, abs=5e-5)
    assert clopper_pearson(happened, n) == pytest.approx(exact, abs=5e-5)


@settings(deadline=None, max_examples=50)
@given(COUNTS, CONFIDENCES)
def test_wilson_agrees_with_scipy_and_statsmodels(counts: tuple[int, int], confidence: float) -> None:
    found = wilson(*counts, confidence)
    reference = binomtest(*counts).proportion_ci(confidence, method="wilson")
    assert found == pytest.approx((reference.low, reference.high), abs=1e-12)
    assert found == pytest.approx(proportion_confint(*counts, alpha=1 - confidence, method="wilson"), abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(COUNTS, CONFIDENCES)
def test_clopper_pearson_agrees_with_scipy_and_statsmodels(counts: tuple[int, int], confidence: float) -> None:
    found = clopper_pearson(*counts, confidence)
    reference = binomtest(*counts).proportion_ci(confidence, method="exact")
    assert found == pytest.approx((reference.low, reference.high), abs=1e-9)
    assert found == pytest.approx(proportion_confint(*counts, alpha=1 - confidence, method="beta"), abs=1e-9)


def test_wilson_of_a_higher_confidence_is_wider() -> None:
    low, high = wilson(5, 50)
    lower, higher = wilson(5, 50, confidence=0.99)
    assert lower < low < high < higher


@pytest.mark.parametrize("n", [1, 7, 40, 300])
def test_no_share_is_missed_by_an_exact_limit_more_often_than_said(n: int) -> None:
    """Not drawn but worked out, for 500 shares."""
    limits = np.array([clopper_pearson(count, n) for count in range(n + 1)])
    for share in np.linspace(0.001, 0.999, 500):
        chances = binom.pmf(np.arange(n + 1), n, share)
        assert chances[limits[:, 0] > share].sum() <= 0.025
        assert chances[limits[:, 1] < share].sum() <= 0.025


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(1, 2000), st.floats(1, 2000))
def test_more_cases_never_widen_an_interval_of_the_same_share(share: float, one: float, other: float) -> None:
    """That is why an effective number below the true one makes an interval wider on both sides, never narrower."""
    few, many = sorted((one, other))
    for method in (wilson, clopper_pearson):
        wide, narrow = method(share * few, few), method(share * many, many)
        assert wide.low <= narrow.low + 1e-9
        assert wide.high >= narrow.high - 1e-9


# --- of clusters ---


def test_effective_size_by_hand() -> None:
    """Six clusters of two, of which two lie 1 from the mean: a design effect of (2 / 144 * 6 / 5) / (0.25 / 11); and t
    for 4 degrees of freedom, one less than there are clusters with an event, in the place of that for 11."""
    clusters = [Cluster(2, 2), Cluster(0, 2), *[Cluster(1, 2)] * 4]
    effect = (2 / 144 * 6 / 5) / (0.25 / 11)
    by_hand = 12 / effect * (2.200985 / 2.776445) ** 2
    assert effective_size(Counter(clusters)) == pytest.approx(by_hand, rel=1e-5)
    assert clustered_wilson(clusters) == pytest.approx(wilson(by_hand / 2, by_hand), abs=1e-5)


def test_least_sizes_by_hand() -> None:
    """Of 12 cases the mean size of a case's cluster is (4 * 4 + 8 * 1) / 12 = 2; that of the two events' is 4."""
    clusters = Counter([Cluster(2, 4), *[Cluster(0, 1)] * 8])
    assert least_sizes(clusters) == (12 / 4, 12 / 2)
    assert least_size(clusters) == 3
    mirrored = Counter([Cluster(2, 4), *[Cluster(1, 1)] * 8])
    assert least_sizes(mirrored) == (12 / 2, 12 / 4)
    assert clustered_exact(clusters) == (clopper_pearson(2 / 12 * 3, 3).low, clopper_pearson(2 / 12 * 6, 6).high)


@settings(max_examples=40)
@given(CLUSTERS)
def test_clusters_tell_no_more_than_their_cases_and_no_less_than_one(clusters: list[Cluster]) -> None:
    n, happened = sum(cluster.n for cluster in clusters), sum(cluster.happened for cluster in clusters)
    counted = Counter(clusters)
    assert 1 - 1e-9 <= least_size(counted) <= effective_size(counted) <= n + 1e-9
    low, high = clustered_wilson(clusters)
    plain = wilson(happened, n)
    assert 0 <= low <= plain.low + 1e-12
    assert plain.high - 1e-12 <= high <= 1


@settings(deadline=None, max_examples=40)
@given(CLUSTERS)
def test_what_is_shown_is_never_narrower_than_if_cases_were_independent(clusters: list[Cluster]) -> None:
    n, happened = sum(cluster.n for cluster in clusters), sum(cluster.happened for cluster in clusters)
    low, high, method, effective = shown(clusters)
    plain = (wilson if method == "wilson" else clopper_pearson)(happened, n)
    assert 0 <= low <= plain.low + 1e-9
    assert plain.high - 1e-9 <= high <= 1
    assert low <= happened / n + 1e-12
    assert high >= happened / n - 1e-12
    assert (method == "exact") == (min(happened, n - happened) * (effective / n) < FEW)


@pytest.mark.parametrize(("happened", "method"), [(4, "exact"), (5, "wilson"), (9, "wilson"), (10, "exact")])
def test_what_is_shown_is_exact_where_little_happened_or_little_did_not(happened: int, method: str) -> None:
    found = shown({Cluster(1, 1): happened, Cluster(0, 1): 14 - happened})
    assert found == (*(wilson if method == "wilson" else clopper_pearson)(happened, 14), method, 14)


@given(st.lists(st.booleans(), min_size=1))
def test_clusters_of_one_are_independent(happened: list[bool]) -> None:
    clusters = [Cluster(int(one), 1) for one in happened]
    counts = (sum(happened), len(happened))
    assert clustered_wilson(clusters) == pytest.approx(wilson(*counts), abs=1e-12)
    assert clustered_exact(clusters) == pytest.approx(clopper_pearson(*counts), abs=1e-12)


def test_what_never_fails_is_as_sure_as_its_clusters_are_many() -> None:
    assert clustered_wilson([Cluster(5, 5)] * 8) == wilson(8, 8)
    assert clustered_wilson([Cluster(0, 5)] * 8) == wilson(0, 8)
    assert clustered_wilson([Cluster(3, 5)]) == pytest.approx(wilson(0.6, 1))
    assert clustered_wilson([Cluster(0, 0), Cluster(1, 1)]) == wilson(1, 1)
    assert shown([Cluster(0, 5)] * 80) == (*clopper_pearson(0, 80), "exact", 80)


@settings(deadline=None, max_examples=40)
@given(CLUSTERS)
def test_clusters_may_come_counted(clusters: list[Cluster]) -> None:
    counted = Counter(clusters)
    assert shown(clusters) == shown(counted)
    assert clustered_exact(clusters) == clustered_exact(counted)
    assert clustered_wilson(clusters) == clustered_wilson(counted)


@settings(deadline=None, max_examples=40)
@given(CLUSTERS, st.integers(1, 4))
def test_clusters_without_a_case_tell_nothing(clusters: list[Cluster], empty: int) -> None:
    more = [*clusters, *[Cluster(0, 0)] * empty]
    for method in (shown, clustered_exact, clustered_wilson):
        assert method(more) == method(clusters)


@settings(deadline=None, max_examples=40)
@given(CLUSTERS)
def test_events_and_non_events_are_treated_alike(clusters: list[Cluster]) -> None:
    low, high = clustered_exact(Cluster(one.n - one.happened, one.n) for one in clusters)
    assert clustered_exact(clusters) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@pytest.mark.parametrize(("clusters", "size", "share", "alike"), [(60, 5, 0.93, 0.3), (200, 5, 0.9, 0.5)])
def test_the_clustered_interval_holds_its_level(clusters: int, size: int, share: float, alike: float) -> None:
    """Beta-binomial clusters; an interval that takes their cases for independent encloses the truth in 85 % or less."""
    random = np.random.default_rng(7)
    spread = 1 / alike - 1
    hits = plain_hits = 0
    for _ in range(500):
        drawn = random.binomial(size, random.beta(share * spread, (1 - share) * spread, clusters))
        low, high, *_ = shown(Cluster(int(number), size) for number in drawn)
        hits += low <= share <= high
        low, high = wilson(int(drawn.sum()), size * clusters)
        plain_hits += low <= share <= high
    assert 0.94 <= hits / 500 <= 0.985
    assert plain_hits / 500 < 0.86


SIZES = [{1: 200, 100: 1}, {1: 50, 30: 2}, {2: 40, 5: 10}, {1: 30, 3: 10, 6: 6}]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_no_exact_limit_over_unequal_clusters_errs_more_often_than_said(sizes: dict[int, int]) -> None:
    """Not drawn but worked out: clusters in which always all cases go together, of which any number may have it."""
    numbers = np.array(list(product(*(range(times + 1) for times in sizes.values()))))
    limits = np.array(
        [
            clustered_exact(
                {Cluster(size, size): some for size, some in zip(sizes, row, strict=True)}
                | {Cluster(0, size): sizes[size] - some for size, some in zip(sizes, row, strict=True)}
            )
            for row in numbers.tolist()
        ]
    )
    worst = 0.0
    for share in np.linspace(0.002, 0.998, 250):
        chances = np.prod(binom.pmf(numbers, list(sizes.values()), share), axis=1)
        worst = max(worst, chances[limits[:, 0] > share].sum(), chances[limits[:, 1] < share].sum())
    assert worst <= 0.025


def test_the_size_of_cases_clusters_alone_is_not_enough() -> None:
    """One cluster of 100 beside 500 single cases: by Kish's number alone a lower limit errs in more than 10 %."""
    share, errs = 0.116, 0.0
    kish = 600**2 / (500 + 100**2)
    for of_single in range(501):
        for of_large in (0, 1):
            chance = binom.pmf(of_single, 500, share) * (share if of_large else 1 - share)
            happened = of_single + 100 * of_large
            errs += chance * (clopper_pearson(happened / 600 * kish, kish).low > share)
    assert errs > 0.1


# --- of a total alone ---


@settings(deadline=None, max_examples=40)
@given(CLUSTERS)
def test_the_interval_of_a_total_holds_that_of_any_clusters_with_it(clusters: list[Cluster]) -> None:
    sizes = Counter(cluster.n for cluster in clusters)
    happened = sum(cluster.happened for cluster in clusters)
    low, high = clustered_exact(clusters)
    widest = exact_of_total(happened, sizes)
    assert widest.low <= low + 1e-9
    assert widest.high >= high - 1e-9
    if len(sizes) == 1:
        assert widest == pytest.approx((low, high), abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.integers(1, 12), st.integers(1, 6), min_size=1))
def test_the_limits_of_a_total_grow_with_it(sizes: dict[int, int]) -> None:
    n = sum(size * number for size, number in sizes.items())
    assume(n <= 150)
    limits = [exact_of_total(total, sizes) for total in range(n + 1)]
    for before, after in pairwise(limits):
        assert before.low <= after.low + 1e-9
        assert before.high <= after.high + 1e-9
    assert (limits[0].low, limits[-1].high) == (0, 1)


def test_a_total_lies_within_what_there_is() -> None:
    with pytest.raises(ValueError, match="13 events in 12 cases"):
        exact_of_total(13, {3: 4})


# --- of several together ---


@settings(max_examples=40)
@given(CLUSTERS)
def test_residuals_add_up_to_nothing(clusters: list[Cluster]) -> None:
    found = residuals(dict(enumerate(clusters)))
    assert sum(found.values()) == pytest.approx(0, abs=1e-12)
    n, share = sum(cluster.n for cluster in clusters), share_of(Counter(clusters))
    assert [found[key] * n for key in found] == pytest.approx([one.happened - share * one.n for one in clusters])


def test_half_a_sum_of_shares_that_go_together_is_less_sure() -> None:
    one, other = Estimate(0.9, 0.85, 0.94), Estimate(0.8, 0.7, 0.88)
    assert half_sum(one, other, 1.0) == pytest.approx((0.85, 0.775, 0.91))
    assert half_sum(one, other, -1.0) == pytest.approx((0.85, 0.825, 0.87))
    apart = half_sum(one, other)
    assert 0.775 < apart.low < 0.825
    assert 0.87 < apart.high < 0.91
    assert half_sum(Estimate(1, 0.7, 1), Estimate(1, 0.7, 1)).high == 1


@pytest.mark.parametrize("counts", [(56, 70, 48, 80), (9, 10, 3, 10), (5, 56, 0, 29)])
def test_half_a_sum_agrees_with_the_difference_of_statsmodels(counts: tuple[int, int, int, int]) -> None:
    """Newcombe's method for a difference is the same: two half sums with the second share turned round, less 1."""
    reference = confint_proportions_2indep(*counts, method="newcomb", compare="diff")
    assert difference(*counts) == pytest.approx(reference, abs=1e-9)


def test_half_a_sum_agrees_with_a_published_difference() -> None:
    """Newcombe, Statistics in Medicine 17 (1998), 873-890, table II, example d, method 10; to four places."""
    assert difference(5, 56, 0, 29) == pytest.approx((-0.0381, 0.1926), abs=5e-5)


def difference(one: int, of_one: int, other: int, of_other: int) -> tuple[float, float]:
    second = wilson(other, of_other)
    turned = Estimate(1 - other / of_other, 1 - second.high, 1 - second.low)
    found = half_sum(Estimate(one / of_one, *wilson(one, of_one)), turned)
    return 2 * found.low - 1, 2 * found.high - 1
