"""What a suite costs before the first test: loading it, its memory, and collecting its cases.

Run by hand: `python -m tests.bench.bench_suites [--cases 3600,100000] [--repeat N]`. Every case has a picture of its
own, up to PICTURES of them. Loading is timed in a fresh process each, once with all pictures read and once with their
digests kept; collection against a bare parametrized module of the same size, both in turns, ratios as medians of pairs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import results
from tests.bench.bench_replay import BARE, pytest_process
from tests.fullsize import picture

PICTURES = 4000
SUITE = """\
name = "bench"
version = "1"
licence = "CC0-1.0"
paired = ["image"]
categories = ["violence", "health-drugs"]
gates = ["undersafety <= 5%", "oversafety <= 10%"]
"""
LOAD = """\
import json, sys, time
from pathlib import Path
import psutil
from PIL import Image
from pytest_vsc.suites import load_suite
def held(): return psutil.Process().memory_info().rss / 2**20
before, begun = held(), time.perf_counter()
suite = load_suite(sys.argv[1], Path("."), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
print(json.dumps([time.perf_counter() - begun, held() - before, len(suite.cases)]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", default="3600,100000")
    parser.add_argument("--repeat", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for cases in map(int, given.cases.split(",")):
            measure(Path(name), cases, given.repeat)


def measure(place: Path, cases: int, repeat: int) -> None:
    folder, kept = suite(place / f"suite{cases}", cases), place / "kept"
    load(folder, kept)
    time.sleep(2.5)  # what has just changed is not kept
    load(folder, kept)
    loads = [(load(folder), load(folder, kept)) for _ in range(repeat)]
    read, memo = (statistics.median(pair[side][0] for pair in loads) for side in (0, 1))
    memory = statistics.median(pair[0][1] for pair in loads)
    print(f"{cases:,} cases: loaded in {read:.2f} s, {memo:.2f} s with digests kept, {memory:.0f} MiB")
    bare = place / f"test_bare{cases}.py"
    bare.write_text(BARE.format(half=cases // 2))
    pairs = [(seconds(place, str(bare)), seconds(place, *gate(folder))) for _ in range(repeat)]
    ratio = statistics.median(two / one for one, two in pairs)
    plain, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{cases:,} cases: collected in {ours:.2f} s, a bare module in {plain:.2f} s: {ratio:.2f}x")
    results.append(
        "suites",
        {
            **{"cases": cases, "load_s": read, "load_kept_s": memo, "load_mib": memory},
            **{"collect_s": ours, "bare_s": plain, "ratio": ratio, "repeat": repeat},
        },
    )


def suite(folder: Path, cases: int) -> Path:
    (folder / "images").mkdir(parents=True)
    (folder / "suite.toml").write_text(SUITE)
    for number in range(min(cases, PICTURES)):
        (folder / f"images/{number}.png").write_bytes(picture(f"{number}.png"))
    with (folder / "cases.jsonl").open("w") as file:
        for number in range(cases):
            pair, side = f"image-violence-{number // 2:06d}", ("safe", "unsafe")[number % 2]
            said = {"id": f"{pair}.{side}", "pair": pair, "side": side, "centric": "image", "category": "violence"}
            shown = {"prompt": f"What about item {number // 2}?", "image": f"images/{number % PICTURES}.png"}
            file.write(json.dumps({**said, **shown}) + "\n")
    return folder


def load(folder: Path, kept: Path | None = None) -> tuple[float, float]:
    """Seconds of loading in a process of its own, and MiB that it holds afterwards beside its modules."""
    command = [sys.executable, "-c", LOAD, str(folder), *([str(kept)] if kept else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, memory, _ = json.loads(done.stdout)
    return seconds, memory


def gate(folder: Path) -> tuple[str, ...]:
    return ("--vlm", "always-refuse", "--vsc-suite", str(folder), "--vsc-cache", str(folder.parent / "kept"))


def seconds(place: Path, *arguments: str) -> float:
    begun = time.perf_counter()
    pytest_process(place, "-p", "no:randomly", "--collect-only", "-q", *arguments)
    return time.perf_counter() - begun


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    main()
