"""Why cases of a run have no verdict, each reason once with how often: what a person asks first of INVALID cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from pytest_vsc.cases import Key
from pytest_vsc.errors import one_line
from pytest_vsc.records import Record

SHOWN = 3  # reasons that are named in the terminal
MOST = 20  # that are kept
LONGEST = 160  # letters of one
FURTHER = "further reasons"


class Reasons:
    """The reasons of one run so far, of each case its last."""

    def __init__(self) -> None:
        self._found: dict[Key, str] = {}

    def note(self, record: Record) -> None:
        if record.outcome == "INVALID":
            reason = one_line(record.error or f"verdict {record.verdict}")[:LONGEST]
            self._found[record.key] = reason.removeprefix("invalid: ")
        else:
            self._found.pop(record.key, None)

    def counts(self) -> dict[str, int]:
        """How many cases each reason has, the most frequent first; beyond MOST of them all others as one."""
        counts = Counter(self._found.values())
        kept = dict(counts.most_common(MOST))
        if len(counts) > MOST:
            kept[FURTHER] = len(self._found) - sum(kept.values())
        return kept


def lines(causes: Mapping[str, int]) -> Iterator[str]:
    """The most frequent reasons, such as `4 invalid: timed out after 5 s`."""
    for reason, count in list(causes.items())[:SHOWN]:
        yield f"{count} invalid: {reason}"
    if rest := list(causes.values())[SHOWN:]:
        at_least = "at least " if FURTHER in causes else ""
        yield f"{sum(rest)} invalid for {at_least}{len(rest)} further reasons: see `error` in run.jsonl"
