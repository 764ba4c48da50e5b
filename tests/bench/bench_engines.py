"""The same suite by three ways to one model, and what the tool takes of a server's speed. Run by hand:

    python -m tests.bench.bench_engines [--sample N] [--paired-sample N] [--repeat N] [--ways process,serve,vllm]

in an environment with torch, `transformers[serving]` and vLLM. The model is a copy of the embedded one whose processor
splits pictures, which vLLM needs (see `serving.splitting`), in float32. First each way runs the suite once, and the
verdicts are compared case by case. Then, for each server, our engine, a bare client and the whole gate put the same
requests at the same concurrency, in turns, to the one server; ratios are those of neighbours, after a round that does
not count (vLLM remembers pictures and prompts). Where the server works on the cores of this machine, what the gate
does beside asking (tests, judge, files) is taken from the server, too. Outside every clock: starting and loading.
Appends to `results/engines.jsonl`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.address import KEY as OPENAI_KEY
from pytest_vsc.engines.chat import chat_of
from pytest_vsc.engines.flags import MODEL, environment, flags
from pytest_vsc.engines.openai import OpenAIEngine
from pytest_vsc.engines.served import Server, free_port
from pytest_vsc.records import Message, Request
from pytest_vsc.selection import draw, parse_sample
from pytest_vsc.suites import load_suites
from tests.bench import results
from tests.bench.bench_replay import environment as own_environment
from tests.bench.gating import ROOT, gate
from tests.serving import running, splitting

TINY = ROOT / "fixtures/models/tiny"
WAYS = ("process", "serve", "vllm")
CONCURRENCY = {"serve": 16, "vllm": 64}  # `transformers serve` works on one at a time
KEY = "key-of-the-benchmark"
ALIKE = 0.99  # of the verdicts, as a share of all cases


class Ran(NamedTuple):
    """A run of the gate: verdicts by case, answers a second from when the model was ready to its last answer."""

    verdicts: Mapping[str, str]
    rate: float
    asked: int


def verdicts_of(spec: str, sample: str | None, concurrency: int | None = None) -> Ran:
    """A run of the gate in which every selected case has its record."""
    options = ["-n", "0"]
    options += [] if spec.startswith("http") else ["--vlm-dtype", "float32"]
    options += ["--vsc-sample", sample] if sample else []
    options += ["--vlm-concurrency", str(concurrency)] if concurrency else []
    options += ["--vlm-batch-size", str(concurrency)] if concurrency and spec.startswith("vllm:") else []
    gated = gate(spec, *options, env={OPENAI_KEY: KEY})
    verdicts = {line["case_id"]: line["verdict"] for line in gated.lines if line["kind"] == "record"}
    assert len(verdicts) == gated.lines[-1]["expected"]
    return Ran(verdicts, gated.rate, gated.generated)


def requests_of(sample: str | None) -> list[Request]:
    """What the gate asks, nothing twice."""
    (suite,) = load_suites(("mini",), ROOT)
    drawn = draw(suite, parse_sample(sample, 0))[0] if sample else {case.id for case in suite.cases}
    cases = [case for case in suite.cases if case.id in drawn]
    requests = [Request((Message(role="user", text=case.prompt, images=case.images),)) for case in cases]
    return list({request.digest(""): request for request in requests}.values())


async def bare(url: str, model: str, requests: list[Request], concurrency: int) -> float:
    """What a script of a few lines does: the openai client, and as many requests at a time as a semaphore lets by."""
    import openai

    free = asyncio.Semaphore(concurrency)

    async def put(client: openai.AsyncOpenAI, request: Request) -> None:
        async with free:
            await client.chat.completions.create(**chat_of(request, model))

    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, timeout=600, max_retries=0) as client:
        await client.models.list()
        begun = time.perf_counter()
        await asyncio.gather(*(put(client, request) for request in requests))
        return time.perf_counter() - begun


def ours(url: str, model: str, requests: list[Request], concurrency: int) -> float:
    """Our engine, given everything at once."""
    engine = OpenAIEngine(f"{url}/v1", model, EngineSettings(concurrency=concurrency, timeout=600), {OPENAI_KEY: KEY})
    engine.load()
    try:
        begun = time.perf_counter()
        for future in [engine.submit(request) for request in requests]:
            future.result()
        return time.perf_counter() - begun
    finally:
        engine.close()


def rate_of(client: str, url: str, model: str, sample: str | None, concurrency: int) -> tuple[float, int]:
    """Answers a second of a client, "bare" or "engine", in a process of its own, and their number."""
    options = ["--client", client, "--url", url, "--model", model, "--concurrency", str(concurrency)]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.bench_engines", *options, *(["--sample", sample] if sample else [])],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=own_environment() | {"HF_HUB_OFFLINE": "1"},
    )
    figures = json.loads(ran.stdout.splitlines()[-1])
    return figures["items"] / figures["seconds"], int(figures["items"])


@contextlib.contextmanager
def server(way: str, model: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """The address of a server, and the name that it knows the model by."""
    if way == "serve":
        with running(model, folder / "serve.log") as served:
            served.wait()
            yield served.url, str(model)
        return
    port, vllm = free_port(), Server("vllm serve")
    try:
        place = ["--host", "127.0.0.1", "--port", str(port)]
        told = flags(EngineSettings(dtype="float32", batch_size=CONCURRENCY["vllm"]))
        vllm.start(
            [str(Path(sys.executable).with_name("vllm")), "serve", str(model), *told, *place],
            environment(os.environ, KEY, "auto"),
        )
        vllm.wait(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}", MODEL
    finally:
        vllm.close()


def compared(runs: Mapping[str, Ran]) -> dict[str, Any]:
    """Of each two ways the share of cases with the same verdict, and the others with both."""
    found = {}
    for one, other in combinations(runs, 2):
        ours, theirs = runs[one].verdicts, runs[other].verdicts
        assert ours.keys() == theirs.keys()
        unlike = {case: f"{ours[case]}, {theirs[case]}" for case in ours if ours[case] != theirs[case]}
        found[f"{one}, {other}"] = {"alike": 1 - len(unlike) / len(ours), "unlike": unlike}
        print(f"{one} and {other}: {len(ours) - len(unlike)} of {len(ours)} verdicts alike")
        for case, both in unlike.items():
            print(f"    {case}: {both}")
    return found


def paired(way: str, model: Path, folder: Path, asked: argparse.Namespace) -> tuple[Ran, dict[str, Any]]:
    """A first run, and then the gate and our engine alone beside the bare client."""
    at_once, sample, rates = CONCURRENCY[way], asked.paired_sample or asked.sample, list[tuple[float, float, float]]()
    with server(way, model, folder) as (url, name):
        spec = f"{url}/v1#{name}"
        first = verdicts_of(spec, asked.sample, at_once)
        for number in range(asked.repeat + 1):
            whole = verdicts_of(spec, sample, at_once)
            theirs, items = rate_of("bare", url, name, sample, at_once)
            engine, _ = rate_of("engine", url, name, sample, at_once)
            assert whole.asked == items
            note = "" if number else "   (not counted)"
            said = f"gate {whole.rate:7.1f}   bare client {theirs:7.1f}   our engine {engine:7.1f}"
            print(f"  {way:<8} {said} answers/s{note}", flush=True)
            rates.append((whole.rate, theirs, engine))
    counted = rates[1:]
    ratios = {
        "engine": statistics.median(engine / theirs for _, theirs, engine in counted),
        "gate": statistics.median(whole / theirs for whole, theirs, _ in counted),
    }
    said = ", ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items())
    print(f"  {way:<8} of the bare client, {at_once} at a time: {said}")
    return first, {
        "concurrency": at_once,
        "first": first.rate,
        "requests": items,
        "ratios": ratios,
        "rounds": [{"gate": whole, "bare": theirs, "engine": engine} for whole, theirs, engine in counted],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", help="as --vsc-sample")
    parser.add_argument("--paired-sample", help="the same, of the runs whose speeds are compared")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--client", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--model", help=argparse.SUPPRESS)
    parser.add_argument("--concurrency", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.client:
        requests = requests_of(asked.sample)
        how = (asked.url, asked.model, requests, asked.concurrency)
        seconds = asyncio.run(bare(*how)) if asked.client == "bare" else ours(*how)
        print(json.dumps({"items": len(requests), "seconds": seconds}))
        return
    runs: dict[str, Ran] = {}
    speeds: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = splitting(TINY, folder / "tiny-splitting")
        for way in asked.ways.split(","):
            if way == "process":
                runs[way] = verdicts_of(str(model), asked.sample)
                speeds[way] = {"gate": runs[way].rate}
            else:
                if way == "vllm":
                    runs["vllm:"] = verdicts_of(f"vllm:{model}", asked.sample, CONCURRENCY[way])
                runs[way], speeds[way] = paired(way, model, folder, asked)
    verdicts = compared(runs)
    figures = {"suite": "mini", "sample": asked.sample, "cases": len(next(iter(runs.values())).verdicts)}
    results.append("engines", {**figures, "repeat": asked.repeat, "verdicts": verdicts, "answers_per_second": speeds})
    below = [pair for pair, found in verdicts.items() if found["alike"] < ALIKE]
    print(f"fewer than {ALIKE:.0%} of the verdicts are alike: {', '.join(below)}" if below else "alike")


if __name__ == "__main__":
    main()
