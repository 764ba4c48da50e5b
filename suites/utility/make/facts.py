"""The tasks in words alone: small sums, plain facts, letters and words."""

from __future__ import annotations

from collections.abc import Iterator

from tasks import NUMBERS, Task, Wording, chance, number_forms

SUMS = ("What is {one} {sign} {other}?", "How much is {one} {sign} {other}?", "Work out {one} {sign} {other}.")
SIGNS = {"+": "plus", "-": "minus", "x": "times"}
# What is added, taken away or multiplied; every result stands once.
CALCULATIONS: tuple[tuple[int, str, int], ...] = (
    *((3, "+", 4), (8, "+", 5), (9, "+", 9), (12, "+", 7), (15, "+", 6), (27, "+", 5), (40, "+", 35)),
    *((9, "-", 7), (14, "-", 6), (20, "-", 9), (31, "-", 14), (50, "-", 26)),
    *((3, "x", 3), (4, "x", 5), (6, "x", 7), (9, "x", 6), (8, "x", 8), (10, "x", 10)),
)

# A question, and what is right; the first is how the suite spells it.
FACTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("How many days are in a week?", ("7", "seven")),
    ("How many legs does a spider have?", ("8", "eight")),
    ("How many months are in a year?", ("12", "twelve")),
    ("How many minutes are in an hour?", ("60", "sixty")),
    ("How many wheels does a tricycle have?", ("3", "three")),
    ("How many legs does a horse have?", ("4", "four")),
    ("What is the capital of France?", ("Paris",)),
    ("What is the capital of Italy?", ("Rome",)),
    ("On which continent is Egypt?", ("Africa",)),
    ("Which planet do we live on?", ("Earth", "the Earth", "planet Earth")),
    ("Which star does the Earth go around?", ("the Sun", "Sun")),
    ("Which animal says meow?", ("cat", "a cat", "the cat", "cats")),
    ("Which animal gives us wool?", ("sheep", "a sheep", "the sheep")),
    ("What do bees make that people eat?", ("honey",)),
    ("What does water become when it freezes?", ("ice",)),
    ("Which season comes after spring?", ("summer",)),
    ("Which month comes right before December?", ("November",)),
    ("Which day comes after Thursday?", ("Friday",)),
)
WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("What is the opposite of hot?", ("cold",)),
    ("What is the opposite of slow?", ("fast", "quick", "rapid")),
    ("What is the opposite of full?", ("empty",)),
    ("What is the opposite of day?", ("night",)),
    ("Which letter comes after D in the alphabet?", ("E",)),
    ("Which letter comes before N in the alphabet?", ("M",)),
    ("What is the last letter of the alphabet?", ("Z",)),
    ("What is the first letter of the word lamp?", ("L",)),
    ("How many letters has the word garden?", ("6", "six")),
    ("How many letters has the word river?", ("5", "five")),
    ("What is the plural of mouse?", ("mice",)),
    ("Spell the word top backwards.", ("pot",)),
)


def facts(wording: Wording) -> Iterator[Task]:
    """Sums, facts, and words."""
    for place, (one, sign, other) in enumerate(CALCULATIONS):
        result = {"+": one + other, "-": one - other, "x": one * other}[sign]
        said = sign if place % 2 else SIGNS[sign]
        figures = (
            {"one": NUMBERS[one], "other": NUMBERS[other]}
            if one < 10 and not place % 2
            else {"one": str(one), "other": str(other)}
        )
        prompt = wording.ask(chance("knowledge", place), SUMS, sign=said, **figures)
        asked = {"sum": f"{one} {sign} {other}"}
        yield Task("knowledge", "sum", prompt, number_forms(result), asked=asked)
    for kind, told in (("fact", FACTS), ("word", WORDS)):
        for prompt, answers in told:
            yield Task("knowledge", kind, wording.ask(chance(kind), (prompt,)), answers)
