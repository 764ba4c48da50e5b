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
from typing import Literal

Claim = Literal["at least", "at most"]
LARGEST = 0.95  # of what a bet may stake at most: all would end the betting with the first loss
WEIGHT = 50  # how many groups the guess before the first one counts for


class Bet:
    """Betting against one claim about the total of a finite number of values.

    claim: "at least" or "at most" `total`, of `number` values that lie in 0..largest each. guess: the mean that the
    bettor expects before the first value, in 0..largest; a bad one costs time, never the guarantee.
    """

    def __init__(self, claim: Claim, total: float, number: int, largest: float, guess: float) -> None:
        self._claim, self._number = claim, number
        self._largest, self._total, self._guess = largest, total / largest, guess / largest
        self._seen, self._sum, self._wins = 0, 0.0, 0.0

    def see(self, value: float) -> None:
        """Take in the next value, in the order in which they were drawn."""
        value /= self._largest
        mean = (self._total - self._sum) / (self._number - self._seen)  # of those left, where the claim just holds
        if 0 < mean < 1:
            expected = (self._sum + WEIGHT * self._guess) / (self._seen + WEIGHT)
            self._wins += math.log1p(self._stake(expected, mean) * (value - mean))
        self._seen += 1
        self._sum += value

    def _stake(self, expected: float, mean: float) -> float:
        """What lets the capital grow fastest if values are 0 or 1 and `expected` is right (Kelly's criterion)."""
        stake = (expected - mean) / (mean * (1 - mean))
        if self._claim == "at least":
            return max(min(stake, 0.0), -LARGEST / (1 - mean))
        return min(max(stake, 0.0), LARGEST / mean)

    @property
    def impossible(self) -> bool:
        """No value that may still come lets the claim be true."""
        left = self._number - self._seen
        rest = self._total - self._sum
        return rest > left if self._claim == "at least" else rest < 0

    def refuted(self, error: float) -> bool:
        """Whether the claim may be given up; a true one is, ever, with a probability of at most `error`."""
        return self.impossible or self._wins >= -math.log(error)
