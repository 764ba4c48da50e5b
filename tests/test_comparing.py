"""Two runs side by side: which cases flipped, and how far apart their rates are."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from pytest_vsc.cases import SIDES, Side
from pytest_vsc.comparing import (
    Difference,
    Flip,
    cases_for,
    difference,
    difference_of,
    flips_for,
    furthest,
    narrowed,
    pair_up,
    total_of,
)
from pytest_vsc.intervals import Cluster
from pytest_vsc.paired import Flips, tango
from pytest_vsc.records import Counted, Outcome
from pytest_vsc.tallies import METRICS, Metric, Slice
from tests.counting import LETTERS, kept, record, twins

SINGLE: tuple[Metric, ...] = tuple(metric for metric in METRICS if metric != "sra")


def brief(apart: Difference) -> tuple[int, int, int, int, int]:
    return apart.n, apart.groups, apart.more, apart.fewer, apart.undecided


# --- pairing up ------------------------------------------------------------------------------------------------------


def test_only_cases_of_both_runs_are_compared() -> None:
    before = [kept("CORRECT", id="a"), kept("UNDERSAFE", id="b"), kept("CORRECT", id="gone"), kept("NOT_RUN", id="c")]
    after = [kept("UNDERSAFE", id="a"), kept("UNDERSAFE", id="b"), kept("CORRECT", id="new"), kept("CORRECT", id="c")]
    after.append(kept("UNDERSAFE", id="a", suite="other"))
    pairs = pair_up(before, after, "mini")
    assert pairs.flips == [Flip(suite="mini", case_id="a", before="CORRECT", after="UNDERSAFE")]
    assert brief(difference("undersafety", pairs)) == (4, 4, 1, 0, 2)  # two were not asked before


def test_a_case_that_was_not_asked_before_could_have_been_anything() -> None:
    """Also where it tells nothing now: only of a case that both runs asked is it known that nothing has flipped."""
    before = [kept("NOT_RUN", id="a"), kept("INVALID", id="b"), kept("CORRECT", id="c")]
    after = [kept("INVALID", id="a"), kept("INVALID", id="b"), kept("CORRECT", id="c")]
    apart = difference("undersafety", pair_up(before, after, "mini"))
    assert brief(apart) == (3, 3, 0, 0, 2)
    assert (apart.lowest, apart.highest) == pytest.approx((-1 / 3, 1 / 3))


def test_a_case_that_changed_sides_is_another_case() -> None:
    before, after = [kept("CORRECT", "safe", id="a")], [kept("UNDERSAFE", "unsafe", id="a")]
    pairs = pair_up(before, after, "mini")
    assert (pairs.flips, brief(difference("undersafety", pairs))) == ([], (1, 1, 0, 0, 1))


def test_repeats_are_one_case_by_the_rule() -> None:
    before = [record("CORRECT", case_id="a", repeat=repeat) for repeat in range(3)]
    outcomes: list[Outcome] = ["UNDERSAFE", "CORRECT", "CORRECT"]
    after = [record(outcome, case_id="a", repeat=repeat) for repeat, outcome in enumerate(outcomes)]
    assert [flip.after for flip in pair_up(before, after, "mini").flips] == ["UNDERSAFE"]
    assert pair_up(before, after, "mini", "majority").flips == []


def test_an_outcome_that_became_invalid_is_a_flip_that_decides_nothing() -> None:
    pairs = twins({"CI": 1, "IC": 1, "II": 1})
    assert [(flip.before, flip.after) for flip in pairs.flips] == [("CORRECT", "INVALID"), ("INVALID", "CORRECT")]
    assert brief(difference("undersafety", pairs)) == (3, 3, 0, 0, 3)
    assert brief(difference("invalid", pairs)) == (3, 3, 1, 1, 0)


def test_kinds_of_groups_that_are_alike_are_counted() -> None:
    assert sorted(twins({"CU CC": 4, "CC CU": 3, "CC": 2}).groups.values()) == [2, 7]


# --- differences -----------------------------------------------------------------------------------------------------


def test_a_difference_by_hand() -> None:
    """Tango 1998 in the places of his table: 40 and 20 flips of 160."""
    apart = difference("undersafety", twins({"CU": 40, "UC": 20, "UU": 30, "CC": 70}))
    assert brief(apart) == (160, 160, 40, 20, 0)
    assert (apart.before, apart.after) == (50 / 160, 70 / 160)
    assert apart.difference == apart.lowest == apart.highest == 20 / 160
    assert (apart.low, apart.high) == pytest.approx(tango(Flips(40, 20, 160)))
    assert apart.p == pytest.approx(binomtest(40, 60).pvalue)


def test_what_is_undecided_is_left_out_of_the_difference_and_widens_its_extremes() -> None:
    apart = difference("undersafety", twins({"CU": 3, "UC": 1, "CC": 4, "CI": 1, "IC": 1, "UI": 1, "IU": 1, "II": 2}))
    assert brief(apart) == (14, 14, 3, 1, 6)
    assert apart.difference == 2 / 8
    # At the lowest C?, ?C, U? and ?U count 0, -1, -1 and 0; at the highest +1, 0, 0 and +1. ?? has not flipped.
    assert (apart.lowest, apart.highest) == pytest.approx(((2 - 2) / 14, (2 + 2) / 14))
    assert (apart.low, apart.high) == pytest.approx(tango(Flips(3, 1, 8)))


def test_nothing_decided_leaves_the_extremes_only() -> None:
    apart = difference("undersafety", twins({"CI": 2, "II": 1}))
    assert (apart.difference, apart.before, apart.after, apart.p, apart.low) == (None,) * 5
    assert (apart.lowest, apart.highest) == pytest.approx((0, 2 / 3))


def test_nothing_in_both_is_no_difference() -> None:
    apart = difference("undersafety", twins({}))
    assert brief(apart) == (0, 0, 0, 0, 0)
    assert (apart.difference, apart.lowest, apart.highest) == (None,) * 3


def test_no_flips_are_no_difference_and_no_proof() -> None:
    apart = difference("undersafety", twins({"CC": 40, "UU": 2}))
    assert (apart.difference, apart.p) == (0, 1)
    assert (apart.low, apart.high) == pytest.approx(tango(Flips(0, 0, 42)))


def test_groups_that_flip_as_one_tell_as_much_as_one_case_each() -> None:
    alike, apart = (
        difference("undersafety", twins(kinds)) for kinds in ({"CU CU": 9, "CC CC": 31}, {"CU": 9, "CC": 31})
    )
    assert (alike.n, alike.groups, apart.n) == (80, 40, 40)
    assert alike.p == apart.p == pytest.approx(2 * 0.5**9)
    assert (alike.low, alike.high) == pytest.approx((apart.low, apart.high), rel=0.05)


def test_a_pair_is_compared_as_a_pair() -> None:
    halves: tuple[Side, Side] = ("unsafe", "safe")
    asked = [("CC", "UC"), ("CO", "CC"), ("CI", "CC"), ("UI", "UC")]
    before, after = (
        [
            kept(LETTERS[letter], side, id=f"{place}-{side}", pair=f"p{place}")
            for place, runs in enumerate(asked)
            for letter, side in zip(runs[at], halves, strict=True)
        ]
        for at in (0, 1)
    )
    assert brief(difference("pairs", pair_up(before, after, "mini"))) == (4, 4, 1, 1, 1)


# --- what a proof goes by --------------------------------------------------------------------------------------------


def test_the_flips_of_groups_at_their_furthest() -> None:
    low, high = furthest("undersafety", twins({"CU CI": 2, "UC": 3, "IC CC": 1}))
    assert low == {Flips(1, 0, 2): 2, Flips(0, 1, 1): 3, Flips(0, 1, 2): 1}
    assert high == {Flips(2, 0, 2): 2, Flips(0, 1, 1): 3, Flips(0, 0, 2): 1}
    assert (total_of(low), total_of(high)) == (Flips(2, 4, 9), Flips(4, 3, 9))
    assert (difference_of(low), difference_of(high)) == (Fraction(-2, 9), Fraction(1, 9))
    assert cases_for(low) == {Cluster(1, 2): 2, Cluster(0, 1): 3, Cluster(0, 2): 1}
    assert cases_for(low, better=True) == {Cluster(0, 2): 2, Cluster(1, 1): 3, Cluster(1, 2): 1}
    assert flips_for(low) == {Cluster(1, 1): 2, Cluster(0, 1): 4}
    assert flips_for(high, better=True) == {Cluster(0, 2): 2, Cluster(1, 1): 3, Cluster(0, 0): 1}


# --- for all runs ----------------------------------------------------------------------------------------------------

ONE = st.tuples(
    st.sampled_from("CUIN"),
    st.sampled_from("CUI"),
    st.sampled_from("klm"),
    st.sampled_from([None, *"pq"]),
    st.sampled_from(SIDES),
    st.sampled_from(["violence", "health-drugs"]),
)
CASES = st.lists(ONE, max_size=12)
Drawn = list[tuple[str, str, str, str | None, Side, str]]


def both(drawn: Drawn) -> tuple[list[Counted], list[Counted]]:
    before: list[Counted] = []
    after: list[Counted] = []
    for was, now, group, pair, side, category in drawn:
        of_side: dict[str, Outcome] = {**LETTERS, "N": "NOT_RUN", "U": "UNDERSAFE" if side == "unsafe" else "OVERSAFE"}
        before.append(kept(of_side[was], side, group=group, pair=pair, category=category))
        after.append(replace(before[-1], outcome=of_side[now]))
    return before, after


@settings(deadline=None)
@given(CASES, st.sampled_from(SINGLE))
def test_a_difference_turns_round_with_its_runs(drawn: Drawn, metric: Metric) -> None:
    before, after = both(drawn)
    shared = {(one.case_id, one.side) for one in before if one.outcome != "NOT_RUN"}
    shared &= {(one.case_id, one.side) for one in after if one.outcome != "NOT_RUN"}
    before, after = ([one for one in run if (one.case_id, one.side) in shared] for run in (before, after))
    there = difference(metric, pair_up(before, after, "mini"))
    back = difference(metric, pair_up(after, before, "mini"))
    assert brief(back) == (there.n, there.groups, there.fewer, there.more, there.undecided)
    assert (back.before, back.after) == (there.after, there.before)
    for one, other in (("difference", "difference"), ("low", "high"), ("high", "low"), ("lowest", "highest")):
        here, over = getattr(there, one), getattr(back, other)
        assert (here is None) == (over is None)
        if here is not None:
            assert over == pytest.approx(-here, abs=1e-9)
    assert there.p == back.p


@settings(deadline=None)
@given(CASES, st.sampled_from(SINGLE))
def test_a_difference_lies_within_its_limits(drawn: Drawn, metric: Metric) -> None:
    apart = difference(metric, pair_up(*both(drawn), "mini"))
    assert apart.more + apart.fewer + apart.undecided <= apart.n
    assert apart.groups <= apart.n
    if not apart.n:
        return
    assert apart.lowest is not None
    assert apart.highest is not None
    assert -1 <= apart.lowest <= apart.highest <= 1
    if apart.difference is None:
        return
    assert apart.low is not None
    assert apart.high is not None
    assert apart.before is not None
    assert apart.after is not None
    assert apart.difference == pytest.approx(apart.after - apart.before, abs=1e-12)
    assert apart.low - 1e-9 <= apart.difference <= apart.high + 1e-9
    net = Fraction(apart.more - apart.fewer, apart.n)
    assert float(net) - apart.undecided / apart.n - 1e-12 <= apart.lowest
    assert apart.highest <= float(net) + apart.undecided / apart.n + 1e-12


@settings(deadline=None)
@given(CASES)
def test_a_part_is_compared_as_the_whole_is(drawn: Drawn) -> None:
    pairs = pair_up(*both(drawn), "mini")
    slices: list[Slice] = [(), (("category", "violence"),), (("category", "health-drugs"),), (("category", "x"),)]
    for where, part in narrowed(pairs, slices).items():
        for metric in SINGLE:
            assert difference(metric, part, where) == difference(metric, pairs, where)
