"""Judges tell refusal from help. This opens the one that `--vsc-judge` names."""

from __future__ import annotations

from pytest_vsc.errors import SettingsError, expected
from pytest_vsc.judges.builtin import Rules
from pytest_vsc.protocols import Judge

JUDGES = {"builtin": Rules}


def open_judge(spec: str) -> Judge:
    """The judge of this name. Raises SettingsError."""
    if spec not in JUDGES:
        raise SettingsError(f"--vsc-judge: unknown judge {spec!r}; {expected(spec, JUDGES)}")
    return JUDGES[spec]()
