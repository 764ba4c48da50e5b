"""Tiny models of the families with random weights, each of its own classes: made in code, so that nothing is stored.

Measures nothing (see `families`). The chat templates are in the manner of each family, in words of ours.
"""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any, NamedTuple

from pytest_vsc.engines.foreign import quiet

TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 8192,
}
VISION = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
# What a prompt may hold, a token each; and words that only an answer holds, so that no two answers read the same.
LETTERS = [*string.ascii_letters, *string.digits, *string.punctuation, " ", "\n", "é"]
WORDS = [f" w{number:03d}" for number in range(300)]
PAD, BOS, EOS, UNKNOWN = "<pad>", "<s>", "</s>", "<unk>"


class Made(NamedTuple):
    """A model's config with its processor. spread: of the random weights."""

    config: Any
    processor: Any
    spread: float = 0.2


def save(made: Made, folder: Path) -> None:
    """Write the model, with weights so large that every prompt is answered otherwise."""
    import torch
    import transformers

    tokenizer = made.processor.tokenizer
    for config in (made.config, made.config.get_text_config()):
        config.tie_word_embeddings = False  # tied random weights repeat the prompt's last token for ever
    torch.manual_seed(7)
    with quiet():
        model = transformers.AutoModelForImageTextToText.from_config(made.config, dtype=torch.float32)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.numel() == 1:
                parameter.fill_(1.0)  # a gate that pictures pass through
            elif "norm" not in name.lower():
                parameter.normal_(std=made.spread)
    model.generation_config = transformers.GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    with quiet():
        model.save_pretrained(folder)
    made.processor.save_pretrained(folder)


def tokenizer_of(*special: str, named: dict[str, str] | None = None, begins: bool = False, **roles: str) -> Any:
    """A tokenizer of letters. special: further tokens; named: those that it knows by a name; roles: bos_token, ...

    begins: puts the first token before each text.
    """
    from tokenizers import Tokenizer, decoders, processors
    from tokenizers.models import BPE
    from transformers import PreTrainedTokenizerFast

    roles = {"pad_token": PAD, "bos_token": BOS, "eos_token": EOS, "unk_token": UNKNOWN, **roles}
    words = dict.fromkeys([*roles.values(), *special, *(named or {}).values(), *LETTERS, *WORDS])
    inner = Tokenizer(BPE({word: number for number, word in enumerate(words)}, [], unk_token=roles["unk_token"]))
    inner.decoder = decoders.Fuse()
    first = roles["bos_token"]
    if begins:
        inner.post_processor = processors.TemplateProcessing(
            single=f"{first} $A", special_tokens=[(first, list(words).index(first))]
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        padding_side="right",  # the engine must set its own
        extra_special_tokens=named or {},
        **roles,
    )
    tokenizer.add_tokens(list(special), special_tokens=True)
    return tokenizer


def pictures(name: str, **settings: Any) -> Any:
    """An image processor by its class, in the backend that is installed."""
    import importlib.util

    import transformers

    backend = "" if importlib.util.find_spec("torchvision") else "Pil"
    return getattr(transformers, name + backend)(**settings)


def square(side: int) -> dict[str, int]:
    return {"height": side, "width": side}


def ids(tokenizer: Any, **named: str) -> dict[str, int]:
    """Token ids by the names that a config gives them."""
    return {name: tokenizer.convert_tokens_to_ids(token) for name, token in named.items()}


