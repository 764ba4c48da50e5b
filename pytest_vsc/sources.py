"""Read the files of a suite into what is written there, each field with its file and line; one row a case.

Refused here is what cannot be read, is written twice or is of the wrong type. What the words mean is not known here.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from pytest_vsc.cases import SIDES
from pytest_vsc.errors import SuiteError, expected, one_line
from pytest_vsc.spelling import is_unicode

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HEADER, PAIRS, CASES = "suite.toml", "pairs.yaml", "cases.jsonl"
PICTURE_HASHES = "pictures.sha256"  # in the form of the command sha256sum: HASH, two blanks, path
MOST_PROBLEMS = 20

_SHARED_FIELDS = frozenset({"pair", "centric", "category", "variant", "group", "prompt", "image", "images", "tags"})
PAIR_FIELDS = _SHARED_FIELDS | {"safe", "unsafe"}
HALF_FIELDS = frozenset({"prompt", "image", "images", "tags", "group"})
CASE_FIELDS = _SHARED_FIELDS | {"id", "side", "answers", "options"}
_LISTS = ("images", "tags", "answers", "options")
_NO_TEXT = frozenset({*SIDES, *_LISTS})

_YAML_KINDS = {"bool": "true or false", "int": "a number", "float": "a number", "timestamp": "a date"}
# A list of pairs, a pair, a half, a list of text: nothing lies deeper, so that no alias can loop.
_DEEPEST = 2


class Problems:
    """What is wrong with a suite, gathered so that one run shows it all; the halves of a pair say a thing once."""

    def __init__(self) -> None:
        self._lines: dict[str, None] = {}

    def add(self, where: str, what: str) -> None:
        self._lines.setdefault(one_line(f"{where}: {what}"))  # a suite's own text must not begin a line

    def error(self) -> SuiteError:
        lines = list(self._lines)
        if more := lines[MOST_PROBLEMS:]:
            lines[MOST_PROBLEMS:] = [f"... and {len(more)} more"]
        return SuiteError("\n".join(lines))

    def stop_if_any(self) -> None:
        if self._lines:
            raise self.error()


def _text(file: Path, shown: str) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise SuiteError(f"{shown}: cannot be read: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SuiteError(f"{shown}:{line}: not UTF-8") from None


# --- suite.toml, into a table ---


class Table(NamedTuple):
    """A TOML file as written: its fields, and the text that tells their lines."""

    file: str
    text: str
    said: dict[str, Any]

    def at(self, field: str) -> str:
        """`file:line` of the line that sets the field or opens its table; the bare file where it is not set."""
        found = re.search(rf"""^\s*\[*\s*["']?{re.escape(field)}["']?\s*[=\].]""", self.text, re.MULTILINE)
        return f"{self.file}:{self.text.count(chr(10), 0, found.end()) + 1}" if found else self.file


def read_table(file: Path, shown: str) -> Table:
    """What a TOML file says. Raises SuiteError; messages name the file as `shown`."""
    text = _text(file, shown)
    try:
        return Table(shown, text, tomllib.loads(text))
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, and what its reader lets through
        line = re.search(r"at line (\d+)", str(error))
        raise SuiteError(f"{shown}:{line[1] if line else text.count(chr(10)) + 1}: not TOML: {error}") from None


def read_hashes(root: Path, shown: str) -> dict[str, str]:
    """The sha256 of each picture by its path, as the suite lists them; empty where it does not. Raises SuiteError."""
    file = root / PICTURE_HASHES
    if not file.is_file():
        return {}
    listed: dict[str, str] = {}
    for number, line in enumerate(_text(file, f"{shown}/{PICTURE_HASHES}").splitlines(), 1):
        found = re.fullmatch(r"([0-9a-f]{64}) [ *](.+)", line)
        if found is None:
            raise SuiteError(f"{shown}/{PICTURE_HASHES}:{number}: expected a sha256, two blanks and a path")
        listed[found[2]] = found[1]
    return listed


# --- pairs.yaml and cases.jsonl, both into rows ---


class _Odd(NamedTuple):
    """A YAML value that is neither text, list nor mapping, in words."""

    described: str


class Row(NamedTuple):
    """A mapping as written, of a pair, of a half or of a case: its fields, and their lines where they differ."""

    file: str
    line: int
    said: dict[str, Any]
    lines: Mapping[str, int] = MappingProxyType({})

    def at(self, field: str) -> str:
        return f"{self.file}:{self.lines.get(field, self.line)}"


# A YAML node, whose published types lack its `id`.
_Node = Any


def read_rows(root: Path, shown: str, problems: Problems) -> Iterator[Row]:
    """The rows of the cases, each with its fields of the right type. A row with a problem is noted and left out.

    Raises SuiteError when there is no file to read, or one that is no text.
    """
    readers = {PAIRS: _pair_rows, CASES: _case_rows}
    present = [name for name in readers if (root / name).is_file()]
    if not present:
        raise SuiteError(f"{shown}: no {PAIRS} and no {CASES}; a suite has one of them or both")
    for name in present:
        yield from readers[name](root / name, f"{shown}/{name}", problems)


# --- the fields of a row, and their types ---


def _checked(row: Row, allowed: Set[str], problems: Problems) -> Row | None:
    """The row less its empty fields; None, with the problems noted, if a field is unknown or of the wrong type."""
    if _is_plain(row.said, allowed):  # as most are
        return row
    found = [(field, what) for field, value in row.said.items() if (what := _misfit(field, value, allowed))]
    if None in row.said.values():
        row = row._replace(said={field: value for field, value in row.said.items() if value is not None})
    if "image" in row.said and "images" in row.said:
        found.append(("images", "both 'image' and 'images'; expected one of them"))
    for field, what in found:
        problems.add(row.at(field), what)
    return None if found else row


def _is_plain(said: Mapping[str, Any], allowed: Set[str]) -> bool:
    """Whether a row is nothing but known fields of plain text. For one with other values it is slower to tell."""
    try:
        return said.keys() <= allowed and not said.keys() & _NO_TEXT and "".join(said.values()).isascii()
    except TypeError:
        return False


def _misfit(field: str, value: Any, allowed: Set[str]) -> str:
    if field not in allowed:
        return f"unknown field {field!r}; {expected(field, allowed)}"
    wrong = _wrong_type(field, value)
    return f"field '{field}' must be {wrong}, not {_described(value)}" if wrong else ""


def _wrong_type(field: str, value: Any) -> str:
    """What the field should have been, or "" when the value fits. An empty value means that the field is not set."""
    if value is None:
        return ""
    if field in SIDES:
        return "" if isinstance(value, Row) else "a half with its own fields"
    if field in _LISTS:
        fits = isinstance(value, list) and all(_is_text(item) for item in value)
        return "" if fits else "a list of text"
    return "" if _is_text(value) else "text"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and is_unicode(value)


def _described(value: Any) -> str:
    """The kind of a value. Text is not shown, since it may be a prompt."""
    if isinstance(value, _Odd):
        return value.described
    if isinstance(value, bool):
        return f"true or false ({json.dumps(value)})"
    if isinstance(value, int | float):
        return f"a number ({value})"
    if isinstance(value, list):
        odd = next((item for item in value if not _is_text(item)), None)
        return "a list" if odd is None else f"a list with {_described(odd)}"
    if isinstance(value, str):
        return "text" if _is_text(value) else "text that is not valid Unicode"
    return "nothing" if value is None else "a mapping"


# --- pairs.yaml ---


def _pair_rows(path: Path, file: str, problems: Problems) -> Iterator[Row]:
    """Two rows for each pair. A pair that cannot be read is noted and left out."""
    seen: dict[str, str] = {}
    for row in _yaml_rows(_text(path, file), file, problems):
        pair = _checked(row, PAIR_FIELDS, problems)
        if pair is None:
            continue
        name = pair.said.get("pair")
        if name is None:
            problems.add(pair.at("pair"), "missing field 'pair'")
        elif name in seen:
            problems.add(pair.at("pair"), f"duplicate pair {name!r}; the first is at {seen[name]}")
        else:
            seen[name] = pair.at("pair")
            yield from _half_rows(pair, problems)


def _half_rows(pair: Row, problems: Problems) -> Iterator[Row]:
    name = pair.said["pair"]
    for side in SIDES:
        if side not in pair.said:
            problems.add(pair.at(side), f"half a pair: {name!r} has no '{side}'; expected both sides")
            continue
        half = _checked(pair.said[side], HALF_FIELDS, problems)
        if half is not None:
            yield _merged(pair, half, side)


def _merged(pair: Row, half: Row, side: str) -> Row:
    """One case: the pair's fields, overridden by the half's, with the tags of both."""
    dropped = {"safe", "unsafe"} | ({"image", "images"} if {"image", "images"} & half.said.keys() else set())
    said = {field: value for field, value in pair.said.items() if field not in dropped}
    said |= {**half.said, "id": f"{pair.said['pair']}.{side}", "side": side}
    if "tags" in said:
        said["tags"] = [*pair.said.get("tags", ()), *half.said.get("tags", ())]
    return Row(pair.file, pair.line, said, {**pair.lines, "id": pair.lines["pair"], **half.lines})


def _yaml_rows(text: str, file: str, problems: Problems) -> Iterator[Row]:
    """The mappings of a YAML list. Nodes only: no object is ever constructed."""
    root = _yaml_root(text, file, problems)
    if root is None:
        return
    if root.id != "sequence":
        found = _described(_plain(root, file, problems))
        problems.add(f"{file}:{_line(root)}", f"expected a list of pairs, not {found}")
        return
    for node in root.value:
        row = _plain(node, file, problems)
        if isinstance(row, Row):
            yield row
        else:
            problems.add(f"{file}:{_line(node)}", f"expected a pair with its fields, not {_described(row)}")


def _yaml_root(text: str, file: str, problems: Problems) -> _Node | None:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.compose(text, Loader=loader)
    except yaml.reader.ReaderError as error:
        # Its position counts bytes or characters, by the loader; the first such character is what it stopped at.
        line = text.count("\n", 0, max(text.find(chr(error.character)), 0)) + 1
        problems.add(f"{file}:{line}", f"not YAML: {error.reason}")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problems.add(f"{file}:{mark.line + 1 if mark else 1}", f"not YAML: {error.problem or error.context}")
    except RecursionError:
        problems.add(f"{file}:1", "not a list of pairs: nested too deeply")
    return None


def _line(node: _Node) -> int:
    return int(node.start_mark.line) + 1


def _plain(node: _Node, file: str, problems: Problems, depth: int = 0) -> str | _Odd | list[Any] | Row | None:
    if node.id == "scalar":
        return _scalar(node)
    if depth > _DEEPEST:
        return _Odd("a value nested too deeply")
    if node.id == "sequence":
        return [_plain(item, file, problems, depth + 1) for item in node.value]
    row = Row(file, _line(node), {}, lines := {})
    for key, value in node.value:
        field = str(key.value) if key.id == "scalar" else "?"
        if field in lines:
            problems.add(f"{file}:{_line(key)}", f"field {field!r} is given twice")
        lines[field] = _line(value if field in PAIR_FIELDS else key)
        row.said[field] = _plain(value, file, problems, depth + 1)
    return row


def _scalar(node: _Node) -> str | _Odd | None:
    kind = node.tag.rpartition(":")[2]
    if kind == "str":
        return str(node.value)
    return None if kind == "null" else _Odd(f"{_YAML_KINDS.get(kind, kind)} ({node.value[:40]}); put it in quotes")


# --- cases.jsonl ---


def _case_rows(path: Path, file: str, problems: Problems) -> Iterator[Row]:
    for line, written in _lines(path, file):
        if not written.strip():
            continue
        try:
            said = _DECODER.decode(written)
        except (ValueError, RecursionError) as error:
            problems.add(f"{file}:{line}", f"not JSON: {error}")
            continue
        if not isinstance(said, dict):
            problems.add(f"{file}:{line}", f"expected a case with its fields, not {_described(said)}")
            continue
        case = _checked(Row(file, line, said), CASE_FIELDS, problems)
        if case is not None:
            yield case


def _lines(path: Path, file: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, one at a time: the memory that a large file takes at once is not given back."""
    number = 0
    try:
        with path.open("rb") as opened:
            for number, raw in enumerate(opened, 1):
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8").removesuffix("\n")
    except OSError as error:
        raise SuiteError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SuiteError(f"{file}:{number}: not UTF-8") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"field '{twice}' is given twice")
    return said


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)
