"""The openai engine against a scripted server: what is sent, read, tried again and refused, and what close() leaves."""

from __future__ import annotations

import base64
import gzip
import html
import importlib.util
import io
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, wait
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from pytest_vsc.cases import Picture
from pytest_vsc.engines import EngineSettings, asking, open_engine, troubles
from pytest_vsc.engines.address import KEY, base_of, is_here, shown
from pytest_vsc.engines.chat import chat_of
from pytest_vsc.engines.connection import THREAD
from pytest_vsc.engines.openai import OpenAIEngine
from pytest_vsc.engines.secrets import Secrets
from pytest_vsc.errors import EngineError, ModelError, SettingsError
from pytest_vsc.records import Generation, Message, Request, Response
from pytest_vsc.shipped import shipped
from tests.chat_server import MODEL, ChatServer, Reply, failure, says
from tests.drawn import drawn, encoded
from tests.serving import answers, served, skip_without_server

pytest.importorskip("openai")

SECRET = "sk-very-secret-0123456789"
ODD = 'sk-ve/ry+sec=ret"&0123456789'
PROMPT = "Tell me of the quite peculiar harbour lights."
FORM = json.dumps({"type": "object", "properties": {"safe": {"type": "boolean"}}})
Opened = Callable[..., OpenAIEngine]


