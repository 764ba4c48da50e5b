"""`vsc tune`: an adapter for the embedded model that `--vlm-adapter` loads, and what it says when there can be none."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_vsc.calibrations.used import used_cases
from pytest_vsc.cli.local import Line
from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.transformers import TransformersEngine
from pytest_vsc.errors import ModelError
from pytest_vsc.leakage import used_of
from pytest_vsc.shipped import shipped
from pytest_vsc.suites import load_suite
from tests import drawn
from tests.command import Run

TINY = shipped("fixtures") / "models/tiny"
QUICK = ("--steps", "2", "--batch-size", "2", "--rank", "2", "--device", "cpu")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In an empty folder with two suites: `train` of ten cases a side, some with pictures, and `facts` with answers."""
    monkeypatch.chdir(tmp_path)
    sides = ("safe", "unsafe")
    cases = [drawn.case(f"{side}-{number}", side=side) for side in sides for number in range(8)]
    cases += [drawn.case(f"{side}-p{number}", f"{number}.png", side=side) for side in sides for number in range(2)]
    pictures = {f"{number}.png": drawn.encoded(drawn.drawn(number)) for number in range(2)}
    drawn.write_suite(tmp_path / "train", cases, pictures, drawn.TOML.replace("drawn", "train"))
    facts = [{**drawn.case(f"fact-{number}"), "answers": ["blue", "it is blue"]} for number in range(4)]
    for fact in facts:
        del fact["side"]
    drawn.write_suite(tmp_path / "facts", facts, {}, drawn.TOML.replace("drawn", "facts"))


@pytest.fixture
def peft() -> None:
    pytest.importorskip("peft", reason="needs peft: pip install 'pytest-vsc[adapter]'")


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.heavy
@pytest.mark.usefixtures("peft")
def test_an_adapter_that_a_run_can_load(vsc: Run, tmp_path: Path) -> None:
    options = ("--suite", "train", "--utility", "facts", *QUICK)
    code, out, err = vsc("tune", "tiny", "--out", "mine", *options)
    assert code == 0, err
    held_out, written = out.splitlines()
    assert held_out.startswith("held-out loss ")
    assert held_out.endswith(", 2 lessons")
    assert written == "mine: written; use it with --vlm tiny --vlm-adapter mine"
    assert [line.partition(", loss")[0] for line in err.splitlines()] == [
        "vsc tune: 2 steps, 22 lessons, 27,648 weights",
        "vsc tune: step 1/2",
        "vsc tune: step 2/2",
    ]
    made = contents(Path("mine"))
    assert sorted(made) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "training.json",
        "used.json",
    ]
    assert not [name for name, data in made.items() if str(tmp_path).encode() in data or b"models/tiny" in data]
    assert json.loads(made["adapter_config.json"])["base_model_name_or_path"] == "tiny"
    said = json.loads(made["training.json"])
    assert (said["model"]["name"], said["recipe"]["steps"], said["mix"]) == ("tiny", 2, "1:1:1")
    assert said["adapter"] == hashlib.sha256(made["adapter_model.safetensors"]).hexdigest()
    assert len(said["losses"]["steps"]) == 2
    assert "| cases | 10 safe, 10 unsafe, 4 utility |" in made["README.md"].decode()

    assert said["cases"] == {"safe": 10, "unsafe": 10, "utility": 4, "held_out": 2}

    cases = [case for name in ("train", "facts") for case in load_suite(name, tmp_path).cases]
    assert list(used_cases(Path("mine"))) == list(used_of(cases)), "with the pictures' greys"
    assert not [name for name in ("training.json", "used.json") if "How does" in made[name].decode()]

    code, _, err = vsc("tune", TINY, "--out", "again/mine", *options)
    assert code == 0, err
    assert contents(Path("again/mine")) == made, "the same command makes the same files"

    engine = TransformersEngine(str(TINY), EngineSettings(device="cpu", adapter="mine"))
    engine.check()
    assert engine.describe()["adapter"] == "mine"
    assert "adapter_made_for" not in engine.describe()


