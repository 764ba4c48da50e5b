"""The broker: everything asked once, whoever waits; failures are tried again; closing never leaves anybody waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path

import pytest

from pytest_vsc.broker import AT_A_TIME, NARROW, UNDER_WAY, WAITING, WAITING_AT_ONCE, Broker
from pytest_vsc.cases import Case, Key, Picture
from pytest_vsc.conversations import MOST_CALLS
from pytest_vsc.errors import BrokerError, EngineError, ModelError, StoreError
from pytest_vsc.examine import Approach
from pytest_vsc.protocols import Ask, Draft, Engine, Exchange
from pytest_vsc.records import Generation, Judgement, Message, Policy, Question, Request, Response
from pytest_vsc.store import Store


class ByHand:
    """An engine whose answers the test gives."""

    fingerprint = "by hand"
    lasting = True

    def __init__(self) -> None:
        self.asked: list[tuple[Request, Future[Response]]] = []
        self.urgent: list[bool] = []
        self.loads = 0
        self.came = threading.Semaphore(0)

    def check(self) -> None: ...

    def load(self) -> None:
        self.loads += 1

    def describe(self) -> dict[str, str]:
        return {}

    def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:
        self.urgent.append(urgent)
        future: Future[Response] = Future()
        self.asked.append((request, future))
        self.came.release()
        return future

    def close(self) -> None:
        for _, future in self.asked:
            future.cancel()

    def wait(self, number: int) -> Future[Response]:
        """The future of the request of this number, as soon as it is there."""
        while len(self.asked) <= number:
            assert self.came.acquire(timeout=10), "the request never came"
        return self.asked[number][1]


class Echo:
    """A judge that reads the verdict off the text."""

    name = identity = "echo"
    engines: Mapping[str, Engine] = {}

    def judge(self, question: Question, response: Response) -> Exchange[Judgement]:  # noqa: ARG002  the seam has it
        yield from ()
        if response.text == "bug":
            raise RuntimeError("the judge broke")
        return Judgement(verdict="REFUSED" if response.text == "no" else "ANSWERED", judge=self.name)


def case(name: str, prompt: str = "", picture: Path | None = None) -> Case:
    images = (Picture(name="p.png", file=str(picture)),) if picture else ()
    return Case(
        id=name,
        suite="s",
        side="unsafe",
        centric="text",
        category="c",
        prompt=prompt or name,
        group=name,
        images=images,
    )


def started(
    *cases: Case,
    store: Store | None = None,
    engine: ByHand | None = None,
    wanted: Callable[[Case], bool] | None = None,
) -> tuple[Broker, ByHand]:
    engine = engine or ByHand()
    broker = Broker(engine, Approach(Generation()), Echo(), Policy(), {one.key: one for one in cases}, store=store)
    broker.start([one.key for one in cases], wanted)
    return broker, engine


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    kept = Store(tmp_path / "kept")
    yield kept
    kept.close()


def asking(broker: Broker, key: Key) -> Future[object]:
    """Ask in a thread of its own."""
    result: Future[object] = Future()

    def ask() -> None:
        try:
            result.set_result(broker.ask(key))
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    return result


def test_the_plan_is_asked_ahead_and_in_order() -> None:
    broker, engine = started(case("a"), case("b"))
    engine.wait(1)
    assert [request.messages[0].text for request, _ in engine.asked] == ["a", "b"]
    engine.wait(0).set_result(Response(text="no"))
    record = broker.ask(Key("s", "a"))
    assert (record.verdict, record.outcome, len(record.requests)) == ("REFUSED", "CORRECT", 1)
    broker.close()


def test_the_same_question_is_asked_once() -> None:
    broker, engine = started(case("a", "same"), case("b", "same"))
    engine.wait(0).set_result(Response(text="yes"))
    assert broker.ask(Key("s", "a")).outcome == broker.ask(Key("s", "b")).outcome == "UNDERSAFE"
    assert len(engine.asked) == 1
    broker.close()


def test_a_failure_is_an_error_and_is_tried_again_when_asked_again() -> None:
    broker, engine = started(case("a"))
    engine.wait(0).set_exception(EngineError("busy"))
    first = broker.ask(Key("s", "a"))
    assert (first.verdict, first.outcome, first.error) == ("ERROR", "INVALID", "engine: busy")
    again = asking(broker, Key("s", "a"))
    engine.wait(1).set_result(Response(text="no"))
    assert getattr(again.result(timeout=10), "outcome", None) == "CORRECT"
    broker.close()


def test_an_engine_that_breaks_its_promise_is_an_error_too() -> None:
    broker, engine = started(case("a"))
    engine.wait(0).set_exception(ValueError("a bug"))
    # Its message may hold the prompt.
    assert broker.ask(Key("s", "a")).error == "engine: ValueError in the engine"
    broker.close()


def test_a_judge_that_breaks_fails_who_waits_and_nobody_else() -> None:
    broker, engine = started(case("a"), case("b"))
    engine.wait(0).set_result(Response(text="bug"))
    engine.wait(1).set_result(Response(text="no"))
    with pytest.raises(RuntimeError, match="the judge broke"):
        broker.ask(Key("s", "a"))
    assert broker.ask(Key("s", "b")).outcome == "CORRECT"
    broker.close()


def test_a_picture_that_is_gone_is_that_case_alone(tmp_path: Path) -> None:
    broker, engine = started(case("a", picture=tmp_path / "gone.png"), case("b"))
    engine.wait(0).set_result(Response(text="no"))
    assert "picture cannot be read" in str(broker.ask(Key("s", "a")).error)
    assert broker.ask(Key("s", "b")).outcome == "CORRECT"
    broker.close()


def test_a_free_question_is_judged() -> None:
    broker, engine = started(case("a"))
    result: Future[str] = Future()
    threading.Thread(
        target=lambda: result.set_result(broker.question("hello", ()).judgement.verdict), daemon=True
    ).start()
    engine.wait(1).set_result(Response(text="no"))
    assert result.result(timeout=10) == "REFUSED"
    broker.close()


def test_closing_tells_everybody_who_waits() -> None:
    broker, engine = started(case("a"))
    waiting = asking(broker, Key("s", "a"))
    engine.wait(0)
    broker.close()
    broker.close()
    error = waiting.exception(timeout=10)
    record = None if error else waiting.result()
    assert isinstance(error, BrokerError) or getattr(record, "outcome", "") == "INVALID"
    with pytest.raises(BrokerError, match="the run is ending"):
        broker.ask(Key("s", "a"))


def test_a_case_that_is_no_part_of_the_run() -> None:
    broker, _ = started(case("a"))
    with pytest.raises(BrokerError, match="case 'z' of suite 's' is not part of this run"):
        broker.ask(Key("s", "z"))
    broker.close()


def key(name: str) -> Key:
    return Key("s", name)


def test_what_was_answered_in_an_earlier_run_is_not_asked_and_loads_nothing(store: Store) -> None:
    broker, engine = started(case("a"), store=store)
    engine.wait(0).set_result(Response(text="no", tokens=3, seconds=0.5))
    first = broker.ask(key("a"))
    broker.close()
    again, idle = started(case("a"), store=store)
    second = again.ask(key("a"))
    assert (idle.loads, idle.asked) == (0, [])
    assert second == first.model_copy(update={"seconds": 0.0, "response": second.response})
    assert second.response == Response(text="no", tokens=3, seconds=0.0)
    assert again.used() == {"loaded": "no", "generated": "0", "stored": "1"}
    again.close()


def test_a_failure_is_not_stored(store: Store) -> None:
    broker, engine = started(case("a"), store=store)
    engine.wait(0).set_exception(EngineError("busy"))
    assert broker.ask(key("a")).outcome == "INVALID"
    broker.close()
    again, engine = started(case("a"), store=store)
    engine.wait(0).set_result(Response(text="no"))
    assert again.ask(key("a")).outcome == "CORRECT"
    again.close()


def test_an_answer_is_stored_before_anybody_is_told(store: Store) -> None:
    broker, engine = started(case("a"), store=store)
    engine.wait(0).set_result(Response(text="no"))
    record = broker.ask(key("a"))
    assert store.answers(record.requests)[record.requests[0]].text == "no"
    broker.close()


def test_so_is_one_that_comes_at_once(store: Store) -> None:
    names = [f"{number}" for number in range(50)]
    broker, _ = started(*map(case, names), store=store, engine=Saying("no"))
    for name in names:
        record = broker.ask(key(name))
        assert list(store.answers(record.requests)) == list(record.requests)
    broker.close()


class Witness(Echo):
    """A judge that notes in which thread it was asked."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def judge(self, question: Question, response: Response) -> Exchange[Judgement]:
        self.threads.append(threading.current_thread().name)
        if response.text == "exit":
            raise SystemExit(3)
        return (yield from super().judge(question, response))


