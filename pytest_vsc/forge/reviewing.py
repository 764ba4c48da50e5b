"""What people decide about forged pairs, and what becomes of the suite: accepted ones are marked, struck ones leave.

Nothing is lost: what was struck stays beside the suite with its rows. Pairs are shown elsewhere.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from pytest_vsc.cases import Case, Suite, Value
from pytest_vsc.composing import hashes_of, line_of, toml_of
from pytest_vsc.errors import ForgeError, GateError, one_line
from pytest_vsc.forge.making import REVIEWED
from pytest_vsc.forge.notes import STRUCK, Book, lines_of, misfit, struck_of
from pytest_vsc.forge.pairing import NOTES
from pytest_vsc.gates import resolve_gates
from pytest_vsc.sources import CASES, HEADER, PICTURE_HASHES
from pytest_vsc.suites import load_suite

LARGEST = 50_000_000  # bytes of a file of decisions
SAVED = "expected a file that the page of `vsc forge review DIR --html FILE` saves"


class Decisions(Value):
    """What a person has decided. sha256: of the suite that was looked at. accepted, struck: names of pairs."""

    format: Literal[1]
    suite: str
    sha256: str
    reviewer: str = ""
    accepted: tuple[str, ...]
    struck: tuple[str, ...]


class Applied(NamedTuple):
    """What came of decisions. accepted, struck: pairs for which this is new. unreviewed: pairs that are left.

    gates_lost: those of the suite that no case is left for.
    """

    accepted: int
    struck: int
    unreviewed: int
    pairs: int
    sha256: str
    gates_lost: tuple[str, ...]


def read_decisions(file: Path) -> Decisions:
    """Raises ForgeError for what is no file of decisions."""
    where = one_line(file)
    try:
        if file.stat().st_size > LARGEST:
            raise ForgeError(f"{where}: is larger than {LARGEST // 10**6} MB; {SAVED}")
        return Decisions.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ForgeError(f"{where}: cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        raise ForgeError(f"{where}: {misfit(error)}; {SAVED}") from None


def apply(book: Book, decisions: Decisions, where: str, *, reviewer: str, on: str) -> Applied | None:
    """Change the suite as was decided; None where that was done before.

    where: the decisions as messages name them. on: the day, YYYY-MM-DD. Whoever accepted a pair first stays named.
    Raises ForgeError for decisions that do not fit, and for files that cannot be written.
    """
    _see_sound(decisions, book, where)
    if _done(book, decisions):
        return None
    _see_fitting(decisions, book, where)
    struck = frozenset(decisions.struck)
    accepted = frozenset(name for name in decisions.accepted if not book.notes[name].reviewed)
    cases = _left(book.suite, accepted, struck)
    if not cases:
        raise ForgeError(f"{where}: strikes all {len(struck):,} pairs of '{book.suite.name}'; a suite needs cases")
    lost = _gates_lost(book.suite, cases)
    after = {name: said for name, said in {"reviewed": True, "reviewer": reviewer, "on": on}.items() if said}
    files = _notes(book, accepted, struck, after) | _rows(book, accepted, struck, after)
    if (book.folder / PICTURE_HASHES).is_file():
        files[PICTURE_HASHES] = hashes_of({one.name: one.digest() for case in cases for one in case.images})
    if lost:
        files[HEADER] = toml_of(_header(book.suite, lost))
    _write(book.folder, files)
    return Applied(
        len(accepted),
        len(struck),
        len([one for one in book.unreviewed() if one.name not in accepted | struck]),
        len(book.pairs) - len(struck),
        _seen(book, cases).sha256,
        lost,
    )


# --- whether decisions are of this suite ---


def _see_sound(decisions: Decisions, book: Book, where: str) -> None:
    if decisions.suite != book.suite.name:
        raise ForgeError(
            f"{where}: decides about suite '{one_line(decisions.suite)}', and {book.where} holds '{book.suite.name}'"
        )
    if both := [name for name in decisions.accepted if name in frozenset(decisions.struck)]:
        raise ForgeError(f"{where}: accepts and strikes pair '{one_line(both[0])}'; expected one of both")
    if not decisions.accepted and not decisions.struck:
        raise ForgeError(f"{where}: decides about no pair; expected one that is accepted or struck")


def _done(book: Book, decisions: Decisions) -> bool:
    gone = {said["pair"] for said in struck_of(book.folder)} - book.pairs.keys()
    return gone.issuperset(decisions.struck) and all(
        name in book.pairs and book.notes[name].reviewed and all(REVIEWED in case.tags for case in book.pairs[name][1:])
        for name in decisions.accepted
    )


def _see_fitting(decisions: Decisions, book: Book, where: str) -> None:
    if decisions.sha256 != book.suite.sha256:
        raise ForgeError(
            f"{where}: is about another state of suite '{book.suite.name}' (sha256 {one_line(decisions.sha256)[:12]}, "
            f"which is {book.suite.sha256[:12]} now); expected decisions about a new page of it"
        )
    for name in (*decisions.accepted, *decisions.struck):
        if name not in book.pairs:
            near = difflib.get_close_matches(name, book.pairs, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise ForgeError(
                f"{where}: unknown pair '{one_line(name)[:200]}'; expected one of the {len(book.pairs):,} of "
                f"'{book.suite.name}'{hint}"
            )


# --- what becomes of the suite ---


def _left(suite: Suite, accepted: Collection[str], struck: Collection[str]) -> tuple[Case, ...]:
    kept = (case for case in suite.cases if case.pair not in struck)
    return tuple(replace(case, tags=_tagged(case.tags)) if case.pair in accepted else case for case in kept)


def _tagged(tags: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*tags, REVIEWED)))


def _gates_lost(suite: Suite, cases: tuple[Case, ...]) -> tuple[str, ...]:
    """The suite's gates that no case is left for."""
    left, lost = replace(suite, cases=cases), []
    for gate in suite.header.gates:
        try:
            resolve_gates([("review", [gate])], left, suite.header.policy or "strict")  # type: ignore[arg-type]
        except GateError:
            lost.append(gate)
    return tuple(lost)


