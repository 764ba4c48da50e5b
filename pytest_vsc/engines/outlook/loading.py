"""Whether transformers would make a model: its class, the packages it needs, its quantization, its adapter.

Makes nothing of it.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_vsc.engines import checkpoint, quantizing
from pytest_vsc.engines.adapter import OPTION, adapter_in
from pytest_vsc.engines.files import parameters_in
from pytest_vsc.engines.llava_original import architecture_of, is_original
from pytest_vsc.engines.outlook.findings import Finding, ok, problem, told, warning
from pytest_vsc.engines.outlook.places import Config, Looked
from pytest_vsc.engines.prompts import NO_TEXT_ONLY, ONE_PICTURE
from pytest_vsc.errors import ModelError, SettingsError, one_line

OURS = "AutoModelForImageTextToText"  # the one class of those in `auto_map` that the engine would take


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
            yield problem("class", told(error, looked.name))
    elif looked.folder is not None and (looked.folder / "adapter_config.json").is_file():
        yield problem("class", told(checkpoint.model_and_adapter(looked.name), looked.name))
    elif (kind := kind_of(looked)) is None and config:
        yield problem("class", "its config.json has no model_type; expected one as save_pretrained writes it")
    elif kind is None:
        yield warning("class", "unknown until its config is here")
    elif looked.settings.trust_remote_code and OURS in _own(config):
        yield warning("class", f"{_named(kind, config)}: code of its own repository runs, as allowed")
    elif known := class_of(kind):
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
    own, named = _own(looked.config), _named(kind, looked.config)
    if OURS in own:
        return problem("class", f"{named}: needs code of its own to run; --trust-remote-code, if you trust it")
    offers = f"; its own code offers {', '.join(sorted(map(one_line, own)))} only" if own else ""
    return problem(
        "class",
        f"{named}: transformers {_transformers()} has no image-text-to-text class for it{offers}. "
        "A newer transformers may, or serve it: --vlm URL#model",
    )


def _named(kind: str, config: Config) -> str:
    return f"{one_line(kind)} ({one_line(architecture_of(config)) or 'class unknown'})"


def _own(config: Config) -> Config:
    """The classes of its own code that a config names."""
    own = config.get("auto_map")
    return own if isinstance(own, Mapping) else {}


def kind_of(looked: Looked) -> str | None:
    """transformers' word for its kind of model, by its config; by the preset where that is not here."""
    named = looked.config.get("model_type")
    if looked.config:
        return named if isinstance(named, str) else None
    return looked.preset.model_type if looked.preset else None


def class_of(kind: str) -> str | None:
    """The class that transformers has for a kind, None for none."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    named = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES.get(kind)
    return named if isinstance(named, str) else None


def _transformers() -> str:
    return importlib.metadata.version("transformers")


# --- packages ---


def about_packages(looked: Looked) -> Iterator[Finding]:
    """Those that it needs beside transformers."""
    wanted = _wanted(looked)
    if missing := absent(looked):
        verb = "is" if len(missing) == 1 else "are"
        yield problem("packages", f"{', '.join(missing)} {verb} missing: pip install {' '.join(missing)}")
    else:
        beside = f", with {', '.join(wanted)}" if wanted else ""
        yield ok("packages", f"torch {importlib.metadata.version('torch')}{beside}")


def _wanted(looked: Looked) -> list[str]:
    """Packages beyond the extra that this model and these settings need, as far as that is told."""
    settings = looked.settings
    held = looked.config.get("quantization_config")
    libraries = quantizing.libraries_of(held) if isinstance(held, Mapping) else ()
    wanted = [
        *(looked.preset.packages if looked.preset else ()),
        *(["peft"] if settings.adapter else []),
        *(["bitsandbytes", "accelerate"] if settings.quantization else []),
        *libraries[:1],
        *(["accelerate"] if settings.device_map else []),
    ]
    return list(dict.fromkeys(wanted))


def absent(looked: Looked) -> list[str]:
    """Those of them that are not installed."""
    return [one for one in _wanted(looked) if importlib.util.find_spec(one.replace("-", "_")) is None]


# --- quantization ---


def about_quantization(looked: Looked) -> Iterator[Finding]:
    """What the engine would say of weights in fewer bits, asked for or as the files hold them."""
    said = looked.config.get("quantization_config")
    held: Config = said if isinstance(said, Mapping) else {}
    kind, words = looked.settings.quantization, quantizing.held_words(held)
    try:
        quantizing.refuse_unknown(held, looked.name)
        if kind and (words or not absent(looked)):
            device = checkpoint.device_of(looked.settings.device)
            quantizing.check_quantization(kind, device, words, looked.name)
    except ModelError as error:
        yield problem("quantization", told(error, looked.name).replace("--vlm-", "--"))
    except SettingsError as error:
        if not str(error).startswith("--vlm-device"):  # told of where the memory is looked at
            yield problem("quantization", str(error).replace("--vlm-", "--"))
    else:
        yield from [ok("quantization", f"its own: {words}")] if words else []


# --- adapters, and what a family is known for ---


def about_adapter(looked: Looked) -> Iterator[Finding]:
    """Whether it can be read, and was trained on this model."""
    if looked.settings.adapter is None:
        return
    try:
        adapter = adapter_in(looked.settings.adapter)
    except ModelError as error:
        said = str(error).removeprefix(OPTION)
        yield problem("adapter", (said.partition(": ")[2] or said).replace("--vlm-", "--"))
        return
    if adapter.base and Path(adapter.base).name not in (looked.name, Path(looked.target).name):
        yield warning("adapter", f"was trained on {one_line(adapter.base)}, not on {looked.name}")
    else:
        yield ok("adapter", f"{adapter.name}, {parameters_in(adapter.folder):,} parameters")


def about_its_kind(looked: Looked) -> Iterator[Finding]:
    """What models of a kind are known not to take, as measured, and what the preset says besides."""
    kind = kind_of(looked)
    if kind in NO_TEXT_ONLY:
        yield warning("cases", "takes none without a picture: they become ERROR")
    if kind in ONE_PICTURE:
        yield warning("cases", "takes one picture: those with several become ERROR")
    for quirk in looked.preset.quirks if looked.preset else ():
        yield ok("known for", quirk)
