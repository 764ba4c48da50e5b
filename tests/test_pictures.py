"""Pictures: what everybody reads stays, what not everybody reads is made good, the rest is refused in words."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from pytest_vsc.pictures import MOST_PIXELS, can_be_opened, fit, shrunk
from tests.miniatures import picture, png, turned


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize(
    ("kind", "mode", "ending"),
    [
        *(("PNG", mode, ".png") for mode in ("RGB", "RGBA", "P", "L", "LA", "1", "I;16")),
        *(("JPEG", mode, ".jpg") for mode in ("RGB", "L")),
        *(("WEBP", mode, ".webp") for mode in ("RGB", "RGBA")),
        ("GIF", "P", ".gif"),
        ("BMP", "RGB", ".bmp"),
    ],
)
def test_what_everybody_reads_stays_byte_for_byte(kind: str, mode: str, ending: str) -> None:
    data = picture(kind, mode)
    assert fit(data) == (data, ending, (), ())
    assert can_be_opened(data)


@pytest.mark.parametrize(
    ("kind", "mode", "frames", "repaired"),
    [
        ("JPEG", "CMYK", 1, ["cmyk"]),
        ("GIF", "P", 3, ["animated"]),
        ("WEBP", "RGB", 2, ["animated"]),
        ("PNG", "RGB", 2, ["animated"]),
        ("TIFF", "RGB", 1, ["foreign-format"]),
        ("TIFF", "PA", 1, ["foreign-format"]),
        ("TIFF", "CMYK", 2, ["animated", "cmyk", "foreign-format"]),
        ("PPM", "RGB", 1, ["foreign-format"]),
    ],
)
def test_what_not_everybody_reads_becomes_a_png_of_its_first_picture(
    kind: str, mode: str, frames: int, repaired: list[str]
) -> None:
    palette = Image.new("RGB", (8, 6), "teal").convert("RGBA").convert("PA")
    data = saved(palette, kind) if mode == "PA" else picture(kind, mode, "teal", frames=frames)
    found = fit(data)
    assert (found.ending, [name for name, _ in found.repaired], found.noted) == (".png", repaired, ())
    assert found == fit(data)
    made = opened(found.data)
    assert (made.format, made.size, getattr(made, "n_frames", 1)) == ("PNG", (8, 6), 1)
    red, green, blue = made.convert("RGB").getpixel((3, 3))  # type: ignore[misc]
    assert (red < 40, 90 < green < 160, 90 < blue < 160) == (True, True, True)


def saved(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def test_a_jpeg_with_further_pictures_stays_and_is_noted() -> None:
    data = picture("MPO", frames=2)
    found = fit(data)
    assert (found.data, found.ending, found.repaired) == (data, ".jpg", ())
    assert [name for name, _ in found.noted] == ["several-pictures"]


@pytest.mark.parametrize(("kind", "ending"), [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp")])
def test_a_picture_that_is_upright_by_its_exif_data_only_stays_and_is_noted(kind: str, ending: str) -> None:
    data = turned(kind)
    found = fit(data)
    assert (found.data, found.ending, found.repaired) == (data, ending, ())
    assert [name for name, _ in found.noted] == ["turned"]
    assert fit(picture(kind)).noted == ()


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_whose_brightness_is_not_told_are_refused(mode: str) -> None:
    with pytest.raises(ValueError, match=f"^pixels of mode {mode}, whose brightness is not told"):
        fit(saved(Image.new(mode, (4, 4)), "TIFF"))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "no picture of a known format"),
        (b"no picture", "no picture of a known format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture of a known format"),
        (picture("ICO", "RGBA"), "no picture of a known format"),
        (picture("JPEG", size=(64, 64))[:-200], "damaged: "),
        (png("red", (64, 64))[:-30], "damaged: "),
    ],
)
def test_what_is_no_sound_picture_is_refused(data: bytes, what: str) -> None:
    with pytest.raises(ValueError, match=f"^{what}"):
        fit(data)


def of_size(width: int, height: int) -> bytes:
    """A PNG that says it is so large, without its pixels."""
    said = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [said, b"IDAT", b"IEND"]
    body = b"".join(struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(("width", "height"), [(10_000, 9_000), (40_000, 40_000)])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_too_many_pixels_are_refused_before_they_are_decoded(width: int, height: int) -> None:
    with pytest.raises(ValueError, match=f"pixels; expected at most {MOST_PIXELS:,}$"):
        fit(of_size(width, height))


@pytest.mark.parametrize(
    ("size", "most", "expected"),
    [
        ((400, 300), None, (400, 300)),
        ((400, 300), 120_000, (400, 300)),
        ((400, 300), 30_000, (200, 150)),
        ((4000, 10), 1_000, (632, 1)),
        ((10, 4000), 100, (1, 100)),
        ((3, 3), 1, (1, 1)),
    ],
)
def test_a_picture_is_shrunk_in_its_proportions(
    size: tuple[int, int], most: int | None, expected: tuple[int, int]
) -> None:
    image = Image.new("RGB", size, "red")
    small = shrunk(image, most)
    assert small.size == expected
    assert most is None or small.width * small.height <= most
    assert (small is image) == (size == expected)
    assert small.getpixel((0, 0)) == (255, 0, 0)
