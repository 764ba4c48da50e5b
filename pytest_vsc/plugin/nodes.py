"""In every process that runs tests: cases become parameters, tests ask, and reports say what their record says.

It holds no model and writes no file; where cases and replies come from is behind `Desk`. The record of a test's case
is waited for before the test begins, so that no clock of pytest's or a plugin's counts the model's time as the test's.
"""

from __future__ import annotations

import gc
import re
import warnings
from collections.abc import Generator, Sequence
from itertools import dropwhile
from os import PathLike, fspath
from pathlib import Path
from types import ModuleType
from typing import Protocol

import pytest

from pytest_vsc.cases import CENTRICS, SIDES, VARIANTS, Case, Key, Picture
from pytest_vsc.errors import InvalidReply, expected
from pytest_vsc.records import Answer, Outcome, Policy, Reply, Verdict
from pytest_vsc.shipped import shipped

NONE_DRAWN = "none-drawn"  # the id of a test of whose cases the sample has none
SUITE_TESTS = "suites"  # the folder that node ids of the shipped tests start with, wherever they really lie
BadMarker = pytest.Collector.CollectError  # shown by its message alone
FILTERS = {"side": SIDES, "centric": CENTRICS, "variant": VARIANTS}


# One line of the plan: node id, suite, case, repeat. "" as suite stands for a test that only asks freely.
Planned = tuple[str, str, str, int]


class Told(Protocol):
    """What a test needs of its record. seconds: the model's time for it in this run."""

    @property
    def verdict(self) -> Verdict: ...
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

    __slots__ = ("_fetched", "anything", "case", "desk", "record", "running")

    def __init__(self, desk: Desk, case: Case | None) -> None:
        self.desk, self.case = desk, case
        self.record: Told | None = None
        self.anything = False
        self.running = False  # the test's own call is under way: a report made now is that of a subtest
        self._fetched: Told | Exception | None = None

    def fetch(self) -> None:
        """Wait for the record of the test's case, before the test begins; what goes wrong is kept for `ask`."""
        if self.case is not None:
            try:
                self._fetched = self.desk.ask(self.case.key, helping=True)
            except Exception as error:
                self._fetched = error

    def ask(self, case: Case) -> Told:
        """The record of the test's case. Only a failure is asked for again, by a rerun or by the test itself."""
        fetched = self._fetched
        if isinstance(fetched, Exception):
            self._fetched = None
            raise fetched
        if fetched is not None:
            self.record, self._fetched = fetched, None  # in this order: a test may ask from several threads
        elif self.record is None or self.record.verdict == "ERROR":
            self.record = self.desk.ask(case.key)
        return self.record

    def forget(self) -> None:
        """The test is over, and its record booked."""
        self.record = self._fetched = None


ASKED = pytest.StashKey[Asked]()


