"""Runs `vsc` in this process, for the tests of its commands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_vsc.cli import main

# The arguments of one command; gives its exit code, output and error output.
Run = Callable[..., tuple[int, str, str]]


def runner(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str, str]:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 99
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
