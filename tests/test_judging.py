"""Many answers judged outside of any run: in their order, in batches, failures said, models closed at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from pytest_vsc.errors import EngineError, ModelError
from pytest_vsc.judges.panel import Panel
from pytest_vsc.judging import AT_A_TIME, judge_answers
from pytest_vsc.protocols import Engine, Exchange
from pytest_vsc.records import Judgement, Message, Question, Request, Response, Verdict
from pytest_vsc.store import Store
from tests.test_broker import ByHand, Echo

YES, NO = Response(text="yes"), Response(text="no")


def settle(asked: Sequence[tuple[str, Future[Response]]]) -> None:
    """Answer each with its text, or with an error where that begins with `!`."""
    for said, future in asked:
        if said.startswith("!"):
            future.set_exception(EngineError(said[1:]))
        else:
            future.set_result(Response(text=said))


class Model(ByHand):
    """A judge's model that repeats what it is asked about, once so many have asked. It notes that it was closed."""

    def __init__(self, together: int = 1, *, lasting: bool = True, broken: str = "") -> None:
        super().__init__()
        self.together, self.lasting, self.broken = together, lasting, broken
        self.closed = 0
        self.most = 0

    def load(self) -> None:
        super().load()
        if self.broken:
            raise ModelError(self.broken)

    def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:
        future = super().submit(request, urgent=urgent)
        open_ = [(asked.messages[0].text, each) for asked, each in self.asked if not each.done()]
        self.most = max(self.most, len(open_))
        if len(open_) == self.together:
            threading.Thread(target=settle, args=(open_[::-1],)).start()
        return future

    def close(self) -> None:
        super().close()
        self.closed += 1


class Asking:
    """A judge that has its model read the answer to it, as often as told."""

    name = "asking"

    def __init__(self, model: Engine, times: int = 1, to: str = "its model") -> None:
        self.model, self.times, self.to = model, times, to

    @property
    def identity(self) -> str:
        return self.name

    @property
    def engines(self) -> Mapping[str, Engine]:
        return {self.to: self.model}

    def judge(self, question: Question, response: Response) -> Exchange[Judgement]:
        said = response
        for number in range(self.times):
            text = f"{question.prompt} {number}" if number else response.text
            said = yield Request(messages=(Message(role="user", text=text),), to=self.to)
        verdict: Verdict = "REFUSED" if said.text.startswith("no") else "ANSWERED"
        return Judgement(verdict=verdict, judge=self.name, span=said.text)


def answers(*texts: str) -> list[tuple[Question, Response]]:
    return [(Question(f"{number}?"), Response(text=text)) for number, text in enumerate(texts)]


def verdicts(found: Sequence[Judgement]) -> list[str]:
    return [one.verdict for one in found]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    kept = Store(tmp_path / "kept")
    yield kept
    kept.close()


def test_a_judge_that_asks_nobody() -> None:
    assert verdicts(judge_answers(Echo(), answers("no", "yes", "no"))) == ["REFUSED", "ANSWERED", "REFUSED"]
    assert judge_answers(Echo(), []) == []


def test_the_order_is_that_of_the_answers_whatever_comes_first() -> None:
    model = Model(together=5)
    texts = ["no 0", "yes 1", "no 2", "yes 3", "yes 4"]
    assert [one.span for one in judge_answers(Asking(model), answers(*texts))] == texts
    assert (model.loads, model.closed) == (1, 1)


def test_many_are_under_way_at_once() -> None:
    texts = [f"no {number}" for number in range(2 * AT_A_TIME)]
    model = Model(together=AT_A_TIME)
    assert [one.span for one in judge_answers(Asking(model), answers(*texts))] == texts
    assert (model.most, len(model.asked)) == (AT_A_TIME, 2 * AT_A_TIME)


def test_conversations_of_several_turns_go_on_together() -> None:
    model = Model(together=8)
    found = judge_answers(Asking(model, times=3), answers(*(f"no {number}" for number in range(8))))
    assert [one.span for one in found] == [f"{number}? 2" for number in range(8)]
    assert (model.most, len(model.asked)) == (8, 24)


