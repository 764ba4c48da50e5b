"""What is known of a checkpoint before its weights are loaded: packages, device, dtype, files, config, processor.

Loads no weights; the weight files themselves are read in `files`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_vsc.engines.files import check_weights, read_json
from pytest_vsc.engines.llava_original import architecture_of, is_original, what_to_do
from pytest_vsc.errors import ModelError, SettingsError, expected, one_line

PACKAGES = {"torch": "torch", "transformers": "transformers", "PIL": "pillow"}
LIBRARIES = ("torch", "transformers", "tokenizers", "pillow", "torchvision")
DTYPES = ("auto", "bfloat16", "float16", "float32")
DEVICE_MAPS = ("auto", "balanced", "balanced_low_0", "sequential")


def require_packages() -> None:
    """Raises SettingsError that names the extra when a package of it is missing or too old."""
    missing = [package for module, package in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise SettingsError(f"--vlm: a local model needs {', '.join(missing)}: pip install 'pytest-vsc[local]'")
    version = importlib.metadata.version("transformers")
    if int(version.partition(".")[0]) < 5:
        raise SettingsError(
            f"--vlm: transformers {version} is too old. Expected 5 or later: pip install -U transformers"
        )


def device_of(wanted: str) -> str:
    """The device by its name in torch. Raises SettingsError for one that is not there."""
    import torch

    there = {"cpu"}
    if torch.cuda.is_available():
        there |= {"cuda", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))}
    if torch.backends.mps.is_available():
        there.add("mps")
    if wanted == "auto":
        return next(kind for kind in ("cuda", "mps", "cpu") if kind in there)
    if wanted not in there:
        raise SettingsError(f"--vlm-device: no device '{wanted}' here; {expected(wanted, {'auto', *there})}")
    return wanted


def dtype_of(wanted: str, device: str) -> str:
    """The dtype by its name in torch: where it is left open bfloat16 on a CUDA device, elsewhere float32."""
    if wanted not in DTYPES:
        raise SettingsError(f"--vlm-dtype: unknown dtype '{wanted}'; {expected(wanted, DTYPES)}")
    if wanted != "auto":
        return wanted
    return "bfloat16" if device_of(device).startswith("cuda") else "float32"


def device_map_of(wanted: str | None, device: str) -> str | None:
    """How a model is spread, by accelerate's word; left open over all CUDA devices, where no device was named.

    None is not at all. Raises SettingsError.
    """
    if wanted is None:
        return "auto" if device == "auto" and devices(device_of(device)) > 1 else None
    where = f"--vlm-device-map {wanted}"
    if wanted not in DEVICE_MAPS:
        raise SettingsError(f"--vlm-device-map: unknown map '{wanted}'; {expected(wanted, DEVICE_MAPS)}")
    if device != "auto":
        raise SettingsError(f"{where}: clashes with --vlm-device {device}, which names one place; leave one out")
    if importlib.util.find_spec("accelerate") is None:
        raise SettingsError(f"{where}: needs accelerate, which is not installed: pip install 'pytest-vsc[local]'")
    return wanted


def check_folder(folder: Path, name: str) -> None:
    """What can be seen of a model folder without any library. Raises ModelError."""
    if not folder.is_dir():
        raise ModelError(f"{name}: no such folder ({folder})")
    adapter = (folder / "adapter_config.json").is_file()
    if not (folder / "config.json").is_file():
        hint = f". It is an adapter: --vlm MODEL --vlm-adapter {folder}" if adapter else ""
        raise ModelError(f"{name}: no config.json in the folder; expected one as save_pretrained writes it{hint}")
    if adapter:
        raise model_and_adapter(name)
    config = read_json(folder / "config.json", name)
    if is_original(config):
        raise _original(str(folder), name, config)
    check_weights(folder, name)


def _original(folder: str, name: str, config: Mapping[str, Any]) -> ModelError:
    return ModelError(
        f"{name}: is an original-format LLaVA ({one_line(architecture_of(config))}), for which transformers has no "
        f"class; {what_to_do(shlex.quote(folder), config)}"
    )


def model_and_adapter(name: str) -> ModelError:
    """transformers puts such an adapter on where peft is installed, and leaves it out where it is not."""
    return ModelError(
        f"{name}: the folder holds a model and an adapter. Expected one of them: move adapter_config.json and "
        "adapter_model.safetensors to a folder of their own, for --vlm-adapter"
    )


def refuse_inner_adapter(model: Any, name: str) -> None:
    """Raises ModelError for a model that came with an adapter of its own."""
    if getattr(model, "_hf_peft_config_loaded", False):
        raise model_and_adapter(name)


def check_cache(folder: Path, name: str) -> None:
    """What the hub's cache holds of the weights; what it lacks is fetched at load unless that is forbidden."""
    from huggingface_hub import constants

    check_weights(folder, name, complete=bool(constants.HF_HUB_OFFLINE))


