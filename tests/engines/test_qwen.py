"""A family whose pictures are not one row a prompt, through its own processor: a small Qwen2.5-VL, random weights."""

from __future__ import annotations

import importlib.util
import io
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_vsc.cases import Picture
from pytest_vsc.engines.transformers import TransformersEngine
from pytest_vsc.records import Generation, Message, Request
from pytest_vsc.selfcheck import mixed_up
from tests.loaded import loading
from tests.project import Project
from tests.qwen import write_qwen

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(
        importlib.util.find_spec("torchvision") is None, reason="Qwen models need torchvision: pip install torchvision"
    ),
]

TEXTS = ["What is this?", "Is this sign about a shop, a school or a station?", "hé", "Say more. " * 9]
SIZES = [(96, 96), (200, 40), (60, 300), (320, 240)]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "qwen"
    write_qwen(folder)
    return folder


@pytest.fixture(scope="session")
def engine(folder: Path) -> Iterator[TransformersEngine]:
    with loading() as open_:
        yield open_(folder, dtype="float32", batch_size=16)


def picture(number: int) -> Picture:
    from PIL import Image

    width, height = SIZES[number % 4]
    stream = io.BytesIO()
    noise = random.Random(number).randbytes(3 * width * height)
    Image.frombytes("RGB", (width, height), noise).save(stream, "PNG")
    return Picture(name=f"{number}.png", data=stream.getvalue())


def ask(number: int, *pictures: Picture) -> Request:
    turns = (Message(role="system", text="You look at pictures."),) if number % 3 == 0 else ()
    user = Message(role="user", text=TEXTS[number % 4], images=pictures)
    return Request(messages=(*turns, user), generation=Generation(max_new_tokens=16))


def mixture() -> list[Request]:
    """Requests with one picture, with two, and with none."""
    ones = [ask(number, picture(number)) for number in range(8)]
    return [*ones, ask(8, picture(8), picture(9)), ask(9, picture(9), picture(10)), ask(10), ask(11)]


def test_batched_answers_equal_single_ones(engine: TransformersEngine) -> None:
    requests = mixture()
    batched = [future.result(300).text for future in [engine.submit(one) for one in requests]]
    assert batched == [engine.submit(one).result(300).text for one in requests]
    assert len(set(batched)) > len(batched) // 2


def test_samples_are_told_apart(engine: TransformersEngine) -> None:
    probed = engine.probe([ask(number, picture(number)) for number in range(4)])
    assert mixed_up(probed.apart) is None


def test_it_is_gated_like_any_model(folder: Path, spread_project: Project) -> None:
    spread_project.own_process = True
    ran = spread_project.gate("--vlm-max-new-tokens", "4", vlm=str(folder))
    assert ran.summary["used"]["class"] == "Qwen2_5_VLForConditionalGeneration"
    assert (ran.summary["used"]["generated"], ran.summary["complete"]) == ("8", True)
    assert "texts equal" in ran.summary["header"]["model"]["self_check"]
