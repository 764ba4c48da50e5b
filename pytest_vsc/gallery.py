"""The pictures of a suite: each found below its folder, opened and hashed once. Pixels are never decoded."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pytest_vsc.cases import Picture
from pytest_vsc.memos import ENDING, Memo
from pytest_vsc.pictures import FORMATS, can_be_opened
from pytest_vsc.sources import PICTURE_HASHES, Row
from pytest_vsc.spelling import leads_out

MEMO = "pictures"  # how the name of a suite's memo begins
SHARE = 64  # pictures that a thread reads before it takes more


def picture_names(said: Mapping[str, Any]) -> list[str]:
    """The names of the pictures that a row shows."""
    return [said["image"]] if "image" in said else list(said.get("images", ()))


class Gallery:
    """The pictures of one suite, each read, recognised and hashed once however many cases show it."""

    def __init__(self, root: Path, listed: Mapping[str, str], memo: Path | None) -> None:
        self._root, self._listed = root, listed
        self._known: dict[str, Picture | str] = {}
        name = hashlib.sha256(str(root).encode(errors="surrogateescape")).hexdigest()[:16]
        self._memo = Memo(memo / f"{MEMO}-{name}{ENDING}" if memo else None, whole=True)
        self._folders: dict[str, bool] = {}

    def read(self, rows: Iterable[Row]) -> None:
        """Read the pictures of all rows, less those that did not change since they were last read.

        Several at a time: most of it is waiting and hashing, which threads share.
        """
        names = list(dict.fromkeys(name for row in rows for name in picture_names(row.said)))
        self._known.update((name, kept) for name in names if (kept := self._kept(name)))
        names = [name for name in names if name not in self._known]
        shares = [names[start : start + SHARE] for start in range(0, len(names), SHARE)]
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            for share, found in zip(shares, pool.map(self._read, shares), strict=True):
                self._known.update(zip(share, found, strict=True))
        self._memo.keep()

    def _kept(self, name: str) -> Picture | None:
        """The picture, if it is known from an earlier run and is as listed."""
        file = f"{self._root}/{name}"
        sha256 = self._memo.known(file) if self._is_inside(name) else None
        if sha256 is None or self._listed.get(name, sha256) != sha256:
            return None
        return Picture(name=name, file=file, sha256=sha256)

    def _read(self, names: Iterable[str]) -> list[Picture | str]:
        return [self._picture(name) for name in names]

    def _picture(self, name: str) -> Picture | str:
        """The picture, or what is wrong with it."""
        if not self._is_inside(name):
            return f"picture '{name}' leads outside the suite; expected a path below its folder"
        file = f"{self._root}/{name}"
        try:
            sha256 = self._memo.digest(file, _opened_digest)
        except ValueError:
            return f"picture '{name}' cannot be decoded; expected one of {', '.join(FORMATS)}"
        except OSError as error:
            if Path(file).is_file():
                return f"picture '{name}' cannot be read: {error.strerror}"
            near = _near(Path(file), self._root)
            return f"picture '{name}' does not exist; expected a path below the suite's folder{near}"
        listed = self._listed.get(name, sha256)
        if listed != sha256:
            was = f"sha256 {sha256[:12]}, not {listed[:12]}"
            return f"picture '{name}' is not the one that {PICTURE_HASHES} lists ({was})"
        return Picture(name=name, file=file, sha256=sha256)

    def _is_inside(self, name: str) -> bool:
        """Whether the file, and every folder and link on the way to it, lies below the suite's folder."""
        if leads_out(name):
            return False
        file = f"{self._root}/{name}"
        folder = os.path.dirname(file)  # noqa: PTH120  thousands of pictures lie in a few folders
        if folder not in self._folders:
            self._folders[folder] = Path(folder).resolve().is_relative_to(self._root)
        linked = os.path.islink(file)  # noqa: PTH114
        return self._folders[folder] and (not linked or Path(file).resolve().is_relative_to(self._root))

    def of(self, row: Row) -> tuple[tuple[Picture, ...], list[tuple[str, str]]]:
        """The pictures of a row, and what is wrong with them as (field, what)."""
        field = "image" if "image" in row.said else "images"
        found = [self._known[name] for name in picture_names(row.said)]
        images = tuple(one for one in found if isinstance(one, Picture))
        return images, [(field, one) for one in found if isinstance(one, str)]


def _opened_digest(file: Path) -> str:
    """The sha256 of a picture that can be opened. Raises ValueError for one that cannot."""
    if not file.is_file():
        raise FileNotFoundError(file)  # a pipe would be waited for
    data = file.read_bytes()
    if not can_be_opened(data):
        raise ValueError
    return hashlib.sha256(data).hexdigest()


def _near(file: Path, root: Path) -> str:
    names = [other.name for other in file.parent.iterdir()] if file.parent.is_dir() else []
    nearest = difflib.get_close_matches(file.name, names, n=1)
    return f"; did you mean '{file.with_name(nearest[0]).relative_to(root).as_posix()}'?" if nearest else ""
