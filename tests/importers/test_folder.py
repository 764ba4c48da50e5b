"""Tables of one's own, of every kind, and what they may lack: texts and pictures are our own."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from pytest_vsc.drafts import Options
from pytest_vsc.errors import ReleaseError
from pytest_vsc.imports import Report
from pytest_vsc.suites import load_suite
from tests.miniatures import contents, imported, kinds, picture, png, write_files, zipped

ROWS: list[dict[str, Any]] = [
    {"key": "a 1", "question": "What is this?", "label": "0", "topic": "Tools & Parts", "shot": "shots/a.png"},
    {"key": "a 2", "question": "What is that?", "label": "1", "topic": "Tools & Parts", "shot": "shots/b.jpg"},
    {"key": "a 3", "question": "Is it, in words?", "label": "1", "topic": "Words", "shot": ""},
]
PICTURES = {"shots/a.png": png("navy"), "shots/b.jpg": picture("JPEG", colour="gold")}
OPTIONS = Options(
    columns={"id": "key", "prompt": "question", "side": "label", "category": "topic", "image": "shot"},
    values={("side", "0"): "safe", ("side", "1"): "unsafe"},
)
AS_NAMED = Options()
CASES = [
    {
        **{"id": "a-1", "side": "safe", "centric": "image", "category": "tools-parts"},
        **{"prompt": "What is this?", "image": "images/a.png"},
    },
    {
        **{"id": "a-2", "side": "unsafe", "centric": "image", "category": "tools-parts"},
        **{"prompt": "What is that?", "image": "images/b.jpg"},
    },
    {
        **{"id": "a-3", "side": "unsafe", "centric": "text", "category": "words"},
        **{"variant": "plain", "prompt": "Is it, in words?"},
    },
]


def as_csv(rows: Sequence[Mapping[str, Any]], delimiter: str = ",") -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def as_xlsx(rows: Sequence[Mapping[str, Any]]) -> bytes:
    book = openpyxl.Workbook()
    for cells in [list(rows[0]), *(list(row.values()) for row in rows)]:
        book.worksheets[0].append(cells)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def as_parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), buffer)
    return buffer.getvalue()


def as_stream(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """An Arrow stream, which is what `datasets` writes."""
    table, buffer = pyarrow.Table.from_pylist(list(rows)), io.BytesIO()
    with pyarrow.ipc.new_stream(buffer, table.schema) as stream:
        stream.write_table(table)
    return buffer.getvalue()


def with_features(table: pyarrow.Table, features: Any) -> pyarrow.Table:
    """The table as `datasets` writes it: what its columns are stands in the metadata of its schema."""
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def as_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


KINDS: dict[str, Any] = {
    "table.csv": as_csv(ROWS),
    "table.tsv": as_csv(ROWS, "\t"),
    "table.json": json.dumps(ROWS),
    "table.jsonl": as_lines(ROWS),
    "table.xlsx": as_xlsx([{**row, "label": int(row["label"])} for row in ROWS]),
    "table.parquet": as_parquet([{**row, "label": int(row["label"])} for row in ROWS]),
    "data-00000-of-00001.arrow": as_stream(ROWS),
}


def own(out: Path, table: Any, options: Options = AS_NAMED, name: str = "table.json") -> tuple[Report, list[Any]]:
    """Import a table, given as text or as rows, with the pictures beside it, into `out`."""
    text = table if isinstance(table, str | bytes) else json.dumps(table)
    folder = write_files(out.with_name(f"{out.name}-release"), {name: text, **PICTURES})
    return imported("folder", folder, out=out, options=options)


def plain(**others: Any) -> dict[str, Any]:
    """A row whose columns are called as the fields are."""
    return {"side": "unsafe", "category": "words", "prompt": "Is it?", **others}


# --- kinds of tables ---


@pytest.mark.parametrize("name", KINDS)
def test_cases(tmp_path: Path, name: str) -> None:
    report, rows = own(tmp_path / "out", KINDS[name], OPTIONS, name)
    assert rows == CASES
    assert (tmp_path / "out/images/a.png").read_bytes() == png("navy")
    assert (tmp_path / "out/images/b.jpg").read_bytes() == picture("JPEG", colour="gold")
    assert (report.complete, kinds(report), report.read) == (True, {}, {name: 3})


@pytest.mark.parametrize("name", KINDS)
def test_a_table_alone_has_the_pictures_beside_it(tmp_path: Path, name: str) -> None:
    folder = write_files(tmp_path / "all", {name: KINDS[name], "another.csv": "a,b\n", **PICTURES})
    _, rows = imported("folder", folder / name, out=tmp_path / "out", options=OPTIONS)
    assert rows == CASES


def test_a_zip_and_another_order_give_the_same(tmp_path: Path) -> None:
    """Also without ids of the table's own, which are then made of what a row says."""
    nameless = {field: column for field, column in OPTIONS.columns.items() if field != "id"}
    for name, options in (("named", OPTIONS), ("nameless", replace(OPTIONS, columns=nameless))):
        out = tmp_path / name
        first, rows = own(out / "a", ROWS, options)
        own(out / "b", ROWS, options)
        in_zip, _ = imported("folder", zipped(out / "a-release"), out=out / "c", options=options)
        turned, _ = own(out / "d", [{"extra": 1, **row} for row in ROWS[::-1]], options)
        assert contents(out / "a") == contents(out / "b")
        assert {first.sha256} == {in_zip.sha256, turned.sha256}
        assert len({row["id"] for row in rows}) == 3


