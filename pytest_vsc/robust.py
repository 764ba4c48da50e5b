"""How well a run's model holds out against the operators of the forge: its curves, and the gates that were set on them.

It reads no files and runs nothing; curves are computed by `curves`, gates are decided by `deciding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_vsc.baselines import Baseline
from pytest_vsc.cases import Case, Suite, SuiteHeader, Value
from pytest_vsc.curves import Table, table_of
from pytest_vsc.deciding import Decision, decide, incomplete
from pytest_vsc.errors import GateError, RunFileError
from pytest_vsc.gates import Gate, Off, parse_gate, resolve_gates, shared_out
from pytest_vsc.records import PolicyName, Record
from pytest_vsc.repeats import ONCE
from pytest_vsc.runs import Footer
from pytest_vsc.tallies import tally
from pytest_vsc.tradeoffs import Ruling, lacking, ruling_of

GIVEN, OF_A_RUN = "--gate", "--vsc-gate"  # where gates say that they were set: on this command's line, on a run's
SAID = ("suite", "side", "centric", "category", "prompt", "pair", "group", "variant", "tags", "answers")


class Robustness(Value):
    """All of it. partial: what is lacking of the run, "" where it is whole. ruling: what the decisions come to."""

    run: str
    model: str
    judge: str
    policy: str
    calibration: str
    partial: str = ""
    tables: tuple[Table, ...]
    decisions: tuple[Decision, ...] = ()
    ruling: Ruling = "PASS"


def robustness(source: Baseline, gates: Sequence[str] = ()) -> Robustness:
    """What a run tells. gates: texts; without any, those that the run itself was given with `--vsc-gate`.

    Raises RunFileError for a run without cases that operators made at some strength, GateError for a gate that cannot
    be decided on it.
    """
    header, footer, records = source.run.header, source.run.footer, by_suite(source.run.records)
    rule = (header.repeats or ONCE).rule
    found = [table for suite, own in records.items() if (table := table_of(suite, own, rule))]
    if not found:
        raise RunFileError(
            f"{source.name}: has no pair under an operator beside that pair as it is (tags op=... and strength=...); "
            "expected a run that `vsc forge robust --vlm SPEC` made"
        )
    decisions = _decided(source, records, gates) if gates else _told(footer)
    return Robustness(
        run=source.name,
        model=header.model.get("spec", "?"),
        judge=header.judge,
        policy=header.policy.name,
        calibration=header.calibration,
        partial=lacking(footer) if footer else "came to no end",
        tables=tuple(found),
        decisions=decisions,
        ruling=ruling_of(decisions),
    )


def by_suite(records: Sequence[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for one in records:
        found.setdefault(one.suite, []).append(one)
    return found


def see_gates(texts: Sequence[str]) -> None:
    """Raises GateError for one that cannot be read, or bounds nothing."""
    for text in texts:
        if isinstance(parse_gate(text, GIVEN), Off):
            raise GateError(f"{GIVEN}: '{text}': there is nothing to take away; expected a bound")


def gates_of(texts: Sequence[str], suites: Sequence[Suite], policy: PolicyName) -> dict[str, tuple[Gate, ...]]:
    """The gates of each suite, those that `*` stands for among them. Raises GateError for one that fits none."""
    see_gates(texts)
    found: dict[str, tuple[Gate, ...]] = {}
    for suite in suites:
        force, _ = resolve_gates([(GIVEN, shared_out(texts, GIVEN, suite, suites))], suite, policy)
        found[suite.name] = tuple(gate for gate in force if gate.origin == GIVEN)
    return found


def _told(footer: Footer | None) -> tuple[Decision, ...]:
    return tuple(one for one in footer.gates if one.gate.origin == OF_A_RUN) if footer else ()


def _decided(source: Baseline, records: dict[str, list[Record]], texts: Sequence[str]) -> tuple[Decision, ...]:
    header, footer = source.run.header, source.run.footer
    suites = [_suite(name, own) for name, own in records.items()]
    chosen = gates_of(texts, suites, header.policy.name)
    for gate in (gate for gates in chosen.values() for gate in gates):
        if gate.baseline or gate.corrected:
            what = "a baseline" if gate.baseline else "a judge's card"
            raise GateError(f"{GIVEN}: '{gate.text}': needs {what}, which a saved run has no more; give it to the run")
    lack = lacking(footer).removeprefix("partial ") if footer and not footer.complete else ""
    found: list[Decision] = []
    for suite, gates in chosen.items():
        held = tally(records[suite], suite, rule=(header.repeats or ONCE).rule)
        for gate in gates:
            if footer and footer.cut:
                found.append(incomplete(gate, suite, footer.recorded, footer.expected, footer.cut))
            else:
                found.append(decide(gate, held, suite, partial=lack))
    return tuple(found)


def _suite(name: str, records: Sequence[Record]) -> Suite:
    """The suite of a run as far as its gates need it: what was recorded of it."""
    cases = {one.case_id: _case(one) for one in records}
    centrics = dict.fromkeys(one.centric for one in cases.values())
    paired = tuple(one for one in centrics if all(case.pair for case in cases.values() if case.centric == one))
    categories = tuple(dict.fromkeys(case.category for case in cases.values()))
    header = SuiteHeader(name=name, version="?", licence="?", paired=paired, categories=categories)
    return Suite(header=header, root="", cases=tuple(cases.values()), sha256="")


def _case(one: Record) -> Case:
    said: dict[str, Any] = {name: getattr(one, name) for name in SAID}
    return Case(id=one.case_id, **said)
