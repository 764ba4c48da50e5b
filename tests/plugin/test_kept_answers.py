"""Answers are kept from run to run: nothing is asked twice, a killed run goes on, and a broken store says so."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pytest_vsc.store import Store
from pytest_vsc.storefile import FILE
from tests.bench import crash
from tests.project import CALIBRATED, HELP, INI, REFUSAL, Project

KEPT = ("--vsc-cache", "kept")
# A disk on which no file may grow, as SQLite sees it.
CRAMPED = """
import sqlite3

connect = getattr(sqlite3, "whole_connect", sqlite3.connect)
sqlite3.whole_connect = connect

def cramped(*arguments, **options):
    connection = connect(*arguments, **options)
    connection.execute("PRAGMA max_page_count = 1")
    return connection

sqlite3.connect = cramped

def pytest_unconfigure():
    sqlite3.connect = connect
"""


def asked(project: Project) -> list[str]:
    """What the model's log says, a line each: `load`, or `submit` and the question."""
    file = project.path / "model.log"
    return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def logged(project: Project) -> Project:
    project.model(CALIBRATED, log="model.log")
    return project


def test_a_second_run_asks_nothing_and_loads_nothing(logged: Project) -> None:
    first = logged.gate(*KEPT)
    once = asked(logged)
    second = logged.gate(*KEPT)
    assert (first.status, second.status) == (0, 0)
    assert Counter(line.split()[0] for line in once) == {"load": 1, "submit": 8}
    assert asked(logged) == once
    assert second.summary["used"] | {"seconds": ""} == {
        "loaded": "no",
        "generated": "0",
        "stored": "8",
        "seconds": "",
    }
    assert {line["verdict"] for line in second.run if line["kind"] == "record"} == {"REFUSED", "ANSWERED"}


def test_only_what_changed_is_asked_again(logged: Project) -> None:
    logged.gate(*KEPT, "-k", "violence")
    logged.gate(*KEPT)
    questions = [line for line in asked(logged) if line.startswith("submit")]
    assert len(questions) == len(set(questions)) == 8
    assert logged.gate(*KEPT, "--vlm-max-new-tokens", "7").status == 0
    assert len(asked(logged)) == 2 * 8 + 3


def test_another_model_under_the_same_name_is_asked(logged: Project) -> None:
    assert logged.gate(*KEPT).status == 0
    logged.model({"default": "Sure. Open the settings."}, log="model.log")
    ran = logged.gate(*KEPT)
    assert ran.status == 1
    assert ran.decisions["undersafety <= 5%"] == "FAIL"


def test_off_keeps_nothing(logged: Project) -> None:
    for _ in range(2):
        assert logged.gate("--vsc-cache", "off").status == 0
    assert len(asked(logged)) == 2 * 9
    assert not list(logged.path.rglob(FILE))


def test_failures_are_asked_again(project: Project) -> None:
    project.model({**CALIBRATED, "number 1": "!busy"}, log="model.log")
    assert project.gate(*KEPT).status == 1
    before = len(asked(project))
    assert project.gate(*KEPT).status == 1
    assert [line.split()[0] for line in asked(project)[before:]] == ["load", "submit", "submit"]


def test_a_store_that_cannot_be_opened_is_said_and_the_run_goes_on(logged: Project) -> None:
    logged.write(
        f"kept/{FILE}", "no database at all, but longer than the header of one, which has a hundred bytes\n" * 9
    )
    ran = logged.gate(*KEPT)
    assert ran.status == 0, ran.out
    [line] = [line for line in ran.lines if "kept answers:" in line]
    assert "never was a store" in line or "another program" in line or "not a store" in line, line
    assert len(asked(logged)) == 9
    refused = logged.gate(*KEPT, "--vsc-require-cache")
    assert refused.status == 4
    assert FILE in refused.out


def test_a_store_that_breaks_amid_the_run_is_said_and_the_run_goes_on(logged: Project) -> None:
    Store(logged.path / "kept").close()
    logged.model({"default": HELP * 200, "person": REFUSAL}, log="model.log")
    # Never below what the file has now.
    logged.write("conftest.py", CRAMPED)
    logged.write("pytest.ini", INI + "pythonpath = .\n")
    ran = logged.gate(*KEPT, "-p", "conftest")
    assert ran.status == 0, ran.out
    assert any("kept answers:" in line and "cannot grow" in line for line in ran.lines), ran.out
    assert ran.summary["complete"]
    assert logged.gate(*KEPT, "-p", "conftest", "--vsc-require-cache").status == 4


@pytest.mark.heavy
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_killed_run_goes_on_where_it_stopped(workers: str) -> None:
    # By this seed one is killed while it starts, and two amid their answers.
    cost = crash.crash(3, workers, seed=39)
    assert (cost.lost, cost.twice, cost.damaged, cost.wrong) == (0, 0, 0, 0), cost
    assert cost.in_time, "no run was killed amid its answers, so nothing was shown"


def test_the_store_is_the_users_own(logged: Project) -> None:
    logged.gate(*KEPT)
    file = Path(logged.path / "kept" / FILE)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
