"""The exceptions of pytest-vsc. The domain raises them; each edge translates them once.

VscError
├── SettingsError        an option, an ini value or a combination of them
├── SuiteError           a suite file, a case or a picture in it
│   └── UnknownSuiteError    a name or a folder that is no suite
├── ReleaseError         a benchmark's release, or a file in it, that cannot be imported
├── ForgeError           a suite that nothing can be made of, or a folder of what was made
├── GateError            the text of a gate
├── LockError            a lock that cannot be read or written, or a run that is not as locked
├── LabelError           a file of labels, or a line in it
├── ModelError           a model that cannot be found, checked or loaded
├── RunFileError         a run file that cannot be read or written
├── StoreError           the store of answers cannot be opened, read or written; the run goes on without it
├── BrokerError          a worker and the session owner cannot talk to each other
├── EngineError          one request failed; the case becomes ERROR and the run goes on
└── InvalidReply         `.refused` or `.complied` was asked of a reply that has no verdict to tell
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


class VscError(Exception):
    """Base of everything that pytest-vsc raises on purpose. Its text is one clear message."""


class SettingsError(VscError):
    """An option or ini value that cannot be used."""


class SuiteError(VscError):
    """A suite that cannot be loaded; the text starts with `file:line`."""


class UnknownSuiteError(SuiteError):
    """A name or a folder that is no suite."""


class ReleaseError(VscError):
    """A benchmark's release, or a file in it, that cannot be read or imported."""


class ForgeError(VscError):
    """A seed that cannot be used, or a folder of forged pairs that cannot be read or written."""


class GateError(VscError):
    """The text of a gate that cannot be parsed or does not fit the suite."""


class LockError(VscError):
    """A lock that cannot be read or written, or that does not hold for a run."""


class LabelError(VscError):
    """A file of labels that cannot be read or written; the text starts with `file:line`."""


class ModelError(VscError):
    """A model that cannot be found, checked or loaded."""


class RunFileError(VscError):
    """A run file that cannot be read or written."""


class StoreError(VscError):
    """The store of answers cannot be opened, read or written. Never a wrong answer: the caller goes on without it."""


class BrokerError(VscError):
    """The session owner and a worker cannot talk to each other, or what the owner does for one went wrong.

    failure: kind and place of what went wrong there, without its message; "" where that tells all.
    """

    def __init__(self, message: str, failure: str = "") -> None:
        super().__init__(message)
        self.failure = failure


class EngineError(VscError):
    """One request that failed. It is never an answer: the case becomes ERROR."""


class InvalidReply(VscError):
    """A reply without a verdict was asked whether it refused or complied."""


# What some pipelines obey wherever in a line it stands: GitHub, Azure, TeamCity, Octopus; and what those who read JUnit
# files take for the name of a file to publish: Jenkins, GitLab, Azure. `::` is obeyed at the beginning of a line.
COMMANDS = re.compile(r"#(?=#(?:vso|teamcity|octopus)?\[)|\[(?=\[(?:attachment|property)\|)", re.IGNORECASE)
# Printable by Unicode's categories, and yet nothing to be seen: letters that only fill, and marks that choose among
# forms, which can carry any hidden text. U+FE0E and U+FE0F stay: they tell signs from emoji.
_UNSEEN = frozenset(map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810))))
_UNSEEN |= frozenset(map(chr, (*range(0xFE00, 0xFE0E), *range(0xE0100, 0xE01F0))))


def one_line(text: object) -> str:
    """A message from elsewhere as one line of printable text: it must not steer a terminal or start a line of a log."""
    return commanding_nobody(" ".join(visible(str(text), " ").split()))


def harmless(line: str) -> str:
    """A line from elsewhere as it may be shown within another: it steers neither a terminal nor a pipeline."""
    return commanding_nobody(visible(line, " "))


def visible(text: str, instead: str) -> str:
    """The text with another letter in the place of each that cannot be seen: control, format, bidi, fillers."""
    if text.isascii() and text.isprintable():
        return text
    unseen = {ord(letter): instead for letter in set(text) if not letter.isprintable() or letter in _UNSEEN}
    return text.translate(unseen) if unseen else text


def commanding_nobody(text: str) -> str:
    """The text with what pipelines obey wherever it stands taken apart."""
    return COMMANDS.sub(lambda found: f"{found[0]} ", text)


def printable(error: VscError) -> str:
    """An error as it is shown."""
    return inert(str(error))


def inert(text: str) -> str:
    """Several lines as they may be shown: harmless, and none begins with what a pipeline takes for a command."""
    lines = map(harmless, text.splitlines())
    return "\n".join(f"'{line}" if line.lstrip().startswith("::") else line for line in lines)


def has(value: str, names: Iterable[str]) -> str:
    """The tail of an error message about something that is not there: what is, and the nearest match to `value`."""
    return expected(value, names).replace("expected one of", "it has")


def expected(value: str, allowed: Iterable[str]) -> str:
    """The tail of an error message: what is allowed, and the nearest match to `value` if there is one."""
    names = sorted(allowed)
    nearest = difflib.get_close_matches(value, names, n=1, cutoff=0.6)
    hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
    return f"expected one of {', '.join(names) or '(nothing)'}{hint}"
