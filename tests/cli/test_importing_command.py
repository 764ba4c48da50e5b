"""`vsc import`: what it prints, what it writes, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import fullsize
from tests.command import Run
from tests.miniatures import png, write_files

TABLE = "id,prompt,side,image\na,What is it?,0,a.png\nb,May I?,1,b.png\nc,And this?,1,c.png\n"
MAPPING = ("--value", "side:0=safe", "--value", "side:1=unsafe", "--set", "category=kitchen")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_files(tmp_path / "r", {"mine.csv": TABLE, "a.png": png("red"), "b.png": png("blue")})


def test_the_report_says_what_was_made_and_what_is_missing(vsc: Run, table: Path, tmp_path: Path) -> None:
    code, out, err = vsc("import", "folder", table, "--out", tmp_path / "s", "--name", "mine", *MAPPING)
    assert (code, err) == (1, "")
    suite = json.loads((tmp_path / "s" / "import.json").read_text())
    assert out.splitlines() == [
        "read      3 rows of mine.csv",
        "made      2 cases of 3, 2 groups, 2 pictures, 0 of them drawn from words",
        "",
        "centric  variant  category  safe  unsafe",
        "image             kitchen      1  1 of 2",
        "image             all          1  1 of 2",
        "",
        "missing",
        "       1  picture: a picture is not there; the cases that show it are left out",
        "          c.png",
        "",
        f"written: {tmp_path / 's'} (suite mine, sha256 {suite['sha256'][:12]})",
        "INCOMPLETE: 2 of 3 cases; missing picture (1); see import.json",
        f"run it: pytest --vlm MODEL --vsc-suite={tmp_path / 's'}",
    ]


def test_folders_may_be_relative(vsc: Run, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = vsc("import", "folder", "r", "--out", "below/s", *MAPPING)
    assert (code, err) == (1, "")
    assert "run it: pytest --vlm MODEL --vsc-suite=below/s" in out.splitlines()
    assert (tmp_path / "below" / "s" / "cases.jsonl").is_file()


def test_a_complete_release_is_zero(vsc: Run, table: Path, tmp_path: Path) -> None:
    write_files(table, {"c.png": png("green")})
    code, out, _ = vsc("import", "folder", table, "--out", tmp_path / "s", *MAPPING)
    assert (code, "complete: nothing is missing" in out.splitlines()) == (0, True)


def test_strict_writes_nothing(vsc: Run, table: Path, tmp_path: Path) -> None:
    code, out, _ = vsc("import", "folder", table, "--out", tmp_path / "s", "--strict", *MAPPING)
    assert (code, (tmp_path / "s").exists()) == (1, False)
    assert "nothing written, since the release is not complete: 2 of 3 cases; missing picture (1)" in out


def test_the_report_as_json(vsc: Run, table: Path, tmp_path: Path) -> None:
    code, out, _ = vsc("import", "folder", table, "--out", tmp_path / "s", "--json", *MAPPING)
    assert code == 1
    assert json.loads(out) == json.loads((tmp_path / "s" / "import.json").read_text())


def test_a_licence_can_be_given(vsc: Run, table: Path, tmp_path: Path) -> None:
    vsc("import", "folder", table, "--out", tmp_path / "s", "--licence", "CC-BY-4.0", *MAPPING)
    assert 'licence = "CC-BY-4.0"' in (tmp_path / "s" / "suite.toml").read_text()


def test_without_a_name_the_importers_are_listed(vsc: Run) -> None:
    code, out, _ = vsc("import")
    assert code == 0
    assert "vscbench        VSCBench: safety calibration of vision-language models" in out.splitlines()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vscbnech", "x", "--out", "y"], "vsc: unknown importer 'vscbnech'; expected one of "),
        (["vscbench", "no-such", "--out", "y"], "vsc: no-such: no such folder or file; expected a release's folder"),
        (["vscbench", "x"], "vsc import: error: expected the release and a folder: vsc import vscbench SRC --out DIR"),
        (["folder", "x", "--out", "y", "--column", "a"], "vsc: --column: 'a' has no '='; expected FIELD=..."),
        (
            ["folder", "x", "--out", "y", "--value", "a=b"],
            "vsc: --value: 'a' names no field; expected FIELD:VALUE=WORD",
        ),
        (
            ["siuo", "x", "--out", "y", "--set", "a=b"],
            "vsc: --column, --value, --set: importer 'siuo' knows its release",
        ),
    ],
)
def test_bad_usage_is_one_message(vsc: Run, arguments: list[str], message: str, tmp_path: Path) -> None:
    code, out, err = vsc("import", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_names_of_a_release_cannot_steer_a_pipeline(vsc: Run, tmp_path: Path) -> None:
    rows = 'id,prompt,side,image\na,Q?,0,"::error::x\x1b[2J.png"\nb,Q?,0,a.png\n'
    place = write_files(tmp_path / "r", {"mine.csv": rows, "a.png": png("red")})
    _, out, _ = vsc("import", "folder", place, "--out", tmp_path / "s", *MAPPING)
    assert "\x1b" not in out
    assert not any(line.lstrip().startswith("::") for line in out.splitlines())


@pytest.mark.skipif(not fullsize.METADATA.is_dir(), reason=fullsize.NO_METADATA)
def test_vscbench_is_reported_in_full(vsc: Run, tmp_path: Path) -> None:
    code, out, _ = vsc("import", "vscbench", fullsize.METADATA, "--out", tmp_path / "s")
    assert code == 1
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[:2] == [
        "read 300 rows of vscbench_image_centric.xlsx, 450 rows of vscbench_text_centric.xlsx",
        "made 1,350 cases of 4,050, 450 groups, 900 pictures, 900 of them drawn from words",
    ]
    assert {"image all 0 of 900 0 of 900", "text search all 0 of 250 0 of 200", "text figstep all 250 200"} <= {*lines}
