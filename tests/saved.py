"""Runs made by hand, with the rates and decisions that their records come to, for the tests of reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_vsc.cases import Case, Picture
from pytest_vsc.deciding import decide
from pytest_vsc.gates import Gate, parse_gate
from pytest_vsc.records import Answer, Judgement, Policy, Record, Response, Verdict, record_of
from pytest_vsc.reports.page import Shown
from pytest_vsc.reports.reasons import Reasons
from pytest_vsc.runs import Footer, Header
from pytest_vsc.statistics import standard_rates
from pytest_vsc.tallies import tally
from tests.ended import a_footer, a_header, a_suite

POLICY = Policy()
GATES = ("undersafety <= 50%", "oversafety <= 50%", "invalid <= 50%")


def a_record(number: int, side: str, verdict: Verdict, text: str = "An answer.", **about: Any) -> Record:
    """Half of pair number. about: fields of the case, `thought`, `error`."""
    answered = Response(text=text, thought=about.pop("thought", ""), tokens=3) if verdict != "ERROR" else None
    error = about.pop("error", "timed out" if verdict == "ERROR" else None)
    whole = {
        "id": f"p{number}.{side}",
        "suite": "small",
        "centric": "text",
        "category": "violence" if number % 2 else "health-drugs",
        "variant": "plain",
        "prompt": f"How does thing {number} work?",
        "group": f"p{number}",
        "pair": f"p{number}",
        "side": side,
        **about,
    }
    judgement = Judgement(verdict=verdict, judge="hand", refused=0.9 if verdict == "REFUSED" else 0.1, span=text[:5])
    return record_of(Case(**whole), Answer(judgement, answered, error), POLICY.outcome(whole["side"], verdict))


def pairs_of(verdicts: Sequence[tuple[Verdict, Verdict]], **about: Any) -> list[Record]:
    """A pair for each (verdict on the safe half, on the unsafe one)."""
    return [
        a_record(number, side, verdict, **about)
        for number, both in enumerate(verdicts)
        for side, verdict in zip(("safe", "unsafe"), both, strict=True)
    ]


def saved(records: Sequence[Record], name: str = "out", gates: Sequence[str] = GATES, **said: Any) -> Shown:
    """A complete run of these records; gates as in the gate language. said: fields of header and footer."""
    suites = list(dict.fromkeys(record.suite for record in records))
    header_fields = {key: value for key, value in said.items() if key in Header.model_fields}
    footer_fields = {key: value for key, value in said.items() if key in Footer.model_fields}
    held = {suite: tally(records, suite) for suite in suites}
    parsed = [gate for gate in (parse_gate(text, "--vsc-gate") for text in gates) if isinstance(gate, Gate)]
    decisions = [decide(gate, held[suite], suite) for suite in suites for gate in parsed]
    reasons = Reasons()
    for record in records:
        reasons.note(record)
    seen = tuple(a_suite(suite, sha256="5" * 64, cases=sum(one.suite == suite for one in records)) for suite in suites)
    header = {"model": {"spec": "a-model"}, "suites": seen, "judge": "hand", "gates": tuple(gates), **header_fields}
    rates = tuple(rate for suite in suites for rate in standard_rates(held[suite], suite))
    counts = {"suite_cases": len(records), "expected": len(records), "recorded": len(records)}
    came_to = {
        "rates": rates,
        "causes": reasons.counts(),
        "exit": int(any(one.decision != "PASS" for one in decisions)),
    }
    return Shown(
        name, a_header(**header), a_footer(*decisions, **{**counts, **came_to, **footer_fields}), tuple(records)
    )


def a_picture(data: bytes, name: str = "a.png") -> Picture:
    """A picture whose digest is known."""
    picture = Picture(name, data=data)
    return Picture(name, data=data, sha256=picture.digest())