@pytest.fixture(autouse=True)
def no_pauses_and_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(troubles, "BACKOFF_SECONDS", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv(KEY, raising=False)


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Gives a function of a server and settings; what it opened is closed at the end, and leaves no thread."""
    before = set(threading.enumerate())
    engines: list[OpenAIEngine] = []

    def open_(server: ChatServer, *, key: str = "", load: bool = True, **settings: Any) -> OpenAIEngine:
        engines.append(OpenAIEngine(server.url, MODEL, EngineSettings(**settings), {KEY: key} if key else {}))
        if load:
            engines[-1].load()
        return engines[-1]

    yield open_
    for engine in engines:
        engine.close()
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert {name for name in left if not name.startswith("Thread-")} == set()  # those are the server's


def ask(text: str = PROMPT, *pictures: Picture, **said: Any) -> Request:
    return Request(messages=(Message(role="user", text=text, images=pictures),), **said)


def answer(engine: OpenAIEngine, request: Request | None = None) -> Response:
    return engine.submit(request or ask()).result(20)


def trouble(engine: OpenAIEngine, request: Request | None = None) -> str:
    """What a request fails with. It holds neither the prompt nor the key."""
    error = engine.submit(request or ask()).exception(20)
    assert type(error) is EngineError
    return clean(error)


def clean(error: BaseException) -> str:
    said = str(error)
    assert "\n" not in said
    assert len(said) < 400
    assert SECRET not in said
    assert PROMPT not in said
    return said


# -- what is sent


def test_an_answer(opened: Opened) -> None:
    with ChatServer(says("Sure, here you are.", delay=0.1)) as server:
        response = answer(opened(server))
        assert (response.text, response.finish_reason, response.tokens) == ("Sure, here you are.", "stop", 4)
        assert response.seconds is not None
        assert 0.1 <= response.seconds < 5
        chat = {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 256, "temperature": 0.0}
        assert server.chats == [{"model": MODEL, **chat}]


def test_a_conversation_with_its_settings() -> None:
    said = (Message("system", "Be kind."), Message("user", "One?"), Message("assistant", "Two."), Message("user", "3?"))
    generation = Generation(max_new_tokens=9, temperature=0.5, seed=7)
    chat = chat_of(Request(said, generation, repeat=2, form=FORM), MODEL)
    assert [(turn["role"], turn["content"]) for turn in chat["messages"]] == [(one.role, one.text) for one in said]
    assert (chat["max_tokens"], chat["temperature"], chat["seed"]) == (9, 0.5, 9)  # each repeat has its own seed
    form = {"name": "answer", "schema": json.loads(FORM), "strict": True}
    assert chat["response_format"] == {"type": "json_schema", "json_schema": form}
    assert "seed" not in chat_of(ask(), MODEL)
    assert "response_format" not in chat_of(ask(), MODEL)


@pytest.mark.parametrize(
    ("kind", "options", "mime"),
    [
        ("PNG", {}, "image/png"),
        ("JPEG", {}, "image/jpeg"),
        ("WEBP", {}, "image/webp"),
        ("GIF", {}, "image/gif"),
        ("BMP", {}, "image/bmp"),
        ("MPO", {"save_all": True}, "image/jpeg"),
    ],
)
def test_a_picture_goes_before_the_text_unchanged(
    opened: Opened, kind: str, options: dict[str, Any], mime: str
) -> None:
    data = encoded(drawn(1), kind, **options)
    with ChatServer() as server:
        answer(opened(server), ask(PROMPT, Picture("a.file", data=data), Picture("b.file", data=data)))
        first, second, text = server.chats[0]["messages"][0]["content"]
    assert first == second
    head, _, sent = first["image_url"]["url"].partition(",")
    assert (first["type"], head) == ("image_url", f"data:{mime};base64")
    assert base64.b64decode(sent) == data
    assert text == {"type": "text", "text": PROMPT}


def test_a_picture_that_is_too_large_is_shrunk(opened: Opened) -> None:
    small, large = encoded(drawn(1, 40), "JPEG"), encoded(drawn(2, 200), "JPEG")
    with ChatServer() as server:
        engine = opened(server, max_pixels=2500)
        answer(engine, ask(PROMPT, Picture("a.jpg", data=small), Picture("b.jpg", data=large)))
        sent = [part["image_url"]["url"] for part in server.chats[0]["messages"][0]["content"][:2]]
        assert trouble(engine, ask(PROMPT, Picture("c.jpg", data=large[:300]))).startswith("c.jpg: cannot be decoded")
        assert engine.describe()["max_pixels"] == "2,500"
        assert engine.fingerprint != opened(server).fingerprint
    assert base64.b64decode(sent[0].partition(",")[2]) == small
    assert sent[1].startswith("data:image/png;base64,")
    with Image.open(io.BytesIO(base64.b64decode(sent[1].partition(",")[2]))) as image:
        assert image.size == (50, 50)


def test_a_picture_alone_has_no_empty_text() -> None:
    parts = chat_of(ask("", Picture("a.png", data=encoded(drawn(1)))), MODEL)["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["image_url"]


def test_a_picture_that_cannot_be_sent(opened: Opened, tmp_path: Path) -> None:
    with ChatServer() as server:
        engine = opened(server)
        assert trouble(engine, ask(PROMPT, Picture("a.png", data=b"none"))) == (
            "a.png: not a picture of a known format"
        )
        file = tmp_path / "a.png"
        gone = trouble(engine, ask(PROMPT, Picture("a.png", file=str(file))))
        assert gone == "a.png: cannot be read (No such file or directory)"
        file.write_bytes(encoded(drawn(1)))
        changed = trouble(engine, ask(PROMPT, Picture("a.png", file=str(file), sha256="0" * 64)))
        assert changed == "a.png: is not the one that the suite was read with: its file has changed since"
        assert server.chats == []


# -- what comes back


@pytest.mark.parametrize(
    ("reply", "text", "thought", "reason"),
    [
        (says("It goes on and", "length"), "It goes on and", "", "length"),
        (says(None, "content_filter"), "", "", "content_filter"),
        (says(None), "", "", "stop"),
        (says(None, refusal="I will not."), "I will not.", "", "refusal"),
        (says("Step 1.", refusal="I will not."), "Step 1.\nI will not.", "", "stop"),
        (says("Yes.", reasoning_content="Hm."), "Yes.", "Hm.", "stop"),
        (says("Yes.", reasoning="Hm."), "Yes.", "Hm.", "stop"),
        (says(None, "length", reasoning_content="Hm, and"), "", "Hm, and", "length"),
        (failure(400, "Filtered.", code="content_filter"), "", "", "content_filter"),
        (failure(400, "F.", innererror={"code": "ResponsibleAIPolicyViolation"}), "", "", "content_filter"),
    ],
)
def test_what_is_read(opened: Opened, reply: Reply, text: str, thought: str, reason: str) -> None:
    with ChatServer(reply) as server:
        response = answer(opened(server))
        assert (response.text, response.thought, response.finish_reason) == (text, thought, reason)
        assert len(server.chats) == 1


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply('{"choices": [', 200), "the server's answer is no chat completion (Invalid JSON: EOF"),
        (Reply("<html>Welcome!</html>"), "the server's answer is no chat completion (Invalid JSON: expected value"),
        (Reply("[1]"), "the server's answer is no chat completion (Input should be an object)"),
        (Reply({"error": {"message": "no"}}), "the server's answer is no chat completion (choices: Field required)"),
        (Reply({"choices": []}), "the server's answer holds no choice"),
        (Reply({"choices": [{"finish_reason": "stop"}]}), "the server's answer holds no message"),
        (Reply({"choices": [{"message": 3}]}), "the server's answer is no chat completion (choices.0.message: Input"),
        (says("a", "tool_calls"), "the answer ends with 'tool_calls'; expected one of stop, length, content_filter"),
        (says("a", None), "the answer ends with no reason; expected one of stop, length, content_filter"),
        (failure(413, "Too large."), "the server answers 413: Too large."),
        (failure(400, "x\ty\nz" * 200), "the server answers 400: x y zx y zx"),
        (Reply({"detail": "Unknown."}, 422), "the server answers 422: Unknown."),
        (Reply({"detail": [{"input": PROMPT}]}, 422), "the server answers 422"),
        (Reply("<html>Gone fishing</html>", 418), "the server answers 418"),
        (failure(400, f"The key {SECRET} is fine."), "the server answers 400: The key *** is fine."),
        (failure(400, f"No '{PROMPT}'"), "the server answers 400 (its message repeats the request and is withheld)"),
        (failure(400, "Not THE QUITE\\nPECULIAR ones"), "the server answers 400 (its message repeats the request"),
        (failure(400, "Not the \\u0071uite peculiar"), "the server answers 400 (its message repeats the request"),
        (failure(400, "Bad: data:image/png;base64,AAAA"), "the server answers 400 (its message repeats the request"),
    ],
)
def test_what_is_no_answer(opened: Opened, reply: Reply, message: str) -> None:
    with ChatServer(reply) as server:
        assert trouble(opened(server, key=SECRET)).startswith(message)
        assert len(server.chats) == 1


# -- what is tried again


def test_a_busy_server_is_asked_again_when_it_says(opened: Opened) -> None:
    with ChatServer([failure(429, headers={"Retry-After": "0.3"}), says("Sure.")]) as server:
        response = answer(opened(server))
        first, second = (each.when for each in server.cases)
        assert response.text == "Sure."
        assert second - first >= 0.3
        assert response.seconds is not None
        assert response.seconds < 0.3  # the model's time, not that of waiting


FAR = "Mon, 01 Jan 2026 00:00:00 +99999999999999999999"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        ("7.5", 7.5),
        ("3600", 60),
        ("-1", 0.01),
        ("0", 0.01),
        ("nan", None),
        ("soon", None),
        (FAR, None),
        (None, None),
    ],
)
def test_how_long_a_server_is_heeded(said: str | None, seconds: float | None) -> None:
    pause = troubles.pause(status_error(429, said), 1)
    assert pause == seconds if seconds is not None else 0.007 < pause < 0.013


def test_a_date_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 5 < troubles.pause(status_error(503, formatdate(time.time() + 10, usegmt=True)), 1) <= 10


def status_error(status: int, retry_after: str | None) -> Exception:
    import openai

    class Answer:
        status_code, request = status, None
        headers = {} if retry_after is None else {"retry-after": retry_after}

    return openai.APIStatusError("", response=Answer(), body=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("passing", [failure(500), failure(503), failure(408), failure(409), Reply(drop=True)])
def test_what_passes_is_tried_again(opened: Opened, passing: Reply) -> None:
    with ChatServer([passing, passing, says("Sure.")]) as server:
        assert answer(opened(server)).text == "Sure."
        assert len(server.chats) == 3


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (failure(500, "Out of luck."), "the server answers 500 (3 tries): Out of luck."),
        (Reply(drop=True), "the server cannot be reached (3 tries): "),
        (says("Sure.", delay=5), "timed out after 0.2 s (2 tries)"),
        (Reply(says("Sure.").body, drip=5), "timed out after 0.2 s (2 tries)"),  # never silent for so long
    ],
)
def test_what_does_not_pass(opened: Opened, reply: Reply, message: str) -> None:
    """It is that request's own trouble while the server answers anything else."""
    with ChatServer(reply) as server:
        assert trouble(opened(server, timeout=0.2)).startswith(message)
        assert len(server.chats) == (2 if "timed out" in message else 3)
        assert server.asked[-1].path == "/v1/models"


def test_a_server_that_goes_away_ends_it_at_once(opened: Opened) -> None:
    with ChatServer() as server:
        engine = opened(server)
    futures = [engine.submit(ask(f"{number}?")) for number in range(200)]
    errors = {(type(future.exception(20)), str(future.exception(20))) for future in futures}
    ((kind, said),) = errors
    assert kind is ModelError
    assert said.startswith(f"{server.spec}: the server cannot be reached (3 tries): ")


@pytest.mark.parametrize("silence", [failure(503), failure(502), Reply(drop=True), says("", delay=30)])
def test_a_server_that_answers_nothing_any_more(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, silence: Reply
) -> None:
    """As a load balancer with nobody behind it, or a server that hangs."""
    monkeypatch.setattr(asking, "LIST_SECONDS", 0.3)
    with ChatServer() as server:
        engine = opened(server, timeout=0.3)
        server.script, server.models = silence, silence
        error = engine.submit(ask()).exception(20)
        asked = len(server.asked)
        later = engine.submit(ask("Later?")).exception(20)
        assert type(error) is type(later) is ModelError
        assert str(later) == str(error)
        assert len(server.asked) == asked


def test_one_that_answers_no_case_is_given_up(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "GIVE_UP", 5)
    with ChatServer(failure(500, "Oh.")) as server:
        engine = opened(server, concurrency=1)
        errors = [engine.submit(ask(f"{number}?")).exception(20) for number in range(8)]
        assert [type(error) for error in errors] == [EngineError] * 4 + [ModelError] * 4
        assert str(errors[-1]) == (
            f"{server.spec}: none of the last 5 requests was answered (the server answers 500 (3 tries): Oh.)"
        )
        assert len(server.chats) == 5 * 3


def test_what_a_server_refuses_is_no_silence(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that takes no pictures, say: one hiccup after many of them."""
    monkeypatch.setattr(asking, "GIVE_UP", 3)
    with ChatServer(lambda chat: failure(500 if "5" in str(chat["messages"]) else 400, "No.")) as server:
        engine = opened(server, concurrency=1)
        errors = [engine.submit(ask(f"{number}?")).exception(20) for number in range(8)]
        assert [type(error) for error in errors] == [EngineError] * 8


def test_one_that_answers_slowly_is_still_there(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does one thing at a time has no list of models for whoever asks while many others wait."""
    monkeypatch.setattr(asking, "LIST_SECONDS", 0.2)

    def slowest(chat: Any) -> Reply:
        return says("Sure.", delay=30 if "late" in str(chat["messages"]) else 0.05)

    with ChatServer(slowest) as server:
        engine = opened(server, timeout=0.5, concurrency=3)
        server.models = Reply(delay=30)
        late = engine.submit(ask("late"))
        others = [engine.submit(ask(f"{number}?")) for number in range(30)]
        assert type(late.exception(20)) is EngineError
        assert {other.result(20).text for other in others} == {"Sure."}
        assert type(engine.submit(ask("late again")).exception(20)) is ModelError  # none was answered meanwhile


def test_trouble_between_answers_is_no_end(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "GIVE_UP", 2)
    with ChatServer(lambda chat: says("Sure.") if "3" in str(chat["messages"]) else failure(500)) as server:
        engine = opened(server, concurrency=1)
        errors = [engine.submit(ask(text)).exception(20) for text in ("1", "3", "1", "3", "1")]
        assert [type(error) for error in errors] == [EngineError, type(None), EngineError, type(None), EngineError]


def test_one_that_is_busy_for_long(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "BUSY_SECONDS", 0.5)
    with ChatServer(failure(429, "Too many.", headers={"Retry-After": "0.1"})) as server:
        error = opened(server).submit(ask()).exception(20)
        assert type(error) is ModelError
        assert str(error) == (
            f"{server.spec}: none of the last 1 requests was answered (the server answers 429 for 0.5 s: Too many.)"
        )
        assert 3 < len(server.chats) < 9


def test_a_quota_that_is_used_up_is_not_waited_for(opened: Opened) -> None:
    with ChatServer(failure(429, "You are out of credit.", code="insufficient_quota")) as server:
        error = opened(server).submit(ask()).exception(20)
        assert type(error) is ModelError
        assert str(error) == f"{server.spec}: the server answers 429: You are out of credit."
        assert len(server.chats) == 1


@pytest.mark.parametrize(
    ("status", "key", "message"),
    [
        (401, SECRET, "the server refuses the key of OPENAI_API_KEY (401)"),
        (401, "", "the server wants a key (401); set OPENAI_API_KEY"),
        (404, "", f"the server answers 404: No {SECRET}."),
    ],
)
def test_the_model_is_gone(opened: Opened, status: int, key: str, message: str) -> None:
    with ChatServer(failure(status, f"No {SECRET}.")) as server:
        error = opened(server, key=key).submit(ask()).exception(20)
        assert type(error) is ModelError
        assert str(error) == f"{server.spec}: {message}"
        assert len(server.chats) == 1


def test_a_key_that_may_not_ask(opened: Opened) -> None:
    with (
        ChatServer(greeting=failure(403, f"No {SECRET}.")) as server,
        pytest.raises(ModelError, match=r"#model: the server answers 403: No \*\*\*\.$"),
    ):
        opened(server, key=SECRET)


def test_a_first_case_that_may_not_be_asked_is_no_end(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway's rules may be against it; against so many in a row they are against all."""
    monkeypatch.setattr(asking, "GIVE_UP", 4)
    with ChatServer(lambda chat: says("Sure.") if "1" in str(chat["messages"]) else failure(403, "No.")) as server:
        engine = opened(server, concurrency=1)
        errors = [type(engine.submit(ask(f"{number}?")).exception(20)) for number in (0, 1, 2, 3, 4, 5, 6)]
        assert errors == [EngineError, type(None), *[EngineError] * 3, ModelError, ModelError]


# -- what a server lacks


def test_a_server_that_holds_to_no_form(opened: Opened) -> None:
    with ChatServer(forms=False) as server:
        engine = opened(server)
        assert [answer(engine, ask(form=FORM)).text for _ in range(3)] == ["Sure."] * 3
        assert ["response_format" in chat for chat in server.chats] == [True, False, False, False]


def test_a_request_that_is_refused_anyhow_teaches_nothing(opened: Opened) -> None:
    replies = [failure(400, "Too long."), failure(400, "Too long."), says("Sure.")]
    with ChatServer(replies) as server:
        engine = opened(server)
        assert trouble(engine, ask(form=FORM)) == "the server answers 400: Too long."
        answer(engine, ask(form=FORM))
        assert ["response_format" in chat for chat in server.chats] == [True, False, True]


def newer(chat: Any) -> Reply:
    """As the reasoning models of OpenAI answer."""
    said = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    if "max_tokens" in chat:
        return failure(400, said, code="unsupported_parameter", param="max_tokens")
    return failure(422, "No forms.") if "response_format" in chat else says("Sure.")


def test_a_server_that_has_another_word_for_the_limit(opened: Opened) -> None:
    with ChatServer(newer) as server:
        engine = opened(server)
        assert [answer(engine).text for _ in range(2)] == ["Sure."] * 2
        assert [(chat.get("max_tokens"), chat.get("max_completion_tokens")) for chat in server.chats] == [
            (256, None),
            (None, 256),
            (None, 256),
        ]
        assert answer(engine, ask(form=FORM)).text == "Sure."
        assert answer(engine, ask(form=FORM)).text == "Sure."
        assert len(server.chats) == 3 + 2 + 1


def test_too_high_a_limit_is_no_other_word(opened: Opened) -> None:
    said = "'max_tokens' or 'max_completion_tokens' is too large: 256. This model's context is 128 tokens."
    with ChatServer(failure(400, said)) as server:
        assert "is too large: 256" in trouble(opened(server))
        assert len(server.chats) == 1


# -- many at a time


@pytest.mark.parametrize(("settings", "most"), [({}, 16), ({"concurrency": 3}, 3)])
def test_many_are_asked_at_a_time(opened: Opened, settings: dict[str, Any], most: int) -> None:
    def together(chat: Any) -> Reply:
        while server.most_at_once < most and time.monotonic() < until:
            time.sleep(0.01)
        return says("Sure.", delay=0.1)

    until = time.monotonic() + 10
    with ChatServer(together) as server:
        engine = opened(server, **settings)
        done = [engine.submit(ask(f"{number}?")) for number in range(20)]
        assert {future.result(20).text for future in done} == {"Sure."}
        assert server.most_at_once == most


def test_who_is_waited_for_goes_first(opened: Opened) -> None:
    with ChatServer(says("Sure.", delay=0.1)) as server:
        engine = opened(server, concurrency=1)
        running = engine.submit(ask("running"))
        while not server.chats:
            time.sleep(0.01)
        last = [engine.submit(ask(f"{number}")) for number in range(2)]
        first = [engine.submit(ask(f"urgent {number}"), urgent=True) for number in range(2)]
        wait([running, *last, *first], 20)
        asked = [chat["messages"][0]["content"] for chat in server.chats]
        assert asked == ["running", "urgent 0", "urgent 1", "0", "1"]


def test_what_is_cancelled_is_not_sent(opened: Opened) -> None:
    with ChatServer(says("Sure.", delay=0.2)) as server:
        engine = opened(server, concurrency=1)
        running, dropped, kept = (engine.submit(ask(text)) for text in ("running", "dropped", "kept"))
        assert dropped.cancel()
        assert kept.result(20).text == running.result(20).text == "Sure."
        assert [chat["messages"][0]["content"] for chat in server.chats] == ["running", "kept"]


def test_closing_breaks_off(opened: Opened) -> None:
    with ChatServer(says("Sure.", delay=30)) as server:
        engine = opened(server, concurrency=2)
        futures = [engine.submit(ask(f"{number}")) for number in range(5)]
        while len(server.chats) < 2:
            time.sleep(0.01)
        began = time.monotonic()
        engine.close()
        engine.close()
        assert time.monotonic() - began < 2
        for future in futures:
            with pytest.raises(CancelledError):
                future.result(0)
        assert trouble(engine) == f"{server.spec}: closed"
        assert len(server.chats) == 2


def test_closing_while_it_waits_to_try_again(opened: Opened) -> None:
    with ChatServer(failure(503, headers={"Retry-After": "20"})) as server:
        engine = opened(server)
        future = engine.submit(ask())
        while not server.chats:
            time.sleep(0.01)
        began = time.monotonic()
        engine.close()
        assert time.monotonic() - began < 2
        assert future.cancelled()


def slowly(seconds: float) -> Callable[[Any], Reply]:
    """A greeting that takes its time."""

    def greeted(_: Any) -> Reply:
        time.sleep(seconds)
        return says("Hello.")

    return greeted


@pytest.mark.parametrize("slow", ["models", "greeting"])
def test_closing_while_it_loads(opened: Opened, slow: str) -> None:
    """As Ctrl-C does while another thread needs a model late: neither hangs, and no thread is left."""
    listed: Any = Reply(delay=30) if slow == "models" else [MODEL]
    errors: list[BaseException] = []

    def load() -> None:
        try:
            engine.load()
        except ModelError as error:
            errors.append(error)

    with ChatServer(models=listed, greeting=slowly(3)) as server:
        engine = opened(server, load=False)
        loading = threading.Thread(target=load, daemon=True)
        loading.start()
        while len(server.asked) < (1 if slow == "models" else 2):
            time.sleep(0.01)
        began = time.monotonic()
        engine.close()
        loading.join(2)
        assert time.monotonic() - began < 2
    assert [str(error) for error in errors] == [f"{server.spec}: closed"]


def test_no_loading_once_closed(opened: Opened) -> None:
    with ChatServer() as server:
        engine = opened(server, load=False)
        engine.close()
        with pytest.raises(ModelError, match=r"#model: closed$"):
            engine.load()
        assert server.asked == []


def test_closing_without_loading(opened: Opened) -> None:
    with ChatServer() as server:
        engine = opened(server, load=False)
        assert trouble(engine) == f"{server.spec}: not loaded"
        engine.close()
        assert server.asked == []


# -- before the first request


@pytest.mark.parametrize(
    "models",
    [
        [MODEL, "other"],
        [],
        failure(404),
        failure(405),
        failure(403, "Missing scopes: api.model.read"),
        failure(501),
        Reply([{"id": MODEL}]),
        Reply({"models": [{"name": "x"}]}),
        Reply([3]),
    ],
)
def test_a_server_that_will_do(opened: Opened, models: Any) -> None:
    with ChatServer(models=models) as server:
        assert answer(opened(server)).text == "Sure."


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["modell", "other"], "the server has no such model; it has modell, other; did you mean 'modell'?"),
        ([f"name-{n}" for n in range(30)], "the server has no such model; it has name-0, "),
        (failure(401), "the server refuses the key of OPENAI_API_KEY (401)"),
        (failure(500, "Starting."), "the server answers 500 (3 tries): Starting."),
        (Reply("<html>Welcome!</html>"), "the server's list of models is not JSON; expected the address of an OpenAI-"),
        (Reply(drop=True), "the server cannot be reached (3 tries): "),
    ],
)
def test_a_server_that_will_not_do(opened: Opened, models: Any, message: str) -> None:
    with ChatServer(models=models) as server:
        engine = opened(server, key=SECRET, load=False)
        with pytest.raises(ModelError) as caught:
            engine.load()
        assert clean(caught.value).startswith(f"{server.spec}: {message}")
        assert [each.path for each in server.asked[:1]] == ["/v1/models"]


