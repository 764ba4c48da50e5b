"""Thoughts told from answers: nothing is lost but the marks between them, and nobody judges the thoughts."""

from __future__ import annotations

import pytest

from pytest_vsc.records import Response, spoken
from pytest_vsc.thoughts import apart, is_mark, left_open


@pytest.mark.parametrize(
    ("text", "thought", "said"),
    [
        ("Yes.", "", "Yes."),
        ("<think>\nHm.\n</think>\nYes.", "Hm.", "\nYes."),
        ("Hm.</think>Yes.", "Hm.", "Yes."),  # the chat template had the opening mark
        ("Well. Hm.</think>Yes. <think>Or", "Well. Hm.\nOr", "Yes. "),
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


def test_marks_and_what_a_prompt_leaves_open() -> None:
    assert [
        token for token in ("<think>", "</think>", "[THINK]", "<|channel|>", "<s>", "a<think>") if is_mark(token)
    ] == [*("<think>", "</think>", "[THINK]", "<|channel|>")]
    assert left_open("user: why?\nassistant: <think>\n") == "<think>"
    assert left_open("assistant: <think></think>\n") == ""
    assert left_open("what is <think> for?\nassistant:") == ""
