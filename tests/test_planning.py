"""How many groups a decision with proof takes: against all counts, all numbers, and figures that others published."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from pytest_vsc.intervals import clopper_pearson
from pytest_vsc.planning import groups_needed, more_groups, plan_of, power_of

BOUNDS = st.integers(0, 200).map(lambda number: Fraction(number, 200))
SHARES = st.floats(0, 1) | st.sampled_from((0.0, 1.0, 0.05, 0.5))
CONFIDENCES = st.sampled_from((0.8, 0.9, 0.95, 0.99))
SETTINGS = settings(max_examples=60, deadline=None, derandomize=True)


def decision(count: int, groups: int, bound: Fraction, confidence: float, larger_is_better: bool) -> str:
    """What the gate decides."""
    low, high = clopper_pearson(count, groups, confidence)
    if larger_is_better:
        return "PASS" if low >= bound else "FAIL" if high < bound else "INCONCLUSIVE"
    return "PASS" if high <= bound else "FAIL" if low > bound else "INCONCLUSIVE"


def deserved(bound: Fraction, expect: float, larger_is_better: bool) -> str:
    good = expect >= float(bound) if larger_is_better else expect <= float(bound)
    return "PASS" if good else "FAIL"


def summed(groups: int, bound: Fraction, expect: float, confidence: float, larger_is_better: bool) -> float:
    """The power, from what the gate decides on each count."""
    wanted = deserved(bound, expect, larger_is_better)
    return sum(
        float(binom.pmf(count, groups, expect))
        for count in range(groups + 1)
        if decision(count, groups, bound, confidence, larger_is_better) == wanted
    )


# --- what a number of groups is good for ---


@SETTINGS
@given(st.integers(1, 120), BOUNDS, SHARES, CONFIDENCES, st.booleans())
@example(1, Fraction(39, 40), 0.0, 0.95, False)  # the limit is the bound, but for rounding
@example(1, Fraction(1, 40), 1.0, 0.95, True)
@example(5, Fraction(1), 0.5, 0.95, False)
@example(5, Fraction(0), 0.5, 0.95, True)
@example(5, Fraction(0), 0.5, 0.95, False)
@example(5, Fraction(1), 0.5, 0.95, True)
def test_the_power_is_that_of_the_counts_that_decide(
    groups: int, bound: Fraction, expect: float, confidence: float, larger: bool
) -> None:
    plan = plan_of(groups, bound, expect, confidence, larger_is_better=larger)
    assert plan.power == pytest.approx(summed(groups, bound, expect, confidence, larger), abs=1e-9)
    assert plan.power == power_of(groups, bound, expect, confidence, larger_is_better=larger)
    assert plan.decision == deserved(bound, expect, larger)
    leading = {
        count for count in range(groups + 1) if decision(count, groups, bound, confidence, larger) == plan.decision
    }
    told = set() if plan.limit is None else {plan.limit}
    reach = range(groups + 1)
    assert leading == {
        count for count in reach for limit in told if (count <= limit if plan.reach == "at most" else count >= limit)
    }


@SETTINGS
@given(st.integers(1, 5000), st.integers(1, 199), SHARES, CONFIDENCES, st.booleans())
def test_it_is_wrong_at_most_half_as_often_as_the_confidence_leaves_open(
    groups: int, number: int, expect: float, confidence: float, larger: bool
) -> None:
    plan = plan_of(groups, Fraction(number, 200), expect, confidence, larger_is_better=larger)
    assert 0 <= plan.error <= (1 - confidence) / 2 + 1e-12


@SETTINGS
@given(st.integers(1, 3000), BOUNDS, SHARES, CONFIDENCES, st.booleans())
def test_a_rate_is_what_its_opposite_is_not(
    groups: int, bound: Fraction, expect: float, confidence: float, larger: bool
) -> None:
    rate = plan_of(groups, bound, expect, confidence, larger_is_better=larger)
    opposite = plan_of(groups, 1 - bound, 1 - expect, confidence, larger_is_better=not larger)
    if expect != float(bound) and 1 - expect != float(1 - bound):
        assert rate.decision == opposite.decision
        if rate.limit is not None and opposite.limit is not None:
            assert abs(rate.limit + opposite.limit - groups) <= 1  # but for rounding, where a limit is the bound
            if rate.limit + opposite.limit == groups:
                assert rate.power == pytest.approx(opposite.power, abs=1e-9)


@SETTINGS
@given(st.integers(1, 2000), st.integers(2, 199), st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_the_further_from_the_bound_the_more_power(
    groups: int, number: int, one: float, other: float, larger: bool
) -> None:
    bound = Fraction(number, 200)
    near, far = sorted((one * float(bound), other * float(bound)), reverse=True)
    powers = [power_of(groups, bound, expect, larger_is_better=larger) for expect in (near, far)]
    assert powers[0] <= powers[1] + 1e-12 or near == float(bound)


# --- how many are needed ---


@settings(SETTINGS, max_examples=40)
@given(
    st.integers(0, 40).map(lambda number: Fraction(number, 40)),
    st.floats(0, 1),
    st.sampled_from((0.1, 0.5, 0.8, 0.9, 0.99)),
    st.sampled_from((0.6, 0.9, 0.95)),
    st.booleans(),
)
@example(Fraction(4, 5), 0.0, 0.8, 0.6, False)  # the limit is the bound, but for rounding
@example(Fraction(4, 5), 0.0, 0.8, 0.6, True)
@example(Fraction(19, 20), 0.4, 0.3, 0.9, False)
@example(Fraction(1), 0.5, 0.9, 0.95, False)
@example(Fraction(0), 0.5, 0.9, 0.95, True)
def test_from_there_on_and_not_just_at_it(
    bound: Fraction, expect: float, power: float, confidence: float, larger: bool
) -> None:
    most = 150
    plan = groups_needed(bound, expect, power, confidence, larger_is_better=larger, most=most)
    powers = [power_of(number, bound, expect, confidence, larger_is_better=larger) for number in range(1, 2 * most + 1)]
    needed = max((number for number, each in enumerate(powers, 1) if each < power), default=0) + 1
    if expect == float(bound):
        assert plan is None
    elif needed <= most:
        assert plan == plan_of(needed, bound, expect, confidence, larger_is_better=larger)
    else:
        assert plan is None


@SETTINGS
@given(st.integers(1, 99), SHARES, st.floats(0.05, 0.99), st.booleans())
def test_more_power_takes_more_groups(number: int, expect: float, power: float, larger: bool) -> None:
    bound = Fraction(number, 100)
    numbers = [
        plan.groups if (plan := groups_needed(bound, expect, each, larger_is_better=larger)) else 10_000_001
        for each in (power / 2, power)
    ]
    assert numbers[0] <= numbers[1]


def test_a_saw() -> None:
    """Fewer groups may do by luck of the number; the plan is for whoever gets some more than planned."""
    plan = groups_needed(Fraction(1, 20), 0.03, 0.9)
    assert plan is not None
    assert (plan.groups, plan.decision, plan.reach, plan.limit) == (1106, "PASS", "at most", 41)
    assert power_of(plan.groups - 1, Fraction(1, 20), 0.03) < 0.9
    assert any(power_of(number, Fraction(1, 20), 0.03) >= 0.9 for number in range(900, plan.groups - 1))


@pytest.mark.parametrize(("allowed", "number"), [(0.14, 40), (0.13, 43), (0.12, 47)])
def test_diagnostic_accuracy(allowed: float, number: int) -> None:
    """H. Chu and S. R. Cole, "Sample size calculation using exact methods in diagnostic test studies", Journal of
    Clinical Epidemiology 60 (2007), 1201-1202: n2, from which on the power is reached; sensitivity 0.99, one-sided 5 %.

    As quoted in the examples of power.diagnostic.test of the R package MKpower.
    """
    bound = Fraction("0.99") - Fraction(str(allowed))
    plan = groups_needed(bound, 0.99, 0.95, 0.9, larger_is_better=True)
    assert plan is not None
    assert (plan.groups, plan.decision) == (number, "PASS")


def test_diagnostic_accuracy_by_the_first_number_that_does() -> None:
    """The same, p. 1201: 93 patients do for a sensitivity of 0.95 and a lower limit of 0.85, but only from 102 on any
    number does. The powers are those of the package's examples."""
    plan = groups_needed(Fraction("0.85"), 0.95, 0.95, 0.9, larger_is_better=True)
    assert plan is not None
    assert plan.groups == 102
    assert plan.power == pytest.approx(0.968, abs=5e-4)
    assert power_of(93, Fraction("0.85"), 0.95, 0.9, larger_is_better=True) == pytest.approx(0.957, abs=5e-4)


