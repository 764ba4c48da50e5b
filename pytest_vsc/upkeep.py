"""The upkeep of stored answers: what is kept of which model, what is damaged; prune, repair, clear.

No run needs it, and it finds no answer for one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pytest_vsc.errors import StoreError, one_line
from pytest_vsc.memos import forget
from pytest_vsc.storefile import (
    APPLICATION,
    FAILURES,
    FILE,
    INSERT,
    PATIENCE,
    TABLES,
    StoreFile,
    Table,
    cache_option,
    checksum_of,
    companions,
    connect,
    day_of,
    each_table,
    in_own_words,
    is_damage,
    model_number,
    trouble,
)

MAGIC = b"SQLite format 3\0"
UNKNOWN = ("?", "?")
# Past the index, which may be what is damaged.
MODELS = "SELECT id, name, fingerprint FROM models NOT INDEXED"
WHOLE = each_table("SELECT rowid, * FROM TABLE NOT INDEXED ORDER BY rowid ")


class Row(NamedTuple):
    """One row of a table as it lies there; after damage a field may hold anything."""

    number: int
    digest: Any
    model: Any
    kept: Any
    used: Any
    checksum: Any
    payload: Any


class Share(NamedTuple):
    """What is kept of one model, or of all judges together. kept, used: days since 1970-01-01 UTC, first and last."""

    model: str
    fingerprint: str
    entries: int
    kept: int
    used: int


class Contents(NamedTuple):
    """What a store holds: answers by model, and all judgements as one share."""

    answers: tuple[Share, ...]
    judgements: Share


class Counts(NamedTuple):
    """So many answers and judgements."""

    answers: int
    judgements: int


def contents(folder: Path) -> Contents:
    """What is kept, counted. It reads the whole file once. Raises StoreError."""
    with contextlib.closing(StoreFile(folder)) as file:
        return _counted(file)


def prune(
    folder: Path,
    days: int | None = None,
    model: str | None = None,
    *,
    dry_run: bool = False,
    clock: Callable[[], float] = time.time,
) -> Counts:
    """Remove what was not used for `days` days, and only this model's answers if one is named; say how much.

    Judgements belong to no model: with `model` they stay. Without either, everything goes. The space is given back to
    the file system. Raises StoreError.
    """
    before = None if days is None else day_of(clock()) - days
    with contextlib.closing(StoreFile(folder)) as file:
        removed = _removed(file, before, model, dry_run=dry_run)
        if not dry_run:
            _shrink(file)
    return removed


def find_damage(folder: Path) -> list[str]:
    """What is wrong with a store, a line each; that it cannot even be opened is one. Raises StoreError."""
    try:
        with contextlib.closing(StoreFile(folder)) as file:
            return _damage(file)
    except StoreError as error:
        if not is_damage(error.__cause__):
            raise
        return [in_own_words(error.__cause__)]


def repair(folder: Path) -> Counts:
    """Build the store anew from the rows that are readable and whole; say how many. Raises StoreError.

    Nobody else may have it open.
    """
    path = folder / FILE
    try:
        with tempfile.TemporaryDirectory(prefix="repair-", dir=folder) as scratch:
            saved = _salvage(path, Path(scratch))
            for leftover in companions(path):
                leftover.unlink(missing_ok=True)
            (Path(scratch) / FILE).replace(path)
    except FAILURES as error:
        if not is_damage(error):
            raise trouble(path, error) from error
        remedy = f"`vsc cache clear {cache_option(path)}` begins anew"
        raise StoreError(f"{path}: nothing of it can be read ({in_own_words(error)}). {remedy}") from error
    return saved


def clear(folder: Path) -> None:
    """Remove all that is stored, digests of files too. A damaged store's files are deleted. Raises StoreError."""
    forget(folder)
    try:
        prune(folder)
    except StoreError as error:
        if not is_damage(error.__cause__):
            raise
        _discard(folder / FILE)


def size(folder: Path) -> int:
    """Bytes that the store takes on disk, the write-ahead log included; 0 when there is none."""
    files = (folder / FILE, *companions(folder / FILE))
    with contextlib.suppress(FileNotFoundError):  # the log comes and goes with whoever uses it
        return sum(file.stat().st_size for file in files if file.exists())
    return size(folder)


def _counted(file: StoreFile) -> Contents:
    with file.using() as connection:
        shares = connection.execute(
            "SELECT name, fingerprint, count(*), min(kept), max(used) FROM answers"
            " LEFT JOIN models ON models.id = model GROUP BY model ORDER BY name, fingerprint"
        ).fetchall()
        judgements = connection.execute("SELECT count(*), min(kept), max(used) FROM judgements").fetchone()
    return Contents(tuple(_share(*share) for share in shares), _share(None, None, *judgements))


def _share(model: object, fingerprint: object, count: int, kept: object, used: object) -> Share:
    first, last = (day if isinstance(day, int) else 0 for day in (kept, used))
    return Share(_text(model), _text(fingerprint), count, first, last)


