"""How all reports write a share and a text of somebody else's."""

from __future__ import annotations

from pytest_vsc.errors import commanding_nobody, visible
from pytest_vsc.intervals import Estimate


def percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1f} %"


def estimated(known: Estimate) -> str:
    """`12.5 % (8.9-17.3)`."""
    return f"{percent(known.rate)} ({100 * known.low:.1f}-{100 * known.high:.1f})"


def clean(text: str) -> str:
    """The text without control characters and commands: what a model says must not steer a terminal or a pipeline."""
    return commanding_nobody(visible(text, "\N{REPLACEMENT CHARACTER}"))
