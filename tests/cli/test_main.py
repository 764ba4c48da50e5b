"""The command `vsc` itself: its exit codes, and that no traceback and no control character reaches the user."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from pytest_vsc import __version__, upkeep
from pytest_vsc.cli import main
from pytest_vsc.records import Response
from pytest_vsc.store import Store
from tests.command import Run


def test_the_command_is_installed() -> None:
    (found,) = entry_points(group="console_scripts", name="vsc")
    assert found.load() is main


def test_version_and_help(vsc: Run) -> None:
    assert vsc("--version") == (0, f"pytest-vsc {__version__}\n", "")
    code, out, err = vsc("--help")
    assert (code, err) == (0, "")
    assert all(group in out for group in ("suites", "cache"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "vsc: error: the following arguments are required: COMMAND\n"),
        (["cash"], "'cash'"),
        (["cache", "shwo"], "'shwo'"),
        (["suites", "shwo"], "'shwo'"),
    ],
)
def test_bad_usage_is_exit_2(vsc: Run, arguments: list[str], said: str) -> None:
    code, out, err = vsc(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: vsc")
    assert said in err.splitlines(keepends=True)[-1]


def test_a_bug_is_one_line_too(vsc: Run, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("two\nlines \x1b[2J")

    monkeypatch.setattr(upkeep, "contents", broken)
    assert vsc("cache", "--cache", filled) == (
        2,
        "",
        "vsc: this is a bug in pytest-vsc, please report it: RuntimeError: two lines [2J\n",
    )


def test_an_interruption_is_one_line_too(vsc: Run, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(upkeep, "contents", interrupted)
    assert vsc("cache", "--cache", filled) == (2, "", "vsc: interrupted\n")


def test_a_reader_that_goes_away_is_no_trouble(filled: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    code = "import sys; from pytest_vsc.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "cache", "--cache", str(filled)]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    os.close(theirs)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_terminal_that_knows_ascii_only(folder: Path) -> None:
    with contextlib.closing(Store(folder)) as store:
        store.keep("模型", "f", {"d": Response(text="t")})
    code = "import sys; from pytest_vsc.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "cache", "--cache", str(folder)]
    surroundings = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=surroundings)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u6a21\\u578b" in done.stdout
