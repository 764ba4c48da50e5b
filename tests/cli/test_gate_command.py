"""`vsc gate plan`: what it prints, its exit codes, and how it refuses what cannot be answered."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from pathlib import Path

import pytest

from pytest_vsc.planning import groups_needed
from tests.command import Run
from tests.drawn import case, write_suite

PLANNED = """\
rate <= 5% @95, expected 3%: 1,106 groups for a PASS with a probability of 90%
power  groups  PASS with
  50%     490  at most 15 of 490
  80%     851  at most 30 of 851
  90%   1,106  at most 41 of 1,106
  95%   1,311  at most 50 of 1,311
With 1,106 groups, a model whose rate is 5% passes with a probability of 2.46%, one above it with less.
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def grouped(here: Path) -> Path:
    """Six groups of one pair, and one of six pairs, whose halves the file has in two groups."""
    small = [
        case(f"s{number}.{side}", side=side, pair=f"s{number}", group=f"s{number}")
        for number in range(6)
        for side in ("safe", "unsafe")
    ]
    large = [
        case(f"l{number}.{side}", side=side, pair=f"l{number}", group=f"l.{side}")
        for number in range(6)
        for side in ("safe", "unsafe")
    ]
    return write_suite(here / "grouped", small + large, {})


# --- what is needed ---


def test_what_is_needed(vsc: Run) -> None:
    assert vsc("gate", "plan", "--bound", "5%", "--expect", "3%") == (0, PLANNED, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--bound", "5", "--expect", "3", "--power", "90", "--confidence", "95%"],
        ["--bound", "05.0%", "--expect", " 3.00%", "--power", "90.0%", "--confidence", "95.0"],
    ],
)
def test_percentages_with_and_without_the_sign(vsc: Run, arguments: list[str]) -> None:
    assert vsc("gate", "plan", *arguments) == (0, PLANNED, "")


def test_a_rate_that_deserves_to_fail(vsc: Run) -> None:
    plans = [groups_needed(Fraction(1, 20), 0.08, power) for power in (0.5, 0.775, 0.8, 0.9, 0.95)]
    groups = [plan.groups for plan in plans if plan]
    code, out, err = vsc("gate", "plan", "--bound", "5%", "--expect", "8%", "--power", "77.5%", "--per-group", "4")
    assert (code, err) == (0, "")
    first, heads, *rows, last = out.splitlines()
    cases = f"{groups[1]} groups ({4 * groups[1]:,} cases)"
    assert first == f"rate <= 5% @95, expected 8%: {cases} for a FAIL with a probability of 77.5%"
    assert heads.split() == ["power", "groups", "cases", "FAIL", "with"]
    assert [row.split()[:3] for row in rows] == [
        [power, f"{number:,}", f"{4 * number:,}"]
        for power, number in zip(("50%", "77.5%", "80%", "90%", "95%"), groups, strict=True)
    ]
    assert all(re.search(r" at least \d+ of \d+$", row) for row in rows)
    assert last.startswith(f"With {groups[1]} groups, a model whose rate is 5% fails with a probability of ")
    assert last.endswith("%, one below it with less.")


def test_a_rate_of_which_more_is_better(vsc: Run) -> None:
    code, out, _ = vsc("gate", "plan", "--at-least", "--bound", "80%", "--expect", "90%")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "rate >= 80% @95, expected 90%: 149 groups for a PASS with a probability of 90%"
    assert lines[4] == "  90%     149  at least 129 of 149"
    assert lines[-1].startswith("With 149 groups, a model whose rate is 80% passes")
    assert lines[-1].endswith("one below it with less.")


def test_the_confidence_is_that_of_the_gate(vsc: Run) -> None:
    asked = ["--at-least", "--bound", "85%", "--expect", "99%", "--power", "95", "--confidence", "90"]
    _, out, _ = vsc("gate", "plan", *asked)
    assert out.splitlines()[0] == "rate >= 85% @90, expected 99%: 40 groups for a PASS with a probability of 95%"


def test_one_group_can_be_enough(vsc: Run) -> None:
    _, out, _ = vsc("gate", "plan", "--bound", "1%", "--expect", "100%", "--per-group", "1")
    first, *_, last = out.splitlines()
    assert first == "rate <= 1% @95, expected 100%: 1 group (1 case) for a FAIL with a probability of 90%"
    assert last == "With 1 group, a model whose rate is 1% fails with a probability of 1.00%, one below it with less."


def test_too_many_for_what_is_asked(vsc: Run) -> None:
    code, out, err = vsc("gate", "plan", "--bound", "5%", "--expect", "4.98%", "--per-group", "2")
    assert (code, err) == (1, "")
    first, _, *rows, last = out.splitlines()
    assert first == (
        "rate <= 5% @95, expected 4.98%: more than 10,000,000 groups for a decision with a probability of 90%"
    )
    assert [row.split("  ")[-1].startswith("at most") for row in rows] == [True, True, False, False]
    assert rows[-1] == "  95%  > 10,000,000  > 20,000,000"
    assert last.startswith(f"With {rows[0].split()[1]} groups, a model")


def test_too_many_for_anything(vsc: Run) -> None:
    said = "rate <= 5% @95, expected 4.9999%: more than 10,000,000 groups for a decision with a probability of 90%\n"
    assert vsc("gate", "plan", "--bound", "5%", "--expect", "4.9999%") == (1, said, "")


# --- what a suite is good for ---


