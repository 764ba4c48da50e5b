"""A model of a folder or the hub that vLLM serves: `vllm serve` is started for the run and asked through `openai`.

It says what its answers depend on. It imports nothing of vLLM.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import secrets
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from pytest_vsc.engines import EngineSettings, checkpoint
from pytest_vsc.engines.adapter import CONFIG, WEIGHTS, adapter_in
from pytest_vsc.engines.address import KEY
from pytest_vsc.engines.files import check_weights, day_told, digests_of
from pytest_vsc.engines.flags import (
    ADAPTER,
    MODEL,
    answering_flags,
    check_arguments,
    check_device,
    check_settings,
    environment,
    flags,
    pinned,
    rank_of,
    version_of,
)
from pytest_vsc.engines.foreign import foreign
from pytest_vsc.engines.openai import OpenAIEngine
from pytest_vsc.engines.served import Server, free_port
from pytest_vsc.errors import EngineError, ModelError, VscError
from pytest_vsc.records import Request, Response

# Raised whenever this engine would have the same request answered in another way.
PREPARATION = 1
# Requests that the server gets at once; it keeps those in a queue that it cannot work on.
AT_ONCE = 128
# Seconds for one request, which may spend most of them in that queue.
TIMEOUT = 3600.0
SECRET = re.compile("KEY|TOKEN|SECRET|PASSWORD")


class VllmEngine:
    """A model that vLLM serves on this machine, for this run alone.

    Sampling is seeded by request, but which requests share a batch is up to the server.
    """

    def __init__(self, source: str, settings: EngineSettings) -> None:
        self._source, self._settings = source, settings
        self._local, self._name = checkpoint.is_local(source), checkpoint.name_of(source)
        self._served_as = ADAPTER if settings.adapter else MODEL
        self.at_once = settings.concurrency or settings.batch_size or AT_ONCE
        beside = shutil.which("vllm", path=str(Path(sys.executable).parent))
        # In an environment of its own it may have other libraries than are seen here.
        self._command, self._ours = beside or shutil.which("vllm"), beside is not None
        self._version = ""
        self._server = Server(f"{self._name}: vllm serve")
        self._client: OpenAIEngine | None = None
        self._fingerprint: str | None = None
        self._lock = threading.Lock()
        self._closed = False

    # -- before the run

    def check(self) -> None:
        if self._version:
            return
        self._see_command()
        self._see_settings()
        self._see_files()
        self._see_adapter()
        self._version = self._see_version()

    def refusals(self) -> Iterator[VscError]:
        """All that `check` would raise but for the files of the model, which are neither read nor fetched here."""
        sees: list[Callable[[], object]] = [self._see_command, self._see_settings, self._see_adapter]
        for see in [*sees, self._see_version] if self._command else sees:
            try:
                see()
            except VscError as error:
                yield error

    def _see_command(self) -> None:
        if self._command is None:
            raise ModelError(f"{self._name}: needs vLLM in this environment, or its command on PATH: pip install vllm")

    def _see_settings(self) -> None:
        check_arguments(self._settings.server_args)
        check_settings(self._settings)
        OpenAIEngine("http://127.0.0.1", self._served_as, self._asking(), {}).check()

    def _see_files(self) -> None:
        if self._local:
            checkpoint.check_folder(Path(self._source), self._name)
        elif self._knows_the_hub:
            with foreign(self._name):
                checkpoint.check_cache(self._folder(), self._name)

    def _see_adapter(self) -> None:
        if self._settings.adapter:
            rank_of(adapter_in(self._settings.adapter).folder)

    def _see_version(self) -> str:
        assert self._command is not None
        version = version_of(self._command, self._ours)
        check_device(self._settings.device, version, os.environ)
        return version

    def describe(self) -> dict[str, str]:
        own = self._settings
        if not self._version:
            return {}
        return {
            "model": self._name,
            "engine": "vllm",
            "server": "vllm serve, on this machine",
            "vllm": self._version,
            "dtype": own.dtype,
            **({"revision": own.revision} if own.revision else {}),
            **({"adapter": Path(own.adapter).name} if own.adapter else {}),
            **({"quantization": own.quantization} if own.quantization else {}),
            **({"flags": " ".join(own.server_args)} if own.server_args else {}),
            **(checkpoint.versions() if self._ours else {}),
            "concurrency": str(self.at_once),
        }

    @property
    def lasting(self) -> bool:
        """Where every file and library that decides an answer is known."""
        return self._ours and (self._local or self._knows_the_hub) and pinned(self._settings.server_args) is not None

    @property
    def fingerprint(self) -> str:
        """sha256 over the files of the model and how it is run. Raises ModelError while its weights are not here."""
        with self._lock:
            if self._fingerprint is None:
                with foreign(self._name):
                    self._fingerprint = _sha256(self._decides())
            return self._fingerprint

    def _decides(self) -> dict[str, Any]:
        own, args = self._settings, self._settings.server_args
        return {
            "preparation": ["vllm", PREPARATION],
            "files": self._files(),
            "vllm": self._version,
            "versions": checkpoint.versions() if self._ours else {},
            "flags": [*answering_flags(own), *args],
            "named": pinned(args) or {},
            "adapter": digests_of(Path(own.adapter), own.cache) if own.adapter else {},
            "max_pixels": own.max_pixels,
            **({"day": day} if (day := self._day()) else {}),
            "environment": {
                name: value
                for name, value in sorted(os.environ.items())
                if name.startswith("VLLM_") and not SECRET.search(name)
            },
        }

    @property
    def weights(self) -> str:
        """sha256 over the files of the model and its adapter, the same for whoever runs it. Raises ModelError."""
        own = self._settings
        with foreign(self._name):
            adapter = digests_of(Path(own.adapter), own.cache, (CONFIG, WEIGHTS)) if own.adapter else {}
            return _sha256(self._files() | adapter)

    def _files(self) -> dict[str, str]:
        if not (self._local or self._knows_the_hub):
            return {"": f"{self._source}@{self._settings.revision}"}
        if self._client is None and not self._local:
            check_weights(self._folder(), self._name)
        return digests_of(self._folder(), self._settings.cache)

    def _day(self) -> str:
        """The day, where the model's chat template tells it, which vLLM fills in as it is asked."""
        return day_told(self._folder()) if self._local or self._knows_the_hub else ""

    @property
    def _knows_the_hub(self) -> bool:
        return importlib.util.find_spec("transformers") is not None

    def _folder(self) -> Path:
        return checkpoint.folder_of(self._source, self._settings.revision)

    # -- the run

    def load(self) -> None:
        self.check()
        try:
            key, port = secrets.token_urlsafe(24), free_port()
            arguments = [*flags(self._settings), "--host", "127.0.0.1", "--port", str(port)]
            command = [str(self._command), "serve", self._source, *arguments, *self._settings.server_args]
            self._server.start(command, environment(os.environ, key, self._settings.device))
            self._server.wait(f"http://127.0.0.1:{port}/health")
            client = OpenAIEngine(f"http://127.0.0.1:{port}", self._served_as, self._asking(), {KEY: key})
            client.check()
            client.load()
        except BaseException:
            self.close()
            raise
        with self._lock:
            self._client = client
        if self._closed:
            client.close()

    def _asking(self) -> EngineSettings:
        """What concerns the asking. The key, the headers and the costs are those of servers that others run."""
        own = self._settings
        timeout = TIMEOUT if own.timeout is None else own.timeout
        at_once = {"batch_size": self.at_once, "concurrency": self.at_once}
        return EngineSettings(timeout=timeout, max_pixels=own.max_pixels, **at_once)

    def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:
        future: Future[Response] = Future()
        client = self._client
        if client is None:
            future.set_exception(EngineError(f"{self._name}: {'closed' if self._closed else 'not loaded'}"))
            return future
        asked = client.submit(request, urgent=urgent)
        future.add_done_callback(lambda done: asked.cancel() if done.cancelled() else None)
        asked.add_done_callback(lambda done: self._answered(done, future))
        return future

    def _answered(self, asked: Future[Response], future: Future[Response]) -> None:
        if asked.cancelled():
            future.cancel()
        if not future.set_running_or_notify_cancel():
            return
        error = asked.exception()
        if error is None:
            future.set_result(asked.result())
        else:
            future.set_exception(self._gone() or error)

    def _gone(self) -> VscError | None:
        """A server that has ended answers nobody any more, which ends the run."""
        ended = self._server.ended
        return ModelError(f"{self._name}: vllm serve {ended}") if ended else None

    def close(self) -> None:
        with self._lock:
            self._closed, client = True, self._client
        if client is not None:
            client.close()
        self._server.close()


def _sha256(whole: Any) -> str:
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
