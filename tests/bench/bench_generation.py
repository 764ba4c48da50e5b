"""What the tool takes of a model's speed. Run by hand: `python -m tests.bench.bench_generation [--repeat N]`.

Compares the gate on the embedded model, or on `--model FOLDER`, with bare loops over the same requests, in turns, each
in a process of its own. Outside every clock: loading, and four requests to warm up. Prints ratios, medians of those of
each round, and appends them to `results/generation.jsonl`. On a GPU, with a model of real size and random weights:

    python -m tests.qwen /tmp/qwen-7b --size 7b
    python -m tests.bench.bench_generation --model /tmp/qwen-7b --batch-size 64 --max-new-tokens 64
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.transformers import TransformersEngine
from tests.bench import results
from tests.bench.bench_replay import environment
from tests.bench.gating import ROOT, gate

TINY = ROOT / "fixtures/models/tiny"
LOOPS = {
    "a": "bare batches, prepared outside the clock",
    "b": "bare batches, prepared in series",
    "c": "one at a time, prepared in series",
    "d": "bare batches, prepared in a thread",
}
GATES = {
    "n0": "gate -n 0",
    "n1": "gate -n 1",
    "n4": "gate -n 4",
    "auto": "gate -n 0, batch size auto",
    "here": "gate -n 0, the model in pytest's process",
}
ROWS = ("a", "b", "d", *GATES, "c")
SINGLE = 100  # requests of loop c, which takes a second for ten of them


class Way(NamedTuple):
    """How all rows of a table run. threads: of torch, on a CPU."""

    model: Path
    batch_size: int
    threads: int
    max_new_tokens: int

    def options(self) -> list[str]:
        """As `main` reads them."""
        return [word for name, value in self._asdict().items() for word in (f"--{name.replace('_', '-')}", str(value))]


def loop(which: str, way: Way) -> dict[str, float]:
    """Run one bare loop over the requests of `mini` in this process."""
    import torch
    import transformers

    from pytest_vsc.engines import checkpoint
    from pytest_vsc.engines.decoding import token_rules
    from pytest_vsc.engines.prompts import conversation_of, prepare
    from pytest_vsc.records import Message, Request
    from pytest_vsc.suites import load_suites

    transformers.utils.logging.disable_progress_bar()
    device = checkpoint.device_of("auto")
    dtype = checkpoint.dtype_of("auto", "auto")
    if device == "cpu":
        torch.set_num_threads(way.threads)
    processor = checkpoint.read_processor(str(way.model), "model", {"trust_remote_code": False})
    processor.tokenizer.padding_side = "left"
    model = transformers.AutoModelForImageTextToText.from_pretrained(
        way.model, dtype=getattr(torch, dtype), device_map={"": device}
    ).eval()
    kind = model.config.model_type
    config = transformers.GenerationConfig(
        **token_rules(model, processor), max_new_tokens=way.max_new_tokens, do_sample=False
    )
    cases = load_suites(("mini",), ROOT)[0].cases
    requests = [Request(messages=(Message(role="user", text=case.prompt, images=case.images),)) for case in cases]
    size = way.batch_size
    if which == "c":
        requests, size = requests[:: len(requests) // SINGLE], 1
    batches = [requests[start : start + size] for start in range(0, len(requests), size)]

    def prepared(batch: list[Request]) -> Any:
        return prepare([conversation_of(one, kind) for one in batch], processor, dtype)

    def answer(inputs: Any) -> None:
        with torch.inference_mode():
            model.generate(**inputs.to(device), generation_config=config).cpu()

    answer(prepared(requests[:4]))  # as the gate's self-check does
    ready = [prepared(batch) for batch in batches] if which == "a" else []
    begun = time.perf_counter()
    for inputs in ready or (ahead(batches, prepared) if which == "d" else map(prepared, batches)):
        answer(inputs)
    return {"items": len(requests), "seconds": time.perf_counter() - begun}


def ahead(batches: list[Any], prepared: Any) -> Iterator[Any]:
    """The batches, each prepared in a thread while the one before is answered."""
    line: queue.Queue[Any] = queue.Queue(2)

    def work() -> None:
        for batch in batches:
            line.put(prepared(batch))
        line.put(None)

    threading.Thread(target=work, daemon=True).start()
    while (inputs := line.get()) is not None:
        yield inputs


def bare(which: str, way: Way) -> float:
    """Items a second of one loop in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.bench_generation", "--loop", which, *way.options()],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        env=environment() | {"HF_HUB_OFFLINE": "1"},
    )
    figures = json.loads(ran.stdout.splitlines()[-1])
    return float(figures["items"] / figures["seconds"])


def made_here(settings: EngineSettings) -> TransformersEngine:
    """The engine in pytest's own process, for comparison."""
    return TransformersEngine(os.environ["BENCH_MODEL"], settings)


def gated(workers: str, way: Way, vlm: str = "", *, sized: bool = True) -> float:
    """Answers a second of a complete run of the gate."""
    options = ["-n", workers, "--vlm-max-new-tokens", str(way.max_new_tokens)]
    options += ["--vlm-batch-size", str(way.batch_size)] if sized else []
    ran = gate(vlm or str(way.model), *options, env={"BENCH_MODEL": str(way.model)})
    used = ran.summary["used"]
    assert ran.summary["complete"]
    assert used["loaded"] == "yes"
    print(f"    {used.get('batch_size')}, {ran.summary['header']['model'].get('self_check')}", flush=True)
    return ran.rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--model", type=Path, default=TINY, help="a folder")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 1) - 1), help="of torch, as the gate")
    parser.add_argument("--max-new-tokens", type=int, default=256)
    parser.add_argument("--rows", default=",".join(ROWS), help=f"any of {', '.join(ROWS)}; n0 is always among them")
    parser.add_argument("--loop", choices=LOOPS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    way = Way(asked.model.resolve(), asked.batch_size, asked.threads, asked.max_new_tokens)
    if asked.loop:
        print(json.dumps(loop(asked.loop, way)))
        return
    rows = list(dict.fromkeys([*asked.rows.split(","), "n0"]))
    rates: dict[str, list[float]] = {}
    for _ in range(asked.repeat):
        for row in rows:
            rates.setdefault(row, []).append(measured(row, way))
            print(f"  {title(row):<46} {rates[row][-1]:7.1f} items/s", flush=True)
    report(rates, way, asked.repeat)


def title(row: str) -> str:
    return GATES.get(row) or f"({row}) {LOOPS[row]}"


def measured(row: str, way: Way) -> float:
    """Items a second of one row of the table."""
    if row in LOOPS:
        return bare(row, way)
    if row == "here":
        return gated("0", way, "python:tests.bench.bench_generation:made_here")
    return gated("0", way, sized=False) if row == "auto" else gated(row.removeprefix("n"), way)


def report(rates: dict[str, list[float]], way: Way, repeat: int) -> None:
    gated = rates["n0"]
    ratios = {
        name: statistics.median(gate / one for gate, one in zip(gated, column, strict=True))
        for name, column in rates.items()
    }
    medians = {name: statistics.median(column) for name, column in rates.items()}
    print(f"\nmedians of {repeat} rounds, {way.model.name}, batches of {way.batch_size}, {way.threads} torch threads")
    for name, rate in medians.items():
        print(f"{title(name):<48} {rate:7.1f} items/s   gate -n 0 is {ratios[name]:5.2f} of it")
    results.append(
        "generation",
        {
            **way._asdict(),
            "model": way.model.name,
            "repeat": repeat,
            "items_per_second": medians,
            "gate_n0_of_it": ratios,
        },
    )


if __name__ == "__main__":
    main()
