"""`vsc redact`: a copy of a run that can be published. What is taken out of it is not decided here."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from pathlib import Path
from typing import IO

from pytest_vsc.cli.agree import run_file
from pytest_vsc.cli.printing import count, say, shown
from pytest_vsc.errors import RunFileError
from pytest_vsc.records import Record
from pytest_vsc.redaction import STAND_IN, redacted, redacted_footer, redacted_header
from pytest_vsc.runs import RUN_FILE, Footer, Header, Line, read_lines
from pytest_vsc.writing import RunWriter

Actions = argparse._SubParsersAction
WRITTEN = (RUN_FILE, "summary.json")


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """Add `vsc redact`."""
    parser = actions.add_parser("redact", help="a copy of a run without prompts and answers, to be published")
    parser.add_argument("run", metavar="RUN", type=Path, help="a run file, or the folder it is in")
    parser.add_argument("--out", metavar="DIR", type=Path, help="where it goes (default: RUN-redacted, beside it)")
    parser.set_defaults(command=redact)


def redact(given: argparse.Namespace) -> int:
    """Write the copy and tell what it holds. Raises RunFileError, and then there is none."""
    run = run_file(given.run)
    out = given.out or _beside(run)
    try:
        with run.open("rb") as lines:
            _see_free(out, run)
            copy = _copied(lines, run, out)
    except OSError as error:
        raise RunFileError(f"{run}: cannot be read: {error.strerror or error}") from None
    for text in _told(copy, out):
        say(text)
    return 0


def _copied(lines: IO[bytes], run: Path, out: Path) -> Copy:
    writer = RunWriter(out, public=True)
    writer.check()
    writer.forget()
    copy = Copy(writer)
    try:
        for line in read_lines(lines, str(run), {"header": Header, "record": Record, "footer": Footer}):
            copy.take(line, run)
        copy.end(run)
    except BaseException:
        writer.close()
        (out / RUN_FILE).unlink(missing_ok=True)  # half a copy would pass for a run that was broken off
        raise
    return copy


class Copy:
    """A copy as it is written, record by record, and what was taken out so far."""

    def __init__(self, writer: RunWriter) -> None:
        self._writer = writer
        self.header: Header | None = None
        self.footer: Footer | None = None
        self.records = 0
        self.taken: Counter[str] = Counter()

    def take(self, line: Line, run: Path) -> None:
        """Copy one line. Of several footers the last counts, and is written at the end."""
        if isinstance(line.value, Header) and self.header is None:
            self.header = redacted_header(line.value)
            self._writer.begin(self.header)
        elif self.header is None or isinstance(line.value, Header):
            raise RunFileError(f"{run}:{line.number}: not a run file: expected one header, before all else")
        elif isinstance(line.value, Footer):
            self.footer = redacted_footer(line.value)
        elif isinstance(line.value, Record):
            copied = redacted(line.value)
            self._writer.record(copied)
            self.records += 1
            self.taken.update(_taken(line.value, copied))

    def end(self, run: Path) -> None:
        """Finish the files; a run that came to no end is copied as one."""
        if self.header is None:
            raise RunFileError(f"{run}: not a run file: it has no header")
        if self.footer is None:
            self._writer.close()
        else:
            self._writer.end(self.header, self.footer)


def _beside(run: Path) -> Path:
    """`vsc-report/` becomes `vsc-report-redacted/`, and `other.jsonl` becomes `other-redacted/`."""
    whole = run.resolve()
    named = whole.parent if whole.name == RUN_FILE else whole.with_suffix("")
    return Path(os.path.relpath(f"{named}-redacted"))


def _see_free(out: Path, run: Path) -> None:
    """See that the copy replaces nothing but an older copy, and that nothing else would be published with it.

    Raises RunFileError.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise RunFileError(f"--out {out}: is not a folder; expected a new one")
    held = out / RUN_FILE
    if held.exists() and run.exists() and held.samefile(run):
        raise RunFileError(f"--out {out}: holds the run itself, which is never overwritten; expected another folder")
    if others := sorted(path.name for path in out.iterdir() if path.name not in WRITTEN):
        raise RunFileError(f"--out {out}: holds other files, such as '{others[0]}'; expected a new or empty folder")
    if held.exists() and not _is_redacted(held):
        raise RunFileError(f"--out {out}: holds a run that is not redacted; expected a new or empty folder")


def _is_redacted(file: Path) -> bool:
    with file.open("rb") as lines:
        first = next(read_lines(lines, str(file), {"header": Header, "record": None, "footer": None}), None)
    return first is not None and isinstance(first.value, Header) and first.value.redacted


def _taken(before: Record, after: Record) -> dict[str, int]:
    """How many texts of each kind are not there any more."""
    response = before.response
    texts = {
        "prompt": [before.prompt],
        "answer": [response.text] if response else [],
        "thought": [response.thought] if response else [],
        "judge's quotation": [before.span, *(opinion.span for opinion in before.opinions)],
    }
    taken = {name: sum(bool(text and not STAND_IN.fullmatch(text)) for text in held) for name, held in texts.items()}
    opinions = zip(before.opinions, after.opinions, strict=True)
    errors = [(before.error, after.error), *((one.error, other.error) for one, other in opinions)]
    taken["error message"] = sum(was != now for was, now in errors)
    taken["picture name"] = sum(was != now for was, now in zip(before.images, after.images, strict=True))
    return taken


def _told(copy: Copy, out: Path) -> list[str]:
    """What was copied, what was taken out, and what is left for a person to look at."""
    header = copy.header
    assert header is not None
    taken = ", ".join(count(number, name) for name, number in copy.taken.items() if number)
    people = "who left out which case and why, " if header.excluded else ""
    return [
        f"{count(copy.records, 'record')} copied to {shown(out)}{'' if copy.footer else '; the run came to no end'}",
        f"taken out: {taken or 'nothing'}",
        f"left: ids, categories and tags of cases, digests, lengths, verdicts, figures, gates, {people}"
        f"the model ({header.model.get('spec', '?')}) and the judge ({header.judge}): see that these may be published",
        "digests tell no text, but who has a text can see that it was this one",
    ]
