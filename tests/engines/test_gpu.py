"""What only a CUDA device can show: its numerics, its memory, what it takes for a model to be gone."""

from __future__ import annotations

import importlib.util
import operator
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.process import ProcessEngine
from pytest_vsc.engines.transformers import TransformersEngine
from pytest_vsc.judges.builtin import open_builtin
from pytest_vsc.judging import judge_answers
from pytest_vsc.records import Generation, Message, Question, Request, Response
from pytest_vsc.selfcheck import mixed_up
from pytest_vsc.shipped import shipped
from pytest_vsc.suites import load_suites
from tests.loaded import Opened, loading
from tests.project import Project


def has_gpu() -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())


pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(
        not has_gpu(), reason="needs a CUDA device: pytest tests/engines/test_gpu.py where there is one"
    ),
]

TINY = str(shipped("fixtures") / "models/tiny")


@pytest.fixture
def opened() -> Iterator[Opened]:
    with loading() as open_:
        yield lambda **settings: open_(TINY, **settings)


def requests(number: int, **settings: Any) -> list[Request]:
    cases = load_suites(("mini",), Path.cwd())[0].cases
    generation = Generation(**{"max_new_tokens": 64, **settings})
    return [
        Request(messages=(Message(role="user", text=case.prompt, images=case.images),), generation=generation)
        for case in cases[:number]
    ]


def answers(engine: TransformersEngine, asked: Sequence[Request]) -> list[Response]:
    futures: list[Future[Response]] = [engine.submit(request) for request in asked]
    return [future.result(300) for future in futures]


def alike(one: Sequence[Response], other: Sequence[Response]) -> float:
    return sum(a.text == b.text for a, b in zip(one, other, strict=True)) / len(one)


def test_in_single_precision_it_answers_as_a_cpu_does(opened: Opened) -> None:
    asked = requests(128)
    gpu, cpu = answers(opened(dtype="float32"), asked), answers(opened(dtype="float32", device="cpu"), asked)
    assert alike(gpu, cpu) >= 0.97
    judge = open_builtin(None)
    verdicts = [
        [said.verdict for said in judge_answers(judge, [(Question(""), one) for one in half])] for half in (gpu, cpu)
    ]
    assert sum(map(operator.eq, *verdicts)) >= 0.97 * len(asked)


def test_left_alone_it_takes_the_device_and_half_precision(opened: Opened) -> None:
    engine = opened()
    said = engine.describe()
    assert (said["device"], said["dtype"]) == ("cuda", "bfloat16")
    probed = engine.probe(requests(8))
    assert mixed_up(probed.apart) is None
    for own, row in enumerate(probed.apart):
        assert row[own] == min(row)


def test_batches_and_samples_in_single_precision(opened: Opened) -> None:
    engine = opened(dtype="float32", batch_size=32)
    asked = requests(32)
    assert alike(answers(engine, asked), [engine.submit(one).result(300) for one in asked]) >= 0.95
    sampled = requests(32, temperature=1.0, seed=5)
    again = answers(engine, sampled[:16])
    assert alike(answers(engine, sampled)[:16], again) >= 0.9


@pytest.mark.parametrize("settings", [{"attention": "eager"}, {"kv_cache": "static"}])
def test_how_a_model_is_run_is_a_setting(opened: Opened, settings: dict[str, Any]) -> None:
    asked = requests(32)
    plain = answers(opened(dtype="float32", batch_size=32), asked)
    assert alike(answers(opened(dtype="float32", batch_size=32, **settings), asked), plain) >= 0.95


def test_memory_that_runs_out_costs_no_answer(opened: Opened) -> None:
    """The device's own error, at whatever place it comes."""
    import torch

    asked = requests(256)
    roomy = opened(dtype="float32", batch_size=32)
    torch.cuda.reset_peak_memory_stats()
    plain = answers(roomy, asked)
    peak, total = torch.cuda.max_memory_reserved(), torch.cuda.get_device_properties(0).total_memory
    roomy.close()
    tight = opened(dtype="float32", batch_size=256)
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1.5 * peak / total)
    try:
        squeezed = answers(tight, asked)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert tight.describe()["batch_size"].endswith("(halved: out of memory)")
    assert alike(squeezed, plain) >= 0.97


def test_the_batch_grows_as_far_as_it_pays(opened: Opened) -> None:
    engine = opened()
    answers(engine, [one for seed in range(4) for one in requests(400, seed=seed, temperature=0.5)])
    assert int(engine.describe()["batch_size"].split()[0]) >= 64


def test_a_model_that_is_closed_leaves_no_memory_taken() -> None:
    import torch

    torch.cuda.empty_cache()
    before = torch.cuda.mem_get_info()[0]
    engine = ProcessEngine(TransformersEngine, TINY, EngineSettings())
    engine.check()
    engine.load()
    assert engine.submit(requests(1)[0]).result(300).text
    assert torch.cuda.mem_get_info()[0] < before
    engine.close()
    assert torch.cuda.mem_get_info()[0] >= before - 2**24


def test_it_gates(spread_project: Project) -> None:
    spread_project.own_process = True
    ran = spread_project.gate(vlm="tiny")
    used = ran.summary["used"]
    assert (used["device"], used["dtype"], used["generated"], ran.summary["complete"]) == (
        "cuda",
        "bfloat16",
        "8",
        True,
    )
