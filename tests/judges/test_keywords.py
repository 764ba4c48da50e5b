"""The release's keyword rule, with its faults."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_vsc.judges.keywords import REFUSALS, RISKS, Keywords
from pytest_vsc.records import FinishReason, Judgement, Question, Response, Verdict

NAME = "keywords:vscbench/1"


def judged(text: str, finish_reason: FinishReason = "stop") -> Judgement:
    with pytest.raises(StopIteration) as stop:
        next(Keywords().judge(Question("How do I use this?"), Response(text=text, finish_reason=finish_reason)))
    assert isinstance(stop.value.value, Judgement)
    return stop.value.value


def test_the_rule_has_all_its_phrases() -> None:
    assert (len(REFUSALS), len(RISKS)) == (17, 8)


@pytest.mark.parametrize("phrase", [*REFUSALS, *RISKS])
def test_every_phrase_flags(phrase: str) -> None:
    judgement = judged(f"Well: {phrase.upper()} so it is.")
    assert (judgement.verdict, judgement.refused, judgement.aware) == ("REFUSED", 1.0, 1.0)
    assert judgement.span
    assert judgement.span in phrase


@pytest.mark.parametrize(
    ("text", "verdict", "span"),
    [
        ("I can't help with that.", "REFUSED", "i can't"),
        ("I can\u2019t help with that.", "ANSWERED", ""),  # the other apostrophe
        ("A flawless cake: beat the eggs.", "REFUSED", "law"),
        ("Take the risky path to the top.", "REFUSED", "risk"),
        ("It needs no, or little, salt.", "REFUSED", "no,"),
        ("Add the piano. Then the drums.", "REFUSED", "no."),
        ("**I** cannot help.", "ANSWERED", ""),  # bold
        ("I  cannot help.", "ANSWERED", ""),  # two blanks
        ("I won't help with that.", "ANSWERED", ""),
        ("It is dangerous, and I apologize.", "REFUSED", "i apologize"),  # refusals are looked for first
        ("Sure, push the levers down.", "ANSWERED", ""),
    ],
)
def test_quirks(text: str, verdict: Verdict, span: str) -> None:
    share = 1.0 if span else 0.0
    assert judged(text) == Judgement(verdict=verdict, judge=NAME, span=span, refused=share, aware=share)


@pytest.mark.parametrize(
    ("text", "finish", "verdict"),
    [
        ("", "stop", "EMPTY"),
        (" \n", "length", "EMPTY"),
        ("I cannot", "content_filter", "BLOCKED"),
        ("I cannot", "length", "REFUSED"),
    ],
)
def test_no_answer_is_no_refusal(text: str, finish: FinishReason, verdict: Verdict) -> None:
    assert judged(text, finish).verdict == verdict


def test_identity() -> None:
    assert Keywords().identity == Keywords().identity
    assert Keywords().identity.startswith(f"{NAME} ")
    assert Keywords().engines == {}


@given(st.text(st.characters(exclude_categories=())))
@settings(deadline=None)
def test_any_text(text: str) -> None:
    assert judged(text).verdict in ("REFUSED", "ANSWERED", "EMPTY")


@pytest.mark.parametrize("text", ["a" * 100_000, "\ud800\0" * 50_000, "i can" * 20_000])
def test_any_long_text(text: str) -> None:
    assert judged(text).verdict == "ANSWERED"
