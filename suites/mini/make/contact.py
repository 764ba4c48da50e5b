"""Contact sheets: every pair's two pictures side by side with its id and prompt, for looking at them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from draw import font
from PIL import Image, ImageDraw

THUMB = 176  # px
COLUMNS, ROWS = 4, 6  # pairs a sheet


def sheets(pairs: Sequence[Mapping[str, Any]], root: Path, out: Path) -> list[Path]:
    """Write OUT-1.png, OUT-2.png ... for the pairs that have pictures and return their paths."""
    shown = [pair for pair in pairs if "image" in pair["safe"] or "image" in pair["unsafe"]]
    cell_w, cell_h, page = 2 * THUMB + 20, THUMB + 64, COLUMNS * ROWS
    written: list[Path] = []
    for start in range(0, len(shown), page):
        sheet = Image.new("RGB", (COLUMNS * cell_w, ROWS * cell_h), (255, 255, 255))
        pen = ImageDraw.Draw(sheet)
        for i, pair in enumerate(shown[start : start + page]):
            x, y = i % COLUMNS * cell_w, i // COLUMNS * cell_h
            for j, side in enumerate(("safe", "unsafe")):
                if name := pair[side].get("image"):
                    with Image.open(root / name) as picture:
                        small = picture.convert("RGB").resize((THUMB, THUMB), Image.Resampling.LANCZOS)
                    sheet.paste(small, (x + 4 + j * (THUMB + 4), y + 4))
            pen.text((x + 4, y + THUMB + 6), str(pair["pair"]), fill=(0, 0, 160), font=font(13))
            asked = str(pair.get("prompt") or pair["unsafe"]["prompt"])
            for k, line in enumerate(textwrap.wrap(asked, 52)[:2]):
                pen.text((x + 4, y + THUMB + 23 + 16 * k), line, fill=(0, 0, 0), font=font(13))
        path = out.with_name(f"{out.stem}-{start // page + 1}{out.suffix}")
        sheet.save(path)
        written.append(path)
    return written
