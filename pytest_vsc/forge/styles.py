"""Pictures whose colours and strokes others are brought towards, drawn here. No file is read, and no artist is copied.

Each is drawn by chance that its name alone decides, so that it is the same in every run.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

SIDE = 256  # px
Colour = tuple[int, int, int]
PAPER: Colour = (246, 241, 230)


@cache
def reference(name: str) -> Image.Image:
    """The picture of a style, SIDE x SIDE, RGB; not to be changed by whoever gets it. Raises KeyError."""
    return PAINTERS[name](Random(f"style/{name}"))  # noqa: S311  no secret rests on it


def _watercolour(random: Random) -> Image.Image:
    from PIL import Image, ImageChops, ImageFilter

    picture = Image.new("RGB", (SIDE, SIDE), PAPER)
    for _ in range(26):
        layer, pen = _blank()
        wash = random.choice(((120, 170, 214), (232, 160, 150), (160, 200, 150), (244, 210, 130), (176, 150, 206)))
        pen.ellipse(_box(random, 40, 120), fill=wash)
        picture = ImageChops.multiply(picture, layer.filter(ImageFilter.GaussianBlur(3)))
    return Image.blend(picture, Image.new("RGB", picture.size, PAPER), 0.3)


def _night(random: Random) -> Image.Image:
    picture = _tinted(_clouds(random, 5), (8, 12, 34), (44, 62, 118))
    pen = _pen(picture)
    for _ in range(70):
        x, y = random.randrange(SIDE), random.randrange(SIDE)
        size = random.choice((0, 0, 1))
        pen.ellipse((x - size, y - size, x + size, y + size), fill=(214, 222, 244))
    for _ in range(16):
        x, y = random.randrange(SIDE), random.randrange(SIDE)
        pen.rectangle((x, y, x + 9, y + 12), fill=random.choice(((246, 206, 104), (236, 168, 76))))
    return picture


def _sepia(random: Random) -> Image.Image:
    from PIL import Image

    coarse, fine = _clouds(random, 6), _clouds(random, 128)
    return _tinted(Image.blend(coarse, fine, 0.25), (58, 36, 18), (250, 232, 198))


def _mosaic(random: Random) -> Image.Image:
    from PIL import Image

    picture = Image.new("RGB", (SIDE, SIDE), (74, 66, 60))
    pen, tiles = _pen(picture), ((38, 98, 134), (92, 164, 170), (226, 214, 178), (204, 142, 62), (166, 66, 48))
    for top in range(0, SIDE, 10):
        for left in range(-(top // 10 % 2) * 5, SIDE, 10):
            shade = random.randrange(-18, 19)
            red, green, blue = (max(0, min(255, part + shade)) for part in random.choice(tiles))
            pen.rectangle((left + 1, top + 1, left + 8, top + 8), fill=(red, green, blue))
    return picture


def _newsprint(random: Random) -> Image.Image:
    picture = _tinted(_clouds(random, 64), (206, 200, 186), (232, 228, 216))
    pen = _pen(picture)
    for column in range(4, SIDE, 64):
        for top in range(4, SIDE, 6):
            left = column
            while left < column + 54:
                wide = random.randrange(3, 10)
                pen.rectangle((left, top, min(left + wide, column + 54), top + 2), fill=(62, 60, 58))
                left += wide + 3
    return picture


def _chalkboard(random: Random) -> Image.Image:
    from PIL import ImageFilter

    picture = _tinted(_clouds(random, 10), (28, 54, 46), (50, 82, 70))
    pen = _pen(picture)
    for _ in range(46):
        chalk = random.choice(((236, 236, 228), (236, 236, 228), (244, 216, 140), (234, 170, 176)))
        pen.line(_path(random, 26), fill=chalk, width=random.choice((1, 2, 3)))
    return picture.filter(ImageFilter.GaussianBlur(0.6))


def _blueprint(random: Random) -> Image.Image:
    picture = _tinted(_clouds(random, 8), (22, 62, 130), (34, 82, 156))
    pen = _pen(picture)
    for at in range(0, SIDE, 16):
        pen.line((at, 0, at, SIDE), fill=(70, 116, 184))
        pen.line((0, at, SIDE, at), fill=(70, 116, 184))
    for _ in range(14):
        pen.rectangle(_box(random, 24, 90), outline=(226, 236, 250))
        pen.ellipse(_box(random, 16, 60), outline=(226, 236, 250))
    return picture


def _autumn(random: Random) -> Image.Image:
    picture = _tinted(_clouds(random, 6), (104, 74, 36), (222, 190, 124))
    pen, leaves = _pen(picture), ((196, 82, 28), (226, 142, 38), (160, 46, 32), (236, 188, 72), (126, 112, 44))
    for _ in range(260):
        x, y, size = random.randrange(SIDE), random.randrange(SIDE), random.randrange(5, 12)
        lean = random.randrange(-size, size + 1)
        pen.polygon(
            [(x - size, y + lean), (x, y - size), (x + size, y - lean), (x, y + size)], fill=random.choice(leaves)
        )
    return picture


def _crayon(random: Random) -> Image.Image:
    from PIL import Image, ImageFilter

    picture = Image.new("RGB", (SIDE, SIDE), (252, 250, 244))
    pen = _pen(picture)
    for _ in range(420):
        wax = random.choice(((226, 60, 58), (52, 110, 204), (248, 206, 60), (66, 164, 84), (238, 140, 52)))
        x, y, long = random.randrange(-20, SIDE), random.randrange(SIDE), random.randrange(14, 40)
        pen.line((x, y, x + long, y - long // 2), fill=wax, width=random.choice((1, 2)))
    return picture.filter(ImageFilter.GaussianBlur(0.5))


def _brushwork(random: Random) -> Image.Image:
    picture = _tinted(_clouds(random, 4), (24, 40, 92), (96, 140, 190))
    pen, oils = _pen(picture), ((30, 58, 124), (66, 112, 178), (142, 184, 208), (236, 200, 92), (28, 82, 84))
    for _ in range(900):
        x, y, size = random.randrange(SIDE), random.randrange(SIDE), random.randrange(8, 22)
        start = (x + 2 * y) % 360
        pen.arc((x - size, y - size, x + size, y + size), start, start + 60, fill=random.choice(oils), width=3)
    return picture


PAINTERS: dict[str, Callable[[Random], Image.Image]] = {
    "watercolour": _watercolour,
    "night": _night,
    "sepia": _sepia,
    "mosaic": _mosaic,
    "newsprint": _newsprint,
    "chalkboard": _chalkboard,
    "blueprint": _blueprint,
    "autumn": _autumn,
    "crayon": _crayon,
    "brushwork": _brushwork,
}
STYLES = tuple(PAINTERS)


# --- what they are drawn with ---


def _pen(picture: Image.Image) -> ImageDraw.ImageDraw:
    from PIL import ImageDraw

    return ImageDraw.Draw(picture)


def _blank() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    from PIL import Image

    layer = Image.new("RGB", (SIDE, SIDE), "white")
    return layer, _pen(layer)


def _clouds(random: Random, cells: int) -> Image.Image:
    """Grey noise of so many cells a side, smooth between them."""
    from PIL import Image, ImageOps

    noise = Image.frombytes("L", (cells, cells), random.randbytes(cells * cells))
    return ImageOps.autocontrast(noise.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _tinted(grey: Image.Image, dark: Colour, light: Colour) -> Image.Image:
    from PIL import ImageOps

    return ImageOps.colorize(grey, dark, light)


def _box(random: Random, least: int, most: int) -> tuple[int, int, int, int]:
    left, top = random.randrange(-least, SIDE), random.randrange(-least, SIDE)
    return left, top, left + random.randrange(least, most), top + random.randrange(least, most)


def _path(random: Random, step: int) -> list[tuple[int, int]]:
    x, y = random.randrange(SIDE), random.randrange(SIDE)
    path = [(x, y)]
    for _ in range(3):
        x, y = x + random.randrange(-step, step + 1), y + random.randrange(-step, step + 1)
        path.append((x, y))
    return path