def test_a_failure_is_that_answer_alone_and_says_why() -> None:
    model = Model()
    found = judge_answers(Asking(model), answers("no", "!it is\nbusy", "yes"))
    assert verdicts(found) == ["REFUSED", "ERROR", "ANSWERED"]
    assert found[1] == Judgement(verdict="ERROR", judge="asking", error="it is busy")
    assert model.closed == 1


def test_an_answer_that_came_twice_is_asked_about_once() -> None:
    model = Model()
    assert verdicts(judge_answers(Asking(model), answers("no", "no"))) == ["REFUSED", "REFUSED"]
    assert len(model.asked) == 1


def test_a_model_that_cannot_be_loaded_ends_it() -> None:
    model = Model(broken="out of memory")
    with pytest.raises(ModelError, match=r"^judge asking: out of memory$"):
        judge_answers(Asking(model), answers("no", "yes"))
    assert (model.loads, model.closed) == (1, 1)


def test_a_model_that_is_gone_ends_it() -> None:
    class Dying(Model):
        def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:
            future = ByHand.submit(self, request, urgent=urgent)
            if len(self.asked) == 2:
                self.asked[0][1].set_result(NO)
                future.set_exception(ModelError("its process has ended"))
            return future

    model = Dying()
    with pytest.raises(ModelError, match=r"^its process has ended$"):
        judge_answers(Asking(model), answers("no", "yes", "maybe"))
    assert model.closed == 1
    assert all(future.done() for _, future in model.asked)


def test_a_judge_that_breaks_closes_its_model() -> None:
    class Broken(Asking):
        def judge(self, question: Question, response: Response) -> Exchange[Judgement]:
            yield from super().judge(question, response)
            raise RuntimeError("a bug")

    model = Model()
    with pytest.raises(RuntimeError, match="a bug"):
        judge_answers(Broken(model), answers("no"))
    assert model.closed == 1


class Away(Model):
    """Whose weights are not here before it is loaded."""

    @property
    def fingerprint(self) -> str:  # type: ignore[override]  # of others it is a plain attribute
        if not self.loads:
            raise ModelError("its weights are not here yet")
        return "of its weights"


class Known(Asking):
    """A judge that is known by its model."""

    @property
    def identity(self) -> str:
        return f"known {self.model.fingerprint}"


def test_a_model_that_is_not_here_is_loaded_before_the_judge_is_named() -> None:
    model = Away()
    told: list[str] = []
    assert verdicts(judge_answers(Known(model), answers("no"), identified=told.append)) == ["REFUSED"]
    assert told == ["known of its weights"]
    assert model.loads == 1


def test_nothing_is_loaded_for_nothing() -> None:
    model = Model()
    assert judge_answers(Asking(model), []) == []
    assert (model.loads, model.closed) == (0, 1)


def test_no_thread_is_left() -> None:
    before = set(threading.enumerate())
    judge_answers(Asking(Model(together=2)), answers("no", "yes"))
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(("lasting", "asked_again"), [(True, 0), (False, 2)])
def test_what_a_lasting_model_said_is_kept(store: Store, lasting: bool, asked_again: int) -> None:
    first, again = Model(together=2, lasting=lasting), Model(together=2, lasting=lasting)
    found = [judge_answers(Asking(model), answers("no", "yes"), store) for model in (first, again)]
    assert found[0] == found[1]
    assert (len(first.asked), len(again.asked)) == (2, asked_again)
    assert again.loads == (asked_again > 0)


def test_a_failure_is_not_kept(store: Store) -> None:
    for _ in range(2):
        model = Model()
        assert verdicts(judge_answers(Asking(model), answers("!busy"), store)) == ["ERROR"]
        assert len(model.asked) == 1


def test_a_panel_of_two_models_is_asked_together() -> None:
    one, other = Model(together=4), Model(together=4)
    panel = Panel([Asking(one), Asking(other), Echo()], "majority")
    texts = ["no", "yes", "!busy", "no more"]
    found = judge_answers(panel, answers(*texts))
    assert verdicts(found) == ["REFUSED", "ANSWERED", "ERROR", "REFUSED"]
    assert [opinion.error for opinion in found[2].opinions] == ["busy", "busy", None]
    assert (one.most, other.most, one.closed, other.closed) == (4, 4, 1, 1)
