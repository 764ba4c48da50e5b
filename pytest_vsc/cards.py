"""The card of a judge: how often it is right on answers that people labelled, with intervals. It judges nothing."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, get_args, runtime_checkable

from pydantic import Field

from pytest_vsc.cases import Value
from pytest_vsc.errors import LabelError
from pytest_vsc.intervals import Cluster, Estimate, clustered_wilson, half_sum, least_size, residuals
from pytest_vsc.labels import SAYS, Label
from pytest_vsc.protocols import Judge
from pytest_vsc.records import Judgement

Question = Literal["refused", "aware"]
Half = Literal["sensitivity", "specificity"]
QUESTIONS: tuple[Question, ...] = get_args(Question)
ON_THESE = "measured on these labels"
NAMELESS = "(none)"


class Figures(Value):
    """How a judge does on one question, over some labelled answers.

    n: answers with a label. undecided: those that the judge could not tell, undecided_positive those of them that
    people said yes of; each is counted as wrong too.
    true_positive ... false_positive: people said yes or no (the second word tells which), and the judge said the same
    (true) or not (false); they add up to n.
    accuracy, sensitivity, specificity, balanced_accuracy: shares in 0..1; None where there is nothing to take them of.
    intervals: of those, by name, at 95 %: Wilson's, clustered by prompt; that of balanced accuracy is put together from
    those of its halves. independent: how many independent answers, at the least, would tell as much of the two halves
    as those do that the judge could tell.
    """

    n: int
    undecided: int
    true_positive: int
    false_negative: int
    true_negative: int
    false_positive: int
    undecided_positive: int = 0
    accuracy: float | None = None
    balanced_accuracy: float | None = None
    sensitivity: float | None = None
    specificity: float | None = None
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)
    independent: dict[str, float] = Field(default_factory=dict)

    def told(self, half: Half) -> tuple[float, float] | None:
        """That share of those that the judge could tell, and by how many independent answers; None where by none."""
        if half == "sensitivity":
            right, n = self.true_positive, self.true_positive + self.false_negative - self.undecided_positive
        else:
            undecided = self.undecided - self.undecided_positive
            right, n = self.true_negative, self.true_negative + self.false_positive - undecided
        return (right / n, self.independent.get(half, float(n))) if n else None


class Measures(Value):
    """Both questions; None where no answer has a label for it."""

    refused: Figures | None = None
    aware: Figures | None = None

    def of(self, question: Question) -> Figures | None:
        return self.refused if question == "refused" else self.aware


class LabelsSeen(Value):
    """Which labels a judge was measured on. rows: how many answers of the file it judged."""

    file: str
    sha256: str
    rows: int


class Card(Value):
    """What is known of a judge. how: how its word on an answer was had, so that nobody takes seen for unseen data.

    weights_sha256: (hex) of what the judge was fitted to, where it was. shift: for each source, a judge fitted without
    that source, measured on it.
    """

    format: Literal[1] = 1
    judge: str
    identity: str
    labels: LabelsSeen
    how: str = ON_THESE
    weights_sha256: str = ""
    all: Measures
    sources: dict[str, Measures] = Field(default_factory=dict)
    models: dict[str, Measures] = Field(default_factory=dict)
    languages: dict[str, Measures] = Field(default_factory=dict)
    shift: dict[str, Measures] = Field(default_factory=dict)


class CardSeen(Value):
    """What a run says of its judge's card: how often it is right, on which labels, and how that was found."""

    labels_sha256: str
    n: int
    how: str
    refused: Figures | None
    aware: Figures | None


@runtime_checkable
class Measured(Protocol):
    """What a judge offers beside, when it was measured."""

    @property
    def card(self) -> Card: ...


@runtime_checkable
class Composite(Protocol):
    """What a judge offers beside, when it is made of others."""

    @property
    def members(self) -> Sequence[Judge]: ...


def card_of(judge: Judge) -> Card | None:
    """The card of a judge; None when nobody has measured it."""
    return judge.card if isinstance(judge, Measured) else None


def fitted_on(judge: Judge, labels: LabelsSeen) -> str:
    """The name of the judge, or of the panel's member, that was fitted on this very file; "" where none was."""
    for one in judge.members if isinstance(judge, Composite) else (judge,):
        card = card_of(one)
        if card and card.weights_sha256 and card.labels.sha256 == labels.sha256:
            return one.name
    return ""


def seen_of(card: Card) -> CardSeen:
    """The part of a card that stands in a run's header."""
    return CardSeen(
        labels_sha256=card.labels.sha256,
        n=card.labels.rows,
        how=card.how,
        refused=card.all.refused,
        aware=card.all.aware,
    )


class Opinion(NamedTuple):
    """What a person and a judge say on one question of one answer. said: None where the judge cannot tell."""

    prompt: str
    label: bool
    said: bool | None

    @property
    def right(self) -> bool:
        return self.said is self.label


