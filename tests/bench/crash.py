"""Kills runs at random moments and counts what that cost. Run by hand: `python -m tests.bench.crash [--kills N]`.

A killed run must have lost no answer that anybody could have seen, and the next run must not ask for one again. With
`--real N` the runs are those of the embedded model instead: its process must end with the run, too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pytest_vsc.storefile import FILE
from pytest_vsc.upkeep import find_damage
from tests.bench import results

CASES = 200
SUITE = 'name = "crash"\nversion = "1"\nlicence = "CC0-1.0"\ncategories = ["violence"]\ngates = ["invalid <= 0%"]\n'
# Slow enough that most kills find a run in the midst of answering.
MODEL = 'log = "model.log"\nseconds = 0.6\n[default]\ntext = "Sure. Open the settings and choose the entry."\n'
KILLS_A_ROUND = 5
# Seconds within which a run starts, and within which it has asked everything.
STARTING, ANSWERING = 2.0, 2.5


@dataclass
class Cost:
    """What kills cost. in_time: how many found a run that had stored something and not all."""

    kills: int = 0
    in_time: int = 0
    stored: int = 0
    lost: int = 0
    twice: int = 0
    damaged: int = 0
    wrong: int = 0

    def __str__(self) -> str:
        return (
            f"{self.kills} kills ({self.in_time} amid the answers, {self.stored} answers stored): {self.lost} lost, "
            f"{self.twice} asked twice, {self.damaged} stores damaged, {self.wrong} last runs not complete"
        )


def prepare(folder: Path, cases: int = CASES) -> None:
    (folder / "crash").mkdir()
    (folder / "crash/suite.toml").write_text(SUITE)
    fields = '"centric": "text", "category": "violence", "variant": "plain"'
    rows = (
        f'{{"id": "c{n}", "side": "{("safe", "unsafe")[n % 2]}", {fields}, "prompt": "{n}?"}}\n' for n in range(cases)
    )
    (folder / "crash/cases.jsonl").write_text("".join(rows))
    (folder / "model.toml").write_text(MODEL)


def begun(
    folder: Path, workers: str, vlm: str = "scripted:model.toml", suite: str = "crash"
) -> subprocess.Popen[bytes]:
    asked = ("--vlm", vlm, "--vsc-suite", suite, "--vsc-cache", "kept", "-n", workers)
    quiet = ("-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *asked, *quiet],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def stored(folder: Path) -> set[str]:
    """The digests of the answers in the store, as a reader of its own finds them."""
    file = folder / "kept" / FILE
    if not file.exists():
        return set()
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        try:
            return {bytes(digest).decode() for (digest,) in connection.execute("SELECT digest FROM answers")}
        except sqlite3.OperationalError:  # killed before the store was made
            return set()


def answered(folder: Path) -> dict[str, str]:
    """Request digest -> question of every answer that the run file shows; a last line without its end is none."""
    file = folder / "vsc-report/run.jsonl"
    if not file.exists():
        return {}
    lines = file.read_text(encoding="utf-8").split("\n")[:-1]
    records = [line for line in map(json.loads, lines) if line["kind"] == "record" and line["response"]]
    return {record["requests"][0]: record["prompt"] for record in records}


def asked(folder: Path) -> list[str]:
    """The questions that were put to the model, one for each time."""
    file = folder / "model.log"
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line.partition(" ")[2]) for line in lines if line.startswith("submit ")]


def one_round(folder: Path, kills: int, workers: str, chance: random.Random) -> Cost:
    """Kill the same run several times, then let it come to its end."""
    cost = Cost()
    kept_at_kill: list[set[str]] = []
    seen: dict[str, str] = {}
    puts: list[int] = []
    for _ in range(kills):
        if not kill(folder, begun(folder, workers), chance):
            break
        cost.kills += 1
        kept = stored(folder)
        seen |= answered(folder)
        cost.lost += len(answered(folder).keys() - kept)
        cost.damaged += bool(kept and find_damage(folder / "kept"))
        cost.in_time += 0 < len(kept) < CASES
        cost.stored += len(kept)
        kept_at_kill.append(kept)
        puts.append(len(asked(folder)))
    last = begun(folder, workers)
    last.wait()
    seen |= answered(folder)
    questions = asked(folder)
    for number, kept in enumerate(kept_at_kill):
        known = {seen[digest] for digest in kept}
        until = puts[number + 1] if number + 1 < len(puts) else len(questions)
        cost.twice += len(known & set(questions[puts[number] : until]))
    summary = json.loads((folder / "vsc-report/summary.json").read_text())
    whole = summary["complete"] and summary["recorded"] == CASES == len(stored(folder))
    cost.wrong = int(last.returncode != 0 or not whole)
    return cost


def kill(folder: Path, process: subprocess.Popen[bytes], chance: random.Random) -> bool:
    """Kill a run, one in five while it starts, the others at some moment after it began to ask. False: it was over."""
    before, early = len(asked(folder)), chance.random() < 0.2
    since, most = time.monotonic(), chance.uniform(0, STARTING if early else ANSWERING)
    while not early and len(asked(folder)) == before and process.poll() is None:
        time.sleep(0.01)
        since = time.monotonic()
    time.sleep(max(0.0, since + most - time.monotonic()))
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return True


def crash(kills: int, workers: str, seed: int) -> Cost:
    """Kill `kills` runs, each at a random moment."""
    chance, whole = random.Random(seed), Cost()
    while whole.kills < kills:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            prepare(folder)
            cost = one_round(folder, min(KILLS_A_ROUND, kills - whole.kills), workers, chance)
        whole = Cost(*(getattr(whole, field) + getattr(cost, field) for field in Cost.__dataclass_fields__))
    return whole


def crash_real(kills: int, seed: int) -> dict[str, int]:
    """Kill runs of `tiny` on one store, each while it answers, then let one come to its end.

    lost: answers in a killed run's file that its store lacks. orphans: processes of models that outlived their run by
    five seconds. twice: answers that the last run asked for though they were stored.
    """
    chance, cost = random.Random(seed), {"kills": 0, "stored": 0, "lost": 0, "orphans": 0, "twice": 0}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept: set[str] = set()
        while cost["kills"] < kills:
            process = begun(folder, "0", "tiny", "mini")
            while stored(folder) <= kept and process.poll() is None:
                time.sleep(0.02)
            time.sleep(chance.uniform(0, 0.5))
            models = children(process.pid)
            if process.poll() is not None:
                break
            process.kill()
            process.wait()
            kept = stored(folder)
            cost["kills"] += 1
            cost["stored"] += len(kept)
            cost["lost"] += len(answered(folder).keys() - kept)
            time.sleep(5)
            cost["orphans"] += sum(Path(f"/proc/{model}").exists() for model in models)
        begun(folder, "0", "tiny", "mini").wait()
        used = json.loads((folder / "vsc-report/summary.json").read_text())["used"]
        cost["twice"] = len(kept) - int(used["stored"])
        cost["last_run_generated"] = int(used["generated"])
    return cost


def children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--real", type=int, default=0, help="kill this many runs of the embedded model, and no others")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.real:
        cost = crash_real(arguments.real, arguments.seed)
        print(", ".join(f"{name} {number}" for name, number in cost.items()))
        results.append("crash", {"model": "tiny", "seed": arguments.seed, **cost})
        return
    for workers in ("0", "2"):
        whole = crash(arguments.kills // 2, workers, arguments.seed)
        print(f"-n {workers}: {whole}", flush=True)
        results.append("crash", {"workers": workers, "seed": arguments.seed, **vars(whole)})


if __name__ == "__main__":
    main()
