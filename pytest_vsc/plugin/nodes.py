"""In every process that runs tests: cases become parameters, tests run, and their reports are settled.

It holds no model and writes no file; where cases and records come from is behind `asking.Desk`. The record of a test's
case is waited for before the test begins, so that no clock of pytest's or a plugin's counts the model's time as the
test's.
"""

from __future__ import annotations

import gc
import re
import warnings
from collections.abc import Collection, Generator, Sequence
from itertools import dropwhile
from pathlib import Path

import pytest

from pytest_vsc.cases import CENTRICS, SIDES, UTILITY, VARIANTS, Case
from pytest_vsc.errors import expected, inert
from pytest_vsc.plugin import livelogs
from pytest_vsc.plugin.asking import ASKED, Asked, Desk, Planned, Vlm, fixtures
from pytest_vsc.plugin.settling import (
    ANSWER,
    PROMPT,
    WITHHELD,
    leave_to_the_test,
    make_inert,
    pass_over,
    property_name,
    settle,
    stopped_by,
    withhold,
    without_words,
)
from pytest_vsc.records import NOT_NEEDED
from pytest_vsc.shipped import shipped

NO_CASE = "no-case"  # the id of a test of whose cases the suites, or what is drawn of them, have none
# By whether their cases have answers.
SHIPPED_TESTS = {False: "test_calibration.py", True: "test_utility.py"}
SUITE_TESTS = "suites"  # the folder that node ids of the shipped tests start with, wherever they really lie
BadMarker = pytest.Collector.CollectError  # shown by its message alone
STOPS = (pytest.exit.Exception, KeyboardInterrupt)  # what ends the session at once, and no report tells
FILTERS = {"side": SIDES, "centric": CENTRICS, "variant": VARIANTS}


def translate_arguments(config: pytest.Config) -> None:
    """Have node ids that start with `suites/` lead to the shipped tests from every folder."""
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        folder = shipped("suites")
        config.args = [_translated(argument, config.invocation_params.dir, folder) for argument in config.args]


