"""Pages that commands write of saved runs: their options, and the file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pytest_vsc import private
from pytest_vsc.baselines import Baseline
from pytest_vsc.cli.printing import count, say, shown, size
from pytest_vsc.errors import RunFileError
from pytest_vsc.reports.found import pictures_of
from pytest_vsc.reports.page import Shown, page
from pytest_vsc.reports.thumbs import IMAGES
from pytest_vsc.runs import RUN_FILE


def add_page_options(parser: argparse.ArgumentParser) -> None:
    """Add `--html` and what belongs to it."""
    parser.add_argument("--html", metavar="FILE", type=Path, help="write one page that needs nothing beside itself")
    parser.add_argument(
        "--images", choices=IMAGES, default="thumb", help="pictures in the page: none, small or as they are"
    )


def write_page(
    given: argparse.Namespace, runs: Sequence[Baseline], folders: Sequence[Path], beside: Sequence[Baseline] = ()
) -> None:
    """Write the page of runs, the last of which it is about, readable for its owner only.

    folders: of suites that are not shipped, for their pictures. Raises RunFileError, and SuiteError for a folder.
    """
    header = runs[-1].run.header
    pictures = {} if header.redacted else pictures_of(header, folders)
    made = page(
        [_shown(run) for run in runs],
        pictures,
        images=given.images,
        beside=[_shown(run) for run in beside],
        texts=not header.redacted,
    )
    try:
        with open(given.html, "wb", opener=private.opener) as file:
            file.write(made)
    except OSError as error:
        raise RunFileError(f"{given.html}: cannot be written: {error.strerror or error}") from None
    say(f"{shown(given.html)}: written, {size(len(made))}")
    wanted = {image.sha256 for run in runs for record in run.run.records for image in record.images}
    if given.images != "none" and not header.redacted and (missing := len(wanted - pictures.keys())):
        say(f"{count(missing, 'picture')} not found; --suite DIR tells where a suite lies that is not a shipped one")


def _shown(run: Baseline) -> Shown:
    """Raises RunFileError for a run that came to no end."""
    if run.run.footer is None:
        raise RunFileError(f"{run.name}: this run came to no end, so nothing was decided; there is no page of it")
    return Shown(run.name.removesuffix(f"/{RUN_FILE}"), run.run.header, run.run.footer, run.run.records)
