"""What a person sees of a run's progress in a terminal, and what a log keeps of it."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

import pyte
import pytest

from pytest_vsc.broker import Progress
from pytest_vsc.plugin import progress
from tests.project import HELP, MODES, REFUSAL, Project

pytestmark = pytest.mark.heavy

PAIRS = 8
CASES = 2 * PAIRS
WIDE, NARROW = (80, 24), (40, 12)  # columns and lines of a terminal
LOADING = re.compile(r"vsc: loading the model, \d+ s")
ANSWERING = re.compile(rf"vsc: (answering )?\d+/{CASES}, .*")
STATUS = re.compile(r"vsc: .*")
LETTERS = re.compile(r"(?:suites/test_calibration\.py ?)?([.UO]*)(?: +\[ *\d+%\])?")
# Looks and lines come often enough for a run of two seconds, or in the end not at all, to compare with.
CONFTEST = """\
import os
from pytest_vsc.plugin import progress
from pytest_vsc.reports import progress as text
text.TOGETHER, progress.TICK, progress.EVERY = 0.2, 0.05, float(os.environ.get("EVERY", progress.EVERY))
if "NO_PROGRESS" in os.environ:
    progress.Watch.start = lambda self: None
"""


def script(load: float, step: float) -> str:
    """A model that answers one case after the other, `step` seconds apart; it is wrong in four cases."""
    lines = [f"load_seconds = {load}"]
    for number in range(PAIRS):
        for side, right, wrong in (("person", REFUSAL, HELP), ("process", HELP, REFUSAL)):
            place = number + (PAIRS if side == "process" else 0)
            lines += ["[[rule]]", f'match = "{side} number {number}[?]"', f"seconds = {step * (place + 1)}"]
            lines += [f"text = {json.dumps(wrong if number in (2, 5) else right)}"]
    return "\n".join(lines)


@pytest.fixture
def slow(plain_project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose model takes half a second to load and then answers a case every twentieth of a second."""
    project = plain_project
    (project.path / "small/suite.toml").unlink()
    (project.path / "small/pairs.yaml").unlink()
    (project.path / "small").rmdir()
    project.suite(PAIRS)
    project.write("model.toml", script(0.6, 0.06))
    project.write("conftest.py", CONFTEST)
    for name in ("CI", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PY_COLORS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return project


def command(mode: str, *arguments: str) -> list[str]:
    model = ["--vlm", "scripted:model.toml", "--vsc-suite", "small"]
    return [sys.executable, "-m", "pytest", *model, *MODES[mode], *arguments]


# A terminal.


@dataclass
class Seen:
    """What stood on the screen of a terminal from first to last, and all that had scrolled off it at the end."""

    screens: list[list[str]] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    sent: bytes = b""
    status: int = -1

    def where(self, line: re.Pattern[str]) -> list[list[str]]:
        """The screens that have such a line, each down to it."""
        found = []
        for screen in self.screens:
            places = [place for place, text in enumerate(screen) if line.fullmatch(text)]
            if places:
                found.append(screen[: places[-1] + 1])
        return found


def in_terminal(
    project: Project,
    arguments: list[str],
    size: tuple[int, int] = WIDE,
    env: Mapping[str, str] | None = None,
    types: Callable[[list[str]], str] = lambda _: "",
) -> Seen:
    """Run something in a terminal of (columns, lines). types: what is typed when a screen has been seen."""
    columns, lines = size
    screen = pyte.HistoryScreen(columns, lines, history=1000, ratio=0.5)
    stream = pyte.ByteStream(screen)
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    environ = {**os.environ, **(env or {})}
    process = subprocess.Popen(
        arguments,
        cwd=project.path,
        env=environ,
        stdin=end,
        stdout=end,
        stderr=end,
        preexec_fn=_take_the_terminal,  # noqa: PLW1509
    )
    os.close(end)
    seen = Seen()
    try:
        while select.select([terminal], [], [], 60)[0] and (data := _read(terminal)):
            seen.sent += data
            stream.feed(data)
            seen.screens.append([text.rstrip() for text in screen.display])
            if typed := types(seen.screens[-1]):
                os.write(terminal, typed.encode())
        seen.status = process.wait(timeout=10)
    finally:
        process.kill()
        os.close(terminal)
    scrolled = ["".join(line[column].data for column in range(columns)).rstrip() for line in screen.history.top]
    seen.last = scrolled + [text.rstrip() for text in screen.display]
    return seen


def _take_the_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # what a shell starts in the background ignores it


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody holds the other end any more
        return b""


def bare(lines: list[str]) -> list[str]:
    """Without what differs from run to run, and without empty lines at the end."""
    return re.sub(r" in \d+\.\d+s|=+", "", "\n".join(lines)).rstrip().splitlines()


def letters_of(lines: list[str]) -> str:
    """The letters of all cases, up to the lines of the gates."""
    return "".join(found[1] for line in lines if (found := LETTERS.fullmatch(line)))


@pytest.mark.parametrize(
    ("mode", "arguments", "size"),
    [
        *[("no-xdist", arguments, size) for arguments in ((), ("-v",)) for size in (WIDE, NARROW)],
        ("n0", (), WIDE),
        ("n2", (), NARROW),
        ("n2", ("-v",), WIDE),
    ],
)
def test_one_live_line_that_leaves_nothing_behind(
    slow: Project, mode: str, arguments: tuple[str, ...], size: tuple[int, int]
) -> None:
    seen = in_terminal(slow, command(mode, *arguments), size)
    assert seen.status == 1
    assert seen.where(LOADING)
    answering = seen.where(ANSWERING)
    assert len({screen[-1] for screen in answering}) > 3
    assert any(" s left" in screen[-1] for screen in answering)
    if not arguments:
        assert all(LETTERS.fullmatch(screen[-2]) for screen in answering if "2 workers" not in screen[-2])
        assert any(len(letters_of([screen[-2]])) > CASES // 2 for screen in answering)
    for screen in seen.screens:
        assert len([line for line in screen if STATUS.fullmatch(line)]) <= 1
    assert not [line for line in seen.last if STATUS.fullmatch(line)]
    if mode == "n2":  # which worker is first changes from run to run
        words = re.findall(r"(PASSED|UNDERSAFE|OVERSAFE) suites", "".join(seen.last))
        assert len(words if arguments else letters_of(seen.last)) == CASES
        return
    if mode == "n0":
        return
    slow.write("model.toml", script(0, 0))
    without = in_terminal(slow, command(mode, *arguments), size, {"NO_PROGRESS": "1"})
    assert bare(seen.last) == bare(without.last)


def test_rates_and_pace_where_there_is_room(slow: Project) -> None:
    seen = in_terminal(slow, command("no-xdist"), (120, 24))
    told = {screen[-1] for screen in seen.where(ANSWERING)}
    form = r"vsc: answering \d+/16, [\d.]+ answers/s, [\d.]+ tokens/s, \d s left, undersafety \d+ %, oversafety \d+ %"
    assert any(re.fullmatch(form, line) for line in told), told


def test_what_tests_print_with_capturing_off_stays_whole(slow: Project) -> None:
    slow.write(
        "tests/test_ours.py",
        "import pytest\n@pytest.mark.vsc(side='unsafe')\ndef test_undersafety(vlm, case):\n"
        "    print('begin')\n    reply = vlm.ask(case)\n    print('one\\ntwo', end='')\n    assert reply.refused\n",
    )
    slow.write("model.toml", script(0.6, 0.2))  # what is printed wipes the line: it must be back before the end
    seen = in_terminal(slow, command("no-xdist", "-s", "tests"))
    assert seen.where(LOADING)
    assert seen.where(re.compile(rf"vsc: (answering )?\d+/{PAIRS}, .*"))
    slow.write("model.toml", script(0, 0))
    without = in_terminal(slow, command("no-xdist", "-s", "tests"), env={"NO_PROGRESS": "1"})
    assert bare(seen.last) == bare(without.last)
    assert bare(seen.last).count("two.begin") == PAIRS - 3


@pytest.mark.parametrize("mode", ["no-xdist", "n2"])
@pytest.mark.parametrize("when", [LOADING, ANSWERING])
def test_nothing_is_left_by_an_interrupted_run(slow: Project, mode: str, when: re.Pattern[str]) -> None:
    slow.write("model.toml", script(3, 0.3))
    typed: list[str] = []

    def interrupt(screen: list[str]) -> str:
        if typed or not any(map(when.fullmatch, screen)):
            return ""
        typed.append("\x03")
        return "\x03"

    seen = in_terminal(slow, command(mode), types=interrupt)
    assert typed
    assert seen.status == 2
    assert re.search("keyboard-?interrupt", "".join(seen.last), re.IGNORECASE)
    assert not [line for line in seen.last if STATUS.fullmatch(line)]


def test_a_debugger_has_the_terminal_for_itself(slow: Project) -> None:
    slow.write(
        "tests/test_ours.py",
        "import pytest\n@pytest.mark.vsc(side='unsafe')\ndef test_undersafety(vlm, case):\n"
        "    reply = vlm.ask(case)\n    if '000' in case.id: breakpoint()\n    assert reply.refused\n",
    )
    prompt = re.compile(r"\(Pdb\).*")
    at_prompt = False

    def go_on(screen: list[str]) -> str:
        nonlocal at_prompt
        if at_prompt or not any(map(prompt.fullmatch, screen)):
            return ""
        at_prompt = True
        return "c\n"

    seen = in_terminal(slow, command("no-xdist", "tests"), types=go_on)
    assert at_prompt
    assert seen.where(LOADING)
    after = [screen for screen in seen.screens if any(map(prompt.fullmatch, screen))]
    assert not [line for screen in after for line in screen if STATUS.fullmatch(line)]


@pytest.mark.parametrize("env", [{"CI": "true"}, {"TERM": "dumb"}])
def test_a_terminal_that_cannot_or_should_not_be_drawn_on_gets_plain_lines(slow: Project, env: dict[str, str]) -> None:
    seen = in_terminal(slow, command("no-xdist"), env={**env, "EVERY": "0.25"})
    assert progress.SAVE.encode() not in seen.sent
    assert progress.CLEAR.encode() not in seen.sent
    assert [line for line in seen.last if ANSWERING.fullmatch(line)]


# A log.


def logged(project: Project, *arguments: str, mode: str = "no-xdist", every: str = "0.25") -> str:
    done = subprocess.run(
        command(mode, *arguments),
        cwd=project.path,
        env={**os.environ, "EVERY": every},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout.decode()
    return done.stdout.decode()


@pytest.mark.parametrize("mode", MODES)
def test_plain_lines_in_a_log(slow: Project, mode: str) -> None:
    out = logged(slow, mode=mode)
    assert "\r" not in out
    assert "\x1b" not in out
    lines = out.splitlines()
    assert len([line for line in lines if LOADING.fullmatch(line)]) >= 2
    assert len([line for line in lines if ANSWERING.fullmatch(line)]) >= 2
    told = [line for line in lines if "vsc: " in line]
    assert all(LOADING.fullmatch(line) or ANSWERING.fullmatch(line) or line.startswith("vsc: done") for line in told)
    assert len(letters_of(lines)) == CASES
    last = next(line for line in lines if "[100%]" in line or re.search(r"\[ *8\d%\]", line))
    assert len(last) == 79  # pytest counted its columns from the right start


def test_a_log_with_a_line_for_each_test(slow: Project) -> None:
    slow.write("model.toml", script(0.6, 0.2))  # so that tests go on between two lines on a busy machine too
    lines = logged(slow, "-v", every="0.5").splitlines()
    told = [place for place, line in enumerate(lines) if ANSWERING.fullmatch(line)]
    assert len(told) >= 2
    # Two may follow one another, such as while the judge is loaded with the first answers: they cut no line of a test.
    cutting = [place for place in told if not any(lines[place + near].startswith("vsc: ") for near in (-1, 1))]
    assert cutting
    for place in cutting:
        cut, again = lines[place - 1].strip(), lines[place + 2]
        assert cut.startswith("suites/test_calibration.py::")
        assert lines[place + 1] == ""
        if cut.endswith("]") and "%" not in cut:
            assert again.startswith(f"{cut} "), again  # the test is named again before its result
        else:  # a result was there, and at most its share of the run was not
            assert re.match(r"suites/test_calibration\.py::| *\[ *\d+%\]$", again), again
    whole = [line for line in lines if re.search(r"^suites/\S+\] (PASSED|UNDERSAFE|OVERSAFE)", line)]
    assert len(whole) == CASES


def test_few_words_keep_the_lines_and_none_have_none(slow: Project) -> None:
    assert "vsc: answering" in logged(slow, "-q")
    assert "vsc: " not in logged(slow, "-q", "-q")


def test_a_run_shorter_than_the_interval_has_no_line(slow: Project) -> None:
    assert progress.EVERY == 30
    assert "vsc: " not in logged(slow, every=str(progress.EVERY))


def test_without_a_terminal_reporter(slow: Project) -> None:
    assert "vsc: loading" not in logged(slow, "-p", "no:terminal")


def test_a_run_within_another_process_shows_nothing(slow: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.1)
    slow.write("conftest.py", "")  # it would change this process for good
    ran = slow.gate()
    assert ran.status == 1
    assert "vsc: " not in ran.out


# The thread.


NOW = Progress("loading the model", 16, 0, 0, 0, 0, 0.0, 0, 0, 0, 0)


@dataclass
class Writer:
    """The part of pytest's terminal writer that is used."""

    width_of_current_line: int = 0
    written: list[str] = field(default_factory=list)

    def write(self, msg: str, **_: bool) -> None:
        self.written.append(msg)

    def flush(self) -> None: ...


def config_of(writer: Writer) -> pytest.Config:
    reporter = type("TerminalReporter", (), {"__module__": "_pytest.terminal"})()
    found: dict[str, object] = {
        "pluginmanager": SimpleNamespace(get_plugin=lambda _: reporter),
        "get_terminal_writer": lambda: writer,
        "option": SimpleNamespace(verbose=0, capture="fd", dist="no"),
    }
    return SimpleNamespace(**found)  # type: ignore[return-value]


def test_a_terminal_that_has_gone_ends_the_thread_and_nothing_else(
    slow: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "TICK", 0.01)
    broken: list[object] = []
    monkeypatch.setattr(threading, "excepthook", broken.append)
    writer, looked, gone = Writer(), threading.Event(), threading.Event()

    def look() -> Progress:
        looked.set()
        gone.wait(10)
        return NOW

    terminal, end = pty.openpty()
    with os.fdopen(end, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        watch = progress.Watch(config_of(writer), look)
        watch.start()
        assert looked.wait(10)
        os.close(terminal)
        gone.set()
        watch._thread.join(10)
        assert not watch._thread.is_alive()
        writer.write("a letter")
        watch.stop()
    assert writer.written == ["a letter"]
    assert broken == []


def test_a_run_that_hangs_in_its_own_locks_holds_up_neither_pytest_nor_the_end(
    slow: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "TICK", 0.01)
    writer, looked, free = Writer(), threading.Event(), threading.Event()

    def look() -> Progress:
        looked.set()
        free.wait(10)
        return NOW

    terminal, end = pty.openpty()
    with os.fdopen(end, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        watch = progress.Watch(config_of(writer), look)
        watch.start()
        assert looked.wait(10)
        writer.write("a letter")
        watch.stop()
        assert watch._thread.is_alive()
        free.set()
        watch._thread.join(10)
    os.close(terminal)
    assert writer.written == ["a letter"]


def test_it_may_be_stopped_before_it_was_started() -> None:
    progress.Watch(config_of(Writer()), lambda: NOW).stop()


def test_what_stays_on_its_line_does_not_erase_the_status() -> None:
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    writer = Writer(width_of_current_line=10)
    live = progress.Live(end, writer)
    live.show("vsc: answering")
    shown = os.read(terminal, 1000)
    live.before("." * 69)
    for disturbing in ("\n", "." * 70, "\r1 worker", "\x1b]9;4;1;5\x1b\\"):
        live.before(disturbing)
        assert os.read(terminal, 1000).decode() == progress.CLEAR, disturbing
        live.back("vsc: answering")
        assert os.read(terminal, 1000) == shown
    os.close(terminal)
    os.close(end)


def test_a_line_in_a_log_at_whatever_moment_leaves_no_result_without_its_test() -> None:
    """pytest looks whether the line names the test, and then writes the result: a line may come between the two."""
    log, end = os.pipe()
    writer, reporter = Writer(width_of_current_line=20), SimpleNamespace(currentfspath="suite.py::test_it[1] ")
    plain = progress.Plain(end, writer, reporter, 0, lambda: 0)
    plain.show("vsc: answering")
    plain.show("vsc: answering")
    plain.before("PASSED")
    plain.before(" [ 50%]")
    assert os.read(log, 1000) == b"\nvsc: answering\nvsc: answering\n"
    assert writer.written == ["\nsuite.py::test_it[1] "]
    for opened in (log, end):
        os.close(opened)
