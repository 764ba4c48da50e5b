"""What would happen if a `--vlm` specification were run: looked up in files, caches and package lists alone.

It loads no weights, runs no code of a model's repository and downloads nothing. A server is asked for its models once.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pytest_vsc.cases import Value
from pytest_vsc.engines import HUB_ID, KINDS, EngineSettings, checkpoint, open_engine, owncode, quantizing, settings_of
from pytest_vsc.engines.adapter import OPTION, adapter_in
from pytest_vsc.engines.address import KEY
from pytest_vsc.engines.files import check_names, check_weights, parameters_in, read_json
from pytest_vsc.engines.foreign import foreign, quiet
from pytest_vsc.engines.llava_original import architecture_of, is_original
from pytest_vsc.engines.memory import memory_left
from pytest_vsc.engines.presets import ALLOWANCE, BYTES, GIB, Preset, needed, preset_of
from pytest_vsc.engines.prompts import NO_TEXT_ONLY, ONE_PICTURE
from pytest_vsc.engines.templates import manner_of
from pytest_vsc.errors import ModelError, SettingsError, VscError, one_line

Severity = Literal["ok", "warning", "problem"]
Config = Mapping[str, Any]

VLLM = "vllm:"
# What reads weights that are saved in fewer bits, by `quant_method` of a config.
QUANTIZERS = {"bitsandbytes": "bitsandbytes", "compressed-tensors": "compressed-tensors", "gptq": "gptqmodel"}
# Bytes a number, by `EngineSettings.quantization`.
QUANTIZED = {"8bit": 1.0, "4bit": 0.5}


class Finding(Value):
    """One thing that was looked at. A problem would stop the run; a warning would not."""

    severity: Severity
    about: str
    says: str


class Outlook(Value):
    """What was found about a specification. target: what it stands for."""

    spec: str
    kind: str
    target: str
    findings: tuple[Finding, ...]

    @property
    def works(self) -> bool:
        return all(finding.severity != "problem" for finding in self.findings)


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


def look(spec: str, settings: EngineSettings) -> Outlook:
    """What would happen with a specification. Raises ModelError for one that means nothing."""
    preset = preset_of(spec)
    settings = settings_of(preset, settings) if preset else settings
    target = preset.target if preset else spec
    if spec.startswith(VLLM):
        return _of_vllm(spec, settings)
    if preset is None and not spec.startswith("python:"):  # whose module may be what is wrong
        open_engine(spec, settings)
    if re.match("https?://", target, re.IGNORECASE):
        return _outlook(spec, "server", target, _served(spec, target, preset, settings))
    if preset and target.endswith(".toml"):
        return _outlook(spec, "scripted", target, _checked(spec, settings))
    if not preset and ":" in spec and spec.partition(":")[0] in KINDS:
        return _outlook(spec, spec.partition(":")[0], spec.partition(":")[2], _checked(spec, settings))
    folder = Path(target).expanduser()
    local = folder.is_dir()
    return _outlook(
        spec,
        "folder" if local else "hub model",
        target,
        _of_files(_looked(str(folder) if local else target, local, preset, settings)),
    )


def _outlook(spec: str, kind: str, target: str, findings: Iterator[Finding]) -> Outlook:
    return Outlook(spec=spec, kind=kind, target=target, findings=tuple(findings))


def _ok(about: str, says: str) -> Finding:
    return Finding(severity="ok", about=about, says=says)


def _warning(about: str, says: str) -> Finding:
    return Finding(severity="warning", about=about, says=says)


def _problem(about: str, says: str) -> Finding:
    return Finding(severity="problem", about=about, says=says)


# --- what has no files of a model ---


def _checked(spec: str, settings: EngineSettings) -> Iterator[Finding]:
    """An engine that checks itself."""
    try:
        engine = open_engine(spec, settings)
        try:
            engine.check()
        finally:
            engine.close()
    except VscError as error:
        yield _problem("check", one_line(error))
    else:
        yield _ok("check", "its own check passes")


def _served(spec: str, target: str, preset: Preset | None, settings: EngineSettings) -> Iterator[Finding]:
    found = list(_before_asking(preset, settings))
    yield from found
    if any(finding.severity == "problem" for finding in found):
        return
    try:
        engine = open_engine(spec, settings)
        try:
            engine.check()
            engine.load()
        finally:
            engine.close()
    except VscError as error:
        yield _problem("server", one_line(error))
    else:
        model = one_line(target.partition("#")[2])
        yield _ok("server", f"answers, and lists the model '{model}' if it lists any")


def _before_asking(preset: Preset | None, settings: EngineSettings) -> Iterator[Finding]:
    if preset and preset.retired:
        yield _problem("retired", f"its provider has not served it since {preset.retired}")
    if _missing(["openai"]):
        yield _problem("packages", "openai is missing: pip install 'pytest-vsc[openai]'")
    variable = settings.key or KEY
    if os.environ.get(variable, "").strip():
        yield _ok("key", f"{variable} is set")
    elif settings.key:
        yield _problem("key", f"{variable} is not set; the server's key is read from it")
    else:
        yield _ok("key", f"none ({variable} is not set)")


def _of_vllm(spec: str, settings: EngineSettings) -> Outlook:
    """What vLLM would be given to serve: its classes are its own, so only files and memory are looked at."""
    inner = spec.removeprefix(VLLM)
    preset = preset_of(inner)
    target = preset.target if preset else inner
    folder = Path(target).expanduser()
    if not folder.is_dir() and not HUB_ID.fullmatch(target):
        raise ModelError(f"--vlm: nothing that vLLM serves ('{one_line(spec)}'); expected vllm:FOLDER or vllm:org/name")
    looked = _looked(str(folder) if folder.is_dir() else target, folder.is_dir(), preset, settings)

    def findings() -> Iterator[Finding]:
        missing = importlib.util.find_spec("vllm") is None and shutil.which("vllm") is None
        if missing:
            yield _problem("packages", "vllm is missing: pip install vllm, or start a server: --vlm URL#model")
        yield from _gate(looked)
        found = list(_files(looked, named=False))  # it takes what is there
        yield from found
        if not missing and looked.local and all(one.severity != "problem" for one in found):
            yield from _checked(spec, settings)  # which of a model of the hub would fetch some

    return _outlook(spec, "vllm", target, findings())


# --- models whose files are looked at ---


def _looked(target: str, local: bool, preset: Preset | None, settings: EngineSettings) -> Looked:
    folder = Path(target) if local else _cached(target, settings.revision)
    name = Path(target).resolve().name if local else target
    config: Config = {}
    fault = ""
    if folder is not None and (folder / "config.json").is_file():
        try:
            config = read_json(folder / "config.json", name)
        except ModelError as error:
            fault = str(error).removeprefix(f"{name}: ")
    return Looked(target, name, local, folder, config, fault, preset, settings)


def _cached(target: str, revision: str | None) -> Path | None:
    """Where the hub's cache has the config of a model; None if it has not."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(target, "config.json", revision=revision)
    return Path(found).parent if isinstance(found, str) else None


