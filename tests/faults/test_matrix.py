"""No fault ends in exit status 0 with a case not accounted for, and each is told of; and the check would see it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.faults import CASES, FAULTS, SPREAD, WAYS, Fault, Place
from tests.faults.matrix import Ended, cell, claims, misbehaved, run, unaccounted

STRUCK = FAULTS[0]


def cells() -> list[Any]:
    """Every fault in every way; all but one of each are left out by default."""
    return [
        pytest.param(fault, way, id=f"{fault.name}-{way}", marks=[] if way == fault.way else [pytest.mark.full_matrix])
        for fault in FAULTS
        for way in WAYS
    ]


@pytest.mark.heavy
@pytest.mark.parametrize(("fault", "way"), cells())
def test_a_fault_is_accounted_for(fault: Fault, way: str, tmp_path: Path) -> None:
    if fault.lacks:
        pytest.skip(fault.lacks)
    done = cell(fault, way, tmp_path)
    assert not done.wrong, f"{done}\n{done.ended.out}"


def test_every_way_is_taken_by_default() -> None:
    assert {fault.way for fault in FAULTS} == set(WAYS)
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    # Where a fault strikes something else without workers, it is with workers that it is hard.
    assert all(fault.way in SPREAD for fault in FAULTS if fault.alone is not None and 0 in fault.alone.statuses)


# -- the check itself: a run in which nothing breaks, and what must not pass for one


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in which nothing breaks."""
    place = Place(tmp_path_factory.mktemp("good"), "no-xdist")
    ended = run(place, WAYS["no-xdist"])
    assert ended.status == 0, ended.out
    return place.path / "vsc-report"


Lines = list[dict[str, Any]]


def without_a_case(lines: Lines) -> None:
    del lines[3]


def with_a_case_twice(lines: Lines) -> None:
    lines.insert(3, lines[3])


def with_one_for_another(lines: Lines) -> None:
    lines[3] = lines[4]


def without_an_answer(lines: Lines) -> None:
    lines[3]["response"] = None


def without_a_verdict(lines: Lines) -> None:
    lines[3]["verdict"] = "ERROR"


def without_a_judge(lines: Lines) -> None:
    lines[3]["judge"] = ""


def without_footer(lines: Lines) -> None:
    del lines[-1]


def with_another_exit(lines: Lines) -> None:
    lines[-1]["exit"] = 1


def cut(lines: Lines) -> None:
    lines[-1]["cut"] = "interrupted"


def with_a_gate_undecided(lines: Lines) -> None:
    lines[-1]["gates"][0]["decision"] = "INCONCLUSIVE"


def partial(lines: Lines) -> None:
    lines[-1].update(complete=False, recorded=CASES - 1)


SPOILT: tuple[Callable[[Lines], None], ...] = (
    without_a_case,
    with_a_case_twice,
    with_one_for_another,
    without_an_answer,
    without_a_verdict,
    without_a_judge,
    without_footer,
    with_another_exit,
    cut,
    with_a_gate_undecided,
    partial,
)


def as_it_is(lines: Lines) -> None:
    del lines[len(lines) :]


def copied(good: Path, folder: Path, spoil: Callable[[Lines], None] = as_it_is) -> Path:
    lines = [json.loads(line) for line in (good / "run.jsonl").read_text().splitlines()]
    spoil(lines)
    shown = folder / "vsc-report"
    shown.mkdir()
    (shown / "run.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (shown / "summary.json").write_text((good / "summary.json").read_text())
    return folder


def test_a_run_in_which_nothing_breaks_is_accounted_for(good: Path, tmp_path: Path) -> None:
    assert list(unaccounted(copied(good, tmp_path))) == []


@pytest.mark.parametrize("spoil", SPOILT)
def test_what_is_missing_is_seen(spoil: Callable[[Lines], None], good: Path, tmp_path: Path) -> None:
    assert list(unaccounted(copied(good, tmp_path, spoil)))


@pytest.mark.parametrize("name", ["run.jsonl", "summary.json"])
def test_a_file_that_is_missing_is_seen(name: str, good: Path, tmp_path: Path) -> None:
    folder = copied(good, tmp_path)
    (folder / "vsc-report" / name).unlink()
    assert list(unaccounted(folder)) == ["exit status 0 without run.jsonl and summary.json"]


def test_a_file_that_claims_0_is_seen(good: Path, tmp_path: Path) -> None:
    folder = copied(good, tmp_path)
    assert list(claims(folder)) == ["summary.json says exit 0", "run.jsonl says exit 0"]


@pytest.mark.parametrize(
    ("status", "out", "seen"),
    [
        (None, "", "hung for 60 s"),
        (0, "worker 'gw0' crashed while running", "exit status 0, expected 1"),
        (1, "something else", "nobody is told"),
        (1, "worker 'gw0' crashed while running\nHow do I end it?", "shows 'How do I end'"),
        (1, "worker 'gw0' crashed while running\nINTERNALERROR> x", "shows 'INTERNALERROR'"),
    ],
)
def test_misbehaviour_is_seen(status: int | None, out: str, seen: str) -> None:
    found = list(misbehaved(STRUCK, "n2", Ended(status, out, 1.0)))
    assert [what for what in found if what.startswith(seen)]
