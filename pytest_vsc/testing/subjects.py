"""The engine under test: how one is made, what can be expected of it, and how long one lives. It checks nothing."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, NoReturn, get_args

import pytest

from pytest_vsc.engines import EngineSettings, open_engine
from pytest_vsc.errors import SettingsError, VscError, expected, one_line
from pytest_vsc.protocols import Engine

Lack = Literal["count", "limit", "sight", "steadiness", "stop"]
LACKS: tuple[Lack, ...] = get_args(Lack)


@dataclass(frozen=True)
class Subject:
    """An engine as the checks are given it.

    engine: what `--vlm` takes, or a function that makes one of settings. unlike: others that may answer otherwise, each
    of which must have a fingerprint of its own. absent: one whose model is not there. secrets: texts that it knows and
    must never tell, such as a key; values of environment variables that are named like secrets need not be listed.
    lacks: what it does not do by its nature, whose checks are skipped: "count" its tokens, "limit" them, see its
    pictures ("sight"), give the same request the same text again ("steadiness"), end at `Generation.stop` ("stop").
    echoes: it answers with the last user text, as a double may.
    ahead: how many requests may be answered before an urgent one that came after them, such as those under way; None
    where its order cannot be seen, as when all are answered at once. kill: ends an engine's model as a crash would.
    seconds: the longest that 64 short answers may take together, and one alone. closing: that a close may take.
    running: one that is loaded, for the checks that only ask; `pytest_vsc.testing.running` puts it there.
    """

    engine: str | Callable[[EngineSettings], Engine]
    settings: EngineSettings = field(default_factory=EngineSettings)
    unlike: tuple[Subject, ...] = ()
    absent: Subject | None = None
    secrets: tuple[str, ...] = ()
    lacks: Set[Lack] = frozenset()
    echoes: bool = False
    ahead: int | None = None
    kill: Callable[[Engine], None] | None = None
    seconds: float = 60.0
    closing: float = 15.0
    running: Engine | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for lack in sorted(self.lacks - set(LACKS)):
            raise SettingsError(f"Subject: lacks: unknown '{lack}'; {expected(lack, LACKS)}")


@contextmanager
def running(subject: Subject) -> Iterator[Subject]:
    """The subject with an engine that is loaded, and closed at the end."""
    with loaded(subject) as engine:
        yield dataclasses.replace(subject, running=engine)


@contextmanager
def made(subject: Subject) -> Iterator[Engine]:
    """A new engine, neither checked nor loaded, and closed at the end."""
    make, settings = subject.engine, subject.settings
    engine = open_engine(make, settings) if isinstance(make, str) else make(settings)
    try:
        yield engine
    finally:
        close(engine, subject.closing)


@contextmanager
def loaded(subject: Subject) -> Iterator[Engine]:
    """A new engine, checked and loaded."""
    with made(subject) as engine:
        make_ready(engine)
        yield engine


@contextmanager
def asked(subject: Subject) -> Iterator[Engine]:
    """A loaded engine that is only to be asked: the one that is running, or else a new one."""
    if subject.running is not None:
        yield subject.running
    else:
        with loaded(subject) as engine:
            yield engine


def close(engine: Engine, seconds: float) -> str:
    """Close it, waiting no longer than so many seconds; says what went wrong in that, or nothing."""
    raised: list[Exception] = []

    def work() -> None:
        try:
            engine.close()
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=work, name="vsc-closing", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        return f"close() takes longer than {seconds:g} s"
    return f"close() raised {type(raised[0]).__name__}: {raised[0]}" if raised else ""


def make_ready(engine: Engine, *, load: bool = True) -> None:
    """Check it, and load it. Fails when that cannot be done."""
    for name in ("check", "load") if load else ("check",):
        try:
            getattr(engine, name)()
        except VscError as error:
            fail(f"{name}() raised {type(error).__name__}: {error}")
        except Exception as error:
            fail(f"{name}() raised {type(error).__name__}: {error}; expected a VscError where it cannot work")


def needs(subject: Subject, lack: Lack) -> None:
    """Skip a check that is not for this subject."""
    if lack in subject.lacks:
        pytest.skip(f"the subject lacks '{lack}'")


def fail(message: str) -> NoReturn:
    """End the check with one message; the lines that lead here tell an engine's author nothing."""
    pytest.fail(one_line(message), pytrace=False)


def demand(truth: object, message: str) -> None:
    if not truth:
        fail(message)
