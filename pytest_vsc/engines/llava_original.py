"""LLaVA-1.5 checkpoints as its authors' own code writes them: known by their config, and what to do with them.

transformers has no class for them; `converting` rewrites those that it can. Imports no model library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pytest_vsc.errors import one_line

ORIGINAL = re.compile(r"Llava\w*ForCausalLM")
LLAMA = "LlavaLlamaForCausalLM"
STRATEGIES = {"patch": "default", "cls_patch": "full"}  # of choosing the vision tower's features, there and here


def is_original(config: Mapping[str, Any]) -> bool:
    """Whether a config is one of the authors' own code, for which transformers has no class."""
    return bool(ORIGINAL.fullmatch(architecture_of(config))) and "vision_config" not in config


def architecture_of(config: Mapping[str, Any]) -> str:
    """The class that a config names, "" if it names none."""
    named = config.get("architectures")
    return str(named[0]) if isinstance(named, list) and named else ""


def what_to_do(folder: str, config: Mapping[str, Any]) -> str:
    """What to do with an original checkpoint, as the end of a message."""
    if fault := unlike(config):
        return f"it can't be converted here ({fault}); look for its conversion for transformers, or serve it"
    tower = one_line(config.get("mm_vision_tower") or "the vision tower that it was trained with")
    return f"convert it: vsc models --convert {folder} --tower FOLDER_OF_{tower.rpartition('/')[2]} --out DIR"


def unlike(config: Mapping[str, Any]) -> str:
    """In what an original checkpoint differs from LLaVA-1.5 so that it can't be rewritten; "" if in nothing."""
    wanted: dict[str, tuple[object, ...]] = {
        "mm_projector_type": ("mlp2x_gelu",),
        "mm_vision_select_feature": (None, *STRATEGIES),
        "mm_use_im_start_end": (None, False),
        "mm_patch_merge_type": (None, "flat"),
        "image_aspect_ratio": (None, "pad", "square"),
        "tune_mm_vision_resampler": (None, False),
        "tie_word_embeddings": (None, False),
    }
    if architecture_of(config) != LLAMA:
        return f"its class is {one_line(architecture_of(config))}, not {LLAMA}"
    for field, allowed in wanted.items():
        if config.get(field) not in allowed:
            named = " or ".join(str(one) for one in allowed if one is not None)
            return f"its {field} is {one_line(config.get(field))}, not {named}"
    return ""
