"""The tasks for which letters or figures must be read: words on cards, lists, prices, and charts."""
# ruff: noqa: ARG001 - all questions of a category have one signature, whichever of its values they need

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from easel import CELL, SIDE, Mark, on_grid
from tasks import CLOSE, COLOUR_WORDS, HUES, Task, Wording, chance, number_forms, spread, unlike

WIDE, HIGH = CELL
COLUMNS = SIDE // WIDE

# --- words ---

# Each is the answer once.
WORDS = (
    *(
        "OPEN",
        "MILK",
        "HONEY",
        "MUSIC",
        "PICNIC",
        "WELCOME",
        "LIBRARY",
        "TICKET",
        "SUGAR",
        "COFFEE",
        "GARDEN",
        "WINTER",
    ),
    *("BRIDGE", "PENCIL", "FOREST", "SILVER", "MIRROR", "KITCHEN", "RIVER", "MARKET", "SUMMER", "WINDOW", "BASKET"),
    *("CANDLE", "DOCTOR", "ISLAND", "PLANET", "BUTTON", "CASTLE", "ROCKET"),
)
GOODS = ("BREAD", "TEA", "CAKE", "SOUP", "JUICE", "RICE", "EGGS", "SALAD", "PASTA", "FISH", "NUTS", "JAM")
ONE_CARD = (
    "Which word is written on the {colour} card?",
    "What word stands on this {colour} card?",
    "Read the {colour} card. Which word is on it?",
)
OF_CARDS = (
    "There are two cards. What does the {colour} one say?",
    "Which word is on the {colour} card, and not on the {other} one?",
    "Two cards are shown. Which word is on the {colour} one?",
)
NUMBER_CARD = ("Which number is on the {colour} card?", "What number do you read on the {colour} card?")
NEIGHBOUR = ("Which word stands right {side} {word}?", "In the list, which word is right {side} {word}?")
PRICE = ("How much does the {word} cost?", "What is the price of the {word}?", "How many coins is the {word}?")


def texts(wording: Wording) -> Iterator[Task]:
    """A card, one of two cards, a number, a list, and a list of prices."""
    kinds: Sequence[Callable[[Random, Wording, str, str, int], Task]]
    kinds = [_card] * 14 + [_two_cards] * 10 + [_number] * 8 + [_list] * 6 + [_price] * 10
    words = iter(spread(chance("text-reading", "words"), WORDS, len(WORDS)))
    hues = spread(chance("text-reading", "hues"), HUES, len(kinds))
    for place, ask in enumerate(kinds):
        word = next(words) if ask in (_card, _two_cards, _list) else ""
        yield ask(chance("text-reading", place), wording, word, hues[place], place)


def _card(rng: Random, wording: Wording, word: str, hue: str, place: int) -> Task:
    return _text(
        "card", wording.ask(rng, ONE_CARD, colour=hue), (word,), WORDS, _carded(word, hue, rng.randint(2, 5)), hue=hue
    )


def _two_cards(rng: Random, wording: Wording, word: str, hue: str, place: int) -> Task:
    other_hue = unlike(rng, CLOSE, HUES, 2, hue)[1]
    other = rng.choice([one for one in WORDS if one != word])
    rows = rng.sample((1, 5), 2)
    marks = (*_carded(word, hue, rows[0]), *_carded(other, other_hue, rows[1]))
    prompt = wording.ask(rng, OF_CARDS, colour=hue, other=other_hue)
    return _text("of-cards", prompt, (word,), WORDS, marks, hue=hue)


def _number(rng: Random, wording: Wording, word: str, hue: str, place: int) -> Task:
    number = rng.choice((2, 3, 4, 5, 6, 7, 8, 9)) * 10 + place % 8 + 1
    marks = _carded(str(number), hue, rng.randint(2, 5))
    return _text("number", wording.ask(rng, NUMBER_CARD, colour=hue), (str(number),), (), marks, hue=hue)


def _list(rng: Random, wording: Wording, word: str, hue: str, place: int) -> Task:
    """Three words below each other: the one above or below the middle one."""
    others = rng.sample([one for one in WORDS if one != word], 2)
    above = place % 2 == 0
    listed_words = [word, *others] if above else [*others, word]
    marks = _lines(listed_words)
    prompt = wording.ask(rng, NEIGHBOUR, side="above" if above else "below", word=listed_words[1])
    options = tuple(one for one in WORDS if one != listed_words[1])  # whoever answers may name that of the question
    return _text("list", prompt, (word,), options, marks, side="above" if above else "below", word=listed_words[1])


def _price(rng: Random, wording: Wording, word: str, hue: str, place: int) -> Task:
    number = place % 9 + 1
    goods = rng.sample(GOODS, 3)
    numbers = [number, *rng.sample([one for one in range(1, 10) if one != number], 2)]
    rows = rng.sample(list(zip(goods, numbers, strict=True)), 3)
    marks = _lines([f"{name:<6} {cost}" for name, cost in rows])
    options = tuple(form for _, cost in rows for form in number_forms(cost))
    prompt = wording.ask(rng, PRICE, word=goods[0].lower())
    return _text("price", prompt, number_forms(number), options, marks, word=goods[0])


