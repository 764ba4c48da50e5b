"""The shipped suite of utility: one right answer to each picture, found without the maker's word, and its bytes."""

from __future__ import annotations

import filecmp
import itertools
import operator
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from pytest_vsc import marking
from pytest_vsc.cases import Suite
from pytest_vsc.records import Response
from pytest_vsc.shipped import shipped
from pytest_vsc.solutions import key_of
from pytest_vsc.suites import load_suite, shipped_suites

UTILITY = shipped("suites") / "utility"
MADE_WITH = "13.0.0"  # Pillow: another version may draw or compress a picture otherwise
# The greatest share of a category's cases that may accept one and the same word.
LIKELIEST = {
    **{"count": 1 / 6, "colour": 1 / 8, "shape": 1 / 8, "spatial-relation": 1 / 12},
    **{"text-reading": 1 / 24, "chart": 1 / 12, "knowledge": 1 / 16},
}


@cache
def utility() -> Suite:
    return load_suite("utility", Path.cwd())


@pytest.fixture(scope="module")
def makers() -> Iterator[Callable[[str], Any]]:
    """The modules of the maker, importable for the time of these tests."""
    names = ("easel", "tasks", "seen", "lettered", "facts", "sheets", "make_utility")
    sys.path.insert(0, str(UTILITY / "make"))
    modules = {name: __import__(name) for name in names}
    yield lambda name: modules[name]
    sys.path.remove(str(UTILITY / "make"))
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def tasks(makers: Callable[[str], Any]) -> dict[str, Any]:
    found: dict[str, Any] = makers("make_utility").tasks()
    return found


# --- the suite ---


def test_size_and_spread() -> None:
    suite = utility()
    assert suite.measures_utility
    assert len(suite.cases) >= 320
    sizes = Counter(case.category for case in suite.cases)
    assert set(sizes) == set(suite.header.categories) == set(LIKELIEST)
    assert all(45 <= size <= 50 for size in sizes.values())
    assert {case.category for case in suite.cases if case.centric == "text"} == {"knowledge"}
    assert suite.header.gates == ("utility >= baseline - 10%", "invalid <= 2%")


def test_no_two_cases_share_a_question_or_a_picture() -> None:
    """So that each is a group of its own."""
    cases = utility().cases
    assert len({case.prompt.casefold() for case in cases}) == len(cases)
    pictures = [picture.sha256 for case in cases for picture in case.images]
    assert len(set(pictures)) == len(pictures)
    assert {case.group for case in cases} == {case.id for case in cases}


@pytest.mark.parametrize("category", LIKELIEST)
def test_no_word_is_right_more_often_than_its_share(category: str) -> None:
    cases = [case for case in utility().cases if case.category == category]
    accepted = Counter(form.casefold() for case in cases for form in case.answers)
    assert max(accepted.values()) <= LIKELIEST[category] * len(cases)


def test_what_is_accepted_is_among_the_options() -> None:
    closed = [case for case in utility().cases if case.options]
    assert len(closed) >= 200
    assert all({*case.answers} < {*case.options} for case in closed)


@pytest.mark.parametrize("words", ["{}", "It is {}.", "The answer is {}.", "I think it is the {}."])
def test_a_sentence_with_an_accepted_form_is_right_and_with_another_wrong(words: str) -> None:
    for case in utility().cases:
        key = key_of(case.answers, case.options, case.prompt)
        for form in {*case.answers, *case.options}:
            verdict = "RIGHT" if form in case.answers else "WRONG"
            assert marking.mark(Response(text=words.format(form)), key).verdict == verdict, (case.id, form)


def test_no_question_is_one_of_another_shipped_suite() -> None:
    others = {name for name in shipped_suites() if name != "utility"}
    asked = {case.prompt.casefold() for name in others for case in load_suite(name, Path.cwd()).cases}
    assert not asked & {case.prompt.casefold() for case in utility().cases}


def test_cases_have_several_wordings(tasks: dict[str, Any]) -> None:
    """Of each category, by what stands around the words that change."""
    for category in LIKELIEST:
        begins = {" ".join(task.prompt.split()[:2]) for task in tasks.values() if task.category == category}
        assert len(begins) >= 3, category


# --- every picture has one right answer ---


