"""What the built-in judge sees of a prompt and its answer, as numbers: hashed features in groups of equal weight.

Nothing of a text can be read back from them.
"""

from __future__ import annotations

import bisect
import functools
import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pytest_vsc.judges.cleaning import clean
from pytest_vsc.judges.concepts import language_of, lexicon, sentences, words
from pytest_vsc.judges.hashing import BITS, NONE, SIZE, Hashes, Runs, hashed, letters, paired, places, runs

T = TypeVar("T")

# Raised whenever the same text gets other features: weights fitted on others are refused.
VERSION = 2

# The groups, and what each weighs beside the others. A feature is there or not; a group has the length of its weight
# (Euclidean norm), however many features it has.
GROUPS = {
    # Words in a row: of the whole, the opening, the last sentence, and of what follows the first sentence.
    "words": 1.0,
    "opening": 1.0,
    "last sentence": 0.5,
    "rest": 0.7,
    "letters": 1.0,
    # How it begins, with one sign for all that the prompt had.
    "masked opening": 1.0,
    # What is meant, whatever the language.
    "concepts": 1.0,
    "concepts of the opening": 1.0,
    "concepts of the first sentence": 1.0,
    "concepts of the last sentence": 0.5,
    "concepts of the rest": 0.7,
    # Each of the first sentences together with how much follows, and what is meant together with what was asked.
    "sentence and rest": 1.2,
    "asked and said": 0.7,
    "shape": 0.6,
    "prompt": 0.5,
}
_WEIGHTS = np.array(list(GROUPS.values()))
_GROUP = {name: number for number, name in enumerate(GROUPS)}
_NUMBERS, _ABOVE = np.arange(len(GROUPS), dtype=np.uint64), np.uint64(BITS)

# How much of an answer is read: what is telling stands at the beginning, little at the end.
MOST_WORDS, MOST_SENTENCES = 300, 20
_OPENING_WORDS, _CLOSING_WORDS, _MASKED_WORDS, _LETTERS = 60, 45, 40, 200
_REST_SENTENCES, _EDGES_SEEN, _EDGE_WORDS = 12, 3, 10
_OPENING_CONCEPTS, _CLOSING_CONCEPTS, _MOST_CONCEPTS, _ASKED, _SAID = 25, 20, 120, 10, 12
_STEM = 5  # letters by which a word of the prompt is known again in the answer
_COMMON = frozenset(
    {"going", "should", "this", "that", "these", "with", "have", "some", "what", "where", "when", "how", "why", "does"}
    | {"from", "into", "over"}
)
# Signs that no cleaned text holds: where a text begins, where a sentence does, what the prompt had.
_START, _BEGINS, _MASK = hashed(["\x02", "\x01", "\x03"])
_ASKS = "?\uff1f\u061f"
_END_MARKS = {**dict.fromkeys(_ASKS, "?"), **dict.fromkeys(".!\u3002\u0964", ".")}
_EDGES = {
    "length": (20, 50, 100, 200, 400, 800, 1500),
    "sentences": (1, 2, 3, 5, 8, 12),
    "items": (0, 1, 3, 6),
    "questions": (0, 1, 2),
    "echo": (0.05, 0.1, 0.2, 0.3, 0.5),
    "masked": (0, 0.05, 0.1, 0.2, 0.3),
}
_REST_EDGES = (0, 8, 20, 40, 80, 160)


class Features(NamedTuple):
    """Those of one answer. place: where they stand in a table of SIZE rows, uint32 [n]; value: float32 [n]."""

    place: NDArray[np.uint32]
    value: NDArray[np.float32]


class Read(NamedTuple):
    """A text taken apart. sentences: in their own case; tokens: of each, folded; meant: of each, its concepts in order.

    Concepts are those of the first sentences only, and there are none in a language without a lexicon.
    """

    text: str
    sentences: list[str]
    tokens: list[list[str]]
    meant: list[list[int]]


def take_apart(text: str) -> Read:
    """Clean a text and find its sentences, words and concepts."""
    cleaned = clean(text)
    found, whole = sentences(cleaned), cleaned.casefold()
    folded = [sentence.casefold() for sentence in found]
    tokens = [words(sentence) for sentence in folded]
    known = lexicon(language_of(whole, _joined(tokens)))
    pairs = zip(folded[:MOST_SENTENCES], tokens, strict=False) if known else ()
    meant = [_joined(known.concepts(one, two)) for one, two in pairs] if known else []
    return Read(whole, found, tokens, meant)


