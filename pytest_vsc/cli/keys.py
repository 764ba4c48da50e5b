"""The keys that a person presses: one at a time in a terminal, one a line from anything else."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TextIO

END = "\x04"  # what Ctrl-D sends
CHUNK = 1024


@contextlib.contextmanager
def keys_of(stream: TextIO) -> Iterator[Iterator[str]]:
    """The keys, until the input ends. A terminal gives them without Enter meanwhile, and is left as it was.

    What comes in one go (an arrow key, a slip of the mouse that pastes) is one item, and so means no key.
    """
    try:
        import termios
        import tty
    except ImportError:  # no POSIX system
        yield _lines(stream)
        return
    if not stream.isatty():
        yield _lines(stream)
        return
    terminal = stream.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        yield _presses(terminal)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _presses(terminal: int) -> Iterator[str]:
    while True:
        try:
            data = os.read(terminal, CHUNK)
        except OSError:  # the terminal was closed
            return
        pressed = data.decode(errors="replace")
        if pressed in ("", END):
            return
        yield pressed.strip() or pressed  # who came back from Ctrl-Z has to press Enter too


def _lines(stream: TextIO) -> Iterator[str]:
    for line in stream:
        if line.strip():
            yield line.strip()