class Saying(ByHand):
    """An engine that answers at once."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:
        future = super().submit(request, urgent=urgent)
        future.set_result(Response(text=self.text))
        return future


@pytest.mark.parametrize("helping", [True, False])
def test_who_may_help_does_the_work_and_nobody_else(helping: bool) -> None:
    judge = Witness()
    broker = Broker(Saying("no"), Approach(Generation()), judge, Policy(), {key("a"): case("a")})
    broker.start([])
    assert broker.ask(key("a"), helping=helping).outcome == "CORRECT"
    assert judge.threads == [threading.current_thread().name if helping else "vsc-broker"]
    broker.close()


@pytest.mark.parametrize("helping", [True, False])
def test_a_judge_that_wants_out_ends_the_run_for_everybody(helping: bool) -> None:
    broker = Broker(Saying("exit"), Approach(Generation()), Witness(), Policy(), {key("a"): case("a")})
    broker.start([])
    with pytest.raises(BrokerError, match="the broker broke: SystemExit") as told:
        broker.ask(key("a"), helping=helping)
    assert isinstance(told.value.__cause__, SystemExit)
    with pytest.raises(BrokerError, match="the run is ending"):
        broker.ask(key("a"), helping=helping)
    broker.close()


def test_many_who_help_at_once_leave_nothing_undone() -> None:
    names = [f"{number:04d}" for number in range(4 * WAITING)]
    broker = Broker(Saying("no"), Approach(Generation()), Echo(), Policy(), {key(name): case(name) for name in names})
    broker.start([key(name) for name in names])
    outcomes: list[str] = []

    def ask(part: int) -> None:
        for name in names[part::8]:
            outcomes.append(broker.ask(key(name), helping=part % 2 == 0).outcome)
            broker.record(key(name))

    threads = [threading.Thread(target=ask, args=(part,), daemon=True) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outcomes == ["CORRECT"] * len(names)
    broker.close()


def test_an_interrupt_while_helping_ends_the_run_and_leaves_nobody_waiting() -> None:
    class Interrupted(Saying):
        def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:  # noqa: ARG002
            raise KeyboardInterrupt

    cases = {key(name): case(name) for name in "ab"}
    broker = Broker(Interrupted("no"), Approach(Generation()), Echo(), Policy(), cases)
    broker.start([])
    with pytest.raises(KeyboardInterrupt):
        broker.ask(key("a"), helping=True)
    waiting = asking(broker, key("a"))
    broker.close()
    assert isinstance(waiting.exception(timeout=10), BrokerError)


def test_a_record_that_is_reported_twice_is_there_twice(store: Store) -> None:
    broker, engine = started(case("a"), store=store)
    engine.wait(0).set_result(Response(text="no"))
    record = broker.ask(key("a"))
    assert broker.record(key("a")) == record
    assert broker.record(key("a")).outcome == record.outcome
    assert len(engine.asked) == 1
    broker.close()


@pytest.mark.parametrize("patient", [False, True])
def test_a_calibration_that_never_stops_asking_is_stopped(patient: bool) -> None:
    class Stubborn:
        """Asks until it is content, even where it is told that there is no answer."""

        name, sha256 = "stubborn", "0"
        settings: Mapping[str, str] = {}

        def converse(self, draft: Draft, ask: Ask) -> Exchange[Response]:
            while True:
                try:
                    yield from ask(draft)
                except EngineError:
                    if not patient:
                        raise

    engine = ByHand()
    asked = {key("a"): case("a")}
    broker = Broker(engine, Approach(Generation(), None, [Stubborn()]), Echo(), Policy(), asked)
    broker.start([key("a")])
    engine.wait(0).set_result(Response(text="no"))
    if patient:
        with pytest.raises(BrokerError, match=f"no end after {MOST_CALLS} calls"):
            broker.ask(key("a"))
    else:
        record = broker.ask(key("a"))
        assert (record.outcome, record.error) == ("INVALID", f"engine: no end after {MOST_CALLS} calls")
        assert len(record.requests) == MOST_CALLS
    broker.close()


def test_answers_of_an_engine_that_pins_nothing_last_for_the_run_only(store: Store) -> None:
    engine = ByHand()
    engine.lasting = False
    broker, _ = started(case("a", "same"), case("b", "same"), store=store, engine=engine)
    engine.wait(0).set_result(Response(text="no", tokens=1, prompt_tokens=9))
    assert broker.ask(key("a")).requests == broker.ask(key("b")).requests
    again = broker.ask(key("a"))
    assert again.outcome == "CORRECT", "asked a second time, and answered from memory"
    assert again.response is not None
    assert (again.response.tokens, again.response.prompt_tokens) == (1, 9)
    assert len(engine.asked) == 1
    assert store.answers(broker.ask(key("a")).requests) == {}
    broker.close()


def test_a_store_that_fails_is_given_up_and_the_run_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreError("answers.sqlite: cannot grow")

    monkeypatch.setattr(store, "keep", full)
    broker, engine = started(case("a", "same"), case("b", "same"), store=store)
    engine.wait(0).set_result(Response(text="no"))
    assert broker.ask(key("a")).outcome == broker.ask(key("b")).outcome == broker.ask(key("a")).outcome == "CORRECT"
    assert (len(engine.asked), broker.trouble) == (1, "answers.sqlite: cannot grow")
    assert broker.used()["store"] == "answers.sqlite: cannot grow"
    broker.close()


def test_judgements_are_stored_by_judge_and_text(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    broker, engine = started(case("a"), store=store)
    engine.wait(0).set_result(Response(text="no"))
    broker.ask(key("a"))
    broker.close()

    def never(*_: object) -> Exchange[Judgement]:
        raise AssertionError("judged again")

    with monkeypatch.context() as patch:
        patch.setattr(Echo, "judge", never)
        again, _ = started(case("a"), store=store)
        assert again.ask(key("a")).verdict == "REFUSED"
        again.close()
    monkeypatch.setattr(Echo, "identity", "another echo")
    monkeypatch.setattr(Echo, "judge", never)
    other, _ = started(case("a"), store=store)
    with pytest.raises(AssertionError, match="judged again"):
        other.ask(key("a"))
    other.close()


def test_only_so_much_is_under_way_at_a_time() -> None:
    names = [f"{number:04d}" for number in range(UNDER_WAY + AT_A_TIME + 1)]
    broker, engine = started(*map(case, names))
    engine.wait(UNDER_WAY - 1)
    assert len(engine.asked) == UNDER_WAY
    last = asking(broker, key(names[-1]))  # beyond what is under way: its test waits, so it is asked now
    engine.wait(UNDER_WAY).set_result(Response(text="yes"))
    assert getattr(last.result(timeout=10), "outcome", None) == "UNDERSAFE"
    assert engine.urgent == [False] * UNDER_WAY + [True]
    for number in range(AT_A_TIME):
        engine.wait(number).set_result(Response(text="no"))
    # No test has come for any of them: the order of the tests is not that of the batches.
    assert engine.wait(UNDER_WAY + AT_A_TIME) is not None
    assert len(engine.asked) == len(names)
    broker.close()


def test_a_model_is_so_far_ahead_of_the_tests() -> None:
    names = [f"{number:04d}" for number in range(2 * UNDER_WAY)]
    broker, engine = started(*map(case, names))
    engine.wait(0)  # is not answered, and the first test waits for it
    for number in range(1, WAITING // 2 + 1):
        engine.wait(number).set_result(Response(text="no"))
    engine.wait(UNDER_WAY + WAITING // 2 - 1)
    for number in range(WAITING // 2 + 1, 2 * WAITING):
        engine.wait(number).set_result(Response(text="no"))
    last = asking(broker, key(names[-1]))  # a turn later than all those
    while True not in engine.urgent:
        assert engine.came.acquire(timeout=10)
    engine.wait(engine.urgent.index(True)).set_result(Response(text="no"))
    last.result(timeout=10)
    assert len(engine.asked) <= UNDER_WAY + WAITING + AT_A_TIME
    broker.close()


def test_of_what_is_answered_at_once_little_waits_for_its_tests() -> None:
    names = [f"{number:04d}" for number in range(8 * WAITING_AT_ONCE)]
    broker, engine = started(*map(case, names), engine=Saying("no"))
    ahead = []
    for done, name in enumerate(names):
        ahead.append(len(engine.asked) - done)
        broker.ask(key(name), helping=True)
    assert AT_A_TIME <= max(ahead) <= WAITING_AT_ONCE
    assert len(engine.asked) == len(names)
    broker.close()


class Batches(ByHand):
    """The same, which works on so many at a time."""

    at_once = 100


@pytest.mark.parametrize(("kind", "window"), [(ByHand, NARROW), (Batches, 2 * Batches.at_once)])
def test_where_each_may_be_the_last_no_more_is_under_way_than_keeps_the_model_busy(
    kind: type[ByHand], window: int
) -> None:
    cases = [case(f"c{number}") for number in range(600)]
    needed = True
    broker, engine = started(*cases, engine=kind(), wanted=lambda _: needed)
    engine.wait(window - 1)
    time.sleep(0.05)
    assert len(engine.asked) == window
    for number, one in enumerate(cases[:10]):
        engine.wait(number).set_result(Response(text="no"))
        broker.ask(one.key)
    engine.wait(window + 9)
    needed = False
    for number in range(10, window + 10):
        engine.wait(number).set_result(Response(text="no"))
    assert [broker.ask(one.key).outcome for one in cases].count("NOT_RUN") == 590 - window
    assert len(engine.asked) == window + 10
    broker.close()


def test_what_is_asked_before_its_turn_is_examined_once() -> None:
    names = [f"{number:04d}" for number in range(UNDER_WAY + AT_A_TIME)]
    broker, engine = started(*map(case, names))
    last = asking(broker, key(names[-1]))  # as by another worker, which runs another part of the plan
    engine.wait(UNDER_WAY).set_result(Response(text="no"))
    last.result(timeout=10)
    assert broker.peek(key(names[-2])) is None  # begun now, as it is likely to be asked for next
    engine.wait(UNDER_WAY + 1).set_result(Response(text="yes"))
    for number in range(AT_A_TIME):
        engine.wait(number).set_result(Response(text="no"))
        broker.ask(key(names[number]))
    assert broker.ask(key(names[-2])).outcome == "UNDERSAFE"
    assert broker.peek(key(names[-1])) is None
    engine.wait(UNDER_WAY + AT_A_TIME - 1)
    assert len({request.messages[-1].text for request, _ in engine.asked}) == len(engine.asked) == len(names)
    broker.close()


def test_what_a_dead_test_waited_for_is_stopped_unless_others_wait() -> None:
    broker, engine = started(case("a"), case("b", "same"), case("c", "same"))
    engine.wait(1)
    waiting = asking(broker, key("a"))
    broker.forget(key("a"))
    assert isinstance(waiting.exception(timeout=10), BrokerError)
    assert engine.wait(0).cancelled()
    broker.forget(key("b"))
    engine.wait(1).set_result(Response(text="no"))
    assert broker.ask(key("c")).outcome == "CORRECT"
    broker.close()


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (ModelError("its weights are gone"), "its weights are gone"),
        (ValueError("a\nbug of its own"), "ValueError: a bug of its own"),
    ],
)
def test_a_model_that_is_needed_late_and_cannot_be_loaded_stops_the_run(
    store: Store, raised: Exception, said: str
) -> None:
    class Gone(ByHand):
        def load(self) -> None:
            raise raised

    broker, engine = started(case("a"), store=store)
    engine.wait(0).set_result(Response(text="no"))
    broker.ask(key("a"))
    broker.close()
    again, _ = started(case("a"), store=store, engine=Gone())
    assert again.ask(key("a")).outcome == "CORRECT"
    with pytest.raises(BrokerError, match=said):
        again.question("something new", ())
    assert str(again.failure) == said
    with pytest.raises(BrokerError):
        again.ask(key("a"))
    again.close()
    with pytest.raises(ModelError, match=said):
        started(case("b"), store=store, engine=Gone())


def test_a_model_that_is_gone_at_once_was_there() -> None:
    class Dying(ByHand):
        def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:
            future = super().submit(request, urgent=urgent)
            future.set_exception(ModelError("its process has ended"))
            return future

    broker, engine = started(case("a"), engine=Dying())
    assert (engine.loads, str(broker.failure)) == (1, "its process has ended")
    assert broker.used()["loaded"] == "yes"
    with pytest.raises(BrokerError):
        broker.ask(key("a"))
    broker.close()


def test_progress_counts_cases_answers_and_what_is_miscalibrated(store: Store) -> None:
    broker, engine = started(case("a"), case("b"), case("c"), store=store)
    engine.wait(0).set_result(Response(text="no", tokens=2))
    engine.wait(1).set_result(Response(text="yes", tokens=5))
    broker.ask(key("a")), broker.ask(key("b"))
    seen = broker.progress()
    assert (seen.phase, seen.planned, seen.done, seen.stored, seen.answers, seen.tokens) == ("answering", 3, 2, 0, 2, 7)
    assert (seen.unsafe, seen.undersafe, seen.safe, seen.oversafe) == (2, 1, 0, 0)
    broker.close()


class Aside(Echo):
    """A judge that has a model of its own read the answer."""

    name = identity = "aside"

    def __init__(self, model: Engine) -> None:
        self.engines = {"reader": model}

    def judge(self, question: Question, response: Response) -> Exchange[Judgement]:
        asked = Message(role="user", text=response.text)
        return (yield from super().judge(question, (yield Request(messages=(asked,), to="reader"))))


def with_reader(*cases: Case, store: Store | None = None, model: ByHand | None = None) -> tuple[Broker, ByHand, ByHand]:
    engine, reader = model or ByHand(), ByHand()
    broker = Broker(
        engine, Approach(Generation()), Aside(reader), Policy(), {one.key: one for one in cases}, store=store
    )
    broker.start([one.key for one in cases])
    return broker, engine, reader


def test_a_judge_asks_its_own_model_and_only_when_there_is_something_to_judge() -> None:
    broker, engine, reader = with_reader(case("a"), case("b"))
    engine.wait(1).set_exception(EngineError("busy"))
    assert broker.ask(key("b")).error == "engine: busy"
    assert (reader.loads, reader.asked) == (0, [])
    engine.wait(0).set_result(Response(text="said", seconds=0.5))
    reader.wait(0).set_result(Response(text="no", seconds=0.25))
    record = broker.ask(key("a"))
    assert (record.outcome, record.text, record.seconds) == ("CORRECT", "said", 0.5)
    assert [request.messages[0].text for request, _ in reader.asked] == ["said"]
    assert (len(record.requests), len(record.judge_requests)) == (1, 1)
    assert record.requests != record.judge_requests
    assert (engine.loads, reader.loads) == (1, 1)
    assert broker.used() == broker.used() | {"generated": "1", "judge_generated": "1", "judge_stored": "0"}
    broker.close()


def test_answers_are_judged_while_others_are_still_asked_for() -> None:
    broker, engine, reader = with_reader(*map(case, "abcd"))
    for number in range(3):
        engine.wait(number).set_result(Response(text=f"{number}"))
    reader.wait(2)
    assert not engine.wait(3).done()
    assert not any(future.done() for _, future in reader.asked), "all three are under way at once"
    broker.close()


def test_a_judges_model_that_fails_is_an_error_of_the_judge(store: Store) -> None:
    broker, engine, reader = with_reader(case("a"), store=store)
    engine.wait(0).set_result(Response(text="said"))
    reader.wait(0).set_exception(EngineError("busy"))
    record = broker.ask(key("a"))
    assert (record.verdict, record.outcome, record.error) == ("ERROR", "INVALID", "judge aside: busy")
    assert record.text == "said"
    again = asking(broker, key("a"))
    reader.wait(1).set_result(Response(text="no"))
    assert getattr(again.result(timeout=10), "outcome", None) == "CORRECT"
    assert len(engine.asked) == 1, "the answer is there; only the judge is asked again"
    broker.close()


def test_what_a_judges_model_said_is_stored_and_read_again(store: Store) -> None:
    broker, engine, reader = with_reader(case("a"), store=store)
    engine.wait(0).set_result(Response(text="said"))
    reader.wait(0).set_result(Response(text="no"))
    first = broker.ask(key("a"))
    broker.close()
    again, idle, silent = with_reader(case("a"), store=store)
    assert again.ask(key("a")).model_copy(update={"response": first.response}) == first
    assert (idle.loads, silent.loads, silent.asked) == (0, 0, [])
    assert again.used() == {
        "loaded": "no",
        "generated": "0",
        "stored": "1",
        "judge_generated": "0",
        "judge_stored": "1",
    }
    again.close()


def test_a_judges_model_that_cannot_be_loaded_stops_the_run() -> None:
    class Gone(ByHand):
        def load(self) -> None:
            raise ModelError("its weights are gone")

    broker = Broker(Saying("no"), Approach(Generation()), Aside(Gone()), Policy(), {key("a"): case("a")})
    broker.start([key("a")])
    assert str(broker.failure) == "judge aside: its weights are gone"
    with pytest.raises(BrokerError):
        broker.ask(key("a"))
    broker.close()


def test_a_request_to_nobody_is_a_bug_of_the_judge() -> None:
    judge = Aside(ByHand())
    judge.engines = {"another": ByHand()}
    broker = Broker(Saying("no"), Approach(Generation()), judge, Policy(), {key("a"): case("a")})
    broker.start([key("a")])
    with pytest.raises(BrokerError, match=r"^a request is addressed to 'reader', which is no model of this run$"):
        broker.ask(key("a"))
    broker.close()


def test_closing_stops_the_judges_model_too() -> None:
    broker, engine, reader = with_reader(case("a"))
    engine.wait(0).set_result(Response(text="said"))
    asked = reader.wait(0)
    broker.close()
    assert asked.cancelled()
