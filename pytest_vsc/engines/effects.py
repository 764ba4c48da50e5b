"""Which settings have an effect on which kind of engine; one that has none is refused, never passed over.

Opens no engine and knows nothing of what a value means.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pytest_vsc.engines import EngineSettings
from pytest_vsc.errors import SettingsError
from pytest_vsc.protocols import Engine

# By the name of an engine's module: what it is, for a reader, and the settings that it heeds.
HEEDED: dict[str, tuple[str, frozenset[str]]] = {
    "process": (
        "a local model (a folder or a hub id)",
        frozenset(
            {"adapter", "attention", "batch_size", "device", "device_map", "dtype", "kv_cache", "max_pixels"}
            | {"prefix_cache", "quantization", "revision", "timeout", "trust_remote_code"}
        ),
    ),
    "vllm": (
        "a model that vLLM is started for (vllm:SPEC)",  # what of these it does not do it says itself, and what to do
        frozenset(
            {"adapter", "attention", "batch_size", "concurrency", "device", "device_map", "dtype", "kv_cache"}
            | {"max_pixels", "prefix_cache", "quantization", "revision", "server_args", "timeout", "trust_remote_code"}
        ),
    ),
    "openai": (
        "a model behind a server (URL#model)",
        frozenset({"concurrency", "headers", "key", "max_cost", "max_pixels", "prices", "revision", "timeout"}),
    ),
    # With these two the models of judges are run; `vsc selftest` has stand-ins judged as a user's own model is.
    "scripted": ("a scripted model", frozenset({"device", "timeout"})),
    "replay": ("a replayed run", frozenset({"device", "timeout"})),
}
JUDGES = frozenset({"device", "timeout"})
USUAL = EngineSettings()
# Where digests are kept is no wish about a model, and edits are wished for by no option of an engine's own.
SETTINGS = frozenset(EngineSettings.model_fields) - {"cache", "edits"}
EDITED = frozenset({"process", "transformers"})  # the modules of engines that heed edits
# Of the options that are not called as the setting is.
NAMES = {"headers": "header", "key": "api_key", "server_args": "vllm_args"}
LISTED = frozenset({"headers", "trust_remote_code"})  # those that no later option takes back


def refuse_without_effect(
    spec: str, settings: EngineSettings, engine: Engine, judging: Iterable[Engine], typed: Collection[str] = SETTINGS
) -> None:
    """Raises SettingsError for what was set, but neither the engine of `spec` heeds nor one that judges.

    typed: what was set for this run; what an ini file says to all of them may be meant for others. Of an engine that is
    not ours nothing is known, and all is left to its maker.
    """
    if settings.edits:
        _refuse_edits(settings, engine)
    own, given = _known(engine), {name for name in SETTINGS if getattr(settings, name) != getattr(USUAL, name)}
    if own is None or spec.startswith("python:"):
        return
    kind, heeded = own
    for other in judging:
        known = _known(other)
        heeded |= JUDGES & (known[1] if known else SETTINGS)
    if idle := sorted((given - heeded).intersection(typed)):
        fitting = [words for words, also in HEEDED.values() if also.issuperset(idle)]
        hint = f"; expected with {' or '.join(fitting)}" if fitting else ""
        raise SettingsError(f"{', '.join(map(_option, idle))}: no effect on {kind}{hint}. Leave it out")


def _refuse_edits(settings: EngineSettings, engine: Engine) -> None:
    """Raises SettingsError unless the engine heeds edits, which one that is not ours does not."""
    room, _, name = type(engine).__module__.rpartition(".")
    if room == __package__ and name in EDITED:
        return
    kind = HEEDED[name][0] if room == __package__ and name in HEEDED else "a model of your own"
    names = ", ".join(edit.name for edit in settings.edits)
    raise SettingsError(
        f"--vsc-calibrate {names}: no effect on {kind}, whose layers cannot be edited; expected with "
        f"{HEEDED['process'][0]}. Leave it out"
    )


def stand_in(options: Iterable[str]) -> list[str]:
    """Options of a run with a real model, for one with a stand-in: what would have no effect on that is left open."""
    kept, words = [], iter(options)
    for word in words:
        if word == "--vlm-header":
            next(words, None)
        elif word != "--vlm-trust-remote-code" and not word.startswith("--vlm-header="):
            kept.append(word)
    idle = sorted(SETTINGS - HEEDED["scripted"][1] - LISTED)
    return [*kept, *(f"{_option(name)}=" for name in idle), "-o", "vlm_header=", "-o", "vlm_trust_remote_code=false"]


def _known(engine: Engine) -> tuple[str, frozenset[str]] | None:
    room, _, name = type(engine).__module__.rpartition(".")
    return HEEDED.get(name) if room == __package__ else None


def destination(name: str) -> str:
    """What the option of a setting is called where pytest keeps it, and in the ini file."""
    return f"vlm_{NAMES.get(name, name)}"


def _option(name: str) -> str:
    return f"--{destination(name).replace('_', '-')}"
