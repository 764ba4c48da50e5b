"""However a session of ours is made to end, it ends as what it is: SIGTERM as Ctrl-C, and nothing as a success but one.

It has the last word on the exit status, and sees that the files say the same.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from pytest_vsc.plugin.suspects import suspects

if TYPE_CHECKING:
    from pytest_vsc.plugin.owner import Owner

NO_END = "the run came to no end, and nothing was decided"


class Terminated(KeyboardInterrupt):
    """SIGTERM, which pipelines send where a person presses Ctrl-C."""


@contextlib.contextmanager
def minded(config: pytest.Config) -> Iterator[None]:
    """While this lasts SIGTERM cuts the run as Ctrl-C does, and `os._exit` cannot end it with 0 before its end."""
    with _cut_by_sigterm(), _no_way_out(config):
        try:
            yield
        except BaseException as broken:
            owner = _owner(config)
            if owner is not None and owner.ended:
                owner.files.settle_exit(pytest.ExitCode.TESTS_FAILED)
                why = f"the session's end broke off ({type(broken).__name__}): no release decision"
                _say("; ".join(filter(None, [why, owner.files.trouble])), "\n")
            raise


def last_word(config: pytest.Config, status: int | pytest.ExitCode | None) -> int | pytest.ExitCode | None:
    """The exit status of the process, whatever another plugin made of it: one that gated nothing is not 0."""
    owner = _owner(config)
    if status == 0:
        least, why = owner.last_word() if owner else (pytest.ExitCode.USAGE_ERROR, "the session never began")
        if least:
            _say(f"exit status {int(least)}, not 0: {why}{suspects(config)}")
        status = least
    if owner is not None:
        known = owner.files.trouble
        owner.files.settle_exit(int(status or 0))
        if owner.files.trouble != known:
            _say(owner.files.trouble)
    return status


@contextlib.contextmanager
def _cut_by_sigterm() -> Iterator[None]:
    """Only where nobody else minds the signal; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    session = os.getpid()

    def cut(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if os.getpid() != session:  # a child that a test has forked off
            os.kill(os.getpid(), signal.SIGTERM)
            return
        raise Terminated("terminated by SIGTERM")

    signal.signal(signal.SIGTERM, cut)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def _no_way_out(config: pytest.Config) -> Iterator[None]:
    """`os._exit` asks nobody: what calls it in this very process is heard of, and a 0 too early is none."""
    leave, session = os._exit, os.getpid()

    def guarded(status: int) -> None:
        owner = _owner(config)
        if os.getpid() == session and (owner is None or not owner.ended or status == 0):
            least = int(owner.last_word()[0] if owner and owner.ended else pytest.ExitCode.INTERNAL_ERROR)
            if status or least:
                _uncover(config)
                why = owner.last_word()[1] if owner and owner.ended else NO_END
                _say(f"exit status {status or f'{least}, not 0'}: os._exit({status}) was called; {why}", "\n")
            status = status or least
        leave(status)

    os._exit = guarded  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = leave


def _uncover(config: pytest.Config) -> None:
    """What is written from here on is for people, not for pytest's capture."""
    capture = config.pluginmanager.get_plugin("capturemanager")
    if capture is not None:
        capture.suspend_global_capture()


def _owner(config: pytest.Config) -> Owner | None:
    owner: Owner | None = config.pluginmanager.get_plugin("vsc-owner")
    return owner


def _say(what: str, before: str = "") -> None:
    sys.stderr.write(f"{before}vsc: {what}\n")
    sys.stderr.flush()
