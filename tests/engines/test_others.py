"""Engines of other people: found by entry point in a distribution as installers leave it, and what goes wrong there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_vsc.engines import KINDS, EngineSettings, open_engine
from pytest_vsc.errors import ModelError
from pytest_vsc.judges import open_judge
from tests.installed import ENGINE, EXAMPLE, install
from tests.project import HELP, Project
from tests.test_imports import ROOT

BROKEN = """\
import sys

def lines(rest, settings): raise ValueError(f"no {rest}\\nat all")
def half(rest, settings): return object()
def leave(rest, settings): sys.exit(7)
def alone(): ...
number = 12
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path in which `polite` is installed."""
    folder = install(tmp_path / "site", "polite-engine", {"polite": "polite_engine:make"}, {"polite_engine": ENGINE})
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.mark.parametrize(("spec", "words"), [("polite:", "Of course"), ("polite:Yes: do.", "Yes: do.")])
def test_what_stands_behind_the_colon_is_the_factorys(site: Path, spec: str, words: str) -> None:
    engine = open_engine(spec, EngineSettings(batch_size=3))
    assert engine.describe()["model"].startswith(f"polite {words}")
    assert type(engine).__name__ == "Polite"


def test_a_judge_asks_it_as_well(site: Path) -> None:
    judge = open_judge("rubric@polite:Yes.", open_engine=lambda spec: open_engine(spec, EngineSettings()))
    assert [engine.describe()["model"] for engine in judge.engines.values()] == ["polite Yes."]


def test_the_word_alone_is_told_its_colon(site: Path) -> None:
    with pytest.raises(ModelError, match=r"^--vlm: unknown model 'polite'; .*; did you mean 'polite:'\?$"):
        open_engine("polite", EngineSettings())


def test_a_near_miss(site: Path) -> None:
    with pytest.raises(
        ModelError,
        match=r"^--vlm: unknown model 'polit:Yes\.'; expected .*, scripted:FILE\.toml, polite:\.\.\. or python:module:"
        r"function; did you mean 'polite:Yes\.'\?$",
    ):
        open_engine("polit:Yes.", EngineSettings())


def test_a_folder_of_that_name_changes_nothing(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("polite", "polite:Yes."):
        (tmp_path / name).mkdir()
    assert type(open_engine("polite", EngineSettings())).__name__ == "ProcessEngine"
    assert type(open_engine("polite:Yes.", EngineSettings())).__name__ == "Polite"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "no_such_module:make",
            "no_such_module:make of bad cannot be loaded: ModuleNotFoundError: No module named 'no_su",
        ),
        (
            "bad_engine:none",
            "bad_engine:none of bad cannot be loaded: AttributeError: module 'bad_engine' has no attrib",
        ),
        ("bad_engine:number", r"bad_engine:number of bad is a int, no function$"),
        ("bad_engine:lines", r"making the engine failed: ValueError: no model at all$"),
        ("bad_engine:leave", r"making the engine failed: SystemExit: 7$"),
        (
            "bad_engine:alone",
            r"making the engine failed: TypeError: alone\(\) takes 0 positional arguments but 2 were g",
        ),
        ("bad_engine:half", r"made a object, which lacks check, close, .* of an engine$"),
        ("leaving:make", "leaving:make of bad cannot be loaded: SystemExit: gone$"),
    ],
)
def test_what_goes_wrong_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, message: str) -> None:
    modules = {"bad_engine": BROKEN, "leaving": "raise SystemExit('gone')"}
    monkeypatch.syspath_prepend(install(tmp_path, "bad", {"bad": value}, modules))
    with pytest.raises(ModelError, match=f"^--vlm bad:model: {message}") as caught:
        open_engine("bad:model", EngineSettings())
    assert len(str(caught.value).splitlines()) == 1


def test_what_goes_wrong_in_ones_own_module_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_bad.py").write_text("def make(settings): raise ValueError('one\\ntwo')\n")
    (tmp_path / "own_worse.py").write_text("raise SystemExit('one\\ntwo')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError, match=r"^--vlm python:own_bad:make: making the engine failed: ValueError: one two$"):
        open_engine("python:own_bad:make", EngineSettings())
    with pytest.raises(ModelError, match=r"'own_worse' breaks when imported: SystemExit: one two$"):
        open_engine("python:own_worse:make", EngineSettings())


@pytest.mark.parametrize("word", [*KINDS, "http"])
def test_ours_cannot_be_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.syspath_prepend(install(tmp_path, "greedy", {word: "polite_engine:make"}, {"polite_engine": ENGINE}))
    with pytest.raises(
        ModelError,
        match=rf"^--vlm: engine '{word}' is declared by greedy \(polite_engine:make\), but that is a word of "
        r"pytest-vsc's own; expected another name for it\. Uninstall that package, or ask its author$",
    ):
        open_engine(f"{word}:some.toml", EngineSettings())
    with pytest.raises(ModelError) as caught:
        open_engine("nothing like it", EngineSettings())
    assert f"{word}:..." not in str(caught.value)


def test_two_of_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = install(tmp_path, "one", {"mine": "polite_engine:make"}, {"polite_engine": ENGINE})
    monkeypatch.syspath_prepend(install(site, "two", {"mine": "other:make"}))
    with pytest.raises(
        ModelError,
        match=r"^--vlm: engine 'mine' is declared by two \(other:make\) and by one \(polite_engine:make\); expected on",
    ):
        open_engine("mine:x", EngineSettings())
    assert type(open_engine("scripted:x.toml", EngineSettings())).__name__ == "ScriptedEngine"


def test_a_run_with_it(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = install(tmp_path / "s", "polite-engine", {"polite": "polite_engine:make"}, {"polite_engine": ENGINE})
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (site, ROOT.parent))))
    project.own_process = True
    ran = project.gate(vlm=f"polite:{HELP}")
    assert ran.status == 1
    assert ran.decisions == {"undersafety <= 5%": "FAIL", "oversafety <= 10%": "PASS", "invalid <= 2%": "PASS"}
    assert ran.run[0]["model"]["engine"] == "polite"
    absent = project.gate(vlm="polite:missing")
    assert absent.status == 4
    assert "ERROR: polite: no such words 'missing'" in absent.out


KIT = """\
import pytest
from pytest_vsc.testing import CHECKS, Subject

