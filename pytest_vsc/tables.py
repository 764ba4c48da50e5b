"""Read the tables of a release into rows of text: CSV, XLSX, JSON, JSON Lines, Parquet, Arrow.

A row that cannot be trusted (cells beyond the header, a cell without end) is refused by name, never shifted or cut.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from pytest_vsc.errors import ReleaseError, has, one_line
from pytest_vsc.releases import LARGEST_FILE, File, Release
from pytest_vsc.spelling import is_unicode

LONGEST_CELL = 100_000  # characters; the longest prompts in the field have some ten thousand
DELIMITERS = (",", ";", "\t")
DATASET_INFO = "dataset_info.json"  # which `datasets` writes beside its tables
NOT_TEXT = "a cell that should be text is none"
_Found = TypeVar("_Found")


class Entry(NamedTuple):
    """One row of a table. at: `file:row`, a row's number as an editor or a spreadsheet shows it, or its key.

    said: the cells by column. Text is as written; a number or a truth value is its text; nothing is "".
    key: what the row stands under in a JSON object, "" in any other table.
    """

    at: str
    said: Mapping[str, Any]
    key: str = ""

    def text(self, column: str) -> str:
        """The cell as text, "" when it is empty or absent."""
        return _text(self.said.get(column))


def rows_of(
    release: Release, names: Sequence[str], needed: Sequence[str] = (), known: Sequence[str] = ()
) -> list[Entry]:
    """The rows of a release's table, as `entries` gives them; none, with a finding, as `read_table` tells it."""
    return read_table(release, names, lambda file: entries(release, file, needed, known))


def read_table(release: Release, names: Sequence[str], read: Callable[[File], list[_Found]]) -> list[_Found]:
    """What `read` makes of the table at the first of these paths that is there.

    Nothing, with a finding, where the table is not there, has no row that can be used, or is a ReleaseError to `read`.
    """
    file = release.find(*names)
    if file is None:
        release.findings.add("missing", "table", "a table of the release is not there", names[0])
        return []
    try:
        if found := read(file):
            return found
        raise ReleaseError(f"{file.path}: has no row that can be used")
    except ReleaseError as error:
        release.findings.add("refused", "table", "a table of the release cannot be used", str(error))
        return []


def entries(
    release: Release, file: File, needed: Sequence[str] = (), known: Sequence[str] = (), pictures: Sequence[str] = ()
) -> list[Entry]:
    """The rows of a table that can be used, by the ending of its name.

    needed: columns without which no row can be. known: columns beside them that are no surprise; () for any.
    pictures: columns of pictures written as text, whose cells are as long as pictures are.
    Raises ReleaseError when the file is no table of its kind or lacks a needed column.
    """
    for ending, read in _READERS.items():
        if file.name.casefold().endswith(ending):
            return _fitting(release, file, list(read(release, file)), needed, known, pictures=pictures)
    raise ReleaseError(f"{file.path}: unknown kind of table; expected one of {', '.join(_READERS)}")


def entries_of(
    release: Release, file: File, found: Any, needed: Sequence[str] = (), known: Sequence[str] = ()
) -> list[Entry]:
    """The rows of a part of a JSON file: a list of objects, or an object of objects by key, which `at` then shows."""
    return _fitting(release, file, list(_objects(release, file, found)), needed, known)


def lines_of(release: Release, file: File, needed: Sequence[str] = (), known: Sequence[str] = ()) -> list[Entry]:
    """The same of a file of JSON lines, whatever its name ends in."""
    return _fitting(release, file, list(_json_lines(release, file)), needed, known)


def _fitting(
    release: Release,
    file: File,
    rows: list[Entry],
    needed: Sequence[str],
    known: Sequence[str],
    *,
    pictures: Sequence[str] = (),
) -> list[Entry]:
    rows = [_named(release, row, (*needed, *known)) for row in rows]
    columns = dict.fromkeys(column for row in rows for column in row.said)
    for column in needed:
        if rows and column not in columns:
            raise ReleaseError(f"{file.path}: no column '{column}'; {has(column, columns)}")
    for column in columns:
        if known and column not in known and column not in needed:
            what = "a column that the release is not known to have; not read"
            release.findings.add("noted", "other-column", what, f"{file.path}: {column}")
    return [row for row in rows if _is_sound(release, row, needed, pictures)]


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


