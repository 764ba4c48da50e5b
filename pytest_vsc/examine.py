"""The way of a case, from question to record, as one generator. It does no input or output of its own."""

from __future__ import annotations

from pytest_vsc.cases import Case, Picture
from pytest_vsc.echoes import SHORT, repeats
from pytest_vsc.errors import EngineError, one_line
from pytest_vsc.marking import ExactMatch
from pytest_vsc.protocols import Calibration, Exchange, Judge
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

ECHO = "its message repeats what was asked or answered, and is withheld"


def examine(case: Case, calibration: Calibration, judge: Judge, policy: Policy) -> Exchange[Record]:
    """Ask what the case asks, judge the answer, and say what that means for the case's side.

    A utility case has no side and needs no judge: its answer is marked by the forms that are accepted.
    Whoever drives it sends a Response for each yielded Request or throws an EngineError in.
    """
    judge = ExactMatch(case.answers, case.options) if case.answers else judge
    answer = yield from judged(calibration.converse(case), Question(case.prompt, case.images), judge)
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


class Plain:
    """No calibration: the words and pictures as they are, under the deployed system prompt if there is one."""

    name = "none"

    def __init__(self, generation: Generation, system: str | None = None) -> None:
        self._generation, self._system = generation, system

    def converse(self, case: Case) -> Exchange[Response]:
        return (yield self._request(case.prompt, case.images, case.key.repeat))

    def question(self, prompt: str, images: tuple[Picture, ...]) -> Exchange[Response]:
        """Ask anything, the way a case is asked."""
        return (yield self._request(prompt, images, 0))

    def _request(self, prompt: str, images: tuple[Picture, ...], repeat: int) -> Request:
        system = (Message(role="system", text=self._system),) if self._system else ()
        user = Message(role="user", text=prompt, images=images)
        return Request(messages=(*system, user), generation=self._generation, repeat=repeat)
