"""The gate in a process of its own, for benchmarks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.bench_replay import environment

ROOT = Path(__file__).parents[2]


class Gated(NamedTuple):
    """What a run of the gate left: summary.json, and the lines of run.jsonl."""

    summary: dict[str, Any]
    lines: list[dict[str, Any]]

    @property
    def rate(self) -> float:
        """Answers a second, from when the model was ready to its last one."""
        return self.generated / float(self.summary["used"]["seconds"])

    @property
    def generated(self) -> int:
        return int(self.summary["used"]["generated"])


def gate(vlm: str, *options: str, env: Mapping[str, str]) -> Gated:
    """Run it on the shipped suite, with nothing kept of earlier runs; whether the model passes is all the same.

    Raises RuntimeError when it comes to no end.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", f"--vlm={vlm}", "--vsc-cache", "off", "-q", "-p", "no:randomly", *options],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env=environment() | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": path, **env},
        )
        try:
            report = Path(folder) / "vsc-report"
            lines = [json.loads(line) for line in (report / "run.jsonl").read_text().splitlines()]
            return Gated(json.loads((report / "summary.json").read_text()), lines)
        except OSError:
            raise RuntimeError(f"the gate came to no end:\n{ran.stdout[-3000:]}") from None
