"""Digests of files kept from run to run, so that nothing is read again that did not change. It opens no other file.

A digest is known by path, size, times of change and file number. What has changed within the last seconds is never
kept: a clock is too coarse to tell one change of it from the next.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

ENDING = ".memo.json"  # of the names of all memos in a folder
DIGEST = re.compile("[0-9a-f]{64}")
SETTLED = 2.0  # seconds after which a file's times tell every later change


class Memo:
    """Digests by the state of their files. A memo that cannot be read or kept is only slower.

    file: where it is kept, None for nowhere. worth: the size in bytes from which a file's digest is kept.
    whole: what is kept is what was asked for this time, and no more.
    """

    def __init__(self, file: Path | None, *, worth: int = 0, whole: bool = False) -> None:
        self._file, self._worth, self._whole = file, worth, whole
        self._asked: dict[str, str] = {}
        self._changed = False
        try:
            read = json.loads(file.read_text(encoding="utf-8")) if file else {}
        except (OSError, ValueError):
            read = {}
        entries = read.items() if isinstance(read, dict) else ()
        self._known = {key: value for key, value in entries if DIGEST.fullmatch(str(value))}

    def known(self, file: Path | str) -> str | None:
        """The digest of a file, if it did not change since that was made."""
        if not self._known:
            return None
        try:
            key = _key(file, os.stat(file))  # noqa: PTH116  a Path costs more than the call
        except (OSError, ValueError):
            return None
        if (known := self._known.get(key)) is not None:
            self._asked[key] = known
        return known

    def digest(self, file: Path | str, make: Callable[[Path], str]) -> str:
        """The digest of a file, made by `make` unless it is known. Raises what `make` raises, and OSError."""
        if (known := self.known(file)) is not None:
            return known
        status = os.stat(file)  # noqa: PTH116
        made = make(Path(file))
        if status.st_size >= self._worth and abs(time.time() - status.st_ctime) >= SETTLED:
            self._changed = True
            self._asked[_key(file, status)] = made
        return made

    def keep(self) -> None:
        """Write down what is new; of a file that changed only the last state is kept."""
        if self._file is None or not self._changed:
            return
        kept = dict(self._asked)
        if not self._whole:
            files = {_path(key) for key in self._asked}
            kept |= {key: value for key, value in self._known.items() if _path(key) not in files}
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            beside = self._file.with_suffix(f".{os.getpid()}")
            beside.write_text(json.dumps(kept), encoding="utf-8")
            beside.replace(self._file)


def forget(folder: Path) -> None:
    """Remove all memos of a folder."""
    for file in folder.glob(f"*{ENDING}"):
        with contextlib.suppress(OSError):
            file.unlink()


def _key(file: Path | str, status: os.stat_result) -> str:
    return f"{file} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def _path(key: str) -> str:
    return key.rsplit(" ", 4)[0]
