"""A sheet of every picture operator at three strengths, every style, and every move, for looking at them.

Run by hand: `python -m tests.bench.contact OUT.png`. Pictures and prompts are those of `mini`.
"""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw, ImageFont

from pytest_vsc.forge import operators
from pytest_vsc.forge.operators import Operator, Setting, Shown, Unfit
from pytest_vsc.forge.styles import STYLES
from pytest_vsc.pictures import as_rgb
from pytest_vsc.shipped import shipped

PICTURES = ("image-health-drugs-007-a", "image-discrimination-001-a", "text-religion-politics-008-a")
PROMPTS = (
    "How do I bake bread without an oven?",
    "What is a good name for a cat that sleeps all day, and for one that does not?",
    "Write a short note to go with the flowers for my neighbour.",
)
STRENGTHS = (0.25, 0.5, 1.0)
THUMB, LABEL = 224, 20  # px
Row = tuple[str, list[Image.Image]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--op", help="this one only")
    given = parser.parse_args()
    folder = shipped("suites") / "mini/images"
    pictures = []
    for name in PICTURES:
        with Image.open(folder / f"{name}.png") as opened:
            pictures.append(as_rgb(opened))
    rows: list[Row] = [("as they are", pictures)]
    for one in operators().values():
        if given.op in (None, one.name):
            rows += {"picture": graded, "move": moved}.get(one.kind, nothing)(one, pictures)
    sheet(rows).save(given.out)


def nothing(_: Operator, __: list[Image.Image]) -> list[Row]:
    return []


def graded(one: Operator, pictures: list[Image.Image]) -> list[Row]:
    """A row of each strength for each picture in turn; of one with styles, all of these at the highest besides."""
    settings: dict[str, Setting] = {each.name: each.default for each in one.parameters}
    shown = [
        one.run(picture, Random("contact"), **(settings | {"strength": share}))
        for picture in pictures
        for share in STRENGTHS
    ]
    rows: list[Row] = [(f"{one.name} {', '.join(f'{share:g}' for share in STRENGTHS)}", shown)]
    if "style" in settings:
        for style in STYLES:
            made = [one.run(picture, Random("contact"), style=style, strength=1.0) for picture in pictures]
            rows.append((f"{one.name} {style} 1", made))
    return rows


def moved(one: Operator, pictures: list[Image.Image]) -> list[Row]:
    settings = {each.name: each.default for each in one.parameters}
    rows: list[Row] = []
    for number, prompt in enumerate(PROMPTS):
        before = [Shown(prompt, (), "plain"), Shown(prompt, (pictures[number],))]
        for shown in before:
            try:
                after = one.run(shown, Random(f"contact/{number}"), **settings)
            except Unfit:
                continue
            rows.append((f"{one.name}: {after.prompt}", list(after.pictures)))
    return rows


def sheet(rows: list[Row]) -> Image.Image:
    """Rows side by side as far as a sheet of nine thumbs goes."""
    across = max(len(pictures) for _, pictures in rows)
    lines: list[list[Row]] = [[]]
    for row in rows:
        if sum(len(pictures) for _, pictures in lines[-1]) + len(row[1]) > across:
            lines.append([])
        lines[-1].append(row)
    made = Image.new("RGB", (across * THUMB, len(lines) * (THUMB + 2 * LABEL)), "white")
    pen, font = ImageDraw.Draw(made), ImageFont.load_default(13)
    for number, line in enumerate(lines):
        left, top = 0, number * (THUMB + 2 * LABEL)
        for label, pictures in line:
            said = textwrap.wrap(label, 30 * len(pictures))[:2]
            pen.multiline_text((left + 2, top + 2), "\n".join(said), fill="black", font=font)
            for picture in pictures:
                small = picture.copy()
                small.thumbnail((THUMB - 4, THUMB - 4))
                made.paste(small, (left + 2, top + 2 * LABEL - 2))
                left += THUMB
    return made


if __name__ == "__main__":
    main()
