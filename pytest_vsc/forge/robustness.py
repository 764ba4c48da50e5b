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
from typing import Any, NamedTuple

from pytest_vsc import __version__
from pytest_vsc.cases import SIDES, Case, Suite, Value
from pytest_vsc.composing import hashes_of, line_of, put_pictures, row_of, toml_of
from pytest_vsc.curves import PLAIN, pair_name
from pytest_vsc.errors import ForgeError, SettingsError, SuiteError, one_line
from pytest_vsc.forge import operator, operators
from pytest_vsc.forge.making import OP, Pair, pairs_of, rewritten, shown_of, strength_tag
from pytest_vsc.forge.making import key_of as chance_of
from pytest_vsc.forge.operators import STRENGTH, Shown, Unfit
from pytest_vsc.forge.recipes import Recipe, Step, applied, spelled, step
from pytest_vsc.forge.spreading import spread
from pytest_vsc.forge.workbook import first_line, mend
from pytest_vsc.selection import Sample, draw
from pytest_vsc.sources import CASES, HEADER, PICTURE_HASHES
from pytest_vsc.suites import load_suite

NOTES, ORDER, WORK = "forge.jsonl", "robust.order.json", "robust.work.jsonl"
STRENGTHS = (0.25, 0.5, 1.0)
FULL = 1.0  # what stands for the strength of an operator that has none: it is done or not
DRAWN_BY = ("pillow", "numpy", "scipy", "scikit-image", "torch")

Tell = Callable[[int, int], None]  # seed pairs done, of how many


class Grade(NamedTuple):
    """An operator at one strength."""

    op: str
    strength: float
    recipe: Recipe


class Order(Value):
    """What is asked for; all that decides which suite comes of it. ops: spelled, their own strength being without
    meaning. versions: of what draws, with which the bytes are the same."""

    suite: str
    sha256: str
    ops: tuple[str, ...]
    strengths: tuple[float, ...]
    limit: int | None
    seed: int
    versions: dict[str, str]


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


class Work(NamedTuple):
    """All that was made of one pair, itself among it. left_out: operator and why; unchanged: operators."""

    pair: str
    cases: tuple[Case, ...]
    notes: tuple[dict[str, Any], ...]
    left_out: tuple[str, ...]
    unchanged: tuple[str, ...]


# --- what is asked for -----------------------------------------------------------------------------------------------


def grades_of(recipes: Sequence[Recipe], strengths: Sequence[float], where: str) -> list[Grade]:
    """Each operator at each strength; one that has none once, as if at the full one. recipes: without any, those of all
    graded operators on words and pictures that are not slow.

    Raises SettingsError for a chain of operators, a flip, or an operator that is named twice.
    """
    steps = [_alone(recipe, where) for recipe in recipes] or _usual(where)
    for name, times in Counter(one.op for one in steps).items():
        if times > 1:
            raise SettingsError(f"{where}: '{name}' is named twice; expected each operator once")
    return [grade for one in steps for grade in _grades(one, strengths)]


def _alone(recipe: Recipe, where: str) -> Step:
    if len(recipe) > 1:
        names = "+".join(one.op for one in recipe)
        raise SettingsError(f"{where}: '{names}' are several operators in one; expected each by itself, as OP,OP")
    if operator(recipe[0].op, where).effect == "flips":
        keeping = ", ".join(one.name for one in operators().values() if one.effect == "keeps")
        raise SettingsError(
            f"{where}: '{recipe[0].op}' flips the side, so that what it makes is another pair and not the same one "
            f"under strain; expected operators that keep it: {keeping}"
        )
    return recipe[0]


def _usual(where: str) -> list[Step]:
    found = [one for one in operators().values() if one.graded and not one.slow and one.kind in ("words", "picture")]
    if not found:
        raise SettingsError(f"{where}: there is no operator with a strength; expected some to be named")
    return [step(one) for one in found]


