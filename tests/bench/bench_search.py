"""How much of its time a search spends inside the model. Run by hand: `python -m tests.bench.bench_search`.

On the embedded model, over `mini`, as `vsc forge search` does; outside the clock: loading. Prints one line.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from pytest_vsc.engines import EngineSettings, open_engine
from pytest_vsc.examine import Approach
from pytest_vsc.forge.asking import Asking
from pytest_vsc.forge.search import GOALS, Limits, Search
from pytest_vsc.forge.space import searched
from pytest_vsc.judges import open_judge
from pytest_vsc.records import Generation, Policy
from pytest_vsc.suites import load_suites


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=int, default=400)
    parser.add_argument("--goal", choices=GOALS, default="undersafe")
    parser.add_argument("--vlm", default="tiny")
    parser.add_argument("--ops", default="")
    given = parser.parse_args()
    engine = open_engine(given.vlm, EngineSettings())
    engine.check()
    asking = Asking(engine, Approach(Generation()), open_judge("builtin"), Policy())
    suite = load_suites(["mini"], Path.cwd())[0]
    try:
        ops = searched([*filter(None, given.ops.split(","))], "--ops")
        search = Search(suite, given.goal, ops, asking, Limits(given.budget, 1000))
        cpu, since = time.process_time(), time.monotonic()
        search.run()
        cpu, passed = time.process_time() - cpu, time.monotonic() - since
        print(
            f"{given.vlm}: {asking.questions} questions in {passed:.1f} s, {asking.share:.0%} inside the model, "
            f"{cpu:.1f} s of our own; {search.raw_finds} raw finds, {len(search.causes)} causes; {search.why}"
        )
    finally:
        asking.close()


if __name__ == "__main__":
    main()
