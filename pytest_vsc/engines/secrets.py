"""What a server must be told and nobody else: its key and headers, from the environment by name; masked in texts."""

from __future__ import annotations

import base64
import binascii
import html
import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from pytest_vsc.echoes import bare, runs
from pytest_vsc.engines.address import KEY
from pytest_vsc.errors import ModelError, expected

MASK = "***"
# A value that is shorter says nothing in an answer, where it may stand by chance.
SECRET = 8
RUN = 12  # letters and digits in a row that a message must not share with a secret


class Secrets(NamedTuple):
    """A server's key, "" for none, and headers by name. variable: where the key was looked for."""

    variable: str
    key: str
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<secrets: {self.variable}, {', '.join(self.headers) or 'no headers'}>"

    def masked(self, text: str) -> str:
        """A text from the server without what is secret, should it repeat that; nothing of it, if written otherwise."""
        for value in sorted(self._values(), key=len, reverse=True):
            text = text.replace(value, MASK)
        return MASK if self._shows(text) else text

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

    def _shows(self, text: str) -> bool:
        """Whether a text holds a secret, or a long run of one, escaped, encoded or broken up."""
        forms = {bare(form) for value in self._values() if len(value) >= SECRET for form in _written(value)}
        if not forms:
            return False
        said = [bare(form) for form in (text, unquote(text), unquote(unquote(text)), html.unescape(text))]
        repeated = set().union(*(runs(one, RUN) for one in said))
        return any(
            any(form in one for one in said) if len(form) < RUN else not repeated.isdisjoint(runs(form, RUN))
            for form in forms
            if len(form) >= SECRET
        )


def _written(value: str) -> set[str]:
    """A secret as it is, and in the encodings in which a server may tell it: base64, in any place, and hexadecimal."""
    data = value.encode()
    packed = {base64.b64encode(b" " * at + data).decode().rstrip("=")[(0, 2, 3)[at] : -1] for at in range(3)}
    try:  # such as the name and the password in `Basic ...`
        within = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        within = ""
    return {value, data.hex(), within, *packed}


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