def test_no_server(opened: Opened) -> None:
    with ChatServer() as server:
        pass
    engine = opened(server, load=False)
    engine.check()  # asks nobody
    with pytest.raises(
        ModelError, match=r"^http://127\.0\.0\.1:\d+/v1#model: the server cannot be reached \(3 tries\)"
    ):
        engine.load()


def test_a_silent_server(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LIST_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        engine = OpenAIEngine(f"http://127.0.0.1:{silent.getsockname()[1]}", MODEL, EngineSettings(), {})
        with pytest.raises(ModelError, match=r"#model: timed out after 0\.1 s \(2 tries\)$"):
            engine.load()
        engine.close()


def test_the_key_is_sent_and_told_nowhere(opened: Opened) -> None:
    with ChatServer() as server:
        engine, nobody = opened(server, key=f" {SECRET}\n"), opened(server)
        answer(engine)
        answer(nobody)
        sent = [each.headers["authorization"] for each in server.asked]
        assert sorted(set(sent)) == ["Bearer none", f"Bearer {SECRET}"]
        assert sent.count("Bearer none") == len(sent) / 2 == 3
        assert SECRET not in f"{engine!r} {engine.describe()} {engine.fingerprint}"


def test_no_proxy_leads_to_this_machine(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    with ChatServer() as proxy, ChatServer() as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1"))
        monkeypatch.setenv("ALL_PROXY", proxy.url.removesuffix("/v1"))
        assert answer(opened(server)).text == "Sure."
        assert proxy.asked == []


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://localhost", True),
        ("http://[::1]:8000", True),
        ("http://10.0.0.1", False),
        ("https://localhost.example", False),
    ],
)
def test_what_is_on_this_machine(url: str, here: bool) -> None:
    assert is_here(url) is here