def test_a_folder_that_datasets_saved(tmp_path: Path) -> None:
    rows = [
        plain(image={"bytes": png("navy"), "path": "/somewhere/else/a.png"}),
        plain(image={"bytes": png("gold"), "path": "a.png"}),
        plain(image={"bytes": png("red"), "path": None}),
        plain(image=None),
    ]
    files: dict[str, bytes | str] = {
        "data-00000-of-00002.arrow": as_stream(rows[:2]),
        "data-00001-of-00002.arrow": as_stream([*rows[2:], rows[0]]),
        "cache-0123.arrow": b"not read",
        "state.json": "{}",
        "dataset_info.json": "{}",
    }
    folder = write_files(tmp_path / "saved", files)
    report, cases = imported("folder", folder, out=tmp_path / "out")
    pictures = {(tmp_path / "out" / case["image"]).read_bytes() for case in cases if "image" in case}
    assert pictures == {png("navy"), png("gold"), png("red")}
    assert [case["centric"] for case in cases] == ["image", "image", "image", "text"]
    assert kinds(report) == {("repaired", "repeated-row"): 1}
    (folder / "data-00000-of-00002.arrow").unlink()
    report, cases = imported("folder", folder, out=tmp_path / "cut")
    assert (len(cases), kinds(report)) == (3, {("missing", "shard"): 1})
    report, cases = imported("folder", folder / "data-00001-of-00002.arrow", out=tmp_path / "alone")
    assert (len(cases), kinds(report)) == (3, {("missing", "shard"): 1})


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_folder_of_pictures_with_metadata(tmp_path: Path, ending: str) -> None:
    rows = [plain(file_name="a.png"), plain(file_name="b.png")]
    table = as_csv(rows) if ending == "csv" else as_lines(rows)
    pictures = {"train/a.png": png("navy"), "train/b.png": png("gold"), "b.png": png("black")}
    folder = write_files(tmp_path / "pictures", {f"train/metadata.{ending}": table, **pictures})
    report, cases = imported("folder", folder, out=tmp_path / "out")
    assert {(tmp_path / "out" / case["image"]).read_bytes() for case in cases} == {png("navy"), png("gold")}
    assert kinds(report) == {}


# --- numbers that stand for names ---

FEATURES = {
    "side": {"names": ["safe", "unsafe"], "_type": "ClassLabel"},
    "category": {"num_classes": 2, "names": ["Tools & Parts", "Words"], "id": None, "_type": "ClassLabel"},
    "prompt": {"dtype": "string", "_type": "Value"},
}
NUMBERED = [
    {"side": 0, "category": 1, "prompt": "Is it?"},
    {"side": 1, "category": 0, "prompt": "Is that?"},
]
NAMED = [("Is it?", "safe", "words"), ("Is that?", "unsafe", "tools-parts")]


