"""Quantized weights and device maps: what they make of the embedded model, and what is refused before it is loaded."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_vsc.engines import EngineSettings, checkpoint, quantizing
from pytest_vsc.engines.transformers import TransformersEngine
from pytest_vsc.errors import ModelError, SettingsError, VscError
from pytest_vsc.records import Generation, Message, Request
from pytest_vsc.shipped import shipped
from tests.loaded import Opened, loading

pytest.importorskip("torch")
pytest.importorskip("transformers")

TINY = shipped("fixtures") / "models/tiny"
ASKED = Request(messages=(Message(role="user", text="How do I cut bread?"),), generation=Generation(max_new_tokens=8))


@pytest.fixture
def opened() -> Iterator[Opened]:
    with loading() as open_:
        yield lambda folder=TINY, **settings: open_(folder, **settings)


def refused(kind: type[VscError], folder: Path = TINY, **settings: Any) -> str:
    with pytest.raises(kind) as caught:
        TransformersEngine(str(folder), EngineSettings(**settings)).check()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -- quantization


@pytest.mark.heavy
def test_weights_quantized_in_an_unknown_way_are_not_read_as_if_they_were_not(tmp_path: Path) -> None:
    """transformers warns, leaves the scales out and goes on."""
    folder = shutil.copytree(TINY, tmp_path / "held")
    config = json.loads((folder / "config.json").read_text())
    held = {"quant_method": "modelopt", "bits": 8}
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": held}))
    assert refused(ModelError, folder, device="cpu").startswith(
        "held: its weights are quantized in a way that the installed transformers does not know ('modelopt'); "
        "expected one of "
    )


@pytest.fixture
def bitsandbytes() -> Any:
    return pytest.importorskip("bitsandbytes", reason="needs bitsandbytes: pip install 'pytest-vsc[quantization]'")


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("kind", "layer", "words"),
    [
        ("8bit", "Linear8bitLt", "8bit LLM.int8(), by bitsandbytes"),
        ("4bit", "Linear4bit", "4bit nf4, double quantization, computed in bfloat16, by bitsandbytes"),
    ],
)
def test_weights_are_quantized(bitsandbytes: Any, opened: Opened, kind: Any, layer: str, words: str) -> None:
    plain = TransformersEngine(str(TINY), EngineSettings(device="cpu", dtype="bfloat16"))
    plain.check()
    engine = opened(device="cpu", dtype="bfloat16", quantization=kind)
    inner: Any = engine._model
    assert layer in {type(module).__name__ for module in inner._model.modules()}
    said = engine.describe()
    assert said["quantization"] == words
    assert said["bitsandbytes"] == importlib.metadata.version("bitsandbytes")
    assert said["parameters"] == "3,501,728", "packed or not"
    assert engine.submit(ASKED).result(timeout=60).text
    assert engine.fingerprint != plain.fingerprint
    assert engine.weights == plain.weights
    assert "quantization" not in plain.describe()


@pytest.mark.heavy
def test_weights_that_are_quantized_already(bitsandbytes: Any, opened: Opened, tmp_path: Path) -> None:
    import transformers

    folder = shutil.copytree(TINY, tmp_path / "held", ignore=shutil.ignore_patterns("*.safetensors"))
    config = quantizing.config_of("4bit", "float32")
    transformers.AutoModelForImageTextToText.from_pretrained(
        TINY, quantization_config=config, device_map={"": "cpu"}
    ).save_pretrained(folder)
    engine = opened(folder, device="cpu")
    assert engine.describe()["quantization"] == "its own: bitsandbytes 4 bits"
    assert engine.submit(ASKED).result(timeout=60).text
    assert refused(ModelError, folder, device="cpu", quantization="4bit") == (
        "held: its weights are quantized already (bitsandbytes 4 bits); leave out --vlm-quantization 4bit"
    )


@pytest.mark.parametrize(
    ("said", "words", "libraries"),
    [
        (None, "", ()),
        ({"quant_method": "gptq", "bits": 4}, "gptq 4 bits", ("gptqmodel", "optimum")),
        ({"quant_method": "awq", "bits": 4}, "awq 4 bits", ("gptqmodel", "autoawq")),
        ({"quant_method": "fp8"}, "fp8", ()),
        ({"load_in_8bit": True}, "bitsandbytes 8 bits", ("bitsandbytes",)),
        ({"format": "?"}, "unknown", ()),
    ],
)
def test_how_a_config_says_it(said: Any, words: str, libraries: tuple[str, ...]) -> None:
    held = quantizing.held_in(SimpleNamespace(quantization_config=said))
    assert (quantizing.held_words(held), quantizing.libraries_of(held)) == (words, libraries)


def test_a_model_of_another_method_is_told_and_clashes(tmp_path: Path) -> None:
    folder = shutil.copytree(TINY, tmp_path / "gptq")
    config = json.loads((folder / "config.json").read_text())
    held = {"quant_method": "gptq", "bits": 4}
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": held}))
    engine = TransformersEngine(str(folder), EngineSettings(device="cpu"))
    engine.check()
    assert engine.describe()["quantization"] == "its own: gptq 4 bits"
    assert "quantized already (gptq 4 bits)" in refused(ModelError, folder, device="cpu", quantization="8bit")


def test_without_bitsandbytes_or_with_an_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers.utils

    find, known = importlib.util.find_spec, importlib.metadata.version
    there = {"bitsandbytes": None}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: there.get(name, find("json")))
    assert refused(SettingsError, device="cpu", quantization="4bit") == (
        "--vlm-quantization 4bit: needs bitsandbytes, which is not installed: pip install 'pytest-vsc[quantization]'"
    )
    there.clear()
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.40" if name == "bitsandbytes" else known(name))
    monkeypatch.setattr(transformers.utils, "is_bitsandbytes_available", lambda: False)
    assert refused(SettingsError, device="cpu", quantization="4bit").endswith(
        "the installed transformers does not take bitsandbytes 0.40: pip install -U bitsandbytes"
    )


def test_a_device_that_bitsandbytes_does_not_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers.utils

    known, find = importlib.metadata.version, importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: find("json"))
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.49" if name == "bitsandbytes" else known(name))
    monkeypatch.setattr(transformers.utils, "is_bitsandbytes_available", lambda: True)
    monkeypatch.setitem(sys.modules, "bitsandbytes", SimpleNamespace(supported_torch_devices={"cuda", "xpu"}))
    assert refused(SettingsError, device="cpu", quantization="8bit") == (
        "--vlm-quantization 8bit: bitsandbytes 0.49 does not run on 'cpu'. Expected one of cuda, xpu"
    )
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)  # as if its compiled part could not be loaded
    assert "--vlm-quantization 8bit: bitsandbytes cannot be used: " in (
        refused(SettingsError, device="cpu", quantization="8bit")
    )


# -- device maps


@pytest.mark.heavy
@pytest.mark.parametrize("word", checkpoint.DEVICE_MAPS)
def test_a_model_is_placed_by_a_map(opened: Opened, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    pytest.importorskip("accelerate", reason="needs accelerate: pip install 'pytest-vsc[local]'")
    plain = opened().submit(ASKED).result(timeout=60).text
    given: list[Any] = []
    load = transformers.AutoModelForImageTextToText.from_pretrained

    def watched(*arguments: Any, **settings: Any) -> Any:
        given.append(settings.get("device_map"))
        return load(*arguments, **settings)

    monkeypatch.setattr(transformers.AutoModelForImageTextToText, "from_pretrained", watched)
    spread = opened(device_map=word)
    assert given == [word]
    assert spread.describe()["device_map"] == word
    assert spread.submit(ASKED).result(timeout=60).text == plain


def test_maps_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(SettingsError, device_map="balance") == (
        "--vlm-device-map: unknown map 'balance'; expected one of auto, balanced, balanced_low_0, sequential; "
        "did you mean 'balanced'?"
    )
    assert refused(SettingsError, device_map="auto", device="cpu") == (
        "--vlm-device-map auto: clashes with --vlm-device cpu, which names one place; leave one out"
    )
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None if name == "accelerate" else find(name))
    assert refused(SettingsError, device_map="auto") == (
        "--vlm-device-map auto: needs accelerate, which is not installed: pip install 'pytest-vsc[local]'"
    )


def test_left_open_a_model_is_spread_over_all_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checkpoint.device_map_of(None, "auto") is None, "one device"
    monkeypatch.setattr(checkpoint, "devices", lambda _: 2)
    assert checkpoint.device_map_of(None, "auto") == "auto"
    assert checkpoint.device_map_of(None, "cpu") is None
