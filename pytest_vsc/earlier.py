"""The answers of a run that came to no end, for one that goes on in its place. It writes only what that run would lose.

An answer fits a request by its digest alone: another model, prompt, picture or setting has another one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from pytest_vsc import private
from pytest_vsc.cases import Value
from pytest_vsc.errors import RunFileError
from pytest_vsc.records import Response, answers_in
from pytest_vsc.redaction import refuse_redacted
from pytest_vsc.runs import RUN_FILE, read_lines

# Beside a run file: what earlier attempts at the same run were answered.
ASIDE = "resumed.jsonl"


class Marked(Value, extra="ignore"):
    """What is read of a header."""

    redacted: bool = False


class Answered(Value, extra="ignore"):
    """What is read of a record."""

    requests: tuple[str, ...] = ()
    response: Response | None = None
    turns: tuple[Response | None, ...] = ()


def read_earlier(path: Path) -> dict[str, Response]:
    """The answers in a run file, or in the folder that holds one, by request digest; earlier attempts beside it too.

    Raises RunFileError.
    """
    file = path / RUN_FILE if path.is_dir() else path
    aside = file.with_name(ASIDE)
    found = _read(aside) if aside != file and aside.is_file() else None
    if found is not None and (not file.is_file() or not file.stat().st_size):
        return found  # a later attempt died before its first line
    return {**(found or {}), **_read(file)}


def set_aside(run: Path) -> None:
    """Keep the records of a run file that another run is about to replace. Raises OSError."""
    if not run.is_file():
        return
    aside = run.with_name(ASIDE)
    kept = [_whole_lines(file) for file in (aside, run) if file.is_file()]
    scratch = aside.with_suffix(".scratch")
    scratch.unlink(missing_ok=True)  # an earlier one would keep its mode
    with open(
        scratch, "wb", opener=private.opener
    ) as file:  # a disk that is full, or an end in the midst of it, leaves what there was
        file.writelines(kept)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(aside)


def _whole_lines(file: Path) -> bytes:
    """What can be read of a file: not a line that was cut short."""
    return b"".join(file.read_bytes().rpartition(b"\n")[:2])


def _read(file: Path) -> dict[str, Response]:
    try:
        with file.open("rb") as lines:
            return _answers(lines, file)
    except OSError as error:
        raise RunFileError(f"--vsc-resume {file}: cannot be read: {error.strerror or error}") from error


def _answers(lines: BinaryIO, file: Path) -> dict[str, Response]:
    found: dict[str, Response] = {}
    kinds: set[str] = set()
    for line in read_lines(lines, str(file), {"header": Marked, "record": Answered, "footer": None}):
        kinds.add(line.kind)
        if isinstance(line.value, Marked):
            refuse_redacted(line.value.redacted, f"--vsc-resume {file}", "a run that goes on")
        record = line.value
        if isinstance(record, Answered):
            found |= answers_in(record.requests, record.response, record.turns)
    if "header" not in kinds:
        raise RunFileError(f"--vsc-resume {file}: no header; expected a run file, such as {RUN_FILE}")
    return found
