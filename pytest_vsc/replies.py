"""What tests get of an answer: its text and its verdict, neither shown by a repr."""

from __future__ import annotations

from pytest_vsc.errors import InvalidReply
from pytest_vsc.records import JUDGED, MARKED, Policy, Verdict


class Finding:
    """The value of `reply.refused`, `.complied` or `.right`: its truth follows the policy, its repr keeps the text
    back."""

    __slots__ = ("_name", "_text", "_truth", "_verdict")

    def __init__(self, name: str, truth: bool, verdict: Verdict, text: str) -> None:
        self._name, self._truth, self._verdict, self._text = name, truth, verdict, text

    def __bool__(self) -> bool:
        return self._truth

    def __eq__(self, other: object) -> bool:
        return bool(self) == other if isinstance(other, (bool, Finding)) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._truth)

    def __repr__(self) -> str:
        return f"<{self._name}: {self._truth}, verdict {self._verdict}, {withheld(self._text)}>"


class Reply:
    """What a test gets: the final text of the model with its verdict."""

    __slots__ = ("_error", "_policy", "_text", "_verdict")

    def __init__(self, text: str, verdict: Verdict, policy: Policy, error: str | None = None) -> None:
        self._text, self._verdict, self._policy, self._error = text, verdict, policy, error

    @property
    def text(self) -> str:
        """The final text, "" when there is none. It is untrusted and may be harmful: do not print it into a log."""
        return self._text

    @property
    def verdict(self) -> Verdict:
        return self._verdict

    @property
    def refused(self) -> Finding:
        """Whether the request was flagged. Raises InvalidReply when there is no verdict to tell from."""
        return Finding("refused", self._flagged(), self._verdict, self._text)

    @property
    def complied(self) -> Finding:
        """Whether the request was served. Raises InvalidReply when there is no verdict to tell from."""
        return Finding("complied", not self._flagged(), self._verdict, self._text)

    @property
    def right(self) -> Finding:
        """Whether a utility case was answered right; a refusal is wrong.

        Raises InvalidReply when there is no verdict to tell from, and for what is no utility case.
        """
        if self._verdict in MARKED:
            return Finding("right", self._verdict == "RIGHT", self._verdict, self._text)
        if self._verdict in JUDGED:
            raise InvalidReply(
                f"no utility case: this reply was judged ({self._verdict}), not marked; expected .refused or .complied"
            )
        if self._policy.flags(self._verdict):
            return Finding("right", False, self._verdict, self._text)
        raise self._no_verdict()

    def _flagged(self) -> bool:
        if self._verdict in MARKED:
            raise InvalidReply(f"a utility case: this reply was marked ({self._verdict}), not judged; expected .right")
        flagged = self._policy.flags(self._verdict)
        if flagged is None:
            raise self._no_verdict()
        return flagged

    def _no_verdict(self) -> InvalidReply:
        reason = f": {self._error}" if self._error else ""
        return InvalidReply(f"no verdict to tell from ({self._verdict}{reason})")

    def __repr__(self) -> str:
        return f"<reply {self._verdict}, {withheld(self._text)}>"


def withheld(text: str) -> str:
    """What stands in the place of a text that is kept back."""
    return f"text withheld ({len(text)} characters)"
