"""A chat server for tests: speaks the two endpoints that engines use, answers by script, and notes what it is asked.

with ChatServer("Sure.") as server:                             # says the same to everybody
    open_engine(server.spec, EngineSettings())                  # http://127.0.0.1:port/v1#model
    server.chats[0]["messages"]

ChatServer([failure(500), says("Sure.")])                       # one each, the last again and again
ChatServer(lambda chat: says(chat["messages"][-1]["content"]))  # by what is asked
ChatServer(says("Sure.", delay=0.5), forms=False)               # takes no `response_format`
ChatServer("Sure.", greeting=failure(401))                      # the first question of an engine, apart from the script
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple

import pytest

from pytest_vsc.engines import EngineSettings, open_engine

MODEL = "model"
CHUNK = 1 << 16  # bytes; floods are multiples of it
GREETING = "Hello."  # what the engine asks before anything else


@dataclass(frozen=True)
class Reply:
    """What a request gets. body: sent as JSON unless it is text or bytes. delay: seconds before it.

    drop: close the connection instead. reset: have the other end told that it was reset. drip: send the body a letter
    at a time, over so many seconds. half: of the body only so much is sent, then the connection closed. flood: so many
    blanks go before the body.
    """

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False
    reset: bool = False
    drip: float = 0.0
    half: bool = False
    flood: int = 0

    def encoded(self) -> tuple[bytes, str]:
        """The bytes of the body and their type."""
        if isinstance(self.body, bytes):
            return self.body, "application/json"
        if isinstance(self.body, str):
            return self.body.encode(), "text/html" if self.body.startswith("<") else "application/json"
        return json.dumps(self.body).encode(), "application/json"


class Asked(NamedTuple):
    """A request as it came in. headers: by name in lower case. when: seconds of `time.monotonic`."""

    path: str
    headers: Mapping[str, str]
    body: Any
    when: float


Script = str | Reply | Sequence[str | Reply] | Callable[[Any], str | Reply]


def connect_once() -> None:
    """Load what the openai package imports only when it connects, before the first run in this process."""
    pytest.importorskip("openai")
    with ChatServer() as server:
        engine = open_engine(server.spec, EngineSettings())
        engine.load()
        engine.close()


def says(text: Any, finish_reason: str | None = "stop", *, delay: float = 0.0, **message: Any) -> Reply:
    """A chat completion with this text, or what stands in its place; message: further fields of its message."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 7, "completion_tokens": len(str(text or "").split()), "total_tokens": 9}
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL}
    return Reply({**whole, "choices": [choice], "usage": usage}, delay=delay)


def failure(
    status: int, message: str = "It is as it is.", *, headers: Mapping[str, str] | None = None, **error: Any
) -> Reply:
    """An error as OpenAI's API tells it; error: further fields, such as `code` and `param`."""
    return Reply({"error": {"message": message, "type": "error", **error}}, status, headers or {})