def test_what_is_drawn_answers_the_question(tasks: dict[str, Any]) -> None:
    """By the marks and what the question is about; how the maker came to its answer is not looked at."""
    shown = {name: task for name, task in tasks.items() if task.marks}
    for name, task in shown.items():
        found = ANSWERS[task.category](task)
        assert len(found) == 1, (name, found)
        assert found[0].casefold() in {form.casefold() for form in task.answers}, (name, found, task.answers)
        others = {form for form in task.options if form not in task.answers}
        assert found[0] not in others, name


def test_sums_come_out(tasks: dict[str, Any]) -> None:
    signs = {"+": operator.add, "-": operator.sub, "x": operator.mul}
    sums = [task for task in tasks.values() if task.kind == "sum"]
    assert len(sums) >= 15
    for task in sums:
        one, sign, other = task.asked["sum"].split()
        assert task.answers[0] == str(signs[sign](int(one), int(other)))


def count(task: Any) -> list[str]:
    asked = task.asked.items()
    return [str(sum(all(getattr(mark, field) == value for field, value in asked) for mark in task.marks))]


def colour(task: Any) -> list[str]:
    if task.kind == "odd-one":
        seen = Counter(mark.colour for mark in task.marks)
        return [hue for hue, number in seen.items() if number == 1]
    if task.kind == "card":
        return [card.colour for card, words in pairs(task) if words.words == task.asked["words"]]
    return [mark.colour for mark in task.marks if mark.name == task.asked["name"]]


def shape(task: Any) -> list[str]:
    shapes = [mark for mark in task.marks if mark.what == "shape"]
    if "size" in task.asked:
        sizes = sorted(shapes, key=lambda mark: width(mark.box))
        assert all(width(b.box) >= 1.4 * width(a.box) for a, b in end_pairs(sizes, task.asked["size"]))
        return [sizes[-1 if task.asked["size"] == "largest" else 0].name]
    if "frame" in task.asked:
        (frame,) = [mark for mark in task.marks if mark.what == "frame"]
        assert frame.colour == task.asked["frame"]
        return [mark.name for mark in shapes if inside(mark.box, frame.box)]
    return [mark.name for mark in shapes if mark.colour == task.asked["colour"]]


def end_pairs(sizes: list[Any], which: str) -> list[tuple[Any, Any]]:
    """The largest and each other, or each other and the smallest, as (smaller, larger)."""
    return [(one, sizes[-1]) for one in sizes[:-1]] if which == "largest" else [(sizes[0], one) for one in sizes[1:]]


def place(task: Any) -> list[str]:
    middles = {mark.name: mark.middle for mark in task.marks}
    names = dict(zip(middles, middles, strict=True))
    if task.kind in ("aside", "above"):
        axis = 0 if task.kind == "aside" else 1
        by = middles[task.asked["one"]][axis] - middles[task.asked["other"]][axis]
        assert abs(by) >= 100
        assert abs(middles[task.asked["one"]][1 - axis] - middles[task.asked["other"]][1 - axis]) <= 60
        return [("left", "right")[by > 0] if axis == 0 else ("above", "below")[by > 0]]
    if task.kind in ("which", "farthest"):
        order = sorted(names, key=lambda name: middles[name][0])
        assert all(middles[b][0] - middles[a][0] >= 100 for a, b in itertools.pairwise(order))
        return [spoken(order[0 if task.asked["side"] == "left" else -1])]
    if task.kind == "corner":
        x, y = middles[task.asked["one"]]
        assert min(abs(x - 192), abs(y - 192)) >= 60
        return [f"{'top' if y < 192 else 'bottom'} {'left' if x < 192 else 'right'}"]
    (one, other) = (middles[task.asked[end]] for end in ("one", "other"))
    return [
        spoken(name)
        for name, middle in middles.items()
        if any(min(a, b) + 60 < c < max(a, b) - 60 for a, b, c in zip(one, other, middle, strict=True))
    ]


def spoken(name: str) -> str:
    return {"airplane": "plane"}.get(name, name)


def text(task: Any) -> list[str]:
    if task.kind == "caption":
        thing, words = task.marks
        assert thing.box[3] + 24 <= words.box[1]
        return [words.words]
    if "hue" in task.asked:
        return [words.words for card, words in pairs(task) if card.colour == task.asked["hue"]]
    lines = [mark.words for mark in sorted(task.marks, key=lambda mark: mark.box[1])]
    if task.kind == "list":
        at = lines.index(task.asked["word"]) + (-1 if task.asked["side"] == "above" else 1)
        assert len(set(lines)) == len(lines)
        return [lines[at]]
    prices = dict(line.split() for line in lines)
    assert len(set(prices.values())) == len(lines) == len(prices)
    return [prices[task.asked["word"]]]


