"""The files of a run as it ends: written once, and again where somebody had a later say on the exit status.

It decides nothing; what the files say is handed to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

import pytest

from pytest_vsc.errors import RunFileError, printable
from pytest_vsc.plugin.publishing import NOTHING, Published, Report, publish
from pytest_vsc.records import Record
from pytest_vsc.runs import Footer, Header
from pytest_vsc.writing import RunWriter


class Files:
    """The run file, the summaries and the page of one run. published: what the pipeline was told.

    trouble: why one of them could not be written, "" if all could.
    """

    def __init__(self, writer: RunWriter, reports: Sequence[Report]) -> None:
        self._writer, self._reports = writer, reports
        self._hearers: list[Callable[[Header, Footer], None]] = []
        self._whole = False
        self.header: Header | None = None
        self.footer: Footer | None = None
        self.published: Published = NOTHING
        self.trouble = ""

    def when_settled(self, hear: Callable[[Header, Footer], None]) -> None:
        """Have something told how the run ended, and again where somebody had a later say."""
        self._hearers.append(hear)

    def begin(self, header: Header) -> None:
        """Raises RunFileError."""
        self.header = header
        self._writer.begin(header)

    def record(self, record: Record) -> None:
        """Raises RunFileError."""
        self._writer.record(record)

    def end(self, footer: Footer, missing: Iterable[Record]) -> int:
        """Write how the run ended; returns the exit status, raised where that failed. missing: records never made."""
        self.footer = footer
        header, _ = self._ending()
        try:
            for record in missing:
                self._writer.record(record)
            self._writer.end(header, footer)
            self._whole = True
            self._publish()
        except RunFileError as error:  # JUnit and the terminal still have their say
            self.trouble = printable(error)
        if self.trouble:
            self._mind_trouble()
        self._tell()
        return self._ending()[1].exit

    def settle_exit(self, status: int) -> None:
        """Have the files say how the process ends, where somebody had a later say."""
        if self.footer is None or not self._whole or status == self.footer.exit:
            return
        self._end_as(status)
        self._publish()
        self._tell()

    def _ending(self) -> tuple[Header, Footer]:
        assert self.header is not None
        assert self.footer is not None
        return self.header, self.footer

    def _end_as(self, status: int) -> None:
        """Have the run file say another exit status."""
        header, footer = self._ending()
        self.footer = footer.model_copy(update={"exit": status})
        try:
            self._writer.amend(header, self.footer)
        except RunFileError as error:
            self._whole, self.trouble = False, self.trouble or printable(error)

    def _publish(self) -> None:
        """Write the further reports, and tell the pipeline."""
        folder, before = self._writer.folder, self.published
        self.published = publish(*self._ending(), folder, os.environ, before=before, reports=self._reports)
        self.trouble = self.trouble or self.published.trouble

    def _mind_trouble(self) -> None:
        """A run without all its files is no success, and those that are there say so."""
        _, footer = self._ending()
        status = max(footer.exit, int(pytest.ExitCode.USAGE_ERROR))
        if self._whole and status != footer.exit:
            self._end_as(status)
            self._publish()
        self.footer = footer.model_copy(update={"exit": status})

    def _tell(self) -> None:
        for hear in self._hearers:
            hear(*self._ending())
