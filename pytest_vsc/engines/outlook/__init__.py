"""What would happen if a `--vlm` specification were run: looked up in files, caches and package lists alone.

It loads no weights, runs no code of a model's repository and downloads nothing. A server is asked for its models once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from pytest_vsc.engines import KINDS, EngineSettings, checkpoint, open_engine, settings_of
from pytest_vsc.engines.llava_original import is_original
from pytest_vsc.engines.outlook.code import about_code
from pytest_vsc.engines.outlook.findings import Finding, Outlook, problem
from pytest_vsc.engines.outlook.fitting import about_memory
from pytest_vsc.engines.outlook.loading import (
    about_adapter,
    about_class,
    about_its_kind,
    about_packages,
    about_quantization,
)
from pytest_vsc.engines.outlook.places import Looked, about_files, about_licence, looked_at
from pytest_vsc.engines.outlook.processing import about_processor
from pytest_vsc.engines.outlook.serving import of_itself, of_server, of_vllm
from pytest_vsc.engines.presets import Preset, preset_of
from pytest_vsc.errors import SettingsError

VLLM = "vllm:"
# What is looked at of a model whose class is known, in the order in which it is told.
ABOUTS = (
    *(about_code, about_packages, about_quantization, about_memory),
    *(about_processor, about_adapter, about_its_kind),
)


def look(spec: str, settings: EngineSettings, today: date) -> Outlook:
    """What would happen with a specification. Raises ModelError for one that means nothing.

    today: a server's model may be retired by then.
    """
    preset = preset_of(spec)
    if preset is None and not spec.startswith("python:"):  # whose module may be what is wrong
        open_engine(spec, settings)
    if spec.startswith(VLLM):
        return _of_vllm(spec, settings)
    settings = settings_of(preset, settings) if preset else settings
    target = preset.target if preset else spec
    if re.match("https?://", target, re.IGNORECASE):
        return _outlook(spec, "server", target, of_server(spec, target, preset, settings, today))
    if preset and target.endswith(".toml"):
        return _outlook(spec, "scripted", target, of_itself(spec, settings))
    if not preset and ":" in spec and spec.partition(":")[0] in KINDS:
        return _outlook(spec, spec.partition(":")[0], spec.partition(":")[2], of_itself(spec, settings))
    looked = _looked(target, preset, settings)
    return _outlook(spec, "folder" if looked.local else "hub model", target, _of_files(looked))


def _of_vllm(spec: str, settings: EngineSettings) -> Outlook:
    inner = spec.removeprefix(VLLM)
    preset = preset_of(inner)
    if preset is not None and (preset.url or preset.target.endswith(".toml")):
        preset = None  # it has no weights: a folder of the same name is meant
    settings = settings_of(preset, settings) if preset else settings
    target = preset.target if preset else inner
    return _outlook(spec, "vllm", target, of_vllm(_looked(target, preset, settings)))


def _looked(target: str, preset: Preset | None, settings: EngineSettings) -> Looked:
    folder = Path(target).expanduser()
    local = folder.is_dir()
    return looked_at(str(folder) if local else target, local, preset, settings)


def _outlook(spec: str, kind: str, target: str, findings: Iterator[Finding]) -> Outlook:
    return Outlook(spec=spec, kind=kind, target=target, findings=tuple(findings))


def _of_files(looked: Looked) -> Iterator[Finding]:
    """A model that transformers would load."""
    if looked.preset and looked.preset.instead:
        yield problem("class", f"transformers does not load it as it is; {looked.preset.instead}")
        yield from about_files(looked)
        return
    yield from about_licence(looked)
    yield from about_files(looked)
    if looked.fault:
        yield problem("config", looked.fault)
        return
    try:
        checkpoint.require_packages()
    except SettingsError as error:  # everything else is looked up in those
        yield problem("packages", str(error).removeprefix("--vlm: "))
        return
    yield from about_class(looked)
    if not is_original(looked.config):
        for about in ABOUTS:
            yield from about(looked)
