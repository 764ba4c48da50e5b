"""The built-in judge: the rules of `reading` over an answer's text. They are loaded when the first is judged."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from collections.abc import Mapping

from pytest_vsc.protocols import Engine, Exchange
from pytest_vsc.records import Judgement, Question, Response

LONGEST_SPAN = 200


class Rules:
    """A Judge that never asks anybody."""

    name = "builtin-rules/1"
    engines: Mapping[str, Engine] = {}

    @property
    def identity(self) -> str:
        """The name and the rules themselves: a stored judgement of other rules is not theirs."""
        return f"{self.name} {_rules_digest()}"

    def judge(self, question: Question, response: Response) -> Exchange[Judgement]:  # noqa: ARG002
        """The judgement on the response's text and finish reason; the prompt does not enter."""
        from pytest_vsc.judges.reading import read

        yield from ()
        reading = read(response.text, response.finish_reason)
        return Judgement(verdict=reading.verdict, judge=self.name, span=reading.span[:LONGEST_SPAN])


@functools.cache
def _rules_digest() -> str:
    whole = hashlib.sha256(Path(__file__).read_bytes())
    whole.update(Path(__file__).with_name("reading.py").read_bytes())
    return whole.hexdigest()