def told(cases: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    return sorted((case["prompt"], case["side"], case["category"]) for case in cases)


def numbered_as(kind: str, features: Any = FEATURES, rows: Sequence[Mapping[str, Any]] = NUMBERED) -> bytes:
    """A file that `datasets` would write of numbered classes: Parquet, or an Arrow stream or file."""
    table, buffer = with_features(pyarrow.Table.from_pylist(list(rows)), features), io.BytesIO()
    if kind == "parquet":
        pyarrow.parquet.write_table(table, buffer)
        return buffer.getvalue()
    with {"stream": pyarrow.ipc.new_stream, "file": pyarrow.ipc.new_file}[kind](buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("parquet", "data/train-00000-of-00001.parquet"),
        ("stream", "data-00000-of-00001.arrow"),
        ("file", "data.arrow"),
    ],
)
def test_numbers_have_the_names_that_a_file_of_datasets_gives_them(tmp_path: Path, kind: str, name: str) -> None:
    report, cases = own(tmp_path / "out", numbered_as(kind), name=name)
    assert (told(cases), kinds(report)) == (NAMED, {})


@pytest.mark.parametrize("name", ["table.arrow", "table.json", "table.csv", "train/table.parquet"])
def test_names_stand_beside_the_table_too(tmp_path: Path, name: str) -> None:
    kinds_: dict[str, bytes | str] = {
        **{"arrow": as_stream(NUMBERED), "parquet": as_parquet(NUMBERED)},
        **{"json": json.dumps(NUMBERED), "csv": as_csv(NUMBERED)},
    }
    info = json.dumps({"features": FEATURES})
    other = json.dumps({"features": {**FEATURES, "side": {"names": ["unsafe", "safe"], "_type": "ClassLabel"}}})
    beside = f"{name.rpartition('/')[0]}/dataset_info.json".lstrip("/")
    files = {name: kinds_[name.rpartition(".")[2]], beside: info, "test/dataset_info.json": other}
    report, cases = imported("folder", write_files(tmp_path / "saved", files), out=tmp_path / "out")
    assert (told(cases), kinds(report)) == (NAMED, {})


def test_values_speak_of_the_names(tmp_path: Path) -> None:
    features = {**FEATURES, "side": {"names": ["1", "0"], "_type": "ClassLabel"}}
    options = Options(values={("side", "1"): "safe", ("side", "0"): "unsafe", ("category", "Words"): "speech"})
    report, cases = own(tmp_path / "out", numbered_as("parquet", features), options, name="table.parquet")
    assert told(cases) == [("Is it?", "safe", "speech"), ("Is that?", "unsafe", "tools-parts")]
    assert kinds(report) == {}


def test_numbers_without_a_name_say_nothing(tmp_path: Path) -> None:
    rows = [*NUMBERED, {**NUMBERED[0], "side": -1}, {**NUMBERED[0], "side": 2}, {**NUMBERED[1], "category": -1}]
    report, cases = own(tmp_path / "out", numbered_as("stream", rows=rows), name="data.arrow")
    assert (told(cases), kinds(report)) == (NAMED, {("refused", "side"): 2, ("refused", "category"): 1})


def test_names_that_contradict_each_other_or_cannot_be_read(tmp_path: Path) -> None:
    turned = {"features": {"side": {"names": ["unsafe", "safe"], "_type": "ClassLabel"}}}
    files: dict[str, bytes | str] = {"a.arrow": numbered_as("stream"), "dataset_info.json": json.dumps(turned)}
    folder = write_files(tmp_path / "turned", files)
    with pytest.raises(ReleaseError, match=r"^a\.arrow: column 'side': its names are others than those in dataset"):
        imported("folder", folder, out=tmp_path / "out")
    write_files(folder, {"dataset_info.json": '{"features": '})
    report, cases = imported("folder", folder, out=tmp_path / "torn")
    assert (told(cases), kinds(report)) == (NAMED, {("refused", "features"): 1})
    table = pyarrow.Table.from_pylist(NUMBERED).replace_schema_metadata({"huggingface": "[]"})
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer)
    report, cases = own(tmp_path / "odd", buffer.getvalue(), name="table.parquet")
    assert (cases, kinds(report)) == ([], {("refused", "features"): 1, ("refused", "side"): 2})


