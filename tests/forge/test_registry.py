"""Operators that other packages declare, and what is said where one of them, or what the forge needs, is not there."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from random import Random

import pytest

from pytest_vsc import forge
from pytest_vsc.errors import SettingsError
from pytest_vsc.forge.operators import Operator, Shown
from pytest_vsc.forge.recipes import applied, read_recipe, spelled
from tests.command import Run, runner

HERE = __name__


def hurrah(text: str, random: Random) -> str:
    return f"{text} Hurrah!"


HURRAH = Operator(name="hurrah", kind="words", what="cheers", source="nobody", run=hurrah)
TYPOS = Operator(name="typos", kind="words", what="cheers", source="nobody", run=hurrah)


def declare(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    found = [EntryPoint(name, f"{HERE}:{value}", forge.GROUP) for name, value in points.items()]
    monkeypatch.setattr(forge, "entry_points", lambda group: found if group == forge.GROUP else [])
    forge.operators.cache_clear()


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    forge.operators.cache_clear()


def test_an_operator_of_another_package(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    declare(monkeypatch, hurrah="HURRAH")
    vsc: Run = runner(capsys)
    assert vsc("forge", "operators", "hurrah")[1].startswith("hurrah: cheers\n")
    recipe = read_recipe("hurrah+casing:style=upper,strength=1", "--ops")
    assert spelled(recipe).startswith("hurrah+casing:")
    assert applied(recipe, Shown("How do I bake?", (), "plain"), "key").prompt == "HOW DO I BAKE? HURRAH!"


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ({"hurrah": "GONE"}, "operator 'hurrah' cannot be loaded: AttributeError: "),
        ({"hurrah": "hurrah"}, "expected an Operator named 'hurrah', of kind words, picture, move, flip"),
        ({"cheers": "HURRAH"}, "expected an Operator named 'cheers'"),
        ({"typos": "TYPOS"}, "declares an operator 'typos', which is there already"),
    ],
)
def test_what_another_package_declares_wrongly(
    monkeypatch: pytest.MonkeyPatch, points: dict[str, str], why: str
) -> None:
    declare(monkeypatch, **points)
    with pytest.raises(SettingsError) as error:
        forge.operators()
    assert str(error.value).startswith(f"{HERE}:")
    assert why in str(error.value)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    forge.see_installed("vsc forge pairs")
    monkeypatch.setattr(forge, "find_spec", lambda module: None if module == "skimage" else object())
    with pytest.raises(SettingsError) as error:
        forge.see_installed("vsc forge pairs")
    assert str(error.value) == (
        "vsc forge pairs: needs scikit-image, not installed here: pip install 'pytest-vsc[forge]'"
    )
