"""Code that a model brings along, where that is allowed: whether it is of the kind that the engine has run.

Runs none of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_vsc.engines import owncode
from pytest_vsc.engines.outlook.findings import Finding, problem, told
from pytest_vsc.engines.outlook.places import Looked
from pytest_vsc.errors import ModelError, one_line


def about_code(looked: Looked) -> Iterator[Finding]:
    """What the engine would refuse of it. That it runs is told with the class and the processor."""
    try:
        _described(looked)
    except ModelError as error:
        yield problem("code", told(error, looked.name))


def may_run(looked: Looked) -> bool:
    """Whether making anything of the model may run some."""
    try:
        return _described(looked).startswith(owncode.RUN)
    except ModelError:
        return True


def _described(looked: Looked) -> str:
    """As the engine describes it, "" where none is allowed. Raises ModelError."""
    folder = looked.folder
    if folder is None or not looked.settings.trust_remote_code:
        return ""

    def see(file: str) -> None:
        if looked.local and not (folder / file).is_file():
            raise ModelError(f"{looked.name}: no {one_line(file)} in the folder, whose classes its files name")

    return owncode.check_code(folder, looked.name, see)
