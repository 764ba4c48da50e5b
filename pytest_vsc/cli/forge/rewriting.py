"""The models of `vsc forge pairs --ops rewrite@SPEC`: opened, asked in rounds, closed; what they said is kept.

What they are asked and what counts is told in the forge. No word of theirs is shown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from pytest_vsc.answers import Answers
from pytest_vsc.cli.local import Line
from pytest_vsc.cli.printing import count
from pytest_vsc.conversations import Conversations
from pytest_vsc.engines import EngineSettings, open_engine
from pytest_vsc.errors import EngineError, ForgeError, ModelError, SettingsError, StoreError, VscError, one_line
from pytest_vsc.forge.making import Pair
from pytest_vsc.forge.operators import REWRITE
from pytest_vsc.forge.pairing import Prepare
from pytest_vsc.forge.plans import Attempt
from pytest_vsc.forge.recipes import MODEL, Recipe, Step
from pytest_vsc.forge.rewriting import VERIFIER, Reworded, reworded
from pytest_vsc.forge.wordings import Key, Wordings
from pytest_vsc.judges.showing import masked
from pytest_vsc.judging import load
from pytest_vsc.protocols import Engine, Exchange
from pytest_vsc.records import Request
from pytest_vsc.store import Store, default_folder

T = TypeVar("T")

REWRITER = "rewriter"
OPTIONS = {REWRITER: f"--ops {REWRITE}@SPEC", VERIFIER: "--verifier"}
FEWEST = 64  # pairs of a round behind the first
FAILED, FEW_FAILED = 1 / 10, 2  # of the prompts of a round: more than both without an answer, and the work stops
NAME_LETTERS = 60
NO_ANSWER = Reworded(why="unfit", detail="a model gave no answer")


class Rewriting(NamedTuple):
    """What a forge with a model needs. recipes: with the model's name."""

    recipes: Sequence[Recipe]
    models: Mapping[str, Mapping[str, str]] = MappingProxyType({})
    prepared: Prepare = iter


def specs_of(recipes: Sequence[Recipe], verifier: str | None) -> dict[str, str]:
    """The models that are to be asked, by their part; none where no recipe asks one. Raises SettingsError."""
    found = dict.fromkeys(str(dict(one.settings)[MODEL]) for recipe in recipes for one in recipe if one.op == REWRITE)
    if len(found) > 1:
        raise SettingsError(f"--ops: {len(found)} models that rewrite; expected one for all recipes")
    if not found and verifier is not None:
        raise SettingsError(f"--verifier: no recipe of --ops asks a model; expected {REWRITE}@SPEC among them")
    rewriter = next(iter(found), None)
    return {} if rewriter is None else {REWRITER: rewriter, VERIFIER: rewriter if verifier is None else verifier}


@contextmanager
def rewriting(
    recipes: Sequence[Recipe],
    specs: Mapping[str, str],
    pairs: Sequence[Pair],
    out: Path,
    *,
    limit: int,
    told: list[str],
) -> Iterator[Rewriting]:
    """Open the models of `specs_of`, and close them at the end. pairs: the seeds. limit: of pairs. told: is given the
    lines that tell what came of the prompts.

    Raises ModelError and SettingsError, in the words of these options.
    """
    if not specs:
        yield Rewriting(recipes)
        return
    store, engines = _store(), dict[str, Engine]()
    with ExitStack() as ending:
        if store is not None:
            ending.callback(store.close)
        ending.callback(_close, engines)
        answers = _opened(specs, store, engines)
        models = {role: _described(specs[role], answers[role], engines[specs[role]]) for role in OPTIONS}
        asker = Asker(answers, models, pairs, out, limit)
        done = False
        try:
            yield Rewriting([_named(recipe, models[REWRITER]["model"]) for recipe in recipes], models, asker.prepared)
            done = True
        finally:
            told += [*asker.lines(), *_witness(specs, engines)]
            _close(engines)
            asker.close(done=done)


