"""Shows how a run stands while it goes on: one live line in a terminal, a plain line now and then in a log.

It lives in the process that owns the session and leaves pytest's own output as it is. What the line says is
`reports/progress.py`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pytest_vsc.reports.progress import Arrival, line, noted

if TYPE_CHECKING:
    from pytest_vsc.broker import Progress

TICK = 0.25  # seconds between two looks at the run
EVERY = 30.0  # seconds between two lines in a log
AT_ONCE = 40  # times between two looks that the live line is drawn again as soon as it had to make way

# Cursor control that every terminal of the VT100 family knows.
CLEAR = "\x1b[J"  # all behind the cursor, where pytest never has anything
ROOM = "\x1bD\x1b[A"  # a line below, even at the bottom of the screen; the column stays
SAVE, BELOW, RESTORE = "\x1b7", "\x1b[B\r", "\x1b8"


class Place(Protocol):
    """Where the line is shown. Every call is made under the lock that pytest's own writing holds too.

    Each may raise OSError: the terminal has gone.
    """

    def width(self) -> int | None:
        """The columns that the line may take; None has no limit."""

    def show(self, text: str) -> None:
        """Show the line, "" for none, if it is time to."""

    def clear(self) -> None:
        """Leave nothing that is not to stay."""

    def back(self, text: str) -> None:
        """Show the line again where it was cleared."""

    def before(self, message: str) -> None:
        """Make way for what pytest is about to write."""


class Live:
    """The line below the one that pytest is writing, drawn again and again; nothing of it stays."""

    def __init__(self, output: int, writer: Any) -> None:
        self._output, self._writer = output, writer
        self._shown = False
        self._at_once = AT_ONCE

    def width(self) -> int:
        return self._columns() - 1  # some terminals go to the next line as soon as the last column is filled

    def show(self, text: str) -> None:
        self._at_once = AT_ONCE
        self._draw(text)

    def clear(self) -> None:
        if self._shown:
            self._shown = False
            _put(self._output, CLEAR)

    def back(self, text: str) -> None:
        if text and not self._shown and self._at_once:
            self._at_once -= 1
            self._draw(text)

    def before(self, message: str) -> None:
        if self._shown and not self._stays_on_its_line(message):
            self.clear()

    def _draw(self, text: str) -> None:
        column = self._writer.width_of_current_line
        if not text or (column > 0 and column % self._columns() == 0):
            self.clear()  # behind a full line no terminal tells where its cursor really is
            return
        _put(self._output, CLEAR + ROOM + SAVE + BELOW + text + RESTORE)
        self._shown = True

    def _stays_on_its_line(self, message: str) -> bool:
        column = self._writer.width_of_current_line  # -1 when it is unknown
        plain = message.isascii() and message.isprintable()
        return plain and column >= 0 and column + len(message) < self._columns()

    def _columns(self) -> int:
        return os.get_terminal_size(self._output).columns or 80


class Plain:
    """A line of its own every `every` seconds, without control characters."""

    def __init__(self, output: int, writer: Any, reporter: Any, every: float, clock: Callable[[], float]) -> None:
        self._output, self._writer, self._reporter, self._write = output, writer, reporter, writer.write
        self._every, self._clock, self._due = every, clock, clock() + every
        self._cut = False  # pytest takes the line that it was writing for unfinished
        self._name = ""  # of the test that this line names and has no result of yet

    def width(self) -> None:
        return None

    def show(self, text: str) -> None:
        if not text or self._clock() < self._due:
            return
        self._due = self._clock() + self._every
        within = self._writer.width_of_current_line != 0
        _put(self._output, f"\n{text}\n" if within and not self._cut else f"{text}\n")
        self._cut, self._name = within, self._named() if within else ""

    def before(self, message: str) -> None:
        if self._cut and message:
            self._cut = False
            if not message.startswith("\n"):
                # A blank line in the log, so that pytest counts its columns from 0 again.
                self._write(f"\n{self._name}")

    def clear(self) -> None:
        """What stands in a log stays."""

    def back(self, text: str) -> None:
        """So nothing has to come back."""

    def _named(self) -> str:
        """With -v: what pytest has written of a test whose result comes next; pytest keeps it until then."""
        name = getattr(self._reporter, "currentfspath", None)
        return name if isinstance(name, str) else ""


class Watch:
    """Looks at a run from a thread of its own, from `start` to `stop`, and shows how it stands.

    The thread never waits for a lock, so it cannot hold the run up, and pytest never writes while it does.
    """

    def __init__(self, config: pytest.Config, progress: Callable[[], Progress]) -> None:
        self._config, self._progress = config, progress
        self._lock = threading.RLock()  # a signal handler may write while the main thread is writing
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vsc-progress", daemon=True)
        self._place: Place | None = None
        self._output = -1
        self._arrivals: tuple[Arrival, ...] = ()
        self._phase, self._since, self._text = "", 0.0, ""
        # Where tests print to the terminal themselves, the line is shown only while they wait for the model.
        self._only_in_waits = _tests_print(config) and not _distributed(config)
        self._waits = 0

    def start(self) -> None:
        """Begin, while pytest captures nothing. Where there is nothing to show it on, nothing happens."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        output = None if reporter is None or self._config.option.verbose <= -2 else _own_output()
        if output is None:
            return
        self._output, self._writer = output, self._config.get_terminal_writer()
        self._write = self._writer.write
        self._place = (
            Live(output, self._writer)
            if _is_live(self._config, reporter, output, os.environ)
            else Plain(output, self._writer, reporter, EVERY, time.monotonic)
        )
        self._writer.flush()
        self._writer.write = self._written  # type: ignore[method-assign]
        self._thread.start()

    def stop(self) -> None:
        """End and leave nothing behind. May be called twice, or without `start`."""
        if self._place is None or self._end.is_set():
            return
        with self._lock:
            self._end.set()
            if self._writer.write == self._written:  # nobody has come between
                self._writer.write = self._write  # type: ignore[method-assign]
            with contextlib.suppress(OSError):
                self._place.clear()
            os.close(self._output)
        self._thread.join(timeout=1)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """While this lasts a test, or the session, does nothing but wait for the model."""
        if not self._only_in_waits:
            yield
            return
        with self._lock, contextlib.suppress(OSError):
            self._waits += 1
            self._back()
        try:
            yield
        finally:
            with self._lock, contextlib.suppress(OSError):
                self._waits -= 1
                if not self._waits and self._place is not None and not self._end.is_set():
                    self._place.clear()

    def _run(self) -> None:
        # The terminal may be closed at any time. The run's result does not depend on it: the gates decide all the same.
        with contextlib.suppress(OSError):
            while not self._end.wait(TICK):
                self._look(self._progress(), time.monotonic())

    def _look(self, run: Progress, now: float) -> None:
        """Take in where the run stands, and show it unless pytest is just writing: the next look will."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._place is None or self._end.is_set():
                return
            self._arrivals = noted(self._arrivals, run)
            if run.phase != self._phase:
                self._phase, self._since = run.phase, now
            self._text = line(run, self._arrivals, now - self._since, self._place.width())
            self._place.show(self._text if self._may_show else "")
        finally:
            self._lock.release()

    @property
    def _may_show(self) -> bool:
        return self._waits > 0 or not self._only_in_waits

    def _back(self) -> None:
        if self._place is not None and self._may_show and not self._end.is_set():
            self._place.back(self._text)

    def _written(self, msg: str, **how: bool) -> None:
        """Stands in for the `write` of pytest's terminal writer, through which everything passes that pytest prints.

        It is flushed at once, as the thread writes past the writer's buffer.
        """
        if self._place is None or self._end.is_set():
            self._write(msg, **how)
            return
        with self._lock:
            with contextlib.suppress(OSError):  # pytest's own writing tells of it
                self._place.before(msg)
            self._write(msg, **{**how, "flush": True})
            with contextlib.suppress(OSError):
                self._back()


def _own_output() -> int | None:
    """A descriptor of what pytest prints to, which its capturing leaves alone; None when that is no file."""
    try:
        return os.dup(sys.stdout.fileno())
    except (AttributeError, OSError, ValueError):  # no stdout at all, or a buffer, as in a notebook or another's test
        return None


def _is_live(config: pytest.Config, reporter: object, output: int, environ: Mapping[str, str]) -> bool:
    """Whether lines can be drawn over, and whoever else writes there can be told to make way."""
    terminal = os.isatty(output) and environ.get("TERM", "dumb") != "dumb" and not environ.get("CI")
    ours_to_draw = type(reporter).__module__ == "_pytest.terminal"  # others draw lines of their own
    return terminal and ours_to_draw and not (_tests_print(config) and _distributed(config))


def _tests_print(config: pytest.Config) -> bool:
    return config.option.capture in ("no", "tee-sys")


def _distributed(config: pytest.Config) -> bool:
    return getattr(config.option, "dist", "no") != "no"


def _put(output: int, text: str) -> None:
    os.write(output, text.encode("ascii", "replace"))
