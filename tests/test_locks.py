"""The lock as a value and as a file: what it holds, and how differences are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.cases import Case, Picture, Suite, SuiteHeader
from pytest_vsc.errors import LockError
from pytest_vsc.gates import Gate, parse_gate
from pytest_vsc.locks import Lock, differences, make_lock, read_lock, write_lock
from pytest_vsc.records import Policy
from pytest_vsc.selection import Sample


def suite(count: int = 2, **fields: Any) -> Suite:
    header = SuiteHeader(name="s", version="1", licence="CC0-1.0", categories=("a",), **fields)
    picture = Picture(name="p.png", file="p.png", sha256="1" * 64)
    plain: dict[str, Any] = {"suite": "s", "side": "safe", "centric": "image", "category": "a", "group": "g"}
    cases = tuple(
        Case(**{**plain, "images": (picture,), "id": f"c{number}", "prompt": f"Q{number}?"}) for number in range(count)
    )
    return Suite(header=header, root="s", cases=cases, sha256=f"{count}" * 64)


def lock(held: Suite, **changes: Any) -> Lock:
    gate = parse_gate("undersafety <= 5%", "suite s")
    assert isinstance(gate, Gate)
    made = make_lock(
        [held], [(held, gate)], Policy(), inconclusive="fail", judge=("judge/1", "judge/1 abc"), sample=None
    )
    return made.model_copy(update=changes)


def test_the_same_run_differs_in_nothing(tmp_path: Path) -> None:
    write_lock(tmp_path / "vsc.lock", lock(suite()))
    assert differences(read_lock(tmp_path / "vsc.lock"), lock(suite())) == []


def test_the_file_is_the_same_each_time_and_has_a_line_a_case(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_lock(tmp_path / name, lock(suite(30)))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    lines = (tmp_path / "a").read_text().splitlines()
    assert sum(line.strip().startswith('"c') and "-" in line for line in lines) == 30


def test_cases_that_came_and_went_are_named() -> None:
    assert differences(lock(suite(2)), lock(suite(3)))[1:] == ["suite s: case c2 is new"]
    assert differences(lock(suite(3)), lock(suite(2)))[1:] == ["suite s: case c2 is gone"]
    assert differences(lock(suite(3)), lock(suite(2)))[0] == "suite s 1: sha256 222222222222, locked 1, 333333333333"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"judge_identity": "judge/1 abd"}, "judge identity: judge/1 abd, locked judge/1 abc"),
        ({"sample": Sample(amount="10%", seed=3)}, "sample: --vsc-sample 10%, seed 3, locked all cases"),
        ({"policy": Policy(blocked="refused")}, "policy: strict, blocked refused, locked strict, blocked invalid"),
        ({"gates": {"s": ()}}, "gates of s: none in force, locked undersafety <= 5%"),
    ],
)
def test_what_moved_is_one_line(changes: dict[str, Any], line: str) -> None:
    assert differences(lock(suite()), lock(suite(), **changes)) == [line]


def test_a_header_field_is_named() -> None:
    now = suite(title="new")
    moved = Suite(header=now.header, root="s", cases=now.cases, sha256="9" * 64)
    assert differences(lock(suite()), lock(moved))[1:] == ["suite s: suite.toml: field title is new"]


def test_a_lock_that_cannot_be_written_or_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(LockError, match=r"^vsc\.lock: cannot be written: "):
        write_lock(tmp_path / "no" / "vsc.lock", lock(suite()))
    with pytest.raises(LockError, match=r"^vsc\.lock: cannot be read: "):
        read_lock(tmp_path / "vsc.lock")
