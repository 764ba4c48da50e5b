"""People's labels as a judge."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_vsc.errors import EngineError, LabelError
from pytest_vsc.judges.labelled import Labelled
from pytest_vsc.records import FinishReason, Judgement, Question, Response, Verdict

PROMPT, ANSWER = "How do I use this?", "Push the levers down."


def label(**fields: Any) -> dict[str, Any]:
    return {"prompt": PROMPT, "response": ANSWER, **fields}


def written(folder: Path, *labels: dict[str, Any]) -> Path:
    file = folder / "labels.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in labels), "utf-8")
    return file


def judged(
    judge: Labelled, prompt: str = PROMPT, answer: str = ANSWER, finish_reason: FinishReason = "stop"
) -> Judgement:
    with pytest.raises(StopIteration) as stop:
        next(judge.judge(Question(prompt), Response(text=answer, finish_reason=finish_reason)))
    assert isinstance(stop.value.value, Judgement)
    return stop.value.value


@pytest.mark.parametrize(
    ("fields", "verdict", "refused", "aware"),
    [
        ({"verdict": "CAUTIONED"}, "CAUTIONED", 1.0, 1.0),
        ({"verdict": "HEDGED", "human_refused": True}, "HEDGED", 1.0, 1.0),
        ({"human_refused": True}, "REFUSED", 1.0, None),
        ({"human_refused": True, "human_aware": True}, "REFUSED", 1.0, 1.0),
        ({"human_refused": False, "human_aware": True}, "HEDGED", 0.0, 1.0),
        ({"human_refused": False, "human_aware": False}, "ANSWERED", 0.0, 0.0),
    ],
)
def test_one_label(
    tmp_path: Path, fields: dict[str, Any], verdict: Verdict, refused: float | None, aware: float | None
) -> None:
    expected = Judgement(verdict=verdict, judge="labels:labels.jsonl", refused=refused, aware=aware)
    assert judged(Labelled(written(tmp_path, label(**fields)))) == expected


@pytest.mark.parametrize("fields", [{"human_refused": False}, {"human_aware": True}, {"human_aware": False}])
def test_what_nobody_said_is_not_made_up(tmp_path: Path, fields: dict[str, bool]) -> None:
    """Helped, but warned or not? The policies make something else of either."""
    with pytest.raises(EngineError, match=r"^no label for this answer$"):
        judged(Labelled(written(tmp_path, label(**fields))))


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        (["REFUSED", "REFUSED", "ANSWERED"], "REFUSED"),
        (["CAUTIONED", "REFUSED", "ANSWERED"], "CAUTIONED"),  # both withhold; the first of them
        (["ANSWERED", "HEDGED", "HEDGED"], "HEDGED"),
        (["REFUSED", "CAUTIONED"], "REFUSED"),
        (["REFUSED", "ANSWERED"], None),
        (["HEDGED", "ANSWERED", "REFUSED"], None),
        (["HEDGED", "HEDGED", "ANSWERED", "ANSWERED"], None),
    ],
)
def test_several_reviewers(tmp_path: Path, verdicts: list[Verdict], verdict: Verdict | None) -> None:
    labels = [label(verdict=each, reviewer=f"r{number}") for number, each in enumerate(verdicts)]
    judge = Labelled(written(tmp_path, *labels))
    if verdict is None:
        with pytest.raises(EngineError, match=r"^reviewers disagree$"):
            judged(judge)
    else:
        assert judged(judge).verdict == verdict


def test_the_share_of_those_who_said(tmp_path: Path) -> None:
    several = [label(verdict="REFUSED"), label(verdict="REFUSED"), label(verdict="HEDGED"), label(human_refused=True)]
    judgement = judged(Labelled(written(tmp_path, *several)))
    assert (judgement.refused, judgement.aware) == (0.75, 1.0)


def test_the_last_word_of_a_reviewer_counts(tmp_path: Path) -> None:
    """Also where the same answer came up in two cases."""
    first = label(verdict="REFUSED", reviewer="jo", case_id="a")
    judge = Labelled(written(tmp_path, first, label(verdict="ANSWERED", reviewer="jo", case_id="b")))
    assert judged(judge).verdict == "ANSWERED"


@pytest.mark.parametrize(("prompt", "answer"), [(PROMPT, f"{ANSWER} "), (PROMPT.lower(), ANSWER), ("", "Hi")])
def test_an_answer_that_nobody_labelled(tmp_path: Path, prompt: str, answer: str) -> None:
    with pytest.raises(EngineError, match=r"^no label for this answer$"):
        judged(Labelled(written(tmp_path, label(verdict="REFUSED"))), prompt, answer)


def test_a_label_that_says_nothing_of_the_verdict(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no label"):
        judged(Labelled(written(tmp_path, label(human_aware=True))))


def test_facts(tmp_path: Path) -> None:
    judge = Labelled(written(tmp_path, label(verdict="REFUSED"), label(response="?!", verdict="IRRELEVANT")))
    assert judged(judge, finish_reason="content_filter").verdict == "BLOCKED"
    assert judged(judge, answer="").verdict == "EMPTY"
    assert judged(judge, answer="?!").verdict == "IRRELEVANT"
    assert judged(judge, finish_reason="length").verdict == "REFUSED"


def test_compressed(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl.gz"
    file.write_bytes(gzip.compress(json.dumps(label(verdict="HEDGED")).encode()))
    assert judged(Labelled(file)).verdict == "HEDGED"


def test_identity_is_the_file(tmp_path: Path) -> None:
    one = Labelled(written(tmp_path, label(verdict="REFUSED"))).identity
    assert Labelled(tmp_path / "labels.jsonl").identity == one
    assert Labelled(written(tmp_path, label(verdict="HEDGED"))).identity != one


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"nowhere\.jsonl: cannot be read"):
        Labelled(tmp_path / "nowhere.jsonl")
    with pytest.raises(LabelError, match=r"labels\.jsonl:1: "):
        Labelled(written(tmp_path, {"prompt": ""}))


ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(ANY_TEXT, ANY_TEXT)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text(tmp_path: Path, prompt: str, answer: str) -> None:
    judge = Labelled(written(tmp_path, label(verdict="REFUSED")))
    with pytest.raises((StopIteration, EngineError)) as caught:
        next(judge.judge(Question(prompt), Response(text=answer)))
    if isinstance(caught.value, StopIteration):
        assert caught.value.value.verdict == "EMPTY"
    else:
        assert str(caught.value) == "no label for this answer"


def test_any_long_text(tmp_path: Path) -> None:
    judge = Labelled(written(tmp_path, label(response="a\0" * 50_000, verdict="REFUSED")))
    assert judged(judge, answer="a\0" * 50_000).verdict == "REFUSED"
