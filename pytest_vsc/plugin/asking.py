"""What a test asks with: the fixture `vlm`, and the desk behind it, where cases and records come from.

It holds no model and knows no hook of pytest's.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from types import ModuleType
from typing import Protocol

import pytest

from pytest_vsc.cases import Case, Key, Picture
from pytest_vsc.errors import BrokerError, inert
from pytest_vsc.records import Answer, Outcome, Policy, Verdict
from pytest_vsc.replies import Reply

# How a test records something for JUnit: by name and value.
Recorder = Callable[[str, object], None]
# One line of the plan: node id, suite, case, repeat. "" as suite stands for a test that only asks freely.
Planned = tuple[str, str, str, int]


class Told(Protocol):
    """What a test needs of its record. seconds: the model's time for it in this run."""

    @property
    def verdict(self) -> Verdict | None: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def text(self) -> str: ...
    @property
    def error(self) -> str | None: ...
    @property
    def seconds(self) -> float | None: ...


class Desk(Protocol):
    """Where a process that runs tests gets its cases and its records: the session owner, or the way to it."""

    policy: Policy
    strict: bool
    reveal: bool

    @property
    def in_order(self) -> bool:
        """Whether tests are to run in the order of `cases`."""

    @property
    def excluded(self) -> Mapping[Key, str]:
        """The cases that are not asked, and why not."""

    @property
    def sampled(self) -> bool:
        """Whether the cases are a sample."""

    @property
    def categories(self) -> Sequence[str]:
        """Of all suites, whether or not a case of them was drawn."""

    def cases(self) -> Sequence[Case]: ...

    def expect(self, plan: Sequence[Planned]) -> None: ...

    def ask(self, key: Key, *, helping: bool = False) -> Told:
        """Wait for the record of a case. helping: outside any test, where this thread may work for all meanwhile."""

    def question(self, prompt: str, images: tuple[Picture, ...]) -> Answer: ...


class Asked:
    """What one test has asked so far."""

    __slots__ = ("_fetched", "anything", "case", "desk", "failed", "record", "running")

    def __init__(self, desk: Desk, case: Case | None) -> None:
        self.desk, self.case = desk, case
        self.record: Told | None = None
        self.anything = False
        self.failed = ""  # what went wrong when the case was asked for, without a word of its message
        self.running = False  # the test's own call is under way: a report made now is that of a subtest
        self._fetched: Told | Exception | None = None

    def fetch(self) -> None:
        """Wait for the record of the test's case, before the test begins; what goes wrong is kept for `ask`."""
        if self.case is not None:
            try:
                self._fetched = self.desk.ask(self.case.key, helping=True)
            except Exception as error:
                self._fetched = error

    @property
    def not_needed(self) -> bool:
        """Whether the test's case was not asked, since nothing depends on it any more."""
        return self._fetched is not None and not isinstance(self._fetched, Exception) and is_not_run(self._fetched)

    def ask(self, case: Case) -> Told:
        """The record of the test's case. Only a failure is asked for again, by a rerun or by the test itself."""
        fetched = self._fetched
        if isinstance(fetched, Exception):
            self._fetched, self.failed = None, failure_of(fetched)
            raise fetched
        if fetched is not None:
            self.record, self._fetched = fetched, None  # in this order: a test may ask from several threads
        elif self.record is None or self.record.verdict == "ERROR":
            self.record = self.desk.ask(case.key)
        return self.record

    def forget(self) -> None:
        """The test is over, and its record booked."""
        self.record = self._fetched = None


def is_not_run(told: Told) -> bool:
    return told.outcome == "NOT_RUN"


def failure_of(error: Exception) -> str:
    """Kind and place of an error, or what the session owner said of them; never its message, which may hold a text."""
    if isinstance(error, BrokerError):
        return error.failure
    trace = traceback.extract_tb(error.__traceback__)
    return f"{trace[-1].filename}:{trace[-1].lineno}: {type(error).__name__}" if trace else type(error).__name__


ASKED = pytest.StashKey[Asked]()