def suite_lines(out: str) -> list[str]:
    return out.split("\n\n")[1].splitlines()


def test_what_a_suite_is_good_for(vsc: Run) -> None:
    code, out, err = vsc("gate", "plan", "--bound", "5%", "--expect", "3%", "--suite", "mini")
    assert (code, err) == (0, "")
    assert out.startswith(PLANNED)
    assert suite_lines(out) == [
        "mini         cases  groups  count as  power  PASS with          cases for 90%",
        "undersafety    287     287       287  36.8%  at most 7 of 287           1,106",
        "oversafety     287     287       287  36.8%  at most 7 of 287           1,106",
        "pairs          287     287       287         its gates read >=",
    ]


def test_pairs_are_asked_for_the_other_way(vsc: Run) -> None:
    _, out, _ = vsc("gate", "plan", "--at-least", "--bound", "80%", "--expect", "90%", "--suite", "mini")
    assert suite_lines(out) == [
        "mini         cases  groups  count as  power  PASS with            cases for 90%",
        "undersafety    287     287       287         its gates read <=",
        "oversafety     287     287       287         its gates read <=",
        "pairs          287     287       287  99.7%  at least 244 of 287            149",
    ]


def test_a_group_of_many_cases_tells_less(vsc: Run, grouped: Path) -> None:
    """Twelve cases of a side, six of them in one group: 12 ** 2 / (6 + 6 ** 2) is 3.4."""
    _, out, _ = vsc("gate", "plan", "--bound", "5%", "--expect", "90%", "--suite", "grouped")
    needed = groups_needed(Fraction(1, 20), 0.9, 0.9)
    assert needed is not None
    assert suite_lines(out) == [
        "drawn        cases  groups  count as  power  FAIL with          cases for 90%",
        f"undersafety     12       7         3  97.2%  at least 2 of 3    {math.ceil(needed.groups * 3.5):13}",
        f"oversafety      12       7         3  97.2%  at least 2 of 3    {math.ceil(needed.groups * 3.5):13}",
        "pairs           12       7         3         its gates read >=",
    ]


def test_too_few_whatever_comes(vsc: Run, grouped: Path) -> None:
    code, out, _ = vsc("gate", "plan", "--bound", "5%", "--expect", "4.9999%", "--suite", "grouped")
    assert code == 1
    assert suite_lines(out)[1].split() == ["undersafety", "12", "7", "3", "0.0%", "none", ">", "10,000,000"]


def test_a_suite_of_one_side(vsc: Run, here: Path) -> None:
    write_suite(here / "safe", [case("one"), case("two")], {})
    _, out, _ = vsc("gate", "plan", "--bound", "5%", "--expect", "3%", "--suite", "./safe")
    assert [line.split()[0] for line in suite_lines(out)] == ["drawn", "oversafety"]


# --- what cannot be answered ---


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--bound", "5%", "--expect", "5.0"],
            "--expect: 5% is the bound itself, and no number of groups tells on which side of it a rate lies that is "
            "on it; expected a percentage above or below",
        ),
        (["--bound", "100%", "--expect", "3%"], "--bound: every rate is <= 100%; expected less than 100%"),
        (["--bound", "0", "--expect", "3%", "--at-least"], "--bound: every rate is >= 0%; expected more than 0%"),
        (
            ["--bound", "5%", "--expect", "3%", "--suite", "minni"],
            "unknown suite 'minni'; expected one of demos, mini, utility (shipped) or a folder with a suite.toml; "
            "did you mean 'mini'?",
        ),
    ],
)
def test_what_cannot_be_answered(vsc: Run, arguments: list[str], said: str) -> None:
    assert vsc("gate", "plan", *arguments) == (2, "", f"vsc: {said}\n")


SHARE = "is no percentage; expected one from 0% to 100%, such as 5% or 0.5%"
POWER = "is no probability in percent; expected more than 0 and less than 100, as in 90%"
CONFIDENCE = "is no confidence in percent; expected more than 50 and less than 100, as in 95"
NUMBER = "is no number of cases; expected one such as 4"


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--bound", "5x", SHARE),
        ("--bound", "101%", SHARE),
        ("--bound", "-1%", SHARE),
        ("--expect", "100.1", SHARE),
        ("--expect", "", SHARE),
        ("--expect", "٣", SHARE),
        ("--expect", "nan", SHARE),
        ("--power", "0", POWER),
        ("--power", "100%", POWER),
        ("--confidence", "50", CONFIDENCE),
        ("--confidence", "100", CONFIDENCE),
        ("--per-group", "0", NUMBER),
        ("--per-group", "2.5", NUMBER),
        ("--per-group", "²", NUMBER),
    ],
)
def test_what_is_no_number(vsc: Run, option: str, value: str, said: str) -> None:
    code, out, err = vsc("gate", "plan", "--bound", "5%", "--expect", "3%", f"{option}={value}")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == f"vsc gate plan: error: argument {option}: {value!r} {said}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: plan"),
        (["plan", "--bound", "5%"], "the following arguments are required: --expect"),
        (["plan", "--expect", "5%"], "the following arguments are required: --bound"),
        (
            ["plan", "--bound", "5%", "--expect", "3%", "--per-group", "2", "--suite", "mini"],
            "argument --suite: not allowed with argument --per-group",
        ),
    ],
)
def test_bad_usage(vsc: Run, arguments: list[str], said: str) -> None:
    code, out, err = vsc("gate", *arguments)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].endswith(f"error: {said}")
