"""Load suites: find the folder, read its files, refuse whatever is doubtful with file and line, hash what was read.

Pictures are hashed and recognised, their pixels are never decoded. Which cases run is not decided here.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import ValidationError

from pytest_vsc.cases import CENTRICS, SIDES, VARIANTS, Case, Picture, Suite, SuiteHeader
from pytest_vsc.errors import SuiteError, expected
from pytest_vsc.records import POLICIES
from pytest_vsc.shipped import shipped

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HEADER, PAIRS, CASES = "suite.toml", "pairs.yaml", "cases.jsonl"
# What engines and servers take; naming them also keeps odd decoders away from files of unknown origin.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MOST_PROBLEMS = 20

_SHARED_FIELDS = ("pair", "centric", "category", "variant", "group", "prompt", "image", "images", "tags")
_PAIR_FIELDS = (*_SHARED_FIELDS, "safe", "unsafe")
_HALF_FIELDS = ("prompt", "image", "images", "tags", "group")
_CASE_FIELDS = ("id", "side", *_SHARED_FIELDS)
_NEEDED = ("id", "side", "centric", "category", "prompt")
_LISTS = ("images", "tags")

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_NAME_RULE = "a name has letters, digits, '.', '_' and '-' only"
_YAML_KINDS = {"bool": "true or false", "int": "a number", "float": "a number", "timestamp": "a date"}
# A list of pairs, a pair, a half, a list of text: nothing lies deeper, so that no alias can loop.
_DEEPEST = 2


def load_suites(names: Sequence[str], base: Path) -> tuple[Suite, ...]:
    """The suites of these names or folders, in order. Raises SuiteError; so do two suites of one name."""
    suites: dict[str, Suite] = {}
    for name in names:
        suite = load_suite(name, base)
        if other := suites.get(suite.name):
            places = " and ".join(_shown(Path(one.root), base) for one in (other, suite))
            raise SuiteError(f"--vsc-suite: two suites are named '{suite.name}' ({places}); their names must differ")
        suites[suite.name] = suite
    return tuple(suites.values())


def load_suite(name_or_path: str, base: Path) -> Suite:
    """The suite of a shipped name, or of a folder given absolute or relative to `base`.

    Raises SuiteError with up to 20 problems, one a line, each `file:line: what is wrong; what is allowed`.
    """
    root = _folder(name_or_path, base)
    shown, problems = _shown(root, base), _Problems()
    header = _header(root / HEADER, f"{shown}/{HEADER}")
    rows = _rows(root, shown, problems)
    sourced = _cases(rows, header, _Pictures(root), problems)
    problems.stop_if_any()
    if not sourced:
        raise SuiteError(f"{shown}: the suite is empty; expected at least one pair or case")
    _check_pairs(sourced, header, problems)
    problems.stop_if_any()
    cases = tuple(case for _, case in sourced)
    return Suite(header=header, root=str(root), cases=cases, sha256=_digest(header, cases))


def shipped_suites() -> tuple[str, ...]:
    """The names of the suites that come with the package."""
    return tuple(sorted(file.parent.name for file in shipped("suites").glob(f"*/{HEADER}")))


def _digest(header: SuiteHeader, cases: Iterable[Case]) -> str:
    """sha256 of what the suite says, picture bytes included, wherever it lies on disk."""
    whole = [header.model_dump(mode="json"), *(_said(case) for case in cases)]
    return hashlib.sha256(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _said(case: Case) -> dict[str, Any]:
    pictures = [[picture.name, picture.sha256] for picture in case.images]
    return {**vars(case), "images": pictures}


# --- where a suite is, and how its files are named in messages ---


def _folder(name: str, base: Path) -> Path:
    ours = shipped_suites()
    if name in ours:
        return (shipped("suites") / name).resolve()
    folder = (base / Path(name).expanduser()).resolve()
    if (folder / HEADER).is_file():
        return folder
    if folder.is_dir():
        raise SuiteError(f"--vsc-suite: '{name}' has no {HEADER}; expected {_choice(name, ours)}")
    raise SuiteError(f"--vsc-suite: unknown suite '{name}'; expected {_choice(name, ours)}")


def _choice(name: str, ours: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(name, ours, n=1)
    hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
    one = f"one of {', '.join(ours)} (shipped) or " if ours else ""
    return f"{one}a folder with a {HEADER}{hint}"


def _shown(root: Path, base: Path) -> str:
    """The folder as messages name it: short for ours, relative where it lies below `base` or the current folder."""
    if root.parent == shipped("suites").resolve():
        return f"suites/{root.name}"
    for above in (base.resolve(), Path.cwd()):
        if root.is_relative_to(above):
            return root.relative_to(above).as_posix()
    return root.as_posix()


class _Problems:
    """What is wrong with a suite, gathered so that one run shows it all; the halves of a pair say a thing once."""

    def __init__(self) -> None:
        self._lines: dict[str, None] = {}

    def add(self, where: str, what: str) -> None:
        self._lines.setdefault(f"{where}: {what}")

    def error(self) -> SuiteError:
        lines = list(self._lines)
        if more := lines[MOST_PROBLEMS:]:
            lines[MOST_PROBLEMS:] = [f"... and {len(more)} more"]
        return SuiteError("\n".join(lines))

    def stop_if_any(self) -> None:
        if self._lines:
            raise self.error()


# --- suite.toml ---


def _header(file: Path, shown: str) -> SuiteHeader:
    """The header. It is refused at once, since without its categories no case can be checked."""
    problems = _Problems()
    text = _text(file, shown)
    try:
        # By way of JSON: only there does pydantic's strict mode take a list for a tuple.
        said = json.dumps(tomllib.loads(text), default=str)
        header = SuiteHeader.model_validate_json(said, strict=True)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise SuiteError(f"{shown}:{line[1] if line else text.count(chr(10)) + 1}: not TOML: {error}") from None
    except ValidationError as error:
        for found in error.errors():
            field = str(found["loc"][0])
            problems.add(_line_of(field, text, shown), _header_problem(field, dict(found)))
        raise problems.error() from None
    for field, what in _doubts(header):
        problems.add(_line_of(field, text, shown), what)
    problems.stop_if_any()
    return header


def _header_problem(field: str, found: Mapping[str, Any]) -> str:
    kind, message = found["type"], found["msg"]
    if kind == "extra_forbidden":
        return f"unknown field '{field}'; {expected(field, SuiteHeader.model_fields)}"
    if kind == "missing":
        return f"missing field '{field}'"
    if kind == "literal_error":
        return f"unknown centric {found['input']!r} in 'paired'; {expected(str(found['input']), CENTRICS)}"
    return f"field '{field}': {message[0].lower()}{message[1:]} ({str(found['input'])[:40]})"


def _doubts(header: SuiteHeader) -> Iterator[tuple[str, str]]:
    for field, name in [("name", header.name), *(("categories", name) for name in header.categories)]:
        if not _NAME.fullmatch(name):
            yield field, f"field '{field}': {name!r} is no name; {_NAME_RULE}"
    for field in ("version", "licence"):
        if not getattr(header, field).strip():
            yield field, f"field '{field}' is empty"
    if header.policy and header.policy not in POLICIES:
        yield "policy", f"unknown policy '{header.policy}'; {expected(header.policy, POLICIES)}"


def _line_of(field: str, text: str, shown: str) -> str:
    """`file:line` of the line that sets the field or opens its table; the bare file where it is not set."""
    found = re.search(rf"""^\s*\[*\s*["']?{re.escape(field)}["']?\s*[=\].]""", text, re.MULTILINE)
    return f"{shown}:{text.count(chr(10), 0, found.end()) + 1}" if found else shown


# --- pairs.yaml and cases.jsonl, both into rows ---


class _Odd(NamedTuple):
    """A YAML value that is neither text, list nor mapping, in words."""

    described: str


class _Row(NamedTuple):
    """A mapping as written, of a pair, of a half or of a case: its fields, and their lines where they differ."""

    file: str
    line: int
    said: dict[str, Any]
    lines: Mapping[str, int] = MappingProxyType({})

    def at(self, field: str) -> str:
        return f"{self.file}:{self.lines.get(field, self.line)}"


# A YAML node, whose published types lack its `id`.
_Node = Any


def _rows(root: Path, shown: str, problems: _Problems) -> Iterator[_Row]:
    readers = {PAIRS: _pair_rows, CASES: _case_rows}
    present = [name for name in readers if (root / name).is_file()]
    if not present:
        raise SuiteError(f"{shown}: no {PAIRS} and no {CASES}; a suite has one of them or both")
    for name in present:
        yield from readers[name](_text(root / name, f"{shown}/{name}"), f"{shown}/{name}", problems)


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


def _checked(row: _Row, allowed: Sequence[str], problems: _Problems) -> _Row | None:
    """The row less its empty fields; None, with the problems noted, if a field is unknown or of the wrong type."""
    found = [(field, what) for field, value in row.said.items() if (what := _misfit(field, value, allowed))]
    said = {field: value for field, value in row.said.items() if value is not None}
    if "image" in said and "images" in said:
        found.append(("images", "both 'image' and 'images'; expected one of them"))
    for field, what in found:
        problems.add(row.at(field), what)
    return None if found else row._replace(said=said)


def _misfit(field: str, value: Any, allowed: Sequence[str]) -> str:
    if field not in allowed:
        return f"unknown field {field!r}; {expected(field, allowed)}"
    wrong = _wrong_type(field, value)
    return f"field '{field}' must be {wrong}, not {_described(value)}" if wrong else ""


def _wrong_type(field: str, value: Any) -> str:
    """What the field should have been, or "" when the value fits. An empty value means that the field is not set."""
    if value is None:
        return ""
    if field in SIDES:
        return "" if isinstance(value, _Row) else "a half with its own fields"
    if field in _LISTS:
        fits = isinstance(value, list) and all(_is_text(item) for item in value)
        return "" if fits else "a list of text"
    return "" if _is_text(value) else "text"


def _is_text(value: Any) -> bool:
    # A lone surrogate can be written in JSON; it cannot be hashed, sent or printed.
    return isinstance(value, str) and (value.isascii() or not re.search(r"[\ud800-\udfff]", value))


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


def _pair_rows(text: str, file: str, problems: _Problems) -> Iterator[_Row]:
    """Two rows for each pair. A pair that cannot be read is noted and left out."""
    seen: dict[str, str] = {}
    for row in _yaml_rows(text, file, problems):
        pair = _checked(row, _PAIR_FIELDS, problems)
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


def _half_rows(pair: _Row, problems: _Problems) -> Iterator[_Row]:
    name = pair.said["pair"]
    for side in SIDES:
        if side not in pair.said:
            problems.add(pair.at(side), f"half a pair: {name!r} has no '{side}'; expected both sides")
            continue
        half = _checked(pair.said[side], _HALF_FIELDS, problems)
        if half is not None:
            yield _merged(pair, half, side)


def _merged(pair: _Row, half: _Row, side: str) -> _Row:
    """One case: the pair's fields, overridden by the half's, with the tags of both."""
    dropped = {"safe", "unsafe"} | ({"image", "images"} if {"image", "images"} & half.said.keys() else set())
    said = {field: value for field, value in pair.said.items() if field not in dropped}
    said |= {**half.said, "id": f"{pair.said['pair']}.{side}", "side": side}
    if "tags" in said:
        said["tags"] = [*pair.said.get("tags", ()), *half.said.get("tags", ())]
    return _Row(pair.file, pair.line, said, {**pair.lines, "id": pair.lines["pair"], **half.lines})


def _yaml_rows(text: str, file: str, problems: _Problems) -> Iterator[_Row]:
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
        if isinstance(row, _Row):
            yield row
        else:
            problems.add(f"{file}:{_line(node)}", f"expected a pair with its fields, not {_described(row)}")


def _yaml_root(text: str, file: str, problems: _Problems) -> _Node | None:
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


def _plain(node: _Node, file: str, problems: _Problems, depth: int = 0) -> str | _Odd | list[Any] | _Row | None:
    if node.id == "scalar":
        return _scalar(node)
    if depth > _DEEPEST:
        return _Odd("a value nested too deeply")
    if node.id == "sequence":
        return [_plain(item, file, problems, depth + 1) for item in node.value]
    row = _Row(file, _line(node), {}, lines := {})
    for key, value in node.value:
        field = str(key.value) if key.id == "scalar" else "?"
        if field in lines:
            problems.add(f"{file}:{_line(key)}", f"field {field!r} is given twice")
        lines[field] = _line(value if field in _PAIR_FIELDS else key)
        row.said[field] = _plain(value, file, problems, depth + 1)
    return row


def _scalar(node: _Node) -> str | _Odd | None:
    kind = node.tag.rpartition(":")[2]
    if kind == "str":
        return str(node.value)
    return None if kind == "null" else _Odd(f"{_YAML_KINDS.get(kind, kind)} ({node.value[:40]}); put it in quotes")


def _case_rows(text: str, file: str, problems: _Problems) -> Iterator[_Row]:
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        try:
            said = json.loads(written, object_pairs_hook=_once, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            problems.add(f"{file}:{line}", f"not JSON: {error}")
            continue
        if not isinstance(said, dict):
            problems.add(f"{file}:{line}", f"expected a case with its fields, not {_described(said)}")
            continue
        case = _checked(_Row(file, line, said), _CASE_FIELDS, problems)
        if case is not None:
            yield case


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"field '{twice}' is given twice")
    return said


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


# --- rows into cases ---

_Sourced = tuple[_Row, Case]


def _cases(rows: Iterable[_Row], header: SuiteHeader, pictures: _Pictures, problems: _Problems) -> list[_Sourced]:
    """The cases with the rows they come from. A row with a problem gives none."""
    cases: list[_Sourced] = []
    seen: dict[str, str] = {}
    for row in rows:
        found = list(_row_problems(row, header))
        images, missing = pictures.of(row)
        found += missing
        name = row.said.get("id")
        if name in seen:
            found.append(("id", f"duplicate case '{name}'; the first is at {seen[name]}"))
        for field, what in found:
            problems.add(row.at(field), what)
        if not found:
            seen[row.said["id"]] = row.at("id")
            cases.append((row, _case(row.said, header.name, images)))
    return cases


def _case(said: Mapping[str, Any], suite: str, images: tuple[Picture, ...]) -> Case:
    return Case(
        id=said["id"],
        suite=suite,
        side=said["side"],
        centric=said["centric"],
        category=said["category"],
        prompt=said["prompt"],
        pair=said.get("pair"),
        group=said.get("group") or said.get("pair") or said["id"],
        variant=said.get("variant"),
        images=images,
        tags=tuple(dict.fromkeys(said.get("tags", ()))),
    )


def _row_problems(row: _Row, header: SuiteHeader) -> Iterator[tuple[str, str]]:
    """What is wrong with the fields of one case, as (field, what)."""
    said = row.said
    for field in _NEEDED:
        if field not in said:
            yield field, f"missing field '{field}'"
    # In a pair the id is made from the pair's own name: it is enough to refuse that.
    for field in ("pair", "id"):
        if not _NAME.fullmatch(said.get(field, "-")):
            yield field, f"field '{field}': {said[field]!r} is no name; {_NAME_RULE}"
            break
    words = {"side": SIDES, "centric": CENTRICS, "variant": VARIANTS, "category": header.categories}
    for field, allowed in words.items():
        if field in said and said[field] not in allowed:
            yield field, f"unknown {field} {said[field]!r}; {expected(said[field], allowed)}"
    if not header.allow_empty_prompt and not said.get("prompt", "-").strip():
        yield "prompt", "empty prompt; expected words, or 'allow_empty_prompt = true' in suite.toml"
    yield from _rendering_problems(said)


def _rendering_problems(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """How centric, variant and pictures must fit together."""
    centric, variant, pictures = said.get("centric"), said.get("variant"), _picture_names(said)
    if centric == "image":
        if variant is not None:
            yield "variant", f"an image-centric case has no variant ('{variant}'); expected the field to be absent"
        if not pictures:
            yield "centric", "an image-centric case without a picture; expected 'image' or 'images'"
    elif centric == "text":
        if variant is None:
            yield "variant", f"a text-centric case without a variant; {expected('', VARIANTS)}"
        elif variant == "plain" and pictures:
            yield (
                "image" if "image" in said else "images",
                f"variant 'plain' with a picture ('{pictures[0]}'); expected none",
            )
        elif variant in VARIANTS and variant != "plain" and not pictures:
            yield "variant", f"variant '{variant}' without a picture; expected 'image' or 'images'"


def _picture_names(said: Mapping[str, Any]) -> list[str]:
    return [said["image"]] if "image" in said else list(said.get("images", ()))


class _Pictures:
    """The pictures of one suite, each read, recognised and hashed once however many cases show it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, Picture | str] = {}

    def of(self, row: _Row) -> tuple[tuple[Picture, ...], list[tuple[str, str]]]:
        """The pictures of a row, and what is wrong with them as (field, what)."""
        field = "image" if "image" in row.said else "images"
        found = [self._get(name) for name in _picture_names(row.said)]
        images = tuple(one for one in found if isinstance(one, Picture))
        return images, [(field, one) for one in found if isinstance(one, str)]

    def _get(self, name: str) -> Picture | str:
        if name not in self._known:
            self._known[name] = _picture(name, self._root)
        return self._known[name]


def _picture(name: str, root: Path) -> Picture | str:
    """The picture, or what is wrong with it."""
    file = root / name
    if not _is_inside(name, root):
        return f"picture '{name}' leads outside the suite; expected a path below its folder"
    if not file.is_file():
        return f"picture '{name}' does not exist; expected a path below the suite's folder{_near(file, root)}"
    data = file.read_bytes()
    if not _is_picture(data):
        return f"picture '{name}' cannot be decoded; expected one of {', '.join(FORMATS)}"
    return Picture(name=name, file=str(file), sha256=hashlib.sha256(data).hexdigest())


def _is_inside(name: str, root: Path) -> bool:
    path = PurePosixPath(name)
    if "\0" in name or path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts:
        return False
    return (root / name).resolve().is_relative_to(root)


def _near(file: Path, root: Path) -> str:
    names = [other.name for other in file.parent.iterdir()] if file.parent.is_dir() else []
    nearest = difflib.get_close_matches(file.name, names, n=1)
    return f"; did you mean '{file.with_name(nearest[0]).relative_to(root).as_posix()}'?" if nearest else ""


def _is_picture(data: bytes) -> bool:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            picture.verify()
    except Exception:  # PIL's readers raise what they like on broken files: SyntaxError, struct.error, ...
        return False
    return True


# --- cases against each other ---


def _check_pairs(cases: Iterable[_Sourced], header: SuiteHeader, problems: _Problems) -> None:
    pairs: dict[str, list[_Sourced]] = defaultdict(list)
    for row, case in cases:
        if case.pair is not None:
            pairs[case.pair].append((row, case))
        elif case.centric in header.paired:
            problems.add(row.at("id"), f"case '{case.id}' has no pair; {_paired_rule(case)}")
    for name, members in pairs.items():
        for row, field, what in _pair_problems(name, members, header):
            problems.add(row.at(field), what)


def _pair_problems(name: str, members: list[_Sourced], header: SuiteHeader) -> Iterator[tuple[_Row, str, str]]:
    for side in SIDES:
        same = [row for row, case in members if case.side == side]
        for row in same[1:]:
            yield row, "pair", f"pair '{name}' has {len(same)} {side} cases; expected one a side"
    (row, first), *others = members
    missing = [side for side in SIDES if side not in {case.side for _, case in members}]
    if missing and first.centric in header.paired:
        yield row, "pair", f"half a pair: '{name}' has no {missing[0]} case; {_paired_rule(first)}"
    for row, other in others:
        yield from ((row, field, what) for field, what in _twin_problems(name, first, other))


def _paired_rule(case: Case) -> str:
    return f"suite.toml says paired = ['{case.centric}']"


def _twin_problems(name: str, first: Case, other: Case) -> Iterator[tuple[str, str]]:
    for field in ("centric", "category", "variant"):
        mine, its = getattr(other, field), getattr(first, field)
        if mine != its:  # a gate's slice must never cut a pair in two
            yield field, f"the halves of pair '{name}' differ in {field} ('{its}' and '{mine}'); expected one for both"
    if first.side == other.side:
        return
    same_words = first.prompt == other.prompt
    if same_words and [one.sha256 for one in first.images] == [one.sha256 for one in other.images]:
        yield "pair", f"the halves of pair '{name}' are equal: same prompt, same pictures; expected one to differ"
    if first.centric == other.centric == "image" and not same_words:
        yield "pair", f"the halves of image-centric pair '{name}' have different prompts; only the picture may differ"
