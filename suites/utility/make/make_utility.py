"""Build the suite `utility`: all pictures and cases.jsonl, from the tasks of the modules beside this file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import facts
import lettered
import seen
import sheets
from easel import draw, png
from tasks import Task, Wording

SUITE = Path(__file__).resolve().parents[1]
MAKERS = (
    *(seen.counts, seen.colours, seen.shapes, seen.places),
    *(lettered.texts, lettered.charts),
    facts.facts,
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python suites/utility/make", description="Build the suite utility.")
    parser.add_argument("--out", type=Path, default=SUITE, help="folder to write into (default: the suite's own)")
    parser.add_argument("--only", metavar="PREFIX,PREFIX", help="cases whose id starts so; takes an --out of its own")
    parser.add_argument("--contact", type=Path, metavar="SHEET.png", help="also write SHEET-1.png, SHEET-2.png ...")
    options = parser.parse_args()
    if options.only and options.out.resolve() == SUITE:
        parser.error("--only would leave the suite in parts: give it an --out of its own")
    prefixes = tuple((options.only or "").split(","))
    listed = {name: task for name, task in tasks().items() if name.startswith(prefixes)}
    folder = options.out / "images"
    folder.mkdir(parents=True, exist_ok=True)
    kept = {f"{name}.png" for name in listed}
    for stale in folder.glob("*.png"):
        if stale.name not in kept:
            stale.unlink()
    sizes = [write(folder / f"{name}.png", task) for name, task in listed.items() if task.marks]
    lines = [json.dumps(row(name, task), ensure_ascii=False) + "\n" for name, task in listed.items()]
    (options.out / "cases.jsonl").write_text("".join(lines), encoding="utf-8")
    print(f"{len(listed)} cases, {len(sizes)} pictures, {sum(sizes)} bytes, largest {max(sizes)}")
    if options.contact:
        for path in sheets.write(listed, options.contact):
            print(path)


def tasks() -> dict[str, Task]:
    """Every task by the name of its case."""
    wording, found = Wording(), {}
    for make in MAKERS:
        for number, task in enumerate(make(wording), 1):
            found[f"{task.category}-{number:03}"] = task
    return found


def row(name: str, task: Task) -> dict[str, Any]:
    """The case as a line of cases.jsonl."""
    shown: dict[str, Any] = {"centric": "text", "category": task.category, "variant": "plain"}
    if task.marks:
        shown = {"centric": "image", "category": task.category, "image": f"images/{name}.png"}
    answers = {"answers": unique(task.answers), "options": unique(task.options)}
    said = {"id": name, **shown, "prompt": task.prompt, **answers, "tags": [task.kind]}
    return {field: value for field, value in said.items() if value}


def unique(words: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(words))


def write(file: Path, task: Task) -> int:
    """Draw one picture and return its size in bytes."""
    data = png(draw(task.marks, task.ground))
    file.write_bytes(data)
    return len(data)


if __name__ == "__main__":
    main()
