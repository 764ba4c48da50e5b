"""What a run says of itself: its header, and the footer of how it ended. It writes nothing."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone

from pytest_vsc import __version__
from pytest_vsc.baselines import beside
from pytest_vsc.cards import card_of, seen_of
from pytest_vsc.cases import Suite
from pytest_vsc.deciding import Decision
from pytest_vsc.early import Early
from pytest_vsc.plugin.judging import Opinions
from pytest_vsc.plugin.ledger import Ledger
from pytest_vsc.plugin.preparing import Prepared
from pytest_vsc.protocols import Engine
from pytest_vsc.reliability import corrected_rate
from pytest_vsc.repeats import flip_rate
from pytest_vsc.runs import Footer, Header, SuiteSeen
from pytest_vsc.scores import Score, published
from pytest_vsc.statistics import Rate, standard_rates
from pytest_vsc.tallies import PUBLISHED


def header_of(ready: Prepared, calibration: str, self_check: str) -> Header:
    """What is known when the model is loaded. self_check: what the engine's own check came to."""
    system = ready.settings.system
    return Header(
        pytest_vsc=__version__,
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        model={
            **ready.engine.describe(),
            "spec": ready.settings.spec,
            "fingerprint": ready.engine.fingerprint,
            **_weights(ready.engine),
            **({"self_check": self_check} if self_check else {}),
        },
        suites=tuple(
            SuiteSeen(
                name=suite.name,
                version=suite.header.version,
                sha256=suite.sha256,
                cases=len(suite.cases),
                incomplete=suite.header.incomplete,
                drawn=ready.drawn[suite.name][1] if ready.drawn else None,
            )
            for suite in ready.suites
        ),
        sample=ready.settings.sample,
        judge=ready.judge.name,
        judge_identity=ready.judge.identity,
        judge_card=seen_of(card) if (card := card_of(ready.judge)) else None,
        judges_itself=ready.judges_itself(),
        policy=ready.policy,
        calibration=calibration,
        generation=ready.settings.generation,
        system_sha256=hashlib.sha256(system.encode()).hexdigest() if system else None,
        gates=tuple(gate.text for _, gate in ready.gates),
        gates_off=tuple(ready.gates_off),
        inconclusive=ready.settings.inconclusive,
        strict=ready.settings.strict,
        lock=ready.lock,
        excluded=tuple(ready.excluded.values()),
        repeats=ready.settings.repeats if ready.settings.repeats.times > 1 else None,
        early_stop=f"seed {ready.settings.seed}" if ready.settings.early_stop else "",
    )


def _weights(engine: Engine) -> dict[str, str]:
    """By which the model is known again, where the engine tells."""
    with contextlib.suppress(Exception):  # a model that has just died is told of where its answers are missed
        told = getattr(engine, "weights", "")
        return {"weights": told} if isinstance(told, str) and told else {}
    return {}


def footer_of(
    ready: Prepared,
    ledger: Ledger,
    *,
    cut: str | None,
    filters: Sequence[str],
    decisions: Sequence[Decision],
    opinions: Opinions,
    early: Early | None,
    causes: Mapping[str, int],
    used: Mapping[str, str],
    status: int,
) -> Footer:
    """How the run ended. cut: why cases may be missing. causes: why cases are invalid, and how many. used: what the
    model said of itself by then."""
    return Footer(
        complete=ledger.complete,
        suite_cases=ledger.total,
        expected=len(ledger.plan),
        recorded=ledger.recorded,
        not_run=ledger.not_run,
        cut=None if ledger.complete else cut,
        filters=tuple(filters),
        gates=tuple(decisions),
        rates=tuple(rate for suite in ready.suites for rate in _rates(ready, ledger, early, suite)),
        scores=tuple(score for suite in ready.suites for score in _scores(ready, ledger, early, suite)),
        agreement=opinions.agreement(),
        causes=dict(causes),
        unmeasured=opinions.unmeasured(suite.name for suite in ready.suites if not suite.measures_utility),
        flip_rates=tuple(flip_rate(ledger.records(suite), suite.name) for suite in ready.suites)
        if ready.settings.repeats.times > 1
        else (),
        baseline=beside(
            ready.baseline,
            {suite.name: list(ledger.records(suite)) for suite in ready.suites},
            policy=ready.policy.name,
            repeats=ready.settings.repeats,
            allowed=ready.settings.baseline_allow,
            unlike=ready.unlike,
        )
        if ready.baseline
        else None,
        used=dict(used),
        exit=status,
    )


def _scores(ready: Prepared, ledger: Ledger, early: Early | None, suite: Suite) -> Iterator[Score]:
    """The table of VSCBench, with the intervals that its rates have elsewhere."""
    for score in published(ledger.records(suite), suite.name, ready.policy, ready.settings.repeats.rule):
        if early is None or not ledger.not_run:
            yield score
        else:
            yield score.model_copy(update={name: early.rate(getattr(score, name)) for name in PUBLISHED})


def _rates(ready: Prepared, ledger: Ledger, early: Early | None, suite: Suite) -> Iterator[Rate]:
    """All rates of a suite, beside each what it would be for a judge that never errs."""
    for measured in standard_rates(ledger.tally(suite), suite.name, ready.policy.name):
        rate = early.rate(measured) if early and ledger.not_run else measured
        corrected = corrected_rate(rate, ready.figures) if ready.figures else None
        yield rate.model_copy(update={"corrected": corrected})
