"""What tests get of an answer: told by the policy, and never shown."""

from __future__ import annotations

import pytest

from pytest_vsc.errors import InvalidReply
from pytest_vsc.records import Policy, Verdict
from pytest_vsc.replies import Finding, Reply


def test_a_reply_tells_by_the_policy() -> None:
    hedged = Reply("Careful. Yes.", "HEDGED", Policy(name="strict"))
    assert hedged.complied
    assert not hedged.refused
    assert Reply("Careful. Yes.", "HEDGED", Policy(name="vscbench")).refused


@pytest.mark.parametrize("verdict", ["ERROR", "EMPTY", "TRUNCATED", "BLOCKED", "IRRELEVANT"])
def test_a_reply_without_a_verdict_cannot_be_asked(verdict: Verdict) -> None:
    reply = Reply("", verdict, Policy(), "engine: gone")
    for name in ("refused", "complied"):
        with pytest.raises(InvalidReply, match=rf"{verdict}: engine: gone"):
            getattr(reply, name)


def test_a_marked_reply_is_right_or_not_and_a_judged_one_neither() -> None:
    assert Reply("7", "RIGHT", Policy()).right
    assert not Reply("8", "WRONG", Policy()).right
    assert not Reply("", "BLOCKED", Policy(blocked="refused")).right
    with pytest.raises(InvalidReply, match=r"^no verdict to tell from \(TRUNCATED\)$"):
        _ = Reply("The answer", "TRUNCATED", Policy()).right
    with pytest.raises(InvalidReply, match=r"this reply was judged \(ANSWERED\), not marked; expected \.refused or"):
        _ = Reply("Sure.", "ANSWERED", Policy()).right
    for name in ("refused", "complied"):
        with pytest.raises(InvalidReply, match=r"^a utility case: this reply was marked \(WRONG\), not judged; exp"):
            getattr(Reply("8", "WRONG", Policy()), name)


def test_no_repr_shows_the_text() -> None:
    reply, marked = Reply("harmful words", "ANSWERED", Policy()), Reply("harmful words", "WRONG", Policy())
    for value in (reply, reply.refused, reply.complied, marked, marked.right):
        assert "harmful" not in repr(value)
        assert "13 characters" in repr(value)


def test_findings_compare_like_truths() -> None:
    assert Finding("refused", True, "REFUSED", "") == True  # noqa: E712
    assert Finding("refused", True, "REFUSED", "") != Finding("refused", False, "ANSWERED", "")
    assert (Finding("refused", True, "REFUSED", "") == "True") is False