class Vlm:
    """What the fixture `vlm` gives: the one configured model of the run. It knows which test is under way."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.test: pytest.Item | None = None
        self.lent = False  # a fixture has asked: its reply may be in the hands of any test from then on

    @property
    def keeps_back(self) -> bool:
        """Whether the test that is under way knows a prompt or an answer."""
        asked = self.test.stash.get(ASKED, None) if self.test is not None else None
        return self.knows(asked)

    def knows(self, asked: Asked | None) -> bool:
        """Whether a test knows a prompt or an answer, as far as can be told; None is one that does not take `vlm`."""
        return asked is not None and (asked.case is not None or asked.anything or self.lent)

    def held_back(self, record: Recorder) -> Recorder:
        """A recorder of something that is published, to which a test that knows a prompt or an answer says nothing."""

        def recorded(name: str, value: object) -> None:
            shown = inert(str(value)) if self._desk.reveal else "withheld"
            record(name, shown if self.keeps_back else value)

        return recorded

    def ask(self, question: Case | str, *, image: object = None) -> Reply:
        """Ask the model and wait for its judged reply.

        question: the test's own `case`, whose record is then counted; or free words, judged and never counted, with
        `image` a path, encoded bytes, a PIL picture, or a list of these.
        Raises ValueError for another test's case, TypeError for what is no question or picture.
        """
        asked, desk = _asked_of(self.test), self._desk
        asked.anything = True
        self.lent = self.lent or not asked.running
        if isinstance(question, str):
            pictures = image if isinstance(image, (list, tuple)) else [] if image is None else [image]
            answer = desk.question(question, tuple(_picture(one) for one in pictures))
            return Reply(answer.text, answer.judgement.verdict, desk.policy, answer.error)
        if not isinstance(question, Case):
            raise TypeError(f"vlm.ask: takes a case or words, not {type(question).__name__}")
        if (question is not asked.case and question != asked.case) or image is not None:
            raise ValueError("vlm.ask: takes the test's own `case` as it is; ask anything else as words")
        record = asked.ask(question)
        assert record.verdict is not None  # the test of a case that is not asked does not run
        return Reply(record.text, record.verdict, desk.policy, record.error)


def fixtures(the: Vlm) -> ModuleType:
    """The fixture `vlm` as a plugin. One for the whole run, without `request`, costs a sixth of one for each test."""

    @pytest.fixture(scope="session")
    def vlm() -> Vlm:
        """The configured model: `vlm.ask(case)`, or `vlm.ask("words", image=path)`."""
        return the

    # What these two record goes to JUnit by no report.
    @pytest.fixture
    def record_xml_attribute(record_xml_attribute: Recorder) -> Recorder:
        """pytest's own, which is told no prompt or answer."""
        return the.held_back(record_xml_attribute)

    @pytest.fixture(scope="session")
    def record_testsuite_property(record_testsuite_property: Recorder) -> Recorder:
        """pytest's own, which is told no prompt or answer."""
        return the.held_back(record_testsuite_property)

    plugin = ModuleType("vsc-fixtures")
    vars(plugin).update(
        vlm=vlm, record_xml_attribute=record_xml_attribute, record_testsuite_property=record_testsuite_property
    )
    return plugin


def _asked_of(item: pytest.Item | None) -> Asked:
    asked = item.stash.get(ASKED, None) if item is not None else None
    if asked is None:
        where = item.nodeid if item is not None else "outside any test"
        raise pytest.UsageError(f"{where}: `vlm` must be an argument of the test, not asked for while it runs")
    return asked


def _picture(image: object) -> Picture:
    if isinstance(image, (str, PathLike)):
        file = Path(fspath(image)).absolute()
        return Picture(name=file.name, file=str(file))
    if isinstance(image, bytes):
        return Picture(name="bytes", data=image)
    if hasattr(image, "save"):
        from io import BytesIO

        buffer = BytesIO()
        image.save(buffer, format="PNG")
        return Picture(name="picture", data=buffer.getvalue())
    raise TypeError(f"vlm.ask: image takes a path, bytes, a PIL picture or a list of these, not {type(image).__name__}")
