"""The whole matrix takes minutes: each fault runs in one way by default, in the others when it is asked for."""

from __future__ import annotations

import pytest

WHOLE = "full_matrix"
REASON = "a fault runs in one way by default; all of them: python -m tests.faults.matrix, or pytest -m full_matrix"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{WHOLE}: a fault in a further way of running tests (only with -m {WHOLE})")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if WHOLE in str(config.option.markexpr):
        return
    for item in items:
        if item.get_closest_marker(WHOLE) is not None:
            item.add_marker(pytest.mark.skip(reason=REASON))
