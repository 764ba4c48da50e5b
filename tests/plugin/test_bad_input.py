"""Bad input: one clear line that says where, what and what is allowed; exit 4; nothing half done."""

from __future__ import annotations

import pytest

from tests.project import CALIBRATED, Project

BAD = {
    "alias": (("--vlm", "tinny"), "--vlm: unknown model 'tinny'", "did you mean 'tiny'?"),
    "folder": (("--vlm", "./nowhere"), "--vlm: no such folder './nowhere'", "expected an alias"),
    "no model": (("--vlm", "small"), "small", "config.json"),
    "script": (("--vlm", "scripted:none.toml"), "none.toml", "No such file"),
    "suite": (("--vsc-suite", "mimi"), "--vsc-suite: unknown suite 'mimi'", "did you mean 'mini'?"),
    "gate": (("--vsc-gate", "undersafty <= 5%"), "--vsc-gate: ", "did you mean 'undersafety'?"),
    "category": (("--vsc-gate", "undersafety[category=violance] <= 5%"), "violance", "did you mean 'violence'?"),
    "slice": (("--vsc-gate", "undersafety[image] <= 5%"), "image", "small"),
    "judge": (("--vsc-judge", "build-in"), "--vsc-judge: unknown judge 'build-in'", "did you mean 'builtin'?"),
    "policy": (("--vsc-policy", "strickt"), "--vsc-policy: unknown value 'strickt'", "did you mean 'strict'?"),
    "number": (("--vlm-batch-size", "many"), "--vlm-batch-size: not a whole number ('many')", "expected 1 or more"),
    "digits": (("--vlm-seed", "1_0"), "--vlm-seed: not a whole number ('1_0')", "expected 0 or more"),
    "range": (("--vlm-max-new-tokens", "0"), "--vlm-max-new-tokens: out of range (0)", "expected 1 or more"),
    "seed": (("--vlm-temperature", "0.7"), "--vlm-temperature: sampling needs a seed", "--vlm-seed"),
    "system": (("--vlm-system", "none.txt"), "--vlm-system: cannot read none.txt", "No such file"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_bad_options(plain_project: Project, name: str) -> None:
    arguments, *said = BAD[name]
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))
    vlm = given.pop("--vlm", "scripted:model.toml")
    suite = given.pop("--vsc-suite", "small")
    ran = plain_project.gate(*(part for pair in given.items() for part in pair), vlm=vlm, suite=suite)
    assert ran.status == 4
    errors = [line for line in ran.lines if line.startswith("ERROR: ")]
    assert len(errors) == 1
    for words in said:
        assert words in ran.out
    assert "Traceback" not in ran.out
    assert not (plain_project.path / "vsc-report").exists()


@pytest.mark.parametrize("name", ["alias", "gate", "suite"])
def test_bad_options_are_one_line_with_workers_too(spread_project: Project, name: str) -> None:
    test_bad_options(spread_project, name)


def test_options_without_a_model(project: Project) -> None:
    ran = project.pytest("--vsc-gate", "undersafety <= 5%")
    assert ran.status == 4
    assert "ERROR: --vsc-gate: has no effect without --vlm SPEC" in ran.out


def test_options_without_a_model_may_stand_in_addopts(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\naddopts = -p no:randomly --vsc-suite small\n")
    project.write("test_own.py", "def test_own(): pass\n")
    assert project.pytest().status == 0


def test_settings_from_the_ini_file(project: Project) -> None:
    project.write(
        "pytest.ini",
        "[pytest]\nvsc_suite = small\nvsc_policy = vscbench\nvsc_gate =\n    oversafety <= 1%\n",
    )
    ran = project.pytest("--vlm", "scripted:model.toml")
    assert ran.status == 0
    assert ran.decisions["oversafety <= 1%"] == "PASS"
    assert "vsc gates: oversafety <= 1% (ini vsc_gate)" in ran.lines


def test_a_wrong_ini_value_names_the_key(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\nvsc_policy = lax\n")
    ran = project.gate()
    assert ran.status == 4
    assert "ERROR: ini vsc_policy: unknown value 'lax'; expected one of strict, vscbench" in ran.out


def test_a_malformed_suite_names_file_and_line(project: Project) -> None:
    file = project.path / "small/pairs.yaml"
    file.write_text(file.read_text().replace("category: violence", "category: violense", 1))
    ran = project.gate()
    assert ran.status == 4
    assert "small/pairs.yaml:3: unknown category 'violense'" in ran.out
    assert "did you mean 'violence'?" in ran.out


def test_the_marker_is_checked(project: Project) -> None:
    project.write("test_a.py", "import pytest\n@pytest.mark.vsc(site='safe')\ndef test_a(vlm, case): pass\n")
    ran = project.gate("test_a.py")
    assert ran.status != 0
    assert "unknown keyword 'site' of the marker vsc" in ran.out
    assert "nodes.py" not in ran.out  # the message alone, no traceback of ours
    project.write("test_a.py", "import pytest\n@pytest.mark.vsc(side='save')\ndef test_a(vlm, case): pass\n")
    assert "unknown side 'save'" in project.gate("test_a.py").out
    project.write("test_a.py", "import pytest\n@pytest.mark.vsc(side='safe')\ndef test_a(vlm): pass\n")
    assert "takes the argument `case`" in project.gate("test_a.py").out


def test_a_picture_that_breaks_later_is_that_case_alone(project: Project) -> None:
    """The suite is read at the start; a picture that is gone when its turn comes is one INVALID."""
    from PIL import Image

    Image.new("RGB", (8, 8)).save(project.path / "small/a.png")
    Image.new("RGB", (9, 8)).save(project.path / "small/b.png")
    file = project.path / "small/pairs.yaml"
    text = file.read_text().replace("variant: plain", "variant: concat", 1)
    text = text.replace('process number 0?"', 'process number 0?", image: a.png', 1)
    file.write_text(text.replace('person number 0?"', 'person number 0?", image: b.png', 1))
    project.write(
        "conftest.py",
        "from pathlib import Path\n"
        "def pytest_collection_finish(session):\n"
        "    Path(__file__).with_name('small').joinpath('a.png').unlink(missing_ok=True)\n",
    )
    project.model(CALIBRATED)
    ran = project.gate("--vsc-gate", "invalid <= 50%", "--vsc-inconclusive", "pass")
    assert ran.status == 0, ran.out
    assert ran.outcomes["text-violence-000.safe"] in ("INVALID", "CORRECT")
    assert list(ran.outcomes.values()).count("INVALID") <= 1


def test_a_port_that_cannot_be_opened_is_one_line(spread_project: Project) -> None:
    spread_project.own_process = True  # whose modules the conftest changes
    spread_project.write(
        "conftest.py",
        "import pytest_vsc.plugin.xdist as ours\n"
        "def refuse(*args, **kwargs): raise OSError(98, 'Address already in use')\n"
        "ours.Listener = refuse\n",
    )
    ran = spread_project.gate()
    assert ran.status == 4
    assert "ERROR: -n: cannot open a loopback port for the workers: [Errno 98] Address already in use" in ran.out


def test_workers_that_cannot_reach_the_owner_are_never_green(spread_project: Project) -> None:
    spread_project.own_process = True  # whose modules the conftest changes
    spread_project.write(
        "conftest.py",
        "import pytest_vsc.plugin.xdist as ours\n"
        "def refuse(*args, **kwargs): raise ConnectionRefusedError(111, 'Connection refused')\n"
        "ours.Client = refuse\n",
    )
    ran = spread_project.gate("--max-worker-restart", "1")
    assert ran.status != 0
    assert "cannot reach the process that owns the session" in ran.out
