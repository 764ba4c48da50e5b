"""`vsc compare`: saved runs beside the first of them, case by case, by the rules of gates that hold to a baseline."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from pytest_vsc.baselines import FIELDS, Baseline, between, check_fields, read_baseline
from pytest_vsc.cli.pages import add_page_options, write_page
from pytest_vsc.cli.printing import count, say, table
from pytest_vsc.comparing import BaselineSeen, Difference, better, surely_worse, worse
from pytest_vsc.errors import RunFileError

Actions = argparse._SubParsersAction
COUNTS = ("only before", "only after", "p", "Holm")
HEADS = ("metric", "slice", "n", "undecided", "before", "after", "difference", "95 % interval", *COUNTS)
FIGURES = frozenset(range(2, len(HEADS)))


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """Add `vsc compare`."""
    parser = actions.add_parser(
        "compare",
        help="compare saved runs of the same cases with the first of them",
        description="Each run is compared with the first, case by case: the rates of both, an interval of their "
        "difference (Tango), McNemar's exact test, adjusted for the number of slices (Holm), and the cases that "
        "flipped. The exit code is 1 if a rate is worse by that test, 0 otherwise.",
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", help="run.jsonl, or the folder that holds it")
    parser.add_argument(
        "--allow",
        metavar="FIELD",
        action="append",
        default=[],
        help=f"compare although this differs: {', '.join(FIELDS)} (repeatable)",
    )
    parser.add_argument("--flips", action="store_true", help="name each case whose outcome is another one")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all of it")
    add_page_options(parser)
    parser.add_argument(
        "--suite",
        metavar="DIR",
        action="append",
        type=Path,
        default=[],
        help="where a suite lies whose pictures the page shows, if it is not a shipped one (repeatable)",
    )
    parser.set_defaults(command=compare)


def compare(given: argparse.Namespace) -> int:
    """Print the comparisons. Raises RunFileError for runs that cannot be compared."""
    if len(given.runs) < 2:
        raise RunFileError(f"vsc compare: {given.runs[0]} is one run; expected two or more")
    allowed = check_fields(given.allow, "--allow")
    first, *others = (read_baseline(Path(run)) for run in given.runs)
    found = [between(first, other, allowed) for other in others]
    say(f"before: {_named(first)}")
    for other, seen in zip(others, found, strict=True):
        say("")
        say(f"after:  {_named(other)}")
        for line in _shown(seen, every_flip=given.flips):
            say(line)
    if given.json:
        whole = [
            {"after": other.name, **seen.model_dump(mode="json")} for other, seen in zip(others, found, strict=True)
        ]
        try:
            given.json.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise RunFileError(f"{given.json}: cannot be written: {error.strerror or error}") from None
    if given.html:
        write_page(given, [first, *others], given.suite)
    return int(any(surely_worse(one) for seen in found for one in seen.differences))


def _named(one: Baseline) -> str:
    header, footer = one.run.header, one.run.footer
    model = header.model.get("spec") or header.model.get("model", "?")
    partial = "" if footer is None or footer.complete else f", partial {footer.recorded}/{footer.suite_cases}"
    not_run = sum(record.outcome == "NOT_RUN" for record in one.run.records)
    asked = f" ({not_run} of them not asked)" if not_run else ""
    return f"{one.name}: {model}, {header.started}, {count(len(one.run.records), 'record')}{asked}{partial}"


def _shown(seen: BaselineSeen, *, every_flip: bool) -> list[str]:
    lines = [f"  not as before: {line}" for line in seen.unlike]
    for suite in dict.fromkeys(one.suite for one in seen.differences):
        rows = [_row(one) for one in seen.differences if one.suite == suite]
        lines += [f"  suite {suite}", *(f"  {line}" for line in table(HEADS, rows, FIGURES))]
    kinds = Counter((flip.before, flip.after) for flip in seen.flips)
    lines += [f"  {number} cases {was} before, {now} after" for (was, now), number in kinds.most_common()]
    lines += [] if seen.flips else ["  no case has another outcome"]
    for what, flips in (("worse", worse(seen.flips)), ("better", better(seen.flips))):
        if every_flip:
            lines += [f"  {what}: {flip.suite}/{flip.case_id}: {flip.before} -> {flip.after}" for flip in flips]
    lines += [
        f"  WORSE: {_name(one)}, {_signed(one.difference)}, p {one.p_holm:.2g} (Holm)"
        for one in seen.differences
        if surely_worse(one)
    ]
    return lines


def _name(one: Difference) -> str:
    return f"{one.metric}[{one.slice}]" if one.slice else one.metric


def _row(one: Difference) -> tuple[str, ...]:
    interval = "" if one.low is None else f"{_signed(one.low)} to {_signed(one.high)}"
    return (
        one.metric,
        one.slice or "all",
        str(one.n),
        str(one.undecided),
        _percent(one.before),
        _percent(one.after),
        _signed(one.difference),
        interval,
        str(one.fewer),
        str(one.more),
        "" if one.p is None else f"{one.p:.2g}",
        "" if one.p_holm is None else f"{one.p_holm:.2g}",
    )


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1f}"


def _signed(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:+.1f}"
