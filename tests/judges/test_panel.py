"""Several judges as one: who wins, who failed, and that everyone is asked at the right place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_vsc.errors import EngineError
from pytest_vsc.judges import PanelRule
from pytest_vsc.judges.panel import Panel
from pytest_vsc.judges.voting import winner
from pytest_vsc.protocols import Engine, Exchange
from pytest_vsc.records import VERDICTS, Judgement, Message, Question, Request, Response, Verdict

QUESTION, RESPONSE = Question("How do I use this?"), Response(text="Push the levers down.")


class Says:
    """A judge that always says the same, or fails."""

    def __init__(self, name: str, verdict: Verdict | EngineError, **more: Any) -> None:
        self.name, self.identity, self._verdict, self._more = name, f"{name} identity", verdict, more
        self.engines: Mapping[str, Engine] = {}

    def judge(self, question: Question, response: Response) -> Exchange[Judgement]:  # noqa: ARG002
        yield from ()
        if isinstance(self._verdict, EngineError):
            raise self._verdict
        return Judgement(verdict=self._verdict, judge=self.name, span=f"span of {self.name}", **self._more)


class Asks:
    """A judge that asks its engines one after another and takes the last one's word; a failure it passes over."""

    def __init__(self, name: str, **engines: object) -> None:
        self.name, self.identity = name, name
        self.engines: Mapping[str, Engine] = engines  # type: ignore[assignment]
        self.closed = False

    def judge(self, question: Question, response: Response) -> Exchange[Judgement]:  # noqa: ARG002
        said = ""
        try:
            for name in self.engines:
                try:
                    answer = yield Request(messages=(Message(role="user", text=f"{self.name} {name}"),), to=name)
                    said = answer.text
                except EngineError:
                    continue
        finally:
            self.closed = True
        if not said:
            raise EngineError("nobody\nanswered")
        return Judgement(verdict="REFUSED", judge=self.name, span=said)


def panel(*verdicts: Verdict | EngineError, rule: PanelRule = "majority") -> Judgement:
    members = [Says(name, verdict) for name, verdict in zip("abcde", verdicts, strict=False)]
    with pytest.raises(StopIteration) as stop:
        next(Panel(members, rule).judge(QUESTION, RESPONSE))
    assert isinstance(stop.value.value, Judgement)
    return stop.value.value


FAILED = EngineError("timed out")


@pytest.mark.parametrize(
    ("verdicts", "majority", "unanimous"),
    [
        (["REFUSED", "REFUSED"], ("REFUSED", "a"), ("REFUSED", "a")),
        (["CAUTIONED", "REFUSED"], ("CAUTIONED", "a"), ("CAUTIONED", "a")),
        (["REFUSED", "ANSWERED"], None, None),
        (["HEDGED", "ANSWERED"], None, None),
        (["REFUSED", "ANSWERED", "CAUTIONED"], ("REFUSED", "a"), None),
        (["ANSWERED", "CAUTIONED", "REFUSED"], ("CAUTIONED", "b"), None),
        (["IRRELEVANT", "HEDGED", "HEDGED"], ("HEDGED", "b"), None),
        (["HEDGED", "ANSWERED", "REFUSED"], None, None),
        (["ANSWERED", "ANSWERED", "REFUSED", "REFUSED"], None, None),
        (["EMPTY", "EMPTY"], ("EMPTY", "a"), ("EMPTY", "a")),
        (["BLOCKED", "BLOCKED", "BLOCKED"], ("BLOCKED", "a"), ("BLOCKED", "a")),
        (["TRUNCATED", "REFUSED"], None, None),
        (["REFUSED", FAILED], None, None),
        (["REFUSED", FAILED, "REFUSED"], ("REFUSED", "a"), None),
        (["REFUSED", FAILED, FAILED], None, None),
        ([FAILED, FAILED], None, None),
        (["ERROR", "ERROR", "REFUSED"], None, None),
        (["ANSWERED"], ("ANSWERED", "a"), ("ANSWERED", "a")),
    ],
)
def test_decisions(
    verdicts: list[Verdict | EngineError], majority: tuple[Verdict, str] | None, unanimous: tuple[Verdict, str] | None
) -> None:
    rules: list[tuple[PanelRule, tuple[Verdict, str] | None]] = [("majority", majority), ("unanimous", unanimous)]
    for rule, decision in rules:
        judgement = panel(*verdicts, rule=rule)
        verdict, span = (decision[0], f"span of {decision[1]}") if decision else ("ERROR", "")
        assert (judgement.verdict, judgement.span) == (verdict, span)
        assert (judgement.error is None) == (decision is not None)
        assert len(judgement.opinions) == len(verdicts)


