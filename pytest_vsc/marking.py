"""Marks answers to utility cases by exact match with the forms that are accepted. It asks no model and knows no side.

The rule, `exact-match/1`. Texts are compared when they are `normalised` (`normalising`). An answer is RIGHT if

1. all of it is an accepted form; or
2. what it states last is: "the answer is X", "Answer: X", "the correct option is X"; of a text that was to be read,
   where nothing is known of what else there could be, also "it says X"; or
3. of all that could be answered it mentions an accepted form, as whole words, and nothing else. What could be answered
   is known where the case has options, where all accepted forms are numbers, and where they are yes or no. Of lettered
   options ("B", "B. dog") the letter alone is enough.

In an answer of yes or no the word that begins a sentence counts: "Yes, there is no doubt" is yes. A "no" that belongs
to a noun ("no dogs", "there is no dog") says no only where it was asked whether "there is" or "there are" any, and
never where it is the picture or any clue that there is none of ("no image was given", "no idea").
All else is WRONG: among it an answer that mentions a right form and a wrong one, one that says "not" or "than" right
before a form, and a refusal. What says nothing is EMPTY, what a filter stopped BLOCKED, and what was cut off before it
stated an answer TRUNCATED.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pytest_vsc.normalising import NUMBER, normalised, words_of
from pytest_vsc.records import Judgement, Response, Verdict
from pytest_vsc.solutions import Key, Option

NAME = "exact-match/1"
MOST_SPAN = 200  # characters of a stated value that are kept

# Marks of Markdown, quotes and tags, which stand around a value.
_DRESS = re.compile(r"</?[A-Za-z]\w{0,20}>|[*`#>|\"\u201c\u201d\u00ab\u00bb]|__+")
_STATED = re.compile(
    r"\b(?:answer|(?:correct|right|best) (?:option|choice))\b[^.:=\n]{0,60}?(?:\b(?:is|would be|should be)\b|[:=])"
    r"\s*:?\s*(?!not\b)(?=\S)|^[^\w\n]*(?:final )?answer[^\w\n]*\n(?=\S)",
    re.IGNORECASE | re.MULTILINE,
)
_READ = re.compile(r"\b(?:says|reads)\b:?\s*(?!not\b)(?=\S)", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_REASON = re.compile(r",? (?:because|since)\b|, (?:which|as)\b", re.IGNORECASE)
_BEGINS = re.compile(
    r"[^\w]*(?:(?:well|so|therefore|thus|hence|then|ok|okay),?\s+)?(?P<word>yes|no)\b(?P<rest>.*)", re.IGNORECASE
)
# What follows a "no" that stands for itself and is no part of "no dogs".
_ALONE = re.compile(
    r"\s*(?:$|[^\w\s]|(?:there|it|its|this|that|these|those|the|they|i|we|he|she|you|not)\b)", re.IGNORECASE
)
# A second answer in the same breath, as in "yes and no".
_TOO = re.compile(r"\s*(?:[,/]|\band\b|\bor\b)\s*(yes|no)\s*(?:$|[^\w\s])", re.IGNORECASE)
_NONE = re.compile(r"\W*(?:no\b|there\s+(?:(?:is|are)\s+(?:no|not)\b|(?:is|are)n'?t\b))", re.IGNORECASE)
# What there is none of for somebody who cannot tell, which is no answer.
_CANNOT_TELL = re.compile(
    r"\W*(?:there\s+(?:is|are)\s+)?no\s+(?:way|idea|clue|telling|doubt|"
    r"(?:image|picture|photo|photograph|attachment)s?\b(?!\s+(?:of|with|on|in)\b))\b",
    re.IGNORECASE,
)
_SENTENCES = re.compile(r"(?:[.!?]\s|\n)\s*")
_UNWILLING = r"(?:can ?not|can't|won't|will not|(?:am|'m)? ?(?:unable|not able) to|(?:must )?decline to)"
_REFUSES = re.compile(
    rf"\bi ?{_UNWILLING}\s+(?:\w+\s+){{0,2}}?(?:help|assist|answer|provide|comply|discuss|share|do|identify|fulfil|"
    rf"fulfill|engage|respond|support|give|continue)\b|\b(?:sorry|apologi[sz]e)\b[^.\n]{{0,40}}?{_UNWILLING}",
    re.IGNORECASE,
)
_DENIALS = frozenset({"not", "no", "never", "isnt", "arent", "wasnt", "werent", "than"})
# Beside one of these a number from zero to twenty is part of another one.
_LARGER = frozenset(
    {"thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "dozen", "hundred", "thousand", "million"}
)
_LETTER = re.compile(
    r"(?<![\w'-])(?P<denied>[Nn]ot\s+)?(?P<named>(?:[Oo]ption|[Cc]hoice)\s+)?\(?(?P<letter>[A-Z])(?![\w'-])"
)
# A letter that is a word of English too is one where such a word follows.
_NO_ARTICLE = re.compile(r"[ \t]+(?:is|because|since|as|and|or)\b|(?![ \t]+[a-z])")


class Stated(NamedTuple):
    """The last value that an answer states. whole: its sentence comes to its end."""

    value: str
    whole: bool


def mark(response: Response, key: Key) -> Judgement:
    """RIGHT or WRONG, or why it is neither. span: the value that the answer states, where it is by that."""
    stated: Stated | None = None
    fact = _fact(response)
    if fact is None:
        plain = _undressed(response.text)
        stated = _stated(plain, key)
        fact = _verdict(response.text, plain, stated, key, cut=response.finish_reason == "length")
    return Judgement(verdict=fact, judge=NAME, span=stated.value[:MOST_SPAN] if stated else "")


def _fact(response: Response) -> Verdict | None:
    """What needs no reading."""
    if response.finish_reason == "content_filter":
        return "BLOCKED"
    if not response.text.strip():
        return "TRUNCATED" if response.finish_reason == "length" else "EMPTY"
    return "WRONG" if response.finish_reason == "refusal" else None


def _verdict(text: str, plain: str, stated: Stated | None, key: Key, *, cut: bool) -> Verdict:
    """The verdict on an answer that says something. plain: the text undressed."""
    if not cut and not key.forms.isdisjoint((normalised(text), normalised(plain))):
        return "RIGHT"
    if stated is not None and (stated.whole or not cut):
        return "RIGHT" if _states(stated.value, key) else "WRONG"
    if _REFUSES.search(plain):
        return "WRONG"
    if cut and not (key.yes_or_no and _yes_or_no(plain.lstrip(), key)):
        return "TRUNCATED"
    return "RIGHT" if key.closed and _mentions_only(plain, key) else "WRONG"


def _undressed(text: str) -> str:
    """The text as it reads where Markdown is shown, with one kind of apostrophe, single blanks and no empty line."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'").replace("\u2018", "'")
    lines = (" ".join(line.split()) for line in _DRESS.sub("", plain).splitlines())
    return "\n".join(filter(None, lines))


