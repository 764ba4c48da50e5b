"""What the built-in judge sees of a prompt and its answer, as numbers: hashed features in groups of equal weight.

Nothing of a text can be read back from them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_vsc.judges.cleaning import clean
from pytest_vsc.judges.concepts import language_of, lexicon, sentences, words

# Raised whenever the same text gets other features: weights fitted on others are refused.
VERSION = 1
BITS = 19
SIZE = 1 << BITS

# The groups, and what each weighs beside the others. A feature is there or not; a group has the length of its weight
# (Euclidean norm), however many features it has.
GROUPS = {
    "words": 1.0,
    "opening": 1.0,
    "closing": 0.5,
    "letters": 1.0,
    "first letters": 1.0,
    "masked opening": 1.0,
    "act": 1.0,
    "first sentence": 1.0,
    "concepts": 1.0,
    "opening concepts": 1.0,
    "first concepts": 1.0,
    "closing concepts": 0.5,
    "shape": 0.3,
    "prompt": 0.5,
}
_WEIGHTS = np.array(list(GROUPS.values()))

# How much of an answer is read, in words and letters: what is telling stands at the beginning, little at the end.
MOST_WORDS, MOST_LETTERS = 300, 800
_OPENING_SENTENCES, _OPENING_LETTERS, _FIRST_LETTERS, _CLOSING_LETTERS = 2, 300, 200, 250
# Signs that no cleaned text holds: where a text begins, what the prompt had, where a sentence ends.
_START, _MASK, _END = "\x02", "\x03", "\x00"
_STEM = 5  # letters by which a word of the prompt is known again in the answer
_COMMON = frozenset(
    {"going", "should", "this", "that", "these", "with", "have", "some", "what", "where", "when", "how", "why", "does"}
    | {"from", "into", "over"}
)

Hashes = NDArray[np.uint64]
_NONE: Hashes = np.zeros(0, np.uint64)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_MIX, _SALT, _BETWEEN = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0xD1B54A32D192ED03), np.uint64(77)
_NUMBERS = np.arange(len(GROUPS), dtype=np.uint64)
_END_MARKS = {**dict.fromkeys("?\uff1f\u061f", "?"), **dict.fromkeys(".!\u3002\u0964", ".")}
_EDGES = {
    "length": (20, 50, 100, 200, 400, 800, 1500),
    "sentences": (1, 2, 3, 5, 8, 12),
    "items": (0, 1, 3, 6),
    "questions": (0, 1, 2),
    "echo": (0.05, 0.1, 0.2, 0.3, 0.5),
    "masked": (0, 0.02, 0.05, 0.1, 0.2),
}


class Features(NamedTuple):
    """Those of one answer. place: where they stand in a table of SIZE rows, int64 [n]; value: float32 [n]."""

    place: NDArray[np.int64]
    value: NDArray[np.float32]


class Read(NamedTuple):
    """A text taken apart. sentences: in their own case; tokens: of each sentence, folded."""

    text: str
    sentences: list[str]
    tokens: list[list[str]]


def take_apart(text: str) -> Read:
    """Clean a text and find its sentences and words."""
    cleaned = clean(text)
    found = sentences(cleaned)
    return Read(cleaned.casefold(), found, [words(sentence.casefold()) for sentence in found])


def features(prompt: str, read: Read) -> Features:
    """What an answer that was taken apart shows, given the prompt."""
    question, stems = _prompt(prompt)
    asks = "?" in prompt or "\uff1f" in prompt or "\u061f" in prompt
    tokens = [token for sentence in read.tokens for token in sentence][:MOST_WORDS]
    masked = [_masked(sentence, stems) for sentence in read.tokens]
    opening = read.tokens[:_OPENING_SENTENCES]
    closing = read.tokens[-2:] if len(read.tokens) > 2 else []
    groups = [
        _grams([tokens], 3, skip=True),
        _grams([[_START, *_joined(opening)[:60]]], 3, skip=True),
        _grams([_joined(closing)[-45:]], 2, skip=True),
        _letters(f" {read.text[:MOST_LETTERS]}", 2, 5),
        _letters(f" {_text(read, _OPENING_SENTENCES)[:_FIRST_LETTERS]}", 3, 6),
        _grams([[_START, *_joined(masked)[:40]]], 4, skip=True),
        _grams([sentence for sentence in masked if _MASK in sentence][:12], 3, skip=True),
        _grams([[_START, *masked[0][:30]]] if masked else [], 3, skip=True),
        *_meanings(read, tokens),
        _hashed(_shape(read, tokens, _joined(masked), question, asks)),
        _grams([question], 2, skip=False),
    ]
    return _gathered(groups)


def words_of(tokens: Sequence[str]) -> Features:
    """Those of the words of one sentence alone, as they stand among those of its answer."""
    return _gathered([_grams([tokens], 3, skip=True)])


@functools.lru_cache(maxsize=64)  # one prompt stands before many an answer
def _prompt(prompt: str) -> tuple[list[str], frozenset[str]]:
    """The words of a prompt, and the stems by which its telling ones are known again."""
    found = words(clean(prompt).casefold())
    return found, frozenset(word[:_STEM] for word in found if len(word) > 2 and word not in _COMMON)


def _masked(tokens: Sequence[str], stems: frozenset[str]) -> list[str]:
    """The words with one sign for all that the prompt had: what is said of the thing asked, whatever it is."""
    return [_MASK if token[:_STEM] in stems else token for token in tokens]


def _joined(parts: Sequence[Sequence[str]]) -> list[str]:
    return [token for part in parts for token in part]


def _text(read: Read, count: int) -> str:
    return " ".join(read.sentences[:count])[:_OPENING_LETTERS].casefold()


def _shape(read: Read, tokens: Sequence[str], masked: Sequence[str], question: Sequence[str], asks: bool) -> list[str]:
    """Lengths, lists, questions and echoes of the prompt, each as the step of a scale that it is on."""
    seen = set(tokens[:60])
    amounts = {
        "length": len(read.text),
        "sentences": len(read.sentences),
        "items": sum(map(_is_item, read.sentences, read.tokens)),
        "questions": sum(read.text.count(mark) for mark in "?\uff1f\u061f"),
        "echo": len(seen & set(question)) / max(1, len(seen)),
        "masked": masked.count(_MASK) / max(1, len(masked)),
    }
    steps = [f"{name} {sum(amount > edge for edge in _EDGES[name])}" for name, amount in amounts.items()]
    return [*steps, f"ends {_END_MARKS.get(read.text[-1:], '')}", f"asked {asks}"]


def _is_item(sentence: str, tokens: Sequence[str]) -> bool:
    """Whether it is one of a list."""
    numbered = len(tokens) > 1 and tokens[0].isdigit() and sentence[:3].rstrip(".) ").isdigit()
    return numbered or sentence[0] in "-\u2022*+"


def _meanings(read: Read, tokens: Sequence[str]) -> list[Hashes]:
    """The groups of concepts: whole, opening, first sentence, closing; none in a language without a lexicon."""
    known = lexicon(language_of(read.text, tokens))
    if known is None:
        return [_NONE] * 4
    meant = [known.concepts(s.casefold(), t) for s, t in zip(read.sentences[:20], read.tokens[:20], strict=True)]
    whole = [one for sentence in meant for one in sentence]
    opening = [one for sentence in meant[:_OPENING_SENTENCES] for one in sentence]
    first = [(_FIRST,), *(meant[0] if meant else [])]
    closing = [one for sentence in meant[-2:] for one in sentence][-20:] if len(meant) > 2 else []
    return [
        _concepts(whole[:120], 2),
        _concepts(opening[:25], 2),
        _concepts(first[:25], 3),
        _concepts(closing, 1),
    ]


_FIRST = 1023  # in the place of a concept, where a sentence begins
_SKIP = 1 << 40


def _concepts(meant: Sequence[tuple[int, ...]], longest: int) -> Hashes:
    """One to `longest` concepts in a row, and pairs with one between."""
    found: list[int] = []
    for place, here in enumerate(meant):
        for one in here:
            found.append(one)
            if longest > 1 and place + 1 < len(meant):
                found += [(one << 10) | two for two in meant[place + 1]]
            if longest > 1 and place + 2 < len(meant):
                found += [_SKIP | (one << 10) | two for two in meant[place + 2]]
                if longest > 2:
                    found += [
                        (((one << 10) | two) << 10) | three for two in meant[place + 1] for three in meant[place + 2]
                    ]
    return np.array(found, np.uint64) if found else _NONE


# --- hashing ---


@functools.lru_cache(maxsize=1 << 16)
def _hash(word: str) -> int:
    """FNV-1a of a word, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in word.encode("utf-8", "surrogatepass"):
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def _hashed(names: Sequence[str]) -> Hashes:
    return np.array([_hash(name) for name in names], np.uint64)


