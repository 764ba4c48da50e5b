"""Agreement of raters: published worked examples, and what must hold of any ratings."""

from __future__ import annotations

from collections.abc import Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vsc.agreement import agreement, cohen_kappa, krippendorff_alpha, percent_agreement

# K. Krippendorff, "Computing Krippendorff's alpha-reliability" (2011): examples A, B and C.
BINARY = ([0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0])
NOMINAL = (list("aabbdcccedda"), list("babbbccceddd"))
FOUR_OBSERVERS: tuple[list[Hashable], ...] = (
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
)
RATINGS = st.lists(st.lists(st.sampled_from([None, "a", "b", "c"]), min_size=2, max_size=4))
PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")))


@pytest.mark.parametrize(("observers", "alpha"), [(BINARY, 0.095), (NOMINAL, 0.692), (FOUR_OBSERVERS, 0.743)])
def test_alpha_agrees_with_krippendorffs_examples(observers: tuple[list[Hashable], ...], alpha: float) -> None:
    assert krippendorff_alpha(list(zip(*observers, strict=True))) == pytest.approx(alpha, abs=5e-4)


def pairs_of(table: list[list[int]]) -> list[tuple[int, int]]:
    return [(one, other) for one, row in enumerate(table) for other, number in enumerate(row) for _ in range(number)]


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        # J. L. Fleiss, "Statistical Methods for Rates and Proportions" (2nd ed. 1981), table 13.1.
        ([[75, 1, 4], [5, 4, 1], [0, 0, 10]], 0.676),
        # The grant proposals of many textbooks: 0.7 seen, 0.5 by chance.
        ([[20, 5], [10, 15]], 0.4),
    ],
)
def test_kappa_agrees_with_the_textbooks(table: list[list[int]], kappa: float) -> None:
    assert cohen_kappa(pairs_of(table)) == pytest.approx(kappa, abs=5e-4)


@given(RATINGS)
def test_no_measure_depends_on_names_or_on_order(units: list[list[str | None]]) -> None:
    names = {"a": "z", "b": "y", "c": "x"}
    other = [[names.get(rating or "") for rating in reversed(unit)] for unit in reversed(units)]
    assert percent_agreement(other) == percent_agreement(units)
    assert krippendorff_alpha(other) == pytest.approx(krippendorff_alpha(units))


@given(RATINGS)
def test_the_ranges(units: list[list[str | None]]) -> None:
    share, alpha = percent_agreement(units), krippendorff_alpha(units)
    assert share is None or 0 <= share <= 1
    assert alpha is None or -1 - 1e-9 <= alpha <= 1
    if alpha is not None:
        assert (share == 1) == (alpha == pytest.approx(1))


@given(PAIRS)
def test_the_ranges_of_kappa(pairs: list[tuple[str, str]]) -> None:
    kappa = cohen_kappa(pairs)
    assert kappa is None or -1 <= kappa <= 1
    assert kappa == cohen_kappa([(other, one) for one, other in pairs])
    if kappa is not None:
        assert (kappa == 1) == all(one == other for one, other in pairs)


@given(RATINGS)
def test_what_only_one_rated_changes_nothing(units: list[list[str | None]]) -> None:
    more: list[list[str | None]] = [*units, ["a", None], [None, None], ["b"]]
    assert krippendorff_alpha(more) == krippendorff_alpha(units)
    assert percent_agreement(more) == percent_agreement(units)


def test_nothing_is_told_where_nothing_can_be() -> None:
    assert cohen_kappa([]) is None
    assert cohen_kappa([("a", "a")] * 9) is None
    assert krippendorff_alpha([["a", "a"], ["a", "a"]]) is None
    assert krippendorff_alpha([["a", None]]) is None
    assert percent_agreement([["a", None]]) is None


def test_agreement_of_raters_that_did_not_rate_the_same() -> None:
    ratings: dict[str, dict[Hashable, str | None]] = {
        "ann": {1: "a", 2: "b", 3: "a", 4: None},
        "bob": {1: "a", 2: "b", 3: "b", 5: "a"},
    }
    found = agreement(ratings)
    assert (found.raters, found.n) == (("ann", "bob"), 3)
    assert found.percent == pytest.approx(2 / 3)
    assert found.kappa == pytest.approx(0.4)
    assert found.alpha == krippendorff_alpha([["a", "a"], ["b", "b"], ["a", "b"]])
    three = agreement({**ratings, "cleo": {1: "a", 4: "b"}})
    assert (three.n, three.kappa) == (3, None)
    assert three.percent == pytest.approx(8 / 10)
    assert agreement({"ann": {1: "a"}, "bob": {2: "a"}}).model_dump() == {
        "raters": ("ann", "bob"),
        "n": 0,
        "percent": None,
        "kappa": None,
        "alpha": None,
    }