def _stated(text: str, key: Key) -> Stated | None:
    """None where nothing is stated, or by a sentence that says none of what can be answered."""
    begins = [match.end() for match in _STATED.finditer(text)]
    if not begins and not key.closed:
        begins = [match.end() for match in _READ.finditer(text)]
    if not begins:
        return None
    value, line_end, _ = text[begins[-1] :].partition("\n")
    if key.closed and not _mentioned(value, key) and normalised(value) not in key.forms:
        return None
    return Stated(value.strip(), bool(line_end or _SENTENCE_END.search(value)))


def _states(value: str, key: Key) -> bool:
    """Whether a stated value is an accepted one: all of its line, its first sentence, or that without its reason."""
    sentence = _SENTENCE_END.split(value, maxsplit=1)[0]
    for candidate in dict.fromkeys((value, sentence, _REASON.split(sentence, maxsplit=1)[0])):
        if normalised(candidate) in key.forms or (key.closed and _mentions_only(candidate, key)):
            return True
    return False


def _mentions_only(text: str, key: Key) -> bool:
    """Whether a text mentions an accepted form, and nothing else that could be answered."""
    found = _mentioned(text, key)
    return bool(found) and all(found.values())


def _mentioned(text: str, key: Key) -> Mapping[str, bool]:
    """What a text mentions of all that can be answered, and whether that is accepted."""
    if key.yes_or_no:
        return {word: word in key.forms for word in _yes_or_no(text, key)}
    words = words_of(text)
    if key.numbers:
        numbers = ((at, word) for at, word in enumerate(words) if NUMBER.fullmatch(word) or word in _LARGER)
        return {_as_said(words, at, word): word in key.forms and not _denied(words, at) for at, word in numbers}
    by_letter = {option.letter: option for option in key.options if option.letter}
    found = [(letter, by_letter[letter].accepted) for letter in _letters(text) if letter in by_letter]
    found += [
        (_as_said(words, at, " ".join(option.words)), option.accepted and not _denied(words, at))
        for at, option in _options_in(words, key.options)
    ]
    return dict(found)


def _denied(words: Sequence[str], at: int) -> bool:
    """Whether what begins at this word is said not to be."""
    return at > 0 and words[at - 1] in _DENIALS


def _as_said(words: Sequence[str], at: int, mentioned: str) -> str:
    """What is said not to be is another thing than what is said to be."""
    return f"not {mentioned}" if _denied(words, at) else mentioned


def _options_in(words: Sequence[str], options: Iterable[Option]) -> Iterator[tuple[int, Option]]:
    """The options whose words stand in a text, and where; the longest where several begin there: "light blue" does not
    mention blue."""
    first: dict[str, list[Option]] = {}
    for option in sorted(options, key=lambda option: -len(option.words)):
        if option.words:
            first.setdefault(option.words[0], []).append(option)
    at = 0
    while at < len(words):
        step = 1
        for option in first.get(words[at], ()):
            if tuple(words[at : at + len(option.words)]) == option.words:
                yield at, option
                step = len(option.words)
                break
        at += step


def _letters(text: str) -> Iterator[str]:
    """The capital letters that stand alone: "B", "(B)", "B."; not the article that begins "A dog", nor the word I.

    "not B" mentions none, as no option is named so.
    """
    for found in _LETTER.finditer(text):
        word = found["letter"] in "AI" and not found["named"]
        if not found["denied"] and (not word or _NO_ARTICLE.match(text, found.end())):
            yield found["letter"]


def _yes_or_no(text: str, key: Key) -> set[str]:
    """Which of both the sentences of a text begin with."""
    said: set[str] = set()
    for sentence in _SENTENCES.split(text):
        begins = _BEGINS.match(sentence)
        if begins and (begins["word"].lower() == "yes" or _ALONE.match(begins["rest"])):
            said.add(begins["word"].lower())
            if too := _TOO.match(begins["rest"]):
                said.add(too[1].lower())
        elif key.existence and _NONE.match(sentence) and not _CANNOT_TELL.match(sentence):
            said.add("no")
    return said
