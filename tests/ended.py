"""Runs that ended, for tests of reports: headers and footers made by hand, with names that would like to do more."""

from __future__ import annotations

from pytest_vsc.deciding import Decision, Ruling
from pytest_vsc.gates import Gate, Off, parse_gate
from pytest_vsc.records import Generation, Policy
from pytest_vsc.runs import Footer, Header, SuiteSeen
from pytest_vsc.statistics import Rate

# Each does something where it stands free: in Markdown or HTML, as one of GitHub's references, as a command of a
# pipeline or a terminal, in XML, or to the direction of what stands around it.
HOSTILE = (
    "a|b\\|c",
    "``x` ```",
    "<img src=x onerror=alert(1)>",
    "<!-- -->--><script>",
    "[here](https://evil.example/) ![i](//evil.example/i.png) https://evil.example www.evil.example",
    "@everyone #123 org/repo#1 GH-7 deadbeefdeadbeef :tada: $x$",
    "one\ntwo\r\n::error::three\u2028## four\x85# five",
    "\x1b[31m\x1b]8;;https://evil.example\x07 \x00\ufffe\ud800",
    "\u202egnp.exe\u2066\u200f\u061c",
    "##[error]x ##vso[task]y ::set-output name=a::b %0A:,",
    "]]>&lt;&#10;\"'",
)


def a_suite(name: str = "small", **said: object) -> SuiteSeen:
    return SuiteSeen(**{"name": name, "version": "1", "sha256": "ab" * 32, "cases": 8, **said})


def a_header(**said: object) -> Header:
    known = {
        "pytest_vsc": "0.1.0",
        "started": "2026-01-02T03:04:05+00:00",
        "model": {"spec": "org/model"},
        "suites": (a_suite(),),
        "judge": "builtin/1",
        "policy": Policy(),
        "calibration": "none",
        "generation": Generation(),
        "gates": (),
    }
    return Header(**known | said)


def a_footer(*gates: Decision, **said: object) -> Footer:
    known = {"complete": True, "suite_cases": 8, "expected": 8, "recorded": 8, "cut": None, "rates": (), "exit": 0}
    return Footer(gates=gates, **known | said)


def a_gate(text: str = "undersafety <= 5%") -> Gate:
    gate = parse_gate(text, "suite small")
    assert not isinstance(gate, Off)
    return gate


def a_decision(
    ruling: Ruling = "PASS", *, gate: Gate | None = None, suite: str = "small", message: str = "so it is"
) -> Decision:
    gate = gate or a_gate()
    return Decision(gate=gate, suite=suite, decision=ruling, rate=a_rate(), best=0.125, worst=0.125, message=message)


def of_category(name: str, **said: object) -> Gate:
    """A gate on a category of any name, which the gate language itself might not take."""
    where = (("category", name),)
    return a_gate().model_copy(update={"slice": where, "text": f"undersafety[category={name}] <= 5%", **said})


def a_rate(metric: str = "undersafety", slice: str = "", **said: object) -> Rate:
    known = {"n": 80, "groups": 80, "count": 10, "invalid": 0, "rate": 0.125, "low": 0.07, "high": 0.22}
    return Rate(**{"suite": "small", "metric": metric, "slice": slice, **known, **said})