@pytest.mark.parametrize("key", ["o", "model", "x"])
def test_a_key_that_a_name_holds_by_chance(opened: Opened, key: str) -> None:
    """As is given to a server that wants none, and any will do."""
    models = Reply({"data": [{"id": MODEL, "owned_by": "xo"}]})
    with ChatServer(models=models) as server:
        engine = opened(server, key=key)
        assert engine.describe()["listed"] == "owned_by xo"
        assert engine.fingerprint == opened(server, key="another").fingerprint


def test_a_long_name(opened: Opened) -> None:
    name = "/models/" + "a" * 300
    with ChatServer(models=[name]) as server:
        engine = OpenAIEngine(server.url, name, EngineSettings(), {})
        engine.load()
        engine.close()


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, SECRET)
    with ChatServer() as server:
        engine = open_engine(server.spec, EngineSettings())
        engine.load()
        engine.close()
        assert server.asked[0].headers["authorization"] == f"Bearer {SECRET}"


def test_a_key_that_no_header_may_hold() -> None:
    with pytest.raises(ModelError, match=r"^OPENAI_API_KEY: no key; expected printable ASCII characters only$"):
        OpenAIEngine("http://host", MODEL, EngineSettings(), {KEY: "sk-\n-ü"}).check()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://", r"^http://: not the address of a server; expected http://host:8000/v1 or "),
        ("http://host:port/v1", r"^http://\.\.\.: not the address of a server; "),
        ("http://[::1/v1", r"^http://\.\.\.: not the address of a server; "),
        ("http://my host/v1", r"^http://my host/v1: not the address of a server; "),
        (f"http://user:{SECRET}@host/v1", r"^http://host/v1: a user, a password or a query in the address; "),
        (f"http://user:1/{SECRET}@host/v1", r"^http://user:1/\.\.\.: a user, a password or a query"),
        (f"http://user:a?{SECRET}@host/v1", r"^http://\.\.\.: not the address of a server; "),
        (
            f"https://host/v1?key={SECRET}",
            r"^https://host/v1: a user, a password or a query .*the key in OPENAI_API_KEY",
        ),
    ],
)
def test_an_address_that_is_none(url: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        OpenAIEngine(url, MODEL, EngineSettings(), {}).check()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://host:8000", "http://host:8000/v1"),
        ("http://host:8000/", "http://host:8000/v1"),
        ("http://host:8000/v1/", "http://host:8000/v1"),
        ("https://host/api/openai", "https://host/api/openai"),
        ("HTTPS://host", "HTTPS://host/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
    ],
)
def test_where_the_api_begins(url: str, base: str) -> None:
    assert base_of(url) == base
    assert shown(url).lower() == url.lower()


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", {}.get)
    with pytest.raises(ModelError, match=r"^http://host#m: needs the extra: pip install 'pytest-vsc\[openai\]'$"):
        open_engine("http://host#m", EngineSettings()).check()