@pytest.mark.parametrize("features", [None, [], {"side": None}, {"side": {"names": [1, 2], "_type": "ClassLabel"}}])
def test_features_that_tell_no_names_change_nothing(tmp_path: Path, features: Any) -> None:
    options = Options(values={("side", "0"): "safe", ("side", "1"): "unsafe"})
    report, cases = own(tmp_path / "out", numbered_as("parquet", features), options, name="table.parquet")
    assert told(cases) == [("Is it?", "safe", "1"), ("Is that?", "unsafe", "0")]
    assert kinds(report) == {}


# --- fields ---


def test_fields_of_their_own_names_and_defaults(tmp_path: Path) -> None:
    rows = [
        plain(id="x.1", image="shots/a.png", variant="Search", tags="one; two,one"),
        plain(id="x.2", side="SAFE", group="g 1", tags=["three"]),
        plain(id="x.3", images=["shots/a.png", "shots/b.jpg"]),
        plain(id="x.4", images="['shots/a.png', 'shots/b.jpg']", side=" safe "),
    ]
    report, cases = own(tmp_path / "out", rows[:2])
    assert cases == [
        {
            **{"id": "x.1", "side": "unsafe", "centric": "text", "category": "words", "variant": "search"},
            **{"prompt": "Is it?", "image": "images/a.png", "tags": ["one", "two"]},
        },
        {
            **{"id": "x.2", "group": "g-1", "side": "safe", "centric": "text", "category": "words"},
            **{"variant": "plain", "prompt": "Is it?", "tags": ["three"]},
        },
    ]
    assert kinds(report) == {}
    _, cases = own(tmp_path / "several", rows[2:])
    assert [case["images"] for case in cases] == [["images/a.png", "images/b.jpg"]] * 2


def test_constants_and_values(tmp_path: Path) -> None:
    rows = [{"q": "Is it?", "kind": "7"}, {"q": "Is that?", "kind": "8"}]
    options = Options(
        columns={"prompt": "q", "category": "kind"},
        values={("category", "7"): "seventh", ("category", "9"): "ninth"},
        constants={"side": "unsafe", "centric": "text", "tags": "own"},
    )
    report, cases = own(tmp_path / "out", rows, options)
    facts = {tuple(case[name] for name in ("category", "side", "centric", "variant", "tags")[:4]) for case in cases}
    assert facts == {("8", "unsafe", "text", "plain"), ("seventh", "unsafe", "text", "plain")}
    assert all(case["tags"] == ["own"] for case in cases)
    assert kinds(report) == {("noted", "unused-value"): 1}


def test_pairs(tmp_path: Path) -> None:
    def half(pair: str, side: str, image: str, **others: Any) -> dict[str, Any]:
        return plain(id=f"{pair}-{side}", pair=pair, side=side, image=f"shots/{image}", **others)

    whole = [half("p", "safe", "a.png"), half("p", "unsafe", "b.jpg")]
    own(tmp_path / "whole", whole)
    assert load_suite(str(tmp_path / "whole"), tmp_path).header.paired == ("image",)
    alone = [*whole, half("q", "safe", "a.png")]
    _, cases = own(tmp_path / "alone", alone)
    assert len(cases) == 3
    assert load_suite(str(tmp_path / "alone"), tmp_path).header.paired == ()
    broken = [
        *whole,
        half("twice", "safe", "a.png"),
        {**half("twice", "safe", "b.jpg"), "id": "other"},
        half("category", "safe", "a.png"),
        half("category", "unsafe", "b.jpg", category="other"),
        half("words", "safe", "a.png"),
        half("words", "unsafe", "b.jpg", prompt="Is it not?"),
        half("same", "safe", "a.png"),
        half("same", "unsafe", "a.png"),
    ]
    report, cases = own(tmp_path / "broken", broken)
    assert [case["id"] for case in cases] == ["p-safe", "p-unsafe"]
    assert kinds(report) == {
        ("refused", "pair-sides"): 2,
        ("refused", "pair-differs"): 2,
        ("refused", "pair-prompts"): 2,
        ("refused", "twins-alike"): 1,
    }


