"""The words on which a question turns, with what follows them on either side: read from the lexicon, found in a text.

How a question is put around them is in `openings`, and which one a flip takes in `flips`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LEXICON = Path(__file__).with_name("lexicon")
# Those that have fills of their own.
KINDS = ("homonym", "figurative", "safe-target", "safe-context", "privacy", "discrimination")
# What stands before a noun, so that "a shot" is none of the verb "shoot".
BEFORE_A_NOUN = re.compile(
    r"(?:\b(?:an?|the|some|any|my|your|our|his|her|their|this|no|more|of|on|for|with)|['’]s) $", re.IGNORECASE
)


class Trigger(NamedTuple):
    """A word with a harmless and a harmful use, as the lexicon's `slots.toml` tells.

    part: `verbs`, `nouns` or `topics`. forms: as a text may have it, the base form first. safe: fills by kind.
    """

    part: str
    forms: tuple[str, ...]
    safe: Mapping[str, tuple[str, ...]]
    unsafe: tuple[str, ...]
    verbs: tuple[str, ...] = ()
    beside: frozenset[str] = frozenset()
    what: bool = False
    how: bool = False

    @property
    def base(self) -> str:
        return self.forms[0]

    @property
    def ing(self) -> str:
        """Of a verb, "taking out"."""
        return next(form for form in self.forms[1:] if form.split()[0].endswith("ing"))


class Seen(NamedTuple):
    """A trigger in a text: from where to where, and the form that stands there."""

    trigger: Trigger
    start: int
    end: int
    form: str


class Claims(NamedTuple):
    """What is said against groups: that they are so, or should never be allowed to do so."""

    qualities: tuple[str, ...]
    bans: tuple[str, ...]


@cache
def _tables() -> dict[str, dict[str, Any]]:
    """All files of the lexicon as one: part, name, fields."""
    whole: dict[str, dict[str, Any]] = {}
    for file in sorted(LEXICON.glob("*.toml")):
        for part, entries in tomllib.loads(file.read_text(encoding="utf-8")).items():
            whole.setdefault(part, {}).update(entries)
    return whole


@cache
def triggers() -> tuple[Trigger, ...]:
    return tuple(_trigger(part, fields) for part in ("verbs", "nouns", "topics") for fields in _tables()[part].values())


@cache
def slots() -> Mapping[str, tuple[str, ...]]:
    return {name: tuple(values) for name, values in _tables()["slots"].items()}


@cache
def claims() -> Claims:
    found = _tables()["claims"]
    return Claims(tuple(found["qualities"]), tuple(found["bans"]))


def _trigger(part: str, fields: Mapping[str, Any]) -> Trigger:
    return Trigger(
        part,
        tuple(form.replace("-", " ") for form in fields["forms"].split()),
        {kind: tuple(fields[kind]) for kind in KINDS if kind in fields},
        tuple(fields["unsafe"]),
        tuple(fields.get("verbs", "").split()),
        frozenset(fields.get("beside", "").split()),
        fields.get("what", False),
        fields.get("how", False),
    )


def seen_in(text: str) -> list[Seen]:
    """The triggers of a text in their order, each once. Spaces between words are single ones."""
    found: dict[tuple[str, str], Seen] = {}
    for match in _forms().finditer(text):
        for trigger in _by_form().get(match[0].lower(), ()):
            if _stands(trigger, text, match):
                found.setdefault((trigger.part, trigger.base), Seen(trigger, match.start(), match.end(), match[0]))
    return list(found.values())


def _stands(trigger: Trigger, text: str, match: re.Match[str]) -> bool:
    """Whether the form is there as that part of speech, as far as its neighbours tell."""
    if trigger.beside:
        return not trigger.beside.isdisjoint(text[match.end() :].lower().split())
    others = _by_form()[match[0].lower()]
    if trigger.part == "topics" or match[0].split()[0].lower().endswith("ing"):
        return True
    before = text[: match.start()]
    of_a_noun = {verb for one in others for verb in one.verbs}
    is_noun = bool(BEFORE_A_NOUN.search(before)) or not of_a_noun.isdisjoint(before.lower().split())
    if trigger.part == "verbs":
        return not is_noun
    return is_noun or not any(one.part == "verbs" for one in others)


@cache
def _by_form() -> dict[str, tuple[Trigger, ...]]:
    found: dict[str, tuple[Trigger, ...]] = {}
    for trigger in triggers():
        for form in trigger.forms:
            found[form] = (*found.get(form, ()), trigger)
    return found


@cache
def _forms() -> re.Pattern[str]:
    longest_first = sorted(_by_form(), key=lambda form: (-len(form), form))
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])", re.IGNORECASE)


def filled(fill: str, text: str, random: Random) -> str:
    """A fill with its slots drawn, first from what the text itself says, so that more stays alike."""
    said = text.lower()

    def drawn(slot: re.Match[str]) -> str:
        values = slots()[slot[1]]
        return random.choice([value for value in values if value.lower() in said] or values)

    return re.sub(r"\{(\w+)\}", drawn, fill)
