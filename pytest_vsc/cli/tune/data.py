"""What a model is taught, of suites and by its own answers, and what the loss is measured on. It trains nothing."""

from __future__ import annotations

import argparse
import json
import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_vsc.calibrations import lessons as teaching
from pytest_vsc.calibrations import tuning
from pytest_vsc.calibrations.lessons import Lesson, Mixture
from pytest_vsc.cases import Suite
from pytest_vsc.cli.local import Suites, tell
from pytest_vsc.cli.printing import count
from pytest_vsc.errors import EngineError, SettingsError
from pytest_vsc.records import Generation, Message, Request

if TYPE_CHECKING:
    from pytest_vsc.engines.generating import Model

COMMAND = "vsc tune"
OWN = "own-answers.json"
OWN_QUESTIONS = 128  # the most that the model is asked for answers of its own
OWN_TOKENS = 64


class Data(NamedTuple):
    """What is taught, what the loss is measured on, and where it is from."""

    taught: list[Lesson]
    held_out: list[Lesson]
    suites: tuple[Suite, ...]
    utility: str


def data_of(given: argparse.Namespace, suites: Suites, lessons: list[Lesson], mixture: Mixture, model: Model) -> Data:
    """The lessons of both sides with what keeps the model from forgetting, parted by groups."""
    taught, held_out = teaching.held_out(lessons, given.eval_share, given.seed)
    if given.utility:
        utility = teaching.of_answers(suites.answered)
        more, kept = teaching.held_out(utility, given.eval_share, given.seed)
        names = ", ".join(suite.name for suite in suites.utility)
        return Data(
            [*taught, *more], [*held_out, *kept], (*suites.sided, *suites.utility), f"{len(utility)} cases of {names}"
        )
    if not mixture.utility:
        return Data(taught, held_out, suites.sided, "none")
    own = _own_answers(given, taught, mixture, model)
    return Data([*taught, *own], held_out, suites.sided, f"the model's own answers to {len(own)} neutral questions")


def _own_answers(given: argparse.Namespace, taught: Sequence[Lesson], mixture: Mixture, model: Model) -> list[Lesson]:
    """Neutral questions with what the model itself says to them, from the checkpoints where it was asked before."""
    share = mixture.share("utility")
    wanted = OWN_QUESTIONS if share == 1 else min(OWN_QUESTIONS, math.ceil(len(taught) * share / (1 - share)))
    asked = teaching.neutral(taught, wanted, given.seed)
    file = given.out / tuning.CHECKPOINTS / OWN
    texts = _kept(file, len(asked))
    if texts is None:
        tell(COMMAND, f"asking {count(len(asked), 'neutral question')}")
        texts = _answers(model, [request_of(lesson) for lesson in asked], given.batch_size)
        build = file.with_suffix(".new")
        build.write_text(json.dumps(texts), encoding="utf-8")
        build.replace(file)
    return [
        lesson._replace(target=text, whole=whole)
        for lesson, (text, whole) in zip(asked, texts, strict=True)
        if text.strip()
    ]


def _kept(file: Path, number: int) -> list[tuple[str, bool]] | None:
    """What the model said before to so many questions; None where that is not there. Raises SettingsError."""
    if not file.is_file():
        return None
    try:
        read = [(str(text), bool(whole)) for text, whole in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        raise SettingsError(f"--resume: {OWN} cannot be read; begin anew in another folder") from None
    if len(read) != number:
        raise SettingsError(
            f"--resume: {OWN} has {count(len(read), 'answer')}, for other suites or another --mix or --seed than these "
            f"({count(number, 'question')}); expected what was begun with"
        )
    return read


def _answers(model: Model, requests: Sequence[Request], size: int) -> list[tuple[str, bool]]:
    """What the model says to each, and whether it came to its end; "" where it cannot take the request."""
    found: list[tuple[str, bool]] = []
    for start in range(0, len(requests), size):
        some = requests[start : start + size]
        try:
            inputs = model.prepare([model.conversation(request) for request in some])
            said = model.generate(some, inputs, threading.Event())
        except EngineError:
            said = [EngineError("") for _ in some]
        found += [
            ("", False) if isinstance(one, EngineError) else (one.text, one.finish_reason == "stop") for one in said
        ]
    return found


def request_of(lesson: Lesson) -> Request:
    """The lesson as a question to the model."""
    message = Message(role="user", text=lesson.prompt, images=lesson.images)
    return Request(messages=(message,), generation=Generation(max_new_tokens=OWN_TOKENS))
