"""Tables: the same rows out of every kind of file, and no row that cannot be trusted."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from pytest_vsc.errors import ReleaseError
from pytest_vsc.releases import Release
from pytest_vsc.tables import (
    LONGEST_CELL,
    Entry,
    entries,
    entries_of,
    has_id,
    has_words,
    is_text,
    read_table,
    rows_of,
    tell_unknown,
)
from tests.miniatures import write_files

ROWS = [{"id": "1", "prompt": "How do I end a process, politely?"}, {"id": "2", "prompt": 'A "quoted"\nquestion'}]
CSV = 'id,prompt\n1,"How do I end a process, politely?"\n2,"A ""quoted""\nquestion"\n'

Found = list[tuple[str, str, tuple[str, ...]]]


def read(tmp_path: Path, name: str, data: bytes | str, *columns: Sequence[str]) -> tuple[list[Entry], Found]:
    """The rows of one file, and what was found."""
    with Release([write_files(tmp_path / "release", {name: data})]) as release:
        rows = entries(release, release.below("")[0], *columns)
        return rows, [(one.kind, one.name, one.where) for one in release.findings]


def refused(tmp_path: Path, name: str, data: bytes | str, *columns: Sequence[str]) -> str:
    """Why a whole file is refused."""
    with pytest.raises(ReleaseError) as error:
        read(tmp_path, name, data, *columns)
    return str(error.value)


def xlsx(rows: Sequence[Sequence[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def parquet(columns: Any, names: Sequence[str] | None = None) -> bytes:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    buffer = io.BytesIO()
    files.write_table(arrow.table(columns, names=names), buffer)
    return buffer.getvalue()


def arrow(stream: bool) -> bytes:
    arrow = pytest.importorskip("pyarrow")
    table, buffer = arrow.Table.from_pylist(ROWS), io.BytesIO()
    open_ = arrow.ipc.new_stream if stream else arrow.ipc.new_file
    with open_(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def by_kind(kind: str) -> bytes | str:
    cells = [list(ROWS[0]), *(list(row.values()) for row in ROWS)]
    made: dict[str, Callable[[], bytes | str]] = {
        "csv": lambda: CSV,
        "semicolon.csv": lambda: CSV.replace(",", ";").replace("process;", "process,"),
        "tsv": lambda: CSV.replace(",", "\t").replace("process\t", "process,"),
        "crlf.csv": lambda: CSV.replace('y?"\n', 'y?"\r\n').replace("prompt\n", "prompt\r\n"),
        "xlsx": lambda: xlsx(cells),
        "json": lambda: json.dumps(ROWS),
        "jsonl": lambda: "".join(json.dumps(row) + "\n" for row in ROWS),
        "parquet": lambda: parquet({name: [row[name] for row in ROWS] for name in ROWS[0]}),
        "stream.arrow": lambda: arrow(stream=True),
        "file.arrow": lambda: arrow(stream=False),
    }
    return made[kind]()


KINDS = ["csv", "semicolon.csv", "tsv", "crlf.csv", "xlsx", "json", "jsonl", "parquet", "stream.arrow", "file.arrow"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_the_same(tmp_path: Path, kind: str) -> None:
    rows, found = read(tmp_path, f"table.{kind}", by_kind(kind), ["id", "prompt"], ["note"])
    assert [dict(row.said) for row in rows] == ROWS
    assert found == []


def test_a_row_is_named_as_an_editor_shows_it(tmp_path: Path) -> None:
    assert [row.at for row in read(tmp_path / "1", "a.csv", f"{CSV}\n3,third\n")[0]] == [
        "a.csv:2",
        "a.csv:3",
        "a.csv:6",
    ]
    assert [row.at for row in read(tmp_path / "2", "a.xlsx", xlsx([["id"], ["1"], [], ["2"]]))[0]] == [
        "a.xlsx:2",
        "a.xlsx:4",
    ]
    assert [row.at for row in read(tmp_path / "3", "a.json", '{"x": {}, "y": {}}')[0]] == ["a.json:x", "a.json:y"]
    assert [row.at for row in read(tmp_path / "4", "a.jsonl", '{}\n\n{"a": 1}')[0]] == ["a.jsonl:1", "a.jsonl:3"]


def test_cells_are_told_as_text(tmp_path: Path) -> None:
    said = {"none": None, "number": 3, "half": 0.5, "whole": 2.0, "truth": True, "text": " kept "}
    rows, _ = read(tmp_path, "a.json", json.dumps([said]))
    told = {name: rows[0].text(name) for name in (*said, "absent")}
    assert told == {
        **{"none": "", "number": "3", "half": "0.5", "whole": "2"},
        **{"truth": "true", "text": " kept ", "absent": ""},
    }
    assert Entry("a:1", {"prompt": "é".encode()}).text("prompt") == "é"


# --- columns ---


@pytest.mark.parametrize("name", ["Prompt", " prompt ", "PROMPT"])
def test_a_column_that_differs_in_blanks_or_case_is_meant(tmp_path: Path, name: str) -> None:
    rows, found = read(tmp_path, "a.csv", f"id,{name}\n1,words\n", ["id", "prompt"])
    assert rows[0].text("prompt") == "words"
    assert found == [("repaired", "column-name", (f"a.csv: {name.strip()}",))]


def test_the_column_that_is_called_as_it_should_be_is_taken_before_one_that_is_not(tmp_path: Path) -> None:
    rows, found = read(tmp_path, "a.csv", "Prompt,prompt\nother,meant\n", ["prompt"], ["note"])
    assert rows[0].text("prompt") == "meant"
    assert found == [("noted", "other-column", ("a.csv: Prompt",))]


def test_another_column_is_noted_where_the_columns_are_known(tmp_path: Path) -> None:
    text = "id,prompt,source\n1,words,x\n"
    assert read(tmp_path / "1", "a.csv", text, ["id"], ["prompt"])[1] == [("noted", "other-column", ("a.csv: source",))]
    assert read(tmp_path / "2", "a.csv", text, ["id"])[1] == []


def test_a_column_that_is_missing_or_there_twice_refuses_the_table(tmp_path: Path) -> None:
    said = refused(tmp_path / "1", "a.csv", "id,promt\n1,x\n", ["id", "prompt"])
    assert said == "a.csv: no column 'prompt'; it has id, promt; did you mean 'promt'?"
    assert refused(tmp_path / "2", "a.csv", "id,id\n1,2\n") == "a.csv:1: column 'id' is there twice"
    assert refused(tmp_path / "3", "a.xlsx", xlsx([["id", "id"], [1, 2]])) == "a.xlsx:1: column 'id' is there twice"
    twice = parquet([["a"], ["b"]], names=["id", "id"])
    assert refused(tmp_path / "4", "a.parquet", twice) == "a.parquet: column 'id' is there twice"


# --- rows ---


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.csv", "id,prompt\n1,one,more\n2,two\n"), ("a.xlsx", xlsx([["id", "prompt"], [1, "one", "more"], [2, "two"]]))],
)
def test_cells_beyond_the_header_refuse_the_row(tmp_path: Path, name: str, data: bytes | str) -> None:
    rows, found = read(tmp_path, name, data, ["id", "prompt"])
    assert [row.text("prompt") for row in rows] == ["two"]
    assert found == [("refused", "cells-beyond-header", (f"{name}:2",))]


def test_a_row_without_a_field_that_it_needs_is_refused(tmp_path: Path) -> None:
    rows, found = read(tmp_path / "1", "a.csv", "id,prompt\n1\n2,two\n", ["id", "prompt"])
    assert [row.text("id") for row in rows] == ["2"]
    assert found == [("refused", "row-without-field", ("a.csv:2: prompt",))]
    rows, found = read(tmp_path / "2", "a.json", '[{"id": 1}, {"id": 2, "prompt": "two"}]', ["id", "prompt"])
    assert [row.text("id") for row in rows] == ["2"]
    assert found == [("refused", "row-without-field", ("a.json:1: prompt",))]


def test_an_empty_cell_at_the_end_of_a_workbooks_row_is_empty_as_any_other(tmp_path: Path) -> None:
    book = xlsx([["id", "prompt", "note"], [1, None, "x"], [2], [3, "three", "z"]])
    rows, found = read(tmp_path, "a.xlsx", book, ["id", "prompt", "note"])
    assert [(row.text("id"), row.text("prompt"), row.text("note")) for row in rows] == [
        *[("1", "", "x"), ("2", "", ""), ("3", "three", "z")]
    ]
    assert found == []


@pytest.mark.parametrize("wrap", [lambda text: text, lambda text: [text], lambda text: {"deep": [{"x": text}]}])
def test_a_cell_without_end_and_one_that_is_no_unicode_refuse_the_row(tmp_path: Path, wrap: Any) -> None:
    said = [{"q": wrap("x" * (LONGEST_CELL + 1))}, {"q": wrap("\ud800")}, {"q": wrap("x" * LONGEST_CELL)}]
    rows, found = read(tmp_path, "a.json", json.dumps(said))
    assert [row.at for row in rows] == ["a.json:3"]
    assert found == [("refused", "not-unicode", ("a.json:2: q",)), ("refused", "row-too-large", ("a.json:1: q",))]


def test_a_long_cell_of_a_csv_refuses_its_row_only(tmp_path: Path) -> None:
    text = f"id,prompt\n1,{'x' * (LONGEST_CELL + 1)}\n2,two\n"
    rows, found = read(tmp_path, "a.csv", text, ["id", "prompt"])
    assert [row.text("id") for row in rows] == ["2"]
    assert found == [("refused", "row-too-large", ("a.csv:2: prompt",))]


def test_lines_that_are_no_json_objects_are_refused_one_by_one(tmp_path: Path) -> None:
    rows, found = read(tmp_path, "a.jsonl", '{"id": 1}\n{"id": \n[1]\n{"id": 2, "id": 3}\n')
    assert [row.text("id") for row in rows] == ["1", "2"]
    assert [(kind, name, len(where)) for kind, name, where in found] == [
        ("refused", "key-twice", 1),
        ("refused", "row-no-object", 1),
        ("refused", "row-not-json", 1),
    ]


def test_entries_that_are_no_objects_are_refused_one_by_one(tmp_path: Path) -> None:
    for number, text in enumerate(('[{"id": 1}, 7, null, {"id": 2}]', '{"a": {"id": 1}, "b": [], "c": {"id": 2}}')):
        rows, found = read(tmp_path / f"{number}", "a.json", text, ["id"])
        assert [row.text("id") for row in rows] == ["1", "2"]
        assert [row.key for row in rows] == [["", ""], ["a", "c"]][number]
        places = [("a.json:2: int", "a.json:3: NoneType"), ("a.json:b: list",)][number]
        assert found == [("refused", "row-no-object", places)]


def test_a_key_that_is_no_unicode_refuses_its_row(tmp_path: Path) -> None:
    rows, found = read(tmp_path, "a.json", json.dumps({"a": {"id": 1}, "\ud800": {"id": 2}}))
    assert ([row.key for row in rows], [name for _, name, _ in found]) == (["a"], ["not-unicode"])


# --- tables that a release should have ---


def told(release: Release) -> Found:
    return [(one.kind, one.name, one.where) for one in release.findings]


def test_the_rows_of_the_first_table_that_is_there(tmp_path: Path) -> None:
    with Release([write_files(tmp_path / "release", {"data/b.csv": CSV})]) as release:
        assert [row.at for row in rows_of(release, ("a.csv", "b.csv"), ["id"], ["prompt"])] == [
            "data/b.csv:2",
            "data/b.csv:3",
        ]
        assert told(release) == []
        assert rows_of(release, ("a.csv", "c.csv")) == []
        assert told(release) == [("missing", "table", ("a.csv",))]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("id,id\n1,2\n", "a.csv:1: column 'id' is there twice"),
        ("prompt\nwords\n", "a.csv: no column 'id'; it has prompt"),
        ("id\n", "a.csv: has no row that can be used"),
        ("id\n1,2\n", "a.csv: has no row that can be used"),
    ],
)
def test_a_table_that_cannot_be_used_has_no_rows_and_is_told(tmp_path: Path, text: str, why: str) -> None:
    with Release([write_files(tmp_path / "release", {"a.csv": text})]) as release:
        assert rows_of(release, ("a.csv",), ["id"]) == []
        assert ("refused", "table", (why,)) in told(release)


def test_a_table_is_read_in_whatever_way_its_importer_does(tmp_path: Path) -> None:
    with Release([write_files(tmp_path / "release", {"a.txt": "one\ntwo"})]) as release:
        assert read_table(release, ("a.txt",), lambda file: release.text(file).split()) == ["one", "two"]


# --- single cells ---


def test_what_is_wrong_with_a_cell_is_told(tmp_path: Path) -> None:
    said = {"text": "words", "blank": " ", "none": None, "number": 7, "list": ["a"], "letters": "ж 7"}
    row = Entry("a.json:1", {**said, "id": "?", "n": 3})
    with Release([write_files(tmp_path / "release", {"a.json": ""})]) as release:
        assert is_text(release, row, "text", "blank")
        assert is_text(release, row, "text", "none", "absent", empty=True)
        assert has_words(release, row, "letters")
        assert has_id(release, row, "n")
        assert told(release) == []
        assert not is_text(release, row, "text", "none")
        assert not is_text(release, row, "text", "number", empty=True)
        assert not is_text(release, row, "list")
        assert not has_words(release, row, "number")
        assert not has_id(release, row, "id")
        tell_unknown(release, row, "category", "")
        tell_unknown(release, row, "category", "words")
        assert told(release) == [
            ("refused", "category", ("a.json:1: none", "a.json:1: words")),
            ("refused", "id", ("a.json:1",)),
            ("refused", "not-text", ("a.json:1: none", "a.json:1: number", "a.json:1: list")),
            ("refused", "without-words", ("a.json:1: number",)),
        ]
        assert next(iter(release.findings)).what == "a row has a category that the release is not known to have"


# --- whole files ---


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("a.txt", "id\n", "a.txt: unknown kind of table; expected one of .csv,"),
        ("a.csv", "", "a.csv: empty; expected a header line and rows"),
        ("a.csv", 'id,prompt\n1,"cut of', "a.csv: not CSV: unexpected end of data"),
        ("a.csv", 'id,prompt\n1,"a"b\n', "a.csv: not CSV: "),
        ("a.xlsx", "id,prompt\n", "a.xlsx: not an XLSX workbook: "),
        ("a.json", '[{"id": 1', "a.json: not JSON: "),
        ("a.json", '"words"', "a.json: expected a list or an object of entries, not str"),
        ("a.parquet", "PAR1 and no more", "a.parquet: cannot be read: "),
        ("a.arrow", "no table", "a.arrow: cannot be read: "),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, name: str, data: str, what: str) -> None:
    if name.endswith((".parquet", ".arrow")):
        pytest.importorskip("pyarrow")
    assert refused(tmp_path, name, data).startswith(what)


def test_times_out_of_range_refuse_a_parquet_file_in_words(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    data = parquet({"at": arrow.array([10**17], arrow.timestamp("ms"))})
    assert refused(tmp_path, "a.parquet", data).startswith("a.parquet: cannot be read: ")


def test_a_header_without_rows_has_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path / "1", "a.csv", "id,prompt\n", ["id", "prompt"]) == ([], [])
    assert read(tmp_path / "2", "a.xlsx", xlsx([]), ["id", "prompt"]) == ([], [])
    assert read(tmp_path / "3", "a.json", "[]", ["id", "prompt"]) == ([], [])


def test_a_part_of_a_file_is_a_table_too(tmp_path: Path) -> None:
    with Release([write_files(tmp_path / "release", {"a.json": ""})]) as release:
        file = release.below("")[0]
        rows = entries_of(release, file, {"7": {"Prompt": "words"}}, ["prompt"])
        assert [(row.at, row.text("prompt")) for row in rows] == [("a.json:7", "words")]
        with pytest.raises(ReleaseError, match=r"^a\.json: expected a list or an object of entries, not NoneType$"):
            entries_of(release, file, None)


def test_the_limit_of_the_csv_reader_is_left_as_it_was(tmp_path: Path) -> None:
    import csv

    before = csv.field_size_limit()
    read(tmp_path, "a.csv", CSV)
    assert csv.field_size_limit() == before