def test_halves_that_are_equal_are_lost_and_the_others_stay(tmp_path: Path) -> None:
    halves = [
        *(plain(id=f"p.{side}", pair="p", side=side, image=f"shots/{side}.png") for side in ("safe", "unsafe")),
        *(plain(id=f"q.{side}", pair="q", side=side, prompt="In words?") for side in ("safe", "unsafe")),
        *(plain(id=f"r.{side}", pair="r", side=side, prompt=f"Is it {side}?") for side in ("safe", "unsafe")),
    ]
    shots = {"shots/safe.png": png("navy"), "shots/unsafe.png": png("navy")}
    folder = write_files(write_files(tmp_path / "own", shots), {"table.json": json.dumps(halves)})
    report, cases = imported("folder", folder, out=tmp_path / "out")
    assert [case["id"] for case in cases] == ["r.safe", "r.unsafe"]
    assert kinds(report) == {("refused", "twins-alike"): 2}
    assert (report.asked, report.complete) == (6, False)
    assert not list((tmp_path / "out/images").glob("*"))


# --- what cannot be read ---


def test_words_that_are_no_unicode(tmp_path: Path) -> None:
    odd = [plain(prompt="Is it \ud800?"), plain(tags=["a", "\udfff"]), plain(group="\ud800"), plain(prompt="Is it 😀?")]
    report, cases = own(tmp_path / "out", odd)
    assert [case["prompt"] for case in cases] == ["Is it 😀?"]
    assert kinds(report) == {("refused", "not-unicode"): 3}
    options = Options(constants={"prompt": "\ud800"})
    report, cases = own(tmp_path / "option", [plain()], options)
    assert (cases, kinds(report)) == ([], {("refused", "not-unicode"): 1})


def test_rows_that_cannot_be_cases(tmp_path: Path) -> None:
    odd = [
        plain(id="side", side="0"),
        plain(id="no-side", side=None),
        plain(id="centric", centric="both"),
        plain(id="variant", variant="drawn", image="shots/a.png"),
        plain(id="category", category=" ?"),
        plain(id="number", prompt=3),
        plain(id="list", prompt=["Is it?"]),
        plain(id="none", prompt=None),
        plain(id=None),
        plain(id="long", prompt="x" * 100_001),
        plain(id="plain-picture", centric="text", image="shots/a.png"),
        plain(id="no-picture", variant="search"),
        plain(id="image-variant", centric="image", variant="search", image="shots/a.png"),
        plain(id="image-alone", centric="image"),
        plain(id="twice"),
        plain(id="twice", prompt="Another?"),
    ]
    report, cases = own(tmp_path / "out", [plain(id="good"), *odd, plain(id="good")])
    assert [case["id"] for case in cases] == ["good"]
    assert cases[0]["prompt"] == "Is it?"
    assert kinds(report) == {
        ("repaired", "repeated-row"): 1,
        ("refused", "side"): 2,
        ("refused", "centric"): 1,
        ("refused", "variant"): 1,
        ("refused", "category"): 1,
        ("refused", "not-text"): 2,
        ("refused", "empty-prompt"): 1,
        ("refused", "id"): 1,
        ("refused", "row-too-large"): 1,
        ("refused", "picture-without-variant"): 1,
        ("refused", "variant-without-picture"): 1,
        ("refused", "variant-of-image"): 1,
        ("refused", "no-picture"): 1,
        ("refused", "id-twice"): 1,
    }
    found = {one.name: (one.what, one.where) for one in report.findings}
    assert found["side"] == (
        "a row's side is none of safe, unsafe; say what its values mean, such as --value side:0=safe",
        ("table.json:2: 0", "table.json:3"),
    )


