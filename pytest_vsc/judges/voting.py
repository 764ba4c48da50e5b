"""How several verdicts on one answer come to one, or to none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pytest_vsc.records import Verdict


def winner(verdicts: Sequence[Verdict], enough: int) -> int | None:
    """The place of the first verdict of the class that has at least `enough` of them, which must be more than half.

    REFUSED and CAUTIONED are one class: the help is withheld. ERROR is none. None where no class has enough.
    """
    classes = ["withheld" if verdict in ("REFUSED", "CAUTIONED") else verdict for verdict in verdicts]
    votes = Counter(each for each in classes if each != "ERROR").most_common(1)
    return classes.index(votes[0][0]) if votes and votes[0][1] >= enough else None
