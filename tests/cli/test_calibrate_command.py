"""`vsc calibrate fit`: what it writes, twice the same; what it tunes; and what it says when it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_vsc.calibrations import drawing, open_calibrations
from pytest_vsc.calibrations.revision import CARD, read_card, read_tensors
from pytest_vsc.calibrations.used import used_cases
from pytest_vsc.cli import frontier
from pytest_vsc.leakage import overlaps
from pytest_vsc.suites import load_suite
from tests import drawn
from tests.command import Run

PAIRS = 26


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def suite(name: str, pairs: int, *, sides: tuple[str, ...] = ("safe", "unsafe")) -> str:
    """A suite of the first text-only pairs of `mini`, or of their halves of one side."""
    cases = [case for case in load_suite("mini", Path.cwd()).cases if case.variant == "plain" and case.side in sides]
    header = {
        "name": name,
        "version": "1",
        "licence": "Apache-2.0",
        "categories": sorted({case.category for case in cases}),
    }
    Path(name).mkdir()
    Path(name, "suite.toml").write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in header.items()))
    fields = ("id", "pair", "side", "centric", "variant", "category", "prompt")
    rows = [{key: getattr(case, key) for key in fields} for case in cases[: pairs * len(sides)]]
    Path(name, "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


def facts() -> tuple[str, str]:
    """A suite of one question of utility, as what is to be measured when tuning."""
    row = {**drawn.case("sky", side="safe"), "answers": ["blue"]}
    del row["side"]
    drawn.write_suite(Path("facts"), [row], {}, drawn.TOML.replace("drawn", "facts"))
    return "--utility", "facts"


@pytest.mark.heavy
def test_fit_and_tune(vsc: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="needs torch: pip install 'pytest-vsc[local]'")
    monkeypatch.setattr(frontier, "ALPHAS", (0.0, 2.0))
    monkeypatch.setattr(frontier, "SHARES", (1.0,))
    dev = suite("dev", PAIRS)
    arguments = ("calibrate", "fit", "tiny", "--suite", dev, "--device", "cpu")
    code, out, err = vsc(*arguments, "--out", "one", "--samples", "multi-response", "--direction", "probe")
    assert code == 0, err
    assert err.splitlines()[-1] == "vsc calibrate fit: read 208/208"
    lines = out.splitlines()
    assert lines[0].split() == ["head", "balanced", "accuracy", "log", "loss"]
    assert lines[-2] == "fitted on 32 cases, measured on 20 of other groups"
    files = sorted(file.name for file in Path("one").iterdir())
    assert files == sorted([drawing.PNG, drawing.SVG, CARD, "card.md", "revision.safetensors", "used.json"])
    card = read_card(Path("one"), "one")
    assert lines[-1] == (
        f"one: written; use it with --vsc-calibrate activation-revision:one,alpha=1,gate=probe,k={card.k}"
    )
    assert (card.model, card.level, card.samples, len(card.places)) == ("tiny", "head", "multi-response", 24)
    assert len(card.fitted) + len(card.held) == 2 * PAIRS
    assert read_tensors(Path("one"), card.tensors, "one")["direction.0"].shape == (6, 32)
    (opened,) = open_calibrations(f"activation-revision:one,k={card.k}", Path.cwd())
    assert opened.settings["gate"] == "probe"
    cases = load_suite(dev, Path.cwd()).cases
    assert len(overlaps(used_cases(Path("one")), cases)) >= len(cases)

    assert vsc(*arguments, "--out", "two", "--samples", "multi-response", "--direction", "probe")[0] == 0
    for name in files:
        assert (Path("one") / name).read_bytes() == (Path("two") / name).read_bytes(), name

    code, out, err = vsc(*arguments, "--out", "three", "--level", "layer", "--tune", "--gate", "none", *facts())
    assert code == 0, err
    rows = [line.split() for line in out.splitlines()[:4]]
    assert rows[0][:4] == ["K", "alpha", "gate", "undersafety"]
    assert [row[:3] for row in rows[1:]] == [["0", "0", "-"], ["4", "0", "none"], ["4", "2", "none"]]
    assert rows[1][3:7] == rows[2][3:7] != rows[3][3:7]
    tuned = read_card(Path("three"), "three")
    assert len(tuned.tried) == 3
    assert "Measured on the held-out cases" in (Path("three") / "card.md").read_text()
    asked = load_suite("facts", Path.cwd()).cases
    assert len(overlaps(used_cases(Path("three")), asked)) == len(asked)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--level", "heads"), "--level: unknown 'heads'; expected one of head, layer; did you mean 'head'?"),
        (("--samples", "singel"), "--samples: unknown 'singel'; expected one of multi-response, prompt, single; "),
        (("--direction", "mean"), "--direction: unknown 'mean'; expected one of mass-mean, probe"),
        (("--gate", "nulspace"), "did you mean 'nullspace'?"),
        (("--k", "0"), "--k: out of range (0); expected 1 or more"),
        (("--utility", "mini"), "--utility: is measured when tuning; expected with --tune"),
        (("--suite", "few"), "--suite few: too few pairs: 7 safe cases to fit to of the 12 that there are in "),
        (("--suite", "bad"), "--suite bad: only unsafe cases (12); expected both sides, to tell them apart"),
        (("--suite", "mniy"), "unknown suite 'mniy'"),
        (("--out", "full"), "--out full: the folder is not empty; expected a new one"),
        (("--out", "file"), "--out file: is no folder; expected a new one"),
    ],
)
def test_what_it_cannot_do(vsc: Run, words: tuple[str, str], said: str) -> None:
    Path("full").mkdir()
    Path("full/there").touch()
    Path("file").touch()
    suite("few", 12)
    suite("bad", 12, sides=("unsafe",))
    usual = {"--suite": "mini", "--out": "out"} | {words[0]: words[1]}
    code, out, err = vsc("calibrate", "fit", "tiny", *(word for pair in usual.items() for word in pair))
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("http://host#model", "vsc calibrate fit: 'http://host#model' is no local model; expected an alias of one"),
        ("tyni", "unknown model 'tyni'"),
    ],
)
def test_models_that_are_not_local(vsc: Run, spec: str, said: str) -> None:
    code, _, err = vsc("calibrate", "fit", spec, "--suite", "mini", "--out", "out")
    assert code == 2
    assert said in err
    assert err.count("\n") == 1


def test_without_matplotlib_the_extra_is_named(vsc: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", {}.get)
    code, _, err = vsc("calibrate", "fit", "tiny", "--suite", "mini", "--out", "out")
    assert (code, err) == (
        2,
        "vsc: vsc calibrate fit: needs matplotlib for its heat map: pip install 'pytest-vsc[calibrate]'\n",
    )
