"""Sees that the ini file which pytest reads is the user's own, gates and all. It reads no setting.

pytest looks for that file before it knows the options of plugins, so it takes the value of one that stands as a word of
its own, `--vlm /models/new`, for the path of tests, and looks where that lies.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from pytest_vsc.errors import SettingsError
from pytest_vsc.shipped import shipped

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# In the order in which pytest looks for them, each with the section that makes it an ini file; "" if its name does.
FILES = {
    "pytest.toml": "",
    ".pytest.toml": "",
    "pytest.ini": "",
    ".pytest.ini": "",
    "pyproject.toml": "tool.pytest",
    "tox.ini": "pytest",
    "setup.cfg": "tool:pytest",
}


def hold_to_the_users(config: pytest.Config) -> None:
    """Raise SettingsError where the value of an option has led pytest to another ini file, or to none."""
    base = config.invocation_params.dir
    if config.option.inifilename or getattr(config.option, "rootdir", None):
        return
    named = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else ()
    paths = [base / argument.partition("::")[0] for argument in named]
    given = [path for path in paths if _exists(path) and not path.is_relative_to(shipped("suites"))]
    misread = [(name, value) for name, value in _paths_after_options(_words(config), base) if base / value not in given]
    if not misread:
        return
    own, misled = _found_for(given or [base]), _found_for([*given, *(base / value for _, value in misread)])
    if own in (misled, config.inipath):
        return
    said = " ".join(f"{name}={value}" if name.startswith("--") else f"{name}{value}" for name, value in misread)
    read = f"reads {config.inipath}" if config.inipath else "reads no ini file"
    raise SettingsError(
        f"{misread[0][0]}: pytest took '{misread[0][1]}' for the path of tests, so it {read} instead of "
        f"{own or 'none'}; write the option as one word: {said}"
    )


def _words(config: pytest.Config) -> Iterator[str]:
    """What pytest goes by when it looks for the ini file: the command line, and what stands for more of it."""
    waiting = [*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *map(str, config.invocation_params.args)]
    while waiting:
        word = waiting.pop(0)
        if word.startswith("@") and len(word) > 1:
            with contextlib.suppress(OSError, UnicodeError):  # then pytest has said so
                waiting[:0] = (config.invocation_params.dir / word[1:]).read_text(encoding="utf-8").splitlines()
        else:
            yield word


def _paths_after_options(words: Iterable[str], base: Path) -> Iterator[tuple[str, str]]:
    """The options, anybody's, whose value is a word of its own that is a path here."""
    for name, value in pairwise(words):
        if name.startswith("-") and "=" not in name and not value.startswith("-") and _exists(base / value):
            yield name, value


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long for a file
        return False


def _found_for(paths: Sequence[Path]) -> Path | None:
    """The ini file that pytest finds for these paths of tests: from where they part upwards, else from one of them."""
    folders = [path if path.is_dir() else path.parent for path in paths]
    return _found_from([Path(os.path.commonpath(folders))]) or _found_from(folders)


def _found_from(folders: Sequence[Path]) -> Path | None:
    """The first ini file in these folders or above them; without one, a pyproject.toml that says nothing of pytest."""
    places = [each / name for folder in folders for each in (folder, *folder.parents) for name in FILES]
    held = [place for place in places if place.is_file()]
    said = (place for place in held if _has(place, FILES[place.name]))
    return next(said, None) or next((place for place in held if place.name == "pyproject.toml"), None)


def _has(file: Path, section: str) -> bool:
    """Whether the file has the section; "" stands for one that needs none."""
    try:
        if not section:
            return True
        if file.suffix == ".toml":
            return "pytest" in tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
        parser = configparser.RawConfigParser(strict=False)
        parser.read(file, encoding="utf-8")
        return parser.has_section(section)
    except (OSError, ValueError, configparser.Error):
        return False
