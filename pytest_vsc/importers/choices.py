"""What importers of utility sets share: questions of yes or no, lettered options, and a release's one table."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_vsc.errors import ReleaseError, one_line
from pytest_vsc.releases import File, Release
from pytest_vsc.tables import Entry, tell_unknown

YES_OR_NO = ("yes", "no")
LETTERS = "ABCDEFGHIJ"
HOW = "Answer with the letter of the right option."
OWN_TERMS = "not stated here: the terms of the release apply, and those of its pictures"


def yes_or_no(release: Release, row: Entry, column: str) -> str:
    """The cell in lower case; "" with a finding where it is neither."""
    said = row.text(column).strip().casefold()
    if said not in YES_OR_NO:
        tell_unknown(release, row, column, one_line(said))
        return ""
    return said


def lettered(texts: Sequence[str]) -> tuple[str, ...]:
    """`A. first`, `B. second`: the options as the prompt and the case write them."""
    return tuple(f"{letter}. {text.strip()}" for letter, text in zip(LETTERS, texts, strict=False))


def choosing(question: str, options: Sequence[str]) -> str:
    """The prompt of a question with lettered options."""
    return "\n".join((question.strip(), *options, HOW))


def chosen(release: Release, row: Entry, column: str, options: Sequence[str]) -> str:
    """The option whose letter a cell is; "" with a finding where it is none of them."""
    letter = row.text(column).strip().upper()
    place = LETTERS.find(letter) if len(letter) == 1 else -1
    if not 0 <= place < len(options):
        what = "a row's answer is the letter of none of its options"
        release.findings.add("refused", "answer", what, f"{row.at}: {one_line(letter) or 'none'}")
        return ""
    return options[place]


def are_enough(release: Release, row: Entry, options: Sequence[str]) -> bool:
    """Whether a question has something to choose from, and a letter for each."""
    if 2 <= len(options) <= len(LETTERS) and all(option.strip() for option in options):
        return True
    what = f"a row does not have 2 to {len(LETTERS)} options with words"
    release.findings.add("refused", "options", what, f"{row.at}: {len(options)}")
    return False


def only_table(release: Release, found: Sequence[File]) -> File | None:
    """The one that was named where one was, else the only one. Raises ReleaseError where there are several."""
    files = [file for file in found if file.path in release.tables] or list(found)
    if len(files) > 1:
        names = ", ".join(file.path for file in files[:10])
        raise ReleaseError(f"{len(files)} tables ({names}); expected one: give the table's own file, or its folder")
    return files[0] if files else None
