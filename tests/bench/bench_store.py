"""What the store of answers costs. Run by hand: `python -m tests.bench.bench_store [--answers N] [--repeat N]`.

Prints medians, alone and with two processes at once on one store, and appends them to `results/store.jsonl`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from pytest_vsc.records import Judgement, Response
from pytest_vsc.store import Store
from tests.bench import results

TEXT = "Sure. Open the settings, choose the entry and confirm it. " * 10  # 580 characters, about 120 tokens
BATCH, CHUNK = 32, 256


def digests(name: str, count: int) -> list[str]:
    return [hashlib.sha256(f"{name} {number}".encode()).hexdigest() for number in range(count)]


def response(digest: str) -> Response:
    return Response(text=TEXT + digest, finish_reason="stop", tokens=120, seconds=0.25)


def rate(count: int, work: Callable[[], object]) -> float:
    """Items a second."""
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)


def put(store: Store, keys: list[str], size: int) -> None:
    for start in range(0, len(keys), size):
        store.keep("bench", "0" * 64, {key: response(key) for key in keys[start : start + size]})


def get(store: Store, keys: list[str], size: int) -> None:
    found = sum(len(store.answers(keys[start : start + size])) for start in range(0, len(keys), size))
    assert found == len(keys)


def put_judgements(store: Store, keys: list[str]) -> None:
    for key in keys:
        store.keep_judgements({key: Judgement(verdict="ANSWERED", judge="bench")})


def get_judgements(store: Store, keys: list[str]) -> None:
    assert all(store.judgement(key) for key in keys)


def measure(folder: Path, name: str, count: int) -> Iterator[tuple[str, float]]:
    """Every figure once, in a folder that others may use too."""
    single, batched = digests(f"{name} single", count), digests(f"{name} batched", count)
    with closing(Store(folder)) as store:
        yield "puts/s, single", rate(count, lambda: put(store, single, 1))
        yield f"puts/s, batches of {BATCH}", rate(count, lambda: put(store, batched, BATCH))
        yield "gets/s, single", rate(count, lambda: get(store, single, 1))
        yield f"gets/s, chunks of {CHUNK}", rate(count, lambda: get(store, batched, CHUNK))
        yield "judgement puts/s", rate(count, lambda: put_judgements(store, single))
        yield "judgement gets/s", rate(count, lambda: get_judgements(store, single))
    tomorrow = Store(folder, clock=lambda: time.time() + 86400)
    get(tomorrow, batched, CHUNK)
    yield "days of last use noted/s, at the end", rate(count, tomorrow.close)


def at_once(folder: Path, count: int) -> dict[str, float]:
    """The sums of two processes that do the same at the same time. They start together, on a line of input."""
    command = [sys.executable, "-m", "tests.bench.bench_store", "--child", str(folder), "--answers", str(count)]
    children = [
        subprocess.Popen([*command, "--name", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in "ab"
    ]
    for child in children:
        assert child.stdout
        child.stdout.readline()  # it is ready
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    said = [json.loads(child.communicate()[0]) for child in children]
    return {figure: sum(one[figure] for one in said) for figure in said[0]}


def child(folder: Path, name: str, count: int) -> None:
    Store(folder).close()
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(dict(measure(folder, name, count))))


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=3600)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--name", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child, given.name, given.answers)
        return
    alone, both = [], []
    for _ in range(given.repeat):
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            alone.append(dict(measure(Path(first), "alone", given.answers)))
            both.append(at_once(Path(second), given.answers))
    one, two = medians(alone), medians(both)
    print(f"{'':<40}{'alone':>10}{'us each':>10}{'two at once':>14}")
    for figure, value in one.items():
        print(f"{figure:<40}{value:>10,.0f}{1e6 / value:>10.1f}{two[figure]:>14,.0f}")
    figures = {
        "alone": {name: round(value) for name, value in one.items()},
        "two": {n: round(v) for n, v in two.items()},
    }
    results.append("store", {"answers": given.answers, "repeat": given.repeat, **figures})


if __name__ == "__main__":
    main()
