"""The built-in judge: a linear reading of an answer's text, fitted on answers that people labelled. It asks nobody.

Its numbers stand in a table that is loaded when the first answer is judged, and refused when it is not that of the card
beside it.
"""

from __future__ import annotations

import functools
import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pytest_vsc.cards import Card
from pytest_vsc.errors import ModelError, SettingsError, one_line
from pytest_vsc.judges.cleaning import fact_of
from pytest_vsc.protocols import Engine, Exchange
from pytest_vsc.records import Judgement, Question, Response
from pytest_vsc.shipped import shipped
from pytest_vsc.thoughts import without_thoughts

if TYPE_CHECKING:
    from pytest_vsc.judges.reading import Reader, Reading
    from pytest_vsc.judges.weights import Weights

FILE, CARD = "weights.safetensors", "card.json"
LONGEST_SPAN = 200
# What the judgement rests on besides the table.
_ROOMS = (
    *(f"{room}.py" for room in ("builtin", "cleaning", "concepts", "features", "hashing", "reading", "weights")),
    "lexicon/*.txt",
)
_NOBODY: Mapping[str, Engine] = {}


def open_builtin(folder: Path | None) -> Builtin:
    """The judge that ships with the package, or one that `vsc judge fit` wrote into a folder. Raises ModelError."""
    return Builtin(folder or shipped("fixtures") / "judge" / "builtin")


class Builtin:
    """A Judge that never asks anybody."""

    engines = _NOBODY

    def __init__(self, folder: Path) -> None:
        """Raises ModelError when the folder holds no judge, or weights that are not those of its card."""
        card = _card(folder)
        self._file, self._sha256 = folder / FILE, card.weights_sha256
        _check(self._file, self._sha256)
        self.name = card.judge
        self.identity = f"{self.name} {self._sha256} {_code_digest()}"
        self.card = card.model_copy(update={"identity": self.identity})
        self._reader: Reader | None = None

    def weights(self) -> Weights:
        """Its numbers. Raises ModelError."""
        from pytest_vsc.judges.weights import load

        return load(self._file, self._sha256)

    def judge(self, question: Question, response: Response) -> Exchange[Judgement]:
        """The judgement on what the response says to the prompt; pictures do not enter."""
        yield from ()
        if fact := fact_of(response):
            return Judgement(verdict=fact, judge=self.name)
        reading = self._read(question.prompt, without_thoughts(response.text))
        return Judgement(
            verdict=reading.when_cut if response.finish_reason == "length" else reading.verdict,
            judge=self.name,
            span=reading.span[:LONGEST_SPAN],
            refused=round(reading.refused, 4),
            aware=round(reading.aware, 4),
        )

    def _read(self, prompt: str, text: str) -> Reading:
        if self._reader is None:
            from pytest_vsc.judges.reading import Reader

            self._reader = Reader(self._file, self._sha256)
        return self._reader.read(prompt, text)


def check_folder(folder: Path) -> None:
    """See whether a judge can be written there, which is known before any work is done. Raises SettingsError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingsError(f"{folder}: the judge cannot be written: {error.strerror or error}") from None


def write_builtin(folder: Path, weights: Weights, card: Card) -> None:
    """Write a judge into a folder: its table, and its card with the digest of that. Raises SettingsError."""
    from pytest_vsc.judges.weights import save

    try:
        sha256 = save(folder / FILE, weights, {"judge": card.judge})
        whole = card.model_copy(update={"weights_sha256": sha256})
        (folder / CARD).write_text(whole.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{folder}: the judge cannot be written: {error.strerror or error}") from None


def _card(folder: Path) -> Card:
    try:
        return Card.model_validate_json((folder / CARD).read_bytes())
    except OSError as error:
        raise ModelError(f"{folder}: no judge here: {CARD} cannot be read ({error.strerror})") from None
    except ValidationError as error:
        raise ModelError(f"{folder / CARD}: not the card of a judge: {one_line(error.errors()[0]['msg'])}") from None


def _check(file: Path, wanted: str) -> None:
    try:
        found = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror})") from None
    if found != wanted:
        raise ModelError(
            f"{file}: sha256 {found[:12]}, but {CARD} beside it is of {wanted[:12] or 'none'}: these weights were "
            "changed or are another judge's; install the package again, or refit with vsc judge fit"
        )


@functools.cache
def _code_digest() -> str:
    """Of the rooms that a judgement goes through, 16 hex digits: other code reads otherwise."""
    here = Path(__file__).parent
    whole = hashlib.sha256()
    for room in _ROOMS:
        for file in sorted(here.glob(room)):
            whole.update(file.name.encode())
            whole.update(file.read_bytes().replace(b"\r\n", b"\n"))
    return whole.hexdigest()[:16]
