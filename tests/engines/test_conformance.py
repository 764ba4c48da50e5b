"""Every engine that there is does what any engine must: the checks of `pytest_vsc.testing`, put to all of ours."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.engines import EngineSettings, asking
from pytest_vsc.engines.address import KEY
from pytest_vsc.engines.process import ProcessEngine
from pytest_vsc.engines.transformers import TransformersEngine
from pytest_vsc.protocols import Engine
from pytest_vsc.shipped import shipped
from pytest_vsc.testing import CHECKS, Subject, every_request, running
from tests.chat_server import MODEL, ChatServer, Reply, says
from tests.installed import ENGINE, install
from tests.serving import served, skip_without_server

SECRET = "sk-very-secret-0123456789"
TINY = shipped("fixtures") / "models/tiny"
Opened = Callable[[Path], AbstractContextManager[Subject]]


@contextmanager
def scripted(folder: Path) -> Iterator[Subject]:
    """Answers by rules: it opens no picture and makes no answer word by word."""
    (folder / "echo.toml").write_text("[default]\necho = true\n")
    (folder / "other.toml").write_text('[default]\ntext = "Sure."\n')
    yield Subject(
        f"scripted:{folder / 'echo.toml'}",
        unlike=(Subject(f"scripted:{folder / 'other.toml'}"),),
        absent=Subject(f"scripted:{folder / 'none.toml'}"),
        lacks={"sight", "limit", "stop"},
        echoes=True,
    )


@contextmanager
def slow_scripted(folder: Path) -> Iterator[Subject]:
    """The same where each answer takes its time, so that some are under way when it is closed."""
    (folder / "slow.toml").write_text("seconds = 0.2\n[default]\necho = true\n")
    yield Subject(f"scripted:{folder / 'slow.toml'}", lacks={"sight", "limit", "stop"}, echoes=True)


@contextmanager
def replay(folder: Path) -> Iterator[Subject]:
    """The answers of a run in which all was asked that the checks ask."""
    for name in ("recorded", "other"):
        lines: list[Any] = [{"kind": "header", "model": {"model": name, "fingerprint": name, "weights": name}}]
        for request in every_request():
            response = {"text": request.messages[-1].text, "tokens": 3, "seconds": 0.5}
            lines.append({"kind": "record", "requests": [request.digest(name)], "response": response})
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    yield Subject(
        f"replay:{folder / 'recorded.jsonl'}",
        unlike=(Subject(f"replay:{folder / 'other.jsonl'}"),),
        absent=Subject(f"replay:{folder / 'none.jsonl'}"),
        lacks={"limit", "stop"},
        echoes=True,
    )


@contextmanager
def installed(folder: Path) -> Iterator[Subject]:
    """Somebody else's package, found by its entry point."""
    install(folder, "polite-engine", {"polite": "polite_engine:make"}, {"polite_engine": ENGINE})
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield Subject(
            "polite:", unlike=(Subject("polite:Yes."),), absent=Subject("polite:missing"), lacks={"sight", "stop"}
        )


@contextmanager
def own(folder: Path) -> Iterator[Subject]:
    """A function of a module of one's own."""
    (folder / "my_own_engine.py").write_text(ENGINE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield Subject("python:my_own_engine:make_alone", lacks={"sight", "stop"})


def parrot(chat: Any) -> Reply:
    """A served model that repeats its question as far as it may, a word a token."""
    content = chat["messages"][-1]["content"]
    text = content if isinstance(content, str) else content[-1]["text"]
    words = text.split(" ")
    kept = words[: chat["max_tokens"]]
    said = " ".join(kept)
    for stop in chat.get("stop", ()):
        said = said.partition(stop)[0]
    return says(said, "length" if len(kept) < len(words) else "stop", delay=0.01)


@contextmanager
def openai(folder: Path) -> Iterator[Subject]:  # as the others
    """A server of the tests, which repeats what it is asked."""
    pytest.importorskip("openai", reason="pip install 'pytest-vsc[openai]'")
    with pytest.MonkeyPatch.context() as patch, ChatServer(parrot, models=(MODEL, "another")) as server:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv(KEY, SECRET)
        patch.setattr(asking, "LIST_SECONDS", 2.0)

        def kill(_: Engine) -> None:
            server.script = server.models = Reply(reset=True)

        yield Subject(
            server.spec,
            unlike=(Subject(f"{server.url}#another"), Subject(server.spec, EngineSettings(revision="build 7"))),
            absent=Subject(f"{server.url}#absent"),
            secrets=(SECRET,),
            ahead=32,  # 16 under way, and those that ended meanwhile
            kill=kill,
        )


@contextmanager
def real_server(folder: Path) -> Iterator[Subject]:
    """`transformers serve` of the embedded model."""
    pytest.importorskip("openai", reason="pip install 'pytest-vsc[openai]'")
    skip_without_server()
    with pytest.MonkeyPatch.context() as patch, served(TINY, folder / "log") as url:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield Subject(f"{url}#{TINY}", lacks={"stop"}, seconds=300)


def local(make: Callable[[str, EngineSettings], Engine], folder: Path, **more: Any) -> Subject:
    """The embedded model, run in one of two ways."""
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"no {package}: pip install 'pytest-vsc[local]'")

    def of(model: Path, **settings: Any) -> Subject:
        return Subject(lambda given: make(str(model), given), EngineSettings(device="cpu", **settings))

    unlike = (of(TINY, dtype="bfloat16"), of(TINY.with_name("tiny-overcautious")))
    subject = of(TINY, batch_size=8)
    return Subject(
        subject.engine,
        subject.settings,
        unlike=unlike,
        absent=of(folder / "none"),
        ahead=32,  # a batch under way, two that are ready, one that is being made ready
        seconds=300,
        **more,
    )