class Asker:
    """The conversations with the models of one forge, and what came of each prompt."""

    def __init__(
        self,
        answers: Mapping[str, Answers],
        models: Mapping[str, Mapping[str, str]],
        pairs: Sequence[Pair],
        out: Path,
        limit: int,
    ) -> None:
        self._pairs, self._models = {pair.name: pair for pair in pairs}, models
        self._out, self._limit = out, limit
        self._wordings: Wordings | None = None
        self._failed: dict[Key, str] = {}
        self._conversations = Conversations(
            {"": answers[REWRITER], VERIFIER: answers[VERIFIER]},
            ended=lambda _, ended: self._note(*ended),
            kept=lambda: None,
            stepped=lambda: None,
        )
        self._conversations.start()

    def prepared(self, planned: Iterator[Attempt]) -> Iterator[Attempt]:
        """The attempts with their words; all prompts of a round are asked for at once, so that batches are full.

        Raises ForgeError, and ModelError where a model cannot be loaded or is gone.
        """
        self._wordings = Wordings(self._out)
        return self._rounds(planned)

    def _rounds(self, planned: Iterator[Attempt]) -> Iterator[Attempt]:
        size = self._limit
        while some := list(islice(planned, size)):
            self._ask({key for one in some if _asks(one) for key in self._keys(one)})
            yield from (self._worded(one) if _asks(one) else one for one in some)
            size = max(FEWEST, self._limit // 4)

    def lines(self) -> list[str]:
        """What came of the prompts, for a terminal."""
        known = self._wordings.known if self._wordings else {}
        found = [*known.values(), *[NO_ANSWER] * len(self._failed.keys() - known.keys())]
        good = sum(not one.why for one in found)
        names = [f"{self._models[role]['model']}" for role in OPTIONS]
        out = [f"rewritten by {names[0]}, verified by {names[1]}: {good:,} of {count(len(found), 'prompt')}"]
        counted = Counter(f"{one.why}: {one.detail}" for one in found if one.why)
        out += [f"  {number:>6,}  {why}" for why, number in counted.most_common()]
        if self._failed:
            out += [f"  the first failure: {next(iter(self._failed.values()))}"]
        return out

    def close(self, *, done: bool) -> None:
        """done: nothing is left to go on with."""
        self._conversations.close()
        if self._wordings is not None:
            self._wordings.close(done=done)

    def _ask(self, keys: set[Key]) -> None:
        missing = sorted(key for key in keys if self._wordings and key not in self._wordings.known)
        if not missing:
            return
        begun = [self._conversations.begin(_ended(*key), urgent=False) for key in missing]
        self._conversations.carry_on()
        try:
            with Line("vsc forge pairs", "prompts rewritten") as line:
                for number, one in enumerate(begun, 1):
                    self._conversations.result(one)
                    line.show(number, len(begun))
        except BaseException:
            if isinstance(self._conversations.failure, ModelError):
                said = f"{self._conversations.failure}; what is done is kept, the same command goes on"
                raise ModelError(said) from None
            raise
        self._see_answered([key for key in missing if key in self._failed], len(missing))

    def _see_answered(self, failed: Sequence[Key], asked: int) -> None:
        if len(failed) < asked and len(failed) <= max(FEW_FAILED, FAILED * asked):
            return
        raise ForgeError(
            f"--ops {REWRITE}@{self._models[REWRITER]['model']}: {len(failed):,} of {count(asked, 'prompt')} got no "
            f"answer ({self._failed[failed[0]]}); what is done is kept, the same command goes on"
        )

    def _note(self, key: Key, ended: Reworded | EngineError) -> None:
        """Keep what came of a prompt, in whatever thread that is known."""
        if isinstance(ended, EngineError):
            self._failed[key] = one_line(ended)[:200]
        elif self._wordings is not None:
            self._wordings.add(key, ended)

    def _known(self, key: Key) -> Reworded:
        known = self._wordings.known.get(key) if self._wordings else None
        return known or NO_ANSWER

    def _keys(self, attempt: Attempt) -> tuple[Key, Key]:
        safe, unsafe = self._pairs[attempt.pair].safe.prompt, self._pairs[attempt.pair].unsafe.prompt
        return ((safe, ""), (safe, "")) if safe == unsafe else ((safe, unsafe), (unsafe, safe))

    def _worded(self, attempt: Attempt) -> Attempt:
        safe, unsafe = map(self._known, self._keys(attempt))
        return attempt._replace(words=(safe, unsafe))


def _asks(attempt: Attempt) -> bool:
    return attempt.recipe[0].op == REWRITE


def _ended(prompt: str, twin: str) -> Exchange[tuple[Key, Reworded | EngineError]]:
    try:
        return (prompt, twin), (yield from reworded(prompt, twin))
    except EngineError as error:
        return (prompt, twin), error


# --- the models ---


def _opened(specs: Mapping[str, str], store: Store | None, engines: dict[str, Engine]) -> dict[str, Answers]:
    """What each part answers; one model for both where they are the same. engines: each is put there when opened."""
    for role, spec in specs.items():
        if spec not in engines:
            engines[spec] = _tried(lambda spec=spec: open_engine(spec, EngineSettings()), OPTIONS[role])  # type: ignore[misc]
    answers: dict[str, Answers] = {}
    for spec, engine in engines.items():
        role = next(role for role in specs if specs[role] == spec)
        _tried(engine.check, OPTIONS[role])
        answers[spec] = Answers(engine, store, partial(_load, OPTIONS[role], engine))
    return {role: answers[spec] for role, spec in specs.items()}


def _close(engines: Mapping[str, Engine]) -> None:
    for engine in engines.values():
        engine.close()


def _load(option: str, engine: Engine, _: Sequence[Request]) -> None:
    _tried(lambda: load(engine), option)


def _tried(step: Callable[[], T], option: str) -> T:
    """What a step gives; what it raises is in the words of this option."""
    try:
        return step()
    except VscError as error:
        text = str(error)
        said = text.replace("--vlm", option, 1) if text.startswith("--vlm") else f"{option}: {text}"
        raise type(error)(said) from None


def _described(spec: str, answers: Answers, engine: Engine) -> dict[str, str]:
    """What is kept of a model: its name, and its fingerprint where that pins what it answers. Raises ModelError."""
    if engine.lasting:
        answers.identify()
    model = re.sub(r"[^\w./:@#-]+", "-", engine.describe().get("model", "")) or "model"
    return {
        "model": model[:NAME_LETTERS],
        "spec": one_line(masked(spec)),
        "fingerprint": engine.fingerprint if engine.lasting else "",
    }


def _named(recipe: Recipe, name: str) -> Recipe:
    return tuple(Step(REWRITE, ((MODEL, name),)) if one.op == REWRITE else one for one in recipe)


def _witness(specs: Mapping[str, str], engines: Mapping[str, Engine]) -> list[str]:
    """A word of warning where the verifier is the rewriter itself."""
    rewriter, verifier = (engines[specs[role]] for role in OPTIONS)
    if rewriter is not verifier and not _same(rewriter, verifier):
        return []
    return ["  the model verified its own words; another one, --verifier SPEC, is the better witness"]


def _same(one: Engine, other: Engine) -> bool:
    try:
        mine = getattr(one, "weights", "")
        return bool(mine) and mine == getattr(other, "weights", "")
    except ModelError:
        return False


def _store() -> Store | None:
    """The user's own store of answers; without it, all is asked anew."""
    try:
        return Store(default_folder())
    except StoreError:
        return None