def test_what_it_says_of_itself() -> None:
    engine = OpenAIEngine("https://host:8000/v1", MODEL, EngineSettings(), {})
    named = OpenAIEngine("https://host:8000/v1", MODEL, EngineSettings(revision="build-7", concurrency=2), {})
    told = {"model": MODEL, "engine": "openai", "server": "host:8000"}
    assert engine.describe() == {**told, "concurrency": "16 (found out)"}
    assert named.describe() == {**told, "revision": "build-7", "concurrency": "2"}
    assert (engine.lasting, named.lasting) == (False, True)
    with pytest.raises(ModelError, match=r"^https://host:8000/v1#model: not loaded$"):
        engine.fingerprint  # noqa: B018


def test_the_fingerprint_is_of_all_that_a_server_tells(opened: Opened) -> None:
    def entry(**more: Any) -> Reply:
        return Reply({"data": [{"id": MODEL, "created": time.time_ns(), "owned_by": "vllm", **more}]})

    def build(**more: Any) -> Reply:
        whole = says("Hello.")
        return Reply({**whole.body, **more})

    with ChatServer(models=entry()) as server:
        same = opened(server).fingerprint
        assert same == opened(server).fingerprint  # the time at which it lists a model says nothing
        printed = [opened(server, revision="1").fingerprint]
        server.models = entry(root="/models/other")
        printed.append(opened(server).fingerprint)
        server.models = entry(meta={"n_params": 7_000_000_000, "size": 4_000_000_000})
        printed.append(opened(server).fingerprint)
        server.models = entry(meta={"n_params": 7_000_000_000, "size": 7_000_000_000})  # quantized otherwise
        printed.append(opened(server).fingerprint)
        server.models = entry()
        for more in ({"system_fingerprint": "fp_1"}, {"system_fingerprint": "fp_2"}, {"model": "model-2026-01-01"}):
            server.greeting = build(**more)
            printed.append(opened(server).fingerprint)
    assert len({same, *printed}) == 8
    assert len(same) == 64


