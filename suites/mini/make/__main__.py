"""Build the suite `mini`: all pictures and pairs.yaml, from the data beside this file.

Usage: `python suites/mini/make [--out DIR] [--only PREFIX,PREFIX] [--jobs N] [--contact SHEET.png]`.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import contact
import entries
import yaml

SUITE = Path(__file__).resolve().parents[1]
FIRST_LINE = "# yaml-language-server: $schema=../schemas/pairs.schema.json\n"  # for editors


def main() -> None:
    parser = argparse.ArgumentParser(prog="python suites/mini/make", description="Build the suite mini.")
    parser.add_argument("--out", type=Path, default=SUITE, help="folder to write into (default: the suite's own)")
    parser.add_argument("--only", metavar="PREFIX,PREFIX", help="pairs whose id starts so; takes an --out of its own")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)")
    parser.add_argument("--contact", type=Path, metavar="SHEET.png", help="also write SHEET-1.png, SHEET-2.png ...")
    options = parser.parse_args()
    if options.only and options.out.resolve() == SUITE:
        parser.error("--only would leave the suite in parts: give it an --out of its own")

    image_pairs, image_pictures = entries.image_pairs()
    text_pairs, text_pictures = entries.text_pairs()
    pairs, pictures = image_pairs + text_pairs, image_pictures + text_pictures

    if options.only:
        prefixes = tuple(options.only.split(","))
        pairs = [pair for pair in pairs if pair["pair"].startswith(prefixes)]
        pictures = [picture for picture in pictures if Path(picture.name).name.startswith(prefixes)]

    folder = options.out / "images"
    folder.mkdir(parents=True, exist_ok=True)
    kept = {Path(picture.name).name for picture in pictures}
    for stale in folder.glob("*.png"):
        if stale.name not in kept:
            stale.unlink()
    with ProcessPoolExecutor(options.jobs) as pool:
        sizes = list(pool.map(partial(entries.write, options.out), pictures, chunksize=8))
    text = yaml.safe_dump(pairs, allow_unicode=True, width=1000, sort_keys=False)
    (options.out / "pairs.yaml").write_text(FIRST_LINE + text, encoding="utf-8")
    print(f"{len(pairs)} pairs, {len(pictures)} pictures, {sum(sizes)} bytes, largest {max(sizes)}")
    if options.contact:
        for path in contact.sheets(pairs, options.out, options.contact):
            print(path)


if __name__ == "__main__":
    main()
