"""A run as reports about cases take it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pytest_vsc.records import Record
from pytest_vsc.runs import Footer, Header


class Shown(NamedTuple):
    """A run that came to its end. name: of its file or folder, as it is shown."""

    name: str
    header: Header
    footer: Footer
    records: Sequence[Record]
