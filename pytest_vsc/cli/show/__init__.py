"""`vsc show`: what came of a run: the whole of it, the records that are asked for, or all that is known of a case."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from pytest_vsc.baselines import read_baseline
from pytest_vsc.cli.pages import add_page_options, write_page
from pytest_vsc.cli.printing import count, safe, say, shown
from pytest_vsc.cli.show import listing, objects, overview
from pytest_vsc.cli.show.choosing import ORDERS, OWN_WORDS, WORDS, Hit, Wanted, ordered
from pytest_vsc.cli.show.colours import coloured, has_colour
from pytest_vsc.cli.show.naming import name_of, nearest
from pytest_vsc.cli.show.picking import Picked, header_of, pick, records_of
from pytest_vsc.cli.show.picturing import frame_for, picture_lines
from pytest_vsc.cli.show.scanning import find_run
from pytest_vsc.cli.show.telling import setting_of, texts, told
from pytest_vsc.errors import SettingsError, expected, has, one_line
from pytest_vsc.records import Record
from pytest_vsc.reports.terminal_pictures import WAYS
from pytest_vsc.runs import Header
from pytest_vsc.sources import HEADER as SUITE_FILE

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
DEFAULT = Path("vsc-report")
# What makes a list of `vsc show`: it stays the whole run without any of these.
CHOICE = (*WORDS, *OWN_WORDS, "parts", "grep", "judges_differ", "flipped", "sort", "reverse", "limit")


def add(commands: Actions) -> None:
    """Add `vsc show`."""
    parser = commands.add_parser(
        "show",
        help="what came of a run: all of it, some of its cases, or one",
        description="Without more, the block that ends a run. With options that choose, a line for each case. With "
        "CASE, all that is known of it. The exit code is 1 if nothing is chosen.",
    )
    parser.add_argument("run", metavar="RUN", nargs="?", type=Path, default=DEFAULT, help=f"default: {DEFAULT}")
    parser.add_argument("case", metavar="CASE", nargs="?", help="an id, SUITE/ID, a pair, or a pasted node id")
    parser.add_argument("--reveal", action="store_true", help="show prompts, answers and pictures")
    parser.add_argument("--json", action="store_true", help="as JSON; texts as length and sha256 unless --reveal")
    parser.add_argument(
        "--pictures", choices=("auto", *WAYS), default="auto", help="how the terminal draws them (default: as it can)"
    )
    add_page_options(parser)
    parser.add_argument(
        "--beside", metavar="RUN", type=Path, action="append", default=[], help="an earlier run, for the page's plane"
    )
    _add_choice(parser.add_argument_group("which cases, and in which order; words are joined by commas: any of them"))
    parser.set_defaults(command=show)


def _add_choice(group: argparse._ArgumentGroup) -> None:
    for name, words in WORDS.items():
        _add_words(group, name, "WORD", _among(name, words), f"one of {', '.join(words)}")
    for name in OWN_WORDS:
        more = "; of a folder with a suite: its pictures" if name == "suite" else ""
        _add_words(group, name, name.upper(), _split, f"of this {name}{more}")
    group.add_argument("-k", metavar="TEXT", action="append", default=[], dest="parts", help="the id holds this")
    group.add_argument("--grep", metavar="REGEX", type=_pattern, action="append", default=[], help="a text holds this")
    group.add_argument("--judges-differ", action="store_true", help="the judges of a panel differ on it")
    group.add_argument("--flipped", action="store_true", help="its outcome is not that of the baseline")
    group.add_argument("--sort", choices=ORDERS, help="id: a to z; others: the most first. Alone: of all cases")
    group.add_argument("--reverse", action="store_true", help="the other way round")
    group.add_argument("--limit", metavar="N", type=_number, help="only the first N")


def _add_words(
    group: argparse._ArgumentGroup, name: str, metavar: str, read: Callable[[str], tuple[str, ...]], what: str
) -> None:
    group.add_argument(f"--{name}", metavar=metavar, type=read, action="extend", default=[], help=what)


def show(given: argparse.Namespace) -> int:
    """Show what was asked for; 1 if no record is it."""
    file = find_run(given.run)
    if given.html is not None:
        write_page(given, [read_baseline(file)], _folders(given), [read_baseline(run) for run in given.beside])
        return 0
    if given.case is not None:
        return _show_case(file, given)
    if any(getattr(given, name) for name in CHOICE):
        return _show_list(file, given)
    if given.json:
        run = overview.overview(file)
        print(objects.in_ascii(objects.run_object(run.header, run.footer, len(run.outcomes)), indent=2))
        return 0
    _print(overview.lines(file, given.run, reveal=given.reveal))
    return 0


def _print(lines: Iterable[tuple[str, Mapping[str, bool]]]) -> None:
    """Lines that are safe to show."""
    colour = has_colour(sys.stdout, os.environ)
    for line, markup in lines:
        print(coloured(line, markup, colour))


def _show_list(file: Path, given: argparse.Namespace) -> int:
    picked = pick(file, _wanted(given, header_of(file)))
    hits = ordered(picked.hits, given.sort, reverse=given.reverse)[: given.limit]
    if given.json:
        _print_objects(file, hits, given)
        return 0 if hits else 1
    terminal = sys.stdout.isatty()
    for line in listing.table(
        file,
        hits,
        setting_of(picked.header, picked.footer, reveal=given.reveal),
        several=len(picked.header.suites) > 1,
        room=shutil.get_terminal_size().columns if terminal else None,
        colour=has_colour(sys.stdout, os.environ),
    ):
        print(line)
    noun = "answer" if picked.header.repeats else "case"
    first = f", the first {len(hits):,} shown" if len(hits) < len(picked.hits) else ""
    say(f"{len(picked.hits):,} of {count(picked.total, noun)}{first}")
    _say_nothing_to_reveal(picked, given)
    return 0 if hits else 1


def _show_case(file: Path, given: argparse.Namespace) -> int:
    name = name_of(given.case)
    picked = pick(file, _wanted(given, header_of(file)), name)
    hits = sorted(picked.hits, key=_order)
    if not hits:
        close = " or ".join(f"'{one_line(like)}'" for like in nearest(name.base, picked.names))
        hint = f"; did you mean {close}?" if close else ""
        print(safe(f"vsc: {shown(file)}: no case '{one_line(given.case)}'{hint}"), file=sys.stderr)
    if given.json:
        _print_objects(file, hits, given)
    else:
        _print_cases(records_of(file, hits), picked, given)
    return 0 if hits else 1


def _print_cases(records: Sequence[Record], picked: Picked, given: argparse.Namespace) -> None:
    setting = setting_of(picked.header, picked.footer, reveal=given.reveal)
    frame = frame_for(given.pictures, picked.header, _folders(given))
    for number, record in enumerate(records):
        if number:
            print()
        _print(told(record, setting))
        for entry in picture_lines(record, frame, reveal=given.reveal):
            print(entry, end="")
        _print((line, {}) for line in texts(record, setting))
    if records:
        _say_nothing_to_reveal(picked, given)


def _order(hit: Hit) -> tuple[str, str, str, int]:
    return hit.suite, hit.side, hit.case_id, hit.repeat


def _print_objects(file: Path, hits: Iterable[Hit], given: argparse.Namespace) -> None:
    objects.print_list(objects.record_objects(file, (hit.offset for hit in hits), reveal=given.reveal))


def _say_nothing_to_reveal(picked: Picked, given: argparse.Namespace) -> None:
    if given.reveal and picked.header.redacted:
        say(overview.NOTHING)


# --- reading the options ---------------------------------------------------------------------------------------------


def _wanted(given: argparse.Namespace, header: Header) -> Wanted:
    """Raises SettingsError for what this run cannot be asked."""
    words = {name: frozenset(getattr(given, name)) for name in (*WORDS, *OWN_WORDS) if getattr(given, name)}
    names = {suite.name for suite in header.suites}
    suites = words.pop("suite", frozenset())
    for word in sorted(suites - names):
        if not _is_suite(word):
            shown_word = one_line(word)
            tail = has(shown_word, map(one_line, names))
            raise SettingsError(f"--suite: no suite '{shown_word}' in this run, and no folder with one; {tail}")
    if suites & names:
        words["suite"] = suites & names
    if given.grep and header.redacted:
        raise SettingsError("--grep: prompts and answers were taken out of this copy of the run")
    return Wanted(words, given.parts, given.grep, given.judges_differ, given.flipped)


def _is_suite(word: str) -> bool:
    return (Path(word).expanduser() / SUITE_FILE).is_file()


def _folders(given: argparse.Namespace) -> list[Path]:
    return [Path(word) for word in given.suite if _is_suite(word)]


def _among(name: str, words: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        found = tuple(word.lower() for word in _split(text))
        for word in found:
            if word not in words:
                raise argparse.ArgumentTypeError(f"unknown {name} '{one_line(word)}'; {expected(word, words)}")
        return found

    return read


def _split(text: str) -> tuple[str, ...]:
    words = (text,) if _is_suite(text) else tuple(word.strip() for word in text.split(",") if word.strip())
    if not words:
        raise argparse.ArgumentTypeError("no word; expected one, or several joined by commas")
    return words


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"{one_line(text)!r} is no regular expression: {one_line(error)}") from None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"{one_line(text)!r} is no number of cases; expected one such as 20")
    return int(text)
