"""How many groups a decision with proof takes, told before anything is asked. It knows no suites and no gates.

The decision is PASS where the exact interval of a rate over groups clears the bound, FAIL where it lies beyond. A group
counts as one observation, as if its cases always went together: where they do not, fewer groups may do.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from fractions import Fraction
from typing import Literal, NamedTuple

from pytest_vsc.intervals import CONFIDENCE, clopper_pearson

Proved = Literal["PASS", "FAIL"]
MOST = 10_000_000


class Plan(NamedTuple):
    """What a number of groups is good for.

    decision: the one that the expected rate deserves. power: how probable it is, 0..1. reach, limit: in how many of the
    groups the event leads to it, "at most" or "at least" so many; limit is None where no number does. error: how
    probable the same decision is where the rate is the bound itself; where it lies beyond, it is less probable still.
    """

    groups: int
    decision: Proved
    power: float
    reach: Literal["at most", "at least"]
    limit: int | None
    error: float


def groups_needed(
    bound: Fraction,
    expect: float,
    power: float,
    confidence: float = CONFIDENCE,
    *,
    larger_is_better: bool = False,
    most: int = MOST,
) -> Plan | None:
    """The smallest number of groups from which on the decision that `expect` deserves is as probable as `power`.

    bound, expect: shares in 0..1, of groups with the event. power, confidence: between 0 and 1. None where the bound is
    what is expected, so that no number would do, or where more than `most` would be needed.

    From that number on, and not just at it: as groups are added the probability falls little by little and then leaps,
    where one event more is allowed. M. R. Chernick and C. Y. Liu, "The saw-toothed behavior of power versus sample size
    and software solutions: single binomial proportion using exact methods", The American Statistician 56 (2002),
    149-155.
    """
    if expect == float(bound):
        return None
    test = _test(bound, expect, confidence, larger_is_better)
    groups = (test if bound <= Fraction(1, 2) else test.mirrored()).last_below(power, 4 * most) + 1
    return _plan(test, groups) if groups <= most else None


def plan_of(
    groups: int, bound: Fraction, expect: float, confidence: float = CONFIDENCE, *, larger_is_better: bool = False
) -> Plan:
    """What so many groups (at least 1) are good for; the other parameters are those of `groups_needed`."""
    return _plan(_test(bound, expect, confidence, larger_is_better), groups)


def power_of(
    groups: int, bound: Fraction, expect: float, confidence: float = CONFIDENCE, *, larger_is_better: bool = False
) -> float:
    """How probable the decision that `expect` deserves is with so many groups (at least 1)."""
    return plan_of(groups, bound, expect, confidence, larger_is_better=larger_is_better).power


def more_groups(
    share: float,
    groups: float,
    bound: Fraction,
    confidence: float = CONFIDENCE,
    *,
    larger_is_better: bool = False,
    most: int = MOST,
) -> int | None:
    """How many groups more it takes for the interval to clear the bound, or to lie beyond it, at the same share.

    groups: those that there are, above 0; an effective number need not be whole. 0 where they are enough. None where no
    number would do, as where the share is the bound, or where more than `most` would be needed.
    """

    def enough(more: int) -> bool:
        size = groups + more
        low, high = clopper_pearson(share * size, size, confidence)
        return (high < bound or low >= bound) if larger_is_better else (high <= bound or low > bound)

    return _first(enough, 0, most) if enough(most) else None


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The smallest number from low on for which it holds, and so for all larger ones; high if for none below."""
    return low + bisect_left(range(low, high), True, key=holds)


