"""Operators on pictures that keep the side: colour, style transfer, degradations. They know no case and no words.

Each takes an RGB picture and gives one of the same size. Lengths are told for a picture whose longer side is 512 px,
and are longer or shorter in proportion elsewhere. What a machine may round in another way is rounded to whole levels.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from functools import lru_cache, wraps
from random import Random
from typing import TYPE_CHECKING

from pytest_vsc.forge.operators import Operator, Parameter, strength
from pytest_vsc.forge.styles import STYLES, reference
from pytest_vsc.forge.transport import transported

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

Run = Callable[..., "Image.Image"]

MEASURED_SIDE = 512  # px, of the longer side, that lengths are told for
BLUR = 4.5  # px
BLOCK = 8  # px
DOTS = 6.0  # px from one to the next
STROKE = 8.0  # px
NOISE = 64.0  # levels of 255
FADED = 0.75
QUALITY = (90, 4)  # of JPEG, best and worst
SHADES = (24, 3)  # a channel, most and fewest
CUT = 0.04  # of a side, at each edge; in `mini` nothing that decides lies there
MARGIN = 0.5  # of a side, both edges together
ANGLE = 12.0  # degrees
TRANSFER = 0.65  # of the way to a style: what is left keeps letters letters where it is dark, and faces faces
COLOURS = 0.8  # of the way to a style's colours
CUBE = 33  # colours of a table, a channel
SPREAD = (0.5, 2.0)  # how far lightness may be pressed together or drawn apart


def graded(run: Run) -> Run:
    """The same, but at strength 0 the very picture that it is given."""

    @wraps(run)
    def at_strength(picture: Image.Image, random: Random, *, strength: float, **settings: str) -> Image.Image:
        return run(picture, random, strength=strength, **settings) if strength else picture

    return at_strength


# --- colour and style ---


@graded
def recolour(picture: Image.Image, _: Random, *, strength: float, style: str) -> Image.Image:
    from PIL import ImageFilter

    mean, spread = _colours(picture)
    wanted_mean, wanted_spread = _style_colours(style)
    grow = [wanted / max(own, 1.0) for own, wanted in zip(spread, wanted_spread, strict=True)]
    grow = [min(max(grow[0], SPREAD[0]), SPREAD[1]), *(min(each, SPREAD[1]) for each in grow[1:])]
    table = _table(mean, wanted_mean, grow, COLOURS * strength)
    return picture.filter(ImageFilter.Color3DLUT(CUBE, table))


@graded
def match_histogram(picture: Image.Image, _: Random, *, strength: float, style: str) -> Image.Image:
    import numpy as np
    from PIL import Image
    from skimage.exposure import match_histograms

    matched = match_histograms(np.asarray(picture), np.asarray(reference(style)), channel_axis=-1)
    return Image.blend(picture, Image.fromarray(np.rint(matched).astype(np.uint8)), COLOURS * strength)


@graded
def style_transfer(picture: Image.Image, random: Random, *, strength: float, style: str) -> Image.Image:
    from PIL import Image

    return Image.blend(picture, transported(picture, reference(style), random), TRANSFER * strength)


@graded
def greyscale(picture: Image.Image, _: Random, *, strength: float) -> Image.Image:
    from PIL import ImageEnhance

    return ImageEnhance.Color(picture).enhance(1 - strength)


@graded
def contrast(picture: Image.Image, _: Random, *, strength: float) -> Image.Image:
    from PIL import ImageEnhance

    return ImageEnhance.Contrast(picture).enhance(1 - FADED * strength)


@graded
def posterise(picture: Image.Image, _: Random, *, strength: float) -> Image.Image:
    most, fewest = SHADES
    last = round(most * (fewest / most) ** strength) - 1
    return picture.point([round(round(level * last / 255) * 255 / last) for level in range(256)] * 3)


# --- drawing and printing ---


@graded
def sketch(picture: Image.Image, _: Random, *, strength: float) -> Image.Image:
    import numpy as np
    from PIL import Image, ImageFilter

    grey = picture.convert("L")
    around = grey.filter(ImageFilter.GaussianBlur(_long(STROKE, picture)))
    light = np.asarray(grey, np.float64) * 255 / np.maximum(np.asarray(around, np.float64), 1)
    drawn = Image.fromarray(np.minimum(np.rint(light), 255).astype(np.uint8))
    return Image.blend(picture, drawn.convert("RGB"), strength)


@graded
def halftone(picture: Image.Image, _: Random, *, strength: float) -> Image.Image:
    import numpy as np
    from PIL import Image

    apart = max(2.0, _long(DOTS, picture))
    channels = []
    for channel, angle in zip(picture.split(), (15, 75, 45), strict=True):
        above = _heights()[np.asarray(channel)] - _screen(picture.size, apart, math.radians(angle))
        channels.append(Image.fromarray(np.clip(np.rint(128 + 255 * above), 0, 255).astype(np.uint8)))
    return Image.blend(picture, Image.merge("RGB", channels), strength)


@graded
def pixelate(picture: Image.Image, _: Random, *, strength: float) -> Image.Image:
    from PIL import Image

    side = max(1, round(_long(BLOCK, picture) * strength))
    small = picture.reduce(side)
    grown = small.resize((small.width * side, small.height * side), Image.Resampling.NEAREST)
    return grown.crop((0, 0, *picture.size))


# --- degradations ---


@graded
def blur(picture: Image.Image, _: Random, *, strength: float) -> Image.Image:
    from PIL import ImageFilter

    return picture.filter(ImageFilter.GaussianBlur(_long(BLUR, picture) * strength))


@graded
def noise(picture: Image.Image, random: Random, *, strength: float) -> Image.Image:
    import numpy as np
    from PIL import Image

    drawn = np.random.Generator(np.random.PCG64(random.getrandbits(64))).standard_normal((*picture.size[::-1], 3))
    noisy = np.rint(np.asarray(picture) + NOISE * strength * drawn)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


@graded
def jpeg(picture: Image.Image, _: Random, *, strength: float) -> Image.Image:
    from PIL import Image

    best, worst = QUALITY
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=round(best + (worst - best) * strength))
    with Image.open(buffer, formats=("JPEG",)) as made:
        return made.convert("RGB")


# --- frame ---


@graded
def crop(picture: Image.Image, random: Random, *, strength: float) -> Image.Image:
    from PIL import Image

    left, upper, right, lower = (CUT * strength * random.uniform(0.5, 1) for _ in range(4))
    width, height = picture.size
    box = (left * width, upper * height, (1 - right) * width, (1 - lower) * height)
    return picture.resize(picture.size, Image.Resampling.BICUBIC, box=box)


@graded
def pad(picture: Image.Image, random: Random, *, strength: float) -> Image.Image:
    from PIL import Image

    width, height = (max(1, round(side / (1 + MARGIN * strength))) for side in picture.size)
    made = Image.new("RGB", picture.size, _ground(picture))
    left, upper = (random.random() for _ in range(2))
    place = (int(left * (picture.width - width + 1)), int(upper * (picture.height - height + 1)))
    made.paste(picture.resize((width, height), Image.Resampling.LANCZOS), place)
    return made


@graded
def rotate(picture: Image.Image, random: Random, *, strength: float) -> Image.Image:
    from PIL import Image

    angle = math.radians(ANGLE * strength * random.choice((-1, 1)))
    along, across, (width, height) = math.cos(angle), math.sin(angle), picture.size
    grow = max(
        (width * along + height * abs(across)) / width, (width * abs(across) + height * along) / height
    )  # until it fits
    a, b = grow * along, grow * across
    x, y = width / 2, height / 2
    back = (a, b, x - a * x - b * y, -b, a, y + b * x - a * y)  # where each pixel comes from
    return picture.transform(
        picture.size, Image.Transform.AFFINE, back, Image.Resampling.BICUBIC, fillcolor=_ground(picture)
    )


# --- what they are made of ---


def _long(length: float, picture: Image.Image) -> float:
    """A length in px of this picture."""
    return length * max(picture.size) / MEASURED_SIDE


def _ground(picture: Image.Image) -> tuple[int, int, int]:
    """The colour that its border has in the middle of all, channel by channel."""
    import numpy as np

    whole = np.asarray(picture)
    border = np.concatenate((whole[0], whole[-1], whole[:, 0], whole[:, -1]))
    red, green, blue = (int(level) for level in np.sort(border, axis=0)[len(border) // 2])
    return red, green, blue


def _screen(size: tuple[int, int], apart: float, angle: float) -> NDArray[np.float64]:
    """Height x width heights of -2..2: the sum of two waves, whose hills stand on a grid that is turned.

    Ulichney, Digital Halftoning, 1987: clustered dots, on one screen a colour.
    """
    import numpy as np

    width, height = size
    along, across = 2 * math.pi * math.cos(angle) / apart, 2 * math.pi * math.sin(angle) / apart
    x, y = np.arange(width), np.arange(height)
    down = (np.cos(across * y), -np.sin(across * y), np.cos(along * y), np.sin(along * y))
    right = (np.cos(along * x), np.sin(along * x), np.cos(across * x), np.sin(across * x))
    hills: NDArray[np.float64] = np.stack(down, axis=1) @ np.stack(right)
    return hills


@lru_cache
def _heights() -> NDArray[np.float64]:
    """For each of 256 levels the height that so much of a screen lies below; all of it, and none, close to the ends."""
    import numpy as np

    wave = np.cos(np.linspace(0, np.pi, 256))
    shares = np.clip((np.arange(256) - 16) / (255 - 32), 0, 1)
    heights: NDArray[np.float64] = np.quantile(wave[:, None] + wave, shares)
    heights[shares == 0], heights[shares == 1] = -3, 3
    return heights


# --- colours, after Reinhard et al. ---

Triple = tuple[float, float, float]


@lru_cache
def _style_colours(style: str) -> tuple[Triple, Triple]:
    return _colours(reference(style))


def _colours(picture: Image.Image) -> tuple[Triple, Triple]:
    """Mean and standard deviation of its pixels in CIELAB, by a histogram of 32 levels a channel."""
    import numpy as np

    red, green, blue = np.moveaxis(np.asarray(picture).astype(np.int32) >> 3, -1, 0)
    count = np.bincount((red << 10 | green << 5 | blue).ravel(), minlength=32**3)
    seen = np.flatnonzero(count)
    share, lab = count[seen, None] / count.sum(), _lab(32).reshape(-1, 3)[seen]
    mean = (share * lab).sum(0)
    return tuple(mean), tuple(np.sqrt((share * (lab - mean) ** 2).sum(0)))


@lru_cache
def _lab(side: int) -> NDArray[np.float64]:
    """side x side x side colours in CIELAB, red outermost."""
    import numpy as np
    from skimage.color import rgb2lab

    level = np.linspace(0, 1, side)
    lab: NDArray[np.float64] = rgb2lab(np.stack(np.meshgrid(level, level, level, indexing="ij"), axis=-1))
    return lab


def _table(mean: Triple, wanted: Triple, grow: list[float], strength: float) -> NDArray[np.float64]:
    """What becomes of CUBE x CUBE x CUBE colours, red innermost, as Pillow wants it."""
    import numpy as np
    from skimage.color import lab2rgb

    level = np.linspace(0, 1, CUBE)
    own = np.stack(np.meshgrid(level, level, level, indexing="ij"), axis=-1)
    lab = (_lab(CUBE) - mean) * grow + wanted
    lab[..., 0] = np.clip(lab[..., 0], 0, 100)
    lab[..., 2] = np.minimum(lab[..., 2], 199.9 * (lab[..., 0] + 16) / 116)  # no less than no blue light at all
    made = (1 - strength) * own + strength * lab2rgb(lab)
    table: NDArray[np.float64] = np.rint(made.transpose(2, 1, 0, 3).reshape(-1, 3) * 4080) / 4080
    return table


# --- the operators ---


def _style(what: str, default: str) -> Parameter:
    return Parameter("style", what, default, choices=STYLES)


def _picture(run: Run, what: str, source: str, *parameters: Parameter, idempotent: bool = False) -> Operator:
    name = run.__name__.replace("_", "-")
    return Operator(
        name=name, kind="picture", what=what, source=source, run=run, parameters=parameters, idempotent=idempotent
    )


_CORRUPTIONS = "Hendrycks and Dietterich, Benchmarking Neural Network Robustness to Common Corruptions, 2019"
_AUGMENTS = "Papakipos and Bitton, AugLy, 2022"

OPERATORS: tuple[Operator, ...] = (
    _picture(
        recolour,
        "gives it the mean and the spread of a style's colours",
        "Reinhard, Ashikhmin, Gooch, Shirley, Color Transfer between Images, 2001, in CIELAB",
        _style("whose colours", "night"),
        strength(f"how far each colour goes from its own to the style's, 0 to {COLOURS:.0%} of the way"),
    ),
    _picture(
        match_histogram,
        "gives each channel the histogram that it has in a style",
        "Gonzalez and Woods, Digital Image Processing, 2008; scikit-image",
        _style("whose histograms", "autumn"),
        strength(f"how far each level goes from its own to the matched one, 0 to {COLOURS:.0%} of the way"),
    ),
    Operator(
        name="style-transfer",
        kind="picture",
        what="redraws it with the strokes and colours of a style",
        source="Rabin, Peyré, Delon, Bernot, 2011, and Elnekave and Weiss, 2022: sliced Wasserstein on patches",
        run=style_transfer,
        parameters=(
            _style("whose patches", "brushwork"),
            strength(f"how far each colour goes from its own to the redrawn one, 0 to {TRANSFER:.0%} of the way"),
        ),
        slow=True,
    ),
    _picture(
        greyscale,
        "takes the colour out of it",
        _AUGMENTS,
        strength("how much of the colour goes, 0 to 100 %"),
    ),
    _picture(
        contrast,
        "draws its levels together around their mean",
        _CORRUPTIONS,
        strength(f"how much of the contrast goes, 0 to {FADED:.0%}"),
    ),
    _picture(
        posterise,
        "leaves few shades of each channel",
        "Cubuk et al., AutoAugment, 2019",
        strength(f"shades that are left of a channel's 256: {SHADES[0]} close to 0, down to {SHADES[1]} at 1"),
        idempotent=True,
    ),
    _picture(
        sketch,
        "draws its edges in pencil: grey divided by its own blur",
        "the colour dodge of drawing programs",
        strength("how far the drawing takes the picture's place, 0 to 100 %"),
    ),
    _picture(
        halftone,
        f"prints it in dots of each colour, {DOTS:g} px apart at a longer side of {MEASURED_SIDE}",
        "Ulichney, Digital Halftoning, 1987",
        strength("how far the dots take the picture's place, 0 to 100 %"),
    ),
    _picture(
        pixelate,
        "makes squares of one colour",
        _CORRUPTIONS,
        strength(f"side of a square, 0 to {BLOCK} px at a longer side of {MEASURED_SIDE}, in proportion elsewhere"),
        idempotent=True,
    ),
    _picture(
        blur,
        "blurs it as a lens out of focus",
        _CORRUPTIONS,
        strength(f"standard deviation, 0 to {BLUR:g} px at a longer side of {MEASURED_SIDE}, in proportion elsewhere"),
    ),
    _picture(
        noise,
        "adds normal noise to each channel of each pixel",
        _CORRUPTIONS,
        strength(f"standard deviation, 0 to {NOISE:g} of 255 levels"),
    ),
    _picture(
        jpeg,
        "stores it as JPEG, and reads that",
        _CORRUPTIONS,
        strength(f"quality, {QUALITY[0]} close to 0, down to {QUALITY[1]} at 1"),
    ),
    _picture(
        crop,
        "cuts off its edges, and scales the rest up to its size",
        _AUGMENTS,
        strength(f"how much of a side goes at each edge, by chance half to all of 0 to {CUT:.0%}"),
    ),
    _picture(
        pad,
        "sets it smaller, by chance where, on the colour of its border",
        _AUGMENTS,
        strength(f"width of both margins together, 0 to {MARGIN:.0%} of the picture that is within"),
    ),
    _picture(
        rotate,
        "turns it, by chance to the left or the right, smaller so that all of it is seen",
        _AUGMENTS,
        strength(f"angle, 0 to {ANGLE:g} degrees"),
    ),
)
