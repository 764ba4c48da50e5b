"""Answers and judgements on disk: one SQLite file that concurrent runs share. How a digest is made is not its matter.

A row is believed only while its checksum fits; any other is absent, never an answer.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shlex
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, get_args

import platformdirs

from pytest_vsc.errors import StoreError, expected, one_line
from pytest_vsc.records import VERDICTS, FinishReason, Judgement, Response

FILE = "answers.sqlite"
# "VSCa". Written into the file's header, so that no other program's database is taken for a store.
APPLICATION = 0x56534361
VERSION = 1
MAGIC = b"SQLite format 3\0"
# How long a locked file is waited for, in seconds.
PATIENCE = 5.0
# Digests to a query; SQLite before 3.32 takes 999 parameters.
CHUNK = 256
DAY = 86400
FINISH_REASONS: tuple[FinishReason, ...] = get_args(FinishReason)
UNKNOWN = ("?", "?")

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
T = TypeVar("T")

# kept and used are days since 1970-01-01 UTC. What is short stands first: it is read without the payload's pages.
SCHEMA = """
CREATE TABLE models (id INTEGER PRIMARY KEY, name TEXT NOT NULL, fingerprint TEXT NOT NULL, UNIQUE (name, fingerprint));
CREATE TABLE answers (digest BLOB NOT NULL UNIQUE, model INTEGER NOT NULL, kept INTEGER NOT NULL, used INTEGER NOT NULL,
                      checksum BLOB NOT NULL, payload BLOB NOT NULL);
CREATE TABLE judgements (digest BLOB NOT NULL UNIQUE, model INTEGER, kept INTEGER NOT NULL, used INTEGER NOT NULL,
                         checksum BLOB NOT NULL, payload BLOB NOT NULL);
"""
TABLES: tuple[Table, ...] = get_args(Table)


def _each(sql: str) -> dict[Table, str]:
    return {table: sql.replace("TABLE", table) for table in TABLES}


SELECT = _each("SELECT digest, checksum, payload, used FROM TABLE WHERE digest ")
# The first one stays: whoever asked at the same time and got another answer finds this one from then on.
INSERT = _each("INSERT INTO TABLE VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING")
DELETE = _each("DELETE FROM TABLE WHERE digest = ?")
TOUCH = _each("UPDATE TABLE SET used = ?1 WHERE digest = ?2 AND used < ?1")
# Past the index, which may be what is damaged.
MODELS = "SELECT id, name, fingerprint FROM models NOT INDEXED"
WHOLE = _each("SELECT rowid, * FROM TABLE NOT INDEXED ORDER BY rowid ")


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


def default_folder() -> Path:
    """The user's own cache folder for this tool; it need not exist yet."""
    return platformdirs.user_cache_path("pytest-vsc", appauthor=False)


def judgement_digest(judge: str, prompt: str, response: Response) -> str:
    """sha256 (hex) of all that can change a judgement: the judge's identity, the prompt, the text and why it ended."""
    whole = hashlib.sha256()
    for part in (judge, prompt, response.text, response.finish_reason):
        data = _bytes(part)
        whole.update(b"%d:%b" % (len(data), data))
    return whole.hexdigest()


