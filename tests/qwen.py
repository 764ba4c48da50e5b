"""Qwen2.5-VL with random weights, of any size, with the processor of its own class: the architecture without the hub.

A checkpoint of 7 billion parameters, made in a minute on a GPU: `python -m tests.qwen FOLDER --size 7b`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

# As in the configurations that Qwen published; `tiny` is ours. The vocabulary and its special tokens are theirs, too.
SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "tiny": {
        "text": {
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
        },
        "vision": {
            "depth": 2,
            "hidden_size": 64,
            "num_heads": 4,
            "intermediate_size": 128,
            "fullatt_block_indexes": [1],
        },
    },
    "3b": {
        "text": {
            "hidden_size": 2048,
            "intermediate_size": 11008,
            "num_hidden_layers": 36,
            "num_attention_heads": 16,
            "num_key_value_heads": 2,
        },
        "vision": {"depth": 32, "hidden_size": 1280, "num_heads": 16, "intermediate_size": 3420},
    },
    "7b": {
        "text": {
            "hidden_size": 3584,
            "intermediate_size": 18944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
        },
        "vision": {"depth": 32, "hidden_size": 1280, "num_heads": 16, "intermediate_size": 3420},
    },
}
MROPE = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]}
FIRST_SPECIAL = 151643
SPECIAL = [
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>"),
    *("<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>"),
]
# Each turn between its marks, a picture as one placeholder between its own.
CHAT = (
    "{% for turn in messages %}<|im_start|>{{ turn.role }}\n{% for part in turn.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_qwen(folder: Path, size: str = "tiny", *, device: str = "cpu", dtype: str = "float32") -> None:
    """Write the checkpoint. The weights are large enough that every prompt is answered otherwise."""
    import torch
    from transformers import GenerationConfig, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    shape = SIZES[size]
    ids = {"bos_token_id": FIRST_SPECIAL, "eos_token_id": FIRST_SPECIAL + 2}
    config = Qwen2_5_VLConfig(
        text_config={"vocab_size": 152064, "rope_parameters": MROPE, **ids, **shape["text"]},
        vision_config={**shape["vision"], "out_hidden_size": shape["text"]["hidden_size"]},
        **ids,
    )
    torch.manual_seed(7)
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device(device):
            model = Qwen2_5_VLForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(before)
    if size == "tiny":
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "norm" not in name:
                    parameter.normal_(std=0.2)
    model.generation_config = GenerationConfig(
        **{**ids, "eos_token_id": [FIRST_SPECIAL + 2, FIRST_SPECIAL]}, pad_token_id=FIRST_SPECIAL
    )
    model.save_pretrained(folder)
    processor(4 if size == "tiny" else 256).save_pretrained(folder)


def processor(least: int) -> Any:
    """Its processor, with a tokenizer that knows bytes only but is as large as the real one.

    least: tokens of a picture, of 28 x 28 pixels each; a smaller picture is enlarged.
    """
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2_5_VLProcessor, Qwen2Tokenizer, Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"w{number}" for number in range(FIRST_SPECIAL - len(letters))), *SPECIAL]
    tokenizer = Qwen2Tokenizer(
        vocab={word: number for number, word in enumerate(words)},
        merges=[],
        extra_special_tokens=SPECIAL[1:],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
    )
    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(min_pixels=least * 28 * 28, max_pixels=1280 * 28 * 28),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=CHAT,
    )


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=SIZES, default="tiny")
    asked = parser.parse_args()
    gpu = torch.cuda.is_available()
    write_qwen(asked.folder, asked.size, device="cuda" if gpu else "cpu", dtype="bfloat16" if gpu else "float32")


if __name__ == "__main__":
    main()
