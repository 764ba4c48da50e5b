"""Recipes: operators in their order with their settings, read from words, spelled in one way, and applied.

A recipe and a key give the same on any run: each step's chance comes from a hash of both. Not so `rewrite@MODEL`, whose
texts are a model's.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

from pytest_vsc.cases import Side
from pytest_vsc.errors import ForgeError, SettingsError, expected, one_line
from pytest_vsc.forge import operator
from pytest_vsc.forge.operators import REWRITE, Operator, Parameter, Setting, Shown, Unfit

MOST_CHOICES = 20  # that a message lists
FORM = "expected OP[:key=value,...], several joined by '+'"
MODEL = "model"  # the setting of REWRITE
_FURTHER = re.compile(r"\+(?=[a-z][a-z0-9-]*(?:[:+@]|$))")  # what asks a model may have a plus in its name


class Step(NamedTuple):
    """One operator with all of its settings, in the order of its parameters."""

    op: str
    settings: tuple[tuple[str, Setting], ...] = ()


Recipe = tuple[Step, ...]


def read_recipe(said: str, where: str) -> Recipe:
    """A recipe as it is spelled, `typos:strength=0.5+blur`; settings that are left out have their defaults.

    where: how messages begin, such as `--ops`. Raises SettingsError.
    """
    parts = _FURTHER.split(said) if f"{REWRITE}@" in said else said.split("+")
    return tuple(_read(part.strip(), where) for part in parts)


def step(one: Operator, **settings: Setting) -> Step:
    """A step with these settings, and the defaults of the others. They are not checked."""
    return Step(one.name, tuple((each.name, settings.get(each.name, each.default)) for each in one.parameters))


def spelled(recipe: Recipe) -> str:
    """The one spelling of a recipe, every setting told: `typos:strength=0.5+insert:words=fjord|quill`."""
    return "+".join(_spelled(one) for one in recipe)


def applied(recipe: Recipe, shown: Shown, key: str) -> Shown:
    """What is shown after all steps that keep the side. key: of the chance, the same for both halves of a pair.

    Raises Unfit, and ValueError for a flip, which `flipped` does.
    """
    for number, one in enumerate(recipe):
        shown = _done(one, shown, chance(key, number, one))
    return shown


def flipped(one: Step, text: str, side: Side, key: str) -> str:
    """A text of the other side, by a flip. side: that of the text. Raises Unfit."""
    found = operator(one.op, one.op)
    made: str = found.run(text, side, chance(key, -1, one), **dict(one.settings))
    return made


def chance(key: str, number: int, one: Step) -> Random:
    """Where a step's chance comes from: its key, its place in the recipe and its operator; not its settings.

    So a step of another strength does the same at the same places, more or less of it.
    """
    digest = hashlib.sha256(f"{key}\n{number}\n{one.op}".encode("utf-8", "surrogatepass")).digest()
    return Random(int.from_bytes(digest[:16], "big"))  # noqa: S311  no secret rests on it


def _done(one: Step, shown: Shown, random: Random) -> Shown:
    if one.op == REWRITE:
        raise ForgeError(f"{REWRITE}@...: asks a model; expected as the first step of a recipe of `vsc forge pairs`")
    found, settings = operator(one.op, one.op), dict(one.settings)
    if found.kind == "words":
        return replace(shown, prompt=found.run(shown.prompt, random, **settings))
    if found.kind == "move":
        moved: Shown = found.run(shown, random, **settings)
        return moved
    if found.kind == "flip":
        raise ValueError(f"{one.op}: flips the side")
    if not shown.pictures:
        raise Unfit("no picture")
    state = random.getstate()
    made = []
    for picture in shown.pictures:
        random.setstate(state)
        made.append(found.run(picture, random, **settings))
    return replace(shown, pictures=tuple(made))


# --- words into steps, and back ---


def _read(part: str, where: str) -> Step:
    name, _, rest = part.partition(":")
    if not name:
        raise SettingsError(f"{where}: an operator without a name ('{one_line(part)}'); {FORM}")
    if name.partition("@")[0] == REWRITE:
        return _rewrite(part, where)
    found = operator(name.strip(), where)
    given: dict[str, str] = {}
    for piece in filter(None, rest.split(",")):
        key, equals, value = (word.strip() for word in piece.partition("="))
        if not equals or not value:
            raise SettingsError(f"{where}: {found.name}: '{one_line(piece)}' is no setting; {FORM}")
        if key in given:
            raise SettingsError(f"{where}: {found.name}: '{key}' is set twice; expected once")
        given[key] = value
    return checked(found, given, where)


def _rewrite(part: str, where: str) -> Step:
    model = part.removeprefix(REWRITE)
    if len(model) < 2 or model[0] != "@":
        raise SettingsError(f"{where}: {REWRITE}: no model; expected {REWRITE}@SPEC, a SPEC as --vlm takes it")
    return Step(REWRITE, ((MODEL, model[1:]),))


def checked(found: Operator, given: Mapping[str, Any], where: str) -> Step:
    """A step with these settings, and the defaults of the others. Raises SettingsError for one that cannot be."""
    names = [each.name for each in found.parameters]
    if unknown := [key for key in given if key not in names]:
        allowed = expected(unknown[0], names) if names else "it has no settings"
        raise SettingsError(f"{where}: {found.name}: unknown setting '{one_line(unknown[0])}'; {allowed}")
    settings = {
        each.name: _value(each, given[each.name], f"{where}: {found.name}")
        for each in found.parameters
        if each.name in given
    }
    return step(found, **settings)


def _value(parameter: Parameter, said: Any, where: str) -> Setting:
    if not parameter.choices:
        return _number(parameter, said, where)
    chosen = tuple(str(said).split("|")) if isinstance(said, str) else tuple(map(str, said))
    for one in chosen:
        if one not in parameter.choices:
            raise SettingsError(f"{where}: unknown {parameter.name} '{one_line(one)}'; {_choices(one, parameter)}")
    if not parameter.several and len(chosen) != 1:
        raise SettingsError(f"{where}: {parameter.name} takes one choice, not {len(chosen)}")
    return chosen if parameter.several else chosen[0]


def _choices(said: str, parameter: Parameter) -> str:
    whole = expected(said, parameter.choices)
    if len(parameter.choices) <= MOST_CHOICES:
        return whole
    near = whole.partition("; ")[2]
    return f"expected one of {len(parameter.choices)} words{f'; {near}' if near else ''}"


def _number(parameter: Parameter, said: Any, where: str) -> float:
    try:
        number = float(said)
    except (TypeError, ValueError):
        number = math.nan
    if not parameter.low <= number <= parameter.high:
        raise SettingsError(
            f"{where}: {parameter.name} {one_line(said)} is out of range; expected {parameter.low:g} to "
            f"{parameter.high:g}: {parameter.what}"
        )
    return float(f"{number:g}")  # as it is spelled


def _spelled(one: Step) -> str:
    if one.op == REWRITE:
        return f"{REWRITE}@{dict(one.settings)[MODEL]}"
    settings = ",".join(f"{key}={_told(value)}" for key, value in one.settings)
    return f"{one.op}:{settings}" if settings else one.op


def _told(value: Setting) -> str:
    if isinstance(value, tuple):
        return "|".join(value)
    return value if isinstance(value, str) else f"{value:g}"
