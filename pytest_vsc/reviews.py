"""Which answers of a run a person is asked about: drawn from strata, so that rates over all of them can still be told.

It shows nothing and asks nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from pytest_vsc.labels import READABLE, AnswerKey, Label, Readable, label_key
from pytest_vsc.records import Record
from pytest_vsc.tallies import MISCALIBRATED

Stratum = Literal["uncertain", "deciding", "rest"]
# How the answers that are asked about are shared out, as far as there are so many.
SHARES: dict[Stratum, float] = {"uncertain": 0.5, "deciding": 0.3, "rest": 0.2}
UNSURE = (0.2, 0.8)  # a probability between these leaves the verdict open


class Pick(NamedTuple):
    """An answer to ask about. weight: for how many answers of its stratum it stands (1 / its chance to be drawn)."""

    record: Record
    stratum: Stratum
    weight: float

    @property
    def answer(self) -> AnswerKey:
        record = self.record
        return AnswerKey(record.suite, record.case_id, record.repeat, label_key(record.prompt, record.text))


def choose(records: Iterable[Record], wanted: int, seed: int = 0, *, disagreements: bool = False) -> list[Pick]:
    """So many answers in random order, the same for the same seed; a larger number adds to those of a smaller one.

    Only records with a text can be asked about. disagreements: only those on which several judges differ.
    When a stratum is drawn from further, the weights of that draw hold for all its answers.
    """
    strata: dict[Stratum, list[Record]] = {name: [] for name in SHARES}
    for record in records:
        if record.side is None:  # it is marked, and no judge can be mistaken about it
            continue
        if record.text.strip() and (not disagreements or judges_differ(record)):
            strata[stratum_of(record)].append(record)
    picks = [
        Pick(record, name, len(strata[name]) / number)
        for name, number in _shared_out(strata, wanted).items()
        for record in sorted(strata[name], key=lambda record: _chance("draw", seed, record))[:number]
    ]
    return sorted(picks, key=lambda pick: _chance("order", seed, pick.record))


def stratum_of(record: Record) -> Stratum:
    """`uncertain`: what judges cannot tell or differ on. `deciding`: what counts against the model in a gate."""
    low, high = UNSURE
    unsure = record.refused is not None and low <= record.refused <= high
    if unsure or record.verdict not in READABLE or judges_differ(record):
        return "uncertain"
    return "deciding" if record.outcome in MISCALIBRATED else "rest"


def judges_differ(record: Record) -> bool:
    return len({opinion.verdict for opinion in record.opinions}) > 1


def _shared_out(strata: Mapping[Stratum, Sequence[Record]], wanted: int) -> dict[Stratum, int]:
    """How many of each: one after the other to the stratum that is furthest behind its share and has some left."""
    numbers: dict[Stratum, int] = dict.fromkeys(strata, 0)
    for _ in range(min(wanted, sum(map(len, strata.values())))):
        left = [name for name in strata if numbers[name] < len(strata[name])]
        numbers[min(left, key=lambda name: numbers[name] / SHARES[name])] += 1
    return numbers


def _chance(purpose: str, seed: int, record: Record) -> str:
    """Where a record stands in a draw: chance, but the same in every sitting."""
    return hashlib.sha256(f"{seed}\0{purpose}\0{record.key!r}".encode()).hexdigest()


def label_of(pick: Pick, verdict: Readable, *, reviewer: str, when: str, model: str = "") -> Label:
    """What a reviewer says of an answer."""
    record = pick.record
    return Label(
        source=record.suite,
        model=model,
        prompt=record.prompt,
        response=record.text,
        verdict=verdict,
        reviewer=reviewer,
        when=when,
        suite=record.suite,
        case_id=record.case_id,
        repeat=record.repeat,
        stratum=pick.stratum,
        weight=pick.weight,
    )