class Vlm:
    """What the fixture `vlm` gives: the one configured model of the run. It knows which test is under way."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.test: pytest.Item | None = None

    def ask(self, question: Case | str, *, image: object = None) -> Reply:
        """Ask the model and wait for its judged reply.

        question: the test's own `case`, whose record is then counted; or free words, judged and never counted, with
        `image` a path, encoded bytes, a PIL picture, or a list of these.
        Raises ValueError for another test's case, TypeError for what is no question or picture.
        """
        asked, desk = _asked_of(self.test), self._desk
        asked.anything = True
        if isinstance(question, str):
            pictures = image if isinstance(image, (list, tuple)) else [] if image is None else [image]
            answer = desk.question(question, tuple(_picture(one) for one in pictures))
            return Reply(answer.text, answer.judgement.verdict, desk.policy, answer.error)
        if not isinstance(question, Case):
            raise TypeError(f"vlm.ask: takes a case or words, not {type(question).__name__}")
        if (question is not asked.case and question != asked.case) or image is not None:
            raise ValueError("vlm.ask: takes the test's own `case` as it is; ask anything else as words")
        record = asked.ask(question)
        return Reply(record.text, record.verdict, desk.policy, record.error)


def _fixtures(the: Vlm) -> ModuleType:
    """The fixture `vlm` as a plugin. One for the whole run, without `request`, costs a sixth of one for each test."""

    @pytest.fixture(scope="session")
    def vlm() -> Vlm:
        """The configured model: `vlm.ask(case)`, or `vlm.ask("words", image=path)`."""
        return the

    plugin = ModuleType("vsc-fixtures")
    vars(plugin)["vlm"] = vlm
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


def choose_arguments(config: pytest.Config) -> None:
    """Without a path the shipped tests run; node ids that start with `suites/` lead to them from every folder."""
    folder = shipped("suites")
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(folder / "test_calibration.py")]
        return
    config.args = [_translated(argument, config.invocation_params.dir, folder) for argument in config.args]


def _translated(argument: str, base: Path, folder: Path) -> str:
    path, colons, rest = argument.partition("::")
    # Below the root of a project pytest shows `../suites/...`.
    first, *inside = [*dropwhile("..".__eq__, Path(path).parts)] or [""]
    if first != SUITE_TESTS or (base / path).exists() or not folder.joinpath(*inside).is_file():
        return argument
    return str(folder.joinpath(*inside)) + colons + rest


class ShippedModule(pytest.Module):
    """A shipped test module: it collects its tests whatever the project's `python_functions` says."""

    def funcnamefilter(self, name: str) -> bool:
        return name.startswith("test_")