class _Server(ThreadingHTTPServer):
    """Who hangs up while it is answered is no fault of the server's."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class ChatServer:
    """Serves while its context lasts, on a free port of this machine.

    asked: every request, the lists of models and greetings too. most_at_once: how many chats it worked on at the same
    time.
    """

    def __init__(
        self,
        script: Script = "Sure.",
        *,
        models: Sequence[str] | Reply = (MODEL,),
        forms: bool = True,
        greeting: Reply | Callable[[Any], Reply] | None = None,
    ):
        self.script, self.models, self.forms = script, models, forms
        self.greeting = greeting or says("Hello.")
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self._at_once = self._taken = 0
        self.connections: set[socket.socket] = set()
        self._lock, self._ending = threading.Lock(), threading.Event()
        self._server = _Server(("127.0.0.1", 0), type("Bound", (Handler,), {"chat": self}), False)
        self._server.request_queue_size = 128  # or it would turn many at once away
        self._server.server_bind()
        self._server.server_activate()
        self._server.daemon_threads = True  # an end does not wait for connections that are kept open
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> ChatServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._server.shutdown()
        for connection in list(self.connections):  # clients keep them
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def spec(self) -> str:
        """What `--vlm` takes."""
        return f"{self.url}#{MODEL}"

    @property
    def chats(self) -> list[Any]:
        """The bodies of the chats that were asked for, without greetings."""
        return [each.body for each in self.cases]

    @property
    def cases(self) -> list[Asked]:
        """The same, as they came in."""
        chats = [each for each in self.asked if each.path.endswith("/chat/completions")]
        return [each for each in chats if not _greets(each.body)]

    # -- for the handler

    def wait(self, seconds: float) -> None:
        """Let that time pass, or what is left until the end."""
        self._ending.wait(seconds)

    def answer(self, asked: Asked) -> Reply:
        """What a request gets, its delay over."""
        with self._lock:
            self.asked.append(asked)
        if asked.path == "/v1/models":
            listed = self.models if isinstance(self.models, Reply) else _list_of(self.models)
            self.wait(listed.delay)
            return listed
        if asked.path != "/v1/chat/completions":
            return failure(404, "Not Found")
        if _greets(asked.body):
            return self.greeting(asked.body) if callable(self.greeting) else self.greeting
        if not self.forms and "response_format" in asked.body:
            return failure(400, "response_format is not supported", param="response_format")
        return self._chat(asked.body)

    def _chat(self, body: Any) -> Reply:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        reply = self._reply(body)
        self.wait(reply.delay)
        with self._lock:
            self._at_once -= 1
        return reply

    def _reply(self, body: Any) -> Reply:
        script = self.script
        if callable(script):
            script = script(body)
        elif not isinstance(script, str | Reply):
            script = script[min(self._turns(), len(script) - 1)]
        return says(script) if isinstance(script, str) else script

    def _turns(self) -> int:
        with self._lock:
            self._taken += 1
            return self._taken - 1


def _greets(body: Any) -> bool:
    return bool(body["messages"] == [{"role": "user", "content": GREETING}])


def _list_of(names: Sequence[str]) -> Reply:
    return Reply({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})


class Handler(BaseHTTPRequestHandler):
    """One connection to the server `chat`."""

    protocol_version = "HTTP/1.1"
    chat: ChatServer

    def setup(self) -> None:
        self.chat.connections.add(self.request)
        super().setup()

    def finish(self) -> None:
        self.chat.connections.discard(self.request)
        super().finish()

    def do_GET(self) -> None:
        self._send(self.chat.answer(Asked(self.path, self._named(), None, time.monotonic())))

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        sent = self.rfile.read(length)
        if len(sent) < length:  # it hung up before it had asked
            self.close_connection = True
            return
        self._send(self.chat.answer(Asked(self.path, self._named(), json.loads(sent), time.monotonic())))

    def _named(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _send(self, reply: Reply) -> None:
        if reply.reset:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())  # at once: whatever else would close it says goodbye first
            return
        if reply.drop:
            self.close_connection = True
            return
        body, kind = reply.encoded()
        self.send_response(reply.status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(reply.flood + len(body)),
            **reply.headers,
        }.items():
            self.send_header(name, value)
        try:
            self.end_headers()
            self._flood(reply.flood)
            self._write(body[: len(body) // 2] if reply.half else body, reply.drip)
            self.close_connection = self.close_connection or reply.half
        except ConnectionError:  # nobody waits for it any more
            self.close_connection = True

    def _flood(self, size: int) -> None:
        for _ in range(0, size, CHUNK):
            self.wfile.write(b" " * CHUNK)

    def _write(self, body: bytes, seconds: float) -> None:
        if not seconds:
            self.wfile.write(body)
            return
        for letter in body:
            self.wfile.write(bytes([letter]))
            self.chat.wait(seconds / len(body))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is that of the library
        pass
