"""The suite to train on: it loads, is the same for a seed, and holds nothing of what is evaluated."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from pytest_vsc.suites import load_suite
from pytest_vsc.verifying import flaws

MODELS = Path(__file__).parents[1] / "fixtures/models"

pytest.importorskip("torch")
pytest.importorskip("transformers")

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def practice() -> Iterator[ModuleType]:
    """The script, importable for the time of this module, as the makers beside it."""
    before = set(sys.modules)
    sys.path.insert(0, str(MODELS))
    yield __import__("make_practice")
    sys.path.remove(str(MODELS))
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == MODELS:
            sys.modules.pop(name)


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

    monkeypatch.setattr(practice, "MINI", tmp_path)  # its pictures take most of the time
    assert contents(make(practice, monkeypatch, tmp_path / "again")) == contents(folder)
    other = make(practice, monkeypatch, tmp_path / "other", "--seed", "2")
    assert contents(other)["pairs.yaml"] != contents(folder)["pairs.yaml"]
    with pytest.raises(SystemExit, match="practice: is not empty; expected a new folder"):
        make(practice, monkeypatch, folder)


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
