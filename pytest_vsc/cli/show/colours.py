"""Colour in what `vsc` prints: whether there is any, and how it is written. Texts of others are cleaned before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

CODES = {"bold": 1, "red": 31, "green": 32, "yellow": 33, "purple": 35}


def has_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Only a terminal has, and not where its user wants none (NO_COLOR)."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def coloured(text: str, markup: Mapping[str, bool], wanted: bool) -> str:
    """The text in the markup of `reports.text`, where colour is wanted."""
    codes = ";".join(str(CODES[name]) for name, on in markup.items() if on)
    return f"\x1b[{codes}m{text}\x1b[0m" if codes and wanted and text else text
