"""The fixtures that tests of the commands share."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from pytest_vsc.records import Judgement, Response
from pytest_vsc.store import Store
from pytest_vsc.storefile import DAY
from tests.command import Run, runner


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a store may lie; not there yet."""
    return tmp_path / "cache"


@pytest.fixture
def vsc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `vsc` with these arguments: exit code, output, error output. The user's own cache is an empty one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return runner(capsys)


@pytest.fixture
def filled(folder: Path) -> Path:
    """Two models: one last used on day 20,000 (2024-10-04), one a hundred days later, with one judgement."""
    for day, model, count in ((20_000, "tiny", 1200), (20_100, "\n::error::\x1b[2J", 1)):
        with contextlib.closing(Store(folder, clock=lambda day=day: day * DAY)) as store:  # type: ignore[misc]
            answers = {f"{model} {number}": Response(text="x" * 100) for number in range(count)}
            store.keep(model, "0123456789abcdef", answers)
            store.keep_judgements({f"{day}": Judgement(verdict="REFUSED", judge="builtin")})
    return folder
