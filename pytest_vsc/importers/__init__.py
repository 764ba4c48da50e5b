"""Importers bring a published benchmark into a suite folder. This finds them, ours and those of other packages.

An importer is an object of `pytest_vsc.drafts.Importer` that an entry point of the group `pytest_vsc.importers` leads
to; the entry point's name is the word after `vsc import`.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from pytest_vsc.drafts import Importer
from pytest_vsc.errors import ReleaseError, expected, one_line

GROUP = "pytest_vsc.importers"


def importers() -> dict[str, EntryPoint]:
    """Every importer by its name; nothing of it is loaded. Raises ReleaseError when two packages give one name."""
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=GROUP)):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise ReleaseError(f"importer '{point.name}' is given twice: by {other.value} and by {point.value}")
    return found


def open_importer(name: str) -> Importer:
    """The importer of this name. Raises ReleaseError."""
    found = importers()
    if name not in found:
        raise ReleaseError(f"unknown importer '{one_line(name)}'; {expected(name, found)}")
    try:
        importer = found[name].load()
    except Exception as error:  # it may be anybody's
        what = f"{type(error).__name__}: {one_line(error)}"
        raise ReleaseError(f"importer '{name}' ({found[name].value}) cannot be loaded: {what}") from error
    if not isinstance(importer, Importer):
        raise ReleaseError(f"importer '{name}': {found[name].value} is no pytest_vsc.drafts.Importer")
    return importer
