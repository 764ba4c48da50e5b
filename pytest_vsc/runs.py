"""Run files: one JSON object a line, `header`, then `record`s as they come, then `footer`; and the summary."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

from pydantic import Field, ValidationError
from pydantic_core import PydanticSerializationError, to_json

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

# Each write goes to the end, so that the size of a file which somebody cut meanwhile tells of it.
AT_ITS_END = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND


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


class Header(Value):
    """Everything that decides whether two runs may be compared. No keys, no paths of the machine.

    judge_card: how often the judge is right, where that was measured. judges_itself: the model under test is a judge.
    excluded: disputed cases that were not asked. repeats: where each case was asked more than once. early_stop: how the
    order of asking was drawn, where the run may stop when its gates are decided; "" where it may not.
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
    generation: Generation
    system_sha256: str | None = None
    gates: tuple[str, ...]
    gates_off: tuple[str, ...] = ()
    lock: str = ""
    excluded: tuple[Exclusion, ...] = ()
    repeats: Repeats | None = None
    early_stop: str = ""


class Footer(Value):
    """How a run ended. expected: selected cases; recorded: those whose test was run; complete: all of the suite's.
    not_run: those of the recorded that were not asked, since every gate that counts them was decided before.

    cut: why a run that was broken off is not complete. filters: what the user selected by, where that left cases out.
    scores: the table that VSCBench publishes, under its policy. agreement: of a panel's judges, on whether the help was
    withheld. unmeasured: the kinds of answers that the judge's card says
    nothing of. flip_rates: where cases were asked more than once. used: what the model said of itself by then, such as
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
    flip_rates: tuple[FlipRate, ...] = ()
    baseline: BaselineSeen | None = None
    used: dict[str, str] = Field(default_factory=dict)
    exit: int


class RunWriter:
    """Writes `run.jsonl` as the records come, flushed line by line, so that an interrupted run is readable.

    At the end both files are on the disk, and are looked at once more: they are whole and the ones that were written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[bytes] | None = None
        self._written = 0

    def check(self) -> None:
        """See that the folder can be written, without touching an older run in it. Raises RunFileError."""
        probe = self.folder / ".vsc-probe"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe.write_text("")
            probe.unlink()
        except OSError as error:
            raise RunFileError(f"--vsc-output: cannot write into {self.folder}: {error.strerror or error}") from error

    def forget(self) -> None:
        """Take the summary of an older run away, so that nobody takes it for that of a run which came to no end."""
        try:
            (self.folder / "summary.json").unlink(missing_ok=True)
        except OSError as error:
            raise self._failed("summary.json", error) from error

    def begin(self, header: Header) -> None:
        """Begin a new file in the place of an older one, whose readers (a replay of it, say) keep what they have."""
        path = self.folder / "run.jsonl"
        try:
            if path.is_file() and not path.is_symlink():
                path.unlink()
            self._file = os.fdopen(os.open(path, AT_ITS_END, 0o666), "wb")
        except OSError as error:
            raise self._failed("run.jsonl", error) from error
        self._line("header", header)

    def record(self, record: Record) -> None:
        self._line("record", record)

    def end(self, header: Header, footer: Footer) -> None:
        """Write the footer and `summary.json`, which comes to its name only when all else is on the disk."""
        if self._file is None:
            raise RunFileError("run.jsonl: the run was not begun")
        whole = {"header": header.model_dump(mode="json"), **footer.model_dump(mode="json")}
        text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
        summary, scratch = self.folder / "summary.json", self.folder / f".summary-{secrets.token_hex(4)}"
        try:
            with self._named("summary.json"), scratch.open("wb") as file:
                size = file.write(text.encode("utf-8", "backslashreplace"))
                _onto_disk(file)
                told = os.fstat(file.fileno())
            self._line("footer", footer)
            with self._named("run.jsonl"), self._file as file:
                _onto_disk(file)
                run = os.fstat(file.fileno())
            self._see("run.jsonl", run, self._written)
            with self._named("summary.json"):
                scratch.replace(summary)
                _folder_onto_disk(self.folder)
        finally:
            with contextlib.suppress(OSError):  # what went wrong before is the one to tell of
                scratch.unlink(missing_ok=True)
            with contextlib.suppress(RunFileError):
                self.close()
        self._see("run.jsonl", run, self._written)
        self._see("summary.json", told, size)

    def amend(self, header: Header, footer: Footer) -> None:
        """Write another footer, which counts from then on, and the summary anew. Raises RunFileError."""
        with self._named("run.jsonl"):
            self._file = os.fdopen(os.open(self.folder / "run.jsonl", os.O_WRONLY | os.O_APPEND), "wb")
        self.end(header, footer)

    def close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            with self._named("run.jsonl"):
                file.close()

    def _line(self, kind: str, value: Value) -> None:
        if self._file is None:
            raise RunFileError("run.jsonl: the run was not begun")
        with self._named("run.jsonl"):
            self._written += self._file.write(b'{"kind":"%s",%s\n' % (kind.encode(), _json(value)[1:]))
            self._file.flush()

    def _see(self, name: str, written: os.stat_result, size: int) -> None:
        """See that a file is still the one that was written, and whole. Raises RunFileError."""
        path = self.folder / name
        again = "Run everything again, into a folder that nothing else writes into (--vsc-output)"
        try:
            found = path.stat()
        except OSError as error:
            what = error.strerror or error
            raise RunFileError(f"{path}: is gone after it was written ({what}). {again}") from error
        if not os.path.samestat(found, written):
            raise RunFileError(f"{path}: was replaced by another file while this run was written. {again}")
        if found.st_size != size:
            raise RunFileError(f"{path}: holds {found.st_size:,} bytes where {size:,} were written. {again}")

    @contextlib.contextmanager
    def _named(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._failed(name, error) from error

    def _failed(self, name: str, error: OSError) -> RunFileError:
        what = f"cannot be written: {error.strerror or error}"
        return RunFileError(f"{self.folder / name}: {what}. Mend that, or choose another folder (--vsc-output)")


def _onto_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _folder_onto_disk(folder: Path) -> None:
    """Have a new name in a folder outlive a power cut, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems know no such thing
            raise
    finally:
        os.close(descriptor)


def _json(value: Value) -> bytes:
    """One line of JSON; what is no Unicode text (half a surrogate pair) stands escaped in it."""
    try:
        return to_json(value)
    except PydanticSerializationError:
        return json.dumps(value.model_dump()).encode()


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
