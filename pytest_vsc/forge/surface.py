"""Changes of letters, blanks, marks and short forms that leave a text legible. What they are called stands in `text`.

Each draws its places first and then takes a share of them, so that more strength changes these and others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random

from pytest_vsc.forge.letters import LEET, LOOK_ALIKES, MARKS, NEIGHBOURS, UNSEEN
from pytest_vsc.forge.vocabulary import FILLERS, SHORT_FORMS

# The most that is changed, at strength 1.
TYPOS = 0.15  # of the letters in words of four letters and more
SUBSTITUTED = 0.5  # of all letters, by look-alikes or by digits
MARKED = 0.5  # of the letters a to z
FILLED = 0.25  # of the blanks between words

_LONG = re.compile(r"(?<!\w)[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]{4,}(?!\w)")
_ASCII, _ASCII_WORD = re.compile("[A-Za-z]"), re.compile("[A-Za-z]{2,}")
_WORD, _SPACEABLE = re.compile(r"[^\W\d_]+"), re.compile(r"(?<!\w)[^\W\d_]{3,}(?!\w)")
_INSIDE = re.compile(r"(?<=[^\W\d_])(?=[^\W\d_])")
_GAP, _BLANK = re.compile(r"(?<=[^\W\d_]) (?=[^\W\d_])"), re.compile(r"(?<=\S) (?=\S)")
_END = re.compile(r"([.,;:!?])[.,;:!?]*(?=\s|\Z)")

_SHORT = {
    f"{first(full[0])}{full[1:]}": f"{first(short[0])}{short[1:]}"
    for first in (str, str.upper)
    for full, short in SHORT_FORMS.items()
}
_FULL = {short: full for full, short in _SHORT.items()}
# But for a `not`, what ends a sentence stays in full: `here I am`.
_BEFORE_A_WORD = {full: full if full.endswith("not") else rf"{full}(?= \w)" for full in _SHORT}
_IN_FULL = re.compile(rf"(?<![\w'\u2019])(?:{'|'.join(_BEFORE_A_WORD.values())})(?!\w)")
_IN_SHORT = re.compile(rf"(?<!\w)(?:{'|'.join(_FULL)})(?!\w)".replace("'", "['\u2019]"))

Turn = tuple[int, float]  # a place, and a number of 0 to 1 that says what happens there


def typos(text: str, random: Random, strength: float) -> str:
    """Slips of the fingers: two letters swapped, a neighbouring key, a letter left out, one typed twice."""
    following, letters = _followed(text)
    made: dict[int, str] = {}
    for place, part in _first(_apart(_turns(list(following), random)), strength, TYPOS * letters):
        made |= {place + 1: ""} if following[place] else {}
        made[place] = _slip(text[place], following[place], part)
    return _with(text, made)


def _followed(text: str) -> tuple[dict[int, str], int]:
    """What follows each letter that may be mistyped within its word, "" for the last; and how many letters there are.

    First letters stay: without them many a word is another one.
    """
    words = [found.span() for found in _LONG.finditer(text)]
    following = {
        place: text[place + 1 : min(place + 2, end)] for start, end in words for place in range(start + 1, end)
    }
    return following, sum(end - start for start, end in words)


def _slip(letter: str, following: str, part: float) -> str:
    kind, rest = divmod(4 * part, 1)
    if kind == 0 and following not in ("", letter):
        return following + letter
    if kind <= 1 and letter in NEIGHBOURS:
        return _one_of(NEIGHBOURS[letter], rest) + following
    return following if kind == 2 else 2 * letter + following


def homoglyphs(text: str, random: Random, strength: float) -> str:
    places = [place for place, letter in enumerate(text) if letter in LOOK_ALIKES]
    return _substituted(text, places, LOOK_ALIKES, random, strength)


def leetspeak(text: str, random: Random, strength: float) -> str:
    """The first letter of a word stays, so that there is a letter beside every digit."""
    inner = [place for word in _ASCII_WORD.finditer(text) for place in range(word.start() + 1, word.end())]
    return _substituted(text, [place for place in inner if text[place] in LEET], LEET, random, strength)


def zero_width(text: str, random: Random, strength: float) -> str:
    places = [found.start() for found in _INSIDE.finditer(text)]
    chosen = _first(_turns(places, random), strength, len(places))
    return _with(text, {place: _one_of(UNSEEN, part) + text[place] for place, part in chosen})


def accents(text: str, random: Random, strength: float) -> str:
    places = [found.start() for found in _ASCII.finditer(text)]
    chosen = _first(_turns(places, random), strength, MARKED * len(places))
    return _with(text, {place: text[place] + _one_of(MARKS, part) for place, part in chosen})


def spacing(text: str, random: Random, strength: float, form: str) -> str:
    if form == "blanks":
        places = [found.start() for found in _BLANK.finditer(text)]
        return _with(text, {place: "  " for place, _ in _first(_turns(places, random), strength, len(places))})
    words = {found.start(): found.end() for found in _SPACEABLE.finditer(text)}
    made: dict[int, str] = {}
    for start, _ in _first(_turns(list(words), random), strength, len(words)):
        end = words[start]
        made |= {place: f"{text[place]} " for place in range(start, end - 1)}
        made |= {edge: "  " for edge in (start - 1, end) if text[edge : edge + 1] == " "}  # wider than within the word
    return _with(text, made)


def casing(text: str, random: Random, strength: float, style: str) -> str:
    words = {found.start(): found.end() for found in _WORD.finditer(text)}
    capital = [random.random() < 0.5 for _ in text] if style == "random" else []
    made: dict[int, str] = {}
    for start, _ in _first(_turns(list(words), random), strength, len(words)):
        for place in range(start, words[start]):
            large = capital[place] if capital else style == "upper" or (style == "title" and place == start)
            made[place] = _cased(text[place], large)
    return _with(text, made)


def _cased(letter: str, large: bool) -> str:
    """The letter large or small, where that is one letter again and there is a way back."""
    other = letter.upper() if large else letter.lower()
    return other if other.swapcase() == letter else letter


def punctuation(text: str, random: Random, strength: float, style: str) -> str:
    marks = {found.start(): found for found in _END.finditer(text)}
    made: dict[int, str] = {}
    for place, _ in _first(_turns(list(marks), random), strength, len(marks)):
        new = {"dropped": "", "repeated": 3 * marks[place][1], "dots": "..."}[style]
        made |= dict.fromkeys(range(place, marks[place].end()), "") | {place: new}
    return _with(text, made)


def fillers(text: str, random: Random, strength: float) -> str:
    places = [found.start() for found in _GAP.finditer(text)]
    chosen = _first(_turns(places, random), strength, FILLED * len(places))
    return _with(text, {place: f", {_one_of(FILLERS, part)}, " for place, part in chosen})


def contractions(text: str, _random: Random, form: str) -> str:
    if form == "short":
        return _IN_FULL.sub(lambda found: _SHORT[found[0]], text)
    return _IN_SHORT.sub(lambda found: _FULL[found[0].replace("\u2019", "'")], text)


# --- places, and what happens there ---


def _turns(places: Sequence[int], random: Random) -> list[Turn]:
    turns = [(place, random.random()) for place in places]
    random.shuffle(turns)
    return turns


def _apart(turns: Sequence[Turn]) -> list[Turn]:
    """The turns but for those whose neighbour's came before."""
    taken: set[int] = set()
    kept = []
    for turn in turns:
        if turn[0] - 1 not in taken and turn[0] + 1 not in taken:
            taken.add(turn[0])
            kept.append(turn)
    return kept


def _first(turns: Sequence[Turn], strength: float, most: float) -> Sequence[Turn]:
    """The share of the most that the strength says, one at least of what there is, unless the strength is 0."""
    return turns[: max(1, int(strength * most + 1e-9))] if strength > 0 else ()


def _one_of(choices: Sequence[str], part: float) -> str:
    return choices[int(part * len(choices))]


def _with(text: str, made: Mapping[int, str]) -> str:
    """The text with other letters, or several or none, at these places."""
    return "".join([made.get(place, letter) for place, letter in enumerate(text)])


def _substituted(text: str, places: Sequence[int], table: Mapping[str, str], random: Random, strength: float) -> str:
    most = min(len(places), SUBSTITUTED * sum(map(str.isalpha, text)))
    chosen = _first(_turns(places, random), strength, most)
    return _with(text, {place: _one_of(table[text[place]], part) for place, part in chosen})
