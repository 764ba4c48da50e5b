"""Whether transformers would make a model: its class, the packages it needs, its processor, its adapter.

The processor alone is made, without code of the model's repository; no weights are loaded.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from pytest_vsc.engines import checkpoint
from pytest_vsc.engines.files import check_weights, parameters_in, read_json
from pytest_vsc.engines.foreign import foreign, quiet
from pytest_vsc.engines.llava_original import architecture_of, is_original
from pytest_vsc.engines.outlook.findings import Finding, ok, problem, warning
from pytest_vsc.engines.outlook.places import Looked, offline
from pytest_vsc.engines.prompts import NO_TEXT_ONLY, ONE_PICTURE
from pytest_vsc.errors import ModelError, one_line

# What reads weights that are saved in fewer bits, by `quant_method` of a config.
QUANTIZERS = {"bitsandbytes": "bitsandbytes", "compressed-tensors": "compressed-tensors", "gptq": "gptqmodel"}


# --- classes ---


def about_class(looked: Looked) -> Iterator[Finding]:
    """The class that transformers has for its kind."""
    config = looked.config
    if looked.folder is not None and not config:
        yield _no_config(looked.folder)
    elif is_original(config):
        try:
            checkpoint.check_folder(looked.folder or Path(), looked.name)
        except ModelError as error:
            yield problem("class", str(error).removeprefix(f"{looked.name}: "))
    elif (kind := _kind(looked)) is None:
        yield warning("class", "unknown until its config is here")
    elif known := _class_of(kind):
        said = "" if config else ", as its preset says"
        yield ok("class", f"{known} ({kind}), in transformers {_transformers()}{said}")
        if (named := architecture_of(config)) and named != known:
            yield warning("class", f"its config names another one ({one_line(named)})")
    else:
        yield _without_class(kind, looked)


def _no_config(folder: Path) -> Finding:
    if (folder / "adapter_config.json").is_file():
        return problem("class", "is an adapter: give the model that it adapts, and this folder as the adapter")
    return problem("class", "no config.json; expected one as save_pretrained writes it")


def _without_class(kind: str, looked: Looked) -> Finding:
    """A kind of model that transformers has no class for: code of its own may do, if it is of the right kind."""
    own = looked.config.get("auto_map") or {}
    named = f"{one_line(kind)} ({one_line(architecture_of(looked.config)) or 'class unknown'})"
    if "AutoModelForImageTextToText" in own:
        if looked.settings.trust_remote_code:
            return warning("class", f"{named}: code of its own repository runs, as allowed")
        return problem("class", f"{named}: needs code of its own to run; --trust-remote-code, if you trust it")
    offers = f"; its own code offers {', '.join(sorted(map(one_line, own)))} only" if own else ""
    return problem(
        "class",
        f"{named}: transformers {_transformers()} has no image-text-to-text class for it{offers}. "
        "A newer transformers may, or serve it: --vlm URL#model",
    )


def _kind(looked: Looked) -> str | None:
    named = looked.config.get("model_type")
    if isinstance(named, str):
        return named
    return looked.preset.model_type if looked.preset else None


def _class_of(kind: str) -> str | None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    named = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES.get(kind)
    return named if isinstance(named, str) else None


def _transformers() -> str:
    return importlib.metadata.version("transformers")


# --- packages ---


def about_packages(looked: Looked) -> Iterator[Finding]:
    """Those that it needs beside transformers."""
    wanted = _wanted(looked)
    if missing := _absent(wanted):
        verb = "is" if len(missing) == 1 else "are"
        yield problem("packages", f"{', '.join(missing)} {verb} missing: pip install {' '.join(missing)}")
    else:
        beside = f", with {', '.join(wanted)}" if wanted else ""
        yield ok("packages", f"torch {importlib.metadata.version('torch')}{beside}")


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


def _absent(packages: list[str]) -> list[str]:
    return [one for one in packages if importlib.util.find_spec(one.replace("-", "_")) is None]


# --- the processor ---


def about_processor(looked: Looked) -> Iterator[Finding]:
    """The processor is made from its files as the engine would, which tells more than any list of packages."""
    folder, kind = looked.folder, _kind(looked)
    if folder is None or not kind or not _class_of(kind):
        return
    if not _has_processor(folder):
        fetched = not looked.local and not offline()
        says = "its files and those of its tokenizer are not all here"
        yield warning("processor", f"{says}; would be downloaded") if fetched else problem("processor", says)
    elif not _absent(_wanted(looked)):  # else it can't be made, as was told
        yield from _made(folder, looked.name)


def _has_processor(folder: Path) -> bool:
    pictures = any((folder / file).is_file() for file in ("processor_config.json", "preprocessor_config.json"))
    return pictures and (folder / "tokenizer_config.json").is_file()


def _made(folder: Path, name: str) -> Iterator[Finding]:
    options = {"trust_remote_code": False, "local_files_only": True}
    try:
        with foreign(name), quiet():
            processor = checkpoint.read_processor(str(folder), name, options)
    except ModelError as error:
        yield problem("processor", str(error).removeprefix(f"{name}: "))
        return
    yield ok("processor", type(processor).__name__)
    if getattr(processor, "chat_template", None):
        yield ok("chat template", "its own")
    else:
        yield warning("chat template", "none: it is given image tokens, then the text as it stands")


# --- adapters, and what a family is known for ---


def about_adapter(looked: Looked) -> Iterator[Finding]:
    """Whether it can be read, and was trained on this model."""
    if looked.settings.adapter is None:
        return
    folder = Path(looked.settings.adapter)
    if not (folder / "adapter_config.json").is_file():
        yield problem("adapter", f"no adapter_config.json in {one_line(folder)}; expected the folder of a PEFT adapter")
        return
    try:
        adapts = read_json(folder / "adapter_config.json", f"adapter {folder.name}").get("base_model_name_or_path")
        check_weights(folder, f"adapter {folder.name}")
    except ModelError as error:
        yield problem("adapter", str(error).removeprefix(f"adapter {folder.name}: "))
        return
    if adapts and Path(str(adapts)).name not in (looked.name, Path(looked.target).name):
        yield warning("adapter", f"was trained on {one_line(adapts)}, not on {looked.name}")
    else:
        yield ok("adapter", f"{folder.name}, {parameters_in(folder):,} parameters")


def about_its_kind(looked: Looked) -> Iterator[Finding]:
    """What models of a kind are known not to take, as measured, and what the preset says besides."""
    kind = _kind(looked)
    if kind in NO_TEXT_ONLY:
        yield warning("cases", "takes none without a picture: they become ERROR")
    if kind in ONE_PICTURE:
        yield warning("cases", "takes one picture: those with several become ERROR")
    for quirk in looked.preset.quirks if looked.preset else ():
        yield ok("known for", quirk)
