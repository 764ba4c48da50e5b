"""A tiny LLaVA-1.5 with random weights, as its authors' own code would have saved it, and the same in transformers.

Words are whole tokens; pictures are 28 pixels wide and make four tokens each.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

SIZE, PATCH = 28, 14
ROPE = 5000.0  # not what a Llama has unless it is told
SPECIAL = ["<unk>", "<s>", "</s>"]
WORDS = """
A chat between curious user and an artificial intelligence assistant . The gives helpful , detailed polite answers to
the 's questions USER ASSISTANT : what is shown in picture say more about it how do I use this ? ' s
""".split()  # noqa: SIM905  # a sentence is easier to read
SHAPE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
TEXT = {**SHAPE, "num_key_value_heads": 4, "max_position_embeddings": 512, "rms_norm_eps": 1e-5}
VISION = {**SHAPE, "image_size": SIZE, "patch_size": PATCH, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5}
IDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
CONFIG = {
    "architectures": ["LlavaLlamaForCausalLM"],
    "model_type": "llava",
    **TEXT,
    **IDS,
    "hidden_act": "silu",
    "rope_theta": ROPE,
    "rope_scaling": None,
    "image_aspect_ratio": "pad",
    "mm_hidden_size": 32,
    "mm_projector_type": "mlp2x_gelu",
    "mm_use_im_start_end": False,
    "mm_vision_select_feature": "patch",
    "mm_vision_select_layer": -2,
    "mm_vision_tower": "openai/clip-vit-large-patch14-336",
    "torch_dtype": "float32",
}
PICTURES = {
    "image_processor_type": "CLIPImageProcessor",
    "crop_size": {"height": SIZE, "width": SIZE},
    "size": {"shortest_edge": SIZE},
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.3, 0.3, 0.3],
    "resample": 3,
}


def write_tokenizer(folder: Path) -> int:
    """Save a tokenizer without a token for pictures, and return how many tokens it has."""
    from tokenizers import Tokenizer, processors
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    words = dict.fromkeys([*SPECIAL, *WORDS, *(f"w{number}" for number in range(60))])
    inner = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = Whitespace()
    inner.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<unk>"
    )
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


def build(words: int) -> Any:
    """The model in transformers, for so many words and the picture's token behind them, which scores the mean."""
    import torch
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    torch.manual_seed(11)
    model = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=CLIPVisionConfig(**VISION),
            text_config=LlamaConfig(vocab_size=words + 1, rope_theta=ROPE, **TEXT, **IDS),
            image_token_index=words,
            image_seq_length=4,
        )
    ).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.normal_(std=0.3)
        for rows in (model.lm_head.weight, model.get_input_embeddings().weight):
            rows[words] = rows[:words].mean(0)
    return model


def original_names(model: Any, words: int) -> dict[str, Any]:
    """The model's tensors by the names that the authors' code gives them, without the row of the picture's token."""
    import torch

    found = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)}
    for name, tensor in model.state_dict().items():
        there = name.replace("model.vision_tower.", "model.vision_tower.vision_tower.vision_model.")
        there = there.replace("vision_model.vision_model.", "vision_model.").replace("model.language_model.", "model.")
        there = there.replace("model.multi_modal_projector.linear_1.", "model.mm_projector.0.")
        there = there.replace("model.multi_modal_projector.linear_2.", "model.mm_projector.2.")
        cut = there in ("lm_head.weight", "model.embed_tokens.weight")
        found[there] = tensor[:words].clone() if cut else tensor.clone()
    return found


def write_original(folder: Path, kind: Literal["bin", "safetensors"], *, tower: bool) -> Any:
    """Write the checkpoint in two shards, with or without the weights of its vision tower; return the model itself."""
    folder.mkdir()
    words = write_tokenizer(folder)
    model = build(words)
    (folder / "config.json").write_text(json.dumps({**CONFIG, "vocab_size": words}))
    tensors = {name: one for name, one in original_names(model, words).items() if tower or "vision_tower" not in name}
    write_shards(folder, tensors, kind)
    return model


def write_shards(folder: Path, tensors: dict[str, Any], kind: Literal["bin", "safetensors"]) -> None:
    import torch
    from safetensors.torch import save_file

    stem, save = ("pytorch_model", torch.save) if kind == "bin" else ("model", save_file)
    names = sorted(tensors)
    shards = {
        f"{stem}-0000{number}-of-00002.{kind}": part for number, part in ((1, names[::2]), (2, names[1::2])) if part
    }
    for file, part in shards.items():
        save({name: tensors[name] for name in part}, str(folder / file))
    index = {"metadata": {}, "weight_map": {name: file for file, part in shards.items() for name in part}}
    (folder / f"{stem}.{kind}.index.json").write_text(json.dumps(index))


def write_tower(folder: Path, model: Any, *, whole: bool = True) -> Path:
    """Write the CLIP model that the vision tower is a part of (or that part alone), and return its folder."""
    from safetensors.torch import save_file

    folder.mkdir()
    vision = {**VISION, "model_type": "clip_vision_model"}
    (folder / "config.json").write_text(
        json.dumps({"model_type": "clip", "vision_config": vision} if whole else vision)
    )
    (folder / "preprocessor_config.json").write_text(json.dumps(PICTURES))
    beginning = "model.vision_tower.vision_tower."
    side = {
        name.removeprefix(beginning): tensor
        for name, tensor in original_names(model, 1).items()
        if name.startswith(beginning)
    }
    save_file(
        {**side, **({"logit_scale": side["vision_model.pre_layrnorm.bias"].clone()} if whole else {})},
        str(folder / "model.safetensors"),
    )
    return folder
