"""Draw the pictures of the text-centric half: the words of a request as typography, figstep, concat or search page.

Everything random comes from the seed string, so both halves of a pair share colours, places and ornaments.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import draw
from draw import Box, Canvas, Colour
from PIL import Image
from texts import TextHalf

PAPERS: tuple[Colour, ...] = ((255, 255, 255), (255, 255, 255), (252, 250, 240), (242, 247, 252), (250, 244, 248))
INKS: tuple[Colour, ...] = ((20, 20, 24), (20, 20, 24), (24, 32, 84), (84, 20, 28), (16, 64, 48))
TINTS: tuple[Colour, ...] = ((228, 238, 250), (250, 236, 222), (228, 244, 232), (242, 232, 248), (250, 245, 216))
GREY: Colour = (120, 126, 134)
RULE: Colour = (196, 200, 208)
LINK: Colour = (28, 74, 168)
SMALLEST = 56  # drawing px: about 10 px left of the words that decide once a picture is shrunk to 192 px
SHORT = 4  # letters; fewer are set as a sign that fills the picture
LEADING = 1.25  # line height in font sizes
TABS = ("All", "Pictures", "Videos", "News")
CAPTIONS = ("More about this", "What others asked", "Pages on this topic", "Results near you", "Answers from readers")


def render(variant: str, half: TextHalf, seed: str) -> Image.Image | None:
    """The 512x512 RGB picture of one half; None for `plain`. Raises KeyError for an unknown variant, FileNotFoundError
    for an unknown pictogram, ValueError for words that would have to be too small to read."""
    if variant == "plain":
        return None
    canvas = Canvas()
    PAINTERS[variant](canvas, half, Random(f"{seed}/{variant}"))
    return canvas.image.resize((draw.SIDE, draw.SIDE), Image.Resampling.LANCZOS)


def paint_typography(canvas: Canvas, half: TextHalf, rng: Random) -> None:
    ink = sheet(canvas, rng)
    largest = rng.choice((112, 124, 136)) if len(half.words) > SHORT else 300
    words(canvas, half.words, (60, 60, 964, 964), ink, largest=largest)


def paint_figstep(canvas: Canvas, half: TextHalf, rng: Random) -> None:
    ink = sheet(canvas, rng)
    left, top, right = 50, rng.randrange(56, 90), 974
    words(canvas, half.words, (left, top, right, top + 270), ink, largest=68, centred=False)
    face = draw.font(68, mono=True)
    for number in (1, 2, 3):
        y = top + 230 + 195 * number
        canvas.pen.text((left, y), f"{number}.", fill=ink, font=face, anchor="ls")
        canvas.pen.line((left + 110, y, right, y), fill=RULE, width=4)


def paint_concat(canvas: Canvas, half: TextHalf, rng: Random) -> None:
    ink = sheet(canvas, rng)
    middle = rng.randrange(580, 620)
    tint = rng.choice(TINTS)
    canvas.pen.rectangle((0, 0, draw.FULL, middle), fill=tint)
    pictogram(canvas, half.pictogram, (90, 50, draw.FULL - 90, middle - 50))
    words(canvas, half.words, (50, middle + 30, draw.FULL - 50, draw.FULL - 40), ink, largest=96)


def paint_search(canvas: Canvas, half: TextHalf, rng: Random) -> None:
    canvas.pen.rectangle((0, 0, draw.FULL, draw.FULL), fill=(255, 255, 255))
    bar = (30, 34, draw.FULL - 30, 330)
    canvas.rounded(bar, 70, (250, 251, 253), outline=GREY, width=5)
    canvas.pen.ellipse((72, 146, 132, 206), outline=GREY, width=10)
    canvas.pen.line((122, 198, 156, 232), fill=GREY, width=12)
    words(canvas, half.words, (186, 50, draw.FULL - 66, 314), (20, 20, 24), largest=88, mono=False, centred=False)
    x = 50.0
    for tab in TABS:
        canvas.pen.text((x, 388), tab, fill=LINK if tab == TABS[0] else GREY, font=draw.font(40), anchor="lm")
        x += draw.font(40).getlength(tab) + 60
    canvas.pen.line((50, 424, 50 + draw.font(40).getlength(TABS[0]), 424), fill=LINK, width=6)
    tints = rng.sample(TINTS, 3)
    for number in range(3):
        left = 50 + 312 * number
        canvas.rounded((left, 456, left + 300, 720), 22, tints[number], outline=RULE, width=3)
        shrink = rng.randrange(24, 62)
        pictogram(canvas, half.pictogram, (left + shrink, 456 + shrink, left + 300 - shrink, 720 - shrink))
    for number, caption in enumerate(rng.sample(CAPTIONS, 2)):
        y = 786 + 124 * number
        canvas.pen.text((50, y), caption, fill=LINK, font=draw.font(44), anchor="lm")
        canvas.pen.rounded_rectangle((50, y + 38, 50 + rng.randrange(600, 900), y + 56), 9, fill=RULE)


def sheet(canvas: Canvas, rng: Random) -> Colour:
    """Fill the picture with a paper and return the ink to write on it."""
    canvas.pen.rectangle((0, 0, draw.FULL, draw.FULL), fill=rng.choice(PAPERS))
    return rng.choice(INKS)


def words(
    canvas: Canvas, text: str, box: Box, ink: Colour, *, largest: int, mono: bool = True, centred: bool = True
) -> int:
    """Write `text` as large as fits into `box`, centred or from its top left (mono) or middle left; returns its end."""
    left, top, right, bottom = box
    for size in range(largest, SMALLEST - 1, -2):
        face = draw.font(size, mono)
        lines = draw.wrap(text, right - left, face, 0)
        step = round(size * LEADING)
        if lines is not None and step * len(lines) <= bottom - top:
            break
    else:
        raise ValueError(f"no room for the words {text!r} in {box} at a size of at least {SMALLEST}")
    high = step * len(lines)
    y = top if mono and not centred else (top + bottom - high) // 2
    for line in lines:
        spot = ((left + right) // 2, y + step // 2) if centred else (left, y + step // 2)
        canvas.pen.text(spot, line, fill=ink, font=face, anchor="mm" if centred else "lm")
        y += step
    return y


def pictogram(canvas: Canvas, name: str, box: Box) -> None:
    """The pictogram as large as fits into the middle of `box`."""
    cut = draw.pictogram(name)
    left, top, right, bottom = draw.upright(box, cut.width / cut.height, bottom=False)
    grown = cut.resize((right - left, bottom - top), Image.Resampling.BICUBIC)
    canvas.image.paste(grown, (left, top), grown)


PAINTERS: dict[str, Callable[[Canvas, TextHalf, Random], None]] = {
    "typography": paint_typography,
    "figstep": paint_figstep,
    "concat": paint_concat,
    "search": paint_search,
}
