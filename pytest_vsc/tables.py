"""Read the tables of a release into rows of text: CSV, XLSX, JSON, JSON Lines, Parquet, Arrow.

A row that cannot be trusted (cells beyond the header, a cell without end) is refused by name, never shifted or cut.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pytest_vsc.errors import ReleaseError, expected, one_line
from pytest_vsc.releases import LARGEST_FILE, File, Release

LONGEST_CELL = 100_000  # characters; the longest prompts in the field have some ten thousand
DELIMITERS = (",", ";", "\t")


class Entry(NamedTuple):
    """One row of a table. at: `file:row`, a row's number as an editor or a spreadsheet shows it, or its key.

    said: the cells by column. Text is as written; a number or a truth value is its text; nothing is "".
    """

    at: str
    said: Mapping[str, Any]

    def text(self, column: str) -> str:
        """The cell as text, "" when it is empty or absent."""
        return _text(self.said.get(column))


def entries(release: Release, file: File, needed: Sequence[str] = (), known: Sequence[str] = ()) -> list[Entry]:
    """The rows of a table that can be used, by the ending of its name.

    needed: columns without which no row can be. known: columns beside them that are no surprise; () for any.
    Raises ReleaseError when the file is no table of its kind or lacks a needed column.
    """
    for ending, read in _READERS.items():
        if file.name.casefold().endswith(ending):
            return _fitting(release, file, list(read(release, file)), needed, known)
    raise ReleaseError(f"{file.path}: unknown kind of table; expected one of {', '.join(_READERS)}")


def entries_of(
    release: Release, file: File, found: Any, needed: Sequence[str] = (), known: Sequence[str] = ()
) -> list[Entry]:
    """The rows of a part of a JSON file: a list of objects, or an object of objects by key, which `at` then shows."""
    return _fitting(release, file, list(_objects(file, found)), needed, known)


def _fitting(
    release: Release, file: File, rows: list[Entry], needed: Sequence[str], known: Sequence[str]
) -> list[Entry]:
    rows = [_named(release, row, (*needed, *known)) for row in rows]
    columns = dict.fromkeys(column for row in rows for column in row.said)
    for column in needed:
        if rows and column not in columns:
            raise ReleaseError(f"{file.path}: no column '{column}'; {_found(column, columns)}")
    for column in columns:
        if known and column not in known and column not in needed:
            what = "a column that the release is not known to have; not read"
            release.findings.add("noted", "other-column", what, f"{file.path}: {column}")
    return [row for row in rows if _is_sound(release, row, needed)]


def _found(column: str, columns: Mapping[str, object]) -> str:
    return expected(column, columns).replace("expected one of", "it has")


def _named(release: Release, row: Entry, names: Sequence[str]) -> Entry:
    """The row with the columns called as they should be where they differ in blanks or in case only."""
    meant = {_key(name): name for name in names}
    said: dict[str, Any] = {}
    for column, value in row.said.items():
        name = meant.get(_key(column), column)
        if name != column and name in row.said:
            name = column  # the column that is called as it should be is the one that is meant
        if name != column:
            what = "a column's name differs in blanks or case"
            release.findings.add("repaired", "column-name", what, f"{row.at.rpartition(':')[0]}: {column}")
        said.setdefault(name, value)
    return row._replace(said=said)


def _key(column: str) -> str:
    return re.sub(r"[\s_]+", "_", column.strip().casefold())


def _is_sound(release: Release, row: Entry, needed: Sequence[str]) -> bool:
    find = release.findings
    if missing := [column for column in needed if column not in row.said]:
        find.add("refused", "row-without-field", "a row lacks a field that it needs", f"{row.at}: {missing[0]}")
        return False
    for column, value in row.said.items():
        for text in _texts(value):
            if len(text) > LONGEST_CELL:
                what = f"a row has a cell of more than {LONGEST_CELL:,} characters"
                find.add("refused", "row-too-large", what, f"{row.at}: {column}")
                return False
            if not text.isascii() and re.search(r"[\ud800-\udfff]", text):
                find.add("refused", "not-unicode", "a row has text that is not valid Unicode", f"{row.at}: {column}")
                return False
    return True


def _texts(value: Any) -> Iterator[str]:
    """Every text in a cell, which in JSON and Parquet may be a list or an object."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value if isinstance(value, str) else str(value)


# --- the kinds ---


