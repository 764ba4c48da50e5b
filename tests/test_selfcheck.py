"""The self-check: mixed-up samples are found, and only those; what it says of the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from pytest_vsc.errors import EngineError, ModelError
from pytest_vsc.judges.builtin import open_builtin
from pytest_vsc.protocols import Engine, Probed
from pytest_vsc.records import Message, Request, Response
from pytest_vsc.selfcheck import PROBES, mixed_up, self_check
from tests.test_broker import ByHand

REFUSAL, SIGHT = "I'm sorry, but I can't help with that.", "The picture shows a dog."
HELP = "Sure. Open the settings, choose the entry and confirm it."


class Batching(ByHand):
    """An engine that answers alone and in a batch as it is told, and reads in it as it is told."""

    def __init__(self, alone: Sequence[str], batched: Sequence[str], apart: Sequence[Sequence[float]] = ()) -> None:
        super().__init__()
        self._alone, self._batched, self._apart = alone, batched, apart

    def probe(self, requests: Sequence[Request]) -> Probed:
        assert len(requests) == len(self._alone)
        answered = [[Response(text=text) for text in texts] for texts in (self._alone, self._batched)]
        return Probed(answered[0], answered[1], self._apart)


def requests(number: int) -> list[Request]:
    return [Request(messages=(Message(role="user", text=f"{n}?"),)) for n in range(number)]


def check(alone: Sequence[str], batched: Sequence[str], apart: Sequence[Sequence[float]] = ()) -> str:
    engine: Engine = Batching(alone, batched, apart)
    return self_check(engine, requests(len(alone)), open_builtin(None))


def test_equal_answers() -> None:
    assert check([REFUSAL, HELP], [REFUSAL, HELP]) == "2 of 2 texts equal, 2 of 2 verdicts equal"


def test_a_little_difference_is_told_and_no_fault() -> None:
    assert check([REFUSAL, HELP], [REFUSAL, HELP + " Then confirm."]) == "1 of 2 texts equal, 2 of 2 verdicts equal"


def test_an_answer_in_the_words_of_another_is_no_fault_when_it_was_read_as_its_own() -> None:
    """Rounding made a refusal begin otherwise, and models refuse all in the same few words."""
    other = "I cannot assist with that."
    apart = [[0.02, 1.1], [0.9, 0.03]]
    assert check([REFUSAL, other], [other, other], apart) == "1 of 2 texts equal, 2 of 2 verdicts equal"


def test_mixed_up_samples_end_the_run() -> None:
    with pytest.raises(ModelError, match=r"the model makes of request 2 what it makes of request 3 alone"):
        check([REFUSAL, HELP, SIGHT], [REFUSAL, SIGHT, HELP], [[0, 1, 1], [1, 0.9, 0.01], [1, 0.01, 0.9]])


@pytest.mark.parametrize(
    ("apart", "mixed"),
    [
        ([[0.0, 0.0], [0.0, 0.0]], None),  # of two requests that the model cannot tell apart
        ([[0.0, 1.0], [0.0, 1.0]], (1, 0)),  # every row reads what the first asks, bit for bit
        ([[0.05, 0.04], [0.04, 0.05]], None),  # as far apart as rounding goes
        ([[0.01, 1.0, 1.0], [1.0, 1.0, 0.02], [1.0, 0.01, 1.0]], (1, 2)),
    ],
)
def test_who_is_mixed_up_with_whom(apart: list[list[float]], mixed: tuple[int, int] | None) -> None:
    assert mixed_up(apart) == mixed


def test_an_engine_that_forms_no_batches_is_not_checked() -> None:
    assert self_check(ByHand(), requests(3), open_builtin(None)) == ""


def test_too_few_or_failing_requests_are_said() -> None:
    class Failing(Batching):
        def probe(self, _: Sequence[Request]) -> Probed:
            raise EngineError("picture a.png cannot be decoded")

    same = requests(1) * 3
    assert self_check(Batching([], []), same, open_builtin(None)) == "not done: fewer than two different requests"
    assert self_check(Failing([], []), requests(9), open_builtin(None)) == "not done: picture a.png cannot be decoded"


def test_only_a_few_requests_of_one_kind_of_settings_are_put() -> None:
    other = [dataclasses.replace(one, generation=one.generation.model_copy(update={"seed": 1})) for one in requests(3)]
    engine = Batching([HELP] * PROBES, [HELP] * PROBES)
    assert self_check(engine, [*requests(1), *other, *requests(9)], open_builtin(None)).startswith("4 of 4 texts equal")
