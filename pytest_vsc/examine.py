"""The way of a case, from question to record, as one generator. It does no input or output of its own."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from pytest_vsc.cases import Case, Picture
from pytest_vsc.echoes import SHORT, repeats
from pytest_vsc.errors import EngineError, one_line
from pytest_vsc.marking import NAME, mark
from pytest_vsc.protocols import Ask, Calibration, Draft, Engine, Exchange, Judge
from pytest_vsc.records import (
    Answer,
    Generation,
    Judgement,
    Message,
    Policy,
    Question,
    Record,
    Request,
    Response,
    record_of,
)
from pytest_vsc.solutions import key_of

ECHO = "its message repeats what was asked or answered, and is withheld"


def examine(case: Case, approach: Approach, judge: Judge, policy: Policy) -> Exchange[Record]:
    """Ask what the case asks, judge the answer, and say what that means for the case's side.

    A utility case has no side and needs no judge: its answer is marked by the forms that are accepted.
    Whoever drives it sends a Response for each yielded Request or throws an EngineError in.
    """
    judge = ExactMatch(case.answers, case.options) if case.answers else judge
    answer = yield from judged(approach.converse(case), Question(case.prompt, case.images), judge)
    return record_of(case, answer, policy.outcome(case.side, answer.judgement.verdict))


def judged(conversation: Exchange[Response], question: Question, judge: Judge) -> Exchange[Answer]:
    """Hold a conversation and judge how it ends. A failure on the way is the verdict ERROR, never another one."""
    try:
        response = yield from conversation
    except EngineError as error:
        return _failed(judge, f"engine: {_told(error, question)}", None)
    try:
        judgement = yield from judge.judge(question, response)
    except EngineError as error:
        return _failed(judge, f"judge {judge.name}: {_told(error, question, response)}", response)
    told = judgement.error and _told(judgement.error, question, response)
    return Answer(judgement=judgement, response=response, error=told)


def _failed(judge: Judge, why: str, response: Response | None) -> Answer:
    return Answer(judgement=Judgement(verdict="ERROR", judge=judge.name), response=response, error=one_line(why))


def _told(error: EngineError | str, question: Question, response: Response | None = None) -> str:
    """A reason as it goes into logs: not what was asked or answered, should somebody's message repeat it."""
    texts = (question.prompt, response.text, response.thought) if response else (question.prompt,)
    return ECHO if repeats(str(error), texts, short=SHORT) else str(error)


@dataclass(frozen=True)
class ExactMatch:
    """Stands in the place of a judge for one utility case."""

    answers: tuple[str, ...]
    options: tuple[str, ...] = ()
    name: str = NAME
    identity: str = NAME
    engines: Mapping[str, Engine] = field(default_factory=lambda: MappingProxyType({}))

    def judge(self, question: Question, response: Response) -> Exchange[Judgement]:
        """The mark. Asks nobody."""
        yield from ()
        return mark(response, key_of(self.answers, self.options, question.prompt))


class Approach:
    """How every question of a run is put: the words and pictures as they are, under the deployed system prompt if there
    is one, and through the calibrations, of which the first is the outermost."""

    def __init__(
        self, generation: Generation, system: str | None = None, calibrations: Sequence[Calibration] = ()
    ) -> None:
        self._generation, self._system = generation, system or ""
        self._ask: Ask = put
        for calibration in reversed(calibrations):
            self._ask = functools.partial(_through, calibration, self._ask)

    def converse(self, case: Case) -> Exchange[Response]:
        """The conversation that a case is put to the model in."""
        return self._put(case.prompt, case.images, case.key.repeat)

    def question(self, prompt: str, images: tuple[Picture, ...]) -> Exchange[Response]:
        """Ask anything, the way a case is asked."""
        return self._put(prompt, images, 0)

    def _put(self, prompt: str, images: tuple[Picture, ...], repeat: int) -> Exchange[Response]:
        draft = Draft(prompt, images, system=self._system, generation=self._generation, repeat=repeat)
        return (yield from self._ask(draft))


def _through(calibration: Calibration, ask: Ask, draft: Draft) -> Exchange[Response]:
    return (yield from calibration.converse(draft, ask))


def put(draft: Draft) -> Exchange[Response]:
    """Put a draft to the model as it is: the end of every chain."""
    system = (Message(role="system", text=draft.system),) if draft.system else ()
    user = Message(role="user", text=draft.prompt, images=draft.images)
    messages = (*system, *draft.turns, user)
    return (yield Request(messages=messages, generation=draft.generation, repeat=draft.repeat, form=draft.form))
