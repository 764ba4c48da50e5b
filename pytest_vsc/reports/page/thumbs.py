"""Pictures inside a page: small ones, or as they are, within a bound that is the same for every run."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

from pytest_vsc.cases import Picture
from pytest_vsc.pictures import FORMATS, MOST_PIXELS, as_rgb

Images = Literal["none", "thumb", "full"]
MOST_THUMBS = 9_000_000  # bytes of all small pictures of a page together
MOST_FULL = 60_000_000  # bytes of all pictures as they are
SIZES = ((192, 70), (128, 60), (96, 50), (64, 40))  # (px of the longer side, quality), the first that fits
CHUNK = 48  # pictures that a browser decodes at a time


class Embedded(NamedTuple):
    """chunks: JSON lists of [type, width, height, base64], CHUNK pictures each. places: the place of each by sha256.
    missing: how many are not in the page. note: what of this a reader must know, "" for nothing."""

    chunks: Sequence[Sequence[tuple[str, int, int, str]]]
    places: Mapping[str, int]
    missing: int
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
        return Embedded((), {}, len(wanted), "Pictures are not in this page.")
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
    return Embedded([shown[start : start + CHUNK] for start in range(0, len(shown), CHUNK)], places, missing, note)


def _as_they_are(known: Mapping[str, Picture]) -> Mapping[str, Encoded]:
    """Every picture unchanged; none where they are more than the bound holds."""
    found: dict[str, Encoded] = {}
    total = 0
    for sha256, picture in known.items():
        one = _original(picture)
        if one is not None:
            found[sha256] = one
            total += len(one.data)
        if total > MOST_FULL:
            return {}
    return found


def _original(picture: Picture) -> Encoded | None:
    from PIL import Image

    try:
        data = picture.unchanged()
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return Encoded(Image.MIME[str(image.format)], data, image.size)
    except Exception:  # decoders raise what they like on broken bytes; a file may have gone or changed since
        return None


def _small(known: Mapping[str, Picture]) -> Mapping[str, Encoded]:
    """Every picture as large as the bound allows; where even the smallest are too much, the last are left out."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        drawn = pool.map(lambda picture: _thumb(_bytes(picture), SIZES[0]), known.values())
        found = {sha256: one for sha256, one in zip(known, drawn, strict=True) if one is not None}
        for size in SIZES[1:]:
            if sum(len(one.data) for one in found.values()) <= MOST_THUMBS:
                return found
            again = pool.map(lambda one, size=size: _thumb(one.data, size), found.values())
            found = {sha256: one for sha256, one in zip(found, again, strict=True) if one is not None}
    return _first(found)


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
    try:
        return picture.unchanged()
    except (OSError, ValueError):
        return b""


def _thumb(data: bytes, how: tuple[int, int]) -> Encoded | None:
    """A small copy, never larger than the picture; None for what cannot be decoded."""
    from PIL import Image, features

    most, quality = how
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                return None
            image.draft(image.mode, (2 * most, 2 * most))  # a JPEG is decoded no larger than is needed
            small = as_rgb(image)
        small.thumbnail((most, most), Image.Resampling.LANCZOS, reducing_gap=2.0)
        buffer = io.BytesIO()
        kind = "WEBP" if features.check("webp") else "JPEG"
        small.save(buffer, kind, quality=quality, **({"method": 2} if kind == "WEBP" else {}))
    except Exception:  # as above
        return None
    return Encoded(f"image/{kind.lower()}", buffer.getvalue(), small.size)
