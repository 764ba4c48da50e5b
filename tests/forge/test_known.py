"""Which pairs are there already: exactly anywhere, nearly among those of one parent."""

from __future__ import annotations

from PIL import Image, ImageOps

from pytest_vsc.cases import Case, Picture
from pytest_vsc.forge.forging import face_of
from pytest_vsc.forge.known import Faces, Known
from pytest_vsc.forge.making import Made
from pytest_vsc.forge.operators import Shown
from tests.drawn import drawn

LONG = "How do I fold a paper boat that floats for an hour?"


def faces(words: str, *pictures: Image.Image) -> Faces:
    made = [face_of(Made(case(words, picture), Shown(words, (picture,)))) for picture in pictures]
    return made[0], made[1]


def case(words: str, picture: Image.Image) -> Case:
    image = Picture(name="a.png", data=picture.tobytes())
    return Case(id="a", suite="s", side="safe", centric="image", category="c", prompt=words, group="a", images=(image,))


def test_the_same_pair_is_there_whatever_its_parent() -> None:
    known = Known()
    known.add("a", faces(LONG, drawn(1), drawn(2)))
    assert known.like("b", faces(LONG, drawn(1), drawn(2))) == "duplicate"
    assert known.like("b", faces(LONG, drawn(2), drawn(1))) is None


def test_nearly_the_same_is_found_among_those_of_one_parent() -> None:
    known = Known()
    known.add("a", faces(LONG, drawn(1), drawn(2)))
    near = faces(LONG.replace("hour", "hours"), drawn(1), drawn(2))
    assert known.like("a", near) == "near-duplicate"
    assert known.like("b", near) is None
    assert known.like("a", faces("Please! " + LONG, drawn(1), drawn(2))) is None
    assert known.like("a", faces(LONG.replace("hour", "hours"), drawn(3), drawn(4))) is None


def test_other_colours_are_another_picture() -> None:
    known = Known()
    known.add("a", faces(LONG, drawn(1), drawn(2)))
    red = [ImageOps.colorize(drawn(number).convert("L"), "black", "red") for number in (1, 2)]
    assert known.like("a", faces(LONG.replace("hour", "hours"), *red)) is None