def test_a_row_of_both_sides_is_one_id_twice(tmp_path: Path) -> None:
    """The ids that are made of what a row says leave out its side, so that neither of the two is taken."""
    report, cases = own(tmp_path / "out", [plain(), plain(side="safe"), plain(prompt="Is that?")])
    assert [case["prompt"] for case in cases] == ["Is that?"]
    assert kinds(report) == {("refused", "id-twice"): 1}
    report, cases = own(tmp_path / "thrice", [plain(side="safe"), plain(), plain(side="safe"), plain(prompt="No?")])
    assert [case["prompt"] for case in cases] == ["No?"]
    assert kinds(report) == {("refused", "id-twice"): 1, ("repaired", "repeated-row"): 1}


def test_damaged_tables(tmp_path: Path) -> None:
    text = as_csv([plain(id=f"row-{number}", prompt=f"Café {number}?") for number in (1, 2, 3)])
    report, cases = own(tmp_path / "mark", text.encode("utf-8-sig"), name="table.csv")
    assert (len(cases), kinds(report)) == (3, {("noted", "byte-order-mark"): 1})
    report, cases = own(tmp_path / "latin", text.encode("latin-1"), name="table.csv")
    assert [case["prompt"] for case in cases] == ["Café 1?", "Café 2?", "Café 3?"]
    assert kinds(report) == {("repaired", "not-utf-8"): 1}
    report, cases = own(tmp_path / "beyond", f"{text}unsafe,words,One, two?,row-4\n", name="table.csv")
    assert (len(cases), kinds(report)) == (3, {("refused", "cells-beyond-header"): 1})
    report, cases = own(tmp_path / "cut", as_lines([plain(), plain(side="safe", prompt="?")])[:-9], name="t.jsonl")
    assert (len(cases), kinds(report)) == (1, {("refused", "row-not-json"): 1})
    report, cases = own(tmp_path / "empty", "side,category,prompt\n", name="table.csv")
    assert (cases, kinds(report)) == ([], {("missing", "rows"): 1})
    for number, (name, data, wrong) in enumerate(
        [
            ("table.json", json.dumps([plain()])[:-9], "table.json: not JSON: "),
            ("table.csv", 'side,category,prompt\nsafe,words,"Is it', "table.csv: not CSV: "),
            ("table.parquet", as_parquet([plain()])[:-9], "table.parquet: cannot be read: "),
            ("data-00000-of-00001.arrow", as_stream([plain()])[:40], "data-00000-of-00001.arrow: cannot be read: "),
            ("table.xlsx", b"PK", "table.xlsx: not an XLSX workbook: "),
        ]
    ):
        with pytest.raises(ReleaseError, match=f"^{wrong}"):
            own(tmp_path / f"{number}", data, name=name)


def test_pictures_as_they_are_found(tmp_path: Path) -> None:
    names = ["1.png", "2.jpg", r"deep\3.png", "../../outside.png", "/etc/4.png", "5.png", "6.png", "7"]
    rows = [plain(id=f"row-{number}", image=name) for number, name in enumerate(names, 1)]
    files: dict[str, bytes | str] = {
        "table.json": json.dumps(rows),
        "1.png": picture("WEBP"),
        "2.jpg": picture("JPEG", "CMYK"),
        "deep/3.png": picture("PNG", "P"),
        "../outside.png": png("black"),
        "5.png": b"no picture",
        "7.gif": picture("GIF", frames=2),
    }
    report, cases = imported("folder", write_files(tmp_path / "own", files), out=tmp_path / "out")
    assert [(case["id"], case["image"]) for case in cases] == [
        ("row-1", "images/1.webp"),
        ("row-2", "images/2.png"),
        ("row-3", "images/deep/3.png"),
        ("row-8", "images/7.png"),
    ]
    assert kinds(report) == {
        ("repaired", "wrong-ending"): 1,
        ("repaired", "cmyk"): 1,
        ("repaired", "windows-path"): 1,
        ("repaired", "other-ending"): 1,
        ("repaired", "animated"): 1,
        ("missing", "picture"): 1,
        ("refused", "path-outside"): 2,
        ("refused", "unusable-picture"): 1,
    }


