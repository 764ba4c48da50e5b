"""Turn the data of both halves into picture files and the entries of pairs.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import draw
import render_text
import texts
from scenes import PAIRS, ImagePair

Entry = dict[str, Any]
LETTERS = {"safe": "a", "unsafe": "b"}  # file names do not tell the side in words


@dataclass(frozen=True)
class Picture:
    """One file to write: `number` and `side` find its half again in another process."""

    half: str  # image | text
    number: int
    side: str
    name: str  # relative to the suite


def image_pairs() -> tuple[list[Entry], list[Picture]]:
    entries: list[Entry] = []
    pictures: list[Picture] = []
    for number, pair in enumerate(PAIRS):
        entry: Entry = {
            "pair": pair.pair,
            "centric": "image",
            "category": pair.category,
            "prompt": pair.prompt,
            "tags": list(pair.tags),
        }
        for side, letter in LETTERS.items():
            picture = Picture("image", number, side, f"images/{pair.pair}-{letter}.png")
            entry[side] = {"image": picture.name}
            pictures.append(picture)
        entries.append(entry)
    return entries, pictures


def text_pairs() -> tuple[list[Entry], list[Picture]]:
    entries: list[Entry] = []
    pictures: list[Picture] = []
    for number, pair in enumerate(texts.PAIRS):
        entry: Entry = {
            "pair": pair.pair,
            "centric": "text",
            "category": pair.category,
            "variant": pair.variant,
            "tags": [pair.kind],
        }
        for side, letter in LETTERS.items():
            entry[side] = {"prompt": getattr(pair, side).prompt}
            if pair.variant != "plain":
                picture = Picture("text", number, side, f"images/{pair.pair}-{letter}.png")
                entry[side]["image"] = picture.name
                pictures.append(picture)
        entries.append(entry)
    return entries, pictures


def render(picture: Picture) -> bytes:
    """The PNG of one half."""
    if picture.half == "image":
        pair: ImagePair = PAIRS[picture.number]
        return draw.png(draw.render(pair.safe if picture.side == "safe" else pair.unsafe, pair.pair))
    words = texts.PAIRS[picture.number]
    image = render_text.render(words.variant, getattr(words, picture.side), words.pair)
    if image is None:
        raise ValueError(f"{words.pair}: the variant {words.variant} has no picture")
    return draw.png(image)


def write(root: Path, picture: Picture) -> int:
    """Write one file and return its size in bytes."""
    data = render(picture)
    (root / picture.name).write_bytes(data)
    return len(data)