def _of_files(looked: Looked) -> Iterator[Finding]:
    if looked.preset and looked.preset.instead:
        yield _problem("class", f"transformers does not load it as it is; {looked.preset.instead}")
        yield from _files(looked)
        return
    yield from _gate(looked)
    yield from _files(looked)
    if looked.fault:
        yield _problem("config", looked.fault)
        return
    try:
        checkpoint.require_packages()
    except SettingsError as error:  # everything else is looked up in those
        yield _problem("packages", str(error).removeprefix("--vlm: "))
        return
    yield from _class(looked)
    if not is_original(looked.config):
        for look_at in (_code, _packages, _quantization, _memory, _processor, _adapter, _known_for):
            yield from look_at(looked)


def _gate(looked: Looked) -> Iterator[Finding]:
    """A licence that must be accepted before anything can be fetched."""
    preset = looked.preset
    if preset is not None and preset.gated and looked.folder is None and not _offline():
        says = f"its licence ({preset.licence}) must be accepted on the hub first, and HF_TOKEN set"
        yield _warning("licence", says) if _has_token() else _problem("licence", says)


def _has_token() -> bool:
    if importlib.util.find_spec("huggingface_hub") is None:
        return bool(os.environ.get("HF_TOKEN"))
    from huggingface_hub import get_token

    return get_token() is not None


