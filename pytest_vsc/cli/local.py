"""What commands share that work inside a local model: how it is run and loaded, cases, a new folder, how far they are.

It fits and trains nothing.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_vsc.cases import Case, Suite
from pytest_vsc.cli.printing import safe, shown
from pytest_vsc.engines import EngineSettings, local_model
from pytest_vsc.errors import ModelError, SettingsError, VscError, one_line
from pytest_vsc.suites import load_suites

if TYPE_CHECKING:
    from pytest_vsc.engines.candidate import Candidate
    from pytest_vsc.engines.generating import Model

TELL_SECONDS = 5.0
# What is called otherwise on the command line of a run.
NAMES = {"--vlm-dtype": "--dtype", "--vlm-device": "--device", "--vlm-adapter": "--adapter"}


# --- the model ---


def add_running(group: Any, *, adapter: bool = False) -> None:
    """Add the options that say how the model is run. adapter: whether it may have one."""
    if adapter:
        group.add_argument("--adapter", "--vlm-adapter", metavar="DIR", help="a PEFT adapter on top of the model")
    group.add_argument("--device", metavar="DEVICE", default="auto", help="cpu, cuda, mps (default: the best)")
    group.add_argument("--dtype", metavar="DTYPE", default="auto", help="of the weights (default: by the device)")
    group.add_argument("--revision", metavar="REV", help="of a hub model")
    group.add_argument(
        "--trust-remote-code", "--vlm-trust-remote-code", action="store_true", help="if its repository is trusted"
    )


def model_of(given: argparse.Namespace, command: str) -> tuple[str, EngineSettings]:
    """The folder or hub id of the model, and how it is run. Raises ModelError for one that is not loaded here."""
    settings = EngineSettings(
        device=given.device,
        dtype=given.dtype,
        revision=given.revision,
        adapter=getattr(given, "adapter", None),
        trust_remote_code=given.trust_remote_code,
    )
    try:
        return local_model(given.vlm, settings)
    except ModelError as error:
        raise ModelError(str(error).replace("--vlm", command, 1)) from None


def loaded(source: str, settings: EngineSettings) -> tuple[Candidate, Model]:
    """The model with its weights. Raises VscError, in the words of these options."""
    from pytest_vsc.engines.candidate import Candidate
    from pytest_vsc.engines.generating import load

    candidate = Candidate(source, settings)
    try:
        candidate.check()
        return candidate, load(candidate.how(), candidate.processor)
    except VscError as error:
        said = str(error)
        for name, ours in NAMES.items():
            said = said.replace(name, ours)
        raise type(error)(said) from None


# --- cases ---


class Suites(NamedTuple):
    """sided: those of safe and unsafe cases. utility: those with answers."""

    sided: tuple[Suite, ...]
    utility: tuple[Suite, ...]

    @property
    def sides(self) -> list[Case]:
        return [case for suite in self.sided for case in suite.cases]

    @property
    def answered(self) -> list[Case]:
        return [case for suite in self.utility for case in suite.cases]


def add_suites(parser: argparse.ArgumentParser, *, why: str) -> None:
    """Add `--suite`. why: what its cases are for."""
    parser.add_argument("--suite", metavar="SUITE", action="append", required=True, help=f"{why} (repeatable)")


def suites_of(given: argparse.Namespace) -> Suites:
    """Those of `--suite` and of `--utility`. Raises SuiteError, and SettingsError for one of the other kind."""
    try:
        suites = load_suites([*given.suite, *given.utility], Path.cwd())
    except VscError as error:
        raise type(error)(str(error).replace("--vsc-suite", "--suite")) from None
    for number, suite in enumerate(suites):
        sided = number < len(given.suite)
        if any(bool(case.side) != sided for case in suite.cases):
            option = "--suite" if sided else "--utility"
            other = "a utility suite; give it as --utility" if sided else "no utility suite: its cases have no answers"
            raise SettingsError(f"{option} {one_line(suite.name)}: is {other}")
    return Suites(suites[: len(given.suite)], suites[len(given.suite) :])


# --- what is written and shown ---


def see_new(out: Path, hint: str = "") -> None:
    """Raises SettingsError unless the folder of `--out` is a new or an empty one."""
    if out.exists() and not out.is_dir():
        raise SettingsError(f"--out {shown(out)}: is no folder; expected a new one")
    if out.is_dir() and any(out.iterdir()):
        raise SettingsError(f"--out {shown(out)}: the folder is not empty; expected a new one{hint}")


def tell(command: str, what: str) -> None:
    """A line for whoever waits."""
    print(safe(f"{command}: {what}"), file=sys.stderr, flush=True)


class Line:
    """How far a command has come: one line that changes in a terminal, elsewhere a line now and then."""

    def __init__(self, command: str, what: str) -> None:
        self._begin = f"{command}: {what}"
        self._terminal, self._open = sys.stderr.isatty(), False
        self._told: float | None = None

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            print(file=sys.stderr)

    def show(self, done: int, whole: int, more: str = "") -> None:
        """more: what else is known by now."""
        text = safe(f"{self._begin} {done:,}/{whole:,}{more}")
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{text[:width]:<{min(width, 72)}}", end="", file=sys.stderr, flush=True)
            self._open = True
        elif done == whole or self._told is None or time.monotonic() - self._told > TELL_SECONDS:
            print(text, file=sys.stderr, flush=True)
            self._told = time.monotonic()
