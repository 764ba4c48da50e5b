"""Rates corrected for a judge's errors: against published examples, other libraries, and the truth.

No library of Python has Lang and Reiczigel's interval, and no example of it with all its figures was found in print.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from pytest_vsc.correction import Reliability, corrected, exactly_corrected, rogan_gladen, taken_at_its_word
from pytest_vsc.intervals import Estimate, Interval, clopper_pearson

FLAWLESS = Reliability(1, 1e15, 1, 1e15)
SHARES = st.floats(0, 1)
NUMBERS = st.floats(1, 5000)
# Better than chance by enough to stay so whatever is added to it.
JUDGES = st.builds(Reliability, st.floats(0.55, 1), NUMBERS, st.floats(0.55, 1), NUMBERS)


# The manual of R's epiR (`epi.prev`): brucellosis in a herd, per 100 to one place; Helicobacter pylori in children of
# Moujaber et al. (2008), by a test that errs more often than they are ill; and that of RSurveillance (`tp`), five.
@pytest.mark.parametrize(
    ("seen", "found", "spared", "prevalence"),
    [(23 / 150, 0.96, 0.89, "0.051"), (6 / 151, 0.964, 0.927, "0.000"), (20 / 120, 0.9, 0.99, "0.17603")],
)
def test_rogan_and_gladen_s_correction_of_published_examples(
    seen: float, found: float, spared: float, prevalence: str
) -> None:
    places = len(prevalence) - 2
    assert f"{rogan_gladen(seen, Reliability(found, 1, spared, 1)):.{places}f}" == prevalence


@given(SHARES, JUDGES)
def test_the_correction_undoes_what_the_judge_does(rate: float, judge: Reliability) -> None:
    seen = rate * judge.found + (1 - rate) * (1 - judge.spared)
    assert rogan_gladen(seen, judge) == pytest.approx(rate, abs=1e-9)


@settings(deadline=None)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.8, 0.99))
def test_a_judge_that_never_errs_leaves_the_interval_of_agresti_and_coull(
    counts: tuple[int, int], confidence: float
) -> None:
    """The method's limit where nothing is uncertain but the rate, which statsmodels has."""
    found = corrected(counts[0] / counts[1], counts[1], FLAWLESS, confidence)
    low, high = proportion_confint(*counts, alpha=1 - confidence, method="agresti_coull")
    assert found == pytest.approx((counts[0] / counts[1], low, high), abs=1e-9)


@settings(deadline=None)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_judge_whose_errors_are_known_exactly_maps_that_interval(counts: tuple[int, int]) -> None:
    judge = Reliability(0.9, 1e15, 0.95, 1e15)
    low, high = proportion_confint(*counts, method="agresti_coull")
    found = corrected(counts[0] / counts[1], counts[1], judge)
    rate = rogan_gladen(counts[0] / counts[1], judge)
    expected = [min(1, max(0, (limit + 0.95 - 1) / 0.85)) for limit in (low, high)]
    assert found == pytest.approx((rate, min(expected[0], rate), max(expected[1], rate)), abs=1e-9)


@settings(deadline=None)
@given(SHARES, NUMBERS, JUDGES)
def test_the_interval_follows_the_paper(share: float, n: float, judge: Reliability) -> None:
    """Lang and Reiczigel 2014 step by step, in its letters and by its numbers."""
    z = norm.ppf(0.975)
    se, sp = [(was * of + 1) / (of + 2) for was, of in ((judge.found, judge.of_found), (judge.spared, judge.of_spared))]
    q = (n * share + z**2 / 2) / (n + z**2)  # (7), for n as in (6)
    p = (q + sp - 1) / (se + sp - 1)  # (2)
    of_se, of_sp = se * (1 - se) / (judge.of_found + 2), sp * (1 - sp) / (judge.of_spared + 2)
    variance = (q * (1 - q) / (n + z**2) + p**2 * of_se + (1 - p) ** 2 * of_sp) / (se + sp - 1) ** 2  # (4)
    shift = 2 * z**2 * (p * of_se - (1 - p) * of_sp)  # (17)
    limits = [min(1, max(0, p + shift + side * z * math.sqrt(variance))) for side in (-1, 1)]  # (16)
    rate = rogan_gladen(share, judge)
    assert corrected(share, n, judge) == pytest.approx((rate, min(limits[0], rate), max(limits[1], rate)), abs=1e-9)


@settings(deadline=None)
@given(SHARES, NUMBERS, JUDGES)
def test_the_rate_lies_in_its_interval_and_that_in_0_to_1(share: float, n: float, judge: Reliability) -> None:
    rate, low, high = corrected(share, n, judge)
    assert 0 <= low <= rate <= high <= 1


