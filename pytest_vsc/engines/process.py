"""An engine in a process of its own: nothing else takes the interpreter from the model, and its end takes none along.

Measured on two cores with the embedded model: in the process of the tests, the model waited for the interpreter's lock
during 14 to 16 % of a run without workers; beside nothing but its own preparation, during 2 %.

Both ends are here. Messages are pickles: each end is the other's own code, and neither reads them from elsewhere.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from pathlib import Path
from typing import IO, Any, BinaryIO

from pytest_vsc.cases import complete
from pytest_vsc.engines import EngineSettings
from pytest_vsc.errors import EngineError, ModelError, VscError, one_line
from pytest_vsc.protocols import Batching, Engine, Probed
from pytest_vsc.records import Request, Response

CLOSE_SECONDS = 10.0
LAST_WORDS = 300  # letters of what a process that ended had last written to its error output
_RUN = "import sys; sys.path[:] = sys.argv[1:]; from pytest_vsc.engines.process import serve; serve()"


class ProcessEngine:
    """Has an engine checked, loaded and asked in another process, which ends with this one.

    When that process has ended by itself, whatever it had not answered and whatever is asked later raises ModelError.
    """

    def __init__(self, kind: Callable[[str, EngineSettings], Engine], source: str, settings: EngineSettings) -> None:
        """kind: a class that the other process can import, of engines that can be probed (`protocols.Probing`)."""
        self._made_of = (kind, source, settings)
        self.lasting: bool = kind.lasting  # type: ignore[attr-defined]  # a class, as said
        self._name = Path(source).resolve().name if Path(source).is_dir() else source
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] = io.BytesIO()
        self._listener = threading.Thread(target=self._listen, name="vsc-answers", daemon=True)
        self._lock, self._pipe = threading.Lock(), threading.Lock()
        self._numbers = itertools.count()
        self._open: dict[int, Future[Any]] = {}
        self._said: dict[str, str] = {}
        self._at_once = 1
        self._fingerprint: str | None = None
        self._end: VscError | None = None

    # -- what an engine offers

    def check(self) -> None:
        try:
            self._start()
            self._told("check")
        except BaseException:
            self.close()
            raise

    def load(self) -> None:
        self._told("load")

    def describe(self) -> dict[str, str]:
        return dict(self._said)

    @property
    def fingerprint(self) -> str:
        if self._fingerprint is None:
            self._fingerprint = self._told("fingerprint")
        return self._fingerprint

    @property
    def weights(self) -> str:
        """As `protocols.Recognised` says. Raises ModelError."""
        told: str = self._told("weights")
        return told

    def probe(self, requests: Sequence[Request]) -> Probed:
        """As `protocols.Probing` says. Raises EngineError."""
        probed: Probed = self._call("probe", requests)
        return probed

    @property
    def at_once(self) -> int:
        """As `protocols.Batching` says."""
        return self._at_once

    def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:
        number, future = self._sent("submit", request, urgent)
        future.add_done_callback(lambda done: self._left(number) if done.cancelled() else None)
        return future

    def close(self) -> None:
        """End the other process at once, in whatever it is doing; a running batch ends with it."""
        with self._lock:
            self._end = self._end or EngineError(f"{self._name}: closed")
            process, left, self._open = self._process, self._open, {}
        for future in left.values():
            future.cancel()
            with contextlib.suppress(InvalidStateError):
                future.set_running_or_notify_cancel()
        if process is None or process.stdin is None or process.stdin.closed:
            return
        process.kill()  # it holds nothing that would be lost
        process.wait()
        self._listener.join(CLOSE_SECONDS)
        with contextlib.suppress(OSError):
            process.stdin.close()
        self._errors.close()

    # -- this end

    def _start(self) -> None:
        if self._process is not None:
            return
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the process
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _RUN, *(entry for entry in sys.path if isinstance(entry, str))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,  # Ctrl-C is for the tests to hear, which then close this engine
            )
        except OSError as error:
            raise ModelError(f"{self._name}: its process cannot be started: {error.strerror or error}") from None
        self._listener.start()
        self._put(self._made_of)

    def _call(self, name: str, *arguments: object) -> Any:
        """Have the engine do something, and wait for it. Raises what it raised."""
        return self._sent(name, *arguments)[1].result()

    def _told(self, name: str) -> Any:
        """The same for what is no request, and so fails with no EngineError: without a process there is no model."""
        try:
            return self._call(name)
        except EngineError as error:
            raise ModelError(str(error)) from None

    def _sent(self, name: str, *arguments: object) -> tuple[int, Future[Any]]:
        number, future = next(self._numbers), Future[Any]()
        with self._lock:
            end = self._end or (EngineError(f"{self._name}: not loaded") if self._process is None else None)
            if end is None:
                self._open[number] = future
        if end is not None:
            future.set_exception(end)
        else:
            self._send(number, name, *arguments)
        return number, future

    def _send(self, number: int, name: str, *arguments: object) -> None:
        self._put((number, name, arguments))

    def _left(self, number: int) -> None:
        """Nobody waits for this answer any more."""
        with self._lock:
            waiting = self._open.pop(number, None) is not None
        if waiting:
            self._send(number, "cancel")

    def _put(self, message: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        written = pickle.dumps(message)
        with self._pipe, contextlib.suppress(OSError, ValueError):  # it has ended: who listens for answers hears of it
            self._process.stdin.write(written)
            self._process.stdin.flush()

    def _listen(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        try:
            with process.stdout as told:
                while True:
                    self._said, self._at_once, outcomes = pickle.load(told)  # noqa: S301  # from our own other end
                    for number, outcome in outcomes:
                        self._settle(number, outcome)
        except EOFError:
            self._mourn(process)
        except BaseException:  # nobody would hear it any more
            process.kill()
            self._mourn(process)
            raise

    def _settle(self, number: int, outcome: object) -> None:
        with self._lock:
            future = self._open.pop(number, None)
        if future is None or not future.set_running_or_notify_cancel():
            return
        if isinstance(outcome, VscError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    def _mourn(self, process: subprocess.Popen[bytes]) -> None:
        """Tell whoever waits how the other process ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(CLOSE_SECONDS)
        with self._lock:
            self._end = self._end or ModelError(f"{self._name}: {self._how_it_ended(process.returncode)}")
            left, self._open = self._open, {}
        for future in left.values():
            if future.set_running_or_notify_cancel():
                future.set_exception(self._end)

    def _how_it_ended(self, status: int | None) -> str:
        self._errors.seek(0)
        lines = [one_line(line.decode("utf-8", "replace")) for line in self._errors.read().splitlines()]
        words = next((f" ({line[:LAST_WORDS]})" for line in reversed(lines) if line), "")
        if status is None or status >= 0:
            return f"the model's process ended with status {status}{words}"
        name = next((known.name for known in signal.Signals if known == -status), f"signal {-status}")
        likely = "; it may have used up the machine's memory" if name == "SIGKILL" else ""
        return f"the model's process was ended by {name}{likely}{words}"