def test_who_answers_is_told(opened: Opened) -> None:
    def build(model: str, fingerprint: str) -> Reply:
        return Reply({**says("Sure.").body, "model": model, "system_fingerprint": fingerprint})

    first, second = build("model-7", "fp_1"), build("model-8", "fp_2\x1b[31m")
    models = Reply({"data": [{"id": MODEL, "owned_by": "us", "max_model_len": 4096}]})
    with ChatServer([first, second, second], greeting=first, models=models) as server:
        engine = opened(server, concurrency=1)
        told = engine.describe()
        assert (told["served_as"], told["system_fingerprint"]) == ("model-7", "fp_1")
        assert told["listed"] == "owned_by us, max_model_len 4096"
        for number in range(3):
            assert "builds" not in engine.describe() or number > 1
            answer(engine, ask(f"{number}?"))
        assert engine.describe()["builds"] == "model-7 fp_1 (1), model-8 fp_2 [31m (2)"


def test_a_temperature_that_is_not_taken_is_told(opened: Opened) -> None:
    """Greedy decoding is what we promise: where the server does not do it, everybody must know."""

    def fixed(chat: Any) -> Reply:
        said = "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) is supported."
        return failure(400, said, param="temperature", code="unsupported_value") if "temperature" in chat else says("A")

    with ChatServer(fixed, greeting=fixed) as server:
        engine = opened(server)
        assert engine.describe()["not_taken"] == "temperature"
        assert answer(engine).text == "A"
        assert "temperature" not in server.chats[0]
        plain = ChatServer()
    with plain as server:
        assert opened(server).fingerprint != engine.fingerprint


def test_a_greeting_that_fails_says_nothing_of_the_cases(opened: Opened) -> None:
    with ChatServer(greeting=failure(400, "No.")) as server:
        assert answer(opened(server)).text == "Sure."


def test_a_greeting_that_is_late_slows_nothing_down(opened: Opened) -> None:
    """As where a model is compiled when it is asked first."""
    with ChatServer(greeting=slowly(1)) as server:
        engine = opened(server, timeout=0.4)
        assert engine.describe()["concurrency"] == "16 (found out)"
        assert answer(engine).text == "Sure."


def test_a_server_that_is_for_others(opened: Opened) -> None:
    with ChatServer(models=failure(403), greeting=failure(403, "Not you.")) as server:
        engine = opened(server, key=SECRET, load=False)
        with pytest.raises(ModelError, match=r"#model: the server answers 403: Not you\.$"):
            engine.load()


def test_a_greeting_that_is_refused_ends_it_before_the_run(opened: Opened) -> None:
    with ChatServer(greeting=failure(401)) as server:
        engine = opened(server, key=SECRET, load=False)
        with pytest.raises(ModelError, match=r"refuses the key of OPENAI_API_KEY \(401\)$"):
            engine.load()


# -- what it costs


def priced(tmp_path: Path, prompt: float, output: float) -> str:
    file = tmp_path / "prices.toml"
    file.write_text(f'["{MODEL}"]\ninput = {prompt}\noutput = {output}\n')
    return str(file)


def counted(chat: Any) -> Reply:
    """An answer of ten tokens to a prompt of hundred."""
    whole = says("Sure.")
    return Reply({**whole.body, "usage": {"prompt_tokens": 100, "completion_tokens": 10}})


def test_what_is_spent_is_told(opened: Opened, tmp_path: Path) -> None:
    with ChatServer(counted, greeting=counted) as server:
        engine = opened(server, prices=priced(tmp_path, 1.0, 2.0))
        for number in range(3):
            answer(engine, ask(f"{number}?"))
        told = engine.describe()
        assert (told["prompt_tokens"], told["tokens"], told["cost"]) == ("400", "40", "0.0005 USD")
        unpriced = opened(server)
        answer(unpriced)
        assert "cost" not in unpriced.describe()


def test_a_limit_of_cost_ends_it_below(opened: Opened, tmp_path: Path) -> None:
    """Ten dollars a token: an answer of at most 20 tokens after a prompt of 100 may cost 1,200."""
    with ChatServer(counted, greeting=counted) as server:
        engine = opened(server, prices=priced(tmp_path, 1e7, 1e7), max_cost=10_000.0)
        limit = Generation(max_new_tokens=20)
        futures = [engine.submit(ask(f"{number}?", generation=limit)) for number in range(30)]
        errors = [future.exception(20) for future in futures]
        paid = errors.count(None)
        assert paid == len(server.chats) == 8  # with the greeting 9 x 1,100; the next could take 1,200
        assert {type(error) for error in errors[paid:]} == {ModelError}
        assert str(errors[-1]) == (
            "--vlm-max-cost 10000: 9900.0000 US dollars are spent after 8 answers, and the next one could go beyond; "
            "nothing more is asked"
        )
        assert engine.describe()["max_cost"] == "10000 USD"


