"""The file that stored answers lie in: opening, locking, transactions, and what went wrong. What a row says is others'.

One SQLite file, shared by concurrent runs on one machine.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shlex
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from pytest_vsc.errors import StoreError, one_line

FILE = "answers.sqlite"
# "VSCa". Written into the file's header, so that no other program's database is taken for a store.
APPLICATION = 0x56534361
VERSION = 1
# How long a locked file is waited for, in seconds.
PATIENCE = 5.0
DAY = 86400

# What SQLite says of a file that is damaged, and of one that cannot be used for now: what that means, what to do.
DAMAGE = ("malformed", "not a database", "no such table", "no such column")
TROUBLES = (
    ("full", "cannot grow", "Free some space, or choose another folder"),
    ("no space", "cannot grow", "Free some space, or choose another folder"),
    ("quota", "cannot grow", "Free some space, or choose another folder"),
    ("locked", "is locked by another process", "Find out who holds it; on a network drive, choose a local folder"),
    ("readonly", "cannot be written", "Let this user write there, or choose another folder"),
    ("read-only", "cannot be written", "Let this user write there, or choose another folder"),
    ("permission", "cannot be written", "Let this user write there, or choose another folder"),
    ("i/o error", "cannot be read or written", "Look at the disk, or choose another folder"),
)

# Python's sqlite3 cannot decode a message that quotes garbage.
FAILURES = (OSError, sqlite3.Error, UnicodeDecodeError)
CREATING = threading.Lock()

Table = Literal["answers", "judgements"]
TABLES: tuple[Table, ...] = get_args(Table)

# kept and used are days since 1970-01-01 UTC. What is short stands first: it is read without the payload's pages.
SCHEMA = """
CREATE TABLE models (id INTEGER PRIMARY KEY, name TEXT NOT NULL, fingerprint TEXT NOT NULL, UNIQUE (name, fingerprint));
CREATE TABLE answers (digest BLOB NOT NULL UNIQUE, model INTEGER NOT NULL, kept INTEGER NOT NULL, used INTEGER NOT NULL,
                      checksum BLOB NOT NULL, payload BLOB NOT NULL);
CREATE TABLE judgements (digest BLOB NOT NULL UNIQUE, model INTEGER, kept INTEGER NOT NULL, used INTEGER NOT NULL,
                         checksum BLOB NOT NULL, payload BLOB NOT NULL);
"""


def each_table(sql: str) -> dict[Table, str]:
    """One statement for each table, its name in the place of TABLE."""
    return {table: sql.replace("TABLE", table) for table in TABLES}


# The first one stays: whoever asked at the same time and got another answer finds this one from then on.
INSERT = each_table("INSERT INTO TABLE VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING")


def day_of(seconds: float) -> int:
    """The day of a time in seconds since 1970-01-01 UTC, counted from that day."""
    return int(seconds // DAY)


class StoreFile:
    """The open file of one folder. Any thread may use it, one at a time; every failure is a StoreError."""

    def __init__(self, folder: Path, patience: float = PATIENCE) -> None:
        """Open `folder`'s file, or begin one. patience: seconds to wait for a locked file. Raises StoreError."""
        self.path = folder / FILE
        self._lock = threading.Lock()
        try:
            _create(self.path)
            self._connection = connect(self.path, patience)
            self._identity = _identity(self.path)
        except FAILURES as error:
            raise trouble(self.path, error) from error

    def close(self) -> None:
        """Let go of the file. Closing twice is harmless."""
        with self.using() as connection:
            connection.close()

    @contextlib.contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread at a time; what goes wrong leaves no transaction open."""
        with self._lock:
            try:
                yield self._connection
            except BaseException as error:
                with contextlib.suppress(sqlite3.Error):  # the first error is the one to tell of
                    self._connection.rollback()
                if isinstance(error, FAILURES):
                    raise trouble(self.path, error) from error
                raise

    @contextlib.contextmanager
    def writing(self, *, commit: bool = True) -> Iterator[sqlite3.Connection]:
        """The connection inside a transaction of its own, in the file that everybody else finds at this path."""
        with self.using() as connection:
            connection.execute("BEGIN IMMEDIATE")
            if _identity(self.path) != self._identity:
                raise StoreError(
                    f"{self.path}: was deleted or replaced while in use. Nothing more is stored in this run"
                )
            yield connection
            connection.execute("COMMIT" if commit else "ROLLBACK")


def connect(path: Path, patience: float, *, alone: bool = False) -> sqlite3.Connection:
    """Open a store, and set it up if it is empty. alone: refuse if anybody else has it open, and read only."""
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    try:
        connection.text_factory = bytes  # damage may have left anything there
        for guard in ("trusted_schema = OFF", "cell_size_check = ON", "synchronous = NORMAL"):
            connection.execute(f"PRAGMA {guard}")
        if alone:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            _is_ours(connection, path)
        else:
            _set_up(connection, path)
            _share_with_writers(connection, patience)
    except BaseException:
        connection.close()
        raise
    return connection


def model_number(connection: sqlite3.Connection, model: str, fingerprint: str) -> int:
    """The number that stands for a model in `answers`, given now if it has none yet."""
    names = (one_line(model), one_line(fingerprint))
    connection.execute("INSERT INTO models (name, fingerprint) VALUES (?, ?) ON CONFLICT DO NOTHING", names)
    found = connection.execute("SELECT id FROM models WHERE name = ? AND fingerprint = ?", names).fetchone()
    return int(found[0])


def checksum_of(digest: bytes, payload: bytes) -> bytes:
    """What stands beside a row's payload, 16 bytes; a row is believed only while it fits."""
    return hashlib.sha256(digest + b"\0" + payload).digest()[:16]


