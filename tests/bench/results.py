"""Keeps the figures of the benchmarks beside them, one JSON object a line, with what they depend on.

Nothing in a line tells whose machine it was: no path, no host name, no user.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("results")
LIBRARIES = ("pytest", "pytest-xdist", "torch", "transformers")


def append(name: str, figures: dict[str, Any]) -> None:
    """Add one run's figures to `results/NAME.jsonl`."""
    FOLDER.mkdir(exist_ok=True)
    line = json.dumps({**surroundings(), **figures})
    with (FOLDER / f"{name}.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def surroundings() -> dict[str, Any]:
    """What figures depend on, apart from the code: the day, the versions, the kind of machine."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{library: version for library in LIBRARIES if (version := _version(library))},
        "cpus": os.cpu_count(),
        "platform": f"{platform.system()} {platform.machine()}",
        **({"gpu": gpu} if (gpu := _gpu()) else {}),
    }


def _gpu() -> str | None:
    """The kind of CUDA device, asked of a process of its own: a benchmark's own need load no torch."""
    code = "import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else '')"
    if _version("torch") is None or shutil.which("nvidia-smi") is None:
        return None
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout.strip()


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None
