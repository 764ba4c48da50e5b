"""The command `vsc`: reads its arguments, runs one of its commands, makes errors exit codes. No traceback is shown.

Exit codes: 0, 1 for a negative answer, 2 for bad usage or what cannot be done.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence

from pytest_vsc import __version__
from pytest_vsc.cli import (
    cache,
    calibrate,
    compare,
    completion,
    forge,
    gate,
    importing,
    judge,
    models,
    redact,
    selftest,
    show,
    suites,
    tradeoff,
    tune,
)
from pytest_vsc.errors import VscError, one_line, printable

Command = Callable[[argparse.Namespace], int]
WITH_PYTEST = ("selftest", "tradeoff", "forge")  # whose words behind `--` are options of pytest
# The groups of commands, in the order of the help; each module adds its own.
GROUPS = (
    suites.add,
    models.add,
    importing.add,
    judge.add,
    gate.add,
    tune.add,
    calibrate.add,
    forge.add,
    selftest.add,
    show.add,
    compare.add,
    tradeoff.add,
    redact.add,
    cache.add,
    completion.add,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Bad usage raises SystemExit(2), as argparse does."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names are anybody's; a terminal may know ASCII only
    words, options = cut(sys.argv[1:] if arguments is None else arguments)
    given = new_parser().parse_args(words, argparse.Namespace(options=options))
    command: Command = given.command
    try:
        code = command(given)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return _complain("interrupted")
    except VscError as error:
        return _complain(printable(error))
    except Exception as bug:
        return _complain(f"this is a bug in pytest-vsc, please report it: {type(bug).__name__}: {one_line(bug)}")
    return code


def cut(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The words of a command that runs pytest before and after the first `--`; of other commands all, and none.

    argparse would take no word behind one of its own options for pytest's.
    """
    if "--" not in words or words[0] not in WITH_PYTEST:
        return words, ()
    place = [*words].index("--")
    return words[:place], words[place + 1 :]


def _complain(what: str) -> int:
    print(f"vsc: {what}", file=sys.stderr)
    return 2


def new_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vsc", description="The safety-calibration gate's own command.")
    parser.add_argument("--version", action="version", version=f"pytest-vsc {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in GROUPS:
        add(commands)
    return parser
