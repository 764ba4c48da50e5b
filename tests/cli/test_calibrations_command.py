"""`vsc calibrate list`: all calibrations with the settings that they take, and one that cannot be loaded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_vsc.calibrations import GROUP, OURS, described, open_calibrations
from pytest_vsc.calibrations.spec import about
from pytest_vsc.errors import SettingsError
from tests.command import Run
from tests.installed import install

THEIRS = '''
def politely(spec):
    """Asks politely.

    word: how (default please),
        or thanks.

    Not a setting: this.
    """
'''


def test_each_with_its_settings(vsc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    declared = {"politely": "courtesy:politely", "rude": "courtesy:gone"}
    install(tmp_path, "courtesy", declared, {"courtesy": THEIRS}, GROUP)
    code, out, err = vsc("calibrate", "list")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    heads = [line.split()[0].removesuffix(":DIR") for line in lines if not line.startswith(" ")]
    assert heads == sorted([*OURS, "politely", "rude"])
    assert "adapter:DIR              A PEFT adapter of a local model, as --vlm-adapter loads it." in lines
    assert "  number                 of pairs, each of two demonstrations (default 2)." in lines
    at = lines.index("politely                 Asks politely.")
    assert lines[at + 1] == "  word                   how (default please), or thanks."
    [rude] = [line for line in lines if line.startswith("rude ")]
    assert rude.startswith("rude                     cannot be loaded: courtesy:gone: AttributeError: ")


@pytest.mark.parametrize("name", OURS)
def test_the_settings_that_are_told_are_those_that_are_taken(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        open_calibrations(f"{name}:zzz=1", tmp_path)
    [taken] = re.findall(r"unknown setting 'zzz'; expected one of (.*)$", str(refused.value))
    [told] = [one.settings for one in described() if one.name == name]
    assert sorted(key for key, _ in told if key != "DIR") == [key for key in taken.split(", ") if key != "(nothing)"]
    assert all(takes for _, takes in told)


def test_a_docstring_of_any_form_is_taken() -> None:
    assert about("mine", "") == ("mine", "", ())
    assert about("mine", "Does it.\nAll of it.").what == "Does it. All of it."
    assert about("mine", "One.\n\nhow: so\n\nwords\nwhy: x").settings == (("how", "so"), ("why", "x"))
