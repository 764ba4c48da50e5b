"""The files of a suite that is made by a program: their text, and its pictures put into the folder.

What is in the suite, and whether it is a sound one, is told elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_vsc.cases import Case
from pytest_vsc.drafts import Item


def toml_of(said: Mapping[str, Any]) -> str:
    """A table of text, numbers, truth values and lists of text. JSON's way to write these is TOML's, but for DEL."""
    lines = [
        f"{name} = {json.dumps(value, ensure_ascii=False).replace(chr(127), '')}\n"
        for name, value in said.items()
        if value not in ("", [], (), False)
    ]
    return "".join(lines)


def line_of(said: Mapping[str, Any]) -> str:
    """A line of `cases.jsonl`: what is not set is left out, but for the prompt."""
    kept = {name: value for name, value in said.items() if value or name == "prompt"}
    return json.dumps(kept, ensure_ascii=False) + "\n"


def row_of(one: Case | Item, pictures: Sequence[str] | None = None) -> dict[str, Any]:
    """The fields of a case as `cases.jsonl` has them. pictures: the paths of an item's, which knows none."""
    paths = [picture.name for picture in one.images] if isinstance(one, Case) else list(pictures or ())
    return {
        "id": one.id,
        "pair": one.pair,
        "group": one.group,
        "side": one.side,
        "centric": one.centric,
        "category": one.category,
        "variant": one.variant,
        "prompt": one.prompt,
        "image": paths[0] if len(paths) == 1 else None,
        "images": paths if len(paths) > 1 else None,
        "answers": list(one.answers),
        "options": list(one.options),
        "tags": list(one.tags),
    }


def hashes_of(pictures: Mapping[str, str]) -> str:
    """The text of `pictures.sha256`. pictures: of each path its sha256."""
    return "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(pictures.items()))


def put_pictures(folder: Path, cases: Iterable[Case]) -> dict[str, str]:
    """Write the pictures of cases below a suite's folder, each by its name, where they are not there yet.

    Gives of each path its sha256. Raises OSError, ValueError for a picture that changed since its suite was read.
    """
    put: dict[str, str] = {}
    for picture in (picture for case in cases for picture in case.images):
        file = folder / picture.name
        if picture.name not in put and not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            scratch = file.with_name(f".{file.name}")
            scratch.write_bytes(picture.unchanged())
            scratch.replace(file)
        put[picture.name] = picture.digest()
    return put
