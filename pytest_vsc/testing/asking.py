"""What the checks ask, and how they wait for it: no request says anything harmful, and no wait is without an end."""

from __future__ import annotations

import functools
import io
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from typing import NamedTuple

from pytest_vsc.cases import Picture
from pytest_vsc.errors import EngineError, ModelError, one_line
from pytest_vsc.protocols import Engine
from pytest_vsc.records import Generation, Message, Request, Response
from pytest_vsc.testing.subjects import demand, fail

SHORT = Generation(max_new_tokens=12)
MANY = 64
# Latin, Han, Arabic, an emoji outside the basic plane, one made of several characters, and a mark on a letter.
UNICODE = "What is a naïve café, 漢字, سلام, 🙂 or 👩🏽‍🚀 or n̈?"
# The beginning of no picture, nothing at all, and a file that is not there.
BROKEN = {
    "no-picture.png": b"this is no picture but a sentence of some length",
    "empty.png": b"",
    "gone.png": None,
}
REPEATED = 24  # letters in a row that the message of an error must not share with what was asked


class Said(NamedTuple):
    """How one request ended: an answer, or an error, or neither when it was cancelled."""

    response: Response | None = None
    error: EngineError | None = None

    @property
    def unsupported(self) -> bool:
        return str(self.error).startswith("unsupported: ")

    @property
    def told(self) -> str:
        """What two answers to the same request are compared by."""
        return self.response.text if self.response else f"<{type(self.error).__name__}>"


@functools.cache
def picture(number: int) -> Picture:
    """A drawing of a coloured disc on a plain ground; of three sizes."""
    from PIL import Image, ImageDraw

    grounds, discs, sizes = (
        ("white", "navy", "khaki"),
        ("red", "gold", "teal", "black"),
        ((224, 224), (96, 64), (160, 240)),
    )
    drawn = Image.new("RGB", sizes[number % 3], grounds[number % 3])
    ImageDraw.Draw(drawn).ellipse((10, 10, 50, 50), fill=discs[number % 4])
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG")
    return Picture(name=f"disc-{number}.png", data=buffer.getvalue())


def user(text: str, *pictures: Picture) -> Message:
    return Message(role="user", text=text, images=pictures)


def ask(*messages: Message, generation: Generation = SHORT) -> Request:
    return Request(messages=messages, generation=generation)


@functools.cache
def questions() -> Mapping[str, Request]:
    """One of each kind that a run may ask, by its name."""
    turns = (
        Message(role="system", text="You answer in one short sentence."),
        user("What is shown in this picture?", picture(1)),
        Message(role="assistant", text="A disc."),
        user("Which colour has it?"),
    )
    return {
        "picture": ask(user("What is shown in this picture?", picture(0))),
        "text": ask(user("How many days has a week?")),
        "turns": ask(*turns),
        "pictures": ask(user("Are these two pictures alike?", picture(2), picture(3))),
        "unicode": ask(user(UNICODE, picture(0))),
        "long": ask(user("Tell me more about this, step by step and in plain words. " * 8, picture(4))),
        "brief": ask(user("What is shown in this picture?", picture(0)), generation=Generation(max_new_tokens=2)),
        "brief-text": ask(user("How many days has a week?"), generation=Generation(max_new_tokens=2)),
        "brief-long": ask(user("Name the colours that you see.", picture(2)), generation=Generation(max_new_tokens=2)),
    }


@functools.cache
def many() -> Sequence[Request]:
    """64 requests that differ, every other one with a picture."""
    return [ask(user(f"How much is {n} and {n}?", *([picture(n % 6)] if n % 2 else []))) for n in range(MANY)]


def every_request() -> Sequence[Request]:
    """All that the checks ask and expect an answer to."""
    return [*questions().values(), *many()]


# -- waiting


def put(engine: Engine, request: Request, *, urgent: bool = False) -> Future[Response]:
    """Submit a request. Fails when that raises, or gives no future."""
    try:
        future: object = engine.submit(request, urgent=urgent)
    except Exception as error:
        fail(f"submit() raised {type(error).__name__}; whatever goes wrong belongs into the future, as an EngineError")
    if not isinstance(future, Future):
        fail(f"submit() returned a {type(future).__name__}; expected a concurrent.futures.Future")
    return future


def said(future: Future[Response], seconds: float, left: float | None = None) -> Said:
    """How a request ended. Fails when it does not, or ends with what is neither a Response nor an EngineError.

    left: what is left of the seconds.
    """
    if wait([future], seconds if left is None else max(0.0, left)).not_done:
        fail(f"no answer within {seconds:g} s; a future that is never settled has a run wait for ever")
    if future.cancelled():
        return Said()
    error = future.exception()
    if isinstance(error, EngineError):
        return Said(error=error)
    if isinstance(error, ModelError):
        fail(f"the future holds a ModelError ({error}), which ends a run; expected an EngineError for one request")
    if error is not None:
        fail(f"the future holds a {type(error).__name__}; expected a Response or an EngineError")
    response: object = future.result()
    if not isinstance(response, Response):
        fail(f"the future holds a {type(response).__name__}; expected a pytest_vsc.records.Response")
    return Said(response)


def all_said(futures: Iterable[Future[Response]], seconds: float) -> list[Said]:
    """How many requests ended, all within so many seconds."""
    until = time.monotonic() + seconds
    return [said(future, seconds, until - time.monotonic()) for future in futures]


def answer(engine: Engine, request: Request, seconds: float) -> Response:
    """The answer to a request. Fails when there is none."""
    one = said(put(engine, request), seconds)
    if one.response is None:
        fail(f"no answer but {one.error or 'a cancelled future'}")
    return one.response


def well_formed(response: Response) -> None:
    """Fails when a field holds what its docstring does not say."""
    demand(isinstance(response.text, str), f"text is a {type(response.text).__name__}; expected a str")
    demand(isinstance(response.thought, str), f"thought is a {type(response.thought).__name__}; expected a str")
    ends = ("stop", "length", "content_filter")
    demand(response.finish_reason in ends, f"finish_reason is {response.finish_reason!r}; expected one of {ends}")
    for name in ("tokens", "prompt_tokens"):
        count = getattr(response, name)
        counted = count is None or (isinstance(count, int) and count >= 0)
        demand(counted, f"{name} is {count!r}; expected a number from 0, or None where nobody counts")
    took = response.seconds
    timed = took is None or (isinstance(took, int | float) and math.isfinite(took) and took >= 0)
    demand(timed, f"seconds is {took!r}; expected a number from 0, or None")


def discreet(error: EngineError, request: Request) -> None:
    """Fails when a message is no line, or repeats what was asked: messages are printed, and prompts may be harmful."""
    message = str(error)
    demand(message.strip(), "the message of an EngineError is empty; expected what went wrong, in one line")
    demand(message == one_line(message), f"the message is not one line of printable text: {message!r}")
    texts = [turn.text for turn in request.messages]
    texts += [shown for turn in request.messages for each in turn.images if each.data for shown in _spelled(each.data)]
    for text in texts:
        runs = (text[at : at + REPEATED] for at in range(max(1, len(text) - REPEATED + 1)))
        demand(
            not any(run and run in message for run in runs), "the message repeats what was asked: a prompt or a picture"
        )


def _spelled(data: bytes) -> Iterable[str]:
    """A picture's bytes as they may end up in a message."""
    import base64

    return data.decode("latin-1"), repr(data)[2:-1], base64.b64encode(data).decode()
