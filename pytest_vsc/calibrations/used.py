"""`used.json` beside what was fitted to cases or trained on them: which cases those were. It compares none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from pytest_vsc.cases import Value, read_json
from pytest_vsc.errors import ModelError
from pytest_vsc.leakage import Used

USED = "used.json"
MADE = ("training.json", "card.json")  # of what `vsc tune` and `vsc calibrate fit` make, which always tell


class UsedCases(Value):
    """The cases that something was fitted to, trained with or measured on."""

    cases: tuple[Used, ...]


def write_used(folder: Path, used: Sequence[Used]) -> None:
    """Raises OSError."""
    (folder / USED).write_text(UsedCases(cases=tuple(used)).model_dump_json(), encoding="utf-8")


def used_cases(folder: Path) -> Sequence[Used]:
    """The cases of what lies in a folder; none where nobody wrote them down.

    Raises ModelError for a broken list, or a lost one.
    """
    file = folder / USED
    if not file.is_file():
        if made := next((name for name in MADE if (folder / name).is_file()), ""):
            raise ModelError(f"{folder.name}: {made} without {USED}, the cases that it rests on; expected both")
        return ()
    try:
        return read_json(UsedCases, file.read_bytes()).cases
    except (OSError, ValidationError) as error:
        raise ModelError(f"{folder.name}/{USED}: cannot be read ({type(error).__name__}); make it anew") from None
