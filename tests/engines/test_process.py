"""An engine in a process of its own: it answers as in this one, and however either process ends, nobody waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.process import ProcessEngine
from pytest_vsc.engines.transformers import TransformersEngine
from pytest_vsc.errors import EngineError, ModelError, SettingsError
from pytest_vsc.protocols import Probed, Probing
from pytest_vsc.records import Message, Request, Response
from pytest_vsc.shipped import shipped
from pytest_vsc.suites import load_suites
from tests.project import HELP, INI, REFUSAL, Project

ROOT = Path(__file__).parents[2]
SECONDS = 30.0


class Odd:
    """An engine that does what it is told. Asked "cancelled", it tells how many requests were."""

    lasting = False
    fingerprint = "odd"

    def __init__(self, source: str, settings: EngineSettings) -> None:
        self.source, self.settings = source, settings
        self.said = {"model": source}
        self.waiting: list[Future[Response]] = []

    def check(self) -> None:
        if self.source == "unfit":
            raise SettingsError("--vlm-device: 'unfit'")
        if self.source == "broken":
            raise KeyError("one\ntwo")

    def load(self) -> None:
        if self.source == "large":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.source == "slow":
            time.sleep(3600)
        self.said["process"] = str(os.getpid())

    def describe(self) -> dict[str, str]:
        return dict(self.said)

    def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:
        future: Future[Response] = Future()
        text = request.messages[-1].text
        if text == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif text == "exit":
            os.write(2, b"first line\nlast \x1b[31mwords\n")
            os._exit(3)
        elif text == "wait":
            self.waiting.append(future)
        elif text == "fail":
            future.set_exception(EngineError("out of memory"))
        elif text == "break":
            raise ValueError("no such text")
        elif text == "bug":
            future.set_exception(ValueError("the prompt was secret"))
        else:
            print("what a library prints")
            self.said["answered"] = text
            cancelled = sum(future.cancelled() for future in self.waiting)
            future.set_result(Response(text=str(cancelled) if text == "cancelled" else f"{text} {urgent}"))
        return future

    def probe(self, requests: Sequence[Request]) -> Probed:
        raise EngineError(f"no probing of {len(requests)} here")

    def close(self) -> None: ...


@pytest.fixture
def opened() -> Iterator[Callable[..., ProcessEngine]]:
    engines = []

    def open_(kind: Any = Odd, source: str = "odd", **settings: Any) -> ProcessEngine:
        engines.append(ProcessEngine(kind, source, EngineSettings(**settings)))
        engines[-1].check()
        return engines[-1]

    yield open_
    for engine in engines:
        engine.close()


def ask(text: str) -> Request:
    return Request(messages=(Message(role="user", text=text),))


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def gone(process: int) -> bool:
    deadline = time.monotonic() + SECONDS
    while alive(process) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(process)


def test_it_is_the_engine_in_another_process(opened: Callable[..., ProcessEngine]) -> None:
    engine = opened()
    engine.load()
    assert engine.describe()["process"] != str(os.getpid())
    assert engine.submit(ask("hello")).result(SECONDS).text == "hello False"
    assert engine.submit(ask("hello"), urgent=True).result(SECONDS).text == "hello True"
    assert engine.describe()["answered"] == "hello"
    assert (engine.fingerprint, engine.lasting) == ("odd", False)


def test_failures_cross_as_what_they_are(opened: Callable[..., ProcessEngine]) -> None:
    engine = opened()
    engine.load()
    with pytest.raises(EngineError, match=r"^out of memory$"):
        engine.submit(ask("fail")).result(SECONDS)
    with pytest.raises(EngineError, match=r"^ValueError in the engine$"):
        engine.submit(ask("bug")).result(SECONDS)
    with pytest.raises(SettingsError, match=r"^--vlm-device: 'unfit'$"):
        opened(source="unfit")
    with pytest.raises(ModelError, match=r"^KeyError: 'one\\ntwo'$"):
        opened(source="broken")
    assert engine.submit(ask("on")).result(SECONDS).text == "on False"


def test_what_nobody_waits_for_is_cancelled_there_too(opened: Callable[..., ProcessEngine]) -> None:
    engine = opened()
    engine.load()
    left, kept = engine.submit(ask("wait")), engine.submit(ask("wait"))
    left.cancel()
    assert engine.submit(ask("cancelled")).result(SECONDS).text == "1"
    assert not kept.done()


@pytest.mark.parametrize(
    ("last", "why"),
    [
        ("die", "odd: the model's process was ended by SIGKILL; it may have used up the machine's memory"),
        ("break", r"odd: the model's process ended with status 1 \(ValueError: no such text\)"),
        ("exit", r"odd: the model's process ended with status 3 \(last \[31mwords\)"),
    ],
)
def test_a_process_that_has_ended_answers_nothing(opened: Callable[..., ProcessEngine], last: str, why: str) -> None:
    engine = opened()
    engine.load()
    waiting, fatal = engine.submit(ask("wait")), engine.submit(ask(last))
    for future in (waiting, fatal, engine.submit(ask("later"))):
        with pytest.raises(ModelError, match=f"^{why}$"):
            future.result(SECONDS)
    assert engine.describe()["model"] == "odd"


def test_a_process_that_ends_while_it_loads(opened: Callable[..., ProcessEngine]) -> None:
    engine = opened(source="large")
    with pytest.raises(ModelError, match=r"^large: the model's process was ended by SIGKILL"):
        engine.load()
    with pytest.raises(ModelError, match=r"^large: the model's process was ended by SIGKILL"):
        _ = engine.fingerprint
    with pytest.raises(ModelError, match=r"^large: the model's process was ended by SIGKILL"):
        engine.probe([ask("late")])


def test_an_engine_that_cannot_be_made_there(opened: Callable[..., ProcessEngine]) -> None:
    with pytest.raises(ModelError, match=r"^odd: the model's process ended with status 1 \(TypeError: .*\)$"):
        opened(kind=Unmade)


class Unmade:
    lasting = False


def test_closing_ends_it_at_once(opened: Callable[..., ProcessEngine]) -> None:
    engine = opened()
    engine.load()
    process = int(engine.describe()["process"])
    waiting = engine.submit(ask("wait"))
    engine.close()
    engine.close()
    assert not alive(process)
    assert waiting.cancelled()
    with pytest.raises(EngineError, match=r"^odd: closed$"):
        engine.submit(ask("late")).result(SECONDS)


def test_before_it_is_checked_and_closing_without_that() -> None:
    engine = ProcessEngine(Odd, "odd", EngineSettings())
    assert engine.describe() == {}
    with pytest.raises(EngineError, match=r"^odd: not loaded$"):
        engine.submit(ask("early")).result(SECONDS)
    engine.close()


@pytest.mark.parametrize("source", ["odd", "slow"])
def test_it_ends_with_the_process_that_asks_it(source: str) -> None:
    """However that ends, and whatever it is doing: here amid a request, and while loading."""
    code = (
        "import sys; sys.path[:] = sys.argv[1:]\n"
        "from test_process import *\n"
        f"engine = ProcessEngine(Odd, {source!r}, EngineSettings()); engine.check()\n"
        "print(engine._process.pid, flush=True)\n"
        "engine.load(); engine.submit(ask('wait')).result()\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, *sys.path], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    process = int(owner.stdout.readline())
    time.sleep(0.2)
    assert alive(process)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert gone(process)


@pytest.mark.heavy
def test_a_real_model_answers_the_same(opened: Callable[..., ProcessEngine]) -> None:
    cases = load_suites(("mini",), Path.cwd())[0].cases[:8]
    requests = [Request(messages=(Message(role="user", text=case.prompt, images=case.images),)) for case in cases]
    here = TransformersEngine(str(shipped("fixtures") / "models/tiny"), EngineSettings(device="cpu"))
    here.check()
    here.load()
    there = opened(TransformersEngine, str(shipped("fixtures") / "models/tiny"), device="cpu")
    there.load()
    assert isinstance(there, Probing)
    assert there.describe() == here.describe()
    assert there.fingerprint == here.fingerprint
    texts = [
        [future.result(120).text for future in [engine.submit(request) for request in requests]]
        for engine in (here, there)
    ]
    assert texts[0] == texts[1]
    probed = there.probe(requests[:2])
    assert [one.text for one in probed.alone] == [one.text for one in probed.batched]
    assert probed.apart == here.probe(requests[:2]).apart
    here.close()


class Dying(Odd):
    """A calibrated model that does not survive one of the questions."""

    def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:  # noqa: ARG002
        text = request.messages[-1].text
        if "person number 2" in text:
            os.kill(os.getpid(), signal.SIGKILL)
        future: Future[Response] = Future()
        future.set_result(Response(text=REFUSAL if "person" in text else HELP))
        return future


def make(settings: EngineSettings) -> ProcessEngine:
    return ProcessEngine(Dying, "dying", settings)


def test_a_run_whose_model_dies_ends_and_says_why(project: Project) -> None:
    project.write("pytest.ini", INI + f"pythonpath = {Path(__file__).parent} {ROOT}\n")
    ran = project.gate(vlm="python:test_process:make")
    assert ran.status == 4
    assert set(ran.decisions.values()) == {"FAIL"}
    assert "dying: the model's process was ended by SIGKILL; it may have used up the machine's memory" in ran.out
