"""What an adapter was trained on and how, as `training.json` and the card beside it tell. Trains nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pytest_vsc.calibrations.lessons import Lesson
from pytest_vsc.calibrations.training import write_used
from pytest_vsc.errors import ModelError
from pytest_vsc.leakage import Used, used_of

FILE, CARD = "training.json", "README.md"
FORMAT = 1


class UsedCase(NamedTuple):
    """A case that an adapter was trained on, or its loss measured on.

    kind: safe, unsafe, utility. prompt: as `prompt_digest` tells it. pictures: sha256 (hex) of the bytes of each.
    known: what `used.json` tells of it; None of what was read.
    """

    suite: str
    id: str
    group: str
    kind: str
    prompt: str
    pictures: tuple[str, ...]
    held_out: bool
    known: Used | None = None


TOLD = tuple(name for name in UsedCase._fields if name != "known")  # of a case in `training.json`


def prompt_digest(prompt: str) -> str:
    """sha256 (hex) of a prompt's words, whatever their case and the space between them."""
    return hashlib.sha256(" ".join(prompt.casefold().split()).encode()).hexdigest()


def used_cases(folder: Path) -> tuple[UsedCase, ...]:
    """The cases that the adapter in a folder was trained with; none where it does not tell. Raises ModelError."""
    file = folder / FILE
    if not file.is_file():
        return ()
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        return tuple(
            UsedCase(**{**{name: entry[name] for name in TOLD}, "pictures": tuple(entry["pictures"])})
            for entry in said["cases"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder.resolve().name}: {FILE} does not tell what it was trained on") from error


def used(lessons: Iterable[Lesson], held_out: Iterable[Lesson]) -> list[UsedCase]:
    """What of the lessons is written down; never their words. Lessons of no case are left out."""
    each = [(lesson, kept) for kept, some in ((False, lessons), (True, held_out)) for lesson in some if lesson.suite]
    return [
        UsedCase(
            lesson.suite,
            lesson.id,
            lesson.group,
            lesson.kind,
            prompt_digest(lesson.prompt),
            known.pictures,
            kept,
            known,
        )
        for (lesson, kept), known in zip(each, used_of(lesson for lesson, _ in each), strict=True)
    ]


def data_digest(lessons: Sequence[Lesson]) -> str:
    """sha256 (hex) over all that is taught: questions, picture bytes, answers, in their order."""
    whole = hashlib.sha256()
    for lesson in lessons:
        pictures = [picture.digest() for picture in lesson.images]
        said = [lesson.kind, lesson.suite, lesson.id, lesson.prompt, pictures, lesson.target, lesson.whole]
        whole.update(json.dumps(said).encode())
    return whole.hexdigest()


def write(folder: Path, said: Mapping[str, Any], cases: Sequence[UsedCase], card: str) -> None:
    """Write these and `used.json`; `training.json` last, for with it an adapter is finished. Raises OSError."""
    told = [{name: getattr(case, name) for name in TOLD} for case in cases]
    whole = {"format": FORMAT, **said, "cases": told}
    write_used(folder, [case.known for case in cases if case.known])
    (folder / CARD).write_text(card, encoding="utf-8", newline="\n")
    build = folder / f"{FILE}.new"
    build.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
    build.replace(folder / FILE)


def card_of(said: Mapping[str, Any], cases: Sequence[UsedCase]) -> str:
    """A model card of the adapter, as hubs read it."""
    model, recipe, losses = said["model"], said["recipe"], said["losses"]
    counts = {kind: sum(case.kind == kind for case in cases) for kind in ("safe", "unsafe", "utility")}
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
        ("cases", ", ".join(f"{count} {kind}" for kind, count in counts.items())),
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
fits no other weights. The cases that it was trained on are listed in `{FILE}`, by id and digest: what it does on them
says nothing about it.

| | |
| --- | --- |
{table}"""


def _loss(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
