"""The gate language: from the text of a gate to what it says, before any suite is known.

gate    = metric ["[" slice "]"] ("off" | op target {"@" number | "corrected"})
slice   = item {"," item}          an item is `image`, `category=violence`, or `category=*`: one gate per value
op      = "<=" | ">="              whichever the metric's better side is
target  = number "%"  |  "baseline" [("+" | "-") number "%"]
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Literal, NamedTuple, NoReturn, get_args

from pytest_vsc.cases import CENTRICS, VARIANTS
from pytest_vsc.errors import GateError, expected
from pytest_vsc.tallies import LARGER_IS_BETTER, METRICS, PUBLISHED, SLICE_KEYS, Metric, SliceKey

Op = Literal["<=", ">="]

OPS: tuple[Op, ...] = get_args(Op)
EVERY = "*"
BASELINE, CORRECTED, OFF = "baseline", "corrected", "off"
# The metrics whose events are single verdicts, so that the errors of a judge can be taken out of them.
JUDGED: tuple[Metric, ...] = ("undersafety", "oversafety", *PUBLISHED)
SUMS: tuple[Metric, ...] = ("sra",)  # of rates: no case is one of their events
LEAST_PROOF = 50  # percent: below it an interval leaves the truth out more often than not

TOKEN = re.compile(r"\s*(<=|>=|baseline(?=[+-]\s*[0-9])|[+-](?=\s*[0-9])|[\[\],=%@<>]|[^\s\[\],=%@<>]+)")
IN_SLICE = re.compile(r"\s*(<=|>=|[\[\],=%@<>]|[^\s\[\],=%@<>]+)")  # where `baseline-2` and `18+` are names
MARKS = frozenset({"", "<=", ">=", *"[],=%@<>"})
NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")


class Token(NamedTuple):
    """A word or a mark, and where it begins. The end of a gate is a token without text."""

    text: str
    column: int


class Item(NamedTuple):
    """One item of a slice as written. The key is "" for a bare word, whose meaning only the suite can tell."""

    key: SliceKey | Literal[""]
    value: str
    token: Token


class Line(NamedTuple):
    """The text of a gate and where it was set, for messages that point at the place."""

    text: str
    origin: str

    def fail(self, at: Token, message: str) -> NoReturn:
        caret = " " * at.column + "^" * max(1, len(at.text))
        raise GateError(f"{self.origin}: {message}\n  {self.text}\n  {caret}")


class Bound(NamedTuple):
    """What a rate is held to.

    percent: as written, less needless zeros: "0.5" for 0.5 %, or where `baseline` is meant how far from it, with its
    sign if below. proof: the confidence in percent that is asked for, "" for none. corrected: for the judge's errors.
    """

    op: Op
    percent: str
    baseline: bool = False
    proof: str = ""
    corrected: bool = False

    @property
    def target(self) -> str:
        """`5%`, or `baseline`, `baseline + 1%`."""
        if not self.baseline:
            return f"{self.percent}%"
        sign = "-" if self.percent.startswith("-") else "+"
        return BASELINE if self.percent == "0" else f"{BASELINE} {sign} {self.percent.lstrip('-')}%"

    @property
    def text(self) -> str:
        """Its one spelling."""
        proof, corrected = f" @{self.proof}" if self.proof else "", f" {CORRECTED}" if self.corrected else ""
        return f"{self.op} {self.target}{proof}{corrected}"


class Draft(NamedTuple):
    """A gate as written, before it is fitted to a suite. bound None means `off`."""

    line: Line
    metric: Metric
    at: Token
    items: tuple[Item, ...]
    bound: Bound | None

    @property
    def starred(self) -> bool:
        return any(item.value == EVERY for item in self.items)


class _Tokens:
    """The tokens of one gate, taken from left to right."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._waiting = [*_scanned(line.text), Token("", len(line.text))]

    @property
    def next(self) -> Token:
        return self._waiting[0]

    def take(self) -> Token:
        return self._waiting.pop(0) if self.next.text else self.next

    def accept(self, text: str) -> bool:
        return self.next.text == text and bool(self.take())

    def require(self, text: str, why: str) -> None:
        if not self.accept(text):
            self.fail(f"expected '{text}' {why}, found {self.found}")

    @property
    def found(self) -> str:
        return f"'{self.next.text}'" if self.next.text else "the end"

    def fail(self, message: str) -> NoReturn:
        self.line.fail(self.next, message)


def _scanned(text: str) -> Iterator[Token]:
    place, in_slice = 0, False
    while match := (IN_SLICE if in_slice else TOKEN).match(text, place):
        yield Token(match[1], match.start(1))
        place, in_slice = match.end(), match[1] == "[" or (in_slice and match[1] != "]")


def read_gate(text: str, origin: str) -> Draft:
    """Read one gate. origin: where it was set, for the messages. Raises GateError, pointing at the place."""
    tokens = _Tokens(Line(" ".join(text.split()), origin))
    at = tokens.next
    metric = _metric(tokens)
    items = _slice(tokens) if tokens.accept("[") else ()
    bound = None if tokens.accept(OFF) else _bound(tokens, metric)
    if tokens.next.text:
        after = "" if bound is None else f"; a bound may be followed by '@95' and '{CORRECTED}'"
        tokens.fail(f"nothing may follow here, found {tokens.found}{after}")
    return Draft(tokens.line, metric, at, items, bound)