def _carded(word: str, hue: str, row: int) -> tuple[Mark, Mark]:
    """A word on a card in one colour."""
    box = on_grid(word, (COLUMNS - len(word)) // 2, row)
    return Mark("card", (36, box[1] - 40, SIDE - 36, box[3] + 40), "", hue), Mark("words", box, words=word)


def _lines(rows: list[str]) -> tuple[Mark, ...]:
    left = (COLUMNS - max(map(len, rows))) // 2
    return tuple(Mark("words", on_grid(words, left, 1 + 2 * place), words=words) for place, words in enumerate(rows))


def _text(
    kind: str, prompt: str, answers: tuple[str, ...], options: tuple[str, ...], marks: tuple[Mark, ...], **asked: str
) -> Task:
    return Task("text-reading", kind, prompt, answers, options, marks, "white", asked)


# --- charts ---

DAYS = {"MON": "Monday", "TUE": "Tuesday", "WED": "Wednesday", "THU": "Thursday", "FRI": "Friday"}
MONTHS = {"JAN": "January", "MAR": "March", "APR": "April", "JUN": "June", "SEP": "September", "NOV": "November"}
PEOPLE = ("TOM", "EVA", "BEN", "LEA", "KIM", "MAX")
SOLD = ("books", "pens", "cakes", "maps", "lamps", "cups", "bags", "toys")
BY_NAME = {
    "most": (
        "On which day were the most {sold} sold?",
        "The bars show {sold}. Which day has the highest bar?",
    ),
    "least": (
        "On which day were the fewest {sold} sold?",
        "The bars show {sold}. Which day has the lowest bar?",
    ),
}
BY_BAR_COLOUR = {
    "most": (
        "What colour is the highest bar?",
        "Which colour does the tallest bar have?",
        "Look at the bars. What is the colour of the tallest?",
        "One bar is taller than all others. What colour is it?",
    ),
    "least": (
        "What colour is the lowest bar?",
        "Which colour does the shortest bar have?",
        "Look at the bars. What is the colour of the shortest?",
        "One bar is shorter than all others. What colour is it?",
    ),
}
VALUE = ("How many {sold} did {name} sell?", "The bars show {sold}. Which number does the bar of {name} reach?")
PART = {
    "most": (
        "Which colour has the largest part of the circle?",
        "What colour is the biggest slice?",
        "Which slice is the largest? Name its colour.",
        "Most of the circle has one colour. Which?",
    ),
    "least": (
        "Which colour has the smallest part of the circle?",
        "What colour is the thinnest slice?",
        "Which slice is the smallest? Name its colour.",
        "One slice is smaller than the others. What colour is it?",
    ),
}
PEAK = {
    "most": (
        "In which month were the most {sold} made?",
        "The line shows {sold}. In which month is it highest?",
    ),
    "least": (
        "In which month were the fewest {sold} made?",
        "The line shows {sold}. In which month is it lowest?",
    ),
}
EXTREMES = ("most", "least")
FLOOR = 7 * HIGH  # px: where bars and lines stand; the row of names is below
HEIGHTS = (70, 130, 190, 250)  # px, far enough apart to be told at a glance
STEP = 54  # px for one on the axis of numbers
PARTS = (0.55, 0.3, 0.15)


def charts(wording: Wording) -> Iterator[Task]:
    """Bars by their names, colours and numbers, the slices of a circle, and the peak of a line."""
    kinds = [_named_bars] * 14 + [_coloured_bars] * 8 + [_numbered_bars] * 10 + [_slices] * 8 + [_peaks] * 8
    days, months = spread(chance("chart", "days"), DAYS, 14), spread(chance("chart", "months"), MONTHS, 8)
    hues = spread(chance("chart", "hues"), HUES, 16)
    numbers = spread(chance("chart", "numbers"), range(1, 6), 10)
    answers = [*days, *hues[:8], *map(str, numbers), *hues[8:], *months]
    for place, (ask, answer) in enumerate(zip(kinds, answers, strict=True)):
        sold = SOLD[place // 2 % len(SOLD)]
        yield ask(chance("chart", place), wording, answer, EXTREMES[place % 2], sold)


def _named_bars(rng: Random, wording: Wording, answer: str, extreme: str, sold: str) -> Task:
    names = sorted([answer, *rng.sample([day for day in DAYS if day != answer], 3)], key=list(DAYS).index)
    hue = rng.choice([hue for hue in HUES if hue != "yellow"])
    marks = _bars(names, _ranked(rng, names, answer, extreme), [hue] * 4)
    prompt = wording.ask(rng, BY_NAME[extreme], sold=sold)
    options = tuple(form for name in names for form in (name, DAYS[name]))
    return _chart("bars", prompt, (answer, DAYS[answer]), options, marks, extreme=extreme)


def _coloured_bars(rng: Random, wording: Wording, answer: str, extreme: str, sold: str) -> Task:
    hues = unlike(rng, CLOSE, HUES, 4, answer)
    rng.shuffle(hues)
    marks = _bars([""] * 4, _ranked(rng, hues, answer, extreme), hues)
    prompt = wording.ask(rng, BY_BAR_COLOUR[extreme])
    return _chart("bar-colours", prompt, COLOUR_WORDS[answer], _hue_forms(hues), marks, extreme=extreme)


def _numbered_bars(rng: Random, wording: Wording, answer: str, extreme: str, sold: str) -> Task:
    """Bars against an axis of numbers with a line for each."""
    name, *others = rng.sample(PEOPLE, 3)
    names = rng.sample([name, *others], 3)
    numbers = {name: int(answer), **{one: rng.randint(1, 5) for one in others}}
    lines = [FLOOR - STEP * number for number in range(6)]
    axis = [
        mark
        for number, y in enumerate(lines)
        for mark in (
            Mark("line", (44, y, SIDE - 12, y), points=((44, y), (SIDE - 12, y))),
            Mark("words", (8, y - 24, 32, y + 24), words=str(number)),
        )
    ]
    hue = rng.choice([hue for hue in HUES if hue != "yellow"])
    bars = _bars(names, [STEP * numbers[one] for one in names], [hue] * 3, left=72)
    prompt = wording.ask(rng, VALUE, sold=sold, name=name.capitalize())
    options = tuple(form for number in range(6) for form in number_forms(number))
    return _chart("numbers", prompt, number_forms(int(answer)), options, (*axis, *bars), name=name)


def _slices(rng: Random, wording: Wording, answer: str, extreme: str, sold: str) -> Task:
    hues = unlike(rng, CLOSE, HUES, 3, answer)
    shares = dict(zip(hues, PARTS if extreme == "most" else PARTS[::-1], strict=True))
    order, begin, marks = rng.sample(hues, 3), rng.random(), []
    for hue in order:
        marks.append(Mark("slice", (42, 42, SIDE - 42, SIDE - 42), "", hue, "", (begin, begin + shares[hue])))
        begin += shares[hue]
    return _chart(
        "slices", wording.ask(rng, PART[extreme]), COLOUR_WORDS[answer], _hue_forms(hues), tuple(marks), extreme=extreme
    )


def _peaks(rng: Random, wording: Wording, answer: str, extreme: str, sold: str) -> Task:
    names = sorted([answer, *rng.sample([month for month in MONTHS if month != answer], 3)], key=list(MONTHS).index)
    heights = _ranked(rng, names, answer, extreme)
    points = tuple((48 + 96 * place, FLOOR - height) for place, height in enumerate(heights))
    axis = Mark("line", (12, FLOOR, SIDE - 12, FLOOR), points=((12, FLOOR), (SIDE - 12, FLOOR)))
    line = Mark(
        "line",
        (48, min(y for _, y in points), 336, FLOOR),
        "line",
        rng.choice(("red", "blue", "green", "purple")),
        points=points,
    )
    words = [Mark("words", on_grid(name, 4 * place, 7), words=name) for place, name in enumerate(names)]
    prompt = wording.ask(rng, PEAK[extreme], sold=sold)
    options = tuple(form for name in names for form in (name, MONTHS[name]))
    return _chart("line", prompt, (answer, MONTHS[answer]), options, (axis, line, *words), extreme=extreme)


def _ranked(rng: Random, names: list[str], answer: str, extreme: str) -> list[int]:
    """A height for each name, that of the answer the greatest or the least."""
    *others, last = HEIGHTS if extreme == "most" else HEIGHTS[::-1]
    rng.shuffle(others)
    return [last if name == answer else others.pop() for name in names]


def _bars(names: list[str], heights: list[int], hues: list[str], left: int = 0) -> tuple[Mark, ...]:
    """Bars on the floor, each with its name below. left: px, where the first begins."""
    step = (SIDE - left) // len(names) // WIDE * WIDE
    marks = []
    for place, (name, height, hue) in enumerate(zip(names, heights, hues, strict=True)):
        x = left + place * step + step // 2
        marks.append(Mark("bar", (x - 30, FLOOR - height, x + 30, FLOOR), name, hue))
        if name:
            marks.append(Mark("words", on_grid(name, (x - 36) // WIDE, 7), words=name))
    return tuple(marks)


def _hue_forms(hues: list[str]) -> tuple[str, ...]:
    return tuple(form for hue in hues for form in COLOUR_WORDS[hue])


def _chart(
    kind: str, prompt: str, answers: tuple[str, ...], options: tuple[str, ...], marks: tuple[Mark, ...], **asked: str
) -> Task:
    return Task("chart", kind, prompt, answers, options, marks, "white", asked)