def _is_sound(release: Release, row: Entry, needed: Sequence[str], pictures: Sequence[str]) -> bool:
    find = release.findings
    if missing := [column for column in needed if column not in row.said]:
        find.add("refused", "row-without-field", "a row lacks a field that it needs", f"{row.at}: {missing[0]}")
        return False
    for column, value in (("its key", row.key), *row.said.items()):
        for text in _texts(value):
            if len(text) > LONGEST_CELL and column not in pictures:
                what = f"a row has a cell of more than {LONGEST_CELL:,} characters"
                find.add("refused", "row-too-large", what, f"{row.at}: {column}")
                return False
            if not is_unicode(text):
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


# --- single cells; what is wrong with one is told ---


def is_text(release: Release, row: Entry, *columns: str, empty: bool = False) -> bool:
    """Whether these cells are text. empty: whether a cell without anything will do too."""
    for column in columns:
        cell = row.said.get(column)
        if not (isinstance(cell, str) or (empty and cell is None)):
            release.findings.add("refused", "not-text", NOT_TEXT, f"{row.at}: {column}")
            return False
    return True


def has_words(release: Release, row: Entry, column: str) -> bool:
    """Whether a cell has a letter of whatever alphabet: cells that have moved are often numbers."""
    if any(letter.isalpha() for letter in row.text(column)):
        return True
    what = "a cell that should be words has no letter; cells may have moved"
    release.findings.add("refused", "without-words", what, f"{row.at}: {column}")
    return False


def has_id(release: Release, row: Entry, column: str) -> bool:
    """Whether a cell has a letter or digit to make an id of."""
    if re.search("[a-z0-9]", row.text(column).casefold()):
        return True
    release.findings.add("refused", "id", "a row has no id", row.at)
    return False


def tell_unknown(release: Release, row: Entry, name: str, value: str) -> None:
    """Refuse a row since its category, or whatever `name` is, is none of the release."""
    what = f"a row has a {name} that the release is not known to have"
    release.findings.add("refused", name, what, f"{row.at}: {value or 'none'}")


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
            whole = [*cells, *[None] * len(header)]  # a workbook does not hold the empty cells at the end of a row
            yield Entry(at, {name: cell for name, cell in zip(header, whole, strict=False) if name})


def _refuse_column_twice(at: str, header: Sequence[str]) -> None:
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise ReleaseError(f"{at}: column '{one_line(twice)}' is there twice")


def _refuse_beyond_header(release: Release, at: str) -> None:
    what = "a row has more cells than there are columns; which belongs where is unknown"
    release.findings.add("refused", "cells-beyond-header", what, at)


def _json(release: Release, file: File) -> Iterator[Entry]:
    return _objects(release, file, release.json(file))


def _objects(release: Release, file: File, found: Any) -> Iterator[Entry]:
    if isinstance(found, list):
        named: Any = enumerate(found, 1)
    elif isinstance(found, dict):
        named = found.items()
    else:
        raise ReleaseError(f"{file.path}: expected a list or an object of entries, not {type(found).__name__}")
    for key, said in named:
        at = f"{file.path}:{one_line(key).replace(':', ';')}"  # what stands after the last ':' is the row
        if isinstance(said, dict):
            yield Entry(at, said, key if isinstance(found, dict) else "")
        else:
            _refuse_no_object(release, at, said)


def _refuse_no_object(release: Release, at: str, said: Any) -> None:
    what = "an entry of a table is no object, so that its cells have no names"
    release.findings.add("refused", "row-no-object", what, f"{at}: {type(said).__name__}")


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
        if isinstance(said, dict):
            yield Entry(at, said)
        else:
            _refuse_no_object(release, at, said)


