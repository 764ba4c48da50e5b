"""Where the pictures of a run are found: by their bytes, in shipped suites and in folders of suites."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from pytest_vsc.errors import SuiteError
from pytest_vsc.reports.found import pictures_of
from pytest_vsc.runs import SuiteSeen
from pytest_vsc.suites import load_suite
from tests.test_runs import HEADER


def suite_with_a_picture(folder: Path, colour: str = "red", name: str = "shots") -> str:
    """A suite of one case with one picture; gives the picture's sha256."""
    folder.mkdir()
    head = f'name = "{name}"\nversion = "1"\nlicence = "CC0-1.0"\ncategories = ["x"]\n'
    (folder / "suite.toml").write_text(head)
    case = {"id": "one", "side": "safe", "centric": "image", "category": "x", "prompt": "What is it?", "image": "a.png"}
    (folder / "cases.jsonl").write_text(json.dumps(case) + "\n")
    buffer = io.BytesIO()
    Image.new("RGB", (80, 40), colour).save(buffer, "PNG")
    (folder / "a.png").write_bytes(buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def test_a_shipped_suite_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = HEADER.model_copy(update={"suites": (SuiteSeen(name="mini", version="1", sha256="0", cases=1),)})
    found = pictures_of(run)
    wanted = {picture.sha256 for case in load_suite("mini", tmp_path).cases for picture in case.images}
    assert set(found) == wanted
    assert all(hashlib.sha256(found[digest].read()).hexdigest() == digest for digest in sorted(wanted)[:3])


def test_a_folder_is_looked_into_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is it taken for the shipped suite of that name."""
    monkeypatch.chdir(tmp_path)
    digest = suite_with_a_picture(Path("mini"))
    other = suite_with_a_picture(Path("other"), "blue")
    assert set(pictures_of(HEADER, [Path("mini"), Path("other")])) == {digest, other}
    assert pictures_of(HEADER) == {}


def test_a_folder_without_a_suite_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"no suite\.toml"):
        pictures_of(HEADER, [tmp_path])
