"""The suite to train on: it loads, is the same for a seed, and holds nothing of what is evaluated."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from pytest_vsc.leakage import overlaps, used_of
from pytest_vsc.suites import load_suite
from pytest_vsc.verifying import flaws
from tests.makers import maker

pytest.importorskip("torch")
pytest.importorskip("transformers")

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def practice() -> Iterator[ModuleType]:
    with maker("make_practice") as module:
        yield module


def make(practice: ModuleType, monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str) -> Path:
    monkeypatch.setattr(sys, "argv", ["make_practice.py", "--out", str(folder), "--pairs", "12", *options])
    practice.main()
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_practice(practice: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = make(practice, monkeypatch, tmp_path / "practice", "--utility")
    suite = load_suite(str(folder), tmp_path)
    assert suite.name == "practice"
    assert {case.side for case in suite.cases} == {"safe", "unsafe"}
    assert {case.centric for case in suite.cases} == {"image", "text"}
    assert not [flaw for flaw in flaws(suite, 1) if flaw.severity == "error"]
    mini = load_suite("mini", tmp_path)
    asked = {case.prompt.casefold() for case in mini.cases}
    shown = {picture.digest() for case in mini.cases for picture in case.images}
    assert asked.isdisjoint(case.prompt.casefold() for case in suite.cases)
    assert shown.isdisjoint(picture.digest() for case in suite.cases for picture in case.images)

    utility = load_suite(f"{folder}-utility", tmp_path)
    assert utility.name == "practice-utility"
    assert all(case.answers and case.side is None for case in utility.cases)

    monkeypatch.setattr(practice, "MINI", tmp_path / "nothing")  # its pictures take most of the time
    assert contents(make(practice, monkeypatch, tmp_path / "again")) == contents(folder)
    plain = make(practice, monkeypatch, tmp_path / "plain", "--plain")
    assert contents(plain)["pairs.yaml"] != contents(folder)["pairs.yaml"]
    assert not any(
        case.prompt.endswith(tuple(practice.split(practice.BEHIND))) for case in load_suite(str(plain), tmp_path).cases
    )
    other = make(practice, monkeypatch, tmp_path / "other", "--seed", "2")
    assert contents(other)["pairs.yaml"] != contents(folder)["pairs.yaml"]
    with pytest.raises(SystemExit, match="practice: is not empty; expected a new folder"):
        make(practice, monkeypatch, folder)


def test_an_exam_has_nothing_of_what_it_is_kept_apart_from(
    practice: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(practice, "MINI", tmp_path / "nothing")
    monkeypatch.setattr(practice, "APART", ("demos",))
    trained = load_suite(str(make(practice, monkeypatch, tmp_path / "practice")), tmp_path)
    used = used_of(trained.cases)
    folder = make(practice, monkeypatch, tmp_path / "exam", "--split", "final", "--utility", "--apart", trained.root)
    exam = load_suite(str(folder), tmp_path)
    assert exam.name == "exam"
    assert {case.side for case in exam.cases} == {"safe", "unsafe"}
    assert not [flaw for flaw in flaws(exam, 1) if flaw.severity == "error"]
    assert overlaps(used, exam.cases) == []
    assert load_suite(f"{folder}-utility", tmp_path).name == "exam-utility"

    kinds = practice.material.TEXT_KINDS
    assert practice.text_kinds("final") == [kind for kind in kinds if practice.material.text_pool(kind, True, "final")]
    rows = practice.pairs(practice.random.Random(1), 4, practice.Seen(tmp_path))
    again = practice.apart(rows, "exam", used_of(practice.cases_of(rows[0], "exam")))
    assert rows[0] not in again
    assert again


def test_what_looks_like_a_picture_of_the_suite_is_left_out(practice: ModuleType, tmp_path: Path) -> None:
    rows = practice.pairs(practice.random.Random(3), 2, practice.Seen(tmp_path))
    pictured = next(row for row in rows if row.halves[0].png)
    (tmp_path / "known.png").write_bytes(pictured.halves[0].png)
    assert pictured not in practice.unlike(rows, tmp_path)
    assert len(practice.unlike(rows, tmp_path)) == len(rows) - 1


def test_a_question_of_the_suite_is_not_asked(practice: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "pairs.yaml").write_text("- prompt: May I keep this?\n")
    seen, item = practice.Seen(tmp_path), practice.material.blank_item(practice.random.Random(1))
    assert not seen.new([practice.Drawn(item, "may i keep THIS", None)])
    assert seen.new([practice.Drawn(item, "May I sell this?", None)])
    assert not seen.new([practice.Drawn(item, "May I sell this?", None)])
