"""Small copies of pictures, and the pictures inside a page: small, or as they are, within a bound for every run."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from pytest_vsc.cases import Picture
from pytest_vsc.pictures import FORMATS, MOST_PIXELS, as_rgb

if TYPE_CHECKING:
    from PIL import Image

Images = Literal["none", "thumb", "full"]
IMAGES: tuple[Images, ...] = get_args(Images)
MOST_THUMBS = 9_000_000  # bytes of all small pictures of a page together
MOST_FULL = 60_000_000  # bytes of all pictures as they are
SIZES = ((192, 70), (128, 60), (96, 50), (64, 40))  # (px of the longer side, quality), the first that fits
SPARE = 1.2  # times as many px a side as a small copy has, from which it is made
CHUNK = 48  # pictures that a browser decodes at a time


class Embedded(NamedTuple):
    """chunks: JSON lists of [type, width, height, base64], CHUNK pictures each. places: the place of each by sha256.
    note: what of this a reader must know, "" for nothing."""

    chunks: Sequence[Sequence[tuple[str, int, int, str]]]
    places: Mapping[str, int]
    note: str


class Encoded(NamedTuple):
    """A picture as a page holds it. size: width and height in px."""

    kind: str
    data: bytes
    size: tuple[int, int]


def embedded(wanted: Sequence[str], pictures: Mapping[str, Picture], images: Images) -> Embedded:
    """The pictures that a page shows. wanted: their sha256. pictures: where they are, as far as that is known.

    Larger pictures than the bound holds become smaller ones; what then is too much is left out, and said.
    """
    if images == "none":
        return Embedded((), {}, "Pictures are not in this page.")
    known = {sha256: pictures[sha256] for sha256 in wanted if sha256 in pictures}
    note = ""
    found: Mapping[str, Encoded] = {}
    if images == "full":
        found = _as_they_are(known)
        if known and not found:
            note = f"Pictures are shown small: as they are they have more than {MOST_FULL // 10**6} MB."
    if not found:
        found = _small(known)
    places = {sha256: place for place, sha256 in enumerate(found)}
    if missing := len(wanted) - len(found):
        note = f"{note} {missing} of {len(wanted)} pictures are not in this page.".strip()
    shown = [(one.kind, *one.size, base64.b64encode(one.data).decode()) for one in found.values()]
    return Embedded([shown[start : start + CHUNK] for start in range(0, len(shown), CHUNK)], places, note)


def _as_they_are(known: Mapping[str, Picture]) -> Mapping[str, Encoded]:
    """Every picture unchanged; none where they are more than the bound holds."""
    found: dict[str, Encoded] = {}
    total = 0
    for sha256, picture in known.items():
        one = _original(_bytes(picture))
        if one is not None:
            found[sha256] = one
            total += len(one.data)
        if total > MOST_FULL:
            return {}
    return found


def _original(data: bytes) -> Encoded | None:
    """The picture unchanged; None for what is none."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return Encoded(Image.MIME[str(image.format)], data, image.size)
    except Exception:  # decoders raise OSError, SyntaxError, ValueError, struct.error ... on broken bytes
        return None


def _small(known: Mapping[str, Picture]) -> Mapping[str, Encoded]:
    """Every picture as it is where that is within its share of the bound, and small where not.

    Where even the smallest are too much, the last are left out.
    """
    share = MOST_THUMBS // max(1, len(known))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        drawn = pool.map(lambda picture: _fitting(_bytes(picture), SIZES[0], share), known.values())
        found = {sha256: one for sha256, one in zip(known, drawn, strict=True) if one is not None}
        for size in SIZES[1:]:
            if sum(len(one.data) for one in found.values()) <= MOST_THUMBS:
                return found
            again = pool.map(lambda one, size=size: _fitting(one.data, size, share), found.values())
            found = {sha256: one for sha256, one in zip(found, again, strict=True) if one is not None}
    return _first(found)


def _fitting(data: bytes, how: tuple[int, int], share: int) -> Encoded | None:
    return _original(data) if len(data) <= share else _thumb(data, how)


def _first(found: Mapping[str, Encoded]) -> Mapping[str, Encoded]:
    kept: dict[str, Encoded] = {}
    total = 0
    for sha256, one in found.items():
        total += len(one.data)
        if total > MOST_THUMBS:
            break
        kept[sha256] = one
    return kept


def _bytes(picture: Picture) -> bytes:
    """As they were when the suite was read; none where the file has gone or changed since."""
    try:
        return picture.unchanged()
    except (OSError, ValueError):
        return b""


def _thumb(data: bytes, how: tuple[int, int]) -> Encoded | None:
    """A small copy; None for what cannot be decoded."""
    from PIL import features

    most, quality = how
    small = thumbnail(data, most)
    if isinstance(small, str):
        return None
    buffer = io.BytesIO()
    kind = "WEBP" if features.check("webp") else "JPEG"
    small.save(buffer, kind, quality=quality, **({"method": 1} if kind == "WEBP" else {}))
    return Encoded(f"image/{kind.lower()}", buffer.getvalue(), small.size)


def thumbnail(data: bytes, most: int) -> Image.Image | str:
    """RGB, the longer side at most so many px and never enlarged; or why there is none, in a few words."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                return f"too large: {width} x {height}"
            image.draft(image.mode, (most, most))  # a JPEG is decoded no larger than is needed
            small = as_rgb(_coarse(image, most))
            small.thumbnail((most, most), Image.Resampling.LANCZOS)
            return small
    except Exception:  # as above
        return "cannot be decoded"


def _coarse(image: Image.Image, most: int) -> Image.Image:
    """The picture at not much more than it takes, where averaging is no loss: all else costs by the pixel."""
    factor = int(max(image.size) / (SPARE * most))
    return image.reduce(factor) if factor > 1 and image.mode in ("L", "RGB") else image
