"""What a server must be told and nobody else: its key and headers, from the environment by name; masked in texts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pytest_vsc.engines.address import KEY
from pytest_vsc.errors import ModelError, expected

MASK = "***"
# A value that is shorter says nothing in an answer, where it may stand by chance.
SECRET = 8


class Secrets(NamedTuple):
    """A server's key, "" for none, and headers by name. variable: where the key was looked for."""

    variable: str
    key: str
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<secrets: {self.variable}, {', '.join(self.headers) or 'no headers'}>"

    def masked(self, text: str) -> str:
        """A text from the server without what is secret, should it repeat that."""
        for value in sorted(self._values(), key=len, reverse=True):
            text = text.replace(value, MASK)
        return text

    def masked_answer(self, text: str) -> str:
        """The same for what a model said, in which a short value may stand by chance."""
        for value in sorted(self._values(), key=len, reverse=True):
            if len(value) >= SECRET:
                text = text.replace(value, MASK)
        return text

    def _values(self) -> set[str]:
        """The values, and what stands behind `Bearer` and the like in them."""
        values = {self.key, *self.headers.values()}
        return {part for value in values for part in (value, value.rpartition(" ")[2]) if part}


def secrets_of(
    variable: str | None, headers: Sequence[tuple[str, str]], environ: Mapping[str, str] | None = None
) -> Secrets:
    """What the environment holds of a server's secrets. variable: of the key; None for the usual one, if it is there.

    Raises ModelError, which names the variable and never its value.
    """
    environ = os.environ if environ is None else environ
    key = environ.get(variable or KEY, "").strip()
    if variable and not key:
        raise ModelError(f"--vlm-api-key: the environment has no variable '{variable}'; {_near(variable, environ)}")
    _check(key, variable or KEY)
    found = {}
    for name, source in headers:
        value = environ.get(source, "").strip()
        if not value:
            raise ModelError(
                f"--vlm-header {name}: the environment has no variable '{source}'; {_near(source, environ)}"
            )
        _check(value, source)
        found[name] = value
    return Secrets(variable or KEY, key, found)


def _check(value: str, variable: str) -> None:
    if not value.isascii() or not value.isprintable():
        raise ModelError(f"{variable}: no key; expected printable ASCII characters only")


def _near(name: str, environ: Mapping[str, str]) -> str:
    """The nearest names; the whole environment would be a long list."""
    hint = expected(name, environ).partition("; did you mean ")[2]
    return f"did you mean {hint}" if hint else "expected the name of one that is set"
