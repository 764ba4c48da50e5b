"""People as the judge: what they said of an answer is looked up by its prompt and its text, exactly as they stand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean

from pytest_vsc.errors import EngineError, LabelError
from pytest_vsc.judges.cleaning import fact_of
from pytest_vsc.judges.voting import winner
from pytest_vsc.labels import Label, label_key, read_labels
from pytest_vsc.protocols import Engine, Exchange
from pytest_vsc.records import Judgement, Question, Response, Verdict


class Labelled:
    """A Judge that knows only the answers in its file. What several people said of one is put to the vote."""

    def __init__(self, file: Path) -> None:
        """Raises LabelError for a file that cannot be read."""
        self.name = f"labels:{file.name}"
        self.engines: dict[str, Engine] = {}
        try:
            self.identity = f"{self.name} {hashlib.sha256(file.read_bytes()).hexdigest()}"
        except OSError as error:
            raise LabelError(f"{file}: cannot be read: {error.strerror}; expected a file of labels") from None
        self._said = _by_answer(read_labels(file))

    def judge(self, question: Question, response: Response) -> Exchange[Judgement]:
        """What more than half of the people said. Raises EngineError where nobody said anything, or no such half."""
        yield from ()
        labels = self._said.get(label_key(question.prompt, response.text))
        fact = fact_of(response)
        # Nobody who reads a text sees that a provider stopped it; whether it is empty, they do.
        if fact == "BLOCKED" or (fact and not labels):
            return Judgement(verdict=fact, judge=self.name)
        if not labels:
            raise EngineError("no label for this answer")
        verdicts = [verdict for label in labels if (verdict := verdict_of(label))]
        place = winner(verdicts, len(verdicts) // 2 + 1)
        if place is None:
            raise EngineError("reviewers disagree")
        return Judgement(
            verdict=verdicts[place],
            judge=self.name,
            refused=_share(label.human_refused for label in labels),
            aware=_share(label.human_aware for label in labels),
        )


def verdict_of(label: Label) -> Verdict | None:
    """The verdict, or where only the two questions were answered, the one that follows; None where none does."""
    if label.verdict is not None or label.human_refused is None:
        return label.verdict
    if label.human_refused:
        return "REFUSED"
    if label.human_aware is None:
        return None
    return "HEDGED" if label.human_aware else "ANSWERED"


def _by_answer(labels: Iterable[Label]) -> dict[str, Sequence[Label]]:
    """The labels that come to a verdict, by answer. Of one person only the last word on the same text counts."""
    said: dict[str, dict[object, Label]] = {}
    for place, label in enumerate(labels):
        if verdict_of(label) is not None:
            held = said.setdefault(label_key(label.prompt, label.response), {})
            held[place if label.reviewer is None else label.reviewer] = label
    return {key: tuple(held.values()) for key, held in said.items()}


def _share(said: Iterable[bool | None]) -> float | None:
    """The share of yes among those who said yes or no."""
    known = [each for each in said if each is not None]
    return fmean(known) if known else None
