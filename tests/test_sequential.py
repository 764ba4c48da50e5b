"""Bets on a total: that a true claim is hardly ever given up, and what is known of the mean at any time."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_vsc import sequential
from pytest_vsc.sequential import Bet, Claim, capital, interval

CLAIMS: list[Claim] = ["at least", "at most"]
CLAIM = st.sampled_from(CLAIMS)
VALUES = st.integers(1, 5).flatmap(
    lambda largest: st.tuples(st.lists(st.integers(0, largest), min_size=1, max_size=60), st.just(largest))
)


def bet_on(claim: Claim, total: float, values: list[int], number: int, largest: int) -> Bet:
    bet = Bet(claim, total, number, largest, largest / 3)
    for value in values:
        bet.see(value)
    return bet


# --- one claim ---


@settings(deadline=None)
@given(CLAIM, VALUES, st.integers(0, 300), st.integers(0, 20))
def test_one_bet_and_many_at_once_are_the_same(
    claim: Claim, drawn: tuple[list[int], int], total: int, more: int
) -> None:
    values, largest = drawn
    number = len(values) + more
    many = capital(claim, total, values, number, largest, guess=largest / 3)
    bet, highest = Bet(claim, total, number, largest, largest / 3), 0.0
    for value, expected in zip(values, many.tolist(), strict=True):
        bet.see(value)
        highest = max(highest, expected)
        assert bet.impossible or bet.refuted(np.exp(-highest - 1e-6)) is False
        assert bet.refuted(np.exp(1e-6 - highest))


def test_many_bets_at_once_are_those_of_each_claim_and_each_order() -> None:
    values = [0, 2, 1, 0, 0, 2]
    totals = np.array([[3.0], [7.0]])
    by_claim = capital("at least", totals, values, 9, 2, guess=0.5)
    by_order = capital("at least", 7, [values, values[::-1]], 9, 2, guess=0.5)
    assert by_claim.shape == by_order.shape == (2, 6)
    assert by_claim[1].tolist() == by_order[0].tolist()
    assert by_order[0].tolist() != by_order[1].tolist()


@settings(deadline=None)
@given(CLAIM, st.integers(1, 3), st.lists(st.integers(0, 3), max_size=6), st.integers(0, 3), st.integers(0, 30))
def test_a_claim_is_impossible_exactly_if_no_remainder_makes_it_true(
    claim: Claim, largest: int, drawn: list[int], left: int, total: int
) -> None:
    values = [min(value, largest) for value in drawn]
    sums = [sum(values) + sum(rest) for rest in product(range(largest + 1), repeat=left)]
    true = any(one >= total if claim == "at least" else one <= total for one in sums)
    bet = bet_on(claim, total, values, len(values) + left, largest) if values or left else None
    assert bet is None or bet.impossible is not true


def test_what_was_refuted_once_stays_so() -> None:
    bet = Bet("at least", 60, 300, 1, 0.02)
    for value in [0] * 40 + [1] * 60:
        bet.see(value)
    assert not bet.impossible  # by now the claim holds
    assert bet.refuted(0.025)


def test_a_claim_that_holds_already_is_no_longer_bet_against() -> None:
    values = [1, 1, 1, 0, 0, 1, 0]
    won = capital("at least", 3, values, 20, 1, guess=0.2).tolist()
    assert won[2:] == [won[2]] * 5


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize(
    ("values", "guess"),
    [
        ([1] * 12 + [0] * 228, 0.02),
        ([1] * 12 + [0] * 228, 0.2),
        ([5] * 4 + [2] * 10 + [1] * 6 + [0] * 60, 0.1),
        ([5] * 4 + [2] * 10 + [1] * 6 + [0] * 60, 2.5),
        ([3] * 30 + [0] * 10, 2.0),
        ([1, 2] * 40, 1.5),
    ],
)
def test_a_true_claim_is_hardly_ever_refuted(claim: Claim, values: list[int], guess: float) -> None:
    """One that just holds, in 3,000 random orders, whenever one looks and whatever was guessed."""
    random = np.random.default_rng(6)
    orders = random.permuted(np.tile(values, (3000, 1)), axis=1)
    highest = capital(claim, sum(values), orders, len(values), max(values), guess=guess).max(axis=1)
    for error in (0.2, 0.025):
        refuted = np.mean(highest >= -np.log(error))
        assert refuted <= error + 2 * np.sqrt(error / 3000)


def test_a_wrong_claim_is_soon_refuted() -> None:
    """5 % are claimed of 3,600 groups, and a third of that is true: half of the orders need less than 360."""
    random = np.random.default_rng(8)
    values = np.zeros((100, 3600))
    values[:, :60] = 1
    won = capital("at least", 180, random.permuted(values, axis=1), 3600, 1, guess=0.025)
    when = np.argmax(won >= -np.log(0.025), axis=1)
    assert 50 < np.median(when) < 360


# --- all of them: the mean ---


@settings(deadline=None, max_examples=40)
@given(VALUES, st.integers(0, 12), st.sampled_from([0.5, 0.9, 0.95]))
def test_an_interval_leaves_out_exactly_what_was_refuted(
    drawn: tuple[list[int], int], more: int, confidence: float
) -> None:
    """Every total tried one by one, and every moment."""
    (values, largest), error = drawn, (1 - confidence) / 2
    number, seen = len(values) + more, sum(values)
    kept: dict[Claim, list[int]] = {}
    for claim in CLAIMS:
        kept[claim] = []
        for total in range(seen, seen + more * largest + 1):
            won = capital(claim, total, values, number, largest, guess=largest / 2, weight=1)
            if won.max() < -np.log(error):
                kept[claim].append(total)
    highest, lowest = max(kept["at least"], default=seen), min(kept["at most"], default=seen + more * largest)
    found = interval(values, number, largest, confidence)
    assert [limit * number for limit in found] == pytest.approx(sorted((lowest, highest)), abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(VALUES, st.integers(0, 200))
def test_an_interval_keeps_to_what_is_certain(drawn: tuple[list[int], int], more: int) -> None:
    values, largest = drawn
    number = len(values) + more
    low, high = interval(values, number, largest)
    assert sum(values) / number - 1e-12 <= low <= high <= (sum(values) + more * largest) / number + 1e-12
    turned = interval([largest - value for value in values], number, largest)
    assert turned == pytest.approx((largest - high, largest - low), abs=1e-9)


def test_at_the_ends_of_the_asking() -> None:
    assert interval([], 30, 4) == (0, 4)
    assert interval([0, 4, 1], 3, 4) == pytest.approx((5 / 3, 5 / 3))


def test_fewer_totals_tried_never_narrow_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(9)
    drawn = [random.binomial(3, rate, 80).tolist() for rate in (0, 0.1, 0.5, 0.9, 1)]
    drawn += [[0] * seen for seen in range(1, 120, 7)]
    fine = [interval(values, 120, 3) for values in drawn]
    monkeypatch.setattr(sequential, "CLAIMS", 40)  # every tenth
    for values, (low, high) in zip(drawn, fine, strict=True):
        coarse = interval(values, 120, 3)
        assert low - 9.5 / 120 <= coarse.low <= low
        assert high <= coarse.high <= high + 9.5 / 120
        # What is tried must not depend on what was drawn: totals that are multiples of ten.
        highest = round(coarse.high * 120)
        assert highest % 10 == 9 or highest == sum(values) + 3 * (120 - len(values))


@pytest.mark.parametrize("claims", [1 << 13, 25])
def test_the_mean_is_hardly_ever_missed_whenever_one_looks(claims: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequential, "CLAIMS", claims)
    random = np.random.default_rng(10)
    values = np.array([2] * 3 + [1] * 6 + [0] * 51)
    misses = 0
    for _ in range(200):
        order = random.permutation(values).tolist()
        looks = [interval(order[:seen], 60, 2, 0.9) for seen in (4, 8, 15, 25, 40, 55)]
        misses += not all(low - 1e-9 <= 12 / 60 <= high + 1e-9 for low, high in looks)
    assert misses / 200 <= 0.1


def test_an_interval_is_about_as_wide_as_it_can_be() -> None:
    """After half of 1,000 groups with 5 % in them: at most twice that of an interval which may be looked at once."""
    values = ([0] * 19 + [1]) * 25
    low, high = interval(values, 1000, 1)
    once = 2 * 1.96 * (0.05 * 0.95 / 500 * 0.5) ** 0.5
    assert once < high - low < 2 * once