def test_a_limit_of_cost_holds_while_nothing_is_answered(opened: Opened, tmp_path: Path) -> None:
    """A try that is late may be charged: twenty dollars each, after two for the greeting."""
    few = Reply({**says("Hello.").body, "usage": {"prompt_tokens": 1, "completion_tokens": 1}})
    with ChatServer(says("Sure.", delay=30), greeting=few) as server:
        engine = opened(server, prices=priced(tmp_path, 1e6, 1e6), max_cost=50.0, timeout=0.3)
        futures = [engine.submit(ask(f"{n}?", generation=Generation(max_new_tokens=20))) for n in range(4)]
        errors = [future.exception(20) for future in futures]
        assert len(server.chats) == 2
        assert [type(error) for error in errors] == [EngineError] + [ModelError] * 3
        assert "--vlm-max-cost 50: 42.0000 US dollars are spent after 0 answers" in str(errors[-1])
    with ChatServer(says("Sure.", delay=30), greeting=few) as server:
        engine = opened(server, prices=priced(tmp_path, 1e6, 1e6), max_cost=30.0, timeout=0.3)
        trouble(engine, ask(generation=Generation(max_new_tokens=20)))
        assert len(server.chats) == 1  # another try could go beyond


def test_no_greeting_beyond_the_limit(opened: Opened, tmp_path: Path) -> None:
    with ChatServer(counted, greeting=counted) as server:
        with pytest.raises(ModelError, match=r"^--vlm-max-cost 15: 0\.0000 US dollars are spent after 0 answers, and "):
            opened(server, prices=priced(tmp_path, 1e6, 1e6), max_cost=15.0)
        assert [each.path for each in server.asked] == ["/v1/models"]


def test_no_limit_without_a_price(opened: Opened, tmp_path: Path) -> None:
    with ChatServer() as server:
        with pytest.raises(
            SettingsError, match=r"^--vlm-max-cost: the price of 'model' is unknown, and is not guessed"
        ):
            opened(server, max_cost=1.0)
        assert server.asked == []


def test_no_limit_where_the_server_does_not_count(opened: Opened, tmp_path: Path) -> None:
    silent = Reply({"choices": says("Sure.").body["choices"], "usage": {"prompt_tokens": -5, "completion_tokens": 3}})
    with ChatServer(silent, greeting=silent) as server:
        with pytest.raises(ModelError, match=r"does not tell what an answer took, so --vlm-max-cost can't be held$"):
            opened(server, max_cost=1.0, prices=priced(tmp_path, 1, 1))
        assert len(server.asked) == 2


# -- secrets


def test_headers_come_from_the_environment_and_are_told_by_name(opened: Opened) -> None:
    environ = {"TEAM": SECRET, "ROUTE": "blue"}
    with ChatServer(says(f"The key is {SECRET}, it's blue.", reasoning=f"{SECRET}!")) as server:
        settings = EngineSettings(headers=(("X-Team", "TEAM"), ("x-route", "ROUTE")))
        engine = OpenAIEngine(server.url, MODEL, settings, environ)
        try:
            engine.load()
            response = answer(engine)
            sent = {(each.headers["x-team"], each.headers["x-route"]) for each in server.asked}
            assert sent == {(SECRET, "blue")}
            assert (response.text, response.thought) == ("The key is ***, it's blue.", "***!")
            assert engine.describe()["headers"] == "X-Team, x-route"
            assert SECRET not in f"{engine!r} {engine.describe()} {engine._secrets!r}"
        finally:
            engine.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"key": "OPEN_KEY"}, r"^--vlm-api-key: the environment has no variable 'OPEN_KEY'; did you mean 'OPENKEY'\?$"),
        ({"key": "X"}, r"^--vlm-api-key: the environment has no variable 'X'; expected the name of one that is set$"),
        ({"headers": (("X-Team", "TEAM"),)}, r"^--vlm-header X-Team: the environment has no variable 'TEAM'; "),
        ({"headers": (("X-Team", "ODD"),)}, r"^ODD: no key; expected printable ASCII characters only$"),
    ],
)
def test_secrets_that_are_not_there(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        OpenAIEngine("http://host", MODEL, EngineSettings(**settings), {"OPENKEY": SECRET, "ODD": "ü"}).check()


@pytest.mark.parametrize(
    "told",
    [
        quote(ODD, safe=""),
        json.dumps(ODD)[1:-1],
        json.dumps(json.dumps(ODD)),
        html.escape(ODD),
        ODD.upper(),
        f"{ODD[:12]}\n{ODD[12:]}",
        f"{ODD[:20]}...",
        base64.b64encode(ODD.encode()).decode(),
        base64.b64encode(f"Bearer {ODD}".encode()).decode(),
        ODD.encode().hex(),
    ],
)
def test_a_key_that_is_told_in_other_letters(opened: Opened, told: str) -> None:
    with ChatServer(failure(400, f"The key {told} is bad.")) as server:
        assert trouble(opened(server, key=ODD)) == "the server answers 400: ***"
    with ChatServer(Reply("", 307, {"Location": f"http://host/{quote(told)}"})) as server:
        assert trouble(opened(server, key=ODD)).startswith("the server sends elsewhere (307 to ***)")


def test_what_a_secret_shares_with_all_texts_is_no_secret() -> None:
    plain = "This model's maximum context length is 4096 tokens."
    assert Secrets("KEY", ODD, {"X-Title": "my tests", "X-Short": "4096"}).masked(plain) == plain.replace("4096", "***")
    basic = Secrets("KEY", "", {"Authorization": "Basic " + base64.b64encode(b"somebody:pass-word-7").decode()})
    assert basic.masked("No such user somebody:pass-word-7.") == "***"


def test_a_key_of_another_name(opened: Opened) -> None:
    with ChatServer(failure(401)) as server:
        engine = OpenAIEngine(server.url, MODEL, EngineSettings(key="MY_KEY"), {"MY_KEY": SECRET, KEY: "other"})
        try:
            engine.load()
            assert {each.headers["authorization"] for each in server.asked} == {f"Bearer {SECRET}"}
            assert str(engine.submit(ask()).exception(20)).endswith("the server refuses the key of MY_KEY (401)")
            assert engine.describe()["key"] == "MY_KEY"
        finally:
            engine.close()


def test_requests_are_in_no_log(opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    """Older releases of the openai package say all of them to whoever wants to debug it."""
    caplog.set_level(logging.DEBUG)
    with ChatServer() as server:
        answer(opened(server))
    log = logging.getLogger("openai._base_client")
    for name in (THREAD, "somebody's"):
        thread = threading.Thread(target=log.debug, args=("Request options: %s by %s", PROMPT, name), name=name)
        thread.start()
        thread.join()
    assert [record.threadName for record in caplog.records if PROMPT in record.getMessage()] == ["somebody's"]


# -- servers that mean no good


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nothing_is_sent_elsewhere(opened: Opened, status: int) -> None:
    with ChatServer() as elsewhere, ChatServer(Reply("", status, {"Location": elsewhere.url + "/x?k=1"})) as server:
        said = trouble(opened(server, key=SECRET))
        assert said == (
            f"the server sends elsewhere ({status} to {elsewhere.url}/x); nothing is sent there. Give that address"
        )
        assert elsewhere.asked == []
        server.models = Reply("", status, {"Location": "/other"})
        with pytest.raises(ModelError, match=rf"the server sends elsewhere \({status}\); nothing is sent there"):
            opened(server)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(says("Sure.").body, flood=48 << 20),
        Reply(failure(500).body, 500, flood=48 << 20),
        Reply(gzip.compress(b" " * (80 << 20), 1), headers={"Content-Encoding": "gzip"}),
    ],
)
def test_an_answer_that_does_not_end(opened: Opened, reply: Reply) -> None:
    with ChatServer(reply) as server:
        engine = opened(server)
        assert trouble(engine) in (f"the server's answer is larger than {most} KiB" for most in (8192, 256))
        assert len(server.chats) == 1
        server.script = says("Sure.")
        assert answer(engine).text == "Sure."