def ends(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


# -- templates


def parts(picture: str) -> str:
    """A turn's parts: pictures as their token, texts as they stand; a turn that is one text, too."""
    return (
        "{% if turn.content is string %}{{ turn.content }}{% else %}{% for part in turn.content %}"
        "{% if part.type == 'image' %}" + picture + "{% elif part.type == 'text' %}{{ part.text }}{% endif %}"
        "{% endfor %}{% endif %}"
    )


def turns(before: str, picture: str, after: str, answer: str, start: str = "") -> str:
    """Each turn with its role between two marks, then the mark that an answer follows."""
    return (
        f"{start}{{% for turn in messages %}}{before}{parts(picture)}{after}{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{answer}{{% endif %}}"
    )


def chatml(picture: str) -> str:
    return turns("<|im_start|>{{ turn.role }}\n", picture, "<|im_end|>\n", "<|im_start|>assistant\n")


def named_roles(picture: str, after: str = "\n", start: str = "") -> str:
    """`User: ...`, with a system turn as bare text."""
    role = "{% if turn.role != 'system' %}{{ turn.role | capitalize }}: {% endif %}"
    return turns(role, picture, after, "Assistant:", start)


ALTERNATE = (
    "{% if (turn.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate user, assistant, user ...') }}{% endif %}"
)
# A system turn goes before the words of the first user turn; the others must alternate.
GEMMA = (
    "{{ bos_token }}{% set first = '' %}{% set rest = messages %}"
    "{% if messages[0].role == 'system' %}{% set first = messages[0].content[0].text + '\n\n' %}"
    "{% set rest = messages[1:] %}{% endif %}{% for turn in rest %}"
    + ALTERNATE
    + "<start_of_turn>{{ 'model' if turn.role == 'assistant' else turn.role }}\n"
    + "{% if loop.first %}{{ first }}{% endif %}"
    + parts("<start_of_image>")
    + "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
# Refuses a system turn beside pictures, as the first release of its family did.
MLLAMA = (
    "{{ bos_token }}{% for turn in messages %}{% if turn.role == 'system' and messages | length > 1 "
    "and messages[1].content | selectattr('type', 'equalto', 'image') | list %}"
    "{{ raise_exception('No system turn beside pictures') }}{% endif %}"
    "<|start_header_id|>{{ turn.role }}<|end_header_id|>\n\n" + parts("<|image|>") + "<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
# Knows user and assistant turns only; any other is left out without a word.
MISTRAL = (
    "{{ bos_token }}{% for turn in messages %}{% if turn.role == 'user' %}[INST]"
    + parts("[IMG]")
    + "[/INST]{% elif turn.role == 'assistant' %}"
    + parts("")
    + "{{ eos_token }}{% endif %}{% endfor %}"
)
MISTRAL_WITH_SYSTEM = MISTRAL.replace(
    "{% elif turn.role == 'assistant' %}",
    "{% elif turn.role == 'system' %}[SYSTEM_PROMPT]"
    + parts("")
    + "[/SYSTEM_PROMPT]{% elif turn.role == 'assistant' %}",
)
MISTRAL_MARKS = ("[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]")
CHATML_MARKS = ("<|im_start|>", "<|im_end|>")


# -- Qwen

QWEN_MARKS = ("<|im_start|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
QWEN_PICTURE = "<|vision_start|><|image_pad|><|vision_end|>"


def _qwen_tokenizer(*more: str) -> Any:
    return tokenizer_of(
        *QWEN_MARKS, *more, bos_token="<|endoftext|>", pad_token="<|endoftext|>", eos_token="<|im_end|>"
    )


def _qwen_ids(tokenizer: Any) -> dict[str, int]:
    return ids(
        tokenizer,
        image_token_id="<|image_pad|>",
        video_token_id="<|video_pad|>",
        vision_start_token_id="<|vision_start|>",
        vision_end_token_id="<|vision_end|>",
    )


def _qwen2(kind: str, vision: dict[str, Any]) -> Made:
    import transformers

    tokenizer = _qwen_tokenizer()
    side = {"shortest_edge": 4 * 28 * 28, "longest_edge": 16 * 28 * 28}
    processor = getattr(transformers, f"{kind}Processor")(
        pictures("Qwen2VLImageProcessor", size=side),
        tokenizer,
        transformers.Qwen2VLVideoProcessor(),
        chat_template=chatml(QWEN_PICTURE),
    )
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]}
    config = getattr(transformers, f"{kind}Config")(
        text_config={**TEXT, **ends(tokenizer), "rope_parameters": rope},
        vision_config={"depth": 2, "num_heads": 4, **vision},
        **_qwen_ids(tokenizer),
    )
    return Made(config, processor)


def qwen2_vl() -> Made:
    return _qwen2("Qwen2VL", {"embed_dim": 32, "hidden_size": 64, "mlp_ratio": 2})


def qwen2_5_vl() -> Made:
    shape = {"hidden_size": 32, "intermediate_size": 64, "out_hidden_size": 64, "fullatt_block_indexes": [1]}
    return _qwen2("Qwen2_5_VL", shape)


def _qwen3(kind: str, text: dict[str, Any], vision: dict[str, Any], template: str) -> Made:
    import transformers

    tokenizer = _qwen_tokenizer("<think>", "</think>")
    side = {"shortest_edge": 4 * 32 * 32, "longest_edge": 16 * 32 * 32}
    processor = transformers.Qwen3VLProcessor(
        pictures("Qwen2VLImageProcessor", size=side, patch_size=16),
        tokenizer,
        transformers.Qwen3VLVideoProcessor(),
        chat_template=template,
    )
    shape = {"depth": 3, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "out_hidden_size": 64}
    config = getattr(transformers, f"{kind}Config")(
        text_config={**TEXT, **ends(tokenizer), **text},
        vision_config={**shape, "num_position_embeddings": 64, **vision},
        **_qwen_ids(tokenizer),
    )
    return Made(config, processor)


def _qwen3_vl(template: str) -> Made:
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [4, 2, 2]}
    text = {"head_dim": 16, "rope_parameters": rope}
    return _qwen3("Qwen3VL", text, {"deepstack_visual_indexes": [0, 1]}, template)


def qwen3_vl() -> Made:
    return _qwen3_vl(chatml(QWEN_PICTURE))


def qwen3_vl_thinking() -> Made:
    """Its template opens the thought, which the answer's text therefore begins within."""
    opened = "<|im_start|>assistant\n{% endif %}"
    return _qwen3_vl(chatml(QWEN_PICTURE).replace(opened, opened.replace("\n", "\n<think>\n")))


def qwen3_5() -> Made:
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [4, 2, 2], "partial_rotary_factor": 1.0}
    linear = {
        "linear_key_head_dim": 16,
        "linear_value_head_dim": 16,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
    }
    kinds = ["linear_attention", "full_attention"]
    text = {"head_dim": 16, "rope_parameters": rope, "layer_types": kinds, **linear}
    return _qwen3("Qwen3_5", text, {}, chatml(QWEN_PICTURE))


