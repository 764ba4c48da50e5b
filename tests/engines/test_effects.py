"""A setting that has no effect on the kind of engine is refused, and what such a one is good for is said."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_vsc.engines import EngineSettings, open_engine
from pytest_vsc.engines.effects import HEEDED, SETTINGS, refuse_without_effect, stand_in
from pytest_vsc.errors import SettingsError
from pytest_vsc.plugin import FLAGS, LISTS, OPTIONS
from tests.project import Project

SERVER, REPLAY, SCRIPTED = "http://host#model", "replay:run.jsonl", "scripted:model.toml"
LOCAL: dict[str, Any] = {
    "adapter": "folder",
    "attention": "eager",
    "batch_size": 4,
    "device": "cpu",
    "device_map": "auto",
    "dtype": "float32",
    "kv_cache": "static",
    "prefix_cache": False,
    "quantization": "4bit",
    "trust_remote_code": True,
}
SERVERS: dict[str, Any] = {
    "concurrency": 4,
    "headers": (("X-Team", "TEAM"),),
    "key": "KEY",
    "max_cost": 1.0,
    "prices": "prices.toml",
}
VLLM: dict[str, Any] = {"server_args": ("--enforce-eager",)}
BOTH: dict[str, Any] = {"max_pixels": 100, "revision": "v2", "timeout": 5.0}


def refused(spec: str, judging: str | None = None, **settings: Any) -> str:
    """What is said against these settings; nothing if nothing."""
    engine = open_engine(spec, EngineSettings())
    judges = [open_engine(judging, EngineSettings())] if judging else []
    try:
        refuse_without_effect(spec, EngineSettings(**settings), engine, judges)
    except SettingsError as error:
        return str(error)
    return ""


def test_every_setting_is_of_some_use() -> None:
    assert {*LOCAL, *SERVERS, *BOTH, *VLLM} == SETTINGS
    assert set().union(*(heeded for _, heeded in HEEDED.values())) == SETTINGS


@pytest.mark.parametrize(("name", "value"), LOCAL.items())
def test_what_only_a_local_model_heeds(name: str, value: Any) -> None:
    option = f"--vlm-{name.replace('_', '-')}"
    assert refused("tiny", **{name: value}) == refused("org/name", **{name: value}) == ""
    message = refused(SERVER, **{name: value})
    assert message.startswith(
        f"{option}: no effect on a model behind a server (URL#model); expected with a local model"
    )
    assert message.endswith("Leave it out")
    for no_model in (REPLAY, SCRIPTED):
        assert bool(refused(no_model, **{name: value})) == (name != "device")


@pytest.mark.parametrize(("name", "value"), SERVERS.items())
def test_what_only_a_server_heeds(name: str, value: Any) -> None:
    option = {"headers": "--vlm-header", "key": "--vlm-api-key"}.get(name, f"--vlm-{name.replace('_', '-')}")
    assert refused(SERVER, **{name: value}) == ""
    vllm = "a model that vLLM is started for (vllm:SPEC) or " if name == "concurrency" else ""
    assert refused("tiny", **{name: value}) == (
        f"{option}: no effect on a local model (a folder or a hub id); expected with {vllm}a model behind a server "
        "(URL#model). Leave it out"
    )
    assert refused(SCRIPTED, **{name: value}).startswith(f"{option}: no effect on a scripted model; ")


@pytest.mark.parametrize(("name", "value"), BOTH.items())
def test_what_both_heed(name: str, value: Any) -> None:
    assert refused("tiny", **{name: value}) == refused(SERVER, **{name: value}) == ""


def test_several_at_once() -> None:
    message = refused(REPLAY, adapter="folder", max_cost=3.0)
    assert message == "--vlm-adapter, --vlm-max-cost: no effect on a replayed run. Leave it out"
    assert refused("tiny", cache="folder") == refused(REPLAY, cache="folder", device="cuda", timeout=3) == ""


def test_what_the_models_of_a_judge_heed() -> None:
    assert refused(SERVER, device="cpu")
    assert refused(SERVER, "tiny", device="cpu") == ""
    assert refused(SERVER, SERVER, device="cpu")
    assert refused(SERVER, "tiny", dtype="float32"), "which is not handed on to it"


def test_an_engine_of_the_users_own_is_given_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    replayed = open_engine(REPLAY, EngineSettings())
    refuse_without_effect("python:mine:make", EngineSettings(dtype="float32"), replayed, [])
    with pytest.raises(SettingsError):
        refuse_without_effect(REPLAY, EngineSettings(dtype="float32"), replayed, [])
    monkeypatch.setattr(type(replayed), "__module__", "mine.replay")
    refuse_without_effect("mine", EngineSettings(dtype="float32"), replayed, [])


def test_the_options_are_those_of_the_plugin() -> None:
    known = {name for name, *_ in (*OPTIONS, *LISTS, *FLAGS)}
    said = refused(REPLAY, None, **LOCAL, **SERVERS, **BOTH, **VLLM).partition(":")[0].split(", ")
    assert set(said) <= known
    assert len(said) == len(SETTINGS) - 2


def test_a_run_is_refused(plain_project: Project) -> None:
    ran = plain_project.gate("--vlm-adapter", "some/folder")
    assert ran.status == 4
    assert "ERROR: --vlm-adapter: no effect on a scripted model; expected with a local model" in ran.out
    plain_project.pytester.makeini("[pytest]\naddopts = -p no:randomly\nvlm_batch_size = 4\n")  # for other runs
    assert plain_project.gate().status == 0
    assert plain_project.gate("--vlm-batch-size", "4").status == 4


def test_a_stand_in_runs_with_the_settings_of_a_real_model(plain_project: Project) -> None:
    lines = [
        "vlm_batch_size = 4",
        "vlm_trust_remote_code = true",
        "vlm_header = X-Team=TEAM",
        "vlm_quantization = 4bit",
    ]
    plain_project.pytester.makeini("\n".join(["[pytest]", "addopts = -p no:randomly", *lines]))
    typed = ["--vlm-dtype", "float16", "--vlm-header", "A=B", "--vlm-header=A=B", "--vlm-trust-remote-code"]
    options = stand_in([*typed, "--vlm-timeout=5", "--vlm-device", "cpu"])
    assert plain_project.gate(*options).status == 0
    assert options[2:5] == ["--vlm-timeout=5", "--vlm-device", "cpu"]