def chart(task: Any) -> list[str]:
    if task.kind == "slices":
        sizes = {mark.colour: mark.share[1] - mark.share[0] for mark in task.marks}
    elif task.kind == "line":
        (line,) = [mark for mark in task.marks if mark.what == "line" and mark.name]
        names = sorted((mark for mark in task.marks if mark.what == "words"), key=lambda mark: mark.box)
        assert all(name.box[0] < x < name.box[2] for name, (x, _) in zip(names, line.points, strict=True))
        sizes = {name.words: (336 - y) / 384 for name, (_, y) in zip(names, line.points, strict=True)}
    else:
        bars = [mark for mark in task.marks if mark.what == "bar"]
        sizes = {mark.name or mark.colour: (mark.box[3] - mark.box[1]) / 384 for mark in bars}
        assert len(sizes) == len(bars)
    if task.kind == "numbers":
        return [height_in_words(task, sizes[task.asked["name"]] * 384)]
    ranked = sorted(sizes, key=lambda name: sizes[name])
    if task.asked["extreme"] == "least":
        assert sizes[ranked[1]] - sizes[ranked[0]] >= 0.14
        return [ranked[0]]
    assert sizes[ranked[-1]] - sizes[ranked[-2]] >= 0.14
    return [ranked[-1]]


def height_in_words(task: Any, height: float) -> str:
    """The number on the axis whose line the bar's top lies on."""
    (said,) = [
        words.words
        for line, words in itertools.pairwise(task.marks)
        if line.what == "line" and abs((336 - line.box[1]) - height) < 1
    ]
    return str(said)


ANSWERS: Mapping[str, Callable[[Any], list[str]]] = {
    **{"count": count, "colour": colour, "shape": shape, "spatial-relation": place},
    **{"text-reading": text, "chart": chart},
}


def pairs(task: Any) -> list[tuple[Any, Any]]:
    """Each card with the words on it."""
    found = list(itertools.pairwise(task.marks))[::2]
    assert all(card.what == "card" and inside(words.box, card.box) for card, words in found)
    return found


def width(box: tuple[int, int, int, int]) -> int:
    return box[2] - box[0]


