"""What the terminal shows of a run besides its tests: the header, the words of outcomes, the block at the end."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_vsc.calibrations import spelled
from pytest_vsc.cards import card_of
from pytest_vsc.early import not_early
from pytest_vsc.plugin.gating import waiting
from pytest_vsc.plugin.owner import Owner
from pytest_vsc.plugin.preparing import Prepared
from pytest_vsc.plugin.settling import ANSWER, PROMPT
from pytest_vsc.reports import block, text
from pytest_vsc.reports.folding import folded
from pytest_vsc.reports.words import clean

FILES = ("run.jsonl", "summary.json", "summary.md", "report.html")  # in the order in which they are named
REVEALED = "vsc reveal: prompts and answers are SHOWN in this log and in JUnit: do not publish them"
# Ways of capturing by which a test's own output goes straight to the terminal.
UNHELD = {"no": "-s", "tee-sys": "--capture=tee-sys"}


class Screen:
    """The hooks of the process that owns the session, as far as they show something."""

    def __init__(self, config: pytest.Config, ready: Prepared, owner: Owner) -> None:
        self._config, self._ready, self._owner = config, ready, owner

    def pytest_report_header(self) -> list[str]:
        ready = self._ready
        return text.header(
            spec=ready.settings.spec,
            model=ready.engine.describe(),
            suites=ready.suites,
            judge=self._judge_words(),
            policy=ready.policy,
            gates=[gate for _, gate in ready.gates],
            gates_off=ready.gates_off,
            sample=ready.settings.sample,
            notes=self._notes(),
            lock=ready.lock,
            drawn={name: figures for name, (_, figures) in (ready.drawn or {}).items()},
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionstart(self, session: pytest.Session) -> Generator[None, None, None]:
        """Say aloud, under the header, what of prompts and answers this log will show."""
        yield
        terminal: pytest.TerminalReporter | None = session.config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None and not session.config.option.collectonly:
            self._warn(terminal)

    def _warn(self, terminal: pytest.TerminalReporter) -> None:
        capture = terminal.config.option.capture
        if self._owner.reveal:
            terminal.write_line(REVEALED, red=True, bold=True)
        elif capture in UNHELD:
            what = "what tests print themselves is shown as it comes, prompts and answers too"
            terminal.write_line(f"vsc: {UNHELD[capture]}: {what}", yellow=True)

    def _notes(self) -> list[str]:
        """What of the run is out of the ordinary."""
        settings, ready = self._ready.settings, self._ready
        found = [f"calibration: {spelled(ready.calibrations)}"] if ready.calibrations else []
        found += [f"repeats: {settings.repeats.text}"] if settings.repeats.times > 1 else []
        found += [f"excluded: {key.suite}/{key.case}: {exclusion.text}" for key, exclusion in ready.excluded.items()]
        if ready.baseline is None:
            found += [
                f"gates: {', '.join(texts)} (suite {suite.name}): in force with --vsc-baseline RUN only"
                for suite in ready.suites
                if (texts := waiting(suite))
            ]
        if ready.baseline is not None:
            header = ready.baseline.run.header
            found.append(f"baseline: {ready.baseline.name} ({header.model.get('spec', '?')}, {header.started})")
            found += [f"baseline: not as there: {line}" for line in ready.unlike]
        if settings.resume is not None:
            found.append(f"resume: {len(ready.earlier)} answers of {settings.resume.name}, taken where they fit")
        if settings.early_stop:
            found.append(f"early stop: asked in random order (seed {settings.seed}) until every gate is decided")
            found += [f"early stop: {line}" for line in not_early([(suite.name, gate) for suite, gate in ready.gates])]
        return found

    def _judge_words(self) -> str:
        """The judge, what is known of it, and whether it is the model itself."""
        judge = self._ready.judge
        card = card_of(judge)
        known = f" ({text.card_words(card)})" if card else ""
        itself = ", the model under test JUDGES ITSELF" if self._ready.judges_itself() else ""
        return f"{judge.name}{known}{itself}"

    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        return text.status(report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        self._list(terminalreporter)
        if self._owner.reveal:
            show_texts(terminalreporter)
        self._close(terminalreporter)
        self._warn(terminalreporter)

    def _close(self, terminalreporter: pytest.TerminalReporter) -> None:
        closing = self._owner.closing
        if closing is None:
            return
        folder, width = self._ready.writer.folder, self._width
        written = [] if closing.trouble else [name for name in FILES if (folder / name).exists()]
        for line, markup in block.block(closing.header, closing.footer, folder, written=written, width=width):
            terminalreporter.write_line(line, **markup)
        told = [(line, {"yellow": True}) for line in closing.told]
        for trouble, markup in (
            *told,
            (f"kept answers: {closing.kept}" if closing.kept else "", {"yellow": True}),
            (f"ERROR: {closing.trouble}" if closing.trouble else "", {"red": True}),
        ):
            for line in folded(clean(trouble), width):
                terminalreporter.write_line(line, **markup)
        for line in closing.annotations:  # a command begins its line, and is all of it
            terminalreporter.write_line(line)

    def _list(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the miscalibrated cases, where -r asks for them."""
        found = list(text.listed(terminalreporter.stats, terminalreporter.reportchars))
        if found:
            terminalreporter.write_sep("=", "miscalibrated and invalid cases")
        for word, markup, rest in found:
            terminalreporter.write(word, **markup)
            terminalreporter.line(rest)

    @property
    def _width(self) -> int:
        """Of the terminal, in cells."""
        return max(self._config.get_terminal_writer().fullwidth, block.NARROWEST)


def show_texts(terminal: pytest.TerminalReporter) -> None:
    """What was asked and answered where a case is not correct and its test is no failure, which pytest shows itself."""
    found = [report for letter in text.OUTCOME_LETTERS for report in terminal.stats.get(letter.lower(), ())]
    if found:
        terminal.section("prompts and answers")
    for report in found:
        terminal.write_line(f"{report.wasxfail}: {clean(report.nodeid)}", bold=True)
        for name, said in report.sections:
            if name in (PROMPT, ANSWER):
                terminal.write_line(f"{name.removeprefix('vsc ')}:")
                terminal.write_line("\n".join(f"  {line}" for line in said.splitlines()))
