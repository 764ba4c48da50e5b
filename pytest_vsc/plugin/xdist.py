"""Joins the session owner and its xdist workers: the owner's host, the workers' way to it, and the modes refused.

Workers get the cases and what they need of each record over a loopback connection that both ends authenticate.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import socket
import threading
from collections.abc import Sequence
from dataclasses import fields
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener, answer_challenge, deliver_challenge
from typing import Any, Protocol

import pytest

from pytest_vsc.cases import Case, Key, Picture
from pytest_vsc.errors import BrokerError, SettingsError, VscError
from pytest_vsc.plugin.asking import Desk, Planned, Told, failure_of
from pytest_vsc.records import Answer, Excerpt, Judgement, Policy, Response

WORKER_KEY = "vsc"
FARTHEST = 32  # records in one message: the one that is asked for, and what the worker is likely to ask for next
# Ways of distributing in which pytest-xdist 3.8 hands a dead worker's finished tests out again, and waits for them.
BY_SCOPE = ("loadscope", "loadfile", "loadgroup")
CHUNK = 1000  # cases or tests in one message: a whole large suite in one would weigh more than all that is kept of it
_CASE_FIELDS = tuple(field.name for field in fields(Case) if field.init)
_TEXTS = ("tags", "answers", "options")


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def is_distributed(config: pytest.Config) -> bool:
    """Whether this process owns a session whose tests run in workers."""
    option = config.option
    return not option.collectonly and getattr(option, "dist", "no") != "no" and bool(getattr(option, "tx", None))


def refuse_modes(config: pytest.Config) -> None:
    """Raise SettingsError for the modes of xdist under which a gate could not be trusted."""
    if not is_distributed(config):
        return
    if config.option.dist == "each":
        raise SettingsError("--dist each: would record every case once a worker; use load, worksteal, loadgroup, ...")
    remote = [spec for spec in config.option.tx if not spec.rpartition("*")[2].startswith("popen")]
    if remote:
        raise SettingsError(f"--tx {remote[0]}: workers of another kind cannot reach the model; use -n N or --tx popen")


def keep_in_order(config: pytest.Config) -> None:
    """Where a run may stop early, hand tests out a few at a time, so that all workers stay near the same place."""
    if config.option.vsc_early_stop and getattr(config.option, "maxschedchunk", 0) is None:
        config.option.maxschedchunk = 1


class OwnerDesk(Desk, Protocol):
    """What the session owner offers its workers beside."""

    def peek(self, key: Key) -> Told | None:
        """The record of a case, if it is there and no failure; it is handed out only when its test is reported."""


class Host:
    """The owner's end: gives each starting worker the way here, and answers what workers ask."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner
        self._server: Server | None = None
        self._dead_under = ""  # the way of distributing in which a worker died

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        if self._server is None:
            self._server = Server(self._owner)
            self._owner.when_stopped(self._server.close)
        node.workerinput[WORKER_KEY] = self._server.way()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self) -> None:
        self._owner.begin()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        option = node.config.option
        if error is not None and str(option.maxworkerrestart) != "0" and option.dist in BY_SCOPE:
            self._dead_under = option.dist

    @pytest.hookimpl(trylast=True)  # when everybody else has heard of what the worker died in
    def pytest_runtest_logreport(self) -> None:
        dist, self._dead_under = self._dead_under, ""  # once: the gates are reported yet
        if dist:
            pytest.exit(
                f"a worker has died, and --dist {dist} may hang once it is replaced; find out why it died, or use "
                "--dist load",
                pytest.ExitCode.TESTS_FAILED,
            )


class Server:
    """Listens on loopback; one thread a worker, so that one that waits holds up nobody else."""

    def __init__(self, desk: OwnerDesk) -> None:
        self._desk, self._cases = desk, desk.cases()
        self._key = secrets.token_bytes(32)
        self._connections: list[Connection] = []
        self._closed = False
        try:
            self._listener = Listener(("127.0.0.1", 0), backlog=64)
        except OSError as error:
            raise pytest.UsageError(f"-n: cannot open a loopback port for the workers: {error}") from error
        threading.Thread(target=self._accept, name="vsc-accept", daemon=True).start()

    def way(self) -> dict[str, Any]:
        """What a worker needs to find and be trusted here; exact builtins only."""
        host, port = self._listener.address
        return {"host": str(host), "port": int(port), "key": self._key.hex()}

    def close(self) -> None:
        """Hang up at once; a worker that waits sees the end and fails its test."""
        self._closed = True
        self._listener.close()
        for connection in self._connections:
            if connection.closed:
                continue
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection = self._listener.accept()
            except OSError:
                continue  # it hung up again, or we did
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), name="vsc-worker", daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        try:  # in the connection's own thread: a stranger at the port that says nothing holds up nobody
            deliver_challenge(connection, self._key)
            answer_challenge(connection, self._key)
        except (AuthenticationError, EOFError, OSError):
            connection.close()
            return
        with contextlib.suppress(EOFError, OSError):  # the worker has gone; xdist reports that
            while True:
                said = json.loads(connection.recv_bytes())
                connection.send_bytes(json.dumps(self._answered(said)).encode())

    def _answered(self, said: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"value": self._handled(**said)}
        except VscError as error:
            return {"error": str(error)}
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}", "failure": failure_of(error)}

    def _handled(self, do: str, **said: Any) -> Any:
        desk = self._desk
        if do == "hello":
            return {
                "policy": desk.policy.model_dump(),
                "strict": desk.strict,
                "reveal": desk.reveal,
                "sampled": desk.sampled,
                "in_order": desk.in_order,
                "excluded": [[*key, why] for key, why in desk.excluded.items()],
                "categories": desk.categories,
            }
        if do == "cases":
            return [_case_row(case) for case in self._cases[said["start"] : said["start"] + CHUNK]]
        if do == "expect":
            return desk.expect([(nodeid, suite, case, repeat) for nodeid, suite, case, repeat in said["plan"]])
        if do == "ask":
            ahead = (desk.peek(Key(*key)) for key in said["ahead"])
            return [_told_row(told) if told else None for told in (desk.ask(Key(*said["key"]), helping=True), *ahead)]
        pictures = tuple(_unpacked(packed) for packed in said["images"])
        answer = desk.question(said["prompt"], pictures)
        return [answer.judgement.verdict, answer.response and answer.response.text, answer.error]


