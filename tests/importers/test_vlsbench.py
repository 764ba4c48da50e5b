"""VLSBench from miniatures of its layout: texts and pictures are our own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.importers.vlsbench import IMPORTER
from tests.miniatures import contents, imported, kinds, picture, png, write_files, zipped

FULL = 2241


def row(number: int, picture: str, **others: Any) -> dict[str, Any]:
    return {
        "instruction_id": number,
        "instruction": f"Is it wise to touch number {number}?",
        "image_path": picture,
        "category": "Self-Harm",
        "sub_category": "Danger in a Kitchen",
        "source": "Drawn",
        **others,
    }


ROWS = [row(0, "imgs/0.png"), row(1, "imgs/0.png"), row(2, "imgs/2.jpg", category="Privacy", source=None)]
PICTURES = {"imgs/0.png": png("navy"), "imgs/2.jpg": picture("JPEG")}
SMALL = replace(IMPORTER, about=IMPORTER.about.model_copy(update={"rows": {"data.json": 3}}))


def release(folder: Path, rows: Any = None, pictures: Any = None) -> Path:
    files = {"data.json": json.dumps(rows or ROWS, indent=1), **(pictures or PICTURES)}
    return write_files(folder / "vlsbench", files)


def test_cases(tmp_path: Path) -> None:
    report, rows = imported(SMALL, release(tmp_path), out=tmp_path / "out")
    same = {"side": "unsafe", "centric": "image"}
    assert rows == [
        {
            **{"id": "image-privacy-0002", "group": "picture-2-jpg", **same, "category": "privacy"},
            **{"prompt": "Is it wise to touch number 2?", "image": "images/2.jpg"},
            "tags": ["sub:danger-in-a-kitchen"],
        },
        *(
            {
                **{"id": f"image-self-harm-000{number}", "group": "picture-0-png", **same, "category": "self-harm"},
                **{"prompt": f"Is it wise to touch number {number}?", "image": "images/0.png"},
                "tags": ["sub:danger-in-a-kitchen", "source:drawn"],
            }
            for number in (0, 1)
        ),
    ]
    assert (tmp_path / "out/images/2.jpg").read_bytes() == picture("JPEG")
    assert (report.complete, report.groups, report.pictures, kinds(report)) == (True, 2, 2, {})


def test_a_zip_and_another_order_give_the_same(tmp_path: Path) -> None:
    first, _ = imported(SMALL, release(tmp_path), out=tmp_path / "a")
    imported(SMALL, release(tmp_path), out=tmp_path / "b")
    zip_report, _ = imported(SMALL, zipped(tmp_path / "vlsbench"), out=tmp_path / "c")
    turned, _ = imported(SMALL, release(tmp_path / "turned", ROWS[::-1]), out=tmp_path / "d")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert {first.sha256} == {zip_report.sha256, turned.sha256}


def test_what_a_cut_copy_lacks_is_counted(tmp_path: Path) -> None:
    report, rows = imported("vlsbench", release(tmp_path), out=tmp_path / "out")
    assert (kinds(report), len(rows)) == ({("missing", "rows"): FULL - 3}, 3)


def test_rows_that_cannot_be_cases(tmp_path: Path) -> None:
    odd = [
        row(10, "imgs/0.png", instruction=1.5),
        row(11, "imgs/0.png", instruction=None),
        row(12, "imgs/0.png", instruction={"asked": "?"}),
        row(13, "", category="Self-Harm"),
        row(14, "imgs/0.png", category=" "),
        row(15, "imgs/0.png", instruction_id=None),
        row(0, "imgs/0.png", instruction="Is it another one?"),
    ]
    report, rows = imported(SMALL, release(tmp_path, [*ROWS, *odd, ROWS[2]]), out=tmp_path / "out")
    assert [one["id"][-1] for one in rows] == ["2", "1"]
    assert kinds(report) == {
        ("missing", "rows"): 1,
        ("repaired", "repeated-row"): 1,
        ("refused", "not-text"): 2,
        ("refused", "id"): 1,
        ("refused", "empty-prompt"): 1,
        ("refused", "no-picture"): 1,
        ("refused", "no-name"): 1,
        ("refused", "id-twice"): 1,
    }


def test_pictures_that_are_elsewhere_or_nowhere(tmp_path: Path) -> None:
    rows = [row(0, "imgs/0.png"), row(1, r"C:\imgs\1.png"), row(2, "./imgs/2.png"), row(3, "imgs/3.png")]
    pictures = {"pictures/0.png": png("navy"), "imgs/1.png": png("red"), "imgs/2.png": png("red"), "imgs/3.png": b"?"}
    report, cases = imported(SMALL, release(tmp_path, rows, pictures), out=tmp_path / "out")
    assert [case["id"] for case in cases] == ["image-self-harm-0002"]
    assert kinds(report) == {
        ("noted", "more-rows"): 1,
        ("missing", "picture"): 1,
        ("refused", "path-outside"): 1,
        ("refused", "unusable-picture"): 1,
    }


def test_a_picture_that_is_there_twice(tmp_path: Path) -> None:
    twice = {"imgs/0.png": png("navy"), "copy/imgs/0.png": png("navy"), "imgs/2.jpg": picture("JPEG")}
    report, rows = imported(SMALL, release(tmp_path, pictures=twice), out=tmp_path / "a")
    assert (len(rows), kinds(report)) == (3, {})
    apart = {"a/imgs/0.png": png("navy"), "b/imgs/0.png": png("red"), "imgs/2.jpg": picture("JPEG")}
    report, rows = imported(SMALL, release(tmp_path / "apart", pictures=apart), out=tmp_path / "b")
    assert [one["id"] for one in rows] == ["image-privacy-0002"]
    assert kinds(report)["refused", "ambiguous-file"] == 1
    assert kinds(report)["missing", "picture"] == 1


@pytest.mark.parametrize("kind", ["outside", "inside"])
def test_links(tmp_path: Path, kind: str) -> None:
    pictures = {"imgs/2.jpg": picture("JPEG"), "other/deep/real.png": png("navy"), "../real.png": png("navy")}
    folder = release(tmp_path, pictures=pictures)
    target = "../../real.png" if kind == "outside" else "../other/deep/real.png"
    (folder / "imgs/0.png").symlink_to(target)
    report, rows = imported(SMALL, folder, out=tmp_path / "out")
    if kind == "inside":
        assert (len(rows), kinds(report)) == (3, {})
    else:
        assert [one["id"] for one in rows] == ["image-privacy-0002"]
        assert kinds(report) == {("noted", "link-outside"): 1, ("missing", "picture"): 1}


def test_tables_that_cannot_be_used(tmp_path: Path) -> None:
    for number, table in enumerate([json.dumps(ROWS)[:-40], "[]]", json.dumps([{"instruction_id": 1}])]):
        folder = write_files(tmp_path / f"{number}", {"data/data.json": table, **PICTURES})
        report, rows = imported(SMALL, folder, out=tmp_path / f"out{number}")
        assert (kinds(report), rows) == ({("refused", "table"): 1}, [])
    report, rows = imported(SMALL, write_files(tmp_path / "none", PICTURES), out=tmp_path / "out")
    assert (kinds(report), rows) == ({("missing", "table"): 1}, [])
