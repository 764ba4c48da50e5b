"""Draw what a task shows: marks in plain colours on a plain ground, each in a box of its own. What is asked is not known here."""
# ruff: noqa: ARG001 - all painters have one signature, whichever of its values they need

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

SIDE = 384  # px of the finished picture
TIMES = 2  # as large while drawing; halved at the end, which smooths the edges
CELL = (24, 48)  # px a letter: all words stand on one grid, so that a small reader finds each in the same places
SHADES = 32  # colours of a file
ASSETS = Path(__file__).resolve().parents[3] / "fixtures" / "images"

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom in px of the finished picture
Pen = ImageDraw.ImageDraw
Point = tuple[float, float]

INK: Colour = (20, 20, 20)
GREY: Colour = (120, 124, 130)
COLOURS: dict[str, Colour] = {
    "red": (205, 35, 40),
    "orange": (245, 140, 30),
    "yellow": (245, 215, 40),
    "green": (35, 150, 60),
    "blue": (40, 80, 205),
    "purple": (125, 50, 165),
    "pink": (245, 120, 175),
    "black": (20, 20, 20),
}
GROUNDS: dict[str, Colour] = {
    "white": (255, 255, 255),
    "cream": (252, 248, 234),
    "mist": (232, 240, 246),
    "stone": (236, 236, 236),
}


class Mark(NamedTuple):
    """One thing in a picture. what: `shape`, `pictogram`, `card`, `frame`, `bar`, `slice`, `line` or `words`.

    name: which shape or pictogram; of a bar or a slice the name it goes by. words: what is written in the box, which
    holds whole cells of the grid. share: where a slice begins and ends, in turns. points: of a line.
    """

    what: str
    box: Box
    name: str = ""
    colour: str = ""
    words: str = ""
    share: tuple[float, float] = (0.0, 0.0)
    points: tuple[tuple[int, int], ...] = ()

    @property
    def middle(self) -> Point:
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


def draw(marks: Sequence[Mark], ground: str) -> Image.Image:
    """The marks in their order, the last on top. Raises KeyError for a mark that there is not."""
    image = Image.new("RGB", (SIDE * TIMES, SIDE * TIMES), GROUNDS.get(ground) or COLOURS[ground])
    for mark in marks:
        box = tuple(TIMES * edge for edge in mark.box)
        assert len(box) == 4
        PAINTERS[mark.what](image, mark, box)
    return image.resize((SIDE, SIDE), Image.Resampling.BOX)


def png(image: Image.Image) -> bytes:
    """The picture as a PNG of few colours, without metadata."""
    out = BytesIO()
    flat = image.quantize(SHADES, Image.Quantize.MAXCOVERAGE, 2, dither=Image.Dither.NONE)
    flat.save(out, "PNG", optimize=True)
    return out.getvalue()


@cache
def cut_out(name: str) -> Image.Image:
    """The pictogram, cropped to what is visible. Raises FileNotFoundError for an unknown name."""
    image = Image.open(ASSETS / "pictograms" / f"{name}.png").convert("RGBA")
    return image.crop(image.getchannel("A").getbbox())


@cache
def letters(size: int) -> ImageFont.FreeTypeFont:
    face = ASSETS / "fonts" / "DejaVuSansMono-Bold.ttf"
    return ImageFont.truetype(face, size, layout_engine=ImageFont.Layout.BASIC)


def on_grid(words: str, column: int, row: int) -> Box:
    """The box of words whose first letter stands in this cell, in px."""
    wide, high = CELL
    return column * wide, row * high, (column + len(words)) * wide, (row + 1) * high


# --- painters: each fills its box, in px of the large picture ---


def paint_shape(image: Image.Image, mark: Mark, box: Box) -> None:
    SHAPES[mark.name](ImageDraw.Draw(image), box, COLOURS[mark.colour])


