"""Where the folders lie that ship with the package: suites, and fixtures (pictures, embedded models, runs)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def shipped(kind: Literal["suites", "fixtures"]) -> Path:
    """The absolute folder of `kind`: `pytest_vsc/_KIND` in an installed wheel, `KIND` at the root of a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / f"_{kind}"
    return inside if inside.is_dir() else package.parent / kind
