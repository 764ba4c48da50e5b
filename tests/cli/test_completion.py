"""`vsc completion`: scripts for shells, the one for bash as bash itself completes by it."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

import pytest
import shtab

from pytest_vsc.cli import new_parser
from pytest_vsc.cli.completion import FILES, FOLDERS, SHELLS, every_argument
from tests.command import Run

# What bash does when a person presses the tab key behind these words.
PRESS = """\
source ./script
press() {
  COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=()
  $(complete -p vsc | sed 's/.*-F \\([^ ]*\\).*/\\1/') vsc "${COMP_WORDS[COMP_CWORD]}"
  echo "${COMPREPLY[*]}"
}
"""


@pytest.mark.skipif(
    shutil.which("bash") is None, reason="bash completes by it; install bash (Debian: apt install bash)"
)
def test_bash_completes_by_it(vsc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = vsc("completion", "bash")
    assert (code, err) == (0, "")
    Path("script").write_text(out)
    (Path("vsc-report")).mkdir()
    Path("vsc-report/run.jsonl").touch()
    asked = {
        "vsc sho": "show",
        "vsc show --out": "--outcome",
        "vsc show --outcome u": "undersafe",
        "vsc show --verdict RE": "",
        "vsc show --verdict re": "refused",
        "vsc show vsc-report/": "vsc-report/run.jsonl",
        "vsc show --suite m": "mini",
        "vsc suites show v": "vsc-report",
        "vsc models tiny-": "tiny-overcautious",
        "vsc judge check --judge gu": "guard@",
        "vsc judge review vsc-r": "vsc-report",
        "vsc import figs": "figstep",
        "vsc import figstep --out v": "vsc-report",
        "vsc completion f": "fish",
    }
    lines = "".join(f"press {command}\n" for command in asked)
    done = subprocess.run(["bash", "-c", PRESS + lines], capture_output=True, text=True, check=False)
    assert dict(zip(asked, done.stdout.splitlines(), strict=True)) == asked
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script(vsc: Run, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if shell in shtab.SUPPORTED_SHELLS:
        code, out, err = vsc("completion", shell)
        assert (code, err) == (0, "")
        assert "undersafe" in out
    monkeypatch.setattr(shtab, "SUPPORTED_SHELLS", [one for one in SHELLS if one != shell])
    code, out, err = vsc("completion", shell)
    assert (code, out) == (2, "")
    assert err.startswith(f"vsc: completion: this version of shtab writes no script for {shell}, only for ")


def test_an_unknown_shell_is_bad_usage(vsc: Run) -> None:
    code, _, err = vsc("completion", "ksh")
    assert code == 2
    assert "'bash', 'zsh', 'tcsh', 'fish'" in err or "bash, zsh, tcsh, fish" in err


def test_every_argument_that_is_a_path_is_known_as_one() -> None:
    """By its metavar: a new command's arguments are completed without further ado, if they are called as all others."""
    paths = [action for action in every_argument(new_parser()) if action.type is Path]
    assert len(paths) > 10
    assert [_named(action) for action in paths if action.metavar not in FILES | FOLDERS] == []


def _named(action: argparse.Action) -> str:
    return f"{action.option_strings} {action.metavar}"
