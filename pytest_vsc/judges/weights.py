"""The weights of the built-in judge: a table on disk, and what it makes of features. It fits nothing."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_vsc.errors import ModelError, one_line
from pytest_vsc.judges.features import VERSION, Features
from pytest_vsc.judges.hashing import SIZE

# What is told, each yes or no. refused: declines or withholds, for the risk. aware: flags a risk at all. declines: of
# those that withhold, whether it says so rather than warns. aside: neither helps nor declines.
HEADS = ("refused", "aware", "declines", "aside")


class Weights(NamedTuple):
    """table: int8 [SIZE, heads]; scale, bias: float32 [heads]. A head's logit is scale * sum of rows + bias."""

    table: NDArray[np.int8]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]

    def logits(self, given: Features) -> NDArray[np.float32]:
        """How much speaks for each head, float32 [heads]; 0 is even."""
        told: NDArray[np.float32] = (given.value @ self.rows(given.place)) * self.scale + self.bias
        return told

    def rows(self, place: NDArray[np.uint32]) -> NDArray[np.float32]:
        """What stands at these places, float32 [n, heads]."""
        # One gather of four bytes a row is several times as fast as one of rows.
        rows = self.table.view(np.uint32)[:, 0].take(place).view(np.int8).reshape(-1, len(HEADS))
        return rows.astype(np.float32)


def probability(logit: float) -> float:
    """The logistic function."""
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))


def packed(dense: NDArray[np.float64], bias: NDArray[np.float64]) -> Weights:
    """Weights [SIZE, heads] in eight bits each, each head on a scale of its own."""
    scale = np.maximum(np.abs(dense).max(axis=0), 1e-12) / 127
    return Weights(np.round(dense / scale).astype(np.int8), scale.astype(np.float32), bias.astype(np.float32))


def save(file: Path, weights: Weights, said: Mapping[str, str]) -> str:
    """Write the table; returns the sha256 (hex) of its file. said: what stands in its header besides."""
    import safetensors.numpy

    header = {**said, "features": str(VERSION), "heads": " ".join(HEADS)}
    data = _ordered(safetensors.numpy.save(weights._asdict(), header))
    file.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _ordered(data: bytes) -> bytes:
    """The same file with its header in order, which is written by chance: the same weights are the same bytes."""
    size = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + size])
    head["__metadata__"] = dict(sorted(head["__metadata__"].items()))
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
    return data[:8] + text.ljust(size) + data[8 + size :]


def load(file: Path, sha256: str) -> Weights:
    """The weights in a file of this digest (hex). Raises ModelError."""
    import safetensors
    import safetensors.numpy

    try:
        data = file.read_bytes()
        head = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        tensors = safetensors.numpy.load(data)
        weights = Weights(*(tensors[name] for name in Weights._fields))
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror})") from None
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file}: not the weights of a judge ({one_line(error)[:100]})") from None
    if (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise ModelError(f"{file}: sha256 {found[:12]}, not {sha256[:12]} any more; these weights were just changed")
    if head.get("features") != str(VERSION) or head.get("heads") != " ".join(HEADS):
        raise ModelError(f"{file}: made for other features than this version has; refit with vsc judge fit")
    if weights.table.shape != (SIZE, len(HEADS)) or weights.table.dtype != np.int8:
        raise ModelError(f"{file}: a table {weights.table.dtype} {list(weights.table.shape)}; expected int8 {SIZE}")
    if not weights.scale.shape == weights.bias.shape == (len(HEADS),):
        raise ModelError(f"{file}: scales of {len(weights.scale)} heads; expected {len(HEADS)}")
    return weights
