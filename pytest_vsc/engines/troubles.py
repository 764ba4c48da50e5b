"""What a server's errors mean: whether to ask again and when, and what of their words may be repeated. It asks nobody.

Errors are those of the openai package, and asyncio.TimeoutError.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import math
import random
import re
import time
from collections.abc import Mapping
from typing import Any

from pytest_vsc import echoes
from pytest_vsc.engines.address import shown
from pytest_vsc.records import Request

BACKOFF_SECONDS = 0.5  # before the second try; doubled before each further one
LONGEST_PAUSE = 60.0  # seconds that a server's Retry-After is heeded
PASSING = (408, 409, 429)  # as is 500 and above: it may be otherwise in a moment
BUSY = 429
UNUSABLE = (400, 422)
USED_UP = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
# How providers say that a filter of theirs refused a request: OpenAI, Azure, Alibaba, Zhipu.
FILTERED = {
    "content_filter",
    "content_policy_violation",
    "moderation_blocked",
    "ResponsibleAIPolicyViolation",
    "data_inspection_failed",
    "DataInspectionFailed",
    "1301",
}
# What of a request a server may not take, by the name of the parameter; the first word is ours where it has two.
MAY_LACK = ("max_tokens", "temperature", "seed", "stop")
NOT_TAKEN = re.compile("unsupported|not support|unknown|unrecogni[sz]ed|unexpected|not permitted|extra inputs")
MOST_ADDRESS = 100  # letters of where a server sends us


def is_passing(error: Exception) -> bool:
    """Whether it may be otherwise in a moment: the server is busy, late or was not reached."""
    import openai

    if isinstance(error, openai.APIStatusError):
        return error.status_code in PASSING or error.status_code >= 500
    return isinstance(error, asyncio.TimeoutError | openai.APIConnectionError)


def is_late(error: Exception) -> bool:
    """Whether no answer came in time."""
    import openai

    return isinstance(error, asyncio.TimeoutError | openai.APITimeoutError)


def is_busy(error: Exception) -> bool:
    """Whether the server says that it is given too much, or to come back at a time."""
    import openai

    if not isinstance(error, openai.APIStatusError):
        return False
    return error.status_code == BUSY or (error.status_code == 503 and _retry_after(error.response.headers) is not None)


def is_denied(error: Exception) -> bool:
    """Whether the server says that this must not be asked: by this key at all, or by a gateway's rules this once."""
    import openai

    return isinstance(error, openai.PermissionDeniedError)


def is_used_up(error: Exception) -> bool:
    """Whether the account has nothing left, which waiting does not change."""
    import openai

    body = error.body if isinstance(error, openai.APIStatusError) and isinstance(error.body, dict) else {}
    return not USED_UP.isdisjoint({str(body.get("code")), str(body.get("type"))})


def pause(error: Exception, attempt: int) -> float:
    """Seconds to wait after a try that failed: as the server says, or longer each time and not all at once."""
    import openai

    told = _retry_after(error.response.headers) if isinstance(error, openai.APIStatusError) else None
    if told is not None:
        return min(max(told, BACKOFF_SECONDS), LONGEST_PAUSE)  # "at once" of many would be a storm
    grown = min(BACKOFF_SECONDS * 2.0 ** (attempt - 1), LONGEST_PAUSE)
    return grown * random.uniform(0.75, 1.25)  # noqa: S311  # no secret


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from a number of them or from a date; None where the server says neither."""
    said = headers.get("retry-after", "")
    with contextlib.suppress(ValueError):
        return float(said) if math.isfinite(float(said)) else None
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return email.utils.parsedate_to_datetime(said).timestamp() - time.time()
    return None


def redirects(error: Any) -> str | None:
    """Where a server sends who asks it, "" where it does not say; None where it answers itself."""
    if not 300 <= error.status_code < 400:
        return None
    to = error.response.headers.get("location", "")
    return shown(to)[:MOST_ADDRESS] if to.startswith("http") else ""


def is_filtered(error: Exception) -> bool:
    """Whether a provider's filter refused the request."""
    import openai

    if not isinstance(error, openai.APIStatusError) or error.status_code not in (400, 403, 451):
        return False
    body: Mapping[str, Any] = error.body if isinstance(error.body, dict) else {}
    inner, metadata = (
        found if isinstance(found := body.get(name), dict) else {} for name in ("innererror", "metadata")
    )
    moderated = error.status_code == 403 and bool(metadata.get("reasons"))  # as OpenRouter tells it
    return moderated or not FILTERED.isdisjoint({str(body.get("code")), str(inner.get("code"))})


def lacking(error: Any, request: Request, lacks: frozenset[str]) -> str | None:
    """What of a request that was refused the server may not know, so that it is asked again without that.

    The many ways of saying that a form is not supported are not told apart: a further request will tell.
    """
    if error.status_code not in UNUSABLE or is_filtered(error):
        return None
    words = f"{error.code} {error.param} {message_of(error)}".lower()
    if NOT_TAKEN.search(words):
        for name in MAY_LACK:
            if name not in lacks and re.search(rf"\b{name}\b", words) and _holds(request, name):
                return name
    return "response_format" if request.form and "response_format" not in lacks else None


def _holds(request: Request, name: str) -> bool:
    """Whether a request says anything of this parameter."""
    generation = request.generation
    return {"seed": generation.seed is not None, "stop": bool(generation.stop)}.get(name, True)


def message_of(error: Any) -> str:
    """What a server says beside its status; "" for a page or for what has another shape."""
    body = error.body
    said = body.get("message") or body.get("detail") if isinstance(body, dict) else body
    return said if isinstance(said, str) and not said.lstrip().startswith("<") else ""


def repeats(message: str, request: Request) -> bool:
    """Whether a message holds something of the request: all of a text or a long run of it, or a picture."""
    return "base64," in message or echoes.repeats(message, (turn.text for turn in request.messages))
