"""`vsc completion`: a script by which a shell completes the words of `vsc`. What an argument is, its metavar tells."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from pytest_vsc.cli.show.choosing import WORDS
from pytest_vsc.engines.presets import presets
from pytest_vsc.errors import SettingsError
from pytest_vsc.importers import importers
from pytest_vsc.schemas import SCHEMAS
from pytest_vsc.suites import shipped_suites

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
How: TypeAlias = Mapping[str, object]  # what completes an argument, by shell, as shtab takes it
SHELLS = ("bash", "zsh", "tcsh", "fish")
INSTALLED = {
    "bash": "vsc completion bash > ~/.local/share/bash-completion/completions/vsc",
    "zsh": "vsc completion zsh > a file _vsc in a folder of $fpath",
    "tcsh": "vsc completion tcsh > ~/.vsc.tcsh, and source that in ~/.tcshrc",
    "fish": "vsc completion fish > ~/.config/fish/completions/vsc.fish",
}
# By metavar: what lies on the disk.
FILES = frozenset({"FILE", "RUN", "FILE|RUN", "OUT", "SRC"})
FOLDERS = frozenset({"DIR", "FOLDER"})
JUDGES = ("builtin", "builtin@", "guard@", "rubric@")  # without those that a colon follows: shells split there


def add(commands: Actions) -> None:
    """Add `vsc completion`."""
    parser = commands.add_parser(
        "completion",
        help="a script by which your shell completes the words of vsc",
        epilog="To keep it: " + "; ".join(INSTALLED.values()) + ".",
    )
    parser.add_argument("shell", choices=SHELLS, help="which shell")
    parser.set_defaults(command=completion)


def completion(given: argparse.Namespace) -> int:
    """Print the script. Raises SettingsError where the shtab at hand does not know the shell."""
    import shtab

    from pytest_vsc.cli import new_parser

    if given.shell not in shtab.SUPPORTED_SHELLS:
        knows = ", ".join(shtab.SUPPORTED_SHELLS)
        raise SettingsError(f"completion: this version of shtab writes no script for {given.shell}, only for {knows}")
    parser = new_parser()
    _mark(parser, shtab.FILE, shtab.DIRECTORY)
    print(shtab.complete(parser, given.shell))
    return 0


def _mark(parser: argparse.ArgumentParser, file: How, folder: How) -> None:
    """Tell shtab of each argument how it goes on."""
    words = _words()
    for action in every_argument(parser):
        if action.metavar in FILES or action.metavar in FOLDERS:
            _complete(action, folder if action.metavar in FOLDERS else file)
        elif action.metavar == "SUITE" and "--name" not in action.option_strings:  # which names a new one
            _complete(action, _either(shipped_suites(), folder))
        elif found := words.get(f"{action.dest} {action.metavar}"):
            action.choices = found


def _complete(action: argparse.Action, how: How) -> None:
    action.complete = how  # type: ignore[attr-defined]  # where shtab looks


def every_argument(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Of the parser and of all its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from every_argument(inner)


def _words() -> dict[str, list[str]]:
    """Words that are the same whatever lies on the disk, by name and metavar of the argument."""
    models = sorted(presets())
    fixed: dict[str, Iterable[str]] = {
        "alias ALIAS": models,
        "check SPEC": models,
        "vlm SPEC": models,
        "judge SPEC": JUDGES,
        "name NAME": importers(),
        f"schema {'|'.join(SCHEMAS)}": SCHEMAS,
        **{f"{name} WORD": words for name, words in WORDS.items()},
    }
    return {name: [*words] for name, words in fixed.items()}


def _either(words: Iterable[str], folders: How) -> How:
    """These words, or a folder."""
    listed = " ".join(words)
    function = "_vsc_suite_or_dir"  # shtab's script treats what is named after a `dir` as names of files
    body = f'{function}() {{\n  compgen -W "{listed}" -- "$1"\n  compgen -d -- "$1"\n}}'
    return {
        **folders,
        "bash": function,
        "fish": f"{listed} {folders.get('fish', '')}",
        "zsh": rf"_alternative 'suites\:suite\:({listed})' 'folders\:folder\:_files -/'",
        "preamble": {"bash": body},
    }
