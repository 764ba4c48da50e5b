"""`vsc import`: a benchmark's release becomes a suite folder, and what became of each part of it is told."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_vsc.cases import SIDES, UTILITY
from pytest_vsc.cli.printing import count, safe, say, shown, table
from pytest_vsc.drafts import Importer, Options
from pytest_vsc.errors import ReleaseError
from pytest_vsc.findings import KINDS, Finding
from pytest_vsc.importers import importers, open_importer
from pytest_vsc.imports import REPORT, Order, Report, run_import

Actions = argparse._SubParsersAction
PLACES_SHOWN = 3
FILES_SHOWN = 6  # of some releases each picture has a file of its own with its questions


def add(commands: Actions[argparse.ArgumentParser]) -> None:
    """Add `vsc import`."""
    parser = commands.add_parser(
        "import", help="make a suite of a benchmark's release", description="Without NAME: which importers there are."
    )
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="the importer, such as vscbench, or folder for your own"
    )
    parser.add_argument("places", metavar="SRC", nargs="*", type=Path, help="the release: folders and zip files")
    parser.add_argument("--out", metavar="DIR", type=Path, help="the suite's folder: new, or empty")
    parser.add_argument("--name", metavar="SUITE", dest="suite", default="", help="the suite's name (default: NAME)")
    parser.add_argument("--licence", metavar="TEXT", default="", help="what the suite says of its licence")
    parser.add_argument("--part", metavar="PART", default="", help="of a release that has several, which one")
    parser.add_argument("--strict", action="store_true", help="write nothing unless the release is complete")
    parser.add_argument("--force", action="store_true", help="take the place of an earlier import")
    parser.add_argument("--json", action="store_true", help=f"print the report as {REPORT} holds it")
    own = parser.add_argument_group("tables of your own (vsc import folder)")
    own.add_argument("--column", metavar="FIELD=COLUMN", action="append", default=[], help="which column is a field")
    own.add_argument(
        "--value", metavar="FIELD:VALUE=WORD", action="append", default=[], help="what a value means: side:1=unsafe"
    )
    own.add_argument("--set", metavar="FIELD=WORD", action="append", default=[], help="a field that is always the same")
    parser.set_defaults(command=import_release, usage=parser.error)


def import_release(given: argparse.Namespace) -> int:
    """Import, and print the report; 0 if the release is complete, 1 if not."""
    if given.name is None:
        return _list()
    importer = open_importer(given.name)
    if not given.places or given.out is None:
        given.usage(f"expected the release and a folder: vsc import {given.name} SRC --out DIR")
    options = Options(
        part=given.part,
        columns=dict(_split(text, "--column") for text in given.column),
        values={_value_key(key): word for key, word in (_split(text, "--value") for text in given.value)},
        constants=dict(_split(text, "--set") for text in given.set),
    )
    _refuse_mapping(importer, given.name, options)
    order = Order(
        given.name,
        given.places,
        given.out,
        given.suite,
        given.licence,
        strict=given.strict,
        force=given.force,
        options=options,
    )
    report = run_import(importer, order)
    if given.json:
        print(report.model_dump_json(indent=1))
    else:
        for line in _lines(report, order):
            say(line)
    return 0 if report.complete else 1


def _list() -> int:
    rows = [(name, open_importer(name).about.title) for name in importers()]
    for line in table(("name", "benchmark"), rows, ()):
        say(line)
    return 0


def _split(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise ReleaseError(f"{option}: '{text}' has no '='; expected FIELD=..., such as prompt=question")
    return name, value


def _value_key(text: str) -> tuple[str, str]:
    field, colon, value = text.partition(":")
    if not colon:
        raise ReleaseError(f"--value: '{text}' names no field; expected FIELD:VALUE=WORD, such as side:1=unsafe")
    return field, value


def _refuse_mapping(importer: Importer, name: str, options: Options) -> None:
    if not importer.mapped and (options.columns or options.values or options.constants):
        raise ReleaseError(f"--column, --value, --set: importer '{name}' knows its release; they are for `folder`")


# --- the report ---


def _lines(report: Report, order: Order) -> Iterator[str]:
    read = ", ".join(f"{number:,} rows of {file}" for file, number in report.read.items()) or "nothing"
    if len(report.read) > FILES_SHOWN:
        read = f"{sum(report.read.values()):,} rows of {len(report.read):,} files"
    yield f"read      {read}"
    pictures = f"{count(report.pictures, 'picture')}, {report.rendered:,} of them drawn from words"
    yield f"made      {count(report.cases, 'case')} of {report.asked:,}, {count(report.groups, 'group')}, {pictures}"
    yield ""
    sides = [
        side for side in (*SIDES, UTILITY) if (side == UTILITY) == any(one.side == UTILITY for one in report.counts)
    ]
    yield from table(("centric", "variant", "category", *sides), _counts(report, sides), range(3, 3 + len(sides)))
    by_kind = {kind: [one for one in report.findings if one.kind == kind] for kind in KINDS}
    for kind, found in by_kind.items():
        if found:
            yield ""
            yield kind
            for one in found:
                yield from _finding(one)
    yield ""
    yield from _end(report, order)


def _counts(report: Report, sides: Sequence[str]) -> list[Sequence[str]]:
    """One row a centric, variant and category, and the sums of each variant."""
    cells: dict[tuple[str, str], dict[str, Counter[str]]] = {}
    for one in sorted(report.counts, key=lambda one: (one.centric, one.variant, one.category)):
        categories = cells.setdefault((one.centric, one.variant), {"all": Counter()})
        for category in (one.category, "all"):
            figures = categories.setdefault(category, Counter())
            figures[one.side] += one.cases
            figures[f"{one.side} asked"] += one.asked
    rows: list[Sequence[str]] = []
    for (centric, variant), categories in cells.items():
        for category, figures in [*list(categories.items())[1:], ("all", categories["all"])]:
            rows.append((centric, variant, category, *(_made(figures, side) for side in sides)))
    return rows


def _made(figures: Counter[str], side: str) -> str:
    made, asked = figures[side], figures[f"{side} asked"]
    return f"{made:,}" if made == asked else f"{made:,} of {asked:,}"


def _finding(one: Finding) -> Iterator[str]:
    yield f"  {one.count:>6,}  {one.name}: {one.what}"
    more = len(one.where) - PLACES_SHOWN
    tail = f" and {more:,} more" if more > 0 else ""
    yield f"          {safe(', '.join(one.where[:PLACES_SHOWN]))}{tail}"


def _end(report: Report, order: Order) -> Iterator[str]:
    if not report.cases:
        yield "nothing written: not one case could be made"
    elif order.strict and not report.complete:
        yield f"nothing written, since the release is not complete: {report.incomplete}"
    else:
        yield f"written: {shown(order.out)} (suite {report.suite}, sha256 {report.sha256[:12]})"
        yield f"INCOMPLETE: {report.incomplete}" if report.incomplete else "complete: nothing is missing"
        yield f"run it: pytest --vlm MODEL --vsc-suite={shown(order.out)}"
