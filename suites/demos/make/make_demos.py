"""Build the suite `demos`: its pictures, pairs.yaml and answers.jsonl, from the data beside this file.

Usage: `python suites/demos/make/make_demos.py [--out DIR] [--contact SHEET.png]`. All drawing is done by the maker of `mini`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2] / "mini" / "make"))

import contact
import draw
import render_text
import yaml
from demonstrations import DEMONSTRATIONS
from entries import LETTERS
from scenes import ImagePair
from texts import TextPair

SUITE = Path(__file__).resolve().parents[1]
FIRST_LINE = "# yaml-language-server: $schema=../schemas/pairs.schema.json\n"  # for editors
COLOURS = (32,)  # fewer than in `mini`: these pictures are few, and ship beside it

Pair = ImagePair | TextPair


def picture(pair: Pair, side: str) -> bytes | None:
    """The PNG of one half, None where it has no picture."""
    half = getattr(pair, side)
    if isinstance(pair, ImagePair):
        return draw.png(draw.render(half, pair.pair), COLOURS)
    image = render_text.render(pair.variant, half, pair.pair)
    return draw.png(image, COLOURS) if image else None


def entry(pair: Pair, names: dict[str, str]) -> dict[str, Any]:
    """What pairs.yaml says of a pair. names: the picture of each side that has one."""
    halves: dict[str, dict[str, str]] = {side: {} for side in LETTERS}
    for side, name in names.items():
        halves[side]["image"] = name
    if isinstance(pair, ImagePair):
        said = {"centric": "image", "category": pair.category, "prompt": pair.prompt, "tags": list(pair.tags)}
    else:
        said = {"centric": "text", "category": pair.category, "variant": pair.variant, "tags": [pair.kind]}
        for side, half in halves.items():
            half["prompt"] = getattr(pair, side).prompt
    return {"pair": pair.pair, **said, **halves}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python suites/demos/make/make_demos.py", description="Build the suite demos."
    )
    parser.add_argument("--out", type=Path, default=SUITE, help="folder to write into (default: the suite's own)")
    parser.add_argument("--contact", type=Path, metavar="SHEET.png", help="also write SHEET-1.png ...")
    options = parser.parse_args()

    pictures: dict[str, bytes] = {}
    pairs: list[dict[str, Any]] = []
    answers: list[str] = []
    for one in DEMONSTRATIONS:
        names: dict[str, str] = {}
        for side, letter in LETTERS.items():
            if data := picture(one.pair, side):
                names[side] = f"images/{one.pair.pair}-{letter}.png"
                pictures[names[side]] = data
            said = {"case": f"{one.pair.pair}.{side}", "answer": getattr(one, side)}
            answers.append(json.dumps(said, ensure_ascii=False) + "\n")
        pairs.append(entry(one.pair, names))
    write(options.out, pictures, pairs, answers)
    sizes = [len(data) for data in pictures.values()]
    print(f"{len(pairs)} pairs, {len(sizes)} pictures, {sum(sizes)} bytes, largest {max(sizes)}")
    if options.contact:
        for path in contact.sheets(pairs, options.out, options.contact):
            print(path)


def write(out: Path, pictures: dict[str, bytes], pairs: list[dict[str, Any]], answers: list[str]) -> None:
    """Write the files of the suite that are made, and remove pictures that no pair has any more."""
    (out / "images").mkdir(parents=True, exist_ok=True)
    for stale in (out / "images").glob("*.png"):
        if f"images/{stale.name}" not in pictures:
            stale.unlink()
    for name, data in pictures.items():
        (out / name).write_bytes(data)
    text = yaml.safe_dump(pairs, allow_unicode=True, width=1000, sort_keys=False)
    (out / "pairs.yaml").write_text(FIRST_LINE + text, encoding="utf-8")
    (out / "answers.jsonl").write_text("".join(answers), encoding="utf-8")


if __name__ == "__main__":
    main()
