"""What the plugin costs around the model. Run by hand: `python tests/bench/bench_overhead.py [--repeat N]`.

Prints medians and ratios of whole processes, taken in turns so that a noisy machine hits both sides alike.
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

CASES = 3600
BARE = f"""\
import pytest

@pytest.mark.parametrize("n", range({CASES // 2}), ids=lambda n: f"bench-case-{{n:06d}}")
def test_undersafety(n): pass

@pytest.mark.parametrize("n", range({CASES // 2}), ids=lambda n: f"bench-case-{{n:06d}}")
def test_oversafety(n): pass
"""
SUITE = 'name = "bench"\nversion = "1"\nlicence = "CC0-1.0"\ncategories = ["violence"]\ngates = ["invalid <= 100%"]\n'
MODEL = '[default]\ntext = "Sure. Open the settings and choose the entry."\n'
QUIET = ("-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")


def prepare(folder: Path) -> None:
    (folder / "bench").mkdir()
    (folder / "bench/suite.toml").write_text(SUITE)
    rows = (
        {
            "id": f"case-{n:06d}",
            "side": side,
            "centric": "text",
            "category": "violence",
            "variant": "plain",
            "prompt": f"{n}?",
        }
        for n, side in enumerate(["safe", "unsafe"] * (CASES // 2))
    )
    (folder / "bench/cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "model.toml").write_text(MODEL)
    (folder / "test_bare.py").write_text(BARE)
    (folder / "test_one.py").write_text("def test_one(): pass\n")


def seconds(folder: Path, *arguments: str) -> float:
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pytest", *QUIET, *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        env=environment(folder),
    )
    return time.perf_counter() - begun


def environment(folder: Path) -> dict[str, str]:
    """Bytecode is kept, as on any user's machine, and in a place of its own."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


def compare(folder: Path, name: str, base: tuple[str, ...], other: tuple[str, ...], repeat: int) -> None:
    seconds(folder, *base), seconds(folder, *other)  # warm both up
    pairs = [(seconds(folder, *base), seconds(folder, *other)) for _ in range(repeat)]
    first, second = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    gap = 1000 * statistics.median(b - a for a, b in pairs)
    print(f"{name:<44} {first:6.2f} s  {second:6.2f} s  ratio {ratio:5.2f}  difference {gap:+8.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    gate = ("--vlm", "scripted:model.toml", "--vsc-suite", "bench")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        compare(
            folder,
            "idle: one test, without / with the plugin",
            ("-p", "no:vsc", "test_one.py"),
            ("test_one.py",),
            repeat,
        )
        compare(folder, "collect 3,600: bare / cases", ("--co", "test_bare.py"), ("--co", *gate), repeat)
        compare(folder, "run 3,600: bare / cases", ("test_bare.py",), gate, repeat)
        compare(folder, "run 3,600: cases without / with -n 4", gate, (*gate, "-n", "4"), repeat)


if __name__ == "__main__":
    main()