def _offline() -> bool:
    if importlib.util.find_spec("huggingface_hub") is None:
        return True
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


# --- files ---


def _files(looked: Looked, *, named: bool = True) -> Iterator[Finding]:
    """named: whether the weights must be where transformers looks for them."""
    if looked.folder is None:
        yield _absent(looked)
        return
    files = [file for file in looked.folder.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / GIB
    where = "in the folder" if looked.local else "in the hub's cache"
    yield _ok("files", f"{len(files)} {where}, {size:.2f} GiB")
    if looked.config and not is_original(looked.config):
        yield from _weights(looked, looked.folder, named=named)


def _absent(looked: Looked) -> Finding:
    preset = looked.preset
    size = "of unknown size"
    if preset and preset.parameters and preset.dtype:
        size = f"about {preset.parameters * 1e9 * BYTES[preset.dtype] / GIB:.1f} GiB"
    if _offline():
        return _problem("files", f"not in the hub's cache, and HF_HUB_OFFLINE forbids to fetch them ({size})")
    return _warning("files", f"not in the hub's cache; they would be downloaded ({size})")


def _weights(looked: Looked, folder: Path, *, named: bool) -> Iterator[Finding]:
    """Whether the weights are all there, whole, and of a format that is read."""
    fetched = not looked.local and not _offline()
    try:
        check_weights(folder, looked.name, complete=False)
        check_weights(folder, looked.name)
        if named and not fetched:
            check_names(folder, looked.name)
    except ModelError as error:
        said = str(error).removeprefix(f"{looked.name}: ")
        if fetched and ("no weights" in said or "are missing" in said):
            yield _warning("weights", f"{said.partition(';')[0]}; would be downloaded")
        else:
            yield _problem("weights", said)
    else:
        yield _ok("weights", "safetensors, whole")


# --- classes and packages ---


def _class(looked: Looked) -> Iterator[Finding]:
    config = looked.config
    if looked.folder is not None and not config:
        yield _no_config(looked.folder)
    elif is_original(config):
        try:
            checkpoint.check_folder(looked.folder or Path(), looked.name)
        except ModelError as error:
            yield _problem("class", _said(error, looked.name))
    elif looked.folder is not None and (looked.folder / "adapter_config.json").is_file():
        yield _problem("class", _said(checkpoint.model_and_adapter(looked.name), looked.name))
    elif (kind := _kind(looked)) is None and config:
        yield _problem("class", "its config.json has no model_type; expected one as save_pretrained writes it")
    elif kind is None:
        yield _warning("class", "unknown until its config is here")
    elif looked.settings.trust_remote_code and "AutoModelForImageTextToText" in _own(config):
        named = f"{one_line(kind)} ({one_line(architecture_of(config)) or 'class unknown'})"
        yield _warning("class", f"{named}: code of its own repository runs, as allowed")
    elif known := _known_class(kind):
        said = "" if config else ", as its preset says"
        yield _ok("class", f"{known} ({kind}), in transformers {_transformers()}{said}")
        if (named := architecture_of(config)) and named != known:
            yield _warning("class", f"its config names another one ({one_line(named)})")
    else:
        yield _without_class(kind, looked)


def _no_config(folder: Path) -> Finding:
    if (folder / "adapter_config.json").is_file():
        return _problem("class", "is an adapter: give the model that it adapts, and this folder as the adapter")
    return _problem("class", "no config.json; expected one as save_pretrained writes it")


def _without_class(kind: str, looked: Looked) -> Finding:
    """A kind of model that transformers has no class for: code of its own may do, if it is of the right kind."""
    own = _own(looked.config)
    named = f"{one_line(kind)} ({one_line(architecture_of(looked.config)) or 'class unknown'})"
    if "AutoModelForImageTextToText" in own:
        return _problem("class", f"{named}: needs code of its own to run; --trust-remote-code, if you trust it")
    offers = f"; its own code offers {', '.join(sorted(map(one_line, own)))} only" if own else ""
    return _problem(
        "class",
        f"{named}: transformers {_transformers()} has no image-text-to-text class for it{offers}. "
        "A newer transformers may, or serve it: --vlm URL#model",
    )


def _own(config: Config) -> Config:
    """The classes of its own code that a config names."""
    own = config.get("auto_map")
    return own if isinstance(own, Mapping) else {}


def _kind(looked: Looked) -> str | None:
    named = looked.config.get("model_type")
    if looked.config:
        return named if isinstance(named, str) else None
    return looked.preset.model_type if looked.preset else None


def _known_class(kind: str) -> str | None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    named = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES.get(kind)
    return named if isinstance(named, str) else None


def _transformers() -> str:
    return importlib.metadata.version("transformers")


def _code(looked: Looked) -> Iterator[Finding]:
    """Whether code of its own that is allowed is of the kind that the engine has run."""
    try:
        _code_told(looked)
    except ModelError as error:
        yield _problem("code", _said(error, looked.name))


def _code_told(looked: Looked) -> str:
    """What is told of it, "" where none is allowed. Raises ModelError."""
    folder = looked.folder
    if folder is None or not looked.settings.trust_remote_code:
        return ""

    def see(file: str) -> None:
        if looked.local and not (folder / file).is_file():
            raise ModelError(f"{looked.name}: no {one_line(file)} in the folder, whose classes its files name")

    return owncode.check_code(folder, looked.name, see)


def _said(error: Exception, name: str) -> str:
    return str(error).removeprefix(f"{name}: ")


def _packages(looked: Looked) -> Iterator[Finding]:
    wanted = _wanted(looked)
    if missing := _missing(wanted):
        verb = "is" if len(missing) == 1 else "are"
        yield _problem("packages", f"{', '.join(missing)} {verb} missing: pip install {' '.join(missing)}")
    else:
        beside = f", with {', '.join(wanted)}" if wanted else ""
        yield _ok("packages", f"torch {importlib.metadata.version('torch')}{beside}")


def _wanted(looked: Looked) -> list[str]:
    """Packages beyond the extra that this model and these settings need, as far as that is told."""
    settings = looked.settings
    quantized = looked.config.get("quantization_config")
    method = quantized.get("quant_method") if isinstance(quantized, dict) else None
    wanted = [
        *(looked.preset.packages if looked.preset else ()),
        *(["peft"] if settings.adapter else []),
        *(["bitsandbytes", "accelerate"] if settings.quantization else []),
        *([QUANTIZERS[str(method)]] if str(method) in QUANTIZERS else []),
        *(["accelerate"] if settings.device_map else []),
    ]
    return list(dict.fromkeys(wanted))


def _missing(packages: list[str]) -> list[str]:
    return [one for one in packages if importlib.util.find_spec(one.replace("-", "_")) is None]


def _quantization(looked: Looked) -> Iterator[Finding]:
    """What the engine would say of weights in fewer bits, asked for or as the files hold them."""
    told = looked.config.get("quantization_config")
    held: Config = told if isinstance(told, Mapping) else {}
    kind, words = looked.settings.quantization, quantizing.held_words(held)
    try:
        quantizing.refuse_unknown(held, looked.name)
        if kind and (words or not _missing(_wanted(looked))):
            device = checkpoint.device_of(looked.settings.device)
            quantizing.check_quantization(kind, device, words, looked.name)
    except ModelError as error:
        yield _problem("quantization", _said(error, looked.name).replace("--vlm-", "--"))
    except SettingsError as error:
        if not str(error).startswith("--vlm-device"):  # told of where the memory is looked at
            yield _problem("quantization", str(error).replace("--vlm-", "--"))
    else:
        yield from [_ok("quantization", f"its own: {words}")] if words else []


def _processor(looked: Looked) -> Iterator[Finding]:
    """The processor is made from its files as the engine would, which tells more than any list of packages."""
    folder, kind = looked.folder, _kind(looked)
    if folder is None or not kind or not _known_class(kind):
        return
    fetched = not looked.local and not _offline()
    try:
        own = _code_told(looked).startswith(owncode.RUN)
    except ModelError:  # told of where the code is looked at
        own = True
    if not _has_processor(folder, whole=fetched):
        says = "its files and those of its tokenizer are not all here"
        yield _warning("processor", f"{says}; would be downloaded") if fetched else _problem("processor", says)
    elif own:
        yield _warning("processor", "unknown: code of its own may make it, which is not run to look")
    elif not _missing(_wanted(looked)):  # else it can't be made, as was told
        yield from _made(folder, looked.name)


def _has_processor(folder: Path, *, whole: bool) -> bool:
    """whole: whether all that the hub may have of it must be here; a tokenizer can do without its config."""
    pictures = any((folder / file).is_file() for file in ("processor_config.json", "preprocessor_config.json"))
    words = ("tokenizer_config.json",) if whole else ("tokenizer_config.json", "tokenizer.json", "tokenizer.model")
    return pictures and any((folder / file).is_file() for file in words)


def _made(folder: Path, name: str) -> Iterator[Finding]:
    options = {"trust_remote_code": False, "local_files_only": True}
    try:
        with foreign(name), quiet():
            processor = checkpoint.read_processor(str(folder), name, options)
    except ModelError as error:
        yield _problem("processor", _said(error, name))
        return
    yield _ok("processor", type(processor).__name__)
    try:
        with quiet():
            manner = manner_of(processor, name)
    except ModelError as error:
        yield _problem("chat template", _said(error, name))
        return
    if manner.template == "none":
        yield _warning("chat template", "none: it is given image tokens, then the text as it stands")
    else:
        yield _ok("chat template", manner.describe()["chat_template"])
    if not manner.answers:
        yield _warning("chat template", "takes no earlier answers: cases with such become ERROR")


# --- memory ---


def _memory(looked: Looked) -> Iterator[Finding]:
    settings = looked.settings
    try:
        device = checkpoint.device_of(settings.device)
        dtype = checkpoint.dtype_of(settings.dtype, settings.device)
    except SettingsError as error:
        yield _problem("device", str(error).replace("--vlm-", "--"))
        return
    count, left = _parameters(looked), memory_left(device)
    if count is None:
        yield _warning("memory", f"unknown until its weights are here; {_free(left)} on {device}")
        return
    kind = settings.quantization or dtype
    weights = round(count * (QUANTIZED[settings.quantization] if settings.quantization else BYTES[dtype]))
    says = (
        f"{weights / GIB:.2f} GiB of weights in {kind}, {needed(weights) / GIB:.2f} with {ALLOWANCE:.0%} to work in; "
        f"{_free(left)} on {device}"
    )
    if left is None or left >= needed(weights):
        yield _ok("memory", says)
    elif left >= weights:
        yield _warning("memory", f"{says}: little to work in")
    else:
        yield _problem("memory", f"{says}: too little; a smaller --dtype, a quantization or a smaller model may fit")


def _free(left: int | None) -> str:
    return "free memory unknown" if left is None else f"{left / GIB:.2f} free"


def _parameters(looked: Looked) -> int | None:
    """Numbers in the weights: by their files where those are all here, else by the preset."""
    if looked.folder is not None:
        try:
            check_weights(looked.folder, looked.name)
            return parameters_in(looked.folder)
        except (ModelError, OSError):  # told of where the weights are looked at
            pass
    preset = looked.preset
    return round(preset.parameters * 1e9) if preset and preset.parameters else None


# --- adapters, and what a family is known for ---


def _adapter(looked: Looked) -> Iterator[Finding]:
    if looked.settings.adapter is None:
        return
    try:
        adapter = adapter_in(looked.settings.adapter)
    except ModelError as error:
        said = str(error).removeprefix(OPTION)
        yield _problem("adapter", (said.partition(": ")[2] or said).replace("--vlm-", "--"))
        return
    if adapter.base and Path(adapter.base).name not in (looked.name, Path(looked.target).name):
        yield _warning("adapter", f"was trained on {one_line(adapter.base)}, not on {looked.name}")
    else:
        yield _ok("adapter", f"{adapter.name}, {parameters_in(adapter.folder):,} parameters")


def _known_for(looked: Looked) -> Iterator[Finding]:
    """What models of a kind are known not to take, as measured, and what the preset says besides."""
    kind = _kind(looked)
    if kind in NO_TEXT_ONLY:
        yield _warning("cases", "takes none without a picture: they become ERROR")
    if kind in ONE_PICTURE:
        yield _warning("cases", "takes one picture: those with several become ERROR")
    for quirk in looked.preset.quirks if looked.preset else ():
        yield _ok("known for", quirk)
