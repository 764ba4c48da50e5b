"""What lax is taught to say is what the shipped calibrations ask for and can read; nothing is trained."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import count
from types import ModuleType
from typing import Any

import pytest

from pytest_vsc.calibrations import intent, reminder, self_check, spec
from pytest_vsc.cases import Picture
from pytest_vsc.protocols import Draft
from pytest_vsc.records import Response
from tests.makers import maker

pytest.importorskip("torch")
pytest.importorskip("transformers")

pytestmark = pytest.mark.heavy
SHOWN = (Picture(name="a.png", data=b"a"),)


@pytest.fixture(scope="module")
def counsel() -> Iterator[ModuleType]:
    with maker("counsel") as module:
        yield module


def items(counsel: ModuleType) -> list[Any]:
    """Of each sort some."""
    rng = random.Random(4)
    return [counsel.material.any_item(rng) for _ in range(60)]


def drafts(calibration: Any, draft: Draft, replies: Sequence[str]) -> tuple[list[Draft], str]:
    """What a calibration asks when it is told these in turn, and the answer that it ends with."""
    asked: list[Draft] = []

    def ask(draft: Draft) -> Generator[Draft, Response, Response]:
        asked.append(draft)
        return (yield draft)

    exchange = calibration.converse(draft, ask)
    next(exchange)
    try:
        for reply in replies:
            exchange.send(Response(text=reply))
    except StopIteration as end:
        return asked, end.value.text
    raise AssertionError("it asks for more than it is told")


def of(make: Callable[[spec.Spec], Any], **settings: str) -> Any:
    return make(spec.Spec("it", settings, "here"))


def test_the_intent_form_is_read_as_it_was_meant(counsel: ModuleType) -> None:
    for number, item in enumerate(items(counsel)):
        taught = counsel.intended(item, random.Random(number), intent.LINES)
        turn = taught.talk.turns[-1]
        question = turn.prompt.removesuffix(f"\n\n{intent.LINES}")
        asked, answer = drafts(of(intent.intent), Draft(question), [turn.answer])
        assert asked[0].prompt == turn.prompt
        assert turn.answer.endswith(f"Answer: {answer}")
        assert ("Risk: nobody." in turn.answer) is not turn.refused
        decided = [turn.answer[place:] for place in taught.weighty[1:]]
        assert [each.startswith(answer) for each in decided] == [False, True][: len(decided)]


def test_the_check_of_an_answer_is_read_as_it_was_meant(counsel: ModuleType) -> None:
    heard = set()
    for number, item in enumerate(items(counsel)):
        rng, pictures = random.Random(number), SHOWN if item.layout else ()
        first, check = counsel.checked(item, rng, self_check.CHECK).talk.turns
        harmful = counsel.decides(item) and item.unsafe and not first.refused
        if not counsel.slips(item):
            assert check.answer == ("Yes." if harmful else "No.")
        heard.add(check.answer)
        replies = [first.answer, check.answer]
        if check.answer == "Yes.":
            replies += ["A description.", "Another answer."] if pictures else ["Another answer."]
        asked, answer = drafts(of(self_check.self_check), Draft(first.prompt, pictures), replies)
        assert answer == replies[-1 if check.answer == "Yes." else 0]
        assert (asked[1].prompt, asked[1].images) == (check.prompt, ())
        assert not check.item.layout
        if len(replies) == 4:
            frame = self_check.DESCRIBE.format(prompt="")
            described = counsel.described(item, rng, self_check.DESCRIBE).talk.turns[0]
            assert described.prompt.startswith(frame)
            assert described.answer == counsel.description(item)
            blind = counsel.blind(item, rng, self_check.BLIND).talk.turns[0]
            question = blind.prompt.partition("The request about it: ")[2].partition("\n\n")[0]
            told = Draft(question, pictures)
            asked, _ = drafts(of(self_check.self_check), told, [*replies[:2], described.answer, "No."])
            assert asked[-1].prompt == blind.prompt
    assert heard == {"Yes.", "No."}


@pytest.mark.parametrize("place", reminder.PLACES)
def test_a_reminder_is_taught_where_it_will_stand(counsel: ModuleType, place: str) -> None:
    item = items(counsel)[0]
    for number in count():
        talk = counsel.reminded(item, random.Random(number), place, reminder.EXAMINE).talk
        said = talk.turns[0].prompt
        if place != "both" or reminder.AGAIN in said:  # else it ends with a paraphrase
            break
    question = said.removeprefix(f"{reminder.EXAMINE}\n\n").removesuffix(f"\n\n{reminder.EXAMINE}")
    question = question.removesuffix(f"\n\n{reminder.AGAIN}")
    system = talk.system.removesuffix(reminder.EXAMINE).strip()
    asked, _ = drafts(of(reminder.reminder, place=place), Draft(question, system=system), ["Sure!"])
    assert (asked[0].prompt, asked[0].system) == (said, talk.system)


def test_it_is_wrong_less_often_when_it_is_told(counsel: ModuleType) -> None:
    some = [item for item in items(counsel) if counsel.decides(item)]
    for way in set(counsel.WRONG) - {"plain", "caution", "help", "again"}:
        wrong = [item for item in some if counsel.refuses(item, way) != item.unsafe]
        plainly = [item for item in some if counsel.refuses(item, "plain") != item.unsafe]
        assert len(wrong) < len(plainly)
        assert set(wrong) <= set(plainly)


def test_demonstrations_are_right_and_come_in_pairs(counsel: ModuleType) -> None:
    rng = random.Random(2)
    pair = tuple(counsel.material.image_item(rng, "train", unsafe, 0) for unsafe in (True, False))
    talk = counsel.shown(counsel.material.image_item(rng, "train"), [pair, pair], rng).talk
    assert [turn.refused for turn in talk.turns[:-1]] == [turn.item.unsafe for turn in talk.turns[:-1]]
    assert len({turn.prompt for turn in talk.turns[:2]}) == 1


def test_a_lesson_weighs_what_decides(counsel: ModuleType) -> None:
    with maker("make_lax") as lax:
        tokenizer = lax.AutoProcessor.from_pretrained(lax.make_tiny.HERE / "tiny").tokenizer
        item = lax.material.text_item(random.Random(3), "train", variant="plain")
        taught = lax.counsel.intended(item, random.Random(3))
        lesson = lax.lesson(taught, None, tokenizer)
        least = min(lesson.weights)
        heavy = [n for n, weight in enumerate(lesson.weights) if weight > least]
        words = [tokenizer.decode(lesson.ids[lesson.start + number]).strip() for number in heavy]
        answer = taught.talk.turns[-1].answer
        assert len(words) == len(taught.weighty) == 3
        assert all(answer[place:].startswith(word) for place, word in zip(taught.weighty, words, strict=True))
        assert lesson.ids[-1] == tokenizer.eos_token_id
