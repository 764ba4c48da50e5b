"""`vsc forge verify`: whether a forged suite is what its recipes say. What makes its pairs again is in the forge."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_vsc.cli.forge.pairs import positive
from pytest_vsc.cli.local import Line
from pytest_vsc.cli.printing import count, say
from pytest_vsc.cli.trying import cores
from pytest_vsc.forge import see_installed
from pytest_vsc.forge.notes import read_book
from pytest_vsc.forge.remaking import counted, differences, other_versions, parents_of

Actions = argparse._SubParsersAction


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """Add `vsc forge verify`."""
    parser = actions.add_parser(
        "verify",
        help="make the pairs of a forged suite again, and compare",
        description="Every pair is made again of its parent by its recipe, seed and number: its words, tags, pictures "
        "and similarity must be the same. The exit code is 1 if one is not.",
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="what `vsc forge pairs` made")
    parser.add_argument("--suite", metavar="SUITE", help="where the suite is that it was made of (default: its name)")
    parser.add_argument("--jobs", metavar="N", type=positive, help="processes (default: one a core)")
    parser.set_defaults(command=command)


def command(given: argparse.Namespace) -> int:
    """Verify, and list what differs. Raises ForgeError, SettingsError, SuiteError."""
    see_installed("vsc forge verify")
    book = read_book(given.folder)
    parents = parents_of(book, given.suite)
    versions = other_versions(book)
    with Line("vsc forge verify", "pairs") as line:
        found = differences(book, parents, given.jobs or cores(), line.show)
    for one in found:
        say(f"{one.pair}: {one.what}")
    for told in versions:
        say(told)
    if not found:
        say(f"{count(len(book.pairs), 'pair')} of {book.suite.name}: all are what their recipes make")
        return 0
    say(f"{counted(found):,} of {count(len(book.pairs), 'pair')} of {book.suite.name} differ{_perhaps(versions)}")
    return 1


def _perhaps(versions: list[str]) -> str:
    return "; with the libraries that made it they may not" if versions else ""