@pytest.mark.parametrize(("found", "spared"), [(0.5, 0.5), (0.2, 0.7), (0.0, 1.0)])
def test_a_judge_no_better_than_chance_corrects_nothing(found: float, spared: float) -> None:
    judge = Reliability(found, 100, spared, 100)
    assert not judge.tells
    for call in (lambda: rogan_gladen(0.3, judge), lambda: corrected(0.3, 50, judge)):
        with pytest.raises(ValueError, match=r"sensitivity 0\.\d+ and specificity \d\.\d+ are no better than chance"):
            call()
    assert exactly_corrected(Interval(0.1, 0.2), judge, 0.01) == (0, 1)


def test_a_judge_that_is_hardly_measured_leaves_everything_open() -> None:
    judge = Reliability(0.9, 2, 0.2, 1000)
    assert judge.tells
    assert corrected(0.85, 100, judge) == Estimate(rogan_gladen(0.85, judge), 0, 1)


def test_the_interval_holds_its_level() -> None:
    """One that takes the judge for flawless hardly ever holds the truth here, one that takes its figures for certain in
    less than 85 %."""
    random = np.random.default_rng(3)
    rate, found, spared, n, labelled = 0.05, 0.9, 0.95, 1000, 100
    hits = blind = sure = 0
    for _ in range(800):
        seen = random.binomial(n, rate * found + (1 - rate) * (1 - spared)) / n
        judge = Reliability(random.binomial(labelled, found) / labelled, labelled, 0.0, labelled)
        judge = judge._replace(spared=random.binomial(labelled, spared) / labelled)
        certain = judge._replace(of_found=1e12, of_spared=1e12)
        results = [corrected(seen, n, one) for one in (judge, FLAWLESS, certain)]
        covers = [result.low <= rate <= result.high for result in results]
        hits, blind, sure = hits + covers[0], blind + covers[1], sure + covers[2]
    assert 0.94 <= hits / 800 <= 0.99
    assert blind / 800 < 0.1
    assert sure / 800 < 0.85


# --- exact limits ---


@settings(deadline=None)
@given(st.tuples(SHARES, SHARES).map(sorted), JUDGES, st.floats(0.001, 0.1))
def test_exact_limits_hold_whatever_the_figures_are_within_theirs(
    seen: list[float], judge: Reliability, open_share: float
) -> None:
    found = clopper_pearson(judge.found * judge.of_found, judge.of_found, 1 - 2 * open_share)
    spared = clopper_pearson(judge.spared * judge.of_spared, judge.of_spared, 1 - 2 * open_share)
    low, high = exactly_corrected(Interval(*seen), judge, open_share)
    assert 0 <= low <= high <= 1
    steps = (0.0, 0.3, 0.7, 1.0)
    for one, two, three in product(steps, repeat=3):
        truth = Reliability(
            found.low + one * (found.high - found.low), 1, spared.low + two * (spared.high - spared.low), 1
        )
        if truth.tells:
            share = rogan_gladen(seen[0] + three * (seen[1] - seen[0]), truth)
            assert low - 1e-9 <= share <= high + 1e-9


def test_fewer_events_than_the_judge_s_errors_would_make_are_not_taken_for_none() -> None:
    judge, seen = Reliability(0.9, 1e15, 0.9, 1e15), Interval(0, 0.02)
    assert taken_at_its_word(Interval(0, 0), seen, judge, 0.95) == pytest.approx((0, 0.02 / 0.9))
    assert taken_at_its_word(Interval(0, 0.1), Interval(0, 0.2), judge, 0.95) == (0, 0.1)
    assert exactly_corrected(seen, judge, 0.01) == pytest.approx((0, 0.02 / 0.9))


@settings(deadline=None)
@given(st.tuples(SHARES, SHARES).map(sorted), JUDGES, st.floats(0.001, 0.1))
def test_the_limits_of_the_opposite_are_the_opposite_limits(
    seen: list[float], judge: Reliability, open_share: float
) -> None:
    """Whether a metric counts what is wrong or what is right makes no difference to what is known."""
    low, high = exactly_corrected(Interval(*seen), judge, open_share)
    other = Reliability(judge.spared, judge.of_spared, judge.found, judge.of_found)
    mirrored = exactly_corrected(Interval(1 - seen[1], 1 - seen[0]), other, open_share)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-6)


def test_exact_limits_err_no_more_often_than_said() -> None:
    """Three figures that may be wrong, each 2.5 % / 3 on the side that matters."""
    random = np.random.default_rng(4)
    open_share = 0.025 / 3
    for rate, found, spared in ((0.02, 0.95, 0.98), (0.2, 0.8, 0.9)):
        below = above = 0
        for _ in range(400):
            count = int(random.binomial(300, rate * found + (1 - rate) * (1 - spared)))
            judge = Reliability(random.binomial(80, found) / 80, 80, random.binomial(80, spared) / 80, 80)
            seen = clopper_pearson(count, 300, 1 - 2 * open_share)
            low, high = exactly_corrected(seen, judge, open_share)
            below, above = below + (low > rate), above + (high < rate)
        assert max(below, above) <= 0.025 * 400
