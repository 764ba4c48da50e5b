"""The broker: everything asked once, whoever waits; failures are tried again; closing never leaves anybody waiting."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from pytest_vsc.broker import Broker
from pytest_vsc.cases import Case, Key, Picture
from pytest_vsc.errors import BrokerError, EngineError
from pytest_vsc.examine import Plain
from pytest_vsc.protocols import Exchange
from pytest_vsc.records import Generation, Judgement, Policy, Request, Response


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

    def judge(self, prompt: str, response: Response) -> Exchange[Judgement]:  # noqa: ARG002  the seam has it
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


def started(*cases: Case) -> tuple[Broker, ByHand]:
    engine = ByHand()
    broker = Broker(engine, Plain(Generation()), Echo(), Policy(), {one.key: one for one in cases})
    broker.start([one.key for one in cases])
    return broker, engine


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
