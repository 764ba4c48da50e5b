"""A picture's patches brought towards those of another by sliced Wasserstein transport, without any trained network.

Patches are projected on random directions, and along each moved to where the other's patch of the same rank is (Rabin,
Peyré, Delon, Bernot, Wasserstein barycenter and its application to texture mixing, 2011), from coarse to fine (as
Elnekave and Weiss, Generating natural images with direct patch distributions matching, 2022).

Every sum is one of whole numbers far below 2**53, so exact in whatever order it is made, and every quotient is rounded
at once: the same on any processor and by any number of threads, which are left as they are.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

from pytest_vsc.errors import SettingsError

if TYPE_CHECKING:
    import torch
    from PIL import Image

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

    A little noise comes first, out of which strokes grow where the picture is flat. Raises SettingsError without torch.
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


def _moved(levels: torch.Tensor, wanted: torch.Tensor, scale: Scale, random: Random) -> torch.Tensor:
    """The levels after one round: each patch moved along some directions at once, each pixel by the mean of those of
    its patches. Both 1 x 3 x height x width, whole numbers."""
    import torch

    ways = _directions(scale, random)
    beyond = scale.patch - 1  # so that every pixel is in as many patches
    padded = torch.nn.functional.pad(levels, (beyond,) * 4, mode="replicate")
    patches = torch.nn.functional.unfold(padded, scale.patch)[0]
    at = ways @ patches
    aims = _ranked(at, ways @ torch.nn.functional.unfold(wanted, min(scale.patch, *wanted.shape[2:]))[0])
    parts = torch.round((aims - at) * SHARE / (ways * ways).sum(1, keepdim=True))
    moves = torch.nn.functional.fold((ways.T @ parts)[None], padded.shape[2:], scale.patch)
    moves = moves[:, :, beyond : beyond + levels.shape[2], beyond : beyond + levels.shape[3]]
    crowded = max(1.0, scale.directions / ways.shape[1])  # more directions than dimensions say the same twice
    return torch.clamp(torch.round(levels + moves / (SHARE * scale.patch**2 * crowded)), 0, 255 * STEPS)


def _directions(scale: Scale, random: Random) -> torch.Tensor:
    import torch

    long = 3 * scale.patch**2
    drawn = [random.randrange(-STEEPEST, STEEPEST + 1) for _ in range(scale.directions * long)]
    ways = torch.tensor(drawn, dtype=torch.float64).reshape(scale.directions, long)
    ways[:, 0] += (ways == 0).all(1)  # none without a length
    return ways


def _ranked(at: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """For each of N places in a row that of the same rank among the M wanted ones. Equal ones rank in their order."""
    import numpy as np
    import torch

    count, most = at.shape[1], wanted.shape[1]
    # One sort of distinct numbers, which numpy does in an eighth of the time that torch takes to sort with places.
    places = np.sort(at.numpy().astype(np.int64) * count + np.arange(count), axis=1) % count
    ranks = (2 * np.arange(count) + 1) * most // (2 * count)
    aims = np.empty(at.shape)
    np.put_along_axis(aims, places, np.sort(wanted.numpy(), axis=1)[:, ranks], axis=1)
    return torch.from_numpy(aims)


# --- pictures and their levels ---


def _levels(picture: Image.Image) -> torch.Tensor:
    """1 x 3 x height x width, in STEPS."""
    import numpy as np

    try:
        import torch
    except ImportError:
        raise SettingsError("style-transfer: needs torch: pip install 'pytest-vsc[local]'") from None
    return torch.from_numpy(np.asarray(picture, np.float64) * STEPS).permute(2, 0, 1)[None]


def _picture(levels: torch.Tensor) -> Image.Image:
    import torch
    from PIL import Image

    whole = torch.clamp(torch.round(levels / STEPS), 0, 255).to(torch.uint8)
    return Image.fromarray(whole[0].permute(1, 2, 0).contiguous().numpy())


def _grain(levels: torch.Tensor, random: Random) -> torch.Tensor:
    import numpy as np
    import torch

    drawn = np.frombuffer(random.randbytes(levels.numel()), np.uint8).astype(np.float64) - 128  # 8 of the 255 levels
    return torch.clamp(levels + torch.from_numpy(drawn).reshape(levels.shape), 0, 255 * STEPS)


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