# -- LLaVA and what descends from it


def _clip() -> dict[str, Any]:
    return {"model_type": "clip_vision_model", "image_size": 32, "patch_size": 8, "projection_dim": 32, **VISION}


def _siglip(side: int = 32) -> dict[str, Any]:
    return {
        "model_type": "siglip_vision_model",
        "image_size": side,
        "patch_size": 8,
        "vision_use_head": False,
        **VISION,
    }


def llava() -> Made:
    import transformers

    tokenizer = tokenizer_of("<image>")
    processor = transformers.LlavaProcessor(
        pictures("CLIPImageProcessor", size={"shortest_edge": 32}, crop_size=square(32)),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=named_roles("<image>\n", " "),
    )
    config = transformers.LlavaConfig(
        vision_config=_clip(),
        text_config={"model_type": "llama", **TEXT, **ends(tokenizer)},
        image_seq_length=16,
        **ids(tokenizer, image_token_index="<image>"),
    )
    return Made(config, processor)


def llava_next() -> Made:
    import transformers

    tokenizer = tokenizer_of("<image>", *MISTRAL_MARKS)
    grid = [[32, 64], [64, 32], [64, 64]]
    processor = transformers.LlavaNextProcessor(
        pictures(
            "LlavaNextImageProcessor", size={"shortest_edge": 32}, crop_size=square(32), image_grid_pinpoints=grid
        ),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=MISTRAL.replace("[IMG]", "<image>\n"),
    )
    config = transformers.LlavaNextConfig(
        vision_config=_clip(),
        text_config={"model_type": "mistral", **TEXT, **ends(tokenizer), "sliding_window": None},
        image_grid_pinpoints=grid,
        image_seq_length=16,
        **ids(tokenizer, image_token_index="<image>"),
    )
    return Made(config, processor)


