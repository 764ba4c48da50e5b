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
# A mark within these is talked about, and nothing begins or ends there.
_QUOTES = frozenset("`\"'\u201c\u201d")
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
    """The thoughts in a text, and the rest of it as it stands.

    Where a mark may be one that an answer merely talks about, what stands there is taken as said: that is judged.
    """
    channels, said = _last_channel(text)
    if not _MAY_THINK.search(said):
        return Apart(channels.strip(), said)
    thoughts, kept = [channels], list[str]()
    begin, thinking, thought = 0, False, bool(channels)
    for mark in _THOUGHT.finditer(said):
        if _is_quoted(said, mark):
            continue
        before = said[begin : mark.start()]
        closes = bool(mark[1] or mark[2])
        if closes and not thinking and not thought:
            thoughts += [*kept, before]  # the opening mark was part of the chat template, and not of the text
            kept.clear()
        elif thinking:
            thoughts.append(before)
        else:
            kept.append(before)
        thinking, thought = not closes, True
        begin = mark.end()
    cut = thinking and not any(map(str.strip, kept))  # else it said something, and only then names a mark
    (thoughts if cut else kept).append(said[begin:])
    return Apart("\n".join(part for thought in thoughts if (part := thought.strip())), "".join(kept))


def _is_quoted(text: str, mark: re.Match[str]) -> bool:
    return text[mark.start() - 1 : mark.start()] in _QUOTES and text[mark.end() : mark.end() + 1] in _QUOTES


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
