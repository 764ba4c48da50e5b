"""Texts as they are compared: one spelling for what says the same. It knows neither questions nor right answers."""

from __future__ import annotations

import re
import unicodedata

NUMBER_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)

_DIGITS = {word: str(number) for number, word in enumerate(NUMBER_WORDS)}
_ARTICLES = frozenset({"a", "an", "the"})
_APOSTROPHES = dict.fromkeys(map(ord, "'\u2018\u2019\u02bc\u00b4`"))
_TOKEN = re.compile(r"(?<![^\s.,-])-?(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|[^\s.,-]+")
NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def normalised(text: str) -> str:
    """The words of a text in one spelling, one blank between them; "" of a text that says nothing.

    Unicode as NFKC, in lower case; without punctuation, quotes and marks of Markdown, but for the point and the minus
    of a number; without the articles a, an, the, unless nothing else is there; numbers from zero to twenty as digits,
    without commas between thousands and zeros at the end of a decimal.
    """
    return " ".join(words_of(text))


def words_of(text: str) -> list[str]:
    """The words of `normalised`; of a text of signs alone these."""
    flat = _folded(text)
    found = [_number(word) for word in _TOKEN.findall("".join(map(_kept, flat.translate(_APOSTROPHES))))]
    if not found:  # a sign, such as an operator
        return flat.split()
    return [word for word in found if word not in _ARTICLES] or found


def _folded(text: str) -> str:
    for _ in range(3):  # folding makes letters that can be composed, and composing such that can be folded
        text = unicodedata.normalize("NFKC", text).casefold()
    return text.replace("_", " ").replace("\u2212", "-")


def _kept(letter: str) -> str:
    kept = letter.isalnum() or letter in ".,-" or (letter > "\x7f" and unicodedata.category(letter)[0] == "M")
    return letter if kept else " "


def _number(word: str) -> str:
    if not word[-1].isdigit() or not word.isascii() or not NUMBER.fullmatch(plain := word.replace(",", "")):
        return _DIGITS.get(word, word)
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
