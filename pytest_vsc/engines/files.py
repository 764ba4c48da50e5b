"""The files of a model folder: whether its weights can be used, and digests of all that can change an answer.

Reads headers and bytes only; imports no model library.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pytest_vsc.errors import ModelError
from pytest_vsc.memos import DIGEST, ENDING, Memo

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
# What decides an answer beside the weights: config, processor, tokenizer, chat template, the model's own code.
DECIDING = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "*.py", "additional_chat_templates/*.jinja")
# Where a chat template may stand, and what it calls to learn the day.
TEMPLATES = ("chat_template.jinja", "chat_template.json", "processor_config.json", "tokenizer_config.json")
CLOCK = "strftime_now"
WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
CHUNK = 1 << 20

# Where digests are kept, and the size in bytes from which that saves time.
MEMO = f"weights{ENDING}"
WORTH_KEEPING = 1 << 20


def check_weights(folder: Path, name: str, *, complete: bool = True) -> None:
    """See that the weights are safetensors files, whole and all there, by their headers alone. Raises ModelError.

    complete=False lets files be missing, as in a cache that is filled later.
    """
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        if pickles := sorted(file.name for pattern in PICKLES for file in folder.glob(pattern)):
            raise ModelError(
                f"{name}: its weights are pickle files ({pickles[0]}), which can run code when opened. "
                "Expected safetensors; save_pretrained of transformers writes them"
            )
        if complete:
            raise ModelError(f"{name}: no weights; expected model.safetensors, or {INDEX} with its shards")
    for file in weights:
        check_header(file, f"{name}: {file.name}")
    if complete and (folder / INDEX).is_file():
        shards = _shards(folder, name)
        if missing := sorted(shard for shard in shards if not (folder / shard).is_file()):
            raise ModelError(f"{name}: {len(missing)} of {len(shards)} weight files are missing, such as {missing[0]}")


def _shards(folder: Path, name: str) -> set[str]:
    """The weight files that an index names."""
    said: Any = read_json(folder / INDEX, name).get("weight_map")
    shards = list(said.values()) if isinstance(said, dict) else []
    if not shards or not all(isinstance(shard, str) for shard in shards):
        raise ModelError(f"{name}: {INDEX} names no weight files; expected a weight_map of tensors to files")
    return set(shards)


def check_names(folder: Path, name: str) -> None:
    """See that whole weights are where transformers looks for them. Raises ModelError.

    A config may name a file of its own (`transformers_weights`).
    """
    if (folder / WHOLE).is_file() or (folder / INDEX).is_file():
        return
    if not read_json(folder / "config.json", name).get("transformers_weights"):
        found = min(file.name for file in folder.glob("*.safetensors"))
        raise ModelError(f"{name}: no {WHOLE}, and no {INDEX} that names {found}; expected one of the two")


def check_header(file: Path, where: str) -> None:
    """A safetensors file says in its header how long it is: 8 bytes length, JSON, then the tensors.

    Raises ModelError for one that is not whole.
    """
    try:
        _check_header(file, where)
    except OSError as error:
        raise ModelError(f"{where}: cannot be read ({error.strerror})") from error


def _check_header(file: Path, where: str) -> None:
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(8)
        if start == b"version ":
            raise ModelError(f"{where}: only a Git LFS pointer; fetch the file itself (git lfs pull)")
        length = int.from_bytes(start, "little")
        if size < 8 or length > size - 8:
            raise ModelError(f"{where}: not a whole safetensors file ({size} bytes)")
        try:
            tensors = json.loads(stream.read(length))
            end = max((entry["data_offsets"][1] for key, entry in tensors.items() if key != "__metadata__"), default=0)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{where}: not a safetensors file (its header cannot be read)") from error
    if size != 8 + length + end:
        raise ModelError(f"{where}: {size} bytes, but its header promises {8 + length + end}; it was cut or altered")


def _used(folder: Path) -> list[Path]:
    """The weight files that are loaded: others beside them hold the same numbers in another layout."""
    if (folder / WHOLE).is_file():
        return [folder / WHOLE]
    if (folder / INDEX).is_file():
        return [folder / shard for shard in sorted(_shards(folder, folder.name))]
    return sorted(folder.glob("*.safetensors"))


def complete(folder: Path) -> bool:
    """Whether the weight files that would be loaded are all there; in the hub's cache they come one by one."""
    used = _used(folder)
    return bool(used) and all(file.is_file() for file in used)


def parameters_in(folder: Path) -> int:
    """How many numbers the weights of a folder hold, by their headers; 0 without any. Raises OSError, ModelError."""
    count = 0
    for file in _used(folder):
        with file.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        count += sum(math.prod(entry["shape"]) for key, entry in header.items() if key != "__metadata__")
    return count


def read_json(file: Path, name: str) -> dict[str, Any]:
    """A JSON object of a model folder. Raises ModelError."""
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{name}: {file.name} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ModelError(f"{name}: {file.name} is not JSON ({error})") from error
    if not isinstance(read, dict):
        raise ModelError(f"{name}: {file.name} is not a JSON object")
    return read


def day_told(folder: Path) -> str:
    """Today (ISO), where a chat template of the folder may tell the model which day it is; "" where none does.

    The same request is then another prompt tomorrow. Raises OSError.
    """
    files = [file for file in map(folder.joinpath, TEMPLATES) if file.is_file()]
    told = any(CLOCK in file.read_text(encoding="utf-8", errors="replace") for file in files)
    return datetime.date.today().isoformat() if told else ""


def digests_of(folder: Path, memo: str | None = None, patterns: Sequence[str] = DECIDING) -> dict[str, str]:
    """sha256 (hex) by name of every file that decides an answer. Raises OSError.

    memo: a folder in which the digests of large files are kept from run to run.
    """
    files = sorted({file for pattern in patterns for file in folder.glob(pattern)})
    known = Memo(Path(memo) / MEMO if memo else None, worth=WORTH_KEEPING)
    with ThreadPoolExecutor(4) as pool:  # hashing lets go of the interpreter lock; shards are hashed side by side
        digests = list(pool.map(lambda file: _digest(file, known), files))
    known.keep()
    return dict(zip([file.relative_to(folder).as_posix() for file in files], digests, strict=True))


def weights_digest(folder: Path, memo: str | None = None) -> str:
    """sha256 (hex) over the weight files of a folder that are loaded, and their names. Raises ModelError, OSError."""
    digests = digests_of(folder, memo, [file.name for file in _used(folder)])
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def _digest(file: Path, known: Memo) -> str:
    """The hub's cache names a large file by its sha256."""
    real = file.resolve()
    if real.parent.name == "blobs" and DIGEST.fullmatch(real.name):
        return real.name
    return known.digest(real, _sha256)


def _sha256(file: Path) -> str:
    whole = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            whole.update(chunk)
    return whole.hexdigest()
