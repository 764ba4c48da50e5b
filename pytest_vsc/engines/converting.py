"""Original LLaVA-1.5 checkpoints rewritten for transformers.

The one place where pickled weights are read, by torch's restricted loader. It answers nothing and downloads nothing.
"""

from __future__ import annotations

import importlib.util
import json
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_vsc.engines.files import INDEX, check_weights, read_json
from pytest_vsc.engines.foreign import foreign, quiet
from pytest_vsc.engines.llava_original import LLAMA, STRATEGIES, architecture_of, is_original, unlike
from pytest_vsc.errors import ModelError, one_line

Tensors = dict[str, Any]

IMAGE = "<image>"
PICKLES, PICKLE_INDEX = "pytorch_model*.bin", "pytorch_model.bin.index.json"
# What a Llama is made by, as far as a config of the original says it.
TEXT_FIELDS = (
    *("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads"),
    *("hidden_act", "max_position_embeddings", "initializer_range", "rms_norm_eps", "rope_theta", "rope_scaling"),
    *("attention_bias", "pad_token_id", "bos_token_id", "eos_token_id"),
)
VISION_FIELDS = (
    *("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "projection_dim", "num_channels"),
    *("image_size", "patch_size", "hidden_act", "layer_norm_eps", "initializer_range", "initializer_factor"),
)
# Beginnings of names, there and here; the first that fits.
NAMES = (
    ("model.mm_projector.0.", "model.multi_modal_projector.linear_1."),
    ("model.mm_projector.2.", "model.multi_modal_projector.linear_2."),
    ("lm_head.", "lm_head."),
    ("model.", "model.language_model."),
)
TOWER_THERE, TOWER_HERE = "model.vision_tower.vision_tower.", "model.vision_tower."
# What reads a tokenizer.model, by package and module.
SENTENCEPIECE = {"sentencepiece": "sentencepiece", "protobuf": "google.protobuf"}
COMPUTED = ("rotary_emb.inv_freq", "position_ids")  # once saved with the weights
# Vicuna's format as LLaVA-1.5 was tuned on it: a line of its own unless there is a system turn, a space after each of
# the user's turns, the end token after each of the model's, pictures before the words of their turn. The tokenizer puts
# its begin token before all. The authors' code reads what follows a picture as a text of its own, which a Llama's
# tokenizer begins with a space: so there is one here, and the tokens are the same.
SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
TEMPLATE = """
{%- macro words(content) -%}
    {%- if content is string -%}
        {{- content -}}
    {%- else -%}
        {%- for part in content if part['type'] == 'text' -%}{{- part['text'] -}}{%- endfor -%}
    {%- endif -%}
{%- endmacro -%}
{%- if not messages or messages[0]['role'] != 'system' -%}{{- "SYSTEM " -}}{%- endif -%}
{%- for message in messages -%}
    {%- if message['role'] == 'system' -%}
        {{- words(message['content']) + ' ' -}}
    {%- elif message['role'] == 'assistant' -%}
        {{- 'ASSISTANT: ' + words(message['content']) + eos_token -}}
    {%- else -%}
        {{- 'USER: ' -}}
        {%- if message['content'] is not string -%}
            {%- for part in message['content'] if part['type'] == 'image' -%}{{- '<image> \\n' -}}{%- endfor -%}
        {%- endif -%}
        {{- words(message['content']) + ' ' -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'ASSISTANT:' -}}{%- endif -%}
""".strip().replace("SYSTEM", SYSTEM)


def convert(folder: Path, tower: Path, out: Path, said: Callable[[str], None]) -> None:
    """Write what an original checkpoint holds into a new folder that transformers loads.

    tower: folder of the CLIP model whose vision side it was trained with; its config and picture settings are needed in
    any case, its weights where the checkpoint has none. said: is told what a person should know. Raises ModelError.
    """
    name = folder.resolve().name
    config = _config_of(folder, name)
    vision = _vision_of(tower)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise ModelError(f"--out: {one_line(out)} is there already; expected a new or an empty folder")
    with foreign(name), quiet():
        tokenizer = _tokenizer_of(folder, name)
        tensors = _named(_read(folder, name, said), tower, said)
        model = _model(config, vision, tokenizer.convert_tokens_to_ids(IMAGE), tensors, name)
        processor = _processor(config, vision, tower, tokenizer)
        with _written(out) as partial:
            model.save_pretrained(partial)
            processor.save_pretrained(partial)


def _config_of(folder: Path, name: str) -> dict[str, Any]:
    _see_folder("--convert", folder, "an original LLaVA-1.5 checkpoint")
    if (folder / "adapter_config.json").is_file():
        raise ModelError(f"{name}: is a LoRA of an original LLaVA; merge it into its base with the authors' code first")
    config = read_json(folder / "config.json", name)
    if not is_original(config):
        raise ModelError(
            f"{name}: is no original LLaVA checkpoint ({one_line(architecture_of(config)) or 'class unknown'}); "
            f"expected the class {LLAMA}. What transformers has a class for needs no conversion"
        )
    if fault := unlike(config):
        raise ModelError(f"{name}: can't be converted: {fault}")
    return config


def _vision_of(tower: Path) -> dict[str, Any]:
    """The config of the vision side, of a whole CLIP model or of that side alone."""
    _see_folder("--tower", tower, "the CLIP model that the config calls mm_vision_tower")
    name = f"--tower {tower.resolve().name}"
    config = read_json(tower / "config.json", name)
    kind = config.get("model_type")
    if kind not in ("clip", "clip_vision_model"):
        raise ModelError(f"{name}: is a {one_line(kind)}; expected a clip or a clip_vision_model")
    if not (tower / "preprocessor_config.json").is_file():
        raise ModelError(f"{name}: no preprocessor_config.json, which says how pictures are prepared")
    found = config.get("vision_config", {}) if kind == "clip" else config
    return {key: found[key] for key in VISION_FIELDS if key in found}


def _see_folder(option: str, folder: Path, expected: str) -> None:
    if not folder.is_dir():
        raise ModelError(f"{option}: no such folder ({one_line(folder)}); expected that of {expected}")
    if not (folder / "config.json").is_file():
        raise ModelError(f"{option}: no config.json in {one_line(folder)}; expected the folder of {expected}")


def _tokenizer_of(folder: Path, name: str) -> Any:
    """The checkpoint's tokenizer, with a token that stands for a picture. Raises ModelError."""
    import transformers
    from tokenizers import AddedToken

    if (folder / "tokenizer.json").is_file():
        tokenizer: Any = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    elif not (folder / "tokenizer.model").is_file():
        raise ModelError(f"{name}: no tokenizer; expected tokenizer.model or tokenizer.json")
    elif missing := [one for one, module in SENTENCEPIECE.items() if not _is_here(module)]:
        raise ModelError(f"{name}: reading tokenizer.model needs {', '.join(missing)}: pip install {' '.join(missing)}")
    else:
        tokenizer = transformers.LlamaTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([AddedToken(IMAGE, special=True, normalized=False)], special_tokens=True)
    return tokenizer


def _is_here(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # what it would be a part of isn't here either
        return False


def _read(folder: Path, name: str, said: Callable[[str], None]) -> Tensors:
    """The tensors of a folder, mapped rather than read where the format allows that. Raises ModelError."""
    from safetensors.torch import load_file

    if files := _files(folder, name, INDEX, "*.safetensors"):
        check_weights(folder, name)
        return {key: tensor for file in files for key, tensor in load_file(file).items()}
    if files := _files(folder, name, PICKLE_INDEX, PICKLES):
        said(
            f"{name}: its weights are pickle files, which can run code when opened; they are read by torch's "
            "restricted loader, which makes tensors only and stops at anything else"
        )
        return {key: tensor for file in files for key, tensor in _unpickled(file, name).items()}
    raise ModelError(f"{name}: no weights; expected *.safetensors or {PICKLES}")


def _files(folder: Path, name: str, index: str, pattern: str) -> list[Path]:
    if not (folder / index).is_file():
        return sorted(folder.glob(pattern))
    shards = sorted({str(shard) for shard in read_json(folder / index, name).get("weight_map", {}).values()})
    if missing := [shard for shard in shards if not (folder / Path(shard).name).is_file()]:
        missing_of = f"{len(missing)} of {len(shards)} weight files are missing"
        raise ModelError(f"{name}: {missing_of}, such as {one_line(missing[0])}")
    return [folder / Path(shard).name for shard in shards]


def _unpickled(file: Path, name: str) -> Tensors:
    import torch

    try:
        try:
            read: Any = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:  # of before torch 1.6, which can't be mapped
            read = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(f"{name}: {file.name}: holds more than tensors, or is damaged; it was not read") from error
    if not isinstance(read, Mapping) or not all(isinstance(one, torch.Tensor) for one in read.values()):
        raise ModelError(f"{name}: {file.name}: not a dictionary of tensors")
    return {str(key): tensor for key, tensor in read.items()}


def _named(tensors: Tensors, tower: Path, said: Callable[[str], None]) -> Tensors:
    """All tensors by the names that transformers has for them; the tower's from its own folder if they are not here."""
    here: Tensors = {}
    for name, tensor in tensors.items():
        if name.startswith(TOWER_THERE):
            here[TOWER_HERE + name.removeprefix(TOWER_THERE)] = tensor
        else:
            there, new = next(((old, new) for old, new in NAMES if name.startswith(old)), ("", ""))
            here[new + name.removeprefix(there)] = tensor
    if not any(name.startswith(TOWER_HERE) for name in here):
        label = f"--tower {tower.resolve().name}"
        said(f"the checkpoint has no weights of its vision tower; those of {label.partition(' ')[2]} are taken")
        read = _read(tower, label, said)
        whole = any(name.startswith("vision_model.") for name in read)
        here |= {TOWER_HERE + name: one for name, one in read.items() if not whole or name.startswith("vision_model.")}
    return {name: tensor for name, tensor in here.items() if not name.endswith(COMPUTED)}


def _model(config: Mapping[str, Any], vision: Mapping[str, Any], image: int, tensors: Tensors, name: str) -> Any:
    """The model with its tensors in place. Raises ModelError when they are not those of its config."""
    import torch
    import transformers

    words = tensors.get("model.language_model.embed_tokens.weight")
    if words is None:
        raise ModelError(f"{name}: no model.embed_tokens.weight among its weights; they are not those of a LLaVA")
    rows = max(len(words), image + 1)
    text = transformers.LlamaConfig(vocab_size=rows, **{key: config[key] for key in TEXT_FIELDS if key in config})
    strategy = STRATEGIES[config.get("mm_vision_select_feature") or "patch"]
    sight = transformers.CLIPVisionConfig(**vision)
    with torch.device("meta"):
        model = transformers.LlavaForConditionalGeneration(
            transformers.LlavaConfig(
                vision_config=sight,
                text_config=text,
                image_token_index=image,
                image_seq_length=(sight.image_size // sight.patch_size) ** 2 + (strategy == "full"),
                vision_feature_select_strategy=strategy,
                vision_feature_layer=config.get("mm_vision_select_layer", -2),
            )
        ).to(words.dtype)
    model.config.dtype = words.dtype
    model.load_state_dict(_fitted(tensors, model, rows, name), assign=True)
    return model


def _fitted(tensors: Tensors, model: Any, rows: int, name: str) -> Tensors:
    """The tensors as the model has them, or a ModelError about the first that it lacks or has otherwise."""
    wanted, found = model.state_dict(), {}
    for key, tensor in tensors.items():
        place = key if key in wanted else key.replace(f"{TOWER_HERE}vision_model.", TOWER_HERE)
        place = place if place in wanted else key.replace(TOWER_HERE, f"{TOWER_HERE}vision_model.")
        if place not in wanted:
            raise ModelError(f"{name}: no place for the tensor {one_line(key)}; expected those of LLaVA-1.5 only")
        found[place] = _with_rows(tensor, rows) if place.endswith(("embed_tokens.weight", "lm_head.weight")) else tensor
        if found[place].shape != wanted[place].shape:
            shapes = f"{list(found[place].shape)}, not {list(wanted[place].shape)}"
            raise ModelError(f"{name}: the tensor {one_line(key)} is {shapes} as its config has it")
        found[place] = found[place].to(wanted[place].dtype)
    if missing := sorted(set(wanted) - set(found)):
        raise ModelError(f"{name}: {len(missing)} tensors are missing from its weights, such as {missing[0]}")
    return found


def _with_rows(tensor: Any, rows: int) -> Any:
    """A tensor of one row a token, with more rows at its end: the mean of the others, which no token scores below.

    What is put in the place of a picture's token is the picture, and a token that scores the mean is never the best.
    """
    import torch

    if rows <= len(tensor):
        return tensor
    mean = tensor.float().mean(0, keepdim=True).to(tensor.dtype)
    return torch.cat([tensor, mean.expand(rows - len(tensor), -1)])


def _processor(config: Mapping[str, Any], vision: Mapping[str, Any], tower: Path, tokenizer: Any) -> Any:
    """The processor: pictures as the tower wants them, padded to a square where the checkpoint was trained so."""
    import transformers

    return transformers.LlavaProcessor(
        _pictures(tower, padded=config.get("image_aspect_ratio") == "pad"),
        tokenizer,
        patch_size=transformers.CLIPVisionConfig(**vision).patch_size,
        vision_feature_select_strategy=STRATEGIES[config.get("mm_vision_select_feature") or "patch"],
        chat_template=TEMPLATE,
        image_token=IMAGE,
        num_additional_image_tokens=1,
    )


def _pictures(tower: Path, *, padded: bool) -> Any:
    """The image processor with the tower's values, of the kind that works with the packages that are here."""
    import transformers

    settings = read_json(tower / "preprocessor_config.json", f"--tower {tower.resolve().name}")
    for field in ("feature_extractor_type", "processor_class"):
        settings.pop(field, None)
    kind = {"image_processor_type": "LlavaImageProcessor" if padded else "CLIPImageProcessor", "do_pad": padded}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "preprocessor_config.json").write_text(json.dumps({**settings, **kind}), encoding="utf-8")
        return transformers.AutoImageProcessor.from_pretrained(folder)


@contextmanager
def _written(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its place when all is written: what was broken off never looks whole."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
        try:
            yield partial
            partial.chmod(0o755)
            if out.exists():
                out.rmdir()
            partial.rename(out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise ModelError(f"--out: {one_line(out)}: cannot be written ({error.strerror or error})") from error
