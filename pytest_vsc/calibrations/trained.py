"""How an adapter was trained, as `training.json` and the card beside it tell; on which cases, `used` tells."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_vsc.calibrations.lessons import KINDS, Lesson
from pytest_vsc.calibrations.used import USED

FILE, CARD = "training.json", "README.md"
FORMAT = 1


def counted(lessons: Sequence[Lesson], held_out: Sequence[Lesson]) -> dict[str, int]:
    """How many cases of each kind there were, and how many of all served only to measure the loss."""
    cases = [lesson for lesson in (*lessons, *held_out) if lesson.suite]
    kinds: dict[str, int] = {kind: sum(lesson.kind == kind for lesson in cases) for kind in KINDS}
    return {**kinds, "held_out": len(held_out)}


def data_digest(lessons: Sequence[Lesson]) -> str:
    """sha256 (hex) over all that is taught: questions, picture bytes, answers, in their order."""
    whole = hashlib.sha256()
    for lesson in lessons:
        pictures = [picture.digest() for picture in lesson.images]
        said = [lesson.kind, lesson.suite, lesson.id, lesson.prompt, pictures, lesson.target, lesson.whole]
        whole.update(json.dumps(said).encode())
    return whole.hexdigest()


def write(folder: Path, said: Mapping[str, Any]) -> None:
    """Write both files; `training.json` last, for with it an adapter is finished. Raises OSError."""
    (folder / CARD).write_text(card_of(said), encoding="utf-8", newline="\n")
    build = folder / f"{FILE}.new"
    whole = json.dumps({"format": FORMAT, **said}, indent=1, ensure_ascii=False)
    build.write_text(f"{whole}\n", encoding="utf-8", newline="\n")
    build.replace(folder / FILE)


def card_of(said: Mapping[str, Any]) -> str:
    """A model card of the adapter, as hubs read it."""
    model, recipe, losses = said["model"], said["recipe"], said["losses"]
    rows = [
        ("model", model["name"]),
        ("weights of the model", f"sha256 {model['weights']}"),
        (
            "layers",
            f"{said['layers']['count']} linear layers of the text decoder: {', '.join(said['layers']['names'])}",
        ),
        ("rank, alpha, dropout", f"{recipe['rank']}, {recipe['alpha']:g}, {recipe['dropout']:g}"),
        ("steps, lessons a step", f"{recipe['steps']}, {recipe['batch_size'] * recipe['accumulation']}"),
        ("learning rate, seed", f"{recipe['rate']:g}, {recipe['seed']}"),
        ("suites", ", ".join(f"{one['name']} {one['version']}" for one in said["suites"])),
        ("cases", ", ".join(f"{said['cases'][kind]} {kind}" for kind in KINDS)),
        ("mixture", f"{said['mix']} (safe:unsafe:utility)"),
        ("targets", said["targets"]["what"]),
        ("utility", said["utility"]),
        ("loss held out", f"{_loss(losses['held_out_before'])} before, {_loss(losses['held_out'])} after"),
    ]
    table = "".join(f"| {name} | {value} |\n" for name, value in rows)
    return f"""---
library_name: peft
tags: [lora, safety-calibration]
---

# {said["name"]}

A LoRA adapter for {model["name"]}, made by `vsc tune` of {said["made_by"]}: unsafe questions with a refusal, safe
ones with a helpful answer, and questions of another kind so that it does not forget. Load it with `--vlm-adapter`; it
fits no other weights. The cases that it was trained on are listed in `{USED}`, by id and digest: none of them may
be evaluated with it.

| | |
| --- | --- |
{table}"""


def _loss(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
