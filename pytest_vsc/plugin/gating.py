"""Gates as pytest sees them: which are in force, and each as a reported test of its own. It decides nothing itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

from pytest_vsc.baselines import Baseline, Terms, hold, recalibrated, terms_of
from pytest_vsc.cards import Figures, card_of
from pytest_vsc.cases import Key, Suite
from pytest_vsc.deciding import Decision
from pytest_vsc.engines.presets import preset_of
from pytest_vsc.errors import GateError, LockError, one_line
from pytest_vsc.gates import SUITE_LAYER, Gate, counted_in, resolve_gates, shared_out
from pytest_vsc.language import read_gate
from pytest_vsc.locks import MOST_SHOWN, Lock, differences, make_lock, read_lock, write_lock
from pytest_vsc.plugin.settings import Settings
from pytest_vsc.protocols import Engine, Judge
from pytest_vsc.records import Policy, PolicyName
from pytest_vsc.reliability import SINGLE, figures_for, reliability

GATE_FILE = "gates"  # what gate node ids start with, in the place of a file
DEMO = "demo bounds of preset "


def gates_in_force(
    settings: Settings, suites: Sequence[Suite], policy: PolicyName
) -> tuple[list[tuple[Suite, Gate]], list[str]]:
    """The gates of each suite, and what was switched off; the weakest layer first: suite, demo bounds, ini, option.

    Each gate of the ini file and of the options is for each suite alone, but one whose metric only suites of the other
    kind can count is for those (`gates.shared_out`); demo bounds that no suite can count are left out, and so are gates
    of a suite's own that wait for a baseline. Raises GateError.
    """
    preset = preset_of(settings.spec)
    demo_origin, demo = f"{DEMO}{settings.spec}", preset.gates if preset else ()
    found: list[tuple[Suite, Gate]] = []
    off: list[str] = []
    for suite in suites:
        bounds = tuple(text for text in demo if counted_in(read_gate(text, demo_origin).metric, suite))
        given = ((origin, shared_out(texts, origin, suite, suites)) for origin, texts in settings.gate_layers)
        idle = waiting(suite) if settings.baseline is None else ()
        own = tuple(text for text in suite.header.gates if text not in idle)
        layers = ((f"{SUITE_LAYER}{suite.name}", own), (demo_origin, bounds), *given)
        gates, gates_off = resolve_gates(layers, suite, policy)
        found += [(suite, gate) for gate in gates]
        off += [name for name in gates_off if name not in off]
    return found, off


def waiting(suite: Suite) -> tuple[str, ...]:
    """The gates of a suite's own that hold a model to a baseline: in force with one only. Raises GateError."""
    drafts = {text: read_gate(text, f"{SUITE_LAYER}{suite.name}") for text in suite.header.gates}
    return tuple(text for text, draft in drafts.items() if draft.bound is not None and draft.bound.baseline)


class Basis(NamedTuple):
    """What the decisions of a run rest on, but for the model."""

    settings: Settings
    suites: Sequence[Suite]
    gates: Sequence[tuple[Suite, Gate]]
    policy: Policy
    judge: Judge
    excluded: Collection[Key]


def hold_to_the_lock(basis: Basis) -> str:
    """Compare the run with the lock beside it, or write that anew; returns what the header says, "" without a lock.

    Raises LockError, naming what moved.
    """
    settings, judge = basis.settings, basis.judge
    file = settings.lock
    if not settings.update_lock and not file.exists() and not file.is_symlink():
        return ""
    now = make_lock(
        basis.suites,
        basis.gates,
        basis.policy,
        inconclusive=settings.inconclusive,
        judge=(judge.name, judge.identity),
        sample=settings.sample,
        excluded=basis.excluded,
        repeats=settings.repeats,
        early_stop=settings.early_stop,
    )
    if settings.update_lock:
        return _written(file, now)
    moved = differences(read_lock(file), now)
    if moved:
        more = [f"... and {len(moved) - MOST_SHOWN} more"] if len(moved) > MOST_SHOWN else []
        what = "\n  ".join([*moved[:MOST_SHOWN], *more])
        raise LockError(f"{file.name}: this run is not as locked; --vsc-update-lock moves the lock\n  {what}")
    return f"{file.name} holds"


