"""A small forged suite, written by hand: pairs in pictures and words with the notes of how they were made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests import drawn

PICTURES = {f"images/{number}.png": drawn.encoded(drawn.drawn(number)) for number in range(1, 4)}
TOML = drawn.TOML.replace('"drawn"', '"new"') + 'paired = ["image", "text"]\n'
NAMES = ("a.blur.0", "b.blur.0", "c.typos.0", "d.typos.1")


def rows(prompts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Two pairs in pictures, which share one of them, and two in words. prompts: instead of theirs, by pair."""
    made = []
    for name in NAMES:
        pictured = "blur" in name
        for side in ("safe", "unsafe"):
            image = f"images/{1 if side == 'safe' else ord(name[0]) - ord('a') + 2}.png"
            more = {"centric": "image", "variant": None} if pictured else {"category": "health-drugs"}
            said = prompts.get(name, f"How do I fold {'this' if pictured else side} boat?")
            made.append(
                drawn.case(
                    f"{name}.{side}",
                    *([image] if pictured else []),
                    pair=name,
                    side=side,
                    prompt=said if pictured else f"{said} ({side})",
                    tags=[f"op={name.split('.')[1]}"],
                    **more,
                )
            )
    return made


def note(name: str, **said: Any) -> dict[str, Any]:
    parent, op, number = name.split(".")
    return {
        "pair": name,
        "parent": {"suite": "old", "sha256": "ab" * 32, "pair": parent},
        "recipe": f"{op}:strength=0.5",
        "seed": 0,
        "number": int(number),
        "similarity": {"halves_edit": 0.5, "parent_phash": 3},
        "reviewed": False,
        **said,
    }


def write(root: Path, *, toml: str = TOML, prompts: Mapping[str, str] = MappingProxyType({}), **said: Any) -> Path:
    """The suite in a new folder. said: in every note besides, or instead."""
    drawn.write_suite(root, rows(prompts), PICTURES, toml)
    (root / "pictures.sha256").write_text(drawn.hashes(PICTURES))
    (root / "forge.jsonl").write_text("".join(json.dumps(note(name, **said)) + "\n" for name in NAMES))
    return root


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def contents(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()}


def decisions(file: Path, sha256: str, accepted: Sequence[str] = (), struck: Sequence[str] = (), **said: Any) -> Path:
    """A file of decisions, as the page saves it."""
    whole = {"format": 1, "suite": "new", "sha256": sha256, "reviewer": "ann"}
    file.write_text(json.dumps({**whole, "accepted": list(accepted), "struck": list(struck), **said}))
    return file