def test_cells_that_hold_no_picture(tmp_path: Path) -> None:
    cells = [{"bytes": None, "path": None}, {"bytes": "text", "path": "a.png"}, [], [[["shots/a.png"]]], "[", b"?"]
    rows = [plain(id=f"row-{number}", image=cell) for number, cell in enumerate(cells[:-1])]
    report, cases = own(tmp_path / "out", rows)
    assert [(case["id"], case["centric"]) for case in cases] == [("row-0", "text"), ("row-2", "text")]
    assert kinds(report) == {("missing", "picture"): 2, ("refused", "unusable-picture"): 1}
    report, cases = own(tmp_path / "bytes", as_parquet([plain(image=cells[-1])]), name="table.parquet")
    assert (cases, kinds(report)) == ([], {("refused", "unusable-picture"): 1})


# --- what is told wrongly ---


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (Options(columns={"sides": "label"}), "--column: unknown field 'sides'; expected one of category, .*'side'"),
        (Options(constants={"image": "x"}), "--set: unknown field 'image'; expected one of category, centric, group"),
        (Options(values={("prompt", "x"): "y"}), "--value: unknown field 'prompt'; expected one of category, centric"),
        (Options(constants={"side": "bad"}), "--set: unknown side 'bad'; expected one of safe, unsafe"),
        (
            Options(values={("side", "0"): "unsave"}),
            r"--value: unknown side 'unsave'; expected one of safe, unsafe; did you mean 'unsafe'\?",
        ),
        (
            Options(columns={"side": "label"}, constants={"side": "safe"}),
            "--set: field 'side' has a column too; expected one of --column and --set",
        ),
        (
            Options(columns={"prompt": "questoin"}),
            "^table.json: no column 'questoin' for the field 'prompt'; it has key, label, question, shot, topic; "
            r"did you mean 'question'\?",
        ),
        (
            Options(columns={"prompt": "question"}),
            "^table.json: no column for the field 'side'; name it, --column side=COLUMN, or --set side=WORD for all "
            "rows; it has key, label, question, shot, topic",
        ),
        (
            Options(constants={"side": "safe", "category": "all"}),
            "no column for the field 'prompt'; name it, --column prompt=COLUMN; it has",
        ),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: Options, wrong: str) -> None:
    with pytest.raises(ReleaseError, match=wrong):
        own(tmp_path / "out", ROWS, options)


def test_no_table_and_several(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"^no table; expected a file that ends in one of \.csv, \.tsv, "):
        imported("folder", write_files(tmp_path / "none", PICTURES), out=tmp_path / "out")
    several = write_files(tmp_path / "several", {"train/state.json": "{}", "b.csv": "", "a/a.json": ""})
    wrong = r"^2 tables \(a/a.json, b.csv\); expected one: give the table's own file, or its folder$"
    with pytest.raises(ReleaseError, match=wrong):
        imported("folder", several, out=tmp_path / "out")
    with pytest.raises(ReleaseError, match=r"^2 tables \(a.json, b.csv\)"):
        imported("folder", several / "b.csv", several / "a/a.json", out=tmp_path / "out")
    with pytest.raises(ReleaseError, match=r"b\.csv: a place before it has a file of this name; name the table first$"):
        imported("folder", several, several / "b.csv", out=tmp_path / "out")


def test_pictures_in_a_place_of_their_own(tmp_path: Path) -> None:
    table = write_files(tmp_path / "table", {"table.csv": as_csv(ROWS)}) / "table.csv"
    pictures = zipped(write_files(tmp_path / "shots", {name[6:]: data for name, data in PICTURES.items()}))
    report, rows = imported("folder", table, pictures, out=tmp_path / "out", options=OPTIONS)
    assert (rows, kinds(report)) == (CASES, {})
    with zipfile.ZipFile(pictures, "a") as opened:
        opened.writestr("shots/c.bin", b"")
    _, rows = imported("folder", pictures, table, out=tmp_path / "turned", options=OPTIONS)
    assert rows == CASES


def test_a_table_that_is_a_link(tmp_path: Path) -> None:
    """A hub's cache has links to its files, and whoever names one means what it leads to."""
    folder = write_files(tmp_path / "blobs", {"0123": as_csv(ROWS)})
    linked = write_files(tmp_path / "snapshot", PICTURES) / "table.csv"
    linked.symlink_to(folder / "0123")
    _, rows = imported("folder", linked, out=tmp_path / "out", options=OPTIONS)
    assert rows == CASES
