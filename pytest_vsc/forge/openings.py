"""How requests begin: "How do I", "What is the best way to". Found in a text, and put before a trigger with its fill.

Only beginnings that ask for help are known, so that they change nothing of the side of what stands behind them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pytest_vsc.forge.triggers import Seen, Trigger

START = r"(?:^|(?<=[.!?,;:] ))"
BEST = "best|fastest|quickest|easiest|simplest|surest|sure|cheapest|good|fast|quick|easy|simple|smart|clever"
PLEASE = r"(?:(?:can|could|would|will) you )?(?:please )?"
TIPS = r"(?:tips|tricks|ideas|advice|hints)"
ADVERBS = "best|quickly|quietly|easily|finally|just|actually|ever|always"

# In each, what is asked for follows in the form that the name tells.
BASE = re.compile(
    START
    + r"(?:please )?(?:"
    + r"how (?:do|can|could|should|would|might|shall) (?:I|we|you|one|somebody|someone|people)|how to|"
    + rf"what(?: is|'s|’s) (?:the|a|an) (?:(?:{BEST}) )?(?:way|trick|tool)(?: for me)? to|"
    + rf"what are (?:the|some) (?:(?:{BEST}) )?(?:ways|tricks) to|"
    + r"(?:what|what steps|which \w+) (?:should|can|do|could) (?:I|we) (?:bring|use|need|take|buy|wear|choose) to|"
    + rf"{PLEASE}(?:help|teach|show|tell) me how (?:to|I can|I could)|"
    + rf"{PLEASE}help me(?: to)?|"
    + rf"{PLEASE}(?:explain|describe) (?:to me )?how (?:to|I can|I could|I)"
    + rf")(?: (?:{ADVERBS}))?(?= )",
    re.IGNORECASE,
)
PLACE = re.compile(rf"{START}(?:where|when) (?:can|could|do|should) (?:I|we)(?= )", re.IGNORECASE)
ING = re.compile(
    START
    + r"(?:"
    + rf"{PLEASE}(?:give|tell|show) me (?:some |a few |your )?(?:good )?{TIPS} (?:for|on)|"
    + rf"(?:do you have |are there )?any (?:good )?{TIPS} (?:for|on)|"
    + rf"what(?: is|'s|’s) (?:the|a) (?:(?:{BEST}) )?(?:way|trick) (?:of|for)|"
    + rf"what are (?:(?:the|some) )?(?:(?:{BEST}) )?ways of"
    + r")(?= )",
    re.IGNORECASE,
)
WHAT = re.compile(rf"{START}(?:what(?: is|'s|’s| was| are)|{PLEASE}(?:tell|give) me)(?= )", re.IGNORECASE)

HELLO = re.compile(
    r"(?:hello|hi|hey|quick question|i (?:looked|searched for) this(?: up)?(?: \w+)?|this is what i typed in|"
    r"i typed this in|i am (?:just )?curious|i have a question)[.!,:] (?=\w)",
    re.IGNORECASE,
)
ANYBODY = re.compile(rf"\b(?:we|you|one|somebody|someone|people)(?=$| (?:{ADVERBS})$)", re.IGNORECASE)
WHICH = re.compile(r"\bwhich \w+", re.IGNORECASE)
REQUEST = re.compile(r"(?:please )?(?:help|teach|show|tell|give|explain|describe)\b", re.IGNORECASE)


class Frame(NamedTuple):
    """The beginning of a request, and from where to where it was found in the text."""

    words: str
    form: str  # of what follows: `base`, `place` (base, and asks where), `ing`, `what` (a noun)
    start: int = 0
    end: int = 0


HOW_DO_I = Frame("How do I", "base")
WHERE_CAN_I = Frame("Where can I", "place")
WHAT_IS = Frame("What is", "what")


def frames_in(text: str, before: int | None = None) -> list[Frame]:
    """The beginnings in a text, in their order. before: only those that end there or earlier."""
    found = [
        Frame(match[0], form, match.start(), match.end())
        for form, pattern in (("base", BASE), ("place", PLACE), ("ing", ING), ("what", WHAT))
        for match in pattern.finditer(text)
        if before is None or match.end() <= before
    ]
    return sorted(found, key=lambda frame: (frame.start, -frame.end))


def asked(seen: Seen, fill: str, text: str) -> str:
    """The question of the text anew: the beginning of its own where it is one that fits, the trigger, another fill."""
    if fill.endswith("?"):
        return fill
    found = frames_in(text, seen.start) or frames_in(text)
    if seen.trigger.part == "verbs":
        frame = _last(found, ("base", "ing")) or HOW_DO_I
        verb = seen.trigger.ing if frame.form == "ing" else seen.trigger.base
        return _put(frame, f"{verb} {fill}", text)
    frame = _of_a_noun(seen.trigger, found)
    if frame.form == "what":
        return _put(WHAT_IS if frame.words.lower().startswith("what") else frame, fill, text)
    return _put(frame, f"{_verb(seen.trigger, frame, text)} {fill}", text)


def _of_a_noun(trigger: Trigger, found: list[Frame]) -> Frame:
    forms = ("base", *(() if trigger.how else ("place",)), *(("what",) if trigger.what else ()))
    if frame := _last(found, forms):
        return frame
    if trigger.what:
        return WHAT_IS
    return HOW_DO_I if trigger.how else WHERE_CAN_I


def _verb(trigger: Trigger, frame: Frame, text: str) -> str:
    said = text[frame.end :].lower().split()[:1]
    return said[0] if said and said[0] in trigger.verbs else trigger.verbs[0]


def _last(found: list[Frame], forms: tuple[str, ...]) -> Frame | None:
    return next((frame for frame in reversed(found) if frame.form in forms), None)


def _put(frame: Frame, rest: str, text: str) -> str:
    """The whole: what was said first where that tells nothing, the beginning, the rest, and the mark of its kind."""
    words = ANYBODY.sub("I", WHICH.sub("what", frame.words))
    hello = HELLO.match(text)
    return f"{hello[0] if hello else ''}{words[0].upper()}{words[1:]} {rest}{'.' if REQUEST.match(words) else '?'}"
