"""A PEFT adapter on top of a model: whether its folder can be used, what it is, and putting it on.

Reads no weights before the model is loaded; peft is imported then.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pytest_vsc.engines.files import check_header, complete, digests_of, read_json, weights_digest
from pytest_vsc.engines.foreign import explain
from pytest_vsc.errors import ModelError, SettingsError, expected, one_line

CONFIG, WEIGHTS, PICKLE = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
TRAINING = "training.json"  # of `vsc tune`: what it was trained on, and which weights
OPTION = "--vlm-adapter"
OLDEST = (0, 18)  # the first that imports beside transformers 5

# Kinds of PEFT that change what the layers of a model compute, and nothing around it; tried on the embedded model.
# Others put tokens before the prompt, choose among several adapters, or compile code of their own.
KINDS = ("ADALORA", "HRA", "IA3", "LN_TUNING", "LOHA", "LOKR", "LORA", "OFT")
# Fields of a config that no adapter for this engine has, and why not.
NEVER = {
    "alora_invocation_tokens": "works only behind certain words of a prompt",
    "megatron_config": "names code that is to be imported",
}
_SHAPES = re.compile(
    r"size mismatch for (\S+): .*?shape (.+?) from checkpoint.*? current model is (.+?)\.?$", re.MULTILINE
)


class Adapter(NamedTuple):
    """An adapter that was checked. kind: peft's word. base: the model that it says it was made for, "" for unknown.

    weights: digest of that model's weights, as `files.weights_digest` tells it, own: sha256 (hex) of its own; as it
    says itself, "" for unknown.
    """

    folder: Path
    name: str
    kind: str
    base: str
    weights: str = ""
    own: str = ""

    def digests(self, memo: str | None) -> dict[str, str]:
        """sha256 (hex) by name of the two files that count. Raises OSError."""
        return digests_of(self.folder, memo, (CONFIG, WEIGHTS))


def check_adapter(said: str) -> Adapter:
    """The adapter in a folder as `save_pretrained` of peft writes it. Raises ModelError; SettingsError without peft."""
    adapter = adapter_in(said)
    _require_peft()
    return adapter


def adapter_in(said: str) -> Adapter:
    """The same, whether peft is here or not. Raises ModelError."""
    folder = Path(said)
    name = folder.resolve().name
    if not folder.is_dir():
        raise ModelError(
            f"{OPTION}: no such folder ({folder}). Expected one as save_pretrained of peft writes it; "
            "an id of the hub is not taken"
        )
    where = f"{OPTION} {name}"
    if not (folder / CONFIG).is_file():
        hint = ". It is a model; give it as --vlm" if (folder / "config.json").is_file() else ""
        raise ModelError(f"{where}: no {CONFIG} in the folder; expected one as save_pretrained of peft writes it{hint}")
    config = read_json(folder / CONFIG, where)
    kind = _kind(config, where)
    _check_weights(folder, where)
    base = _short(str(config.get("base_model_name_or_path") or ""))
    return Adapter(folder, name, kind, base, *_told_of(folder, where))


def _told_of(folder: Path, where: str) -> tuple[str, str]:
    """For which weights the adapter says that it was made, and which its own are, where it tells."""
    if not (folder / TRAINING).is_file():
        return "", ""
    said = read_json(folder / TRAINING, where)
    model = said.get("model")
    told = (model.get("weights") if isinstance(model, dict) else "", said.get("adapter"))
    weights, own = (one if isinstance(one, str) else "" for one in told)
    return weights, own


def check_base(adapter: Adapter, folder: Path, name: str, memo: str | None = None) -> None:
    """See that it is what was trained, and was made for the weights in a folder, if it tells and they are there.

    Raises ModelError, OSError.
    """
    if adapter.own and adapter.digests(memo)[WEIGHTS] != adapter.own:
        raise ModelError(f"{OPTION} {adapter.name}: its {WEIGHTS} is not that of its {TRAINING}; tune it anew")
    if not adapter.weights or not complete(folder):
        return
    if (found := weights_digest(folder, memo)) != adapter.weights:
        whose = f" ({one_line(adapter.base)})" if adapter.base else ""
        raise ModelError(
            f"{OPTION} {adapter.name}: made for another model{whose}: for weights of digest "
            f"{one_line(adapter.weights)[:12]}, but {name} has {found[:12]}"
        )


def _kind(config: Mapping[str, Any], where: str) -> str:
    kind = str(config.get("peft_type") or "")
    if kind not in KINDS:
        raise ModelError(f"{where}: an adapter of unknown kind ('{kind}'); {expected(kind, KINDS)}")
    for field, why in NEVER.items():
        if config.get(field):
            raise ModelError(f"{where}: its {CONFIG} has {field}, which {why}; expected an adapter without it")
    return kind


def _check_weights(folder: Path, where: str) -> None:
    if (folder / WEIGHTS).is_file():
        check_header(folder / WEIGHTS, f"{where}: {WEIGHTS}")
    elif (folder / PICKLE).is_file():
        raise ModelError(
            f"{where}: its weights are a pickle file ({PICKLE}), which can run code when opened. "
            "Expected safetensors; save_pretrained of peft writes them"
        )
    else:
        raise ModelError(f"{where}: no weights; expected {WEIGHTS}")


def _require_peft() -> None:
    if importlib.util.find_spec("peft") is None:
        raise SettingsError(f"{OPTION}: needs peft, which is not installed: pip install peft")
    version = importlib.metadata.version("peft")
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST:
        raise SettingsError(
            f"{OPTION}: peft {version} is too old. Expected {'.'.join(map(str, OLDEST))} or later: pip install -U peft"
        )


def described(adapter: Adapter, model: str) -> dict[str, str]:
    """What a reader must know of it; the model that it was made for where that is called otherwise than ours."""
    other = adapter.base and adapter.base.rpartition("/")[2].lower() != model.rpartition("/")[2].lower()
    return {
        "adapter": adapter.name,
        "adapter_kind": adapter.kind,
        **({"adapter_made_for": adapter.base} if other else {}),
    }


def _short(base: str) -> str:
    """An id of the hub as it is; of a folder the name alone, since the rest is about somebody's machine."""
    base = base.replace("\\", "/").rstrip("/")
    return base if re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", base) else base.rpartition("/")[2]


