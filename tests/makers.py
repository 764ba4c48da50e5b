"""The scripts that make models and suites for this project, importable for a while."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

MODELS = Path(__file__).parents[1] / "fixtures/models"


@contextmanager
def maker(name: str) -> Iterator[ModuleType]:
    """A module of fixtures/models, and with it all that it imports from there; afterwards none is known any more."""
    before = set(sys.modules)
    sys.path.insert(0, str(MODELS))
    try:
        yield __import__(name)
    finally:
        sys.path.remove(str(MODELS))
        for each in set(sys.modules) - before:
            if Path(getattr(sys.modules[each], "__file__", None) or "/").parent == MODELS:
                sys.modules.pop(each)
