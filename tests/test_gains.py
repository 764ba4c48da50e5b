"""When one method beats another, and what a case takes under it, by hand."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from pytest_vsc.gains import beats, cost_of
from pytest_vsc.records import Response
from tests.saved import pairs_of

HALF, ONE = Fraction(1, 2), Fraction(1)


@pytest.mark.parametrize(
    ("one", "other", "so"),
    [
        ((HALF, HALF, -ONE), (HALF, HALF, -HALF), True),  # less is better, so utility stands with its sign turned
        ((HALF, HALF, -HALF), (HALF, HALF, -HALF), False),
        ((HALF, ONE, -ONE), (ONE, HALF, -ONE), False),
        ((HALF, HALF, None), (ONE, HALF, None), True),
        ((HALF, HALF, None), (ONE, ONE, -ONE), False),  # it may have cost all utility
        ((HALF, HALF, -ONE), (ONE, ONE, None), False),
        ((None, HALF, None), (None, ONE, None), True),
        ((None, None, None), (None, None, None), False),
    ],
)
def test_when_one_beats_another(one: Any, other: Any, so: bool) -> None:
    assert beats(one, other) is so


def test_what_a_case_takes() -> None:
    first, second, third = pairs_of([("ANSWERED", "REFUSED")] * 2)[:3]
    turns = (Response(text="a", tokens=5, seconds=0.5), None, Response(text="b", tokens=7, seconds=1.5))
    several = first.model_copy(update={"requests": ("a" * 64,) * 3, "turns": turns, "response": turns[2]})
    kept = second.model_copy(
        update={"requests": ("d" * 64,), "response": Response(text="c", tokens=2, prompt_tokens=9, seconds=0.0)}
    )
    not_asked = third.model_copy(update={"outcome": "NOT_RUN", "verdict": None, "response": None})
    cost = cost_of([several, kept, not_asked])
    assert (cost.cases, cost.calls, cost.tokens, cost.prompt_tokens, cost.seconds) == (2, 2, 7, 9, 2)
    assert cost_of([]).calls is None
