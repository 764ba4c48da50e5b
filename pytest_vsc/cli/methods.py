"""Which runs of a model under methods of calibration `vsc tradeoff` needs, and which of them are there.

A run that is there already is taken as it is where nothing has changed since. What the runs come to is told elsewhere.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pytest_vsc.baselines import Baseline
from pytest_vsc.calibrations import open_calibrations, spelled
from pytest_vsc.cli.printing import safe, shown
from pytest_vsc.cli.running import QUIET, Wanted, run_of, same, see_options, whole
from pytest_vsc.errors import SettingsError
from pytest_vsc.methods import NONE
from pytest_vsc.runs import RUN_FILE

# What the command sets itself, or what would make the runs of methods be of different cases.
OURS = ("--vlm", "--vsc-calibrate", "--vsc-output", "--vsc-resume", "--vsc-update-lock", "--vsc-early-stop")
LONGEST = 60  # letters of a folder's name


class Asked(NamedTuple):
    """A method as it was asked for. spelled, sha256: as a header tells them. place: the folder of its run."""

    spec: str
    spelled: str
    sha256: tuple[str, ...]
    place: Path


def read_methods(given: Sequence[str], folder: Path) -> list[Asked]:
    """The methods, `none` among them, in their order. given: several at a time, joined by commas.

    A piece that is a setting goes on with the method before it. Raises SettingsError.
    """
    found: list[str] = []
    for piece in (piece.strip() for words in given for piece in words.split(",")):
        if re.match("[^:]*=", piece) and found:
            found[-1] += f"{',' if ':' in found[-1].rpartition('+')[2] else ':'}{piece}"
        elif piece:
            found.append(piece)
    specs = [*([] if NONE in found else [NONE]), *found]
    methods = [_asked(spec, folder) for spec in specs]
    for one in methods:
        if sum(other.spelled == one.spelled and other.sha256 == one.sha256 for other in methods) > 1:
            raise SettingsError(f"--calibrate: '{one.spelled}' is given twice; expected each method once")
    return methods


def _asked(spec: str, folder: Path) -> Asked:
    calibrations = open_calibrations(spec, Path.cwd())
    name = spelled(calibrations)
    sha256 = tuple(one.sha256 for one in calibrations)
    tame = re.sub(r"[^A-Za-z0-9=.+-]+", "-", name).strip(".-")[:LONGEST]
    digest = hashlib.sha256("\n".join((name, *sha256)).encode()).hexdigest()[:8]
    return Asked(spec, name, sha256, folder / (name if name == NONE else f"{tame}-{digest}"))


def runs_of(spec: str, methods: Sequence[Asked], options: Sequence[str], suites: Sequence[str]) -> Iterator[Baseline]:
    """The run of each method, in their order; that of none is made first. Raises SettingsError, RunFileError.

    Its answers being kept, a run whose answers are all there is made anew without the model.
    """
    see_options(options, OURS, "vsc tradeoff")
    command = [*options, *(f"--vsc-suite={suite}" for suite in suites), *QUIET, f"--vlm={spec}"]
    plain = _run(next(one for one in methods if one.spelled == NONE), command)
    for method in methods:
        there = whole(method.place / RUN_FILE)
        if method.spelled == NONE:
            yield plain
        elif there and _asked_as(method, there) and same(there, plain):
            print(safe(f"{method.spelled}: taken from {shown(method.place)}"), file=sys.stderr)
            yield there
        else:
            yield _run(method, command)


def _asked_as(method: Asked, run: Baseline) -> bool:
    header = run.run.header
    return (header.calibration, tuple(one.sha256 for one in header.calibrations)) == (method.spelled, method.sha256)


def _run(method: Asked, command: Sequence[str]) -> Baseline:
    return run_of(Wanted(method.spelled, method.place, [*command, f"--vsc-calibrate={method.spec}"]))