def choose_tests(config: pytest.Config, utility: Collection[bool]) -> None:
    """Without a path the shipped tests run, those that have cases. utility: what the suites have, True for answers."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(shipped("suites") / file) for kind, file in SHIPPED_TESTS.items() if kind in utility]


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
        self._knowing: set[str] = set()  # node ids of tests under way that know a prompt or an answer
        self._tears_down = False
        self._places: dict[tuple[pytest.Collector | None, str | None], pytest.Item] = {}
        self._words: set[str] = set()
        self._markers: dict[tuple[str | None, ...], tuple[pytest.Mark, ...]] = {}
        self._first = not gc.get_freeze_count()  # by the next run in a process some of this one is garbage

    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(fixtures(self._vlm), "vsc-fixtures")
        config.pluginmanager.register(Entrance(self._desk), "vsc-entrance")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Register the words of cases as markers, once every plugin has its own, which keep their meaning."""
        config = session.config
        livelogs.guard(config, self._showing)
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
        if not cases:
            metafunc.parametrize("case", [pytest.param(None, id=NO_CASE)])
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
        utility, filters = _filters(markers, where, set(self._desk.categories))
        return [
            case
            for case in self._desk.cases()
            if (case.side is None) == utility and all(getattr(case, field) == value for field, value in filters.items())
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

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Run tests in the order in which their cases are asked, where that is no matter of convenience."""
        if not self._desk.in_order:
            return
        place = {case.key: number for number, case in enumerate(self._desk.cases())}
        asked = [item.stash.get(ASKED, None) for item in items]
        places = [place[one.case.key] if one and one.case else -1 for one in asked]
        items[:] = [items[number] for number in sorted(range(len(items)), key=places.__getitem__)]

    @pytest.hookimpl(tryfirst=True)  # before xdist tells the session owner that this worker is ready
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        plan: list[Planned] = []
        for item in session.items:
            asked = item.stash.get(ASKED, None)
            if asked is not None and not is_excluded(self._desk, asked):
                suite, case, repeat = asked.case.key if asked.case else ("", "", 0)
                plan.append((item.nodeid, suite, case, repeat))
        self._desk.expect(plan)
        if self._first:
            gc.freeze()  # what was collected stays to the end: no garbage collection need walk through it

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # around all others, those that measure time among them
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        asked = item.stash.get(ASKED, None)
        if asked is None:
            try:
                return (yield)
            finally:
                self._knowing.discard(item.nodeid)
        if not is_excluded(self._desk, asked):
            asked.fetch()
        self._place(item)
        try:
            return (yield)
        finally:
            asked.forget()
            self._knowing.discard(item.nodeid)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, None, None]:
        self._vlm.test = item
        try:
            yield
        except STOPS as stop:
            raise self._stop(item, stop) from None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        asked = item.stash.get(ASKED, None) or Asked(self._desk, None)
        asked.running = True
        try:
            yield
        except STOPS as stop:
            raise self._stop(item, stop) from None
        finally:
            asked.running = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, None, None]:
        self._tears_down = True
        try:
            yield
        except STOPS as stop:
            raise self._stop(item, stop) from None
        finally:
            self._tears_down = False

    def _stop(self, item: pytest.Item, stop: BaseException) -> BaseException:
        """What ends the session here, without the words that it was given."""
        knows = self._vlm.knows(item.stash.get(ASKED, None)) or self._is_of_others
        return stopped_by(stop) if knows and not self._desk.reveal else stop

    @property
    def _is_of_others(self) -> bool:
        """Whether a fixture is torn down that other tests may have given a reply."""
        return self._tears_down and self._vlm.lent

    def _showing(self) -> livelogs.Showing:
        if not (self._vlm.keeps_back or self._is_of_others):
            return "as it is"
        return "inert" if self._desk.reveal else "withheld"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid in self._knowing:
            without_words(report, reveal=self._desk.reveal)

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage, nodeid: str) -> None:
        if nodeid in self._knowing:
            told = inert(str(warning_message.message)) if self._desk.reveal else f"({WITHHELD})"
            harmless = pytest.PytestWarning(f"{warning_message.category.__name__} {told}")
            warning_message.message, warning_message.category = harmless, pytest.PytestWarning

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        asked = item.stash.get(ASKED, None)
        if asked is None:
            if self._vlm.lent and call.when == "teardown":  # of a fixture that others used before
                self._keep_back(item, report, call)
            return report
        if asked.not_needed or is_excluded(self._desk, asked):
            pass_over(report, asked)
            return report
        if self._vlm.knows(asked):
            self._keep_back(item, report, call)
        if asked.running:
            leave_to_the_test(report, call, asked)
        elif asked.case is not None:
            settle(report, call, asked)
            told = [(property_name(name), text) for name, text in report.sections if name in (PROMPT, ANSWER)]
            item.user_properties.extend(told)  # where JUnit finds them
        return report

    def _keep_back(self, item: pytest.Item, report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
        """Keep the words of prompts and answers out of a report, or what they would do where they are to be shown."""
        self._knowing.add(item.nodeid)
        if self._desk.reveal:
            make_inert(report)
        else:
            withhold(report, call)


class Entrance:
    """Passes over tests that are not to run, before a fixture is set up for them.

    Apart from `Runner`, which stands around all plugins: what these tear down they must have set up.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        asked = item.stash.get(ASKED, None)
        if asked is not None and asked.case is not None:
            if is_excluded(self._desk, asked):
                pytest.skip(f"excluded: {self._desk.excluded[asked.case.key.first]}")
            if asked.not_needed:
                pytest.skip(NOT_NEEDED)
        if (asked is None or asked.case is None) and item.get_closest_marker("vsc") is not None:
            if item.name.endswith(f"[{NO_CASE}]"):
                where = "the sample (--vsc-sample)" if self._desk.sampled else "the suites"
                pytest.skip(f"no case of this test is in {where}")
            pytest.fail(
                "a test marked `vsc` must be a function or a method of a plain class: this one gets no case", False
            )


def is_excluded(desk: Desk, asked: Asked) -> bool:
    return asked.case is not None and asked.case.key.first in desk.excluded


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


def _filters(markers: Sequence[pytest.Mark], where: str, categories: set[str]) -> tuple[bool, dict[str, str]]:
    """What the markers of a test ask for together; that of the function goes before that of its class or module.

    First whether it is utility cases, which no other test gets.
    """
    if any(marker.args for marker in markers):
        raise BadMarker(f"{where}: the marker vsc takes keywords only, such as side='unsafe'")
    allowed = {**FILTERS, "category": tuple(categories)}
    wanted = {name: value for marker in reversed(markers) for name, value in marker.kwargs.items()}
    utility = wanted.pop(UTILITY, None)
    if utility not in (None, True, False):
        raise BadMarker(f"{where}: utility={utility!r} in the marker vsc; expected True or False")
    if utility and wanted.get("side") is not None:
        raise BadMarker(f"{where}: the marker vsc asks for utility cases of a side; these have none: leave one out")
    for name, value in wanted.items():
        if name not in allowed:
            known = expected(name, (*allowed, UTILITY))
            raise BadMarker(f"{where}: unknown keyword '{name}' of the marker vsc; {known}")
        if value is not None and value not in allowed[name]:
            raise BadMarker(f"{where}: unknown {name} '{value}'; {expected(str(value), allowed[name])}")
    return bool(utility), {name: value for name, value in wanted.items() if value is not None}
