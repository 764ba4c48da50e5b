"""The tasks that are seen at once: how many, which colour, which shape, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from easel import SIDE, Box, Mark, on_grid
from tasks import (
    ALIKE,
    CLOSE,
    COLOUR_WORDS,
    GROUNDS,
    HUES,
    SHAPE_WORDS,
    SHAPES,
    THINGS,
    Task,
    Wording,
    a_thing,
    all_forms,
    cells,
    centred,
    chance,
    listed,
    number_forms,
    placed,
    spread,
    thing_forms,
    unlike,
)

FRAME = 26  # px between a shape and the frame around it
MOST = 6  # things to be counted
COUNTED = [form for number in range(1, MOST + 1) for form in number_forms(number)]
ALL_COLOURS = all_forms(HUES, COLOUR_WORDS)
ALL_SHAPES = all_forms(SHAPES, SHAPE_WORDS)
PLURAL_SHAPES = {name: f"{name}es" if name == "cross" else f"{name}s" for name in SHAPES}


# --- count ---

HOW_MANY = (
    "How many {many} are here?",
    "How many {many} are in this picture?",
    "How many {many} can you see?",
    "How many {many} does the picture show?",
    "What number of {many} is shown?",
    "Tell me how many {many} there are.",
    "Count the {many} in the picture. How many are there?",
)


def counts(wording: Wording) -> Iterator[Task]:
    """All alike, or among others; pictograms, or shapes in one colour."""
    kinds = ["alone"] * 16 + ["shapes"] * 8 + ["among"] * 12 + ["coloured"] * 12
    numbers = spread(chance("count"), range(1, MOST + 1), len(kinds))
    things, shapes = (
        spread(chance("count", "things"), THINGS, len(kinds)),
        spread(chance("count", "shapes"), SHAPES, len(kinds)),
    )
    for place, (kind, number) in enumerate(zip(kinds, numbers, strict=True)):
        rng = chance("count", place)
        others = rng.randint(2, 3) if kind in ("among", "coloured") else 0
        wide = cells(3, 3) if others else cells(3, 2)
        spots = [
            placed(rng, cell, rng.randint(88, 108) if others else 112) for cell in rng.sample(wide, number + others)
        ]
        asked, many, marks = _counted(
            rng, kind, spots, number, things[place] if kind in ("alone", "among") else shapes[place]
        )
        prompt = wording.ask(rng, HOW_MANY, many=many)
        ground = rng.choice(GROUNDS)
        yield Task("count", kind, prompt, number_forms(number), tuple(COUNTED), marks, ground, asked)


def _counted(
    rng: Random, kind: str, spots: list[Box], number: int, name: str
) -> tuple[dict[str, str], str, tuple[Mark, ...]]:
    """(what is asked, its name, the marks) with so many of it on the first spots."""
    if kind in ("alone", "among"):
        one, other = unlike(rng, ALIKE, list(THINGS), 2, name)
        names = [one] * number + [other] * (len(spots) - number)
        marks = tuple(Mark("pictogram", spot, name) for spot, name in zip(spots, names, strict=True))
        return {"name": one}, THINGS[one][1], marks
    hue, other_hue = unlike(rng, CLOSE, HUES, 2)
    marks = tuple(Mark("shape", spot, name, hue if place < number else other_hue) for place, spot in enumerate(spots))
    if kind == "shapes":
        return {"name": name}, PLURAL_SHAPES[name], marks
    return {"name": name, "colour": hue}, f"{hue} {PLURAL_SHAPES[name]}", marks


# --- colour ---

ONE_COLOUR = (
    "What colour is the {shape} in this picture?",
    "What colour is this big {shape}?",
    "Which colour is the {shape}?",
    "What colour does the {shape} have?",
    "What is the colour of this {shape}?",
)
OF_TWO = (
    "There are two shapes. What colour is the {shape}?",
    "What colour is the {shape}, and not the {other}?",
    "Look at the {shape} and the {other}. Which colour is the {shape}?",
)
ODD_COLOUR = (
    "One {shape} has another colour than the rest. Which colour is it?",
    "All {many} but one have the same colour. What colour is the other one?",
)
CARD_COLOUR = ("What colour is the card that says {word}?", "Which colour is the card with the word {word}?")
CARD_WORDS = ("SUN", "RAIN", "HILL", "LAKE", "WIND", "ROAD", "GATE", "FARM", "SNOW", "MOSS", "SAND", "LEAF")


def colours(wording: Wording) -> Iterator[Task]:
    """One shape, one of two, the odd one out, and a card by its word."""
    kinds = ["one"] * 16 + ["of-two"] * 12 + ["odd-one"] * 8 + ["card"] * 12
    words = spread(chance("colour", "words"), CARD_WORDS, len(CARD_WORDS))
    shapes = spread(chance("colour", "shapes"), SHAPES, len(kinds))
    for place, (kind, hue) in enumerate(zip(kinds, spread(chance("colour"), HUES, len(kinds)), strict=True)):
        rng, shape = chance("colour", place), shapes[place]
        other_hue = unlike(rng, CLOSE, HUES, 2, hue)[1]
        asked = {"name": shape}
        if kind == "one":
            size = rng.randint(170, 250)
            marks: tuple[Mark, ...] = (Mark("shape", placed(rng, (0, 0, SIDE, SIDE), size, 30), shape, hue),)
            prompt = wording.ask(rng, ONE_COLOUR, shape=shape)
        elif kind == "of-two":
            other = rng.choice([name for name in SHAPES if name != shape])
            spots = rng.sample(rng.choice((cells(2, 1), cells(1, 2))), 2)
            marks = tuple(
                Mark("shape", placed(rng, spot, 150), name, colour)
                for spot, name, colour in zip(spots, (shape, other), (hue, other_hue), strict=True)
            )
            prompt = wording.ask(rng, OF_TWO, shape=shape, other=other)
        elif kind == "odd-one":
            spots = [placed(rng, cell, 104) for cell in rng.sample(cells(3, 2), rng.randint(5, 6))]
            marks = tuple(Mark("shape", spot, shape, other_hue if n else hue) for n, spot in enumerate(spots))
            prompt = wording.ask(rng, ODD_COLOUR, shape=shape, many=PLURAL_SHAPES[shape])
        else:
            word = words.pop()
            marks = _cards(rng, [(hue, word), (other_hue, rng.choice([one for one in CARD_WORDS if one != word]))])
            prompt, asked = wording.ask(rng, CARD_COLOUR, word=word), {"words": word}
        yield Task("colour", kind, prompt, COLOUR_WORDS[hue], ALL_COLOURS, marks, rng.choice(GROUNDS[:2]), asked)


def _cards(rng: Random, said: list[tuple[str, str]]) -> tuple[Mark, ...]:
    """Two cards above each other with a word on each, in an order of chance."""
    marks = []
    for row, (hue, word) in zip((1, 5), rng.sample(said, 2), strict=True):
        box = on_grid(word, 8 - len(word) // 2, row)
        marks += [Mark("card", (60, box[1] - 40, SIDE - 60, box[3] + 40), "", hue), Mark("words", box, words=word)]
    return tuple(marks)


# --- shape ---

ONE_SHAPE = (
    "Which shape is the {colour} thing?",
    "What shape is this {colour} figure?",
    "What is the {colour} shape called?",
)
BY_COLOUR = (
    "Which of the shapes is {colour}?",
    "Which shape is {colour}: {shapes}?",
    "One shape is {colour}. Which one, {shapes}?",
)
BY_SIZE = (
    "Which shape is the {largest}: {shapes}?",
    "Of these three shapes, which is the {largest}, {shapes}?",
)
FRAMED = (
    "Which shape is inside the {colour} frame?",
    "What shape stands in the {colour} frame?",
    "A {colour} frame is around one shape. Which shape is it?",
)


def shapes(wording: Wording) -> Iterator[Task]:
    """One shape, one of three by its colour or its size, and the one in a frame."""
    kinds = ["one"] * 14 + ["by-colour"] * 12 + ["by-size"] * 10 + ["framed"] * 12
    hues = spread(chance("shape", "hues"), HUES, len(kinds))
    for place, (kind, shape) in enumerate(zip(kinds, spread(chance("shape"), SHAPES, len(kinds)), strict=True)):
        rng, hue = chance("shape", place), hues[place]
        names = [shape, *rng.sample([name for name in SHAPES if name != shape], 2)]
        told = listed([f"the {name}" for name in rng.sample(names, 3)])
        options, asked = ALL_SHAPES, {"colour": hue}
        if kind == "one":
            marks: tuple[Mark, ...] = (
                Mark("shape", placed(rng, (0, 0, SIDE, SIDE), rng.randint(190, 260), 30), shape, hue),
            )
            prompt = wording.ask(rng, ONE_SHAPE, colour=hue)
        elif kind == "by-colour":
            found = unlike(rng, CLOSE, HUES, 3, hue)
            marks = _scattered(rng, names, found, [120] * 3)
            prompt = wording.ask(rng, BY_COLOUR, colour=hue, shapes=told)
        elif kind == "by-size":
            largest = rng.choice(("largest", "smallest"))
            marks = _scattered(rng, names, [hue] * 3, [160, 84, 84] if largest == "largest" else [76, 152, 152])
            prompt, asked = wording.ask(rng, BY_SIZE, largest=largest, shapes=told), {"size": largest}
            options = all_forms(names, SHAPE_WORDS)
        else:
            marks = _framed(rng, names, hue)
            prompt, asked = wording.ask(rng, FRAMED, colour=hue), {"frame": hue}
        yield Task("shape", kind, prompt, SHAPE_WORDS[shape], options, marks, rng.choice(GROUNDS[:2]), asked)


def _scattered(rng: Random, names: list[str], hues: list[str], sizes: list[int], margin: int = 6) -> tuple[Mark, ...]:
    spots = rng.sample(cells(2, 2), len(names))
    return tuple(
        Mark("shape", placed(rng, spot, size, margin), name, hue)
        for spot, size, name, hue in zip(spots, sizes, names, hues, strict=True)
    )


def _framed(rng: Random, names: list[str], hue: str) -> tuple[Mark, ...]:
    """Three shapes in another colour than the frame around the first."""
    other = unlike(rng, CLOSE, HUES, 2, hue)[1]
    marks = _scattered(rng, names, [other] * 3, [112] * 3, 36)
    left, top, right, bottom = marks[0].box
    return (*marks, Mark("frame", (left - FRAME, top - FRAME, right + FRAME, bottom + FRAME), "", hue))


# --- where ---

ASIDE = (
    "Is {one} to the left or to the right of {other}?",
    "On which side of {other} is {one}, left or right?",
)
ABOVE = ("Is {one} above or below {other}?", "Where is {one}, above {other} or below it?")
FARTHEST = (
    "Which is farthest to the {side}: {things}?",
    "Which thing is the first from the {side}, {things}?",
)
CORNER = (
    "In which corner is {one}: top left, top right, bottom left or bottom right?",
    "Where is {one}: at the top left, the top right, the bottom left or the bottom right?",
)
MIDDLE = (
    "What stands between {one} and {other}?",
    "Which thing is in the middle, between {one} and {other}?",
)
ASIDE_WORDS: dict[str, tuple[str, ...]] = {"left": ("left",), "right": ("right",)}
ABOVE_WORDS: dict[str, tuple[str, ...]] = {"above": ("above", "over"), "below": ("below", "under")}
CORNERS = ("top left", "top right", "bottom left", "bottom right")


def places(wording: Wording) -> Iterator[Task]:
    """Left or right, above or below, the outermost of three, a corner, the one in the middle."""
    answers: list[tuple[Callable[[Random, Wording, str, list[str]], Task], str]] = [
        *((_aside, side) for side in ("left", "right", "above", "below") * 4),
        *((_farthest, side) for side in ("left", "right") * 6),
        *((_corner, corner) for corner in CORNERS * 3),
        *((_middle, way) for way in ("across", "down") * 4),
    ]
    first = spread(chance("spatial-relation", "things"), THINGS, len(answers))
    for place, (ask, answer) in enumerate(answers):
        rng = chance("spatial-relation", place)
        yield ask(rng, wording, answer, unlike(rng, ALIKE, list(THINGS), 3, first[place]))


def _aside(rng: Random, wording: Wording, answer: str, names: list[str]) -> Task:
    one, other, _ = names
    across = answer in ("left", "right")
    marks = _in_row(rng, [one, other] if answer in ("left", "above") else [other, one], across, 150)
    prompt = wording.ask(rng, ASIDE if across else ABOVE, one=a_thing(one), other=a_thing(other))
    kind, forms = ("aside", ASIDE_WORDS) if across else ("above", ABOVE_WORDS)
    return _where(rng, kind, prompt, forms[answer], all_forms(forms, forms), marks, one=one, other=other)


def _farthest(rng: Random, wording: Wording, answer: str, names: list[str]) -> Task:
    one, other, third = names
    order = [one, *rng.sample([other, third], 2)]
    marks = _in_row(rng, order if answer == "left" else order[::-1], True, 104)
    told = listed([a_thing(name) for name in rng.sample(names, 3)])
    prompt = wording.ask(rng, FARTHEST, side=answer, things=told)
    options = tuple(form for name in names for form in thing_forms(name))
    return _where(rng, "farthest", prompt, thing_forms(one), options, marks, side=answer)


def _corner(rng: Random, wording: Wording, answer: str, names: list[str]) -> Task:
    spots = _from(CORNERS.index(answer), rng)
    marks = tuple(Mark("pictogram", placed(rng, spot, 130), name) for spot, name in zip(spots, names, strict=True))
    prompt = wording.ask(rng, CORNER, one=a_thing(names[0]))
    forms = {corner: (corner, corner.replace("top", "upper").replace("bottom", "lower")) for corner in CORNERS}
    return _where(rng, "corner", prompt, forms[answer], all_forms(forms, forms), marks, one=names[0])


def _middle(rng: Random, wording: Wording, answer: str, names: list[str]) -> Task:
    one, other, third = names
    marks = _in_row(rng, [other, one, third], answer == "across", 104)
    first, last = rng.sample([other, third], 2)
    prompt = wording.ask(rng, MIDDLE, one=a_thing(first), other=a_thing(last))
    options = tuple(form for name in THINGS if name not in (other, third) for form in thing_forms(name))
    return _where(rng, "middle", prompt, thing_forms(one), options, marks, one=other, other=third)


def _where(
    rng: Random,
    kind: str,
    prompt: str,
    answers: tuple[str, ...],
    options: tuple[str, ...],
    marks: tuple[Mark, ...],
    **asked: str,
) -> Task:
    return Task("spatial-relation", kind, prompt, answers, options, marks, rng.choice(GROUNDS), asked)


def _from(first: int, rng: Random) -> list[Box]:
    """Three of the four corners, this one first."""
    corners = cells(2, 2)
    return [corners[first], *rng.sample([corner for corner in corners if corner != corners[first]], 2)]


def _in_row(rng: Random, names: list[str], across: bool, size: int) -> tuple[Mark, ...]:
    """The things in this order from the left or from the top, a little out of line."""
    step, middle = SIDE / len(names), SIDE / 2
    marks = []
    for place, name in enumerate(names):
        along, off = step * (place + 0.5) + rng.randint(-6, 6), middle + rng.randint(-28, 28)
        marks.append(Mark("pictogram", centred(*((along, off) if across else (off, along)), size), name))
    return tuple(marks)
