"""One attempt at a new pair: a recipe on both halves of a seed pair, measured and weighed. It keeps no pair."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from pytest_vsc.cases import SIDES, Case, Side
from pytest_vsc.forge import operator
from pytest_vsc.forge.making import Made, Pair, key_of, rewritten, shown_of
from pytest_vsc.forge.operators import REWRITE, Shown, Unfit, other_side
from pytest_vsc.forge.plans import Attempt
from pytest_vsc.forge.recipes import Recipe, applied, flipped
from pytest_vsc.forge.rewriting import Uncertain, said
from pytest_vsc.forge.weighing import Bounds, Likeness, Reason, hashes_of, measured, weigh

if TYPE_CHECKING:
    from PIL import Image

GRID = 4  # cells of a side whose colours are remembered


class Face(NamedTuple):
    """What a half looks like, as far as it takes to find its like: its prompt, the bytes of its pictures by sha256, of
    each a perceptual hash and the colours of 4 x 4 cells."""

    prompt: str
    pictures: tuple[str, ...] = ()
    hashes: tuple[int, ...] = ()
    colours: tuple[bytes, ...] = ()


class Forged(NamedTuple):
    """What came of an attempt. why: what speaks against the pair, None for a good one; then cases are there too.

    detail: more of an `unfit`. cases, faces: of the safe and the unsafe half.
    """

    attempt: Attempt
    why: Reason | None
    detail: str = ""
    likeness: Likeness | None = None
    cases: tuple[Case, Case] | None = None
    faces: tuple[Face, Face] | None = None


def forge(pair: Pair, attempt: Attempt, seed: int, bounds: Bounds) -> Forged:
    """Make and weigh a pair. The same arguments give the same bytes. Raises ForgeError for an unreadable picture."""
    key = key_of(seed, pair.name, attempt.number)
    seeds = {side: shown_of(pair.half(side)) for side in SIDES}
    try:
        sources, side, rest = _turned(seeds, attempt, key)
        made = {one: applied(rest, sources[one], key) for one in SIDES}
    except Uncertain:
        return Forged(attempt, "side-uncertain")
    except Unfit as error:
        return Forged(attempt, "unfit", str(error))
    if attempt.words:  # a verifier has compared them with the seeds, letter by letter they need not be alike
        likeness, why = measured(seeds, made, side), weigh(sources, made, side, bounds)[1]
    else:
        likeness, why = weigh(seeds, made, side, bounds)
    if why is not None:
        return Forged(attempt, why, likeness=likeness)
    halves = [_half(pair, one, seeds[one], made[one], attempt) for one in SIDES]
    return Forged(
        attempt,
        None,
        likeness=likeness,
        cases=(halves[0].case, halves[1].case),
        faces=(face_of(*halves[:1]), face_of(*halves[1:])),
    )


def name_of(attempt: Attempt) -> str:
    """The name of the pair that an attempt makes: its parent's, the operators and which attempt it was."""
    return ".".join((attempt.pair, "-".join(one.op for one in attempt.recipe), str(attempt.number)))


def _turned(seeds: dict[Side, Shown], attempt: Attempt, key: str) -> tuple[dict[Side, Shown], Side | None, Recipe]:
    """What the recipe's other steps are applied to; the half whose words a flip wrote, and these steps.

    A flip is tried on one half, by the chance of its key, and where it cannot do anything on the other.
    """
    recipe = attempt.recipe
    if recipe[0].op == REWRITE:
        return _reworded(seeds, attempt), None, recipe[1:]
    first = operator(recipe[0].op, recipe[0].op)
    if first.kind != "flip":
        return seeds, None, recipe
    if any(one.pictures for one in seeds.values()):
        raise Unfit("what decides is in a picture")
    order = SIDES if hashlib.sha256(key.encode()).digest()[0] % 2 else SIDES[::-1]
    for number, side in enumerate(order):
        try:
            words = flipped(recipe[0], seeds[side].prompt, side, key)
        except Unfit:
            if number == len(order) - 1:
                raise
            continue
        other = other_side(side)
        return {**seeds, other: replace(seeds[other], prompt=words)}, other, recipe[1:]
    raise AssertionError("one of two halves was tried")


def _reworded(seeds: dict[Side, Shown], attempt: Attempt) -> dict[Side, Shown]:
    if attempt.words is None:
        raise Unfit("no model was asked")
    return {side: replace(seeds[side], prompt=said(words)) for side, words in zip(SIDES, attempt.words, strict=True)}


def _half(pair: Pair, side: Side, before: Shown, after: Shown, attempt: Attempt) -> Made:
    made = rewritten(pair.half(side), before, after, attempt.recipe)
    name = name_of(attempt)
    return replace(made, case=replace(made.case, id=f"{name}.{side}", pair=name))


def face_of(made: Made) -> Face:
    """What it looks like."""
    pictures = made.shown.pictures
    return Face(
        made.case.prompt,
        tuple(picture.digest() for picture in made.case.images),
        tuple(hashes_of(pictures)),
        tuple(_colours(picture) for picture in pictures),
    )


def _colours(picture: Image.Image) -> bytes:
    from PIL import Image

    return picture.resize((GRID, GRID), Image.Resampling.BOX).tobytes()
