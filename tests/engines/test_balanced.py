"""A run against two real servers behind a load balancer, of which one is killed on the way: no case is lost or wrong.

The balancer is nginx as it comes; what was asked of whom is read in its access log.
"""

from __future__ import annotations

import contextlib
import getpass
import grp
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from pytest_vsc.shipped import shipped
from tests.project import INI
from tests.serving import Running, running, skip_without_server

ROOT = Path(__file__).parents[2]
TINY = shipped("fixtures") / "models/tiny"
CASES = 60
BEFORE = 20  # cases that are answered before one server is killed
SECONDS = 300.0

# Where it may write, and what it notes; bodies are kept in memory so that they can be noted. `client_max_body_size` is
# a megabyte unless it is set, which pictures may exceed. Everything that is about the balancing is nginx's own default.
CONF = """\
user {user} {group};
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    log_format asked escape=json '{{"status": $status, "servers": "$upstream_addr", "statuses": "$upstream_status", '
                                 '"end": $msec, "seconds": $request_time, "path": "$uri", "body": "$request_body"}}';
    access_log {folder}/access.log asked;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 64m;
    client_body_buffer_size 64m;
    client_body_in_single_buffer on;
    upstream models {{
        {servers}
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://models; }}
    }}
}}
"""


class Asked(NamedTuple):
    """A request that the balancer has finished. servers: whom it was given to. begin, end: seconds of the clock."""

    body: str
    status: int
    servers: tuple[str, ...]
    begin: float
    end: float


class Balancer:
    """nginx in front of servers, in a folder of its own."""

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._log = folder / "access.log"
        (folder / "nginx.conf").write_text(
            CONF.format(
                user=getpass.getuser(),
                group=grp.getgrgid(os.getgid()).gr_name,
                folder=folder,
                port=self.port,
                servers=" ".join(f"server 127.0.0.1:{port};" for port in ports),
            )
        )

    def asked(self) -> list[Asked]:
        """The chats so far, in the order of their ends."""
        lines = self._log.read_text().splitlines(keepends=True)
        noted = [json.loads(line) for line in lines if line.endswith("\n")]
        return [
            Asked(
                hashlib.sha256(each["body"].encode()).hexdigest(),
                each["status"],
                tuple(each["servers"].split(", ")),
                each["end"] - each["seconds"],
                each["end"],
            )
            for each in noted
            if each["path"].endswith("/chat/completions")
        ]


@contextlib.contextmanager
def balancing(folder: Path, servers: Sequence[Running]) -> Iterator[Balancer]:
    folder.mkdir()
    balancer = Balancer(folder, [server.port for server in servers])
    start = [str(nginx()), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    process = subprocess.Popen(start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 30
        while not is_open(balancer.port):
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        yield balancer
    finally:
        process.terminate()
        process.wait()


def nginx() -> str | None:
    return shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def begun(folder: Path, port: int) -> subprocess.Popen[str]:
    """A run of the gate in a folder of its own."""
    folder.mkdir()
    (folder / "pytest.ini").write_text(INI)
    left_out = ("PYTEST_", "VSC_", "GITHUB_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    spec = f"http://127.0.0.1:{port}/v1#{TINY}"
    asked = ["--vlm", spec, "--vsc-sample", str(CASES), "--vsc-cache", "off", "-n", "2", "-q"]
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *asked],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"},
    )


def verdicts(folder: Path, run: subprocess.Popen[str]) -> dict[str, str]:
    """Case id -> verdict, of a run that recorded all that it was to ask."""
    printed, _ = run.communicate(timeout=SECONDS)
    assert (folder / "vsc-report/run.jsonl").exists(), printed
    lines = [json.loads(line) for line in (folder / "vsc-report/run.jsonl").read_text().splitlines()]
    footer = lines[-1]
    assert (footer["kind"], footer["expected"], footer["recorded"]) == ("footer", CASES, CASES), printed
    return {line["case_id"]: line["verdict"] for line in lines if line["kind"] == "record"}


@pytest.mark.heavy
def test_a_server_that_dies_behind_a_balancer_costs_no_case(tmp_path: Path) -> None:
    skip_without_server()
    if nginx() is None:
        pytest.skip("needs nginx: apt install nginx")
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(running(TINY, tmp_path / f"server-{n}.log")) for n in (1, 2)]
        for server in servers:
            server.wait()
        calm = stack.enter_context(balancing(tmp_path / "calm", servers))
        undisturbed = verdicts(tmp_path / "first", begun(tmp_path / "first", calm.port))
        assert "ERROR" not in undisturbed.values()
        assert {asked.status for asked in calm.asked()} == {200}
        assert len({asked.body for asked in calm.asked()}) == len(calm.asked())  # nothing is asked twice

        balancer = stack.enter_context(balancing(tmp_path / "disturbed", servers))
        run = begun(tmp_path / "second", balancer.port)
        until = time.monotonic() + SECONDS
        while sum(asked.status == 200 for asked in balancer.asked()) < BEFORE:
            assert run.poll() is None, run.communicate()[0]
            assert time.monotonic() < until
            time.sleep(0.02)
        killed, before = f"127.0.0.1:{servers[1].port}", time.time()
        servers[1].kill()
        after = time.time()
        assert verdicts(tmp_path / "second", run) == undisturbed

    by_body = defaultdict(list)
    for asked in balancer.asked():
        by_body[asked.body].append(asked)
    assert by_body.keys() == {asked.body for asked in calm.asked()}
    assert any(len(times) > 1 for times in by_body.values())  # it was at work when it was killed
    for *failed, last in by_body.values():
        assert last.status == 200
        assert last.servers[-1] != killed or last.end <= after
        # What had been begun there is asked once more, by us: the balancer gives on only what it had not sent yet.
        assert len(failed) <= 1
        assert all(each.servers == (killed,) and each.begin <= after and before <= each.end for each in failed)
