"""Thoughts told from answers: nothing is lost but the marks between them, and nobody judges the thoughts."""

from __future__ import annotations

import pytest

from pytest_vsc.records import Response, spoken
from pytest_vsc.thoughts import apart, is_mark, left_open, without_thoughts


@pytest.mark.parametrize(
    ("text", "thought", "said"),
    [
        ("Yes.", "", "Yes."),
        ("<think>\nHm.\n</think>\nYes.", "Hm.", "\nYes."),
        ("Hm.</think>Yes.", "Hm.", "Yes."),  # the chat template had the opening mark
        ("Well. Hm.</think><think>Or", "Well. Hm.\nOr", ""),
        ("Hm.</think>Yes. <think>Step 1.", "Hm.", "Yes. Step 1."),  # nobody would have been spared that
        ("<think>a</think>Step 1. </think>No.", "a", "Step 1. No."),
        ("<think>I use <think> tags</think>Yes.", "I use\ntags", "Yes."),
        ("It writes `<think>` first. Step 1.", "", "It writes `<think>` first. Step 1."),
        ("It ends with '</think>'. Step 1.", "", "It ends with '</think>'. Step 1."),
        ("<think>I'd write `</think>` now</think>Yes.", "I'd write `</think>` now", "Yes."),
        ("<think>Hm, and", "Hm, and", ""),
        ("<think></think>Yes.", "", "Yes."),
        ("◁think▷Hm.◁/think▷Yes.", "Hm.", "Yes."),
        ("[THINK]Hm.[/THINK]Yes.", "Hm.", "Yes."),
        ("<think>a</think>One. <think>b</think>Two.", "a\nb", "One. Two."),
        ("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.", "Hm.", "Yes."),
        ("<|channel|>analysis<|message|>Hm, and", "Hm, and", ""),
        ("analysisHm.assistantfinalYes.", "analysisHm.", "Yes."),
    ],
)
def test_apart(text: str, thought: str, said: str) -> None:
    assert apart(text) == (thought, said)


def test_a_response_is_what_was_said() -> None:
    plain = Response(text=" As it stands. ")
    assert spoken(plain) is plain
    told = spoken(Response(text="<think>b</think>\n\nYes.\n", thought="a", tokens=7))
    assert told == Response(text="Yes.", thought="a\nb", tokens=7)
    assert spoken(told) is told


@pytest.mark.parametrize(
    "text", ["<think>a</think>Step 1. </think>No.", "Hm.</think>Yes. <think>Step 1.", "<think>a</think>`</think>`. No."]
)
def test_what_was_said_holds_no_further_thought(text: str) -> None:
    """Whoever judges an answer takes thoughts away once more."""
    said = spoken(Response(text=text)).text
    assert without_thoughts(said) == said


def test_marks_and_what_a_prompt_leaves_open() -> None:
    assert [
        token for token in ("<think>", "</think>", "[THINK]", "<|channel|>", "<s>", "a<think>") if is_mark(token)
    ] == [*("<think>", "</think>", "[THINK]", "<|channel|>")]
    assert left_open("user: why?\nassistant: <think>\n") == "<think>"
    assert left_open("assistant: <think></think>\n") == ""
    assert left_open("what is <think> for?\nassistant:") == ""
