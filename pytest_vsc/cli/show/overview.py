"""`vsc show RUN` without more: the block that ends a run, its cases counted by outcome, and what to ask next."""

from __future__ import annotations

import shlex
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pytest_vsc.cases import Key
from pytest_vsc.cli.printing import count, safe, shown
from pytest_vsc.cli.show.scanning import COUNTED, Told, scan
from pytest_vsc.records import OUTCOMES, Outcome
from pytest_vsc.reports.block import block
from pytest_vsc.reports.words import Markup, clean
from pytest_vsc.runs import Footer, Header

BAD: tuple[Outcome, ...] = ("UNDERSAFE", "OVERSAFE", "WRONG", "INVALID")
ASKED = 22  # columns of what a question shows
NO_END = "no end: this run still goes on, or was broken off; it decides nothing"
REDACTED = "redacted: prompts and answers were taken out of this copy"
NOTHING = "nothing to reveal: prompts and answers were taken out of this copy of the run"


class Overview(NamedTuple):
    """A run without its records but their outcomes. footer: None where it came to no end."""

    header: Header
    footer: Footer | None
    outcomes: Mapping[Key, Outcome]


def overview(file: Path) -> Overview:
    """Raises RunFileError."""
    header, footer = None, None
    outcomes: dict[Key, Outcome] = {}
    for line in scan(file, COUNTED):
        if isinstance(line.value, Told):
            outcomes[Key(line.value.suite, line.value.case_id, line.value.repeat)] = line.value.outcome
        elif isinstance(line.value, Header):
            header = line.value
        elif isinstance(line.value, Footer):
            footer = line.value
    assert header is not None
    return Overview(header, footer, outcomes)


def lines(file: Path, given: Path, *, reveal: bool) -> Iterator[tuple[str, Markup]]:
    """given: the file or folder as the person wrote it. reveal: whether texts were asked for; none is shown here."""
    run = overview(file)
    yield from _block(run, file.parent)
    counts = Counter(run.outcomes.values())
    each = ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in OUTCOMES if counts[outcome])
    noun = "answer" if run.header.repeats else "case"
    yield safe(f"  {count(len(run.outcomes), noun)} in {shown(file)}{': ' * bool(each)}{each}"), {}
    if run.header.redacted:
        yield f"  {NOTHING if reveal else REDACTED}", {"yellow": True}
    for what, command in _next(f"vsc show {shlex.quote(str(given))}", run, counts):
        yield safe(f"  {what:<{ASKED}}{command}"), {}


def _block(run: Overview, folder: Path) -> Iterator[tuple[str, Markup]]:
    if run.footer is not None:
        yield from block(run.header, run.footer, folder, width=shutil.get_terminal_size().columns)
        return
    yield "", {}
    yield f"safety calibration of {clean(run.header.model.get('spec', '?'))}", {"bold": True}
    yield f"  {NO_END}", {"yellow": True}


def _next(ask: str, run: Overview, counts: Mapping[Outcome, int]) -> Iterator[tuple[str, str]]:
    """What to ask next: what it shows, and the command."""
    for outcome in BAD:
        if counts.get(outcome):
            yield f"those {outcome}:", f"{ask} --outcome {outcome.lower()}"
    if run.footer and run.footer.baseline and run.footer.baseline.flips:
        yield "what flipped:", f"{ask} --flipped"
    agreement = run.footer and run.footer.agreement
    if agreement and agreement.percent is not None and agreement.percent < 1:
        yield "where judges differ:", f"{ask} --judges-differ"
    if key := _telling(run.outcomes):
        yield "all of one case:", f"{ask} {shlex.quote(f'{key.suite}/{key.case}')}"


def _telling(outcomes: Mapping[Key, Outcome]) -> Key | None:
    """A case to look at: one that is miscalibrated, where there is one."""
    for word in BAD:
        if key := next((key for key, outcome in outcomes.items() if outcome == word), None):
            return key
    return next(iter(outcomes), None)
