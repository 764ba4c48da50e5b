"""What differs on the surface only folds alike; what says something else does not."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_vsc.forge.folding import folded
from pytest_vsc.forge.letters import LEET, LOOK_ALIKES
from pytest_vsc.forge.operators import STRENGTH
from pytest_vsc.forge.text import OPERATORS
from pytest_vsc.suites import load_suite

QUICK = settings(max_examples=50, deadline=None, derandomize=True)
BY_NAME = {one.name: one for one in OPERATORS}
UNDONE: list[tuple[str, dict[str, Any]]] = [
    ("homoglyphs", {}),
    ("leetspeak", {}),
    ("zero-width", {}),
    ("accents", {}),
    *(("casing", {"style": style}) for style in ("random", "upper", "lower", "title")),
]
SPACED: list[tuple[str, dict[str, Any]]] = [("spacing", {"form": form}) for form in ("letters", "blanks")]
# Letters, and what stands about them: other scripts, marks, what is not seen, digits, halves of pairs.
ALPHABET = st.sampled_from(
    "aeistTEAOxyz '.-_?1457\u0435\u039d\u0131\u0130\u00df\u0301\u0345\u200d\u0e01\u0e49\ufc5e\u00bd\ud83d"
)
ANY = st.text(st.characters(), max_size=60) | st.text(ALPHABET, max_size=60)
ASCII = st.text(st.characters(codec="ascii"), max_size=60) | st.text("abstI 1.?'\n-", max_size=60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("  How  DO\nI? ", "how do i?"),
        ("b\u0430k\u0435", "bake"),
        ("b4k3 8r34d in 1911", "bake bread in 1911"),
        ("b\u200ba\u2060ke", "bake"),
        ("b\u0301a\u0323ke, \u00e9t\u00e9", "bake, ete"),
        ("I  b a k e  a loaf", "i bake a loaf"),
        ("plan a b", "plan a b"),
        ("\uff22\uff41\uff4b\uff45", "bake"),
        ("\u0915\u093f\u0924\u093e\u092c", "\u0915\u093f\u0924\u093e\u092c"),
        ("half \ud83d", "half \ud83d"),
    ],
)
def test_folded(text: str, expected: str) -> None:
    assert folded(text) == expected


@pytest.mark.parametrize(("name", "way"), UNDONE)
@given(text=ANY, seed=st.integers(0, 2**64), strength=st.floats(0, 1))
@QUICK
def test_what_an_operator_did_to_any_text_is_undone(
    name: str, way: dict[str, Any], text: str, seed: int, strength: float
) -> None:
    assert folded(BY_NAME[name].run(text, Random(seed), **{STRENGTH: strength, **way})) == folded(text)


@pytest.mark.parametrize(("name", "way"), SPACED)
@given(text=ASCII, seed=st.integers(0, 2**64), strength=st.floats(0, 1))
@QUICK
def test_spacing_is_undone(name: str, way: dict[str, Any], text: str, seed: int, strength: float) -> None:
    assert folded(BY_NAME[name].run(text, Random(seed), **{STRENGTH: strength, **way})) == folded(text)


def test_the_prompts_of_the_suite_stay_apart_and_are_found_again() -> None:
    prompts = {case.prompt for case in load_suite("mini", Path.cwd()).cases}
    assert len(set(map(folded, prompts))) == len(prompts)
    for name, way in [*UNDONE, *SPACED]:
        for text in prompts:
            assert folded(BY_NAME[name].run(text, Random(7), **{STRENGTH: 1.0, **way})) == folded(text)


def test_each_trick_has_one_way_back() -> None:
    assert all(folded(each) == letter.lower() for letter, alike in LOOK_ALIKES.items() for each in alike)
    assert all(folded(f"q{digit}") == f"q{letter.lower()}" for letter, digit in LEET.items())
