"""PEFT adapters on the embedded model: the answers are those of peft itself, and what does not fit is refused."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.cases import Picture
from pytest_vsc.engines import EngineSettings, adapter
from pytest_vsc.engines.transformers import TransformersEngine
from pytest_vsc.errors import ModelError, SettingsError
from pytest_vsc.records import Generation, Message, Request
from pytest_vsc.shipped import shipped
from tests.drawn import drawn, encoded
from tests.loaded import Opened, loading
from tests.project import Project

pytest.importorskip("torch")
pytest.importorskip("transformers")

pytestmark = pytest.mark.heavy

TINY = shipped("fixtures") / "models/tiny"
ANSWERS = 16


@pytest.fixture(scope="session")
def peft() -> Any:
    return pytest.importorskip("peft", reason="needs peft: pip install 'pytest-vsc[adapter]'")


def write_adapter(folder: Path, config: Any, *, size: float) -> Path:
    """An adapter for the embedded model, moved from where training begins by normal noise of this size."""
    import peft
    import torch

    adapted = peft.get_peft_model(plain_model(), config)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter), alpha=size)
    adapted.save_pretrained(folder)
    return folder


def plain_model() -> Any:
    import torch
    import transformers

    return transformers.AutoModelForImageTextToText.from_pretrained(TINY, dtype=torch.float32).eval()


@pytest.fixture(scope="session")
def lora(peft: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapters") / "careful"
    return write_adapter(folder, peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"]), size=0.4)


@pytest.fixture
def copied(lora: Path, tmp_path: Path) -> Path:
    return shutil.copytree(lora, tmp_path / "copied")


@pytest.fixture
def opened() -> Iterator[Opened]:
    with loading() as open_:
        yield lambda **settings: open_(TINY, device="cpu", **settings)


def requests() -> list[Request]:
    asked = []
    for number in range(6):
        shown = (Picture(name="p.png", data=encoded(drawn(number))),) if number % 2 else ()
        words = ("How do I cut bread with this?", "Explain what is shown here.")[number % 3 % 2]
        message = Message(role="user", text=f"{words} {number}", images=shown)
        asked.append(Request(messages=(message,), generation=Generation(max_new_tokens=ANSWERS)))
    return asked


def texts(engine: TransformersEngine) -> list[str]:
    return [future.result(timeout=60).text for future in [engine.submit(request) for request in requests()]]


def singly(engine: TransformersEngine) -> list[str]:
    return [engine.submit(request).result(timeout=60).text for request in requests()]


def by_hand(engine: TransformersEngine, model: Any) -> list[str]:
    """What a model answers when nothing of the engine generates: the likeliest token, one at a time."""
    import torch

    told: Any = engine._model
    found = []
    for request in requests():
        inputs = dict(told.prepare([told.conversation(request)]))
        ids = start = inputs.pop("input_ids")
        with torch.inference_mode():
            while ids.shape[1] < start.shape[1] + ANSWERS and (ids.shape == start.shape or ids[0, -1] != 2):
                logits = model(**{**inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}).logits[0, -1]
                logits[3] = -torch.inf  # the image placeholder
                ids = torch.cat([ids, logits.argmax().view(1, 1)], dim=1)
        found.append(
            engine._candidate.processor.tokenizer.decode(ids[0, start.shape[1] :], skip_special_tokens=True).strip()
        )
    return found


# -- answering


def test_answers_are_those_of_peft_alone_and_in_a_batch(peft: Any, opened: Opened, lora: Path) -> None:
    base, adapted = opened(), opened(adapter=str(lora))
    answers = texts(adapted)
    assert answers == singly(adapted)
    assert answers == by_hand(adapted, peft.PeftModel.from_pretrained(plain_model(), str(lora)).eval())
    assert len(set(answers)) > 1
    plain = texts(base)
    assert all(one != other for one, other in zip(answers, plain, strict=True))
    assert plain == by_hand(base, plain_model())


def test_an_adapter_is_another_model(opened: Opened, lora: Path, copied: Path) -> None:
    def checked(**settings: Any) -> TransformersEngine:
        engine = TransformersEngine(str(TINY), EngineSettings(device="cpu", **settings))
        engine.check()
        return engine

    base, adapted, again = checked(), checked(adapter=str(lora)), checked(adapter=str(copied))
    assert adapted.fingerprint == again.fingerprint, "wherever the folder lies"
    assert adapted.weights == again.weights
    config = json.loads((copied / adapter.CONFIG).read_text())
    (copied / adapter.CONFIG).write_text(json.dumps({**config, "lora_alpha": 16}))
    stronger = checked(adapter=str(copied))
    assert len({base.fingerprint, adapted.fingerprint, stronger.fingerprint}) == 3
    assert len({base.weights, adapted.weights, stronger.weights}) == 3
    said = adapted.describe()
    assert (said["adapter"], said["adapter_kind"]) == ("careful", "LORA")
    assert said["peft"] == importlib.metadata.version("peft")
    assert "adapter_made_for" not in said
    assert not {"adapter", "peft"} & base.describe().keys()
    assert str(lora.parent) not in json.dumps(said)
    assert opened(adapter=str(lora)).fingerprint == adapted.fingerprint, "the same before and after load"


def test_an_untrained_adapter_changes_nothing(peft: Any, opened: Opened, tmp_path: Path) -> None:
    zero = write_adapter(tmp_path / "zero", peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"]), size=0)
    assert texts(opened(adapter=str(zero))) == texts(opened())


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("AdaLoraConfig", {"target_modules": ["v_proj"], "total_step": 10, "init_r": 4}),
        ("HRAConfig", {"target_modules": ["v_proj"]}),
        ("IA3Config", {"target_modules": ["v_proj"], "feedforward_modules": []}),
        ("LNTuningConfig", {"target_modules": ["input_layernorm"]}),
        ("LoHaConfig", {"target_modules": ["v_proj"]}),
        ("LoKrConfig", {"target_modules": ["v_proj"]}),
        ("LoraConfig", {"target_modules": ["v_proj"], "use_dora": True}),
        ("LoraConfig", {"target_modules": ["v_proj"], "modules_to_save": ["lm_head"]}),
        ("LoraConfig", {"target_modules": ["lm_head"]}),  # tied to the embeddings
        ("OFTConfig", {"target_modules": ["v_proj"], "oft_block_size": 4, "r": 0}),
    ],
)
def test_other_kinds(peft: Any, tmp_path: Path, kind: str, settings: dict[str, Any]) -> None:
    import torch

    folder = write_adapter(tmp_path / "other", getattr(peft, kind)(**settings), size=0.1)
    found = adapter.check_adapter(str(folder))
    assert found.kind in adapter.KINDS
    ids = torch.tensor([[1, 5, 6, 7, 8]])
    with torch.inference_mode():
        ours = adapter.put_on(plain_model(), found)(input_ids=ids).logits
        theirs = peft.PeftModel.from_pretrained(plain_model(), str(folder)).eval()(input_ids=ids).logits
        plain = plain_model()(input_ids=ids).logits
    assert torch.equal(ours, theirs)
    assert not torch.allclose(ours, plain, atol=1e-3)


# -- what is refused


def refused(folder: Path | str, kind: type[Exception] = ModelError) -> str:
    with pytest.raises(kind) as caught:
        TransformersEngine(str(TINY), EngineSettings(device="cpu", adapter=str(folder))).check()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def edited(folder: Path, **fields: Any) -> Path:
    file = folder / adapter.CONFIG
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))
    return folder


def test_folders_that_are_no_adapter(tmp_path: Path) -> None:
    missing = tmp_path / "org/name"
    assert refused(missing) == (
        f"--vlm-adapter: no such folder ({missing}). Expected one as save_pretrained of peft writes it; "
        "an id of the hub is not taken"
    )
    assert refused(TINY) == (
        "--vlm-adapter tiny: no adapter_config.json in the folder; expected one as save_pretrained of peft writes it. "
        "It is a model; give it as --vlm"
    )
    (tmp_path / adapter.CONFIG).write_text("{")
    assert refused(tmp_path).startswith(f"--vlm-adapter {tmp_path.name}: adapter_config.json is not JSON")


def write_config(folder: Path, **fields: Any) -> None:
    (folder / adapter.CONFIG).write_text(json.dumps({"peft_type": "LORA", **fields}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"peft_type": "LOARA"}, r"an adapter of unknown kind \('LOARA'\); expected one of .*; did you mean 'LORA'\?$"),
        ({"peft_type": "PROMPT_TUNING"}, r"an adapter of unknown kind \('PROMPT_TUNING'\); expected one of ADALORA, "),
        ({"alora_invocation_tokens": [5]}, "has alora_invocation_tokens, which works only behind certain words"),
        ({"megatron_config": {}, "megatron_core": "x"}, "no weights; expected adapter_model.safetensors"),
        ({"megatron_config": {"a": 1}, "megatron_core": "x"}, "has megatron_config, which names code"),
    ],
)
def test_kinds_that_this_engine_does_not_put_on(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    write_config(tmp_path, **fields)
    assert re.search(message, refused(tmp_path))


def test_weights_that_are_pickled_or_damaged(tmp_path: Path) -> None:
    write_config(tmp_path)
    (tmp_path / "adapter_model.bin").write_bytes(b"pickle")
    assert "its weights are a pickle file (adapter_model.bin), which can run code" in refused(tmp_path)
    (tmp_path / adapter.WEIGHTS).write_bytes(b"version https://git-lfs")
    assert "adapter_model.safetensors: only a Git LFS pointer" in refused(tmp_path)


def test_without_peft_or_with_an_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.numpy import save_file

    write_config(tmp_path)
    save_file({}, tmp_path / adapter.WEIGHTS)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "peft" else find(name, *rest))
    assert refused(tmp_path, SettingsError) == "--vlm-adapter: needs peft, which is not installed: pip install peft"
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: find("json"))
    known = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.9.1" if name == "peft" else known(name))
    assert "peft 0.9.1 is too old. Expected 0.18 or later" in refused(tmp_path, SettingsError)


def at_load(opened: Opened, folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        opened(adapter=str(folder))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def retyped(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Path:
    from safetensors.torch import load_file, save_file

    save_file(change(load_file(folder / adapter.WEIGHTS)), folder / adapter.WEIGHTS)
    return folder


def test_an_adapter_for_another_model(opened: Opened, copied: Path) -> None:
    def wider(tensors: dict[str, Any]) -> dict[str, Any]:
        return {key: tensor.repeat(1, 2) if "lora_A" in key else tensor for key, tensor in tensors.items()}

    message = at_load(opened, retyped(copied, wider))
    assert re.fullmatch(
        r"--vlm-adapter copied: does not fit the model: \S+lora_A\S* has the shape torch\.Size\(\[4, \d+\]\), "
        r"but torch\.Size\(\[4, \d+\]\) here; it was made for another model",
        message,
    )


def test_an_adapter_for_a_deeper_model(opened: Opened, copied: Path) -> None:
    def deeper(tensors: dict[str, Any]) -> dict[str, Any]:
        return {**tensors, **{key.replace("layers.0", "layers.9"): one.clone() for key, one in tensors.items()}}

    message = at_load(opened, retyped(copied, deeper))
    assert re.search(r"for another model: \d+ of its tensors match nothing in the model, such as .*layers\.9", message)


def test_an_adapter_that_lacks_tensors(opened: Opened, copied: Path) -> None:
    def halved(tensors: dict[str, Any]) -> dict[str, Any]:
        return {key: tensor for key, tensor in tensors.items() if "layers.0.self_attn.q_proj" not in key}

    assert "of its tensors are missing, such as " in at_load(opened, retyped(copied, halved))


def test_layers_that_the_model_does_not_have(opened: Opened, copied: Path) -> None:
    message = at_load(opened, edited(copied, target_modules=["query_key_value"]))
    assert re.match(r"--vlm-adapter copied: does not fit the model: \w+: Target modules .*query_key_value", message)


def test_a_base_of_another_name_is_told(copied: Path) -> None:
    def said(base: str | None) -> str:
        engine = TransformersEngine(
            str(TINY), EngineSettings(device="cpu", adapter=str(edited(copied, base_model_name_or_path=base)))
        )
        engine.check()
        return engine.describe().get("adapter_made_for", "")

    assert said("/home/somebody/models/tiny/") == said("org/Tiny") == said(None) == ""
    assert said("/home/somebody/models/large") == "large"
    assert said("org/large") == "org/large"


def test_a_model_that_holds_an_adapter(peft: Any, copied: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(TINY, tmp_path / "both")
    shutil.copy(copied / adapter.CONFIG, folder)
    with pytest.raises(ModelError, match=r"^both: the folder holds a model and an adapter\. Expected one of them: "):
        TransformersEngine(str(folder), EngineSettings(device="cpu")).check()


# -- through pytest itself


def test_a_run_with_an_adapter(spread_project: Project, lora: Path) -> None:
    spread_project.own_process = True
    shutil.copytree(lora, spread_project.path / "adapters/careful")
    ran = spread_project.gate("--vlm-adapter", "adapters/careful", vlm="tiny")
    assert ran.status in (0, 1), ran.out
    assert "vsc adapter: careful" in ran.lines
    assert ran.summary["header"]["model"]["adapter"] == "careful"
    assert len(ran.outcomes) == 8


def test_answers_with_and_without_it_are_kept_apart(plain_project: Project, lora: Path) -> None:
    plain_project.own_process = True

    def answered(*settings: str, kept: bool = False) -> list[str]:
        ran = plain_project.gate(*settings, vlm="tiny")
        assert ("8 answers kept from earlier runs, 0 generated" in ran.out) == kept
        return [record["response"]["text"] for record in ran.run if record["kind"] == "record"]

    adapted = answered("--vlm-adapter", str(lora))
    assert answered() != adapted
    assert answered("--vlm-adapter", str(lora), kept=True) == adapted


def test_the_base_may_judge_it(plain_project: Project, lora: Path) -> None:
    plain_project.own_process = True
    judged = ("--vsc-judge", "rubric@tiny", "--collect-only", "-q")
    alone = plain_project.gate(*judged, vlm="tiny")
    assert alone.status == 4
    assert "would judge itself" in alone.out
    assert "judge itself" not in plain_project.gate(*judged, "--vlm-adapter", str(lora), vlm="tiny").out
