"""Intervals of one share, of independent cases and of clusters."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from pytest_vsc.intervals import Cluster, Estimate, clustered_wilson, effective_size, half_sum, wilson


# Newcombe, Statistics in Medicine 17 (1998), table I, method 3 (score, no continuity correction), to four places.
@pytest.mark.parametrize(
    ("happened", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_agrees_with_the_published_table(happened: int, n: int, low: float, high: float) -> None:
    assert wilson(happened, n) == pytest.approx((low, high), abs=5e-5)


@settings(deadline=None)
@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_scipy(pair: tuple[int, int]) -> None:
    expected = binomtest(*pair).proportion_ci(method="wilson")
    assert wilson(*pair) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_a_higher_confidence_is_wider() -> None:
    low, high = wilson(5, 50)
    lower, higher = wilson(5, 50, confidence=0.99)
    assert lower < low < high < higher


# --- clusters ---

CLUSTERS = st.lists(st.integers(1, 6).flatmap(lambda n: st.builds(Cluster, st.integers(0, n), st.just(n))), min_size=1)


def test_effective_size_by_hand() -> None:
    """Four clusters of two: a design effect of 7/6, and t for 3 degrees of freedom in the place of that for 7."""
    clusters = [Cluster(2, 2), Cluster(0, 2), Cluster(1, 2), Cluster(1, 2)]
    assert effective_size(Counter(clusters)) == pytest.approx(8 / (7 / 6) * (2.36462 / 3.18245) ** 2, rel=1e-5)
    assert clustered_wilson(clusters) == pytest.approx(wilson(0.5 * 3.7856, 3.7856), abs=1e-4)


@given(CLUSTERS)
def test_clusters_tell_no_more_than_their_cases_and_no_less_than_one(clusters: list[Cluster]) -> None:
    n, happened = sum(cluster.n for cluster in clusters), sum(cluster.happened for cluster in clusters)
    assert 1 <= effective_size(Counter(clusters)) <= n
    low, high = clustered_wilson(clusters)
    plain = wilson(happened, n)
    assert 0 <= low <= plain[0] + 1e-12
    assert plain[1] - 1e-12 <= high <= 1


@given(st.lists(st.booleans(), min_size=1))
def test_clusters_of_one_are_independent(happened: list[bool]) -> None:
    clusters = [Cluster(int(one), 1) for one in happened]
    assert clustered_wilson(clusters) == pytest.approx(wilson(sum(happened), len(happened)), abs=1e-12)


def test_what_never_fails_is_as_sure_as_its_clusters_are_many() -> None:
    assert clustered_wilson([Cluster(5, 5)] * 8) == wilson(8, 8)
    assert clustered_wilson([Cluster(0, 5)] * 8) == wilson(0, 8)
    assert clustered_wilson([Cluster(3, 5)]) == pytest.approx(wilson(0.6, 1))
    assert clustered_wilson([Cluster(0, 0), Cluster(1, 1)]) == wilson(1, 1)


@pytest.mark.parametrize(("clusters", "size", "share", "alike"), [(60, 5, 0.93, 0.3), (200, 5, 0.9, 0.5)])
def test_the_clustered_interval_holds_its_level(clusters: int, size: int, share: float, alike: float) -> None:
    """Beta-binomial clusters; an interval that takes their cases for independent encloses the truth in 85 % or less."""
    random = np.random.default_rng(7)
    spread = 1 / alike - 1
    hits = plain_hits = 0
    for _ in range(1000):
        drawn = random.binomial(size, random.beta(share * spread, (1 - share) * spread, clusters))
        low, high = clustered_wilson(Cluster(int(number), size) for number in drawn)
        hits += low <= share <= high
        low, high = wilson(int(drawn.sum()), size * clusters)
        plain_hits += low <= share <= high
    assert 0.93 <= hits / 1000 <= 0.97
    assert plain_hits / 1000 < 0.86


def test_half_a_sum_of_shares_that_go_together_is_less_sure() -> None:
    one, other = Estimate(0.9, 0.85, 0.94), Estimate(0.8, 0.7, 0.88)
    assert half_sum(one, other, 1.0) == pytest.approx((0.85, 0.775, 0.91))
    assert half_sum(one, other, -1.0) == pytest.approx((0.85, 0.825, 0.87))
    apart = half_sum(one, other)
    assert 0.775 < apart.low < 0.825
    assert 0.87 < apart.high < 0.91
    assert half_sum(Estimate(1, 0.7, 1), Estimate(1, 0.7, 1)).high == 1
