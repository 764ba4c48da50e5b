"""Answers and judgements kept during a run and found again in later ones. How a digest is made is not its matter.

A row is believed only while its checksum fits; any other is absent, never an answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar, get_args

import platformdirs

from pytest_vsc.errors import EngineError, StoreError, expected
from pytest_vsc.records import VERDICTS, FinishReason, Judgement, Question, Response
from pytest_vsc.storefile import (
    INSERT,
    PATIENCE,
    TABLES,
    StoreFile,
    Table,
    checksum_of,
    day_of,
    each_table,
    model_number,
)

# Digests to a query; SQLite before 3.32 takes 999 parameters.
CHUNK = 256
FINISH_REASONS: tuple[FinishReason, ...] = get_args(FinishReason)

T = TypeVar("T")

SELECT = each_table("SELECT digest, checksum, payload, used FROM TABLE WHERE digest ")
DELETE = each_table("DELETE FROM TABLE WHERE digest = ?")
TOUCH = each_table("UPDATE TABLE SET used = ?1 WHERE digest = ?2 AND used < ?1")


def default_folder() -> Path:
    """The user's own cache folder for this tool; it need not exist yet."""
    return platformdirs.user_cache_path("pytest-vsc", appauthor=False)


def judgement_digest(judge: str, question: Question, response: Response) -> str:
    """sha256 (hex) of all that can change a judgement: the judge's identity, what was asked, the text and why it ended.

    Raises EngineError for a picture that cannot be read.
    """
    whole = hashlib.sha256()
    try:
        pictures = "".join(picture.digest() for picture in question.images)
    except OSError as error:
        raise EngineError(f"picture cannot be read: {error.strerror or error}") from error
    thought = [response.thought] if response.thought else []
    for part in (judge, question.prompt, pictures, response.text, response.finish_reason, *thought):
        data = _bytes(part)
        whole.update(b"%d:%b" % (len(data), data))
    return whole.hexdigest()


class Store:
    """The store in one folder. Any thread may call it; every failure is a StoreError."""

    def __init__(self, folder: Path, *, patience: float = PATIENCE, clock: Callable[[], float] = time.time) -> None:
        """Open `folder`'s store, or begin one. patience: seconds to wait for a locked file. Raises StoreError."""
        self._file = StoreFile(folder, patience)
        self.path = self._file.path
        self._clock = clock
        # Days of last use are written once, at the end: a read must not cost a write.
        self._used: dict[Table, set[bytes]] = {table: set() for table in TABLES}
        self._damaged: dict[Table, set[bytes]] = {table: set() for table in TABLES}

    def answers(self, digests: Sequence[str]) -> dict[str, Response]:
        """Those of the answers that are there and undamaged, by digest."""
        return self._read("answers", digests, _response)

    def keep(self, model: str, fingerprint: str, answers: Mapping[str, Response]) -> None:
        """Store answers of one model, all or none. Once it returns, no death of this process loses them.

        A digest that is there already keeps its answer, unless that is damaged.
        """
        packed = {_bytes(digest): _packed_response(self.path, response) for digest, response in answers.items()}
        with self._minding(self._file.writing()) as connection:
            self._insert(connection, "answers", packed, model_number(connection, model, fingerprint))

    def judgement(self, digest: str) -> Judgement | None:
        """The judgement of this `judgement_digest`, if it is there and undamaged."""
        return self._read("judgements", [digest], _judgement).get(digest)

    def keep_judgements(self, judgements: Mapping[str, Judgement]) -> None:
        """Store judgements, all or none."""
        packed = {_bytes(digest): _packed_judgement(self.path, one) for digest, one in judgements.items()}
        with self._minding(self._file.writing()) as connection:
            self._insert(connection, "judgements", packed, None)

    def close(self) -> None:
        """Write down what was used, and let go of the file. Closing twice is harmless."""
        try:
            if any(self._used.values()):
                self._touch()
        finally:
            self._file.close()

    def _read(self, table: Table, digests: Sequence[str], unpack: Callable[[bytes], T]) -> dict[str, T]:
        found = {}
        today, old, damaged = self._today(), self._used[table], self._damaged[table]
        for start in range(0, len(digests), CHUNK):
            wanted = {_bytes(digest): digest for digest in digests[start : start + CHUNK]}
            marks = ",".join("?" * len(wanted))
            with self._minding(self._file.using()) as connection:
                rows = connection.execute(f"{SELECT[table]} IN ({marks})", tuple(wanted)).fetchall()
                for digest, checksum, payload, used in rows:
                    value = _unpacked(unpack, digest, checksum, payload)
                    if value is None:
                        damaged.add(digest)
                        continue
                    found[wanted[digest]] = value
                    if used != today:
                        old.add(digest)
        return found

    def _insert(
        self, connection: sqlite3.Connection, table: Table, packed: Mapping[bytes, bytes], model: int | None
    ) -> None:
        """Store packed values; a row that was seen to be damaged, and still is, makes room for the new one."""
        for digest in self._damaged[table] & packed.keys():
            row = connection.execute(f"{SELECT[table]} = ?", (digest,)).fetchone()
            if row is not None and row[1] != checksum_of(digest, row[2]):
                connection.execute(DELETE[table], (digest,))
        self._damaged[table] -= packed.keys()
        today = self._today()
        rows = [(digest, model, today, today, checksum_of(digest, data), data) for digest, data in packed.items()]
        connection.executemany(INSERT[table], rows)

    def _touch(self) -> None:
        used, self._used = self._used, {table: set() for table in TABLES}
        today = self._today()
        with self._minding(self._file.writing()) as connection:
            for table, digests in used.items():
                connection.executemany(TOUCH[table], [(today, digest) for digest in digests])

    def _today(self) -> int:
        return day_of(self._clock())

    @contextlib.contextmanager
    def _minding(self, connecting: AbstractContextManager[sqlite3.Connection]) -> Iterator[sqlite3.Connection]:
        """The connection; after a failure of the file, what was used is not written down: closing must not fail too."""
        try:
            with connecting as connection:
                yield connection
        except StoreError as error:
            if error.__cause__ is not None:
                self._used = {table: set() for table in TABLES}
            raise