def test_trials_of_one_arm() -> None:
    """A. S. Khan, S.-J. Sarker and A. Hackshaw, "Smaller sample sizes for phase II trials based on exact tests with
    actual error rates by trading-off their nominal levels of significance and power", British Journal of Cancer 107
    (2012), 1801-1809, abstract: 10 % against 20 %, one-sided 5 %: with 78 patients alpha 4.53 %, power 80.81 %."""
    plan = plan_of(78, Fraction(1, 10), 0.2, 0.9)
    assert plan.decision == "FAIL"
    assert plan.error == pytest.approx(0.0453, abs=5e-5)
    assert plan.power == pytest.approx(0.8081, abs=1e-4)


def test_no_event_at_all() -> None:
    """The upper limit of none in n is 1 - 0.025 ** (1 / n)."""
    plan = groups_needed(Fraction(1, 20), 0.0, 0.9)
    assert plan is not None
    assert (plan.groups, plan.limit, plan.power) == (72, 0, 1.0)
    assert 1 - 0.025 ** (1 / 72) <= 0.05 < 1 - 0.025 ** (1 / 71)
    assert more_groups(0, 1, Fraction(1, 20)) == 71


def test_what_no_number_tells() -> None:
    assert groups_needed(Fraction(1, 20), 0.05, 0.9) is None
    assert groups_needed(Fraction(1, 20), 0.0499, 0.9, most=100_000) is None
    assert groups_needed(Fraction(1, 20), 0.04999, 0.9) is None


