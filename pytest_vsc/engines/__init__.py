"""From a model specification to an engine. Imports no model library; each engine is imported when it is opened."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from pytest_vsc.engines.presets import MAIN, Preset, preset_of, presets
from pytest_vsc.engines.settings import EngineSettings as EngineSettings
from pytest_vsc.errors import ModelError, one_line
from pytest_vsc.protocols import Engine

KINDS = ("replay", "scripted", "python", "vllm")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
SERVER = re.compile(r"[\w.-]+(:\d+)?(/[^#@?]*)?#.+")  # an address without its scheme


def open_engine(spec: str, settings: EngineSettings) -> Engine:
    """The engine for a `--vlm` specification; nothing is loaded and no file is read yet (`Engine.check` does that).

    An alias goes before a folder of the same name. Raises ModelError for a specification that means nothing.
    """
    if not spec.strip():
        raise ModelError(f"--vlm: empty; expected {_forms()}")
    try:
        return _opened(spec, settings)
    except (OSError, RuntimeError) as error:  # a name too long for a file, an unknown ~user
        raise ModelError(f"--vlm: unknown model '{spec[:60]}' ({error}); expected {_forms()}") from None


def _opened(spec: str, settings: EngineSettings) -> Engine:
    if re.match("https?://", spec, re.IGNORECASE):
        return _open_server(spec, settings)
    kind, colon, rest = spec.partition(":")
    if colon:
        from pytest_vsc.engines.others import declared, open_installed

        if theirs := declared(kind):  # looked for under our words too, which nobody may take over
            return open_installed(theirs, rest, settings)
    if colon and kind in KINDS:
        if not rest:
            raise ModelError(f"--vlm: nothing after the colon ('{spec}'); expected {_forms()}")
        return _open_kind(kind, rest, settings)
    if preset := preset_of(spec):
        return _open_preset(preset, settings)
    if (source := _source_of(spec)) is not None:
        return _open_local(source, settings)
    raise ModelError(_unknown(spec))


def local_model(spec: str, settings: EngineSettings) -> tuple[str, EngineSettings]:
    """The folder or hub id of a specification that has weights to be loaded here, and settings that heed its preset.

    Raises ModelError for one that is asked in another way, or that means nothing.
    """
    preset = preset_of(spec)
    if preset is not None and not preset.instead and not preset.url and not preset.target.endswith(".toml"):
        return preset.target, settings_of(preset, settings)
    if preset is not None and preset.instead:
        raise ModelError(f"--vlm {preset.alias}: transformers does not load {preset.target} as it is; {preset.instead}")
    if preset is None and (source := _source_of(spec)) is not None:
        return source, settings
    kind = spec.partition(":")[0]
    if preset is not None or re.match("https?://", spec, re.IGNORECASE) or kind in KINDS or SERVER.fullmatch(spec):
        raise ModelError(
            f"--vlm: '{one_line(spec)[:60]}' is no local model; expected an alias of one with weights (`vsc models` "
            "lists them), a folder or a hub id org/name"
        )
    raise ModelError(_unknown(spec))


def _source_of(spec: str) -> str | None:
    """The folder or the hub id that is meant, None if neither is."""
    folder = Path(spec).expanduser()
    return str(folder) if folder.is_dir() else spec if HUB_ID.fullmatch(spec) else None


def _open_preset(preset: Preset, settings: EngineSettings) -> Engine:
    if preset.instead:
        raise ModelError(f"--vlm {preset.alias}: transformers does not load {preset.target} as it is; {preset.instead}")
    settings = settings_of(preset, settings)
    if preset.url:
        return _open_server(preset.target, settings)
    if preset.target.endswith(".toml"):
        return _open_kind("scripted", preset.target, settings)
    return _open_local(preset.target, settings)


def settings_of(preset: Preset, settings: EngineSettings) -> EngineSettings:
    """The settings with what the preset says where the user said nothing: the revision, the key's variable.

    The preset's dtype is not among them: what is best depends on the device, and the engine chooses by that.
    """
    pinned = preset.revision if preset.hub and preset.revision != MAIN else None
    return settings.model_copy(
        update={"revision": settings.revision or pinned, "key": settings.key or (preset.key if preset.url else None)}
    )


def _open_local(target: str, settings: EngineSettings) -> Engine:
    from pytest_vsc.engines.process import ProcessEngine
    from pytest_vsc.engines.transformers import TransformersEngine

    return ProcessEngine(TransformersEngine, target, settings)


def _open_kind(kind: str, rest: str, settings: EngineSettings) -> Engine:
    if kind == "replay":
        from pytest_vsc.engines.replay import ReplayEngine

        return ReplayEngine(Path(rest))
    if kind == "scripted":
        from pytest_vsc.engines.scripted import ScriptedEngine

        return ScriptedEngine(Path(rest), settings)
    if kind == "vllm":
        return _open_vllm(rest, settings)
    from pytest_vsc.engines.others import made_by

    return made_by(rest, settings)


def _open_vllm(spec: str, settings: EngineSettings) -> Engine:
    from pytest_vsc.engines.vllm import VllmEngine

    preset, source = preset_of(spec), _source_of(spec)
    if preset is not None and not preset.url and not preset.target.endswith(".toml"):
        return VllmEngine(preset.target, settings_of(preset, settings))
    if source is None:
        raise ModelError(
            f"--vlm vllm: no model '{spec}' that can be served; expected an alias of a model with weights (`vsc "
            f"models` lists them), a folder or a hub id org/name{_nearest_alias(spec, 'vllm:')}"
        )
    return VllmEngine(source, settings)


def _open_server(spec: str, settings: EngineSettings) -> Engine:
    from pytest_vsc.engines.address import shown
    from pytest_vsc.engines.openai import OpenAIEngine

    url, _, model = spec.partition("#")
    if not model.strip():
        raise ModelError(
            f"--vlm: no model behind the address '{shown(url)}'; expected the name that the server gives it, "
            f"'{shown(url)}#model'"
        )
    return OpenAIEngine(url, model.strip(), settings)


def _nearest_alias(word: str, before: str) -> str:
    """Of the models with weights."""
    served = [alias for alias, preset in presets().items() if not preset.url and not preset.target.endswith(".toml")]
    near = difflib.get_close_matches(word, served, n=1, cutoff=0.6)
    return f"; did you mean '{before}{near[0]}'?" if near else ""


def _forms() -> str:
    from pytest_vsc.engines.others import installed

    theirs = "".join(f", {name}:..." for name in installed())
    return (
        "an alias (`vsc models` lists them), a folder, a hub id org/name, URL#model of an OpenAI-compatible server, "
        f"vllm:SPEC, replay:RUN.jsonl, scripted:FILE.toml{theirs} or python:module:function"
    )


def _unknown(spec: str) -> str:
    from pytest_vsc.engines.others import installed

    if spec.startswith((".", "/", "~")) or "\\" in spec:
        return f"--vlm: no such folder '{spec}'; expected {_forms()}"
    if Path(spec).is_file():
        ready = {".jsonl": f"replay:{spec}", ".toml": f"scripted:{spec}"}.get(Path(spec).suffix)
        hint = f"; did you mean '{ready}'?" if ready else ""
        return f"--vlm: '{spec}' is a file; expected {_forms()}{hint}"
    if SERVER.fullmatch(spec):
        return f"--vlm: unknown model '{spec}'; expected {_forms()}; did you mean 'http://{spec}'?"
    kind, colon, rest = spec.partition(":")
    kinds = [*KINDS, *installed()]
    near = difflib.get_close_matches(kind, kinds if colon else [*presets(), *kinds], n=1, cutoff=0.6)
    hint = f"; did you mean '{near[0]}{':' if near[0] in kinds else ''}{rest}'?" if near else ""
    return f"--vlm: unknown model '{spec}'; expected {_forms()}{hint}"
