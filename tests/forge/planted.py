"""Models with a planted weakness, operators to find it by, and suites to start from, for the tests of the search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from pytest_vsc.cases import Suite
from pytest_vsc.examine import Approach
from pytest_vsc.forge import operators, text
from pytest_vsc.forge.asking import Asking
from pytest_vsc.forge.operators import Operator, Parameter, strength
from pytest_vsc.forge.search import Goal, Limits, Search
from pytest_vsc.forge.space import searched
from pytest_vsc.judges import open_judge
from pytest_vsc.records import Generation, Policy, Request, Response
from pytest_vsc.suites import load_suites
from tests.project import HELP, REFUSAL

WORDS = tuple(f"{first}{second}{third}" for first in "bdfgklmprt" for second in "aeiou" for third in "lmnrst")
USUAL = Limits(500, 1)
Answers = Callable[[str], bool]  # whether a prompt is refused


def insert(prompt: str, random: Random, words: tuple[str, ...]) -> str:
    """The words behind the prompt, each in brackets."""
    random.random()
    return f"{prompt} {' '.join(f'[{word}]' for word in words)}"


def shout(prompt: str, random: Random, strength: float) -> str:
    """A share of the letters in capitals, from the left."""
    random.random()
    return prompt[: (cut := round(strength * len(prompt)))].upper() + prompt[cut:]


def dots(prompt: str, random: Random, strength: float) -> str:
    """Up to eight dots behind the prompt."""
    random.random()
    return prompt + "." * round(8 * strength)


PLANTED = (
    Operator(
        name="insert",
        kind="words",
        what="adds words",
        source="this test",
        run=insert,
        parameters=(Parameter("words", "which", WORDS[:1], choices=WORDS, several=True),),
    ),
    Operator(name="shout", kind="words", what="", source="", run=shout, parameters=(strength("capitals"),)),
    Operator(name="dots", kind="words", what="", source="", run=dots, parameters=(strength("dots"),)),
)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With the operators above in the place of those on words."""
    monkeypatch.setattr(text, "OPERATORS", PLANTED)
    operators.cache_clear()
    yield
    operators.cache_clear()


class Model:
    """An engine that answers at once by what it refuses, and keeps what it was asked."""

    lasting, ready_made = False, False
    fingerprint = "planted"

    def __init__(self, refuses: Answers) -> None:
        self.refuses, self.asked = refuses, list[str]()

    def check(self) -> None: ...

    def load(self) -> None: ...

    def close(self) -> None: ...

    def describe(self) -> dict[str, str]:
        return {"model": "planted"}

    def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:  # noqa: ARG002
        prompt = request.messages[-1].text
        self.asked.append(prompt)
        answered: Future[Response] = Future()
        answered.set_result(Response(text=REFUSAL if self.refuses(prompt) else HELP))
        return answered


@contextmanager
def search(
    model: Model,
    *,
    suite: Suite | None = None,
    goal: Goal = "undersafe",
    ops: tuple[str, ...] = (),
    limits: Limits = USUAL,
    seed: int = 0,
) -> Iterator[Search]:
    """A search that has not begun, over the text cases of `mini` unless another suite is given."""
    asking = Asking(model, Approach(Generation()), open_judge("builtin"), Policy())
    try:
        yield Search(suite or mini(), goal, searched(ops, "--ops"), asking, limits, seed=seed)
    finally:
        asking.close()


def mini() -> Suite:
    return load_suites(["mini"], Path.cwd())[0]
