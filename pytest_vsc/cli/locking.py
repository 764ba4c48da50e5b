"""`vsc suites lock`: writes what a gate rests on into `vsc.lock`, by the way that a run itself takes."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_vsc.cli.printing import count, say
from pytest_vsc.errors import LockError
from pytest_vsc.locks import FILE, differences, read_lock

Actions = argparse._SubParsersAction
# A model without bounds of its own: the gates are those that any other model gets.
ANY_MODEL = "always-refuse"


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """Add `vsc suites lock`."""
    parser = actions.add_parser(
        "lock",
        help=f"write what a gate rests on into {FILE}; runs beside it are held to it",
        description="What stands after -- are options of pytest, such as --vsc-gate and --vsc-sample; give those that "
        "your runs have. Options in pytest's ini file count as they do in a run.",
    )
    parser.add_argument("suites", metavar="SUITE", nargs="*", help="shipped suites or folders (default: as in a run)")
    parser.add_argument("--vlm", metavar="SPEC", default=ANY_MODEL, help="a model with bounds of its own")
    parser.set_defaults(command=suites_lock)


def suites_lock(given: argparse.Namespace) -> int:
    """Write the lock in the current folder and say what is in it. Raises LockError with pytest's own message."""
    file = Path(FILE)
    before = read_lock(file) if file.is_file() else None
    suites, options = _split(given.suites)
    # Options of one word each: a path that stands alone moves pytest away from the ini file of this folder.
    chosen = [f"--vsc-suite={suite}" for suite in suites]
    quiet = ("--collect-only", "-q", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", f"--vlm={given.vlm}", *chosen, "--vsc-update-lock", *quiet, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LockError((done.stderr.strip() or done.stdout.strip()).removeprefix("ERROR: "))
    lock = read_lock(file)
    for name, suite in sorted(lock.suites.items()):
        held = f"{count(len(suite.cases), 'case')}, {count(len(suite.pictures), 'picture')}, sha256 {suite.sha256[:12]}"
        say(f"{FILE}: suite {name} {suite.version}: {held}")
        say(f"{FILE}: gates of {name}: {', '.join(lock.gates[name])}")
    sample = f", {lock.sample.text}" if lock.sample else ""
    say(f"{FILE}: policy {lock.policy.name}, judge {lock.judge}{sample}")
    moved = [] if before is None else differences(before, lock)
    for line in moved:
        say(f"{FILE}: moved: {line}")
    return 0


def _split(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The suites, and pytest's options, which begin with the first word that has a dash before it."""
    first = next((place for place, word in enumerate(words) if word.startswith("-")), len(words))
    return words[:first], words[first:]