def _bytes(text: str) -> bytes:
    """UTF-8 of any text that Python can hold: models also emit halves of surrogate pairs."""
    return text.encode("utf-8", "surrogatepass")


def _unpacked(unpack: Callable[[bytes], T], digest: bytes, checksum: object, payload: object) -> T | None:
    """The value of a row, None if it is damaged."""
    if not isinstance(payload, bytes) or checksum_of(digest, payload) != checksum:
        return None
    try:
        return unpack(payload)
    except ValueError:  # whole, but of another make than ours
        return None


def _packed_response(path: Path, response: Response) -> bytes:
    """One line with how it ended, then the text as it is, and behind it the thoughts, whose length that line tells."""
    reason = response.finish_reason
    if reason not in FINISH_REASONS:
        raise StoreError(f"{path}: not stored: unknown finish reason {reason!r}; {expected(reason, FINISH_REASONS)}")
    numbers = (response.tokens, response.seconds, response.prompt_tokens)
    tokens, seconds, prompt = ("-" if number is None else repr(number) for number in numbers)
    thought = _bytes(response.thought)
    return f"{reason} {tokens} {seconds} {prompt} {len(thought)}\n".encode() + _bytes(response.text) + thought


def _response(payload: bytes) -> Response:
    head, _, said = payload.partition(b"\n")
    reason, tokens, seconds, *later = head.split(b" ")
    prompt, thought = later or (b"-", b"0")  # neither was told once
    end = len(said) - int(thought)
    return Response(
        text=said[:end].decode("utf-8", "surrogatepass"),
        thought=said[end:].decode("utf-8", "surrogatepass"),
        finish_reason=reason.decode(),  # checked as the value is made
        tokens=None if tokens == b"-" else int(tokens),
        prompt_tokens=None if prompt == b"-" else int(prompt),
        seconds=None if seconds == b"-" else float(seconds),
    )


def _packed_judgement(path: Path, judgement: Judgement) -> bytes:
    """ASCII JSON of what is not as it is by default: any text goes through it, lone surrogates too."""
    if judgement.verdict not in VERDICTS:
        raise StoreError(f"{path}: not stored: unknown verdict; {expected(judgement.verdict, VERDICTS)}")
    return json.dumps(judgement.model_dump(exclude_defaults=True)).encode()


def _judgement(payload: bytes) -> Judgement:
    return Judgement.model_validate(json.loads(payload))
