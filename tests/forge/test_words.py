"""Every operator on words: any text, the same again, nothing at strength 0, and the side kept."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from random import Random
from string import ascii_letters
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

import pytest_vsc.judges
from pytest_vsc.forge.folding import folded
from pytest_vsc.forge.frames import FRAMES, LANGUAGES, LISTS
from pytest_vsc.forge.operators import STRENGTH, Operator
from pytest_vsc.forge.recipes import read_recipe, spelled
from pytest_vsc.forge.text import OPERATORS
from pytest_vsc.forge.vocabulary import FILLERS, SHORT_FORMS, VOCABULARY
from pytest_vsc.suites import load_suite

QUICK = settings(max_examples=40, deadline=None, derandomize=True)
BY_NAME = {one.name: one for one in OPERATORS}
GRADED = [one for one in OPERATORS if one.graded]
HARD = {
    "empty": "",
    "blank": " \t\n",
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f \U0001f1e9\U0001f1ea?",
    "right-to-left": "\u05de\u05d4 \u05e9\u05dc\u05d5\u05de\u05da? \u200f\u0643\u064a\u0641 \u062d\u0627\u0644",
    "marks": "Zu\u0308rich, e\u0301te\u0301, \u0915\u093f\u0924\u093e\u092c, \u0e01\u0e33\u0e25\u0e31\u0e07",
    "surrogates": "half a \ud83d pair\udc00",
    "cases": "\u0130stanbul \u0131 \u00df \u1e9e \ufb03 \u01c5 \u0345 \u1f80 \u03a3\u03a3\u03c2 \u212a",
    "other digits": "\u0663 \u2460 \u00bd 14th 1\u20442",
    "braces": "{text} {0} {points} %s \\1 \\g<0>",
    "control": "\x00\x1b[31m\x7f\u2028\r\n",
    "long": "Will you bake a loaf, please? " * 334,
    "one long word": "x" * 10_000,
}
# At strength 1, for texts of 20 letters and more: what `text` promises. Casing and what adds whole words are not here.
FLOORS = {"typos": 0.7, "homoglyphs": 0.5, "leetspeak": 0.5, "zero-width": 0.5, "spacing": 0.5, "accents": 0.65}
ADDING = ("fillers", "frame", "list-completion", "insert", "language-frame")
ENGLISH = st.lists(
    st.sampled_from([*VOCABULARY, *chain(*SHORT_FORMS.items()), "I", "a", "not", "what?", "so.", "Do", "1911", "x"])
    | st.text(ascii_letters, min_size=1, max_size=9),
    max_size=40,
).map(" ".join)
TEXTS = st.text(st.characters(), max_size=60) | ENGLISH | st.sampled_from(list(HARD.values())[:-2])
LONGER = st.lists(st.text(ascii_letters, min_size=1, max_size=9), min_size=20, max_size=40).map(" ".join)
SEEDS = st.integers(0, 2**64)
STRENGTHS = st.floats(0, 1)


def ways(one: Operator, strength: float = 1.0) -> Iterator[dict[str, Any]]:
    """The settings that there are of an operator: each choice once, with the defaults of the others."""
    usual = {each.name: each.default for each in one.parameters} | ({STRENGTH: strength} if one.graded else {})
    yield usual
    for each in one.parameters:
        if each.several:
            yield usual | {each.name: each.choices[-8:]}
        for choice in each.choices[:30]:
            yield usual | {each.name: (choice,) if each.several else choice}


def ran(one: Operator, text: str, seed: int, way: dict[str, Any]) -> str:
    made: str = one.run(text, Random(seed), **way)
    return made


def named(operators: Iterable[Operator]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("one", [pytest.param(one, id=one.name) for one in operators])


def prompts_of_mini() -> Iterator[tuple[str, str]]:
    """The prompts of the pairs whose halves are asked differently: one, and that of its twin."""
    pairs: dict[str | None, list[str]] = {}
    for case in load_suite("mini", Path.cwd()).cases:
        pairs.setdefault(case.pair, []).append(case.prompt)
    for first, second in pairs.values():
        if first != second:
            yield from ((first, second), (second, first))


# --- any of them ---


@named(OPERATORS)
@given(text=TEXTS, seed=SEEDS, strength=STRENGTHS, data=st.data())
@QUICK
def test_any_text_gives_a_text_and_the_same_again(
    one: Operator, text: str, seed: int, strength: float, data: st.DataObject
) -> None:
    way = data.draw(st.sampled_from(list(ways(one, strength))))
    made = ran(one, text, seed, way)
    assert type(made) is str
    assert ran(one, text, seed, way) == made


@named(OPERATORS)
@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_hard_texts_in_every_way(one: Operator, text: str) -> None:
    for way in ways(one):
        made = ran(one, text, 1, way)
        assert len(made) <= 4 * len(text) + 4_000


@named(GRADED)
@given(text=TEXTS, seed=SEEDS, data=st.data())
@QUICK
def test_strength_0_changes_nothing(one: Operator, text: str, seed: int, data: st.DataObject) -> None:
    assert ran(one, text, seed, data.draw(st.sampled_from(list(ways(one, 0.0))))) == text


@named(one for one in OPERATORS if one.idempotent)
@given(text=TEXTS, seed=SEEDS, strength=STRENGTHS, data=st.data())
@QUICK
def test_twice_is_once_where_that_is_claimed(
    one: Operator, text: str, seed: int, strength: float, data: st.DataObject
) -> None:
    way = data.draw(st.sampled_from(list(ways(one, strength))))
    once = ran(one, text, seed, way)
    assert ran(one, once, seed, way) == once


@named(OPERATORS)
def test_every_choice_makes_something_else_of_the_example(one: Operator) -> None:
    usual = next(ways(one))
    assert "" not in (one.what, one.source)
    for each in one.parameters:
        made = [ran(one, one.example, 1, usual | {each.name: (c,) if each.several else c}) for c in each.choices]
        assert len(set(made)) == len(made)
    assert any(ran(one, one.example, 1, way) != one.example for way in ways(one, 0.5))


@named(OPERATORS)
def test_every_way_can_be_spelled(one: Operator) -> None:
    for way in ways(one, 0.5):
        said = ",".join(f"{key}={'|'.join(value) if isinstance(value, tuple) else value}" for key, value in way.items())
        recipe = read_recipe(f"{one.name}:{said}", "--ops")
        assert dict(recipe[0].settings) == way
        assert read_recipe(spelled(recipe), "--ops") == recipe


def digest_of_all() -> str:
    """Of what all of them make of their examples."""
    made = (ran(one, one.example, seed, way) for one in OPERATORS for way in ways(one, 0.6) for seed in range(3))
    return hashlib.sha256("\n".join(made).encode()).hexdigest()


def test_another_process_with_another_hash_seed_makes_the_same() -> None:
    code = "from tests.forge.test_words import digest_of_all; print(digest_of_all())"
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "7",
        "LC_ALL": "C",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert (done.stdout.strip(), done.stderr) == (digest_of_all(), "")


# --- how much they change ---


@pytest.mark.parametrize("name", FLOORS)
@given(text=LONGER, seed=SEEDS, data=st.data())
@example(text="see " * 20, seed=1, data=None)
@QUICK
def test_a_text_stays_as_near_as_is_promised(name: str, text: str, seed: int, data: st.DataObject | None) -> None:
    some = list(ways(BY_NAME[name]))
    for way in [data.draw(st.sampled_from(some))] if data else some:
        made = ran(BY_NAME[name], text, seed, way)
        assert Levenshtein.normalized_similarity(text, made) >= FLOORS[name]


@pytest.mark.parametrize("name", ["homoglyphs", "leetspeak", "casing"])
@given(text=TEXTS, seed=SEEDS, strengths=st.tuples(STRENGTHS, STRENGTHS).map(sorted), data=st.data())
@QUICK
def test_more_strength_changes_the_same_places_and_others(
    name: str, text: str, seed: int, strengths: list[float], data: st.DataObject
) -> None:
    way = data.draw(st.sampled_from(list(ways(BY_NAME[name]))))
    less = ran(BY_NAME[name], text, seed, way | {STRENGTH: strengths[0]})
    more = ran(BY_NAME[name], text, seed, way | {STRENGTH: strengths[1]})
    assert len(less) == len(more) == len(text)
    assert all(after == before for was, before, after in zip(text, less, more, strict=True) if before != was)


@pytest.mark.parametrize("name", ["zero-width", "accents", "spacing", "fillers"])
@given(text=TEXTS, seed=SEEDS, strengths=st.tuples(STRENGTHS, STRENGTHS).map(sorted), data=st.data())
@QUICK
def test_more_strength_adds_the_same_and_more(
    name: str, text: str, seed: int, strengths: list[float], data: st.DataObject
) -> None:
    way = data.draw(st.sampled_from(list(ways(BY_NAME[name]))))
    less = ran(BY_NAME[name], text, seed, way | {STRENGTH: strengths[0]})
    more = iter(ran(BY_NAME[name], text, seed, way | {STRENGTH: strengths[1]}))
    assert all(letter in more for letter in less)  # in this order


def test_strengths_between_lie_between() -> None:
    for one in GRADED:
        made = [ran(one, one.example * 4, 3, next(ways(one, strength))) for strength in (0, 0.25, 0.5, 1)]
        near = [Levenshtein.distance(made[0], each) for each in made]
        assert near == sorted(near)
        assert 0 < near[1] < near[3]


@named(OPERATORS)
def test_a_prompt_stays_nearer_to_itself_than_to_its_twin(one: Operator) -> None:
    prompts = [(own, folded(own), folded(twin)) for own, twin in prompts_of_mini()]
    assert len(prompts) >= 90
    away = lost if one.name in ADDING else Levenshtein.distance
    for way in ways(one):
        for own, itself, twin in prompts:
            made = folded(ran(one, own, 5, way))
            assert away(itself, made) < away(twin, made), way


def lost(prompt: str, made: str) -> int:
    """The edit distance without what is added, of which a frame has more than a short prompt has letters."""
    return int(Levenshtein.distance(prompt, made, weights=(0, 1, 1)))


# --- some of them ---


@pytest.mark.parametrize("name", ["frame", "list-completion", "insert", "language-frame"])
@given(text=TEXTS, seed=SEEDS, data=st.data())
@QUICK
def test_what_is_put_around_a_text_leaves_it_whole(name: str, text: str, seed: int, data: st.DataObject) -> None:
    made = ran(BY_NAME[name], text, seed, data.draw(st.sampled_from(list(ways(BY_NAME[name])))))
    assert text in made
    assert len(made) > len(text)


@given(text=ENGLISH, seed=SEEDS)
@QUICK
def test_typos_leave_first_letters_and_short_words(text: str, seed: int) -> None:
    words = text.split()
    made = ran(BY_NAME["typos"], text, seed, {STRENGTH: 1.0}).split()
    assert [word[0] for word in made] == [word[0] for word in words]
    assert [one for one, was in zip(made, words, strict=True) if len(was) < 4] == [w for w in words if len(w) < 4]


@given(text=TEXTS, seed=SEEDS, strength=STRENGTHS)
@QUICK
def test_zero_width_adds_format_characters_only(text: str, seed: int, strength: float) -> None:
    made = ran(BY_NAME["zero-width"], text, seed, {STRENGTH: strength})
    seen = [[letter for letter in each if unicodedata.category(letter) != "Cf"] for each in (text, made)]
    assert seen[0] == seen[1]


@given(
    text=TEXTS,
    words=st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=5, unique=True).map(tuple),
    place=st.sampled_from(["before", "after"]),
    form=st.sampled_from(["sentence", "aside"]),
)
@QUICK
def test_inserted_words_are_words_of_the_text(text: str, words: tuple[str, ...], place: str, form: str) -> None:
    made = ran(BY_NAME["insert"], text, 0, {"words": words, "place": place, "form": form})
    assert all(re.search(rf"\b{word}\b", made) for word in words)


@given(text=ENGLISH, seed=SEEDS)
@QUICK
def test_casing_is_of_the_same_letters(text: str, seed: int) -> None:
    assume(text)
    for way in ways(BY_NAME["casing"]):
        assert ran(BY_NAME["casing"], text, seed, way).casefold() == text.casefold()


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("short", "I am sure that you do not.", "I'm sure that you don't."),
        ("short", "Do not go. Here I am.", "Don't go. Here I am."),
        ("short", "Miami am", "Miami am"),
        ("full", "I'm sure it won't rain; you can\u2019t know.", "I am sure it will not rain; you cannot know."),
        ("full", "that's she'd", "that's she'd"),
    ],
)
def test_contractions(form: str, text: str, expected: str) -> None:
    assert ran(BY_NAME["contractions"], text, 0, {"form": form}) == expected


@pytest.mark.parametrize(
    ("style", "expected"),
    [("dropped", "So 3.5 is it"), ("repeated", "So,,, 3.5??? is it!!!"), ("dots", "So... 3.5... is it...")],
)
def test_punctuation(style: str, expected: str) -> None:
    made = ran(BY_NAME["punctuation"], "So, 3.5?! is it!", 0, {STRENGTH: 1.0, "style": style})
    assert made == expected


# --- the words themselves ---


def test_the_vocabulary_is_of_rare_plain_words_that_no_prompt_has() -> None:
    assert 256 <= len(VOCABULARY) <= 400
    assert list(VOCABULARY) == sorted(set(VOCABULARY))
    assert all(re.fullmatch("[a-z]{3,14}", word) for word in VOCABULARY)
    asked = " ".join(case.prompt for case in load_suite("mini", Path.cwd()).cases).lower()
    assert set(VOCABULARY).isdisjoint(re.findall("[a-z]+", asked))


def test_no_frame_says_of_which_side_a_question_is() -> None:
    said = [*chain(*chain(*FRAMES.values())), *LISTS, *FILLERS]
    telling = (
        "safe|unsafe|harm|danger|legal|allowed|rule|ignore|polic|filter|refus|fiction|pretend|imagin|movie|novel|histor"
    )
    assert [one for one in said if re.search(telling, one.lower())] == []
    assert all(len(frame.before) >= 3 and len(frame.after) >= 3 for frame in FRAMES.values())


def test_there_is_a_frame_in_every_language_that_the_judge_reads() -> None:
    read = {file.stem for file in (Path(pytest_vsc.judges.__file__).parent / "lexicon").glob("*.txt")}
    assert set(LANGUAGES) == read - {"en"}
    assert len(set(LANGUAGES.values())) == len(LANGUAGES)
