"""What `vllm serve` is told by flags and environment, and what it is not run with. It starts no server."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_vsc.engines.adapter import CONFIG
from pytest_vsc.engines.files import read_json
from pytest_vsc.engines.served import last_words
from pytest_vsc.engines.settings import EngineSettings
from pytest_vsc.errors import ModelError, SettingsError

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


def flags(settings: EngineSettings) -> list[str]:
    """All flags but those of the place. Raises SettingsError, ModelError."""
    return [
        *answering_flags(settings),
        *(["--enable-lora", "--max-lora-rank", str(rank_of(Path(settings.adapter)))] if settings.adapter else []),
        *(["--lora-modules", f"{ADAPTER}={settings.adapter}"] if settings.adapter else []),
        *(["--max-num-seqs", str(settings.batch_size)] if settings.batch_size else []),
        *("--served-model-name", MODEL),
        *("--no-enable-log-requests", "--disable-uvicorn-access-log"),  # prompts are for no log
    ]


def answering_flags(settings: EngineSettings) -> list[str]:
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


def check_arguments(arguments: Sequence[str]) -> None:
    """Raises SettingsError for one that the engine sets itself."""
    for word in arguments:
        flag = word.partition("=")[0].replace("_", "-")
        option = TAKEN.get(flag.replace("--no-", "--", 1))
        if option is not None:
            decided = f"is set by {option}" if option else "is chosen for the run"
            raise SettingsError(f"--vlm-vllm-args: {flag} {decided}. Expected other arguments of `vllm serve`")


def check_settings(settings: EngineSettings) -> None:
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


def check_device(device: str, version: str, environ: Mapping[str, str]) -> None:
    """Raises SettingsError: vLLM is built for one kind of device."""
    fine = ("auto", "cpu") if "+cpu" in version else ("auto", "cuda")
    if device not in fine and not ("cuda" in fine and re.fullmatch(r"cuda:\d+", device)):
        more = ", cuda:N" if "cuda" in fine else ""
        raise SettingsError(f"--vlm-device: not for vLLM {version} ('{device}'). Expected {', '.join(fine)}{more}")
    number, seen = device.partition(":")[2], _seen(environ)
    if number and seen and int(number) >= len(seen):
        raise SettingsError(f"--vlm-device: no device '{device}' in CUDA_VISIBLE_DEVICES ({','.join(seen)})")


def version_of(command: str, ours: bool) -> str:
    """The version of a command. ours: it is in this environment. Raises ModelError."""
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
