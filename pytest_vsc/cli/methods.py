"""Runs a model under methods of calibration for `vsc tradeoff`: each in a pytest process of its own, one at a time.

A run that is there already is taken as it is where nothing has changed since. What the runs come to is told elsewhere.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pytest_vsc.baselines import Baseline, read_baseline, terms_of
from pytest_vsc.calibrations import open_calibrations, spelled
from pytest_vsc.cli.printing import safe, shown
from pytest_vsc.cli.trying import complaint, environment
from pytest_vsc.errors import RunFileError, SettingsError
from pytest_vsc.methods import NONE
from pytest_vsc.runs import RUN_FILE, Header

# What the command sets itself, or what would make the runs of methods be of different cases.
OURS = ("--vlm", "--vsc-calibrate", "--vsc-output", "--vsc-resume", "--vsc-update-lock", "--vsc-early-stop")
QUIET = (
    *("-o", "vsc_update_lock=false", "-o", "vsc_early_stop=false"),
    *("-p", "no:cacheprovider", "--tb=no", "-rfE", "--color=no"),
)
ENDED = (0, 1)  # pytest's exit codes of a run that asked its cases, whatever its gates said
LONGEST = 60  # letters of a folder's name
OUT, ERR = "pytest.out", "pytest.err"
BEFORE = "before.jsonl"  # the run that was there


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
    for word in options:
        if word.partition("=")[0] in OURS:
            raise SettingsError(f"{word.partition('=')[0]}: vsc tradeoff sets it itself; leave the option out")
    command = [*options, *(f"--vsc-suite={suite}" for suite in suites), *QUIET, f"--vlm={spec}"]
    plain = _run(next(one for one in methods if one.spelled == NONE), command)
    for method in methods:
        there = _whole(method.place / RUN_FILE)
        if method.spelled == NONE:
            yield plain
        elif there and _asked_as(method, there) and _same(there, plain):
            print(safe(f"{method.spelled}: taken from {shown(method.place)}"), file=sys.stderr)
            yield there
        else:
            yield _run(method, command)


def _whole(file: Path) -> Baseline | None:
    """The run of a file, where it came to an end and can be read."""
    try:
        return read_baseline(file) if file.is_file() else None
    except RunFileError:
        return None


def _asked_as(method: Asked, run: Baseline) -> bool:
    header = run.run.header
    return (header.calibration, tuple(one.sha256 for one in header.calibrations)) == (method.spelled, method.sha256)


def _same(one: Baseline, other: Baseline) -> bool:
    """Whether the two are of the same model, cases and conditions, whatever the method, and neither was cut."""
    ended, otherwise = one.run.footer, other.run.footer
    if ended is None or otherwise is None or ended.cut or otherwise.cut or ended.filters != otherwise.filters:
        return False
    asked, before = ({record.key for record in run.run.records} for run in (one, other))
    return asked == before and _conditions(one.run.header) == _conditions(other.run.header)


def _conditions(header: Header) -> tuple[object, ...]:
    return (
        terms_of(header),
        header.pytest_vsc,
        header.model.get("fingerprint"),
        header.suites,
        header.sample,
        header.excluded,
        header.system_sha256,
        header.early_stop,
        header.redacted,
    )


def _run(method: Asked, command: Sequence[str]) -> Baseline:
    """Make a run. One that was there before stays if the new one is the same, with the times that it took."""
    place = method.place
    run, before = place / RUN_FILE, place / BEFORE
    try:
        place.mkdir(parents=True, exist_ok=True)
        if _whole(run):
            run.replace(before)
        _make(method, command, next((file for file in (run, before) if file.is_file()), None))
        made, there = read_baseline(run), _whole(before)
        if there and _asked_as(method, there) and _same(there, made):
            before.replace(run)
            return read_baseline(run)
        before.unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(f"--out: {shown(place)}: cannot be written: {error.strerror or error}") from None
    return made


def _make(method: Asked, command: Sequence[str], earlier: Path | None) -> None:
    """Run pytest to its end. earlier: a run whose answers are taken where they fit."""
    place = method.place
    own = [f"--vsc-output={place}", f"--junitxml={place / 'junit.xml'}", f"--vsc-calibrate={method.spec}"]
    own += [f"--vsc-resume={earlier}"] if earlier else []
    print(safe(f"{method.spelled}: under way, its output is in {shown(place / OUT)}"), file=sys.stderr)
    with (place / OUT).open("wb") as out, (place / ERR).open("wb") as err:
        status = _ended([sys.executable, "-m", "pytest", *command, *own], out.fileno(), err.fileno())
    if status not in ENDED:
        said = complaint(place / OUT, place / ERR) or f"exit status {status}"
        raise SettingsError(f"{method.spelled}: its run came to no end: {said}")


def _ended(command: Sequence[str], out: int, err: int) -> int:
    """The exit status of a process, which does not outlive this one."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment()) as process:
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            raise
