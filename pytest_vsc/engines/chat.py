"""OpenAI's chat API: a request in its terms, and a response out of what a server sends. It asks nobody."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, NamedTuple, get_args

from pydantic import ValidationError

from pytest_vsc.cases import Picture, Value
from pytest_vsc.errors import EngineError, one_line
from pytest_vsc.records import FinishReason, Message, Request, Response

FINISH_REASONS: tuple[FinishReason, ...] = get_args(FinishReason)
MOST_SAID = 200  # letters of a server's own words in an error
SIGNATURES = (
    (re.compile(rb"\x89PNG\r\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"GIF8"), "image/gif"),
    (re.compile(rb"BM"), "image/bmp"),
)


class Answered(NamedTuple):
    """What a server sent back. seconds: from the sending of the try that was answered to its end."""

    content: bytes
    seconds: float


# --- what is sent ---


def chat_of(request: Request, model: str, lacks: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The request in the API's terms, without what the server lacks. Raises EngineError for what cannot be sent.

    Each repeat has a seed of its own, since the same one would give the same answer.
    """
    generation = request.generation
    limit = "max_completion_tokens" if "max_tokens" in lacks else "max_tokens"
    chat: dict[str, Any] = {
        "model": model,
        "messages": [_turn(message) for message in request.messages],
        limit: generation.max_new_tokens,
        "temperature": generation.temperature,
    }
    if generation.seed is not None:
        chat["seed"] = generation.seed + request.repeat
    if request.form and "response_format" not in lacks:
        form = {"name": "answer", "schema": json.loads(request.form), "strict": True}
        chat["response_format"] = {"type": "json_schema", "json_schema": form}
    return chat


def _turn(message: Message) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.text}
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": _data_url(picture)}} for picture in message.images
    ]
    if message.text:  # some servers refuse an empty part
        parts.append({"type": "text", "text": message.text})
    return {"role": message.role, "content": parts}


def _data_url(picture: Picture) -> str:
    try:
        data = picture.read()
    except OSError as error:
        raise EngineError(f"a picture cannot be read ({error.strerror}: {error.filename})") from None
    kind = next((kind for signature, kind in SIGNATURES if signature.match(data)), None)
    if kind is None:
        raise EngineError(f"{one_line(picture.name)}: not a picture of a known format")
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


# --- what comes back ---


class Said(Value, extra="ignore"):
    """The message of an answer. Servers send what a model thought under either of two names."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class Choice(Value, extra="ignore"):
    """One answer, with the reason why it ends."""

    message: Said
    finish_reason: str | None = None


class Usage(Value, extra="ignore"):
    """What was counted."""

    completion_tokens: int | None = None
    prompt_tokens: int | None = None


class Completion(Value, extra="ignore"):
    """What is read of a chat completion."""

    choices: tuple[Choice, ...]
    usage: Usage | None = None


def response_of(answered: Answered) -> Response:
    """What the server sent, as a response. Raises EngineError for what is no answer.

    What the model thought is told apart where the server does so; else it is left in the text.
    """
    try:
        completion = Completion.model_validate_json(answered.content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False)[0]
        where = "".join(f"{part}: " for part in [".".join(map(str, first["loc"]))] if part)
        raise EngineError(f"the server's answer is no chat completion ({where}{first['msg']})") from None
    if not completion.choices:
        raise EngineError("the server's answer holds no choice")
    choice, usage = completion.choices[0], completion.usage
    thought = choice.message.reasoning_content or choice.message.reasoning
    return Response(
        text=choice.message.refusal or choice.message.content or "",
        thought=thought or "",
        finish_reason=_reason(choice.finish_reason),
        tokens=usage.completion_tokens if usage else None,
        prompt_tokens=usage.prompt_tokens if usage else None,
        seconds=answered.seconds,
    )


def _reason(told: str | None) -> FinishReason:
    for reason in FINISH_REASONS:
        if told == reason:
            return reason
    ending = "no reason" if told is None else f"'{one_line(told)[:MOST_SAID]}'"
    raise EngineError(f"the answer ends with {ending}; expected one of {', '.join(FINISH_REASONS)}")
