"""Why cases have no verdict: each case counts once, by its last reason, and a line has no more than one reason."""

from __future__ import annotations

from pytest_vsc.cases import Case
from pytest_vsc.records import Answer, Judgement, Record, record_of
from pytest_vsc.reports.reasons import FURTHER, MOST, Reasons, lines


def invalid(number: int, error: str | None, outcome: str = "INVALID") -> Record:
    case = Case(id=f"c{number}", suite="s", side="safe", centric="text", category="x", prompt="p", group="g")
    judgement = Judgement(verdict="ERROR" if error else "EMPTY", judge="j")
    return record_of(case, Answer(judgement=judgement, error=error), "INVALID" if outcome == "INVALID" else "CORRECT")


def test_reasons_are_counted_by_case_and_few_are_named() -> None:
    reasons = Reasons()
    assert list(lines(reasons.counts())) == []
    for number in range(3):
        reasons.note(invalid(number, "busy\n::error::"))
    reasons.note(invalid(2, "busy\n::error::", "CORRECT"))  # made good by a rerun
    for number in range(3, 6):
        reasons.note(invalid(number, None))
    reasons.note(invalid(6, "invalid: the test never asked its case"))
    reasons.note(invalid(7, "x" * 500))
    assert list(lines(reasons.counts())) == [
        "3 invalid: verdict EMPTY",
        "2 invalid: busy ::error::",
        "1 invalid: the test never asked its case",
        "1 invalid for 1 further reasons: see `error` in run.jsonl",
    ]


def test_no_more_reasons_are_kept_than_can_be_read() -> None:
    reasons = Reasons()
    for number in range(MOST + 5):
        reasons.note(invalid(number, f"reason {number}"))
    counts = reasons.counts()
    assert len(counts) == MOST + 1
    assert counts[FURTHER] == 5
    assert (
        list(lines(counts))[-1]
        == f"{MOST + 2} invalid for at least {MOST - 2} further reasons: see `error` in run.jsonl"
    )