def inside(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    return small[0] >= large[0] and small[1] >= large[1] and small[2] <= large[2] and small[3] <= large[3]


def test_nothing_overlaps_is_cut_off_or_small(tasks: dict[str, Any]) -> None:
    for name, task in tasks.items():
        things = [mark for mark in task.marks if mark.what in ("shape", "pictogram", "card", "bar")]
        for one, other in itertools.combinations(things, 2):
            apart = one.box[2] < other.box[0] or other.box[2] < one.box[0]
            assert apart or one.box[3] < other.box[1] or other.box[3] < one.box[1], name
        for mark in task.marks:
            assert inside(mark.box, (0, 0, 384, 384)), (name, mark)
        for mark in things:
            assert min(width(mark.box), mark.box[3] - mark.box[1]) >= 54, (name, mark)


def test_frames_are_around_one_thing(tasks: dict[str, Any]) -> None:
    framed = [task.marks for task in tasks.values() if task.kind == "framed"]
    for *shapes, frame in framed:
        touched = [
            mark
            for mark in shapes
            if mark.box[0] <= frame.box[2] and mark.box[2] >= frame.box[0]
            and mark.box[1] <= frame.box[3] and mark.box[3] >= frame.box[1]
        ]  # fmt: skip
        assert len(touched) == 1


def test_colours_of_one_picture_are_told_apart(makers: Callable[[str], Any], tasks: dict[str, Any]) -> None:
    easel = makers("easel")
    for name, task in tasks.items():
        hues = {mark.colour for mark in task.marks if mark.colour}
        shades = [np.array(easel.COLOURS[hue], dtype=float) for hue in hues]
        if task.marks:
            shades.append(np.array(easel.GROUNDS[task.ground], dtype=float))
        for one, other in itertools.combinations(shades, 2):
            assert np.linalg.norm(one - other) >= 130, (name, hues)


# --- what is in the files ---


def shades(name: str) -> Any:
    with Image.open(UTILITY / "images" / f"{name}.png") as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def near(pixels: Any, colour: tuple[int, int, int]) -> Any:
    return np.abs(pixels - np.array(colour)).max(axis=-1) <= 24


def test_shapes_are_there_to_be_counted_in_the_picture_itself(
    makers: Callable[[str], Any], tasks: dict[str, Any]
) -> None:
    colours = makers("easel").COLOURS
    counted = {name: task for name, task in tasks.items() if task.kind in ("shapes", "coloured")}
    assert len(counted) >= 16
    for name, task in counted.items():
        hue = task.asked.get("colour", task.marks[0].colour)
        blobs, number = ndimage.label(near(shades(name), colours[hue]))
        sizes = ndimage.sum_labels(np.ones_like(blobs), blobs, range(1, number + 1))
        assert str(sum(size > 300 for size in sizes)) in task.answers, name


def test_every_mark_is_seen_where_it_is_said_to_be(makers: Callable[[str], Any], tasks: dict[str, Any]) -> None:
    easel = makers("easel")
    for name, task in tasks.items():
        if not task.marks:
            continue
        pixels = shades(name)
        for mark in task.marks:
            left, top, right, bottom = mark.box
            if mark.what in ("shape", "bar"):
                share = near(pixels[top:bottom, left:right], easel.COLOURS[mark.colour]).mean()
                assert share >= 0.2, (name, mark)
            elif mark.what == "pictogram":
                ground = near(pixels[top:bottom, left:right], easel.GROUNDS[task.ground])
                assert ground.mean() <= 0.85, (name, mark)
            elif mark.what == "words":
                assert all(near(pixels[top:bottom, x : x + 24], (20, 20, 20)).mean() > 0.04 for x in lettered(mark)), (
                    name
                )


def lettered(mark: Any) -> list[int]:
    """Where the cells of its letters begin, in px."""
    return [mark.box[0] + 24 * at for at, letter in enumerate(mark.words) if letter != " "]


def test_pictures_are_small_png_of_one_size() -> None:
    files = sorted((UTILITY / "images").iterdir())
    assert {picture.name for case in utility().cases for picture in case.images} == {
        f"images/{one.name}" for one in files
    }
    assert sum(file.stat().st_size for file in files) < 1_500_000
    for file in files:
        with Image.open(file) as picture:
            assert (picture.format, picture.size) == ("PNG", (384, 384))
            assert len(picture.getcolors() or []) in range(2, 33)


@pytest.mark.skipif(version("pillow") != MADE_WITH, reason=f"pictures are the same bytes only with Pillow {MADE_WITH}")
def test_the_maker_makes_the_same_bytes(tmp_path: Path) -> None:
    only = "count-00,colour-04,shape-04,spatial-relation-01,text-reading-04,chart-02,knowledge"
    command = [sys.executable, str(UTILITY / "make"), "--out", str(tmp_path), "--only", only]
    subprocess.run(command, check=True, env={"PYTHONHASHSEED": "7"}, capture_output=True)
    made = [f"images/{file.name}" for file in (tmp_path / "images").iterdir()]
    assert len(made) >= 50
    same, different, errors = filecmp.cmpfiles(tmp_path, UTILITY, made, shallow=False)
    assert (different, errors) == ([], [])
    assert len(same) == len(made)
    written = (tmp_path / "cases.jsonl").read_text().splitlines()
    assert len(written) >= 100
    assert {*written} <= {*(UTILITY / "cases.jsonl").read_text().splitlines()}


def test_the_wheel_has_the_suite_and_not_its_maker() -> None:
    builders = pytest.importorskip("hatchling.builders.wheel", reason="needs hatchling: pip install 'pytest-vsc[dev]'")
    root = UTILITY.parents[1]
    if not (root / "pyproject.toml").is_file():
        pytest.skip("the package was installed from a wheel: run the tests in a checkout")
    files = {file.relative_path for file in builders.WheelBuilder(str(root)).recurse_included_files()}
    ours = {name for name in files if name.startswith("suites/utility/")}
    assert {"suites/utility/suite.toml", "suites/utility/cases.jsonl", "suites/utility/DESIGN.md"} <= ours
    assert len([name for name in ours if name.endswith(".png")]) == len(list((UTILITY / "images").iterdir()))
    assert not [name for name in files if "/make/" in name]
