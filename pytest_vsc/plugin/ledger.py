"""The session owner's book: which cases were selected, what was recorded of each, and what the gates make of that.

Fails closed: what was expected and is not there is INVALID, and a run that was cut is decided by no gate. Of a record
it keeps what decides; the rest is in the run file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pytest_vsc.baselines import Baseline, pairs_of
from pytest_vsc.cases import Case, Key, Suite
from pytest_vsc.comparing import Paired
from pytest_vsc.deciding import NOTHING_ELSE, Decision, Evidence, decide, incomplete
from pytest_vsc.gates import Gate
from pytest_vsc.records import Answer, Counted, Judgement, Record, record_of
from pytest_vsc.repeats import ONCE, Repeats
from pytest_vsc.tallies import Tally, tally


def nothing_else(_: Suite) -> Evidence:
    """No gate needs more than the records."""
    return NOTHING_ELSE


class Ledger:
    """Keeps the book of one run; every method is called from the session owner's main thread but `expect`."""

    def __init__(self, suites: Sequence[Suite], repeats: Repeats = ONCE) -> None:
        self._suites, self._repeats = suites, repeats
        asked = [case.repeated(again) for suite in suites for case in suite.cases for again in range(repeats.times)]
        self._cases: dict[Key, Case] = {case.key: case for case in asked}
        self._tests: dict[str, Key] = {}
        self._free: set[str] = set()
        self._counted: dict[Key, Counted] = {}
        self._reasons: dict[str, str] = {}
        self.conflicts: list[str] = []

    @property
    def cases(self) -> dict[Key, Case]:
        """All of the suites, and each as often as it is asked."""
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
    def not_run(self) -> int:
        """How many of the recorded were not asked."""
        return sum(counted.outcome == "NOT_RUN" for counted in self._counted.values())

    @property
    def complete(self) -> bool:
        return self.recorded == self.total

    def expect(self, plan: Sequence[tuple[str, str, str, int]]) -> None:
        """Note the selected tests. Workers all say the same; saying it again changes nothing."""
        for nodeid, suite, case, repeat in plan:
            if not suite:
                self._free.add(nodeid)
            elif nodeid not in self._tests:
                key = Key(suite, case, repeat)
                self._tests[nodeid] = self._cases[key].key

    def key_of(self, nodeid: str) -> Key | None:
        """The case of a selected test."""
        return self._tests.get(nodeid)

    def note(self, report: Any, record_for: Callable[[Key], Record]) -> Record | None:
        """Book one report of a test; returns the record when there is a new one to write.

        The report's `vsc` reads `SUITE CASE REPEAT OUTCOME`, and then why, where the case was never asked.
        """
        vsc = getattr(report, "vsc", None)
        if vsc is None and (report.outcome == "passed" or report.when == "teardown"):
            return None  # most reports are of this kind
        key = self._tests.get(report.nodeid)
        if key is None or report.outcome == "rerun":
            return None
        if vsc is None:
            self._reasons[report.nodeid] = _reason(report)
            return None
        why = vsc.split(" ", 4)[4:]
        return self._count(report.nodeid, key, self._invalid(key, why[0]) if why else record_for(key))

    def _count(self, nodeid: str, key: Key, record: Record) -> Record | None:
        known = self._counted.get(key)
        if known is not None and known.verdict != "ERROR" and known.outcome == record.outcome:
            return None
        if known is not None and known.outcome != record.outcome and not known.failed:
            self.conflicts.append(
                f"{nodeid} makes case {record.case_id} {record.outcome}, {known.test} made it {known.outcome}; "
                "a case has one outcome a run"
            )
            return None
        # Only a failure to ask or to judge may be made good by asking again; an answer stands, and so does not asking.
        failed = record.verdict == "ERROR" and bool(record.judge)
        self._counted[key] = Counted(self._cases[key], key.repeat, record.verdict, record.outcome, nodeid, failed)
        return record

    def missing(self) -> Iterator[Record]:
        """An INVALID record for every selected case that has none, with the reason where one is known."""
        for nodeid, key in self._tests.items():
            if key not in self._counted:
                yield self._invalid(key, self._reasons.get(nodeid, "the test never ran"))

    def never_ran(self) -> int:
        """Number of selected tests of which nothing at all was heard."""
        return sum(key not in self._counted and nodeid not in self._reasons for nodeid, key in self._tests.items())

    def records(self, suite: Suite) -> Iterator[Counted]:
        """What decides of each record of a suite, the missing ones included."""
        for counted in self._counted.values():
            if counted.suite == suite.name:
                yield counted
        for key in {key for key in self._tests.values() if key not in self._counted and key.suite == suite.name}:
            yield Counted(self._cases[key], key.repeat, "ERROR", "INVALID", "", failed=False)

    def decide(
        self,
        gates: Sequence[tuple[Suite, Gate]],
        cut: str | None,
        filters: Sequence[str] = (),
        evidence: Callable[[Suite], Evidence] = nothing_else,
    ) -> list[Decision]:
        """One decision a gate. cut: why the run is no run of what was selected; then every gate fails.

        filters: what the user selected by, for the messages of a partial run. evidence: what else decides in a suite.
        """
        if cut and not self.complete:
            return [incomplete(gate, suite.name, self.recorded, self.total, cut) for suite, gate in gates]
        partial = self.partial(filters)
        held = {suite.name: self.tally(suite) for suite in self._suites}
        beside = {suite.name: evidence(suite) for suite in self._suites}
        return [
            decide(gate, held[suite.name], suite.name, partial=partial, evidence=beside[suite.name])
            for suite, gate in gates
        ]

    def pairs_with(self, baseline: Baseline) -> dict[str, Paired]:
        """The cases of each suite that the baseline has too, beside what they were there."""
        return {
            suite.name: pairs_of(baseline, self.records(suite), suite.name, self._repeats) for suite in self._suites
        }

    def partial(self, filters: Sequence[str]) -> str:
        """How much is recorded of a run that is not whole, and what it was selected by: `412/574 (-k image)`."""
        why = f" ({', '.join(filters)})" if filters else ""
        return "" if self.complete else f"{self.recorded}/{self.total}{why}"

    def tally(self, suite: Suite) -> Tally:
        """What there is to count in the records of a suite."""
        return tally(self.records(suite), suite.name, rule=self._repeats.rule)

    def _invalid(self, key: Key, why: str) -> Record:
        nothing = Answer(judgement=Judgement(verdict="ERROR", judge=""), error=why)
        return record_of(self._cases[key], nothing, "INVALID")


def _reason(report: Any) -> str:
    if report.when == "???":
        return "the worker crashed"
    if report.skipped:
        return "the test was skipped"
    return f"the test's {report.when} failed"
