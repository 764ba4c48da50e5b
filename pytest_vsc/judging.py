"""Judges at work: what one said before is looked up, and many answers are judged outside of any run.

It tells nothing apart itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from pytest_vsc.answers import Answers
from pytest_vsc.conversations import Conversations
from pytest_vsc.errors import EngineError, ModelError, VscError, one_line
from pytest_vsc.protocols import Engine, Exchange, Judge
from pytest_vsc.records import Judgement, Question, Request, Response
from pytest_vsc.store import Store, judgement_digest

# Conversations under way at a time: enough for full batches of a judge's model.
AT_A_TIME = 256


class StoredJudge:
    """A judge that looks up what it said of the same answer before."""

    def __init__(self, judge: Judge, answers: Answers) -> None:
        self._judge, self._answers = judge, answers
        self.name, self.identity, self.engines = judge.name, judge.identity, judge.engines

    def judge(self, question: Question, response: Response) -> Exchange[Judgement]:
        digest = judgement_digest(self.identity, question, response)
        known = self._answers.judgement(digest)
        if known is None:
            known = yield from self._judge.judge(question, response)
            self._answers.keep_judgement(digest, known)
        return known


def answers_of(judge: Judge, store: Store | None, *, reveal: bool = False) -> dict[str, Answers]:
    """What a judge's own models answer, by the names that its requests are addressed to; each is loaded when asked."""
    return {
        name: Answers(engine, store, functools.partial(_load, judge.name, engine), reveal=reveal)
        for name, engine in judge.engines.items()
    }


def _load(judge: str, engine: Engine, _: Sequence[Request]) -> None:
    try:
        load(engine)
    except ModelError as error:
        raise ModelError(f"judge {judge}: {error}") from error


def load(engine: Engine) -> None:
    """Load an engine; whatever one of a user's own raises, early or late, is a ModelError of one line."""
    try:
        engine.load()
    except VscError:
        raise
    except Exception as error:
        raise ModelError(f"{type(error).__name__}: {one_line(error)}") from error


def judge_answers(
    judge: Judge,
    answers: Sequence[tuple[Question, Response]],
    store: Store | None = None,
    identified: Callable[[str], None] = lambda _: None,
) -> list[Judgement]:
    """A judgement on each answer, in the same order; one that failed is an ERROR that says why.

    identified: told the judge's identity, once its models are here. They are closed at the end. Raises ModelError when
    one of them cannot be loaded or is gone.
    """
    asked = answers_of(judge, store)
    conversations = Conversations(asked, ended=lambda _, result: result, kept=lambda: None, stepped=lambda: None)
    try:
        for one in asked.values():
            one.identify()
        identified(judge.identity)
        conversations.start()
        found: list[Judgement] = []
        for first in range(0, len(answers), AT_A_TIME):
            some = [
                conversations.begin(_settled(judge, question, response), urgent=False)
                for question, response in answers[first : first + AT_A_TIME]
            ]
            conversations.carry_on()
            found += [conversations.result(one) for one in some]
    except BaseException:
        if conversations.failure is not None:
            raise conversations.failure from None
        raise
    finally:
        for engine in judge.engines.values():
            engine.close()
        conversations.close()
    return found


def _settled(judge: Judge, question: Question, response: Response) -> Exchange[Judgement]:
    try:
        return (yield from judge.judge(question, response))
    except EngineError as error:
        return Judgement(verdict="ERROR", judge=judge.name, error=one_line(error))
