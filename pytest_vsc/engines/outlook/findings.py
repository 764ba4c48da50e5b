"""What is found by looking at a model specification: each thing with how bad it is, and all of them together."""

from __future__ import annotations

from typing import Literal

from pytest_vsc.cases import Value

Severity = Literal["ok", "warning", "problem"]


class Finding(Value):
    """One thing that was looked at. A problem would stop the run; a warning would not."""

    severity: Severity
    about: str
    says: str


class Outlook(Value):
    """What was found about a specification. target: what it stands for."""

    spec: str
    kind: str
    target: str
    findings: tuple[Finding, ...]

    @property
    def works(self) -> bool:
        return all(finding.severity != "problem" for finding in self.findings)


def ok(about: str, says: str) -> Finding:
    return Finding(severity="ok", about=about, says=says)


def warning(about: str, says: str) -> Finding:
    return Finding(severity="warning", about=about, says=says)


def problem(about: str, says: str) -> Finding:
    return Finding(severity="problem", about=about, says=says)


def told(error: Exception, name: str) -> str:
    """What an error says about a model, without the model's name that it begins with."""
    return str(error).removeprefix(f"{name}: ")
