"""The pictures of a case in `vsc show`: their names and digests, and where they are revealed and found, themselves."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pytest_vsc.cases import Picture
from pytest_vsc.cli.printing import safe
from pytest_vsc.errors import one_line
from pytest_vsc.records import Record
from pytest_vsc.reports.found import pictures_of
from pytest_vsc.reports.terminal_pictures import Way, drawn, way_for
from pytest_vsc.runs import Header
from pytest_vsc.store import default_folder

MOST_COLUMNS, MOST_ROWS = 60, 24


class Frame(NamedTuple):
    """How pictures are drawn, and in how many cells at most.

    unknown: somebody looks, at a terminal that does not tell how. find: the pictures by sha256, looked for when first
    needed.
    """

    way: Way
    unknown: bool
    columns: int
    rows: int
    find: Callable[[], Mapping[str, Picture]]


def frame_for(way: Way | Literal["auto"], header: Header, folders: Sequence[Path]) -> Frame:
    """way: as asked for; "auto" goes by the terminal. folders: of suites, beside the shipped ones."""
    size, terminal = shutil.get_terminal_size(), sys.stdout.isatty()
    chosen = way_for(os.environ, terminal=terminal) if way == "auto" else way
    found: list[Mapping[str, Picture]] = []

    def find() -> Mapping[str, Picture]:
        if not found:
            cache = default_folder()
            found.append(pictures_of(header, folders, cache if cache.is_dir() else None))
        return found[0]

    unknown = terminal and way == "auto" and chosen == "none"
    return Frame(chosen, unknown, min(MOST_COLUMNS, size.columns), max(4, min(MOST_ROWS, size.lines - 8)), find)


def picture_lines(record: Record, frame: Frame, *, reveal: bool) -> Iterator[str]:
    """What to print of the pictures, each entry with its line ends."""
    for image in record.images:
        yield f"  {'picture':<12}{safe(one_line(f'{image.path}, sha256 {image.sha256}'))}\n"
        if reveal and frame.way != "none":
            yield _drawn(frame.find().get(image.sha256), record.suite, frame)
    if record.images and reveal and frame.unknown:
        yield _note("not drawn: this terminal does not tell how; --pictures blocks (or kitty, iterm) draws it")
    if record.images and not reveal:
        yield f"  {'':<12}withheld: a picture may show the words of the prompt\n"


def _drawn(picture: Picture | None, suite: str, frame: Frame) -> str:
    if picture is None:
        return _note(f"not found; --suite FOLDER tells where suite {suite} is, with this very picture in it")
    try:
        return drawn(picture.unchanged(), frame.way, frame.columns, frame.rows)
    except OSError as error:
        return _note(f"{picture.name} cannot be read: {error.strerror or error}")
    except ValueError as error:
        return _note(f"{picture.name}: {error}")


def _note(text: str) -> str:
    return f"  {'':<12}{safe(one_line(text))}\n"
