"""Pictures as text that terminals draw: by kitty's or iTerm2's escape sequences, or as half blocks in 24-bit colour.

What is sent is always made anew from the pixels, so that no byte of somebody's file reaches the terminal. It prints
nothing, and asks the terminal nothing.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from pytest_vsc.reports.thumbs import thumbnail

if TYPE_CHECKING:
    from PIL import Image

Way = Literal["kitty", "iterm", "blocks", "none"]
WAYS: tuple[Way, ...] = get_args(Way)

CELL = (10, 20)  # px that a cell is taken for, across and down; terminals scale what they are given to the cells
CHUNK = 4096  # letters of base64 in one of kitty's sequences, the most that its protocol allows
ESC, BEL = "\x1b", "\x07"


class Size(NamedTuple):
    """Of a picture in cells of the terminal."""

    columns: int
    rows: int


def way_for(environ: Mapping[str, str], *, terminal: bool) -> Way:
    """How a terminal draws pictures, by what it says of itself in the environment; "none" where nobody looks.

    Within tmux or screen only what is plain colour arrives whole.
    """
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    if not terminal or term == "dumb":
        return "none"
    inside = any(name in environ for name in ("TMUX", "STY")) or term.startswith(("screen", "tmux"))
    if not inside and ("KITTY_WINDOW_ID" in environ or "kitty" in term or "ghostty" in term):
        return "kitty"
    if not inside and program in ("iTerm.app", "WezTerm"):
        return "iterm"
    coloured = environ.get("COLORTERM") in ("truecolor", "24bit") and not environ.get("NO_COLOR")
    return "blocks" if coloured else "none"


def size_in_cells(width: int, height: int, columns: int, rows: int) -> Size:
    """How many cells a picture of so many px takes: in its proportions, never enlarged, at most columns x rows."""
    scale = min(1.0, columns * CELL[0] / width, rows * CELL[1] / height)
    wide, high = round(width * scale / CELL[0]), round(height * scale / CELL[1])
    return Size(min(columns, max(1, wide)), min(rows, max(1, high)))


def drawn(data: bytes, way: Way, columns: int, rows: int) -> str:
    """The text that draws an encoded picture (PNG, JPEG, ...) in at most columns x rows cells, cursor at a line's
    start before, below the picture after. "" for the way "none".

    Raises ValueError, in words, for what is no picture, is damaged or has too many pixels.
    """
    if way == "none":
        return ""
    image = _opened(data, max(columns * CELL[0], rows * CELL[1]))
    size = size_in_cells(*image.size, columns, rows)
    if way == "blocks":
        return "".join(f"{line}\n" for line in _blocks(image, size))
    return (_kitty if way == "kitty" else _iterm)(_png(image), size) + "\n"


def _opened(data: bytes, most: int) -> Image.Image:
    small = thumbnail(data, most)
    if isinstance(small, str):
        raise ValueError(small)
    return small


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _kitty(png: bytes, size: Size) -> str:
    """a=T: send and show, f=100: PNG, q=2: the terminal answers nothing, m: whether more follows.

    kitty's documentation, "Terminal graphics protocol".
    """
    text = base64.b64encode(png).decode()
    chunks = [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)]
    first = f"a=T,f=100,q=2,c={size.columns},r={size.rows},"
    return "".join(
        f"{ESC}_G{'' if number else first}m={int(number < len(chunks) - 1)};{chunk}{ESC}\\"
        for number, chunk in enumerate(chunks)
    )


def _iterm(png: bytes, size: Size) -> str:
    """iTerm2's documentation, "Inline images protocol"."""
    what = f"inline=1;size={len(png)};width={size.columns};height={size.rows};preserveAspectRatio=1"
    return f"{ESC}]1337;File={what}:{base64.b64encode(png).decode()}{BEL}"


def _blocks(image: Image.Image, size: Size) -> Iterator[str]:
    """A line for two rows of pixels: the upper half of a cell in the colour of one, the lower in that of the other."""
    from PIL import Image

    small = image.resize((size.columns, 2 * size.rows), Image.Resampling.LANCZOS)
    row = 3 * size.columns
    pixels = small.tobytes()
    for start in range(0, len(pixels), 2 * row):
        upper, lower = pixels[start : start + row], pixels[start + row : start + 2 * row]
        cells = [(tuple(upper[x : x + 3]), tuple(lower[x : x + 3])) for x in range(0, row, 3)]
        yield "".join(_cells(cells)) + f"{ESC}[0m"


def _cells(cells: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> Iterator[str]:
    before = None
    for cell in cells:
        if cell != before:
            (r, g, b), (red, green, blue) = cell
            yield f"{ESC}[38;2;{r};{g};{b};48;2;{red};{green};{blue}m"
        yield "▀"
        before = cell
