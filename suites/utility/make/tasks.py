"""What a task is, and what all categories share: names and their accepted forms, places in a picture, wordings not used twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import NamedTuple, TypeVar

from easel import SIDE, Box, Mark

NUMBERS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)

# A pictogram -> what one is called, several of them, and other words for it that are right too.
THINGS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "airplane": ("plane", "planes", ("airplane", "aeroplane")),
    "apple": ("apple", "apples", ()),
    "balloon": ("balloon", "balloons", ()),
    "banana": ("banana", "bananas", ()),
    "bell": ("bell", "bells", ()),
    "bicycle": ("bicycle", "bicycles", ("bike",)),
    "bus": ("bus", "buses", ()),
    "butterfly": ("butterfly", "butterflies", ()),
    "camera": ("camera", "cameras", ()),
    "car": ("car", "cars", ()),
    "carrot": ("carrot", "carrots", ()),
    "cat": ("cat", "cats", ()),
    "chair": ("chair", "chairs", ()),
    "clock": ("clock", "clocks", ()),
    "dog": ("dog", "dogs", ()),
    "drum": ("drum", "drums", ()),
    "duck": ("duck", "ducks", ()),
    "elephant": ("elephant", "elephants", ()),
    "fish": ("fish", "fish", ()),
    "flower": ("flower", "flowers", ("blossom",)),
    "guitar": ("guitar", "guitars", ()),
    "hammer": ("hammer", "hammers", ()),
    "hat": ("hat", "hats", ()),
    "house": ("house", "houses", ()),
    "key": ("key", "keys", ()),
    "ladder": ("ladder", "ladders", ()),
    "lemon": ("lemon", "lemons", ()),
    "mushroom": ("mushroom", "mushrooms", ()),
    "owl": ("owl", "owls", ()),
    "pear": ("pear", "pears", ()),
    "penguin": ("penguin", "penguins", ()),
    "rabbit": ("rabbit", "rabbits", ("bunny",)),
    "shoe": ("shoe", "shoes", ("trainer", "sneaker")),
    "snail": ("snail", "snails", ()),
    "strawberry": ("strawberry", "strawberries", ()),
    "tomato": ("tomato", "tomatoes", ()),
    "train": ("train", "trains", ()),
    "tree": ("tree", "trees", ()),
    "trumpet": ("trumpet", "trumpets", ()),
    "turtle": ("turtle", "turtles", ("tortoise",)),
    "umbrella": ("umbrella", "umbrellas", ()),
}
# What is seen as the other at a glance, or is the other by another name: never in one picture.
ALIKE = (
    {"apple", "tomato", "strawberry", "pear"},
    {"lemon", "pear", "banana"},
    {"dog", "cat", "rabbit"},
    {"bus", "train", "car"},
    {"penguin", "owl", "duck"},
)
SHAPE_WORDS: dict[str, tuple[str, ...]] = {
    "circle": ("circle", "disc", "disk"),
    "square": ("square",),
    "triangle": ("triangle",),
    "star": ("star",),
    "heart": ("heart",),
    "cross": ("cross", "plus", "plus sign"),
    "arrow": ("arrow",),
    "moon": ("moon", "crescent", "crescent moon", "half moon"),
}
SHAPES = tuple(SHAPE_WORDS)
COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in ("red", "orange", "yellow", "green", "blue", "pink", "black")},
    "purple": ("purple", "violet"),
}
HUES = tuple(COLOUR_WORDS)
# Told apart at a glance even when small: what a target's neighbours may not be.
CLOSE = ({"red", "orange"}, {"orange", "yellow"}, {"blue", "purple"}, {"purple", "black"})
GROUNDS = ("white", "white", "cream", "mist", "stone")

_One = TypeVar("_One")


class Task(NamedTuple):
    """One question. kind: how it is asked, a tag. options: all that could have been answered, () where that is open.

    marks: what is drawn, () for words alone. asked: what the question is about, by which a test answers it again.
    """

    category: str
    kind: str
    prompt: str
    answers: tuple[str, ...]
    options: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    ground: str = "white"
    asked: Mapping[str, str] = {}


class Wording:
    """Gives each filled-in template once in all, so that no two tasks are joined by their words."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def ask(self, rng: Random, templates: Sequence[str], **words: str) -> str:
        """The first of the templates, in an order of chance, whose words were not said yet. Raises ValueError."""
        for template in rng.sample(templates, len(templates)):
            said = template.format(**words)
            if said.casefold() not in self._said:
                self._said.add(said.casefold())
                return said
        raise ValueError(f"no wording left for {words}: {templates}")


def chance(*names: object) -> Random:
    """Chance of its own for each task, so that another task changes nothing here."""
    return Random("/".join(["utility", *map(str, names)]))


def spread(rng: Random, values: Iterable[_One], number: int) -> list[_One]:
    """So many of the values in rounds, each of which has every value once, in an order of chance."""
    listed, dealt = list(values), list[_One]()
    while len(dealt) < number:
        dealt += rng.sample(listed, len(listed))
    return dealt[:number]


# --- names and their forms ---


def number_forms(number: int) -> tuple[str, ...]:
    """In figures, and up to twenty in words."""
    return (str(number), NUMBERS[number]) if number < len(NUMBERS) else (str(number),)


def thing_forms(name: str) -> tuple[str, ...]:
    one, _, others = THINGS[name]
    return (one, *others)


def all_forms(names: Iterable[str], forms: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(form for name in names for form in forms[name])


def a_thing(name: str) -> str:
    return f"the {THINGS[name][0]}"


def listed(words: Sequence[str]) -> str:
    """`the a, the b or the c`"""
    return f"{', '.join(words[:-1])} or {words[-1]}"


def unlike(rng: Random, groups: Iterable[set[str]], names: Sequence[str], number: int, first: str = "") -> list[str]:
    """So many of the names, no two of them in one group; `first` is the first of them."""
    found = [first] if first else []
    for name in rng.sample(list(names), len(names)):
        if len(found) == number:
            break
        if name not in found and not any(name in group and group & {*found} for group in groups):
            found.append(name)
    assert len(found) == number
    return found


# --- places ---


def cells(columns: int, rows: int) -> list[Box]:
    """The picture in equal boxes, row by row."""
    wide, high = SIDE // columns, SIDE // rows
    return [
        (column * wide, row * high, (column + 1) * wide, (row + 1) * high)
        for row in range(rows)
        for column in range(columns)
    ]


def placed(rng: Random, cell: Box, size: int, margin: int = 6) -> Box:
    """A square of this size somewhere in a cell, at least the margin from its edges."""
    left, top, right, bottom = cell
    x = rng.randint(left + margin, right - margin - size)
    y = rng.randint(top + margin, bottom - margin - size)
    return x, y, x + size, y + size


def centred(x: float, y: float, size: int) -> Box:
    left, top = round(x - size / 2), round(y - size / 2)
    return left, top, left + size, top + size
