"""What the installed plugin adds to an unrelated pytest run. Target: less than 15 ms.

Run by hand: `python -m tests.bench.bench_startup [--repeat N]`. Both sides run in turns; the figure is the median of
the differences.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from tests.bench import results
from tests.bench.bench_replay import QUIET, pytest_process


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=25)
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "unrelated"
        folder.mkdir()
        (folder / "test_one.py").write_text("def test_one(): pass\n")
        seconds(folder, "-p", "no:vsc"), seconds(folder)  # warm both up
        pairs = [(seconds(folder, "-p", "no:vsc"), seconds(folder)) for _ in range(repeat)]
    without, with_plugin = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
    added = 1000 * statistics.median(two - one for one, two in pairs)
    print(f"one test: {without:.0f} ms without the plugin, {with_plugin:.0f} ms with it; it adds {added:+.1f} ms")
    results.append("startup", {"without_ms": without, "with_ms": with_plugin, "added_ms": added, "repeat": repeat})


def seconds(folder: Path, *arguments: str) -> float:
    begun = time.perf_counter()
    pytest_process(folder, *QUIET, *arguments, "test_one.py")
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
