"""How far several raters agree on what they rated: a share, Cohen's kappa, Krippendorff's alpha. It reads nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence

from pytest_vsc.cases import Value

# What one thing was rated as, by one rater each; None where a rater left it out.
Unit = Sequence[Hashable | None]


class Agreement(Value):
    """Of some raters, on what at least two of them rated.

    n: how many things that is. percent: the share (0..1) of the pairs of ratings of one thing that are the same.
    kappa: Cohen's, of two raters only; alpha: Krippendorff's. 1 is full agreement, 0 what chance gives; both are None
    where all ratings are the same, since nothing tells agreement from chance then.
    """

    raters: tuple[str, ...]
    n: int
    percent: float | None = None
    kappa: float | None = None
    alpha: float | None = None


def agreement(ratings: Mapping[str, Mapping[Hashable, Hashable | None]]) -> Agreement:
    """Of all these raters. ratings: rater -> thing -> what it was rated as, None where the rater could not tell."""
    things = dict.fromkeys(thing for rated in ratings.values() for thing in rated)
    units = [[rated.get(thing) for rated in ratings.values()] for thing in things]
    units = [unit for unit in units if len(_given(unit)) > 1]
    return Agreement(
        raters=tuple(ratings),
        n=len(units),
        percent=percent_agreement(units),
        kappa=cohen_kappa([(unit[0], unit[1]) for unit in units]) if len(ratings) == 2 else None,
        alpha=krippendorff_alpha(units),
    )


def percent_agreement(units: Iterable[Unit]) -> float | None:
    """The share (0..1) of pairs of ratings of one thing that are the same; None where nothing was rated twice."""
    same = pairs = 0
    for unit in map(_given, units):
        same += sum(number * (number - 1) for number in Counter(unit).values())
        pairs += len(unit) * (len(unit) - 1)
    return same / pairs if pairs else None


def cohen_kappa(pairs: Iterable[tuple[Hashable, Hashable]]) -> float | None:
    """Agreement of two raters beyond what their own habits would give by chance, at most 1.

    J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20 (1960),
    37-46. None without pairs, and where both gave one and the same rating throughout.
    """
    held = list(pairs)
    if not held:
        return None
    first, second = (Counter(ratings) for ratings in zip(*held, strict=True))
    seen = sum(one == other for one, other in held) * len(held)
    chance = sum(first[rating] * second[rating] for rating in first)  # both in units of 1 / n^2, so exact
    whole = len(held) ** 2
    return (seen - chance) / (whole - chance) if whole > chance else None


def krippendorff_alpha(units: Iterable[Unit]) -> float | None:
    """Agreement of any number of raters on a nominal scale, with ratings missing, at most 1.

    K. Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), section C: one less the disagreement that was
    seen over the one that shuffled ratings would show. None where nothing was rated twice, or all is rated alike.
    """
    totals: Counter[Hashable] = Counter()
    seen = 0.0
    for unit in map(_given, units):
        if len(unit) > 1:
            counts = Counter(unit)
            totals += counts
            same = sum(number * (number - 1) for number in counts.values())
            seen += len(unit) - same / (len(unit) - 1)
    n = totals.total()
    by_chance = n * n - sum(number * number for number in totals.values())
    return 1 - (n - 1) * seen / by_chance if by_chance else None


def _given(unit: Unit) -> list[Hashable]:
    return [rating for rating in unit if rating is not None]