def put_on(model: Any, adapter: Adapter) -> Any:
    """The model with the adapter in its layers, in evaluation mode. Raises ModelError where the two do not fit.

    It is not merged into the weights, so that answers are those of peft itself for every kind and dtype. Measured with
    the embedded model, rank 16 in all linear layers: merged, 32 answers of 48 tokens take 0.70 s on one core instead of
    0.85 s; the logits are the same to 2e-5 in float32, but differ by 0.02 in bfloat16, which is three times what that
    adapter does to them. Quantized weights would be rounded again, and tied ones changed in two places.
    """
    import peft

    where = f"{OPTION} {adapter.name}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            config = peft.PeftConfig.from_pretrained(str(adapter.folder))
            config.inference_mode = True
            adapted = peft.get_peft_model(model, config)
            mapping = getattr(model, "_checkpoint_conversion_mapping", None)
            told = adapted.load_adapter(str(adapter.folder), "default", torch_device="cpu", key_mapping=mapping)
        except Exception as error:  # foreign code: whatever it is, the adapter is not on
            raise ModelError(f"{where}: does not fit the model: {_misfit(error)}") from error
    for keys, fault in ((told.unexpected_keys, "match nothing in the model"), (told.missing_keys, "are missing")):
        if keys := sorted(map(str, keys)):
            raise ModelError(f"{where}: made for another model: {len(keys)} of its tensors {fault}, such as {keys[0]}")
    return adapted.get_base_model().eval()


def _misfit(error: Exception) -> str:
    if shapes := _SHAPES.search(str(error)):
        tensor, its, ours = shapes.groups()
        return f"{tensor} has the shape {its}, but {ours} here; it was made for another model"
    return explain(error)