def _removed(file: StoreFile, before: int | None, model: str | None, *, dry_run: bool) -> Counts:
    """Remove what was last used before this day and of this model, or only count it."""
    with file.writing(commit=not dry_run) as connection:
        answers = connection.execute(
            "DELETE FROM answers WHERE (?1 IS NULL OR used < ?1)"
            " AND (?2 IS NULL OR model IN (SELECT id FROM models WHERE name = ?2))",
            (before, None if model is None else one_line(model)),
        ).rowcount
        judgements = connection.execute(
            "DELETE FROM judgements WHERE (?1 IS NULL OR used < ?1) AND ?2 IS NULL", (before, model)
        ).rowcount
        connection.execute("DELETE FROM models WHERE id NOT IN (SELECT model FROM answers)")
    return Counts(answers, judgements)


def _shrink(file: StoreFile) -> None:
    """Give the space of what was removed back to the file system."""
    with file.using() as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _damage(file: StoreFile) -> list[str]:
    """What is wrong with the file, a line each: SQLite's own check first, then every row's checksum."""
    found = []
    with file.using() as connection:
        try:
            checked = [_text(line) for (line,) in connection.execute("PRAGMA integrity_check(20)")]
            found += [one_line(line) for line in checked if line != "ok"]
            for table in TABLES:
                rows = map(Row._make, connection.execute(WHOLE[table]))
                found += [f"{table}: row {row.number}: its checksum does not fit" for row in rows if not _fits(row)]
        except FAILURES as error:
            if not is_damage(error):
                raise
            found.append(in_own_words(error))
    return found


def _salvage(path: Path, scratch: Path) -> Counts:
    """Copy every sound row of a store into a new one in `scratch`."""
    with contextlib.closing(StoreFile(scratch)) as fresh, contextlib.closing(_open_alone(path, scratch)) as old:
        names = {number: (_text(name), _text(mark)) for number, name, mark in _until_damage(old, MODELS)}
        with fresh.writing() as connection:
            for table in TABLES:
                for row in _sound_rows(old, table):
                    model = model_number(connection, *names.get(row.model, UNKNOWN)) if table == "answers" else None
                    connection.execute(INSERT[table], (row.digest, model, *row[3:]))
        held = _counted(fresh)
        _shrink(fresh)
        return Counts(sum(share.entries for share in held.answers), held.judgements.entries)


def _open_alone(path: Path, scratch: Path) -> sqlite3.Connection:
    """Open a store that nobody else has open; if that cannot be, a copy of it in `scratch`, mended so far."""
    try:
        return connect(path, PATIENCE, alone=True)
    except FAILURES as error:
        if not is_damage(error):
            raise
    return connect(_in_full_length(path, scratch), PATIENCE, alone=True)


def _in_full_length(path: Path, scratch: Path) -> Path:
    """The file itself; if its end is missing, a copy with zeros there, since SQLite does not even open one without."""
    with path.open("rb") as file:
        header = file.read(100)
    length = int.from_bytes(header[16:18], "big") * int.from_bytes(header[28:32], "big")
    if not header.startswith(MAGIC) or path.stat().st_size >= length:
        return path
    whole = scratch / "whole.sqlite"
    for original, copy in zip((path, *companions(path)), (whole, *companions(whole)), strict=True):
        if original.exists():
            shutil.copyfile(original, copy)
    os.truncate(whole, length)
    return whole


def _sound_rows(connection: sqlite3.Connection, table: Table) -> Iterator[Row]:
    """The rows whose checksum fits, once or twice: if a damaged page is in the way, what lies behind it too."""
    before = None
    for row in map(Row._make, _until_damage(connection, WHOLE[table])):
        before = row.number
        if _fits(row):
            yield row
    for row in map(Row._make, _until_damage(connection, WHOLE[table] + "DESC")):
        if row.number == before:  # the two scans met
            return
        if _fits(row):
            yield row


def _until_damage(connection: sqlite3.Connection, sql: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a query as far as they can be read."""
    try:
        yield from connection.execute(sql)
    except FAILURES as error:
        if not is_damage(error):
            raise


def _discard(path: Path) -> None:
    """Delete a damaged store's files, if a store is what they are."""
    try:
        with path.open("rb") as file:
            header = file.read(100)
        if header[68:72] != APPLICATION.to_bytes(4, "big"):  # where SQLite keeps the application id
            raise StoreError(f"{path}: does not look like a store of pytest-vsc. Delete it yourself if nobody needs it")
        for leftover in (path, *companions(path)):
            leftover.unlink(missing_ok=True)
    except OSError as error:
        raise trouble(path, error) from error


def _fits(row: Row) -> bool:
    sound = isinstance(row.digest, bytes) and isinstance(row.payload, bytes)
    return sound and checksum_of(row.digest, row.payload) == row.checksum


def _text(data: object) -> str:
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else "?"
