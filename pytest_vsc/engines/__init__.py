"""From a model specification to an engine. Imports no model library; each engine is imported when it is opened."""

from __future__ import annotations

import difflib
import functools
import re
import sys
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from pytest_vsc.cases import Value
from pytest_vsc.errors import ModelError
from pytest_vsc.protocols import Engine
from pytest_vsc.shipped import shipped

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KINDS = ("replay", "scripted", "python")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
SERVER = re.compile(r"[\w.-]+(:\d+)?(/[^#@?]*)?#.+")  # an address without its scheme


class EngineSettings(Value):
    """How an engine is to run. "auto" and None leave the choice to the engine, which says what it chose.

    device: "auto", "cpu", "cuda", "cuda:1", "mps". dtype: "auto", "float32", "bfloat16", "float16".
    batch_size: the most requests that the model works on at once. revision: of a hub model, or the named build.
    timeout: seconds that a request may take once the model works on it; None is without end, at a server 120 s.
    attention: "sdpa", "eager", "flash_attention_2" ... kv_cache: "dynamic" or "static" (fixed shapes, for compilation).
    prefix_cache: whether what all prompts of a batch begin with is read once, where the model class allows that.
    cache: folder in which what is costly to compute of a model's files may be kept.
    adapter: folder of a PEFT adapter. quantization: "8bit" or "4bit", None for none. device_map: how a model is spread
    over several devices, by accelerate's word. max_pixels: larger pictures are shrunk to so many.
    concurrency: the most requests that a server is given at once. headers: names of HTTP headers, each with the name of
    the environment variable that holds its value. key: name of the environment variable that holds the server's key.
    max_cost: US dollars that the answers may cost. prices: file with what tokens cost.
    """

    device: str = "auto"
    dtype: str = "auto"
    batch_size: int | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    timeout: float | None = None
    attention: str | None = None
    kv_cache: Literal["dynamic", "static"] = "dynamic"
    prefix_cache: bool = True
    cache: str | None = None
    adapter: str | None = None
    quantization: Literal["8bit", "4bit"] | None = None
    device_map: str | None = None
    max_pixels: int | None = None
    concurrency: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    key: str | None = None
    max_cost: float | None = None
    prices: str | None = None


class Preset(Value):
    """A model alias. Either `path` (under the shipped fixtures) or `hub` is given; gates are demo bounds.

    path: a folder of a model, or the rules of a scripted one.
    """

    alias: str
    description: str
    path: str | None = None
    hub: str | None = None
    gates: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """The folder, the rules or the hub id that the alias stands for."""
        return self.hub or str(shipped("fixtures") / (self.path or self.alias))


@functools.cache
def presets() -> dict[str, Preset]:
    """Every alias, in the order of the file."""
    file = Path(__file__).with_name("presets.toml")
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
        return {alias: Preset(alias=alias, **fields) for alias, fields in read.items()}
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ModelError(f"{file.name}: {error}") from error


def preset_of(spec: str) -> Preset | None:
    """The preset that `spec` is the alias of, if it is one."""
    return presets().get(spec)


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
    preset = preset_of(spec)
    if preset and preset.target.endswith(".toml"):
        return _open_kind("scripted", preset.target, settings)
    folder = Path(spec).expanduser()
    if preset or folder.is_dir() or HUB_ID.fullmatch(spec):
        from pytest_vsc.engines.process import ProcessEngine
        from pytest_vsc.engines.transformers import TransformersEngine

        target = preset.target if preset else str(folder) if folder.is_dir() else spec
        return ProcessEngine(TransformersEngine, target, settings)
    raise ModelError(_unknown(spec))


def _open_kind(kind: str, rest: str, settings: EngineSettings) -> Engine:
    if kind == "replay":
        from pytest_vsc.engines.replay import ReplayEngine

        return ReplayEngine(Path(rest))
    if kind == "scripted":
        from pytest_vsc.engines.scripted import ScriptedEngine

        return ScriptedEngine(Path(rest), settings)
    from pytest_vsc.engines.others import made_by

    return made_by(rest, settings)


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


def _forms() -> str:
    from pytest_vsc.engines.others import installed

    theirs = "".join(f", {name}:..." for name in installed())
    return (
        f"an alias ({', '.join(presets())}), a folder, a hub id org/name, URL#model of an OpenAI-compatible server, "
        f"replay:RUN.jsonl, scripted:FILE.toml{theirs} or python:module:function"
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
