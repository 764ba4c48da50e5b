"""The model aliases: that the file says what it must, what a wrong one is told, and what an alias opens."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.engines import EngineSettings, open_engine, settings_of
from pytest_vsc.engines.presets import ALLOWANCE, Preset, needed, of_set, preset_of, presets, read_presets
from pytest_vsc.errors import ModelError
from pytest_vsc.shipped import shipped

ELEVEN = {
    "gpt-4o-mini",
    "claude-3-5-sonnet-20241022",
    "gemini-1.5-flash",
    "llava-hf/llava-v1.6-vicuna-7b-hf",
    "llava-hf/llava-v1.6-vicuna-13b-hf",
    "OpenGVLab/InternVL2-8B",
    "deepseek-ai/deepseek-vl-7b-chat",
    "ys-zong/llava-v1.5-7b-Mixed",
    "ys-zong/llava-v1.5-13b-Mixed",
    "superjelly/SPA-VL-PPO_30k",
    "superjelly/SPA-VL-DPO_30k",
}
FAMILIES = """
qwen-vl qwen2-vl qwen2.5-vl qwen3-vl llava-1.5 llava-next llava-onevision internvl idefics3 smolvlm paligemma gemma3
llama-3.2-vision pixtral glm-4v phi-4-multimodal deepseek-vl aya-vision minicpm-v tiny tiny-overcautious
""".split()  # noqa: SIM905  # a list of so many is easier to read so


def preset(**fields: Any) -> Preset:
    return Preset(**{"alias": "own", "description": "ours", "hub": "org/name", **fields})


def test_every_family_has_an_alias() -> None:
    assert set(FAMILIES) <= set(presets())


def test_the_embedded_models_alone_carry_gates() -> None:
    tiny = presets()["tiny"]
    assert Path(tiny.target) == shipped("fixtures") / "models/tiny"
    assert {alias for alias, preset in presets().items() if preset.gates} == {"tiny", "tiny-overcautious"}
    assert presets()["qwen-vl"].target == "Qwen/Qwen2.5-VL-7B-Instruct"
    assert preset_of("org/name") is None


def test_what_lies_here_is_there() -> None:
    local = [preset for preset in presets().values() if preset.path]
    assert len(local) == 4
    assert all(Path(preset.target).exists() for preset in local)


def test_the_set_of_the_release() -> None:
    assert {preset.model or preset.hub for preset in of_set("vscbench")} == ELEVEN
    with pytest.raises(ModelError, match=r"^--set: unknown set 'vscbnch'; expected one of vscbench; did you mean 'v"):
        of_set("vscbnch")


def test_servers_name_their_keys_and_nobody_else_does() -> None:
    assert {preset.key for preset in presets().values() if preset.url} == {
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "GEMINI_API_KEY",
    }
    assert not any(preset.key for preset in presets().values() if not preset.url)


@pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="pip install 'pytest-vsc[local]'")
@pytest.mark.heavy
def test_classes_are_those_of_transformers() -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as KNOWN

    said = {one.alias: (one.model_type, one.class_name) for one in presets().values() if one.model_type in KNOWN}
    assert len(said) >= 15
    assert {alias: KNOWN[str(kind)] for alias, (kind, _) in said.items()} == {
        alias: name for alias, (_, name) in said.items()
    }


def test_what_has_no_class_says_what_to_do() -> None:
    unnamed = {alias for alias, one in presets().items() if one.hub and one.class_name is None}
    assert unnamed == {alias for alias, one in presets().items() if one.instead}
    with pytest.raises(ModelError, match=r"^--vlm internvl2: transformers does not load OpenGVLab/InternVL2-8B as it"):
        open_engine("internvl2", EngineSettings())


def test_memory_is_computed_or_unknown() -> None:
    qwen = presets()["qwen-vl"]
    assert qwen.memory == pytest.approx(8.3e9 * 2 * (1 + ALLOWANCE) / 2**30)
    assert preset(parameters=1.0, dtype="float32").memory == pytest.approx(needed(4 * 10**9) / 2**30)
    assert preset(parameters=1.0).memory is None
    assert preset(dtype="float32").memory is None
    assert presets()["gpt-4o-mini"].memory is None


def test_a_users_own_word_goes_first() -> None:
    pinned, server = preset(revision="v2"), preset(hub=None, url="https://host", model="m", key="OUR_KEY")
    assert settings_of(pinned, EngineSettings()).revision == "v2"
    assert settings_of(pinned, EngineSettings(revision="v3")).revision == "v3"
    assert settings_of(preset(), EngineSettings()) == EngineSettings()
    assert settings_of(server, EngineSettings()).key == "OUR_KEY"
    assert settings_of(server, EngineSettings(key="THEIRS")).key == "THEIRS"
    assert settings_of(server, EngineSettings()).revision is None
    assert server.target == "https://host#m"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[a]\ndescription = ""\nhub = "o/n"\nlicense = "MIT"',
            r"^own\.toml: a: unknown key 'license'; .*'licence'\?$",
        ),
        ('[a]\nhub = "o/n"', r"^own\.toml: a: description: Field required$"),
        ('[a]\ndescription = ""', r"^own\.toml: a: Value error, expected one of path, hub, and url with model$"),
        ('[a]\ndescription = ""\nhub = "o/n"\npath = "p"', r"^own\.toml: a: .*expected one of path, hub, and url"),
        ('[a]\ndescription = ""\nurl = "https://h"', r"^own\.toml: a: Value error, expected url and model together$"),
        ('[a]\ndescription = ""\nhub = "no id"', r"^own\.toml: a: hub: String should match pattern"),
        ('[a]\ndescription = ""\nhub = "o/n"\ndtype = "int3"', r"^own\.toml: a: dtype: Input should be 'float32'"),
        ('[a]\ndescription = ""\nhub = "o/n"\nparameters = 0', r"^own\.toml: a: parameters: Input should be greater"),
        ('a = "b"', r"^own\.toml: a: not a table; expected \[a\] with description"),
        ("[a", r"^own\.toml: "),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=message) as told:
        read_presets(file)
    assert "\n" not in str(told.value)


def test_descriptions_fit_their_column() -> None:
    assert max(len(preset.description) for preset in presets().values()) <= 34
