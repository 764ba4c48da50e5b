"""The way of a case, from question to record, as one generator. It does no input or output of its own."""

from __future__ import annotations

from pytest_vsc.cases import Case, Picture
from pytest_vsc.errors import EngineError
from pytest_vsc.protocols import Calibration, Exchange, Judge
from pytest_vsc.records import Generation, Judgement, Message, Policy, Record, Request, Response, record_of


def examine(case: Case, calibration: Calibration, judge: Judge, policy: Policy) -> Exchange[Record]:
    """Ask what the case asks, judge the answer, and say what that means for the case's side.

    Whoever drives it sends a Response for each yielded Request or throws an EngineError in.
    """
    try:
        response = yield from calibration.converse(case)
    except EngineError as error:
        return _undecided(case, f"engine: {error}", None)
    try:
        judgement = yield from judge.judge(case.prompt, response)
    except EngineError as error:
        return _undecided(case, f"judge {judge.name}: {error}", response)
    return record_of(case, judgement, policy.outcome(case.side, judgement.verdict), response=response)


def _undecided(case: Case, why: str, response: Response | None) -> Record:
    """A failure is never a verdict: the case is ERROR, hence INVALID under every policy."""
    return record_of(case, Judgement(verdict="ERROR", judge=""), "INVALID", response=response, error=why)


class Plain:
    """No calibration: the case's own words and pictures, under the deployed system prompt if there is one."""

    name = "none"

    def __init__(self, generation: Generation, system: str | None = None) -> None:
        self._generation, self._system = generation, system

    def converse(self, case: Case) -> Exchange[Response]:
        return (yield self.request(case.prompt, case.images))

    def request(self, prompt: str, images: tuple[Picture, ...]) -> Request:
        """The request for a question outside any suite, asked the same way."""
        system = (Message(role="system", text=self._system),) if self._system else ()
        user = Message(role="user", text=prompt, images=images)
        return Request(messages=(*system, user), generation=self._generation)