def features(prompt: str, read: Read) -> Features:
    """What an answer that was taken apart shows, given the prompt."""
    asked = _asked(prompt)
    tokens = _joined(read.tokens)
    ends = list(itertools.accumulate(map(len, read.tokens)))
    text = _words(read, tokens, ends)
    masked, ratio = _masked(tokens, text.base, asked.stems)
    meant = _meant(read.meant)
    left = [f"rest {_step(len(tokens) - end, _REST_EDGES)}" for end in ends[:_EDGES_SEEN]]
    edges = zip(hashed(left), text.edges, itertools.chain(meant.edges, itertools.repeat([])), strict=False)
    return _gathered(
        [
            *text.groups,
            [*letters(f" {' '.join(read.sentences[:2])[:_LETTERS].casefold()}", 3, 5)],
            masked,
            *meant.groups,
            [paired(rest[None], np.concatenate([*one, *other])) for rest, one, other in edges],
            [paired(asked.concepts, meant.said)],
            [hashed(_shape(read, tokens, ratio, asked))],
            asked.words,
        ]
    )


class Shares(NamedTuple):
    """What each sentence adds to an answer. sentence: which of them, int64 [n]; features: of all of them, [n]."""

    sentence: NDArray[np.int64]
    features: Features


def shares(read: Read, most: int) -> Shares:
    """The words and concepts of the first sentences, alone and in a row, as they stand among those of the answer."""
    found = [
        _within(list(map(len, read.tokens[:most])), hashed(_joined(read.tokens[:most])), 3, "words"),
        _within(list(map(len, read.meant[:most])), _numbers(_joined(read.meant[:most])), 2, "concepts"),
    ]
    place, value = (np.concatenate(parts) for parts in zip(*(one.features for one in found), strict=True))
    return Shares(np.concatenate([one.sentence for one in found]), Features(place, value))


def _within(sizes: Sequence[int], base: Hashes, longest: int, group: str) -> Shares:
    """The runs that end in the sentence that they begin in."""
    number = np.repeat(np.arange(len(sizes)), sizes)
    rows = [*(found := runs(base, longest)).rows, found.apart]
    begins = np.concatenate([number[: len(row)] for row in rows])
    ends = np.concatenate([number[len(number) - len(row) :] for row in rows])
    inside = begins == ends
    place = places(np.concatenate(rows)[inside], np.full(1, _GROUP[group], np.uint64))
    value = np.full(len(place), GROUPS[group] / np.sqrt(max(1, len(place))), np.float32)
    return Shares(begins[inside], Features(place, value))


# --- the prompt ---


class _Asked(NamedTuple):
    """A prompt. stems: by which its telling words are known again."""

    words: list[Hashes]
    tokens: frozenset[str]
    stems: frozenset[str]
    concepts: Hashes
    asks: bool


@functools.lru_cache(maxsize=256)  # one prompt stands before many an answer
def _asked(prompt: str) -> _Asked:
    read = take_apart(prompt)
    tokens = _joined(read.tokens)
    return _Asked(
        runs(hashed(tokens), 2).within(0, len(tokens), 2, apart=False),
        frozenset(tokens),
        frozenset(word[:_STEM] for word in tokens if len(word) > 2 and word not in _COMMON),
        _numbers(_joined(read.meant)[:_ASKED]),
        any(mark in prompt for mark in _ASKS),
    )


# --- words ---


class _Words(NamedTuple):
    """base: the numbers of all words. edges: what each of the first sentences begins with, and the pairs of that."""

    base: Hashes
    groups: list[list[Hashes]]
    edges: list[list[Hashes]]


def _words(read: Read, tokens: Sequence[str], ends: Sequence[int]) -> _Words:
    """The groups of words: whole, opening, last sentence, rest."""
    base = hashed(tokens)
    found = runs(np.concatenate(([_START], base)), 3)
    count = len(tokens)
    opening = ends[min(2, len(ends)) - 1] if ends else 0
    closing = max(count - _CLOSING_WORDS, ends[-2] if len(ends) > 1 else 0)
    first = ends[0] if ends else 0
    last = ends[min(_REST_SENTENCES, len(ends)) - 1] if ends else 0
    begins = base[[end for end, tokens in zip(ends, read.tokens[1:_REST_SENTENCES], strict=False) if tokens]]
    return _Words(
        base,
        [
            found.within(1, 1 + min(count, MOST_WORDS), 3),
            found.within(0, 1 + min(opening, _OPENING_WORDS), 3),
            found.within(1 + closing, 1 + count, 2),
            [*found.within(1 + first, 1 + last, 2, apart=False), paired(_BEGINS[None], begins)],
        ],
        _edges(found, ends, _EDGE_WORDS),
    )


