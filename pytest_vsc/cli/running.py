"""Makes runs for commands that need some: pytest in a process of its own, and what a run that is there is good for.

What the runs are of, and what they come to, is told elsewhere.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pytest_vsc.baselines import Baseline, read_baseline, terms_of
from pytest_vsc.cli.printing import safe, shown
from pytest_vsc.cli.trying import complaint, environment
from pytest_vsc.errors import RunFileError, SettingsError
from pytest_vsc.runs import RUN_FILE, Header

QUIET = (
    *("-o", "vsc_update_lock=false", "-o", "vsc_early_stop=false"),
    *("-p", "no:cacheprovider", "--tb=no", "-rfE", "--color=no"),
)
ENDED = (0, 1)  # pytest's exit codes of a run that asked its cases, whatever its gates said
OUT, ERR = "pytest.out", "pytest.err"
BEFORE = "before.jsonl"  # the run that was there


class Wanted(NamedTuple):
    """A run that is to be made. name: as messages call it. place: its folder. command: the options of pytest."""

    name: str
    place: Path
    command: Sequence[str]


def see_options(options: Sequence[str], ours: Sequence[str], command: str) -> None:
    """Raises SettingsError for an option of pytest that the command sets itself. ours: those."""
    for word in options:
        if word.partition("=")[0] in ours:
            raise SettingsError(f"{word.partition('=')[0]}: {command} sets it itself; leave the option out")


def whole(file: Path) -> Baseline | None:
    """The run of a file, where it came to an end and can be read."""
    try:
        return read_baseline(file) if file.is_file() else None
    except RunFileError:
        return None


def same(one: Baseline, other: Baseline) -> bool:
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


def _method(run: Baseline) -> tuple[object, ...]:
    return run.run.header.calibration, tuple(one.sha256 for one in run.run.header.calibrations)


def run_of(wanted: Wanted) -> Baseline:
    """Make a run. One that was there before stays if the new one is the same, with the times that it took.

    Raises SettingsError where it comes to no end, RunFileError.
    """
    run, before = wanted.place / RUN_FILE, wanted.place / BEFORE
    try:
        wanted.place.mkdir(parents=True, exist_ok=True)
        if whole(run):
            run.replace(before)
        _make(wanted, next((file for file in (run, before) if file.is_file()), None))
        made, there = read_baseline(run), whole(before)
        if there and _method(there) == _method(made) and same(there, made):
            before.replace(run)
            return read_baseline(run)
        before.unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(f"--out: {shown(wanted.place)}: cannot be written: {error.strerror or error}") from None
    return made


def _make(wanted: Wanted, earlier: Path | None) -> None:
    """Run pytest to its end. earlier: a run whose answers are taken where they fit."""
    place = wanted.place
    own = [f"--vsc-output={place}", f"--junitxml={place / 'junit.xml'}"]
    own += [f"--vsc-resume={earlier}"] if earlier else []
    print(safe(f"{wanted.name}: under way, its output is in {shown(place / OUT)}"), file=sys.stderr, flush=True)
    with (place / OUT).open("wb") as out, (place / ERR).open("wb") as err:
        status = _ended([sys.executable, "-m", "pytest", *wanted.command, *own], out.fileno(), err.fileno())
    if status not in ENDED:
        said = complaint(place / OUT, place / ERR) or f"exit status {status}"
        raise SettingsError(f"{wanted.name}: its run came to no end: {said}")


def _ended(command: Sequence[str], out: int, err: int) -> int:
    """The exit status of a process, which does not outlive this one."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment()) as process:
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            raise
