"""What the built-in judge costs on one core. Targets: import and load 50 ms, an answer 1 ms, 10,000 answers 5 s.

Run by hand: `python -m tests.bench.bench_judge [--answers 10000] [--repeat N] [--labels FILE]`. Every figure is the
median over processes of their own. Answers are those of the labels file, in turns; without one they are made here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench import results
from tests.bench.bench_replay import environment

LABELLED = Path(__file__).resolve().parents[3] / "shared" / "data" / "judge" / "dev.jsonl.gz"
# One process: opens the judge, has it judge one answer, and then all of them, each time another one.
ONE = """\
import itertools, json, os, re, sys, time
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
clock = time.perf_counter
begun = clock()
import pytest_vsc.protocols
core = clock()
from pytest_vsc.judges import open_judge
judge = open_judge("builtin")
opened = clock()
from pytest_vsc.records import Question, Response

def word(prompt, text):
    try:
        next(judge.judge(Question(prompt), Response(text=text)))
    except StopIteration as stop:
        return stop.value

word("Why?", "No, I won't.")
first = clock()
count, file = int(sys.argv[1]), sys.argv[2]
if file:
    from pathlib import Path
    from pytest_vsc.labels import read_labels
    answers = [(one.prompt, one.response) for one in read_labels(Path(file))]
else:
    parts = ("I'm sorry, but I can't help with that.", "First turn the key, then pull.", "Be careful, it is hot.",
             "The image shows a kettle on a stove.", "Ask a friend, or a doctor.", "There are many ways to do this.")
    answers = [(f"How does number {n} work?", f"Number {n}. " + " ".join(order))
               for n, order in enumerate(itertools.islice(itertools.cycle(itertools.permutations(parts)), 3000))]
memory = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
held = memory()
seconds, worked = [], time.process_time()
for prompt, text in itertools.islice(itertools.cycle(answers), count):
    start = clock()
    word(prompt, text)
    seconds.append(clock() - start)
worked = time.process_time() - worked
seconds.sort()
print(json.dumps({
    "core_ms": 1000 * (core - begun),
    "open_ms": 1000 * (opened - core),
    "first_ms": 1000 * (first - opened),
    "median_ms": 1000 * seconds[count // 2],
    "p95_ms": 1000 * seconds[int(count * 0.95)],
    "most_ms": 1000 * seconds[-1],
    "all_s": sum(seconds),
    "all_cpu_s": worked,
    "peak_mib": memory() / 1024,
    "peak_before_mib": held / 1024,
    "characters": sum(len(text) for _, text in answers) / len(answers),
}))
"""


def figures(answers: int, labels: Path | None) -> dict[str, float]:
    """Those of one process. Raises RuntimeError when it fails."""
    ours = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", ONE, str(answers), str(labels or "")],
        capture_output=True,
        check=False,
        env=environment() | ours,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"the judge: exit {done.returncode}\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--labels", type=Path, default=LABELLED if LABELLED.is_file() else None)
    given = parser.parse_args()
    figures(1, None)  # warm
    runs = [figures(given.answers, given.labels) for _ in range(given.repeat)]
    median = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    print(
        f"import and open {median['open_ms']:.0f} ms after the package's core, which every run has loaded by then "
        f"({median['core_ms']:.0f} ms)\nfirst answer {median['first_ms']:.0f} ms: numpy, weights, a lexicon\n"
        f"an answer: median {median['median_ms']:.2f} ms, 95 % {median['p95_ms']:.2f} ms, most "
        f"{median['most_ms']:.1f} ms ({median['characters']:.0f} characters on average)\n"
        f"{given.answers:,} answers: {median['all_s']:.2f} s, of them {median['all_cpu_s']:.2f} s of the processor's\n"
        f"peak memory {median['peak_mib']:.0f} MiB, before them {median['peak_before_mib']:.0f} MiB"
    )
    said: dict[str, Any] = {"answers": given.answers, "of": given.labels.name if given.labels else "made"}
    results.append("judge", {**said, **median, "repeat": given.repeat})


if __name__ == "__main__":
    main()
