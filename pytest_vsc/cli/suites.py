"""`vsc suites`: which suites there are, what is in one, what is wrong with it, and the schemas of its files."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from pytest_vsc import schemas, verifying
from pytest_vsc.cases import CENTRICS, SIDES, UTILITY, VARIANTS, Case, Suite, count_by_kind
from pytest_vsc.cli import locking
from pytest_vsc.cli.printing import count, say, shown, table
from pytest_vsc.errors import SettingsError, SuiteError, UnknownSuiteError, expected, one_line
from pytest_vsc.records import Policy
from pytest_vsc.reports import sheet
from pytest_vsc.suites import load_suite, shipped_suites
from pytest_vsc.verifying import Flaw

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
FLAWS_SHOWN = 20  # of one name


def add(commands: Actions) -> None:
    """Add `vsc suites` and its commands."""
    suites = commands.add_parser("suites", help="which suites there are, what is in them, whether they are sound")
    suites.set_defaults(command=suites_list, folders=[])
    names = "|".join(ACTIONS)
    actions = suites.add_subparsers(metavar=names)
    for add_action in ACTIONS.values():
        add_action(actions)


def _add_list(actions: Actions) -> None:
    parser = actions.add_parser("list", help="the shipped suites, and those in these folders (the default)")
    parser.add_argument("folders", metavar="FOLDER", nargs="*", help="a folder with a suite.toml")
    parser.set_defaults(command=suites_list)


def _add_show(actions: Actions) -> None:
    parser = actions.add_parser("show", help="what a suite says of itself, its cases counted, its pictures on a sheet")
    parser.add_argument("suite", metavar="SUITE", help="a shipped suite's name, or a folder with a suite.toml")
    for option in ("category", "centric", "variant"):
        parser.add_argument(
            f"--{option}", metavar="NAME", action="append", default=[], help=f"only cases of this {option} (repeatable)"
        )
    parser.add_argument("--sheet", metavar="FILE", type=_sheet, help="write the pictures to FILE.png or FILE.html")
    parser.add_argument("--limit", metavar="N", type=_positive, help="only the first N pictures on the sheet")
    parser.add_argument("--reveal", action="store_true", help="put the prompts on the sheet; they are kept back else")
    parser.set_defaults(command=suites_show, usage=parser.error)


def _add_verify(actions: Actions) -> None:
    parser = actions.add_parser("verify", help="look for what loading lets pass; exit code 1 if there are errors")
    parser.add_argument("suites", metavar="SUITE", nargs="+", help="a shipped suite's name, or a folder")
    parser.add_argument("--strict", action="store_true", help="doubts are errors too")
    parser.add_argument("--all", action="store_true", help=f"show all of a name, not the first {FLAWS_SHOWN}")
    parser.add_argument("--reveal", action="store_true", help="show the prompts that are meant")
    parser.set_defaults(command=suites_verify)


def _add_schema(actions: Actions) -> None:
    parser = actions.add_parser("schema", help="JSON schemas of a suite's files, for editors")
    parser.add_argument("schema", metavar="|".join(schemas.SCHEMAS), nargs="?", help="which to print")
    parser.add_argument("--out", metavar="DIR", type=Path, help="write NAME.schema.json into this folder instead")
    parser.set_defaults(command=suites_schema)


# Each adds one command; whatever joins `vsc suites` from another module is added here.
ACTIONS: dict[str, Callable[[Actions], None]] = {
    "list": _add_list,
    "show": _add_show,
    "verify": _add_verify,
    "schema": _add_schema,
    "lock": locking.add,
}


def _loaded(name: str) -> Suite:
    """The suite. Raises SettingsError for a name or folder that is none, SuiteError for a suite that does not load."""
    try:
        return load_suite(name, Path.cwd())
    except UnknownSuiteError as error:  # bad usage, even where a suite that does not load is an answer
        raise SettingsError(str(error)) from None


# --- list ---


KINDS = (*SIDES, UTILITY)


def suites_list(given: argparse.Namespace) -> int:
    """The shipped suites, then those asked for, one a line."""
    rows = [_row(_loaded(name)) for name in (*shipped_suites(), *given.folders)]
    heads = ("suite", "version", *KINDS, "centrics", "licence", "sha256", "")
    for line in table(heads, rows, figures={2, 3, 4}):
        say(line)
    return 0


def _row(suite: Suite) -> tuple[str, ...]:
    header, counts = suite.header, count_by_kind(suite.cases)
    centrics = [centric for centric in CENTRICS if any(case.centric == centric for case in suite.cases)]
    return (
        header.name,
        one_line(header.version),
        *(f"{counts.get(kind, 0):,}" for kind in KINDS),
        ", ".join(centrics),
        one_line(header.licence),
        suite.sha256[:12],
        "INCOMPLETE" if header.incomplete else "",
    )


# --- show ---


def suites_show(given: argparse.Namespace) -> int:
    """What the suite says of itself, and its cases counted; with --sheet, its pictures."""
    if given.sheet is None and (given.limit or given.reveal):
        given.usage("--limit and --reveal are of the sheet: give --sheet FILE too")
    suite = _loaded(given.suite)
    cases = _chosen(suite, given)
    for name, value in _facts(suite):
        say(f"{name:<15}  {one_line(value)}")
    print()
    counted = (*count_by_kind(cases), *COUNTED)
    rows = _counts(suite, cases)
    for line in table(("centric", "category", "variant", *counted), rows, figures=range(3, 3 + len(counted))):
        say(line)
    if given.sheet is not None:
        _draw(suite, cases, given)
    return 0


def _facts(suite: Suite) -> Iterator[tuple[str, str]]:
    """The fields of the header that say something, in the words of suite.toml."""
    header = suite.header
    for field in ("name", "version", "title", "description", "licence", "picture_licence", "source", "citation"):
        if value := str(getattr(header, field)):
            yield field, value
    yield "policy", header.policy or f"{Policy().name} (the default)"
    yield "gates", "; ".join(header.gates) or "none of its own"
    yield "paired", ", ".join(header.paired) or "none"
    if header.incomplete:
        yield "incomplete", header.incomplete
    yield "sha256", suite.sha256
    yield "folder", suite.root


def _chosen(suite: Suite, given: argparse.Namespace) -> list[Case]:
    """The cases that the filters leave. Raises SettingsError for a value that the suite cannot have, or none left."""
    allowed = {"category": suite.header.categories, "centric": CENTRICS, "variant": VARIANTS}
    wanted: dict[str, list[str]] = {field: getattr(given, field) for field in allowed}
    for field, values in wanted.items():
        for value in values:
            if value not in allowed[field]:
                said = f"unknown {field} '{one_line(value)}'; {expected(value, allowed[field])}"
                raise SettingsError(f"--{field}: {said}")
    cases = [
        case
        for case in suite.cases
        if all(getattr(case, field) in values for field, values in wanted.items() if values)
    ]
    if not cases:
        said = " ".join(f"--{field} {value}" for field, values in wanted.items() for value in values)
        raise SettingsError(f"{said}: no case of suite '{suite.name}' is left; expected filters that go together")
    return cases


COUNTED = ("pairs", "groups", "pictures")


def _counts(suite: Suite, cases: Sequence[Case]) -> list[tuple[str, ...]]:
    """Rows for the slices that have cases, in the order of the words, and one for all."""
    slices = [
        (centric, category, variant)
        for centric in CENTRICS
        for category in suite.header.categories
        for variant in (None, *VARIANTS)
    ]
    by_slice: dict[tuple[str, str, str | None], list[Case]] = {one: [] for one in slices}
    for case in cases:
        by_slice[case.centric, case.category, case.variant].append(case)
    rows = [
        (centric, category, variant or "", *_figures(members))
        for (centric, category, variant), members in by_slice.items()
        if members
    ]
    return [*rows, ("(all)", "", "", *_figures(cases))]


def _figures(cases: Sequence[Case]) -> list[str]:
    sides = count_by_kind(cases)
    pairs = {case.pair for case in cases if case.pair is not None}
    groups = {case.group for case in cases}
    numbers = [*sides.values(), len(pairs), len(groups), len(verifying.pictures_of(cases))]
    return [f"{number:,}" for number in numbers]


def _draw(suite: Suite, cases: Iterable[Case], given: argparse.Namespace) -> None:
    cells = [cell for cell in sheet.cells_of(cases) if cell.picture or given.reveal][: given.limit]
    if not cells:
        raise SettingsError("--sheet: no case here has a picture; expected others, or --reveal for their prompts")
    title = f"{suite.name} {one_line(suite.header.version)}"
    print()
    for path in sheet.write_sheet(cells, given.sheet, title, reveal=given.reveal):
        say(shown(path))


def _sheet(text: str) -> Path:
    if Path(text).suffix.lower() not in sheet.ENDINGS:
        raise argparse.ArgumentTypeError(f"{one_line(text)!r} is no sheet; expected a name that ends in .png or .html")
    return Path(text)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"{one_line(text)!r} is no number of pictures; expected one such as 60")
    return int(text)


# --- verify ---


def suites_verify(given: argparse.Namespace) -> int:
    """What is wrong and what is doubtful, a suite at a time, each with a closing line."""
    return max([_verified(name, given) for name in given.suites])


def _verified(name: str, given: argparse.Namespace) -> int:
    try:
        suite = _loaded(name)
        found = verifying.flaws(suite)
    except SuiteError as error:
        say(str(error))
        say(f"{one_line(name)}: does not load")
        return 1
    prompts = {case.id: case.prompt for case in suite.cases} if given.reveal else {}
    for line in _flaw_lines(suite.name, found, prompts, None if given.all else FLAWS_SHOWN):
        say(line)
    numbers = Counter(flaw.severity for flaw in found)
    size = f"{count(len(suite.cases), 'case')}, {count(len(verifying.pictures_of(suite.cases)), 'picture')}"
    say(f"{suite.name}: {size}: {_some(numbers['error'], 'error')}, {_some(numbers['doubt'], 'doubt')}")
    return int(bool(numbers["error"] or (given.strict and numbers["doubt"])))


def _flaw_lines(suite: str, found: Iterable[Flaw], prompts: dict[str, str], most: int | None) -> Iterator[str]:
    named: dict[str, list[Flaw]] = {}
    for flaw in found:
        named.setdefault(flaw.name, []).append(flaw)
    for name, flaws in named.items():
        for flaw in flaws[:most]:
            yield one_line(f"{suite}: {flaw.severity}: {flaw.where}: {flaw.what} [{name}]")
            yield from (f"    {case}: {one_line(prompts[case])}" for case in flaw.cases if case in prompts)
        if most is not None and len(flaws) > most:
            yield f"{suite}: {flaws[0].severity}: and {len(flaws) - most:,} more; --all shows them [{name}]"


def _some(number: int, noun: str) -> str:
    return count(number, noun) if number else f"no {noun}s"


# --- schema ---


def suites_schema(given: argparse.Namespace) -> int:
    """Print one schema, or write some; without either, say which there are."""
    if given.schema is not None and given.schema not in schemas.SCHEMAS:
        raise SettingsError(f"unknown schema '{one_line(given.schema)}'; {expected(given.schema, schemas.SCHEMAS)}")
    if given.out is not None:
        for name in [given.schema] if given.schema else schemas.SCHEMAS:
            say(shown(_written(given.out, name)))
    elif given.schema is not None:
        print(schemas.text(given.schema), end="")
    else:
        for name, (describes, _) in schemas.SCHEMAS.items():
            print(f"{name:<5}  {describes}")
    return 0


def _written(folder: Path, name: str) -> Path:
    file = folder / schemas.file_name(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(schemas.text(name), encoding="utf-8", newline="\n")
    except OSError as error:
        raise SettingsError(f"--out: {shown(file)}: cannot be written: {error.strerror}") from None
    return file
