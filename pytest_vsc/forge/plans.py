"""Which recipe is tried on which pair, and in what order: worked out from the seed alone. It applies none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from pytest_vsc.errors import ForgeError
from pytest_vsc.forge import operators
from pytest_vsc.forge.making import Pair, key_of
from pytest_vsc.forge.operators import REWRITE, Kind, Operator, Parameter, Setting, Wants
from pytest_vsc.forge.recipes import Recipe, Step, read_recipe, spelled, step
from pytest_vsc.forge.rewriting import Words, words_of_note

STRENGTHS = (0.25, 0.5, 0.75)  # of recipes that are drawn
SEVERAL = 3  # choices at the most, where several are taken
ROUNDS = 40  # recipes tried on a pair before it is given up

# What is done to a pair by how it shows what decides, one of them by chance.
PICTURED: tuple[tuple[Kind, ...], ...] = (
    ("picture",),
    ("words", "picture"),
    ("picture", "picture"),
    ("move", "picture"),
)
SPOKEN: tuple[tuple[Kind, ...], ...] = (("words",), ("words", "words"), ("flip",), ("flip", "words"), ("move",))
WRITTEN: tuple[tuple[Kind, ...], ...] = (("picture",), ("words", "picture"), ("words",))


class Attempt(NamedTuple):
    """One recipe on one pair. number: which of this pair's. words: what a model gave, where the recipe begins so."""

    pair: str
    number: int
    recipe: Recipe
    words: Words | None = None


def attempt_of(note: Mapping[str, Any], where: str = "forge.jsonl") -> Attempt:
    """The attempt that a line of `forge.jsonl` tells, with the words that a model gave. where: how messages begin.

    Raises SettingsError.
    """
    recipe = read_recipe(note["recipe"], where)
    return Attempt(note["parent"]["pair"], note["number"], recipe, words_of_note(note))


def attempts(pairs: Sequence[Pair], recipes: Sequence[Recipe], seed: int) -> Iterator[Attempt]:
    """What to try, round after round of all pairs in an order by chance, no recipe twice on a pair.

    recipes: those that are wanted, () for any chain of the operators that fit a pair.
    """
    order = list(pairs)
    _random(seed, "order").shuffle(order)
    tried: set[tuple[str, str]] = set()
    for number in range(len(recipes) or ROUNDS):
        for place, pair in enumerate(order):
            random = _random(seed, f"{pair.name}\n{number}")
            recipe = recipes[(number + place) % len(recipes)] if recipes else _drawn(pair, random)
            if recipe and (told := (pair.name, spelled(recipe))) not in tried:
                tried.add(told)
                yield Attempt(pair.name, number, recipe)


def see_fitting(recipes: Sequence[Recipe], where: str) -> None:
    """Raises ForgeError for a recipe in which a flip, or a model, is not the first step."""
    for recipe in recipes:
        for one in recipe[1:]:
            if one.op == REWRITE or operators()[one.op].kind == "flip":
                what, names = "a model" if one.op == REWRITE else "a flip", "+".join(each.op for each in recipe)
                raise ForgeError(f"{where}: '{names}': {what} writes the words anew; expected it as the first step")


def _drawn(pair: Pair, random: Random) -> Recipe:
    by_kind = _by_kind("picture" if pair.safe.images else "plain")
    kinds = random.choice([form for form in _forms(pair) if all(by_kind.get(kind) for kind in form)] or [()])
    return tuple(_step(random.choice(by_kind[kind]), random) for kind in kinds)


def _forms(pair: Pair) -> Sequence[tuple[Kind, ...]]:
    if pair.safe.centric == "image":
        return PICTURED
    return WRITTEN if pair.safe.images else SPOKEN


def _by_kind(shows: Wants) -> Mapping[Kind, list[Operator]]:
    """The operators that can do anything with a case that shows this."""
    found: dict[Kind, list[Operator]] = {}
    for one in operators().values():
        if not one.slow and one.wants in ("", shows):
            found.setdefault(one.kind, []).append(one)
    return found


def _step(one: Operator, random: Random) -> Step:
    return step(one, **{each.name: _setting(each, random) for each in one.parameters})


def _setting(parameter: Parameter, random: Random) -> Setting:
    if parameter.several:
        return tuple(random.sample(parameter.choices, random.randint(1, min(SEVERAL, len(parameter.choices)))))
    if parameter.choices:
        return random.choice(parameter.choices)
    share = random.choice(STRENGTHS)
    return float(f"{parameter.low + share * (parameter.high - parameter.low):g}")


def _random(seed: int, name: str) -> Random:
    return Random(f"{key_of(seed, name)}")  # noqa: S311  no secret rests on it
