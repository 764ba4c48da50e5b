"""Records and whole runs as JSON for other programs, texts kept back unless a person asks for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pytest_vsc.runs import Footer, Header

TEXTS = frozenset({"prompt", "text", "thought", "span"})  # what holds words of a case or of a model, at any depth


def record_objects(file: Path, offsets: Iterable[int], *, reveal: bool) -> Iterator[dict[str, Any]]:
    """The records of these lines, as `run.jsonl` has them; in the place of each text its length and sha256 (UTF-8)."""
    with file.open("rb") as lines:
        for offset in offsets:
            lines.seek(offset)
            said = json.loads(lines.readline())
            del said["kind"]
            yield said if reveal else _kept_back(said)


def _kept_back(said: Any) -> Any:
    if isinstance(said, dict):
        return {name: _stands_for(value) if name in TEXTS else _kept_back(value) for name, value in said.items()}
    return [_kept_back(one) for one in said] if isinstance(said, list) else said


def _stands_for(text: str) -> dict[str, Any]:
    return {"length": len(text), "sha256": hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()}


def run_object(header: Header, footer: Footer | None, recorded: int) -> dict[str, Any]:
    """A run as `summary.json` has it. One without an end has no rates, no decisions and no exit status."""
    said = {"header": header.model_dump(mode="json")}
    if footer is not None:
        return said | footer.model_dump(mode="json")
    cases = sum(suite.cases for suite in header.suites)
    counted = {"complete": False, "suite_cases": cases, "expected": None, "recorded": recorded}
    return said | counted | {"cut": "the run came to no end", "gates": [], "rates": [], "exit": None}


def print_list(objects: Iterable[dict[str, Any]]) -> None:
    """A JSON list, one object a line as they come."""
    print("[", end="")
    for number, one in enumerate(objects):
        print(f"{',' * bool(number)}\n{in_ascii(one)}", end="")
    print("\n]")


def in_ascii(said: object, indent: int | None = None) -> str:
    """JSON in ASCII, in which no pipeline finds a command: what begins one stands escaped."""
    return json.dumps(said, indent=indent).replace("##", "#\\u0023")
