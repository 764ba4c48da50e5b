"""The text of what a model generates: marks of thoughts are kept, other special tokens are not, a stop string ends it.

Calls no model. What is thought and what is said is told apart elsewhere (`pytest_vsc.thoughts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_vsc.thoughts import is_mark, left_open

# Tokens at a prompt's end that are looked at for a mark; one may be spelt out in letters.
END = 24
# Further tokens beside a stop string's own: a tokenizer may drop a space before the first.
AROUND = 8


class Wording:
    """A tokenizer with what it would drop of thoughts. marks: the special tokens among their marks, in order."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        special = special_tokens(tokenizer)
        self.marks = sorted(token for token in special.values() if is_mark(token))
        kept = set(self.marks)
        self._dropped = {number for number, token in special.items() if token not in kept}

    def text(self, tokens: Sequence[int]) -> str:
        """The text of an answer's tokens, as they stand."""
        if not self.marks:
            said: str = self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            return said
        return self.whole([token for token in tokens if token not in self._dropped])

    def tokens(self, text: str) -> list[int]:
        """The tokens of an answer that reads like this."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def whole(self, tokens: Sequence[int]) -> str:
        """The text with all special tokens."""
        said: str = self._tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return said

    def opened(self, prompt: Sequence[int]) -> str:
        """The mark of a thought that a prompt leaves open. prompt: its token ids, without padding behind them."""
        return left_open(self.whole(prompt[-END:]))


def special_tokens(tokenizer: Any) -> dict[int, str]:
    """Those that are dropped from a text, by their ids."""
    added = getattr(tokenizer, "added_tokens_decoder", {})
    special = {number: str(token) for number, token in added.items() if getattr(token, "special", False)}
    return special | dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))


class Stops:
    """A stopping criterion: ends a row when one of some strings has appeared in what it says.

    lengths: for each row after how many new tokens that was, None while it was not.
    """

    def __init__(self, strings: Sequence[str], wording: Wording, rows: int) -> None:
        self._strings, self._wording = [string for string in strings if string], wording
        self._reach = max((len(string.encode()) for string in self._strings), default=0) + AROUND
        self._steps = 0
        self.lengths: list[int | None] = [None] * rows

    def __call__(self, input_ids: Any, *_: Any, **__: Any) -> Any:
        self._steps += 1
        for row, tail in enumerate(input_ids[:, -min(self._steps, self._reach) :].tolist()):
            if self.lengths[row] is None and self._appears(tail):
                self.lengths[row] = self._steps
        return input_ids.new_tensor([length is not None for length in self.lengths]).bool()

    def _appears(self, tail: Sequence[int]) -> bool:
        said = self._wording.whole(tail)
        return any(string in said for string in self._strings)

    def cut(self, text: str) -> str:
        """The text up to where the first of the strings appears."""
        return text[: min((place for string in self._strings if (place := text.find(string)) >= 0), default=len(text))]
