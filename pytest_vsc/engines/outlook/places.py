"""Where a model's files lie, and whether they are all there, whole, and of a format that is read.

It reads files and the hub's cache, and asks nobody.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.files import check_names, check_weights, read_json
from pytest_vsc.engines.llava_original import is_original
from pytest_vsc.engines.outlook.findings import Finding, ok, problem, told, warning
from pytest_vsc.engines.presets import BYTES, GIB, Preset
from pytest_vsc.errors import ModelError

Config = Mapping[str, Any]


class Looked(NamedTuple):
    """A model whose files are looked at.

    folder: where its config lies, None if it isn't here. fault: why that can't be read, "" if it can or isn't there.
    """

    target: str
    name: str
    local: bool
    folder: Path | None
    config: Config
    fault: str
    preset: Preset | None
    settings: EngineSettings


def looked_at(target: str, local: bool, preset: Preset | None, settings: EngineSettings) -> Looked:
    """target: a folder if it is local, else a hub id."""
    folder = Path(target) if local else _cached(target, settings.revision)
    name = Path(target).resolve().name if local else target
    config: Config = {}
    fault = ""
    if folder is not None and (folder / "config.json").is_file():
        try:
            config = read_json(folder / "config.json", name)
        except ModelError as error:
            fault = told(error, name)
    return Looked(target, name, local, folder, config, fault, preset, settings)


def _cached(target: str, revision: str | None) -> Path | None:
    """Where the hub's cache has the config of a model; None if it has not."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(target, "config.json", revision=revision)
    return Path(found).parent if isinstance(found, str) else None


def about_licence(looked: Looked) -> Iterator[Finding]:
    """A licence that must be accepted before anything can be fetched."""
    preset = looked.preset
    if preset is not None and preset.gated and looked.folder is None and not offline():
        says = f"its licence ({preset.licence}) must be accepted on the hub first, and HF_TOKEN set"
        yield warning("licence", says) if _has_token() else problem("licence", says)


def _has_token() -> bool:
    if importlib.util.find_spec("huggingface_hub") is None:
        return bool(os.environ.get("HF_TOKEN"))
    from huggingface_hub import get_token

    return get_token() is not None


def offline() -> bool:
    """Whether nothing can be fetched from the hub."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return True
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def about_files(looked: Looked, *, named: bool = True) -> Iterator[Finding]:
    """Which files are here, and what is wrong with the weights among them.

    named: whether the weights must be where transformers looks for them.
    """
    if looked.folder is None:
        yield _absent(looked)
        return
    files = [file for file in looked.folder.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / GIB
    where = "in the folder" if looked.local else "in the hub's cache"
    yield ok("files", f"{len(files)} {where}, {size:.2f} GiB")
    if looked.config and not is_original(looked.config):
        yield from _weights(looked, looked.folder, named=named)


def _absent(looked: Looked) -> Finding:
    preset = looked.preset
    size = "of unknown size"
    if preset and preset.parameters and preset.dtype:
        size = f"about {preset.parameters * 1e9 * BYTES[preset.dtype] / GIB:.1f} GiB"
    if offline():
        return problem("files", f"not in the hub's cache, and HF_HUB_OFFLINE forbids to fetch them ({size})")
    return warning("files", f"not in the hub's cache; they would be downloaded ({size})")


def _weights(looked: Looked, folder: Path, *, named: bool) -> Iterator[Finding]:
    """Whether the weights are all there, whole, and of a format that is read."""
    fetched = not looked.local and not offline()
    try:
        check_weights(folder, looked.name, complete=False)
        check_weights(folder, looked.name)
        if named and not fetched:
            check_names(folder, looked.name)
    except ModelError as error:
        said = told(error, looked.name)
        if fetched and ("no weights" in said or "are missing" in said):
            yield warning("weights", f"{said.partition(';')[0]}; would be downloaded")
        else:
            yield problem("weights", said)
    else:
        yield ok("weights", "safetensors, whole")