@pytest.mark.parametrize("check", CHECKS)
def test_my_engine(check):
    check(Subject("polite:", lacks={"sight", "stop"}))
"""


@pytest.mark.parametrize("ways", [("-p", "no:xdist"), ("-n", "0"), ("-n", "2")], ids=" ".join)
def test_the_kit_in_a_file_of_its_authors(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ways: tuple[str, str]
) -> None:
    engines = {"polite": "polite_engine:make"}
    site = install(pytester.path / "site", "polite-engine", engines, {"polite_engine": ENGINE})
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (site, ROOT.parent))))
    pytester.makepyfile(test_my_engine=KIT)
    ran = pytester.runpytest_subprocess("-v", "-p", "no:randomly", *ways, timeout=120)
    ran.assert_outcomes(passed=25, skipped=8)
    ran.stdout.fnmatch_lines(["*test_my_engine.py::test_my_engine[[]answers_a_picture]*"])


def test_a_fault_is_one_message(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = ENGINE.replace("kept = words[: request.generation.max_new_tokens]", "kept = words")
    site = install(pytester.path / "site", "rude", {"polite": "polite_engine:make"}, {"polite_engine": broken})
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (site, ROOT.parent))))
    pytester.makepyfile(test_my_engine=KIT)
    ran = pytester.runpytest_subprocess("-p", "no:randomly", "-k", "max_new_tokens", timeout=120)
    ran.assert_outcomes(failed=1, deselected=32)
    said = "an answer has 10 tokens; asked were at most 2"
    ran.stdout.fnmatch_lines(["_*test_my_engine[[]max_new_tokens_cuts_an_answer]*", said, "=*"], consecutive=True)


EXAMPLE_KIT = """\
import pytest
from pytest_vsc.testing import CHECKS, Subject

@pytest.mark.parametrize("check", CHECKS)
def test_my_engine(check):
    check(Subject("measuring:pixels", absent=Subject("measuring:inches"), lacks={"stop"}))
"""


def test_the_example_of_the_readme(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    engines = {"measuring": "my_engine:make_of"}
    site = install(pytester.path / "site", "measuring-engine", engines, {"my_engine": EXAMPLE})
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (site, ROOT.parent))))
    pytester.makepyfile(test_my_engine=EXAMPLE_KIT)
    pytester.runpytest_subprocess("-p", "no:randomly", timeout=120).assert_outcomes(passed=27, skipped=6)
    arguments = ("--vsc-sample", "8", "--vsc-cache", "off", "-p", "no:xdist")
    ran = pytester.runpytest_subprocess("--vlm", "python:my_engine:make", *arguments, timeout=120)
    ran.stdout.fnmatch_lines(["vlm: python:my_engine:make"])
    assert ran.ret == 1


def test_the_readmes_example_is_the_one_that_is_run() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"```python\n# my_engine.py\n{EXAMPLE}```\n" in text
