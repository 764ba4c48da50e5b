"""Which pairs are there already, so that none comes twice, exactly or nearly. Memory: some hundred bytes a pair."""

from __future__ import annotations

import hashlib
from collections import defaultdict

from pytest_vsc.forge.forging import Face
from pytest_vsc.forge.weighing import Reason

# Near: each half's words as they stand are alike to this share (Levenshtein), and its pictures are this near.
NEAR_WORDS = 0.95
NEAR_BITS, NEAR_COLOUR = 4, 12  # of 64; of 255, in each of 4 x 4 cells

Faces = tuple[Face, Face]


class Known:
    """The seeds and the pairs that were made so far."""

    def __init__(self) -> None:
        self._exact: set[bytes] = set()
        self._by_parent: dict[str, list[Faces]] = defaultdict(list)

    def add(self, parent: str, faces: Faces) -> None:
        self._exact.add(_digest(faces))
        self._by_parent[parent].append(faces)

    def like(self, parent: str, faces: Faces) -> Reason | None:
        """Whether the pair is there already: exactly, or nearly among what was made of the same parent."""
        if _digest(faces) in self._exact:
            return "duplicate"
        near = any(all(map(_near, faces, other)) for other in self._by_parent[parent])
        return "near-duplicate" if near else None


def _digest(faces: Faces) -> bytes:
    said = "\0".join(text for face in faces for text in (face.prompt, *face.pictures))
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _near(one: Face, other: Face) -> bool:
    from rapidfuzz.distance import Levenshtein

    if len(one.pictures) != len(other.pictures):
        return False
    if Levenshtein.normalized_similarity(one.prompt, other.prompt, score_cutoff=NEAR_WORDS) < NEAR_WORDS:
        return False
    return all(
        mine == theirs or ((hashes[0] ^ hashes[1]).bit_count() <= NEAR_BITS and _apart(*colours) <= NEAR_COLOUR)
        for mine, theirs, hashes, colours in zip(
            one.pictures,
            other.pictures,
            zip(one.hashes, other.hashes, strict=True),
            zip(one.colours, other.colours, strict=True),
            strict=True,
        )
    )


def _apart(one: bytes, other: bytes) -> int:
    return max(abs(mine - theirs) for mine, theirs in zip(one, other, strict=True))
