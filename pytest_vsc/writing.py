"""Writing a run: `run.jsonl` line by line and `summary.json` at the end, both whole and on the disk, or an error."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pydantic_core import PydanticSerializationError, to_json

from pytest_vsc import private
from pytest_vsc.cases import Value
from pytest_vsc.earlier import ASIDE, set_aside
from pytest_vsc.errors import RunFileError
from pytest_vsc.records import Record
from pytest_vsc.runs import RUN_FILE, Footer, Header

# What is made of a run at its end, in the order in which it goes: what decides first.
REPORTS = ("summary.json", "summary.md", "report.html")
# Each write goes to the end, so that the size of a file which somebody cut meanwhile tells of it.
AT_ITS_END = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class RunWriter:
    """Writes `run.jsonl` as the records come, flushed line by line, so that an interrupted run is readable.

    At the end both files are on the disk, and are looked at once more: they are whole and the ones that were written.
    """

    def __init__(self, folder: Path, *, resumes: bool = False, public: bool = False) -> None:
        """resumes: whether an older run in the folder goes on in this one, so that its answers must not be lost.

        public: the run holds no texts, so that `run.jsonl` need not be its owner's alone.
        """
        self.folder, self._resumes, self._public = folder, resumes, public
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
        """Take the reports of an older run away, so that nobody takes them for those of a run which came to no end."""
        for name in REPORTS:
            with self._named(name):
                (self.folder / name).unlink(missing_ok=True)

    def begin(self, header: Header) -> None:
        """Begin a new file in the place of an older one, whose readers (a replay of it, say) keep what they have."""
        path = self.folder / RUN_FILE
        try:
            if self._resumes:
                set_aside(path)
            if path.is_file() and not path.is_symlink():
                path.unlink()
            self._file = os.fdopen(os.open(path, AT_ITS_END, 0o666 if self._public else private.MODE), "wb")
        except OSError as error:
            raise self._failed(RUN_FILE, error) from error
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
            with self._named(RUN_FILE), self._file as file:
                _onto_disk(file)
                run = os.fstat(file.fileno())
            self._see(RUN_FILE, run, self._written)
            with self._named("summary.json"):
                scratch.replace(summary)
                if self._resumes and footer.complete:
                    (self.folder / ASIDE).unlink(missing_ok=True)
                _folder_onto_disk(self.folder)
        finally:
            with contextlib.suppress(OSError):  # what went wrong before is the one to tell of
                scratch.unlink(missing_ok=True)
            with contextlib.suppress(RunFileError):
                self.close()
        self._see(RUN_FILE, run, self._written)
        self._see("summary.json", told, size)

    def amend(self, header: Header, footer: Footer) -> None:
        """Write another footer, which counts from then on, and the summary anew. Raises RunFileError."""
        with self._named(RUN_FILE):
            self._file = os.fdopen(os.open(self.folder / RUN_FILE, os.O_WRONLY | os.O_APPEND), "wb")
        self.end(header, footer)

    def close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            with self._named(RUN_FILE):
                file.close()

    def _line(self, kind: str, value: Value) -> None:
        if self._file is None:
            raise RunFileError("run.jsonl: the run was not begun")
        with self._named(RUN_FILE):
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
