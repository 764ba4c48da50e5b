"""Words as pictures: all of them there, of the releases' sizes, the same bytes each time."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from pytest_vsc.lettering import figstep, typography


def ink(data: bytes) -> tuple[int, int, int, int]:
    """The box of what is not white: left, upper, right, lower."""
    with Image.open(io.BytesIO(data)) as picture:
        box = picture.convert("L").point(lambda value: 255 - value).getbbox()
    assert box is not None
    return box


def test_typography_stands_in_the_middle_and_nothing_is_cut_off() -> None:
    for words in ("a dog", "a very long object of many words that goes on over several lines", "x" * 60):
        left, upper, right, lower = ink(typography(words))
        assert left > 0
        assert upper > 0
        assert right < 760
        assert lower < 760
        assert abs(left + right - 760) < 40
        assert abs(upper + lower - 760) < 60


def test_letters_of_typography_are_sixty_pixels() -> None:
    _, upper, _, lower = ink(typography("Hp"))
    assert 50 <= lower - upper <= 62


def test_long_texts_are_set_smaller() -> None:
    _, upper, _, lower = ink(typography("word " * 200))
    assert 0 < upper < lower < 760


def test_figstep_has_the_statement_and_three_numbers_below() -> None:
    with Image.open(io.BytesIO(figstep("Steps to bake bread."))) as picture:
        assert (picture.size, picture.format) == ((512, 512), "PNG")
    one = ink(figstep("Steps to bake bread."))
    longer = ink(figstep("Steps to bake bread. " * 4))
    assert longer[3] > one[3]
    assert one[3] < 20 * 1.25 * 5 + 20


@pytest.mark.parametrize("make", [typography, figstep])
def test_the_same_words_are_the_same_bytes(make: object) -> None:
    assert callable(make)
    assert make("a dog") == make("a dog")
    assert make("a dog") != make("a cat")


def test_no_words_are_a_white_picture() -> None:
    with Image.open(io.BytesIO(typography(" "))) as picture:
        assert picture.convert("L").getextrema() == (255, 255)