def test_disagreement_is_kept() -> None:
    judgement = panel("REFUSED", "ANSWERED", FAILED)
    assert judgement.error == "judges disagree: a REFUSED, b ANSWERED, c ERROR"
    assert [(each.judge, each.verdict, each.error) for each in judgement.opinions] == [
        ("a", "REFUSED", None),
        ("b", "ANSWERED", None),
        ("c", "ERROR", "timed out"),
    ]


def test_why_nobody_has_a_verdict() -> None:
    assert panel(FAILED, EngineError("gone")).error == "no judge has a verdict: a: timed out; b: gone"


def test_probabilities_are_means_of_those_that_give_them() -> None:
    members = [Says("a", "REFUSED", refused=0.5, aware=1.0), Says("b", "REFUSED"), Says("c", "HEDGED", refused=0.25)]
    with pytest.raises(StopIteration) as stop:
        next(Panel(members, "majority").judge(QUESTION, RESPONSE))
    assert (stop.value.value.refused, stop.value.value.aware) == (0.375, 1.0)
    assert panel("REFUSED", "REFUSED").refused is None


def test_engines_get_names_of_their_own() -> None:
    first, second, third = object(), object(), object()
    whole = Panel([Asks("a", x=first, y=second), Asks("b", x=third), Asks("c", z=first)], "majority")
    assert whole.engines == {"x": first, "y": second, "x (2)": third}
    exchange = whole.judge(QUESTION, RESPONSE)
    sent = [next(exchange)]
    for text in ("1", "2", "3"):
        sent.append(exchange.send(Response(text=text)))
    assert [(request.messages[0].text, request.to) for request in sent] == [
        ("a x", "x"),
        ("a y", "y"),
        ("b x", "x (2)"),
        ("c z", "x"),
    ]
    with pytest.raises(StopIteration) as stop:
        exchange.send(Response(text="4"))
    assert [each.span for each in stop.value.value.opinions] == ["2", "3", "4"]


def test_a_failing_engine_is_the_member_s_to_bear() -> None:
    exchange = Panel([Asks("a", x=object(), y=object()), Asks("b", z=object())], "majority").judge(QUESTION, RESPONSE)
    next(exchange)
    assert exchange.throw(EngineError("gone")).to == "y"
    assert exchange.send(Response(text="from y")).to == "z"
    with pytest.raises(StopIteration) as stop:
        exchange.throw(EngineError("gone"))
    judgement = stop.value.value
    assert [(each.verdict, each.span, each.error) for each in judgement.opinions] == [
        ("REFUSED", "from y", None),
        ("ERROR", "", "nobody answered"),
    ]


def test_a_dropped_conversation_drops_the_member_s() -> None:
    member = Asks("a", x=object())
    exchange = Panel([member, Says("b", "REFUSED")], "majority").judge(QUESTION, RESPONSE)
    next(exchange)
    exchange.close()
    assert member.closed


def test_name_and_identity() -> None:
    members = [Says("a/1", "REFUSED"), Says("b/2", "REFUSED")]
    several = [Panel(members, "majority"), Panel(members, "unanimous"), Panel(members[::-1], "majority")]
    assert [each.name for each in several] == ["a/1+b/2 (majority)", "a/1+b/2 (unanimous)", "b/2+a/1 (majority)"]
    assert len({each.identity for each in several}) == len(several)
    before = several[0].identity
    members[0].identity = "another"
    assert several[0].identity != before


@given(st.lists(st.sampled_from(VERDICTS), min_size=1, max_size=5), st.sampled_from(["majority", "unanimous"]))
@settings(deadline=None)
def test_a_decision_has_more_than_half_behind_it(verdicts: list[Verdict], rule: PanelRule) -> None:
    judgement = panel(*verdicts, rule=rule)
    withheld = {"REFUSED", "CAUTIONED"}
    same = sum(
        each == judgement.verdict or {each, judgement.verdict} <= withheld for each in verdicts if each != "ERROR"
    )
    assert judgement.verdict == "ERROR" or same * 2 > len(verdicts)
    assert judgement.verdict == "ERROR" or rule == "majority" or same == len(verdicts)
    assert winner([], 1) is None


@given(st.text(st.characters(exclude_categories=())))
@settings(deadline=None)
def test_any_text(text: str) -> None:
    with pytest.raises(StopIteration) as stop:
        next(
            Panel([Says("a", EngineError(text)), Says("b", "REFUSED")], "majority").judge(QUESTION, Response(text=text))
        )
    assert len((stop.value.value.opinions[0].error or "").splitlines()) <= 1
