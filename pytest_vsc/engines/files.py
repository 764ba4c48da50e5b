"""The files of a model folder: whether its weights can be used, and digests of all that can change an answer.

Reads headers and bytes only; imports no model library.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pytest_vsc.errors import ModelError

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
# What decides an answer beside the weights: config, processor, tokenizer, chat template, the model's own code.
DECIDING = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "*.py", "additional_chat_templates/*.jinja")
INDEX = "model.safetensors.index.json"
CHUNK = 1 << 20

DIGEST = re.compile("[0-9a-f]{64}")
# Where digests are kept, and the size in bytes from which that saves time.
MEMO = "weights.json"
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
        _check_header(file, f"{name}: {file.name}")
    index = folder / INDEX
    if complete and index.is_file():
        shards = set(read_json(index, name).get("weight_map", {}).values())
        if missing := sorted(shard for shard in shards if not (folder / shard).is_file()):
            raise ModelError(f"{name}: {len(missing)} of {len(shards)} weight files are missing, such as {missing[0]}")


def _check_header(file: Path, where: str) -> None:
    """A safetensors file says in its header how long it is: 8 bytes length, JSON, then the tensors."""
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


def digests_of(folder: Path, memo: str | None = None) -> dict[str, str]:
    """sha256 (hex) by name of every file that decides an answer. Raises OSError.

    memo: a folder in which the digests of large files are kept from run to run.
    """
    files = sorted({file for pattern in DECIDING for file in folder.glob(pattern)})
    known = Memo(Path(memo) / MEMO if memo else None)
    with ThreadPoolExecutor(4) as pool:  # hashing lets go of the interpreter lock; shards are hashed side by side
        digests = list(pool.map(known.digest, files))
    known.keep()
    return dict(zip([file.relative_to(folder).as_posix() for file in files], digests, strict=True))


class Memo:
    """Digests by path, size, times of change and file number. One that cannot be read or kept is only slower."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._new: dict[str, str] = {}
        try:
            read = json.loads(file.read_text(encoding="utf-8")) if file else {}
        except (OSError, ValueError):
            read = {}
        self._known = {key: value for key, value in read.items() if DIGEST.fullmatch(str(value))} if read else {}

    def digest(self, file: Path) -> str:
        """The hub's cache names a large file by its sha256."""
        real = file.resolve()
        if real.parent.name == "blobs" and DIGEST.fullmatch(real.name):
            return real.name
        status = real.stat()
        key = f"{real} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
        known = self._known.get(key)
        if known is None:
            known = self._new[key] = _sha256(real)
        return known

    def keep(self) -> None:
        """Write down what is new of the large files; of a file that changed only the last state is kept."""
        large = {key: value for key, value in self._new.items() if int(key.rsplit(" ", 4)[1]) >= WORTH_KEEPING}
        if self._file is None or not large:
            return
        changed = {key.rsplit(" ", 4)[0] for key in large}
        kept = {key: value for key, value in self._known.items() if key.rsplit(" ", 4)[0] not in changed}
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            beside = self._file.with_suffix(f".{os.getpid()}")
            beside.write_text(json.dumps({**kept, **large}), encoding="utf-8")
            beside.replace(self._file)


def _sha256(file: Path) -> str:
    whole = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            whole.update(chunk)
    return whole.hexdigest()
