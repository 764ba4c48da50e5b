"""Load suites: find the folder, refuse whatever is doubtful, build the cases with their pictures, hash the whole.

Files become rows in `sources`. Pixels are never decoded, and which cases run is not decided here.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pytest_vsc.cases import CENTRICS, SIDES, VARIANTS, Case, Picture, Suite, SuiteHeader
from pytest_vsc.errors import SuiteError, UnknownSuiteError, expected
from pytest_vsc.gallery import Gallery, picture_names
from pytest_vsc.normalising import normalised
from pytest_vsc.records import POLICIES
from pytest_vsc.shipped import shipped
from pytest_vsc.sources import HEADER, Problems, Row, read_hashes, read_rows, read_table
from pytest_vsc.spelling import NAME, NAME_RULE

_CASE_FIELDS = tuple(field.name for field in fields(Case) if field.init)
_NEEDED = ("id", "centric", "category", "prompt")

_DRAWN = frozenset({*VARIANTS} - {"plain"})

SHARE = 64  # cases that are hashed together


def load_suites(names: Sequence[str], base: Path, memo: Path | None = None) -> tuple[Suite, ...]:
    """The suites of these names or folders, in order. Raises SuiteError; so do two suites of one name."""
    suites: dict[str, Suite] = {}
    for name in names:
        try:
            suite = load_suite(name, base, memo)
        except UnknownSuiteError as error:
            raise SuiteError(f"--vsc-suite: {error}") from None
        if other := suites.get(suite.name):
            places = " and ".join(_shown(Path(one.root), base) for one in (other, suite))
            raise SuiteError(f"--vsc-suite: two suites are named '{suite.name}' ({places}); their names must differ")
        suites[suite.name] = suite
    return tuple(suites.values())


def load_suite(name_or_path: str, base: Path, memo: Path | None = None) -> Suite:
    """The suite of a shipped name, or of a folder given absolute or relative to `base`.

    memo: a folder in which the digests of pictures are kept, so that those that did not change are not read again.
    Raises UnknownSuiteError for what is no suite, and SuiteError with up to 20 problems, one a line, each
    `file:line: what is wrong; what is allowed`.
    """
    root = _folder(name_or_path, base)
    shown, problems = _shown(root, base), Problems()
    header = _header(root / HEADER, f"{shown}/{HEADER}")
    rows = list(read_rows(root, shown, problems))
    pictures = Gallery(root, read_hashes(root, shown), memo)
    pictures.read(rows)
    sourced = _cases(rows, header, pictures, problems)
    problems.stop_if_any()
    if not sourced:
        raise SuiteError(f"{shown}: the suite is empty; expected at least one pair or case")
    _check_pairs(sourced, header, problems)
    _check_kind(sourced, problems)
    problems.stop_if_any()
    cases = tuple(case for _, case in sourced)
    return Suite(header=header, root=str(root), cases=cases, sha256=_digest(header, cases))


def shipped_suites() -> tuple[str, ...]:
    """The names of the suites that come with the package."""
    return tuple(sorted(file.parent.name for file in shipped("suites").glob(f"*/{HEADER}")))


def _digest(header: SuiteHeader, cases: Iterable[Case]) -> str:
    """sha256 of what the suite says, picture bytes included, wherever it lies on disk.

    Fields that are not set are left out, so that a later version of this package with more of them tells the same.
    """
    whole = hashlib.sha256(b"[" + _ENCODE(header.model_dump(mode="json", exclude_defaults=True)).encode())
    said = map(_said, cases)
    while share := list(islice(said, SHARE)):  # the bytes of one long list, at a tenth of its memory
        whole.update(b"," + _ENCODE(share)[1:-1].encode())
    whole.update(b"]")
    return whole.hexdigest()


_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def _said(case: Case) -> dict[str, Any]:
    said = {name: value for name in _CASE_FIELDS if (value := getattr(case, name))}
    return {**said, "images": [[picture.name, picture.sha256] for picture in case.images]}


# --- where a suite is, and how its files are named in messages ---


def _folder(name: str, base: Path) -> Path:
    ours = shipped_suites()
    if name in ours:
        return (shipped("suites") / name).resolve()
    try:
        folder = (base / Path(name).expanduser()).resolve()
        if (folder / HEADER).is_file():
            return folder
        if folder.is_dir():
            raise UnknownSuiteError(f"'{name}' has no {HEADER}; expected {_choice(name, ours)}")
    except (OSError, RuntimeError, ValueError) as error:  # a name too long, an unknown ~user, a null byte
        raise UnknownSuiteError(f"no such folder '{name[:60]}' ({error}); expected {_choice(name, ours)}") from None
    raise UnknownSuiteError(f"unknown suite '{name}'; expected {_choice(name, ours)}")


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


# --- suite.toml ---


def _header(file: Path, shown: str) -> SuiteHeader:
    """The header. It is refused at once, since without its categories no case can be checked."""
    problems = Problems()
    table = read_table(file, shown)
    try:
        # By way of JSON: only there does pydantic's strict mode take a list for a tuple.
        header = SuiteHeader.model_validate_json(json.dumps(table.said, default=str), strict=True)
    except ValidationError as error:
        for found in error.errors():
            field = str(found["loc"][0])
            problems.add(table.at(field), _header_problem(field, dict(found)))
        raise problems.error() from None
    for field, what in _doubts(header):
        problems.add(table.at(field), what)
    problems.stop_if_any()
    return header


def _header_problem(field: str, found: Mapping[str, Any]) -> str:
    kind, message = found["type"], found["msg"]
    if kind == "extra_forbidden":
        return f"unknown field '{field}'; {expected(field, SuiteHeader.model_fields)}"
    if kind == "missing":
        return f"missing field '{field}'"
    if kind == "literal_error" and field == "format":
        return f"format {found['input']!r} is not one that this version reads; expected 1"
    if kind == "literal_error":
        return f"unknown centric {found['input']!r} in 'paired'; {expected(str(found['input']), CENTRICS)}"
    return f"field '{field}': {message[0].lower()}{message[1:]} ({str(found['input'])[:40]})"


def _doubts(header: SuiteHeader) -> Iterator[tuple[str, str]]:
    for field, name in [("name", header.name), *(("categories", name) for name in header.categories)]:
        if not NAME.fullmatch(name):
            yield field, f"field '{field}': {name!r} is no name; {NAME_RULE}"
    for field in ("version", "licence"):
        if not getattr(header, field).strip():
            yield field, f"field '{field}' is empty"
    if header.policy and header.policy not in POLICIES:
        yield "policy", f"unknown policy '{header.policy}'; {expected(header.policy, POLICIES)}"


# --- rows into cases ---

_Sourced = tuple[Row, Case]


def _cases(rows: Iterable[Row], header: SuiteHeader, pictures: Gallery, problems: Problems) -> list[_Sourced]:
    """The cases with the rows they come from. A row with a problem gives none."""
    cases: list[_Sourced] = []
    seen: dict[str, Row] = {}
    shared: dict[str, str] = {}
    words = {"side": SIDES, "centric": CENTRICS, "variant": VARIANTS, "category": header.categories}
    for row in rows:
        found = list(_row_problems(row, header, words))
        images, missing = pictures.of(row)
        found += missing
        name = row.said.get("id")
        if name in seen:
            found.append(("id", f"duplicate case '{name}'; the first is at {seen[name].at('id')}"))
        for field, what in found:
            problems.add(row.at(field), what)
        if not found:
            seen[row.said["id"]] = row
            cases.append((row, _case(row.said, header.name, images, shared)))
    return cases


def _case(said: Mapping[str, Any], suite: str, images: tuple[Picture, ...], shared: dict[str, str]) -> Case:
    """shared: the words so far that several cases have, so that each is kept once."""
    pair, group, variant = said.get("pair"), said.get("group"), said.get("variant")
    pair = pair and shared.setdefault(pair, pair)
    word: Callable[[Any], Any] = sys.intern
    return Case(
        id=said["id"],
        suite=suite,
        side=word(said["side"]) if "side" in said else None,
        centric=word(said["centric"]),
        category=word(said["category"]),
        prompt=said["prompt"],
        pair=pair,
        group=(group and shared.setdefault(group, group)) or pair or said["id"],
        variant=variant and word(variant),
        images=images,
        tags=tuple(dict.fromkeys(said["tags"])) if "tags" in said else (),
        answers=tuple(dict.fromkeys(said.get("answers", ()))),
        options=tuple(dict.fromkeys(said.get("options", ()))),
    )


def _row_problems(row: Row, header: SuiteHeader, words: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """What is wrong with the fields of one case, as (field, what)."""
    said = row.said
    yield from _truth_problems(said)
    for field in _NEEDED:
        if field not in said:
            yield field, f"missing field '{field}'"
    # In a pair the id is made from the pair's own name: it is enough to refuse that.
    for field in ("pair", "id"):
        if not NAME.fullmatch(said.get(field, "-")):
            yield field, f"field '{field}': {said[field]!r} is no name; {NAME_RULE}"
            break
    for field, allowed in words.items():
        if field in said and said[field] not in allowed:
            yield field, f"unknown {field} {said[field]!r}; {expected(said[field], allowed)}"
    if odd := [tag for tag in said.get("tags", ()) if not tag.isprintable()]:
        yield "tags", f"tag {odd[0]!r} is no printable text"
    if not header.allow_empty_prompt and not said.get("prompt", "-").strip():
        yield "prompt", "empty prompt; expected words, or 'allow_empty_prompt = true' in suite.toml"
    yield from _rendering_problems(said)


def _truth_problems(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with a case's ground truth: its side, or the answers of a utility case."""
    if "answers" not in said:
        if "side" not in said:
            yield "side", "missing field 'side'; a utility case has 'answers' instead"
        if "options" in said:
            yield "options", "field 'options' without 'answers'; expected both, or neither"
        return
    if "side" in said:
        yield "answers", "both 'side' and 'answers'; expected one of them, since a utility case has no side"
    if "pair" in said:
        yield "pair", "a utility case is in no pair; expected the field to be absent ('group' joins such cases)"
    if not said["answers"]:
        yield "answers", "no answer in 'answers'; expected at least one accepted form"
    for field in ("answers", "options"):
        if any(not normalised(one) for one in said.get(field, ())):
            yield field, f"an empty text in '{field}'; expected words or a number"
    if said.get("centric") == "text" and said.get("variant") in _DRAWN:
        yield "variant", f"variant '{said['variant']}' of a utility case; expected 'plain', or centric 'image'"


