"""What a rate would be if the judge never erred: from the rate by its verdicts, and how often they are right.

It knows shares and numbers only; which of a judge's figures bear on which metric is said in `reliability`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from pytest_vsc.intervals import CONFIDENCE, Estimate, Interval, clopper_pearson, quantile


class Reliability(NamedTuple):
    """How often a judge tells a thing right, measured on answers that people labelled.

    found: the share of the answers where it happened in which the judge says so (sensitivity), of `of_found` answers.
    spared: the share of the others in which it says not (specificity), of `of_spared`. The numbers may be effective
    ones; they are at least 1.
    """

    found: float
    of_found: float
    spared: float
    of_spared: float

    @property
    def tells(self) -> bool:
        """Whether the judge is better than chance; if not, nothing can be corrected by it."""
        return self.found + self.spared > 1

    def found_limits(self, confidence: float) -> Interval:
        """The exact interval of `found`."""
        return clopper_pearson(self.found * self.of_found, self.of_found, confidence)

    def spared_limits(self, confidence: float) -> Interval:
        """The exact interval of `spared`."""
        return clopper_pearson(self.spared * self.of_spared, self.of_spared, confidence)


def rogan_gladen(share: float, judge: Reliability) -> float:
    """The corrected share, held within 0..1. share: by the judge's verdicts.

    W. J. Rogan and B. Gladen, "Estimating prevalence from the results of a screening test", American Journal of
    Epidemiology 107 (1978), 71-76. Raises ValueError for a judge that is no better than chance.
    """
    return min(1.0, max(0.0, _corrected(share, judge)))


def corrected(share: float, n: float, judge: Reliability, confidence: float = CONFIDENCE) -> Estimate:
    """The corrected share with an interval that holds the uncertainty of the rate and of both the judge's figures.

    share: by the judge's verdicts, of n answers, which may be an effective number (n >= 1).
    Z. Lang and J. Reiczigel, "Confidence limits for prevalence of disease adjusted for estimated sensitivity and
    specificity", Preventive Veterinary Medicine 113 (2014), 13-22. Raises ValueError for a judge that is no better
    than chance. One that two more answers of each kind, one of them judged wrongly, would make so leaves 0..1.
    """
    rate = rogan_gladen(share, judge)
    z = quantile(confidence)
    n_more = n + z * z
    seen = (n * share + z * z / 2) / n_more
    shrunk = Reliability(
        (judge.found * judge.of_found + 1) / (judge.of_found + 2),
        judge.of_found + 2,
        (judge.spared * judge.of_spared + 1) / (judge.of_spared + 2),
        judge.of_spared + 2,
    )
    if not shrunk.tells:
        return Estimate(rate, 0.0, 1.0)
    middle = _corrected(seen, shrunk)
    of_found = shrunk.found * (1 - shrunk.found) / shrunk.of_found
    of_spared = shrunk.spared * (1 - shrunk.spared) / shrunk.of_spared
    shift = 2 * z * z * (middle * of_found - (1 - middle) * of_spared)
    variance = seen * (1 - seen) / n_more + middle**2 * of_found + (1 - middle) ** 2 * of_spared
    half = z * math.sqrt(variance) / (shrunk.found + shrunk.spared - 1)
    low, high = (min(1.0, max(0.0, middle + shift + side * half)) for side in (-1, 1))
    return Estimate(rate, min(low, rate), max(high, rate))


def exactly_corrected(seen: Interval, judge: Reliability, open_share: float) -> Interval:
    """Limits of the corrected share that hold when those of the rate and of both the judge's figures do.

    seen: exact limits of the rate by the judge's verdicts. open_share: how often each limit of the judge's figures may
    be wrong; each limit of the result may be as often as that of the rate and two of the judge's together. Where the
    judge may be no better than chance, nothing is known: 0..1.
    """
    found, spared = judge.found_limits(1 - 2 * open_share), judge.spared_limits(1 - 2 * open_share)
    if found.low + spared.low <= 1:
        return Interval(0.0, 1.0)
    low = (seen.low + spared.low - 1) / (found.high + spared.low - 1)
    high = (seen.high + spared.high - 1) / (found.low + spared.high - 1)
    limits = Interval(min(1.0, max(0.0, low)), min(1.0, max(0.0, high)))
    return taken_at_its_word(limits, seen, judge, 1 - 2 * open_share)


def taken_at_its_word(limits: Interval, seen: Interval, judge: Reliability, confidence: float) -> Interval:
    """The limits, widened where fewer events are seen than the judge's errors alone would make, or fewer others.

    There its figures do not hold for these answers, and none of the few is taken for an error: corrected by those
    figures, next to none would be none for certain. seen: exact limits of the rate by its verdicts.
    """
    found, spared = judge.found_limits(confidence), judge.spared_limits(confidence)
    low, high = limits
    if seen.high < 1 - spared.high and found.low > 0:
        high = max(high, min(1.0, seen.high / found.low))
    if seen.low > found.high and spared.low > 0:
        low = min(low, 1 - min(1.0, (1 - seen.low) / spared.low))
    return Interval(low, high)


def _corrected(share: float, judge: Reliability) -> float:
    better = judge.found + judge.spared - 1
    if not judge.tells:
        raise ValueError(f"sensitivity {judge.found:.3f} and specificity {judge.spared:.3f} are no better than chance")
    return (share + judge.spared - 1) / better
