"""What text of anybody's files can be: a name, a path that stays inside, text at all."""

from __future__ import annotations

import re

NAME = re.compile(r"[A-Za-z0-9._-]+")
NAME_RULE = "a name has letters, digits, '.', '_' and '-' only"
_ROOT = re.compile(r"[A-Za-z]:|[/\\]")
_HALF_LETTER = re.compile(r"[\ud800-\udfff]")


def is_unicode(text: str) -> bool:
    """Whether it is text: half a surrogate pair can be written in JSON, and cannot be hashed, sent or printed."""
    return text.isascii() or not _HALF_LETTER.search(text)


def leads_out(path: str) -> bool:
    """Whether a path, with slashes of either kind, leads out of the folder that it is meant below, or is none."""
    return not path or "\0" in path or bool(_ROOT.match(path)) or ".." in re.split(r"[/\\]", path)