def is_local(source: str) -> bool:
    """Whether a folder is meant, there or not, and no model of the hub."""
    return Path(source).is_absolute() or Path(source).is_dir()


def name_of(source: str) -> str:
    """What a model is called: its folder's name, or its hub id."""
    return Path(source).resolve().name if is_local(source) else source


def folder_of(source: str, revision: str | None) -> Path:
    """Where the files of a model lie: the folder itself, or the snapshot in the hub's cache."""
    return Path(source) if is_local(source) else snapshot_of(source, revision)


def snapshot_of(source: str, revision: str | None) -> Path:
    """Where the files of a model of the hub lie in the hub's cache."""
    from transformers.utils import cached_file

    return Path(str(cached_file(source, "config.json", revision=revision))).parent


def fetch(source: str, file: str, revision: str | None) -> None:
    """Have a file of a model of the hub in the hub's cache."""
    from transformers.utils import cached_file

    cached_file(source, file, revision=revision)


def read_config(source: str, name: str, options: Mapping[str, Any]) -> Any:
    """The config of an image-text-to-text model. Raises ModelError for one of another kind."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

    config: Any = AutoConfig.from_pretrained(source, **options)
    as_saved = {key: value for key, value in config.to_dict().items() if key != "vision_config"}  # which it fills in
    if is_original(as_saved):
        raise _original("FOLDER", name, as_saved)
    own_classes = getattr(config, "auto_map", None) or {}
    own_code = options["trust_remote_code"] and "AutoModelForImageTextToText" in own_classes
    if not own_code and type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        classes = ", ".join(getattr(config, "architectures", None) or ["class unknown"])
        raise ModelError(
            f"{name}: is a {config.model_type} ({classes}), not an image-text-to-text model "
            "of the installed transformers; expected a model that takes pictures and answers in text. "
            "One that takes them in another way can be served, and asked as --vlm URL#model"
        )
    return config


def read_processor(source: str, name: str, options: Mapping[str, Any]) -> Any:
    """The processor, with its tokenizer able to pad. Raises ModelError when it takes no pictures."""
    from transformers import AutoProcessor

    processor: Any = AutoProcessor.from_pretrained(source, **options)
    lacking = [part for part in ("tokenizer", "image_processor") if getattr(processor, part, None) is None]
    if lacking:
        raise ModelError(f"{name}: its processor is a {type(processor).__name__} and has no {' and no '.join(lacking)}")
    if processor.tokenizer.pad_token_id is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    return processor


def versions(beside: Sequence[str] = ()) -> dict[str, str]:
    """Versions of the libraries that can change an answer, and of those `beside`; the absent are left out."""
    found = {}
    for library in (*LIBRARIES, *beside):
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def devices(device: str) -> int:
    """How many devices of this kind a model may be spread over; 1 where one was named."""
    import torch

    return torch.cuda.device_count() if device == "cuda" else 1


def attention_of(config: Any, wanted: str | None, options: Mapping[str, Any]) -> str:
    """The kind of attention that the model would be loaded with, seen on one without weights."""
    import torch
    import transformers

    chosen = {"attn_implementation": wanted} if wanted else {}
    with torch.device("meta"):
        return attention(
            transformers.AutoModelForImageTextToText.from_config(
                config, trust_remote_code=options["trust_remote_code"], **chosen
            )
        )


def attention(model: Any) -> str:
    return str(getattr(model.config, "_attn_implementation", None) or "unknown")