def _header(suite: Suite, lost: Collection[str]) -> dict[str, Any]:
    said = suite.header.model_dump(mode="json")
    return {**said, "gates": [gate for gate in suite.header.gates if gate not in lost]}


# --- the files ---


def _notes(book: Book, accepted: Collection[str], struck: Collection[str], after: Mapping[str, Any]) -> dict[str, str]:
    kept = []
    for line, said in lines_of(book.folder / NOTES):
        if said["pair"] not in struck:
            kept.append(json.dumps({**said, **after}) + "\n" if said["pair"] in accepted else line)
    return {NOTES: "".join(kept)}


def _rows(book: Book, accepted: Collection[str], struck: Collection[str], after: Mapping[str, Any]) -> dict[str, str]:
    """The cases that are left, and what was struck."""
    kept: list[str] = []
    gone: dict[str, list[dict[str, Any]]] = {name: [] for name in struck}
    marked: set[str] = set()
    for line, said in lines_of(book.folder / CASES):
        pair = str(said.get("pair"))
        if pair in gone:
            gone[pair].append(said)
            continue
        marked |= {pair} & {*accepted}
        kept.append(line_of({**said, "tags": list(_tagged(said.get("tags") or ()))}) if pair in accepted else line)
    if missing := sorted((set(accepted) - marked) | {name for name, rows in gone.items() if not rows}):
        raise ForgeError(f"{book.where}: pair '{missing[0]}' is not in {CASES}; expected all pairs of the suite there")
    return {CASES: "".join(kept)} | ({STRUCK: _struck(book, gone, after)} if gone else {})


def _struck(book: Book, gone: Mapping[str, Sequence[dict[str, Any]]], after: Mapping[str, Any]) -> str:
    known = {said["pair"]: said["note"] for said in struck_of(book.folder)}
    known |= {said["pair"]: said for _, said in lines_of(book.folder / NOTES)}
    before = [said for said in struck_of(book.folder) if said["pair"] not in gone]
    who = {name: said for name, said in after.items() if name != "reviewed"}
    new = [{"pair": name, "note": known[name], "rows": gone[name], **who} for name in book.pairs if name in gone]
    return "".join(f"{json.dumps(said)}\n" for said in (*before, *new))


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Write all of them beside their places, then put them there, the cases last: until then it can be done again."""
    order = [name for name in (STRUCK, NOTES, PICTURE_HASHES, CASES, HEADER) if name in files]
    scratch = {name: folder / f".{name}" for name in order}
    try:
        for name, file in scratch.items():
            file.write_text(files[name], encoding="utf-8", newline="\n")
        for name, file in scratch.items():
            file.replace(folder / name)
    except OSError as error:
        raise ForgeError(
            f"{one_line(error.filename or folder)}: cannot be written: {error.strerror or error}; the same command "
            "can be given again"
        ) from None
    finally:
        for file in scratch.values():
            file.unlink(missing_ok=True)


def _seen(book: Book, cases: Sequence[Case]) -> Suite:
    """The suite as it is on disk now, seen to be what it was to become."""
    made = load_suite(book.suite.root, book.folder)
    if made.cases != cases:
        raise ForgeError(f"{book.where}: is not what was written; something else changed it meanwhile")
    return made
