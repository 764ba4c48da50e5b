"""Runs a command until it ends or standard input does: then the command and all that it has started are ended.

It is a script of its own (`python -I leash.py COMMAND ...`, in a new session) and imports nothing of this package. Who
starts it holds the other end of standard input and need do nothing more: however that process ends, by SIGKILL, too,
the system closes it. The command writes to standard error; standard output gets its exit status alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

PATIENCE = 5.0  # seconds that a server has to end by itself once it is told to


def main(command: Sequence[str]) -> None:
    """Never returns: at the end it kills its own process group, so that nothing of the command is left."""
    for told in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(told, lambda *_: None)  # meant for the command; ignored ones the command would ignore as well
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=2, stderr=2)
    except OSError as error:
        print(f"{command[0]}: {error.strerror or error}", file=sys.stderr, flush=True)
        _end(127)
    threading.Thread(target=_let_go, args=(child,), daemon=True).start()
    _end(child.wait())


def _let_go(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1):
        continue
    os.killpg(0, signal.SIGTERM)
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(0, signal.SIGKILL)


def _end(status: int) -> None:
    os.write(1, str(status).encode())
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