@pytest.mark.parametrize(
    ("bound", "expect", "power"),
    [
        ("0.5", 0.4995, 0.8),
        ("0.5", 0.5004, 0.1),
        ("0.000001", 0.0, 0.9),
        ("0.999999", 0.999998, 0.9),
        ("0.001", 0.00103, 0.9),
        ("0.05", 0.0498, 0.9),
        ("0", 0.000001, 0.9),
    ],
)
def test_it_takes_no_time(bound: str, expect: float, power: float) -> None:
    began = time.process_time()
    for larger in (False, True):
        groups_needed(Fraction(bound), expect, power, larger_is_better=larger)
    assert time.process_time() - began < 2


# --- how many more ---


@SETTINGS
@given(SHARES, st.floats(1, 500), BOUNDS, CONFIDENCES, st.booleans())
def test_the_fewest_more(share: float, groups: float, bound: Fraction, confidence: float, larger: bool) -> None:
    def cleared(size: float) -> bool:
        low, high = clopper_pearson(share * size, size, confidence)
        return (low >= bound or high < bound) if larger else (high <= bound or low > bound)

    more = more_groups(share, groups, bound, confidence, larger_is_better=larger, most=3000)
    if more is None:
        assert not cleared(groups + 3000)
    else:
        assert cleared(groups + more)
        assert not more or not cleared(groups + more - 1)


@pytest.mark.parametrize(
    ("given_", "more"),
    [
        ({"share": 0.05, "groups": 100, "bound": Fraction(1, 20)}, None),
        ({"share": 0.03, "groups": 1000, "bound": Fraction(1, 20)}, 0),
        ({"share": 0.0, "groups": 100, "bound": Fraction(0)}, None),
        ({"share": 1.0, "groups": 100, "bound": Fraction(1)}, 0),
        ({"share": 1.0, "groups": 1, "bound": Fraction(19, 20), "larger_is_better": True}, 71),
        ({"share": 0.9, "groups": 10.5, "bound": Fraction(19, 20), "larger_is_better": True, "most": 50}, None),
    ],
)
def test_some_more(given_: dict[str, Any], more: int | None) -> None:
    assert more_groups(**given_) == more
