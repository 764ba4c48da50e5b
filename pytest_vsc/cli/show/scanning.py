"""A run file read line by line for `vsc show`, however many records it has, and what to say of one that is none."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

from pytest_vsc.cases import Value
from pytest_vsc.cli.printing import shown
from pytest_vsc.errors import RunFileError
from pytest_vsc.records import Outcome, Record
from pytest_vsc.runs import RUN_FILE, Footer, Header, Line, read_lines

LIKE = f"expected a run file, such as {RUN_FILE}, or the folder that holds it"


class Told(Value, extra="ignore"):
    """What is read of a record where outcomes are counted only."""

    suite: str
    case_id: str
    repeat: int = 0
    outcome: Outcome


Kinds = Mapping[str, type[Value]]
COUNTED: Kinds = {"header": Header, "record": Told, "footer": Footer}
WHOLE: Kinds = {"header": Header, "record": Record, "footer": Footer}


def find_run(given: Path) -> Path:
    """The run file of a file or folder. Raises RunFileError."""
    if not given.is_dir():
        if not given.exists():
            raise RunFileError(f"{shown(given)}: no such file or folder; {LIKE}, before the case")
        return given
    if not (given / RUN_FILE).is_file():
        raise RunFileError(f"{shown(given)}: this folder has no {RUN_FILE}; {LIKE}")
    return given / RUN_FILE


def scan(file: Path, kinds: Kinds = WHOLE) -> Generator[Line, None, None]:
    """The lines of a run file, its header first. Raises RunFileError, for a file that is no run too."""
    try:
        with file.open("rb") as stream:
            lines = read_lines(stream, shown(file), kinds)
            yield _first(lines, file)
            for line in lines:
                if line.kind == "header":
                    raise RunFileError(f"{shown(file)}:{line.number}: a second header; expected one run in a file")
                yield line
    except OSError as error:
        raise RunFileError(f"{shown(file)}: cannot be read: {error.strerror or error}") from None


def _first(lines: Iterator[Line], file: Path) -> Line:
    try:
        line = next(lines, None)
    except RunFileError as error:
        why = str(error).removeprefix(f"{shown(file)}:")
        raise RunFileError(f"{shown(file)}: not a run file (line {why}); {LIKE}") from None
    if line is None or line.kind != "header":
        what = "it is empty" if line is None else f"it begins with a {line.kind}"
        raise RunFileError(f"{shown(file)}: not a run file ({what}); {LIKE}")
    return line
