"""Several judges as one: each is asked, and a verdict that enough of them give is the panel's. No decision is ERROR."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from pytest_vsc.errors import EngineError, one_line
from pytest_vsc.judges import PanelRule
from pytest_vsc.judges.voting import winner
from pytest_vsc.protocols import Engine, Exchange, Judge
from pytest_vsc.records import Judgement, Question, Request, Response


class Panel:
    """A Judge of several. What each said is kept in `opinions`, in their order, decision or not.

    Those who failed count as members: two of three must agree even where the third could not be asked.
    """

    def __init__(self, members: Sequence[Judge], rule: PanelRule) -> None:
        """rule: how many must agree: more than half of all members, or all."""
        self.members, self._rule = tuple(members), rule
        self._enough = len(members) if rule == "unanimous" else len(members) // 2 + 1
        self._names = _distinct([member.name for member in members])
        self.name = f"{'+'.join(self._names)} ({rule})"
        self._engines, self._addresses = _merged(self.members)

    @property
    def identity(self) -> str:
        members = [member.identity for member in self.members]
        return f"{self.name} {hashlib.sha256(json.dumps([self._rule, members]).encode()).hexdigest()}"

    @property
    def engines(self) -> Mapping[str, Engine]:
        return self._engines

    def judge(self, question: Question, response: Response) -> Exchange[Judgement]:
        """Each member in turn. The verdict is the first member's of those who agree; the span is that one's too."""
        opinions: list[Judgement] = []
        for member, name, addresses in zip(self.members, self._names, self._addresses, strict=True):
            try:
                said = yield from _readdressed(member.judge(question, response), addresses)
                opinions.append(said.model_copy(update={"judge": name}))
            except EngineError as error:
                opinions.append(Judgement(verdict="ERROR", judge=name, error=one_line(error)))
        place = winner([opinion.verdict for opinion in opinions], self._enough)
        return Judgement(
            verdict="ERROR" if place is None else opinions[place].verdict,
            judge=self.name,
            span="" if place is None else opinions[place].span,
            refused=_mean([opinion.refused for opinion in opinions]),
            aware=_mean([opinion.aware for opinion in opinions]),
            opinions=tuple(opinions),
            error=_why(opinions) if place is None else None,
        )


def _why(opinions: Sequence[Judgement]) -> str:
    """Why there is no decision, in one line."""
    if all(opinion.verdict == "ERROR" for opinion in opinions):
        return "no judge has a verdict: " + "; ".join(f"{each.judge}: {each.error}" for each in opinions)
    return "judges disagree: " + ", ".join(f"{each.judge} {each.verdict}" for each in opinions)


def _merged(members: Sequence[Judge]) -> tuple[dict[str, Engine], list[dict[str, str]]]:
    """All engines under names of their own, and for each member what its names became. One engine has one name."""
    engines: dict[str, Engine] = {}
    addresses: list[dict[str, str]] = []
    for member in members:
        became: dict[str, str] = {}
        for name, engine in member.engines.items():
            known = next((old for old, held in engines.items() if held is engine), None)
            became[name] = known or _free(name, engines)
            engines[became[name]] = engine
        addresses.append(became)
    return engines, addresses


def _distinct(names: Sequence[str]) -> list[str]:
    """The same names, those that come again with a number."""
    found: dict[str, str] = {}
    for name in names:
        free = _free(name, found)
        found[free] = name
    return list(found)


def _free(name: str, taken: Mapping[str, object]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free


def _readdressed(exchange: Exchange[Judgement], addresses: Mapping[str, str]) -> Exchange[Judgement]:
    """The same conversation with every request sent to where its engine is in the panel."""
    try:
        request = next(exchange)
        while True:
            try:
                response = yield _to(request, addresses)
            except EngineError as error:
                request = exchange.throw(error)
            else:
                request = exchange.send(response)
    except StopIteration as end:
        judgement: Judgement = end.value
        return judgement
    finally:
        exchange.close()


def _to(request: Request, addresses: Mapping[str, str]) -> Request:
    return replace(request, to=addresses.get(request.to, request.to))


def _mean(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return fmean(known) if known else None
