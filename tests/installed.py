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


def install(site: Path, package: str, engines: Mapping[str, str], modules: Mapping[str, str] | None = None) -> Path:
    """A distribution `package` in the folder `site`, that declares engines: name -> module:function."""
    information = site / f"{package.replace('-', '_')}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    declared = "".join(f"{name} = {value}\n" for name, value in engines.items())
    (information / "entry_points.txt").write_text(f"[pytest_vsc.engines]\n{declared}")
    for name, source in (modules or {}).items():
        (site / f"{name}.py").write_text(source)
    return site
