"""What pytest writes of logging as it comes (`log_cli`, `--log-file`), where a test logs what it was answered."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import Literal

import pytest

from pytest_vsc.errors import inert

HANDLERS = ("log_cli_handler", "log_file_handler")
WITHHELD = "(message withheld, it may hold harmful text; --vsc-reveal shows it)"
# What is done with the messages of the test that is under way: it has asked, or it has not.
Showing = Literal["withheld", "inert", "as it is"]


class Formatter:
    """Stands before the formatter of a handler: a record comes there without its texts, or with harmless ones."""

    def __init__(self, behind: logging.Formatter, showing: Callable[[], Showing]) -> None:
        self._behind, self._showing = behind, showing

    def format(self, record: logging.LogRecord) -> str:
        showing = self._showing()
        if showing == "as it is":
            return self._behind.format(record)
        changed = copy.copy(record)  # other handlers, the test's own `caplog` among them, see what was logged
        changed.args = ()
        if showing == "withheld":
            changed.msg, changed.exc_info, changed.exc_text, changed.stack_info = WITHHELD, None, None, None
        else:
            changed.msg = inert(record.getMessage())
            changed.exc_text = inert(self._behind.formatException(record.exc_info)) if record.exc_info else None
            changed.stack_info = record.stack_info and inert(record.stack_info)
        return self._behind.format(changed)


def guard(config: pytest.Config, showing: Callable[[], Showing]) -> None:
    """Have all that is written at once pass here."""
    plugin = config.pluginmanager.get_plugin("logging-plugin")
    for name in HANDLERS:
        handler = getattr(plugin, name, None)
        if isinstance(handler, logging.Handler) and handler.formatter is not None:
            handler.formatter = Formatter(handler.formatter, showing)  # type: ignore[assignment]  # only `format` is used
