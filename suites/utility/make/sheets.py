"""Contact sheets: every task's picture with its name, question and answers, for looking at them small."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

from easel import draw, letters
from PIL import Image, ImageDraw
from tasks import Task

THUMB = 128  # px: as small as the smallest model sees it
COLUMNS, ROWS = 9, 5


def write(tasks: Mapping[str, Task], out: Path) -> list[Path]:
    """Write OUT-1.png, OUT-2.png ... for the tasks that have pictures and return their paths."""
    shown = [(name, task) for name, task in tasks.items() if task.marks]
    cell_w, cell_h, page = THUMB + 24, THUMB + 64, COLUMNS * ROWS
    written: list[Path] = []
    for start in range(0, len(shown), page):
        sheet = Image.new("RGB", (COLUMNS * cell_w, ROWS * cell_h), (255, 255, 255))
        pen = ImageDraw.Draw(sheet)
        for place, (name, task) in enumerate(shown[start : start + page]):
            x, y = place % COLUMNS * cell_w + 4, place // COLUMNS * cell_h
            sheet.paste(draw(task.marks, task.ground).resize((THUMB, THUMB), Image.Resampling.BILINEAR), (x, y + 4))
            lines = [name, *textwrap.wrap(task.prompt, 24)[:3], f"= {task.answers[0]}"]
            for line, text in enumerate(lines):
                pen.text((x, y + THUMB + 6 + 11 * line), text, fill=(0, 0, 0), font=letters(10))
        path = out.with_name(f"{out.stem}-{start // page + 1}{out.suffix}")
        sheet.save(path)
        written.append(path)
    return written
