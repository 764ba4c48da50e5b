"""The client of the openai package, held to what a server may do: no redirects, no endless answers. It asks nothing."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from pytest_vsc.engines.address import is_here
from pytest_vsc.engines.secrets import Secrets
from pytest_vsc.errors import one_line

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MOST_BYTES = 8 << 20  # of one answer
MOST_PACKED = 256 << 10  # of one that is compressed, which may be a thousand times as much unpacked
# Others, and several one over the other, unpack to a million times as much; none was asked for.
PACKINGS = ("gzip", "deflate")
MOST_SAID = 40  # letters
THREAD = "vsc-openai"  # name of each thread that asks a server


class TooLargeError(Exception):
    """A server's answer does not end where any would, or may not."""


def connected(base: str, secrets: Secrets, timeout: float) -> AsyncOpenAI:
    """A client for the API that begins at `base`; it makes no request yet. Raises ImportError."""
    import openai

    logging.getLogger("openai._base_client").addFilter(_says_nothing_of_requests)
    return openai.AsyncOpenAI(
        base_url=base,
        api_key=secrets.key or "none",
        timeout=timeout,
        max_retries=0,  # they are made by the engine: those of the package cannot be bounded in time
        default_headers={"Accept-Encoding": "identity", **secrets.headers},
        http_client=openai.DefaultAsyncHttpxClient(
            follow_redirects=False,  # the words of a request and its headers are for this server
            trust_env=not is_here(base),  # no proxy leads to this machine
            event_hooks={"response": [_bound]},
        ),
    )


def _says_nothing_of_requests(record: logging.LogRecord) -> bool:
    """Older releases of the package log whole requests where somebody listens to what is there to debug it.

    It holds for the engines' threads alone: others may use the package as well.
    """
    return record.threadName != THREAD or record.levelno >= logging.WARNING


async def _bound(response: Any) -> None:
    """Have the body of an answer end in an error where it grows too large."""
    packing = response.headers.get("content-encoding", "").strip().lower()
    packed = packing not in ("", "identity")
    if packed and packing not in PACKINGS:
        raise TooLargeError(f"is packed ({one_line(packing)[:MOST_SAID]}), which nobody asked for")
    response.stream = _bounded(response.stream, MOST_PACKED if packed else MOST_BYTES)


def _bounded(stream: Any, most: int) -> Any:
    """The same stream with an end. Its kind is that of whichever HTTP library the openai package stands on."""
    kind = next(each for each in type(stream).__mro__ if each.__name__ == "AsyncByteStream")

    class Bounded(kind):  # type: ignore[misc, valid-type]  # known only now
        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for chunk in stream:
                size += len(chunk)
                if size > most:
                    raise TooLargeError(f"is larger than {most >> 10} KiB")
                yield chunk

        async def aclose(self) -> None:
            await stream.aclose()

    return Bounded()
