"""The words that a calibration is asked for with, read and checked. What they mean is each calibration's matter."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pytest_vsc.errors import SettingsError, expected, one_line
from pytest_vsc.methods import NONE

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OPTION = "--vsc-calibrate"
TABLES = "calibration"
LONGEST = 18  # digits of a whole number
FORM = "expected NAME[:key=value,...], several joined by '+', or a TOML file with [[calibration]] tables"


class Spec(NamedTuple):
    """One calibration as it was asked for. settings: by name, "" what stands without one, such as a folder.

    where: how messages about it begin. base: the folder that relative paths are meant from.
    """

    name: str
    settings: Mapping[str, str]
    where: str
    base: Path = Path()


class About(NamedTuple):
    """A calibration as it is listed: what it does, and its settings, each by name with what it takes."""

    name: str
    what: str
    settings: tuple[tuple[str, str], ...]


_SETTING = re.compile(r"(DIR|[a-z][\w-]*): (.+)")


def about(name: str, doc: str) -> About:
    """Read the docstring of the function that makes a calibration.

    Its first paragraph tells what it does; a line `key: what it takes (default)` is a setting, `DIR` one without a
    name; lines behind it belong to it up to the next one, or an empty line.
    """
    first, _, rest = doc.partition("\n\n")
    settings: list[tuple[str, str]] = []
    within = False
    for line in rest.splitlines():
        found = _SETTING.match(line)
        if found:
            settings.append((found[1], found[2].strip()))
        elif within and line.strip():
            settings[-1] = (settings[-1][0], f"{settings[-1][1]} {line.strip()}")
        within = bool(found) or (within and bool(line.strip()))
    return About(name, " ".join(first.split()), tuple(settings))


def read_specs(said: str, base: Path) -> list[Spec]:
    """The calibrations that were asked for, in their order. Raises SettingsError."""
    if not said.strip() or said.strip() == NONE:
        return []
    if said.strip().endswith(".toml"):
        return list(_from_file(path(base, said.strip(), OPTION), said.strip()))
    specs = [_read(part, base) for part in said.split("+")]
    if any(spec.name == NONE for spec in specs):
        raise SettingsError(f"{OPTION} {said}: '{NONE}' stands for no calibration; expected it alone, or left out")
    return specs


def _read(part: str, base: Path) -> Spec:
    name, colon, rest = part.strip().partition(":")
    if not name:
        raise SettingsError(f"{OPTION}: a calibration without a name ('{part}'); {FORM}")
    settings: dict[str, str] = {}
    for place, piece in enumerate(rest.split(",") if colon else ()):
        key, equals, value = piece.partition("=")
        if not equals and place:
            raise SettingsError(
                f"{OPTION} {name}: '{piece}' is no setting; expected key=value, and texts with commas in a TOML file"
            )
        _set(settings, *((key.strip(), value.strip()) if equals else ("", piece.strip())), where=f"{OPTION} {name}")
    return Spec(name, settings, f"{OPTION} {name}", base)


def _set(settings: dict[str, str], key: str, value: str, where: str) -> None:
    if key in settings:
        raise SettingsError(f"{where}: '{key}' is set twice; expected once")
    if not value:
        raise SettingsError(f"{where}: {key or 'the setting behind the colon'} is empty; expected a value")
    settings[key] = value


def _from_file(file: Path, shown: str) -> Iterator[Spec]:
    where = f"{OPTION} {shown}"
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"{where}: cannot be read: {getattr(error, 'strerror', None) or one_line(error)}") from None
    tables = read.pop(TABLES, None)
    if read or not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        odd = f" (found '{next(iter(read))}')" if read else ""
        raise SettingsError(f"{where}: expected one or several [[{TABLES}]] tables and nothing else{odd}")
    for number, table in enumerate(tables, 1):
        name = table.pop("name", None)
        if not isinstance(name, str) or not name.strip():
            raise SettingsError(
                f'{where}: table {number} has no name; expected name = "reminder" or another calibration'
            )
        settings: dict[str, str] = {}
        for key, value in table.items():
            _set(
                settings,
                "" if key == "folder" else key,
                _word(value, f"{where}: {name}: {key}"),
                where=f"{where}: {name}",
            )
        yield Spec(name.strip(), settings, f"{where}: {name.strip()}", file.parent)


def _word(value: Any, where: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise SettingsError(f"{where}: a {type(value).__name__}; expected a text or a number")


# --- what calibrations ask of their settings ---


def only(spec: Spec, *allowed: str) -> None:
    """Raises SettingsError for a setting that is none of these."""
    for key in spec.settings:
        if key not in allowed:
            what = f"unknown setting '{key}'" if key else f"'{spec.settings[key]}' has no name"
            raise SettingsError(f"{spec.where}: {what}; {expected(key, filter(None, allowed))}")


def path(base: Path, said: str, where: str) -> Path:
    """What is meant by a file or folder that was named, there or not. Raises SettingsError for what names none."""
    try:
        meant = base / Path(said).expanduser()
        meant.resolve().exists()
    except (OSError, RuntimeError, ValueError) as error:  # no such user, too long, a NUL in it
        raise SettingsError(f"{where}: '{one_line(said)}' names no file or folder ({one_line(error)})") from None
    return meant


def text(spec: Spec, key: str, default: str = "") -> str:
    return spec.settings.get(key, default)


def choice(spec: Spec, key: str, allowed: Collection[str], default: str) -> str:
    value = spec.settings.get(key, default)
    if value not in allowed:
        raise SettingsError(f"{spec.where}: {key}: unknown '{value}'; {expected(value, allowed)}")
    return value


def whole(spec: Spec, key: str, least: int, default: int) -> int:
    """Raises SettingsError for what is no whole number of at least that."""
    value = spec.settings.get(key, str(default))
    if not value.isascii() or not value.removeprefix("-").isdigit():
        raise SettingsError(f"{spec.where}: {key}: not a whole number ('{value}'); expected {least} or more")
    if len(value) > LONGEST or int(value) < least:
        raise SettingsError(f"{spec.where}: {key}: out of range ({value[: LONGEST + 1]}); expected {least} or more")
    return int(value)


def identity(name: str, settings: Mapping[str, str], parts: Iterable[object] = ()) -> str:
    """sha256 (hex) over what a calibration is: its name, its settings, and whatever else decides, as JSON."""
    return hashlib.sha256(json.dumps([name, dict(settings), list(parts)], sort_keys=True).encode()).hexdigest()
