"""Contact sheets of a suite's pictures, as PNG pages or as one HTML page that loads nothing. What is on it is chosen
by the caller; prompts are left out unless asked for.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_vsc.cases import UTILITY, Case, Picture
from pytest_vsc.errors import SettingsError, one_line
from pytest_vsc.reports import thumbs
from pytest_vsc.shipped import shipped

if TYPE_CHECKING:
    from PIL import Image, ImageFont

ENDINGS = (".png", ".html")
THUMB = 192  # px, the longer side
COLUMNS, ROWS = 6, 5  # cells a PNG page
GAP, LINE, LETTERS = 6, 15, 12  # px
FONT = "images/fonts/DejaVuSans.ttf"
INK = {"safe": (0, 90, 40), "unsafe": (160, 0, 0), UTILITY: (0, 60, 130)}
PROMPT_LINES, PROMPT_WIDTH = 3, 34  # on a PNG page; HTML shows all of it


class Cell(NamedTuple):
    """One picture of a case, or a case without one. label: its id, and which of its pictures if there are several."""

    case: Case
    label: str
    picture: Picture | None


def cells_of(cases: Iterable[Case]) -> list[Cell]:
    """A cell for each picture of each case, in order; one without a picture for a case that has none."""
    cells: list[Cell] = []
    for case in cases:
        several = len(case.images) > 1
        for number, picture in enumerate(case.images, 1):
            label = f"{case.id} ({number} of {len(case.images)})" if several else case.id
            cells.append(Cell(case, label, picture))
        if not case.images:
            cells.append(Cell(case, case.id, None))
    return cells


def write_sheet(cells: Sequence[Cell], file: Path, title: str, *, reveal: bool) -> list[Path]:
    """Write the sheet that the file's ending asks for and return what was written.

    PNG: `file` itself, or FILE-1.png, FILE-2.png ... when there are more cells than a page holds. Raises SettingsError
    when a file cannot be written, and ValueError for another ending.
    """
    ending = file.suffix.lower()
    if ending == ".html":
        return [_write(file, html(cells, title, reveal=reveal).encode())]
    if ending != ".png":
        raise ValueError(ending)
    size = COLUMNS * ROWS
    if len(cells) <= size:
        return [_write(file, png(cells, reveal=reveal))]
    starts = range(0, len(cells), size)
    return [
        _write(file.with_name(f"{file.stem}-{number}{file.suffix}"), png(cells[start : start + size], reveal=reveal))
        for number, start in enumerate(starts, 1)
    ]


def _write(file: Path, data: bytes) -> Path:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise SettingsError(f"--sheet: {one_line(file)}: cannot be written: {error.strerror}") from None
    return file


# --- thumbnails ---


def thumbnail(picture: Picture) -> Image.Image | str:
    """RGB, the longer side at most THUMB px and never enlarged; or why there is none, in a few words."""
    try:
        data = picture.read()
    except OSError:
        return "cannot be decoded"
    return thumbs.thumbnail(data, THUMB)


def _encoded(picture: Picture) -> tuple[bytes, int, int] | str:
    """A thumbnail as JPEG with its width and height in px, or why there is none."""
    small = thumbnail(picture)
    if isinstance(small, str):
        return small
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return buffer.getvalue(), *small.size


# --- PNG ---


def png(cells: Sequence[Cell], *, reveal: bool) -> bytes:
    """One page: the pictures in rows, under each its case and side, and its prompt's beginning where it is revealed."""
    from PIL import Image, ImageDraw

    lines = 2 + (PROMPT_LINES if reveal else 0)
    width, height = THUMB + 2 * GAP, THUMB + 3 * GAP + lines * LINE
    rows = -(-len(cells) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * width, max(rows, 1) * height), "white")
    pen = ImageDraw.Draw(page)
    letters = font()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        drawn = pool.map(lambda cell: thumbnail(cell.picture) if cell.picture else "no picture", cells)
        for number, (cell, small) in enumerate(zip(cells, drawn, strict=True)):
            x, y = number % COLUMNS * width + GAP, number // COLUMNS * height + GAP
            if isinstance(small, str):
                pen.rectangle((x, y, x + THUMB - 1, y + THUMB - 1), outline="gray")
                pen.text((x + GAP, y + THUMB // 2), _fitted(small, letters), fill="black", font=letters)
            else:
                page.paste(small, (x + (THUMB - small.width) // 2, y + (THUMB - small.height) // 2))
            for line, (text, ink) in enumerate(_captions(cell, letters, reveal=reveal)):
                pen.text((x, y + THUMB + GAP + line * LINE), text, fill=ink, font=letters)
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return buffer.getvalue()


def font() -> ImageFont.FreeTypeFont:
    """The letters of PNG pages. Not Raqm, which is not on every machine: they are the same everywhere."""
    from PIL import ImageFont

    return ImageFont.truetype(shipped("fixtures") / FONT, LETTERS, layout_engine=ImageFont.Layout.BASIC)


def _captions(
    cell: Cell, letters: ImageFont.FreeTypeFont, *, reveal: bool
) -> Iterator[tuple[str, tuple[int, int, int] | str]]:
    yield _fitted(cell.label, letters), "black"
    side = cell.case.side or UTILITY
    yield side, INK[side]
    if reveal:
        for line in textwrap.wrap(one_line(cell.case.prompt), PROMPT_WIDTH, max_lines=PROMPT_LINES, placeholder=" ..."):
            yield _fitted(line, letters), "black"


def _fitted(text: str, letters: ImageFont.FreeTypeFont) -> str:
    """The text, its middle left out where it is wider than a thumbnail: the side stands at the end of an id."""
    if letters.getlength(text) <= THUMB:
        return text
    kept = len(text)
    while kept > 2 and letters.getlength(_shortened(text, kept)) > THUMB:
        kept -= 1
    return _shortened(text, kept)


def _shortened(text: str, kept: int) -> str:
    return f"{text[: kept - kept // 2]}...{text[len(text) - kept // 2 :]}"


# --- HTML ---

_STYLE = """\
body { font: 14px sans-serif; margin: 1rem; color: #111; background: #fff; }
section { display: flex; flex-wrap: wrap; gap: 8px; }
figure { width: 208px; margin: 0; padding: 6px; border: 1px solid #ccc; overflow-wrap: anywhere; }
figure.safe { border-left: 6px solid #06402b; }
figure.unsafe { border-left: 6px solid #a00000; }
figure.utility { border-left: 6px solid #003c82; }
img { display: block; margin: 0 auto 4px; }
.none { color: #666; }
@media screen and (prefers-color-scheme: dark) {
  :root { color-scheme: dark; }
  body { color: #eee; background: #121212; }
  figure { border-color: #555; }
  figure.safe { border-left-color: #4caf7d; }
  figure.unsafe { border-left-color: #ff6b6b; }
  figure.utility { border-left-color: #7fb3ff; }
  .none { color: #aaa; }
}
@media print {
  figure { break-inside: avoid; }
  h2 { break-after: avoid; }
}
"""


def html(cells: Sequence[Cell], title: str, *, reveal: bool) -> str:
    """One page without a script that loads nothing: pictures by category, each with its case and its side in words.

    Every text is escaped, and a policy in the page forbids whatever is not its own style or a picture inside it.
    """
    style = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
    prompts = "Prompts are shown." if reveal else "Prompts are withheld."
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(policy, quote=False)}">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            "<main>",
            f"<h1>{escape(title)}</h1>",
            f"<p>{prompts}</p>",
            *_sections(cells, reveal=reveal),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _sections(cells: Sequence[Cell], *, reveal: bool) -> Iterator[str]:
    order = list(dict.fromkeys(cell.case.category for cell in cells))
    ranked = sorted(cells, key=lambda cell: order.index(cell.case.category))
    each = {cell.picture.digest(): cell.picture for cell in cells if cell.picture}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        drawn = dict(zip(each, pool.map(_encoded, each.values()), strict=True))
    for category, members in groupby(ranked, key=lambda cell: cell.case.category):
        yield f"<h2>{escape(category)}</h2>"
        yield "<section>"
        for cell in members:
            small = drawn[cell.picture.digest()] if cell.picture else "no picture"
            yield _figure(cell, small, reveal=reveal)
        yield "</section>"


def _figure(cell: Cell, small: tuple[bytes, int, int] | str, *, reveal: bool) -> str:
    label, side = escape(cell.label), cell.case.side or UTILITY
    if isinstance(small, str):
        shown = f'<p class="none">{escape(small)}</p>'
    else:
        data, width, height = small
        source = f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
        shown = f'<img alt="picture of {label}" width="{width}" height="{height}" src="{source}">'
    prompt = f"<p>{escape(cell.case.prompt)}</p>" if reveal else ""
    return f'<figure class="{side}">{shown}<figcaption>{label}: <b>{side}</b>{prompt}</figcaption></figure>'
