"""From what the command line says to calibrations of the model, each imported when opened. Imports no model library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import getdoc
from pathlib import Path
from typing import Any

from pytest_vsc.calibrations.spec import OPTION, About, Spec, about, read_specs
from pytest_vsc.errors import SettingsError, VscError, expected, one_line
from pytest_vsc.methods import NONE
from pytest_vsc.protocols import Calibration

GROUP = "pytest_vsc.calibrations"
# Ours: by name the function of this package that makes it of its spec.
OURS = {
    "activation-revision": "activation:activation_revision",
    "adapter": "adapter:adapter",
    "few-shot": "few_shot:few_shot",
    "intent": "intent:intent",
    "reminder": "reminder:reminder",
    "self-check": "self_check:self_check",
}
NEEDED = ("name", "settings", "sha256", "converse")

Make = Callable[[Spec], Any]


def open_calibrations(said: str, base: Path) -> tuple[Calibration, ...]:
    """The calibrations of a specification, the outermost first; empty for "" and `none`.

    said: `NAME[:key=value,...]` joined by `+`, or a TOML file with `[[calibration]]` tables. base: the folder that
    relative paths are meant from. Raises SettingsError, and other VscErrors for files that a calibration reads.
    """
    return tuple(_made(spec) for spec in read_specs(said, base))


def spelled(calibrations: Sequence[Calibration]) -> str:
    """The calibrations as a reader is shown them: `reminder:place=both+few-shot`, `none` for none."""
    return "+".join(_spelled(one) for one in calibrations) or NONE


def names() -> list[str]:
    """Those that can be asked for: ours, and what installed packages declare."""
    return sorted({*OURS, NONE, *(point.name for point in entry_points(group=GROUP))})


def described() -> list[About]:
    """All of `names` but `none`, as the docstrings of the functions tell that make them.

    One that cannot be loaded says so.
    """
    found = [about(name, getdoc(_ours(name)) or "") for name in OURS]
    found += [_of_theirs(point) for point in entry_points(group=GROUP) if point.name not in OURS]
    return sorted({(one.name, one.what): one for one in found}.values())


def _of_theirs(point: EntryPoint) -> About:
    try:
        return about(point.name, getdoc(point.load()) or "")
    except (Exception, SystemExit) as error:
        return About(point.name, f"cannot be loaded: {point.value}: {type(error).__name__}: {one_line(error)}", ())


def _ours(name: str) -> Make:
    module, _, function = OURS[name].partition(":")
    make: Make = getattr(import_module(f"{__name__}.{module}"), function)
    return make


def _spelled(one: Calibration) -> str:
    settings = ",".join(f"{key}={value}" if key else value for key, value in one.settings.items())
    return one_line(f"{one.name}:{settings}" if settings else one.name)


def _made(spec: Spec) -> Calibration:
    theirs = list({point.value: point for point in entry_points(group=GROUP, name=spec.name)}.values())
    if spec.name in OURS:
        if theirs:
            raise SettingsError(
                f"{spec.where}: {theirs[0].value} declares a calibration of this name, which is a word of pytest-vsc's "
                "own; expected another name for it"
            )
        made: Calibration = _ours(spec.name)(spec)
        return made
    if not theirs:
        raise SettingsError(f"{OPTION}: unknown calibration '{spec.name}'; {expected(spec.name, names())}")
    if len(theirs) > 1:
        raise SettingsError(
            f"{spec.where}: declared twice ({', '.join(point.value for point in theirs)}); expected once"
        )
    return _theirs(theirs[0], spec)


def _theirs(point: EntryPoint, spec: Spec) -> Calibration:
    """What an installed package's function makes of the spec; whatever goes wrong in it is one line."""
    try:
        made = point.load()(spec)
    except VscError:
        raise
    except (Exception, SystemExit) as error:
        raise SettingsError(f"{spec.where}: {point.value}: {type(error).__name__}: {one_line(error)}") from error
    if missing := sorted(name for name in NEEDED if not hasattr(made, name)):
        raise SettingsError(
            f"{spec.where}: {point.value} made a {type(made).__name__}, which lacks {', '.join(missing)}"
        )
    calibration: Calibration = made
    return calibration
