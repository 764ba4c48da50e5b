"""The fixtures that tests of the whole plugin share."""

from __future__ import annotations

import pytest

from tests.project import MODES, Project, new_project

pytest_plugins = ["pytester", "tests.browser"]

PROJECTS = frozenset({"project", "plain_project", "spread_project"})


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first, so that no worker is left with it at the end."""
    items.sort(key=_haste)


def _haste(item: pytest.Item) -> int:
    if item.get_closest_marker("heavy") is not None:
        return 0
    return 2 - bool(PROJECTS.intersection(getattr(item, "fixturenames", ())))


@pytest.fixture(params=list(MODES))
def project(request: pytest.FixtureRequest, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project run without xdist, with `-n 0` and with `-n 2`; suite `small`, and a calibrated model."""
    return new_project(pytester, monkeypatch, request.param)


@pytest.fixture
def plain_project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The same without xdist only, for what cannot depend on it."""
    return new_project(pytester, monkeypatch, "no-xdist")


@pytest.fixture
def spread_project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The same with two workers only, for what there must be workers for."""
    return new_project(pytester, monkeypatch, "n2")
