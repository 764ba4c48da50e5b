"""`vsc cache`: what is stored of earlier runs, shown, checked and removed."""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
from pathlib import Path

from pytest_vsc import upkeep
from pytest_vsc.cli.printing import count, safe, shown, size, table
from pytest_vsc.errors import expected, one_line
from pytest_vsc.store import default_folder
from pytest_vsc.storefile import FILE
from pytest_vsc.upkeep import Share

DAMAGE_SHOWN = 20


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `vsc cache` and its commands."""
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
    print(f"{shown(folder / FILE)}: {size(upkeep.size(folder))}")
    rows = [(safe(one_line(share.model)), _short(share.fingerprint), *_figures(share)) for share in held.answers]
    if held.judgements.entries:
        rows.append(("(judgements)", "", *_figures(held.judgements)))
    if not rows:
        print("nothing stored yet")
        return 0
    for line in table(("model", "fingerprint", "entries", "first kept", "last used"), rows, figures={2}):
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
    counted = f"{count(removed.answers, 'answer')} and {count(removed.judgements, 'judgement')}"
    if given.dry_run:
        print(f"would remove {counted}")
    else:
        print(f"removed {counted}; {size(before)} before, {size(upkeep.size(folder))} now")
    return 0


def cache_verify(given: argparse.Namespace) -> int:
    """Whether every row is what was written; with --repair, what is not goes."""
    folder = _folder(given)
    if _is_missing(folder):
        return 0
    where = shown(folder / FILE)
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
    print(f"repaired: {count(saved.answers, 'answer')} and {count(saved.judgements, 'judgement')} kept")
    return 0


def cache_clear(given: argparse.Namespace) -> int:
    """Remove everything that is stored."""
    folder = _folder(given)
    if _is_missing(folder):
        return 0
    before = upkeep.size(folder)
    upkeep.clear(folder)
    print(f"{shown(folder / FILE)}: cleared ({size(before)} before)")
    return 0


def _folder(given: argparse.Namespace) -> Path:
    chosen: Path | None = getattr(given, "cache", None)
    return default_folder() if chosen is None else chosen.absolute()


def _is_missing(folder: Path) -> bool:
    """Say so if there is no store; looking must not begin one."""
    path = folder / FILE
    if os.path.lexists(path) or (folder.exists() and not folder.is_dir()):
        return False
    print(f"{shown(path)}: nothing stored yet")
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


def _short(fingerprint: str) -> str:
    return one_line(fingerprint)[:12]
