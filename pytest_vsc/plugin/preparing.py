"""Before a session: everything that a run needs is read, opened and checked, or the run is refused. It runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TypeVar, cast

import pytest

from pytest_vsc.baselines import Baseline, read_baseline
from pytest_vsc.calibrations import open_calibrations, spelled
from pytest_vsc.cards import Figures
from pytest_vsc.cases import Key, Suite
from pytest_vsc.earlier import read_earlier
from pytest_vsc.engines import open_engine
from pytest_vsc.engines.effects import SETTINGS, refuse_without_effect
from pytest_vsc.errors import ModelError, SettingsError, StoreError, VscError, one_line, printable
from pytest_vsc.exclusions import Exclusion, read_exclusions
from pytest_vsc.gates import Gate
from pytest_vsc.judges.showing import masked
from pytest_vsc.plugin.calibrating import as_typed, inside
from pytest_vsc.plugin.gating import (
    Basis,
    figures_for_gates,
    gates_in_force,
    hold_to_the_baseline,
    hold_to_the_lock,
)
from pytest_vsc.plugin.judging import close_judge, judges_itself, prepare_judge, refuse_itself
from pytest_vsc.plugin.settings import Settings, read_settings
from pytest_vsc.protocols import Calibration, Engine, Judge
from pytest_vsc.records import Policy, PolicyName, Response
from pytest_vsc.selection import Drawn, draw
from pytest_vsc.store import Store
from pytest_vsc.suites import load_suites
from pytest_vsc.writing import RunWriter

T = TypeVar("T")


@dataclass(frozen=True)
class Prepared:
    """Everything that was checked before the session began; no weights are loaded and nothing is written yet."""

    settings: Settings
    suites: Sequence[Suite]
    drawn: Mapping[str, tuple[frozenset[str], Drawn]] | None
    engine: Engine
    calibrations: Sequence[Calibration]
    judge: Judge
    judge_specs: tuple[str, ...]
    policy: Policy
    gates: Sequence[tuple[Suite, Gate]]
    gates_off: Sequence[str]
    excluded: Mapping[Key, Exclusion]
    figures: Figures | None
    baseline: Baseline | None
    unlike: Sequence[str]
    lock: str
    writer: RunWriter
    store: Store | None
    store_trouble: str
    earlier: Mapping[str, Response]

    def judges_itself(self) -> bool:
        """Whether the model under test is among the judge's models, as far as that can be told by now."""
        return judges_itself(self.settings, self.engine, self.judge, self.judge_specs)


def prepare(config: pytest.Config) -> Prepared:
    """Check everything that can be checked before tests are collected. Raises VscError; nothing is left half done."""
    settings = read_settings(config)
    suites = load_suites(settings.suites, settings.base, settings.cache)
    drawn = {suite.name: draw(suite, settings.sample) for suite in suites} if settings.sample else None
    calibrations = open_calibrations(settings.calibrate, settings.base)
    within = inside(calibrations, settings.engine)
    changed = {name for name in SETTINGS if getattr(within, name) != getattr(settings.engine, name)}
    settings = replace(settings, engine=within, typed=settings.typed | changed)
    engine = open_engine(settings.spec, settings.engine)
    policy = Policy(name=_policy(settings, suites), blocked=settings.blocked)
    gates, gates_off = gates_in_force(settings, suites, policy.name)
    excluded = _excluded(settings, suites)
    baseline = read_baseline(settings.baseline) if settings.baseline else None
    judge, judge_specs = sound(lambda: prepare_judge(settings), f"--vsc-judge {masked(settings.judge)}")
    earlier = read_earlier(settings.resume) if settings.resume else {}
    writer = RunWriter(settings.output, resumes=_goes_on(settings))
    store, trouble = None, ""
    try:
        refuse_without_effect(settings.spec, settings.engine, engine, judge.engines.values(), settings.typed)
        figures = figures_for_gates(gates, judge, policy.name)
        basis = Basis(settings, suites, gates, policy, judge, excluded.keys())
        lock = hold_to_the_lock(basis)
        sound(engine.check, f"--vlm {settings.spec}")
        refuse_itself(settings, engine, judge)
        unlike = hold_to_the_baseline(basis, engine, spelled(calibrations), baseline)
        if not config.option.collectonly:
            writer.check()
            store, trouble = _store(settings, [engine, *judge.engines.values()])
    except BaseException as error:
        engine.close()
        close_judge(judge)
        if isinstance(error, VscError):
            raise as_typed(error, calibrations) from None
        raise
    return Prepared(
        settings=settings,
        suites=suites,
        drawn=drawn,
        engine=engine,
        calibrations=calibrations,
        judge=judge,
        judge_specs=judge_specs,
        policy=policy,
        gates=gates,
        gates_off=gates_off,
        excluded=excluded,
        figures=figures,
        baseline=baseline,
        unlike=unlike,
        lock=lock,
        writer=writer,
        store=store,
        store_trouble=trouble,
        earlier=earlier,
    )


def _goes_on(settings: Settings) -> bool:
    """Whether the run that is resumed lies where this one will be written."""
    if settings.resume is None:
        return False
    folder = settings.resume if settings.resume.is_dir() else settings.resume.parent
    return folder.resolve() == settings.output.resolve()


def _excluded(settings: Settings, suites: Sequence[Suite]) -> Mapping[Key, Exclusion]:
    if settings.excluded is None:
        return {}
    today = datetime.now(timezone.utc).date()
    return read_exclusions(settings.excluded, [case for suite in suites for case in suite.cases], today)


def sound(step: Callable[[], T], named: str) -> T:
    """What an engine does before the tests; whatever a user's own one raises is one line."""
    try:
        return step()
    except VscError:
        raise
    except Exception as error:
        raise ModelError(f"{named}: {type(error).__name__}: {one_line(error)}") from error


def _store(settings: Settings, engines: Sequence[Engine]) -> tuple[Store | None, str]:
    """The store of answers, or why there is none. Raises StoreError where a run must not go on without."""
    if settings.cache is None or not any(engine.lasting for engine in engines):
        return None, ""
    try:
        return Store(settings.cache), ""
    except StoreError as error:
        if settings.require_cache:
            raise
        return None, printable(error)


def _policy(settings: Settings, suites: Sequence[Suite]) -> PolicyName:
    if settings.policy is not None:
        return settings.policy
    judged = [suite for suite in suites if not suite.measures_utility]  # right or wrong is so by any policy
    named = {suite.header.policy: suite.name for suite in judged or suites[:1]}
    if len(named) > 1:
        asked = ", ".join(f"{name}: {policy or 'strict'}" for policy, name in named.items())
        raise SettingsError(f"--vsc-policy: the suites ask for different policies ({asked}); choose one")
    return cast(PolicyName, next(iter(named)) or "strict")  # a suite with another word was refused when it was read
