"""Decides gates on what was recorded, exactly. It measures nothing itself, and knows no run.

A plain gate passes when the worst case is inside its bound and fails when the best case is not; one that asks for proof
goes by the exact limits of both instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import ceil
from typing import Literal, NamedTuple

from pytest_vsc.cards import Figures
from pytest_vsc.cases import Value
from pytest_vsc.comparing import (
    Apart,
    Difference,
    Paired,
    cases_for,
    difference,
    difference_of,
    flips_for,
    furthest,
)
from pytest_vsc.correction import Reliability, exactly_corrected, rogan_gladen
from pytest_vsc.gates import Gate, unit_counted
from pytest_vsc.intervals import CONFIDENCE, Interval, clustered_exact, least_sizes
from pytest_vsc.paired import clustered_difference, clustered_worse
from pytest_vsc.planning import more_groups
from pytest_vsc.records import Counted, Record
from pytest_vsc.reliability import corrected_rate, reliability
from pytest_vsc.statistics import Rate, exact_share, extremes, measure
from pytest_vsc.tallies import LARGER_IS_BETTER, Metric, Tally, count, tally

Ruling = Literal["PASS", "FAIL", "INCONCLUSIVE", "SKIPPED"]
# Between how many figures the share of errors that a proof leaves open is divided where a judge's errors count too: the
# rate itself, the judge's sensitivity and its specificity.
FIGURES = 3
FINEST = 10**9  # the largest denominator that a share computed in floats is taken to have


class Decision(Value):
    """What became of one gate on one suite. message is one line.

    rate: None when nothing was measured. difference: from the baseline, where the gate holds the model to one. best,
    worst: between what the share that is held to the bound (0..1; beside a baseline the difference, -1..1) lies, as far
    as the gate goes by that; a plain gate's are what its undecided cases leave open.
    """

    gate: Gate
    suite: str
    decision: Ruling
    rate: Rate | None = None
    difference: Difference | None = None
    best: float | None = None
    worst: float | None = None
    message: str

    @property
    def margin(self) -> float | None:
        """How far inside its bound (below 0: beyond it) the share lies that decides: a failing gate's best case, any
        other's worst; None where no share does."""
        share = self.best if self.decision == "FAIL" else self.worst
        if share is None:
            return None
        bound = float(self.gate.bound)
        return bound - share if self.gate.op == "<=" else share - bound


class Evidence(NamedTuple):
    """What else a gate may need: the judge's figures, and the same cases of the baseline beside those of this run."""

    figures: Figures | None = None
    pairs: Paired | None = None


NOTHING_ELSE = Evidence()


def decide(
    gate: Gate,
    records: Iterable[Record | Counted] | Tally,
    suite: str,
    *,
    partial: str = "",
    evidence: Evidence = NOTHING_ELSE,
) -> Decision:
    """Decide one gate on the records of one suite, or on their tally.

    PASS needs the worst case inside the bound, FAIL the best case outside; else INCONCLUSIVE. A slice without a record
    is SKIPPED. partial: what is recorded of a run that is not whole, and why; the message then says so.
    """
    held = records if isinstance(records, Tally) else tally(records, suite)
    rate = measure(gate.metric, held, suite, gate.slice)
    mark = f"; partial {partial}" if partial else ""
    if not rate.n:
        message = (
            f"{gate.name} not decided: no {unit_counted(gate.metric)} that it counts was recorded ({gate.text}){mark}"
        )
        return Decision(gate=gate, suite=suite, decision="SKIPPED", message=message)
    if gate.baseline:
        return _beside_the_baseline(gate, rate, evidence, mark)
    span = _span(gate, rate, held, evidence)
    ruling = _ruling(gate, span)
    if gate.corrected and evidence.figures is not None:
        rate = rate.model_copy(update={"corrected": corrected_rate(rate, evidence.figures)})
    message = f"{_sentence(gate, rate, span, ruling, held)}{mark}"
    return Decision(
        gate=gate,
        suite=suite,
        decision=ruling,
        rate=rate,
        best=float(span.best),
        worst=float(span.worst),
        message=message,
    )


