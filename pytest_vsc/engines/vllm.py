"""A model of a folder or the hub that vLLM serves: `vllm serve` is started for the run and asked through `openai`.

It says which flags vLLM gets and what its answers depend on. It imports nothing of vLLM.
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
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from pytest_vsc.engines import EngineSettings, checkpoint
from pytest_vsc.engines.adapter import CONFIG, WEIGHTS, adapter_in
from pytest_vsc.engines.address import KEY
from pytest_vsc.engines.files import check_weights, day_told, digests_of, read_json
from pytest_vsc.engines.foreign import foreign
from pytest_vsc.engines.openai import OpenAIEngine
from pytest_vsc.engines.served import Server, free_port, last_words
from pytest_vsc.errors import EngineError, ModelError, SettingsError, VscError
from pytest_vsc.records import Request, Response

# Raised whenever this engine would have the same request answered in another way.
PREPARATION = 1
# Requests that the server gets at once; it keeps those in a queue that it cannot work on.
AT_ONCE = 128
# Seconds for one request, which may spend most of them in that queue.
TIMEOUT = 3600.0
PICTURES = 8  # in one request
VERSION_SECONDS = 300.0  # it loads all of torch to tell its version
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM can make room for
MODEL, ADAPTER = "model", "adapter"  # the names that the server knows them by

# Flags that this engine sets itself, each with the option that decides it, if there is one.
TAKEN = {
    **dict.fromkeys(("--host", "--port", "--uds", "--api-key", "--served-model-name", "--model"), ""),
    **dict.fromkeys(("--generation-config", "--override-generation-config", "--seed"), ""),
    **dict.fromkeys(("--enable-log-requests", "--enable-log-outputs", "--config"), ""),
    **dict.fromkeys(("--enable-lora", "--lora-modules"), "--vlm-adapter"),
    **dict.fromkeys(("--revision", "--tokenizer-revision", "--code-revision"), "--vlm-revision"),
    "--dtype": "--vlm-dtype",
    "--trust-remote-code": "--vlm-trust-remote-code",
    "--max-num-seqs": "--vlm-batch-size",
    "--hf-token": "the variable HF_TOKEN",  # what is told as an argument is written into the run's header
}
SECRET = re.compile("KEY|TOKEN|SECRET|PASSWORD")


class VllmEngine:
    """A model that vLLM serves on this machine, for this run alone.

    Sampling is seeded by request, but which requests share a batch is up to the server.
    """

    def __init__(self, source: str, settings: EngineSettings) -> None:
        self._source, self._settings = source, settings
        self._local = Path(source).is_absolute() or Path(source).is_dir()
        self._name = Path(source).resolve().name if self._local else source
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
        _check_arguments(self._settings.server_args)
        _check_settings(self._settings)
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
        version = _version(self._command, self._ours)
        _check_device(self._settings.device, version, os.environ)
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
            "flags": [*_how(own), *args],
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
        return Path(self._source) if self._local else checkpoint.snapshot_of(self._source, self._settings.revision)

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


# -- what vLLM is told


def flags(settings: EngineSettings) -> list[str]:
    """All flags but those of the place. Raises SettingsError, ModelError."""
    return [
        *_how(settings),
        *(["--enable-lora", "--max-lora-rank", str(rank_of(Path(settings.adapter)))] if settings.adapter else []),
        *(["--lora-modules", f"{ADAPTER}={settings.adapter}"] if settings.adapter else []),
        *(["--max-num-seqs", str(settings.batch_size)] if settings.batch_size else []),
        *("--served-model-name", MODEL),
        *("--no-enable-log-requests", "--disable-uvicorn-access-log"),  # prompts are for no log
    ]


def _how(settings: EngineSettings) -> list[str]:
    """The flags that can change an answer, whatever machine it is on."""
    return [
        *("--dtype", settings.dtype),
        *(["--revision", settings.revision] if settings.revision else []),
        *(["--trust-remote-code"] if settings.trust_remote_code else []),
        *(["--quantization", "bitsandbytes"] if settings.quantization else []),
        *([] if settings.prefix_cache else ["--no-enable-prefix-caching"]),
        *("--generation-config", "vllm"),  # of the model's own one only the ends of an answer stay
        *("--limit-mm-per-prompt", json.dumps({"image": PICTURES})),
        *("--seed", "0"),
    ]


def environment(environ: Mapping[str, str], key: str, device: str) -> dict[str, str]:
    """What the server's process finds in its environment. The key is nowhere else: arguments are for all to see."""
    number, seen = device.partition(":")[2], _seen(environ)
    return {
        **environ,
        **({"CUDA_VISIBLE_DEVICES": seen[int(number)] if seen else number} if number else {}),
        "VLLM_API_KEY": key,
        "VLLM_NO_USAGE_STATS": "1",
    }


def _seen(environ: Mapping[str, str]) -> list[str]:
    """The devices that are to be seen, where that is limited."""
    return [number for number in environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if number]


