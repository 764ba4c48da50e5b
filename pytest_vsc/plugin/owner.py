"""In the process that owns the session: the model, the book, the gates, and what is written and shown of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TypeVar, cast

import pytest

from pytest_vsc import __version__
from pytest_vsc.broker import Broker
from pytest_vsc.cards import card_of, seen_of
from pytest_vsc.cases import Case, Key, Picture, Suite, complete
from pytest_vsc.engines import open_engine
from pytest_vsc.errors import ModelError, RunFileError, SettingsError, StoreError, VscError, one_line, printable
from pytest_vsc.examine import Plain
from pytest_vsc.gates import Decision, Gate
from pytest_vsc.plugin.gating import blocks, gates_in_force, hold_to_the_lock, report_gate
from pytest_vsc.plugin.judging import Opinions, close_judge, judges_itself, prepare_judge, refuse_itself
from pytest_vsc.plugin.ledger import Ledger
from pytest_vsc.plugin.progress import Watch
from pytest_vsc.plugin.settings import Settings, read_settings
from pytest_vsc.protocols import Engine, Judge
from pytest_vsc.records import Answer, Policy, PolicyName, Record
from pytest_vsc.reports import text
from pytest_vsc.runs import Footer, Header, RunWriter, SuiteSeen
from pytest_vsc.scores import published
from pytest_vsc.selection import Drawn, draw
from pytest_vsc.statistics import Rate, standard_rates
from pytest_vsc.store import Store
from pytest_vsc.suites import load_suites

T = TypeVar("T")
BAD_SETTINGS = pytest.ExitCode.USAGE_ERROR


@dataclass(frozen=True)
class Prepared:
    """Everything that was checked before the session began; no weights are loaded and nothing is written yet."""

    settings: Settings
    suites: Sequence[Suite]
    drawn: Mapping[str, tuple[frozenset[str], Drawn]] | None
    engine: Engine
    judge: Judge
    judge_specs: tuple[str, ...]
    policy: Policy
    gates: Sequence[tuple[Suite, Gate]]
    gates_off: Sequence[str]
    lock: str
    writer: RunWriter
    store: Store | None
    store_trouble: str


def prepare(config: pytest.Config) -> Owner:
    """Check everything that can be checked before tests are collected. Raises VscError; nothing is left half done."""
    settings = read_settings(config)
    suites = load_suites(settings.suites, settings.base, settings.cache)
    drawn = {suite.name: draw(suite, settings.sample) for suite in suites} if settings.sample else None
    engine = open_engine(settings.spec, settings.engine)
    policy = Policy(name=_policy(settings, suites), blocked=settings.blocked)
    gates, gates_off = gates_in_force(settings, suites, policy.name)
    judge, judge_specs = prepare_judge(settings)
    writer = RunWriter(settings.output)
    store, trouble = None, ""
    try:
        lock = hold_to_the_lock(settings, suites, gates, policy, judge)
        _sound(engine.check, settings.spec)
        refuse_itself(settings, engine, judge)
        if not config.option.collectonly:
            writer.check()
            store, trouble = _store(settings, [engine, *judge.engines.values()])
    except BaseException:
        engine.close()
        close_judge(judge)
        raise
    return Owner(
        config,
        Prepared(
            settings, suites, drawn, engine, judge, judge_specs, policy, gates, gates_off, lock, writer, store, trouble
        ),
    )


class Owner:
    """The hooks of the session owner, and the desk of tests that run in its own process."""

    def __init__(self, config: pytest.Config, ready: Prepared) -> None:
        settings = ready.settings
        self._config, self._ready, self._settings = config, ready, settings
        self.policy, self.strict, self.reveal = ready.policy, settings.strict, settings.reveal
        self._ledger = Ledger(ready.suites)
        self._calibration = Plain(settings.generation, settings.system)
        self._broker = Broker(
            ready.engine,
            self._calibration,
            ready.judge,
            ready.policy,
            self._ledger.cases,
            store=ready.store,
            reveal=settings.reveal,
        )
        self._watch = Watch(config, self._broker.progress)
        self._opinions = Opinions()
        self._stops: list[Callable[[], None]] = []
        self._header: Header | None = None
        self._footer: Footer | None = None
        self._decisions: list[Decision] = []
        self._cut: str | None = None
        self._internal_error = False
        self._trouble: str | None = None
        self._store_trouble = ready.store_trouble

    # The desk of tests.

    @property
    def sampled(self) -> bool:
        return self._ready.drawn is not None

    @property
    def categories(self) -> Sequence[str]:
        return list(dict.fromkeys(name for suite in self._ready.suites for name in suite.header.categories))

    def cases(self) -> Sequence[Case]:
        """The cases that may be selected: all, or those drawn."""
        drawn = self._ready.drawn
        return [case for case in self._ledger.cases.values() if drawn is None or case.id in drawn[case.suite][0]]

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
        if self._header is not None or not self._ledger.asks:
            return
        if self._settings.require_complete and len(self._ledger.plan) < self._ledger.total:
            pytest.exit(
                f"--vsc-require-complete: {len(self._ledger.plan)} of {self._ledger.total} cases are selected",
                BAD_SETTINGS,
            )
        complete()
        try:
            with self._watch.waiting():
                _sound(lambda: self._broker.start(self._ledger.plan), self._settings.spec)
            self._header = _sound(self._make_header, self._settings.spec)
            self._ready.writer.begin(self._header)
        except VscError as error:
            pytest.exit(printable(error), BAD_SETTINGS)

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
        if self._footer is None:
            return pytest.ExitCode.INTERNAL_ERROR, "the run came to no end"
        return self._footer.exit, "a gate or a test failed"

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
                self._opinions.note(record)
                self._ready.writer.record(record)
        except RunFileError as error:
            pytest.exit(printable(error), BAD_SETTINGS)

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
        self._decisions = self._ledger.decide(self._ready.gates, self._cut, self._filters())
        if session.testscollected:
            session.testscollected += len(self._decisions)  # so that progress does not pass 100 %
        self._start_line()
        option = self._config.option
        most, option.maxfail = option.maxfail, 0  # gates are not among the failures that --maxfail counts
        for decision in self._decisions:
            name = decision.gate.name if len(self._ready.suites) == 1 else f"{decision.suite}::{decision.gate.name}"
            report_gate(self._config, decision, name, blocked=self._blocks(decision))
        option.maxfail = most

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
        if self._config.args_source is pytest.Config.ArgsSource.ARGS:
            given = [str(argument) for argument in self._config.invocation_params.args]
            nodes = [argument for argument in given if "::" in argument]
            found += [f"node ids ({len(nodes)})" if nodes else "the tests of a path"]
        return [one_line(text) for text in found] or ["no test asks the others"]

    def _stop_for_want_of_a_model(self) -> None:
        """End the session when the broker cannot go on, or must not go on without the store."""
        if self._broker.failure is not None:
            pytest.exit(printable(self._broker.failure), BAD_SETTINGS)
        if self._broker.trouble and self._settings.require_cache:
            pytest.exit(f"--vsc-require-cache: {self._broker.trouble}", BAD_SETTINGS)

    def _blocks(self, decision: Decision) -> bool:
        return blocks(decision, self._settings.inconclusive)

    # The end.

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._header is None:
            return
        least = pytest.ExitCode.INTERNAL_ERROR if self._internal_error else pytest.ExitCode.OK
        if any(map(self._blocks, self._decisions)):
            least = max(least, pytest.ExitCode.TESTS_FAILED)
        session.exitstatus = self._finish(max(int(session.exitstatus), int(least)))

    def _finish(self, status: int) -> int:
        """Write how the run ended; returns the exit status, raised where that failed."""
        assert self._header is not None
        ledger = self._ledger
        rates: list[Rate] = [
            rate
            for suite in self._ready.suites
            for rate in standard_rates(ledger.records(suite), suite.name, self.policy.name)
        ]
        self._footer = Footer(
            complete=ledger.complete,
            suite_cases=ledger.total,
            expected=len(ledger.plan),
            recorded=ledger.recorded,
            cut=None if ledger.complete else self._cut,
            filters=tuple(self._filters()),
            gates=tuple(self._decisions),
            rates=tuple(rates),
            scores=tuple(
                score
                for suite in self._ready.suites
                for score in published(ledger.records(suite), suite.name, self.policy)
            ),
            agreement=self._opinions.agreement(),
            used=self._broker.used(),
            exit=status,
        )
        try:
            for record in ledger.missing():
                self._ready.writer.record(record)
            self._ready.writer.end(self._header, self._footer)
        except RunFileError as error:  # JUnit and the terminal still have their say
            self._trouble = printable(error)
            status = max(status, int(BAD_SETTINGS))
            self._footer = self._footer.model_copy(update={"exit": status})
        return status

    def _make_header(self) -> Header:
        system = self._settings.system
        return Header(
            pytest_vsc=__version__,
            started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            model={
                **self._ready.engine.describe(),
                "spec": self._settings.spec,
                "fingerprint": self._ready.engine.fingerprint,
                **({"self_check": self._broker.check} if self._broker.check else {}),
            },
            suites=tuple(
                SuiteSeen(
                    name=suite.name,
                    version=suite.header.version,
                    sha256=suite.sha256,
                    cases=len(suite.cases),
                    incomplete=suite.header.incomplete,
                    drawn=self._ready.drawn[suite.name][1] if self._ready.drawn else None,
                )
                for suite in self._ready.suites
            ),
            sample=self._settings.sample,
            judge=self._ready.judge.name,
            judge_identity=self._ready.judge.identity,
            judge_card=seen_of(card) if (card := card_of(self._ready.judge)) else None,
            judges_itself=self._judges_itself(),
            policy=self.policy,
            calibration=self._calibration.name,
            generation=self._settings.generation,
            system_sha256=hashlib.sha256(system.encode()).hexdigest() if system else None,
            gates=tuple(gate.text for _, gate in self._ready.gates),
            gates_off=tuple(self._ready.gates_off),
            lock=self._ready.lock,
        )

    # What is shown.

    def pytest_report_header(self) -> list[str]:
        return text.header(
            spec=self._settings.spec,
            model=self._ready.engine.describe(),
            suites=self._ready.suites,
            judge=self._judge_words(),
            policy=self.policy,
            gates=[gate for _, gate in self._ready.gates],
            gates_off=self._ready.gates_off,
            sample=self._settings.sample,
            lock=self._ready.lock,
            drawn={name: figures for name, (_, figures) in (self._ready.drawn or {}).items()},
        )

    def _judge_words(self) -> str:
        """The judge, what is known of it, and whether it is the model itself."""
        judge = self._ready.judge
        card = card_of(judge)
        known = f" ({text.card_words(card)})" if card else ""
        itself = ", the model under test JUDGES ITSELF" if self._judges_itself() else ""
        return f"{judge.name}{known}{itself}"

    def _judges_itself(self) -> bool:
        ready = self._ready
        return judges_itself(self._settings, ready.engine, ready.judge, ready.judge_specs)

    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        return text.status(report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._footer is None or self._header is None:
            return
        for line, markup in text.summary(self._header, self._footer, self._ready.writer.folder):
            terminalreporter.write_line(line, **markup)
        if trouble := self._broker.trouble or self._store_trouble:
            terminalreporter.write_line(f"  kept answers: {text.clean(trouble)}", yellow=True)
        if self._trouble is not None:
            terminalreporter.write_line(f"  ERROR: {self._trouble}", red=True)


def _sound(step: Callable[[], T], spec: str) -> T:
    """What an engine does before the tests; whatever a user's own one raises is one line."""
    try:
        return step()
    except VscError:
        raise
    except Exception as error:
        raise ModelError(f"--vlm {spec}: {type(error).__name__}: {error}") from error


def _store(settings: Settings, engines: Sequence[Engine]) -> tuple[Store | None, str]:
    """The store of answers, or why there is none. Raises StoreError where a run must not go on without."""
    if settings.cache is None or not any(engine.lasting for engine in engines):
        return None, ""
    try:
        return Store(settings.cache), ""
    except StoreError as error:
        if settings.require_cache:
            raise
        return None, printable(error)


def _policy(settings: Settings, suites: Sequence[Suite]) -> PolicyName:
    if settings.policy is not None:
        return settings.policy
    named = {suite.header.policy: suite.name for suite in suites}
    if len(named) > 1:
        asked = ", ".join(f"{name}: {policy or 'strict'}" for policy, name in named.items())
        raise SettingsError(f"--vsc-policy: the suites ask for different policies ({asked}); choose one")
    return cast(PolicyName, next(iter(named)) or "strict")  # a suite with another word was refused when it was read


def _stopped(stopped: BaseException) -> str:
    if type(stopped) is KeyboardInterrupt:  # xdist's own Interrupted is one too, and says why
        return "interrupted"
    return str(stopped) or type(stopped).__name__