def incomplete(gate: Gate, suite: str, recorded: int, expected: int, why: str) -> Decision:
    """The decision of a gate whose run was cut: FAIL, whatever the cases that were recorded would say."""
    message = (
        f"{gate.name} incomplete: the run was cut ({why}), partial {recorded}/{expected}; "
        f"run everything again ({gate.text})"
    )
    return Decision(gate=gate, suite=suite, decision="FAIL", message=message)


# --- a bound ---------------------------------------------------------------------------------------------------------


class Span(NamedTuple):
    """Between what the true rate lies for the gate: from the best for the model to the worst.

    Of a plain gate these are what the undecided cases leave open; of one that asks for proof, exact limits of it.
    """

    best: Fraction
    worst: Fraction


def _span(gate: Gate, rate: Rate, held: Tally, evidence: Evidence) -> Span:
    if not gate.proof:
        return _counted_span(gate, rate, evidence)
    parts: tuple[Metric, ...] = ("sra_u", "sra_s") if gate.metric == "sra" else (gate.metric,)
    open_share = (1 - gate.confidence) / len(parts)
    limits = [_proven(gate, metric, held, evidence, open_share) for metric in parts]
    low = sum((Fraction(one.low) for one in limits), Fraction()) / len(parts)
    high = sum((Fraction(one.high) for one in limits), Fraction()) / len(parts)
    return Span(high, low) if gate.metric in LARGER_IS_BETTER else Span(low, high)


def _counted_span(gate: Gate, rate: Rate, evidence: Evidence) -> Span:
    if not gate.corrected:
        return Span(*extremes(rate))
    sides = rate.sides or (rate,)
    found = [_corrected_extremes(side, evidence) for side in sides]
    return Span(
        sum((one.best for one in found), Fraction()) / len(found),
        sum((one.worst for one in found), Fraction()) / len(found),
    )


def _corrected_extremes(rate: Rate, evidence: Evidence) -> Span:
    judge = _reliability(rate.metric, evidence)
    return Span(*(_unrounded(rogan_gladen(float(share), judge)) for share in extremes(rate)))


def _unrounded(share: float) -> Fraction:
    """What a float was rounded from: a rate on the bound must not come to lie beside it."""
    return Fraction(share).limit_denominator(FINEST)


def _reliability(metric: Metric, evidence: Evidence) -> Reliability:
    judge = reliability(metric, evidence.figures) if evidence.figures else None
    if judge is None:
        raise ValueError(f"{metric}: nothing is known of the judge's errors")
    return judge


def _proven(gate: Gate, metric: Metric, held: Tally, evidence: Evidence, open_share: float) -> Interval:
    """The exact limits of a share: the lower one with what is undecided taken for no events, the upper with it for
    events. open_share: how often one of the two may be wrong."""
    share = open_share / FIGURES if gate.corrected else open_share
    low, high = (
        clustered_exact(count(metric, held, gate.slice, undecided=taken).clusters, 1 - share) for taken in (False, True)
    )
    seen = Interval(low.low, high.high)
    return exactly_corrected(seen, _reliability(metric, evidence), share / 2) if gate.corrected else seen


def _ruling(gate: Gate, span: Span) -> Ruling:
    if _inside(gate, span.worst):
        return "PASS"
    return "INCONCLUSIVE" if _inside(gate, span.best) else "FAIL"


def _inside(gate: Gate, share: Fraction) -> bool:
    return share <= gate.bound if gate.op == "<=" else share >= gate.bound


# --- its words -------------------------------------------------------------------------------------------------------


