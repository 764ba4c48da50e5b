"""The training of `vsc tune`: from lessons to batches, what was begun and can be gone on with, Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_vsc.calibrations import lessons as teaching
from pytest_vsc.calibrations import tuning
from pytest_vsc.calibrations.layers import Layers
from pytest_vsc.calibrations.lessons import Lesson, Mixture
from pytest_vsc.cli.local import Line, tell
from pytest_vsc.cli.printing import count
from pytest_vsc.cli.tune.data import COMMAND, Data, request_of
from pytest_vsc.errors import EngineError, ModelError, SettingsError, one_line

if TYPE_CHECKING:
    from pytest_vsc.engines.candidate import Candidate
    from pytest_vsc.engines.generating import Model
    from pytest_vsc.engines.teaching import Teacher

BEGUN = "begun.json"  # in the checkpoints: what a training that goes on must agree on


class Losses(NamedTuple):
    """The mean loss on what is held out, None without any; and that of each step."""

    before: float | None
    after: float | None
    steps: Sequence[float]


def train(
    given: argparse.Namespace,
    data: Data,
    recipe: tuning.Recipe,
    mixture: Mixture,
    *,
    layers: Layers,
    candidate: Candidate,
    model: Model,
) -> Losses | None:
    """Train, and write the adapter; None where it was interrupted. Raises ModelError, SettingsError."""
    from pytest_vsc.engines.foreign import foreign, quiet
    from pytest_vsc.engines.teaching import Teacher

    teacher = Teacher(model, candidate.processor, candidate.manner)
    order = teaching.order_of(data.taught, mixture, recipe.steps * recipe.at_a_step, given.seed)
    lessons = [data.taught[place] for place in order]
    folder = given.out / tuning.CHECKPOINTS

    def batch(some: Sequence[Lesson]) -> Mapping[str, Any]:
        return _batch(teacher, some)

    def measured(network: Any) -> float | None:
        starts = range(0, len(data.held_out), recipe.batch_size)
        return tuning.measured(network, (batch(data.held_out[at : at + recipe.batch_size]) for at in starts))

    with foreign(candidate.name), quiet(), _interruptible() as stop:
        _see_apt(teacher, data.taught, candidate)
        before = measured(model.network)
        made = tuning.adapted(model.network, layers, recipe, candidate.name)
        weights = made.num_parameters(only_trainable=True)
        tell(COMMAND, f"{count(recipe.steps, 'step')}, {count(len(data.taught), 'lesson')}, {count(weights, 'weight')}")
        with Line(COMMAND, "step") as line:
            came = tuning.train(made, lessons, batch, recipe, folder, told=lambda now: _show(line, now), stop=stop)
        if not came.whole:
            tell(COMMAND, f"interrupted after step {came.step} of {recipe.steps}; go on with --resume")
            return None
        after = measured(made)
        tuning.write_adapter(made, given.out)
    return Losses(before, after, came.losses)


def _show(line: Line, now: tuning.Progress) -> None:
    loss = "" if now.loss is None else f", loss {now.loss:.3f}"
    left = "" if now.left is None else f", {now.left:.0f} s left"
    line.show(now.step, now.steps, f"{loss}{left}")


def recipe_of(given: argparse.Namespace, lessons: int) -> tuning.Recipe:
    """lessons: how many are taught."""
    at_a_step = given.batch_size * given.gradient_accumulation
    return tuning.Recipe(
        rank=given.rank,
        alpha=given.lora_alpha or 2.0 * given.rank,
        dropout=given.dropout,
        modules=given.target_modules,
        rate=given.learning_rate,
        steps=given.steps or math.ceil(given.epochs * lessons / at_a_step),
        batch_size=given.batch_size,
        accumulation=given.gradient_accumulation,
        seed=given.seed,
        save_steps=given.save_steps,
    )


def _batch(teacher: Teacher, some: Sequence[Lesson]) -> Mapping[str, Any]:
    try:
        answers = [teacher.answer(lesson.target, whole=lesson.whole) for lesson in some]
        return teacher.batch([request_of(lesson) for lesson in some], answers)
    except EngineError as error:
        raise ModelError(f"a case of {one_line(some[0].suite)} cannot be put to it: {error}") from None


def _see_apt(teacher: Teacher, lessons: Sequence[Lesson], candidate: Candidate) -> None:
    """See by a few lessons that the model can be taught like this, and by all that the targets can be said."""
    for lesson in lessons:
        try:
            teacher.answer(lesson.target, whole=lesson.whole)
        except SettingsError as error:
            raise SettingsError(f"--targets: the target of case '{one_line(lesson.id)}' {error}") from None
    some = sorted(lessons, key=lambda lesson: not lesson.images)[:2]
    answers = [teacher.answer(lesson.target, whole=lesson.whole) for lesson in some]
    try:
        teacher.see_apt([request_of(lesson) for lesson in some], answers, candidate.said["dtype"])
    except EngineError as error:
        raise ModelError(f"{candidate.name}: {error}") from None
    except ModelError as error:
        raise ModelError(f"{candidate.name}: {error}") from None


def see_begun(out: Path, said: Mapping[str, Any]) -> None:
    """Note what is begun, or see that what was begun is what goes on. Raises SettingsError."""
    file = out / tuning.CHECKPOINTS / BEGUN
    if not file.is_file():
        file.write_text(json.dumps(said), encoding="utf-8")
        return
    before, now = _flat(json.loads(file.read_text(encoding="utf-8"))), _flat(json.loads(json.dumps(said)))
    for name in before.keys() | now.keys():
        if before.get(name) != now.get(name):
            was, is_ = one_line(before.get(name))[:40], one_line(now.get(name))[:40]
            raise SettingsError(
                f"--resume: was begun with another {name} ({was}, now {is_}); expected the same command"
            )


def _flat(said: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in said.items():
        flat |= {f"{name} {inner}": one for inner, one in value.items()} if isinstance(value, dict) else {name: value}
    return flat


@contextlib.contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Gives whether Ctrl-C was pressed: once ends the training after its step, twice at once."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return
    before = signal.getsignal(signal.SIGINT)

    def press(*_: Any) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)
        tell(COMMAND, "interrupted: the step is finished and kept; once more ends it at once")

    signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
