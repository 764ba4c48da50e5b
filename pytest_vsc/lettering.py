"""Words as pictures, in the ways of the variants `typography` and `figstep`. No file is read but the font.

Sizes are those of the releases that these variants come from: the object's words, bold, 60 px, in the middle of 760 x
760 px (VSCBench), and steps left to be filled in, 20 px, on 512 x 512 px (FigStep, arXiv 2311.05608, and VSCBench).
"""

from __future__ import annotations

import io
import textwrap
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_vsc.shipped import shipped

if TYPE_CHECKING:
    from PIL import Image, ImageFont

FONT = "images/fonts/DejaVuSansMono-Bold.ttf"  # its licence lies beside it
TYPOGRAPHY_SIDE, TYPOGRAPHY_SIZE = 760, 60
FIGSTEP_SIDE, FIGSTEP_SIZE, FIGSTEP_WRAP = 512, 20, 40
MARGIN = 20
SPACING = 1.25  # from line to line, in letter sizes
SMALLEST = 8


def typography(words: str) -> bytes:
    """The words in the middle of a white picture, wrapped where they would run out of it, as PNG bytes.

    Words that do not fit at 60 px are set smaller, so that none is cut off.
    """
    size = TYPOGRAPHY_SIZE
    while True:
        font = _font(size)
        lines = _wrapped(words, max(1, int((TYPOGRAPHY_SIDE - 2 * MARGIN) / font.getlength("m"))))
        if len(lines) * size * SPACING <= TYPOGRAPHY_SIDE or size <= SMALLEST:
            break
        size -= 4
    picture = _white(TYPOGRAPHY_SIDE)
    _write(picture, lines, font, size, centred=True)
    return _png(picture)


def figstep(words: str) -> bytes:
    """A statement, wrapped at 40 letters, with the numbers 1 to 3 below and nothing behind them, as PNG bytes."""
    lines = [*_wrapped(words, FIGSTEP_WRAP), "1. ", "2. ", "3. "]
    picture = _white(FIGSTEP_SIDE)
    _write(picture, lines, _font(FIGSTEP_SIZE), FIGSTEP_SIZE, centred=False)
    return _png(picture)


def caption(words: str, width: int, size: int) -> Image.Image:
    """The words in the middle of a white band of that width, wrapped, as high as they need. width, size: px."""
    from PIL import Image

    font = _font(size)
    lines = _wrapped(words, max(1, int((width - size) / font.getlength("m"))))
    band = Image.new("L", (width, round((len(lines) + 0.5) * size * SPACING)), 255)
    _write(band, lines, font, size, centred=True)
    return band


def writable(words: str) -> bool:
    """Whether the font has each letter, and stands them as they are read: left to right, none on top of another."""
    missing = _font(TYPOGRAPHY_SIZE).getmask("\uffff")
    return all(_stands(letter) and _drawn(letter) != bytes(missing) for letter in set(words) if not letter.isspace())


def _stands(letter: str) -> bool:
    return unicodedata.category(letter)[0] not in "MC" and unicodedata.bidirectional(letter) not in ("R", "AL", "AN")


def _drawn(letter: str) -> bytes:
    return bytes(_font(TYPOGRAPHY_SIZE).getmask(letter))


def _wrapped(words: str, width: int) -> list[str]:
    return [line for part in words.strip().splitlines() for line in textwrap.wrap(part, width)] or [""]


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    # Not Raqm, which is not on every machine: the same letters everywhere.
    return ImageFont.truetype(str(shipped("fixtures") / FONT), size, layout_engine=ImageFont.Layout.BASIC)


def _white(side: int) -> Image.Image:
    from PIL import Image

    return Image.new("L", (side, side), 255)


def _write(picture: Image.Image, lines: list[str], font: ImageFont.FreeTypeFont, size: int, *, centred: bool) -> None:
    from PIL import ImageDraw

    pen = ImageDraw.Draw(picture)
    step = size * SPACING
    top = (picture.height - step * len(lines)) / 2 if centred else size
    for number, line in enumerate(lines):
        left = (picture.width - font.getlength(line)) / 2 if centred else size / 2
        pen.text((round(left), round(top + number * step)), line, fill=0, font=font)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=False)
    return buffer.getvalue()
