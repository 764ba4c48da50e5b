"""A calibration of somebody else's package, by its entry point."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_vsc.calibrations import GROUP, names, open_calibrations, spelled
from pytest_vsc.errors import SettingsError
from pytest_vsc.examine import Approach
from pytest_vsc.records import Generation
from tests.installed import install

THEIRS = """\
from dataclasses import dataclass, replace

from pytest_vsc.calibrations.spec import identity, only, text


@dataclass(frozen=True)
class Politely:
    word: str
    name = "politely"

    @property
    def settings(self):
        return {"word": self.word}

    @property
    def sha256(self):
        return identity(self.name, self.settings)

    def converse(self, draft, ask):
        return (yield from ask(replace(draft, prompt=f"{self.word}: {draft.prompt}")))


def politely(spec):
    only(spec, "word")
    return Politely(text(spec, "word", "Please"))


def broken(spec):
    raise RuntimeError("no manners")


def nothing(spec):
    return 5
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "manners", raising=False)
    return tmp_path


def declare(site: Path, package: str = "manners", **named: str) -> None:
    install(
        site,
        package,
        {name.replace("_", "-"): f"manners:{what}" for name, what in named.items()},
        {"manners": THEIRS},
        GROUP,
    )


def test_it_stands_in_the_chain_like_one_of_ours(site: Path) -> None:
    declare(site, politely="politely")
    calibrations = open_calibrations("politely:word=Kindly+reminder:place=suffix,text=Take care.", site)
    asked = next(Approach(Generation(), None, calibrations).question("Why?", ()))
    assert asked.messages[0].text == "Kindly: Why?\n\nTake care."
    assert spelled(calibrations) == "politely:word=Kindly+reminder:place=suffix,text=own"
    assert "politely" in names()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"rude": "broken"}, "--vsc-calibrate rude: manners:broken: RuntimeError: no manners"),
        ({"rude": "gone"}, "--vsc-calibrate rude: manners:gone: AttributeError"),
        ({"rude": "nothing"}, "manners:nothing made a int, which lacks converse, name, settings, sha256"),
        ({"politely": "politely"}, "--vsc-calibrate: unknown calibration 'rude'; expected one of activation-revision"),
    ],
)
def test_what_goes_wrong_in_it_is_one_line(site: Path, named: dict[str, str], message: str) -> None:
    declare(site, **named)
    with pytest.raises(SettingsError) as refused:
        open_calibrations("rude", site)
    assert message in str(refused.value)


def test_a_name_is_given_once_and_none_of_ours_is_taken(site: Path) -> None:
    declare(site, politely="politely", reminder="politely")
    declare(site, "others", politely="broken")
    with pytest.raises(SettingsError, match="declares a calibration of this name, which is a word of pytest-vsc's own"):
        open_calibrations("reminder", site)
    with pytest.raises(SettingsError, match="declared twice"):
        open_calibrations("politely", site)
