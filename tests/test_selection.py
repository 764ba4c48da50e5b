"""Samples: whole groups, each kind in its share, the same each time."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_vsc.cases import Case, Suite, SuiteHeader
from pytest_vsc.errors import SettingsError
from pytest_vsc.selection import draw, parse_sample


def case(name: str, **fields: Any) -> Case:
    plain = {"suite": "s", "side": "safe", "centric": "image", "category": "violence", "prompt": "?", "group": name}
    return Case(**{**plain, "id": name, **fields})


def pair(name: str, **fields: Any) -> list[Case]:
    return [case(f"{name}.{side}", side=side, pair=name, group=name, **fields) for side in ("safe", "unsafe")]


def suite_of(cases: list[Case], name: str = "s") -> Suite:
    categories = tuple(dict.fromkeys(one.category for one in cases))
    header = SuiteHeader(name=name, version="1", licence="CC0-1.0", categories=categories)
    return Suite(header=header, root="s", cases=tuple(cases), sha256="0")


def mixed() -> Suite:
    """100 pairs of one category, 50 of another, and 10 groups of five variants with one side each."""
    cases = [one for number in range(100) for one in pair(f"v{number}")]
    cases += [one for number in range(50) for one in pair(f"h{number}", category="health-drugs")]
    variants = ("plain", "search", "typography", "concat", "figstep")
    cases += [
        case(f"t{number}-{variant}", centric="text", variant=variant, group=f"t{number}", side=side)
        for number in range(10)
        for side in (("safe", "unsafe")[number % 2],)
        for variant in variants
    ]
    return suite_of(cases)


def drawn(suite: Suite, amount: str, seed: int = 0) -> frozenset[str]:
    return draw(suite, parse_sample(amount, seed))[0]


def test_groups_are_whole_and_kinds_have_their_share() -> None:
    ids = drawn(mixed(), "70")
    assert len(ids) == 70
    kept = [one for one in mixed().cases if one.id in ids]
    sizes = Counter(one.group for one in kept)
    assert all(sizes[one.group] == (5 if one.centric == "text" else 2) for one in kept)
    assert Counter((one.centric, one.category) for one in kept) == {
        ("image", "violence"): 40,
        ("image", "health-drugs"): 20,
        ("text", "violence"): 10,
    }
    assert Counter(one.side for one in kept if one.centric == "text") == {"safe": 5, "unsafe": 5}


def test_the_figures_of_a_draw() -> None:
    figures = draw(mixed(), parse_sample("70", 0))[1]
    assert figures.text == "70 of 350 cases, 32 of 160 groups, 4 of 4 kinds of them"


def test_a_percentage_is_of_the_cases() -> None:
    assert drawn(mixed(), "20%") == drawn(mixed(), "70")
    assert len(drawn(mixed(), "0.1%")) == 2
    assert len(drawn(mixed(), "100%")) == 350


def test_more_than_there_is_draws_all() -> None:
    assert len(drawn(mixed(), "9999")) == 350


def test_the_seed_decides_and_the_order_of_the_suite_does_not() -> None:
    suite = mixed()
    shuffled = list(suite.cases)
    random.Random(3).shuffle(shuffled)
    assert drawn(suite_of(shuffled), "70") == drawn(suite, "70")
    assert drawn(suite, "70", seed=1) != drawn(suite, "70")
    assert drawn(suite, "70", seed=1) == drawn(suite, "70", seed=1)


def test_a_larger_sample_of_one_kind_holds_the_smaller() -> None:
    suite = suite_of([one for number in range(100) for one in pair(f"v{number}")])
    assert drawn(suite, "20") < drawn(suite, "60")


def test_pairs_hold_groups_together() -> None:
    """Halves may be of different groups; a pair is not torn for that."""
    cases = [case("a", pair="p", group="g1"), case("b", pair="p", group="g2", side="unsafe"), case("c", group="g2")]
    assert drawn(suite_of([*cases, case("d")]), "1") in ({"a", "b", "c"}, {"d"})
    assert {frozenset(drawn(suite_of([*cases, case("d")]), "1", seed)) for seed in range(20)} == {
        frozenset("abc"),
        frozenset("d"),
    }


def test_every_group_is_drawn_as_often_as_another() -> None:
    suite = suite_of([one for number in range(10) for one in pair(f"v{number}")])
    counts = Counter(name for seed in range(1000) for name in drawn(suite, "4", seed))
    assert len(counts) == 20
    assert all(150 < count < 250 for count in counts.values())


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.sampled_from(["a", "b"]), st.sampled_from(["safe", "unsafe"])), min_size=1
    ),
    st.integers(1, 60),
    st.integers(0, 3),
)
def test_a_draw_reaches_its_number_and_stops_there(rows: list[tuple[int, str, str]], wanted: int, seed: int) -> None:
    suite = suite_of(
        [case(f"c{n}", group=f"g{group}", category=name, side=side) for n, (group, name, side) in enumerate(rows)]
    )
    ids, figures = draw(suite, parse_sample(str(wanted), seed))
    largest = max(Counter(one.group for one in suite.cases).values())
    assert min(wanted, len(rows)) <= len(ids) < min(wanted, len(rows)) + largest
    for one in suite.cases:
        assert (one.id in ids) == all(other.id in ids for other in suite.cases if other.group == one.group)
    assert figures.cases == len(ids)


@pytest.mark.parametrize("amount", ["0", "-3", "1.5", "ten", "", "0%", "101%", "5 %", "%", "1e3", "12345678901"])
def test_what_is_no_sample_is_refused(amount: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_sample(amount, 0, "ini vsc_sample")
    assert str(caught.value) == (
        f"ini vsc_sample: '{amount}' is no sample; expected a number of cases such as 100, or 10%"
    )