class Runner:
    """The hooks of a process that runs tests."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._vlm = desk, Vlm(desk)
        self._withheld: set[str] = set()
        self._places: dict[tuple[pytest.Collector | None, str | None], pytest.Item] = {}
        self._words: set[str] = set()
        self._markers: dict[tuple[str | None, ...], tuple[pytest.Mark, ...]] = {}
        self._first = not gc.get_freeze_count()  # by the next run in a process some of this one is garbage

    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(_fixtures(self._vlm), "vsc-fixtures")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Register the words of cases as markers, once every plugin has its own, which keep their meaning."""
        config = session.config
        taken = {re.split(r"[:(]", line)[0].strip() for line in config.getini("markers")}
        self._words = {
            *CENTRICS,
            *VARIANTS,
            *(name for name in self._desk.categories if name not in taken and name[0] != "_"),
        }
        for word in sorted(self._words):
            config.addinivalue_line("markers", f"{word}: cases of this centric, variant or category (pytest-vsc)")

    def pytest_pycollect_makemodule(self, module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
        if module_path.parent != shipped("suites"):
            return None
        nodeid = f"{SUITE_TESTS}/{module_path.name}"
        module: pytest.Module = ShippedModule.from_parent(parent, path=module_path, nodeid=nodeid)
        return module

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        markers = list(metafunc.definition.iter_markers("vsc"))
        if not markers:
            return
        where = metafunc.definition.nodeid
        if "case" not in metafunc.fixturenames:
            raise BadMarker(f"{where}: a test marked `vsc` takes the argument `case` (and `vlm` to ask it)")
        cases = self._matching(markers, where)
        if not cases and self._desk.sampled:
            metafunc.parametrize("case", [pytest.param(None, id=NONE_DRAWN)])
            return
        metafunc.parametrize("case", cases, ids=_labels(cases))

    def _marks(self, case: Case) -> tuple[pytest.Mark, ...]:
        """The words of a case as markers, for `-m`: its centric, its variant and its category."""
        words = (case.centric, case.variant, case.category)
        if words not in self._markers:
            self._markers[words] = tuple(getattr(pytest.mark, word).mark for word in words if word in self._words)
        return self._markers[words]

    def _place(self, item: pytest.Item) -> None:
        """Give an item the location that pytest would look up in its source once more: all cases of a test share it."""
        if not isinstance(item, pytest.Function):
            return
        first = self._places.setdefault((item.parent, item.originalname), item)
        file, line, name = first.location
        if first is not item and name.endswith(first.name):
            vars(item)["location"] = (file, line, name.removesuffix(first.name) + item.name)

    def _matching(self, markers: Sequence[pytest.Mark], where: str) -> list[Case]:
        filters = _filters(markers, where, set(self._desk.categories))
        return [
            case
            for case in self._desk.cases()
            if all(getattr(case, field) == value for field, value in filters.items())
        ]

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        case = case_of(item)
        if case is not None or "vlm" in getattr(item, "fixturenames", ()):
            item.stash[ASKED] = Asked(self._desk, case)
            if case is not None:
                item.own_markers.extend(self._marks(case))  # as `add_marker` does, less what `-k` finds in the id
            if case is None and item.config.pluginmanager.hasplugin("timeout"):
                # It waits in the test for a model that works for all: only --vlm-timeout knows when that is too long.
                item.add_marker(pytest.mark.timeout(0), append=False)

    @pytest.hookimpl(tryfirst=True)  # before xdist tells the session owner that this worker is ready
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        plan: list[Planned] = []
        for item in session.items:
            asked = item.stash.get(ASKED, None)
            if asked is not None:
                suite, case, repeat = asked.case.key if asked.case else ("", "", 0)
                plan.append((item.nodeid, suite, case, repeat))
        self._desk.expect(plan)
        if self._first:
            gc.freeze()  # what was collected stays to the end: no garbage collection need walk through it

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # around all others, those that measure time among them
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        asked = item.stash.get(ASKED, None)
        if asked is None:
            return (yield)
        asked.fetch()
        self._place(item)
        try:
            return (yield)
        finally:
            asked.forget()
            self._withheld.discard(item.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._vlm.test = item
        asked = item.stash.get(ASKED, None)
        if (asked is None or asked.case is None) and item.get_closest_marker("vsc") is not None:
            if self._desk.sampled and item.name.endswith(f"[{NONE_DRAWN}]"):
                pytest.skip("no case of this test is in the sample (--vsc-sample)")
            pytest.fail(
                "a test marked `vsc` must be a function or a method of a plain class: this one gets no case", False
            )

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        asked = item.stash.get(ASKED, None) or Asked(self._desk, None)
        asked.running = True
        try:
            yield
        finally:
            asked.running = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # What a subtest captured is put on its report only after it was made.
        if report.sections and report.nodeid in self._withheld:
            report.sections = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage, nodeid: str) -> None:
        if nodeid in self._withheld:
            withheld = pytest.PytestWarning(f"{warning_message.category.__name__} ({WITHHELD})")
            warning_message.message, warning_message.category = withheld, pytest.PytestWarning

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        asked = item.stash.get(ASKED, None)
        if asked is None:
            return report
        if (asked.case or asked.anything) and not self._desk.reveal:
            self._withheld.add(item.nodeid)
            _withhold(report, call)
        if asked.running:
            _leave_to_the_test(report, call, asked)
        elif asked.case is not None:
            _settle(report, call, asked)
        return report


def case_of(item: pytest.Item) -> Case | None:
    """The case of a marked test."""
    callspec = getattr(item, "callspec", None)
    case = callspec.params.get("case") if callspec is not None else None
    return case if isinstance(case, Case) and item.get_closest_marker("vsc") is not None else None


def _labels(cases: Sequence[Case]) -> list[str]:
    """Ids without a side where they stay unique, so that `-k safe` does not match every test."""
    labels = [case.label for case in cases]
    if len(set(labels)) == len(labels):
        return labels
    return [case.labelled(case.id) for case in cases]


def _filters(markers: Sequence[pytest.Mark], where: str, categories: set[str]) -> dict[str, str]:
    """What the markers of a test ask for together; that of the function goes before that of its class or module."""
    if any(marker.args for marker in markers):
        raise BadMarker(f"{where}: the marker vsc takes keywords only, such as side='unsafe'")
    allowed = {**FILTERS, "category": tuple(categories)}
    wanted = {name: value for marker in reversed(markers) for name, value in marker.kwargs.items()}
    for name, value in wanted.items():
        if name not in allowed:
            raise BadMarker(f"{where}: unknown keyword '{name}' of the marker vsc; {expected(name, allowed)}")
        if value is not None and value not in allowed[name]:
            raise BadMarker(f"{where}: unknown {name} '{value}'; {expected(str(value), allowed[name])}")
    return {name: value for name, value in wanted.items() if value is not None}


WITHHELD = "details withheld, they may hold harmful text; --vsc-reveal shows them"


def _withhold(report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
    """Take all out of a report that may hold a prompt or an answer: traceback, message, captured output, properties."""
    if report.sections:
        report.sections = []
    if report.user_properties:
        report.user_properties = [(name, "withheld") for name, _ in report.user_properties]
    if call.excinfo is None:
        if hasattr(report, "wasxfail"):  # passed where it was to fail, for a reason that a test may have made up
            report.wasxfail = WITHHELD
        if report.failed:
            report.longrepr = f"[XPASS(strict)] {WITHHELD}"
        return
    place = call.excinfo.traceback[-1] if call.excinfo.traceback else None
    where = f"{place.path}:{place.lineno + 1}: " if place else ""
    text = f"{where}{call.excinfo.typename} ({WITHHELD})"
    if hasattr(report, "wasxfail"):
        report.wasxfail = text
    if isinstance(report.longrepr, tuple):  # a skip: path, line, reason
        report.longrepr = (*report.longrepr[:2], f"Skipped: {WITHHELD}")
    else:
        report.longrepr = text


def _settle(report: pytest.TestReport, call: pytest.CallInfo[None], asked: Asked) -> None:
    """Let the record decide how the test is reported, whatever the test did with its assertion."""
    case, record = asked.case, asked.record
    assert case is not None
    # Of a case that was asked in a fixture which then skips or fails, that report tells.
    if report.when != "call" and (record is None or report.when != "setup" or report.passed):
        return
    outcome = record.outcome if record else "INVALID"
    # One piece of text, since each report is kept to the end of the session, and sent by a worker piece by piece.
    told = f"{case.suite} {case.id} 0 {outcome}"
    report.vsc = told if record else f"{told} {_why(asked)}"  # type: ignore[attr-defined]
    if record is not None:
        report.duration += record.seconds or 0.0
    if report.when != "call" or outcome == "CORRECT":
        return
    why = _why(asked)
    report.user_properties = [*report.user_properties, ("vsc_outcome", outcome)]
    if report.failed and (record is None or not _is_verdict(call)):
        return  # the test itself is broken, which is worse and must stay visible
    if asked.desk.strict:
        report.outcome, report.longrepr = "failed", f"{case.label}: {why}"
        _forget_xfail(report)
        return
    report.outcome, report.wasxfail, report.longrepr = "skipped", why, why


def _leave_to_the_test(report: pytest.TestReport, call: pytest.CallInfo[None], asked: Asked) -> None:
    """A subtest that failed at the verdict of the case: the test's own report says so, once."""
    if report.failed and asked.record is not None and asked.record.outcome != "CORRECT" and _is_verdict(call):
        report.outcome, report.longrepr = "passed", None


def _is_verdict(call: pytest.CallInfo[None]) -> bool:
    return call.excinfo is not None and isinstance(call.excinfo.value, (AssertionError, InvalidReply))


def _forget_xfail(report: pytest.TestReport) -> None:
    if hasattr(report, "wasxfail"):
        del report.wasxfail


def _why(asked: Asked) -> str:
    """Why the case is not correct, without a word of prompt or answer."""
    record = asked.record
    if record is None:
        return "invalid: asking the case failed" if asked.anything else "invalid: the test never asked its case"
    tail = f": {record.error}" if record.error else ""
    return f"{record.outcome.lower()}: verdict {record.verdict}{tail}"
