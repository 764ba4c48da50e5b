"""One pair under operators: which of them at which strengths, and all that is made of the pair. It writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from pytest_vsc.cases import Case, Value
from pytest_vsc.curves import PLAIN, pair_name
from pytest_vsc.errors import ForgeError, SettingsError, one_line
from pytest_vsc.forge import operator, operators
from pytest_vsc.forge.making import OP, Pair, key_of, rewritten, shown_of, strength_tag
from pytest_vsc.forge.operators import STRENGTH, Shown, Unfit
from pytest_vsc.forge.recipes import Recipe, Step, applied, spelled, step

FULL = 1.0  # what stands for the strength of an operator that has none: it is done or not


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


class Work(NamedTuple):
    """All that was made of one pair, itself among it. left_out: operator and why; unchanged: operators."""

    pair: str
    cases: tuple[Case, ...]
    notes: tuple[dict[str, Any], ...]
    left_out: tuple[str, ...]
    unchanged: tuple[str, ...]


# --- which operators ---


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


# --- a pair ---


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
    key = key_of(seed, pair.name)
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
