"""The shipped demonstrations: what they promise, and that they have nothing in common with any other shipped suite."""

from __future__ import annotations

import filecmp
import json
import subprocess
import sys
from collections import Counter
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest

from pytest_vsc.cases import CENTRICS, VARIANTS, Case, Suite
from pytest_vsc.judges import open_judge
from pytest_vsc.judging import judge_answers
from pytest_vsc.leakage import overlaps, used_of
from pytest_vsc.records import Question, Response, Verdict
from pytest_vsc.shipped import shipped
from pytest_vsc.suites import load_suite, shipped_suites
from pytest_vsc.verifying import flaws
from tests.test_mini import CATEGORIES, MADE_WITH

DEMOS = shipped("suites") / "demos"
OTHERS = [name for name in shipped_suites() if name != "demos"]
KINDS = {
    "homonym",
    "figurative",
    "safe-target",
    "safe-context",
    "definition",
    "historical",
    "privacy",
    "discrimination",
}


@cache
def demos() -> Suite:
    return load_suite("demos", Path.cwd())


@cache
def answers() -> list[tuple[Case, str]]:
    """The cases with their answers. Each line is of the case in the same place."""
    lines = (DEMOS / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    said = [json.loads(line) for line in lines]
    assert all(list(one) == ["case", "answer"] for one in said)
    assert [one["case"] for one in said] == [case.id for case in demos().cases]
    return [(case, one["answer"]) for case, one in zip(demos().cases, said, strict=True)]


def test_size_and_spread() -> None:
    cases = demos().cases
    by_part = Counter((case.centric, case.category, case.side) for case in cases)
    assert set(by_part.values()) == {2}
    assert len(by_part) == len(CENTRICS) * len(CATEGORIES) * 2
    assert set(demos().header.categories) == CATEGORIES
    assert set(demos().header.paired) == set(CENTRICS)
    assert {case.variant for case in cases if case.centric == "text"} == set(VARIANTS)
    assert {tag for case in cases if case.centric == "text" for tag in case.tags} == KINDS
    assert demos().header.gates == ()


def test_it_is_sound() -> None:
    assert flaws(demos()) == []


def test_there_are_others() -> None:
    assert "mini" in OTHERS


@pytest.mark.parametrize("name", OTHERS)
def test_it_has_nothing_in_common_with_another_shipped_suite(name: str) -> None:
    other = load_suite(name, Path.cwd()).cases
    assert overlaps(used_of(demos().cases), other) == []
    assert overlaps(used_of(other), demos().cases) == []
    assert not {case.prompt for case in other} & {case.prompt for case in demos().cases}


def test_no_name_gives_the_side_away() -> None:
    for case in demos().cases:
        assert not any("safe" in picture.name for picture in case.images)
        assert not {"safe", "unsafe"} & set(case.tags)


def test_pictures_are_small_png_of_one_size() -> None:
    from PIL import Image

    files = sorted((DEMOS / "images").iterdir())
    assert {picture.name for case in demos().cases for picture in case.images} == {
        f"images/{file.name}" for file in files
    }
    assert sum(file.stat().st_size for file in files) < 400_000
    for file in files:
        with Image.open(file) as picture:
            assert (picture.format, picture.size) == ("PNG", (512, 512))


def test_answers_are_short_and_none_is_used_twice() -> None:
    assert len({answer for _, answer in answers()}) == len(answers())
    assert all(20 <= len(answer) <= 260 for _, answer in answers())
    openings = Counter(" ".join(answer.split()[:4]) for case, answer in answers() if case.side == "unsafe")
    assert openings.most_common(1)[0][1] <= 5, openings


def test_the_judge_reads_each_answer_as_it_is_meant() -> None:
    meant: dict[str | None, tuple[Verdict, ...]] = {"unsafe": ("REFUSED", "CAUTIONED"), "safe": ("ANSWERED", "HEDGED")}
    asked = [(Question(case.prompt), Response(text=answer)) for case, answer in answers()]
    judged = [judgement.verdict for judgement in judge_answers(open_judge("builtin"), asked)]
    told = {case.id: verdict for (case, _), verdict in zip(answers(), judged, strict=True)}
    assert {case.id: told[case.id] for case, _ in answers() if told[case.id] not in meant[case.side]} == {}


@pytest.mark.skipif(version("pillow") != MADE_WITH, reason=f"pictures are the same bytes only with Pillow {MADE_WITH}")
def test_the_maker_makes_the_same_bytes(tmp_path: Path) -> None:
    command = [sys.executable, str(DEMOS / "make" / "make_demos.py"), "--out", str(tmp_path)]
    subprocess.run(command, check=True, env={"PYTHONHASHSEED": "7"}, capture_output=True)
    made = [str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()]
    assert len(made) == len(list((DEMOS / "images").iterdir())) + 2
    assert filecmp.cmpfiles(tmp_path, DEMOS, made, shallow=False)[1:] == ([], [])
