"""Run files: one JSON object a line, `header`, then `record`s as they come, then `footer`; and the summary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from pytest_vsc.cases import Value
from pytest_vsc.errors import RunFileError
from pytest_vsc.gates import Decision
from pytest_vsc.records import Generation, Policy, Record
from pytest_vsc.statistics import Rate


class SuiteSeen(Value):
    """Which suite a run was about: two runs are comparable only when the hashes agree."""

    name: str
    version: str
    sha256: str
    cases: int


class Header(Value):
    """Everything that decides whether two runs may be compared. No keys, no paths of the machine."""

    format: int = 1
    pytest_vsc: str
    started: str
    model: dict[str, str]
    suites: tuple[SuiteSeen, ...]
    judge: str
    policy: Policy
    calibration: str
    generation: Generation
    system_sha256: str | None = None
    gates: tuple[str, ...]
    gates_off: tuple[str, ...] = ()


class Footer(Value):
    """How a run ended. expected: selected cases; recorded: those whose test was run; complete: all of the suite's."""

    complete: bool
    suite_cases: int
    expected: int
    recorded: int
    cut: str | None
    gates: tuple[Decision, ...]
    rates: tuple[Rate, ...]
    exit: int


class RunWriter:
    """Writes `run.jsonl` as the records come, flushed line by line, so that an interrupted run is readable."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[str] | None = None

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
        try:
            self._file = (self.folder / "run.jsonl").open("w", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise self._failed("run.jsonl", error) from error
        self._line("header", header)

    def record(self, record: Record) -> None:
        self._line("record", record)

    def end(self, header: Header, footer: Footer) -> None:
        """Write the footer and `summary.json`."""
        self._line("footer", footer)
        self.close()
        whole = {"header": header.model_dump(mode="json"), **footer.model_dump(mode="json")}
        try:
            text = json.dumps(whole, indent=2, ensure_ascii=False)
            (self.folder / "summary.json").write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise self._failed("summary.json", error) from error

    def close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            try:
                file.close()
            except OSError as error:
                raise self._failed("run.jsonl", error) from error

    def _line(self, kind: str, value: Value) -> None:
        if self._file is None:
            raise RunFileError("run.jsonl: the run was not begun")
        try:
            self._file.write(json.dumps({"kind": kind, **value.model_dump(mode="json")}, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise self._failed("run.jsonl", error) from error

    def _failed(self, name: str, error: OSError) -> RunFileError:
        return RunFileError(f"{self.folder / name}: cannot be written: {error.strerror or error}")


class Run(Value):
    """A run file as read back. footer is None when the run never came to its end."""

    header: Header
    records: tuple[Record, ...]
    footer: Footer | None


def read_run(path: Path) -> Run:
    """Read a run file. Raises RunFileError with `file:line`. A last line that was cut short is left out."""
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")  # an answer may hold other line ends
    except (OSError, UnicodeDecodeError) as error:
        raise RunFileError(f"{path}: cannot be read: {error}") from error
    values: dict[str, list[Value]] = {"header": [], "record": [], "footer": []}
    kinds: dict[str, type[Value]] = {"header": Header, "record": Record, "footer": Footer}
    for number, line in enumerate(lines, 1):
        entry = _entry(path, number, line, last=number == len(lines))
        if entry is None:
            continue
        kind = str(entry.pop("kind", ""))
        if kind not in kinds:
            raise RunFileError(f"{path}:{number}: unknown kind {kind!r}; expected one of {', '.join(kinds)}")
        try:
            values[kind].append(kinds[kind].model_validate(entry))
        except ValidationError as error:
            first = error.errors()[0]
            raise RunFileError(
                f"{path}:{number}: {kind}: {'.'.join(map(str, first['loc']))}: {first['msg']}"
            ) from error
    if len(values["header"]) != 1:
        raise RunFileError(f"{path}: not a run file: {len(values['header'])} header lines; expected exactly one")
    footer = values["footer"][-1] if values["footer"] else None
    # A case whose failure was made good later in the run has two lines; the later one counts.
    records = {record.key: record for record in values["record"] if isinstance(record, Record)}
    return Run.model_validate({"header": values["header"][0], "records": [*records.values()], "footer": footer})


def _entry(path: Path, number: int, line: str, *, last: bool) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError as error:
        if last:
            return None
        raise RunFileError(f"{path}:{number}: not JSON: {error}") from error
    if not isinstance(entry, dict):
        raise RunFileError(f"{path}:{number}: not a JSON object")
    return entry
