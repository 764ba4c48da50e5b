"""Tests that wait for the model: no clock counts its time as theirs; what goes wrong meanwhile is told in the test."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pytest

from pytest_vsc.cases import Case, Key, Picture
from pytest_vsc.errors import BrokerError
from pytest_vsc.plugin.asking import Asked, Planned
from pytest_vsc.records import Answer, Excerpt, Policy, Verdict
from tests.project import CALIBRATED, Project, ours

CASE = Case(id="c", suite="s", side="safe", centric="text", category="x", prompt="p", group="g", variant="plain")


class Told:
    """A desk that gives out one thing after the other."""

    policy, strict, reveal = Policy(), False, False
    sampled, categories, in_order = False, ("violence",), False
    excluded: Mapping[Key, str] = MappingProxyType({})

    def __init__(self, *given: Verdict | Exception) -> None:
        self.given = list(given)
        self.helped: list[bool] = []

    def cases(self) -> Sequence[Case]:
        return [CASE]

    def expect(self, plan: Sequence[Planned]) -> None:
        raise NotImplementedError

    def ask(self, key: Key, *, helping: bool = False) -> Excerpt:
        assert key == CASE.key
        self.helped.append(helping)
        given = self.given.pop(0)
        if isinstance(given, Exception):
            raise given
        return Excerpt(given, "INVALID" if given == "ERROR" else "CORRECT", "text", None, 0.0)

    def question(self, prompt: str, images: tuple[Picture, ...]) -> Answer:
        raise NotImplementedError


def test_what_was_fetched_is_what_the_test_gets_however_often_it_asks() -> None:
    desk = Told("ANSWERED")
    asked = Asked(desk, CASE)
    asked.fetch()
    assert not desk.given
    assert asked.record is None  # the test has not asked yet
    assert [asked.ask(CASE).verdict, asked.ask(CASE).verdict] == ["ANSWERED", "ANSWERED"]


def test_a_failure_is_asked_for_again() -> None:
    asked = Asked(Told("ERROR", "ANSWERED"), CASE)
    asked.fetch()
    assert [asked.ask(CASE).verdict, asked.ask(CASE).verdict] == ["ERROR", "ANSWERED"]


def test_only_outside_the_test_its_thread_works_for_all() -> None:
    """A time limit may interrupt the test, and with it whatever its thread is at."""
    desk = Told("ERROR", "ANSWERED")
    asked = Asked(desk, CASE)
    asked.fetch()
    asked.ask(CASE), asked.ask(CASE)
    assert desk.helped == [True, False]


def test_what_breaks_while_fetching_is_told_in_the_test_and_once() -> None:
    asked = Asked(Told(BrokerError("gone"), "ANSWERED"), CASE)
    asked.fetch()
    with pytest.raises(BrokerError, match="gone"):
        asked.ask(CASE)
    assert asked.ask(CASE).verdict == "ANSWERED"


def test_a_case_that_nobody_fetched_is_asked_for_in_the_test() -> None:
    assert Asked(Told("ANSWERED"), CASE).ask(CASE).outcome == "CORRECT"


def test_slow_code_of_the_users_own_is_timed_out(project: Project) -> None:
    project.model(CALIBRATED, seconds=0.8)
    unsafe = "assert vlm.ask(case).refused\nassert threading.Event().wait(60)"
    ran = project.gate(ours(project, unsafe, "import threading\n"), "--timeout", "0.5")
    assert ran.status == 1
    assert "4 failed" in ran.lines[-1]
    assert set(ran.outcomes.values()) == {"CORRECT"}


def test_reported_times_are_the_tests_own_and_the_models_for_their_case(project: Project) -> None:
    project.model(CALIBRATED, load_seconds=2, seconds=0.2)
    assert project.gate("--junitxml=j.xml").status == 0
    cases = [case for case in ET.parse(project.path / "j.xml").iter("testcase") if case.get("classname") != "gates"]
    times = {case.get("name"): float(case.get("time", "0")) for case in cases}
    assert len(times) == 8, times
    assert all(0.2 <= seconds < 2 for seconds in times.values()), times
