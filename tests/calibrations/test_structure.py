"""Where a model can be edited is found by what its modules do, in every family and under an adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from pytest_vsc.calibrations.structure import Structure, structure_of
from pytest_vsc.engines import EngineSettings, generating
from pytest_vsc.engines.candidate import Candidate
from pytest_vsc.engines.generating import Model
from pytest_vsc.errors import ModelError
from pytest_vsc.shipped import shipped
from tests import families
from tests.families import FAMILIES, Family, ask, picture

pytest.importorskip("torch")
pytest.importorskip("transformers")

pytestmark = pytest.mark.heavy

TINY = shipped("fixtures") / "models/tiny"
# Of each: the number of its heads' width in all, and how its layers' projections are called there.
FOUND = {
    "llava": ["model.language_model.layers.{}.self_attn.o_proj"] * 2,
    "qwen2_5_vl": ["model.language_model.layers.{}.self_attn.o_proj"] * 2,
    "qwen3_5": ["", "model.language_model.layers.{}.self_attn.o_proj"],
    "gemma4": ["model.language_model.layers.{}.self_attn.o_proj"] * 2,
    "lfm2_vl": ["", "model.language_model.layers.{}.self_attn.out_proj"],
    "kimi_k25": ["model.language_model.layers.{}.self_attn.o_proj"] * 2,
    "idefics3": ["model.text_model.layers.{}.self_attn.o_proj"] * 2,
    "paligemma": ["model.language_model.layers.{}.self_attn.o_proj"] * 2,
    "mllama": [
        "model.language_model.layers.{}.self_attn.o_proj",
        "",
        "model.language_model.layers.{}.self_attn.o_proj",
    ],
    "aya_vision": ["model.language_model.layers.{}.self_attn.o_proj"] * 2,
    "kosmos2": ["text_model.model.layers.{}.self_attn.out_proj"] * 2,
    "blip2": ["language_model.model.decoder.layers.{}.self_attn.out_proj"] * 2,
    "instructblip": ["language_model.decoder.block.{}.layer.0.SelfAttention.o"] * 2,
}
EVERY_TIME = {"mllama", "kosmos2", "instructblip", "aya_vision"}


class Opened(NamedTuple):
    """A loaded model."""

    candidate: Candidate
    model: Model


def opened(folder: Path, **settings: Any) -> Opened:
    candidate = Candidate(str(folder), EngineSettings(device="cpu", dtype="float32", **settings))
    candidate.check()
    return Opened(candidate, generating.load(candidate.how(), candidate.processor))


def look(model: Model) -> Structure:
    return structure_of(model.network, lambda: model.force([ask("What is it?", picture(3))], ["Yes"]), "model")


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, marks=[] if name in EVERY_TIME else [pytest.mark.long], id=name.replace(" ", "-"))
        for name, family in FAMILIES.items()
        if name in FOUND
    ],
)
def test_each_family(family: Family, tmp_path: Path) -> None:
    if reason := families.lacking(family):
        pytest.skip(reason)
    families.write(family, tmp_path / "model")
    structure = look(opened(tmp_path / "model").model)
    expected = [name.format(number) for number, name in enumerate(FOUND[family.name])]
    assert [layer.projection for layer in structure.layers] == expected
    assert [bool(layer.without) for layer in structure.layers] == [not name for name in expected]
    assert (structure.heads, structure.hidden) == (4, 64)
    assert {layer.width for layer in structure.layers if layer.projection} == {64}


def test_the_embedded_model_bare_and_under_an_adapter(tmp_path: Path) -> None:
    """The vision tower has as many layers, and an adapter puts linear maps of its own into each."""
    peft = pytest.importorskip("peft", reason="needs peft: pip install 'pytest-vsc[adapter]'")
    bare = look(opened(TINY).model)
    assert [layer.projection for layer in bare.layers] == [
        f"model.text_model.layers.{number}.self_attn.o_proj" for number in range(4)
    ]
    assert (bare.heads, bare.hidden, bare.layers[0].width) == (6, 192, 192)
    import torch
    import transformers

    model = transformers.AutoModelForImageTextToText.from_pretrained(TINY, dtype=torch.float32)
    peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=["q_proj", "o_proj"])).save_pretrained(tmp_path)
    assert look(opened(TINY, adapter=str(tmp_path)).model) == bare


@contextmanager
def changed(config: Any, **values: Any) -> Iterator[None]:
    before = {name: getattr(config, name) for name in values}
    for name, value in values.items():
        setattr(config, name, value)
    yield
    for name, value in before.items():
        setattr(config, name, value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"num_hidden_layers": 7}, "model: no text decoder was found; expected 7 layers of width 192, run in turn"),
        ({"hidden_size": 100}, "model: no text decoder was found; expected 4 layers of width 100, run in turn"),
    ],
)
def test_what_looks_like_no_decoder(values: dict[str, Any], said: str) -> None:
    model = opened(TINY).model
    read: Callable[[], object] = lambda: model.force([ask("What is it?")], ["Yes"])  # noqa: E731
    with changed(model.network.config.text_config, **values), pytest.raises(ModelError) as refused:
        structure_of(model.network, read, "model")
    assert str(refused.value) == said


def test_a_config_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = opened(TINY).model
    monkeypatch.setattr(model.network.config, "get_text_config", lambda **_: SimpleNamespace())
    with pytest.raises(ModelError) as refused:
        structure_of(model.network, lambda: None, "model")
    assert str(refused.value) == (
        "model: its config does not say how many layers its text decoder has, and how wide they are"
    )


def test_heads_that_do_not_fit_are_said() -> None:
    model = opened(TINY).model
    with changed(model.network.config.text_config, num_attention_heads=5):
        structure = look(model)
    assert {layer.without for layer in structure.layers} == {
        "its attention's output of 192 numbers is not made of 5 heads"
    }
