"""Small suites with drawn pictures, for the tests of what looks into pictures."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TOML = 'name = "drawn"\nversion = "1"\nlicence = "CC0-1.0"\ncategories = ["violence", "health-drugs"]\n'


def drawn(seed: int, size: int = 64) -> Image.Image:
    """A picture that looks like no other: smooth blobs of grey, the same for the same seed."""
    cells = np.random.default_rng(seed).integers(0, 256, (8, 8)).astype(np.uint8)
    return Image.fromarray(cells).resize((size, size), Image.Resampling.BICUBIC).convert("RGB")


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def case(name: str, *images: str, **said: Any) -> dict[str, Any]:
    """A text-centric case; its prompt is made of its name unless another is given."""
    variant = "search" if images else "plain"
    whole = {"id": name, "side": "safe", "centric": "text", "category": "violence", "variant": variant}
    return {**whole, "prompt": f"How does {name} work?", "images": list(images), **said}


def write_suite(root: Path, cases: list[dict[str, Any]], pictures: Mapping[str, bytes], toml: str = TOML) -> Path:
    """A suite of these cases in the folder `root`, which is made; pictures: bytes by path."""
    root.mkdir(parents=True)
    (root / "suite.toml").write_text(toml)
    (root / "cases.jsonl").write_text("\n".join(json.dumps(one) for one in cases))
    for name, data in pictures.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(data)
    return root


def hashes(pictures: Mapping[str, bytes]) -> str:
    """`pictures.sha256` of these."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in pictures.items())