def companions(path: Path) -> list[Path]:
    """The files that SQLite keeps beside a database while it is in use, or after a crash."""
    return [path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal")]


def is_damage(error: BaseException | None) -> bool:
    """Whether a failure means that the file is damaged, not that it cannot be used for now."""
    said = isinstance(error, sqlite3.DatabaseError) and any(sign in str(error) for sign in DAMAGE)
    return said or _is_unspeakable(error)


def _is_unspeakable(error: BaseException | None) -> bool:
    """Whether SQLite would have quoted damaged text in its message: Python 3.10 leaves the message empty."""
    return isinstance(error, UnicodeDecodeError) or (type(error) is sqlite3.DatabaseError and not str(error))


def in_own_words(error: BaseException | None) -> str:
    """A failure in its own words."""
    if _is_unspeakable(error):
        return "malformed text"
    return one_line(error.strerror if isinstance(error, OSError) and error.strerror else error)


def trouble(path: Path, error: BaseException) -> StoreError:
    """What went wrong with a store, and what to do about it, in one line."""
    said = in_own_words(error)
    if "not a database" in said:
        what, remedy = "is damaged, or never was a store", f"`vsc cache clear {cache_option(path)}` begins anew"
    elif is_damage(error):
        what, remedy = "is damaged", f"`vsc cache verify --repair {cache_option(path)}` saves what is readable"
    else:
        meant = (known for sign, *known in TROUBLES if sign in said.lower())
        what, remedy = next(meant, ("cannot be used", "Choose another folder"))
    return StoreError(f"{path}: {what} ({said}). {remedy}")


def cache_option(path: Path) -> str:
    """How `vsc cache` is told of the store at this path."""
    return f"--cache {shlex.quote(str(path.parent))}"


def _create(path: Path) -> None:
    """Have an empty file there, which nobody but its owner can read: answers may be harmful."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise StoreError(f"{path.parent}: is not a folder. Choose another one") from None
    try:
        # Closing a file lets go of the locks that any other thread of this process has on it. With all of them waiting
        # here, none has it open yet.
        with CREATING:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if not path.is_file():
            raise StoreError(f"{path}: is not a file. Move it away, or choose another folder") from None
        if not (os.access(path, os.R_OK | os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    """See that this is a store that we know, or make an empty file one."""
    connection.execute("BEGIN")  # the marks must be of one moment
    known = _is_ours(connection, path)
    connection.execute("COMMIT")
    if known:
        return
    connection.execute("BEGIN IMMEDIATE")
    if not _is_ours(connection, path):  # another process may have been quicker
        for statement in SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _is_ours(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether it is a store; False if the file is empty. Raises StoreError for anything else."""
    names = ("application_id", "user_version", "schema_version")
    application, version, schema = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    if application == 0 and version == 0 and schema == 0:
        return False
    if application != APPLICATION:
        raise StoreError(f"{path}: is another program's database. Move it away, or choose another folder")
    if version != VERSION:
        raise StoreError(
            f"{path}: is in format {version}, this pytest-vsc knows {VERSION} only. Update it, or choose another folder"
        )
    return True


def _share_with_writers(connection: sqlite3.Connection, patience: float) -> None:
    """Have readers and a writer not wait for each other, where the file system can; elsewhere they do wait."""
    end = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            return
        except sqlite3.OperationalError:
            # Two that begin a store at once: SQLite does not wait by itself here.
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
