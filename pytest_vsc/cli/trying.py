"""Tries the models of `vsc selftest`: each by the way that a run itself takes, in a pytest process of its own.

Everything that a run writes goes into one folder. What came of a run is told in `trials`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import chain
from pathlib import Path
from types import TracebackType

from pytest_vsc import impostors, trials
from pytest_vsc.engines.effects import stand_in
from pytest_vsc.errors import SettingsError, one_line
from pytest_vsc.impostors import EVERYWHERE, FOLDER, Model
from pytest_vsc.runs import RUN_FILE
from pytest_vsc.trials import Judged, Trial

USAGE = 4  # pytest's exit code for settings that cannot be used
# Nothing is kept, and nobody reads how a case failed; to lay that out takes most of the time of a run full of failures.
QUIET = (
    *("--vsc-cache=off", "-o", "vsc_require_cache=false", "-o", "vsc_update_lock=false"),
    *("-p", "no:cacheprovider", "--tb=no", "-rfE"),
)
EARLY_STOP = "--vsc-early-stop"


class Tries:
    """The runs of all models, some at once.

    items: the cases. answered: the same, as the oracle's run tells them. done: what came of the models so far, in the
    order in which they were begun.
    """

    def __init__(self, folder: Path, options: Sequence[str], jobs: int) -> None:
        self._folder, self._options = folder, options
        self._pool = ThreadPoolExecutor(jobs, "vsc-selftest")
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False
        self._models: list[Model] = []
        self._trials: dict[int, Trial] = {}
        self.items: tuple[Judged, ...] = ()
        self.answered: tuple[Judged, ...] = ()

    def __enter__(self) -> Tries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        for process in list(self._running):
            process.terminate()
        self._pool.shutdown(cancel_futures=True)

    @property
    def done(self) -> list[Trial]:
        return [self._trials[number] for number in sorted(self._trials)]

    def finished(self) -> Iterator[Trial]:
        """Each model as it comes to its end. Raises SettingsError when a run asks no case."""
        waiting = {self._begin(model) for model in EVERYWHERE}
        early: list[Trial] = []
        while waiting:
            ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for number in sorted(future.result() for future in ready):
                early.append(self._trials[number])
                waiting |= {self._begin(model) for model in self._next(early[-1], self._place(number))}
            if self.items:  # before that, the settings may be good for nothing
                yield from early
                early.clear()

    def _next(self, trial: Trial, place: Path) -> Iterable[Model]:
        """The models that can be tried once this one has been."""
        run = place / RUN_FILE
        if trial.model is EVERYWHERE[0]:
            self.items = trials.read_items(run)
            if not self.items:
                raise SettingsError(_refusal(trial, place))
            right = impostors.oracle(self.items)
            return (right, *impostors.judge_down(self.items), *impostors.one_category(self.items))
        if trial.model.right:
            self.answered = trials.read_items(run)
            if self.answered:
                with run.open(encoding="utf-8") as lines:
                    return impostors.stale_replay(str(run)), impostors.half_replay([*lines])
        return ()

    def _begin(self, model: Model) -> Future[int]:
        self._models.append(model)
        return self._pool.submit(self._try, len(self._models) - 1)

    def _place(self, number: int) -> Path:
        return self._folder / str(number)

    def _try(self, number: int) -> int:
        """Run one model to its end, and return its number."""
        model, place, begun = self._models[number], self._place(number), time.monotonic()
        place.mkdir()
        for name, text in model.files.items():
            (place / name).write_text(text, encoding="utf-8", errors="replace", newline="\n")
        status = self._run(self._command(model, place), place)
        summary = trials.read_summary(place / "summary.json")
        said = complaint(place / "out", place / "err") or f"exit status {status}"
        self._trials[number] = Trial(model, status, said, summary, time.monotonic() - begun)
        return number

    def _command(self, model: Model, place: Path) -> list[str]:
        """The command of a run. No path stands alone in it: that would move pytest away from the user's ini file."""
        own = [word.replace(FOLDER, str(place)) for word in (f"--vlm={model.spec}", *model.options)]
        kept = [f"--vsc-output={place}", f"--junitxml={place / 'junit.xml'}"]
        # A method changes what a model is asked, by which these know what to answer.
        options = [*stand_in(self._options), "--vsc-calibrate=none"]
        if model is EVERYWHERE[0] or model.right:  # what others are made of: these ask every case
            options = [*(word for word in options if word != EARLY_STOP), "-o", "vsc_early_stop=false"]
        return [sys.executable, "-m", "pytest", *options, *QUIET, *kept, *own]

    def _run(self, command: Sequence[str], place: Path) -> int:
        with (place / "out").open("wb") as out, (place / "err").open("wb") as err:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment())
            self._running.add(process)
            if self._closed:
                process.terminate()
            status = process.wait()
            self._running.discard(process)
        return status


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment() -> dict[str, str]:
    """That of this process, less the page that a pipeline shows of it: no run of these belongs on that.

    No line is cut short.
    """
    return {**{name: value for name, value in os.environ.items() if name != "GITHUB_STEP_SUMMARY"}, "COLUMNS": "1000"}


def complaint(out: Path, err: Path) -> str:
    """What pytest said was wrong, in a line: its error output, else a broken test, else the last that it printed."""
    printed = [*filter(str.strip, _read(out).split("\n"))]
    broken = (line for line in printed if line.startswith(("ERROR ", "FAILED ")) and "gates::" not in line)
    first = next(chain(filter(str.strip, _read(err).split("\n")), broken, reversed(printed)), "")
    return one_line(first.removeprefix("ERROR: ").strip("!= "))


def _refusal(trial: Trial, place: Path) -> str:
    """Why a run asked no case: all that pytest has against the settings."""
    if trial.exit == USAGE:
        return _read(place / "err").strip().removeprefix("ERROR: ") or trial.said
    return f"no case was asked ({trial.said}); expected options with which a run asks some"


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
