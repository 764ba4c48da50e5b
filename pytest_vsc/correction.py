"""What a rate would be if the judge never erred: from the rate by its verdicts, and how often they are right.

It knows shares and numbers only; which of a judge's figures bear on which metric is said in `gates`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from pytest_vsc.intervals import CONFIDENCE, Estimate, quantile


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
    than chance.
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
    middle = _corrected(seen, shrunk)
    of_found = shrunk.found * (1 - shrunk.found) / shrunk.of_found
    of_spared = shrunk.spared * (1 - shrunk.spared) / shrunk.of_spared
    shift = 2 * z * z * (middle * of_found - (1 - middle) * of_spared)
    variance = seen * (1 - seen) / n_more + middle**2 * of_found + (1 - middle) ** 2 * of_spared
    half = z * math.sqrt(variance) / (shrunk.found + shrunk.spared - 1)
    low, high = (min(1.0, max(0.0, middle + shift + side * half)) for side in (-1, 1))
    return Estimate(rate, min(low, rate), max(high, rate))


def _corrected(share: float, judge: Reliability) -> float:
    better = judge.found + judge.spared - 1
    if better <= 0:
        raise ValueError(f"sensitivity {judge.found:.3f} and specificity {judge.spared:.3f} are no better than chance")
    return (share + judge.spared - 1) / better
