"""MM-SafetyBench from miniatures of its layout: texts and pictures are our own."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_vsc.importers.mm_safetybench import IMPORTER, SCENARIOS
from tests.miniatures import contents, imported, kinds, picture, png, write_files, zipped

FOLDERS = ("SD", "SD_TYPO", "TYPO")
# A scenario of the release -> how many questions the miniature has of it.
HELD = {"02-HateSpeech": 2, "10-Legal_Opinion": 1}
OTHERS = len(SCENARIOS) - len(HELD)
COLOURS = {"SD": "navy", "SD_TYPO": "gold", "TYPO": "white"}
SMALL = replace(
    IMPORTER, about=IMPORTER.about.model_copy(update={"rows": {f"{name}.json": held for name, held in HELD.items()}})
)


def question(number: int, **others: Any) -> dict[str, Any]:
    return {
        "Question": f"May I ask number {number}?",
        "Changed Question": f"May one ask number {number}?",
        "Key Phrase": "number",
        "Phrase Type": "phrase",
        "Rephrased Question": f"The picture shows words. May I ask {number} about them?",
        "Rephrased Question(SD)": f"The picture shows a thing. May I ask {number} about it?",
        **others,
    }


def files() -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    for scenario, held in HELD.items():
        asked = {str(number): question(number) for number in range(held)}
        found[f"data/processed_questions/{scenario}.json"] = json.dumps(asked)
        for folder in FOLDERS:
            found |= {f"data/imgs/{scenario}/{folder}/{number}.jpg": png(COLOURS[folder]) for number in range(held)}
    return {
        name: picture("JPEG", colour=COLOURS[name.split("/")[3]]) if "/imgs/" in name else said
        for name, said in found.items()
    }


def release(folder: Path, **changed: Any) -> Path:
    questions = {f"data/processed_questions/{name}.json": json.dumps(said) for name, said in changed.items()}
    return write_files(folder / "MM", {**files(), **questions})


def test_cases(tmp_path: Path) -> None:
    report, rows = imported(SMALL, release(tmp_path), out=tmp_path / "out")
    assert kinds(report) == {("missing", "table"): OTHERS}
    assert [row["id"] for row in rows] == [
        "text-concat-hatespeech-000",
        "text-concat-hatespeech-001",
        "text-concat-legal-opinion-000",
        "text-search-hatespeech-000",
        "text-search-hatespeech-001",
        "text-search-legal-opinion-000",
        "text-typography-hatespeech-000",
        "text-typography-hatespeech-001",
        "text-typography-legal-opinion-000",
    ]
    assert rows[1] == {
        "id": "text-concat-hatespeech-001",
        "group": "text-hatespeech-001",
        "side": "unsafe",
        "centric": "text",
        "category": "hatespeech",
        "variant": "concat",
        "prompt": "The picture shows words. May I ask 1 about them?",
        "image": "images/02-HateSpeech/SD_TYPO/1.jpg",
        "tags": ["sd-typo"],
    }
    asked = {row["variant"]: (row["prompt"], row["image"].split("/")[2]) for row in rows if row["id"].endswith("-001")}
    assert asked == {
        "search": ("The picture shows a thing. May I ask 1 about it?", "SD"),
        "concat": ("The picture shows words. May I ask 1 about them?", "SD_TYPO"),
        "typography": ("The picture shows words. May I ask 1 about them?", "TYPO"),
    }
    for row in rows:
        assert (tmp_path / "out" / row["image"]).read_bytes() == picture(
            "JPEG", colour=COLOURS[row["image"].split("/")[2]]
        )
    assert (report.groups, report.pictures) == (3, 9)


def test_the_scenarios_are_those_of_the_paper() -> None:
    assert sum(SCENARIOS.values()) == 1680
    assert IMPORTER.about.categories[1] == "hatespeech"


def test_a_zip_and_pictures_of_their_own_give_the_same(tmp_path: Path) -> None:
    first, _ = imported(SMALL, release(tmp_path), out=tmp_path / "a")
    imported(SMALL, release(tmp_path), out=tmp_path / "b")
    in_zip, _ = imported(SMALL, zipped(tmp_path / "MM"), out=tmp_path / "c")
    turned = {str(number): question(number) for number in (1, 0)}
    other_order, _ = imported(SMALL, release(tmp_path / "turned", **{"02-HateSpeech": turned}), out=tmp_path / "d")
    texts = write_files(tmp_path / "texts", {name: said for name, said in files().items() if name.endswith(".json")})
    pictures = write_files(
        tmp_path / "MM-SafetyBench(imgs)",
        {name.removeprefix("data/imgs/"): said for name, said in files().items() if name.endswith(".jpg")},
    )
    apart, _ = imported(SMALL, texts, zipped(pictures), out=tmp_path / "e")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert {first.sha256} == {one.sha256 for one in (in_zip, other_order, apart)}


def test_a_cut_scenario_is_counted(tmp_path: Path) -> None:
    report, rows = imported("mm-safetybench", release(tmp_path), out=tmp_path / "out")
    assert len(rows) == 9
    assert kinds(report) == {("missing", "table"): OTHERS, ("missing", "rows"): 163 + 130 - 3}


def test_questions_that_cannot_be_cases(tmp_path: Path) -> None:
    odd = {
        "0": question(0, **{"Rephrased Question(SD)": 7}),
        "1": question(1, **{"Rephrased Question": None}),
        "2": {name: said for name, said in question(2).items() if name != "Rephrased Question"},
        "3": question(3, **{"Rephrased Question(SD)": "x" * 100_001}),
    }
    report, rows = imported(SMALL, release(tmp_path, **{"02-HateSpeech": odd}), out=tmp_path / "out")
    assert [row["id"] for row in rows if "hatespeech" in row["id"]] == [
        "text-concat-hatespeech-000",
        "text-search-hatespeech-001",
        "text-typography-hatespeech-000",
    ]
    assert kinds(report) == {
        ("missing", "table"): OTHERS,
        ("refused", "not-text"): 1,
        ("refused", "empty-prompt"): 1,  # one place, two cases
        ("refused", "row-without-field"): 1,
        ("refused", "row-too-large"): 1,
    }


def test_keys_that_are_no_numbers(tmp_path: Path) -> None:
    odd = {"0:1": question(0), "\ud800": question(1), "2": "words", "?": question(2)}
    folder = release(tmp_path, **{"02-HateSpeech": odd})
    report, rows = imported(SMALL, folder, out=tmp_path / "out")
    assert {row["category"] for row in rows} == {"legal-opinion"}
    missing = next(one for one in report.findings if (one.kind, one.name) == ("missing", "picture"))
    assert set(missing.where) == {f"imgs/02-HateSpeech/{name}/0:1.jpg" for name in FOLDERS}
    assert kinds(report) == {
        ("missing", "table"): OTHERS,
        ("missing", "rows"): 1,
        ("missing", "picture"): 3,
        ("refused", "id"): 1,
        ("refused", "not-unicode"): 1,
        ("refused", "row-no-object"): 1,
    }


def test_tables_that_cannot_be_used(tmp_path: Path) -> None:
    changed = {
        "02-HateSpeech": [question(0), question(1)],  # no ids, by which the pictures are named
        "10-Legal_Opinion": {"0": {"Question": "?"}},
        "14-Other": {"0": question(0)},
    }
    folder = write_files(release(tmp_path, **changed), {"data/processed_questions/06-Fraud.json": '{"0": {"Quest'})
    report, rows = imported(SMALL, folder, out=tmp_path / "out")
    assert rows == []
    assert kinds(report) == {
        ("noted", "other-table"): 1,
        ("missing", "table"): OTHERS - 1,
        ("refused", "table"): 3,
    }


def test_pictures_as_they_are_found(tmp_path: Path) -> None:
    folder = release(tmp_path)
    pictures = folder / "data/imgs/02-HateSpeech"
    (pictures / "SD/0.jpg").write_bytes(picture("WEBP"))
    (pictures / "SD/1.jpg").rename(pictures / "SD/1.png")
    (pictures / "TYPO/0.jpg").write_bytes(picture("JPEG")[:100])
    (pictures / "TYPO/1.jpg").unlink()
    (pictures / "SD_TYPO/0.jpg").write_bytes(picture("MPO", frames=2))
    report, rows = imported(SMALL, folder, out=tmp_path / "out")
    assert [row["id"] for row in rows if "hatespeech" in row["id"]] == [
        "text-concat-hatespeech-000",
        "text-concat-hatespeech-001",
        "text-search-hatespeech-000",
        "text-search-hatespeech-001",
    ]
    assert kinds(report) == {
        ("noted", "several-pictures"): 1,
        ("repaired", "wrong-ending"): 1,
        ("repaired", "other-ending"): 1,
        ("missing", "table"): OTHERS,
        ("missing", "picture"): 1,
        ("refused", "unusable-picture"): 1,
    }


def test_a_bomb_among_the_pictures(tmp_path: Path) -> None:
    folder = release(tmp_path)
    (folder / "data/imgs/10-Legal_Opinion/SD/0.jpg").unlink()
    file = zipped(folder)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("MM/data/imgs/10-Legal_Opinion/SD/0.jpg", bytes(20 * 2**20))
        opened.writestr("../outside.jpg", b"")
    report, rows = imported(SMALL, file, out=tmp_path / "out")
    assert len(rows) == 8
    assert kinds(report) == {
        ("noted", "zip-path-outside"): 1,
        ("missing", "table"): OTHERS,
        ("missing", "picture"): 1,
        ("refused", "zip-bomb"): 1,
    }