@pytest.mark.parametrize("packing", ["gzip, gzip", "br", "zstd"])
def test_an_answer_packed_beyond_measure(opened: Opened, packing: str) -> None:
    packed = gzip.compress(gzip.compress(b" " * (80 << 20)))
    assert len(packed) < 2000
    with ChatServer(Reply(packed, headers={"Content-Encoding": packing})) as server:
        said = f"the server's answer is packed ({packing}), which nobody asked for"
        assert trouble(opened(server)) == said


def test_a_list_of_very_many_models(opened: Opened) -> None:
    with ChatServer(models=[f"org/name-{number:06}" * 8 for number in range(30_000)]) as server:
        engine = OpenAIEngine(server.url, "org/name-x" * 10, EngineSettings(), {})
        began = time.monotonic()
        with pytest.raises(ModelError, match=r"it has org/name-.* \(and 29990 more\)$"):
            engine.load()
        engine.close()
        assert time.monotonic() - began < 20


def test_half_an_answer_is_asked_for_again(opened: Opened) -> None:
    with ChatServer([Reply(says("Sure.").body, half=True), says("Sure.")]) as server:
        assert answer(opened(server)).text == "Sure."
        assert len(server.chats) == 2


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        json.dumps({"choices": [{"message": {"content": {"a": 1}}, "finish_reason": "stop"}]}),
        json.dumps({"choices": [{"message": {"content": "a"}, "finish_reason": "x\n::error::y" * 99}]}),
        '{"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1e400}}',
    ],
)
def test_odd_shapes(opened: Opened, body: str) -> None:
    with ChatServer(Reply(body)) as server:
        assert trouble(opened(server)).startswith(("the server's answer is no chat completion", "the answer ends with"))


@pytest.mark.parametrize(
    ("content", "text", "thought"),
    [
        ([{"type": "text", "text": "Sure, "}, {"type": "text", "text": "yes."}], "Sure, yes.", ""),
        (
            [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Y"}],
            "Y",
            "Hm.",
        ),
        ([{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Yes."}], "Yes.", "Hm."),
        ([], "", ""),
    ],
)
def test_an_answer_in_parts(opened: Opened, content: Any, text: str, thought: str) -> None:
    with ChatServer(says(content)) as server:
        response = answer(opened(server))
        assert (response.text, response.thought) == (text, thought)


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("eos_token", "stop"),
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("content_filter: PROHIBITED_CONTENT", "content_filter"),
        ("SAFETY", "content_filter"),
        ("refusal", "content_filter"),
    ],
)
def test_other_words_for_an_end(opened: Opened, reason: str, ours: str) -> None:
    with ChatServer(says("Sure.", reason)) as server:
        assert answer(opened(server)).finish_reason == ours


@pytest.mark.parametrize(
    ("reply", "blocked"),
    [
        (failure(400, "F.", code="data_inspection_failed"), True),
        (failure(403, "F.", metadata={"reasons": ["violence"]}), True),
        (failure(403, "F.", metadata={"reasons": []}), False),
    ],
)
def test_a_gateways_moderation_is_no_end(opened: Opened, reply: Reply, blocked: bool) -> None:
    with ChatServer([says("Sure."), reply, says("Sure.")]) as server:
        engine = opened(server, concurrency=1)
        answer(engine, ask("1?"))
        if blocked:
            assert answer(engine, ask("2?")).finish_reason == "content_filter"
        else:
            assert trouble(engine, ask("2?")) == "the server answers 403: F."
        assert answer(engine, ask("3?")).text == "Sure."


# -- a real server


@pytest.mark.heavy
def test_a_real_server_answers_as_the_model_in_process(tmp_path: Path) -> None:
    skip_without_server()
    folder = shipped("fixtures") / "models/tiny"
    picture = Picture("drawn.png", data=encoded(drawn(1)))
    system = Message(role="system", text="Be kind.")
    limit = Generation(max_new_tokens=48)
    requests = [
        ask("What is shown here?", picture, generation=limit),
        ask("How do I use this?", Picture("other.png", data=encoded(drawn(2, 96))), generation=limit),
        ask("How do I bake bread?", generation=limit),
        Request((system, *ask("How do I use this?", picture).messages), limit),
        ask("How do I use this?", picture, generation=Generation(max_new_tokens=2)),
    ]
    with served(folder, tmp_path / "server.log") as url:
        far, near = open_engine(f"{url}#{folder}", EngineSettings()), open_engine("tiny", EngineSettings(device="cpu"))
        try:
            for engine in (far, near):
                engine.check()
                engine.load()
            told, expected = answers(far, requests), answers(near, requests)
        finally:
            far.close()
            near.close()
    assert told == expected
    assert told[0][0]
    assert told[-1][1] == "length"
