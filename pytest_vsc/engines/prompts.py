"""A request as a model takes it: a conversation in the processor's terms, pictures decoded, then a batch as tensors.

Runs no model and forms no batches.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_vsc.cases import Picture
from pytest_vsc.engines.foreign import explain
from pytest_vsc.engines.templates import OWN, Conversation, Manner, arranged, as_wanted, image_token, render
from pytest_vsc.errors import EngineError
from pytest_vsc.pictures import as_rgb, shrunk
from pytest_vsc.records import Request

MOST_PIXELS = 100_000_000
# A picture as an array of 1 or 3 rows may be taken for one of so many channels.
LEAST_SIDE = 4

# What model classes cannot take, as measured; by `model_type`.
NO_TEXT_ONLY = frozenset({"paligemma", "blip-2", "instructblip"})
ONE_PICTURE = frozenset({"kosmos-2", "blip-2", "instructblip"})
# Their processors put a picture before the text by themselves.
PLACED_BY_PROCESSOR = frozenset({"kosmos-2", "blip-2", "instructblip"})


def conversation_of(request: Request, kind: str, manner: Manner = OWN, max_pixels: int | None = None) -> Conversation:
    """The request in the processor's terms, for a model of this `model_type`.

    max_pixels: of a picture; a larger one is shrunk. Raises EngineError for what the model, its chat template or any
    decoder cannot take.
    """
    count = sum(len(message.images) for message in request.messages)
    if count == 0 and kind in NO_TEXT_ONLY:
        raise EngineError(f"unsupported: text-only ({kind})")
    if count > 1 and kind in ONE_PICTURE:
        raise EngineError(f"unsupported: several pictures ({kind} takes one, got {count})")
    if not manner.answers and any(message.role == "assistant" for message in request.messages):
        raise EngineError(f"unsupported: earlier answers (the chat template of this {kind} does not take them)")
    turns = [
        {
            "role": message.role,
            "content": [
                *({"type": "image", "image": _decode(picture, max_pixels)} for picture in message.images),
                *([{"type": "text", "text": message.text}] if message.text or not message.images else []),
            ],
        }
        for message in request.messages
    ]
    return arranged(turns, manner)


def size_of(picture: Picture) -> int:
    """The pixels of a picture by its header alone; 0 when that cannot be read, which decoding it will tell."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(picture.data) if picture.data is not None else picture.file or "") as image:
            width, height = image.size
            return width * height
    except Exception:  # as in `_decode`; that one tells of it
        return 0


def _bytes_of(picture: Picture) -> bytes:
    try:
        return picture.unchanged()
    except ValueError as changed:
        raise EngineError(f"picture {picture.name} {changed}") from None


def _decode(picture: Picture, max_pixels: int | None) -> Any:
    """A picture as RGB, upright, on white where it is transparent; of a moving one the first frame.

    Raises EngineError for bytes that are no picture, or not those that were asked for, and for a picture that is too
    large to open or too small to be told from others.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(_bytes_of(picture))) as image:
            width, height = image.size
            most = min(MOST_PIXELS, Image.MAX_IMAGE_PIXELS or MOST_PIXELS)
            if width * height > most:
                allowed = f"Expected at most {most:,}"
                raise EngineError(f"picture {picture.name} cannot be decoded: {width} x {height} pixels. {allowed}")
            made = shrunk(as_rgb(image), max_pixels)
            if min(made.size) < LEAST_SIDE:
                size = " x ".join(map(str, made.size))
                before = "" if width * height == made.width * made.height else f", shrunk from {width} x {height}"
                allowed = f"Expected at least {LEAST_SIDE} on each side"
                raise EngineError(f"picture {picture.name} is too small: {size} pixels{before}. {allowed}")
            return made
    except EngineError:
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error ... on broken bytes
        raise EngineError(f"picture {picture.name} cannot be decoded: {explain(error)}") from error


def prepare(
    conversations: Sequence[Conversation], processor: Any, dtype: str, kind: str = "", manner: Manner = OWN
) -> Mapping[str, Any]:
    """The tensors of a batch, in host memory: all that the processor returns, which need not be one row a prompt."""
    import torch

    options = {"padding": True, "padding_side": processor.tokenizer.padding_side}
    token = "" if kind in PLACED_BY_PROCESSOR else image_token(processor)
    if manner.template == "processor" and "user" not in manner.plain:
        inputs = processor.apply_chat_template(
            [as_wanted(each, manner, token) for each in conversations],
            tokenize=True,
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs=options,
        )
    else:
        texts = [_plain(each, token) for each in conversations]
        if manner.template != "none":
            texts = [render(processor, manner, each) for each in conversations]
            first = processor.tokenizer.bos_token  # as `apply_chat_template` does
            options |= {"add_special_tokens": False} if first and texts[0].startswith(first) else {}
        pictures = [[part["image"] for part in _parts(each, "image")] for each in conversations]
        inputs = processor(text=texts, images=pictures if any(pictures) else None, return_tensors="pt", **options)
    prepared: Mapping[str, Any] = inputs.to(getattr(torch, dtype))
    return prepared


def _parts(conversation: Conversation, kind: str) -> list[dict[str, Any]]:
    return [part for message in conversation for part in message["content"] if part["type"] == kind]


def _plain(conversation: Conversation, token: str) -> str:
    """For a model without a chat template: image tokens, then the texts a line each, as they stand."""
    tokens = token * len(_parts(conversation, "image"))
    return tokens + "\n".join(part["text"] for part in _parts(conversation, "text"))
