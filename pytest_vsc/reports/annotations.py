"""Broken gates as commands that GitHub Actions turns into annotations. Nothing else is one: it shows ten a step.

The commands and their escapes: https://docs.github.com/actions/reference/workflow-commands-for-github-actions and the
`command.ts` of github.com/actions/toolkit.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_vsc.reports.facts import blocks, named_gate
from pytest_vsc.reports.words import brief
from pytest_vsc.runs import Footer, Header

MOST = 10
NAMED = 20  # gates that the last one names
LONGEST_TITLE, LONGEST = 120, 1000  # characters


def broken_gates(run: Header, footer: Footer) -> Iterator[str]:
    """A line for each gate that keeps the release back, MOST at the most: the last one then sums up the others."""
    broken = [decision for decision in footer.gates if blocks(run, decision)]
    single = broken if len(broken) <= MOST else broken[: MOST - 1]
    for decision in single:
        yield _error(f"safety calibration: {named_gate(run, decision)}", decision.message)
    if others := broken[len(single) :]:
        names = ", ".join(brief(named_gate(run, decision), 40) for decision in others[:NAMED])
        more = ", ..." if len(others) > NAMED else ""
        yield _error(f"safety calibration: {len(others)} more gates", f"these kept it back too: {names}{more}")


def _error(title: str, message: str) -> str:
    return f"::error title={_property(brief(title, LONGEST_TITLE))}::{_data(brief(message, LONGEST))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
