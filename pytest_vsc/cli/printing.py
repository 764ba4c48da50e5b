"""How the commands of `vsc` write: tables, counts, sizes, and text of others made safe to show. It reads nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from pytest_vsc.errors import SettingsError, VscError, one_line, printable


def say(line: str) -> None:
    """Print a line that may hold text of anybody: no control characters, and nothing that a pipeline obeys."""
    print(safe(line))


def safe(text: str) -> str:
    """Text as it may stand at the start of a line."""
    return printable(VscError(text))


def shown(path: Path) -> str:
    """A path in one line."""
    return one_line(path)


def see_writable(file: Path, option: str) -> None:
    """See whether the file of an option can be written, before the work that goes into it. Raises SettingsError."""
    try:
        with file.open("ab") as stream:
            new = not stream.tell()
        if new:
            file.unlink()
    except OSError as error:
        raise SettingsError(f"{option}: {shown(file)}: cannot be written: {error.strerror or error}") from None


def count(number: int, noun: str) -> str:
    """`1 answer`, `1,200 answers`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(number: float) -> str:
    """A number of bytes for people."""
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], figures: Collection[int]) -> list[str]:
    """Lines with columns of one width each: words to the left, and to the right the columns that hold figures."""
    whole = [heads, *rows]
    widths = [max(len(row[column]) for row in whole) for column in range(len(heads))]
    return [
        "  ".join(
            cell.rjust(width) if column in figures else cell.ljust(width) for column, (cell, width) in cells
        ).rstrip()
        for cells in (list(enumerate(zip(row, widths, strict=True))) for row in whole)
    ]
