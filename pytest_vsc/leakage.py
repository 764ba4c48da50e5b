"""Whether what a model was shown or taught has anything in common with what it is examined on.

It knows no calibration; where the cases that were used come from is told by whoever used them.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import field_validator

from pytest_vsc.cases import Case, Picture, Value
from pytest_vsc.errors import SettingsError, one_line
from pytest_vsc.likeness import HASHED_SIDE, look_alikes, luminances
from pytest_vsc.verifying import look_at

# Of two prompts so many of the words of either are those of both, and neither is shorter than so many.
NEAR_WORDS, FEWEST_WORDS = 0.8, 5
LISTED = 20  # overlaps in a message


class Used(Value):
    """A case that a model was shown or taught, as far as others can be told from it, without its words.

    prompt: sha256 (hex) of its words, "" where it has none. words: of each word the beginning of that, in order of the
    digests, each once. pictures: sha256 (hex) of their bytes. greys: of each picture 32 x 32 luminances in base64, ""
    where it could not be decoded.
    """

    suite: str
    case: str
    group: str
    prompt: str
    words: tuple[str, ...]
    pictures: tuple[str, ...] = ()
    greys: tuple[str, ...] = ()

    @field_validator("greys")
    @classmethod
    def _luminances(cls, greys: tuple[str, ...]) -> tuple[str, ...]:
        if any(text and len(base64.b64decode(text, validate=True)) != HASHED_SIDE**2 for text in greys):
            raise ValueError(f"expected {HASHED_SIDE**2} luminances of a picture")
        return greys


class Overlap(NamedTuple):
    """What was used, what is evaluated, both as `suite case`, and what they have in common."""

    used: str
    evaluated: str
    why: str


def used_of(cases: Iterable[Case]) -> tuple[Used, ...]:
    """What is to be remembered of cases that a model is shown or taught. Reads and decodes their pictures."""
    held = list(cases)
    seen = look_at(picture for case in held for picture in case.images)
    return tuple(
        Used(
            suite=case.suite,
            case=case.id,
            group=case.group,
            prompt=_said(case.prompt),
            words=_words(case.prompt),
            pictures=tuple(picture.digest() for picture in case.images),
            greys=tuple(base64.b64encode(seen[picture.digest()].grey).decode() for picture in case.images),
        )
        for case in held
    )


def refuse_overlaps(what: str, used: Iterable[Used], evaluated: Iterable[Case]) -> None:
    """Raises SettingsError with the list. what: who used these, as the message begins."""
    found = overlaps(used, evaluated)
    if not found:
        return
    lines = [f"{one.used}: {one.why} {one.evaluated}" for one in found[:LISTED]]
    lines += [f"... and {len(found) - LISTED:,} more"] if len(found) > LISTED else []
    raise SettingsError(
        f"{what}: {len(found):,} of the cases that it rests on overlap with those that are evaluated; "
        "expected none in common\n  " + "\n  ".join(map(one_line, lines))
    )


def overlaps(used: Iterable[Used], evaluated: Iterable[Case]) -> list[Overlap]:
    """The used cases that are evaluated, or have prompt, picture or group in common, each with the first reason found.

    A prompt under which several groups of one suite are asked, such as FigStep's, tells nothing of any of them.
    """
    shown, cases = list(used), list(evaluated)
    if not shown or not cases:
        return []
    found: dict[tuple[str, str], Overlap] = {}
    for mine, other, why in (*_same(shown, cases), *_like_words(shown, cases), *_like_pictures(shown, cases)):
        found.setdefault((mine.suite, mine.case), Overlap(_name(mine), f"{other.suite} {other.id}", why))
    return [found[mine.suite, mine.case] for mine in shown if (mine.suite, mine.case) in found]


Match = tuple[Used, Case, str]


def _name(one: Used) -> str:
    return f"{one.suite} {one.case}"


def _same(used: Sequence[Used], cases: Sequence[Case]) -> Iterator[Match]:
    """Cases, groups, prompts and picture bytes that are equal."""
    by_case = {(case.suite, case.id): case for case in cases}
    by_group = {(case.suite, case.group): case for case in cases}
    by_prompt = _telling({case: _said(case.prompt) for case in cases})
    by_picture = {picture.digest(): case for case in cases for picture in case.images}
    for mine in used:
        if other := by_case.get((mine.suite, mine.case)):
            yield mine, other, "is evaluated itself, as"
        if other := by_group.get((mine.suite, mine.group)):
            yield mine, other, "is of the same group as"
        if mine.prompt and (other := by_prompt.get(mine.prompt)):
            yield mine, other, "has the same prompt as"
        for picture in mine.pictures:
            if other := by_picture.get(picture):
                yield mine, other, "has the same picture as"


def _telling(prompts: Mapping[Case, str]) -> dict[str, Case]:
    """A case by its prompt, where that is asked in one group only of its suite."""
    groups: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for case, said in prompts.items():
        groups[case.suite, said].add(case.group)
    return {said: case for case, said in prompts.items() if said and len(groups[case.suite, said]) == 1}


def _like_words(used: Sequence[Used], cases: Sequence[Case]) -> Iterator[Match]:
    """Prompts that are the same but for few words."""
    telling = _telling({case: _said(case.prompt) for case in cases})
    spelled = [(frozenset(_words(case.prompt)), case) for case in telling.values()]
    held = [(words, case) for words, case in spelled if len(words) >= FEWEST_WORDS]
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, (words, _) in enumerate(held):
        for word in words:
            places[word].append(place)
    for mine in used:
        own = frozenset(mine.words)
        if len(own) < FEWEST_WORDS:
            continue
        for place in _likely(own, places):
            words, other = held[place]
            if (shared := len(own & words) / len(own | words)) >= NEAR_WORDS:
                yield mine, other, f"has a prompt with {shared:.0%} of the words of"


def _likely(own: Collection[str], places: Mapping[str, Sequence[int]]) -> set[int]:
    """Where prompts stand that may share enough: those with one of the rarest of these words."""
    enough = len(own) - int(NEAR_WORDS * len(own)) + 1
    rarest = sorted(own, key=lambda word: (len(places.get(word, ())), word))[:enough]
    return {place for word in rarest for place in places.get(word, ())}


def _like_pictures(used: Sequence[Used], cases: Sequence[Case]) -> Iterator[Match]:
    """Pictures that look alike, as `verifying.near_duplicates` has it."""
    mine = [(one, grey) for one in used for text in one.greys if (grey := base64.b64decode(text))]
    if not mine:
        return
    shown: dict[str, tuple[Case, Picture]] = {
        picture.digest(): (case, picture) for case in cases for picture in case.images
    }
    seen = look_at(picture for _, picture in shown.values())
    theirs = [
        (case, seen[digest].grey) for digest, (case, _) in shown.items() if len(seen[digest].grey) == HASHED_SIDE**2
    ]
    greys = luminances([grey for _, grey in (*mine, *theirs)])
    for one, other, bits in look_alikes(greys):
        if one < len(mine) <= other:
            yield mine[one][0], theirs[other - len(mine)][0], f"has a picture {bits} of 64 bits apart from one of"


def _said(prompt: str) -> str:
    words = _spelled(prompt)
    return hashlib.sha256(" ".join(words).encode("utf-8", "surrogatepass")).hexdigest() if words else ""


def _words(prompt: str) -> tuple[str, ...]:
    return tuple(
        sorted({hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()[:12] for word in _spelled(prompt)})
    )


def _spelled(prompt: str) -> list[str]:
    """The words without case, accents of presentation and punctuation."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", prompt).casefold())
