"""What a reasoning model thinks aloud, told from what it says: only the latter is an answer. It judges nothing.

Every step takes linear time, whatever the text.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

# <think>, [THINK] and the like; a mark may be part of the chat template and so stand in the text at one end only.
_THOUGHT = re.compile(
    r"[<\u25c1](/?)(?:seed:)?(?:think|thinking|thoughts?|reasoning|reflection|scratchpad)[>\u25b7]|\[(/?)THINK\]",
    re.IGNORECASE,
)
_MAY_THINK = re.compile("[<[\u25c1]")
_OPENS = re.compile(rf"({_THOUGHT.pattern}|<\|channel\|>(?:analysis|commentary)<\|message\|>)\s*\Z", re.IGNORECASE)
# Channels, with their tokens and as they read without them.
_LAST_CHANNEL = re.compile(r"<\|channel\|>final<\|message\|>|\A\s*analysis(?=[A-Z\s])|assistantfinal")
_FIRST_CHANNEL = re.compile(r"\s*<\|channel\|>(?:analysis|commentary)<\|message\|>")
_CHANNEL = re.compile(r"<\|channel\|>\w*|<\|\w+\|>(?:assistant)?")


# Tokens that channels are told by.
CHANNEL_TOKENS = frozenset({"<|channel|>", "<|message|>"})


class Apart(NamedTuple):
    """What a reasoning model thought, and what it said. Both together lack only the marks between them."""

    thought: str
    said: str


@functools.lru_cache(maxsize=1)  # asked several times of each answer
def apart(text: str) -> Apart:
    """The thoughts in a text, and the rest of it as it stands."""
    channels, said = _last_channel(text)
    if not _MAY_THINK.search(said):
        return Apart(channels.strip(), said)
    thoughts, kept = [channels], list[str]()
    begin, thinking = 0, False
    for mark in _THOUGHT.finditer(said):
        before = said[begin : mark.start()]
        closes = bool(mark[1] or mark[2])
        if closes and not thinking:
            thoughts += [*kept, before]  # the opening mark was part of the chat template, and not of the text
            kept.clear()
        elif thinking:
            thoughts.append(before)
        else:
            kept.append(before)
        thinking = not closes
        begin = mark.end()
    (thoughts if thinking else kept).append(said[begin:])
    return Apart("\n".join(part for thought in thoughts if (part := thought.strip())), "".join(kept))


def without_thoughts(text: str) -> str:
    """The text without the blocks that a reasoning model thinks in."""
    return apart(text).said


def _last_channel(text: str) -> Apart:
    if "<|channel|>" not in text and "analysis" not in text and "assistantfinal" not in text:
        return Apart("", text)
    marks = list(_LAST_CHANNEL.finditer(text))
    if not marks and (first := _FIRST_CHANNEL.match(text)):
        return Apart(_CHANNEL.sub("", text[first.end() :]), "")  # it was cut before it came to its answer
    if not marks or (len(marks) == 1 and not marks[0][0].startswith("<")):
        return Apart("", text)  # one word of the two without the other is just a word
    return Apart(_CHANNEL.sub("", text[: marks[-1].start()]), text[marks[-1].end() :])


def is_mark(token: str) -> bool:
    """Whether a token of a tokenizer is a mark that thoughts are told by."""
    return bool(_THOUGHT.fullmatch(token)) or token in CHANNEL_TOKENS


def left_open(prompt: str) -> str:
    """The mark that a prompt ends with, if it opens a thought there; what follows is then thought from its start."""
    mark = _OPENS.search(prompt)
    closes = mark and (mark[2] or mark[3])
    return mark[1] if mark and not closes else ""
