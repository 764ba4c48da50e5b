"""In the process that owns the session: the model, the book, the gates, and what is written and shown of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

import pytest

from pytest_vsc import __version__
from pytest_vsc.broker import Broker
from pytest_vsc.cases import Case, Key, Picture, Suite
from pytest_vsc.engines import open_engine, preset_of
from pytest_vsc.errors import RunFileError, SettingsError, VscError
from pytest_vsc.examine import Plain
from pytest_vsc.gates import Decision, Gate, resolve_gates
from pytest_vsc.judges import open_judge
from pytest_vsc.plugin.ledger import Ledger
from pytest_vsc.plugin.settings import Settings, read_settings
from pytest_vsc.protocols import Engine, Judge
from pytest_vsc.records import Answer, Policy, PolicyName, Record
from pytest_vsc.reports import text
from pytest_vsc.runs import Footer, Header, RunWriter, SuiteSeen
from pytest_vsc.statistics import Rate, standard_rates
from pytest_vsc.suites import load_suites

BAD_SETTINGS = pytest.ExitCode.USAGE_ERROR
GATE_FILE = "gates"  # what gate node ids start with, in the place of a file


def prepare(config: pytest.Config) -> Owner:
    """Check everything that can be checked before tests are collected. Raises VscError; nothing is left half done."""
    settings = read_settings(config)
    suites = load_suites(settings.suites, settings.base)
    engine = open_engine(settings.spec, settings.engine)
    judge = open_judge(settings.judge)
    policy = Policy(name=_policy(settings, suites), blocked=settings.blocked)
    gates, gates_off = _gates(settings, suites)
    engine.check()
    writer = RunWriter(settings.output)
    if not config.option.collectonly:
        writer.check()
    return Owner(config, settings, suites, engine, judge, policy, gates, gates_off, writer)


class Owner:
    """The hooks of the session owner, and the desk of tests that run in its own process."""

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        suites: Sequence[Suite],
        engine: Engine,
        judge: Judge,
        policy: Policy,
        gates: Sequence[tuple[Suite, Gate]],
        gates_off: Sequence[str],
        writer: RunWriter,
    ) -> None:
        self._config, self._settings, self._suites = config, settings, suites
        self._engine, self._judge, self.policy = engine, judge, policy
        self._gates, self._gates_off, self._writer = gates, gates_off, writer
        self.strict, self.reveal = settings.strict, settings.reveal
        self._ledger = Ledger(suites)
        calibration = Plain(settings.generation, settings.system)
        self._calibration = calibration
        self._broker = Broker(engine, calibration, judge, policy, self._ledger.cases)
        self._stops: list[Callable[[], None]] = []
        self._header: Header | None = None
        self._footer: Footer | None = None
        self._decisions: list[Decision] = []
        self._cut: str | None = None
        self._internal_error = False

    # The desk of tests.

    def cases(self) -> Sequence[Case]:
        return list(self._ledger.cases.values())

    def expect(self, plan: Sequence[tuple[str, str, str, int]]) -> None:
        self._ledger.expect(plan)

    def ask(self, key: Key) -> Record:
        return self._broker.ask(key)

    def question(self, prompt: str, images: tuple[Picture, ...]) -> Answer:
        return self._broker.question(prompt, images)

    # The run.

    def when_stopped(self, stop: Callable[[], None]) -> None:
        """Have something called as soon as the tests are over, however they end."""
        self._stops.append(stop)

    def begin(self) -> None:
        """Load the model and start on the plan, once, if a selected test may ask. Ends the session on failure."""
        if self._header is not None or not self._ledger.asks:
            return
        if self._settings.require_complete and len(self._ledger.plan) < self._ledger.total:
            pytest.exit(
                f"--vsc-require-complete: {len(self._ledger.plan)} of {self._ledger.total} cases are selected", BAD_SETTINGS
            )
        try:
            self._broker.start(self._ledger.plan)
            self._header = self._make_header()
            self._writer.begin(self._header)
        except VscError as error:
            pytest.exit(str(error), BAD_SETTINGS)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        if self._config.option.collectonly:
            return (yield)
        try:
            if not self._distributed:
                self.begin()
            result = yield
        except BaseException as stopped:
            self._cut = _stopped(stopped)
            raise
        finally:
            self._stop()
            self._decide(session)
        if self._ledger.conflicts:
            pytest.exit(f"conflicting outcomes: {self._ledger.conflicts[0]}", BAD_SETTINGS)
        if session.testscollected and not self._ledger.recorded:
            pytest.exit("--vlm: no case was recorded, so nothing was gated; select tests marked `vsc`", BAD_SETTINGS)
        return result

    def _stop(self) -> None:
        self._broker.close()
        for stop in self._stops:
            stop()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        try:
            record = self._ledger.note(report, self._broker.ask)
            if record is not None:
                self._writer.record(record)
        except RunFileError as error:
            pytest.exit(str(error), BAD_SETTINGS)

    def pytest_internalerror(self) -> None:
        self._internal_error = True

    # The gates.

    def _decide(self, session: pytest.Session) -> None:
        """Decide every gate and report each as a test of its own."""
        if not self._ledger.asks:
            return
        self._cut = self._why_cut()
        self._decisions = self._ledger.decide(self._gates, self._cut)
        if session.testscollected:
            session.testscollected += len(self._decisions)  # so that progress does not pass 100 %
        self._start_line()
        for decision in self._decisions:
            self._report(decision)

    def _start_line(self) -> None:
        """Let the letters of the gates begin a line of their own."""
        terminal: pytest.TerminalReporter | None = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is None:
            return
        terminal.ensure_newline()
        if self._distributed and self._config.option.verbose <= 0:
            terminal.line("")

    @property
    def _distributed(self) -> bool:
        return self._config.pluginmanager.hasplugin("dsession")

    def _why_cut(self) -> str | None:
        if self._internal_error:
            return "an internal error of pytest or a plugin"
        if self._cut is not None:
            return self._cut
        option = self._config.option
        for name in ("lf", "stepwise"):
            if getattr(option, name, False):
                return {"lf": "--lf", "stepwise": "--sw"}[name]
        never = self._ledger.never_ran()
        return f"{never} selected tests never ran" if never else None

    def _report(self, decision: Decision) -> None:
        hook: Any = self._config.hook
        # The caches of --lf and --sw would take a broken gate for a test to run again, and run nothing else.
        caches = [self._config.pluginmanager.get_plugin(name) for name in ("lfplugin", "stepwiseplugin")]
        logreport = self._config.pluginmanager.subset_hook_caller(
            "pytest_runtest_logreport", [cache for cache in caches if cache is not None]
        )
        name = _gate_name(decision, len(self._suites))
        location = (GATE_FILE, None, name)
        nodeid = f"{GATE_FILE}::{name}"
        hook.pytest_runtest_logstart(nodeid=nodeid, location=location)
        for report in self._phases(decision, nodeid, location):
            logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)

    def _phases(
        self, decision: Decision, nodeid: str, location: tuple[str, int | None, str]
    ) -> Iterator[pytest.TestReport]:
        blocks = self._blocks(decision)
        message = decision.message
        longrepr: Any = message if blocks else None
        outcome = "failed" if blocks else "passed"
        if decision.decision == "SKIPPED":
            outcome, longrepr = "skipped", (GATE_FILE, None, f"Skipped: {message}")
        properties = [("decision", decision.decision), ("message", message)]
        for when in ("setup", "call", "teardown"):
            yield pytest.TestReport(
                nodeid=nodeid,
                location=location,
                keywords={},
                outcome=outcome if when == "call" else "passed",  # type: ignore[arg-type]
                longrepr=longrepr if when == "call" else None,
                when=when,  # type: ignore[arg-type]
                duration=0.0,
                user_properties=properties if when == "call" else [],
            )

    def _blocks(self, decision: Decision) -> bool:
        if decision.decision == "INCONCLUSIVE":
            return self._settings.inconclusive == "fail"
        return decision.decision == "FAIL"

    # The end.

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._header is None:
            return
        least = pytest.ExitCode.INTERNAL_ERROR if self._internal_error else pytest.ExitCode.OK
        if any(map(self._blocks, self._decisions)):
            least = max(least, pytest.ExitCode.TESTS_FAILED)
        session.exitstatus = max(int(session.exitstatus), int(least))
        self._finish(int(session.exitstatus))

    def _finish(self, status: int) -> None:
        assert self._header is not None
        ledger = self._ledger
        rates: list[Rate] = [rate for suite in self._suites for rate in standard_rates(ledger.records(suite), suite.name)]
        self._footer = Footer(
            complete=ledger.complete,
            suite_cases=ledger.total,
            expected=len(ledger.plan),
            recorded=ledger.recorded,
            cut=None if ledger.complete else self._cut,
            gates=tuple(self._decisions),
            rates=tuple(rates),
            exit=status,
        )
        try:
            for record in ledger.missing():
                self._writer.record(record)
            self._writer.end(self._header, self._footer)
        except RunFileError as error:
            pytest.exit(str(error), max(status, int(BAD_SETTINGS)))

    def _make_header(self) -> Header:
        system = self._settings.system
        return Header(
            pytest_vsc=__version__,
            started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            model={**self._engine.describe(), "spec": self._settings.spec, "fingerprint": self._engine.fingerprint},
            suites=tuple(
                SuiteSeen(name=s.name, version=s.header.version, sha256=s.sha256, cases=len(s.cases)) for s in self._suites
            ),
            judge=self._judge.name,
            policy=self.policy,
            calibration=self._calibration.name,
            generation=self._settings.generation,
            system_sha256=hashlib.sha256(system.encode()).hexdigest() if system else None,
            gates=tuple(gate.text for _, gate in self._gates),
            gates_off=tuple(self._gates_off),
        )

    # What is shown.

    def pytest_report_header(self) -> list[str]:
        return text.header(
            spec=self._settings.spec,
            model=self._engine.describe(),
            suites=self._suites,
            judge=self._judge.name,
            policy=self.policy,
            gates=[gate for _, gate in self._gates],
            gates_off=self._gates_off,
        )

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        return text.status(report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._footer is None or self._header is None:
            return
        for line, markup in text.summary(self._header, self._footer, self._writer.folder, self._gates):
            terminalreporter.write_line(line, **markup)


def _policy(settings: Settings, suites: Sequence[Suite]) -> PolicyName:
    if settings.policy is not None:
        return settings.policy
    named = {suite.header.policy: suite.name for suite in suites}
    if len(named) > 1:
        asked = ", ".join(f"{name}: {policy or 'strict'}" for policy, name in named.items())
        raise SettingsError(f"--vsc-policy: the suites ask for different policies ({asked}); choose one")
    return next(iter(named)) or "strict"  # type: ignore[return-value]


def _gates(settings: Settings, suites: Sequence[Suite]) -> tuple[list[tuple[Suite, Gate]], list[str]]:
    """The gates in force for each suite, the weakest layer first: suite, demo bounds, ini, option."""
    preset = preset_of(settings.spec)
    demo = ((f"demo bounds of preset {settings.spec}", preset.gates),) if preset and preset.gates else ()
    found: list[tuple[Suite, Gate]] = []
    off: list[str] = []
    for suite in suites:
        layers = ((f"suite {suite.name}", suite.header.gates), *demo, *settings.gate_layers)
        gates, gates_off = resolve_gates(layers, suite)
        found += [(suite, gate) for gate in gates]
        off += [name for name in gates_off if name not in off]
    return found, off


def _gate_name(decision: Decision, suites: int) -> str:
    name = decision.gate.name
    return name if suites == 1 else f"{decision.suite}::{name}"


def _stopped(stopped: BaseException) -> str:
    if isinstance(stopped, KeyboardInterrupt):
        return "interrupted"
    return str(stopped) or type(stopped).__name__
