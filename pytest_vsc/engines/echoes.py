"""Whether one text repeats another, however it is escaped, quoted or broken up: what both are compared by."""

from __future__ import annotations

import re


def bare(text: str) -> str:
    """Letters and digits only, in lower case: a message may escape or break the rest, and JSON escapes those."""
    told = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return "".join(filter(str.isalnum, re.sub(r"\\[bfnrt]", "", told))).lower()


def runs(said: str, length: int) -> set[str]:
    """All runs of so many characters in a text."""
    return {said[at : at + length] for at in range(len(said) - length + 1)}
