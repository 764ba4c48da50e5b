"""Engines that other people's code makes: a function of a module, or one that an installed package declares.

Whatever goes wrong in that code is one line. What an engine must do once it is made is `pytest_vsc.testing`'s matter.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, TypeVar, cast

from pytest_vsc.engines import KINDS, EngineSettings
from pytest_vsc.errors import ModelError, VscError, one_line
from pytest_vsc.protocols import Engine

GROUP = "pytest_vsc.engines"
ENGINE_NAMES = ("check", "load", "describe", "fingerprint", "lasting", "submit", "close")
# The first words of specifications that mean something else.
RESERVED = frozenset({*KINDS, "http", "https"})

T = TypeVar("T")


def installed() -> list[str]:
    """What may stand before the colon beside our own words: the engines that installed packages declare."""
    return sorted({point.name for point in entry_points(group=GROUP)} - RESERVED)


def declared(name: str) -> EntryPoint | None:
    """The one engine that installed packages declare under this name; nothing of it is loaded.

    Raises ModelError when two give the name, or one gives a word of ours.
    """
    found = list({point.value: point for point in sorted(entry_points(group=GROUP, name=name))}.values())
    givers = [f"{_package(point)} ({point.value})" for point in found]
    if found and name in RESERVED:
        raise ModelError(
            f"--vlm: engine '{name}' is declared by {givers[0]}, but that is a word of pytest-vsc's own; expected "
            "another name for it. Uninstall that package, or ask its author"
        )
    if len(found) > 1:
        raise ModelError(f"--vlm: engine '{name}' is declared by {' and by '.join(givers)}; expected one of them")
    return found[0] if found else None


def open_installed(point: EntryPoint, rest: str, settings: EngineSettings) -> Engine:
    """What an installed package's factory makes of what stands behind the colon, "" for nothing. Raises ModelError."""
    where = f"--vlm {point.name}:{rest}"
    factory = _tried(point.load, f"{where}: {point.value} of {_package(point)} cannot be loaded")
    if not callable(factory):
        raise ModelError(f"{where}: {point.value} of {_package(point)} is a {type(factory).__name__}, no function")
    return _made(lambda: factory(rest, settings), where)


def made_by(reference: str, settings: EngineSettings) -> Engine:
    """What the user's own factory `module:function` makes of the settings. Raises ModelError."""
    where = f"--vlm python:{reference}"
    module_name, _, function_name = reference.partition(":")
    if not module_name or not function_name:
        raise ModelError(f"{where}: expected python:module:function")
    module = _tried(lambda: _imported(module_name, where), f"{where}: '{module_name}' breaks when imported")
    factory = getattr(module, function_name, None)
    if not callable(factory):
        near = difflib.get_close_matches(function_name, dir(module), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise ModelError(f"{where}: '{module_name}' has no function '{function_name}'{hint}")
    return _made(lambda: factory(settings), where)


def _imported(name: str, where: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ModelError(
            f"{where}: cannot import '{name}' ({one_line(error)}). "
            "Its folder must be on PYTHONPATH or in pytest's `pythonpath`"
        ) from error


def _made(make: Callable[[], Any], where: str) -> Engine:
    engine = _tried(make, f"{where}: making the engine failed")
    missing = sorted(set(ENGINE_NAMES) - set(dir(engine)))
    if missing:
        raise ModelError(f"{where}: made a {type(engine).__name__}, which lacks {', '.join(missing)} of an engine")
    return cast(Engine, engine)


def _tried(step: Callable[[], T], what: str) -> T:
    """What other people's code does; whatever it raises is one line, even a call for the end of the process."""
    try:
        return step()
    except VscError:
        raise
    except (Exception, SystemExit) as error:
        raise ModelError(f"{what}: {type(error).__name__}: {one_line(error)}") from error


def _package(point: EntryPoint) -> str:
    return one_line(point.dist.name) if point.dist is not None else "a package"
