"""What stands beside the rates: the judge's errors, repeats, the baseline, a panel's agreement. One line each."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pytest_vsc.agreement import Agreement
from pytest_vsc.comparing import better, worse
from pytest_vsc.intervals import Estimate
from pytest_vsc.reports.words import estimated, percent
from pytest_vsc.runs import Footer, Header

MOST_FLIPS = 8  # cases named in one line


def beside(run: Header, footer: Footer, folder: Path) -> Iterator[str]:
    """All that there is of it. folder: where the run is written."""
    yield from judge_errors(footer)
    yield from repeated(run, footer)
    yield from served(footer)
    yield from beside_the_baseline(footer)
    if footer.agreement is not None:
        yield agreement(footer.agreement, folder)


def judge_errors(footer: Footer) -> Iterator[str]:
    """The rates of a judge that never errs, and what is not known of this one's errors."""
    known = [rate for rate in footer.rates if rate.corrected and not rate.slice]
    if not known:
        return
    several = len({rate.suite for rate in footer.rates}) > 1
    rates = [
        f"{f'{rate.suite}: ' if several else ''}{rate.metric} "
        f"{estimated(Estimate(rate.corrected.rate, rate.corrected.low, rate.corrected.high))}"
        for rate in known
        if rate.corrected
    ]
    yield f"corrected for the judge's errors: {', '.join(rates)}"
    if footer.unmeasured:
        yield f"the judge's errors were not measured on {', '.join(footer.unmeasured)}"


def repeated(run: Header, footer: Footer) -> Iterator[str]:
    """How often the repeats of a case differ."""
    if run.repeats is None:
        return
    for found in footer.flip_rates:
        of = f"{found.suite}: " if len(footer.flip_rates) > 1 else ""
        interval = "" if found.low is None or found.high is None else f" ({100 * found.low:.1f}-{100 * found.high:.1f})"
        rate = f"{percent(found.rate)}{interval} of {found.n} cases" if found.n else "unknown"
        yield f"{of}{run.repeats.text}; their outcomes differ in {rate}"


def served(footer: Footer) -> Iterator[str]:
    """What a server's answers took, and what of them is not as one would expect."""
    used = footer.used
    if "prompt_tokens" in used:
        cost = f"; cost {used['cost']}" if "cost" in used else ""
        most = f" of {used['max_cost']}" if cost and "max_cost" in used else ""
        yield f"tokens: {int(used['prompt_tokens']):,} asked, {int(used['tokens']):,} answered{cost}{most}"
    if "not_taken" in used:
        yield f"the server takes no {used['not_taken']}: it does as it likes there"
    if "builds" in used:
        first = " ".join(filter(None, (used.get("served_as"), used.get("system_fingerprint")))) or "an unnamed build"
        yield f"the server's model changed during the run: first {first}, then {used['builds']}"


def beside_the_baseline(footer: Footer) -> Iterator[str]:
    """What flipped since the baseline, the cases by name."""
    if footer.baseline is None:
        return
    seen = footer.baseline
    flips = Counter((flip.before, flip.after) for flip in seen.flips)
    kinds = ", ".join(f"{number} {was} to {now}" for (was, now), number in flips.most_common())
    yield f"baseline {seen.name} ({seen.model}, {seen.started}): {kinds or 'no case has another outcome'}"
    yield from (f"not as in the baseline: {line}" for line in seen.unlike)
    several = len({flip.suite for flip in seen.flips}) > 1
    for what, cases in (("worse", worse(seen.flips)), ("better", better(seen.flips))):
        if cases:
            more = f" and {len(cases) - MOST_FLIPS} more (summary.json)" if len(cases) > MOST_FLIPS else ""
            names = [f"{flip.suite}/{flip.case_id}" if several else flip.case_id for flip in cases[:MOST_FLIPS]]
            yield f"{what}: {', '.join(names)}{more}"


def agreement(found: Agreement, folder: Path) -> str:
    """How far the judges of a panel agree, and where to look at what they differ on."""
    if found.percent is None or not found.n:
        return "the judges were not two on any answer"
    alpha = "" if found.alpha is None else f", Krippendorff's alpha {found.alpha:.2f}"
    look = f"; vsc judge review {os.path.relpath(folder)} --disagreements" if found.percent < 1 else ""
    return f"judges agree on {100 * found.percent:.1f} % of {found.n} answers whether help is withheld{alpha}{look}"
