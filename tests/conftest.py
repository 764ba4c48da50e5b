"""The fixtures that tests of the whole plugin share."""

from __future__ import annotations

import pytest

from tests.project import MODES, Project, new_project

pytest_plugins = ["pytester"]


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
