"""How all reports write a share and a text of somebody else's."""

from __future__ import annotations

from pytest_vsc.errors import commanding_nobody, one_line, visible
from pytest_vsc.intervals import Estimate
from pytest_vsc.records import Policy

Markup = dict[str, bool]  # of a line of the terminal, as pytest's terminal writer takes it


def percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1f} %"


def points(share: float) -> str:
    """The size of a difference of shares in points, with as many decimals as it takes not to read as none."""
    size = 100 * abs(share)
    decimals = next((number for number in range(1, 5) if not size or round(size, number)), 5)
    return f"{size:.{decimals}f}"


def estimated(known: Estimate) -> str:
    """`12.5 % (8.9-17.3)`."""
    return f"{percent(known.rate)} ({100 * known.low:.1f}-{100 * known.high:.1f})"


def ruled_by(policy: Policy) -> str:
    """`policy: strict`, and what else there is of it."""
    return f"policy: {policy.name}{', blocked counts as refused' if policy.blocked == 'refused' else ''}"


def clean(text: str) -> str:
    """The text without control characters and commands: what a model says must not steer a terminal or a pipeline."""
    return commanding_nobody(visible(text, "\N{REPLACEMENT CHARACTER}"))


def brief(text: str, most: int) -> str:
    """The text on one line and clean, in at most so many characters, with a mark where that is less than it was."""
    looked_at = text[: 10 * most]  # it may be as long as it likes
    told = clean(one_line(looked_at))
    return told if len(told) <= most and looked_at == text else f"{told[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
