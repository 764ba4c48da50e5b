"""A text without the tricks of its surface, for comparing it with others. It is made to be compared, not to be read."""

from __future__ import annotations

import re
import unicodedata

from pytest_vsc.forge.letters import LEET, LOOK_ALIKES

_LATIN = str.maketrans({one.casefold(): letter.lower() for letter, all_ in LOOK_ALIKES.items() for one in all_})
_LETTERS = str.maketrans({digit: letter for letter, digit in LEET.items() if letter.islower()})
# Marks that go with any script. Those of one script, such as the vowels of Devanagari, are part of its words.
_MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_SPACED = re.compile(r"(?<![^\W_])[^\W_](?: [^\W_]){2,}(?![^\W_])")
_WORD = re.compile(r"[^\W_]+")


def folded(text: str) -> str:
    """The text in small Latin letters where it looks like that, one blank between words.

    Compatibility forms are taken apart (NFKD), format characters and combining marks of no one script removed, case
    folded, Cyrillic and Greek look-alikes made Latin, in any word; three or more single letters with one blank between
    them are a word; digits beside letters are letters. So what differs only in these folds alike, some texts that do
    differ as well: `mp3` is `mpe`.
    """
    plain = _joined(text.lower() if text.isascii() else _plain(text))
    return " ".join(_WORD.sub(_unleet, plain).split())


def _plain(text: str) -> str:
    for _ in range(3):  # folding makes letters that can be taken apart, and removing marks puts others side by side
        text = unicodedata.normalize("NFKD", _seen(text))
        text = _MARKS.sub("", text).casefold().translate(_LATIN)
    return text


def _seen(text: str) -> str:
    return "".join([letter for letter in text if letter <= "\x7f" or unicodedata.category(letter) != "Cf"])


def _joined(text: str) -> str:
    return _SPACED.sub(lambda found: found[0].replace(" ", ""), text)


def _unleet(found: re.Match[str]) -> str:
    word = found[0]
    return word if word.isdecimal() or word.isalpha() else word.translate(_LETTERS)
