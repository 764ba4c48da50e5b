"""The session owner's book: which cases were selected, what was recorded of each, and what the gates make of that.

Fails closed: what was expected and is not there is INVALID, and a run that was cut is decided by no gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pytest_vsc.cases import Case, Key, Suite
from pytest_vsc.gates import Decision, Gate, decide, incomplete
from pytest_vsc.records import Answer, Judgement, Record, record_of


class Ledger:
    """Keeps the book of one run; every method is called from the session owner's main thread but `expect`."""

    def __init__(self, suites: Sequence[Suite]) -> None:
        self._suites = suites
        self._cases: dict[Key, Case] = {case.key: case for suite in suites for case in suite.cases}
        self._tests: dict[str, Key] = {}
        self._free: set[str] = set()
        self._counted: dict[Key, tuple[str, Record]] = {}
        self._reasons: dict[str, str] = {}
        self.conflicts: list[str] = []

    @property
    def cases(self) -> dict[Key, Case]:
        return self._cases

    @property
    def plan(self) -> list[Key]:
        """The selected cases, each once, in session order."""
        return list(dict.fromkeys(self._tests.values()))

    @property
    def asks(self) -> bool:
        """Whether any selected test may ask the model."""
        return bool(self._tests or self._free)

    @property
    def recorded(self) -> int:
        return len(self._counted)

    @property
    def total(self) -> int:
        return len(self._cases)

    @property
    def complete(self) -> bool:
        return self.recorded == self.total

    def expect(self, plan: Sequence[tuple[str, str, str, int]]) -> None:
        """Note the selected tests. Workers all say the same; saying it again changes nothing."""
        for nodeid, suite, case, repeat in plan:
            if suite:
                self._tests.setdefault(nodeid, Key(suite, case, repeat))
            else:
                self._free.add(nodeid)

    def note(self, report: Any, record_for: Callable[[Key], Record]) -> Record | None:
        """Book one report of a test; returns the record when there is a new one to write."""
        if report.nodeid not in self._tests or report.outcome == "rerun":
            return None
        vsc = getattr(report, "vsc", None)
        # A case asked in a fixture that then skips or fails was asked all the same.
        asked_early = vsc is not None and report.when == "setup" and not report.passed and "unasked" not in vsc
        if vsc is None or (report.when != "call" and not asked_early):
            if report.when != "teardown" and report.outcome != "passed":
                self._reasons[report.nodeid] = _reason(report)
            return None
        key = Key(vsc["suite"], vsc["case"], vsc["repeat"])
        unasked = vsc.get("unasked")
        return self._count(report.nodeid, self._invalid(key, unasked) if unasked else record_for(key))

    def _count(self, nodeid: str, record: Record) -> Record | None:
        first, known = self._counted.get(record.key, (nodeid, None))
        if known is not None and known.verdict != "ERROR" and known.outcome == record.outcome:
            return None
        if known is not None and known.outcome != record.outcome and not _was_failure(known):
            self.conflicts.append(
                f"{nodeid} makes case {record.case_id} {record.outcome}, {first} made it {known.outcome}; "
                "a case has one outcome a run"
            )
            return None
        self._counted[record.key] = (nodeid, record)
        return record

    def missing(self) -> list[Record]:
        """An INVALID record for every selected case that has none, with the reason where one is known."""
        return [
            self._invalid(key, self._reasons.get(nodeid, "the test never ran"))
            for nodeid, key in self._tests.items()
            if key not in self._counted
        ]

    def never_ran(self) -> int:
        """Number of selected tests of which nothing at all was heard."""
        return sum(key not in self._counted and nodeid not in self._reasons for nodeid, key in self._tests.items())

    def records(self, suite: Suite) -> list[Record]:
        """All records of a suite, the missing ones included."""
        known = [record for _, record in self._counted.values()] + self.missing()
        return list({record.key: record for record in known if record.suite == suite.name}.values())

    def decide(self, gates: Sequence[tuple[Suite, Gate]], cut: str | None) -> list[Decision]:
        """One decision a gate. cut: why the run is no run of what was selected; then every gate fails."""
        if cut and not self.complete:
            return [incomplete(gate, suite.name, self.recorded, self.total, cut) for suite, gate in gates]
        partial = None if self.complete else (self.recorded, self.total)
        return [decide(gate, self.records(suite), suite.name, partial=partial) for suite, gate in gates]

    def _invalid(self, key: Key, why: str) -> Record:
        nothing = Answer(judgement=Judgement(verdict="ERROR", judge=""), error=why)
        return record_of(self._cases[key], nothing, "INVALID")


def _was_failure(known: Record) -> bool:
    """Only a failure to ask or to judge may be made good by asking again; an answer stands, and so does not asking."""
    return known.verdict == "ERROR" and bool(known.judge)


def _reason(report: Any) -> str:
    if report.when == "???":
        return "the worker crashed"
    if report.skipped:
        return "the test was skipped"
    return f"the test's {report.when} failed"
