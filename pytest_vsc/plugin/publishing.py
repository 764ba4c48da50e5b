"""After a run was written: its further reports are written beside it, and the pipeline is told. It decides nothing.

What a report says is the business of `reports`; what a pipeline cannot be told of never changes a decision.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pytest_vsc.baselines import Baseline
from pytest_vsc.cases import Suite
from pytest_vsc.errors import one_line
from pytest_vsc.private import opener
from pytest_vsc.reports.annotations import broken_gates
from pytest_vsc.reports.markdown import markdown
from pytest_vsc.reports.thumbs import Images
from pytest_vsc.runs import RUN_FILE, Footer, Header, read_run

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
MOST = 1024 * 1024  # bytes of a step summary that GitHub shows; of a longer one it shows nothing


class Report(NamedTuple):
    """A file of the output folder. make: what stands in it; the run is in the folder by then. private: it holds prompts
    and answers, and is for its owner alone."""

    name: str
    make: Callable[[Header, Footer, Path], bytes]
    private: bool = False


class Published(NamedTuple):
    """What came of it. annotations: lines for the log of a pipeline. told: what went wrong and changes nothing.

    trouble: why a report is not in the folder, "" where all are. appended: what was added to the step summary.
    given_up: reports that somebody did not wait for, and that are not tried again.
    """

    annotations: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    trouble: str = ""
    appended: bytes = b""
    given_up: tuple[str, ...] = ()


NOTHING = Published()


def summary(run: Header, footer: Footer, folder: Path) -> bytes:  # noqa: ARG001
    return markdown(run, footer).encode()


SUMMARY, PAGE = "summary.md", "report.html"
REPORTS: Sequence[Report] = (Report(SUMMARY, summary),)


def reports_of(suites: Sequence[Suite], images: Images, baseline: Baseline | None) -> Sequence[Report]:
    """What every run is told in. suites: whose pictures the page shows. baseline: an earlier run, for its plane."""

    def page_of(run: Header, footer: Footer, folder: Path) -> bytes:
        from pytest_vsc.reports.page import Shown, page

        records = read_run(folder / RUN_FILE).records
        pictures = {picture.sha256: picture for suite in suites for case in suite.cases for picture in case.images}
        before = [Shown(one.name, one.run.header, one.run.footer, ()) for one in earlier if one.run.footer]
        return page([Shown(folder.name, run, footer, records)], pictures, images=images, beside=before)

    earlier = [baseline] if baseline else []
    return (*REPORTS, Report(PAGE, page_of, private=True))


def publish(
    run: Header,
    footer: Footer,
    folder: Path,
    environ: Mapping[str, str],
    *,
    before: Published = NOTHING,
    reports: Sequence[Report] = REPORTS,
) -> Published:
    """Write all reports, and say what the pipeline is told. before: what came of doing so for an earlier footer."""
    made: dict[str, bytes] = {}
    troubles, given_up = [], list(before.given_up)
    for report in reports:
        try:
            if report.name not in given_up:
                troubles.append(_write(report, run, footer, folder, made))
        except KeyboardInterrupt:  # whoever waits no longer shall have the end of the session all the same
            given_up.append(report.name)
            troubles.append(one_line(f"{folder / report.name}: left out: interrupted while it was made"))
    told, appended = [], before.appended
    if (place := environ.get(STEP_SUMMARY)) and (text := made.get(SUMMARY)):
        try:
            append(Path(place), text, appended)
            appended = text
        except OSError as error:
            told.append(f"{STEP_SUMMARY}: the summary was not added: {one_line(error.strerror or error)}")
    on_github = environ.get("GITHUB_ACTIONS") == "true"
    return Published(
        annotations=tuple(broken_gates(run, footer)) if on_github else (),
        told=tuple(told),
        trouble=next(filter(None, troubles), ""),
        appended=appended,
        given_up=tuple(given_up),
    )


def _write(report: Report, run: Header, footer: Footer, folder: Path, made: dict[str, bytes]) -> str:
    """Make and write one report; returns why that failed. An older one, which would lie, is not left then."""
    path = folder / report.name
    try:
        made[report.name] = report.make(run, footer, folder)
        put(path, made[report.name], private=report.private)
    except (Exception, KeyboardInterrupt) as error:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        if isinstance(error, KeyboardInterrupt):
            raise
        if isinstance(error, OSError):
            what = one_line(f"{path}: cannot be written: {error.strerror or error}")
            return f"{what}. Mend that, or choose another folder (--vsc-output)"
        return one_line(f"{path}: cannot be made ({type(error).__name__})")  # its message may hold texts of the run
    return ""


def put(path: Path, data: bytes, *, private: bool = False) -> None:
    """Have a file hold this, all of it and on the disk, or else what it held before. Raises OSError."""
    scratch = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        with open(scratch, "xb", opener=opener if private else None) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        with contextlib.suppress(OSError):  # what went wrong before is the one to tell of
            scratch.unlink(missing_ok=True)


def append(path: Path, text: bytes, instead_of: bytes = b"") -> None:
    """Add to a file that others write as well; instead_of: what was added before, if that still is its end.

    Raises OSError, also where the file is none or there is no room in it.
    """
    if path.exists() and not path.is_file():  # opening a pipe would wait for its reader
        raise OSError("it is no file")
    with path.open("a+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - len(instead_of)))
        if instead_of and file.read() == instead_of:
            end = file.truncate(end - len(instead_of))
        file.seek(max(0, end - 1))
        between = {b"": b"", b"\n": b"\n"}.get(file.read(), b"\n\n")
        if end + len(between) + len(text) > MOST:
            raise OSError(f"{end:,} bytes are in it already, and GitHub shows no more than {MOST:,}")
        file.write(between + text)