def llava_onevision() -> Made:
    import transformers

    tokenizer = tokenizer_of("<image>", "<video>", *CHATML_MARKS, eos_token="<|im_end|>")
    grid = [[32, 32], [32, 64], [64, 32], [64, 64]]
    processor = transformers.LlavaOnevisionProcessor(
        pictures("LlavaOnevisionImageProcessor", size=square(32), image_grid_pinpoints=grid),
        tokenizer,
        transformers.LlavaOnevisionVideoProcessor(size=square(32)),
        num_image_tokens=16,
        vision_feature_select_strategy="full",
        chat_template=chatml("<image>"),
    )
    config = transformers.LlavaOnevisionConfig(
        vision_config=_siglip(),
        text_config={"model_type": "qwen2", **TEXT, **ends(tokenizer)},
        image_grid_pinpoints=grid,
        **ids(tokenizer, image_token_index="<image>", video_token_index="<video>"),
    )
    return Made(config, processor)


def _pixtral_vision() -> dict[str, Any]:
    return {"model_type": "pixtral", "image_size": 64, "patch_size": 8, "head_dim": 8, **VISION}


def _pixtral(merge: int, template: str) -> tuple[Any, Any]:
    import transformers

    tokenizer = tokenizer_of("[IMG]", "[IMG_BREAK]", "[IMG_END]", *MISTRAL_MARKS)
    processor = transformers.PixtralProcessor(
        pictures("PixtralImageProcessor", size={"longest_edge": 64}, patch_size={"height": 8, "width": 8}),
        tokenizer,
        patch_size=8,
        spatial_merge_size=merge,
        chat_template=template,
    )
    return tokenizer, processor


def pixtral() -> Made:
    import transformers

    tokenizer, processor = _pixtral(1, MISTRAL)
    config = transformers.LlavaConfig(
        vision_config=_pixtral_vision(),
        text_config={"model_type": "mistral", **TEXT, **ends(tokenizer), "sliding_window": None, "head_dim": 16},
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        image_seq_length=1,
        **ids(tokenizer, image_token_index="[IMG]"),
    )
    return Made(config, processor)


def mistral3() -> Made:
    import transformers

    tokenizer, processor = _pixtral(2, MISTRAL_WITH_SYSTEM)
    config = transformers.Mistral3Config(
        vision_config=_pixtral_vision(),
        text_config={"model_type": "mistral", **TEXT, **ends(tokenizer), "sliding_window": None, "head_dim": 16},
        spatial_merge_size=2,
        **ids(tokenizer, image_token_index="[IMG]"),
    )
    return Made(config, processor)


def internvl() -> Made:
    import transformers

    marks = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    tokenizer = tokenizer_of(*CHATML_MARKS, named=marks, eos_token="<|im_end|>")
    processor = transformers.InternVLProcessor(
        pictures("GotOcr2ImageProcessor", size=square(32), crop_to_patches=True, min_patches=1, max_patches=4),
        tokenizer,
        transformers.InternVLVideoProcessor(size=square(32)),
        image_seq_length=4,
        chat_template=chatml("<IMG_CONTEXT>\n"),
    )
    config = transformers.InternVLConfig(
        vision_config={"image_size": [32, 32], "patch_size": [8, 8], **VISION},
        text_config={"model_type": "qwen2", **TEXT, **ends(tokenizer)},
        image_seq_length=4,
        **ids(tokenizer, image_token_id="<IMG_CONTEXT>"),
    )
    return Made(config, processor)


def deepseek_vl() -> Made:
    import transformers

    tokenizer = tokenizer_of(named={"image_token": "<image_placeholder>"})
    processor = transformers.DeepseekVLProcessor(
        pictures("DeepseekVLImageProcessor", size=square(32)),
        tokenizer,
        num_image_tokens=16,
        chat_template=named_roles("<image_placeholder>", "\n\n", "{{ bos_token }}"),
    )
    config = transformers.DeepseekVLConfig(
        vision_config=_siglip(),
        text_config={"model_type": "llama", **TEXT, **ends(tokenizer)},
        **ids(tokenizer, image_token_id="<image_placeholder>"),
    )
    return Made(config, processor)


