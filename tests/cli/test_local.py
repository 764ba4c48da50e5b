"""What `vsc tune` and `vsc calibrate fit` share: options, a line of progress, a core that is left."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

import pytest

from pytest_vsc.cli import new_parser
from pytest_vsc.cli.local import Line
from pytest_vsc.engines.cores import one_left


def test_both_commands_run_a_model_alike() -> None:
    words = ["tiny", "--suite", "one", "--suite", "two", "--utility", "three", "--out", "new"]
    tune, fit = (vars(new_parser().parse_args([*command, *words])) for command in (["tune"], ["calibrate", "fit"]))
    shared = ("vlm", "suite", "utility", "out", "device", "dtype", "revision", "trust_remote_code")
    assert [tune[name] for name in shared] == [fit[name] for name in shared]
    assert (tune["suite"], tune["utility"], tune["out"]) == (["one", "two"], ["three"], Path("new"))
    assert fit["adapter"] is None
    for command in (["tune"], ["calibrate", "fit"]):
        assert new_parser().parse_args([*command, *words, "--vlm-trust-remote-code"]).trust_remote_code


def test_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with Line("vsc tune", "step") as line:
        for done in range(1, 1201):
            line.show(done, 1200, ", loss 1.0")
            now[0] += 0.0099
    assert capsys.readouterr().err.splitlines() == [
        "vsc tune: step 1/1,200, loss 1.0",
        "vsc tune: step 507/1,200, loss 1.0",
        "vsc tune: step 1,013/1,200, loss 1.0",
        "vsc tune: step 1,200/1,200, loss 1.0",
    ]


def test_one_line_in_a_terminal_that_an_interrupt_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "31")
    with contextlib.suppress(KeyboardInterrupt), Line("vsc tune", "step") as line:
        line.show(1, 2)
        line.show(2, 2, ", and more than fits")
        raise KeyboardInterrupt
    assert capsys.readouterr().err == f"\r{'vsc tune: step 1/2':<30}\rvsc tune: step 2/2, and more t\n"


def test_a_core_is_left_unless_the_user_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'pytest-vsc[local]'")
    threads: list[int] = [3]
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads[-1])
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with pytest.raises(KeyboardInterrupt), one_left("cpu"):
        raise KeyboardInterrupt
    assert threads == [3, 2, 3]
    with one_left("cuda:0"):
        pass
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with one_left("cpu"):
        pass
    assert threads == [3, 2, 3]