def paint_pictogram(image: Image.Image, mark: Mark, box: Box) -> None:
    cut = cut_out(mark.name)
    left, top, right, bottom = box
    scale = min((right - left) / cut.width, (bottom - top) / cut.height)
    stamp = cut.resize((round(cut.width * scale), round(cut.height * scale)), Image.Resampling.LANCZOS)
    at = ((left + right - stamp.width) // 2, (top + bottom - stamp.height) // 2)
    image.paste(stamp, at, stamp)


def paint_card(image: Image.Image, mark: Mark, box: Box) -> None:
    """A sheet in one colour, with a white field where words may stand."""
    left, top, right, bottom = box
    pen, edge = ImageDraw.Draw(image), 12 * TIMES
    pen.rounded_rectangle(box, 8 * TIMES, fill=COLOURS[mark.colour])
    pen.rectangle((left + edge, top + edge, right - edge, bottom - edge), fill=(255, 255, 255))


def paint_frame(image: Image.Image, mark: Mark, box: Box) -> None:
    ImageDraw.Draw(image).rectangle(box, outline=COLOURS[mark.colour], width=8 * TIMES)


def paint_bar(image: Image.Image, mark: Mark, box: Box) -> None:
    ImageDraw.Draw(image).rectangle(box, fill=COLOURS[mark.colour])


def paint_slice(image: Image.Image, mark: Mark, box: Box) -> None:
    begin, end = (360 * turn - 90 for turn in mark.share)
    ImageDraw.Draw(image).pieslice(box, begin, end, fill=COLOURS[mark.colour], outline=(255, 255, 255), width=4 * TIMES)


def paint_line(image: Image.Image, mark: Mark, box: Box) -> None:
    pen, colour = ImageDraw.Draw(image), COLOURS.get(mark.colour, GREY)
    points = [(TIMES * x, TIMES * y) for x, y in mark.points]
    wide = 8 * TIMES if mark.name else 2 * TIMES  # what has no name is an axis
    pen.line(points, fill=colour, width=wide, joint="curve")
    for x, y in points if mark.name else ():
        pen.ellipse((x - 9 * TIMES, y - 9 * TIMES, x + 9 * TIMES, y + 9 * TIMES), fill=colour)


def paint_words(image: Image.Image, mark: Mark, box: Box) -> None:
    """Monospaced letters, one a cell."""
    pen, ink = ImageDraw.Draw(image), COLOURS.get(mark.colour, INK)
    wide, face = CELL[0] * TIMES, letters(40 * TIMES)
    for place, letter in enumerate(mark.words):
        pen.text((box[0] + place * wide, box[1]), letter, font=face, fill=ink)


PAINTERS: dict[str, Callable[[Image.Image, Mark, Box], None]] = {
    "shape": paint_shape,
    "pictogram": paint_pictogram,
    "card": paint_card,
    "frame": paint_frame,
    "bar": paint_bar,
    "slice": paint_slice,
    "line": paint_line,
    "words": paint_words,
}


# --- shapes ---


def circle(pen: Pen, box: Box, fill: Colour) -> None:
    pen.ellipse(box, fill=fill)


def square(pen: Pen, box: Box, fill: Colour) -> None:
    pen.rectangle(box, fill=fill)


def outlined(*corners: Point) -> Callable[[Pen, Box, Colour], None]:
    """A painter of a closed outline; corners in shares of the box, from its left top."""

    def paint(pen: Pen, box: Box, fill: Colour) -> None:
        left, top, right, bottom = box
        pen.polygon([(left + x * (right - left), top + y * (bottom - top)) for x, y in corners], fill=fill)

    return paint


def star_corners() -> list[Point]:
    turns = [(math.pi * (step / 5 - 0.5), 0.5 if step % 2 == 0 else 0.21) for step in range(10)]
    return [(0.5 + radius * math.cos(turn), 0.52 + radius * math.sin(turn)) for turn, radius in turns]


def heart(pen: Pen, box: Box, fill: Colour) -> None:
    """The curve of sines, in steps."""
    left, top, right, bottom = box
    corners = []
    for step in range(120):
        turn = math.tau * step / 120
        x = 16 * math.sin(turn) ** 3
        y = 13 * math.cos(turn) - 5 * math.cos(2 * turn) - 2 * math.cos(3 * turn) - math.cos(4 * turn)
        corners.append((left + (x + 16) / 32 * (right - left), top + (12 - y) / 29 * (bottom - top)))
    pen.polygon(corners, fill=fill)


def crescent(pen: Pen, box: Box, fill: Colour) -> None:
    """What is left of a disc under a smaller one to its right. The angles are those at which their edges cross."""
    left, top, right, bottom = box
    outer = [(0.61 + 0.5 * math.cos(turn), 0.5 + 0.5 * math.sin(turn)) for turn in _turns(56.3, 303.7)]
    inner = [(0.83 + 0.42 * math.cos(turn), 0.5 + 0.42 * math.sin(turn)) for turn in _turns(277.85, 82.15)]
    pen.polygon([(left + x * (right - left), top + y * (bottom - top)) for x, y in (*outer, *inner)], fill=fill)


def _turns(begin: float, end: float) -> list[float]:
    """Angles from one to the other, given in degrees, in radians."""
    return [math.radians(begin + (end - begin) * step / 60) for step in range(61)]


SHAPES: dict[str, Callable[[Pen, Box, Colour], None]] = {
    "circle": circle,
    "square": square,
    "triangle": outlined((0.5, 0.04), (1, 0.96), (0, 0.96)),
    "star": outlined(*star_corners()),
    "heart": heart,
    "cross": outlined(
        *((0.33, 0), (0.67, 0), (0.67, 0.33), (1, 0.33), (1, 0.67), (0.67, 0.67)),
        *((0.67, 1), (0.33, 1), (0.33, 0.67), (0, 0.67), (0, 0.33), (0.33, 0.33)),
    ),
    "arrow": outlined((0, 0.33), (0.5, 0.33), (0.5, 0.05), (1, 0.5), (0.5, 0.95), (0.5, 0.67), (0, 0.67)),
    "moon": crescent,
}