def janus() -> Made:
    import transformers

    marks = {"image_token": "<image_placeholder>", "boi_token": "<begin_of_image>", "eoi_token": "<end_of_image>"}
    tokenizer = tokenizer_of(named=marks)
    processor = transformers.JanusProcessor(
        pictures("JanusImageProcessor", size=square(32), min_size=14),
        tokenizer,
        num_image_tokens=16,
        chat_template=named_roles("<image_placeholder>\n", "\n\n", "{{ bos_token }}"),
    )
    config = transformers.JanusConfig(
        vision_config={**VISION, "image_size": 32, "patch_size": 8, "projection_dim": 64, "num_image_tokens": 16},
        vq_config={
            "base_channels": 32,
            "channel_multiplier": [1, 1],
            "num_embeddings": 16,
            "latent_channels": 8,
            "embed_dim": 8,
            "num_res_blocks": 1,
            "projection_dim": 64,
            "image_token_embed_dim": 64,
        },
        text_config={"model_type": "llama", **TEXT, **ends(tokenizer)},
        **ids(tokenizer, image_token_id="<image_placeholder>"),
    )
    return Made(config, processor)


# -- Idefics


def idefics2() -> Made:
    import transformers

    tokenizer = tokenizer_of("<image>", "<fake_token_around_image>", eos_token="<end_of_utterance>")
    processor = transformers.Idefics2Processor(
        pictures("Idefics2ImageProcessor", size={"shortest_edge": 32, "longest_edge": 64}),
        tokenizer,
        image_seq_len=4,
        chat_template=named_roles("<image>", "<end_of_utterance>\n"),
    )
    config = transformers.Idefics2Config(
        vision_config={**VISION, "image_size": 64, "patch_size": 8},
        perceiver_config={
            "hidden_size": 64,
            "resampler_n_latents": 4,
            "resampler_depth": 1,
            "resampler_n_heads": 4,
            "resampler_head_dim": 16,
            "num_key_value_heads": 2,
        },
        text_config={"model_type": "mistral", **TEXT, **ends(tokenizer), "sliding_window": None},
        **ids(tokenizer, image_token_id="<image>"),
    )
    return Made(config, processor)


def _idefics3(kind: str, splits: bool, *videos: Any, marks: tuple[str, ...] = ()) -> Made:
    import transformers

    grid = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)] if splits else []
    tokenizer = tokenizer_of(
        "<image>", "<fake_token_around_image>", "<global-img>", *grid, *marks, eos_token="<end_of_utterance>"
    )
    processor = getattr(transformers, f"{kind}Processor")(
        pictures(
            f"{kind}ImageProcessor",
            size={"longest_edge": 64},
            max_image_size={"longest_edge": 32},
            do_image_splitting=splits,
        ),
        tokenizer,
        *videos,
        image_seq_len=4,
        chat_template=named_roles("<image>", "<end_of_utterance>\n", "<s>"),
    )
    config = getattr(transformers, f"{kind}Config")(
        vision_config={**VISION, "image_size": 32, "patch_size": 8},
        text_config={"model_type": "llama", **TEXT, **ends(tokenizer)},
        scale_factor=2,
        **ids(tokenizer, image_token_id="<image>"),
        **ends(tokenizer),
    )
    return Made(config, processor)


def idefics3() -> Made:
    return _idefics3("Idefics3", True)


def smolvlm() -> Made:
    import transformers

    return _idefics3("SmolVLM", True, transformers.SmolVLMVideoProcessor(size={"longest_edge": 32}))


# -- Gemma

GEMMA_MARKS = ("<start_of_turn>", "<end_of_turn>")


def paligemma() -> Made:
    """Has no chat template."""
    import transformers

    tokenizer = tokenizer_of("<image>", begins=True)
    processor = transformers.PaliGemmaProcessor(
        pictures("SiglipImageProcessor", size=square(32), image_seq_length=16), tokenizer
    )
    config = transformers.PaliGemmaConfig(
        vision_config={**_siglip(), "projection_dim": 64},
        text_config={"model_type": "gemma", **TEXT, **ends(tokenizer), "head_dim": 16},
        projection_dim=64,
        hidden_size=64,
        **ids(tokenizer, image_token_index="<image>"),
        **ends(tokenizer),
    )
    return Made(config, processor)


