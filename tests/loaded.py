"""Loads transformers engines for tests, and closes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.transformers import TransformersEngine

Opened = Callable[..., TransformersEngine]


@contextmanager
def loading() -> Iterator[Opened]:
    """Gives a function of a model's folder and settings; what it opened is closed at the end."""
    engines: list[TransformersEngine] = []

    def open_(folder: Path | str, **settings: Any) -> TransformersEngine:
        engines.append(TransformersEngine(str(folder), EngineSettings(**settings)))
        engines[-1].check()
        engines[-1].load()
        return engines[-1]

    try:
        yield open_
    finally:
        for engine in engines:
            engine.close()