@contextmanager
def transformers(folder: Path) -> Iterator[Subject]:
    """The embedded model in this process."""
    yield local(TransformersEngine, folder)


@contextmanager
def process(folder: Path) -> Iterator[Subject]:
    """The embedded model in a process of its own, as a run has it."""

    def kill(engine: Engine) -> None:
        assert isinstance(engine, ProcessEngine)
        assert engine._process is not None
        os.kill(engine._process.pid, signal.SIGKILL)

    yield local(lambda source, settings: ProcessEngine(TransformersEngine, source, settings), folder, kill=kill)


# A further engine has its place here, and among HEAVY if it runs a model.
SUBJECTS: dict[str, Opened] = {
    "scripted": scripted,
    "slow-scripted": slow_scripted,
    "replay": replay,
    "installed": installed,
    "python": own,
    "openai": openai,
    "transformers": transformers,
    "process": process,
    "served": real_server,
}
HEAVY = {"transformers", "process", "served"}

# Which checks are for no such engine, by what it is: those would skip, and are left out instead.
UNBATCHED = {"probing_tells_alone_from_batched"}
NO_MODEL = {*UNBATCHED, "who_is_waited_for_goes_first", "a_dead_model_is_a_model_error"}
NO_STOP = {"stop_strings_end_an_answer"}
BY_RULES = {*NO_MODEL, *NO_STOP, "a_bad_picture_fails_that_request_only", "weights_are_known_again"}
NOT_CUT = {"max_new_tokens_cuts_an_answer"}
ALONE = {"fingerprint_follows_what_changes_answers", "a_model_that_is_not_there_is_refused"}
# What a real server adds to that of the tests, which is asked all the rest.
OF_A_SERVER = {
    *("answers_a_picture", "answers_text_alone", "answers_several_turns", "answers_two_pictures"),
    *("unicode_goes_in_and_comes_out", "the_same_request_is_answered_the_same", "max_new_tokens_cuts_an_answer"),
    *("tokens_are_counted", "a_bad_picture_fails_that_request_only", "a_text_that_is_no_unicode_harms_nobody"),
    *("a_batch_is_answered_as_one_at_a_time", "close_settles_what_waits"),
}
# What a process of its own adds to the engine in it, which is asked all the rest.
OF_A_PROCESS = {
    *("describes_itself_in_words", "answers_a_picture", "probing_tells_alone_from_batched", "submit_returns_at_once"),
    *("a_bad_picture_fails_that_request_only", "who_is_waited_for_goes_first", "what_is_cancelled_holds_nobody_up"),
    *("a_request_before_load_fails_in_its_future", "close_settles_what_waits", "close_leaves_nothing_running"),
    "a_dead_model_is_a_model_error",
}
NOT_FOR = {
    "scripted": {*BY_RULES, *NOT_CUT},
    "slow-scripted": {*BY_RULES, *NOT_CUT, *ALONE},
    "replay": {*NO_MODEL, *NO_STOP, *NOT_CUT},
    "installed": BY_RULES,
    "python": {*BY_RULES, *ALONE},
    "openai": UNBATCHED,
    "transformers": {"a_dead_model_is_a_model_error"},
    "process": {check.__name__ for check in CHECKS} - OF_A_PROCESS,
    "served": {check.__name__ for check in CHECKS} - OF_A_SERVER,
}
HERE = [
    pytest.param(name, check, marks=[pytest.mark.heavy] if name in HEAVY else [], id=f"{name}-{check.__name__}")
    for name in SUBJECTS
    for check in CHECKS
    if check.__name__ not in NOT_FOR[name]
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Subject]]:
    """Gives the subject of a name with an engine that is loaded; the one before is closed."""
    there: dict[str, Subject] = {}
    with ExitStack() as stack:

        def open_(name: str) -> Subject:
            if name not in there:
                stack.close()
                there.clear()
                found = stack.enter_context(SUBJECTS[name](tmp_path_factory.mktemp(name)))
                there[name] = stack.enter_context(running(found))
            return there[name]

        yield open_


@pytest.mark.parametrize(("name", "check"), HERE)
def test_an_engine_does_what_any_must(
    name: str, check: Callable[[Subject], None], opened: Callable[[str], Subject]
) -> None:
    check(opened(name))


def test_what_is_left_out_is_there() -> None:
    known = {check.__name__ for check in CHECKS}
    assert set().union(OF_A_SERVER, OF_A_PROCESS, *NOT_FOR.values()) <= known


def test_what_is_left_out_would_say_so(tmp_path: Path) -> None:
    """Who leaves nothing out is told by a skip why a check is not for the subject."""
    with scripted(tmp_path) as found:
        for check in CHECKS:
            if check.__name__ in NOT_FOR["scripted"]:
                with pytest.raises(pytest.skip.Exception, match=r"subject|offers no"):
                    check(found)
