"""What is in a run file, and reading it: one JSON object a line, `header`, `record`s as they come, then `footer`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Literal, NamedTuple, TypeVar

from pydantic import Field, ValidationError

from pytest_vsc.agreement import Agreement
from pytest_vsc.cards import CardSeen
from pytest_vsc.cases import Key, Value, read_json
from pytest_vsc.comparing import BaselineSeen
from pytest_vsc.deciding import Decision
from pytest_vsc.errors import RunFileError, expected
from pytest_vsc.exclusions import Exclusion
from pytest_vsc.records import Generation, Policy, Record
from pytest_vsc.repeats import FlipRate, Repeats
from pytest_vsc.scores import Score
from pytest_vsc.selection import Drawn, Sample
from pytest_vsc.statistics import Rate

V = TypeVar("V", bound=Value)

RUN_FILE = "run.jsonl"


class SuiteSeen(Value):
    """Which suite a run was about: two runs are comparable only when the hashes agree.

    incomplete: what the suite lacks of what it is a copy of. drawn: the figures of the sample, where there is one.
    """

    name: str
    version: str
    sha256: str
    cases: int
    incomplete: str = ""
    drawn: Drawn | None = None


class CalibrationSeen(Value):
    """A method that was applied to the model. sha256: over all that it does."""

    name: str
    settings: dict[str, str]
    sha256: str


class Header(Value):
    """Everything that decides whether two runs may be compared. No keys, no paths of the machine.

    judge_card: how often the judge is right, where that was measured. judges_itself: the model under test is a judge.
    calibration: the methods, as they are spelled on the command line; "none" for none; calibrations: each of them.
    excluded: disputed cases that were not asked. repeats: where each case was asked more than once. early_stop: how the
    order of asking was drawn, where the run may stop when its gates are decided; "" where it may not. inconclusive:
    whether an inconclusive gate keeps the release back. strict: each miscalibrated case fails the run by itself.
    redacted: prompts and answers were taken out, for a copy that can be published.
    """

    format: int = 1
    pytest_vsc: str
    started: str
    model: dict[str, str]
    suites: tuple[SuiteSeen, ...]
    sample: Sample | None = None
    judge: str
    judge_identity: str = ""
    judge_card: CardSeen | None = None
    judges_itself: bool = False
    policy: Policy
    calibration: str
    calibrations: tuple[CalibrationSeen, ...] = ()
    generation: Generation
    system_sha256: str | None = None
    gates: tuple[str, ...]
    gates_off: tuple[str, ...] = ()
    inconclusive: Literal["fail", "pass"] = "fail"
    strict: bool = False
    lock: str = ""
    excluded: tuple[Exclusion, ...] = ()
    repeats: Repeats | None = None
    early_stop: str = ""
    redacted: bool = False


class Footer(Value):
    """How a run ended. expected: selected cases; recorded: those whose test was run; complete: all of the suite's.
    not_run: those of the recorded that were not asked, since every gate that counts them was decided before.

    cut: why a run that was broken off is not complete. filters: what the user selected by, where that left cases out.
    scores: the table that VSCBench publishes, under its policy. agreement: of a panel's judges, on whether the help was
    withheld. unmeasured: the kinds of answers that the judge's card says nothing of. causes: why cases are INVALID, and
    how many. flip_rates: where cases were asked more than once. used: what the model said of itself by then, such as
    the size of its batches, and how many answers were generated and how many were stored before.
    """

    complete: bool
    suite_cases: int
    expected: int
    recorded: int
    not_run: int = 0
    cut: str | None
    filters: tuple[str, ...] = ()
    gates: tuple[Decision, ...]
    rates: tuple[Rate, ...]
    scores: tuple[Score, ...] = ()
    agreement: Agreement | None = None
    unmeasured: tuple[str, ...] = ()
    causes: dict[str, int] = Field(default_factory=dict)
    flip_rates: tuple[FlipRate, ...] = ()
    baseline: BaselineSeen | None = None
    used: dict[str, str] = Field(default_factory=dict)
    exit: int


class Line(NamedTuple):
    """A line of a run file. offset: of its first byte in the file. value is None where nobody asked for its kind."""

    number: int
    offset: int
    kind: str
    value: Value | None


def read_lines(file: IO[bytes], name: str, kinds: Mapping[str, type[Value] | None]) -> Iterator[Line]:
    """The lines of a run file one after the other, each as its kind's value; kinds given as None are not read.

    name: what messages call the file. Raises RunFileError with `file:line`. A last line that was cut short is left out.
    """
    offset = 0
    for number, raw in enumerate(file, 1):
        read = _read(raw, kinds, f"{name}:{number}", may_be_cut=number > 1) if raw.strip() else None
        if read is not None:
            yield Line(number, offset, *read)
        offset += len(raw)


def read_line(file: IO[bytes], offset: int, form: type[V]) -> V:
    """The value of the line at an offset that `read_lines` told. Raises RunFileError when it is not there."""
    file.seek(offset)
    try:
        return read_json(form, _split(file.readline(), "line")[1])
    except ValueError as error:
        raise RunFileError(f"no {form.__name__.lower()} at byte {offset}") from error


def _read(
    raw: bytes, kinds: Mapping[str, type[Value] | None], where: str, *, may_be_cut: bool
) -> tuple[str, Value | None] | None:
    """The kind and the value of a line; None for one that was cut short."""
    try:
        kind, said = _split(raw, where)
        if kind not in kinds:
            raise RunFileError(f"{where}: unknown kind {kind!r}; {expected(kind, kinds)}")
        form = kinds[kind]
        return kind, read_json(form, said) if form else None
    except (ValueError, RecursionError) as error:
        broken = _breakage(error)
        if broken and may_be_cut and not raw.endswith(b"\n"):
            return None
        raise RunFileError(f"{where}: {f'not JSON: {broken}' if broken else _misfit(kind, error)}") from error


# How lines that this package wrote begin.
_KIND = re.compile(rb'\{"kind": ?"(\w+)", ?')


def _split(raw: bytes, where: str) -> tuple[str, bytes]:
    """The kind of a line, and the JSON of what else it says. Raises ValueError when it is no JSON."""
    if found := _KIND.match(raw):
        return found[1].decode(), b"{" + raw[found.end() :]
    said = json.loads(raw)
    if not isinstance(said, dict):
        raise RunFileError(f"{where}: not a JSON object ({type(said).__name__})")
    kind = str(said.pop("kind", ""))
    return kind, json.dumps(said).encode()


def _breakage(error: Exception) -> str:
    """What keeps the line from being JSON; "" when it is."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return str(first["ctx"]["error"]) if first["type"] == "json_invalid" else ""


