"""Quantized weights: by bitsandbytes as a model is loaded, or as its files hold them already.

Quantizes nothing itself. bitsandbytes is imported when it is asked for.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Mapping
from typing import Any

from pytest_vsc.engines.foreign import explain
from pytest_vsc.errors import ModelError, SettingsError, expected, one_line

OPTION = "--vlm-quantization"
# Libraries whose kernels compute with the weights of a method, by transformers' name of it; the first is needed.
LIBRARIES = {
    "bitsandbytes": ("bitsandbytes",),
    "gptq": ("gptqmodel", "optimum"),
    "awq": ("gptqmodel", "autoawq"),
    "compressed-tensors": ("compressed-tensors",),
    "torchao": ("torchao",),
}


def check_quantization(kind: str, device: str, held: str, name: str) -> None:
    """See that bitsandbytes can quantize this model here. Raises SettingsError or ModelError.

    held: how the files of the model are quantized already, "" for not at all.
    """
    where = f"{OPTION} {kind}"
    if held:
        raise ModelError(f"{name}: its weights are quantized already ({held}); leave out {where}")
    for package, install in (("bitsandbytes", "pytest-vsc[quantization]"), ("accelerate", "pytest-vsc[local]")):
        if importlib.util.find_spec(package) is None:
            raise SettingsError(f"{where}: needs {package}, which is not installed: pip install '{install}'")
    from transformers.utils import is_bitsandbytes_available

    version = importlib.metadata.version("bitsandbytes")
    if not is_bitsandbytes_available():
        raise SettingsError(
            f"{where}: the installed transformers does not take bitsandbytes {version}: pip install -U bitsandbytes"
        )
    there = _devices(where)
    if device.partition(":")[0] not in there:
        raise SettingsError(
            f"{where}: bitsandbytes {version} does not run on '{device}'. Expected one of {', '.join(sorted(there))}"
        )


def _devices(where: str) -> frozenset[str]:
    """The kinds of devices that the installed bitsandbytes runs on. Raises SettingsError where it does not run."""
    try:
        import bitsandbytes
    except Exception as error:  # its compiled part can fail in many ways
        raise SettingsError(f"{where}: bitsandbytes cannot be used: {explain(error)}") from error
    return frozenset(getattr(bitsandbytes, "supported_torch_devices", {"cuda"}))


def config_of(kind: str, dtype: str) -> Any:
    """What transformers is told: 8 bits (LLM.int8(), Dettmers et al. 2022) or 4 (NF4, QLoRA, Dettmers et al. 2023)."""
    import torch
    from transformers import BitsAndBytesConfig

    if kind == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )


def words(kind: str, dtype: str) -> str:
    """The same, for a reader."""
    how = "LLM.int8()" if kind == "8bit" else f"nf4, double quantization, computed in {dtype}"
    return f"{kind} {how}, by bitsandbytes"


def held_in(config: Any) -> Mapping[str, Any]:
    """What a model's config says of weights that are quantized in its files; empty where they are not."""
    said: Any = getattr(config, "quantization_config", None)
    said = said.to_dict() if hasattr(said, "to_dict") else said
    return said if isinstance(said, Mapping) else {}


def refuse_unknown(said: Mapping[str, Any], name: str) -> None:
    """Raises ModelError for weights quantized by a method that transformers would take for no quantization at all."""
    from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING

    known = [*AUTO_QUANTIZATION_CONFIG_MAPPING, "bitsandbytes"]
    if said and not {"load_in_4bit", "load_in_8bit"} & said.keys() and (method := _method(said)) not in known:
        raise ModelError(
            f"{name}: its weights are quantized in a way that the installed transformers does not know "
            f"('{one_line(method)}'); {expected(method, known)}. A server may: --vlm URL#model"
        )


def held_words(said: Mapping[str, Any]) -> str:
    """`gptq 4 bits`, `bitsandbytes nf4`, `fp8`; "" for not at all."""
    if not said:
        return ""
    bits = said.get("bits") or (8 if said.get("load_in_8bit") else 4 if said.get("load_in_4bit") else None)
    return f"{_method(said)} {bits} bits" if bits else _method(said)


def libraries_of(said: Mapping[str, Any]) -> tuple[str, ...]:
    """The libraries that compute with such weights."""
    return LIBRARIES.get(_method(said), ()) if said else ()


def _method(said: Mapping[str, Any]) -> str:
    older = "bitsandbytes" if {"load_in_4bit", "load_in_8bit"} & said.keys() else "unknown"
    method = said.get("quant_method") or older
    return str(getattr(method, "value", method))
