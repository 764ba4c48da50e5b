"""Words as numbers, what stands in a row, and where numbers stand in a table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vsc.judges import hashing
from pytest_vsc.judges.hashing import SIZE, hashed, letters, paired, places, runs

WORDS = ["take", "the", "red", "kettle", "the", "red"]


def test_words_have_the_published_hash() -> None:
    """FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/ gives these of "", "a" and "foobar"."""
    assert hashed(["", "a", "foobar"]).tolist() == [0xCBF29CE484222325, 0xAF63DC4C8601EC8C, 0x85944171F73967E8]


def test_what_was_met_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "MOST_MET", 3)
    monkeypatch.setattr(hashing, "_MET", hashing._Met())
    before = hashed(WORDS)
    assert len(hashing._MET) <= 3
    assert (hashed(WORDS) == before).all()


@given(st.lists(st.sampled_from("abc"), max_size=12), st.integers(1, 4))
def test_equal_rows_of_words_are_equal_numbers(words: list[str], longest: int) -> None:
    found = runs(hashed(words), longest)
    for length, row in enumerate(found.rows, 1):
        rows = [tuple(words[at : at + length]) for at in range(max(0, len(words) - length + 1))]
        assert len(row) == len(rows)
        assert len(set(row.tolist())) == len(set(rows))
    apart = list(zip(words, words[2:], strict=False))
    assert len(found.apart) == len(apart)
    assert len(set(found.apart.tolist())) == len(set(apart))


def test_rows_and_pairs_apart_are_told_apart() -> None:
    row, apart = runs(hashed(["a", "b"]), 2).rows[1], runs(hashed(["a", "x", "b"]), 2).apart
    assert row[0] != apart[0]


@pytest.mark.parametrize(("first", "after"), [(0, 6), (1, 4), (2, 3), (3, 3), (5, 6)])
def test_what_lies_within(first: int, after: int) -> None:
    found = runs(hashed(WORDS), 3).within(first, after, 3)
    alone = runs(hashed(WORDS[first:after]), 3)
    assert [part.tolist() for part in found] == [part.tolist() for part in (*alone.rows, alone.apart)]


def test_pairs() -> None:
    ones, others = hashed(["a", "b"]), hashed(["x", "y", "z"])
    assert len(set(paired(ones, others).tolist())) == 6
    assert set(paired(ones, others).tolist()).isdisjoint(paired(others, ones).tolist())
    assert len(paired(ones, others[:0])) == 0


def test_letters() -> None:
    assert [len(row) for row in letters("kettle", 2, 4)] == [5, 4, 3]
    assert [len(row) for row in letters("k\ud800", 2, 4)] == [1, 0, 0]


def test_places_are_spread_and_differ_by_group() -> None:
    value = hashed([f"w{number}" for number in range(20_000)])
    here, there = (places(value, np.full(1, group, np.uint64)) for group in (0, 1))
    assert here.dtype == np.uint32
    assert here.max() < SIZE
    # As many as by chance: 20,000 balls fill 19,624 of so many boxes.
    assert len(set(here.tolist())) == pytest.approx(SIZE * -np.expm1(-20_000 / SIZE), rel=0.005)
    assert np.mean(here == there) < 0.001


def test_small_numbers_are_spread_as_well() -> None:
    """Concepts are their own numbers."""
    assert len(set(places(np.arange(1024, dtype=np.uint64), np.zeros(1, np.uint64)).tolist())) > 1010
