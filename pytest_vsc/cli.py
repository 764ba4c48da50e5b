"""The command `vsc`: reads its arguments, calls the core, prints. No traceback is ever shown.

Exit codes: 0, 1 for a negative answer, 2 for bad usage or what cannot be done.
"""

from __future__ import annotations

import argparse
import datetime
import io
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_vsc import __version__, upkeep
from pytest_vsc.errors import VscError, expected, one_line, printable
from pytest_vsc.store import default_folder
from pytest_vsc.storefile import FILE
from pytest_vsc.upkeep import Share

Command = Callable[[argparse.Namespace], int]
DAMAGE_SHOWN = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Bad usage raises SystemExit(2), as argparse does."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names are anybody's; a terminal may know ASCII only
    given = _parser().parse_args(arguments)
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


def _complain(what: str) -> int:
    print(f"vsc: {what}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vsc", description="The safety-calibration gate's own command.")
    parser.add_argument("--version", action="version", version=f"pytest-vsc {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_cache(commands)
    return parser


def _add_cache(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    where = argparse.ArgumentParser(add_help=False)
    # SUPPRESS, so that the option may stand before or after `show`: a default there would undo what was given here.
    where.add_argument("--cache", metavar="DIR", type=Path, default=argparse.SUPPRESS, help="default: the user's cache")
    cache = commands.add_parser("cache", parents=[where], help="what is stored of earlier runs")
    cache.set_defaults(command=cache_show)
    actions = cache.add_subparsers(metavar="show|prune|verify|clear")
    show = actions.add_parser("show", parents=[where], help="size, and entries by model (the default)")
    show.set_defaults(command=cache_show)
    prune = actions.add_parser("prune", parents=[where], help="remove what is old, or one model's")
    prune.add_argument("--older-than", metavar="30d", type=_days, help="what was not used for so many days")
    prune.add_argument("--model", metavar="NAME", help="the answers of this model only")
    prune.add_argument("--dry-run", action="store_true", help="say what would be removed")
    prune.set_defaults(command=cache_prune, usage=prune.error)
    verify = actions.add_parser("verify", parents=[where], help="see that nothing is damaged; exit code 1 if it is")
    verify.add_argument("--repair", action="store_true", help="drop what is damaged")
    verify.set_defaults(command=cache_verify)
    clear = actions.add_parser("clear", parents=[where], help="remove everything")
    clear.set_defaults(command=cache_clear)


def cache_show(given: argparse.Namespace) -> int:
    """Where the store is, how large, and what is in it by model."""
    folder = _folder(given)
    if _is_missing(folder):
        return 0
    held = upkeep.contents(folder)
    print(f"{_shown(folder / FILE)}: {_size(upkeep.size(folder))}")
    rows = [(_name(share.model), _short(share.fingerprint), *_figures(share)) for share in held.answers]
    if held.judgements.entries:
        rows.append(("(judgements)", "", *_figures(held.judgements)))
    if not rows:
        print("nothing stored yet")
        return 0
    for line in _table(("model", "fingerprint", "entries", "first kept", "last used"), rows):
        print(line)
    return 0


def cache_prune(given: argparse.Namespace) -> int:
    """Remove what is old or of one model."""
    if given.older_than is None and given.model is None:
        given.usage("nothing to go by: give --older-than or --model, or use `vsc cache clear`")
    folder = _folder(given)
    if _is_missing(folder):
        return 0
    before = upkeep.size(folder)
    models = {share.model for share in upkeep.contents(folder).answers}
    if given.model is not None and one_line(given.model) not in models:
        print(f"no answers of model '{one_line(given.model)}'; {expected(one_line(given.model), models)}")
        return 1
    removed = upkeep.prune(folder, given.older_than, given.model, dry_run=given.dry_run)
    counted = f"{_count(removed.answers, 'answer')} and {_count(removed.judgements, 'judgement')}"
    if given.dry_run:
        print(f"would remove {counted}")
    else:
        print(f"removed {counted}; {_size(before)} before, {_size(upkeep.size(folder))} now")
    return 0


def cache_verify(given: argparse.Namespace) -> int:
    """Whether every row is what was written; with --repair, what is not goes."""
    folder = _folder(given)
    if _is_missing(folder):
        return 0
    where = _shown(folder / FILE)
    damage = upkeep.find_damage(folder)
    if not damage:
        print(f"{where}: no damage")
        return 0
    print(f"{where}: damaged")
    for line in damage[:DAMAGE_SHOWN]:
        print(f"  {line}")
    if len(damage) > DAMAGE_SHOWN:
        print(f"  and {len(damage) - DAMAGE_SHOWN} more")
    if not given.repair:
        remedy = f"`vsc cache verify --repair --cache {shlex.quote(str(folder))}`"
        print(one_line(f"No run takes a damaged row for an answer. {remedy} drops what is damaged and keeps the rest."))
        return 1
    saved = upkeep.repair(folder)
    print(f"repaired: {_count(saved.answers, 'answer')} and {_count(saved.judgements, 'judgement')} kept")
    return 0


def cache_clear(given: argparse.Namespace) -> int:
    """Remove everything that is stored."""
    folder = _folder(given)
    if _is_missing(folder):
        return 0
    before = upkeep.size(folder)
    upkeep.clear(folder)
    print(f"{_shown(folder / FILE)}: cleared ({_size(before)} before)")
    return 0


def _folder(given: argparse.Namespace) -> Path:
    chosen: Path | None = getattr(given, "cache", None)
    return default_folder() if chosen is None else chosen.absolute()


def _is_missing(folder: Path) -> bool:
    """Say so if there is no store; looking must not begin one."""
    path = folder / FILE
    if os.path.lexists(path) or (folder.exists() and not folder.is_dir()):
        return False
    print(f"{_shown(path)}: nothing stored yet")
    return True


def _days(text: str) -> int:
    number = text.removesuffix("d")
    if not (number.isascii() and number.isdigit() and len(number) < 7):
        raise argparse.ArgumentTypeError(f"{one_line(text)!r} is not a number of days; expected one such as 30d")
    return int(number)


def _figures(share: Share) -> tuple[str, str, str]:
    return f"{share.entries:,}", _date(share.kept), _date(share.used)


def _date(days: int) -> str:
    try:
        return (datetime.date(1970, 1, 1) + datetime.timedelta(days)).isoformat()
    except OverflowError:
        return "?"


def _name(model: str) -> str:
    """A model's name at the start of a line, where a pipeline must not take it for a command."""
    return printable(VscError(one_line(model)))


def _short(fingerprint: str) -> str:
    return one_line(fingerprint)[:12]


def _shown(path: Path) -> str:
    return one_line(path)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _size(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with columns of one width each: words to the left, figures to the right."""
    whole = [heads, *rows]
    widths = [max(len(row[column]) for row in whole) for column in range(len(heads))]
    return [
        "  ".join(cell.rjust(width) if column == 2 else cell.ljust(width) for column, (cell, width) in cells).rstrip()
        for cells in (list(enumerate(zip(row, widths, strict=True))) for row in whole)
    ]
