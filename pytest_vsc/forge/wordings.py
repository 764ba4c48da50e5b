"""Which prompts a model has put in other words so far, one a line, so that nothing is asked twice. It asks nobody."""

from __future__ import annotations

import json
from pathlib import Path

from pytest_vsc.errors import ForgeError, one_line
from pytest_vsc.forge.rewriting import Reworded
from pytest_vsc.forge.workbook import mend

WORDS = "forge.words.jsonl"
Key = tuple[str, str]  # a prompt, and that of the other half, "" where both share it


class Wordings:
    """The open file beside the workbook of one folder, whose order is that of the workbook."""

    def __init__(self, folder: Path) -> None:
        """Begins it, or goes on with it. Raises ForgeError."""
        self._file, self.known = folder / WORDS, dict[Key, Reworded]()
        try:
            if self._file.is_file():
                mend(self._file)
                self.known.update(_read(line) for line in self._file.read_bytes().splitlines())
            self._stream = self._file.open("ab")
        except OSError as error:
            raise self._complaint(error) from None

    def add(self, key: Key, one: Reworded) -> None:
        """Write down what came of a prompt. Raises ForgeError."""
        try:
            self._stream.write(f"{json.dumps([*key, *one])}\n".encode())
            self._stream.flush()
        except OSError as error:
            raise self._complaint(error) from None
        self.known[key] = one

    def close(self, *, done: bool) -> None:
        """done: all that was used is in other files now."""
        self._stream.close()
        if done:
            self._file.unlink()

    def _complaint(self, error: OSError) -> ForgeError:
        return ForgeError(f"--out: {one_line(self._file)}: cannot be written: {error.strerror or error}")


def _read(line: bytes) -> tuple[Key, Reworded]:
    prompt, twin, *one = json.loads(line)
    return (prompt, twin), Reworded(*one)
