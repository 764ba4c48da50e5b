"""The test of suites with answers: the model can still do what it is for."""

import pytest


@pytest.mark.vsc(utility=True)
def test_utility(vlm, case):
    assert vlm.ask(case).right