def _misfit(kind: str, error: Exception) -> str:
    """The first thing wrong with a value."""
    assert isinstance(error, ValidationError)
    first = error.errors()[0]
    return f"{kind}: {'.'.join(map(str, first['loc']))}: {first['msg']}"


class Run(Value):
    """A run file as read back. footer is None when the run never came to its end."""

    header: Header
    records: tuple[Record, ...]
    footer: Footer | None


def read_run(path: Path) -> Run:
    """Read a whole run file. Raises RunFileError with `file:line`. A last line that was cut short is left out."""
    headers: list[Header] = []
    records: dict[Key, Record] = {}
    footer: Footer | None = None
    try:
        with path.open("rb") as file:
            for line in read_lines(file, str(path), {"header": Header, "record": Record, "footer": Footer}):
                if isinstance(line.value, Header):
                    headers.append(line.value)
                elif isinstance(line.value, Record):
                    # A case whose failure was made good later in the run has two lines; the later one counts.
                    records[line.value.key] = line.value
                elif isinstance(line.value, Footer):
                    footer = line.value
    except OSError as error:
        raise RunFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(headers) != 1:
        raise RunFileError(f"{path}: not a run file: {len(headers)} header lines; expected exactly one")
    return Run(header=headers[0], records=tuple(records.values()), footer=footer)