def gemma3() -> Made:
    import transformers

    marks = {"image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    tokenizer = tokenizer_of(*GEMMA_MARKS, named=marks, bos_token="<bos>", eos_token="<eos>")
    processor = transformers.Gemma3Processor(
        pictures("Gemma3ImageProcessor", size=square(32)), tokenizer, image_seq_length=4, chat_template=GEMMA
    )
    config = transformers.Gemma3Config(
        vision_config=_siglip(),
        text_config={**TEXT, **ends(tokenizer), "head_dim": 16, "query_pre_attn_scalar": 16},
        mm_tokens_per_image=4,
        **ids(
            tokenizer,
            image_token_index="<image_soft_token>",
            boi_token_index="<start_of_image>",
            eoi_token_index="<end_of_image>",
        ),
    )
    return Made(config, processor)


def gemma4() -> Made:
    import transformers

    marks = {
        "image_token": "<|image|>",
        "boi_token": "<|image>",
        "eoi_token": "<image|>",
        "audio_token": "<|audio|>",
        "boa_token": "<|audio>",
        "eoa_token": "<audio|>",
    }
    tokenizer = tokenizer_of("<|turn>", "<turn|>", "<|video|>", named=marks, bos_token="<bos>", eos_token="<eos>")
    template = turns(
        "<|turn>{{ 'model' if turn.role == 'assistant' else turn.role }}\n",
        "\n\n<|image|>\n\n",
        "<turn|>\n",
        "<|turn>model\n",
        "{{ bos_token }}",
    )
    processor = transformers.Gemma4Processor(
        transformers.Gemma4AudioFeatureExtractor(),
        pictures("Gemma4ImageProcessor", patch_size=8, max_soft_tokens=70, pooling_kernel_size=3),
        tokenizer,
        transformers.Gemma4VideoProcessor(patch_size=8, max_soft_tokens=70),
        chat_template=template,
    )
    text = {**TEXT, "head_dim": 16, "global_head_dim": 16, "layer_types": ["sliding_attention", "full_attention"]}
    config = transformers.Gemma4Config(
        vision_config={**VISION, "num_key_value_heads": 4, "head_dim": 8, "patch_size": 8},
        text_config={
            **text,
            **ends(tokenizer),
            "vocab_size_per_layer_input": len(tokenizer),
            "hidden_size_per_layer_input": 8,
        },
        audio_config=None,
        **ids(
            tokenizer,
            image_token_id="<|image|>",
            boi_token_id="<|image>",
            eoi_token_id="<image|>",
            video_token_id="<|video|>",
            audio_token_id="<|audio|>",
            boa_token_id="<|audio>",
            eoa_token_index="<audio|>",
        ),
    )
    return Made(config, processor)


# -- others with a chat template


def mllama() -> Made:
    import transformers

    # The placeholder stands behind what the model can say, as in the family itself.
    tokenizer = tokenizer_of(
        "<|python_tag|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
    )
    tokenizer.add_tokens(["<|image|>"], special_tokens=True)
    processor = transformers.MllamaProcessor(
        pictures("MllamaImageProcessor", size=square(32), max_image_tiles=4), tokenizer, chat_template=MLLAMA
    )
    config = transformers.MllamaConfig(
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_global_layers": 1,
            "attention_heads": 4,
            "vision_output_dim": 64,
            "intermediate_layers_indices": [0],
            "image_size": 32,
            "patch_size": 8,
            "max_num_tiles": 4,
        },
        text_config={
            **TEXT,
            **ends(tokenizer),
            "vocab_size": len(tokenizer) - 1,
            "num_hidden_layers": 3,
            "cross_attention_layers": [1],
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
        },
        **ids(tokenizer, image_token_index="<|image|>"),
    )
    return Made(config, processor)


def glm4v() -> Made:
    import transformers

    marks = ("[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|begin_of_image|>", "<|end_of_image|>")
    videos = ("<|begin_of_video|>", "<|end_of_video|>", "<|video|>", "<|image|>")
    tokenizer = tokenizer_of(*marks, *videos, "<think>", "</think>", "<|begin_of_box|>", "<|end_of_box|>")
    template = turns(
        "<|{{ turn.role }}|>\n",
        "<|begin_of_image|><|image|><|end_of_image|>",
        "",
        "<|assistant|>\n",
        "[gMASK]<sop>",
    )
    side = {"shortest_edge": 4 * 28 * 28 * 2, "longest_edge": 16 * 28 * 28 * 2}
    processor = transformers.Glm4vProcessor(
        pictures("Glm4vImageProcessor", size=side),
        tokenizer,
        transformers.Glm4vVideoProcessor(size=side),
        chat_template=template,
    )
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1], "partial_rotary_factor": 0.5}
    config = transformers.Glm4vConfig(
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "num_heads": 4,
            "intermediate_size": 64,
            "out_hidden_size": 64,
            "image_size": 112,
        },
        text_config={**TEXT, **ends(tokenizer), "rope_parameters": rope},
        **ids(
            tokenizer,
            image_token_id="<|image|>",
            video_token_id="<|video|>",
            image_start_token_id="<|begin_of_image|>",
            image_end_token_id="<|end_of_image|>",
            video_start_token_id="<|begin_of_video|>",
            video_end_token_id="<|end_of_video|>",
        ),
    )
    return Made(config, processor)