def _metric(tokens: _Tokens) -> Metric:
    word = tokens.next.text
    for metric in METRICS:
        if tokens.accept(metric):
            return metric
    problem = f"unknown metric '{word}'" if word else "a gate starts with a metric"
    tokens.fail(f"{problem}; {expected(word, METRICS)}")


def _slice(tokens: _Tokens) -> tuple[Item, ...]:
    items = [_item(tokens)]
    while tokens.accept(","):
        items.append(_item(tokens))
    tokens.require("]", "or ',' after an item of the slice")
    return tuple(items)


def _item(tokens: _Tokens) -> Item:
    first = _word(tokens)
    if not tokens.accept("="):
        if first.text == EVERY:
            tokens.line.fail(first, "'*' stands for every value of a key; write it with the key, as in 'category=*'")
        return Item(_key_of(first.text), first.text, first)
    for key in SLICE_KEYS:
        if first.text == key:
            value = _word(tokens)
            return Item(key, value.text, value)
    tokens.line.fail(first, f"unknown key '{first.text}'; {expected(first.text, SLICE_KEYS)}")


def _word(tokens: _Tokens) -> Token:
    if tokens.next.text in MARKS:
        tokens.fail(f"expected a value such as 'image' or 'category=violence', found {tokens.found}")
    return tokens.take()


def _key_of(word: str) -> SliceKey | Literal[""]:
    """Centrics and variants are words of our own and mean the same in every suite."""
    if word in CENTRICS:
        return "centric"
    return "variant" if word in VARIANTS else ""


def _bound(tokens: _Tokens, metric: Metric) -> Bound:
    op = _op(tokens, metric)
    if tokens.next.text == BASELINE and metric in SUMS:
        tokens.fail(f"{metric} is put together of two rates; hold these to the {BASELINE}: sra_u and sra_s")
    held_to_baseline = tokens.accept(BASELINE)
    percent = _margin(tokens) if held_to_baseline else _percent(tokens, f", or '{BASELINE}'")
    proof, corrected = "", False
    while tokens.next.text in ("@", CORRECTED):
        word = tokens.take()
        if (word.text == "@" and proof) or (word.text == CORRECTED and corrected):
            tokens.line.fail(word, f"'{word.text}' is said twice")
        if word.text == "@":
            proof = _proof(tokens)
            continue
        corrected = True
        if metric not in JUDGED:
            tokens.line.fail(word, f"{metric} cannot be corrected for the judge's errors; {expected('', JUDGED)}")
        if held_to_baseline:
            tokens.line.fail(
                word, "a comparison with the baseline is not corrected: the judge, and so its errors, are those of both"
            )
    return Bound(op, percent, held_to_baseline, proof, corrected)


def _op(tokens: _Tokens, metric: Metric) -> Op:
    op: Op = ">=" if metric in LARGER_IS_BETTER else "<="
    other: Op = "<=" if op == ">=" else ">="
    if tokens.next.text == other:
        better = "larger" if op == ">=" else "smaller"
        tokens.fail(f"for {metric} {better} is better, so its gate reads '{metric} {op} N%', not '{other}'")
    if not tokens.accept(op):
        early = f"; it comes after the bound: '{metric} {op} N% @95'" if tokens.next.text == "@" else ""
        tokens.fail(f"expected '{op}' or '{OFF}' after {metric}, found {tokens.found}{early}")
    return op


def _margin(tokens: _Tokens) -> str:
    """How far from the baseline, signed; "0" where nothing is said."""
    for sign in ("+", "-"):
        if tokens.accept(sign):
            percent = _percent(tokens)
            return f"-{percent}" if sign == "-" and percent != "0" else percent
    return "0"


def _percent(tokens: _Tokens, otherwise: str = "") -> str:
    if not NUMBER.fullmatch(tokens.next.text):
        near = expected(tokens.next.text, (BASELINE,)).partition("; ")[2]
        hint = f"; {near}" if otherwise and near else ""
        tokens.fail(f"expected a bound such as '5%' or '0.5%'{otherwise}, found {tokens.found}{hint}")
    number = tokens.take()
    tokens.require("%", f"after {number.text}, since a bound is a percentage")
    if Fraction(number.text) > 100:
        tokens.line.fail(number, f"{number.text}% can never be reached; a bound lies between 0% and 100%")
    return _plain(number.text)


def _proof(tokens: _Tokens) -> str:
    if not NUMBER.fullmatch(tokens.next.text) or not LEAST_PROOF < Fraction(tokens.next.text) < 100:
        tokens.fail(
            f"expected a confidence in percent after '@', more than {LEAST_PROOF} and less than 100, as in '@95', "
            f"found {tokens.found}"
        )
    number = tokens.take()
    tokens.accept("%")
    return _plain(number.text)


def _plain(number: str) -> str:
    """The number without needless zeros."""
    whole, _, decimals = number.partition(".")
    return f"{whole.lstrip('0') or '0'}.{decimals}".rstrip("0").rstrip(".") if decimals else whole.lstrip("0") or "0"