def _grams(parts: Sequence[Sequence[str]], longest: int, *, skip: bool) -> Hashes:
    """One to `longest` words in a row within each part, and pairs of words with one between."""
    names = [name for part in parts for name in (*part, _END)][:-1]
    if not names:
        return _NONE
    base = _hashed(names)
    one_part = len(parts) == 1
    inside = _NONE if one_part else np.array([name != _END for name in names])
    found, value, whole = [], base, inside
    for count in range(1, longest + 1):
        if count > 1:
            value = value[:-1] * _PRIME + base[count - 1 :]
            whole = whole if one_part else whole[:-1] & inside[count - 1 :]
        found.append(value if one_part else value[whole])
    if skip and len(base) > 2:
        apart = (base[:-2] + _BETWEEN) * _PRIME + base[2:]
        found.append(apart if one_part else apart[inside[:-2] & inside[1:-1] & inside[2:]])
    return np.concatenate(found)


def _letters(text: str, shortest: int, longest: int) -> Hashes:
    """All runs of `shortest` to `longest` letters."""
    base = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    found, value = [], base
    for count in range(1, longest + 1):
        if count > 1:
            value = value[:-1] * _PRIME + base[count - 1 :]
        if count >= shortest:
            found.append(value)
    return np.concatenate(found)


def _gathered(groups: Sequence[Hashes]) -> Features:
    """All groups in one table, each with the length of its weight."""
    group = np.repeat(_NUMBERS[: len(groups)], [len(each) for each in groups])
    value = np.concatenate(groups) + group * _SALT
    value = (value ^ (value >> np.uint64(31))) * _MIX
    keys = ((value ^ (value >> np.uint64(29))) * _PRIME >> np.uint64(64 - BITS)) | (group << np.uint64(BITS))
    found = np.sort(keys.astype(np.uint32))
    first = np.ones(len(found), bool)
    first[1:] = found[1:] != found[:-1]
    found = found[first]
    group = found >> np.uint32(BITS)
    lengths = np.sqrt(np.maximum(1, np.bincount(group, minlength=len(groups))))
    return Features((found & np.uint32(SIZE - 1)).astype(np.int64), (_WEIGHTS / lengths)[group].astype(np.float32))
