"""What a forge has done so far, one attempt a line, so that a run that broke off goes on where it stopped.

It decides nothing: an attempt is written down with what came of it.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from pytest_vsc.cases import Value
from pytest_vsc.composing import put_pictures, row_of
from pytest_vsc.errors import ForgeError, one_line
from pytest_vsc.forge.forging import Face, Forged, name_of
from pytest_vsc.forge.known import Faces
from pytest_vsc.forge.recipes import spelled

WORK = "forge.work.jsonl"


class Order(Value):
    """What a forge was asked for; all that decides which pairs come of it. recipes: spelled, () for any.

    versions: of what draws and measures, with which the bytes are the same. models: `rewriter` and `verifier`, where
    a model rewrites, each as `{spec, model, fingerprint}`, "" where that pins nothing.
    """

    suite: str
    suite_sha256: str
    recipes: tuple[str, ...]
    seed: int
    limit: int
    bounds: dict[str, float]
    versions: dict[str, str]
    models: dict[str, dict[str, str]] = Field(default_factory=dict)


class Entry(NamedTuple):
    """One line. rows: of the safe and the unsafe case; none of a pair that was rejected. words: a model's for both."""

    pair: str
    parent: str
    number: int
    recipe: str
    why: str
    detail: str
    likeness: dict[str, float | int | None]
    rows: list[dict[str, Any]]
    words: list[str]
    faces: Faces | None


class Workbook:
    """The open file of one folder."""

    def __init__(self, folder: Path, order: Order) -> None:
        """Begins it, or goes on with one of the same order. Raises ForgeError."""
        self._folder, self._file = folder, folder / WORK
        try:
            if self._file.is_file() and first_line(self._file):
                self._see_same(order)
                mend(self._file)
            else:
                folder.mkdir(parents=True, exist_ok=True)
                self._file.write_text(f"{order.model_dump_json()}\n", encoding="utf-8")
            self._stream = self._file.open("ab")
        except OSError as error:
            raise ForgeError(f"--out: {one_line(self._file)}: cannot be written: {error.strerror or error}") from None

    def _see_same(self, order: Order) -> None:
        before = json.loads(first_line(self._file))
        now = json.loads(order.model_dump_json())
        if differ := [name for name in now if before.get(name) != now[name]]:
            raise ForgeError(
                f"--out {one_line(self._folder)}: holds the work of another order, which broke off (it differs in "
                f"{', '.join(differ)}); expected a new folder, or the command as it was"
            )

    def add(self, forged: Forged) -> None:
        """Write down what came of an attempt; the pictures go first. Raises ForgeError."""
        try:
            if forged.cases and forged.why is None:
                put_pictures(self._folder, forged.cases)
            self._stream.write(f"{json.dumps(_said(forged), ensure_ascii=True)}\n".encode())
            self._stream.flush()
        except OSError as error:
            where = one_line(error.filename or self._file)
            raise ForgeError(
                f"--out: {where}: cannot be written: {error.strerror or error}; the same command goes on"
            ) from None

    def entries(self) -> Iterator[Entry]:
        """All that is written down, in its order."""
        with self._file.open("rb") as lines:
            next(lines)
            for line in lines:
                said = json.loads(line)
                faces = said.pop("faces")
                yield Entry(**said, faces=(_face(faces[0]), _face(faces[1])) if faces else None)

    def close(self, *, done: bool = False) -> None:
        """done: the work is in other files now."""
        self._stream.close()
        if done:
            self._file.unlink()


def is_work(folder: Path) -> bool:
    """Whether a folder holds the work of a forge that broke off."""
    return (folder / WORK).is_file()


def first_line(file: Path) -> bytes:
    """The order, empty where not even that was written whole."""
    with file.open("rb") as lines:
        line = lines.readline()
    return line if line.endswith(b"\n") else b""


def mend(file: Path) -> None:
    """Take off a last line that broke off."""
    with file.open("rb+") as stream:
        end = 0
        for line in stream:
            if line.endswith(b"\n"):
                end += len(line)
        stream.truncate(end)
        os.fsync(stream.fileno())


def _said(forged: Forged) -> dict[str, Any]:
    kept = forged.why is None and forged.cases is not None
    return {
        "pair": name_of(forged.attempt),
        "parent": forged.attempt.pair,
        "number": forged.attempt.number,
        "recipe": spelled(forged.attempt.recipe),
        "why": forged.why or "",
        "detail": forged.detail,
        "likeness": forged.likeness._asdict() if forged.likeness else {},
        "rows": [row_of(case) for case in forged.cases or ()] if kept else [],
        "words": [one.text for one in forged.attempt.words or ()] if kept else [],
        "faces": [_face_said(face) for face in forged.faces or ()] if kept else None,
    }


def _face_said(face: Face) -> list[Any]:
    colours = [base64.b64encode(one).decode() for one in face.colours]
    return [face.prompt, list(face.pictures), list(face.hashes), colours]


def _face(said: list[Any]) -> Face:
    prompt, pictures, hashes, colours = said
    return Face(prompt, tuple(pictures), tuple(hashes), tuple(map(base64.b64decode, colours)))
