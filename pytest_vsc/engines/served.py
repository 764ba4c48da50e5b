"""A server on this machine: started on its leash, waited for, watched, and ended with all that it has started.

It knows nothing of models and sends no request but to see whether the server is up.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path

from pytest_vsc.errors import ModelError, one_line

SILENCE = 900.0  # seconds in which a server that starts may write nothing: compiling takes minutes without a word
LOOK = 0.2  # seconds between two looks whether it is up
CLOSE_SECONDS = 10.0  # longer than `leash.PATIENCE`
LAST_WORDS = 300  # letters of a log in an error
MOST_READ = 1 << 20  # bytes of a log, from its end, in which its last words are looked for

COLOUR = re.compile(r"\x1b\[[\d;]*m")
# What stands before the words in a line of a log: the process, the level, the time and the place.
PREFIX = re.compile(r"^(\([\w ]+pid=\d+\) )?([A-Z]+ \d\d-\d\d \d\d:\d\d:\d\d \[[^\]]*\] ?)?")
RAISED = re.compile(r"^[\w.]*(Error|Exception|Exit|Interrupt)\b.*")


class Server:
    """One server's process. Its log, a temporary file for this user alone, stays when the server has failed."""

    def __init__(self, name: str, silence: float = SILENCE) -> None:
        """name: how it is called in errors."""
        self._name, self._silence = name, silence
        self._process: subprocess.Popen[bytes] | None = None
        self._log: Path | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._ended = ""

    def start(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        """Raises ModelError."""
        leash = [sys.executable, "-I", str(Path(__file__).with_name("leash.py"))]
        with self._lock:
            if self._closed:
                raise ModelError(f"{self._name}: closed")
            descriptor, name = tempfile.mkstemp(prefix="vsc-server-", suffix=".log")
            self._log = Path(name)
            try:
                self._process = subprocess.Popen(
                    [*leash, *command],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=descriptor,
                    env=dict(environ),
                    start_new_session=True,  # Ctrl-C is for the tests to hear, which then close this server
                )
            except OSError as error:
                raise ModelError(f"{self._name}: cannot be started: {error.strerror or error}") from None
            finally:
                os.close(descriptor)

    def wait(self, url: str) -> None:
        """Until the address answers, however long that takes while the server lives and writes to its log.

        Raises ModelError.
        """
        size, since = -1, time.monotonic()
        while not _answers(url):
            if self._closed or self.ended:
                raise ModelError(f"{self._name}: {self.ended or 'closed'}")
            if (now := self._size()) != size:
                size, since = now, time.monotonic()
            elif time.monotonic() - since > self._silence:
                self._ended = self._with_log(f"has not come up and writes nothing any more since {self._silence:g} s")
                raise ModelError(f"{self._name}: {self._ended}")
            time.sleep(LOOK)

    @property
    def ended(self) -> str:
        """How it ended by itself, in one line with where its log is; "" while it has not."""
        with self._lock:
            if not self._ended and not self._closed and self._process and self._process.poll() is not None:
                assert self._process.stdout is not None
                self._ended = self._with_log(_status(self._process.stdout.read()))
                self._finish()
            return self._ended

    def close(self) -> None:
        """End it, and whatever it has started. May be called twice and before `start`."""
        failed = self.ended
        with self._lock:
            self._closed = True
            if self._process is not None:
                assert self._process.stdin is not None
                with contextlib.suppress(OSError):
                    self._process.stdin.close()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(CLOSE_SECONDS)
                self._finish()
            if not failed and self._log is not None:
                self._log.unlink(missing_ok=True)

    def _finish(self) -> None:
        """Nothing is left of its process group, even where the leash itself was killed; needs the lock."""
        process, self._process = self._process, None
        assert process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()

    def _size(self) -> int:
        return self._log.stat().st_size if self._log else 0

    def _with_log(self, what: str) -> str:
        assert self._log is not None
        with self._log.open("rb") as log:
            log.seek(max(0, self._size() - MOST_READ))
            words = last_words(log.read().decode("utf-8", "replace"))
        return f"{what}{f' ({words})' if words else ''}; its log: {self._log}"


def free_port() -> int:
    """A port of this machine that nobody listens on at present."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def last_words(log: str) -> str:
    """Why a server ended, by its log: the first exception that it tells of, since what follows is brought on by that.

    Without any it is the last line.
    """
    lines = [PREFIX.sub("", COLOUR.sub("", line)).rstrip() for line in log.splitlines()]
    raised = next((line for line in lines if RAISED.match(line)), "")
    return one_line(raised or next((line for line in reversed(lines) if line.strip()), ""))[:LAST_WORDS]


def _answers(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy leads to this machine
    try:
        with direct.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False


def _status(told: bytes) -> str:
    """told: what the leash wrote; nothing when it was killed itself, by whoever kills what takes most memory."""
    status = int(told) if told else -signal.SIGKILL
    if status >= 0:
        return f"ended with status {status}"
    name = next((known.name for known in signal.Signals if known == -status), f"signal {-status}")
    return f"was ended by {name}{'; it may have used up the memory' if name == 'SIGKILL' else ''}"
