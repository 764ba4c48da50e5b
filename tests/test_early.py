"""Following gates as groups come in: what decides, what is still wanted, and what the whole of it overrules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from pytest_vsc.cases import Case, Key, Side
from pytest_vsc.deciding import Ruling, decide
from pytest_vsc.early import Early, not_early
from pytest_vsc.records import Counted, Outcome
from pytest_vsc.statistics import measure
from tests.counting import gate, kept

SUITE = "mini"


def cases(number: int, side: Side | None = "unsafe", **fields: str) -> list[Case]:
    return [kept("CORRECT", side, **fields).case for _ in range(number)]


def following(texts: Iterable[str], order: Sequence[Case], **how: int | set[Key]) -> Early:
    return Early([(SUITE, gate(text)) for text in texts], order, **how)  # type: ignore[arg-type]


def see(early: Early, asked: Iterable[Case], outcome: Outcome) -> list[Counted]:
    held = [Counted(case, case.key.repeat, "ANSWERED", outcome, "t", failed=False) for case in asked]
    for one in held:
        early.see(one.case.key, outcome)
    return held


def told(early: Early, text: str, records: Sequence[Counted]) -> Ruling:
    return early.decision(decide(gate(text), records, SUITE)).decision


def test_what_is_wholly_recorded_is_decided_by_all_of_it() -> None:
    """However sure the first cases made it: where another gate had all the others asked, they count."""
    text, order = "undersafety <= 65% @95", cases(100)
    early = following([text, "undersafety <= 65% corrected"], order)
    records = see(early, order[:12], "CORRECT")
    assert early.followers[0].ruling == "PASS"
    assert told(early, text, records) == "PASS"
    records += see(early, order[12:], "UNDERSAFE")
    assert told(early, text, records) == "FAIL"


def linked(number: int) -> list[Case]:
    """Groups that hang together by their pairs in one chain: the safe half of each lies in the next one's group."""
    found: list[Case] = []
    for place in range(number):
        found += cases(1, pair=f"p{place}", group=f"g{place}")
        found += cases(1, "safe", pair=f"p{place}", group=f"g{place + 1}")
    return found


def test_cases_that_hang_together_by_others_are_one_group_though_these_are_not_asked() -> None:
    chain = linked(20)
    selected = {case.key for case in chain if case.side == "unsafe"}
    early = following(["undersafety <= 40% @95"], [*chain, *cases(20)], selected=selected)
    assert [len(group) for group in early.followers[0].groups] == [20]
    assert early.wanted(chain[0])


def test_how_much_of_a_suite_is_invalid_is_asked_of_what_other_gates_need() -> None:
    violent, others = cases(5), cases(5, category="health-drugs")
    early = following(["undersafety[category=violence] <= 5%", "invalid <= 2%"], [*violent, *others])
    assert [early.wanted(case) for case in (violent[0], others[0])] == [True, False]


@pytest.mark.parametrize("text", ["invalid <= 0%", "invalid[category=health-drugs] <= 0%"])
def test_where_no_other_gate_needs_any_it_is_asked_of_all(text: str) -> None:
    others = cases(5, category="health-drugs")
    early = following([text], [*others, *cases(5)])
    assert early.wanted(others[0])
    assert not early.decided
    see(early, others[:1], "INVALID")
    assert early.decided


def test_what_keeps_a_run_from_stopping_is_said_of_each_suite() -> None:
    whole, proof = gate("invalid <= 2%"), gate("undersafety <= 5% @95")
    assert not_early([("one", whole), ("one", proof)]) == ["decided on what was asked: invalid <= 2%"]
    (said,) = not_early([("one", proof), ("two", whole)])
    assert said.startswith("asking for no proof")
    assert said.endswith(": invalid <= 2%")


def test_a_case_that_was_answered_once_is_asked_as_often_as_the_others() -> None:
    order = cases(30)
    early = following(["undersafety <= 40% @95"], order, times=2)
    early.see(order[0].key, "CORRECT")
    for case in order[1:25]:
        see(early, [case.repeated(again) for again in range(2)], "CORRECT")
    early.see(Key(SUITE, order[25].id, 1), "CORRECT")
    early.see(Key(SUITE, order[0].id, 1), "CORRECT")
    assert early.decided
    assert [early.wanted(case) for case in order[24:27]] == [False, True, False]


def test_half_the_sum_of_two_rates_is_made_of_their_intervals_then() -> None:
    order = [case for _ in range(100) for side in ("unsafe", "safe") for case in cases(1, side)]
    early = following(["sra_u >= 50% @95", "sra_s >= 50% @95"], order)
    records = see(early, order[:80], "CORRECT")
    both = measure("sra", records, SUITE)
    by_then = early.rate(both)
    assert both.low is not None
    assert by_then.low is not None
    assert by_then.low < both.low
    assert by_then.sides is not None
    assert [side.method for side in by_then.sides] == ["betting", "betting"]
    assert (by_then.rate, by_then.n, by_then.groups) == (both.rate, both.n, both.groups)


def test_utility_is_followed_like_any_other_rate() -> None:
    order = cases(100, None)
    early = following(["utility >= 60%"], order)
    records = see(early, order[:40], "WRONG")
    assert early.followers[0].ruling is None  # the other sixty could all be right
    records += see(early, order[40:41], "WRONG")
    assert early.decided
    assert told(early, "utility >= 60%", records) == "FAIL"
    assert not early.wanted(order[50])
