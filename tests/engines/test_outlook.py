"""What would happen with a model: each thing that is looked at, from files and caches alone."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
import socket
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from pytest_vsc.engines import EngineSettings, memory
from pytest_vsc.engines.outlook import fitting, look, serving
from pytest_vsc.engines.outlook.findings import Outlook
from pytest_vsc.engines.presets import Preset, presets
from pytest_vsc.engines.transformers import TransformersEngine
from pytest_vsc.errors import ModelError, VscError
from pytest_vsc.shipped import shipped
from tests import fake_vllm
from tests.chat_server import ChatServer, failure

pytest.importorskip("torch", reason="pip install 'pytest-vsc[local]'")
pytest.importorskip("transformers", reason="pip install 'pytest-vsc[local]'")

pytestmark = pytest.mark.heavy

TINY = shipped("fixtures") / "models/tiny"
Damage: TypeAlias = "Callable[[Path], object]"
COMMIT = "0" * 40
TODAY = date(2026, 1, 1)


@pytest.fixture(autouse=True)
def nobody_is_asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever would reach the hub is stopped, so that a look at files can be seen to be that only."""
    if "server" in request.node.name:
        return

    def refuse(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """As HF_HUB_OFFLINE has it, whether or not that is set here."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return shutil.copytree(TINY, tmp_path / "copied")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache with the config of org/name in it and nothing else; where its files lie."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    kept = tmp_path / "hub/models--org--name"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs/main").write_text(COMMIT)
    snapshot = kept / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    shutil.copy(TINY / "config.json", snapshot)
    return snapshot


@pytest.fixture
def online(offline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)


def seen(spec: str | Path, **settings: Any) -> Outlook:
    return look(str(spec), EngineSettings(**{"device": "cpu", **settings}), TODAY)


def told(found: Outlook, about: str) -> list[tuple[str, str]]:
    return [(one.severity, one.says) for one in found.findings if one.about == about]


def changed(folder: Path, **fields: object) -> Path:
    (folder / "config.json").write_text(json.dumps({**json.loads((folder / "config.json").read_text()), **fields}))
    return folder


def test_a_model_that_works() -> None:
    found = seen("tiny")
    assert (found.works, found.kind, found.target) == (True, "folder", str(TINY))
    assert {one.severity for one in found.findings} == {"ok"}
    assert [one.about for one in found.findings][:7] == [
        *("files", "weights", "class", "packages", "memory", "processor", "chat template")
    ]
    assert told(found, "processor") == [("ok", "Idefics3Processor")]
    assert seen(TINY).works


@pytest.mark.parametrize(
    ("fields", "severity", "says"),
    [
        ({"model_type": "bert", "architectures": ["BertModel"]}, "problem", "bert (BertModel): transformers "),
        (
            {"model_type": "own", "auto_map": {"AutoModel": "m.M"}},
            "problem",
            "no image-text-to-text class for it; its own code offers AutoModel only. A newer",
        ),
        (
            {"model_type": "own", "auto_map": {"AutoModelForImageTextToText": "m.M"}},
            "problem",
            "needs code of its own to run; --trust-remote-code, if you trust it",
        ),
        ({"architectures": ["Elsewhere"]}, "warning", "its config names another one (Elsewhere)"),
    ],
)
def test_classes(copied: Path, fields: dict[str, Any], severity: str, says: str) -> None:
    found = told(seen(changed(copied, **fields)), "class")
    assert found[-1][0] == severity
    assert says in found[-1][1]


def test_code_of_its_own_that_is_allowed(copied: Path) -> None:
    changed(copied, model_type="own", auto_map={"AutoModelForImageTextToText": "m.M"})
    found = seen(copied, trust_remote_code=True)
    assert told(found, "class") == [
        ("warning", "own (Idefics3ForConditionalGeneration): code of its own repository runs, as allowed")
    ]
    assert told(found, "code") == [("problem", "no m.py in the folder, whose classes its files name")]
    (copied / "m.py").write_text("raise AssertionError('it was run')")
    found = seen(copied, trust_remote_code=True)
    assert found.works
    assert told(found, "processor") == []


def test_code_of_its_own_beside_a_class_of_transformers(copied: Path) -> None:
    (copied / "m.py").write_text("raise AssertionError('it was run')")
    changed(copied, auto_map={"AutoModelForImageTextToText": "m.M"})
    assert told(seen(copied), "class")[0][0] == told(seen(copied), "processor")[0][0] == "ok"  # it is not asked for
    found = seen(copied, trust_remote_code=True)
    assert told(found, "class")[0][1].startswith("idefics3 (Idefics3ForConditionalGeneration): code of its own")
    assert told(found, "processor") == [("warning", "unknown: code of its own may make it, which is not run to look")]
    assert found.works


def test_weights(copied: Path) -> None:
    weights = copied / "model.safetensors"
    weights.rename(copied / "pytorch_model.bin")
    assert told(seen(copied), "weights")[0][0] == "problem"
    assert "pickle files" in told(seen(copied), "weights")[0][1]
    (copied / "pytorch_model.bin").rename(weights)
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "it was cut or altered" in told(seen(copied), "weights")[0][1]
    weights.unlink()
    assert told(seen(copied), "weights") == [
        ("problem", "no weights; expected model.safetensors, or model.safetensors.index.json with its shards")
    ]
    assert told(seen(copied), "memory")[0][0] == "warning"


def test_processor_and_template(copied: Path) -> None:
    (copied / "chat_template.jinja").unlink()
    assert told(seen(copied), "chat template") == [
        ("warning", "none: it is given image tokens, then the text as it stands")
    ]
    (copied / "tokenizer_config.json").unlink()
    assert told(seen(copied), "processor") == [("ok", "Idefics3Processor")]
    (copied / "tokenizer.json").unlink()
    assert told(seen(copied), "processor") == [("problem", "its files and those of its tokenizer are not all here")]


def test_a_folder_without_a_config(copied: Path) -> None:
    (copied / "config.json").unlink()
    assert told(seen(copied), "class") == [("problem", "no config.json; expected one as save_pretrained writes it")]
    (copied / "adapter_config.json").write_text("{}")
    assert told(seen(copied), "class")[0][1].startswith("is an adapter: give the model that it adapts")


def test_a_config_that_cannot_be_read(copied: Path) -> None:
    (copied / "config.json").write_text("{")
    found = seen(copied)
    assert [(one.severity, one.about) for one in found.findings] == [("ok", "files"), ("problem", "config")]
    assert found.findings[-1].says.startswith("config.json is not JSON (")


def without(*names: str) -> Damage:
    return lambda folder: list(map(Path.unlink, map(folder.joinpath, names)))


def with_text(name: str, text: str) -> Damage:
    return lambda folder: (folder / name).write_text(text)


def with_config(**fields: object) -> Damage:
    return lambda folder: changed(folder, **fields)


def moved_template(folder: Path) -> None:
    file, template = folder / "tokenizer_config.json", folder / "chat_template.jinja"
    named = [{"name": name, "template": template.read_text()} for name in ("default", "tool_use")]
    file.write_text(json.dumps({**json.loads(file.read_text()), "chat_template": named}))
    template.unlink()


def gone_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(folder / "gone")


DAMAGED: dict[str, tuple[Damage, str]] = {
    "a tokenizer without its config": (without("tokenizer_config.json"), ""),
    "no tokenizer": (without("tokenizer_config.json", "tokenizer.json"), "processor"),
    "no picture settings": (without("processor_config.json"), "processor"),
    "templates of the tokenizer, by name": (moved_template, ""),
    "no template": (without("chat_template.jinja"), ""),
    "a template that says nothing": (with_text("chat_template.jinja", "Hello"), "chat template"),
    "a template that is none": (with_text("chat_template.jinja", "{% for"), "chat template"),
    "a model and an adapter": (with_text("adapter_config.json", "{}"), "class"),
    "no type": (with_config(model_type=None), "class"),
    "another type": (with_config(model_type="bert"), "class"),
    "an unknown quantization": (with_config(quantization_config={"quant_method": "nobody's"}), "quantization"),
    "a pointer": (with_text("model.safetensors", "version https://git-lfs.github.com/spec/v1"), "weights"),
    "weights of another name": (
        lambda folder: (folder / "model.safetensors").rename(folder / "a.safetensors"),
        "weights",
    ),
    "weights that are gone": (gone_weights, "weights"),
    "an index of another form": (with_text("model.safetensors.index.json", '{"weight_map": []}'), "weights"),
    "nothing": (lambda folder: list(map(Path.unlink, list(folder.iterdir()))), "class"),
}


@pytest.mark.parametrize(("damage", "about"), DAMAGED.values(), ids=list(DAMAGED))
def test_it_says_what_a_run_would(copied: Path, damage: Damage, about: str) -> None:
    damage(copied)
    found = seen(copied)
    assert {one.about for one in found.findings if one.severity == "problem"} == ({about} if about else set())
    engine = TransformersEngine(str(copied), EngineSettings(device="cpu"))
    with pytest.raises(ModelError) if about else contextlib.nullcontext():
        engine.check()


def test_whose_template_it_is(copied: Path) -> None:
    moved_template(copied)
    assert told(seen(copied), "chat template") == [("ok", "its own, of the tokenizer")]


def test_settings_that_a_run_would_refuse(copied: Path) -> None:
    auto_map = {"AutoConfig": "org/other--m.C", "AutoModelForImageTextToText": "org/other--m.M"}
    found = seen(changed(copied, auto_map=auto_map), trust_remote_code=True)
    assert told(found, "code")[0][1].startswith("runs code of another repository (org/other), which can change")
    changed(copied, auto_map=None, quantization_config={"quant_method": "fp8"})
    assert told(seen(copied, quantization="4bit"), "quantization") == [
        ("problem", "its weights are quantized already (fp8); leave out --quantization 4bit")
    ]


def test_weights_in_two_layouts_count_once(copied: Path) -> None:
    shutil.copy(copied / "model.safetensors", copied / "consolidated.safetensors")
    assert told(seen(copied), "memory")[0][1].partition(";")[0] == told(seen(TINY), "memory")[0][1].partition(";")[0]


def test_packages(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed(copied, quantization_config={"quant_method": "gptq"})
    here = importlib.util.find_spec
    absent = {"bitsandbytes", "peft", "gptqmodel", "torchvision"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in absent else here(name))
    assert told(seen(copied, quantization="4bit", adapter="nowhere"), "packages") == [
        ("problem", "peft, bitsandbytes, gptqmodel are missing: pip install peft bitsandbytes gptqmodel")
    ]
    assert told(seen("qwen-vl"), "packages") == [("problem", "torchvision is missing: pip install torchvision")]
    absent |= {"torch"}
    assert told(seen(copied), "packages") == [("problem", "a local model needs torch: pip install 'pytest-vsc[local]'")]


@pytest.mark.parametrize(
    ("left", "severity", "says"),
    [
        (None, "ok", "free memory unknown on cpu"),
        (1 << 40, "ok", "1024.00 free on cpu"),
        (15_000_000, "warning", "little to work in"),
        (10_000_000, "problem", "too little; a smaller --dtype, a quantization or a smaller model may fit"),
    ],
)
def test_memory(monkeypatch: pytest.MonkeyPatch, left: int | None, severity: str, says: str) -> None:
    """3.5 million numbers in float32 are 14 MB, 17.5 MB with the allowance."""
    monkeypatch.setattr(fitting, "memory_left", lambda _: left)
    ((found, said),) = told(seen("tiny"), "memory")
    assert found == severity
    assert said.endswith(says)


def test_memory_goes_by_the_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "memory_left", lambda _: None)
    glm = seen("glm-4v", dtype="bfloat16"), seen("glm-4v"), seen("glm-4v", quantization="4bit")
    assert [told(found, "memory")[0][1].split(" with ")[0] for found in glm] == [
        "19.19 GiB of weights in bfloat16, 23.98",
        "38.37 GiB of weights in float32, 47.96",
        "4.80 GiB of weights in 4bit, 6.00",
    ]


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    if not torch.cuda.is_available():
        ((severity, says),) = told(seen("tiny", device="cuda:7"), "device")
        assert severity == "problem"
        assert says.startswith("--device: no device 'cuda:7' here; expected one of auto, cpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: (10 + number, 100))
    assert memory.memory_left("cuda") == 21
    assert memory.memory_left("cuda:1") == 11
    assert memory.memory_left("mps") is None


def test_not_in_the_cache() -> None:
    found = seen("qwen-vl")
    assert told(found, "files") == [
        ("problem", "not in the hub's cache, and HF_HUB_OFFLINE forbids to fetch them (about 15.5 GiB)")
    ]
    assert told(found, "class")[0][1].endswith(", as its preset says")
    assert not found.works
    assert told(seen("org/other"), "class") == [("warning", "unknown until its config is here")]


@pytest.mark.usefixtures("online")
def test_not_in_the_cache_but_to_be_had() -> None:
    assert told(seen("llava-1.5"), "files") == [
        ("warning", "not in the hub's cache; they would be downloaded (about 13.2 GiB)")
    ]
    assert told(seen("org/other"), "files")[0][1].endswith("(of unknown size)")
    assert told(seen("gemma3"), "licence") == [
        ("problem", "its licence (Gemma) must be accepted on the hub first, and HF_TOKEN set")
    ]


@pytest.mark.usefixtures("online")
def test_a_cache_that_holds_a_part(cache: Path) -> None:
    found = seen("org/name")
    assert found.kind == "hub model"
    assert told(found, "files")[0][1].startswith("1 in the hub's cache, 0.00 GiB")
    assert told(found, "weights") == [("warning", "no weights; would be downloaded")]
    assert told(found, "processor")[0][0] == "warning"
    assert found.works
    for file in TINY.iterdir():
        shutil.copy(file, cache)
    assert {one.severity for one in seen("org/name").findings} == {"ok"}


def test_a_cache_that_holds_a_part_and_nobody_to_ask(cache: Path) -> None:
    found = seen("org/name")
    assert told(found, "weights")[0][0] == told(found, "processor")[0][0] == "problem"
    assert told(seen("org/name", revision="v2"), "files")[0][0] == "problem"


def test_what_transformers_does_not_load_as_it_is() -> None:
    for alias in ("internvl2", "vlguard-7b", "deepseek-vl-original", "phi-4-multimodal"):
        found = seen(alias)
        assert not found.works
        assert found.findings[0].says == f"transformers does not load it as it is; {presets()[alias].instead}"


def test_an_original_llava(tmp_path: Path) -> None:
    from tests import llava

    llava.write_original(tmp_path / "old one", "bin", tower=False)
    found = seen(tmp_path / "old one")
    assert [one.about for one in found.findings] == ["files", "class"]
    assert found.findings[1].says.endswith(
        f"convert it: vsc models --convert '{tmp_path}/old one' --tower FOLDER_OF_clip-vit-large-patch14-336 --out DIR"
    )


def test_adapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from safetensors.torch import save_file

    here = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: here("json") if name == "peft" else here(name))
    folder = tmp_path / "lora"
    folder.mkdir()
    assert told(seen("tiny", adapter=str(folder)), "adapter")[0][1].startswith("no adapter_config.json in ")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "PROMPT_TUNING"}))
    assert told(seen("tiny", adapter=str(folder)), "adapter")[0][1].startswith("an adapter of unknown kind ('PROMPT_")
    lora = {"peft_type": "LORA"}
    (folder / "adapter_config.json").write_text(json.dumps({**lora, "base_model_name_or_path": "models/tiny"}))
    assert told(seen("tiny", adapter=str(folder)), "adapter")[0][1].startswith("no weights; ")
    (folder / "adapter_model.bin").write_bytes(b"")
    assert "a pickle file" in told(seen("tiny", adapter=str(folder)), "adapter")[0][1]
    save_file({"a": torch.ones(3, 4)}, str(folder / "adapter_model.safetensors"))
    assert told(seen("tiny", adapter=str(folder)), "adapter") == [("ok", "lora, 12 parameters")]
    (folder / "adapter_config.json").write_text(json.dumps({**lora, "base_model_name_or_path": "org/other"}))
    assert told(seen("tiny", adapter=str(folder)), "adapter") == [("warning", "was trained on org/other, not on tiny")]


def test_what_families_do_not_take() -> None:
    found = seen("paligemma")
    assert ("warning", "takes none without a picture: they become ERROR") in told(found, "cases")
    assert told(found, "known for") == [("ok", "no chat template"), ("ok", "no text-only")]


def test_engines_that_check_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(seen("always-refuse"), "check") == [("ok", "its own check passes")]
    assert seen("always-refuse").kind == "scripted"
    missing = seen(f"replay:{tmp_path}/none.jsonl")
    assert (missing.kind, missing.works) == ("replay", False)
    assert not seen("python:no_such_module:make").works


@pytest.fixture
def vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command of our own is the only `vllm` that there is."""
    fake_vllm.put(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none/python"))  # beside which one may lie


@pytest.mark.usefixtures("vllm")
def test_vllm(copied: Path) -> None:
    pytest.importorskip("openai", reason="pip install 'pytest-vsc[openai]'")
    found = seen("vllm:tiny", device="auto")
    assert (found.works, found.kind, found.target) == (True, "vllm", str(TINY))
    assert [one.about for one in found.findings] == ["files", "weights", "vllm"]
    assert told(found, "vllm") == [("ok", "is here, and takes these settings")]
    (copied / "config.json").unlink()
    found = seen(f"vllm:{copied}", device="auto")
    assert told(found, "config")[0][1].startswith("no config.json in the folder; expected one as save_pretrained")
    assert not found.works
    (copied / "config.json").write_text("{")
    assert told(seen(f"vllm:{copied}"), "config")[0][1].startswith("config.json is not JSON (")


@pytest.mark.usefixtures("vllm")
@pytest.mark.parametrize(
    ("damage", "settings", "about", "says"),
    [
        (without(), {}, "", ""),
        (without("config.json"), {}, "config", "no config.json in the folder"),
        (with_text("config.json", "{"), {}, "config", "config.json is not JSON"),
        (with_text("adapter_config.json", "{}"), {}, "config", "the folder holds a model and an adapter"),
        (without("model.safetensors"), {}, "weights", "no weights; "),
        (without(), {"adapter": "nowhere"}, "vllm", "--vlm-adapter: no such folder (nowhere)"),
        (without(), {"quantization": "8bit"}, "vllm", "--vlm-quantization: vLLM loads no weights as 8bit"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "a.safetensors"), {}, "", ""),
    ],
    ids=["sound", "no-config", "broken-config", "two", "no-weights", "adapter", "8bit", "name"],
)
def test_what_vllm_would_be_given(
    copied: Path, damage: Damage, settings: dict[str, Any], about: str, says: str
) -> None:
    pytest.importorskip("openai", reason="pip install 'pytest-vsc[openai]'")
    from pytest_vsc.engines.vllm import VllmEngine

    damage(copied)
    problems = [one for one in seen(f"vllm:{copied}", device="auto", **settings).findings if one.severity == "problem"]
    assert [one.about for one in problems] == ([about] if about else [])
    assert all(one.says.startswith(says) for one in problems)
    with pytest.raises(VscError) if about else contextlib.nullcontext():
        VllmEngine(str(copied), EngineSettings(**settings)).check()


@pytest.mark.usefixtures("vllm")
def test_all_that_vllm_refuses(tmp_path: Path) -> None:
    pytest.importorskip("openai", reason="pip install 'pytest-vsc[openai]'")
    found = seen("vllm:tiny", quantization="8bit", adapter=str(tmp_path), device="mps")
    assert [severity for severity, _ in told(found, "vllm")] == ["problem"] * 3
    assert [says.partition(":")[0] for _, says in told(found, "vllm")] == [
        *("--vlm-quantization", f"--vlm-adapter {tmp_path.name}", "--vlm-device")
    ]
    assert told(found, "weights") == [("ok", "safetensors, whole")]


def test_no_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai", reason="pip install 'pytest-vsc[openai]'")
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    found = seen("vllm:tiny", quantization="8bit")
    assert [says.partition(":")[0] for _, says in told(found, "vllm")] == [
        *("needs vLLM in this environment, or its command on PATH", "--vlm-quantization")
    ]
    assert not found.works


@pytest.mark.usefixtures("vllm")
def test_what_vllm_would_be_given_of_the_cache(cache: Path) -> None:
    assert told(seen("vllm:qwen-vl"), "files")[0][0] == "problem"
    assert seen("vllm:qwen-vl").target == "Qwen/Qwen2.5-VL-7B-Instruct"
    assert told(seen("vllm:org/name"), "files")[0][1].startswith("1 in the hub's cache")
    for file in TINY.iterdir():
        shutil.copy(file, cache)
    assert told(seen("vllm:org/name"), "weights") == [("ok", "safetensors, whole")]
    (cache / "adapter_config.json").write_text("{}")
    assert told(seen("vllm:org/name"), "config") == []  # the engine looks at no more than weights there


@pytest.mark.usefixtures("vllm", "online")
def test_what_vllm_would_fetch_is_not_fetched() -> None:
    assert told(seen("vllm:org/other"), "files")[0][0] == "warning"


@pytest.mark.parametrize("spec", ["vllm:no such", "vllm:gpt-4o-mini", "vllm:always-refuse"])
def test_what_vllm_does_not_serve(spec: str) -> None:
    with pytest.raises(ModelError, match=rf"^--vlm vllm: no model '{spec[5:]}' that can be served; expected an alias"):
        seen(spec)


def test_a_server_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai", reason="pip install 'pytest-vsc[openai]'")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with ChatServer("Sure.") as server:
        found = seen(server.spec)
        assert [each.path for each in server.asked] == ["/v1/models"]
        assert told(found, "server") == [("ok", "answers, and lists the model 'model'")]
        assert told(found, "key") == [("ok", "none (OPENAI_API_KEY is not set)")]
        other = seen(f"{server.url}#other")
        assert "the server has no such model" in told(other, "server")[0][1]
        assert not other.works


def test_a_server_that_answers_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai", reason="pip install 'pytest-vsc[openai]'")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with ChatServer("Sure.", models=failure(401)) as server:
        assert "wants a key (401)" in told(seen(server.spec), "server")[0][1]
    with ChatServer("Sure.", models=failure(404)) as server:
        assert told(seen(server.spec), "server") == [
            ("warning", "answers, and lists no models: whether it has 'model' will be seen when it is asked")
        ]
    monkeypatch.setattr(serving, "PATIENCE", 0.2)
    with ChatServer("Sure.", models=failure(429)) as server:
        assert told(seen(server.spec), "server") == [
            ("warning", "asks to wait, for 0.2 s by now; whether it has 'model' is unknown")
        ]
        assert {each.path for each in server.asked} == {"/v1/models"}


def test_a_server_that_is_not_there() -> None:
    pytest.importorskip("openai", reason="pip install 'pytest-vsc[openai]'")
    with ChatServer("Sure.") as server:
        spec = server.spec
    found = seen(spec)
    assert "the server cannot be reached (3 tries)" in told(found, "server")[0][1]
    assert not found.works


def test_a_hosted_server_is_not_asked_without_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai", reason="pip install 'pytest-vsc[openai]'")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    found = seen("gpt-4o-mini")
    assert told(found, "key") == [("problem", "OPENAI_API_KEY is not set; the server's key is read from it")]
    assert told(found, "server") == []


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a preset of our own in the place of all others."""

    def put(**fields: Any) -> None:
        preset = Preset(alias="own", description="", **fields)
        for module in ("pytest_vsc.engines", "pytest_vsc.engines.outlook"):
            monkeypatch.setattr(f"{module}.preset_of", {"own": preset}.get)

    return put


def test_a_preset_of_a_server_is_asked_with_its_key(monkeypatch: pytest.MonkeyPatch, own: Callable[..., None]) -> None:
    pytest.importorskip("openai", reason="pip install 'pytest-vsc[openai]'")
    monkeypatch.setenv("OUR_OWN_KEY", "our own secret")
    with ChatServer("Sure.") as server:
        own(url=server.url, model="model", key="OUR_OWN_KEY")
        found = seen("own")
        assert server.asked[0].headers["authorization"] == "Bearer our own secret"
    assert (found.works, found.kind, found.target) == (True, "server", f"{server.url}#model")
    assert told(found, "key") == [("ok", "OUR_OWN_KEY is set")]
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    ("retired", "severity", "says"),
    [
        ("2025-12-31", "warning", "its provider has not served it since 2025-12-31"),
        ("2026-01-01", "warning", "its provider has not served it since 2026-01-01"),
        ("2026-01-02", "ok", "its provider serves it until 2026-01-02"),
    ],
)
def test_a_retired_model_of_a_server(own: Callable[..., None], retired: str, severity: str, says: str) -> None:
    pytest.importorskip("openai", reason="pip install 'pytest-vsc[openai]'")
    with ChatServer("Sure.") as server:
        own(url=server.url, model="model", retired=retired)
        found = seen("own")
    assert told(found, "retired") == [(severity, says)]
    assert (found.works, told(found, "server")[0][0]) == (True, "ok")


@pytest.mark.parametrize("spec", ["tinny", "./nowhere", "replay:", "http://host/v1", ""])
def test_what_means_nothing(spec: str) -> None:
    with pytest.raises(ModelError, match=r"^--vlm: "):
        seen(spec)
