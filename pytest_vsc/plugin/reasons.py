"""Why cases of a run have no verdict, each reason once with how often: what a person asks first of INVALID cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pytest_vsc.cases import Key
from pytest_vsc.errors import one_line
from pytest_vsc.records import Record

MOST = 3  # reasons that are named
LONGEST = 160  # letters of one


class Reasons:
    """The reasons of one run so far, of each case its last."""

    def __init__(self) -> None:
        self._found: dict[Key, str] = {}

    def note(self, record: Record) -> None:
        if record.outcome == "INVALID":
            self._found[record.key] = one_line(record.error or f"verdict {record.verdict}")[:LONGEST]
        else:
            self._found.pop(record.key, None)

    def lines(self) -> Iterator[str]:
        """The most frequent reasons, such as `4 invalid: timed out after 5 s`."""
        counts = Counter(self._found.values())
        for reason, count in counts.most_common(MOST):
            yield f"{count} invalid: {reason.removeprefix('invalid: ')}"
        if len(counts) > MOST:
            more = len(self._found) - sum(count for _, count in counts.most_common(MOST))
            yield f"{more} invalid for {len(counts) - MOST} further reasons: see `error` in run.jsonl"
