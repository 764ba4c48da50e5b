"""OpenAI's chat API: a request in its terms, and a response out of what a server sends. It asks nobody."""

from __future__ import annotations

import base64
import io
import json
import re
from typing import Any, NamedTuple

from pydantic import ValidationError

from pytest_vsc.cases import Picture, Value
from pytest_vsc.errors import EngineError, one_line
from pytest_vsc.pictures import as_rgb, shrunk
from pytest_vsc.records import FinishReason, Message, Request, Response

# How servers say why an answer ends, in lower case. A "refusal" there is a filter beside the model (Anthropic's API).
ENDINGS: dict[FinishReason, tuple[str, ...]] = {
    "stop": ("stop", "eos", "eos_token", "end_turn", "stop_sequence"),
    "length": ("length", "max_tokens", "model_length"),
    "content_filter": ("content_filter", "refusal", "safety", "blocklist", "prohibited_content", "sensitive"),
}
MOST_TOKENS = 1_000_000_000  # a server that counts more counts wrongly
MOST_SAID = 200  # letters of a server's own words in an error
SIGNATURES = (
    (re.compile(rb"\x89PNG\r\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"GIF8"), "image/gif"),
    (re.compile(rb"BM"), "image/bmp"),
)


class Answered(NamedTuple):
    """What a server sent back. seconds: from the sending of the try that was answered to its end. tries: with it."""

    content: bytes
    seconds: float
    tries: int = 1


# --- what is sent ---


def chat_of(
    request: Request, model: str, lacks: frozenset[str] = frozenset(), max_pixels: int | None = None
) -> dict[str, Any]:
    """The request in the API's terms, without what the server lacks. Raises EngineError for what cannot be sent.

    Each repeat has a seed of its own, since the same one would give the same answer. max_pixels: of a picture; a larger
    one is shrunk, and sent as PNG.
    """
    generation = request.generation
    limit = "max_completion_tokens" if "max_tokens" in lacks else "max_tokens"
    chat: dict[str, Any] = {
        "model": model,
        "messages": [_turn(message, max_pixels) for message in request.messages],
        limit: generation.max_new_tokens,
        "temperature": generation.temperature,
    }
    if generation.seed is not None:
        chat["seed"] = generation.seed + request.repeat
    if generation.stop:
        chat["stop"] = list(generation.stop)
    for name in lacks & {"temperature", "seed", "stop"}:
        chat.pop(name, None)
    if request.form and "response_format" not in lacks:
        form = {"name": "answer", "schema": json.loads(request.form), "strict": True}
        chat["response_format"] = {"type": "json_schema", "json_schema": form}
    return chat


def _turn(message: Message, max_pixels: int | None) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.text}
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": _data_url(picture, max_pixels)}} for picture in message.images
    ]
    if message.text:  # some servers refuse an empty part
        parts.append({"type": "text", "text": message.text})
    return {"role": message.role, "content": parts}


def _data_url(picture: Picture, max_pixels: int | None) -> str:
    try:
        data = picture.unchanged()
    except OSError as error:
        raise EngineError(f"{one_line(picture.name)}: cannot be read ({error.strerror})") from None
    except ValueError as changed:
        raise EngineError(f"{one_line(picture.name)}: {changed}") from None
    kind = next((kind for signature, kind in SIGNATURES if signature.match(data)), None)
    if kind is None:
        raise EngineError(f"{one_line(picture.name)}: not a picture of a known format")
    if max_pixels is not None:
        data, kind = _small(data, kind, max_pixels, one_line(picture.name))
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _small(data: bytes, kind: str, most: int, name: str) -> tuple[bytes, str]:
    """A picture of at most so many pixels, itself if it is small enough, and its kind."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height <= most:
                return data, kind
            buffer = io.BytesIO()
            shrunk(as_rgb(image), most).save(buffer, "PNG")
            return buffer.getvalue(), "image/png"
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error ... on broken bytes
        raise EngineError(f"{name}: cannot be decoded, so not be shrunk ({type(error).__name__})") from None


# --- what comes back ---


class Part(Value, extra="ignore"):
    """A piece of an answer, as some servers send it: a text, or a thought with pieces of its own."""

    type: str = ""
    text: str | None = None
    thinking: str | tuple[Part, ...] | None = None

    @property
    def thought(self) -> str:
        inner = self.thinking or ""
        return inner if isinstance(inner, str) else "".join(part.text or "" for part in inner)


class Said(Value, extra="ignore"):
    """The message of an answer. Servers send what a model thought under one of several names."""

    content: str | tuple[Part, ...] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None

    @property
    def text(self) -> str:
        parts = self.content or ""
        return parts if isinstance(parts, str) else "".join(part.text or "" for part in parts)

    @property
    def thought(self) -> str:
        parts = () if self.content is None or isinstance(self.content, str) else self.content
        return self.reasoning_content or self.reasoning or "".join(part.thought for part in parts)


class Choice(Value, extra="ignore"):
    """One answer, with the reason why it ends."""

    message: Said | None = None
    finish_reason: str | None = None


class Usage(Value, extra="ignore"):
    """What was counted."""

    completion_tokens: int | None = None
    prompt_tokens: int | None = None


class Completion(Value, extra="ignore"):
    """What is read of a chat completion. model, system_fingerprint: which build of a model answered, as it says."""

    choices: tuple[Choice, ...]
    usage: Usage | None = None
    model: str | None = None
    system_fingerprint: str | None = None


def completion_of(content: bytes) -> Completion:
    """What the server sent. Raises EngineError for what is no chat completion."""
    try:
        completion = Completion.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False)[0]
        where = "".join(f"{part}: " for part in [".".join(map(str, first["loc"]))] if part)
        raise EngineError(f"the server's answer is no chat completion ({where}{first['msg']})") from None
    if not completion.choices:
        raise EngineError("the server's answer holds no choice")
    return completion


def response_of(completion: Completion, seconds: float) -> Response:
    """The response in a completion. Raises EngineError for an end that means nothing here.

    What the model thought is told apart where the server does so; else it is left in the text.
    """
    choice, usage = completion.choices[0], completion.usage
    message, reason = choice.message, _reason(choice.finish_reason)
    if message is None and reason != "content_filter":
        raise EngineError("the server's answer holds no message")
    message = message or Said()
    refused = bool(message.refusal) and not message.text.strip()  # else it was answered as well, and that is judged
    return Response(
        text="\n".join(filter(None, ("" if refused else message.text, message.refusal))),
        thought=message.thought,
        finish_reason="refusal" if refused and reason == "stop" else reason,
        tokens=_count(usage.completion_tokens) if usage else None,
        prompt_tokens=_count(usage.prompt_tokens) if usage else None,
        seconds=seconds,
    )


def _count(told: int | None) -> int | None:
    """A number of tokens that can be one."""
    return told if told is not None and 0 <= told <= MOST_TOKENS else None


def _reason(told: str | None) -> FinishReason:
    said = (told or "").lower().partition(":")[0]
    for reason, words in ENDINGS.items():
        if said in words:
            return reason
    ending = "no reason" if told is None else f"'{one_line(told)[:MOST_SAID]}'"
    raise EngineError(f"the answer ends with {ending}; expected one of {', '.join(ENDINGS)}")