class _Test(NamedTuple):
    """The proof that a rate lies below a bound, or above it, where it is `expect`.

    decision: what it leads to. others: the rate is that of the groups without the event.
    """

    decision: Proved
    below: bool
    bound: Fraction
    expect: float
    confidence: float
    others: bool = False

    def mirrored(self) -> _Test:
        """The same proof by the groups without the event."""
        below, others = not self.below, not self.others
        return self._replace(below=below, bound=1 - self.bound, expect=1 - self.expect, others=others)

    def proves(self, count: int, groups: int) -> bool:
        """Whether the event in so many of the groups is proof. What passes may lie on the bound, as in any gate."""
        low, high = map(Fraction, clopper_pearson(groups - count if self.others else count, groups, self.confidence))
        if self.others:
            low, high = 1 - high, 1 - low
        if self.decision == "PASS":
            return high <= self.bound if self.below else low >= self.bound
        return high < self.bound if self.below else low > self.bound

    def limit(self, groups: int) -> int:
        """The largest count that proves it lies below, -1 if none does; or the smallest for above, groups + 1 if none.

        Never smaller for more groups, nor larger by more than one for one group more.
        """
        found = math.floor(self._crossing(groups))
        if self.below:
            while found < groups and self.proves(found + 1, groups):
                found += 1
            while found >= 0 and not self.proves(found, groups):
                found -= 1
            return found
        while found > 0 and self.proves(found - 1, groups):
            found -= 1
        while found <= groups and not self.proves(found, groups):
            found += 1
        return found

    def _crossing(self, groups: int) -> float:
        """Where the limit would be if counts were not whole: above `limit` - 1 and below `limit` + 1."""
        from scipy.special import bdtrik

        tail = (1 - self.confidence) / 2
        found = float(bdtrik(tail if self.below else 1 - tail, groups, float(self.bound)))
        found = -1.0 if math.isnan(found) else found  # where the bound is 0
        return min(found, float(groups)) if self.below else min(found + 1, groups + 1.0)

    def chance(self, count: float, groups: int, share: float) -> float:
        """How probable it is that at most, or at least, so many have the event; count may lie between whole numbers."""
        from scipy.special import betainc

        if self.below:
            inside = -1 < count < groups
            return float(betainc(groups - count, count + 1, 1 - share)) if inside else float(count >= groups)
        inside = 0 < count <= groups
        return float(betainc(count, groups - count + 1, share)) if inside else float(count <= 0)

    def power(self, groups: int) -> float:
        return self.chance(self.limit(groups), groups, self.expect)

    def assured(self, groups: int) -> float:
        """What the power is at least, with so many groups or more: it rises where the power itself is a saw."""
        crossing, limit = self._crossing(groups), self.limit(groups)
        beyond = min(crossing, limit + 1) - 1 if self.below else max(crossing, limit - 1) + 1
        return self.chance(beyond, groups, self.expect)

    def last_below(self, power: float, most: int) -> int:
        """The largest number of groups with less power than this; `most` where it may be that or more.

        Between two leaps the limit is the same and the power falls (or, for a proof that it lies above, rises), so that
        one look a tooth is enough.
        """
        if all(self.proves(count, 1) for count in (0, 1)):
            return 0
        if self.assured(most) < power:
            return most
        groups = _first(lambda number: self.assured(number) >= power, 1, most)
        while groups:
            start = self._tooth(groups)
            if not self.below and self.power(start) < power:
                return _first(lambda number: self.power(number) >= power, start, groups) - 1
            groups = start - 1
            if groups and self.below and self.power(groups) < power:
                return groups
        return 0

    def _tooth(self, groups: int) -> int:
        """The smallest number of groups with the same limit as so many."""
        limit = self.limit(groups)
        if self.below:
            return _first(lambda number: self.proves(limit, number), max(1, limit), groups)
        return _first(lambda number: limit == 0 or not self.proves(limit - 1, number), max(1, limit - 1), groups)


def _test(bound: Fraction, expect: float, confidence: float, larger_is_better: bool) -> _Test:
    """The proof of what is deserved."""
    passes = expect >= float(bound) if larger_is_better else expect <= float(bound)
    return _Test("PASS" if passes else "FAIL", passes != larger_is_better, bound, expect, confidence)


def _plan(test: _Test, groups: int) -> Plan:
    limit = test.limit(groups)
    return Plan(
        groups,
        test.decision,
        test.chance(limit, groups, test.expect),
        "at most" if test.below else "at least",
        limit if 0 <= limit <= groups else None,
        test.chance(limit, groups, float(test.bound)),
    )