def _arrow(release: Release, file: File) -> Iterator[Entry]:
    """The rows of an Arrow or a Parquet file."""
    try:
        import pyarrow
    except ImportError:
        raise ReleaseError(
            f"{file.path}: reading it needs the package pyarrow: pip install 'pytest-vsc[parquet]'"
        ) from None
    try:
        schema, read = _opened(release, file)
        _refuse_column_twice(file.path, schema.names)
        rows = read().to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:  # the last two: times out of range
        raise ReleaseError(f"{file.path}: cannot be read: {one_line(error)}") from None
    for number, said in enumerate(rows, 1):
        yield Entry(f"{file.path}:{number}", said)


def _opened(release: Release, file: File) -> tuple[Any, Callable[[], Any]]:
    """The schema of an Arrow or Parquet file, and what reads the whole of it. Raises what pyarrow raises."""
    import pyarrow
    from pyarrow import parquet

    data = io.BytesIO(release.read(file))
    if file.name.casefold().endswith(".parquet"):
        found = parquet.ParquetFile(data)
        return found.schema_arrow, found.read
    try:
        reader = pyarrow.ipc.open_stream(data)
    except pyarrow.ArrowInvalid:  # the other of the format's two forms
        data.seek(0)
        reader = pyarrow.ipc.open_file(data)
    return reader.schema, reader.read_all


_READERS: dict[str, Callable[[Release, File], Iterator[Entry]]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".xlsx": _xlsx,
    ".jsonl": _json_lines,
    ".json": _json,
    ".parquet": _arrow,
    ".arrow": _arrow,
}


# --- numbers that stand for names ---


def with_class_names(release: Release, file: File, rows: Sequence[Entry]) -> list[Entry]:
    """The rows of a table with names in the place of the numbers that stand for them, as far as that is told.

    `datasets` calls such a column a ClassLabel and tells its names, from 0 on, in an Arrow or Parquet file or in
    `dataset_info.json` beside it. A number that has no name, such as its -1, says nothing. Raises ReleaseError when the
    two places tell different names.
    """
    inside, beside = _class_names(_features_inside(release, file)), _class_names(_features_beside(release, file))
    for column in inside.keys() & beside.keys():
        if inside[column] != beside[column]:
            what = f"column '{one_line(column)}': its names are others than those in {DATASET_INFO}"
            raise ReleaseError(f"{file.path}: {what}; which of them are meant is unknown")
    names = {**beside, **inside}
    return [
        row._replace(said={name: _class_name(cell, names.get(name)) for name, cell in row.said.items()}) for row in rows
    ]


def _class_names(features: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for column, one in features.items() if isinstance(features, dict) else ():
        if isinstance(one, dict) and one.get("_type") == "ClassLabel":
            names = one.get("names")
            if isinstance(names, list) and all(isinstance(name, str) for name in names):
                found[column] = names
    return found


def _class_name(cell: Any, names: Sequence[Any] | None) -> Any:
    """The name; a text that is none of the names and no number stays."""
    text = _text(cell).strip()
    if names is None or (isinstance(cell, str) and text in names) or not re.fullmatch("-?[0-9]{1,9}", text):
        return cell
    return names[int(text)] if 0 <= int(text) < len(names) else None


def _features_inside(release: Release, file: File) -> Any:
    if not file.name.casefold().endswith((".parquet", ".arrow")):
        return None
    schema, _ = _opened(release, file)
    text = (schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        info = json.loads(text).get("info")
        return info.get("features") if info else None
    except (ValueError, RecursionError, AttributeError) as error:
        _tell_no_features(release, f"{file.path}: {one_line(error)}")
        return None


def _features_beside(release: Release, file: File) -> Any:
    path = f"{file.path.removesuffix(file.name)}{DATASET_INFO}"
    for other in release.below("", DATASET_INFO):
        if other.path == path != file.path:
            try:
                info = release.json(other)
                return info.get("features") if isinstance(info, dict) else None
            except ReleaseError as error:
                _tell_no_features(release, str(error))
    return None


def _tell_no_features(release: Release, where: str) -> None:
    what = "what a table's columns are cannot be read, so that numbers in them may have names that are not known"
    release.findings.add("refused", "features", what, where)
