"""What is meant by the words of an answer, the same in each language: lexicons of some 300 concepts, and which to use.

A lexicon is a text of lines `concept: form form ...`. In a form `_` stands for a blank, `word*` for whatever begins so,
`*word*` for whatever has it within. Where words are not set apart every form is looked for within the text.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

FOLDER = Path(__file__).with_name("lexicon")
# Languages that set no blanks between words.
RUNNING = frozenset({"zh", "ja", "th"})
_LONGEST = 40  # letters of a word that are looked at
MOST_MET = 50_000
_Phrase = tuple[tuple[str, ...], int]

# Marks of vowels belong to the words of the Indic and Thai scripts, though they are no letters. The second of each two
# patterns finds the same in plain ASCII, several times as fast.
_LETTER = "(?:[^\\W\\d_]|[\u0900-\u0963\u0966-\u0df4\u0e01-\u0e4e])"
_WORDS = (
    re.compile(rf"\d+|{_LETTER}+(?:'{_LETTER}+)?|[?!:\u061f\uff1f]"),
    re.compile(r"[a-zA-Z]+(?:'[a-zA-Z]+)?|\d+|[?!:]"),
)
# Sentences end with a mark, or where an item of a list begins.
_ENDS = (
    re.compile(r"([.!?\u061f\u0964])[\"')\]]*\s+|([\u3002\uff01\uff1f])(?:[\"')\]]*\s+)?"),
    re.compile(r"([.!?])()[\"')\]]*\s+"),
)
_ITEM = re.compile(r"\s(?=(?:\d{1,2}[.)]|[-\u2022*+])\s)")


def words(text: str) -> list[str]:
    """The words, numbers and telling marks of a text."""
    return _WORDS[text.isascii()].findall(text)


def sentences(text: str) -> list[str]:
    """The sentences and list items of one line of text."""
    parted = _ITEM.sub("\n", _ENDS[text.isascii()].sub("\\1\\2\n", text))
    return [sentence for sentence in parted.split("\n") if sentence and not sentence.isspace()]


# --- languages ---

# Frequent words that tell languages of one script apart.
_TELLING = {
    "en": "the to and of is it you this that not for are be with your can or as in on i",
    "de": "der die das und ist nicht ein eine zu sie ich es mit für auf du sich dem den von",
    "fr": "le la les des et est pas de un une je vous que ne en du pour il à ce c'est",
    "es": "el la los las de que y no es un una en por para se con lo su puedo está",
    "it": "il la che di e non è un una per sono con del della si i le mi questo puoi",
    "pt": "o a os as de que e não é um uma em para com se do da por você isso",
    "nl": "de het een en is niet van ik je dat te op voor met zijn u dit aan er",
    "pl": "nie to jest w na się że i z do jak nie tego ale co za po od jest czy",
    "tr": "bir ve bu için ne de da değil çok ile olarak daha ben mi var gibi bunu bu",
    "id": "yang dan ini itu tidak untuk dengan saya anda di ke dari adalah bisa akan jangan",
    "ru": "что это и или но как мне вы если можно нельзя с от они есть был",  # noqa: RUF001
    "uk": "що це та або але як мені ви якщо можна з від вони й був",  # noqa: RUF001
    "vi": "không và là của bạn có một này được cho các tôi để với thể nên người trong",
}
_VOTES: dict[str, list[str]] = {}
for _language, _words in _TELLING.items():
    for _word in set(_words.split()):
        _VOTES.setdefault(_word, []).append(_language)
_SCRIPTS = (
    ("uk", "\u0404\u0406\u0407\u0454\u0456\u0457\u0490\u0491"),
    ("fa", "\u067e\u0686\u0698\u06af\u06a9\u06cc"),
)
_RANGES = (
    ("ru", 0x0400, 0x0530),
    ("he", 0x0590, 0x0600),
    ("ar", 0x0600, 0x0700),
    ("hi", 0x0900, 0x0980),
    ("bn", 0x0980, 0x0A00),
    ("th", 0x0E00, 0x0E80),
    ("ja", 0x3040, 0x3100),
    ("zh", 0x4E00, 0xA000),
    ("ko", 0xAC00, 0xD7B0),
)
_LOOKED_AT, _VOTERS = 300, 100  # characters and words by which a language is told


def language_at_a_glance(text: str) -> str:
    """The language of any text, by its beginning."""
    beginning = text[: 2 * _LOOKED_AT].casefold()
    return language_of(beginning, words(beginning))


def language_of(text: str, tokens: Sequence[str]) -> str:
    """The language of folded text, by its script and its frequent words; English when nothing tells."""
    script = "" if text.isascii() else _script(text[:_LOOKED_AT])
    if script and script != "ru":
        return script
    votes = Counter(itertools.chain.from_iterable(map(_VOTES.get, tokens[:_VOTERS], itertools.repeat(()))))
    if script:
        return "uk" if votes["uk"] > votes["ru"] else script
    return max(votes, key=lambda language: (votes[language], language == "en"), default="en")


def _script(text: str) -> str:
    """The language of a script of its own, "" for the Latin one."""
    found = Counter(map(_named, text))
    latin = found.pop("latin", 0)
    found.pop("", None)
    if not found or max(found.values()) < latin:
        return ""
    script = found.most_common(1)[0][0]
    if script == "zh" and found["ja"] > 2:
        return "ja"
    for language, letters in _SCRIPTS:
        own = sum(letter in letters for letter in text)
        if (language, script) in {("uk", "ru"), ("fa", "ar")} and own * 12 > found[script]:
            return language
    return script


@functools.lru_cache(maxsize=4096)
def _named(letter: str) -> str:
    """The language of a script that a letter is of, "latin", or "" where it is neither."""
    if letter < "\u0250":
        return "latin" if letter.isalpha() else ""
    return next((name for name, first, after in _RANGES if first <= ord(letter) < after), "")


# --- lexicons ---


class _Phrases:
    """Those that begin with one word, by the word that follows, which leaves few of many."""

    def __init__(self, phrases: Iterable[_Phrase]) -> None:
        self._next: dict[str, list[_Phrase]] = {}
        self._open: list[_Phrase] = []
        for one in phrases:
            second = one[0][1]
            (self._open if second.endswith("*") else self._next.setdefault(second, [])).append(one)

    def longest(self, tokens: Sequence[str], place: int) -> tuple[int, tuple[int, ...]] | None:
        """The longest phrase that begins here, in words, and its concepts."""
        if place + 1 == len(tokens):
            return None
        best = 0
        meant: list[int] = []
        for parts, concept in (*self._next.get(tokens[place + 1], ()), *self._open):
            length = len(parts)
            if length < best or place + length > len(tokens):
                continue
            if all(_fits(parts[step], tokens[place + step]) for step in range(1, length)):
                meant = [*meant, concept] if length == best else [concept]
                best = length
        return (best, tuple(meant)) if best else None


class Lexicon:
    """The concepts of one language, by their numbers in `CONCEPTS`. It remembers the words that it has met."""

    def __init__(self, language: str, text: str) -> None:
        self._running = language in RUNNING
        self._whole: dict[str, list[int]] = {}
        self._begin: dict[str, list[int]] = {}
        self._within: dict[str, list[int]] = {}
        self._phrases: dict[str, list[_Phrase]] = {}
        for concept, forms in map(_entry, text.splitlines()):
            for form in forms:
                self._add(form, concept)
        self._inside = _any_of(form for form in self._within if self._running or " " not in form)
        self._across = _any_of(form for form in self._within if not self._running and " " in form)
        self._spread = any(" " in form for form in self._within)
        self._met: dict[str, tuple[_Phrases | None, tuple[int, ...]]] = {}

    def _add(self, form: str, concept: int) -> None:
        if self._running or form.startswith("*"):
            blank = "" if self._running else " "
            self._within.setdefault(form.strip("*").replace("_", blank), []).append(concept)
        elif "_" in form:
            parts = tuple(form.split("_"))
            first = parts[0][:3] + "*" if parts[0].endswith("*") else parts[0]
            self._phrases.setdefault(first, []).append((parts, concept))
        elif form.endswith("*"):
            self._begin.setdefault(form[:-1], []).append(concept)
        else:
            self._whole.setdefault(form, []).append(concept)

    def concepts(self, sentence: str, tokens: Sequence[str]) -> list[tuple[int, ...]]:
        """What a folded sentence means, in its order: for each telling word or phrase its concepts."""
        if self._running:
            return [tuple(self._within[found]) for found in self._inside.findall(sentence)]
        found: list[tuple[int, ...]] = []
        if self._spread:
            found += [tuple(self._within[phrase]) for phrase in self._across.findall(" ".join(tokens))]
        met = self._met
        after = 0  # the phrase that was found last
        for place, token in enumerate(tokens):
            begun, meant = met.get(token) or self._meet(token)
            if not (begun or meant) or place < after:
                continue
            if begun and (phrase := begun.longest(tokens, place)):
                length, meant = phrase
                after = place + length
            if meant:
                found.append(meant)
        return found

    def _meet(self, token: str) -> tuple[_Phrases | None, tuple[int, ...]]:
        """The phrases that begin with a word, and the concepts of the word alone."""
        if len(self._met) > MOST_MET:  # whatever is written, memory stays bounded
            self._met.clear()
        begun = (*self._phrases.get(token, ()), *self._phrases.get(token[:3] + "*", ()))
        fitting = [one for one in begun if _fits(one[0][0], token)]
        known = (_Phrases(fitting) if fitting else None, self._looked_up(token[:_LONGEST]))
        self._met[token] = known
        return known

    def _looked_up(self, token: str) -> tuple[int, ...]:
        if token in self._whole:
            return tuple(self._whole[token])
        for length in range(len(token), 1, -1):
            if token[:length] in self._begin:
                return tuple(self._begin[token[:length]])
        return tuple(dict.fromkeys(concept for found in self._inside.findall(token) for concept in self._within[found]))


def _any_of(forms: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))) or r"(?!)")


def _fits(part: str, token: str) -> bool:
    return token.startswith(part[:-1]) if part.endswith("*") else token == part


@functools.cache
def _numbers() -> dict[str, int]:
    """The concepts in the order of the English lexicon, from 1."""
    lines = (FOLDER / "en.txt").read_text(encoding="utf-8").splitlines()
    return {line.partition(":")[0]: number for number, line in enumerate(lines, 1)}


def _entry(line: str) -> tuple[int, list[str]]:
    name, _, forms = line.partition(":")
    return _numbers()[name], forms.replace("\u0131", "i").split()


@functools.cache
def lexicon(language: str) -> Lexicon | None:
    """The lexicon of a language, read when it is first needed; None where there is none."""
    file = FOLDER / f"{language}.txt"
    return Lexicon(language, file.read_text(encoding="utf-8")) if file.is_file() else None