@pytest.mark.heavy
@pytest.mark.usefixtures("peft")
def test_what_was_interrupted_goes_on(vsc: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("--suite", "train", *QUICK)
    show = Line.show

    def press(line: Line, done: int, whole: int, more: str = "") -> None:
        import signal

        show(line, done, whole, more)
        if done == 1:
            signal.raise_signal(signal.SIGINT)

    longer = (*options[:2], "--steps", "3", *QUICK[2:])
    with monkeypatch.context() as patched:
        patched.setattr(Line, "show", press)
        code, out, err = vsc("tune", "tiny", "--out", "part", *longer)
    assert (code, out) == (2, "")
    assert "vsc tune: interrupted: the step is finished and kept; once more ends it at once\n" in err
    assert err.endswith("vsc tune: interrupted after step 2 of 3; go on with --resume\n")
    assert not Path("part/training.json").exists()

    said = "vsc: --resume: was begun with another recipe rate (0.0002, now 0.1); expected the same command\n"
    assert vsc("tune", "tiny", "--out", "part", *longer, "--resume", "--learning-rate", "0.1")[2].endswith(said)
    said = (
        "vsc: --out part: the folder is not empty; expected a new one, or --resume to go on with what was begun there\n"
    )
    assert vsc("tune", "tiny", "--out", "part", *longer)[2] == said
    code, _, err = vsc("tune", "tiny", "--out", "part", *longer, "--resume")
    assert code == 0, err
    assert "step 3/3" in err
    assert vsc("tune", "tiny", "--out", "straight", *longer)[0] == 0
    name = "adapter_model.safetensors"
    assert (Path("part") / name).read_bytes() == (Path("straight") / name).read_bytes()
    said = "vsc: --out part: is finished, there is nothing to go on with; expected a new folder\n"
    assert vsc("tune", "tiny", "--out", "part", *longer, "--resume")[2] == said


@pytest.mark.heavy
@pytest.mark.usefixtures("peft")
def test_an_adapter_for_other_weights(vsc: Run, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    targets = [{"case_id": case, "target": "Later."} for case in ids(tmp_path)]
    Path("targets.jsonl").write_text("".join(json.dumps(one) + "\n" for one in targets))
    code, _, err = vsc(
        "tune", "tiny", "--out", "mine", "--suite", "train", "--targets", "targets.jsonl", "--mix", "1:1:0", *QUICK
    )
    assert code == 0, err
    assert json.loads(Path("mine/training.json").read_text())["targets"]["what"] == "the user's own"
    other = shutil.copytree(TINY, tmp_path / "other")
    weights = load_file(other / "model.safetensors")
    weights["model.text_model.norm.weight"] += 1
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    said = r"^--vlm-adapter mine: made for another model \(tiny\): for weights of digest \w{12}, but other has \w{12}$"
    with pytest.raises(ModelError, match=said):
        TransformersEngine(str(other), EngineSettings(device="cpu", adapter="mine")).check()

    file = Path("mine/adapter_model.safetensors")
    save_file({name: one + 1 for name, one in load_file(file).items()}, file, metadata={"format": "pt"})
    said = r"^--vlm-adapter mine: its adapter_model.safetensors is not that of its training.json; tune it anew$"
    with pytest.raises(ModelError, match=said):
        TransformersEngine(str(TINY), EngineSettings(device="cpu", adapter="mine")).check()


def ids(folder: Path) -> list[str]:
    return [json.loads(line)["id"] for line in (folder / "train/cases.jsonl").read_text().splitlines()]


def one_side(folder: Path) -> None:
    lines = (folder / "train/cases.jsonl").read_text().splitlines(keepends=True)
    (folder / "train/cases.jsonl").write_text("".join(line for line in lines if '"unsafe"' in line))


def few(folder: Path) -> None:
    (folder / "train/cases.jsonl").write_text(
        "".join(json.dumps(drawn.case(f"{side}{n}", side=side)) + "\n" for side in ("safe", "unsafe") for n in range(3))
    )


def full(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine/notes.txt").write_text("mine")


LOCAL = (
    "is no local model; expected an alias of one with weights (`vsc models` lists them), a folder or a hub id org/name"
)


@pytest.mark.usefixtures("peft")
@pytest.mark.parametrize(
    ("change", "arguments", "said"),
    [
        (few, ["tiny"], "--suite: too few cases: 3 safe; expected 8 or more of a side"),
        (
            one_side,
            ["tiny"],
            "--suite: no safe cases among 10; a model that is taught one side learns to refuse everything. "
            "Expected both sides, or --one-sided",
        ),
        (full, ["tiny"], "--out mine: the folder is not empty; expected a new one"),
        (None, ["tiny", "--resume"], "--resume: nothing was begun in mine; leave it out"),
        (None, ["tiny", "--suite", "facts"], "--suite facts: is a utility suite; give it as --utility"),
        (None, ["tiny", "--utility", "train"], "--suite: two suites are named 'train' (train and train); "),
        (None, ["tiny", "--utility", "mini"], "--utility mini: is no utility suite: its cases have no answers"),
        (None, ["tiny", "--mix", "1:1"], "--mix: no mixture ('1:1'); expected three weights of 0 or more, "),
        (
            None,
            ["tiny", "--mix", "0:1:1"],
            "--mix: nothing of what is safe (0:1:1); expected some of both, or --one-sided",
        ),
        (
            one_side,
            ["tiny", "--one-sided", "--mix", "1:0:1"],
            "--mix: nothing of what the suites hold (1:0:1); expected",
        ),
        (None, ["tiny", "--dtype", "float16"], "--dtype float16: too coarse to train in; expected bfloat16 or float32"),
        (None, ["tiny", "--dtype", "float31"], "--dtype: unknown dtype 'float31'; "),
        (
            None,
            ["tiny", "--target-modules", "q_porj"],
            "--target-modules: no linear layer 'q_porj' there; expected some",
        ),
        (None, ["replay:run.jsonl"], f"vsc tune: 'replay:run.jsonl' {LOCAL}"),
        (None, ["http://localhost:1#m"], f"vsc tune: 'http://localhost:1#m' {LOCAL}"),
        (None, ["always-refuse"], f"vsc tune: 'always-refuse' {LOCAL}"),
        (None, ["tniy"], "vsc tune: unknown model 'tniy'; expected an alias"),
        (None, ["tiny", "--targets", "no.jsonl"], "--targets no.jsonl: cannot be read: No such file or directory"),
    ],
)
def test_one_clear_line(
    vsc: Run, tmp_path: Path, change: Callable[[Path], None] | None, arguments: list[str], said: str
) -> None:
    if change is not None:
        change(tmp_path)
    suite = [] if "facts" in arguments else ["--suite", "train"]
    code, out, err = vsc("tune", *arguments, *suite, "--out", "mine", *QUICK)
    assert (code, out) == (2, "")
    assert err.startswith(f"vsc: {said}")
    assert err.count("\n") == 1
    assert not Path("mine/training.json").exists()


@pytest.mark.parametrize("option", ["--rank", "--learning-rate", "--dropout", "--seed", "--eval-share"])
def test_numbers_that_are_none(vsc: Run, option: str) -> None:
    code, _, err = vsc("tune", "tiny", "--suite", "train", "--out", "mine", option, "-1")
    assert code == 2
    assert f"argument {option}" in err


def test_without_peft(vsc: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "peft" else find(name, *rest))
    code, _, err = vsc("tune", "tiny", "--suite", "train", "--out", "mine")
    assert (code, err) == (
        2,
        "vsc: vsc tune: needs peft, which is not installed: pip install 'pytest-vsc[calibrate]'\n",
    )
