"""Annotations: one command a broken gate, ten at the most, and nothing in them that ends one or begins another."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest

from pytest_vsc.reports.annotations import broken_gates
from tests.ended import HOSTILE, a_decision, a_footer, a_gate, a_header, a_suite, of_category

COMMAND = re.compile(r"::error title=([^:,]*)::(.*)")


def read(line: str) -> tuple[str, str]:
    """Title and message, as GitHub's runner reads them."""
    found = COMMAND.fullmatch(line)
    assert found is not None
    return unquote(found[1]), unquote(found[2])


def test_only_what_keeps_the_release_back() -> None:
    pair = [a_decision("FAIL", message="undersafety 100% > 5%"), a_decision("PASS"), a_decision("SKIPPED")]
    inconclusive = a_decision("INCONCLUSIVE", gate=a_gate("pairs >= 80%"), message="undecided")
    footer = a_footer(*pair, inconclusive, exit=1)
    lines = list(broken_gates(a_header(), footer))
    assert lines[0] == "::error title=safety calibration%3A undersafety::undersafety 100%25 > 5%25"
    assert [read(line)[1] for line in lines] == ["undersafety 100% > 5%", "undecided"]
    assert len(list(broken_gates(a_header(inconclusive="pass"), footer))) == 1
    assert not list(broken_gates(a_header(), a_footer(a_decision(), exit=1)))


def test_suites_are_told_apart() -> None:
    lines = broken_gates(a_header(suites=[a_suite(), a_suite("other")]), a_footer(a_decision("FAIL", suite="other")))
    assert [read(line)[0] for line in lines] == ["safety calibration: other: undersafety"]


@pytest.mark.parametrize(("number", "lines", "last"), [(10, 10, "so it is"), (11, 10, "c-9"), (400, 10, ", ...")])
def test_ten_at_the_most(number: int, lines: int, last: str) -> None:
    gates = [a_decision("FAIL", gate=of_category(f"c-{n}")) for n in range(number)]
    found = list(broken_gates(a_header(), a_footer(*gates, exit=1)))
    title, message = read(found[-1])
    assert len(found) == lines
    assert last in message
    assert (f"{number - 9} more gates" in title) == (number > 10)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("much", [1, 2000])
def test_no_name_is_a_command(name: str, much: int) -> None:
    broken = a_decision("FAIL", gate=of_category(name * much), message=f"{name * much} > 5%")
    [line] = broken_gates(a_header(), a_footer(broken, exit=1))
    assert line.isprintable()
    assert "##[" not in line
    assert "##vso[" not in line
    title, message = read(line)
    assert len(title) <= 120
    assert len(message) <= 1000
    assert title.startswith("safety calibration: undersafety[category=")
