"""Whether one text repeats another, however it is escaped, quoted or broken up: what both are compared by."""

from __future__ import annotations

import re
from collections.abc import Iterable

REPEATED = 16  # letters and digits in a row that a message must not share with a prompt or an answer
SHORT = 6  # of a text that a message may hold by chance


def bare(text: str) -> str:
    """Letters and digits only, in lower case: a message may escape or break the rest, and JSON escapes those."""
    told = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return "".join(filter(str.isalnum, re.sub(r"\\[bfnrt]", "", told))).lower()


def runs(said: str, length: int) -> set[str]:
    """All runs of so many characters in a text."""
    return {said[at : at + length] for at in range(len(said) - length + 1)}


def repeats(message: str, texts: Iterable[str], *, short: int = 1) -> bool:
    """Whether a message holds all of a text, or a long run of it. short: letters of the shortest text looked for."""
    said = bare(message)
    told = runs(said, REPEATED)
    sought = [text for text in map(bare, texts) if len(text) >= short]
    return any(text in said or any(run in text for run in told) for text in sought)