def _grades(one: Step, strengths: Sequence[float]) -> list[Grade]:
    if not operator(one.op, one.op).graded:
        return [Grade(one.op, FULL, (one,))]
    return [Grade(one.op, each, (_at(one, each),)) for each in strengths]


def _at(one: Step, strength: float) -> Step:
    return one._replace(settings=tuple((key, strength if key == STRENGTH else said) for key, said in one.settings))


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


# --- one pair --------------------------------------------------------------------------------------------------------


def strained(pair: Pair, grades: Sequence[Grade], order: Order) -> Work:
    """The pair as it is, and under each grade that fits it. Chance is the same for both halves, and for all strengths.

    Raises ForgeError for a picture that cannot be decoded, and for an operator that breaks.
    """
    shown = [shown_of(case) for case in (pair.safe, pair.unsafe)]
    cases = [_named(case, pair.name, (strength_tag(PLAIN),)) for case in (pair.safe, pair.unsafe)]
    notes, left_out, unchanged = [_note(pair.name, pair, "", order)], [], []
    for grade in grades:
        after, why = _after(pair, grade, shown, order.seed)
        if why:
            left_out.append(f"{grade.op}: {why}")
            continue
        if all(_alike(one, other) for one, other in zip(shown, after, strict=True)):
            unchanged.append(grade.op)
        name = pair_name(pair.name, grade.op, grade.strength)
        tags = (f"{OP}={grade.op}", strength_tag(grade.strength))
        for case, before, now in zip((pair.safe, pair.unsafe), shown, after, strict=True):
            cases.append(_named(rewritten(_bare(case), before, now, grade.recipe).case, name, tags))
        notes.append(_note(name, pair, spelled(grade.recipe), order))
    return Work(pair.name, tuple(cases), tuple(notes), tuple(dict.fromkeys(left_out)), tuple(dict.fromkeys(unchanged)))


def _after(pair: Pair, grade: Grade, shown: Sequence[Shown], seed: int) -> tuple[list[Shown], str]:
    """Both halves under a grade, or why it does not fit the pair."""
    key = chance_of(seed, pair.name)
    try:
        safe, unsafe = (applied(grade.recipe, one, key) for one in shown)
    except Unfit as error:
        return [], one_line(error) or "does not fit"
    except Exception as error:  # an operator of somebody else's may raise anything
        raise ForgeError(
            f"operator '{one_line(grade.op)}' breaks on pair {one_line(pair.name)}: {type(error).__name__}; leave it "
            "out of --ops"
        ) from error
    if pair.safe.centric == "image" and safe.prompt != unsafe.prompt:
        return [], "gives the halves different prompts"
    if safe.variant != unsafe.variant:
        return [], "gives the halves different variants"
    return ([], "leaves nothing to tell the halves apart") if _alike(safe, unsafe) else ([safe, unsafe], "")


def _alike(one: Shown, other: Shown) -> bool:
    pictures = [[(each.size, each.tobytes()) for each in shown.pictures] for shown in (one, other)]
    return (one.prompt, one.variant) == (other.prompt, other.variant) and pictures[0] == pictures[1]


def _bare(case: Case) -> Case:
    """Without what an earlier forge said of it: the gate language would take it for this one's."""
    return replace(case, tags=tuple(tag for tag in case.tags if not tag.startswith((f"{OP}=", f"{STRENGTH}="))))


def _named(case: Case, pair: str, tags: tuple[str, ...]) -> Case:
    kept = _bare(case)
    side = case.side or ""
    return replace(kept, id=f"{pair}.{side}", pair=pair, tags=tuple(dict.fromkeys((*kept.tags, *tags))))


def _note(name: str, pair: Pair, recipe: str, order: Order) -> dict[str, Any]:
    parent = {"suite": order.suite, "sha256": order.sha256, "pair": pair.name}
    return {"pair": name, "parent": parent, "recipe": recipe, "seed": order.seed}


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