# -- the other end


def serve() -> None:
    """Be the other process: do what is asked on standard input until that ends."""
    told, asked = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0), "rb")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)  # what libraries print is no message
    complete()
    kind, source, settings = pickle.load(asked)  # noqa: S301  # from our own other end
    _Served(kind(source, settings), told).follow(asked)


class _Served:
    """An engine, and the pipe on which it is told what came of each request."""

    def __init__(self, engine: Engine, told: BinaryIO) -> None:
        self._engine, self._told = engine, told
        self._open: dict[int, Future[Response]] = {}
        self._calls: queue.SimpleQueue[tuple[int, str, tuple[Any, ...]]] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[tuple[int, object]] = queue.SimpleQueue()

    def follow(self, asked: BinaryIO) -> None:
        """Listen in a thread, so that the end of the other side is heard at any time; calls are done in this one."""
        for work in (lambda: self._listen(asked), self._tell):
            threading.Thread(target=_or_end, args=(work,), daemon=True).start()
        while True:
            number, name, arguments = self._calls.get()
            try:
                found = getattr(self._engine, name)
                outcome = found(*arguments) if callable(found) else found
            except VscError as error:
                outcome = error
            except Exception as error:
                outcome = ModelError(one_line(f"{type(error).__name__}: {error}"))
            self._outcomes.put((number, outcome))

    def _listen(self, asked: BinaryIO) -> None:
        while True:
            number, name, arguments = pickle.load(asked)  # noqa: S301  # from our own other end
            if name == "submit":
                self._submit(number, *arguments)
            elif name == "cancel":
                if (future := self._open.get(number)) is not None:
                    future.cancel()
            else:
                self._calls.put((number, name, arguments))

    def _submit(self, number: int, request: Request, urgent: bool) -> None:
        self._open[number] = future = self._engine.submit(request, urgent=urgent)
        future.add_done_callback(lambda done: self._answered(number, done))

    def _answered(self, number: int, done: Future[Response]) -> None:
        self._open.pop(number, None)
        if done.cancelled():
            return
        error = done.exception()
        if error is not None and not isinstance(error, VscError):  # its message may hold the prompt
            error = EngineError(f"{type(error).__name__} in the engine")
        self._outcomes.put((number, error or done.result()))

    def _tell(self) -> None:
        """Say what came of the requests, a batch of answers in one message, and how the engine is by then."""
        while True:
            outcomes = [self._outcomes.get()]
            while not self._outcomes.empty():
                outcomes.append(self._outcomes.get())
            self._told.write(pickle.dumps((self._engine.describe(), self._at_once(), outcomes)))
            self._told.flush()

    def _at_once(self) -> int:
        return self._engine.at_once if isinstance(self._engine, Batching) else 1


def _or_end(work: Callable[[], None]) -> None:
    """Do a thread's work, and end the process with it: at the end of the other side, or when this one is broken."""
    try:
        work()
    except EOFError:
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
