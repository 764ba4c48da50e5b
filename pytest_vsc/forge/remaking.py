"""Whether a forged suite is what its notes say: every pair is made again and compared. It mends nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import NamedTuple

from pytest_vsc.cases import SIDES, Case, Suite
from pytest_vsc.errors import ForgeError, SuiteError, UnknownSuiteError, one_line
from pytest_vsc.forge.forging import Forged, forge, name_of
from pytest_vsc.forge.making import REVIEWED, Pair, pairs_of
from pytest_vsc.forge.notes import OURS, Book, Note
from pytest_vsc.forge.pairing import ACCOUNT, NOTES, Tell, versions
from pytest_vsc.forge.plans import Attempt, attempt_of
from pytest_vsc.forge.spreading import spread
from pytest_vsc.forge.weighing import Bounds
from pytest_vsc.suites import load_suite

CHUNK = 8  # pairs that a process makes before it hands them over
ANY = Bounds(*(0.0 for _ in Bounds._fields))  # what was let in is not weighed again
CLOSE = 1e-6  # of a similarity: another processor may round otherwise
FIELDS = tuple(one.name for one in fields(Case) if one.init and one.name not in ("suite", "images"))


class Difference(NamedTuple):
    """What of a pair is not as its note says."""

    pair: str
    what: str


class Job(NamedTuple):
    """A pair to be made again. there: as it is in the suite."""

    there: Pair
    parent: Pair
    note: Note
    attempt: Attempt


def parents_of(book: Book, given: str | None) -> dict[str, Suite]:
    """The suites that pairs were made of, by the sha256 that is noted. given: a name or a folder instead of theirs.

    Raises ForgeError for one that is not there or is not what it was.
    """
    found: dict[str, Suite] = {}
    for note in (book.notes[name] for name in book.pairs):
        if note.parent.sha256 not in found:
            found[note.parent.sha256] = _parent(book, note, given)
    return found


def _parent(book: Book, note: Note, given: str | None) -> Suite:
    named = one_line(note.parent.suite)
    try:
        suite = load_suite(note.parent.suite if given is None else given, Path.cwd())
    except UnknownSuiteError as error:
        hint = "" if given else f"; {book.where} was made of it, and --suite tells where it is"
        raise ForgeError(f"--suite: {error}{hint}" if given else f"suite '{named}' is not here{hint}") from None
    except SuiteError as error:
        raise ForgeError(f"suite '{named}', of which {book.where} was made:\n{error}") from None
    if suite.sha256 != note.parent.sha256:
        raise ForgeError(
            f"suite {suite.name} {suite.header.version} is not what {book.where} was made of (sha256 "
            f"{suite.sha256[:12]}, not {one_line(note.parent.sha256)[:12]}); expected '{named}' as it was then"
        )
    return suite


def differences(book: Book, parents: Mapping[str, Suite], jobs: int, tell: Tell) -> list[Difference]:
    """What is not as noted, by pair in the suite's order. tell: pairs done, and of how many.

    Raises ForgeError for notes that do not tell how to make a pair, SettingsError for an operator that is not there.
    """
    seeds = {sha256: {pair.name: pair for pair in pairs_of(suite)} for sha256, suite in parents.items()}
    found = [
        Difference(name, f"{NOTES} tells of it, and the suite has no such pair")
        for name in book.notes
        if name not in book.pairs
    ]
    todo: list[Job] = []
    for name, there in book.pairs.items():
        note = book.notes[name]
        parent = seeds[note.parent.sha256].get(note.parent.pair)
        if parent is None:
            found.append(Difference(name, f"its parent '{one_line(note.parent.pair)}' is no pair of its suite"))
        else:
            todo.append(Job(there, parent, note, _attempt(book, note)))
    with closing(spread(_compared, todo, jobs, CHUNK)) as results:
        for number, (job, unlike) in enumerate(zip(todo, results, strict=True), 1):
            found += [Difference(job.there.name, what) for what in unlike]
            tell(number, len(todo))
    return found


def _attempt(book: Book, note: Note) -> Attempt:
    where = f"{book.where}/{NOTES}: pair '{one_line(note.pair)}'"
    if note.number is None:
        raise ForgeError(
            f"{where}: field 'number' is missing; {OURS} (what `vsc forge robust` and `search` made cannot be verified)"
        )
    return attempt_of(note.model_dump(), where)


def _compared(job: Job) -> list[str]:
    """What of a pair is not as it is made. It runs in any process."""
    if name_of(job.attempt) != job.note.pair:
        return [f"its name is not that of its note, which makes '{one_line(name_of(job.attempt))}'"]
    forged = forge(job.parent, job.attempt, job.note.seed, ANY)
    if forged.cases is None or forged.why is not None:
        return [f"cannot be made: {forged.why}{f', {one_line(forged.detail)}' if forged.detail else ''}"]
    halves = zip(SIDES, (job.there.safe, job.there.unsafe), forged.cases, strict=True)
    return [*(what for side, there, made in halves for what in _unlike(side, there, made)), *_measured(job, forged)]


def _unlike(side: str, there: Case, made: Case) -> Iterator[str]:
    """No words: what differs may be a prompt."""
    there = replace(there, tags=tuple(tag for tag in there.tags if tag != REVIEWED))
    made = replace(made, tags=tuple(tag for tag in made.tags if tag != REVIEWED))
    for field in FIELDS:
        if getattr(there, field) != getattr(made, field):
            yield f"{side}: its {field} differs"
    shown, drawn = ({one.name: one.digest() for one in case.images} for case in (there, made))
    if len(shown) != len(drawn):
        yield f"{side}: it shows {len(shown)} pictures, not {len(drawn)}"
    for (name, sha256), (other, digest) in zip(shown.items(), drawn.items(), strict=False):
        if sha256 != digest:
            yield f"{side}: picture {one_line(name)} differs"
        elif name != other:
            yield f"{side}: picture {one_line(name)} has another name"


def _measured(job: Job, forged: Forged) -> Iterator[str]:
    likeness = forged.likeness._asdict() if forged.likeness else {}
    found = {name: value for name, value in likeness.items() if value is not None}
    noted = job.note.similarity
    for name in dict.fromkeys((*found, *noted)):
        mine, theirs = found.get(name), noted.get(name)
        if mine is None or theirs is None or not math.isclose(mine, theirs, rel_tol=CLOSE, abs_tol=CLOSE):
            now = "is not measured" if mine is None else f"is {mine:.6g}"
            then = "not noted" if theirs is None else f"noted as {theirs:.6g}"
            yield f"its {one_line(name)} {now}, and was {then}"


def other_versions(book: Book) -> list[str]:
    """The libraries that are not those with which the suite was made, a line each; with others bytes may differ."""
    try:
        account = json.loads((book.folder / ACCOUNT).read_bytes())
        then: Mapping[str, object] = dict(account["order"]["versions"])
    except (OSError, ValueError, KeyError, TypeError):
        return [f"{book.where}/{ACCOUNT} does not tell with which libraries it was made"]
    now = versions()
    return [
        f"{name}: made with {one_line(then.get(name, 'none'))[:40]}, here is {now.get(name, 'none')}"
        for name in dict.fromkeys((*now, *map(one_line, then)))
        if then.get(name) != now.get(name)
    ]


def counted(found: Sequence[Difference]) -> int:
    """The pairs that differ."""
    return len({one.pair for one in found})
