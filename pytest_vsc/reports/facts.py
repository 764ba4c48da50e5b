"""What every report says of a run, whatever its form: how the run stands, how whole it is, where the model is worst.

It reads a run's header and footer, and knows no medium.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from pytest_vsc.cases import CENTRICS
from pytest_vsc.deciding import Decision
from pytest_vsc.reports.words import clean
from pytest_vsc.runs import Footer, Header
from pytest_vsc.statistics import Rate
from pytest_vsc.tallies import LARGER_IS_BETTER, Metric

Word = Literal["PASSED", "BLOCKED", "PASSED IN PART"]
# What a gate may be on to keep each kind of mistakes back.
GATED_BY: dict[Metric, frozenset[Metric]] = {
    "undersafety": frozenset({"undersafety", "sra_u", "sra", "pairs"}),
    "oversafety": frozenset({"oversafety", "sra_s", "sra", "pairs"}),
    "utility": frozenset({"utility"}),
}
DEMO = "demo bounds: made for this embedded model to show a decision, no measure for a release"
LEAST = 10  # decided cases of a slice that is named among the worst


class Standing(NamedTuple):
    """Whether the release may go out by this run, in a word, and why in one line."""

    word: Word
    why: str


def standing(run: Header, footer: Footer) -> Standing:
    """BLOCKED where a gate or the exit status keeps the release back; PASSED IN PART is no release decision."""
    blocking = [decision for decision in footer.gates if blocks(run, decision)]
    gates = f"{len(footer.gates)} gate{'s' * (len(footer.gates) != 1)}"
    if blocking:
        named = ", ".join(named_gate(run, decision) for decision in blocking[:3])
        more = f" and {len(blocking) - 3} more" if len(blocking) > 3 else ""
        return Standing("BLOCKED", f"{len(blocking)} of {gates} kept it back: {clean(named)}{more}")
    if footer.exit:
        least = "though no gate kept it back" if footer.gates else "and no gate was in force"
        return Standing("BLOCKED", f"exit status {footer.exit}, {least}: a test failed, or more")
    if not footer.complete:
        decided = sum(decision.decision != "SKIPPED" for decision in footer.gates)
        return Standing("PASSED IN PART", f"{state(run, footer)}; {decided} of {gates} decided{_but(footer)}")
    if not footer.gates:
        return Standing("PASSED", "no gate was in force")
    passed = sum(decision.decision == "PASS" for decision in footer.gates)
    if passed == len(footer.gates):
        return Standing("PASSED", f"{gates} let it pass{_but(footer)}")
    return Standing("PASSED", f"{passed} of {gates} passed, the others decided nothing{_but(footer)}")


def _but(footer: Footer) -> str:
    """Which kinds of mistakes were counted though no gate is on them, as an addition; "" where there is none."""
    found = {
        metric
        for rate in footer.rates
        if (metric := rate.metric) in GATED_BY and not rate.slice and rate.n
        if not any(
            decision.suite == rate.suite and decision.gate.metric in GATED_BY[metric] and decision.decision != "SKIPPED"
            for decision in footer.gates
        )
    }
    return f"; none is on {', '.join(metric for metric in GATED_BY if metric in found)}" if found else ""


def marks(footer: Footer) -> bool:
    """Whether the run has utility cases, which are marked and not judged."""
    return any(rate.metric == "utility" for rate in footer.rates)


def judges(footer: Footer) -> bool:
    """Whether it has others, as a run does of which nothing is known."""
    return not marks(footer) or any(rate.metric in ("undersafety", "oversafety") for rate in footer.rates)


def blocks(run: Header, decision: Decision) -> bool:
    """Whether the gate keeps the release back."""
    return decision.decision == "FAIL" or (decision.decision == "INCONCLUSIVE" and run.inconclusive == "fail")


def has_demo_bounds(footer: Footer) -> bool:
    """Whether gates are those that embedded models carry; DEMO says what that means."""
    return any(decision.gate.origin.startswith("demo bounds") for decision in footer.gates)


def named_gate(run: Header, decision: Decision) -> str:
    """The gate's name, with its suite where the run has several."""
    return decision.gate.name if len(run.suites) == 1 else f"{decision.suite}: {decision.gate.name}"


def state(run: Header, footer: Footer) -> str:
    """How much of the suite the run is about."""
    units = "cases" if run.repeats is None else f"answers ({run.repeats.times} to a case)"
    if footer.complete and footer.not_run:
        asked = footer.recorded - footer.not_run
        return f"decided early: {asked:,} of {footer.recorded:,} {units} asked, {footer.not_run:,} not needed"
    if footer.complete:
        return f"complete: {footer.recorded} {units} recorded"
    partial = f"partial {footer.recorded}/{footer.suite_cases}"
    if footer.cut:
        return f"{partial}, incomplete ({clean(footer.cut)}): run everything again"
    if footer.recorded < footer.expected:
        return f"{partial}, {footer.expected - footer.recorded} selected {units} have no record: not a release decision"
    return f"{partial}, filtered ({clean(', '.join(footer.filters))}): not a release decision"


def answers(footer: Footer) -> str:
    """Where the answers came from, where some came from earlier runs; else ""."""
    stored, resumed, generated = (int(footer.used.get(name, "0")) for name in ("stored", "resumed", "generated"))
    told = [f"{stored} answers kept from earlier runs"] if stored else []
    told += [f"{resumed} taken from the run that went on here"] if "resumed" in footer.used else []
    return f"{', '.join(told)}, {generated} generated" if told else ""


def overall(rates: Iterable[Rate], suite: str, metric: str) -> Rate | None:
    """The rate over the whole of a suite."""
    return next((one for one in rates if (one.suite, one.metric, one.slice) == (suite, metric, "")), None)


def worst_slices(footer: Footer, suite: str, metric: str, most: int = 3) -> list[Rate]:
    """The slices in which the model is surely bad, the worst first: by the end of the interval that is the better one.

    Left out: slices of fewer than LEAST decided cases, those that are not worse than the whole, the centrics, which
    reports show anyway, and of slices that are alike to the last figure all but one.
    """
    whole = overall(footer.rates, suite, metric)
    if whole is None or whole.rate is None:
        return []
    sign = -1 if metric in LARGER_IS_BETTER else 1
    found = [
        (sign * (rate.low if sign > 0 else rate.high), rate)
        for rate in footer.rates
        if (rate.suite, rate.metric) == (suite, metric) and rate.slice not in ("", *CENTRICS) and rate.decided >= LEAST
        if rate.rate is not None and rate.low is not None and rate.high is not None
        if sign * rate.rate > sign * whole.rate
    ]
    apart: dict[tuple[int, int, int], Rate] = {}
    for _, rate in sorted(found, key=lambda one: -one[0]):
        apart.setdefault((rate.count, rate.n, rate.invalid), rate)
    return list(apart.values())[:most]
