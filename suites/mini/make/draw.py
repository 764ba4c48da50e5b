"""Draw one scene: a background and one to three large things, each with words or a pictogram on it.

Everything random comes from the seed string, so a scene and its twin with the same seed share colours and places.
"""
# ruff: noqa: ARG001 - all painters of things have one signature, whichever of its values they need

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw, ImageFont

SIDE = 512  # px of the finished picture
FULL = 2 * SIDE  # px while drawing; halved at the end, which smooths the edges
COLOURS = (64, 48, 36)
KMEANS = 2  # passes that bring the palette back to the colours used most
ENOUGH = 14 * 1024  # bytes of a picture
ASSETS = Path(__file__).resolve().parents[3] / "fixtures" / "images"

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom in drawing px

INK: Colour = (28, 28, 34)
WHITE: Colour = (255, 255, 255)
CREAM: Colour = (253, 249, 236)
GREY: Colour = (150, 154, 160)
DARK: Colour = (52, 56, 66)
WOOD: Colour = (160, 112, 66)
PALETTE: dict[str, Colour] = {
    "red": (200, 62, 56),
    "orange": (226, 128, 44),
    "yellow": (240, 200, 70),
    "green": (74, 148, 84),
    "teal": (44, 142, 148),
    "blue": (60, 112, 190),
    "navy": (44, 62, 112),
    "purple": (124, 88, 164),
    "pink": (222, 132, 158),
    "brown": (134, 92, 58),
    "white": (244, 244, 242),
    "grey": GREY,
}
PASTELS: tuple[Colour, ...] = (
    (228, 238, 246),
    (238, 232, 246),
    (244, 236, 222),
    (226, 242, 232),
    (248, 228, 226),
    (236, 236, 236),
    (222, 240, 242),
    (248, 242, 214),
)


@dataclass(frozen=True)
class Thing:
    """One object of a scene: `kind` names its shape (see `SHAPES`), `words` and `mark` (a pictogram) stand on it."""

    kind: str
    words: str = ""
    mark: str = ""
    colour: str = ""


@dataclass(frozen=True)
class Scene:
    """What one half of a pair shows; `layout` is `row` (the second of two is larger) or `even`."""

    background: str
    things: tuple[Thing, ...]
    layout: str = "row"


class Canvas:
    """The picture under construction with its pen."""

    def __init__(self) -> None:
        self.image = Image.new("RGB", (FULL, FULL), WHITE)
        self.pen = ImageDraw.Draw(self.image)

    def rounded(self, box: Box, radius: int, fill: Colour, outline: Colour = DARK, width: int = 6) -> None:
        self.pen.rounded_rectangle(box, radius, fill=fill, outline=outline, width=width)

    def shadow(self, box: Box) -> None:
        left, _, right, bottom = box
        x, w = (left + right) // 2, (right - left) // 2
        ground = self.image.getpixel((min(max(x, 0), FULL - 1), min(bottom - 4, FULL - 1)))
        assert isinstance(ground, tuple)
        dim = tuple(int(c * 0.82) for c in ground[:3])
        self.pen.ellipse((x - w, bottom - 22, x + w, bottom + 22), fill=dim)


@cache
def pictogram(name: str) -> Image.Image:
    """The cut-out `name`, cropped to what is visible. Raises FileNotFoundError for an unknown name."""
    image = Image.open(ASSETS / "pictograms" / f"{name}.png").convert("RGBA")
    return image.crop(image.getchannel("A").getbbox())


@cache
def font(size: int, mono: bool = False) -> ImageFont.FreeTypeFont:
    name = "DejaVuSansMono-Bold.ttf" if mono else "DejaVuSans.ttf"
    return ImageFont.truetype(ASSETS / "fonts" / name, size, layout_engine=ImageFont.Layout.BASIC)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    r, g, b = (round(a + (c - a) * share) for a, c in zip(one, other, strict=True))
    return r, g, b


def inset(box: Box, dx: int, dy: int | None = None) -> Box:
    dy = dx if dy is None else dy
    return box[0] + dx, box[1] + dy, box[2] - dx, box[3] - dy


def upright(box: Box, ratio: float, bottom: bool = True) -> Box:
    """The largest box of width / height = `ratio` inside `box`, standing on the bottom edge or centred."""
    left, top, right, low = box
    w, h = right - left, low - top
    if w / h > ratio:
        w = round(h * ratio)
    else:
        h = round(w / ratio)
    x = (left + right - w) // 2
    y = low - h if bottom else (top + low - h) // 2
    return x, y, x + w, y + h


# -- words and pictograms ---------------------------------------------------------------------------------------------


