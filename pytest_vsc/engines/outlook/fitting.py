"""Whether a model's weights fit into the memory of the device that it would run on, by their number."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_vsc.engines import checkpoint
from pytest_vsc.engines.files import check_weights, parameters_in
from pytest_vsc.engines.memory import memory_left
from pytest_vsc.engines.outlook.findings import Finding, ok, problem, warning
from pytest_vsc.engines.outlook.places import Looked
from pytest_vsc.engines.presets import ALLOWANCE, BYTES, GIB, needed
from pytest_vsc.errors import ModelError, SettingsError

# Bytes a number, by `EngineSettings.quantization`.
QUANTIZED = {"8bit": 1.0, "4bit": 0.5}


def about_memory(looked: Looked) -> Iterator[Finding]:
    """What the weights need in the dtype that they would be loaded in, and what is left for them."""
    settings = looked.settings
    try:
        device = checkpoint.device_of(settings.device)
        dtype = checkpoint.dtype_of(settings.dtype, settings.device)
    except SettingsError as error:
        yield problem("device", str(error).replace("--vlm-", "--"))
        return
    count, left = _parameters(looked), memory_left(device)
    if count is None:
        yield warning("memory", f"unknown until its weights are here; {_free(left)} on {device}")
        return
    kind = settings.quantization or dtype
    weights = round(count * (QUANTIZED[settings.quantization] if settings.quantization else BYTES[dtype]))
    says = (
        f"{weights / GIB:.2f} GiB of weights in {kind}, {needed(weights) / GIB:.2f} with {ALLOWANCE:.0%} to work in; "
        f"{_free(left)} on {device}"
    )
    if left is None or left >= needed(weights):
        yield ok("memory", says)
    elif left >= weights:
        yield warning("memory", f"{says}: little to work in")
    else:
        yield problem("memory", f"{says}: too little; a smaller --dtype, a quantization or a smaller model may fit")


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
