"""Words and letters as numbers, the runs of them, and where such numbers stand in a table. It knows no answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BITS = 19
SIZE = 1 << BITS
MOST_MET = 1 << 16

Hashes = NDArray[np.uint64]
NONE: Hashes = np.zeros(0, np.uint64)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_MIX, _SALT, _APART = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0xD1B54A32D192ED03), np.uint64(77)
_HALF, _REST = np.uint64(31), np.uint64(64 - BITS)
_FULL = 1 << 64


class _Met(dict[str, int]):
    """The hashes of the words that were met: FNV-1a, 64 bits. Whatever is written, it stays bounded."""

    def __missing__(self, word: str) -> int:
        value = 0xCBF29CE484222325
        for byte in word.encode("utf-8", "surrogatepass"):
            value = ((value ^ byte) * 0x100000001B3) % _FULL
        if len(self) >= MOST_MET:
            self.clear()
        self[word] = value
        return value


_MET = _Met()


def hashed(words: Sequence[str]) -> Hashes:
    """One number a word."""
    return np.fromiter(map(_MET.__getitem__, words), np.uint64, len(words))


class Runs(NamedTuple):
    """What stands in a row in a sequence. rows: for 1, 2, ... in a row the number of the run that begins at each place.

    apart: the same of pairs with one between.
    """

    rows: tuple[Hashes, ...]
    apart: Hashes

    def within(self, first: int, after: int, longest: int, *, apart: bool = True) -> list[Hashes]:
        """Those of one to `longest` that lie between two places."""
        found = [row[first : max(first, after - length)] for length, row in enumerate(self.rows[:longest])]
        return [*found, self.apart[first : max(first, after - 2)]] if apart else found


def runs(base: Hashes, longest: int) -> Runs:
    """All runs of one to `longest`."""
    rows = [base]
    for length in range(1, longest):
        rows.append(rows[-1][:-1] * _PRIME + base[length:])
    return Runs(tuple(rows), (base[:-2] + _APART) * _PRIME + base[2:])


def paired(ones: Hashes, others: Hashes) -> Hashes:
    """Each with each."""
    pairs: Hashes = ((ones + _APART) * _PRIME)[:, None] + others
    return pairs.ravel()


def letters(text: str, shortest: int, longest: int) -> Iterable[Hashes]:
    """All runs of `shortest` to `longest` letters."""
    base = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    return runs(base, longest).rows[shortest - 1 :]


def places(value: Hashes, group: Hashes) -> NDArray[np.uint32]:
    """Where numbers stand in a table of SIZE rows, those of each group elsewhere."""
    value = value + group * _SALT
    value ^= value >> _HALF
    value *= _MIX
    value >>= _REST
    return value.astype(np.uint32)