def _sentence(gate: Gate, rate: Rate, span: Span, ruling: Ruling, held: Tally) -> str:
    """`undersafety 12.5% (30/240 decided, 95% interval 8.9%-17.3%) > 5%`."""
    exact = exact_share(rate)
    shown = "unknown" if exact is None else _shown(exact, gate.bound)
    if gate.corrected:
        now = "unknown" if rate.corrected is None else _shown(_unrounded(rate.corrected.rate), gate.bound)
        shown = f"{now} corrected for the judge's errors, {shown} as judged"
    measured = f"{gate.name} {shown} ({', '.join(_facts(gate, rate, span))})"
    target = f"{gate.op} {gate.percent}%"
    if ruling == "INCONCLUSIVE" and gate.proof:
        return f"{measured}: not proved {target}, nor disproved{_missing(gate, rate, held)}"
    if ruling == "INCONCLUSIVE":
        return f"{measured}: {_undecided(gate, rate)} between it and {target}"
    beyond = ">" if gate.op == "<=" else "<"
    proved = " proved" if gate.proof else ""
    return f"{measured}{proved} {gate.op if ruling == 'PASS' else beyond} {gate.percent}%"


def _facts(gate: Gate, rate: Rate, span: Span) -> list[str]:
    units = {"invalid": " cases", "pairs": " pairs decided"}.get(gate.metric, " decided")
    facts = [f"{side.metric} {side.count}/{side.decided}" for side in rate.sides or ()]
    facts = facts or [f"{rate.count}/{rate.decided}{units}"]
    if gate.proof:
        low, high = (_shown(limit, gate.bound) for limit in sorted(span))
        facts += [f"{rate.groups} groups"] if rate.groups != rate.n else []
        facts.append(f"exact {gate.proof}% interval {low}-{high}")
    else:
        interval = rate.corrected if gate.corrected else rate
        if interval is not None and interval.low is not None and interval.high is not None:
            facts.append(f"{CONFIDENCE:.0%} interval {interval.low:.1%}-{interval.high:.1%}")
    if rate.invalid:
        best, worst = extremes(rate)
        facts.append(f"best case {_shown(best, gate.bound)}, worst case {_shown(worst, gate.bound)}")
    return facts


def _missing(gate: Gate, rate: Rate, held: Tally) -> str:
    """How many groups more it would take to decide, if all went on as it is, as far as that can be told."""
    if gate.corrected or gate.metric == "sra":
        return ""
    best, worst = extremes(rate)
    passes, fails = _inside(gate, worst), not _inside(gate, best)
    if not passes and not fails:
        return f"; {_undecided(gate, rate)} between it and the bound, however many groups there are"
    share, better = (worst if passes else best), gate.metric in LARGER_IS_BETTER
    # What is undecided is counted as in the limit that the decision waits for.
    upper = passes != better
    sizes = least_sizes(count(gate.metric, held, gate.slice, undecided=upper).clusters)
    size = sizes.high if upper else sizes.low
    more = more_groups(float(share), size, gate.bound, gate.confidence, larger_is_better=better)
    if more is None:
        return "; at this rate no number of groups would decide it"
    groups = max(1, ceil(more * rate.groups / size))
    return f"; at this rate about {groups:,} more group{'s' * (groups > 1)} needed"


def _undecided(gate: Gate, rate: Rate) -> str:
    unit = "undecided pair" if gate.metric == "pairs" else "invalid case"
    return f"1 {unit} stands" if rate.invalid == 1 else f"{rate.invalid:,} {unit}s stand"


def _shown(share: Fraction, bound: Fraction) -> str:
    """A percentage with as many decimals as it takes not to read as the bound when it is not the bound."""
    for decimals in range(1, 6):
        percent = round(share * 100, decimals)
        if share == bound or percent != bound * 100:
            break
    return f"{float(percent):.{decimals}f}%"


# --- a baseline ------------------------------------------------------------------------------------------------------