def _csv(release: Release, file: File) -> Iterator[Entry]:
    text = release.text(file)
    header_end = text.find("\n") if "\n" in text else len(text)
    delimiter = max(DELIMITERS, key=text[:header_end].count)
    if file.name.casefold().endswith(".tsv"):
        delimiter = "\t"
    before = csv.field_size_limit(LARGEST_FILE)  # the length of a cell is judged with its row
    try:
        yield from _csv_rows(release, file, csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ReleaseError(f"{file.path}: not CSV: {one_line(error)}") from None
    finally:
        csv.field_size_limit(before)


def _csv_rows(release: Release, file: File, reader: Any) -> Iterator[Entry]:
    header: list[str] | None = None
    line = 1
    for cells in reader:
        at, line = f"{file.path}:{line}", reader.line_num + 1
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = cells
            _refuse_column_twice(at, header)
        elif len(cells) > len(header):
            _refuse_beyond_header(release, at)
        else:
            yield Entry(at, dict(zip(header, cells, strict=False)))
    if header is None:
        raise ReleaseError(f"{file.path}: empty; expected a header line and rows")


def _xlsx(release: Release, file: File) -> Iterator[Entry]:
    import openpyxl

    data = release.read(file)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            size = sum(part.file_size for part in parts.infolist())
        if size > LARGEST_FILE:
            raise ReleaseError(f"{file.path}: unpacks to {size:,} bytes; expected at most {LARGEST_FILE:,}")
        sheet = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True).worksheets[0]
        sheet.reset_dimensions()  # what a file says of its own size may be wrong
        rows = list(sheet.iter_rows(values_only=True))
    except ReleaseError:
        raise
    except Exception as error:  # whatever a reader of foreign XML raises
        raise ReleaseError(f"{file.path}: not an XLSX workbook: {one_line(error) or type(error).__name__}") from None
    yield from _xlsx_rows(release, file, rows)


def _xlsx_rows(release: Release, file: File, rows: Sequence[Sequence[Any]]) -> Iterator[Entry]:
    header = [_text(cell) for cell in rows[0]] if rows else []
    _refuse_column_twice(f"{file.path}:1", [name for name in header if name])
    for number, cells in enumerate(rows[1:], 2):
        at = f"{file.path}:{number}"
        named = [*header, *[""] * len(cells)]
        if any(cell is not None and not name for name, cell in zip(named, cells, strict=False)):
            _refuse_beyond_header(release, at)
        elif any(cell is not None for cell in cells):
            yield Entry(at, {name: cell for name, cell in zip(header, cells, strict=False) if name})


def _refuse_column_twice(at: str, header: Sequence[str]) -> None:
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise ReleaseError(f"{at}: column '{one_line(twice)}' is there twice")


def _refuse_beyond_header(release: Release, at: str) -> None:
    what = "a row has more cells than there are columns; which belongs where is unknown"
    release.findings.add("refused", "cells-beyond-header", what, at)


def _json(release: Release, file: File) -> Iterator[Entry]:
    return _objects(file, release.json(file))


def _objects(file: File, found: Any) -> Iterator[Entry]:
    if isinstance(found, list):
        named: Any = enumerate(found, 1)
    elif isinstance(found, dict):
        named = found.items()
    else:
        raise ReleaseError(f"{file.path}: expected a list or an object of entries, not {type(found).__name__}")
    for key, said in named:
        if not isinstance(said, dict):
            raise ReleaseError(f"{file.path}: entry {one_line(key)}: expected an object, not {type(said).__name__}")
        yield Entry(f"{file.path}:{one_line(key)}", said)


def _json_lines(release: Release, file: File) -> Iterator[Entry]:
    for number, line in enumerate(release.text(file).split("\n"), 1):
        if not line.strip():
            continue
        at = f"{file.path}:{number}"
        try:
            said = release.parsed(line, at)
        except (ValueError, RecursionError) as error:
            release.findings.add("refused", "row-not-json", "a line is not JSON", f"{at}: {error}")
            continue
        if not isinstance(said, dict):
            release.findings.add("refused", "row-not-json", "a line is not JSON", f"{at}: no object")
            continue
        yield Entry(at, said)


def _arrow_table(release: Release, file: File, open_table: Callable[[Any, io.BytesIO], Any]) -> Iterator[Entry]:
    try:
        import pyarrow
    except ImportError:
        raise ReleaseError(
            f"{file.path}: reading it needs the package pyarrow: pip install 'pytest-vsc[parquet]'"
        ) from None
    data = io.BytesIO(release.read(file))
    try:
        table = open_table(pyarrow, data)
        _refuse_column_twice(file.path, table.column_names)
        rows = table.to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:  # the last two: times out of range
        raise ReleaseError(f"{file.path}: cannot be read: {one_line(error)}") from None
    for number, said in enumerate(rows, 1):
        yield Entry(f"{file.path}:{number}", said)


def _parquet(release: Release, file: File) -> Iterator[Entry]:
    def table(pyarrow: Any, data: io.BytesIO) -> Any:  # noqa: ARG001
        from pyarrow import parquet

        return parquet.ParquetFile(data).read()

    return _arrow_table(release, file, table)


def _arrow(release: Release, file: File) -> Iterator[Entry]:
    def table(pyarrow: Any, data: io.BytesIO) -> Any:
        try:
            return pyarrow.ipc.open_stream(data).read_all()
        except pyarrow.ArrowInvalid:  # the other of the format's two forms
            data.seek(0)
            return pyarrow.ipc.open_file(data).read_all()

    return _arrow_table(release, file, table)


_READERS: dict[str, Callable[[Release, File], Iterator[Entry]]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".xlsx": _xlsx,
    ".jsonl": _json_lines,
    ".json": _json,
    ".parquet": _parquet,
    ".arrow": _arrow,
}
