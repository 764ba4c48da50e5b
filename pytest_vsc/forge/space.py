"""The space of a search: recipes as Hypothesis draws them, dealt out by themes, and what is simpler than one.

It asks nobody. Every draw is a truth value: of these Hypothesis takes none from the source of other modules and writes
no file, so that a seed gives the same recipes on any machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from pytest_vsc.cases import Case
from pytest_vsc.errors import SettingsError
from pytest_vsc.forge import operator, operators
from pytest_vsc.forge.operators import STRENGTH, Operator, Parameter, Setting
from pytest_vsc.forge.recipes import Recipe, Step, spelled, step

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

GRID = 8  # strengths: 1/8 .. 1 of a parameter's range
MOST_STEPS = 3
SHARE = 10  # choices of a vocabulary that go together
FEW = 12  # choices that are no vocabulary yet
PARTS = 4  # of a strength that is to be lowered
FINE = 16  # of an index that is drawn: how even its values are

Flips = Callable[[Recipe], bool]
Wanted = Callable[[Recipe], bool]


class Theme(NamedTuple):
    """An operator, and of each parameter with choices the share of them that is drawn from."""

    op: str
    shares: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Stopped(BaseException):
    """Leaves a search of Hypothesis: enough is known of it for now. Whatever is an Exception there counts as a find."""


def searched(names: Sequence[str], where: str) -> tuple[Operator, ...]:
    """The operators of these names; with none all that keep the side, but for slow ones. Raises SettingsError."""
    if not names:
        return tuple(one for one in operators().values() if one.effect == "keeps" and not one.slow)
    found = tuple(dict.fromkeys(operator(name, where) for name in names))
    for one in found:
        if one.effect != "keeps":
            raise SettingsError(f"{where}: '{one.name}' flips the side; expected operators that keep it")
    return found


def fits(one: Operator, case: Case) -> bool:
    """Whether it has anything to work on there, as far as that can be told beforehand."""
    return bool(case.images) if one.kind == "picture" else bool(case.prompt.strip()) or one.kind == "move"


def themes(ops: Sequence[Operator], random: Random) -> list[Theme]:
    """All that there is to try of the operators: a vocabulary in shares, each of its words in one of them."""
    return [Theme(one.name, shares) for one in ops for shares in _shares(one, random)]


def _shares(one: Operator, random: Random) -> Iterator[tuple[tuple[str, tuple[str, ...]], ...]]:
    large = next((each for each in one.parameters if len(each.choices) > FEW), None)
    rest = tuple((each.name, each.choices) for each in one.parameters if each.choices and each is not large)
    if large is None:
        yield rest
        return
    shuffled = random.sample(large.choices, len(large.choices))
    parts = -(-len(shuffled) // SHARE)
    for number in range(parts):
        share = frozenset(shuffled[number::parts])
        yield ((large.name, tuple(word for word in large.choices if word in share)), *rest)


# --- drawing ---


def opening(theme: Theme) -> Recipe:
    """All of a theme in one step: every word of its share, at full strength."""
    found, shares = _operator(theme.op), dict(theme.shares)
    settings: dict[str, Setting] = {}
    for each in found.parameters:
        if each.choices:
            settings[each.name] = shares[each.name] if each.several else shares[each.name][0]
        elif each.name == STRENGTH:
            settings[each.name] = _at(each, GRID)
    return (step(found, **settings),)


def some(theme: Theme, others: Sequence[Theme], wanted: Wanted, number: int, random: Random) -> list[Recipe]:
    """So many recipes that are wanted, each different, of at most MOST_STEPS steps with the theme among them; fewer
    where there are no more."""
    found: list[Recipe] = []

    def collected(recipe: Recipe) -> bool:
        if recipe not in found and wanted(recipe):
            found.append(recipe)
        if len(found) == number:
            raise Stopped
        return False

    _found(_recipes(theme, others), collected, random, number * 20)
    return found


def simplest(
    raw: Recipe, outcomes: Mapping[Recipe, bool], most: int, random: Random
) -> tuple[Recipe | None, list[Recipe]]:
    """The simplest part of a recipe that flips, as Hypothesis shrinks it, and what it has to know first.

    outcomes: what is known by now. What is not is taken to flip nothing, so that what comes back is what is tried next
    if that holds, `most` of it. Nothing comes back once all is known; None: nothing was found by then.
    """
    unknown: list[Recipe] = []

    def known(recipe: Recipe) -> bool:
        if recipe in outcomes:
            return outcomes[recipe]
        if recipe and recipe not in unknown:
            unknown.append(recipe)
            if len(unknown) == most:
                raise Stopped
        return False

    return _found(_parts(raw), known, random, MOST_DRAWS), unknown


MOST_DRAWS = 400  # of parts of one recipe, before none of them flips


def _found(drawn: SearchStrategy[Recipe], predicate: Flips, random: Random, most: int) -> Recipe | None:
    """What Hypothesis finds and shrinks; None where it finds nothing or is stopped."""
    from hypothesis import Phase, Verbosity, find, settings
    from hypothesis.errors import NoSuchExample

    how = settings(
        max_examples=most,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate, Phase.shrink),
        verbosity=Verbosity.quiet,
    )
    try:
        return find(drawn, predicate, settings=how, random=random)
    except (NoSuchExample, Stopped):
        return None


def _recipes(theme: Theme, others: Sequence[Theme]) -> SearchStrategy[Recipe]:
    from hypothesis.strategies import composite

    @composite
    def recipes(draw: DrawFn) -> Recipe:
        drawn = [others[_index(draw, len(others))] for _ in range(MOST_STEPS - 1) if _flag(draw)]
        drawn.insert(_index(draw, len(drawn) + 1), theme)
        once = {each.op: each for each in drawn}  # an operator twice is hardly more than once
        return tuple(_step(theme if op == theme.op else each, draw) for op, each in once.items())

    return recipes()


def _step(theme: Theme, draw: DrawFn) -> Step:
    shares = dict(theme.shares)
    found = _operator(theme.op)
    return step(found, **{each.name: _setting(each, shares.get(each.name, ()), draw) for each in found.parameters})


def _setting(parameter: Parameter, share: tuple[str, ...], draw: DrawFn) -> Setting:
    if parameter.several:
        return tuple(word for word in share if _flag(draw)) or share[:1]
    if share:
        return share[_index(draw, len(share))]
    if parameter.name == STRENGTH:
        return _at(parameter, 1 + _index(draw, GRID))
    return _at(parameter, _index(draw, GRID + 1))


def _parts(raw: Recipe) -> SearchStrategy[Recipe]:
    """Recipes with fewer steps, lower strengths, fewer words and more defaults than this; the simplest is nothing at
    all. What is drawn is always of one form, so that leaving out a step changes two draws."""
    from hypothesis.strategies import composite

    @composite
    def parts(draw: DrawFn) -> Recipe:
        drawn = [(_often(draw), _part(one, draw)) for one in raw]
        return tuple(one for stays, one in drawn if stays and one is not None)

    return parts()


def _part(one: Step, draw: DrawFn) -> Step | None:
    settings: dict[str, Setting] = dict(one.settings)
    for each in _operator(one.op).parameters:
        value = settings[each.name]
        if isinstance(value, tuple):
            settings[each.name] = tuple(word for word in value if _often(draw))
            if not settings[each.name]:
                return None
        elif each.name == STRENGTH:
            part = 1 + sum([_often(draw) for _ in range(PARTS - 1)])
            settings[each.name] = _at(each, -(-_level(each, value) * part // PARTS))
        elif value != each.default:
            settings[each.name] = value if _often(draw) else each.default
    return Step(one.op, tuple(settings.items()))


def _flag(draw: DrawFn) -> bool:
    from hypothesis.strategies import booleans

    return draw(booleans())


def _often(draw: DrawFn) -> bool:
    """Three times of four."""
    return bool(sum([_flag(draw) for _ in range(2)]))


def _index(draw: DrawFn, number: int) -> int:
    """Below the number. The more bits are drawn the more even it is."""
    bits = (number - 1).bit_length() and (number * FINE - 1).bit_length()
    drawn = sum(_flag(draw) << place for place in reversed(range(bits)))
    return drawn * number >> bits


# --- strengths ---


def _at(parameter: Parameter, level: int) -> float:
    return float(f"{parameter.low + (parameter.high - parameter.low) * level / GRID:g}")


def _level(parameter: Parameter, value: Setting) -> int:
    assert not isinstance(value, str | tuple)
    return max(1, round((value - parameter.low) / ((parameter.high - parameter.low) or 1) * GRID))


# --- what is simpler, and what is the same cause ---


def simpler(recipe: Recipe) -> list[Recipe]:
    """All that is a little less: a step left out, a strength one step of the grid lower, a word fewer, a default."""
    less = [recipe[:place] + recipe[place + 1 :] for place in range(len(recipe))]
    for place, one in enumerate(recipe):
        less += [(*recipe[:place], lower, *recipe[place + 1 :]) for lower in _lower(one)]
    return [one for one in less if one]


def _lower(one: Step) -> Iterator[Step]:
    for each in _operator(one.op).parameters:
        value = dict(one.settings)[each.name]
        if isinstance(value, tuple):
            lower: list[Setting] = [tuple(word for word in value if word != left) for left in value]
        elif each.name == STRENGTH and _level(each, value) > 1:
            lower = [_at(each, _level(each, value) - 1)]
        elif each.name != STRENGTH and value != each.default:
            lower = [each.default]
        else:
            continue
        for setting in (less for less in lower if less != ()):
            yield Step(one.op, tuple((name, setting if name == each.name else old) for name, old in one.settings))


def weight(recipe: Recipe) -> tuple[float, ...]:
    """What recipes are put in order by: steps, words, settings that are not as usual, strengths."""
    words = sum(len(value) for one in recipe for _, value in one.settings if isinstance(value, tuple))
    return len(recipe), words, sum(map(len, map(_unusual, recipe))), sum(strengths(recipe))


def _unusual(one: Step) -> dict[str, Setting]:
    """The settings that are no strength and not the default."""
    usual = {each.name: each.default for each in _operator(one.op).parameters}
    return {name: value for name, value in one.settings if name != STRENGTH and value != usual[name]}


def strengths(recipe: Recipe) -> list[float]:
    """Of the steps that have one."""
    return [value for one in recipe for name, value in one.settings if name == STRENGTH and isinstance(value, float)]


Cause = tuple[Step, ...]  # with the settings that are no strength


def cause_of(recipe: Recipe) -> Cause:
    """What flips a case, however strong it is: the operators and what was chosen."""
    return tuple(
        Step(one.op, tuple((name, value) for name, value in one.settings if name != STRENGTH)) for one in recipe
    )


def told(cause: Cause) -> str:
    """A cause as a recipe is spelled, without what is as usual: `insert:words=quill`."""
    return spelled(tuple(Step(one.op, tuple(_telling(one).items())) for one in cause))


def _telling(one: Step) -> dict[str, Setting]:
    unusual = _unusual(one)
    return {name: value for name, value in one.settings if isinstance(value, tuple) or name in unusual}


def within(cause: Cause, recipe: Recipe) -> Recipe | None:
    """The steps of a recipe that are a cause, at the recipe's own strengths; None where the cause is no part of it.

    What a cause has by default the recipe may have otherwise: the default would have done.
    """
    found: list[Step] = []
    for one in recipe:
        if len(found) < len(cause) and (part := _within(cause[len(found)], one)) is not None:
            found.append(part)
    return tuple(found) if len(found) == len(cause) else None


def _within(cause: Step, one: Step) -> Step | None:
    if cause.op != one.op:
        return None
    chosen, unusual = dict(cause.settings), _unusual(cause)
    settings: list[tuple[str, Setting]] = []
    for name, value in one.settings:
        mine = chosen.get(name, value)
        part = set(mine) <= set(value) if isinstance(mine, tuple) and isinstance(value, tuple) else mine == value
        if not part and (isinstance(mine, tuple) or name in unusual):
            return None
        settings.append((name, mine))
    return Step(one.op, tuple(settings))


def _operator(name: str) -> Operator:
    return operator(name, name)
