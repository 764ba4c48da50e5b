"""Lines by the cells that a terminal shows them in: padded, and folded where they are too wide. Nothing is cut off."""

from __future__ import annotations

import re

import wcwidth

HELD = "\N{NO-BREAK SPACE}"
# Spaces that no line is broken at: `5.0 %`, `<= 5%`.
HOLDING = re.compile(r" (?=%)|(?<=[<>]=) ")
PARTS = re.compile(r"[^,:+]+[,:+]*|[,:+]+")


def cells(text: str) -> int:
    """How many cells a printable text takes: a wide letter two, a combining mark none."""
    return len(text) if text.isascii() else max(0, wcwidth.wcswidth(text))


def padded(text: str, to: int) -> str:
    return text + " " * (to - cells(text))


def folded(text: str, width: int, first: int = 2, then: int = 4) -> list[str]:
    """The text in lines of at most `width` cells, the first indented by `first`, the others by `then`.

    It is broken between words, and within one only where that alone is too wide. A number stays with its unit and sign.
    """
    lines = wcwidth.wrap(
        HOLDING.sub(HELD, text),
        width,
        initial_indent=" " * first,
        subsequent_indent=" " * then,
        break_on_hyphens=False,
    )
    return [line.replace(HELD, " ") for line in lines]


def folded_name(name: str, width: int, then: int = 2) -> list[str]:
    """A name of several parts, broken behind the commas, colons and pluses between them where it is too wide."""
    lines = [""]
    for part in PARTS.findall(name):
        if cells(lines[-1] + part) <= width:
            lines[-1] += part
        else:
            lines += folded(part.lstrip(), width, then, then)
    first, *rest = lines
    return lines if first or not rest else [rest[0].lstrip(), *rest[1:]]


def separator(title: str, width: int) -> str:
    """The title between signs of equality, as pytest heads its sections; bare where there is no room for them."""
    around = max(0, width - cells(title) - 2)
    left = "=" * (around // 2)
    return f"{left} {title} {'=' * (around - len(left))}" if left else title
