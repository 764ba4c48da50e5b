"""Builds a suite of new pairs out of the pairs of one: attempts over all cores, in their order, until there are enough.

What an attempt makes is told in `forging`, which are tried in `plans`, what was done so far is in the `workbook`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from pytest_vsc import __version__
from pytest_vsc.cases import SIDES, Suite, Value
from pytest_vsc.composing import hashes_of, line_of, toml_of
from pytest_vsc.errors import ForgeError, GateError, SuiteError, one_line
from pytest_vsc.forge.forging import Face, Forged, face_of, forge
from pytest_vsc.forge.known import Faces, Known
from pytest_vsc.forge.making import Made, Pair, pairs_of, shown_of
from pytest_vsc.forge.plans import Attempt, attempts
from pytest_vsc.forge.recipes import Recipe, spelled
from pytest_vsc.forge.spreading import spread
from pytest_vsc.forge.weighing import Bounds
from pytest_vsc.forge.workbook import Entry, Order, Workbook
from pytest_vsc.gates import resolve_gates
from pytest_vsc.sources import CASES, HEADER, PICTURE_HASHES
from pytest_vsc.suites import load_suite

NOTES, ACCOUNT = "forge.jsonl", "forge.json"
CHUNK = 8  # attempts that a process makes before it hands them over
BINS = 10  # of the histogram of similarities
HIGHEST = {"parent_phash": 64, "halves_phash": 64, "told": 2.0}  # of what is no share of 1

Tell = Callable[[int, int], None]  # pairs so far, attempts so far
Prepare = Callable[[Iterator[Attempt]], Iterator[Attempt]]  # gives them the words that a model writes


class NoPair(ForgeError):
    """Nothing came of any attempt."""


class Account(Value):
    """What came of a forge. histogram: of each share how many pairs lie in each tenth. rejected: by reason.

    gates_lost: those of the seed suite that the new one has no case for.
    """

    suite: str
    sha256: str
    order: Order
    pairs: int
    attempts: int
    rejected: dict[str, int]
    unfit: dict[str, int]
    operators: dict[str, int]
    histogram: dict[str, tuple[int, ...]]
    gates_lost: tuple[str, ...] = ()


def seeds_of(suite: Suite) -> tuple[Pair, ...]:
    """The pairs that new ones can be made of. Raises ForgeError where there is none."""
    pairs = pairs_of(suite)
    if not pairs:
        what = "measures utility" if suite.measures_utility else "has no pair with both halves"
        raise ForgeError(f"suite {one_line(suite.name)}: {what}; expected a suite of pairs, as `mini` is")
    return pairs


def order_of(
    suite: Suite,
    recipes: Sequence[Recipe],
    *,
    seed: int,
    limit: int,
    bounds: Bounds,
    models: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> Order:
    """What is asked for, with all that decides the bytes of what comes of it. models: as in an Order."""
    return Order(
        suite=suite.name,
        suite_sha256=suite.sha256,
        recipes=tuple(map(spelled, recipes)),
        seed=seed,
        limit=limit,
        bounds=bounds._asdict(),
        versions=versions(),
        models={role: dict(one) for role, one in models.items()},
    )


def versions() -> dict[str, str]:
    """Of what draws, measures and encodes."""
    from importlib.metadata import version

    from PIL import features

    names = ("pillow", "numpy", "scipy", "scikit-image", "rapidfuzz")
    return {"pytest-vsc": __version__, **{name: version(name) for name in names}, "zlib": f"{features.version('zlib')}"}


def forge_pairs(
    suite: Suite,
    recipes: Sequence[Recipe],
    order: Order,
    out: Path,
    *,
    name: str,
    jobs: int,
    tell: Tell,
    prepared: Prepare = iter,
) -> Account:
    """Make the suite in a new folder, or go on with one that broke off. name: of the suite.

    prepared: is given what is still to be tried, once the folder is there. Raises NoPair, and ForgeError; what is done
    so far stays in the folder, and the same order goes on with it.
    """
    pairs = seeds_of(suite)
    known = _seeds(pairs)
    book = Workbook(out, order)
    done = False
    try:
        made, tried = 0, 0
        for entry in book.entries():
            tried += 1
            if entry.faces:
                known.add(entry.parent, entry.faces)
                made += 1
        planned = prepared(islice(attempts(pairs, recipes, order.seed), tried, None))
        by_name = {pair.name: pair for pair in pairs}
        todo: Iterator[Todo] = ((by_name[one.pair], one) for one in planned)
        with closing(spread(partial(_attempted, order.seed, Bounds(**order.bounds)), todo, jobs, CHUNK)) as results:
            while made < order.limit and (forged := next(results, None)):
                checked = _checked(forged, known)
                book.add(checked)
                tried, made = tried + 1, made + (checked.why is None)
                tell(made, tried)
        account = _finish(suite, order, book, out, name)
        done = True
    finally:
        book.close(done=done)
    return account


def _seeds(pairs: Sequence[Pair]) -> Known:
    known = Known()
    for pair in pairs:
        known.add(pair.name, faces_of(pair))
    return known


def faces_of(pair: Pair) -> Faces:
    """What the halves of a seed pair look like. Raises ForgeError for a picture that cannot be decoded."""
    faces: list[Face] = [face_of(Made(case, shown_of(case))) for case in (pair.safe, pair.unsafe)]
    return faces[0], faces[1]


def _checked(forged: Forged, known: Known) -> Forged:
    if forged.faces is None:
        return forged
    like = known.like(forged.attempt.pair, forged.faces)
    if like is not None:
        return forged._replace(why=like)
    known.add(forged.attempt.pair, forged.faces)
    return forged


Todo = tuple[Pair, Attempt]


def _attempted(seed: int, bounds: Bounds, todo: Todo) -> Forged:
    """It runs in any process."""
    return forge(*todo, seed, bounds)


# --- the folder ---


class Tally:
    """What there is to tell of the entries of a workbook."""

    def __init__(self) -> None:
        self.attempts = 0
        self.rejected: Counter[str] = Counter()
        self.unfit: Counter[str] = Counter()
        self.operators: Counter[str] = Counter()
        self.bins: dict[str, list[int]] = {}
        self.pictures: dict[str, str] = {}
        self.categories: set[str] = set()

    def add(self, entry: Entry) -> None:
        self.attempts += 1
        if entry.why:
            self.rejected[entry.why] += 1
            if entry.detail:
                self.unfit[entry.detail] += 1
            return
        self.operators.update({re.split("[:@]", part)[0] for part in entry.recipe.split("+")})
        for key, share in entry.likeness.items():
            if share is not None:
                bins = self.bins.setdefault(key, [0] * BINS)
                bins[min(BINS - 1, max(0, int(BINS * share / HIGHEST.get(key, 1))))] += 1
        for row, face in zip(entry.rows, entry.faces or (), strict=True):
            self.categories.add(row["category"])
            self.pictures.update(zip(shown_in(row), face.pictures, strict=True))

    @property
    def pairs(self) -> int:
        return self.attempts - self.rejected.total()


def shown_in(row: Mapping[str, Any]) -> list[str]:
    """The paths of the pictures of a row of `row_of`."""
    return [row["image"]] if row["image"] else list(row["images"] or ())


def _finish(suite: Suite, order: Order, book: Workbook, out: Path, name: str) -> Account:
    """Write the suite from the workbook, line by line."""
    tally = Tally()
    try:
        with _new(out / CASES) as cases, _new(out / NOTES) as notes:
            for entry in book.entries():
                tally.add(entry)
                if not entry.why:
                    cases.writelines(map(line_of, entry.rows))
                    notes.write(json.dumps(_note(entry, order)) + "\n")
        if not tally.pairs:
            why = ", ".join(f"{number:,} {reason}" for reason, number in tally.rejected.most_common())
            raise NoPair(f"--out {one_line(out)}: no pair came of {tally.attempts:,} attempts ({why})")
        (out / PICTURE_HASHES).write_text(hashes_of(tally.pictures), encoding="utf-8", newline="\n")
        header = _header(suite, order, name, tally.categories)
        gates, lost = _gates(suite, out, header)
        made = _written(out, {**header, "gates": gates})
        account = _account(order, name, made.sha256, tally, lost)
        (out / ACCOUNT).write_text(account.model_dump_json(indent=1) + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise ForgeError(f"--out: {one_line(error.filename or out)}: cannot be written: {error.strerror}") from None
    except SuiteError as error:
        raise ForgeError(f"what was forged makes no sound suite:\n{error}") from None
    return account


def _new(file: Path) -> IO[str]:
    return file.open("w", encoding="utf-8", newline="\n")


def _note(entry: Entry, order: Order) -> dict[str, Any]:
    """What is kept of how a pair was made."""
    by_model = {"rewritten": dict(zip(SIDES, entry.words, strict=True)), **order.models} if entry.words else {}
    return {
        "pair": entry.pair,
        "parent": {"suite": order.suite, "sha256": order.suite_sha256, "pair": entry.parent},
        "recipe": entry.recipe,
        "seed": order.seed,
        "number": entry.number,
        "similarity": {key: value for key, value in entry.likeness.items() if value is not None},
        **by_model,
        "reviewed": False,
    }


def _header(suite: Suite, order: Order, name: str, categories: Collection[str]) -> dict[str, Any]:
    header = suite.header
    return {
        "format": 1,
        "name": name,
        "version": "1",
        "title": f"{name}: pairs forged out of {header.name} {header.version}",
        "licence": header.licence,
        "picture_licence": header.picture_licence,
        "source": f"Forged from suite {header.name} {header.version} (sha256 {suite.sha256[:12]}) by pytest-vsc "
        f"{__version__}, seed {order.seed}; how each pair was made is in {NOTES}",
        "citation": header.citation,
        "paired": list(header.paired),
        "categories": [category for category in header.categories if category in categories],
        "policy": header.policy,
        "allow_empty_prompt": header.allow_empty_prompt,
    }


def _gates(suite: Suite, out: Path, header: Mapping[str, Any]) -> tuple[list[str], tuple[str, ...]]:
    """The gates of the seed suite that the new one can decide, and those that it cannot: it may lack a category."""
    made, lost = _written(out, header), []
    for gate in suite.header.gates:
        try:
            resolve_gates([("forge", [gate])], made, made.header.policy or "strict")  # type: ignore[arg-type]
        except GateError:
            lost.append(gate)
    return [gate for gate in suite.header.gates if gate not in lost], tuple(lost)


def _written(out: Path, header: Mapping[str, Any]) -> Suite:
    (out / HEADER).write_text(toml_of(header), encoding="utf-8", newline="\n")
    return load_suite(str(out.absolute()), out)


def _account(order: Order, name: str, sha256: str, tally: Tally, lost: tuple[str, ...]) -> Account:
    return Account(
        suite=name,
        sha256=sha256,
        order=order,
        pairs=tally.pairs,
        attempts=tally.attempts,
        rejected=dict(sorted(tally.rejected.items())),
        unfit=dict(sorted(tally.unfit.items())),
        operators=dict(sorted(tally.operators.items())),
        histogram={key: tuple(value) for key, value in tally.bins.items()},
        gates_lost=lost,
    )
