"""The tasks in words alone: small sums, plain facts, letters and words."""

from __future__ import annotations

from collections.abc import Iterator

from tasks import NUMBERS, Task, Wording, chance, number_forms

# Whoever repeats the sum has named other numbers too.
ALONE = "Answer with the number only."
SUMS = tuple(
    f"{question} {ALONE}"
    for question in (
        "What is {one} {sign} {other}?",
        "How much is {one} {sign} {other}?",
        "Work out {one} {sign} {other}.",
    )
)
SIGNS = {"+": "plus", "-": "minus", "x": "times"}
# What is added, taken away or multiplied; every result stands once.
CALCULATIONS: tuple[tuple[int, str, int], ...] = (
    *((3, "+", 4), (8, "+", 5), (9, "+", 9), (12, "+", 7), (15, "+", 6), (27, "+", 5), (40, "+", 35)),
    *((9, "-", 7), (14, "-", 6), (20, "-", 9), (31, "-", 14), (50, "-", 26)),
    *((3, "x", 3), (4, "x", 5), (6, "x", 7), (9, "x", 6), (8, "x", 8), (10, "x", 10)),
)

# What could be answered to a question, without what stands in it.
CAPITALS = (
    "Paris",
    "Rome",
    "Berlin",
    "Madrid",
    "London",
    "Vienna",
    "Athens",
    "Lisbon",
    "Milan",
    "Lyon",
    "Venice",
    "Naples",
)
CONTINENTS = ("Africa", "Asia", "Europe", "Australia", "America", "North America", "South America", "Antarctica")
PLANETS = ("Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune")
STARS = ("Sun", "Sirius", "Polaris", "Vega", "Proxima Centauri", "Moon", "Mars", "Jupiter")
ANIMALS = tuple(
    form
    for one, many in (
        *(
            ("cat", "cats"),
            ("dog", "dogs"),
            ("cow", "cows"),
            ("sheep", "sheep"),
            ("duck", "ducks"),
            ("horse", "horses"),
        ),
        *(("pig", "pigs"), ("goat", "goats"), ("hen", "hens"), ("lion", "lions"), ("mouse", "mice"), ("frog", "frogs")),
    )
    for form in (one, many)
)
FOODS = ("honey", "milk", "jam", "butter", "cheese", "sugar", "syrup", "bread", "eggs")
FORMS_OF_WATER = ("ice", "steam", "vapour", "vapor", "gas", "rain", "dew")
SEASONS = ("summer", "autumn", "fall", "winter")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November"),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Friday", "Saturday", "Sunday")
LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

# A question, what is right, and what could be answered; () where numbers are.
FACTS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("How many days are in a week?", number_forms(7), ()),
    ("How many legs does a spider have?", number_forms(8), ()),
    ("How many months are in a year?", number_forms(12), ()),
    ("How many minutes are in an hour?", number_forms(60), ()),
    ("How many wheels does a tricycle have?", number_forms(3), ()),
    ("How many legs does a horse have?", number_forms(4), ()),
    ("What is the capital of France?", ("Paris",), CAPITALS),
    ("What is the capital of Italy?", ("Rome",), CAPITALS),
    ("On which continent is Egypt?", ("Africa",), CONTINENTS),
    ("Which planet do we live on?", ("Earth",), PLANETS),
    ("Which star does the Earth go around?", ("Sun",), STARS),
    ("Which animal says meow?", ("cat", "cats"), ANIMALS),
    ("Which animal says moo?", ("cow", "cows"), ANIMALS),
    ("What do bees make that people eat?", ("honey",), FOODS),
    ("What does water become when it freezes?", ("ice",), FORMS_OF_WATER),
    ("Which season comes after spring?", ("summer",), SEASONS),
    ("Which month comes right before December?", ("November",), MONTHS),
    ("Which day comes after Thursday?", ("Friday",), DAYS),
)
WORDS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("What is the opposite of hot?", ("cold",), ("warm", "cool", "dry", "big", "lukewarm")),
    ("What is the opposite of slow?", ("fast", "quick", "rapid"), ("lazy", "late", "calm", "long", "low")),
    ("What is the opposite of full?", ("empty",), ("half", "whole", "open", "big", "heavy")),
    ("What is the opposite of day?", ("night",), ("dawn", "noon", "week", "sun", "morning", "dark")),
    ("Which letter comes after D in the alphabet?", ("E",), tuple(one for one in LETTERS if one != "D")),
    ("Which letter comes before N in the alphabet?", ("M",), tuple(one for one in LETTERS if one != "N")),
    ("What is the last letter of the alphabet?", ("Z",), LETTERS),
    ("What is the first letter of the word lamp?", ("L",), LETTERS),
    ("How many letters has the word garden?", number_forms(6), ()),
    ("How many letters has the word river?", number_forms(5), ()),
    ("What is the plural of mouse?", ("mice",), ("mouses", "mices", "meese", "mousse")),
    ("Spell the word top backwards.", ("pot",), ("opt", "tpo", "otp", "pto", "port")),
)


def facts(wording: Wording) -> Iterator[Task]:
    """Sums, facts, and words."""
    for place, (one, sign, other) in enumerate(CALCULATIONS):
        result = {"+": one + other, "-": one - other, "x": one * other}[sign]
        in_words = place % 2 == 0
        figures = [NUMBERS[number] if in_words and number < 10 else str(number) for number in (one, other)]
        said = SIGNS[sign] if in_words else sign
        prompt = wording.ask(chance("knowledge", place), SUMS, sign=said, one=figures[0], other=figures[1])
        yield Task("knowledge", "sum", prompt, number_forms(result), asked={"sum": f"{one} {sign} {other}"})
    for kind, told in (("fact", FACTS), ("word", WORDS)):
        for question, answers, others in told:
            options = (*answers, *others) if others else ()
            yield Task("knowledge", kind, wording.ask(chance(kind), (question,)), answers, options)
