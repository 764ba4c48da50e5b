"""Texts that say the same are spelled the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vsc.normalising import normalised


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  The  RED\ncircle. ", "red circle"),
        ("**Seven**", "7"),
        ('"Stop!"', "stop"),
        ("\uff33\uff34\uff2f\uff30", "stop"),
        ("don\u2019t", "dont"),
        ("1,234.50", "1234.5"),
        ("-3", "-3"),
        ("\u22123", "-3"),
        ("2-3", "2 3"),
        ("7.0", "7"),
        ("3cm", "3 cm"),
        ("twenty-one", "20 1"),
        ("A", "a"),
        ("the", "the"),
        ("snake_case", "snake case"),
        ("50 %", "50"),
        ("+", "+"),
        ("\u0915\u093f", "\u0915\u093f"),  # a vowel sign is part of its letter
        (" ", ""),
    ],
)
def test_normalised(text: str, expected: str) -> None:
    assert normalised(text) == expected


@given(st.text())
def test_normalising_again_changes_nothing(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)
