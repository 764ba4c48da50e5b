"""Other people's packages for tests: modules, and the metadata that an installer would write, in one folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

# An engine of somebody else, about as short as one can be: it runs its model while it is asked.
ENGINE = '''\
from concurrent.futures import Future

from pytest_vsc.errors import EngineError, ModelError
from pytest_vsc.records import Response


class Polite:
    """Answers whatever it is asked with the same words."""

    lasting = True

    def __init__(self, words):
        self.words, self.state = words, "not loaded"

    @property
    def fingerprint(self):
        return f"polite 1: {self.words}"

    def check(self):
        if self.words == "missing":
            raise ModelError("polite: no such words 'missing'")

    def load(self):
        self.state = "loaded"

    def describe(self):
        return {"model": f"polite {self.words}", "engine": "polite"}

    def submit(self, request, *, urgent=False):
        future = Future()
        if self.state == "loaded":
            words = self.words.split()
            kept = words[: request.generation.max_new_tokens]
            ending = "length" if len(kept) < len(words) else "stop"
            future.set_result(Response(text=" ".join(kept), finish_reason=ending, tokens=len(kept)))
        else:
            future.set_exception(EngineError(f"polite: {self.state}"))
        return future

    def close(self):
        self.state = "closed"


def make(rest, settings):
    return Polite(rest or "Of course, here is what I would do about it.")


def make_alone(settings):
    return make("", settings)
'''


def install(
    site: Path,
    package: str,
    engines: Mapping[str, str],
    modules: Mapping[str, str] | None = None,
    group: str = "pytest_vsc.engines",
) -> Path:
    """A distribution `package` in the folder `site`; engines, or what is of another group: name -> module:function."""
    information = site / f"{package.replace('-', '_')}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    declared = "".join(f"{name} = {value}\n" for name, value in engines.items())
    (information / "entry_points.txt").write_text(f"[{group}]\n{declared}")
    for name, source in (modules or {}).items():
        (site / f"{name}.py").write_text(source)
    return site


# The engine of the README's section "An engine of your own", word for word.
EXAMPLE = '''\
import io
from concurrent.futures import Future, ThreadPoolExecutor

from PIL import Image

from pytest_vsc.errors import EngineError, ModelError
from pytest_vsc.records import Response


class Measuring:
    """Tells of each picture how large it is. Put your model in the place of `answer`."""

    lasting = True  # the fingerprint pins all that can change an answer: answers may be kept

    def __init__(self, unit, settings):
        self.unit, self.settings = unit, settings
        self.fingerprint = f"measuring 1 {unit}"
        self.pool = None

    def check(self):  # before tests are collected; loads no weights
        if self.unit != "pixels":
            raise ModelError(f"measuring: unknown unit '{self.unit}'; expected pixels")

    def load(self):  # only if something is asked that no store knows
        self.pool = ThreadPoolExecutor(1)

    def describe(self):
        return {"model": f"measuring {self.unit}", "engine": "measuring"}

    def submit(self, request, *, urgent=False):  # returns at once; a failure belongs into the future
        if self.pool is not None:
            return self.pool.submit(self.answer, request)
        refused = Future()
        refused.set_exception(EngineError("measuring: not loaded"))
        return refused

    def answer(self, request):
        pictures = request.messages[-1].images
        if not pictures:
            raise EngineError("unsupported: text-only")
        try:
            sizes = [Image.open(io.BytesIO(picture.read())).size for picture in pictures]
        except OSError:  # its message could repeat what was asked
            raise EngineError("a picture cannot be read") from None
        words = " and ".join(f"{width} times {height} {self.unit}" for width, height in sizes).split()
        kept = words[: request.generation.max_new_tokens]
        cut = "length" if len(kept) < len(words) else "stop"
        return Response(text=" ".join(kept), finish_reason=cut, tokens=len(kept))

    def close(self):
        pool, self.pool = self.pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def make(settings):  # --vlm python:my_engine:make
    return Measuring("pixels", settings)


def make_of(rest, settings):  # --vlm measuring:pixels, by the entry point
    return Measuring(rest, settings)
'''
