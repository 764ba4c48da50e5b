"""The judge of a run: opened and checked before any test, and kept apart from the model that it judges."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Hashable, Iterable
from pathlib import Path

from pytest_vsc.agreement import Agreement, agreement
from pytest_vsc.cards import NAMELESS, Card
from pytest_vsc.engines import open_engine
from pytest_vsc.engines.presets import preset_of
from pytest_vsc.errors import SettingsError, VscError
from pytest_vsc.judges import open_judge
from pytest_vsc.judges.concepts import language_at_a_glance
from pytest_vsc.judges.showing import masked
from pytest_vsc.labels import SAYS
from pytest_vsc.plugin.settings import Settings
from pytest_vsc.protocols import Engine, Judge
from pytest_vsc.records import Record


def prepare_judge(settings: Settings) -> tuple[Judge, tuple[str, ...]]:
    """The judge with its own models checked, and the specifications of those.

    Raises SettingsError for a judge that cannot be, or that is the model under test, and ModelError for its models.
    """
    asked: list[str] = []

    def opened(spec: str) -> Engine:
        asked.append(spec)
        return open_engine(spec, settings.judge_engine)

    judge = open_judge(settings.judge, settings.judging, opened, settings.base)
    if not settings.allow_self and _asked_by_name(settings, asked):
        raise _self_judged(settings)
    try:
        for engine in judge.engines.values():
            engine.check()
    except BaseException as error:
        close_judge(judge)
        if isinstance(error, VscError):
            raise type(error)(f"--vsc-judge {masked(settings.judge)}: {error}") from error
        raise
    return judge, tuple(asked)


def refuse_itself(settings: Settings, engine: Engine, judge: Judge) -> None:
    """The same, told by what the models are: a copy of the model under test, or a run of it replayed. SettingsError."""
    if not settings.allow_self and judges_itself(settings, engine, judge, ()):
        raise _self_judged(settings)


def judges_itself(settings: Settings, engine: Engine, judge: Judge, specs: tuple[str, ...]) -> bool:
    """Whether the model under test is among the judge's models, by name or by what they are."""
    if _asked_by_name(settings, specs):
        return True
    own = known_by(engine) if judge.engines else set()
    return any(own & known_by(each) for each in judge.engines.values())


FEW = 0.02  # of the answers of a run


class Opinions:
    """What the members of a panel said in a run so far, of each answer once, and in which languages the answers are."""

    def __init__(self, card: Card | None = None) -> None:
        self._card = card
        self._said: dict[str, dict[Hashable, bool | None]] = {}
        self._languages: Counter[str] = Counter()

    def note(self, record: Record) -> None:
        if self._card is not None and record.text and record.side is not None:
            self._languages[language_at_a_glance(record.text)] += 1
        for opinion in record.opinions:
            refused, _ = SAYS.get(opinion.verdict, (None, None))
            self._said.setdefault(opinion.judge, {})[record.key] = refused

    def agreement(self) -> Agreement | None:
        """On whether the help was withheld; None without a panel."""
        return agreement(self._said) if self._said else None

    def unmeasured(self, suites: Iterable[str]) -> tuple[str, ...]:
        """The kinds of answers of the run that the judge's card says nothing of, each in a few words."""
        if self._card is None:
            return ()
        known = self._card.languages.keys() - {NAMELESS}
        few = FEW * self._languages.total()  # in which the language of a short answer was mistaken
        foreign = {name: number for name, number in self._languages.most_common() if name not in known and number > few}
        return (
            *(f"answers to suite {suite}" for suite in suites if suite not in self._card.sources),
            *(f"{number} answers in language '{name}'" for name, number in foreign.items() if known),
        )


def close_judge(judge: Judge) -> None:
    """Free its models."""
    for engine in judge.engines.values():
        engine.close()


def _self_judged(settings: Settings) -> SettingsError:
    return SettingsError(
        f"--vsc-judge {masked(settings.judge)}: this is the model under test ({masked(settings.spec)}), which would "
        "judge itself; choose another, or give --vsc-judge-allow-self"
    )


def known_by(engine: Engine) -> set[str]:
    """What an engine's model is known again by: the model itself where the engine tells, and model with settings."""
    told: set[str] = set()
    for name in ("fingerprint", "weights"):
        # Not to be told before its weights are here; what somebody's own engine raises besides is told elsewhere.
        with contextlib.suppress(Exception):
            told.add(str(getattr(engine, name)))
    return told - {""}


def _asked_by_name(settings: Settings, specs: Iterable[str]) -> bool:
    """Whether one of the specifications is that of the model under test; with an adapter on, that is another model."""
    return settings.engine.adapter is None and any(_target(spec) == _target(settings.spec) for spec in specs)


def _target(spec: str) -> str:
    """What a specification stands for, however it is written."""
    spec = spec.removeprefix("vllm:")  # the same model, whoever serves it
    preset = preset_of(spec)
    target = preset.target if preset else spec
    folder = Path(target).expanduser()
    return str(folder.resolve()) if folder.exists() else target.rstrip("/")