def measure(
    labels: Sequence[Label],
    judgements: Sequence[Judgement],
    *,
    judge: str,
    identity: str,
    seen: LabelsSeen,
    how: str = ON_THESE,
) -> Card:
    """The card of a judge by its judgements on these labels, in the same order."""
    rows = list(zip(labels, judgements, strict=True))

    def each(field: Literal["source", "model", "lang"]) -> dict[str, Measures]:
        parts: defaultdict[str, list[tuple[Label, Judgement]]] = defaultdict(list)
        for row in rows:
            parts[getattr(row[0], field) or NAMELESS].append(row)
        return {name: measures(part) for name, part in sorted(parts.items())}

    return Card(
        judge=judge,
        identity=identity,
        labels=seen,
        how=how,
        all=measures(rows),
        sources=each("source"),
        models=each("model"),
        languages=each("lang"),
    )


def measures(rows: Iterable[tuple[Label, Judgement]]) -> Measures:
    """Both questions over some rows."""
    held = list(rows)
    return Measures(**{question: _figures(opinions(held, question)) for question in QUESTIONS})


def opinions(rows: Iterable[tuple[Label, Judgement]], question: Question) -> list[Opinion]:
    """Of the rows that have a label for this question."""
    return [
        Opinion(label.prompt, truth, says(judgement, question))
        for label, judgement in rows
        if (truth := labelled(label, question)) is not None
    ]


def labelled(label: Label, question: Question) -> bool | None:
    return label.human_refused if question == "refused" else label.human_aware


def probability(judgement: Judgement, question: Question) -> float | None:
    return judgement.refused if question == "refused" else judgement.aware


def says(judgement: Judgement, question: Question) -> bool | None:
    """By the probability where a judge gives one, else by the verdict; None where that decides nothing.

    A panel's word is its verdict: probabilities are those of the members that have one.
    """
    share = None if judgement.opinions else probability(judgement, question)
    if share is not None:
        return share >= 0.5
    known = SAYS.get(judgement.verdict)
    return None if known is None else known[QUESTIONS.index(question)]


def _figures(held: Sequence[Opinion]) -> Figures | None:
    if not held:
        return None
    matrix = Counter((one.label, one.right) for one in held)
    groups = {"accuracy": _clusters(held)}
    groups |= {"sensitivity": _clusters(one for one in held if one.label)}
    groups |= {"specificity": _clusters(one for one in held if not one.label)}
    known = {name: _estimate(clusters) for name, clusters in groups.items() if clusters}
    if {"sensitivity", "specificity"} <= known.keys():
        correlation = _correlation(groups["sensitivity"], groups["specificity"])
        known["balanced_accuracy"] = half_sum(known["sensitivity"], known["specificity"], correlation)
    return Figures(
        n=len(held),
        undecided=sum(one.said is None for one in held),
        undecided_positive=sum(one.said is None and one.label for one in held),
        true_positive=matrix[True, True],
        false_negative=matrix[True, False],
        true_negative=matrix[False, True],
        false_positive=matrix[False, False],
        intervals={name: (estimate.low, estimate.high) for name, estimate in known.items()},
        independent={
            half: least_size(Counter(clusters.values()))
            for half, label in (("sensitivity", True), ("specificity", False))
            if (clusters := _clusters(one for one in held if one.label is label and one.said is not None))
        },
        **{name: estimate.rate for name, estimate in known.items()},
    )


def _clusters(held: Iterable[Opinion]) -> dict[str, Cluster]:
    """How many answers to each prompt were judged rightly."""
    right: Counter[str] = Counter()
    n: Counter[str] = Counter()
    for one in held:
        right[one.prompt] += one.right
        n[one.prompt] += 1
    return {prompt: Cluster(right[prompt], number) for prompt, number in n.items()}


def _estimate(clusters: Mapping[str, Cluster]) -> Estimate:
    n = sum(cluster.n for cluster in clusters.values())
    return Estimate(sum(cluster.happened for cluster in clusters.values()) / n, *clustered_wilson(clusters.values()))


def _correlation(one: Mapping[str, Cluster], other: Mapping[str, Cluster]) -> float:
    """Of two shares that have prompts in common, 0..1: one below 0 would narrow the interval on thin ground."""
    first, second = residuals(one), residuals(other)
    together = sum(first[prompt] * second[prompt] for prompt in first.keys() & second.keys())
    size = sum(rest * rest for rest in first.values()) * sum(rest * rest for rest in second.values())
    return max(0.0, together / size**0.5) if size else 0.0


def labels_seen(file: Path, rows: int) -> LabelsSeen:
    """The file that was measured on. Raises LabelError."""
    try:
        return LabelsSeen(file=file.name, sha256=hashlib.sha256(file.read_bytes()).hexdigest(), rows=rows)
    except OSError as error:
        raise LabelError(f"{file}: cannot be read: {error.strerror or error}") from None
