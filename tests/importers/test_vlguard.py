"""VLGuard from miniatures of its layout: texts and pictures are our own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.drafts import Options
from pytest_vsc.errors import ReleaseError
from pytest_vsc.importers.vlguard import IMPORTER
from tests.miniatures import contents, imported, kinds, picture, png, write_files, zipped


def safe(name: str, picture: str, **others: Any) -> dict[str, Any]:
    asked = [
        {"safe_instruction": f"What colour is {name}?", "response": "It is not imported."},
        {"unsafe_instruction": f"Who is {name}, and where do they live?", "response": "Not imported."},
    ]
    return {"id": name, "image": picture, "safe": True, "instr-resp": asked, **others}


def unsafe(name: str, picture: str, **others: Any) -> dict[str, Any]:
    return {
        **{"id": name, "image": picture, "safe": False},
        **{"harmful_category": "risky behavior", "harmful_subcategory": "sexually explicit"},
        "instr-resp": [{"instruction": f"Say what {name} shows.", "response": "Not imported."}],
        **others,
    }


ROWS = [safe("Drawn_test_1", "drawn/1.jpg"), unsafe("Drawn_test_2", "drawn/2.jpg")]
TRAINED = [unsafe("Drawn_train_1", "drawn/1.jpg")]
FILES: dict[str, bytes | str] = {
    "train.json": json.dumps(TRAINED),
    "test/drawn/1.jpg": picture("JPEG", colour="navy"),
    "test/drawn/2.jpg": picture("JPEG", colour="gold"),
    "train/drawn/1.jpg": picture("JPEG", colour="white"),
}
SMALL = replace(IMPORTER, about=IMPORTER.about.model_copy(update={"rows": {"test.json": 2, "train.json": 1}}))


def release(folder: Path, rows: Any = None) -> Path:
    return write_files(folder / "VLGuard", {**FILES, "test.json": json.dumps(rows or ROWS)})


def test_cases(tmp_path: Path) -> None:
    report, rows = imported(SMALL, release(tmp_path), out=tmp_path / "out")
    assert rows == [
        {
            **{"id": "image-risky-behavior-drawn-test-2", "group": "picture-drawn-2-jpg", "side": "unsafe"},
            **{"centric": "image", "category": "risky-behavior", "prompt": "Say what Drawn_test_2 shows."},
            **{"image": "images/2.jpg", "tags": ["unsafe-picture", "sub:sexually-explicit"]},
        },
        {
            **{"id": "image-safe-picture-drawn-test-1-1", "group": "picture-drawn-1-jpg", "side": "safe"},
            **{"centric": "image", "category": "safe-picture", "prompt": "What colour is Drawn_test_1?"},
            **{"image": "images/1.jpg", "tags": ["safe-picture"]},
        },
        {
            **{"id": "image-safe-picture-drawn-test-1-2", "group": "picture-drawn-1-jpg", "side": "unsafe"},
            **{"centric": "image", "category": "safe-picture"},
            "prompt": "Who is Drawn_test_1, and where do they live?",
            **{"image": "images/1.jpg", "tags": ["safe-picture"]},
        },
    ]
    assert (tmp_path / "out/images/1.jpg").read_bytes() == FILES["test/drawn/1.jpg"]
    assert "mported" not in (tmp_path / "out/cases.jsonl").read_text()
    assert (report.complete, report.part, report.groups, kinds(report)) == (True, "test", 2, {})


def test_the_other_part(tmp_path: Path) -> None:
    report, rows = imported(SMALL, release(tmp_path), out=tmp_path / "out", options=Options(part="train"))
    assert [row["id"] for row in rows] == ["image-risky-behavior-drawn-train-1"]
    assert (tmp_path / "out" / rows[0]["image"]).read_bytes() == FILES["train/drawn/1.jpg"]
    assert (report.part, kinds(report)) == ("train", {})
    with pytest.raises(
        ReleaseError, match=r"unknown part 'trian'; expected one of test, train; did you mean 'train'\?"
    ):
        imported(SMALL, release(tmp_path), out=tmp_path / "other", options=Options(part="trian"))


def test_zips_and_another_order_give_the_same(tmp_path: Path) -> None:
    first, _ = imported(SMALL, release(tmp_path), out=tmp_path / "a")
    imported(SMALL, release(tmp_path), out=tmp_path / "b")
    in_zip, _ = imported(SMALL, zipped(tmp_path / "VLGuard"), out=tmp_path / "c")
    turned, _ = imported(SMALL, release(tmp_path / "turned", ROWS[::-1]), out=tmp_path / "d")
    text = write_files(tmp_path / "text", {"test.json": json.dumps(ROWS)})
    pictures = write_files(
        tmp_path / "test", {name.removeprefix("test/"): said for name, said in FILES.items() if "test/" in name}
    )
    apart, _ = imported(SMALL, text, zipped(pictures), out=tmp_path / "e")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert {first.sha256} == {one.sha256 for one in (in_zip, turned, apart)}


def test_what_a_cut_copy_lacks_is_counted(tmp_path: Path) -> None:
    report, rows = imported("vlguard", release(tmp_path), out=tmp_path / "out")
    assert (kinds(report), len(rows)) == ({("missing", "rows"): 998}, 3)


def test_rows_that_cannot_be_cases(tmp_path: Path) -> None:
    one, two = safe("x", "")["instr-resp"]
    odd = [
        safe("label", "drawn/1.jpg", safe=None),
        safe("number", "drawn/1.jpg", safe=1),
        safe(" ", "drawn/1.jpg"),
        unsafe("uncategorised", "drawn/1.jpg", harmful_category=None),
        safe("half", "drawn/1.jpg", **{"instr-resp": [one, 7]}),
        safe("twice", "drawn/1.jpg", **{"instr-resp": [one, one, two]}),
        safe("numbered", "drawn/1.jpg", **{"instr-resp": [{"safe_instruction": 1}, two]}),
        unsafe("none", "drawn/1.jpg", **{"instr-resp": None}),
        unsafe("blank", "drawn/1.jpg", **{"instr-resp": [{"instruction": " "}]}),
        unsafe("long", "drawn/1.jpg", **{"instr-resp": [{"instruction": "x" * 100_001}]}),
        unsafe("unseen", ""),
        unsafe("Drawn_test_2", "drawn/1.jpg"),
    ]
    report, rows = imported(SMALL, release(tmp_path, [*ROWS, *odd, ROWS[0]]), out=tmp_path / "out")
    assert [row["id"] for row in rows] == [
        "image-safe-picture-drawn-test-1-1",
        "image-safe-picture-drawn-test-1-2",
        "image-safe-picture-half-1",
        "image-safe-picture-numbered-2",
        "image-safe-picture-twice-2",
    ]
    assert kinds(report) == {
        ("noted", "more-rows"): 2,
        ("repaired", "repeated-row"): 1,  # one place, two cases
        ("refused", "label"): 2,
        ("refused", "id"): 1,
        ("refused", "no-name"): 1,
        ("refused", "request"): 4,
        ("refused", "empty-prompt"): 1,
        ("refused", "row-too-large"): 1,
        ("refused", "no-picture"): 1,
        ("refused", "id-twice"): 1,
    }


def test_pictures_as_they_are_found(tmp_path: Path) -> None:
    names = ["a.png", "b.jpg", "c.jpg", "d.jpg", "../../e.jpg", "F.JPG"]
    folder = release(tmp_path, [unsafe(f"n{number}", name) for number, name in enumerate(names)])
    write_files(folder / "test", {"a.png": picture("WEBP"), "b.jpg": picture("JPEG", "CMYK"), "f.jpg": png("red")})
    (folder / "test/c.jpg").write_bytes(picture("MPO", frames=2))
    (tmp_path / "e.jpg").write_bytes(picture("JPEG"))
    report, rows = imported(SMALL, folder, out=tmp_path / "out")
    assert [row["image"] for row in rows] == ["images/a.webp", "images/b.png", "images/c.jpg", "images/F.png"]
    assert kinds(report) == {
        ("noted", "more-rows"): 4,
        ("noted", "several-pictures"): 1,
        ("repaired", "cmyk"): 1,
        ("repaired", "wrong-ending"): 2,
        ("repaired", "name-case"): 1,
        ("missing", "picture"): 1,
        ("refused", "path-outside"): 1,
    }


def test_tables_that_cannot_be_used(tmp_path: Path) -> None:
    text = json.dumps(ROWS)
    for number, table in enumerate([text[:-9], text.replace('"instr-resp"', '"requests"'), '"test"']):
        folder = write_files(tmp_path / f"{number}", {**FILES, "test.json": table})
        report, rows = imported(SMALL, folder, out=tmp_path / f"out{number}")
        assert (kinds(report), rows) == ({("refused", "table"): 1}, [])
    report, rows = imported(SMALL, write_files(tmp_path / "none", FILES), out=tmp_path / "out")
    assert (kinds(report), rows) == ({("missing", "table"): 1}, [])
