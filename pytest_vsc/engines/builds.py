"""Who a server says that it is: the model's entry in its list, and the builds that answered. It asks nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

# What of an entry is the same each time it is asked for. `created` is not: vLLM tells the time of asking.
LASTING = ("id", "object", "owned_by", "root", "parent", "max_model_len", "context_length", "version")
META, SIZES = "meta", ("n_ctx_train", "n_embd", "n_params", "n_vocab", "size", "vocab_type")
SHOWN = ("owned_by", "max_model_len")
MOST_BUILDS = 8  # a server that names another each time is told of as one that does


class Builds:
    """One model of a server, as far as the server tells. known: whether all is told that is, before the first case."""

    def __init__(self) -> None:
        self.known = False
        self._entry: dict[str, Any] = {}
        self._builds: Counter[tuple[str, str]] = Counter()
        self._first: tuple[str, str] = ("", "")

    def note_entry(self, entry: Mapping[str, Any], clean: Callable[[str], str]) -> None:
        """The model's entry in the server's list."""
        inner = entry.get(META)  # llama.cpp tells the sizes of the model there
        flat = {**entry, **({f"{META}.{name}": inner[name] for name in inner} if isinstance(inner, dict) else {})}
        plain = {
            name: value
            for name, value in flat.items()
            if isinstance(value, str | int | float) and name.removeprefix(f"{META}.") in (*LASTING, *SIZES)
        }
        self._entry = {name: clean(value) if isinstance(value, str) else value for name, value in plain.items()}

    def note(self, model: str | None, fingerprint: str | None, clean: Callable[[str], str]) -> None:
        """Which build an answer says that it came from."""
        build = clean(model or ""), clean(fingerprint or "")
        if not self.known:
            self._first = build
        elif build in self._builds or len(self._builds) < MOST_BUILDS:
            self._builds[build] += 1
        else:
            self._builds["...", "..."] += 1

    @property
    def identity(self) -> tuple[Mapping[str, Any], tuple[str, str]]:
        """What is known before the first case."""
        return self._entry, self._first

    def describe(self) -> dict[str, str]:
        """Served name, fingerprint, entry; of an answer that came from elsewhere than the first, how many did."""
        listed = ", ".join(f"{name} {self._entry[name]}" for name in SHOWN if self._entry.get(name))
        model, fingerprint = self._first
        told = {"listed": listed, "served_as": model, "system_fingerprint": fingerprint, "builds": self._changes()}
        return {name: value for name, value in told.items() if value}

    def _changes(self) -> str:
        """The builds that answered, where they are not all the first."""
        if not set(self._builds) - {self._first}:
            return ""
        return ", ".join(f"{' '.join(filter(None, build)) or 'unnamed'} ({n})" for build, n in self._builds.items())
