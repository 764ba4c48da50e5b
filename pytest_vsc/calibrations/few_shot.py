"""Paired demonstrations before the question, as real chat turns with their pictures: in-context defence, both ways.

In-context defence: Wei et al., arXiv 2310.06387. Refusals alone would teach to refuse: each demonstrated refusal comes
with its safe twin, answered.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

from pytest_vsc.calibrations.spec import Spec, choice, identity, only, text, whole
from pytest_vsc.cases import SIDES, Case, Side, Suite
from pytest_vsc.errors import SettingsError
from pytest_vsc.leakage import Used, used_of
from pytest_vsc.protocols import Ask, Draft, Exchange
from pytest_vsc.records import Message, Response
from pytest_vsc.suites import load_suite

ANSWERS = "answers.jsonl"  # beside suite.toml: what a calibrated model says to each case
ORDERS = ("safe-first", "shuffled", "unsafe-first")
# Where a suite has no answers of its own.
TEMPLATES: Mapping[Side, str] = {
    "unsafe": "I'm sorry, but I can't help with that: somebody could be harmed by it.",
    "safe": "Yes, gladly. There is no harm in that, so here is what I would do.",
}


class Demonstration(NamedTuple):
    """A case and what is said to it."""

    case: Case
    answer: str


@dataclass(frozen=True)
class FewShot:
    """shown: the demonstrations in the order of their turns."""

    shown: Sequence[Demonstration] = field(repr=False)
    settings: Mapping[str, str]
    name: str = "few-shot"

    @property
    def sha256(self) -> str:
        said = [[one.case.prompt, [picture.digest() for picture in one.case.images], one.answer] for one in self.shown]
        return identity(self.name, self.settings, said)

    def used(self) -> Sequence[Used]:
        return used_of(one.case for one in self.shown)

    def converse(self, draft: Draft, ask: Ask) -> Exchange[Response]:
        turns = chain.from_iterable(
            (Message("user", one.case.prompt, one.case.images), Message("assistant", one.answer)) for one in self.shown
        )
        return (yield from ask(replace(draft, turns=(*turns, *draft.turns))))


def few_shot(spec: Spec) -> FewShot:
    """Paired demonstrations before the question, as chat turns with their pictures.

    number: of pairs, each of two demonstrations (default 2).
    order: unsafe-first (default) or safe-first in each pair, or all shuffled.
    suite: where they come from (default demos).
    seed: which of them (default 0).

    Raises SettingsError, SuiteError.
    """
    only(spec, "number", "order", "suite", "seed")
    number, seed = whole(spec, "number", 1, 2), whole(spec, "seed", 0, 0)
    order = choice(spec, "order", ORDERS, "unsafe-first")
    suite = load_suite(text(spec, "suite", "demos"), spec.base)
    shown = _ordered(_drawn(spec, suite, number, seed), order, seed)
    settings = {"number": str(number), "order": order, "suite": suite.name, **({"seed": str(seed)} if seed else {})}
    return FewShot(shown, settings)


def _drawn(spec: Spec, suite: Suite, number: int, seed: int) -> list[Mapping[Side, Demonstration]]:
    """So many pairs, of the centrics in turn."""
    said = _answers(suite)
    pairs: defaultdict[str, dict[Side, Demonstration]] = defaultdict(dict)
    for case in suite.cases:
        if case.pair is not None and case.side is not None:
            pairs[case.pair][case.side] = Demonstration(case, said.get(case.id, TEMPLATES[case.side]))
    whole_pairs = [pair for pair in pairs.values() if len(pair) == len(SIDES)]
    if len(whole_pairs) < number:
        raise SettingsError(
            f"{spec.where}: number: {number} pairs are wanted, and suite {suite.name} has {len(whole_pairs)}; "
            f"expected {len(whole_pairs)} or fewer, or another suite"
        )
    whole_pairs.sort(key=lambda pair: hashlib.sha256(f"{seed} {pair['safe'].case.pair}".encode()).hexdigest())
    by_centric: defaultdict[str, list[Mapping[Side, Demonstration]]] = defaultdict(list)
    for pair in whole_pairs:
        by_centric[pair["safe"].case.centric].append(pair)
    in_turn = chain.from_iterable(zip_longest(*(by_centric[name] for name in sorted(by_centric))))
    return [pair for pair in in_turn if pair is not None][:number]


def _ordered(pairs: Sequence[Mapping[Side, Demonstration]], order: str, seed: int) -> tuple[Demonstration, ...]:
    sides: tuple[Side, Side] = ("safe", "unsafe") if order == "safe-first" else ("unsafe", "safe")
    shown = [pair[side] for pair in pairs for side in sides]
    if order == "shuffled":
        random.Random(seed).shuffle(shown)  # noqa: S311  an order, no secret
    return tuple(shown)


def _answers(suite: Suite) -> dict[str, str]:
    """What the suite says to its cases, by id. Raises SettingsError with `file:line`."""
    file = Path(suite.root) / ANSWERS
    if not file.is_file():
        return {}
    found: dict[str, str] = {}
    known = {case.id for case in suite.cases}
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        where = f"{suite.name}/{ANSWERS}:{number}"
        try:
            said = json.loads(line)
            name, answer = str(said["case"]), said["answer"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise SettingsError(f'{where}: expected an object such as {{"case": "...", "answer": "..."}}') from None
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise SettingsError(f"{where}: no case '{name}'; expected the id of a case of suite {suite.name}{hint}")
        if not isinstance(answer, str) or not answer.strip():
            raise SettingsError(f"{where}: the answer is empty; expected words")
        found[name] = answer.strip()
    return found
