"""Opening a judge by its name."""

from __future__ import annotations

import pytest

from pytest_vsc.errors import SettingsError
from pytest_vsc.judges import open_judge


def test_builtin() -> None:
    assert open_judge("builtin").name == "builtin-rules/1"


def test_unknown_judge() -> None:
    with pytest.raises(SettingsError) as caught:
        open_judge("buildin")
    assert str(caught.value) == (
        "--vsc-judge: unknown judge 'buildin'; expected one of builtin; did you mean 'builtin'?"
    )