def figures_for_gates(gates: Sequence[tuple[Suite, Gate]], judge: Judge, policy: PolicyName) -> Figures | None:
    """How often the judge is right on the question that the policy goes by; None where nobody has measured it.

    Raises GateError for a gate that is to be corrected by figures that there are not, or by which nothing can be.
    """
    card = card_of(judge)
    figures = figures_for(policy, card.all) if card else None
    for _, gate in gates:
        if not gate.corrected:
            continue
        where = f"{gate.origin}: '{gate.text}'"
        if figures is None:
            raise GateError(
                f"{where}: nothing is known of the errors of judge {judge.name}, so no rate can be corrected for them; "
                "take a judge that has a card (`vsc judge check` measures one), or leave `corrected` out"
            )
        known = [reliability(metric, figures) for metric in SINGLE.get(gate.metric, (gate.metric,))]
        if not all(one and one.tells for one in known):
            raise GateError(f"{where}: judge {judge.name} is no better than chance, so no rate can be corrected by it")
    return figures


def hold_to_the_baseline(basis: Basis, engine: Engine, calibration: str, baseline: Baseline | None) -> list[str]:
    """See that the run can be compared with its baseline; returns what differs and may. calibration: as it is spelled.

    Raises GateError for a gate that wants a baseline where there is none, and SettingsError for one that is another
    kind of run.
    """
    if baseline is None:
        for _, gate in basis.gates:
            if gate.baseline:
                raise GateError(f"{gate.origin}: '{gate.text}': there is no baseline; add --vsc-baseline RUN")
        return []
    now = Terms(
        suites={suite.name: suite.sha256 for suite in basis.suites},
        policy=basis.policy,
        judge=(basis.judge.name, basis.judge.identity),
        generation=basis.settings.generation,
        repeats=basis.settings.repeats,
        engine=engine.describe().get("engine", ""),
    )
    header = baseline.run.header
    allowed = hold(terms_of(header), now, basis.settings.baseline_allow, baseline.name)
    return [*allowed, *recalibrated(header, calibration)]


def _written(file: Path, now: Lock) -> str:
    try:
        moved = differences(read_lock(file), now) if file.exists() else ["new"]
    except LockError:
        moved = ["made anew"]
    if not moved:
        return f"{file.name} holds; nothing to update"
    write_lock(file, now)
    more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""
    return f"{file.name} written: {'; '.join(moved[:3])}{more}"


def blocks(decision: Decision, inconclusive: Literal["fail", "pass"]) -> bool:
    """Whether the decision keeps the release back."""
    if decision.decision == "INCONCLUSIVE":
        return inconclusive == "fail"
    return decision.decision == "FAIL"


def report_gate(config: pytest.Config, decision: Decision, name: str, *, blocked: bool) -> None:
    """Put one decision through pytest's own reporting: terminal, JUnit, exit status."""
    hook: Any = config.hook
    name, decision = one_line(name), decision.model_copy(update={"message": one_line(decision.message)})
    # The caches of --lf and --sw would take a broken gate for a test to run again, and run nothing else.
    caches = [config.pluginmanager.get_plugin(cache) for cache in ("lfplugin", "stepwiseplugin")]
    logreport = config.pluginmanager.subset_hook_caller(
        "pytest_runtest_logreport", [cache for cache in caches if cache is not None]
    )
    nodeid, location = f"{GATE_FILE}::{name}", (GATE_FILE, None, name)
    hook.pytest_runtest_logstart(nodeid=nodeid, location=location)
    for report in _phases(decision, nodeid, location, blocked):
        logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)


def _phases(
    decision: Decision, nodeid: str, location: tuple[str, int | None, str], blocked: bool
) -> Iterator[pytest.TestReport]:
    outcome: Literal["passed", "failed", "skipped"] = "failed" if blocked else "passed"
    longrepr: Any = decision.message if blocked else None
    if decision.decision == "SKIPPED":
        outcome, longrepr = "skipped", (GATE_FILE, None, f"Skipped: {decision.message}")
    phases: tuple[Literal["setup", "call", "teardown"], ...] = ("setup", "call", "teardown")
    for when in phases:
        decides = when == "call"
        yield pytest.TestReport(
            nodeid=nodeid,
            location=location,
            keywords={},
            outcome=outcome if decides else "passed",
            longrepr=longrepr if decides else None,
            when=when,
        )
