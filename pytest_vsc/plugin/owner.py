"""In the process that owns the session: the tests are asked for, and the gates decided. `screen` shows it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import NamedTuple

import pytest

from pytest_vsc import intervals, paired
from pytest_vsc.broker import Broker
from pytest_vsc.cards import card_of
from pytest_vsc.cases import Case, Key, Picture, Suite, complete
from pytest_vsc.deciding import Decision, Evidence
from pytest_vsc.early import Early
from pytest_vsc.errors import RunFileError, StoreError, VscError, one_line, printable
from pytest_vsc.examine import Approach
from pytest_vsc.plugin.account import footer_of, header_of
from pytest_vsc.plugin.calibrating import as_typed, refuse_leaks
from pytest_vsc.plugin.finishing import Files
from pytest_vsc.plugin.gating import blocks, report_gate
from pytest_vsc.plugin.judging import Opinions, refuse_itself
from pytest_vsc.plugin.ledger import Ledger
from pytest_vsc.plugin.preparing import Prepared, sound
from pytest_vsc.plugin.progress import Watch
from pytest_vsc.plugin.publishing import reports_of
from pytest_vsc.records import Answer, Record
from pytest_vsc.reports.reasons import Reasons
from pytest_vsc.runs import Footer, Header
from pytest_vsc.selection import shuffled

BAD_SETTINGS = pytest.ExitCode.USAGE_ERROR


class Closing(NamedTuple):
    """The end of a run, as far as it is shown. kept: what is wrong with the kept answers. trouble: why it was not
    written; "" where it was. told, annotations: as in `publishing`."""

    header: Header
    footer: Footer
    kept: str
    trouble: str
    told: Sequence[str]
    annotations: Sequence[str]


class Owner:
    """The hooks of the session owner, and the desk of tests that run in its own process."""

    def __init__(self, config: pytest.Config, ready: Prepared) -> None:
        settings = ready.settings
        self._config, self._ready, self._settings = config, ready, settings
        self.policy, self.strict, self.reveal = ready.policy, settings.strict, settings.reveal
        self._ledger = Ledger(ready.suites, settings.repeats)
        self._early: Early | None = None
        self._broker = Broker(
            ready.engine,
            Approach(settings.generation, settings.system, ready.calibrations),
            ready.judge,
            ready.policy,
            self._ledger.cases,
            store=ready.store,
            reveal=settings.reveal,
            earlier=ready.earlier,
        )
        self._watch = Watch(config, self._broker.progress)
        self._opinions = Opinions(card_of(ready.judge))
        self._reasons = Reasons()
        self._stops: list[Callable[[], None]] = []
        reports = reports_of(ready.suites, settings.report_images, ready.baseline)
        self.files = Files(ready.writer, reports)
        self._decisions: list[Decision] = []
        self._cut: str | None = None
        self._internal_error = False
        self._store_trouble = ready.store_trouble

    # The desk of tests.

    @property
    def sampled(self) -> bool:
        return self._ready.drawn is not None

    @property
    def in_order(self) -> bool:
        return self._settings.early_stop

    @functools.cached_property
    def excluded(self) -> Mapping[Key, str]:
        return {key: exclusion.text for key, exclusion in self._ready.excluded.items()}

    @property
    def categories(self) -> Sequence[str]:
        return list(dict.fromkeys(name for suite in self._ready.suites for name in suite.header.categories))

    def cases(self) -> Sequence[Case]:
        """The cases that may be selected: all, or those drawn; in the order of asking, where that is a random one."""
        found = [case for case in self._ledger.cases.values() if self._is_drawn(case.key)]
        if not self._settings.early_stop:
            return found
        order = shuffled([case for case in found if not case.key.repeat], self._settings.seed)
        times = range(self._settings.repeats.times)
        return [self._ledger.cases[case.repeated(again).key] for case in order for again in times]

    def _is_drawn(self, key: Key) -> bool:
        drawn = self._ready.drawn
        return drawn is None or key.case in drawn[key.suite][0]

    def expect(self, plan: Sequence[tuple[str, str, str, int]]) -> None:
        self._ledger.expect(plan)

    def ask(self, key: Key, *, helping: bool = False) -> Record:
        with self._watch.waiting():
            return self._broker.ask(key, helping=helping)

    def peek(self, key: Key) -> Record | None:
        return self._broker.peek(key)

    def question(self, prompt: str, images: tuple[Picture, ...]) -> Answer:
        with self._watch.waiting():
            return self._broker.question(prompt, images)

    # The run.

    def when_stopped(self, stop: Callable[[], None]) -> None:
        """Have something called as soon as the tests are over, however they end."""
        self._stops.append(stop)

    def begin(self) -> None:
        """Load the model and start on the plan, once, if a selected test may ask. Ends the session on failure."""
        if self.files.header is not None or not self._ledger.asks:
            return
        if self._settings.require_complete and len(self._ledger.plan) < self._ledger.total:
            pytest.exit(
                f"--vsc-require-complete: {len(self._ledger.plan)} of {self._ledger.total} cases are selected",
                BAD_SETTINGS,
            )
        complete()
        named = f"--vlm {self._settings.spec}"
        try:
            with self._watch.waiting():
                evaluated = [self._ledger.cases[key] for key in self._ledger.plan]
                used = self._ready.calibrations, self._settings.engine.adapter
                sound(lambda: refuse_leaks(*used, evaluated), "--vsc-calibrate")
                wanted = self._followed() if self._settings.early_stop else None
                sound(lambda: self._broker.start(self._ledger.plan, wanted), named)
            refuse_itself(self._settings, self._ready.engine, self._ready.judge)  # what they are is known only now
            made = functools.partial(header_of, self._ready, self._broker.check)
            self.files.begin(sound(made, named))
        except VscError as error:
            pytest.exit(printable(as_typed(error, self._ready.calibrations)), BAD_SETTINGS)
        self._load()

    def _load(self) -> None:
        """Load what decides while the model is at work, in a thread: an interrupt would leave an import half done."""

        def load() -> None:
            intervals.make_ready()
            if self._ready.baseline is not None:
                paired.make_ready()

        loading = threading.Thread(target=load, name="vsc-loading", daemon=True)
        loading.start()
        loading.join()

    def _followed(self) -> Callable[[Case], bool]:
        """Follow the gates from here on; tells which cases they still need."""
        selected = {key.first for key in self._ledger.plan}
        order = [case for case in self.cases() if not case.key.repeat]
        gates = [(suite.name, gate) for suite, gate in self._ready.gates]
        repeats = self._settings.repeats
        self._early = Early(gates, order, repeats.times, repeats.rule, selected)
        return self._early.wanted

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        if self._config.option.collectonly:
            return
        try:
            self._ready.writer.forget()
        except RunFileError as error:
            pytest.exit(printable(error), BAD_SETTINGS)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        if self._config.option.collectonly:
            return (yield)
        try:
            self._watch.start()
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
        if session.testscollected and (why := self._gated_nothing()):
            pytest.exit(f"--vlm: {why}", BAD_SETTINGS)
        if self._settings.require_complete and not self._ledger.complete:
            pytest.exit(
                f"--vsc-require-complete: {self._ledger.recorded} of {self._ledger.total} cases are recorded",
                BAD_SETTINGS,
            )
        return result

    def _gated_nothing(self) -> str | None:
        """Why the run says nothing about the model, if so."""
        if not self._ledger.recorded:
            return "no case was recorded, so nothing was gated; select tests marked `vsc`"
        if all(decision.decision == "SKIPPED" for decision in self._decisions):
            return "no gate decided anything; leave one in force for what is selected"
        return None

    def last_word(self) -> tuple[int, str]:
        """The least exit status that this session may end with, and why; 0 when every gate let it pass."""
        if (why := self._gated_nothing()) is not None:
            return BAD_SETTINGS, why
        if self.files.footer is None:
            return pytest.ExitCode.INTERNAL_ERROR, "the run came to no end"
        return self.files.footer.exit, "a gate or a test failed"

    @property
    def ended(self) -> bool:
        """Whether the run has come to its end, and its gates are decided."""
        return self.files.footer is not None

    def pytest_enter_pdb(self) -> None:
        self._watch.stop()

    def _stop(self) -> None:
        self._watch.stop()
        self._broker.close()
        self._close_store()
        for stop in self._stops:
            stop()

    def _close_store(self) -> None:
        if self._ready.store is not None:
            try:
                self._ready.store.close()
            except StoreError as error:  # what it kept is kept; only when it was last used is not written down
                self._store_trouble = self._store_trouble or printable(error)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._stop_for_want_of_a_model()
        if str(report.when) == "???" and (key := self._ledger.key_of(report.nodeid)) is not None:
            self._broker.forget(key)  # its worker has died
        try:
            record = self._ledger.note(report, self._broker.record)
            if record is not None:
                self._note(record)
        except RunFileError as error:
            pytest.exit(printable(error), BAD_SETTINGS)

    def _note(self, record: Record) -> None:
        self.files.record(record)
        if record.outcome == "NOT_RUN":
            return
        self._opinions.note(record)
        self._reasons.note(record)
        if self._early is not None:
            ruled = self._early.ruled
            self._early.see(record.key, record.outcome)
            if self._early.ruled > ruled:
                self._broker.narrow()

    def pytest_unconfigure(self) -> None:
        self._broker.close()  # where no test ever ran

    def pytest_internalerror(self) -> None:
        self._internal_error = True

    # The gates.

    def _decide(self, session: pytest.Session) -> None:
        """Decide every gate and report each as a test of its own."""
        if not self._ledger.asks:
            return
        self._cut = self._why_cut()
        self._decisions = self._ledger.decide(self._ready.gates, self._cut, self._filters(), self._evidence())
        cut = self._cut is not None and not self._ledger.complete
        if self._early is not None and self._ledger.not_run and not cut:
            partial = self._ledger.partial(self._filters())
            self._decisions = [self._early.decision(decision, partial) for decision in self._decisions]
        if session.testscollected:
            session.testscollected += len(self._decisions)  # so that progress does not pass 100 %
        self._start_line()
        option = self._config.option
        most, option.maxfail = option.maxfail, 0  # gates are not among the failures that --maxfail counts
        for decision in self._decisions:
            name = decision.gate.name if len(self._ready.suites) == 1 else f"{decision.suite}::{decision.gate.name}"
            report_gate(self._config, decision, name, blocked=self._blocks(decision))
        option.maxfail = most

    def _evidence(self) -> Callable[[Suite], Evidence]:
        """What the gates of a suite may need beside its records."""
        pairs = self._ledger.pairs_with(self._ready.baseline) if self._ready.baseline else {}
        return lambda suite: Evidence(self._ready.figures, pairs.get(suite.name))

    def _start_line(self) -> None:
        """Let the letters of the gates begin a line of their own."""
        terminal: pytest.TerminalReporter | None = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is None:
            return
        terminal.ensure_newline()
        if self._config.get_terminal_writer().width_of_current_line:
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

    def _filters(self) -> list[str]:
        """What the user selected by, in the words of the command line, where that leaves cases out."""
        if len(self._ledger.plan) == self._ledger.total:
            return []
        option = self._config.option
        found = [self._settings.sample.text] if self._settings.sample else []
        found += [f"-k {option.keyword}"] if option.keyword else []
        found += [f"-m {option.markexpr}"] if option.markexpr else []
        found += ["--deselect"] if option.deselect else []
        left_out = sum(self._is_drawn(key) for key in self._ready.excluded)
        found += [f"{left_out} excluded"] if left_out else []
        if self._config.args_source is pytest.Config.ArgsSource.ARGS:
            given = [str(argument) for argument in self._config.invocation_params.args]
            nodes = [argument for argument in given if "::" in argument]
            found += [f"node ids ({len(nodes)})" if nodes else "the tests of a path"]
        return [one_line(text) for text in found] or ["no test asks the others"]

    def _stop_for_want_of_a_model(self) -> None:
        """End the session when the broker cannot go on, or must not go on without the store."""
        if self._broker.failure is not None:
            pytest.exit(printable(as_typed(self._broker.failure, self._ready.calibrations)), BAD_SETTINGS)
        if self._broker.trouble and self._settings.require_cache:
            pytest.exit(f"--vsc-require-cache: {self._broker.trouble}", BAD_SETTINGS)

    def _blocks(self, decision: Decision) -> bool:
        return blocks(decision, self._settings.inconclusive)

    # The end.

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.files.header is None:
            return
        least = pytest.ExitCode.INTERNAL_ERROR if self._internal_error else pytest.ExitCode.OK
        if any(map(self._blocks, self._decisions)):
            least = max(least, pytest.ExitCode.TESTS_FAILED)
        session.exitstatus = self._finish(max(int(session.exitstatus), int(least)))

    def _finish(self, status: int) -> int:
        """Write how the run ended; returns the exit status, raised where that failed."""
        ledger = self._ledger
        missing = list(ledger.missing())
        for record in missing:
            self._reasons.note(record)
        footer = footer_of(
            self._ready,
            ledger,
            cut=self._cut,
            filters=self._filters(),
            decisions=self._decisions,
            opinions=self._opinions,
            early=self._early,
            causes=self._reasons.counts(),
            used=self._broker.used(),
            status=status,
        )
        return self.files.end(footer, missing)

    # What is shown of it.

    @property
    def closing(self) -> Closing | None:
        """How it ended; None where nothing was asked."""
        files = self.files
        if files.footer is None or files.header is None:
            return None
        kept = self._broker.trouble or self._store_trouble
        told = files.published
        return Closing(files.header, files.footer, kept, files.trouble, told.told, told.annotations)


def _stopped(stopped: BaseException) -> str:
    if type(stopped) is KeyboardInterrupt:  # xdist's own Interrupted is one too, and says why
        return "interrupted"
    return str(stopped).partition("\n")[0] or type(stopped).__name__  # a list is shown once