class Remote:
    """A worker's desk: everything is asked of the session owner."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._turn = threading.Lock()  # a test may ask from several threads
        hello = self._asked(do="hello")
        self.policy = Policy.model_validate(hello["policy"])
        self.strict: bool = hello["strict"]
        self.reveal: bool = hello["reveal"]
        self.sampled: bool = hello["sampled"]
        self.in_order: bool = hello["in_order"]
        self.excluded = {Key(suite, case, repeat): why for suite, case, repeat, why in hello["excluded"]}
        self.categories: Sequence[str] = hello["categories"]
        self._plan: list[Key] = []
        self._places: dict[Key, int] = {}
        self._ready: dict[Key, Excerpt] = {}
        self._reach = 1
        self._cases: list[Case] = []
        while rows := self._asked(do="cases", start=len(self._cases)):
            self._cases += map(_case, rows)

    def cases(self) -> Sequence[Case]:
        return self._cases

    def expect(self, plan: Sequence[Planned]) -> None:
        self._plan = [Key(suite, case, repeat) for _, suite, case, repeat in plan if suite]
        self._places = {key: place for place, key in enumerate(self._plan)}
        for start in range(0, len(plan), CHUNK):
            self._asked(do="expect", plan=plan[start : start + CHUNK])

    def ask(self, key: Key, *, helping: bool = False) -> Excerpt:  # noqa: ARG002  there is nothing to help with here
        """The record of a case. Those of the next ones come with it as far as they are ready, for one message each.

        How many is learnt: twice as many as were of use the last time.
        """
        known = self._ready.pop(key, None)
        if known is not None:
            return known
        self._reach = min(max(1, 2 * (self._reach - len(self._ready))), FARTHEST)
        place = self._places.get(key, len(self._plan))
        ahead = self._plan[place + 1 : place + 1 + self._reach]
        first, *others = self._asked(do="ask", key=key, ahead=ahead)
        self._ready = {key: Excerpt(*row) for key, row in zip(ahead, others, strict=True) if row is not None}
        return Excerpt(*first)

    def question(self, prompt: str, images: tuple[Picture, ...]) -> Answer:
        packed = [_packed(one) for one in images]
        verdict, text, error = self._asked(do="question", prompt=prompt, images=packed)
        response = Response(text=text) if text is not None else None
        return Answer(judgement=Judgement(verdict=verdict, judge=""), response=response, error=error)

    def _asked(self, **said: Any) -> Any:
        try:
            with self._turn:
                self._connection.send_bytes(json.dumps(said).encode())
                heard = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError) as error:
            raise BrokerError("the process that owns the session has gone") from error
        if "error" in heard:
            raise BrokerError(heard["error"], heard.get("failure", ""))
        return heard["value"]


def connect(config: pytest.Config) -> Remote:
    """The desk of this worker. Raises BrokerError when the session owner cannot be reached."""
    workerinput: dict[str, Any] = config.workerinput  # type: ignore[attr-defined]
    way = workerinput.get(WORKER_KEY)
    if way is None:
        raise BrokerError("this worker was started without a way to the session owner; is pytest-vsc active there?")
    try:
        connection = Client((way["host"], way["port"]), authkey=bytes.fromhex(way["key"]))
    except (OSError, AuthenticationError, EOFError) as error:
        raise BrokerError(f"cannot reach the process that owns the session: {error}") from error
    return Remote(connection)


def _told_row(told: Told) -> list[Any]:
    return [told.verdict, told.outcome, told.text, told.error, told.seconds]


def _case_row(case: Case) -> list[Any]:
    """The fields of a case in their order. The pictures of a suite are files, read by nobody but the session owner."""
    pictures = [(picture.name, picture.file, picture.sha256) for picture in case.images]
    fields = [pictures if name == "images" else getattr(case, name) for name in _CASE_FIELDS]
    return [case.key.repeat, *fields]


def _case(row: list[Any]) -> Case:
    """The case again. The session owner has checked it."""
    repeat, *said_fields = row
    said = dict(zip(_CASE_FIELDS, said_fields, strict=True))
    said["images"] = tuple(Picture(name=name, file=file, sha256=sha256) for name, file, sha256 in said["images"])
    return Case(**{**said, **{name: tuple(said[name]) for name in _TEXTS}}).repeated(repeat)


def _packed(picture: Picture) -> dict[str, str]:
    if picture.data is None:
        return {"name": picture.name, "file": str(picture.file)}
    return {"name": picture.name, "data": base64.b64encode(picture.data).decode()}


def _unpacked(packed: dict[str, str]) -> Picture:
    if "data" in packed:
        return Picture(name=packed["name"], data=base64.b64decode(packed["data"]))
    return Picture(name=packed["name"], file=packed["file"])
