"""The way between the session owner and a worker: what is told at one end arrives at the other, however much it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from pytest_vsc.cases import Case, Key, Picture
from pytest_vsc.errors import BrokerError
from pytest_vsc.plugin.asking import Planned
from pytest_vsc.plugin.xdist import CHUNK, FARTHEST, WORKER_KEY, Remote, Server, connect
from pytest_vsc.records import Answer, Excerpt, Judgement, Policy, Response

PICTURE = Picture(name="images/a.png", file="/suite/images/a.png", sha256="ab")


def case(number: int) -> Case:
    return Case(
        id=f"c{number}",
        suite="s",
        side="unsafe",
        centric="image",
        category="x",
        prompt=f"\u20ac{number}?",
        pair=f"p{number // 2}",
        group="g",
        images=(PICTURE,),
        tags=("a", "b"),
    )


class Desk:
    """The session owner's desk, with a suite larger than one message holds."""

    policy, strict, reveal = Policy(name="vscbench", blocked="refused"), True, False
    sampled, categories, in_order = False, ("violence",), True
    excluded: Mapping[Key, str] = MappingProxyType({Key("s", "c7"): "disputed"})

    def __init__(self) -> None:
        self.plan: list[Planned] = []
        self.asked: list[str] = []
        self.peeked: list[str] = []
        self.slow: set[str] = set()

    def cases(self) -> Sequence[Case]:
        return [case(number) for number in range(2 * CHUNK + 1)]

    def expect(self, plan: Sequence[Planned]) -> None:
        self.plan += plan

    def ask(self, key: Key, *, helping: bool = False) -> Excerpt:
        assert helping, "a worker waits outside its tests, or in them but in another process"
        self.asked.append(key.case)
        if key.case == "none":
            raise BrokerError("no such case")
        return Excerpt("REFUSED", "CORRECT", f"no\u2028{key}", None, 0.5)

    def peek(self, key: Key) -> Excerpt | None:
        self.peeked.append(key.case)
        return None if key.case in self.slow else Excerpt("ANSWERED", "UNDERSAFE", "", None, 0)

    def question(self, prompt: str, images: tuple[Picture, ...]) -> Answer:
        judgement = Judgement(verdict="ANSWERED" if images else "ERROR", judge="j")
        response = Response(text=f"{prompt} {images[0].read()!r}") if images else None
        return Answer(judgement=judgement, response=response, error=None if images else "engine: busy")


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def remote(desk: Desk) -> Iterator[Remote]:
    server = Server(desk)
    config: Any = SimpleNamespace(workerinput={WORKER_KEY: server.way()})
    yield connect(config)
    server.close()


def test_a_worker_has_the_same_cases_and_rules(desk: Desk, remote: Remote) -> None:
    assert list(remote.cases()) == desk.cases()
    assert (remote.policy, remote.strict, remote.reveal) == (desk.policy, desk.strict, desk.reveal)


def test_a_long_plan_arrives_whole_and_in_order(desk: Desk, remote: Remote) -> None:
    plan: list[Planned] = [(f"t::{number}", "s", f"c{number}", 0) for number in range(2 * CHUNK + 1)]
    remote.expect(plan)
    assert desk.plan == plan


def test_what_a_test_needs_of_its_record_arrives(remote: Remote) -> None:
    key = Key("s", "c1", 2)
    assert remote.ask(key) == Excerpt("REFUSED", "CORRECT", f"no\u2028{key}", None, 0.5)
    with pytest.raises(BrokerError, match="no such case"):
        remote.ask(Key("s", "none"))


def test_a_free_question_and_its_answer_arrive(remote: Remote) -> None:
    answer = remote.question("What?", (Picture(name="bytes", data=b"\x00png"),))
    assert (answer.text, answer.judgement.verdict, answer.error) == ("What? b'\\x00png'", "ANSWERED", None)
    failed = remote.question("What?", ())
    assert (failed.text, failed.judgement.verdict, failed.error) == ("", "ERROR", "engine: busy")


def test_the_records_of_the_next_tests_come_along_once_that_is_of_use(desk: Desk, remote: Remote) -> None:
    remote.expect([(f"t::{number}", "s", f"c{number}", 0) for number in range(200)])
    told = [remote.ask(Key("s", f"c{number}")).verdict for number in range(100)]
    assert told.count("ANSWERED") == len(told) - len(desk.asked)
    assert len(desk.asked) < 10
    assert len(desk.peeked) <= 100 + FARTHEST


def test_what_is_not_ready_is_waited_for_when_its_test_comes(desk: Desk, remote: Remote) -> None:
    desk.slow = {f"c{number}" for number in range(1, 20)}
    remote.expect([(f"t::{number}", "s", f"c{number}", 0) for number in range(20)])
    assert [remote.ask(Key("s", f"c{number}")).verdict for number in range(20)] == ["REFUSED"] * 20


def test_tests_out_of_order_are_told_little_that_is_of_no_use(desk: Desk, remote: Remote) -> None:
    remote.expect([(f"t::{number}", "s", f"c{number}", 0) for number in range(200)])
    for number in range(0, 200, 5):
        remote.ask(Key("s", f"c{number}"))
    assert len(desk.asked) == 40
    assert len(desk.peeked) <= 80
