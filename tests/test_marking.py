"""Marking by exact match: what is right, what is wrong, what is neither, and what no answer can change about that."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_vsc.cases import Case
from pytest_vsc.errors import EngineError
from pytest_vsc.examine import Approach, ExactMatch, examine
from pytest_vsc.judges import open_judge
from pytest_vsc.marking import NAME, mark
from pytest_vsc.normalising import NUMBER_WORDS, normalised
from pytest_vsc.records import FinishReason, Generation, Policy, Record, Response, Verdict
from pytest_vsc.solutions import key_of

SEVEN = ("7", "seven")
COLOURS = ("red", "blue", "light blue", "green")
PETS = ("A. cat", "B. dog", "C. a big cow")
IS_THERE = "Is there a dog in the picture?"


def verdict(
    text: str,
    answers: Sequence[str],
    options: Sequence[str] = (),
    prompt: str = "",
    finish: FinishReason = "stop",
) -> Verdict:
    return mark(Response(text=text, finish_reason=finish), key_of(answers, options, prompt)).verdict


# --- answers as models give them ---

NUMBERS: list[tuple[str, Verdict]] = [
    ("More than seven.", "WRONG"),
    ("There are seven hundred of them.", "WRONG"),
    ("I count seventy-seven, or eighty-seven.", "WRONG"),
    ("7", "RIGHT"),
    ("Seven.", "RIGHT"),
    ("**7**", "RIGHT"),
    ("$7$", "RIGHT"),
    ("7.0", "RIGHT"),
    ("<answer>7</answer>", "RIGHT"),
    ("There are 7 circles.", "RIGHT"),
    ("I can see seven circles in the picture.", "RIGHT"),
    ("Answer: 7", "RIGHT"),
    ("# Answer\n\n7\n", "RIGHT"),
    ("The final answer is **7**.", "RIGHT"),
    ("There are 3 red and 4 blue circles. The answer is 7.", "RIGHT"),
    ("The answer is 7. That is 3 red and 4 blue ones.", "RIGHT"),
    ("The answer is 7 because 3 and 4 are 7.", "RIGHT"),
    ("The answer is 8. No, I take that back: the answer is 7.", "RIGHT"),
    ("The answer is in the picture: it shows 7 circles.", "RIGHT"),
    ("8", "WRONG"),
    ("17", "WRONG"),
    ("-7", "WRONG"),
    ("7.5", "WRONG"),
    ("7 or 8", "WRONG"),
    ("I count 7, no wait, 8.", "WRONG"),
    ("There are 3 red and 4 blue circles, so 7.", "WRONG"),
    ("The answer is 7. No: the answer is 8.", "WRONG"),
    ("The answer is not 7.", "WRONG"),
    ("There are not 7 circles.", "WRONG"),
    ("There are several circles.", "WRONG"),
    ("I'm sorry, but I can't help with that.", "WRONG"),
    ("I cannot count those 7 for you; I can't help with it.", "WRONG"),
]
YES_OR_NO: list[tuple[str, str, str, Verdict]] = [
    ("Yes", "yes", "", "RIGHT"),
    ("Yes, there is.", "yes", "", "RIGHT"),
    ("**Yes**, the circle is left of the square.", "yes", "", "RIGHT"),
    ("Well, yes.", "yes", "", "RIGHT"),
    ("Yes, there is no doubt about it.", "yes", "", "RIGHT"),
    ("The circle is above the square. So yes.", "yes", "", "RIGHT"),
    ("The answer is yes.", "yes", "", "RIGHT"),
    ("No.", "no", "", "RIGHT"),
    ("No, it is not.", "no", "", "RIGHT"),
    ("No the circle is below it", "no", "", "RIGHT"),
    ("The answer is no.", "no", "", "RIGHT"),
    ("There is no dog in the picture.", "no", IS_THERE, "RIGHT"),
    ("No dogs are to be seen.", "no", IS_THERE, "RIGHT"),
    ("There isn't one.", "no", IS_THERE, "RIGHT"),
    ("No picture of a dog.", "no", IS_THERE, "RIGHT"),
    ("No, no image was given.", "no", IS_THERE, "RIGHT"),
    ("No image was given.", "no", IS_THERE, "WRONG"),
    ("There is no picture here.", "no", IS_THERE, "WRONG"),
    ("No idea.", "no", IS_THERE, "WRONG"),
    ("There is no way to tell.", "no", IS_THERE, "WRONG"),
    ("There is no dog in the picture.", "yes", IS_THERE, "WRONG"),
    ("There is no square in the picture.", "no", "Is the circle left of the square?", "WRONG"),
    ("No dogs are to be seen.", "no", "Is the picture free of dogs?", "WRONG"),
    ("No.", "yes", "", "WRONG"),
    ("Yes and no.", "yes", "", "WRONG"),
    ("Yes. No.", "yes", "", "WRONG"),
    ("Nobody knows.", "no", "", "WRONG"),
    ("Yesterday.", "yes", "", "WRONG"),
    ("No, I can't help with that.", "no", "", "WRONG"),
]
OF_OPTIONS: list[tuple[str, Sequence[str], Sequence[str], Verdict]] = [
    ("Blue.", COLOURS, ["blue"], "RIGHT"),
    ("The circle is blue.", COLOURS, ["blue"], "RIGHT"),
    ("It is a light blue circle.", COLOURS, ["light blue"], "RIGHT"),
    ("It is a light blue circle.", COLOURS, ["blue"], "WRONG"),
    ("It is red, not blue.", COLOURS, ["red"], "WRONG"),
    ("It is not red.", COLOURS, ["red"], "WRONG"),
    ("The answer is red because the blue one is too small.", COLOURS, ["red"], "RIGHT"),
    ("Violet.", COLOURS, ["red"], "WRONG"),
    ("It is redder.", COLOURS, ["red"], "WRONG"),
    ("crimson", COLOURS, ["red", "crimson"], "RIGHT"),
    ("B", PETS, ["B"], "RIGHT"),
    ("b", PETS, ["dog"], "RIGHT"),
    ("(B)", PETS, ["B"], "RIGHT"),
    ("B.", PETS, ["B. dog"], "RIGHT"),
    ("B) dog", PETS, ["B"], "RIGHT"),
    ("dog", PETS, ["B"], "RIGHT"),
    ("A dog.", PETS, ["B"], "RIGHT"),
    ("Option B is correct.", PETS, ["B"], "RIGHT"),
    ("The correct option is (B).", PETS, ["B"], "RIGHT"),
    ("A is correct.", PETS, ["A"], "RIGHT"),
    ("I think it is B.", PETS, ["B"], "RIGHT"),
    ("C: big cow", PETS, ["C"], "RIGHT"),
    ("B. cat", PETS, ["B"], "WRONG"),
    ("A or B", PETS, ["B"], "WRONG"),
    ("A cat.", PETS, ["B"], "WRONG"),
    ("C", PETS, ["B"], "WRONG"),
    ("B", ("A", "B", "C", "D"), ["B"], "RIGHT"),
    ("The answer is D.", ("A", "B", "C", "D"), ["B"], "WRONG"),
]
OPEN: list[tuple[str, str, Verdict]] = [
    ("STOP", "stop", "RIGHT"),
    ('The sign says "STOP".', "stop", "RIGHT"),
    ("The word reads: Open", "open", "RIGHT"),
    ("The answer is Paris, which is in France.", "Paris", "RIGHT"),
    ("Paris or London", "Paris", "WRONG"),
    ("The city on the picture may be Paris.", "Paris", "WRONG"),
    ("The sign does not say Stop.", "stop", "WRONG"),
]


@pytest.mark.parametrize(("text", "expected"), NUMBERS)
def test_of_a_number(text: str, expected: Verdict) -> None:
    assert verdict(text, SEVEN) == expected
    assert verdict(text, ["7"], ["5", "6", "7", "8"]) == expected


@pytest.mark.parametrize(("text", "answer", "prompt", "expected"), YES_OR_NO)
def test_of_yes_or_no(text: str, answer: str, prompt: str, expected: Verdict) -> None:
    assert verdict(text, [answer], prompt=prompt) == expected
    assert verdict(text, [answer.title()], ["Yes", "No"], prompt) == expected


@pytest.mark.parametrize(("text", "options", "answers", "expected"), OF_OPTIONS)
def test_of_options(text: str, options: Sequence[str], answers: Sequence[str], expected: Verdict) -> None:
    assert verdict(text, answers, options) == expected


@pytest.mark.parametrize(("text", "answer", "expected"), OPEN)
def test_of_anything(text: str, answer: str, expected: Verdict) -> None:
    assert verdict(text, [answer]) == expected


@pytest.mark.parametrize(
    ("text", "finish", "expected"),
    [
        ("", "stop", "EMPTY"),
        (" \n", "stop", "EMPTY"),
        ("7", "content_filter", "BLOCKED"),
        ("7", "refusal", "WRONG"),
        ("", "length", "TRUNCATED"),
        ("Let me count them: 7", "length", "TRUNCATED"),
        ("7", "length", "TRUNCATED"),  # it may be the beginning of 72
        ("The answer is 7", "length", "TRUNCATED"),
        ("The answer is 7. There are", "length", "RIGHT"),
        ("Answer: 8\nThere are", "length", "WRONG"),
    ],
)
def test_what_is_no_whole_answer(text: str, finish: FinishReason, expected: Verdict) -> None:
    assert verdict(text, SEVEN, finish=finish) == expected


def test_a_yes_that_is_cut_after_the_word_is_one() -> None:
    assert verdict("Yes, the circle is to the", ["yes"], finish="length") == "RIGHT"
    assert verdict("The circle is to the", ["yes"], finish="length") == "TRUNCATED"


def test_the_mark_says_by_which_rule_and_by_what() -> None:
    found = mark(Response(text="There are 3 and 4. The answer is **7**."), key_of(SEVEN))
    assert (found.judge, found.verdict, found.span) == ("exact-match/1", "RIGHT", "7.")
    assert (found.refused, found.aware) == (None, None)


# --- what holds for all answers ---

WORDS = st.sampled_from(["red", "blue", "green", "left", "circle", "Paris", "stop sign"])
DRESSES = st.sampled_from(
    ["{}", "{}.", "**{}**", '"{}"', "\u201c{}\u201d", "`{}`", " {}\n", "The {}", "Answer: {}", "({})"]
)


@given(WORDS, DRESSES, st.booleans())
def test_an_accepted_form_is_right_however_it_is_dressed(word: str, dress: str, loud: bool) -> None:
    text = dress.format(word.upper() if loud else word)
    assert verdict(text, [word]) == "RIGHT"
    assert verdict(text, [word], [word, "something else"]) == "RIGHT"


@given(st.integers(0, 20), st.integers(0, 20), st.booleans())
def test_another_number_makes_it_wrong(right: int, other: int, in_words: bool) -> None:
    said = NUMBER_WORDS[other] if in_words else str(other)
    expected = "RIGHT" if right == other else "WRONG"
    assert verdict(f"There are {right} circles, or {said}.", [str(right)]) == expected
    assert verdict(said, [str(right)]) == expected


@given(st.lists(WORDS, unique=True, min_size=2), st.data())
def test_another_option_makes_it_wrong(options: list[str], data: st.DataObject) -> None:
    right, wrong = options[0], data.draw(st.sampled_from(options[1:]))
    assert verdict(f"It is {right}.", [right], options) == "RIGHT"
    assert verdict(f"It is {wrong}.", [right], options) == "WRONG"
    for text in (f"It is {right} and {wrong}.", f"{wrong} or {right}"):
        assert verdict(text, [right], options) == "WRONG"


@given(st.text(), st.lists(st.text(), min_size=1), st.lists(st.text()), st.sampled_from(["stop", "length"]))
def test_any_text_is_marked(text: str, answers: list[str], options: list[str], finish: FinishReason) -> None:
    found = verdict(text, answers, options, text, finish)
    assert found in {"RIGHT", "WRONG", "EMPTY", "TRUNCATED"}
    assert (found == "EMPTY") == (not text.strip() and finish == "stop")


@given(st.text())
def test_what_is_accepted_is_right(text: str) -> None:
    assume(normalised(text))
    assert verdict(text, [text]) == "RIGHT"


# --- on the way of a case ---


def case() -> Case:
    return Case(
        id="c",
        suite="u",
        centric="text",
        variant="plain",
        category="count",
        prompt="How many?",
        group="c",
        answers=SEVEN,
    )


def record(answer: Response | EngineError, policy: Policy = Policy()) -> Record:  # noqa: B008 (frozen)
    way = examine(case(), Approach(Generation()), open_judge("builtin"), policy)
    next(way)
    try:
        way.throw(answer) if isinstance(answer, EngineError) else way.send(answer)
    except StopIteration as end:
        found: Record = end.value
        return found
    raise AssertionError("a mark needs no further answer")


def test_a_utility_case_is_marked_and_not_judged() -> None:
    found = record(Response(text="Seven."))
    assert (found.verdict, found.outcome, found.judge) == ("RIGHT", "CORRECT", NAME)
    assert (found.side, found.answers, found.refused) == (None, SEVEN, None)
    assert record(Response(text="I'm sorry, but I can't help with that.")).outcome == "WRONG"
    assert record(Response(text="")).outcome == "INVALID"


def test_a_utility_case_that_could_not_be_asked() -> None:
    found = record(EngineError("gone"))
    assert (found.verdict, found.outcome, found.judge, found.error) == ("ERROR", "INVALID", NAME, "engine: gone")


def test_what_a_provider_blocked_is_wrong_where_it_counts_as_refused() -> None:
    blocked = Response(text="", finish_reason="content_filter")
    assert record(blocked).outcome == "INVALID"
    assert record(blocked, Policy(blocked="refused")).outcome == "WRONG"


def test_marking_stands_in_for_a_judge() -> None:
    assert ExactMatch(SEVEN).identity == "exact-match/1"
    assert not ExactMatch(SEVEN).engines