class Store:
    """The store in one folder. Any thread may call it; every failure is a StoreError."""

    def __init__(self, folder: Path, *, patience: float = PATIENCE, clock: Callable[[], float] = time.time) -> None:
        """Open `folder`'s store, or begin one. patience: seconds to wait for a locked file. Raises StoreError."""
        self.path = folder / FILE
        self._clock = clock
        self._lock = threading.Lock()
        # Days of last use are written once, at the end: a read must not cost a write.
        self._used: dict[Table, set[bytes]] = {table: set() for table in TABLES}
        self._damaged: dict[Table, set[bytes]] = {table: set() for table in TABLES}
        try:
            _create(self.path)
            self._connection = _connect(self.path, patience)
            self._identity = _identity(self.path)
        except FAILURES as error:
            raise _trouble(self.path, error) from error

    def answers(self, digests: Sequence[str]) -> dict[str, Response]:
        """Those of the answers that are there and undamaged, by digest."""
        return self._read("answers", digests, _response)

    def keep(self, model: str, fingerprint: str, answers: Mapping[str, Response]) -> None:
        """Store answers of one model, all or none. Once it returns, no death of this process loses them.

        A digest that is there already keeps its answer, unless that is damaged.
        """
        packed = {_bytes(digest): _packed_response(self.path, response) for digest, response in answers.items()}
        with self._writing() as connection:
            self._insert(connection, "answers", packed, _model_number(connection, model, fingerprint))

    def judgement(self, digest: str) -> Judgement | None:
        """The judgement of this `judgement_digest`, if it is there and undamaged."""
        return self._read("judgements", [digest], _judgement).get(digest)

    def keep_judgement(self, digest: str, judgement: Judgement) -> None:
        """Store one judgement, as `keep` does an answer."""
        self.keep_judgements({digest: judgement})

    def keep_judgements(self, judgements: Mapping[str, Judgement]) -> None:
        """Store judgements, all or none."""
        packed = {_bytes(digest): _packed_judgement(self.path, one) for digest, one in judgements.items()}
        with self._writing() as connection:
            self._insert(connection, "judgements", packed, None)

    def close(self) -> None:
        """Write down what was used, and let go of the file. Closing twice is harmless."""
        try:
            if any(self._used.values()):
                self._touch()
        finally:
            with self._using() as connection:
                connection.close()

    def contents(self) -> Contents:
        """What is kept, counted. It reads the whole file once."""
        with self._using() as connection:
            shares = connection.execute(
                "SELECT name, fingerprint, count(*), min(kept), max(used) FROM answers"
                " LEFT JOIN models ON models.id = model GROUP BY model ORDER BY name, fingerprint"
            ).fetchall()
            judgements = connection.execute("SELECT count(*), min(kept), max(used) FROM judgements").fetchone()
        return Contents(tuple(_share(*share) for share in shares), _share(None, None, *judgements))

    def prune(self, days: int | None = None, model: str | None = None, *, dry_run: bool = False) -> Counts:
        """Remove what was not used for `days` days, and only this model's answers if one is named; say how much.

        Judgements belong to no model: with `model` they stay. Without either, everything goes.
        """
        before = None if days is None else self._today() - days
        with self._writing(commit=not dry_run) as connection:
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

    def shrink(self) -> None:
        """Give the space of what was removed back to the file system."""
        with self._using() as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def damage(self) -> list[str]:
        """What is wrong with the file, a line each: SQLite's own check first, then every row's checksum."""
        found = []
        with self._using() as connection:
            try:
                checked = [_text(line) for (line,) in connection.execute("PRAGMA integrity_check(20)")]
                found += [one_line(line) for line in checked if line != "ok"]
                for table in TABLES:
                    rows = map(Row._make, connection.execute(WHOLE[table]))
                    found += [f"{table}: row {row.number}: its checksum does not fit" for row in rows if not _fits(row)]
            except FAILURES as error:
                if not _is_damage(error):
                    raise
                found.append(_said(error))
        return found

    def _read(self, table: Table, digests: Sequence[str], unpack: Callable[[bytes], T]) -> dict[str, T]:
        found = {}
        today, old, damaged = self._today(), self._used[table], self._damaged[table]
        for start in range(0, len(digests), CHUNK):
            wanted = {_bytes(digest): digest for digest in digests[start : start + CHUNK]}
            marks = ",".join("?" * len(wanted))
            with self._using() as connection:
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
            if row is not None and row[1] != _checksum(digest, row[2]):
                connection.execute(DELETE[table], (digest,))
        self._damaged[table] -= packed.keys()
        today = self._today()
        rows = [(digest, model, today, today, _checksum(digest, data), data) for digest, data in packed.items()]
        connection.executemany(INSERT[table], rows)

    def _touch(self) -> None:
        used, self._used = self._used, {table: set() for table in TABLES}
        today = self._today()
        with self._writing() as connection:
            for table, digests in used.items():
                connection.executemany(TOUCH[table], [(today, digest) for digest in digests])

    def _today(self) -> int:
        return int(self._clock() // DAY)

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread at a time; what goes wrong leaves no transaction open."""
        with self._lock:
            try:
                yield self._connection
            except BaseException as error:
                with contextlib.suppress(sqlite3.Error):  # the first error is the one to tell of
                    self._connection.rollback()
                if isinstance(error, FAILURES):
                    self._used = {table: set() for table in TABLES}  # closing must not run into the same again
                    raise _trouble(self.path, error) from error
                raise

    @contextlib.contextmanager
    def _writing(self, *, commit: bool = True) -> Iterator[sqlite3.Connection]:
        """The connection inside a transaction of its own, in the file that everybody else finds at this path."""
        with self._using() as connection:
            connection.execute("BEGIN IMMEDIATE")
            if _identity(self.path) != self._identity:
                raise StoreError(
                    f"{self.path}: was deleted or replaced while in use. Nothing more is stored in this run"
                )
            yield connection
            connection.execute("COMMIT" if commit else "ROLLBACK")


def find_damage(folder: Path) -> list[str]:
    """What is wrong with a store, a line each; that it cannot even be opened is one. Raises StoreError."""
    try:
        with contextlib.closing(Store(folder)) as store:
            return store.damage()
    except StoreError as error:
        if not _is_damage(error.__cause__):
            raise
        return [_said(error.__cause__)]


def repair(folder: Path) -> Counts:
    """Build the store anew from the rows that are readable and whole; say how many. Raises StoreError.

    Nobody else may have it open.
    """
    path = folder / FILE
    try:
        with tempfile.TemporaryDirectory(prefix="repair-", dir=folder) as scratch:
            saved = _salvage(path, Path(scratch))
            for leftover in _companions(path):
                leftover.unlink(missing_ok=True)
            (Path(scratch) / FILE).replace(path)
    except FAILURES as error:
        if not _is_damage(error):
            raise _trouble(path, error) from error
        raise StoreError(
            f"{path}: nothing of it can be read ({_said(error)}). `vsc cache clear {_option(path)}` begins anew"
        ) from error
    return saved


def clear(folder: Path) -> None:
    """Remove everything that is stored. A damaged store's files are deleted. Raises StoreError."""
    try:
        with contextlib.closing(Store(folder)) as store:
            store.prune()
            store.shrink()
    except StoreError as error:
        if not _is_damage(error.__cause__):
            raise
        _discard(folder / FILE)


def size(folder: Path) -> int:
    """Bytes that the store takes on disk, the write-ahead log included; 0 when there is none."""
    files = (folder / FILE, *_companions(folder / FILE))
    with contextlib.suppress(FileNotFoundError):  # the log comes and goes with whoever uses it
        return sum(file.stat().st_size for file in files if file.exists())
    return size(folder)


def _discard(path: Path) -> None:
    """Delete a damaged store's files, if a store is what they are."""
    try:
        with path.open("rb") as file:
            header = file.read(100)
        if header[68:72] != APPLICATION.to_bytes(4, "big"):  # where SQLite keeps the application id
            raise StoreError(f"{path}: does not look like a store of pytest-vsc. Delete it yourself if nobody needs it")
        for leftover in (path, *_companions(path)):
            leftover.unlink(missing_ok=True)
    except OSError as error:
        raise _trouble(path, error) from error


def _open_alone(path: Path, scratch: Path) -> sqlite3.Connection:
    """Open a store that nobody else has open; if that cannot be, a copy of it in `scratch`, mended so far."""
    try:
        return _connect(path, PATIENCE, alone=True)
    except FAILURES as error:
        if not _is_damage(error):
            raise
    return _connect(_in_full_length(path, scratch), PATIENCE, alone=True)


def _in_full_length(path: Path, scratch: Path) -> Path:
    """The file itself; if its end is missing, a copy with zeros there, since SQLite does not even open one without."""
    with path.open("rb") as file:
        header = file.read(100)
    length = int.from_bytes(header[16:18], "big") * int.from_bytes(header[28:32], "big")
    if not header.startswith(MAGIC) or path.stat().st_size >= length:
        return path
    whole = scratch / "whole.sqlite"
    for original, copy in zip((path, *_companions(path)), (whole, *_companions(whole)), strict=True):
        if original.exists():
            shutil.copyfile(original, copy)
    os.truncate(whole, length)
    return whole


def _salvage(path: Path, scratch: Path) -> Counts:
    """Copy every sound row of a store into a new one in `scratch`."""
    with contextlib.closing(Store(scratch)) as fresh, contextlib.closing(_open_alone(path, scratch)) as old:
        names = {number: (_text(name), _text(mark)) for number, name, mark in _until_damage(old, MODELS)}
        with fresh._writing() as connection:
            for table in TABLES:
                for row in _sound_rows(old, table):
                    model = _model_number(connection, *names.get(row.model, UNKNOWN)) if table == "answers" else None
                    connection.execute(INSERT[table], (row.digest, model, *row[3:]))
        held = fresh.contents()
        fresh.shrink()
        return Counts(sum(share.entries for share in held.answers), held.judgements.entries)


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
        if not _is_damage(error):
            raise


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


def _connect(path: Path, patience: float, *, alone: bool = False) -> sqlite3.Connection:
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


def _model_number(connection: sqlite3.Connection, model: str, fingerprint: str) -> int:
    names = (one_line(model), one_line(fingerprint))
    connection.execute("INSERT INTO models (name, fingerprint) VALUES (?, ?) ON CONFLICT DO NOTHING", names)
    found = connection.execute("SELECT id FROM models WHERE name = ? AND fingerprint = ?", names).fetchone()
    return int(found[0])


def _share(model: object, fingerprint: object, count: int, kept: object, used: object) -> Share:
    first, last = (day if isinstance(day, int) else 0 for day in (kept, used))
    return Share(_text(model), _text(fingerprint), count, first, last)


def _bytes(text: str) -> bytes:
    """UTF-8 of any text that Python can hold: models also emit halves of surrogate pairs."""
    return text.encode("utf-8", "surrogatepass")


def _text(data: object) -> str:
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else "?"


def _checksum(digest: bytes, payload: bytes) -> bytes:
    return hashlib.sha256(digest + b"\0" + payload).digest()[:16]


def _fits(row: Row) -> bool:
    sound = isinstance(row.digest, bytes) and isinstance(row.payload, bytes)
    return sound and _checksum(row.digest, row.payload) == row.checksum


def _unpacked(unpack: Callable[[bytes], T], digest: bytes, checksum: object, payload: object) -> T | None:
    """The value of a row, None if it is damaged."""
    if not isinstance(payload, bytes) or _checksum(digest, payload) != checksum:
        return None
    try:
        return unpack(payload)
    except ValueError:  # whole, but of another make than ours
        return None


def _packed_response(path: Path, response: Response) -> bytes:
    """One line with how it ended, then the text as it is."""
    reason = response.finish_reason
    if reason not in FINISH_REASONS:
        raise StoreError(f"{path}: not stored: unknown finish reason {reason!r}; {expected(reason, FINISH_REASONS)}")
    tokens = "-" if response.tokens is None else response.tokens
    seconds = "-" if response.seconds is None else repr(response.seconds)
    return f"{reason} {tokens} {seconds}\n".encode() + _bytes(response.text)


def _response(payload: bytes) -> Response:
    head, _, text = payload.partition(b"\n")
    reason, tokens, seconds = head.split(b" ")
    return Response(
        text=text.decode("utf-8", "surrogatepass"),
        finish_reason=reason.decode(),  # checked as the value is made
        tokens=None if tokens == b"-" else int(tokens),
        seconds=None if seconds == b"-" else float(seconds),
    )


def _packed_judgement(path: Path, judgement: Judgement) -> bytes:
    """One line with the verdict and the length of the judge's name, then that name and the span."""
    if judgement.verdict not in VERDICTS:
        raise StoreError(f"{path}: not stored: unknown verdict; {expected(judgement.verdict, VERDICTS)}")
    judge = _bytes(judgement.judge)
    return f"{judgement.verdict} {len(judge)}\n".encode() + judge + _bytes(judgement.span)


def _judgement(payload: bytes) -> Judgement:
    head, _, rest = payload.partition(b"\n")
    verdict, length = head.split(b" ")
    judge, span = rest[: int(length)], rest[int(length) :]
    return Judgement(
        verdict=verdict.decode(),  # checked as the value is made
        judge=judge.decode("utf-8", "surrogatepass"),
        span=span.decode("utf-8", "surrogatepass"),
    )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _companions(path: Path) -> list[Path]:
    """The files that SQLite keeps beside a database while it is in use, or after a crash."""
    return [path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal")]


def _is_damage(error: BaseException | None) -> bool:
    said = isinstance(error, sqlite3.DatabaseError) and any(sign in str(error) for sign in DAMAGE)
    return said or isinstance(error, UnicodeDecodeError)


def _said(error: BaseException | None) -> str:
    """A failure in its own words."""
    if isinstance(error, UnicodeDecodeError):
        return "malformed text"
    return one_line(error.strerror if isinstance(error, OSError) and error.strerror else error)


def _trouble(path: Path, error: BaseException) -> StoreError:
    """What went wrong with a store, and what to do about it, in one line."""
    said = _said(error)
    if "not a database" in said:
        what, remedy = "is damaged, or never was a store", f"`vsc cache clear {_option(path)}` begins anew"
    elif _is_damage(error):
        what, remedy = "is damaged", f"`vsc cache verify --repair {_option(path)}` saves what is readable"
    else:
        meant = (known for sign, *known in TROUBLES if sign in said.lower())
        what, remedy = next(meant, ("cannot be used", "Choose another folder"))
    return StoreError(f"{path}: {what} ({said}). {remedy}")


def _option(path: Path) -> str:
    return f"--cache {shlex.quote(str(path.parent))}"
