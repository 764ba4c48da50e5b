"""What a utility case can be answered with, and what of it is right. It reads no answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pytest_vsc.normalising import NUMBER, normalised, words_of


class Option(NamedTuple):
    """One of the things that can be answered. letter: by which it may be named, "" for none. words: of its text."""

    letter: str
    words: tuple[str, ...]
    accepted: bool


class Key(NamedTuple):
    """What an answer is marked by. forms: the accepted ones, normalised. options: empty where these are not known.

    existence: it was asked whether something is there.
    """

    forms: frozenset[str]
    options: Sequence[Option]
    numbers: bool
    yes_or_no: bool
    existence: bool

    @property
    def closed(self) -> bool:
        """Whether all is known that can be answered."""
        return bool(self.options) or self.numbers or self.yes_or_no


_LETTERED = re.compile(r"\s*\(?([A-Za-z])(?:[).:]\)?\s*(?P<text>\S.*)?|\))\s*|\s*([A-Z])\s*", re.DOTALL)
_EXISTENCE = re.compile(r"\b(?:is|are) there\b", re.IGNORECASE)
YES_OR_NO = frozenset({"yes", "no"})


def key_of(answers: Sequence[str], options: Sequence[str] = (), prompt: str = "") -> Key:
    """answers: the accepted forms. options: all that could be answered, the accepted ones among them or not."""
    forms = {normalised(answer) for answer in answers} - {""}
    known = [_option(option, forms) for option in options]
    named = {form for option in known if option.accepted for form in _forms(option)}
    others = forms - {form for option in known for form in _forms(option)} if options else set()
    known += [Option("", tuple(form.split()), accepted=True) for form in sorted(others)]
    lettered = any(option.letter for option in known)
    every = forms | {" ".join(option.words) for option in known if not option.letter}
    return Key(
        forms=frozenset(forms | named),
        options=known,
        numbers=not lettered and bool(forms) and all(map(NUMBER.fullmatch, forms)),
        yes_or_no=bool(forms) and not lettered and every <= YES_OR_NO,
        existence=bool(_EXISTENCE.search(prompt)),
    )


def _option(text: str, forms: Iterable[str]) -> Option:
    found = _LETTERED.fullmatch(text)
    letter = (found[1] or found[3] or "").upper() if found else ""
    words = tuple(words_of((found["text"] or "") if letter and found else text))
    option = Option(letter, words, accepted=False)
    return option._replace(accepted=not _forms(option).isdisjoint(forms))


def _forms(option: Option) -> set[str]:
    """The normalised texts that name an option and nothing else."""
    letter, words = option.letter.lower(), " ".join(option.words)
    return {letter, words, normalised(f"{letter} {words}")} - {""}