def rank_of(adapter: Path) -> int:
    """The least rank of vLLM's that an adapter fits into. Raises ModelError."""
    config = read_json(adapter / CONFIG, f"--vlm-adapter {adapter.name}")
    kind, rank, pattern = config.get("peft_type"), config.get("r"), config.get("rank_pattern") or {}
    if kind != "LORA" or not isinstance(rank, int):
        raise ModelError(f"--vlm-adapter {adapter.name}: is a {kind}; vLLM serves LORA adapters only")
    needed = max([rank, *(value for value in pattern.values() if isinstance(value, int))])
    if needed > RANKS[-1]:
        raise ModelError(f"--vlm-adapter {adapter.name}: of rank {needed}; vLLM serves ranks up to {RANKS[-1]}")
    return next(each for each in RANKS if each >= needed)


def _check_arguments(arguments: Sequence[str]) -> None:
    for word in arguments:
        flag = word.partition("=")[0].replace("_", "-")
        option = TAKEN.get(flag.replace("--no-", "--", 1))
        if option is not None:
            decided = f"is set by {option}" if option else "is chosen for the run"
            raise SettingsError(f"--vlm-vllm-args: {flag} {decided}. Expected other arguments of `vllm serve`")


def _check_settings(settings: EngineSettings) -> None:
    """Raises SettingsError for what vLLM does not do: better than a run that is other than it says."""
    not_for_it = {
        "--vlm-attention": (settings.attention, ", or --vlm-vllm-args='--attention-backend NAME'"),
        "--vlm-device-map": (settings.device_map, ", or --vlm-vllm-args='--tensor-parallel-size N'"),
        "--vlm-kv-cache": ("static" if settings.kv_cache == "static" else None, ""),
    }
    for option, (value, instead) in not_for_it.items():
        if value:
            raise SettingsError(f"{option}: vLLM has its own way ('{value}'). Expected none{instead}")
    if settings.batch_size is not None and settings.batch_size < 1:
        raise SettingsError(f"--vlm-batch-size: not a batch ({settings.batch_size}). Expected 1 or more")
    if settings.quantization == "8bit":
        raise SettingsError("--vlm-quantization: vLLM loads no weights as 8bit by bitsandbytes. Expected 4bit")
    if settings.quantization and not _has_bitsandbytes():
        raise SettingsError(
            "--vlm-quantization: the installed vLLM has no bitsandbytes. Expected a checkpoint that is quantized, or "
            "--vlm-vllm-args='--quantization METHOD'"
        )


def _has_bitsandbytes() -> bool:
    """Unknown, and so left to vLLM, where it is in another environment. Finding a package imports nothing of it."""
    found = importlib.util.find_spec("vllm")
    folders = [Path(place) for place in (found.submodule_search_locations or ())] if found else []
    layers = "model_executor/layers/quantization/bitsandbytes.py"
    return not folders or any((folder / layers).is_file() for folder in folders)


def _check_device(device: str, version: str, environ: Mapping[str, str]) -> None:
    """vLLM is built for one kind of device."""
    fine = ("auto", "cpu") if "+cpu" in version else ("auto", "cuda")
    if device not in fine and not ("cuda" in fine and re.fullmatch(r"cuda:\d+", device)):
        more = ", cuda:N" if "cuda" in fine else ""
        raise SettingsError(f"--vlm-device: not for vLLM {version} ('{device}'). Expected {', '.join(fine)}{more}")
    number, seen = device.partition(":")[2], _seen(environ)
    if number and seen and int(number) >= len(seen):
        raise SettingsError(f"--vlm-device: no device '{device}' in CUDA_VISIBLE_DEVICES ({','.join(seen)})")


def _version(command: str, ours: bool) -> str:
    """Raises ModelError."""
    if ours:
        try:
            return importlib.metadata.version("vllm")
        except importlib.metadata.PackageNotFoundError:
            pass
    try:
        ran = subprocess.run(
            [command, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ModelError(f"{command}: cannot tell its version ({type(error).__name__})") from None
    found = re.findall(r"^(?:vllm )?(\d+\.\d+\S*)$", ran.stdout, re.MULTILINE)
    if ran.returncode or not found:
        raise ModelError(f"{command} --version: ended with status {ran.returncode} ({last_words(ran.stderr)})")
    return str(found[-1])


def pinned(arguments: Sequence[str]) -> dict[str, str] | None:
    """sha256 of the files that arguments name, by argument; None where one names a folder or another model."""
    named = {}
    for word in arguments:
        value = word.partition("=")[2] if word.startswith("-") else word
        path = Path(value).expanduser()
        if not value or not ("/" in value or path.exists()):
            continue
        if not path.is_file():
            return None
        named[word] = hashlib.sha256(path.read_bytes()).hexdigest()
    return named


def _sha256(whole: Any) -> str:
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
