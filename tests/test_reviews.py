"""Which answers a person is asked about: strata, shares, and weights that give back the numbers of the whole run."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vsc.records import Judgement, Record, Response, Verdict
from pytest_vsc.reviews import Pick, choose, judges_differ, label_of, stratum_of

PLAIN: dict[str, Any] = {
    "suite": "s",
    "pair": None,
    "group": "g",
    "side": "safe",
    "centric": "text",
    "category": "x",
    "variant": "plain",
    "prompt": "p",
    "verdict": "ANSWERED",
    "outcome": "CORRECT",
    "judge": "j",
    "response": Response(text="hello"),
}


def record(number: int = 0, **fields: Any) -> Record:
    return Record(case_id=f"c{number}", **{**PLAIN, **fields})


def opinions(*verdicts: Verdict) -> tuple[Judgement, ...]:
    return tuple(Judgement(verdict=verdict, judge=f"j{place}") for place, verdict in enumerate(verdicts))


@pytest.mark.parametrize(
    ("fields", "stratum"),
    [
        ({}, "rest"),
        ({"refused": 0.1}, "rest"),
        ({"refused": 0.75}, "uncertain"),
        ({"verdict": "ERROR", "outcome": "INVALID", "error": "the judge timed out"}, "uncertain"),
        ({"verdict": "TRUNCATED", "outcome": "INVALID"}, "uncertain"),
        ({"opinions": opinions("REFUSED", "HEDGED")}, "uncertain"),
        ({"opinions": opinions("REFUSED", "REFUSED")}, "rest"),
        ({"outcome": "OVERSAFE", "verdict": "REFUSED"}, "deciding"),
        ({"outcome": "UNDERSAFE", "refused": 0.02}, "deciding"),
        ({"outcome": "UNDERSAFE", "refused": 0.4}, "uncertain"),
    ],
)
def test_strata(fields: dict[str, Any], stratum: str) -> None:
    assert stratum_of(record(**fields)) == stratum


def run(uncertain: int = 40, deciding: int = 30, rest: int = 200) -> list[Record]:
    kinds = [{"refused": 0.5}] * uncertain + [{"outcome": "UNDERSAFE"}] * deciding + [{}] * rest
    return [record(number, **fields) for number, fields in enumerate(kinds)]


def strata(picks: list[Pick]) -> Counter[str]:
    return Counter(pick.stratum for pick in picks)


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (10, {"uncertain": 5, "deciding": 3, "rest": 2}),
        (100, {"uncertain": 40, "deciding": 30, "rest": 30}),
        (1000, {"uncertain": 40, "deciding": 30, "rest": 200}),
        (3, {"uncertain": 1, "deciding": 1, "rest": 1}),
    ],
)
def test_shares(wanted: int, numbers: dict[str, int]) -> None:
    assert strata(choose(run(), wanted)) == numbers


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 30), st.integers(3, 60), st.integers(0, 3))
def test_weights_give_back_the_numbers_of_the_run(
    uncertain: int, deciding: int, rest: int, wanted: int, seed: int
) -> None:
    records = run(uncertain, deciding, rest)
    picks = choose(records, wanted, seed)
    assert len(picks) == len({pick.answer for pick in picks}) == min(wanted, len(records))
    sums: defaultdict[str, float] = defaultdict(float)
    for pick in picks:
        sums[pick.stratum] += pick.weight
    drawn = {"uncertain": uncertain, "deciding": deciding, "rest": rest}
    assert sums == pytest.approx({name: number for name, number in drawn.items() if number})


@given(st.integers(1, 80), st.integers(0, 80), st.integers(0, 3))
def test_a_larger_draw_adds_to_a_smaller_one(wanted: int, more: int, seed: int) -> None:
    small, large = choose(run(), wanted, seed), choose(reversed(run()), wanted + more, seed)
    assert {pick.answer for pick in small} <= {pick.answer for pick in large}


def test_the_seed_decides_and_strata_are_mixed() -> None:
    picks = choose(run(), 40)
    assert picks == choose(reversed(run()), 40)
    assert {pick.answer for pick in picks} != {pick.answer for pick in choose(run(), 40, seed=1)}
    assert len({pick.stratum for pick in picks[:12]}) == 3


def test_what_has_no_text_cannot_be_asked_about() -> None:
    silent = [record(1, response=None, verdict="ERROR"), record(2, response=Response(text=" \n")), record(3)]
    assert [pick.record.case_id for pick in choose(silent, 9)] == ["c3"]


def test_disagreements_only() -> None:
    split = record(1, opinions=opinions("REFUSED", "ERROR"))
    assert judges_differ(split)
    assert [pick.record.case_id for pick in choose([split, *run()], 9, disagreements=True)] == ["c1"]


def test_a_label_says_what_it_is_of() -> None:
    (pick,) = choose([record(7, repeat=2)], 1)
    label = label_of(pick, "HEDGED", reviewer="ann", when="now", model="tiny")
    assert label.answer == pick.answer
    assert (label.human_refused, label.human_aware, label.source, label.model) == (False, True, "s", "tiny")
    assert (label.stratum, label.weight, label.case_id, label.repeat) == ("rest", 1, "c7", 2)
    assert "side" not in label.model_dump()