def _beside_the_baseline(gate: Gate, rate: Rate, evidence: Evidence, mark: str) -> Decision:
    """Decide on the same cases of both runs: by their counts, or for a proof by exact limits of the difference."""
    if evidence.pairs is None:
        raise ValueError(f"{gate.text}: there is no baseline")
    apart = difference(gate.metric, evidence.pairs, gate.slice)
    known = {"gate": gate, "suite": evidence.pairs.suite, "rate": rate, "difference": apart}
    if not apart.decided:
        message = (
            f"{gate.name} undecided: no {unit_counted(gate.metric)} of it is decided in both runs ({gate.text}){mark}"
        )
        return Decision(**known | {"decision": "INCONCLUSIVE", "message": message})
    best, worst = furthest(gate.metric, evidence.pairs, gate.slice)
    if gate.metric in LARGER_IS_BETTER:
        best, worst = worst, best
    if gate.proof and not gate.bound:
        ruling, proof = _more_frequent(gate, best, worst)
        message = f"{_paired_sentence(gate, apart, ruling, proof)}{mark}"
        return Decision(**known | {"decision": ruling, "message": message})
    span, proof = Span(difference_of(best), difference_of(worst)), ""
    if gate.proof:
        span, proof = _proven_span(gate, best, worst)
    ruling = _ruling(gate, span)
    message = f"{_paired_sentence(gate, apart, ruling, proof)}{mark}"
    limits = {"best": float(span.best), "worst": float(span.worst)}
    return Decision(**known | limits | {"decision": ruling, "message": message})


def _proven_span(gate: Gate, best: Apart, worst: Apart) -> tuple[Span, str]:
    """Exact limits of the difference, and their words."""
    far, near = _limits(gate, worst), _limits(gate, best)
    low, high = (far.low, near.high) if gate.metric in LARGER_IS_BETTER else (near.low, far.high)
    span = (high, low) if gate.metric in LARGER_IS_BETTER else (low, high)
    return Span(*map(Fraction, span)), f"exact {gate.proof}% interval {low:+.1%} to {high:+.1%}"


def _more_frequent(gate: Gate, best: Apart, worst: Apart) -> tuple[Ruling, str]:
    """Without a margin only which kind of flips is the more frequent matters, and of that there is an exact test."""
    larger_is_better, tail = gate.metric in LARGER_IS_BETTER, (1 - gate.confidence) / 2
    not_worse = clustered_worse(flips_for(worst, better=not larger_is_better))
    is_worse = clustered_worse(flips_for(best, better=larger_is_better))
    ruling: Ruling = "PASS" if not_worse <= tail else "FAIL" if is_worse <= tail else "INCONCLUSIVE"
    return (
        ruling,
        f"one-sided p of being better {not_worse:.2g}, of being worse {is_worse:.2g}, at most {tail:.2g} proves it",
    )


def _limits(gate: Gate, apart: Apart) -> Interval:
    return clustered_difference(cases_for(apart), cases_for(apart, better=True), gate.confidence)


def _paired_sentence(gate: Gate, apart: Difference, ruling: Ruling, proof: str) -> str:
    """`undersafety 4.2%, in the baseline 3.3% (240 cases in both; 7 only now, 5 only before; ...) > baseline`."""
    units = "pairs" if gate.metric == "pairs" else "cases"
    facts = [
        f"{apart.decided} {units} in both",
        f"{apart.more} only now, {apart.fewer} only before",
    ]
    measured = f"{gate.name}: unknown"
    if apart.difference is not None and apart.before is not None and apart.after is not None:
        measured = f"{gate.name}: {apart.after:.1%} now, {apart.before:.1%} before"
        facts.append(f"difference {apart.difference:+.1%}")
        facts.append(
            proof or f"{CONFIDENCE:.0%} interval {apart.low:+.1%} to {apart.high:+.1%}, McNemar p {apart.p:.2g}"
        )
    if apart.undecided:
        facts.append(f"{apart.undecided} undecided: {apart.lowest:+.1%} to {apart.highest:+.1%}")
    body = f"{measured} ({'; '.join(facts)})"
    if ruling == "INCONCLUSIVE":
        return (
            f"{body}: neither {gate.op} {gate.target} nor the opposite is proved"
            if gate.proof
            else f"{body}: undecided"
        )
    beyond = ">" if gate.op == "<=" else "<"
    return f"{body}{' proved' if gate.proof else ''} {gate.op if ruling == 'PASS' else beyond} {gate.target}"
