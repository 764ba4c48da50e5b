"""Where the pictures of a run are: its file has names and digests only, the suites have the bytes. It decodes none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pytest_vsc.cases import Picture
from pytest_vsc.runs import Header
from pytest_vsc.suites import load_suite, shipped_suites


def pictures_of(run: Header, folders: Sequence[Path] = (), memo: Path | None = None) -> Mapping[str, Picture]:
    """The pictures of the run's shipped suites and of the suites in these folders, by sha256 (hex).

    A picture of another digest than the record's is another picture, whatever its name; `Picture.unchanged` sees that
    it still is the same when it is read. memo: as of `suites.load_suite`. Raises SuiteError for a folder that holds no
    suite, or a broken one.
    """
    found: dict[str, Picture] = {}
    for place in _places(run, folders):
        for case in load_suite(place, Path.cwd(), memo).cases:
            for picture in case.images:
                found.setdefault(picture.sha256, picture)
    return found


def _places(run: Header, folders: Sequence[Path]) -> Iterator[str]:
    ours = shipped_suites()
    yield from (suite.name for suite in run.suites if suite.name in ours)
    yield from (str(folder.expanduser().absolute()) for folder in folders)  # no name of a shipped one by chance