def _edges(found: Runs, ends: Sequence[int], most: int) -> list[list[Hashes]]:
    """What each of the first sentences begins with, and the pairs of that."""
    bounds = itertools.pairwise([0, *ends[:_EDGES_SEEN]])
    return [found.within(1 + begin, 1 + min(end, begin + most), 2, apart=False) for begin, end in bounds]


def _masked(tokens: Sequence[str], base: Hashes, stems: frozenset[str]) -> tuple[list[Hashes], float]:
    """The group of masked words; and the share of words that are masked."""
    hidden = [token[:_STEM] in stems for token in tokens[:_MASKED_WORDS]]
    masked = np.where(hidden, _MASK, base[:_MASKED_WORDS])
    found = runs(np.concatenate(([_START], masked)), 4)
    return found.within(0, 1 + len(hidden), 4), sum(hidden) / max(1, len(hidden))


# --- concepts ---


class _Meant(NamedTuple):
    """said: the concepts that it begins with. edges: those of each of the first sentences, and the pairs of them."""

    groups: list[list[Hashes]]
    said: Hashes
    edges: list[list[Hashes]]


def _meant(meant: Sequence[Sequence[int]]) -> _Meant:
    """The groups of concepts: whole, opening, first sentence, last one, rest."""
    base = _numbers(_joined(meant))
    found = runs(np.concatenate(([_START], base)), 3)
    ends = list(itertools.accumulate(map(len, meant))) or [0]
    count, first, opening = len(base), ends[0], ends[min(2, len(ends)) - 1]
    closing = max(count - _CLOSING_CONCEPTS, ends[-2] if len(ends) > 1 else 0)
    last = ends[min(_REST_SENTENCES, len(ends)) - 1]
    return _Meant(
        [
            found.within(1, 1 + min(count, _MOST_CONCEPTS), 2),
            found.within(1, 1 + min(opening, _OPENING_CONCEPTS), 2),
            found.within(0, 1 + min(first, _OPENING_CONCEPTS), 3),
            found.within(1 + closing, 1 + count, 2, apart=False),
            found.within(1 + first, 1 + last, 2, apart=False),
        ],
        base[: min(opening, _SAID)],
        _edges(found, ends, _CLOSING_CONCEPTS),
    )


def _numbers(concepts: Sequence[int]) -> Hashes:
    return np.array(concepts, np.uint64) if concepts else NONE


def _joined(parts: Iterable[Iterable[T]]) -> list[T]:
    return list(itertools.chain.from_iterable(parts))


# --- shape ---


def _shape(read: Read, tokens: Sequence[str], masked: float, asked: _Asked) -> list[str]:
    """Lengths, lists, questions and echoes of the prompt, each as the step of a scale that it is on."""
    seen = set(tokens[:60])
    amounts = {
        "length": len(read.text),
        "sentences": len(read.sentences),
        "items": sum(map(_is_item, read.sentences, read.tokens)),
        "questions": sum(map(read.text.count, _ASKS)),
        "echo": len(seen & asked.tokens) / max(1, len(seen)),
        "masked": masked,
    }
    steps = [f"{name} {_step(amount, _EDGES[name])}" for name, amount in amounts.items()]
    return [*steps, f"ends {_END_MARKS.get(read.text[-1:], '')}", f"asked {asked.asks}"]


def _step(amount: float, edges: Sequence[float]) -> int:
    return bisect.bisect_left(edges, amount)


def _is_item(sentence: str, tokens: Sequence[str]) -> bool:
    """Whether it is one of a list."""
    if sentence[0] in "-\u2022*+":
        return True
    return len(tokens) > 1 and tokens[0].isdigit() and sentence[:3].rstrip(".) ").isdigit()


def _gathered(groups: Sequence[Sequence[Hashes]]) -> Features:
    """All groups in one table, each with the length of its weight."""
    group = np.repeat(_NUMBERS, [sum(map(len, parts)) for parts in groups])
    place = places(np.concatenate(list(itertools.chain.from_iterable(groups))), group)
    found = place | (group << _ABOVE).astype(np.uint32)
    found.sort()
    kept = np.ones(len(found), bool)
    np.not_equal(found[1:], found[:-1], out=kept[1:])
    found = found[kept]
    number = found >> np.uint32(BITS)
    lengths = np.sqrt(np.maximum(1, np.bincount(number, minlength=len(groups))))
    return Features(found & np.uint32(SIZE - 1), (_WEIGHTS / lengths).astype(np.float32)[number])
