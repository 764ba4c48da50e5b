"""A picture's patches brought towards those of another by sliced Wasserstein transport, without any trained network.

Patches are projected on random directions, and along each moved to where the other's patch of the same rank is (Rabin,
Peyré, Delon, Bernot, Wasserstein barycenter and its application to texture mixing, 2011), from coarse to fine (as
Elnekave and Weiss, Generating natural images with direct patch distributions matching, 2022).

Every sum is one of whole numbers far below 2**53, so exact in whatever order it is made, and every quotient is rounded
at once: the same on any processor and by any number of threads.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    Levels = NDArray[np.float64]

STEPS = 16  # of one of the 255 levels, so that small moves add up
SHARE = 64  # parts of the length of a direction, in which moves along it are counted
STEEPEST = 8  # a direction in any one channel of any one pixel: whole numbers up to this, either way


class Scale(NamedTuple):
    """One stage of the transport. side: of the longer side, patch: of a patch's sides, both px."""

    side: int
    patch: int
    rounds: int
    directions: int  # in each round


SCALES = (Scale(64, 5, 6, 16), Scale(128, 5, 4, 10), Scale(256, 5, 2, 8), Scale(256, 1, 2, 3))


def transported(picture: Image.Image, style: Image.Image, random: Random) -> Image.Image:
    """The picture, RGB, with patches like those of a style, in its own size; what is finer than 256 px stays its own.

    A little noise comes first, out of which strokes grow where the picture is flat.
    """
    seen = _within(picture, SCALES[-1].side)
    before = _within(seen, SCALES[0].side)
    levels = _grain(_levels(before), random)
    for scale in SCALES:
        here = _within(seen, scale.side)
        if here.size != before.size:
            levels = _levels(here) + _levels(_sized(_picture(levels), here)) - _levels(_sized(before, here))
        before, wanted = here, _levels(_within(style, scale.side))
        for _ in range(scale.rounds):
            levels = _moved(levels, wanted, scale, random)
    change = _levels(_sized(_picture(levels), picture)) - _levels(_sized(seen, picture))
    return _picture(_levels(picture) + change)


def _moved(levels: Levels, wanted: Levels, scale: Scale, random: Random) -> Levels:
    """The levels after one round: each patch moved along some directions at once, each pixel by the mean of those of
    its patches. Both 3 x height x width, whole numbers."""
    import numpy as np

    side, (_, height, width) = scale.patch, levels.shape
    ways = _directions(scale, random)
    beyond = side - 1  # so that every pixel is in as many patches
    patches = _patches(np.pad(levels, ((0, 0), (beyond, beyond), (beyond, beyond)), mode="edge"), side)
    # einsum, since it takes one thread: processes that share the cores would wait for each other's.
    at = np.einsum("kd,dn->kn", ways, patches)
    aims = _ranked(at, np.einsum("kd,dn->kn", ways, _patches(wanted, side)))
    parts = np.rint((aims - at) * SHARE / (ways * ways).sum(1, keepdims=True))
    each = np.einsum("kd,kn->dn", ways, parts).reshape(3, side, side, height + beyond, width + beyond)
    moves = np.zeros(levels.shape)
    for down in range(side):
        for right in range(side):
            above, left = beyond - down, beyond - right
            moves += each[:, down, right, above : above + height, left : left + width]
    crowded = max(1.0, scale.directions / ways.shape[1])  # more directions than dimensions say the same twice
    moved: Levels = np.clip(np.rint(levels + moves / (SHARE * side**2 * crowded)), 0, 255 * STEPS)
    return moved


def _patches(levels: Levels, side: int) -> Levels:
    """3 side**2 x N, of every place where one fits."""
    import numpy as np

    windows = np.lib.stride_tricks.sliding_window_view(levels, (side, side), axis=(1, 2))
    return windows.transpose(0, 3, 4, 1, 2).reshape(3 * side**2, -1)


def _directions(scale: Scale, random: Random) -> Levels:
    import numpy as np

    long = 3 * scale.patch**2
    drawn = [random.randrange(-STEEPEST, STEEPEST + 1) for _ in range(scale.directions * long)]
    ways = np.array(drawn, np.float64).reshape(scale.directions, long)
    ways[:, 0] += (ways == 0).all(1)  # none without a length
    return ways


def _ranked(at: Levels, wanted: Levels) -> Levels:
    """For each of N places in a row that of the same rank among the M wanted ones. Equal ones rank in their order."""
    import numpy as np

    count, most = at.shape[1], wanted.shape[1]
    # One sort of distinct numbers takes a third of the time of a sort of places.
    places = np.sort(at.astype(np.int64) * count + np.arange(count), axis=1) % count
    ranks = (2 * np.arange(count) + 1) * most // (2 * count)
    aims = np.empty(at.shape)
    np.put_along_axis(aims, places, np.sort(wanted, axis=1)[:, ranks], axis=1)
    return aims


# --- pictures and their levels ---


def _levels(picture: Image.Image) -> Levels:
    """3 x height x width, in STEPS."""
    import numpy as np

    return np.asarray(picture, np.float64).transpose(2, 0, 1) * STEPS


def _picture(levels: Levels) -> Image.Image:
    import numpy as np
    from PIL import Image

    whole = np.clip(np.rint(levels / STEPS), 0, 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(whole.transpose(1, 2, 0)))


def _grain(levels: Levels, random: Random) -> Levels:
    import numpy as np

    drawn = np.frombuffer(random.randbytes(levels.size), np.uint8).astype(np.float64) - 128  # 8 of the 255 levels
    grown: Levels = np.clip(levels + drawn.reshape(levels.shape), 0, 255 * STEPS)
    return grown


def _within(picture: Image.Image, side: int) -> Image.Image:
    """The picture with no side longer than that."""
    from PIL import Image

    share = side / max(picture.size)
    if share >= 1:
        return picture
    width, height = (max(1, round(each * share)) for each in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _sized(picture: Image.Image, like: Image.Image) -> Image.Image:
    from PIL import Image

    return picture if picture.size == like.size else picture.resize(like.size, Image.Resampling.BICUBIC)
