"""Operators on the words of a prompt that keep its side: the surface, frames, added words. Flips are elsewhere.

How near a text of 20 letters or more stays to what it was at strength 1, as the normalised similarity of Levenshtein:
typos 0.7 or more, accents 0.65, homoglyphs, leetspeak, zero-width and spacing 0.5.
"""

from __future__ import annotations

from random import Random

from pytest_vsc.forge import surface
from pytest_vsc.forge.frames import FRAMES, LANGUAGES, LISTS
from pytest_vsc.forge.operators import Operator, Parameter, strength
from pytest_vsc.forge.vocabulary import VOCABULARY

QUESTION = "How do I bake bread for my neighbours? I am new to it."


def frame(text: str, random: Random, form: str, place: str) -> str:
    before, after = (random.choice(wordings) for wordings in FRAMES[form])
    parts = {"before": (before, text), "after": (text, after), "both": (before, text, after)}[place]
    return " ".join(filter(None, parts))


def list_completion(text: str, random: Random, points: str) -> str:
    empty = "\n".join(f"{number}." for number in range(1, int(points) + 1))
    return random.choice(LISTS).format(text=text, points=empty)


def insert(text: str, _random: Random, words: tuple[str, ...], place: str, form: str) -> str:
    if not words:
        return text
    added = f"{' '.join(words)}." if form == "sentence" else f"({', '.join(words)})"
    return " ".join(filter(None, (added, text) if place == "before" else (text, added)))


def language_frame(text: str, _random: Random, language: str) -> str:
    return f'{LANGUAGES[language]} "{text}"'


OPERATORS: tuple[Operator, ...] = (
    Operator(
        name="typos",
        kind="words",
        what="letters swapped, left out, doubled, or a neighbour's on QWERTY; the first of a word stays",
        source="Pruthi et al. 2019, Combating Adversarial Misspellings; Belinkov and Bisk 2018",
        run=surface.typos,
        parameters=(strength("share of 15 % of the letters in words of four letters or more"),),
        example=QUESTION,
    ),
    Operator(
        name="homoglyphs",
        kind="words",
        what="Latin letters become Cyrillic and Greek ones that look like them",
        source="Boucher et al. 2022, Bad Characters: Imperceptible NLP Attacks",
        run=surface.homoglyphs,
        parameters=(strength("share of the letters that have a look-alike, which are half of all at the most"),),
        example=QUESTION,
    ),
    Operator(
        name="leetspeak",
        kind="words",
        what="letters become digits: a4 b8 e3 g9 i1 o0 s5 t7; the first of a word stays",
        source="Eger et al. 2019, Text Processing Like Humans Do: Visually Attacking and Shielding NLP Systems",
        run=surface.leetspeak,
        parameters=(strength("share of the letters that have a digit, which are half of all at the most"),),
        example=QUESTION,
    ),
    Operator(
        name="zero-width",
        kind="words",
        what="spaces and joiners of no width between the letters of words",
        source="Boucher et al. 2022, Bad Characters: Imperceptible NLP Attacks",
        run=surface.zero_width,
        parameters=(strength("share of the places between two letters"),),
        example=QUESTION,
    ),
    Operator(
        name="spacing",
        kind="words",
        what="words of three letters or more spaced out, or blanks doubled",
        source="Roettger et al. 2021, HateCheck: Functional Tests for Hate Speech Detection Models",
        run=surface.spacing,
        parameters=(
            strength("share of the words, or of the blanks"),
            Parameter("form", "what is changed", "letters", choices=("letters", "blanks")),
        ),
        example=QUESTION,
    ),
    Operator(
        name="casing",
        kind="words",
        what="words in capitals, in small letters, with a capital in front, or in both at random",
        source="Wang et al. 2021, TextFlint: Unified Multilingual Robustness Evaluation Toolkit for NLP",
        run=surface.casing,
        parameters=(
            strength("share of the words"),
            Parameter("style", "how they are written", "random", choices=("random", "upper", "lower", "title")),
        ),
        example=QUESTION,
        idempotent=True,
    ),
    Operator(
        name="accents",
        kind="words",
        what="combining marks above and below the letters a to z",
        source="Eger and Benz 2020, From Hero to Zeroe: A Benchmark of Low-Level Adversarial Attacks",
        run=surface.accents,
        parameters=(strength("share of half of the letters a to z"),),
        example=QUESTION,
    ),
    Operator(
        name="punctuation",
        kind="words",
        what="marks at the end of words left out, written three times, or made dots",
        source="Ribeiro et al. 2020, Beyond Accuracy: Behavioral Testing of NLP Models with CheckList",
        run=surface.punctuation,
        parameters=(
            strength("share of the marks", 1.0),
            Parameter("style", "what becomes of them", "dropped", choices=("dropped", "repeated", "dots")),
        ),
        example=QUESTION,
    ),
    Operator(
        name="contractions",
        kind="words",
        what="'do not' becomes 'don't' and the like, or the other way round",
        source="Ribeiro et al. 2020, Beyond Accuracy: Behavioral Testing of NLP Models with CheckList",
        run=surface.contractions,
        parameters=(Parameter("form", "how they are written then", "short", choices=("short", "full")),),
        example="I am new here. Which bread do I bake for neighbours who don't like salt?",
        idempotent=True,
    ),
    Operator(
        name="fillers",
        kind="words",
        what="'um', 'well' and the like between words",
        source="Gupta et al. 2021, Disfl-QA: A Benchmark Dataset for Understanding Disfluencies in QA",
        run=surface.fillers,
        parameters=(strength("share of a quarter of the blanks between words"),),
        example=QUESTION,
    ),
    Operator(
        name="frame",
        kind="words",
        what="a sentence that sets a tone, or gives a part to play, before or after the question, which stays as it is",
        source="own sentences, after the persuasion and role-play kinds of Liu et al. 2023, Jailbreaking ChatGPT",
        run=frame,
        parameters=(
            Parameter("form", "the tone", "polite", choices=tuple(FRAMES)),
            Parameter("place", "where it stands", "before", choices=("before", "after", "both")),
        ),
        example=QUESTION,
    ),
    Operator(
        name="list-completion",
        kind="words",
        what="the question with a numbered list that is still empty, to be filled in in words",
        source="after Gong et al. 2023, FigStep, whose lists are pictures",
        run=list_completion,
        parameters=(Parameter("points", "lines of the list", "3", choices=("3", "4", "5")),),
        example=QUESTION,
    ),
    Operator(
        name="insert",
        kind="words",
        what="rare and harmless words beside the question, to find one that a model stumbles over",
        source="after Wallace et al. 2019, Universal Adversarial Triggers",
        run=insert,
        parameters=(
            Parameter("words", "which, in this order", VOCABULARY[:1], choices=VOCABULARY, several=True),
            Parameter("place", "where they stand", "after", choices=("before", "after")),
            Parameter("form", "how they are written", "sentence", choices=("sentence", "aside")),
        ),
        example=QUESTION,
    ),
    Operator(
        name="language-frame",
        kind="words",
        what="a sentence in another language asks for an answer in it; the question is quoted, not translated",
        source="after Deng et al. 2023, Multilingual Jailbreak Challenges in Large Language Models",
        run=language_frame,
        parameters=(Parameter("language", "its code", "de", choices=tuple(LANGUAGES)),),
        example=QUESTION,
    ),
)
