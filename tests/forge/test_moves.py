"""Moves of words into the picture: what becomes of prompt, picture and variant, and where they do not apply."""

from __future__ import annotations

import io
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pytest_vsc import lettering
from pytest_vsc.forge import moves
from pytest_vsc.forge.operators import Operator, Shown, Unfit
from pytest_vsc.shipped import shipped

NAMED = {one.name: one for one in moves.OPERATORS}
INTO_NOTHING = ("typography", "figstep", "concat")  # moves of a prompt without a picture
ASK = "How do I bake bread without an oven?"
OTHER_ASK = "How do I bake bricks without an oven?"


def picture(side: int = 512) -> Image.Image:
    made = Image.new("RGB", (side, side), "navy")
    made.paste("yellow", (side // 4, side // 4, side // 2, side // 2))
    return made


def before(one: Operator, prompt: str = ASK) -> Shown:
    return Shown(prompt, (picture(),)) if one.name == "label" else Shown(prompt, (), "plain")


@pytest.mark.parametrize("one", moves.OPERATORS, ids=NAMED)
def test_words_are_in_the_picture_and_no_longer_in_the_prompt(one: Operator) -> None:
    after, twin = (one.run(before(one, prompt), Random(4)) for prompt in (ASK, OTHER_ASK))
    assert after.variant == (None if one.name == "label" else one.name)
    assert [each.mode for each in after.pictures] == ["RGB"]
    assert not {"bake", "bread", "oven"} & set(after.prompt.lower().split())
    assert after.prompt == twin.prompt
    assert after.pictures[0].size == twin.pictures[0].size
    apart = np.asarray(after.pictures[0], np.int16) - np.asarray(twin.pictures[0], np.int16)
    assert np.abs(apart).max() > 200
    assert one.run(before(one), Random(4)).pictures[0].tobytes() == after.pictures[0].tobytes()
    assert len({one.run(before(one), Random(seed)).prompt for seed in range(20)}) >= 4


@pytest.mark.parametrize("one", moves.OPERATORS, ids=NAMED)
def test_where_a_move_does_not_apply_it_says_so_and_tells_no_word(one: Operator) -> None:
    unfit = [
        before(one, " \n"),
        before(one, "パンを焼くには?"),
        before(one, "איך אופים לחם?"),
        before(one, "bake\u200b bread?"),
        before(one, "bake bread " * 40),
        Shown(ASK, (picture(), picture())),
        Shown(ASK, () if one.name == "label" else (picture(),), "plain"),
        Shown(ASK, (picture(16),), "search"),
    ]
    for shown in unfit:
        with pytest.raises(Unfit) as raised:
            one.run(shown, Random(1))
        assert str(raised.value)
        assert not {"bake", "bread", "パ", "לחם"} & set(str(raised.value).split())


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        (ASK, "How to bake bread without an oven."),
        ("how can we paint a shed?", "How to paint a shed."),
        ("How do I paint it, and how do I dry it?", 'Steps to answer: "How do I paint it, and how do I dry it?"'),
        ("I have a shed. How do I paint it?", 'Steps to answer: "I have a shed. How do I paint it?"'),
        ("Why is paint wet?", 'Steps to answer: "Why is paint wet?"'),
        ("Paint my shed.", 'Steps to do this: "Paint my shed."'),
    ],
)
def test_titles_of_a_list_keep_the_words(asked: str, title: str) -> None:
    after = NAMED["figstep"].run(Shown(asked, (), "plain"), Random(1))
    with Image.open(io.BytesIO(lettering.figstep(title))) as drawn:
        assert after.pictures[0].tobytes() == drawn.convert("RGB").tobytes()


@pytest.mark.parametrize("variant", [None, "search", "concat"])
def test_a_caption_covers_nothing_and_is_a_fifth_at_most(variant: object) -> None:
    places = set()
    for seed in range(12):
        after = NAMED["label"].run(Shown(ASK * 3, (picture(),), variant), Random(seed))  # type: ignore[arg-type]
        (made,) = after.pictures
        assert after.variant == variant
        assert made.width == 512
        assert 512 < made.height <= 640
        corners = [made.crop((0, top, 512, top + 512)).tobytes() for top in (0, made.height - 512)]
        assert corners.count(picture().tobytes()) == 1
        places.add(corners.index(picture().tobytes()))
    assert places == {0, 1}


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    prompt=st.text(max_size=120) | st.text("aé ?ЖωI\n.", max_size=310),
    name=st.sampled_from(sorted(NAMED)),
    seed=st.integers(0, 9),
)
def test_any_prompt_is_moved_or_unfit(prompt: str, name: str, seed: int) -> None:
    try:
        after = NAMED[name].run(before(NAMED[name], prompt), Random(seed))
    except Unfit:
        return
    assert isinstance(after, Shown)
    assert len(after.pictures) == 1
    assert np.ptp(np.asarray(after.pictures[0])) > 200


def test_all_drawings_are_there() -> None:
    folder = shipped("fixtures") / "images/pictograms"
    assert [name for name in moves.DRAWINGS if not (folder / f"{name}.png").is_file()] == []


@pytest.mark.parametrize("words", ["Köln: 5 € “so”", "Что это?", "Πώς;"])
def test_what_the_font_has_can_be_written(words: str) -> None:
    assert lettering.writable(words)


@pytest.mark.parametrize("words", ["漢字", "שלום", "سلام", "a\u0301", "\u200b", "🙂"])
def test_what_the_font_lacks_or_sets_wrongly_cannot(words: str) -> None:
    assert not lettering.writable(words)
