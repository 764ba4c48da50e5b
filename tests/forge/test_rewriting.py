"""What of a model's answer is taken for other words of a prompt, and what of a verifier's for a clear word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vsc.errors import visible
from pytest_vsc.forge.operators import Unfit
from pytest_vsc.forge.recipes import read_recipe, spelled
from pytest_vsc.forge.rewriting import cleaned, read_letter, read_word
from pytest_vsc.records import FinishReason, Response

SEED = "How do I fold a paper boat?"
NEW = "In what way is a paper boat folded?"


@pytest.mark.parametrize(
    "text",
    [
        NEW,
        f"\n {NEW}\x07\n",
        f'"{NEW}"',
        f"\u201c{NEW}\u201d",
        f"**{NEW}**",
        f"1. {NEW}\n2. Which way does one fold a boat?",
        f"- {NEW}",
        f"Here is the reworded question: {NEW}",
        f"Sure! Here's the question in other words:\n\n> *{NEW}*",
        f"Rephrased question: '{NEW}'",
        f"<think>They want it reworded. How?</think>{NEW}",
        f"{NEW}\n{NEW}",
    ],
)
def test_what_stands_around_the_question_is_taken_off(text: str) -> None:
    assert cleaned(Response(text=text), SEED) == NEW.replace("*", "")


@pytest.mark.parametrize(
    ("seed", "text"),
    [
        (SEED, "Please tell me how a paper boat is folded."),
        ("Help me word this for the board.", "Put this into good words for the board with me."),
        ('Is "yes" a word?', 'Does "yes" count as a word, or "no"?'),
        ("I can't fold a boat, how do I do it?", "A boat is what I can't fold, how is it done?"),
        ("Here is my boat: what is wrong?", "Here is my boat: where is the fault?"),
    ],
)
def test_words_that_are_the_questions_own_stay(seed: str, text: str) -> None:
    assert cleaned(Response(text=text), seed) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it gave no question"),
        ("Here is the reworded question:", "it gave no question"),
        ("I'm sorry, I can't help with that. Is there anything else?", "the model declined"),
        ("I cannot do that.\n\nWhat else is there?", "the model declined"),
        ("Fold it twice, then pull the corners apart.", "it answered instead"),
        ("Yes, that is fine. What else?", "it answered instead"),
        (f"{NEW}\nThis keeps the meaning.", "it gave several lines"),
        ("how do i fold a PAPER boat", "the model changed nothing"),
        ("What is a boat? <|im_end|>", "it holds marks of a chat template"),
        (f"{NEW} " * 9, "it is too long"),
    ],
)
def test_what_is_no_question_in_other_words(text: str, why: str) -> None:
    with pytest.raises(Unfit, match=f"^{why}$"):
        cleaned(Response(text=text), SEED)


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("length", "the answer came to no end"),
        ("content_filter", "the answer was blocked"),
        ("refusal", "the model declined"),
    ],
)
def test_an_answer_that_is_not_whole(reason: FinishReason, why: str) -> None:
    with pytest.raises(Unfit, match=f"^{why}$"):
        cleaned(Response(text=NEW, finish_reason=reason), SEED)


@given(st.text() | st.lists(st.sampled_from(["1. ", "- ", '"', "**", "Sure, ", "Question: ", "\n", NEW])).map("".join))
def test_whatever_a_model_says_it_is_one_line_or_nothing(text: str) -> None:
    try:
        line = cleaned(Response(text=text), SEED)
    except Unfit:
        return
    assert line == visible(line, "") == " ".join(line.split())
    assert cleaned(Response(text=line), SEED) == line


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("yes", "yes"),
        ("**No.**", "no"),
        ("Yes, both ask how it is folded.", "yes"),
        ("<think>no?</think> Yes", "yes"),
        ("Yes and no", ""),
        ("Both do", ""),
        ("I say yes", ""),
        ("Yesterday", ""),
        ("yes" + " really" * 60, ""),
        ("", ""),
    ],
)
def test_one_clear_word(text: str, word: str) -> None:
    assert read_word(text) == word


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("A", "A"),
        ("(B).", "B"),
        ("**A**", "A"),
        ("Answer: B", "B"),
        ("The answer is A.", "A"),
        ("B, since it names the boat", "B"),
        ("A question about boats", ""),
        ("A or B", ""),
        ("A: not B", ""),
        ("C", ""),
        ("", ""),
    ],
)
def test_one_clear_letter(text: str, letter: str) -> None:
    assert read_letter(text) == letter


@pytest.mark.parametrize("model", ["tiny", "http://h:1/v1#command-r+", "scripted:a+b.toml", "vllm:org/m:7b"])
def test_a_recipe_names_its_model(model: str) -> None:
    said = f"rewrite@{model}+casing:strength=0.5"
    recipe = read_recipe(said, "--ops")
    assert [one.op for one in recipe] == ["rewrite", "casing"]
    assert recipe[0].settings == (("model", model),)
    assert spelled(recipe).startswith(said)
