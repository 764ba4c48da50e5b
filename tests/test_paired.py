"""Differences of two runs on the same cases: against other libraries, published figures, and the truth."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom, binomtest, multinomial
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.multitest import multipletests

from pytest_vsc.intervals import Cluster, clopper_pearson, quantile
from pytest_vsc.paired import (
    Flips,
    clustered_difference,
    clustered_worse,
    exact_difference,
    holm,
    mcnemar,
    mcnemar_worse,
    tango,
)

FLIPS = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 200)).map(
    lambda drawn: Flips(drawn[0], drawn[1], max(1, sum(drawn)))
)
GROUPS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 4)).map(lambda drawn: (*drawn[:2], sum(drawn))),
    min_size=1,
    max_size=30,
)


# --- whether both kinds of flips are equally likely ---


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_agrees_with_statsmodels_and_scipy(worse: int, better: int) -> None:
    found = mcnemar(worse, better)
    assert found == pytest.approx(reference_mcnemar([[5, worse], [better, 9]], exact=True).pvalue, rel=1e-9)
    if worse + better:
        assert found == pytest.approx(binomtest(worse, worse + better).pvalue, rel=1e-9)
        one_sided = binomtest(worse, worse + better, alternative="greater").pvalue
        assert mcnemar_worse(worse, better) == pytest.approx(one_sided, rel=1e-9)


def test_without_a_flip_nothing_is_different() -> None:
    assert mcnemar(0, 0) == mcnemar_worse(0, 0) == mcnemar_worse(0, 7) == 1
    assert clustered_worse([]) == clustered_worse([Cluster(0, 0)]) == 1


# Armitage and Berry, "Statistical Methods in Medical Research" (1994), p. 127, with the exact P that StatsDirect's
# manual gives for it, to four places; and the data of Bentur et al. in Fagerland, Lydersen and Laake, BMC Medical
# Research Methodology 13:91 (2013), of which 2 * 9 / 2 ** 8 can be worked out by hand.
@pytest.mark.parametrize(("worse", "better", "p"), [(12, 2, 0.0129), (1, 7, 0.0703)])
def test_mcnemar_of_published_examples(worse: int, better: int, p: float) -> None:
    assert mcnemar(worse, better) == pytest.approx(p, abs=5e-5)


@given(st.lists(st.booleans(), max_size=60))
def test_flips_in_groups_of_their_own_are_independent(worse: list[bool]) -> None:
    found = clustered_worse(Cluster(int(one), 1) for one in worse)
    assert found == pytest.approx(mcnemar_worse(sum(worse), len(worse) - sum(worse)), abs=1e-12)


def test_flips_that_always_go_together_tell_as_much_as_their_groups() -> None:
    assert clustered_worse({Cluster(5, 5): 9, Cluster(0, 5): 2}) == pytest.approx(mcnemar_worse(9, 2))
    assert clustered_worse([Cluster(200, 200), *[Cluster(1, 1)] * 3, *[Cluster(0, 1)] * 3]) > 0.4
    # Three flips of six got worse, of a group of two and one of their own: as much as (6 / (5 / 3)) flips tell.
    mixed = [Cluster(2, 2), Cluster(1, 1), Cluster(0, 1), Cluster(0, 1), Cluster(0, 1)]
    assert clustered_worse(mixed) == pytest.approx(mcnemar_worse(*[3 / (5 / 3)] * 2))


@pytest.mark.parametrize("sizes", [{5: 14}, {1: 40, 20: 2}, {1: 12, 3: 8, 9: 2}], ids=str)
def test_no_difference_is_found_more_often_than_said(sizes: dict[int, int]) -> None:
    """Not drawn but worked out: all flips of a group go the same way, either with the same probability."""
    errs = 0.0
    for row in product(*(range(number + 1) for number in sizes.values())):
        chance = math.prod(binom.pmf(some, number, 0.5) for some, number in zip(row, sizes.values(), strict=True))
        groups = Counter({Cluster(size, size): some for size, some in zip(sizes, row, strict=True)})
        groups.update({Cluster(0, size): sizes[size] - some for size, some in zip(sizes, row, strict=True)})
        errs += chance * (clustered_worse(+groups) <= 0.025)
    assert errs <= 0.025


# --- how far they are apart ---


# Tango's interval in print. The first is from Fagerland, Lydersen and Laake, "Recommended tests and confidence
# intervals for paired binomial proportions", Statistics in Medicine 33 (2014), table V, to three places; the next two
# are the examples of Tango's own paper (sections 6.2 and 6.1), to three places as others quote them, of the second the
# lower limit only; the last is what R's PropCIs is quoted to give, to four. No library of Python has the method.
@pytest.mark.parametrize(
    ("flips", "confidence", "limits", "places"),
    [
        (Flips(1, 7, 21), 0.95, (-0.517, -0.026), 3),
        (Flips(9, 3, 32), 0.95, (-0.027, 0.390), 3),
        (Flips(0, 1, 44), 0.90, (-0.096,), 3),
        (Flips(28, 25, 618), 0.90, (-0.0148, 0.0247), 4),
    ],
)
def test_tango_agrees_with_published_examples(
    flips: Flips, confidence: float, limits: tuple[float, ...], places: int
) -> None:
    found = tango(flips, confidence)
    assert tuple(round(limit, places) for limit in found[: len(limits)]) == limits


@settings(deadline=None, max_examples=40)
@given(FLIPS, st.sampled_from([0.8, 0.95, 0.99]))
def test_tango_s_limits_are_where_the_best_fit_lies_as_far_off_as_said(flips: Flips, confidence: float) -> None:
    """The definition, with the likelihood maximised by search: no formula of the paper is used."""
    worse, better, n = flips
    found = tango(flips, confidence)
    assert -1 <= found.low <= flips.difference <= found.high <= 1
    for limit, sign in ((found.low, 1), (found.high, -1)):
        if abs(limit) > 1 - 1e-6:
            continue
        fit = minimize_scalar(
            lambda share, limit=limit: -likelihood(flips, share, limit),
            bounds=(max(0.0, -limit), (1 - limit) / 2),
            method="bounded",
            options={"xatol": 1e-12},
        )
        variance = (2 * fit.x + limit - limit**2) / n
        assert ((worse - better) / n - limit) / math.sqrt(variance) == pytest.approx(
            sign * quantile(confidence), abs=2e-5
        )


def likelihood(flips: Flips, better: float, difference: float) -> float:
    """The logarithm of it, where so many get better and better + difference worse."""
    tiny = 1e-300
    shares = (better + difference, better, 1 - 2 * better - difference)
    counts = (flips.worse, flips.better, flips.n - flips.worse - flips.better)
    return sum(count * math.log(max(share, tiny)) for count, share in zip(counts, shares, strict=True) if count)


def test_tango_without_flips_is_known_by_hand() -> None:
    square = quantile(0.95) ** 2
    assert tango(Flips(0, 0, 50)) == pytest.approx((-square / (50 + square), square / (50 + square)), abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(FLIPS)
def test_the_runs_may_change_places(flips: Flips) -> None:
    turned = Flips(flips.better, flips.worse, flips.n)
    for method in (tango, exact_difference):
        low, high = method(flips)
        assert method(turned) == pytest.approx((-high, -low), abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(FLIPS, st.floats(0.05, 1))
def test_fewer_effective_cases_widen_tango(flips: Flips, scale: float) -> None:
    low, high = tango(flips)
    wide = tango(Flips(flips.worse * scale, flips.better * scale, flips.n * scale))
    assert wide.low <= low + 1e-9
    assert wide.high >= high - 1e-9


@settings(deadline=None, max_examples=40)
@given(FLIPS)
def test_the_exact_difference_is_made_of_two_exact_shares(flips: Flips) -> None:
    worse, better = (clopper_pearson(count, flips.n, 0.975) for count in flips[:2])
    found = exact_difference(flips)
    assert found == (worse.low - better.high, worse.high - better.low)
    assert found.low <= flips.difference <= found.high


@pytest.mark.parametrize("n", [12, 30])
def test_no_difference_is_missed_by_an_exact_limit_more_often_than_said(n: int) -> None:
    """Not drawn but worked out."""
    tables = np.array([(worse, better) for worse in range(n + 1) for better in range(n + 1 - worse)])
    limits = np.array([exact_difference(Flips(worse, better, n)) for worse, better in tables.tolist()])
    outcomes = np.column_stack([tables, n - tables.sum(axis=1)])
    for worse, better in product((0.0, 0.02, 0.05, 0.1, 0.2, 0.4), repeat=2):
        chances = multinomial.pmf(outcomes, n, (worse, better, 1 - worse - better))
        assert chances[limits[:, 0] > worse - better].sum() <= 0.025
        assert chances[limits[:, 1] < worse - better].sum() <= 0.025


@settings(deadline=None, max_examples=40)
@given(GROUPS)
def test_differences_over_groups_are_wider(groups: list[tuple[int, int, int]]) -> None:
    worse, better, n = map(sum, zip(*groups, strict=True))
    plain = exact_difference(Flips(worse, better, n))
    found = clustered_difference(
        (Cluster(group[0], group[2]) for group in groups), (Cluster(group[1], group[2]) for group in groups)
    )
    assert found.low <= plain.low + 1e-9
    assert found.high >= plain.high - 1e-9


# --- several at once ---


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_agrees_with_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-12)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
