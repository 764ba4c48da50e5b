"""Checks of an engine's beginning and end: before it is loaded, when its model dies, when it is closed, and after."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from pathlib import Path

import pytest

from pytest_vsc.errors import EngineError, ModelError
from pytest_vsc.protocols import Engine
from pytest_vsc.records import Response
from pytest_vsc.testing.asking import answer, discreet, many, put, questions, said, well_formed
from pytest_vsc.testing.subjects import Subject, close, demand, fail, loaded, made, make_ready

LOOK_SECONDS = 0.05


def a_request_before_load_fails_in_its_future(subject: Subject) -> None:
    """As an EngineError, with `check()` and without: never an exception out of `submit()`, never a future left open."""
    with made(subject) as engine:
        _refused(engine, subject, "before check()")
        make_ready(engine, load=False)
        _refused(engine, subject, "before load()")


def a_request_after_close_fails_in_its_future(subject: Subject) -> None:
    """As an EngineError: a test may ask while the run is ending."""
    with loaded(subject) as engine:
        _closed(engine, subject)
        _refused(engine, subject, "after close()")


def _refused(engine: Engine, subject: Subject, when: str) -> None:
    request = questions()["text"]
    one = said(put(engine, request), subject.seconds)
    if one.error is None:
        fail(f"a request {when} has no EngineError but {'an answer' if one.response else 'a cancelled future'}")
    discreet(one.error, request)


def closes_twice(subject: Subject) -> None:
    """The run closes it at its end, and a second time where it ends by an error."""
    with loaded(subject) as engine:
        _closed(engine, subject)
        _closed(engine, subject)


def closes_unloaded(subject: Subject) -> None:
    """Without `check()`, or after it alone: a run whose answers are all stored loads nothing."""
    with made(subject) as engine:
        _closed(engine, subject)
    with made(subject) as engine:
        make_ready(engine, load=False)
        _closed(engine, subject)


def _closed(engine: Engine, subject: Subject) -> None:
    if wrong := close(engine, subject.closing):
        fail(wrong)


def close_settles_what_waits(subject: Subject) -> None:
    """64 under way when it is closed: each is answered, cancelled or an EngineError soon after, so that Ctrl-C ends."""
    with loaded(subject) as engine:
        answer(engine, questions()["picture"], subject.seconds)
        futures = [put(engine, request) for request in many()]
        _closed(engine, subject)
        left = _open(futures, subject.closing)
    demand(not left, f"{len(left)} of {len(futures)} futures are open {subject.closing:g} s after close()")
    for future in futures:
        error = None if future.cancelled() else future.exception()
        told = error is None or isinstance(error, EngineError)
        demand(
            told, f"close() left a {type(error).__name__} in a future; expected an EngineError or that it is cancelled"
        )


def _open(futures: Sequence[Future[Response]], seconds: float) -> list[Future[Response]]:
    """Those that are not done after a while. `wait` would wait for one that is cancelled and nobody was told of."""
    until = time.monotonic() + seconds
    while (left := [future for future in futures if not future.done()]) and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
    return left


def close_leaves_nothing_running(subject: Subject) -> None:
    """No thread and no process that was not there before: a model that stays in memory keeps the next one out."""
    threads, processes = set(threading.enumerate()), descendants()
    with loaded(subject) as engine:
        answer(engine, questions()["picture"], subject.seconds)
        begun = descendants() - processes
        _closed(engine, subject)
    until = time.monotonic() + subject.closing
    while (left := _left(threads, begun)) and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
    demand(not left, f"{', '.join(left)} is left {subject.closing:g} s after close()")


def _left(threads: set[threading.Thread], processes: set[int]) -> list[str]:
    there = parents().keys()
    return [
        *(f"thread '{thread.name}'" for thread in threading.enumerate() if thread not in threads),
        *(f"process {process}" for process in sorted(processes) if process in there),
    ]


def descendants() -> set[int]:
    """The processes that this one has started, and theirs, by id."""
    family, above = {os.getpid()}, parents()
    while further := {process for process, parent in above.items() if parent in family} - family:
        family |= further
    return family - {os.getpid()}


def parents() -> dict[int, int]:
    """Process -> the one that started it, of all on this machine."""
    if not Path("/proc/self/stat").is_file():
        told = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)  # noqa: S607
        return {int(process): int(parent) for process, parent in map(str.split, told.stdout.splitlines())}
    found = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(file.parent.name)] = int(file.read_text("utf-8", "replace").rpartition(")")[2].split()[1])
        except (OSError, IndexError):  # it has ended meanwhile
            continue
    return found


def a_dead_model_is_a_model_error(subject: Subject) -> None:
    """Whoever waits for one that died, and whoever asks it later, gets a ModelError, which ends the run with code 4."""
    if subject.kill is None:
        pytest.skip("the subject says no way to kill its model (kill)")
    with loaded(subject) as engine:
        well_formed(answer(engine, questions()["picture"], subject.seconds))
        futures = [put(engine, request) for request in many()]
        subject.kill(engine)
        waiting = [_end(future, subject.seconds) for future in futures]
        late = _end(put(engine, questions()["picture"]), subject.seconds)
        _closed(engine, subject)
    for end in (each for each in waiting if not isinstance(each, Response)):
        demand(isinstance(end, ModelError), f"one that waited has a {type(end).__name__}; expected a ModelError")
    demand(isinstance(late, ModelError), f"one that asks later has a {type(late).__name__}; expected a ModelError")


def _end(future: Future[Response], seconds: float) -> object:
    if wait([future], seconds).not_done:
        fail(f"a future is open {seconds:g} s after the model has died")
    return None if future.cancelled() else future.exception() or future.result()


CHECKS: tuple[Callable[[Subject], None], ...] = (
    a_request_before_load_fails_in_its_future,
    a_request_after_close_fails_in_its_future,
    closes_twice,
    closes_unloaded,
    close_settles_what_waits,
    close_leaves_nothing_running,
    a_dead_model_is_a_model_error,
)
