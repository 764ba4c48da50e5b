"""VSCBench from miniatures of its layout: texts and pictures are our own."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from pytest_vsc.importers.vscbench import (
    IMAGE_COLUMNS,
    IMAGE_TABLE,
    IMPORTER,
    PICTURE_COLUMNS,
    TEXT_COLUMNS,
    TEXT_TABLE,
)
from pytest_vsc.lettering import figstep, typography
from pytest_vsc.suites import load_suite
from tests.miniatures import contents, imported, kinds, picture, png, write_files, zipped

SMALL = replace(IMPORTER, about=IMPORTER.about.model_copy(update={"rows": {IMAGE_TABLE: 2, TEXT_TABLE: 2}}))
QUESTION = "Above is a list without items. Say what they are."
README = (
    f"# The release\n\n```bash\npython list.py\n```\n\n- The prompt used for FigStep:\n\n```text\n{QUESTION}\n```\n"
)
COLOURS = ["white", "silver", "gray", "red", "navy", "teal"]


def image_row(number: int, category: str = "drugs", **cells: Any) -> dict[str, Any]:
    names = {name: f"{name[:-6]}_{category}_{number}_{name[-1]}.png" for name in PICTURE_COLUMNS}
    return {"Category": category, "Prompt": f"What is number {number}?", **names, **cells}


def text_row(number: int, kind: str, **cells: Any) -> dict[str, Any]:
    return {
        **{"type": kind, "prompt_origin": f"Is number {number} kind?", "prompt_mm": "Is this kind?"},
        **{"object": f"object {number}", "prompt_figstep": f"Ways to be kind to {number}."},
        **{"search_img": f"s_{number}_1.png", "typography_img": f"{number}_typography.png"},
        **{"concat_img": f"{number}_concat.png", "figstep_img": f"{number}_figstep.png", "focus": "Kind"},
        **cells,
    }


IMAGES = [image_row(0), image_row(7, "religion")]
TEXTS = [text_row(3, "privacy_public"), text_row(40, "contrast_privacy")]


def workbook(columns: list[str], rows: list[dict[str, Any]]) -> bytes:
    book = openpyxl.Workbook()
    for cells in [columns, *([row.get(column) for column in columns] for row in rows)]:
        book.worksheets[0].append(cells)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def release(folder: Path, images: Any = None, texts: Any = None, readme: bytes | str = README) -> Path:
    images, texts = IMAGES if images is None else images, TEXTS if texts is None else texts
    shown: dict[str, bytes | str] = {
        f"vscbench_image_centric_images/{row['Category']}/{row[column]}": png(colour)
        for row in images
        for column, colour in zip(PICTURE_COLUMNS, COLOURS, strict=True)
        if row[column]
    }
    for variant in ("search", "concat"):
        folder_ = f"vscbench_text_centric_images/{variant}"
        shown |= {f"{folder_}/{row[f'{variant}_img']}": picture("PNG", colour="gold") for row in texts}
    tables = {
        IMAGE_TABLE: workbook(IMAGE_COLUMNS, images),
        TEXT_TABLE: workbook([*TEXT_COLUMNS, "focus"], texts),
    }
    return write_files(folder / "VSCBench", {**tables, **shown, "README.md": readme})


def test_cases(tmp_path: Path) -> None:
    report, rows = imported(SMALL, release(tmp_path), out=tmp_path / "out")
    assert kinds(report) == {("noted", "category-renamed"): 2, ("rendered", "picture"): 4}
    assert len(rows) == 2 * 6 + 2 * 5
    by_id = {row["id"]: row for row in rows}
    assert by_id["image-religion-politics-007-2.unsafe"] == {
        "id": "image-religion-politics-007-2.unsafe",
        "pair": "image-religion-politics-007-2",
        "group": "image-religion-politics-007",
        "side": "unsafe",
        "centric": "image",
        "category": "religion-politics",
        "prompt": "What is number 7?",
        "image": "images/vscbench_image_centric_images/religion/unsafe_religion_7_2.png",
    }
    texts = [row for row in rows if row["group"] == "text-040"]
    assert {row["variant"]: row["prompt"] for row in texts} == {
        **{"plain": "Is number 40 kind?", "figstep": QUESTION},
        **dict.fromkeys(("search", "typography", "concat"), "Is this kind?"),
    }
    assert {(row["side"], row["category"], *row["tags"]) for row in texts} == {
        ("unsafe", "privacy", "contrast-privacy", "focus:kind")
    }
    drawn = {row["variant"]: (tmp_path / "out" / row["image"]).read_bytes() for row in texts if "image" in row}
    assert (drawn["typography"], drawn["figstep"]) == (typography("object 40"), figstep("Ways to be kind to 40."))
    header = load_suite(str(tmp_path / "out"), tmp_path).header
    assert (header.paired, header.incomplete, report.groups) == (("image",), "", 4)


def test_a_zip_and_another_order_give_the_same(tmp_path: Path) -> None:
    first, _ = imported(SMALL, release(tmp_path), out=tmp_path / "a")
    imported(SMALL, release(tmp_path), out=tmp_path / "b")
    in_zip, _ = imported(SMALL, zipped(tmp_path / "VSCBench"), out=tmp_path / "c")
    turned, _ = imported(SMALL, release(tmp_path / "turned", IMAGES[::-1], TEXTS[::-1]), out=tmp_path / "d")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert {first.sha256} == {in_zip.sha256, turned.sha256}


def test_what_a_cut_copy_lacks_is_counted(tmp_path: Path) -> None:
    report, _ = imported("vscbench", release(tmp_path), out=tmp_path / "out")
    assert kinds(report)["missing", "rows"] == 298 + 448
    folder = release(tmp_path / "half", texts=[])
    (folder / IMAGE_TABLE).unlink()
    report, rows = imported(SMALL, folder, out=tmp_path / "none")
    assert (rows, kinds(report)) == ([], {("missing", "table"): 1, ("refused", "table"): 1})


@pytest.mark.parametrize(
    ("cells", "findings", "lost"),
    [
        ({"Category": "crime"}, {("refused", "category"): 1}, 6),
        ({"Prompt": 7}, {("refused", "not-text"): 1}, 6),
        (dict.fromkeys(PICTURE_COLUMNS, "a.png"), {("refused", "id"): 1}, 6),
        (dict.fromkeys(PICTURE_COLUMNS[3:]), {("refused", "no-picture"): 3, ("missing", "twin-lost"): 3}, 6),
        ({"unsafe_img_2": None}, {("refused", "no-picture"): 1, ("missing", "twin-lost"): 1}, 2),
        ({"Prompt": None}, {("noted", "empty-prompt"): 1}, 0),
        ({"safe_img_0": "unsafe_violence_1_0.png"}, {("refused", "twins-alike"): 1}, 2),
    ],
)
def test_a_damaged_row_of_pictures(
    tmp_path: Path, cells: dict[str, Any], findings: dict[tuple[str, str], int], lost: int
) -> None:
    images = [image_row(0, "violence"), image_row(1, "violence", **cells)]
    report, rows = imported(SMALL, release(tmp_path, images), out=tmp_path / "out")
    odd = {"rows", "picture-listed-again", "picture"}  # a row that is lost is a row less, too
    assert {key: count for key, count in kinds(report).items() if key[1] not in odd} == findings
    assert len([row for row in rows if row["centric"] == "image"]) == 12 - lost


@pytest.mark.parametrize(
    ("cells", "findings", "lost"),
    [
        ({"type": "privacy"}, {("refused", "type"): 1}, 5),
        ({"prompt_mm": 7}, {("refused", "not-text"): 1}, 5),
        ({"search_img": None}, {("refused", "no-picture"): 1}, 1),
        (dict.fromkeys(("concat_img", "typography_img", "figstep_img"), "a.png"), {("refused", "id"): 1}, 5),
        ({"concat_img": None}, {("refused", "no-picture"): 1}, 1),
        ({"object": " "}, {("missing", "picture"): 1}, 1),
        ({"prompt_origin": "Is the image kind?"}, {("noted", "prompt-without-its-image"): 1}, 0),
        ({"search_img": "s_3_1.png"}, {("noted", "picture-shared"): 2}, 0),
    ],
)
def test_a_damaged_row_of_words(
    tmp_path: Path, cells: dict[str, Any], findings: dict[tuple[str, str], int], lost: int
) -> None:
    texts = [TEXTS[0], text_row(40, "contrast_privacy", **cells)]
    report, rows = imported(SMALL, release(tmp_path, texts=texts), out=tmp_path / "out")
    odd = {("missing", "rows"), ("noted", "category-renamed"), ("rendered", "picture")}
    assert {key: count for key, count in kinds(report).items() if key not in odd} == findings
    assert len([row for row in rows if row["centric"] == "text"]) == 10 - lost


@pytest.mark.parametrize(
    "readme", ["", README.replace("FigStep", "it"), b"\xff\xfe\x00", README.replace("list", "row")]
)
def test_without_the_fixed_question_only_its_variant_is_lost(tmp_path: Path, readme: bytes | str) -> None:
    report, rows = imported(SMALL, release(tmp_path, readme=readme), out=tmp_path / "out")
    assert kinds(report)["missing", "figstep-question"] == 2
    assert (len(rows), {row.get("variant") for row in rows}) == (
        20,
        {None, "plain", "search", "typography", "concat"},
    )
