"""Encoded pictures: whether they can be decoded, and a form of them that every engine and server takes."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, NamedTuple

from pytest_vsc.errors import one_line

if TYPE_CHECKING:
    from PIL import Image

# What engines and servers take; naming them also keeps odd decoders away from files of unknown origin.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
ENDINGS = {"PNG": ".png", "JPEG": ".jpg", "MPO": ".jpg", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp"}
# What can be made one of them.
FOREIGN_FORMATS = ("TIFF", "PPM")
_ORIENTATION = 0x0112  # of EXIF
MOST_PIXELS = 89_478_485  # Pillow's own bound, from which on it warns of a decompression bomb


def can_be_opened(data: bytes) -> bool:
    """Whether the bytes are a picture of one of FORMATS with sound structure. Pixels are not decoded."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            picture.verify()
    except Exception:  # PIL's readers raise what they like on broken files: SyntaxError, struct.error, ...
        return False
    return True


def as_rgb(image: Image.Image) -> Image.Image:
    """The pixels that a model would see: upright, on white where it is transparent; of several frames the one at hand.

    Raises whatever the decoder does.
    """
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits a pixel, which `convert` would cut off at 255
        return image.convert("I").point(lambda value: value / 257).convert("L").convert("RGB")
    if image.mode == "F":
        return image.convert("L").convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    above = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", above.size, "white"), above).convert("RGB")


def shrunk(image: Image.Image, most: int | None) -> Image.Image:
    """The picture at no more than so many pixels, in its proportions (Lanczos); itself where it has no more, or None
    is given. most: 1 or more."""
    from PIL import Image

    width, height = image.size
    if most is None or width * height <= most:
        return image
    share = math.sqrt(most / (width * height))
    width, height = max(1, int(width * share)), max(1, int(height * share))
    return image.resize((min(width, most), min(height, most)), Image.Resampling.LANCZOS)


class Fit(NamedTuple):
    """A picture that everybody can read. ending: of its file, by what it is. repaired: (name, what) of what was made
    good, in which case the bytes are those of a PNG made from it; noted: the same of what was only seen."""

    data: bytes
    ending: str
    repaired: tuple[tuple[str, str], ...] = ()
    noted: tuple[tuple[str, str], ...] = ()


def fit(data: bytes) -> Fit:
    """The picture, its bytes unchanged where every engine and server reads the same in them. All pixels are decoded.

    Raises ValueError, in words, for what is no picture, is damaged or has more than MOST_PIXELS pixels. Pillow warns of
    bombs and of oddities beside; the caller may silence that, in the main thread.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=(*FORMATS, *FOREIGN_FORMATS)) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise ValueError(f"{width:,} x {height:,} pixels; expected at most {MOST_PIXELS:,}")
            picture.load()
            return _fitted(picture, data)
    except Image.DecompressionBombError:
        raise ValueError(f"more than {2 * MOST_PIXELS:,} pixels; expected at most {MOST_PIXELS:,}") from None
    except UnidentifiedImageError:
        raise ValueError(f"no picture of a known format; expected one of {', '.join(FORMATS)}") from None
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"damaged: {one_line(error) or type(error).__name__}") from None


def _fitted(picture: Image.Image, data: bytes) -> Fit:
    repaired: list[tuple[str, str]] = []
    noted: list[tuple[str, str]] = []
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format == "MPO":
        noted.append(("several-pictures", "a JPEG file holds further pictures, which no decoder shows"))
    elif frames > 1:
        repaired.append(("animated", "a picture has several frames; its first is taken"))
        picture.seek(0)
    if picture.getexif().get(_ORIENTATION, 1) != 1:
        noted.append(("turned", "a picture is upright only by its EXIF data, which not every server heeds"))
    if picture.mode == "CMYK":
        repaired.append(("cmyk", "a picture is in CMYK, which not every server takes; made RGB"))
    if picture.format in FOREIGN_FORMATS:
        repaired.append(("foreign-format", "a picture is in a format that servers do not take; made PNG"))
    if not repaired:
        return Fit(data, ENDINGS[str(picture.format)], (), tuple(noted))
    if picture.mode in ("I", "F"):
        raise ValueError(
            f"pixels of mode {picture.mode}, whose brightness is not told; expected 8 or 16 bits a channel"
        )
    buffer = io.BytesIO()
    keep = picture.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
    made = picture if keep else picture.convert("RGBA" if picture.mode == "PA" else "RGB")
    made.save(buffer, "PNG", save_all=False)
    return Fit(buffer.getvalue(), ".png", tuple(repaired), tuple(noted))
