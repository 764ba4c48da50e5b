"""Runs every fault in every way of running tests, and tells what came of each. Run by hand, it prints them all:

    python -m tests.faults.matrix [--only NAME] [--mode MODE] [--jobs N]

A cell is open, and its exit status 1, where a run ended with 0 and a case is not accounted for, where it ended
otherwise than it may, where a person is not told why, where a prompt or an answer is shown, or where it hung.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_vsc
from tests.faults.faults import BY_NAME, CASES, FAULTS, SHOWN, TESTS, WAYS, Fault, Place
from tests.project import HELP, REFUSAL

PATIENCE = 60.0  # seconds until a run counts as hanging; a good one takes two
SECRETS = ("How do I end", REFUSAL[4:], HELP[6:])  # of prompts and answers
# What no run of ours should ever show.
UGLY = ("Traceback (most recent call last)", "INTERNALERROR", "Exception ignored in", "PluggyTeardownRaisedWarning")
WIDTH = 110


@dataclass(frozen=True)
class Ended:
    """A run that is over. status: None where it had to be killed."""

    status: int | None
    out: str
    seconds: float


@dataclass(frozen=True)
class Cell:
    """What came of one fault in one way. wrong: what makes the cell open, empty if it is not."""

    fault: Fault
    way: str
    ended: Ended
    recorded: str
    message: str
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        status = "hung" if self.ended.status is None else str(self.ended.status)
        state = "OPEN" if self.wrong else self.recorded
        return f"{self.fault.name:<28} {self.way:<13} {status:>4}  {state:<15} {self.message[:WIDTH]}"


def cell(fault: Fault, way: str, folder: Path) -> Cell:
    """Bring the fault about in an empty folder, and see what comes of it."""
    place = Place(folder, way)
    with place.server:
        arguments = [*(fault.arrange(place) or ()), *WAYS[way]]
        ended = run(place, arguments)
    wrong = [*misbehaved(fault, way, ended)]
    recorded = f"closed, {_judged(folder)}/{CASES}"
    if ended.status == 0:
        recorded = f"filtered, {CASES // 2}/{CASES}" if fault.filters else f"{CASES}/{CASES}"
        wrong += unaccounted(folder, filtered=fault.filters)
    else:
        wrong += claims(folder)
    message = told(fault, way, ended).replace(f"{folder}/", "")
    return Cell(fault, way, ended, recorded, message, tuple(wrong))


def told(fault: Fault, way: str, ended: Ended) -> str:
    """The line of a run that tells a person what happened, "" if there is none."""
    said = fault.expects(way).said
    if not said:
        return "(killed: nobody is left to tell)"
    return next((" ".join(line.strip("! ").split()) for line in ended.out.splitlines() if re.search(said, line)), "")


def run(place: Place, arguments: Sequence[str]) -> Ended:
    """Run pytest in the place as a release pipeline does, a second time with `place.again` where that is asked for."""
    command = [sys.executable, "-m", "pytest", "--vlm", place.vlm, "--vsc-suite", "small", TESTS, *arguments]
    if place.again:
        whole = shlex.join(command)
        command = ["sh", "-c", f"{whole} || MENDED=1 exec {whole} {shlex.join(place.again)}"]
    begun = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=place.path,
        env=_environment(place.path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        out, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
        return Ended(None, out, PATIENCE)
    return Ended(process.returncode, out, time.monotonic() - begun)


def _environment(folder: Path) -> dict[str, str]:
    """That of a user: nothing of the pytest which may run this, no proxy, answers kept in the run's own folder."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "GITHUB_"))}
    root = str(Path(pytest_vsc.__file__).parents[1])  # so that it is this checkout which is put to the test
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    own = {"XDG_CACHE_HOME": str(folder / ".cache"), "HF_HUB_OFFLINE": "1", "PYTHONPATH": path}
    return {**ours, **own, "NO_PROXY": "127.0.0.1", "COLUMNS": "200"}


def misbehaved(fault: Fault, way: str, ended: Ended) -> Iterator[str]:
    """What a run did otherwise than it may, whatever it recorded."""
    expected = fault.expects(way)
    if ended.status is None:
        yield f"hung for {PATIENCE:g} s"
        return
    if ended.status not in expected.statuses:
        yield f"exit status {ended.status}, expected {' or '.join(map(str, expected.statuses))}"
    if not told(fault, way, ended):
        yield f"nobody is told: no line like {expected.said!r}"
    yield from (f"shows {secret!r}" for secret in SECRETS if secret in ended.out)
    yield from (f"shows {words!r}" for words in UGLY if words in ended.out and not fault.raw)


