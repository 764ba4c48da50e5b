"""The suite of `vsc forge robust`: pairs as they are, and under each operator at each strength. It asks no model.

What was made so far is written down pair by pair, so that the same order goes on where it was broken off.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pytest_vsc import __version__
from pytest_vsc.cases import SIDES, Suite, Value
from pytest_vsc.composing import hashes_of, line_of, put_pictures, row_of, toml_of
from pytest_vsc.errors import ForgeError, SettingsError, SuiteError, one_line
from pytest_vsc.forge.making import Pair, pairs_of
from pytest_vsc.forge.recipes import spelled
from pytest_vsc.forge.spreading import spread
from pytest_vsc.forge.straining import Grade, Order, Work, strained
from pytest_vsc.forge.workbook import first_line, mend
from pytest_vsc.selection import Sample, draw
from pytest_vsc.sources import CASES, HEADER, PICTURE_HASHES
from pytest_vsc.suites import load_suite

NOTES, ORDER, WORK = "forge.jsonl", "robust.order.json", "robust.work.jsonl"
STRENGTHS = (0.25, 0.5, 1.0)
DRAWN_BY = ("pillow", "numpy", "scipy", "scikit-image", "torch")

Tell = Callable[[int, int], None]  # seed pairs done, of how many


class Account(Value):
    """What came of it. pairs: as they are; made: under operators. left_out: by operator and why, how many pairs it
    was not done on at some strength. unchanged: by operator, how many it left as they are at some. sha256: of the
    suite."""

    order: Order
    suite: str
    sha256: str
    pairs: int
    made: int
    left_out: dict[str, int]
    unchanged: dict[str, int]


# --- what is asked for -----------------------------------------------------------------------------------------------


def order_of(suite: Suite, grades: Sequence[Grade], *, limit: int | None, seed: int) -> Order:
    """The order of these grades of a suite's pairs."""
    first = {grade.op: grade.recipe for grade in reversed(grades)}
    return Order(
        suite=suite.name,
        sha256=suite.sha256,
        ops=tuple(spelled(first[op]) for op in dict.fromkeys(grade.op for grade in grades)),
        strengths=tuple(dict.fromkeys(grade.strength for grade in grades)),
        limit=limit,
        seed=seed,
        versions={"pytest-vsc": __version__, **{name: made for name in DRAWN_BY if (made := _version(name))}},
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def seeds_of(suite: Suite, limit: int | None, seed: int, where: str) -> list[Pair]:
    """The pairs of a suite, or so many of them, drawn in whole groups so that each kind of pair has its share.

    Raises SettingsError for a suite without pairs.
    """
    pairs = pairs_of(suite)
    if not pairs:
        why = "its cases measure utility and have no side" if suite.measures_utility else "it has no pair"
        raise SettingsError(f"{where} {one_line(suite.name)}: {why}; expected a suite of safe and unsafe pairs")
    if limit is None or limit >= len(pairs):
        return list(pairs)
    cases = tuple(case for pair in pairs for case in (pair.safe, pair.unsafe))
    ids, _ = draw(replace(suite, cases=cases), Sample(amount=str(len(SIDES) * limit), seed=seed))
    return [pair for pair in pairs if pair.safe.id in ids]


# --- the folder ------------------------------------------------------------------------------------------------------


def is_ours(folder: Path) -> bool:
    """Whether such a suite was made, or begun, in a folder."""
    return (folder / ORDER).is_file() or (folder / WORK).is_file()


def made_before(folder: Path, order: Order) -> Account | None:
    """What came of the same order before, where it is there whole and nobody changed it since."""
    try:
        account = Account.model_validate_json((folder / ORDER).read_bytes())
        there = account.order == order and load_suite(str(folder.absolute()), folder).sha256 == account.sha256
    except (OSError, ValueError, SuiteError):
        return None
    return account if there else None


def make_suite(
    suite: Suite, pairs: Sequence[Pair], grades: Sequence[Grade], order: Order, folder: Path, *, jobs: int, tell: Tell
) -> Account:
    """Make the suite in a folder, where one of another order makes room; one of this order that broke off goes on.

    The bytes are the same whatever the number of jobs. Raises ForgeError; what is done by then stays.
    """
    try:
        done = _begun(folder, order, pairs)
        work = partial(strained, grades=grades, order=order)
        with (folder / WORK).open("ab") as book, closing(spread(work, pairs[done:], jobs)) as results:
            for number, one in enumerate(results, done + 1):
                _write_down(folder, book, one)
                tell(number, len(pairs))
        return _finished(suite, order, folder)
    except OSError as error:
        where = one_line(error.filename or folder)
        raise ForgeError(
            f"--out: {where}: cannot be written: {error.strerror or error}; the same command goes on"
        ) from None
    except SuiteError as error:
        raise ForgeError(f"what was made is no sound suite; remove {one_line(folder)}:\n{error}") from None


def _begun(folder: Path, order: Order, pairs: Sequence[Pair]) -> int:
    """How many pairs are done; the folder is ready for the next."""
    work, first = folder / WORK, f"{order.model_dump_json()}\n".encode()
    if work.is_file() and first_line(work) == first:
        mend(work)
        done = [entry["pair"] for entry in _entries(folder)]
        if done == [pair.name for pair in pairs[: len(done)]]:
            return len(done)
    if is_ours(folder):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    work.write_bytes(first)
    return 0


def _entries(folder: Path) -> Iterator[dict[str, Any]]:
    with (folder / WORK).open("rb") as lines:
        next(lines)
        yield from map(json.loads, lines)


def _write_down(folder: Path, book: Any, one: Work) -> None:
    """The pictures go first: what is in the book is there."""
    said = {
        "pair": one.pair,
        "pictures": put_pictures(folder, one.cases),
        "cases": [row_of(case) for case in one.cases],
        "notes": one.notes,
        "left_out": one.left_out,
        "unchanged": one.unchanged,
    }
    book.write(f"{json.dumps(said)}\n".encode())
    book.flush()


def _finished(suite: Suite, order: Order, folder: Path) -> Account:
    """Write the suite out of the book, line by line."""
    left_out: Counter[str] = Counter()
    unchanged: Counter[str] = Counter()
    pictures: dict[str, str] = {}
    pairs = notes = 0
    with _new(folder / CASES) as cases, _new(folder / NOTES) as told:
        for entry in _entries(folder):
            cases.writelines(map(line_of, entry["cases"]))
            told.writelines(f"{json.dumps(note)}\n" for note in entry["notes"])
            pairs, notes = pairs + 1, notes + len(entry["notes"])
            pictures |= entry["pictures"]
            left_out.update(entry["left_out"])
            unchanged.update(entry["unchanged"])
    _put(folder / PICTURE_HASHES, hashes_of(pictures))
    header = _header(suite, order, folder)
    _put(folder / HEADER, toml_of(header))
    account = Account(
        order=order,
        suite=header["name"],
        sha256=load_suite(str(folder.absolute()), folder).sha256,
        pairs=pairs,
        made=notes - pairs,
        left_out=dict(sorted(left_out.items())),
        unchanged=dict(sorted(unchanged.items())),
    )
    _put(folder / ORDER, f"{account.model_dump_json(indent=1)}\n")
    (folder / WORK).unlink()
    return account


def _new(file: Path) -> Any:
    return file.open("w", encoding="utf-8", newline="\n")


def _put(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")


def _header(suite: Suite, order: Order, folder: Path) -> Mapping[str, Any]:
    """Every case is in a pair. Gates are for who runs it to give."""
    header, seen = suite.header, [row for entry in _entries(folder) for row in entry["cases"][:1]]
    name = f"{header.name}-robust"
    return {
        "format": 1,
        "name": name,
        "version": "1",
        "title": f"{name}: pairs of {header.name} {header.version} as they are and under strain",
        "licence": header.licence,
        "picture_licence": header.picture_licence,
        "source": f"Made of suite {header.name} {header.version} (sha256 {suite.sha256[:12]}) by pytest-vsc "
        f"{__version__}, seed {order.seed}; how each pair was made is in {NOTES}",
        "citation": header.citation,
        "paired": list(dict.fromkeys(row["centric"] for row in seen)),
        "categories": [one for one in header.categories if any(row["category"] == one for row in seen)],
        "policy": header.policy,
        "allow_empty_prompt": header.allow_empty_prompt,
    }
