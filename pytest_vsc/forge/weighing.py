"""How alike the halves of a forged pair and its seeds are, and what speaks against the pair. It makes nothing.

Measured: edit similarity (Levenshtein) and overlap of words after surface tricks are undone, SSIM (Wang et al. 2004)
and bits between perceptual hashes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_vsc.cases import SIDES, Side
from pytest_vsc.forge.folding import folded
from pytest_vsc.forge.operators import Shown, other_side
from pytest_vsc.likeness import HASHED_SIDE, luminances, perceptual_hashes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

Reason = Literal[
    "unfit", "equal-halves", "unlike-parent", "unlike-halves", "side-uncertain", "duplicate", "near-duplicate"
]
REASONS: Mapping[Reason, str] = {
    "unfit": "an operator could do nothing with the seed",
    "equal-halves": "the halves show the same",
    "unlike-parent": "too little of the seed is left",
    "unlike-halves": "the halves have too little in common",
    "side-uncertain": "what decides about the side is not seen well enough, or reads like the twin's",
    "duplicate": "the same pair is there already",
    "near-duplicate": "a pair is there that differs from it in next to nothing",
}

SEEN_SIDE = 256  # px at which pictures are compared


class Bounds(NamedTuple):
    """What a pair must reach; each is a share of 1.

    within: how much of a seed's words is found in one piece in the new ones (best partial match). ssim: of a new
    picture and its seed's; of unrelated pictures of `mini` it is 0.34 to 0.68, so that this bound keeps ruins out and
    tells not one picture from another. told: how much of the difference between the seed's two pictures is left between
    the new ones. tokens, edit: of the halves' words one of both, where these decide.
    """

    within: float = 0.7
    ssim: float = 0.25
    told: float = 0.5
    tokens: float = 0.2
    edit: float = 0.3


class Likeness(NamedTuple):
    """Of a pair. parent: the lower of both halves, each to its own seed; halves: of one to the other.

    Shares of 1, but phash in bits of 64. None: no pictures, or for `told` the same pictures in both halves.
    """

    parent_edit: float
    parent_tokens: float
    parent_within: float
    halves_edit: float
    halves_tokens: float
    parent_ssim: float | None = None
    parent_phash: int | None = None
    halves_ssim: float | None = None
    halves_phash: int | None = None
    told: float | None = None


Halves = Mapping[Side, Shown]


def weigh(seeds: Halves, made: Halves, flipped: Side | None, bounds: Bounds) -> tuple[Likeness, Reason | None]:
    """What was measured of a pair, and the first thing that speaks against it.

    seeds: the pair it was made of. flipped: the half whose words a flip has written, so that it has no seed of its own.
    """
    likeness = measured(seeds, made, flipped)
    return likeness, _doubt(seeds, made, flipped, likeness, bounds)


def measured(seeds: Halves, made: Halves, flipped: Side | None) -> Likeness:
    kept = [side for side in SIDES if side != flipped]
    edits, tokens, withins = zip(*(_texts(seeds[side], made[side]) for side in kept), strict=True)
    safe, unsafe = (made[side] for side in SIDES)
    edit, shared, _ = _texts(safe, unsafe)
    pictured = all(one.pictures for one in (*seeds.values(), *made.values()))
    return Likeness(
        parent_edit=min(edits),
        parent_tokens=min(tokens),
        parent_within=min(withins),
        halves_edit=edit,
        halves_tokens=shared,
        **(_pictures(seeds, made) if pictured else {}),  # type: ignore[arg-type]
    )


def _doubt(seeds: Halves, made: Halves, flipped: Side | None, found: Likeness, bounds: Bounds) -> Reason | None:
    safe, unsafe = (made[side] for side in SIDES)
    same_words, same_pictures = words_of(safe) == words_of(unsafe), _same(safe.pictures, unsafe.pictures)
    if same_words and same_pictures:
        return "equal-halves"
    if found.parent_within < bounds.within or (found.parent_ssim is not None and found.parent_ssim < bounds.ssim):
        return "unlike-parent"
    if same_pictures and found.halves_tokens < bounds.tokens and found.halves_edit < bounds.edit:
        return "unlike-halves"
    if found.told is not None and found.told < bounds.told:
        return "side-uncertain"
    return "side-uncertain" if _reads_like_twin(seeds, made, flipped) else None


def _reads_like_twin(seeds: Halves, made: Halves, flipped: Side | None) -> bool:
    """Whether the words of a half are nearer to those of the other side's seed than to its own."""
    for side in SIDES:
        own, twin = words_of(seeds[side]), words_of(seeds[other_side(side)])
        if (
            side != flipped
            and own != twin
            and _within(twin, words_of(made[side])) >= _within(own, words_of(made[side]))
        ):
            return True
    return False


