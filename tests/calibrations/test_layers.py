"""Where an adapter goes: layers by name. That they are the text decoder's, each family shows in `test_tuning`."""

from __future__ import annotations

import pytest

from pytest_vsc.calibrations.layers import layers_of
from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.candidate import Candidate
from pytest_vsc.engines.generating import load
from pytest_vsc.errors import SettingsError
from pytest_vsc.shipped import shipped

TINY = shipped("fixtures") / "models/tiny"


@pytest.mark.heavy
def test_layers_that_are_asked_for() -> None:
    pytest.importorskip("torch", reason="needs torch: pip install 'pytest-vsc[local]'")
    candidate = Candidate(str(TINY), EngineSettings(device="cpu"))
    candidate.check()
    model = load(candidate.how(), candidate.processor)
    layers = layers_of(model.network, ["q_proj", "mlp.up_proj"])
    assert layers.inner == ("mlp.up_proj", "self_attn.q_proj")
    assert layers.number == 8
    said = r"^--target-modules: no linear layer 'q_porj' there; expected some of .*; did you mean 'q_proj'\?$"
    with pytest.raises(SettingsError, match=said):
        layers_of(model.network, ["q_porj"])
