"""A store with known answers in it, and what tests of the store and of its upkeep do to its file."""

from __future__ import annotations

import contextlib
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_vsc.records import Judgement, Response
from pytest_vsc.store import Store
from pytest_vsc.storefile import FILE

KEYS = [f"{number:064x}" for number in range(400)]
REFUSED = Judgement(verdict="REFUSED", judge="builtin 1", span="I can't")


def answer(key: str) -> Response:
    return Response(text=f"The answer to {key}. " * 4, tokens=31, seconds=0.1 + 0.2)


ANSWERS = {key: answer(key) for key in KEYS}


def fill(folder: Path) -> Path:
    """Have a store of 400 answers and one judgement in a folder, which nobody has open."""
    with contextlib.closing(Store(folder)) as opened:
        opened.keep("qwen", "f" * 64, ANSWERS)
        opened.keep_judgements({"j": REFUSED})
    return folder


def read(folder: Path) -> dict[str, Response]:
    with contextlib.closing(Store(folder)) as opened:
        return opened.answers(KEYS)


def patch(folder: Path, place: int, data: bytes) -> None:
    with (folder / FILE).open("r+b") as file:
        file.seek(place)
        file.write(data)


def sql(folder: Path, statement: str, *values: object) -> list[Any]:
    with contextlib.closing(sqlite3.connect(folder / FILE)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def option(folder: Path) -> str:
    return f"--cache {shlex.quote(str(folder))}"


def locked(folder: Path) -> str:
    return (
        f"{folder / FILE}: is locked by another process (database is locked). "
        "Find out who holds it; on a network drive, choose a local folder"
    )


HOLDER = """\
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    connection.execute(statement).fetchall()
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def held(folder: Path, *statements: str) -> Iterator[None]:
    """Another process has done this to the store and keeps it open."""
    command = [sys.executable, "-c", HOLDER, str(folder / FILE), *statements]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        try:
            yield
        finally:
            holder.communicate("")
