"""What importers share about pictures that a table holds or names: paths, bytes, base64. No picture is opened."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import PureWindowsPath
from typing import Any

from pytest_vsc.drafts import WantedPicture
from pytest_vsc.releases import Release


def wanted(cell: Any, folder: str) -> Iterator[WantedPicture]:
    """A path, bytes, an Image of `datasets` ({bytes, path}), or nothing. folder: the table's own, "" at the top."""
    if isinstance(cell, Mapping):
        data, cell = cell.get("bytes"), cell.get("path")
        if data is not None:
            yield held(data, str(cell or ""))
            return
    if isinstance(cell, bytes):
        yield held(cell)
    elif cell is not None and (path := str(cell).strip()):
        yield WantedPicture((f"{folder}/{path}", path) if folder else (path,))


def held(data: Any, path: str = "") -> WantedPicture:
    """A picture that the table holds. Its path may be of a machine elsewhere: no more than the last part is used."""
    data = data if isinstance(data, bytes) else str(data).encode(errors="replace")
    digest = hashlib.sha256(data).hexdigest()
    name = PureWindowsPath(path).name
    return WantedPicture((name, digest) if name else (digest[:16],), data=data)


def from_base64(release: Release, at: str, text: str) -> bytes | None:
    """The bytes that are written so, with or without the head of a data URL; None with a finding."""
    _, _, body = text.rpartition(";base64,")
    try:
        if data := base64.b64decode("".join(body.split()), validate=True):
            return data
    except (binascii.Error, ValueError):  # the latter: letters beyond ASCII
        pass
    release.findings.add("refused", "not-base64", "a cell that should be a picture in base64 is none", at)
    return None
