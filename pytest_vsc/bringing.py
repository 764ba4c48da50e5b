"""Bring the pictures of a release into a suite's folder, each once, checked, and named as the release names it."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

from pytest_vsc.drafts import Item, WantedPicture
from pytest_vsc.errors import ReleaseError
from pytest_vsc.pictures import fit
from pytest_vsc.releases import LARGEST_PICTURE, Release, clean_path

FOLDER = "images"
AT_A_TIME = 32  # pictures in memory


@dataclass
class Brought:
    """The pictures of a suite. files: of each wanted picture, its path in the suite, its sha256. lost: ids of items
    that lack one."""

    files: dict[WantedPicture, tuple[str, str]]
    lost: set[str]
    rendered: int = 0


class Pictures:
    """Brings pictures from the release into the folder, each file once however many items show it."""

    def __init__(self, release: Release, folder: Path) -> None:
        self._release, self._findings, self._folder, self._prefix = release, release.findings, folder, ""
        self._taken: dict[str, tuple[str, str]] = {}

    def bring(self, items: Sequence[Item]) -> Brought:
        self._prefix = _prefix(items)
        brought = Brought({}, set())
        users: dict[WantedPicture, list[Item]] = defaultdict(list)
        for item in items:
            for one in item.pictures:
                users[one].append(item)
        with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            warnings.simplefilter("ignore")  # of what is refused or repaired, and told
            wanted = list(users)
            for start in range(0, len(wanted), AT_A_TIME):
                share = wanted[start : start + AT_A_TIME]
                sources = [self._source(one, users[one]) for one in share]
                for one, (rendered, made) in zip(share, pool.map(_made, sources), strict=True):
                    self._keep(one, rendered, made, users[one], brought)
        return brought

    def _source(self, one: WantedPicture, users: Sequence[Item]) -> tuple[bool, Any] | None:
        """(whether it is drawn, what gives its bytes), None when there is nothing."""
        if one.data is not None:
            return False, lambda: one.data
        names = [clean for name in one.names if (clean := clean_path(name))]
        if len(names) < len(one.names):
            what = "a picture's path leads outside the release; never read"
            self._findings.add("refused", "path-outside", what, f"{users[0].at}: {one.names[0]}")
            return None
        if any("\\" in name for name in one.names):
            what = "a picture's path is written with backslashes"
            self._findings.add("repaired", "windows-path", what, f"{users[0].at}: {one.names[0]}")
        if (file := self._release.find_picture(*names)) is not None:
            return False, lambda: self._release.read(file, LARGEST_PICTURE)
        if one.render is not None:
            return True, one.render
        cases = f" ({len(users)} cases)" if len(users) > 1 else ""
        what = "a picture is not there; the cases that show it are left out"
        self._findings.add("missing", "picture", what, f"{names[0]}{cases}")
        return None

    def _keep(self, one: WantedPicture, rendered: bool, made: Any, users: Sequence[Item], brought: Brought) -> None:
        names = one.names
        if isinstance(made, str):
            what = "a picture cannot be used; the cases that show it are left out"
            self._findings.add("refused", "unusable-picture", what, f"{names[0]}: {made}")
        if made is None or isinstance(made, str):
            brought.lost |= {item.id for item in users}
            return
        for kind, found in (("repaired", made.repaired), ("noted", made.noted)):
            for name, what in found:
                self._findings.add(kind, name, what, names[0])  # type: ignore[arg-type]
        sha256 = hashlib.sha256(made.data).hexdigest()
        path = self._free(self._path(names, made.ending, converted=bool(made.repaired)), sha256)
        file = self._folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(made.data)
        brought.files[one] = (path, sha256)
        if rendered:
            brought.rendered += 1
            what = "a picture that is not there was drawn from its words"
            self._findings.add("rendered", "picture", what, names[0])

    def _path(self, names: tuple[str, ...], ending: str, *, converted: bool) -> str:
        """A path below `images/`: the release's own name for the picture, less what no file system likes."""
        written = (clean_path(names[0]) or "picture").removeprefix(self._prefix)
        parts = [re.sub(r"[^A-Za-z0-9._-]+", "_", part).lstrip(".") or "_" for part in written.split("/")]
        stem, dot, old = parts[-1].rpartition(".")
        same = {".jpeg": ".jpg"}.get(f".{old.casefold()}", f".{old.casefold()}")
        if dot and same == ending:
            ending = f".{old}"
        elif dot and len(old) <= 4 and converted:
            pass
        elif dot and len(old) <= 4:
            what = "a picture is not of the kind that its name ends in; named by what it is"
            self._findings.add("repaired", "wrong-ending", what, f"{names[0]}: {ending}")
        else:
            stem = parts[-1]
        return "/".join([FOLDER, *parts[:-1], f"{stem[:100]}{ending}"])

    def _free(self, path: str, sha256: str) -> str:
        """The path, or one beside it where another picture has it; upper and lower case are one to some systems."""
        taken, its = self._taken.setdefault(path.casefold(), (path, sha256))
        if its == sha256:
            return taken
        stem, dot, ending = path.rpartition(".")
        return f"{stem}-{sha256[:8]}{dot}{ending}"


def _made(source: tuple[bool, Any] | None) -> tuple[bool, Any]:
    """(whether it was drawn, a Fit), or in its place None for nothing, or what is wrong in words."""
    if source is None:
        return False, None
    rendered, give = source
    try:
        return rendered, fit(give())
    except (ValueError, ReleaseError) as error:
        return rendered, str(error)


def _prefix(items: Iterable[Item]) -> str:
    """The folders that all pictures of a release lie in, which a suite need not repeat."""
    folders = {
        PurePosixPath(clean).parent.parts
        for item in items
        for one in item.pictures
        if (clean := clean_path(one.names[0]))
    }
    shared = takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False))
    return "".join(f"{parts[0]}/" for parts in shared)
