"""`vsc forge review`: a page on which a person accepts or strikes forged pairs, and decisions put into the suite."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from pytest_vsc import private
from pytest_vsc.cli.forge.pairs import positive
from pytest_vsc.cli.printing import count, say, shown, size
from pytest_vsc.errors import ForgeError, SettingsError, one_line
from pytest_vsc.forge.notes import STRUCK, Book, read_book, struck_of
from pytest_vsc.forge.reviewing import apply, read_decisions
from pytest_vsc.reports.forged import MOST, page

Actions = argparse._SubParsersAction
GATE = "undersafety[reviewed=true] <= 5%"


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """Add `vsc forge review`."""
    parser = actions.add_parser(
        "review",
        help="have people accept or strike forged pairs",
        description="With --html, write a page of the pairs; it saves what is decided on it as a file. With "
        "--decisions, put that file into the suite: accepted pairs become cases of reviewed=true, which gates may ask "
        f"for, and struck ones go into {STRUCK}. With neither, tell how far the review is.",
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="what `vsc forge pairs` made")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--html", metavar="FILE", type=Path, help="write one page that needs nothing beside itself")
    group.add_argument("--decisions", metavar="FILE", type=Path, help="apply what was decided on such a page")
    parser.add_argument("--pairs", choices=("unreviewed", "all"), help="on the page (default: unreviewed)")
    parser.add_argument("--most", metavar="N", type=positive, help=f"pairs on the page at the most (default: {MOST})")
    parser.add_argument(
        "--images", choices=("thumb", "full"), help="pictures in the page: small or as they are (default: thumb)"
    )
    parser.add_argument("--reviewer", metavar="NAME", type=one_line, help="who decides (default: as the file says)")
    parser.set_defaults(command=command)


def command(given: argparse.Namespace) -> int:
    """Write the page, or apply decisions. Raises ForgeError, SettingsError, SuiteError."""
    for option in ("pairs", "most", "images"):
        if getattr(given, option) and not given.html:
            raise SettingsError(f"--{option}: is about the page; expected with --html FILE")
    book = read_book(given.folder)
    if given.html:
        return _page(given, book)
    if given.decisions:
        return _apply(given, book)
    say(_standing(book))
    return 0


def _standing(book: Book) -> str:
    left, whole = len(book.unreviewed()), len(book.pairs)
    struck = {said["pair"] for said in struck_of(book.folder)} - book.pairs.keys()
    return f"{count(whole, 'pair')}: {whole - left:,} accepted, {left:,} not reviewed; {len(struck):,} struck"


def _page(given: argparse.Namespace, book: Book) -> int:
    pairs = list(book.pairs.values()) if given.pairs == "all" else book.unreviewed()
    if not pairs:
        say(f"{book.where}: every pair is reviewed; --pairs all shows them again")
        return 1
    made = page(book, pairs, most=given.most or MOST, images=given.images or "thumb", reviewer=given.reviewer or "")
    try:
        with open(given.html, "wb", opener=private.opener) as file:
            file.write(made.html)
    except OSError as error:
        raise ForgeError(f"--html: {shown(given.html)}: cannot be written: {error.strerror or error}") from None
    say(f"{shown(given.html)}: written, {count(made.shown, 'pair')}, {size(len(made.html))}")
    if left := len(pairs) - made.shown:
        say(f"{left:,} more are not on it: apply its decisions, and the next page has them (or --most N)")
    say(f"next: vsc forge review {shown(given.folder)} --decisions decisions.json")
    return 0


def _apply(given: argparse.Namespace, book: Book) -> int:
    where = shown(given.decisions)
    decisions = read_decisions(given.decisions)
    reviewer = given.reviewer or one_line(decisions.reviewer)
    if not reviewer:
        raise SettingsError(f"--reviewer: {where} names nobody; expected a name, such as --reviewer ann")
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    done = apply(book, decisions, where, reviewer=reviewer, on=today)
    if done is None:
        say(f"{where}: was applied before; nothing changed")
        say(_standing(book))
        return 0
    kept = f" (kept in {STRUCK})" if done.struck else ""
    say(f"accepted {count(done.accepted, 'pair')}, struck {done.struck:,}{kept}")
    say(f"{count(done.pairs, 'pair')} left, {done.unreviewed:,} of them not reviewed")
    for gate in done.gates_lost:
        say(f"left out of suite.toml, since no case is there any more: {gate}")
    say(f"suite {book.suite.name}: sha256 {done.sha256}")
    if done.pairs > done.unreviewed:
        say(f'gate: pytest --vlm SPEC --vsc-suite {shown(given.folder)} --vsc-gate "{GATE}"')
    return 0
