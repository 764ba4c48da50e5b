"""A request as a model takes it: a conversation in the processor's terms, pictures decoded, then a batch as tensors.

Runs no model and forms no batches.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_vsc.cases import Picture
from pytest_vsc.engines.foreign import explain
from pytest_vsc.errors import EngineError
from pytest_vsc.pictures import as_rgb
from pytest_vsc.records import Request

Conversation = list[dict[str, Any]]

MOST_PIXELS = 100_000_000

# What model classes cannot take, as measured; by `model_type`.
NO_TEXT_ONLY = frozenset({"paligemma", "blip-2", "instructblip"})
ONE_PICTURE = frozenset({"kosmos-2", "blip-2", "instructblip"})


def conversation_of(request: Request, kind: str) -> Conversation:
    """The request in the processor's terms, for a model of this `model_type`.

    Raises EngineError for what the model or any decoder cannot take.
    """
    count = sum(len(message.images) for message in request.messages)
    if count == 0 and kind in NO_TEXT_ONLY:
        raise EngineError(f"unsupported: text-only ({kind})")
    if count > 1 and kind in ONE_PICTURE:
        raise EngineError(f"unsupported: several pictures ({kind} takes one, got {count})")
    return [
        {
            "role": message.role,
            "content": [
                *({"type": "image", "image": _decode(picture)} for picture in message.images),
                *([{"type": "text", "text": message.text}] if message.text or not message.images else []),
            ],
        }
        for message in request.messages
    ]


def size_of(picture: Picture) -> int:
    """The pixels of a picture by its header alone; 0 when that cannot be read, which decoding it will tell."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(picture.data) if picture.data is not None else picture.file or "") as image:
            width, height = image.size
            return width * height
    except Exception:  # as in `_decode`; that one tells of it
        return 0


def _decode(picture: Picture) -> Any:
    """A picture as RGB, upright, on white where it is transparent; of a moving one the first frame.

    Raises EngineError for bytes that are no picture, or one too large to open.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(picture.read())) as image:
            width, height = image.size
            most = min(MOST_PIXELS, Image.MAX_IMAGE_PIXELS or MOST_PIXELS)
            if width * height > most:
                allowed = f"Expected at most {most:,}"
                raise EngineError(f"picture {picture.name} cannot be decoded: {width} x {height} pixels. {allowed}")
            return as_rgb(image)
    except EngineError:
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error ... on broken bytes
        raise EngineError(f"picture {picture.name} cannot be decoded: {explain(error)}") from error


def prepare(conversations: Sequence[Conversation], processor: Any, dtype: str) -> Mapping[str, Any]:
    """The tensors of a batch, in host memory: all that the processor returns, which need not be one row a prompt."""
    import torch

    options = {"padding": True, "padding_side": processor.tokenizer.padding_side}
    if getattr(processor, "chat_template", None):
        inputs = processor.apply_chat_template(
            conversations,
            tokenize=True,
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs=options,
        )
    else:
        pictures = [[part["image"] for part in _parts(each, "image")] for each in conversations]
        token = getattr(processor, "image_token", None) or ""
        inputs = processor(
            text=[_plain(each, str(token)) for each in conversations],
            images=pictures if any(pictures) else None,
            return_tensors="pt",
            **options,
        )
    prepared: Mapping[str, Any] = inputs.to(getattr(torch, dtype))
    return prepared


def _parts(conversation: Conversation, kind: str) -> list[dict[str, Any]]:
    return [part for message in conversation for part in message["content"] if part["type"] == kind]


def _plain(conversation: Conversation, image_token: str) -> str:
    """For a model without a chat template: image tokens, then the texts a line each, as they stand."""
    tokens = image_token * len(_parts(conversation, "image"))
    return tokens + "\n".join(part["text"] for part in _parts(conversation, "text"))