def aya_vision() -> Made:
    import transformers

    marks = ("<image>", "<|START_OF_IMG|>", "<|END_OF_IMG|>", "<|IMG_PATCH|>", "<|IMG_LINE_BREAK|>")
    tiles = ("TILE", "TILE_GLOBAL", *(f"TILE_{number}" for number in range(1, 5)))
    roles = ("<|SYSTEM_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>", "<|START_OF_TURN_TOKEN|>")
    tokenizer = tokenizer_of(*marks, *tiles, *roles, eos_token="<|END_OF_TURN_TOKEN|>")
    role = "{{ {'system': 'SYSTEM', 'user': 'USER', 'assistant': 'CHATBOT'}[turn.role] }}"
    processor = transformers.AyaVisionProcessor(
        pictures("GotOcr2ImageProcessor", size=square(32), crop_to_patches=True, min_patches=1, max_patches=4),
        tokenizer,
        patch_size=8,
        img_size=32,
        downsample_factor=2,
        chat_template=turns(
            f"<|START_OF_TURN_TOKEN|><|{role}_TOKEN|>",
            "<image>",
            "<|END_OF_TURN_TOKEN|>",
            "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
            "{{ bos_token }}",
        ),
    )
    config = transformers.AyaVisionConfig(
        vision_config=_siglip(),
        text_config={"model_type": "cohere2", **TEXT, **ends(tokenizer), "sliding_window": 64, "logit_scale": 1.0},
        **ids(tokenizer, image_token_index="<|IMG_PATCH|>"),
    )
    return Made(config, processor)


def lfm2_vl() -> Made:
    import transformers

    marks = {
        "image_token": "<image>",
        "image_start_token": "<|image_start|>",
        "image_end_token": "<|image_end|>",
        "image_thumbnail_token": "<|img_thumbnail|>",
    }
    grid = [f"<|img_row_{row}_col_{column}|>" for row in range(1, 5) for column in range(1, 5)]
    tokenizer = tokenizer_of(*CHATML_MARKS, *grid, named=marks, eos_token="<|im_end|>")
    processor = transformers.Lfm2VlProcessor(
        transformers.Lfm2VlImageProcessor(
            tile_size=32,
            min_tiles=2,
            max_tiles=4,
            encoder_patch_size=8,
            min_image_tokens=2,
            max_image_tokens=4,
            max_num_patches=64,
        ),
        tokenizer,
        chat_template="{{ bos_token }}" + chatml("<image>"),
    )
    config = transformers.Lfm2VlConfig(
        vision_config={"model_type": "siglip2_vision_model", **VISION, "patch_size": 8, "num_patches": 16},
        text_config={
            "model_type": "lfm2",
            **TEXT,
            **ends(tokenizer),
            "block_ff_dim": 64,
            "block_auto_adjust_ff_dim": False,
            "layer_types": ["conv", "full_attention"],
        },
        projector_hidden_size=64,
        **ids(tokenizer, image_token_id="<image>"),
    )
    return Made(config, processor)


