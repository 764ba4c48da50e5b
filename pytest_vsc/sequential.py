"""Deciding before everything is asked: what the groups asked so far prove about the total over all of a suite's.

A suite is finite and its groups are asked in random order. So each next one is drawn without replacement, and a bet on
it that is fair as long as a claim about the total holds wins a lot only when the claim is wrong. The claim is given up
once the capital has grown by 1 / error: that happens to a true claim with at most that probability, however often one
looks (Ville's inequality). I. Waudby-Smith and A. Ramdas, "Confidence sequences for sampling without replacement",
NeurIPS 33 (2020), 20204-20214, and "Estimating means of bounded random variables by betting", JRSS B 86 (2024), 1-27.
It knows nothing of gates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pytest_vsc.intervals import CONFIDENCE, Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

Claim = Literal["at least", "at most"]
LARGEST = 0.95  # of what a bet may stake at most: all would end the betting with the first loss
WEIGHT = 50.0  # how many groups the guess before the first one counts for
CLAIMS = 1 << 13  # how many totals an interval tells apart at most
CELLS = 1 << 15  # how many bets are worked out at once: what a processor holds near at hand


class Bet:
    """Betting against one claim about the total of a finite number of values.

    claim: "at least" or "at most" `total`, of `number` values that lie in 0..largest each. guess: the mean that the
    bettor expects before the first value, in 0..largest; a bad one costs time, never the guarantee.
    """

    __slots__ = ("_guess", "_highest", "_largest", "_least", "_left", "_seen", "_sum", "_total", "_wins")

    def __init__(self, claim: Claim, total: float, number: int, largest: float, guess: float) -> None:
        self._least = claim == "at least"
        self._total, self._largest, self._guess = total, largest, WEIGHT * guess
        self._left, self._seen, self._sum = number, WEIGHT, 0.0
        self._wins = self._highest = 0.0

    def see(self, value: float) -> None:
        """Take in the next value, in the order in which they were drawn. It is one bet of `capital`."""
        mean = (self._total - self._sum) / (self._left * self._largest)
        if 0 < mean < 1:
            stake = ((self._sum + self._guess) / (self._seen * self._largest) - mean) / (mean * (1 - mean))
            if self._least:
                stake = max(stake, -LARGEST / (1 - mean)) if stake < 0 else 0.0
            else:
                stake = min(stake, LARGEST / mean) if stake > 0 else 0.0
            self._wins += math.log1p(stake * (value / self._largest - mean))
            self._highest = max(self._highest, self._wins)
        self._seen += 1
        self._left -= 1
        self._sum += value

    @property
    def impossible(self) -> bool:
        """No value that may still come lets the claim be true."""
        rest = self._total - self._sum
        return rest > self._left * self._largest if self._least else rest < 0

    def refuted(self, error: float) -> bool:
        """Whether the claim may be given up, now or before; a true one ever is, with a probability of at most error."""
        return self.impossible or self._highest >= -math.log(error)


def capital(
    claim: Claim,
    total: ArrayLike,
    values: ArrayLike,
    number: int,
    largest: float,
    *,
    guess: float,
    weight: float = WEIGHT,
) -> NDArray[np.float64]:
    """The logarithm of the capital after each value: `Bet` for many claims, or many orders of draw, at once.

    values: along the last axis, in the order in which they were drawn; whatever other axes there are run over those of
    total, whose last one has the length 1. weight: how many values the guess counts for.
    """
    import numpy as np

    drawn = np.asarray(values, dtype=np.float64)
    before, turn = np.cumsum(drawn, axis=-1) - drawn, np.arange(drawn.shape[-1])
    # Of those left, where the claim just holds, in units of the largest value. Outside 0..1 there is nothing to bet on.
    mean = (np.asarray(total, dtype=np.float64) - before) / ((number - turn) * largest)
    open_ones = (mean > 0) & (mean < 1)
    mean = np.where(open_ones, mean, 0.5)
    # What lets the capital grow fastest if values are 0 or the largest and the bettor expects the right mean: J. L.
    # Kelly, "A new interpretation of information rate", Bell System Technical Journal 35 (1956), 917-926.
    stake = ((before + weight * guess) / ((turn + weight) * largest) - mean) / (mean * (1 - mean))
    stake = np.clip(stake, -LARGEST / (1 - mean), 0) if claim == "at least" else np.clip(stake, 0, LARGEST / mean)
    won = np.log1p(stake * (drawn / largest - mean))
    won[~open_ones] = 0
    return np.cumsum(won, axis=-1, out=won)


def interval(values: Sequence[int], number: int, largest: int, confidence: float = CONFIDENCE) -> Interval:
    """Between what the mean of all `number` values lies, which are whole and in 0..largest, by the first ones drawn.

    values: these, in the order in which they were drawn. However often one looks, and whatever makes one stop, the mean
    ever lies outside with a probability of at most 1 - confidence. What is certain is never more than what is known:
    the limits keep to what the values left may still come to.
    """
    error = (1 - confidence) / 2
    high = _highest(values, number, largest, error)
    low = number * largest - _highest([largest - value for value in values], number, largest, error)
    # They cross where both limits are wrong, and then nothing is known but that one of them is.
    return Interval(min(low, high) / number, max(low, high) / number)


def _highest(values: Sequence[int], number: int, largest: int, error: float) -> int:
    """The largest total that was never refuted: of at most CLAIMS totals, or else the last before the next of them.

    That keeps the guarantee, for a total higher than it claims as much as the last of these up to it, and all of these
    above the result were refuted. Which of them there are does not depend on the values.
    """
    import numpy as np

    seen = sum(values)
    most, step = seen + (number - len(values)) * largest, number * largest // CLAIMS + 1
    claims = np.arange(most - most % step, seen, -step)
    rows = CELLS // (len(values) + 1) + 1
    for start in range(0, len(claims), rows):
        tried = claims[start : start + rows]
        # The guess is that of Krichevsky and Trofimov, which comes near the best bettor in hindsight whatever that is.
        won = capital("at least", tried[:, None], values, number, largest, guess=largest / 2, weight=1)
        kept = tried[won.max(axis=-1, initial=0) < -math.log(error)]
        if len(kept):
            return int(min(most, kept[0] + step - 1))
    return int(min(most, seen - seen % step + step - 1))
