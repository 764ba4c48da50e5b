"""`vsc models`: what it lists, shows and checks, in lines that fit and as JSON, and its exit codes."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from pytest_vsc.cli import models as command
from pytest_vsc.engines.presets import of_set, presets
from pytest_vsc.shipped import shipped
from tests.command import Run

local = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("torch", "transformers")),
    reason="pip install 'pytest-vsc[local]'",
)


def aliases(out: str) -> list[str]:
    """What stands in the first column of a list."""
    table = out.partition("\n\n")[0].splitlines()[1:]
    return [line.split()[0] for line in table if not line.startswith(" ")]


# --- list ---


def test_list(vsc: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(command.WIDTH))
    code, out, err = vsc("models")
    assert (code, err) == (0, "")
    assert aliases(out) == list(presets())
    assert max(map(len, out.splitlines())) <= command.WIDTH
    (qwen,) = [line for line in out.splitlines() if line.startswith("qwen-vl ")]
    assert qwen.split() == ["qwen-vl", "Qwen2.5-VL", "7B", "Instruct", "19.3", "Apache-2.0", "torchvision"]


def test_a_key_stays_beside_its_word(vsc: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    narrow = vsc("models")[1]
    assert max(map(len, narrow.splitlines())) <= command.WIDTH
    assert [line.strip() for line in narrow.splitlines() if "ANTHROPIC" in line] == ["key ANTHROPIC_API_KEY"]
    assert command.BOUND not in narrow


def test_a_wide_terminal_is_used(vsc: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    wide = vsc("models")[1]
    assert command.WIDTH < max(map(len, wide.splitlines())) <= 140
    assert len(aliases(wide)) == len(wide.partition("\n\n")[0].splitlines()) - 1  # nothing is wrapped
    assert "retired 2025-10-28, key ANTHROPIC_API_KEY" in wide


def test_what_is_unknown_is_told_from_what_there_is_none_of(vsc: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(command.WIDTH))
    lines = {line.split()[0]: line.split() for line in vsc("models")[1].splitlines() if line}
    assert lines["spa-vl-ppo"][-6:-4] == ["?", "?"]
    assert lines["gpt-4o-mini"][3:5] == ["-", "-"]


def test_a_set(vsc: Run) -> None:
    code, out, err = vsc("models", "--set", "vscbench")
    assert (code, err) == (0, "")
    assert aliases(out) == [preset.alias for preset in of_set("vscbench")]
    assert len(aliases(out)) == 11
    assert vsc("models", "--set", "vscbnch") == (
        *(2, ""),
        "vsc: --set: unknown set 'vscbnch'; expected one of vscbench; did you mean 'vscbench'?\n",
    )


def test_list_as_json(vsc: Run) -> None:
    code, out, err = vsc("models", "--set", "vscbench", "--json")
    assert (code, err) == (0, "")
    listed = {each["alias"]: each for each in json.loads(out)}
    assert set(listed) == {preset.alias for preset in of_set("vscbench")}
    assert listed["claude-3.5-sonnet"]["retired"] == "2025-10-28"
    assert listed["spa-vl-ppo"]["memory_gib"] is None
    assert listed["llava-1.6-vicuna-7b"]["class"] == "LlavaNextForConditionalGeneration"


# --- one ---


def test_one(vsc: Run) -> None:
    code, out, err = vsc("models", "smolvlm")
    assert (code, err) == (0, "")
    shown = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert shown["hub"] == shown["target"] == "HuggingFaceTB/SmolVLM2-2.2B-Instruct"
    assert shown["packages"] == "torchvision, num2words"
    assert "gated" not in shown
    assert json.loads(vsc("models", "gemma3", "--json")[1])["gated"] is True


def test_an_alias_that_is_none_does_not_print_all_that_are(vsc: Run) -> None:
    assert vsc("models", "qwen-lv") == (
        *(2, ""),
        "vsc: unknown alias 'qwen-lv'; `vsc models` lists them; did you mean 'qwen-vl'?\n",
    )
    assert vsc("models", "\x1b[2J~")[2] == "vsc: unknown alias '[2J~'; `vsc models` lists them\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tiny", "--check", "tiny"], "one at a time: ALIAS, --set, --check or --convert"),
        (["--device", "cpu"], "--dtype, --adapter, --quantization go with --check SPEC"),
        (["--convert", "here"], "--convert FOLDER, --tower FOLDER and --out DIR go together"),
        (["--tower", "here"], "--convert FOLDER, --tower FOLDER and --out DIR go together"),
        (["--check", "tiny", "--out", "here"], "--tower and --out go with --convert FOLDER"),
        (["--convert", "a", "--tower", "b", "--out", "c", "--json"], "--json is not of --convert"),
        (["--check", "tiny", "--dtype", "int3"], "invalid choice: 'int3'"),
    ],
)
def test_bad_usage(vsc: Run, arguments: list[str], said: str) -> None:
    code, out, err = vsc("models", *arguments)
    assert (code, out) == (2, "")
    assert said in err


# --- check ---


@local
@pytest.mark.heavy
def test_check(vsc: Run) -> None:
    code, out, err = vsc("models", "--check", "tiny", "--device", "cpu")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"tiny: {shipped('fixtures') / 'models/tiny'}, a folder"
    assert lines[2] == "  ok  weights        safetensors, whole"
    assert lines[-1] == "would work"


@local
@pytest.mark.heavy
def test_check_of_what_would_not_work(vsc: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(shipped("fixtures") / "models/tiny", tmp_path / "copied\x1b[2J")
    (folder / "model.safetensors").rename(folder / "model.bin")
    (folder / "chat_template.jinja").unlink()
    code, out, err = vsc("models", "--check", folder, "--device", "cpu")
    assert (code, err) == (1, "")
    assert "\x1b" not in out
    assert out.splitlines()[-1] == "would not work: 1 problem, 2 warnings"
    code, out, err = vsc("models", "--check", folder, "--device", "cpu", "--json")
    read = json.loads(out)
    assert (code, read["works"], read["kind"]) == (1, False, "folder")
    assert {"severity", "about", "says"} == set(read["findings"][0])


def test_check_of_nothing(vsc: Run) -> None:
    code, out, err = vsc("models", "--check", "tinny")
    assert (code, out) == (2, "")
    assert err.endswith("; did you mean 'tiny'?\n")
    assert len(err.splitlines()) == 1


def test_check_shows_no_password(vsc: Run) -> None:
    code, out, err = vsc("models", "--check", "http://me:secret@127.0.0.1:9/v1#model")
    assert code == 1
    assert "secret" not in out + err
    assert "secret" not in vsc("models", "--check", "http://me:secret@127.0.0.1:9/v1#model", "--json")[1]


# --- convert ---


@local
@pytest.mark.heavy
def test_convert(vsc: Run, tmp_path: Path) -> None:
    from tests import llava

    model = llava.write_original(tmp_path / "old", "bin", tower=False)
    tower = llava.write_tower(tmp_path / "clip", model)
    wanted = ("models", "--convert", tmp_path / "old", "--tower", tower, "--out", tmp_path / "new")
    code, out, err = vsc(*wanted)
    assert (code, out) == (0, f"{tmp_path}/new: written; vsc models --check {tmp_path}/new\n")
    assert err.startswith("vsc: old: its weights are pickle files, which can run code when opened; they are read by ")
    assert vsc("models", "--check", tmp_path / "new", "--device", "cpu")[0] == 0
    code, out, err = vsc(*wanted)
    assert (code, out) == (2, "")
    assert "new is there already; expected a new or an empty folder" in err
