"""The operators that there are, ours and those of installed packages, by name; each room is imported when asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec

from pytest_vsc.errors import SettingsError, expected, one_line
from pytest_vsc.forge.operators import KINDS, Operator

GROUP = "pytest_vsc.operators"
NEEDED = {"hypothesis": "hypothesis", "rapidfuzz": "rapidfuzz", "skimage": "scikit-image"}  # module: package
ROOMS = ("text", "flips", "style", "moves")  # of this package; each has OPERATORS


@cache
def operators() -> dict[str, Operator]:
    """All operators by name: ours in their order, then those that installed packages declare, by name.

    Raises SettingsError for one that cannot be loaded, or takes a name of ours.
    """
    found = {one.name: one for room in ROOMS for one in import_module(f"{__name__}.{room}").OPERATORS}
    ours = frozenset(found)
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        one = _loaded(point)
        if one.name in found and (one.name in ours or found[one.name] is not one):
            raise SettingsError(f"{point.value}: declares an operator '{one.name}', which is there already")
        found[one.name] = one
    return found


def see_installed(command: str) -> None:
    """Raises SettingsError where a package is missing that the forge draws, measures or searches with."""
    if missing := [package for module, package in NEEDED.items() if find_spec(module) is None]:
        lacking = ", ".join(missing)
        raise SettingsError(f"{command}: needs {lacking}, not installed here: pip install 'pytest-vsc[forge]'")


def operator(name: str, where: str) -> Operator:
    """The operator of a name. where: how a message begins. Raises SettingsError with the nearest one."""
    found = operators()
    if name not in found:
        raise SettingsError(f"{where}: unknown operator '{one_line(name)}'; {expected(name, found)}")
    return found[name]


def _loaded(point: EntryPoint) -> Operator:
    try:
        one = point.load()
    except (Exception, SystemExit) as error:
        raise SettingsError(
            f"{point.value}: operator '{point.name}' cannot be loaded: {type(error).__name__}: {one_line(error)}"
        ) from error
    if not isinstance(one, Operator) or one.name != point.name or one.kind not in KINDS:
        raise SettingsError(f"{point.value}: expected an Operator named '{point.name}', of kind {', '.join(KINDS)}")
    return one
