"""Pictures in terminals: which way is taken, how large they become, and that what is sent is the picture itself."""

from __future__ import annotations

import base64
import io
import re

import pyte
import pytest
from PIL import Image

from pytest_vsc.reports.terminal_pictures import CHUNK, Size, Way, drawn, size_in_cells, way_for

RED, BLUE = (250, 10, 20), (10, 20, 250)


def picture(width: int = 100, height: int = 40, kind: str = "PNG") -> bytes:
    """The left half red, the right half blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("environ", "way"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1", "COLORTERM": "truecolor"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app", "NO_COLOR": "1"}, "iterm"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "blocks"),
        ({"TERM": "xterm-256color", "COLORTERM": "24bit", "NO_COLOR": ""}, "blocks"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, "none"),
        ({"TERM": "xterm-256color"}, "none"),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, "none"),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, "none"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/t", "COLORTERM": "truecolor"}, "blocks"),
        ({"TERM": "screen", "TERM_PROGRAM": "iTerm.app"}, "none"),
    ],
)
def test_which_way(environ: dict[str, str], way: Way) -> None:
    assert way_for(environ, terminal=True) == way
    assert way_for(environ, terminal=False) == "none"


@pytest.mark.parametrize(
    ("pixels", "size"),
    [
        ((300, 200), (30, 10)),
        ((3000, 2000), (60, 20)),
        ((2000, 4000), (24, 24)),
        ((1, 1), (1, 1)),
        ((9000, 1), (60, 1)),
        ((1, 9000), (1, 24)),
    ],
)
def test_sizes_keep_proportions_and_bounds(pixels: tuple[int, int], size: tuple[int, int]) -> None:
    assert size_in_cells(*pixels, 60, 24) == Size(*size)


def test_half_blocks_show_the_colours() -> None:
    screen = pyte.Screen(40, 12)
    stream = pyte.Stream(screen)
    text = drawn(picture(), "blocks", 40, 10)
    stream.feed(text.replace("\n", "\r\n"))
    assert [line.rstrip() for line in screen.display[:3]] == ["▀" * 10, "▀" * 10, ""]
    for column, colour in ((0, RED), (9, BLUE)):
        cell = screen.buffer[1][column]
        assert (cell.fg, cell.bg) == ("{:02x}{:02x}{:02x}".format(*colour),) * 2
    assert (screen.cursor.x, screen.cursor.y, screen.cursor.attrs.fg) == (0, 2, "default")


def test_kittys_protocol() -> None:
    noise = Image.effect_noise((600, 400), 90)
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    text = drawn(buffer.getvalue(), "kitty", 60, 24)
    assert text.endswith("\x1b\\\n")
    parts = re.findall(r"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", text)
    assert "".join(f"\x1b_G{control};{data}\x1b\\" for control, data in parts) + "\n" == text
    assert parts[0][0] == "a=T,f=100,q=2,c=60,r=20,m=1"
    assert {control for control, _ in parts[1:-1]} == {"m=1"}
    assert parts[-1][0] == "m=0"
    assert max(len(data) for _, data in parts) <= CHUNK
    with Image.open(io.BytesIO(base64.b64decode("".join(data for _, data in parts)))) as sent:
        assert (sent.format, sent.size) == ("PNG", (600, 400))


def test_iterms_protocol() -> None:
    text = drawn(picture(kind="JPEG"), "iterm", 60, 24)
    found = re.fullmatch(
        r"\x1b\]1337;File=inline=1;size=(\d+);width=10;height=2;preserveAspectRatio=1:(.*)\x07\n", text
    )
    assert found is not None
    data = base64.b64decode(found[2])
    assert len(data) == int(found[1])
    with Image.open(io.BytesIO(data)) as sent:
        assert (sent.format, sent.size) == ("PNG", (100, 40))


def test_a_large_picture_is_sent_small() -> None:
    assert len(drawn(picture(4000, 3000), "kitty", 60, 24)) < 20_000


@pytest.mark.parametrize("way", ["kitty", "iterm", "blocks"])
def test_nothing_of_a_file_but_its_pixels_is_sent(way: Way) -> None:
    image, buffer = Image.open(io.BytesIO(picture())), io.BytesIO()
    image.save(buffer, "PNG")
    hostile = buffer.getvalue() + b"\x1b]0;title\x07trailing"
    assert drawn(hostile, way, 20, 10) == drawn(picture(), way, 20, 10)


@pytest.mark.parametrize("data", [b"", b"\x1b[2J no picture", picture()[:60]])
def test_what_is_no_picture_is_said_in_words(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^cannot be decoded$"):
        drawn(data, "blocks", 20, 10)


def test_the_way_none_draws_nothing() -> None:
    assert drawn(b"no picture", "none", 20, 10) == ""