def kimi_k25() -> Made:
    import transformers

    roles = ("<|im_system|>", "<|im_user|>", "<|im_assistant|>", "<|im_middle|>")
    media = ("<|media_begin|>", "<|media_content|>", "<|media_end|>", "<|media_pad|>", "<|kimi_k25_video_placeholder|>")
    tokenizer = tokenizer_of(*roles, *media, bos_token="[BOS]", eos_token="<|im_end|>")
    template = turns(
        "<|im_{{ turn.role }}|>{{ turn.role }}<|im_middle|>",
        "<|media_begin|>image<|media_content|><|media_pad|><|media_end|>",
        "<|im_end|>",
        "<|im_assistant|>assistant<|im_middle|>",
    )
    processor = transformers.Kimi_K25Processor(
        transformers.Kimi_K25ImageProcessor(size={"max_height": 8, "max_width": 8}, max_patches=64),
        tokenizer,
        transformers.Kimi_K25VideoProcessor(),
        chat_template=template,
    )
    config = transformers.Kimi_K25Config(
        vision_config={**VISION, "pos_emb_height": 8, "pos_emb_width": 8},
        text_config={
            "model_type": "deepseek_v3",
            **TEXT,
            **ends(tokenizer),
            "num_key_value_heads": 4,
            "moe_intermediate_size": 32,
            "n_routed_experts": 4,
            "num_experts_per_tok": 2,
            "n_group": 1,
            "topk_group": 1,
            "n_shared_experts": 1,
            "first_k_dense_replace": 1,
            "q_lora_rank": 32,
            "kv_lora_rank": 16,
            "qk_rope_head_dim": 8,
            "qk_nope_head_dim": 8,
            "v_head_dim": 16,
        },
        projection_hidden_size=32,
        **ids(
            tokenizer,
            image_token_id="<|media_pad|>",
            video_token_id="<|kimi_k25_video_placeholder|>",
            vision_start_token_id="<|media_begin|>",
            vision_end_token_id="<|media_end|>",
        ),
    )
    return Made(config, processor)


# -- older ones, without a chat template


def kosmos2() -> Made:
    import transformers

    tokenizer = tokenizer_of()
    processor = transformers.Kosmos2Processor(
        pictures("CLIPImageProcessor", size={"shortest_edge": 32}, crop_size=square(32)),
        tokenizer,
        num_patch_index_tokens=4,
    )
    config = transformers.Kosmos2Config(
        text_config={
            **ends(tokenizer),
            "embed_dim": 64,
            "layers": 2,
            "ffn_dim": 128,
            "attention_heads": 4,
            "dropout": 0.0,
        },
        vision_config={**VISION, "image_size": 32, "patch_size": 8},
        latent_query_num=64,
    )
    return Made(config, processor)


def _blip_vision() -> dict[str, Any]:
    return {**VISION, "image_size": 32, "patch_size": 8}


def _qformer(size: int) -> dict[str, Any]:
    return {**VISION, "encoder_hidden_size": 32, "vocab_size": size, "cross_attention_frequency": 1}


def blip2() -> Made:
    import transformers

    tokenizer = tokenizer_of("<image>", begins=True, bos_token=EOS)
    tokenizer.image_token = "<image>"
    processor = transformers.Blip2Processor(
        pictures("BlipImageProcessor", size=square(32)), tokenizer, num_query_tokens=4
    )
    config = transformers.Blip2Config(
        vision_config=_blip_vision(),
        qformer_config=_qformer(100),
        text_config={
            "model_type": "opt",
            **ends(tokenizer),
            "hidden_size": 64,
            "word_embed_proj_dim": 64,
            "ffn_dim": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
        },
        num_query_tokens=4,
        **ids(tokenizer, image_token_index="<image>"),
    )
    return Made(config, processor)


def instructblip() -> Made:
    """With an encoder-decoder inside."""
    import transformers

    tokenizer = tokenizer_of("<image>")
    words = tokenizer_of(begins=True)
    processor = transformers.InstructBlipProcessor(
        pictures("BlipImageProcessor", size=square(32)), tokenizer, words, num_query_tokens=4
    )
    config = transformers.InstructBlipConfig(
        vision_config=_blip_vision(),
        qformer_config=_qformer(len(words)),
        text_config={
            "model_type": "t5",
            **ends(tokenizer),
            "d_model": 64,
            "d_kv": 16,
            "d_ff": 128,
            "num_layers": 2,
            "num_decoder_layers": 2,
            "num_heads": 4,
            "decoder_start_token_id": tokenizer.pad_token_id,
        },
        num_query_tokens=4,
        **ids(tokenizer, image_token_index="<image>"),
    )
    return Made(config, processor)