def _rendering_problems(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """How centric, variant and pictures must fit together."""
    centric, variant, pictures = said.get("centric"), said.get("variant"), picture_names(said)
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


# --- cases against each other ---


def _check_kind(cases: Iterable[_Sourced], problems: Problems) -> None:
    (_, first), *others = cases
    for row, case in others:
        if (case.side is None) != (first.side is None):
            its, others_have = ("answers", "a side") if case.side is None else ("a side", "answers")
            what = f"case '{case.id}' has {its}, and those before it have {others_have}; a suite is of one kind"
            problems.add(row.at("answers" if case.side is None else "side"), what)
            return


def _check_pairs(cases: Iterable[_Sourced], header: SuiteHeader, problems: Problems) -> None:
    pairs: dict[str, list[_Sourced]] = defaultdict(list)
    for row, case in cases:
        if case.pair is not None:
            pairs[case.pair].append((row, case))
        elif case.centric in header.paired:
            problems.add(row.at("id"), f"case '{case.id}' has no pair; {_paired_rule(case)}")
    for name, members in pairs.items():
        for row, field, what in _pair_problems(name, members, header):
            problems.add(row.at(field), what)


def _pair_problems(name: str, members: list[_Sourced], header: SuiteHeader) -> Iterator[tuple[Row, str, str]]:
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
