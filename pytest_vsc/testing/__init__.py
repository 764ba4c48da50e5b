"""What any engine must do, as checks for a test file of its author's. It tests engines only, and is itself no plugin.

    # test_my_engine.py
    import pytest
    from pytest_vsc.testing import CHECKS, Subject

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_engine(check):
        check(Subject("myengine:model"))

`pytest -v test_my_engine.py` lists what was demanded, a check a line; what a check demands and why is its docstring.
It raises nothing but pytest's own failure, with one message, or skips with the reason when it is not for this subject.
It loads the engine anew; where that takes long, one loaded engine can serve all the checks that only ask:

    @pytest.fixture(scope="module")
    def subject():
        with running(Subject("myengine:model", EngineSettings(device="cpu"))) as subject:
            yield subject

What is asked is harmless, drawn here and always the same: `every_request()` gives all of it, for an engine that has
its answers from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

from pytest_vsc.testing import answering, crowding, ending, telling
from pytest_vsc.testing.asking import every_request
from pytest_vsc.testing.subjects import LACKS, Subject, running

__all__ = ["CHECKS", "LACKS", "Subject", "every_request", "running"]

CHECKS: tuple[Callable[[Subject], None], ...] = (
    *telling.CHECKS,
    *answering.CHECKS,
    *crowding.CHECKS,
    *ending.CHECKS,
)