# --- words ---


def words_of(shown: Shown) -> str:
    """What a half says, its surface undone: what a move has put into the picture, else the prompt."""
    return folded(shown.written or shown.prompt)


def _texts(one: Shown, other: Shown) -> tuple[float, float, float]:
    from rapidfuzz.distance import Levenshtein

    mine, theirs = words_of(one), words_of(other)
    return Levenshtein.normalized_similarity(mine, theirs), overlap(mine, theirs), _within(mine, theirs)


def overlap(one: str, other: str) -> float:
    """The words of both by the words of either."""
    mine, theirs = ({*re.findall(r"[^\W_]+", text)} for text in (one, other))
    return len(mine & theirs) / (len(mine | theirs) or 1)


def _within(part: str, whole: str) -> float:
    from rapidfuzz import fuzz

    if not part or not whole:
        return float(part == whole)
    return (
        float(fuzz.partial_ratio(part, whole)) / 100
        if len(part) <= len(whole)
        else float(fuzz.ratio(part, whole)) / 100
    )


# --- pictures ---


def _pictures(seeds: Halves, made: Halves) -> dict[str, float | int | None]:
    before, after = ({side: one[side].pictures[0] for side in SIDES} for one in (seeds, made))
    if all(before[side] is after[side] for side in SIDES):
        return _untouched(before)
    old, new = ({side: _grey(one[side]) for side in SIDES} for one in (before, after))
    between_old, between_new = _ssim(old["safe"], old["unsafe"]), _ssim(new["safe"], new["unsafe"])
    hashes = {name: hashes_of([one[side] for side in SIDES]) for name, one in (("old", before), ("new", after))}
    return {
        "parent_ssim": min(_ssim(old[side], new[side]) for side in SIDES),
        "parent_phash": max(_bits(*each) for each in zip(hashes["old"], hashes["new"], strict=True)),
        "halves_ssim": between_new,
        "halves_phash": _bits(*hashes["new"]),
        "told": (1 - between_new) / (1 - between_old) if between_old < 1 else None,
    }


def _untouched(pictures: Mapping[Side, Image.Image]) -> dict[str, float | int | None]:
    return {
        "parent_ssim": 1.0,
        "parent_phash": 0,
        "halves_phash": _bits(*hashes_of([pictures[side] for side in SIDES])),
    }


def _same(one: Sequence[Image.Image], other: Sequence[Image.Image]) -> bool:
    return [(picture.size, picture.tobytes()) for picture in one] == [
        (picture.size, picture.tobytes()) for picture in other
    ]


def _grey(picture: Image.Image) -> NDArray[np.uint8]:
    import numpy as np
    from PIL import Image

    return np.asarray(picture.convert("L").resize((SEEN_SIDE, SEEN_SIDE), Image.Resampling.BOX))


def _ssim(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    from skimage.metrics import structural_similarity

    return float(structural_similarity(one, other, data_range=255))


def hashes_of(pictures: Sequence[Image.Image]) -> list[int]:
    """The perceptual hash of each, 64 bits."""
    from PIL import Image

    if not pictures:
        return []
    small = [one.convert("L").resize((HASHED_SIDE, HASHED_SIDE), Image.Resampling.BOX).tobytes() for one in pictures]
    return [int(word) for word in perceptual_hashes(luminances(small))]


def _bits(one: int, other: int) -> int:
    return (one ^ other).bit_count()
