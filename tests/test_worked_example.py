"""The release decision of the README, run as it stands there: each command, each figure, each exit code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SECTION = "## One release decision, from the plan to the exit code"
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
ELSEWHERE = "..."  # any number of lines


def steps() -> list[tuple[str, list[str]]]:
    """The commands of the section in their order, each with the lines that it is said to print."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition(SECTION)[2].partition("\n## ")[0]
    found: list[tuple[str, list[str]]] = []
    for block in CONSOLE.findall(section):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def missing(expected: list[str], printed: list[str]) -> list[str]:
    """The lines that are not printed where they stand: one after the other, or anywhere later after `...`."""
    absent, at, gap = [], 0, False
    for line in expected:
        if line == ELSEWHERE:
            gap = True
            continue
        places = range(at, len(printed)) if gap else range(at, min(at + 1, len(printed)))
        place = next((number for number in places if printed[number].rstrip() == line.rstrip()), None)
        if place is None:
            absent.append(line)
        else:
            at, gap = place + 1, False
    return absent


def test_the_check_sees_what_is_not_printed() -> None:
    assert missing(["a", "...", "c"], ["a", "b", "c"]) == []
    assert missing(["a", "c"], ["a", "b", "c"]) == ["c"]
    assert missing(["...", "c", "b"], ["a", "b", "c"]) == ["b"]


@pytest.mark.heavy
def test_every_figure_of_the_worked_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the README's own commands, in an empty folder, with no answers of an earlier run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:randomly")
    done = steps()
    assert len(done) >= 8
    status = 0
    for command, expected in done:
        if command == "echo $?":
            assert expected == [str(status), *expected[1:]]
            continue
        ended = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
        status = ended.returncode
        assert missing(expected, ended.stdout.splitlines()) == [], f"$ {command}\n{ended.stdout}{ended.stderr}"