def wrap(text: str, width: int, face: ImageFont.FreeTypeFont, stroke: int) -> list[str] | None:
    """Lines no wider than `width`, or None if one word is too long; a newline in `text` always breaks."""
    lines: list[str] = []
    for part in text.split("\n"):
        line = ""
        for word in part.split():
            longer = f"{line} {word}".strip()
            if face.getlength(longer) + 2 * stroke <= width:
                line = longer
            elif line and face.getlength(word) + 2 * stroke <= width:
                lines.append(line)
                line = word
            else:
                return None
        lines.append(line)
    return lines


def write(canvas: Canvas, text: str, box: Box, fill: Colour = INK, limit: int = 150) -> None:
    """Words as large as fit into `box`, centred."""
    left, top, right, bottom = box
    for size in range(limit, 19, -2):
        face, stroke = font(size), max(1, size // 26)
        lines = wrap(text, right - left, face, stroke)
        step = round(size * 1.12)
        if lines is not None and step * len(lines) <= bottom - top:
            break
    else:
        raise ValueError(f"no room for the words {text!r} in {box}")
    y = (top + bottom - step * len(lines)) // 2
    for line in lines:
        x = (left + right) // 2
        canvas.pen.text(
            (x, y + step // 2), line, fill=fill, font=face, anchor="mm", stroke_width=stroke, stroke_fill=fill
        )
        y += step


def paste(canvas: Canvas, name: str, box: Box, bottom: bool = False) -> Box:
    """The pictogram as large as fits into `box`; returns where it stands."""
    cut = pictogram(name)
    place = upright(box, cut.width / cut.height, bottom)
    grown = cut.resize((place[2] - place[0], place[3] - place[1]), Image.Resampling.BICUBIC)
    canvas.image.paste(grown, place[:2], grown)
    return place


def label(canvas: Canvas, thing: Thing, box: Box, fill: Colour = INK, limit: int = 150) -> None:
    """The mark above the words, whichever of them there is."""
    left, top, right, bottom = box
    if thing.mark and thing.words:
        share = 0.5 if bottom - top > 0.6 * (right - left) else 0.46
        middle = top + round((bottom - top) * share)
        paste(canvas, thing.mark, (left, top, right, middle - 8))
        write(canvas, thing.words, (left, middle + 8, right, bottom), fill, limit)
    elif thing.mark:
        paste(canvas, thing.mark, box)
    elif thing.words:
        write(canvas, thing.words, box, fill, limit)


# -- things: each fills `box` -----------------------------------------------------------------------------------------


def ink_on(colour: Colour) -> Colour:
    return INK if sum(colour) > 420 else WHITE


def pick(thing: Thing, rng: Random, names: tuple[str, ...] = ("red", "green", "teal", "blue", "purple")) -> Colour:
    choice = rng.choice(names)
    return PALETTE[thing.colour or choice]


def draw_pic(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    left, top, right, bottom = box
    if thing.words:
        plate = (left, bottom - 190, right, bottom)
        paste(canvas, thing.mark, (left, top, right, bottom - 210), bottom=True)
        canvas.rounded(plate, 24, WHITE)
        write(canvas, thing.words, inset(plate, 20, 16), limit=110)
    else:
        paste(canvas, thing.mark, inset(box, 10, 20), bottom=True)


def draw_bottle(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 0.56)
    left, top, right, bottom = place
    w, h = right - left, bottom - top
    body = pick(thing, rng)
    canvas.shadow(place)
    x = (left + right) // 2
    shoulder = top + round(h * 0.26)
    neck = round(w * 0.17)
    canvas.pen.polygon(
        [(x - neck, top + h // 9), (x + neck, top + h // 9), (right - 14, shoulder + 20), (left + 14, shoulder + 20)],
        fill=body,
        outline=DARK,
        width=6,
    )
    canvas.rounded((left, shoulder, right, bottom), w // 8, body)
    canvas.rounded((x - neck - 12, top, x + neck + 12, top + h // 8), 14, mix(body, INK, 0.5))
    plate = (left + 8, shoulder + round(h * 0.12), right - 8, bottom - round(h * 0.1))
    canvas.pen.rectangle(plate, fill=CREAM, outline=DARK, width=4)
    label(canvas, thing, inset(plate, 12, 18))


def draw_jar(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 0.78)
    left, top, right, bottom = place
    h = bottom - top
    lid = pick(thing, rng)
    canvas.shadow(place)
    canvas.rounded((left, top + h // 9, right, bottom), 70, (214, 232, 238))
    canvas.rounded((left + 30, top, right - 30, top + h // 7), 20, lid)
    plate = (left + 14, top + h // 4, right - 14, bottom - h // 9)
    canvas.pen.rectangle(plate, fill=CREAM, outline=DARK, width=4)
    label(canvas, thing, inset(plate, 16))


def draw_pills(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 0.66)
    left, top, right, bottom = place
    h = bottom - top
    canvas.shadow(place)
    canvas.rounded((left + 10, top + h // 6, right - 10, bottom), 40, (232, 138, 56))
    canvas.rounded((left, top, right, top + h // 5), 22, WHITE)
    for x in range(left + 24, right - 12, 34):
        canvas.pen.line((x, top + 24, x, top + h // 5 - 20), fill=(206, 208, 212), width=6)
    plate = (left + 10, top + round(h * 0.3), right - 10, bottom - h // 9)
    canvas.pen.rectangle(plate, fill=WHITE, outline=DARK, width=4)
    label(canvas, thing, inset(plate, 14))


def draw_can(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 0.7)
    left, top, right, bottom = place
    body = pick(thing, rng)
    canvas.shadow(place)
    canvas.pen.ellipse((left, bottom - 90, right, bottom), fill=body, outline=DARK, width=6)
    canvas.pen.rectangle((left, top + 45, right, bottom - 45), fill=body)
    canvas.pen.line((left + 2, top + 45, left + 2, bottom - 45), fill=DARK, width=6)
    canvas.pen.line((right - 2, top + 45, right - 2, bottom - 45), fill=DARK, width=6)
    canvas.pen.ellipse((left, top, right, top + 90), fill=(206, 210, 216), outline=DARK, width=6)
    plate = (left + 3, top + 130, right - 3, bottom - 90)
    canvas.pen.rectangle(plate, fill=CREAM)
    label(canvas, thing, inset(plate, 18))


def draw_box(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 0.92)
    left, top, right, bottom = place
    depth = (right - left) // 9
    body = pick(thing, rng, ("yellow", "brown", "teal", "blue", "orange"))
    canvas.shadow(place)
    front = (left, top + depth, right - depth, bottom)
    canvas.pen.polygon(
        [(left, top + depth), (left + depth, top), (right, top), (right - depth, top + depth)],
        fill=mix(body, WHITE, 0.35),
        outline=DARK,
        width=6,
    )
    canvas.pen.polygon(
        [(right - depth, top + depth), (right, top), (right, bottom - depth), (right - depth, bottom)],
        fill=mix(body, INK, 0.3),
        outline=DARK,
        width=6,
    )
    canvas.pen.rectangle(front, fill=body, outline=DARK, width=6)
    plate = inset(front, 36, 60)
    canvas.pen.rectangle(plate, fill=CREAM, outline=DARK, width=4)
    label(canvas, thing, inset(plate, 16))


def draw_sack(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 0.74)
    left, top, right, bottom = place
    w, h = right - left, bottom - top
    body = pick(thing, rng, ("brown", "yellow", "grey", "white"))
    canvas.shadow(place)
    teeth = 12
    edge = [(left + 20 + i * (w - 40) // teeth, top + (0 if i % 2 else 26)) for i in range(teeth + 1)]
    canvas.pen.polygon([*edge, (right, bottom), (left, bottom)], fill=mix(body, WHITE, 0.3), outline=DARK, width=6)
    canvas.pen.line((left + 18, top + h // 8, right - 18, top + h // 8), fill=mix(body, INK, 0.25), width=6)
    plate = (left + 40, top + h // 5, right - 40, bottom - h // 10)
    canvas.pen.rectangle(plate, fill=CREAM, outline=DARK, width=4)
    label(canvas, thing, inset(plate, 14))


def draw_sign(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    left, top, right, bottom = box
    h = bottom - top
    board = (left, top, right, bottom - h // 4)
    rim = pick(thing, rng, ("green", "blue", "red", "navy", "brown"))
    x = (left + right) // 2
    canvas.pen.rectangle((x - 26, board[3] - 10, x + 26, bottom), fill=WOOD, outline=DARK, width=5)
    canvas.rounded(board, 44, WHITE)
    canvas.rounded(inset(board, 16), 34, WHITE, rim, 16)
    label(canvas, thing, inset(board, 52, 48))


def draw_notice(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    box = upright(box, max(0.8, (box[2] - box[0]) / (box[3] - box[1])))
    left, top, right, bottom = box
    paper = rng.choice((WHITE, CREAM, (255, 250, 214), (236, 246, 252)))
    canvas.pen.rectangle((left + 12, top + 12, right + 12, bottom + 12), fill=(120, 116, 112))
    canvas.pen.rectangle(box, fill=paper, outline=DARK, width=5)
    label(canvas, thing, inset(box, 40, 70))
    pin = pick(thing, rng)
    for x in (left + 40, right - 40):
        canvas.pen.ellipse((x - 20, top + 18, x + 20, top + 58), fill=pin, outline=DARK, width=4)


def draw_poster(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    tone = pick(thing, rng, ("teal", "navy", "purple", "green", "orange", "red"))
    canvas.pen.rectangle(box, fill=DARK)
    canvas.pen.rectangle(inset(box, 14), fill=tone)
    field = inset(box, 44)
    if thing.mark:
        left, top, right, bottom = field
        middle = (top + bottom) // 2
        canvas.rounded((left, top, right, middle + 20), 40, WHITE, DARK, 4)
        paste(canvas, thing.mark, inset((left, top, right, middle + 20), 24))
        field = (left, middle + 40, right, bottom)
    write(canvas, thing.words, field, ink_on(tone))


def draw_banner(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    left, top, right, bottom = box
    cloth = pick(thing, rng, ("yellow", "white", "orange", "pink"))
    for x in (left, right - 28):
        canvas.pen.rectangle((x, top - 20, x + 28, bottom), fill=WOOD, outline=DARK, width=5)
    field = (left + 28, top, right - 28, top + round((bottom - top) * 0.7))
    canvas.pen.rectangle(field, fill=cloth, outline=DARK, width=6)
    label(canvas, thing, inset(field, 30, 26), ink_on(cloth))


def draw_phone(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 0.68)
    tone = pick(thing, rng)
    canvas.rounded(place, 60, INK, INK)
    screen = inset(place, 24, 54)
    left, top, right, _ = screen
    canvas.pen.rectangle(screen, fill=WHITE)
    canvas.pen.rectangle((left, top, right, top + 64), fill=tone)
    canvas.pen.ellipse((left + 18, top + 12, left + 58, top + 52), fill=WHITE)
    canvas.pen.rectangle((left + 76, top + 24, right - 60, top + 40), fill=mix(tone, WHITE, 0.6))
    label(canvas, thing, (left + 20, top + 84, right - 20, screen[3] - 20), limit=120)


def draw_laptop(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 1.12)
    left, top, right, bottom = place
    h = bottom - top
    tone = pick(thing, rng)
    lid = (left + 40, top, right - 40, bottom - round(h * 0.17))
    canvas.rounded(lid, 26, DARK, INK)
    screen = inset(lid, 26)
    canvas.pen.rectangle(screen, fill=WHITE)
    canvas.pen.rectangle((*screen[:3], screen[1] + 50), fill=tone)
    for i in range(3):
        x = screen[0] + 24 + 40 * i
        canvas.pen.ellipse((x, screen[1] + 14, x + 22, screen[1] + 36), fill=WHITE)
    label(canvas, thing, (screen[0] + 24, screen[1] + 66, screen[2] - 24, screen[3] - 16))
    canvas.pen.polygon(
        [(left + 40, lid[3]), (right - 40, lid[3]), (right, bottom), (left, bottom)],
        fill=(188, 192, 200),
        outline=DARK,
        width=6,
    )
    canvas.pen.rectangle((left + 110, lid[3] + 24, right - 110, lid[3] + round(h * 0.08)), fill=(140, 144, 152))


def draw_tv(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 1.15)
    left, top, right, bottom = place
    glow = pick(thing, rng, ("navy", "teal", "purple", "green"))
    x = (left + right) // 2
    canvas.pen.polygon([(x - 60, bottom - 90), (x + 60, bottom - 90), (x + 170, bottom), (x - 170, bottom)], fill=DARK)
    frame = (left, top, right, bottom - 70)
    canvas.rounded(frame, 30, INK, INK)
    canvas.pen.rectangle(inset(frame, 32), fill=glow)
    label(canvas, thing, inset(frame, 62), WHITE)


def draw_envelope(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 1.4, bottom=False)
    left, top, right, bottom = place
    x, middle = (left + right) // 2, top + round((bottom - top) * 0.36)
    canvas.pen.rectangle(place, fill=CREAM, outline=DARK, width=6)
    canvas.pen.line([(left, top), (x, middle), (right, top)], fill=DARK, width=6)
    label(canvas, thing, (left + 30, middle + 10, right - 30, bottom - 24))


def draw_card(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 1.5, bottom=False)
    left, top, right, bottom = place
    tone = pick(thing, rng, ("teal", "navy", "purple", "green"))
    w, h = right - left, bottom - top
    canvas.rounded(place, 40, (236, 244, 248))
    canvas.rounded((left, top, right, top + round(h * 0.42)), 40, tone)
    write(canvas, thing.words, (left + 30, top + 14, right - 30, top + round(h * 0.42) - 12), WHITE)
    photo = (left + 36, top + round(h * 0.5), left + round(w * 0.36), bottom - 34)
    canvas.pen.rectangle(photo, fill=WHITE, outline=DARK, width=4)
    paste(canvas, thing.mark or "man", inset(photo, 8))
    for i in range(4):
        y = photo[1] + 14 + i * (photo[3] - photo[1]) // 4
        canvas.pen.rectangle((left + round(w * 0.42), y, right - 60 - 50 * (i % 2), y + 22), fill=(170, 182, 194))


def draw_banknote(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 1.75, bottom=False)
    left, top, right, bottom = place
    h = bottom - top
    ground = (186, 216, 178)
    canvas.pen.rectangle((left + 14, top + 14, right + 14, bottom + 14), fill=(96, 128, 92))
    canvas.pen.rectangle(place, fill=ground, outline=(52, 96, 60), width=8)
    canvas.pen.rectangle(inset(place, 26), outline=(52, 96, 60), width=5)
    oval = upright(inset(place, 50, 56), 0.8, bottom=False)
    canvas.pen.ellipse(oval, fill=(220, 236, 212), outline=(52, 96, 60), width=6)
    paste(canvas, thing.mark or "old_woman", inset(oval, 44))
    for x in (left + 46, oval[2] + 24):
        write(canvas, thing.words, (x, top + h // 4, x + oval[0] - left - 70, bottom - h // 4), (34, 82, 46))


def draw_book(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 0.78)
    left, top, right, bottom = place
    cover = pick(thing, rng, ("red", "navy", "green", "purple", "brown", "teal"))
    canvas.shadow(place)
    canvas.pen.rectangle((left + 22, top + 22, right, bottom), fill=CREAM, outline=DARK, width=5)
    canvas.rounded((left, top, right - 24, bottom - 24), 18, cover)
    canvas.pen.rectangle((left, top + 4, left + 46, bottom - 28), fill=mix(cover, INK, 0.35))
    label(canvas, thing, (left + 68, top + 50, right - 46, bottom - 70), ink_on(cover))


def draw_shirt(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 1.0)
    left, top, right, bottom = place
    w, h = right - left, bottom - top
    cloth = pick(thing, rng, ("white", "yellow", "pink", "grey"))
    outline = [
        (0.30, 0.02), (0.42, 0.10), (0.58, 0.10), (0.70, 0.02), (1.0, 0.2), (0.9, 0.42), (0.8, 0.36),
        (0.8, 1.0), (0.2, 1.0), (0.2, 0.36), (0.1, 0.42), (0.0, 0.2),
    ]  # fmt: skip
    points = [(left + round(x * w), top + round(y * h)) for x, y in outline]
    canvas.pen.polygon(points, fill=cloth, outline=DARK, width=7)
    chest = (left + round(0.23 * w), top + round(0.2 * h), left + round(0.77 * w), bottom - round(0.12 * h))
    label(canvas, thing, chest, ink_on(cloth))


def draw_photo(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 0.86)
    left, top, right, bottom = place
    h = bottom - top
    canvas.pen.rectangle((left + 12, top + 12, right + 12, bottom + 12), fill=(120, 116, 112))
    canvas.pen.rectangle(place, fill=WHITE, outline=DARK, width=5)
    field = (left + 40, top + 40, right - 40, top + round(h * 0.68))
    canvas.pen.rectangle(field, fill=rng.choice(PASTELS), outline=DARK, width=3)
    if thing.mark:
        paste(canvas, thing.mark, inset(field, 24))
    write(canvas, thing.words, (left + 36, field[3] + 16, right - 36, bottom - 16))


def draw_calendar(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 0.82)
    left, top, right, bottom = place
    h = bottom - top
    middle = top + round(h * 0.7)
    canvas.pen.rectangle(place, fill=WHITE, outline=DARK, width=6)
    for i in range(7):
        x = left + 50 + i * (right - left - 100) // 6
        canvas.pen.ellipse((x - 14, top - 20, x + 14, top + 24), fill=GREY, outline=DARK, width=4)
    label(canvas, thing, (left + 36, top + 44, right - 36, middle - 10))
    for row in range(3):
        for column in range(7):
            x = left + 40 + column * (right - left - 80) // 7
            y = middle + 10 + row * (bottom - middle - 30) // 3
            canvas.pen.rectangle((x, y, x + 52, y + 46), fill=(224, 230, 236))


def draw_ticket(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 1.6, bottom=False)
    left, top, right, bottom = place
    tone = pick(thing, rng, ("orange", "yellow", "pink", "teal"))
    canvas.rounded(place, 24, tone)
    canvas.rounded(inset(place, 22), 16, tone, ink_on(tone), 5)
    for y in range(top + 40, bottom - 20, 44):
        canvas.pen.line((right - 150, y, right - 150, y + 22), fill=DARK, width=6)
    field = (left + 46, top + 40, right - 176, bottom - 40)
    label(canvas, thing, field, ink_on(tone))
    paste(canvas, "star", (right - 134, top + 40, right - 40, bottom - 40))


def draw_door(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 0.8)
    left, top, right, bottom = place
    wood = pick(thing, rng, ("brown", "teal", "navy", "green"))
    canvas.pen.rectangle(place, fill=mix(wood, INK, 0.4))
    leaf = inset(place, 24, 24)
    canvas.pen.rectangle((*leaf[:3], bottom), fill=wood, outline=DARK, width=5)
    canvas.pen.ellipse(
        (right - 104, (top + bottom) // 2 + 120, right - 56, (top + bottom) // 2 + 168), fill=(238, 206, 96)
    )
    plate = (left + 44, top + 50, right - 44, (top + bottom) // 2 + 70)
    canvas.rounded(plate, 20, WHITE)
    label(canvas, thing, inset(plate, 20))


def draw_grave(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    place = upright(box, 0.76)
    left, top, right, bottom = place
    canvas.shadow(place)
    radius = (right - left) // 2
    stone = (176, 180, 184)
    canvas.pen.pieslice((left, top, right, top + 2 * radius), 180, 360, fill=stone, outline=DARK, width=6)
    canvas.pen.rectangle((left, top + radius, right, bottom), fill=stone)
    for x in (left, right):
        canvas.pen.line((x, top + radius, x, bottom), fill=DARK, width=6)
    label(canvas, thing, (left + 50, top + 90, right - 50, bottom - 60))


def draw_pistol(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    left, top, right, bottom = upright(inset(box, 10, 40), 1.35)
    w, h = right - left, bottom - top

    def spot(x: float, y: float) -> tuple[int, int]:
        return left + round(x * w), top + round(y * h)

    steel, grip = (66, 70, 78), (40, 42, 48)
    canvas.pen.polygon(
        [spot(0.66, 0.34), spot(0.93, 0.34), spot(1.0, 0.96), spot(0.78, 1.0)], fill=grip, outline=INK, width=6
    )
    canvas.pen.ellipse((*spot(0.44, 0.36), *spot(0.70, 0.66)), outline=grip, width=22)
    canvas.pen.line([spot(0.60, 0.40), spot(0.57, 0.55)], fill=grip, width=18)
    canvas.pen.polygon(
        [spot(0.0, 0.1), spot(0.95, 0.1), spot(0.97, 0.36), spot(0.62, 0.42), spot(0.1, 0.42), spot(0.0, 0.36)],
        fill=steel,
        outline=INK,
        width=6,
    )
    canvas.pen.line([spot(0.02, 0.25), spot(0.94, 0.25)], fill=INK, width=6)
    canvas.pen.rectangle((*spot(0.03, 0.03), *spot(0.09, 0.1)), fill=INK)
    canvas.pen.rectangle((*spot(0.84, 0.03), *spot(0.93, 0.1)), fill=INK)
    for i in range(5):
        canvas.pen.line([spot(0.74 + i * 0.035, 0.13), spot(0.74 + i * 0.035, 0.23)], fill=INK, width=8)


def draw_grenade(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    left, top, right, bottom = upright(box, 0.78)
    w, h = right - left, bottom - top
    shell, lines = (86, 108, 62), (52, 68, 40)
    canvas.shadow((left, top, right, bottom))
    x = left + round(w * 0.46)
    body = (left + round(w * 0.04), top + round(h * 0.26), left + round(w * 0.88), bottom)
    canvas.pen.polygon(
        [(x - 30, top + 20), (right - 10, top + 60), (right, top + round(h * 0.5)), (right - 46, top + round(h * 0.5)),
         (right - 70, top + 130), (x, top + 110)],
        fill=GREY, outline=INK, width=6,
    )  # fmt: skip
    canvas.rounded((x - 80, top + round(h * 0.1), x + 80, top + round(h * 0.34)), 16, (112, 116, 120))
    canvas.pen.ellipse(body, fill=shell, outline=INK, width=8)
    middle = (body[0] + body[2]) // 2
    for share in (0.28, 0.5, 0.72):
        y = body[1] + round((body[3] - body[1]) * share)
        half = round((body[2] - body[0]) / 2 * math.sqrt(1 - (2 * share - 1) ** 2)) - 8
        canvas.pen.line((middle - half, y, middle + half, y), fill=lines, width=12)
    canvas.pen.line((middle, body[1] + 6, middle, body[3] - 6), fill=lines, width=12)
    canvas.pen.arc((middle - 130, body[1] + 4, middle + 130, body[3] - 4), 0, 360, fill=lines, width=12)
    canvas.pen.ellipse((left - 6, top + 10, left + 116, top + 132), outline=(206, 176, 70), width=16)


def draw_light(canvas: Canvas, box: Box, thing: Thing, rng: Random) -> None:
    """A traffic light; `words` is the lamp that is on: red or green."""
    left, top, right, bottom = upright(box, 0.5)
    x = (left + right) // 2
    canvas.pen.rectangle((x - 24, bottom - 140, x + 24, bottom), fill=DARK)
    case = (left + 30, top, right - 30, bottom - 110)
    canvas.rounded(case, 50, INK, INK)
    gap = (case[3] - case[1]) // 3
    lamps: dict[str, Colour] = {"red": (240, 40, 40), "amber": (250, 190, 40), "green": (40, 220, 90)}
    for i, (name, glow) in enumerate(lamps.items()):
        y, r = case[1] + gap // 2 + i * gap, gap // 2 - 16
        lit = name == thing.words
        canvas.pen.ellipse((x - r, y - r, x + r, y + r), fill=glow if lit else (66, 64, 66), outline=GREY, width=4)


Painter = Callable[[Canvas, Box, Thing, Random], None]
SHAPES: dict[str, Painter] = {
    "pic": draw_pic,
    "bottle": draw_bottle,
    "jar": draw_jar,
    "pills": draw_pills,
    "can": draw_can,
    "box": draw_box,
    "sack": draw_sack,
    "sign": draw_sign,
    "notice": draw_notice,
    "poster": draw_poster,
    "banner": draw_banner,
    "phone": draw_phone,
    "laptop": draw_laptop,
    "tv": draw_tv,
    "envelope": draw_envelope,
    "card": draw_card,
    "banknote": draw_banknote,
    "book": draw_book,
    "shirt": draw_shirt,
    "photo": draw_photo,
    "calendar": draw_calendar,
    "ticket": draw_ticket,
    "door": draw_door,
    "grave": draw_grave,
    "pistol": draw_pistol,
    "grenade": draw_grenade,
    "light": draw_light,
}


# -- backgrounds ------------------------------------------------------------------------------------------------------


def paint_plain(canvas: Canvas, rng: Random) -> None:
    canvas.pen.rectangle((0, 0, FULL, FULL), fill=rng.choice(PASTELS))


def paint_gradient(canvas: Canvas, rng: Random) -> None:
    light, deep = rng.sample(PASTELS, 2)
    deep = mix(deep, INK, 0.3)  # far enough apart for the palette to keep every step
    steps = 4
    for i in range(steps):
        canvas.pen.rectangle((0, FULL * i // steps, FULL, FULL), fill=mix(light, deep, i / (steps - 1)))


def paint_table(canvas: Canvas, rng: Random) -> None:
    canvas.pen.rectangle((0, 0, FULL, FULL), fill=rng.choice(PASTELS))
    edge = FULL - rng.choice((230, 250, 270))
    wood = mix(WOOD, rng.choice((WHITE, INK, PALETTE["orange"])), 0.25)
    canvas.pen.rectangle((0, edge, FULL, FULL), fill=wood)
    canvas.pen.line((0, edge, FULL, edge), fill=mix(wood, INK, 0.35), width=10)
    for y in range(edge + 70, FULL, 70):
        canvas.pen.line((0, y, FULL, y), fill=mix(wood, INK, 0.12), width=5)


def paint_room(canvas: Canvas, rng: Random) -> None:
    wall = rng.choice(PASTELS)
    canvas.pen.rectangle((0, 0, FULL, FULL), fill=wall)
    for x in range(rng.choice((20, 50)), FULL, 128):
        canvas.pen.rectangle((x, 0, x + 40, 760), fill=mix(wall, WHITE, 0.45))
    canvas.pen.rectangle((0, 740, FULL, 772), fill=WHITE)
    floor = rng.choice(((196, 164, 128), (176, 182, 190), (166, 188, 168)))
    canvas.pen.rectangle((0, 772, FULL, FULL), fill=floor)
    for x in range(-400, FULL + 400, 200):
        canvas.pen.line((FULL // 2 + (x - FULL // 2) // 2, 772, x, FULL), fill=mix(floor, INK, 0.15), width=5)


def paint_sky(canvas: Canvas, rng: Random) -> None:
    canvas.pen.rectangle((0, 0, FULL, FULL), fill=(196, 224, 244))
    for _ in range(4):
        x, y = rng.randrange(0, FULL - 200), rng.randrange(20, FULL - 200)
        for dx, dy, r in ((0, 20, 50), (60, 0, 66), (130, 20, 54)):
            canvas.pen.ellipse((x + dx - r, y + dy - r, x + dx + r, y + dy + r), fill=(232, 244, 252))


def paint_grass(canvas: Canvas, rng: Random) -> None:
    canvas.pen.rectangle((0, 0, FULL, FULL), fill=(206, 230, 246))
    edge = rng.choice((660, 700, 740))
    canvas.pen.ellipse((-300, edge - 90, FULL + 300, FULL + 400), fill=(150, 196, 120))
    canvas.pen.rectangle((0, edge + 60, FULL, FULL), fill=(150, 196, 120))
    for _ in range(26):
        x, y = rng.randrange(10, FULL - 10), rng.randrange(edge + 60, FULL - 10)
        canvas.pen.line([(x - 12, y - 22), (x, y), (x + 12, y - 22)], fill=(104, 156, 84), width=5)


def paint_brick(canvas: Canvas, rng: Random) -> None:
    brick = rng.choice(((206, 142, 116), (198, 158, 138), (186, 150, 144)))
    canvas.pen.rectangle((0, 0, FULL, FULL), fill=mix(brick, WHITE, 0.55))
    for row, y in enumerate(range(0, FULL, 92)):
        for x in range(-110 if row % 2 else 0, FULL, 220):
            canvas.pen.rectangle((x + 6, y + 6, x + 214, y + 86), fill=brick)


def paint_paper(canvas: Canvas, rng: Random) -> None:
    canvas.pen.rectangle((0, 0, FULL, FULL), fill=(250, 248, 240))
    line = rng.choice(((206, 220, 236), (228, 214, 214), (214, 228, 214)))
    squares = rng.choice((True, False))
    for at in range(40, FULL, 64):
        canvas.pen.line((0, at, FULL, at), fill=line, width=4)
        if squares:
            canvas.pen.line((at, 0, at, FULL), fill=line, width=4)


BACKGROUNDS: dict[str, Callable[[Canvas, Random], None]] = {
    "plain": paint_plain,
    "gradient": paint_gradient,
    "table": paint_table,
    "room": paint_room,
    "sky": paint_sky,
    "grass": paint_grass,
    "brick": paint_brick,
    "paper": paint_paper,
}


# -- the whole picture ------------------------------------------------------------------------------------------------


def places(count: int, layout: str, rng: Random) -> list[Box]:
    """Boxes for `count` things, moved a little by `rng`."""
    dx, dy = rng.randrange(-24, 25), rng.randrange(-16, 17)
    left, top, right, bottom = 76 + dx, 72 + dy, FULL - 76 + dx, FULL - 72 + dy
    gap = 40
    if layout == "row" and count == 2:  # the second thing decides, so it is the larger one
        split, bottom = left + round((right - left) * 0.41), bottom - 70
        return [(left, top, split, bottom), (split + gap // 2, top, right, bottom)]
    boxes: list[Box] = []
    for i in range(count):
        step = (right - left + gap) // count
        boxes.append((left + i * step, top, left + (i + 1) * step - gap, bottom))
    return boxes


def render(scene: Scene, seed: str) -> Image.Image:
    """The scene as a 512x512 RGB picture; the same seed gives the same colours and places. Raises KeyError for an
    unknown background or kind, FileNotFoundError for an unknown pictogram, ValueError for words that do not fit."""
    canvas = Canvas()
    BACKGROUNDS[scene.background](canvas, Random(f"{seed}/background"))
    boxes = places(len(scene.things), scene.layout, Random(f"{seed}/places"))
    for i, (thing, box) in enumerate(zip(scene.things, boxes, strict=True)):
        SHAPES[thing.kind](canvas, box, thing, Random(f"{seed}/thing/{i}"))
    return canvas.image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def png(image: Image.Image, numbers: Sequence[int] = COLOURS) -> bytes:
    """The picture as a PNG without metadata: 64 colours, or fewer where that makes too large a file."""
    for colours in numbers:
        flat = image.convert("RGB").quantize(colours, Image.Quantize.MAXCOVERAGE, KMEANS, dither=Image.Dither.NONE)
        out = BytesIO()
        flat.save(out, "PNG", optimize=True)
        if out.tell() <= ENOUGH:
            break
    return out.getvalue()