def unaccounted(folder: Path, *, filtered: bool = False) -> Iterator[str]:
    """What is missing in a run that ended with 0: each case has one record, with the verdict on an answer of the model.

    filtered: the user left cases out; then that holds of the selected ones, and the run does not call itself complete.
    """
    file, summary_file = folder / SHOWN / "run.jsonl", folder / SHOWN / "summary.json"
    if not file.exists() or not summary_file.exists():
        yield "exit status 0 without run.jsonl and summary.json"
        return
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    summary = json.loads(summary_file.read_text())
    kinds = [line.pop("kind") for line in lines]
    if kinds[0] != "header" or kinds[-1] != "footer" or kinds.count("footer") != 1:
        yield f"run.jsonl reads {' '.join(kinds)}"
        return
    footer, records = lines[-1], lines[1:-1]
    cases = CASES // 2 if filtered else CASES
    wanted = {"complete": not filtered, "suite_cases": CASES, "expected": cases, "recorded": cases, "exit": 0}
    yield from (f"{name}: {footer[name]!r}, expected {it!r}" for name, it in wanted.items() if footer[name] != it)
    for gate in footer["gates"]:
        if gate["decision"] != "PASS" and not (filtered and gate["decision"] == "SKIPPED"):
            yield f"gate {gate['gate']['text']}: {gate['decision']}"
    if footer["cut"] or bool(footer["filters"]) != filtered:
        yield f"cut: {footer['cut']!r}, filters: {footer['filters']}"
    if {**summary, "header": None} != {**footer, "header": None} or summary["header"] != lines[0]:
        yield "summary.json says otherwise than run.jsonl"
    yield from _unrecorded(records, cases)


def _unrecorded(records: Sequence[dict[str, Any]], cases: int) -> Iterator[str]:
    counts = Counter(record["case_id"] for record in records)
    if len(counts) != cases:
        yield f"{len(counts)} cases are recorded, expected {cases}"
    yield from (f"{count} records of {name}" for name, count in counts.items() if count != 1)
    for record in records:
        sound = record["outcome"] == "CORRECT" and record["response"] and record["judge"] and not record["error"]
        if not sound or record["verdict"] in ("ERROR", "EMPTY"):
            yield f"{record['case_id']} has no verdict on an answer of the model"


def claims(folder: Path) -> Iterator[str]:
    """What the files of a run that did not end with 0 claim nevertheless."""
    summary, file = folder / SHOWN / "summary.json", folder / SHOWN / "run.jsonl"
    if summary.exists() and json.loads(summary.read_text())["exit"] == 0:
        yield "summary.json says exit 0"
    lines = [json.loads(line) for line in file.read_text().split("\n")[:-1]] if file.is_file() else []
    if lines and lines[-1]["kind"] == "footer" and lines[-1]["exit"] == 0:
        yield "run.jsonl says exit 0"


def _judged(folder: Path) -> int:
    """How many cases of a run, however it ended, have a verdict on an answer of the model."""
    file = folder / SHOWN / "run.jsonl"
    if not file.is_file():
        return 0
    lines = [json.loads(line) for line in file.read_text().split("\n")[:-1]]  # behind the last one nothing is whole
    sound = {line["case_id"] for line in lines if line["kind"] == "record" and line["response"]}
    return len(sound - {line["case_id"] for line in lines if line["kind"] == "record" and line["verdict"] == "ERROR"})


def main() -> None:
    parser = argparse.ArgumentParser(description="every fault in every way of running tests")
    parser.add_argument("--only", choices=list(BY_NAME), action="append", help="this fault; repeatable")
    parser.add_argument("--mode", choices=list(WAYS), action="append", help="this way; repeatable")
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time (default: 2)")
    parser.add_argument("--show", action="store_true", help="print what the runs print, too")
    arguments = parser.parse_args()
    faults = [fault for fault in FAULTS if not arguments.only or fault.name in arguments.only]
    chosen = list(itertools.product(faults, arguments.mode or WAYS))
    begun = time.monotonic()
    print(f"{'fault':<28} {'mode':<13} {'exit':>4}  {'cases':<15} what a person is told", flush=True)
    wrong = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for (fault, way), done in zip(chosen, pool.map(lambda one: _attempted(*one), chosen), strict=True):
            wrong += _shown(fault, way, done, arguments.show)
    took = time.monotonic() - begun
    print(f"{len(chosen)} cells, {wrong} open, {took:.0f} s")
    sys.exit(1 if wrong else 0)


def _attempted(fault: Fault, way: str) -> Cell | None:
    if fault.lacks:
        return None
    with tempfile.TemporaryDirectory(prefix="fault-") as folder:
        return cell(fault, way, Path(folder))


def _shown(fault: Fault, way: str, done: Cell | None, everything: bool) -> bool:
    """Print a cell; returns whether it is open."""
    if done is None:
        print(f"{fault.name:<28} {way:<13}    -  left out        {fault.lacks}", flush=True)
        return False
    print(done, flush=True)
    for what in done.wrong:
        print(f"    {what}")
    if everything:
        print(done.ended.out)
    return bool(done.wrong)


if __name__ == "__main__":
    main()
