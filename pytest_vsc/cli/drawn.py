"""Reports with a plot, as commands write them: the plot where it can be made, and the files. It makes neither."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pytest_vsc.cli.printing import say, shown
from pytest_vsc.errors import RunFileError, SettingsError
from pytest_vsc.reports.plots import Kind


def drawn_by(plotted: Callable[[], Mapping[Kind, bytes]]) -> Mapping[Kind, bytes]:
    """The plot in each kind of file; without matplotlib one line says what is missing."""
    try:
        return plotted()
    except SettingsError as error:
        say(str(error))
        return {}


def write(files: Mapping[Path, bytes]) -> None:
    """Write them, and say so. Raises RunFileError."""
    for file, content in files.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        except OSError as error:
            raise RunFileError(f"{shown(file)}: cannot be written: {error.strerror or error}") from None
    if files:
        say(f"written: {', '.join(map(shown, files))}")
