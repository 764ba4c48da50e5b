"""Real OpenAI-compatible servers with a real model, for tests: `transformers serve`, vLLM. No part of any engine."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from pytest_vsc.protocols import Engine
from pytest_vsc.records import Request


def skip_without_server() -> None:
    """Skip the test at hand where there is none, and say how to get it."""
    if not all(map(importlib.util.find_spec, ("torch", "transformers", "fastapi", "uvicorn"))):
        pytest.skip("no server to ask: pip install 'transformers[serving]'")


def skip_without_vllm() -> None:
    """The same for vLLM, which must be in the environment of the tests."""
    if not (importlib.util.find_spec("vllm") and Path(sys.executable).with_name("vllm").exists()):
        pytest.skip("no vLLM in this environment: pip install vllm")


def splitting(model: Path, copy: Path) -> Path:
    """A copy of an embedded model that vLLM can serve: the same weights behind a processor that splits pictures.

    vLLM counts the tiles of a picture for Idefics3, and one that is not split has none for it. So the answers are not
    those of the embedded model, and whoever is compared must use the same copy.
    """
    shutil.copytree(model, copy)
    file = copy / "processor_config.json"
    config = json.loads(file.read_text())
    tile = config["image_processor"]["max_image_size"]["longest_edge"]
    config["image_processor"] |= {"do_image_splitting": True, "size": {"longest_edge": 2 * tile}}
    file.write_text(json.dumps(config))
    return copy


def answers(engine: Engine, requests: Sequence[Request]) -> list[tuple[str, str]]:
    """Text and finish reason of each, all asked at once."""
    futures = [engine.submit(request) for request in requests]
    responses = [future.result(120) for future in futures]
    return [(response.text, response.finish_reason) for response in responses]


@contextmanager
def served(folder: Path, log: Path) -> Iterator[str]:
    """`transformers serve` of a model's folder; gives its address."""
    with running(folder, log) as server:
        server.wait()
        yield server.url


class Running(NamedTuple):
    """A server of its own process group, and where it writes what it does."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait(self) -> None:
        """Until it is up."""
        until = time.monotonic() + 300
        while not is_up(self.port):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.2)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running(folder: Path, log: Path) -> Iterator[Running]:
    """`transformers serve` of a model's folder, which need not be up yet."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder), *options],
            stdout=written,
            stderr=subprocess.STDOUT,
            env={"OMP_NUM_THREADS": "1", **os.environ, "HF_HUB_OFFLINE": "1"},  # threads of several servers would fight
            start_new_session=True,
        )
    server = Running(process, port, log)
    try:
        yield server
    finally:
        server.kill()


def is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
