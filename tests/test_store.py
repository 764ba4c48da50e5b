"""The store: what comes out is what went in or nothing, whatever becomes of the file, its disk and its writers."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import shlex
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc import store as store_module
from pytest_vsc.errors import StoreError
from pytest_vsc.records import FinishReason, Judgement, Response
from pytest_vsc.store import (
    DAY,
    FILE,
    Counts,
    Store,
    clear,
    default_folder,
    find_damage,
    judgement_digest,
    repair,
    size,
)

KEYS = [f"{number:064x}" for number in range(400)]
REFUSED = Judgement(verdict="REFUSED", judge="builtin 1", span="I can't")


def answer(key: str) -> Response:
    return Response(text=f"The answer to {key}. " * 4, tokens=31, seconds=0.1 + 0.2)


ANSWERS = {key: answer(key) for key in KEYS}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with contextlib.closing(Store(folder)) as opened:
        yield opened


@pytest.fixture
def filled(folder: Path) -> Path:
    """A folder with a store of 400 answers and one judgement, which nobody has open."""
    with contextlib.closing(Store(folder)) as opened:
        opened.keep("qwen", "f" * 64, ANSWERS)
        opened.keep_judgement("j", REFUSED)
    return folder


def read(folder: Path) -> dict[str, Response]:
    with contextlib.closing(Store(folder)) as opened:
        return opened.answers(KEYS)


def patch(folder: Path, place: int, data: bytes) -> None:
    with (folder / FILE).open("r+b") as file:
        file.seek(place)
        file.write(data)


def sql(folder: Path, statement: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(folder / FILE)) as connection, connection:
        return connection.execute(statement).fetchall()


def option(folder: Path) -> str:
    return f"--cache {shlex.quote(str(folder))}"


# What goes in comes out


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "a\0b\0",
        "line\nline\r\n",
        "\U0001f600 \u4f60\u597d",
        "\ud800",
        "\ud83d\ude00 as two halves",
        "x" * 300_000,
    ],
)
@pytest.mark.parametrize(("tokens", "seconds"), [(None, None), (0, 0.0), (12, 0.1 + 0.2), (1, float("inf"))])
def test_an_answer_comes_back_as_it_went_in(folder: Path, text: str, tokens: int | None, seconds: float | None) -> None:
    given = Response(text=text, finish_reason="length", tokens=tokens, seconds=seconds)
    with contextlib.closing(Store(folder)) as opened:
        opened.keep("m", "f", {"d": given})
        assert opened.answers(["d"]) == {"d": given}
    with contextlib.closing(Store(folder)) as again:
        assert again.answers(["d"]) == {"d": given}


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
def test_a_finish_reason_is_kept(store: Store, reason: FinishReason) -> None:
    store.keep("m", "f", {"d": Response(text="t", finish_reason=reason)})
    assert store.answers(["d"])["d"].finish_reason == reason


def test_what_is_no_answer_is_not_stored(store: Store) -> None:
    failed = Response.model_construct(text="", finish_reason="error")  # type: ignore[arg-type]  # a broken engine
    with pytest.raises(StoreError) as raised:
        store.keep("m", "f", {"good": answer("good"), "bad": failed})
    assert str(raised.value) == (
        f"{store.path}: not stored: unknown finish reason 'error'; expected one of content_filter, length, stop"
    )
    assert store.answers(["good", "bad"]) == {}


@pytest.mark.parametrize(
    "given",
    [
        REFUSED,
        Judgement(verdict="ERROR", judge=""),
        Judgement(verdict="HEDGED", judge="a\n7 \ud800", span="\0\n\U0001f600"),
    ],
)
def test_a_judgement_comes_back_as_it_went_in(store: Store, given: Judgement) -> None:
    assert store.judgement("d") is None
    store.keep_judgement("d", given)
    assert store.judgement("d") == given


def test_only_what_is_there_is_found(store: Store) -> None:
    store.keep("m", "f", {key: ANSWERS[key] for key in KEYS[::2]})
    assert store.answers(KEYS) == {key: ANSWERS[key] for key in KEYS[::2]}
    assert store.answers([]) == {}
    assert store.answers([KEYS[0], KEYS[0], "?"]) == {KEYS[0]: ANSWERS[KEYS[0]]}


def test_the_first_answer_stays(store: Store) -> None:
    store.keep("m", "f", {"d": Response(text="first")})
    store.keep("m", "f", {"d": Response(text="second"), "e": Response(text="third")})
    assert [one.text for one in store.answers(["d", "e"]).values()] == ["first", "third"]
    store.keep_judgement("d", REFUSED)
    store.keep_judgement("d", Judgement(verdict="ANSWERED", judge="other"))
    assert store.judgement("d") == REFUSED


def test_a_judgements_digest_knows_all_that_can_change_it() -> None:
    said = Response(text="text")
    others = [
        judgement_digest("judge", "prompt", said),
        judgement_digest("judge 2", "prompt", said),
        judgement_digest("judge", "prompt 2", said),
        judgement_digest("judge", "prompt", Response(text="text 2")),
        judgement_digest("judge", "prompt", Response(text="text", finish_reason="length")),
        judgement_digest("judgep", "rompt", said),
        judgement_digest("judge", "prompt", Response(text="\ud83d\ude00")),
        judgement_digest("judge", "prompt", Response(text="\U0001f600")),
    ]
    assert len(set(others)) == len(others)
    assert judgement_digest("judge", "prompt", Response(text="text", tokens=9, seconds=9.0)) == others[0]


def test_nobody_else_can_read_it(store: Store) -> None:
    store.keep("m", "f", ANSWERS)
    files = sorted(store.path.parent.iterdir())
    assert [file.name for file in files] == [FILE, f"{FILE}-shm", f"{FILE}-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


def test_the_default_folder_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert default_folder().name == "pytest-vsc"
    assert default_folder().is_relative_to(tmp_path)


def test_many_threads_may_call_it(store: Store) -> None:
    def work(number: int) -> bool:
        mine = {f"{number} {key}": ANSWERS[key] for key in KEYS[:20]}
        for key, value in mine.items():
            store.keep("m", "f", {key: value})
        return store.answers([*mine]) == mine

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_closing_twice_is_harmless_and_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError) as raised:
        store.answers(["d"])
    assert str(raised.value) == (
        f"{store.path}: cannot be used (Cannot operate on a closed database.). Choose another folder"
    )


# Days, sizes, pruning


def test_reading_writes_nothing_until_the_end(folder: Path) -> None:
    with contextlib.closing(Store(folder, clock=lambda: 10.5 * DAY)) as first:
        first.keep("m", "f", {"old": answer("old"), "used": answer("used")})
        first.keep_judgement("used", REFUSED)
    later = Store(folder, clock=lambda: 40.5 * DAY)
    assert later.answers(["used"])
    assert later.judgement("used")
    assert later._connection.total_changes == 0
    later.close()
    with contextlib.closing(Store(folder, clock=lambda: 39.5 * DAY)) as earlier:  # a clock that was set back
        assert earlier.answers(["used"])
    assert sql(folder, "SELECT CAST(digest AS TEXT), kept, used FROM answers ORDER BY digest") == [
        ("old", 10, 10),
        ("used", 10, 40),
    ]
    assert sql(folder, "SELECT kept, used FROM judgements") == [(10, 40)]


def test_contents_are_counted_by_model(folder: Path) -> None:
    with contextlib.closing(Store(folder, clock=lambda: 3.0 * DAY)) as opened:
        opened.keep("b\x1b[2J\ud800", "f2", {"1": answer("1")})
        opened.keep("a", "f1", {"2": answer("2")})
        opened.keep_judgement("x", REFUSED)
    with contextlib.closing(Store(folder, clock=lambda: 9.0 * DAY)) as opened:
        opened.keep("a", "f1", {"3": answer("3")})
        held = opened.contents()
    assert held.answers == (("a", "f1", 2, 3, 9), ("b [2J", "f2", 1, 3, 3))
    assert held.judgements[2:] == (1, 3, 3)


def test_what_was_long_unused_is_pruned_to_the_day(folder: Path) -> None:
    for day in (10, 11):
        with contextlib.closing(Store(folder, clock=lambda day=day: (day + 0.9) * DAY)) as opened:  # type: ignore[misc]
            opened.keep("m", "f", {f"{day}": answer("t")})
            opened.keep_judgement(f"{day}", REFUSED)
    with contextlib.closing(Store(folder, clock=lambda: 41.0 * DAY)) as opened:
        assert opened.prune(30, dry_run=True) == Counts(1, 1)
        assert opened.prune(31) == Counts(0, 0)
        assert opened.prune(30) == Counts(1, 1)
        assert [*opened.answers(["10", "11"])] == ["11"]
        assert (opened.judgement("10"), opened.judgement("11")) == (None, REFUSED)


def test_one_models_answers_are_pruned_and_their_space_given_back(folder: Path) -> None:
    with contextlib.closing(Store(folder)) as opened:
        opened.keep("big", "f", {key: Response(text="x" * 5000) for key in KEYS})
        opened.keep("small", "f", {"d": answer("d")})
        opened.keep_judgement("j", REFUSED)
    before = size(folder)
    with contextlib.closing(Store(folder)) as opened:
        assert opened.prune(model="big", dry_run=True) == Counts(400, 0)
        assert len(opened.answers(KEYS)) == 400
        assert opened.prune(model="big") == Counts(400, 0)
        opened.shrink()
        assert [share.model for share in opened.contents().answers] == ["small"]
        assert opened.judgement("j") == REFUSED
        assert size(folder) < before / 20


def test_clearing_leaves_nothing_and_a_run_that_has_it_open_goes_on(filled: Path) -> None:
    with contextlib.closing(Store(filled)) as running:
        clear(filled)
        assert (running.answers(KEYS), running.judgement("j")) == ({}, None)
        running.keep("m", "f", {"d": answer("d")})
    assert b"The answer to" in (filled / FILE).read_bytes()
    clear(filled)
    assert b"The answer to" not in (filled / FILE).read_bytes()


# Damage: each case, and what it says


def test_an_undamaged_store_has_no_damage(filled: Path) -> None:
    assert find_damage(filled) == []
    assert repair(filled) == Counts(400, 1)
    assert read(filled) == ANSWERS
    assert [file.name for file in filled.iterdir()] == [FILE]


def test_a_flipped_byte_makes_a_row_absent_until_it_is_stored_anew(filled: Path) -> None:
    key = KEYS[200]
    patch(filled, (filled / FILE).read_bytes().index(ANSWERS[key].text.encode()) + 5, b"Z")
    whole = {one: value for one, value in ANSWERS.items() if one != key}
    assert read(filled) == whole
    assert find_damage(filled) == ["answers: row 201: its checksum does not fit"]
    with contextlib.closing(Store(filled)) as opened:
        assert opened.answers([key]) == {}
        opened.keep("qwen", "f" * 64, {key: ANSWERS[key]})
        assert opened.answers([key]) == {key: ANSWERS[key]}
    assert find_damage(filled) == []


def test_a_damaged_judgement_is_absent_and_repair_drops_it(filled: Path) -> None:
    sql(filled, "UPDATE judgements SET payload = replace(payload, 'REFUSED', 'ERROR')")
    with contextlib.closing(Store(filled)) as opened:
        assert opened.judgement("j") is None
    assert find_damage(filled) == ["judgements: row 1: its checksum does not fit"]
    assert repair(filled) == Counts(400, 0)
    assert find_damage(filled) == []


@pytest.mark.parametrize("value", ["NULL", "7", "1.5", "'text'", "x'ff00'", "zeroblob(0)"])
@pytest.mark.parametrize("field", ["payload", "checksum"])
def test_a_row_with_anything_in_it_is_absent(filled: Path, field: str, value: str) -> None:
    sql(filled, "ALTER TABLE answers RENAME TO old")
    sql(filled, "CREATE TABLE answers (digest, model, kept, used, checksum, payload, UNIQUE (digest))")
    sql(filled, "INSERT INTO answers SELECT * FROM old")
    sql(
        filled, f"UPDATE answers SET {field} = {value}, kept = {value}, used = {value}, model = {value} WHERE rowid = 1"
    )
    with contextlib.closing(Store(filled)) as opened:
        assert [*opened.answers(KEYS)] == KEYS[1:]
        assert sum(share.entries for share in opened.contents().answers) == 400
    assert find_damage(filled)[-1] == "answers: row 1: its checksum does not fit"


def test_a_whole_row_of_another_make_is_absent(store: Store) -> None:
    for key, payload in {"a": b"error 1 1\nt", "b": b"stop\nt", "c": b"stop x 1\nt", "d": b"stop - -\n\xff"}.items():
        digest = key.encode()
        row = (digest, 1, 1, 1, store_module._checksum(digest, payload), payload)
        store._connection.execute(store_module.INSERT["answers"], row)
    assert store.answers(["a", "b", "c", "d"]) == {}


def test_a_damaged_header(filled: Path) -> None:
    patch(filled, 0, b"garbage!garbage!")
    with pytest.raises(StoreError) as raised:
        Store(filled)
    assert str(raised.value) == (
        f"{filled / FILE}: is damaged, or never was a store (file is not a database). "
        f"`vsc cache clear {option(filled)}` begins anew"
    )
    assert find_damage(filled) == ["file is not a database"]
    with pytest.raises(StoreError) as raised:
        repair(filled)
    assert str(raised.value) == (
        f"{filled / FILE}: nothing of it can be read (file is not a database). "
        f"`vsc cache clear {option(filled)}` begins anew"
    )
    clear(filled)
    assert read(filled) == {}


def malformed(folder: Path) -> str:
    return (
        f"{folder / FILE}: is damaged (database disk image is malformed). "
        f"`vsc cache verify --repair {option(folder)}` saves what is readable"
    )


def test_a_store_that_was_cut_short(filled: Path) -> None:
    os.truncate(filled / FILE, size(filled) * 2 // 3 + 100)
    with pytest.raises(StoreError) as raised:
        Store(filled)
    assert str(raised.value) == malformed(filled)
    assert find_damage(filled) == ["database disk image is malformed"]
    saved = repair(filled)
    assert find_damage(filled) == []
    left = read(filled)
    assert 100 < saved.answers == len(left)
    assert left.items() <= ANSWERS.items()


def test_a_store_of_which_little_is_left_is_cleared(filled: Path) -> None:
    os.truncate(filled / FILE, 300)
    with pytest.raises(StoreError) as raised:
        repair(filled)
    begun, _, ended = str(raised.value).partition("malformed")  # what is malformed depends on SQLite's version
    assert begun.startswith(f"{filled / FILE}: nothing of it can be read (")
    assert ended.endswith(f"). `vsc cache clear {option(filled)}` begins anew")
    clear(filled)
    assert read(filled) == {}


def test_a_store_that_was_emptied_begins_anew(filled: Path) -> None:
    os.truncate(filled / FILE, 0)
    assert read(filled) == {}
    assert find_damage(filled) == []


def test_a_page_of_garbage_in_the_middle(filled: Path) -> None:
    place = (filled / FILE).read_bytes().index(ANSWERS[KEYS[200]].text.encode()) // 4096 * 4096
    patch(filled, place, random.Random(0).randbytes(4096))
    with contextlib.closing(Store(filled)) as opened, pytest.raises(StoreError) as raised:
        opened.answers(KEYS)
    assert str(raised.value) == malformed(filled)
    assert find_damage(filled)
    saved = repair(filled)
    assert find_damage(filled) == []
    left = read(filled)
    assert 370 < saved.answers == len(left) < 400, "both ends of the table were saved"
    assert left.items() <= ANSWERS.items()


@pytest.mark.parametrize("seed", range(25))
def test_no_damage_ever_makes_another_answer(filled: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(3):
        patch(filled, chance.randrange(100, size(filled) - 512), chance.randbytes(chance.choice([1, 1, 8, 512])))
    found: dict[str, Response] = {}
    with contextlib.suppress(StoreError), contextlib.closing(Store(filled)) as opened:
        for key in KEYS:
            with contextlib.suppress(StoreError):
                found |= opened.answers([key])
    assert found.items() <= ANSWERS.items()
    assert len(found) == len(KEYS) or find_damage(filled)
    with contextlib.suppress(StoreError):
        repair(filled)
        assert find_damage(filled) == []
        assert read(filled).items() <= ANSWERS.items()


def test_garbage_where_sqlite_would_quote_it(filled: Path) -> None:
    whole = (filled / FILE).read_bytes()
    for place in (whole.index(b"tablejudgements") + 5, whole.index(b"CREATE TABLE judgements")):
        patch(filled, place, b"\xff\xfe")
    with pytest.raises(StoreError) as raised:
        Store(filled)
    assert str(raised.value) == malformed(filled).replace("database disk image is malformed", "malformed text")
    assert find_damage(filled) == ["malformed text"]


def test_repair_needs_the_store_for_itself(filled: Path) -> None:
    with contextlib.closing(Store(filled)) as running:
        running.answers(KEYS[:1])
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(store_module, "PATIENCE", 0.1)
            with pytest.raises(StoreError) as raised:
                repair(filled)
    assert str(raised.value) == locked(filled)
    assert read(filled) == ANSWERS


def test_another_programs_database(folder: Path) -> None:
    folder.mkdir()
    sql(folder, "CREATE TABLE answers (question, answer)")
    before = (folder / FILE).read_bytes()
    for use in (Store, find_damage, repair, clear):
        with pytest.raises(StoreError) as raised:
            use(folder)
        assert str(raised.value) == (
            f"{folder / FILE}: is another program's database. Move it away, or choose another folder"
        )
    assert (folder / FILE).read_bytes() == before


def test_another_programs_file_is_not_deleted(folder: Path) -> None:
    folder.mkdir()
    (folder / FILE).write_text("What is six times seven?\n42\n" * 100)
    with pytest.raises(StoreError) as raised:
        clear(folder)
    assert str(raised.value) == (
        f"{folder / FILE}: does not look like a store of pytest-vsc. Delete it yourself if nobody needs it"
    )
    assert (folder / FILE).exists()


def test_a_store_of_a_newer_version(filled: Path) -> None:
    sql(filled, "PRAGMA user_version = 2")
    for use in (Store, find_damage, repair, clear):
        with pytest.raises(StoreError) as raised:
            use(filled)
        assert str(raised.value) == (
            f"{filled / FILE}: is in format 2, this pytest-vsc knows 1 only. Update it, or choose another folder"
        )


def test_a_table_that_is_gone(filled: Path) -> None:
    sql(filled, "DROP TABLE answers")
    with contextlib.closing(Store(filled)) as opened, pytest.raises(StoreError) as raised:
        opened.answers(KEYS)
    assert str(raised.value) == (
        f"{filled / FILE}: is damaged (no such table: answers). "
        f"`vsc cache verify --repair {option(filled)}` saves what is readable"
    )
    assert find_damage(filled) == ["no such table: answers"]
    assert repair(filled) == Counts(0, 1)


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(StoreError) as raised:
        Store(tmp_path / "cache")
    assert str(raised.value) == f"{tmp_path / 'cache'}: is not a folder. Choose another one"


def test_a_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(StoreError) as raised:
        Store(tmp_path / "cache" / "below")
    assert str(raised.value) == (
        f"{tmp_path / 'cache/below' / FILE}: cannot be used (Not a directory). Choose another folder"
    )


def test_a_store_that_is_a_folder(folder: Path) -> None:
    (folder / FILE).mkdir(parents=True)
    with pytest.raises(StoreError) as raised:
        Store(folder)
    assert str(raised.value) == f"{folder / FILE}: is not a file. Move it away, or choose another folder"


def test_a_file_that_may_not_be_written(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Simulated: whoever runs the tests may be root, who may write everywhere.
    monkeypatch.setattr(os, "access", lambda _, mode: mode == os.R_OK)
    with pytest.raises(StoreError) as raised:
        Store(filled)
    assert str(raised.value) == (
        f"{filled / FILE}: cannot be written (Permission denied). Let this user write there, or choose another folder"
    )


def test_a_file_that_turns_read_only(filled: Path) -> None:
    with contextlib.closing(Store(filled)) as opened:
        opened._connection.execute("PRAGMA query_only = ON")  # SQLite refuses as it does on a read-only file system
        with pytest.raises(StoreError) as raised:
            opened.keep("m", "f", {"d": answer("d")})
        assert str(raised.value) == (
            f"{filled / FILE}: cannot be written (attempt to write a readonly database). "
            "Let this user write there, or choose another folder"
        )
        assert opened.answers(KEYS) == ANSWERS


def test_a_full_disk_keeps_what_was_kept(filled: Path) -> None:
    with contextlib.closing(Store(filled)) as opened:
        pages = opened._connection.execute("PRAGMA page_count").fetchone()[0]
        opened._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError) as raised:
            opened.keep("m", "f", {"new 1": answer("d"), "new 2": Response(text="x" * 100_000)})
        assert str(raised.value) == (
            f"{filled / FILE}: cannot grow (database or disk is full). Free some space, or choose another folder"
        )
        assert opened.answers(["new 1", "new 2"]) == {}
    assert read(filled) == ANSWERS
    assert find_damage(filled) == []


def test_a_file_that_the_system_lets_grow_no_further(filled: Path) -> None:
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))\n" + WRITER
    done = subprocess.run(
        [sys.executable, "-c", code, str(filled), "a", "50"], capture_output=True, text=True, check=False
    )
    *kept, said = done.stdout.splitlines()
    assert (
        said
        == f"{filled / FILE}: cannot be read or written (disk I/O error). Look at the disk, or choose another folder"
    )
    assert kept, "some batches found room"
    with contextlib.closing(Store(filled)) as opened:
        assert opened.answers(KEYS) == ANSWERS
        assert len(opened.answers(written(kept, 50))) == 50 * len(kept)
    assert find_damage(filled) == []


def locked(folder: Path) -> str:
    return (
        f"{folder / FILE}: is locked by another process (database is locked). "
        "Find out who holds it; on a network drive, choose a local folder"
    )


HOLDER = """\
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    connection.execute(statement).fetchall()
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def held(folder: Path, *statements: str) -> Iterator[None]:
    """Another process has done this to the store and keeps it open."""
    command = [sys.executable, "-c", HOLDER, str(folder / FILE), *statements]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        try:
            yield
        finally:
            holder.communicate("")


def test_a_writer_that_does_not_end(filled: Path) -> None:
    with contextlib.closing(Store(filled, patience=0.2)) as opened:
        with held(filled, "BEGIN IMMEDIATE"):
            with pytest.raises(StoreError) as raised:
                opened.keep("m", "f", {"d": answer("d")})
            assert opened.answers(KEYS) == ANSWERS, "readers do not wait for a writer"
        assert str(raised.value) == locked(filled)
        opened.keep("m", "f", {"d": answer("d")})
        assert opened.answers(["d"]) == {"d": answer("d")}


def test_a_store_that_somebody_has_for_himself(filled: Path) -> None:
    with held(filled, "PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"):
        with pytest.raises(StoreError) as raised:
            Store(filled, patience=0.2)
        assert str(raised.value) == locked(filled)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(store_module, "Store", functools.partial(Store, patience=0.1))
            with pytest.raises(StoreError, match="is locked"):
                clear(filled)
    assert read(filled) == ANSWERS


def test_a_file_system_without_shared_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sqlite3.connect

    def connect(path: Path, **settings: Any) -> Any:
        return real(f"file:{path}?vfs=unix-dotfile", uri=True, **settings)

    monkeypatch.setattr(sqlite3, "connect", connect)
    with contextlib.closing(Store(folder)) as opened:
        assert opened._connection.execute("PRAGMA journal_mode").fetchone() == (b"delete",)
        opened.keep("m", "f", ANSWERS)
        assert opened.answers(KEYS) == ANSWERS
    assert read(folder) == ANSWERS
    assert find_damage(folder) == []
    assert repair(folder) == Counts(400, 0)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_deleted_while_in_use(filled: Path, replaced: bool) -> None:
    opened = Store(filled)
    for file in filled.iterdir():
        file.unlink()
    if replaced:
        Store(filled).close()
    with pytest.raises(StoreError) as raised:
        opened.keep("m", "f", {"d": answer("d")})
    assert str(raised.value) == (
        f"{filled / FILE}: was deleted or replaced while in use. Nothing more is stored in this run"
    )
    assert opened.answers(KEYS[:1]) == {KEYS[0]: ANSWERS[KEYS[0]]}, "what it still sees is true"
    opened.close()
    assert read(filled) == {}


# Several processes

WRITER = """\
import sys
from pathlib import Path
from pytest_vsc.errors import StoreError
from pytest_vsc.records import Response
from pytest_vsc.store import Store

folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
try:
    store = Store(folder)
    for batch in range(100_000):
        keys = [f"{name} {batch} {number}" for number in range(count)]
        store.keep("m", "f", {key: Response(text=f"answer to {key}") for key in keys})
        print(name, batch, flush=True)
except StoreError as error:
    print(error)
"""


def written(lines: list[str], count: int) -> list[str]:
    """The keys of the batches that a writer said it had kept."""
    return [f"{line} {number}" for line in lines for number in range(count)]


def test_a_killed_writer_loses_nothing_that_was_kept(folder: Path) -> None:
    kept: list[str] = []
    for turn in range(10):
        command = [sys.executable, "-c", WRITER, str(folder), f"w{turn}", "7"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout
            for _ in range(1 + 5 * turn):
                kept.append(writer.stdout.readline().rstrip("\n"))
            writer.kill()  # in the midst of what comes next
            kept += writer.stdout.read().split("\n")[:-1]
        assert find_damage(folder) == []
        with contextlib.closing(Store(folder)) as opened:
            keys = written(kept, 7)
            assert opened.answers(keys) == {key: Response(text=f"answer to {key}") for key in keys}
            whole = sum(share.entries for share in opened.contents().answers)
            assert whole % 7 == 0, "a batch is there in full or not at all"
    assert len(kept) >= 235


RACER = """\
import sys
from pathlib import Path
from pytest_vsc.records import Response
from pytest_vsc.store import Store

folder, name = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
store = Store(folder)
for batch in range(60):
    keys = [f"{batch} {number}" for number in range(10)]
    found = store.answers(keys)
    store.keep("m", name, {key: Response(text=name) for key in keys if key not in found})
    found = store.answers(keys)
    print(batch, *(found[key].text for key in keys))
store.close()
"""


def test_two_processes_begin_one_store_and_agree_on_every_answer(folder: Path) -> None:
    command = [sys.executable, "-c", RACER, str(folder)]
    racers = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for name in "ab"
    ]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    first, second = (racer.communicate(timeout=60)[0] for racer in racers)
    assert [racer.returncode for racer in racers] == [0, 0]
    assert first == second
    assert len(first.splitlines()) == 60
    assert find_damage(folder) == []


@pytest.mark.parametrize("turn", range(20))
def test_many_threads_begin_one_store(folder: Path, turn: int) -> None:
    start = threading.Barrier(8)

    def begin(number: int) -> None:
        start.wait()
        with contextlib.closing(Store(folder)) as opened:
            opened.keep("m", "f", {str(number): answer(str(number))})

    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(begin, range(8))] == [None] * 8
    with contextlib.closing(Store(folder)) as opened:
        assert len(opened.answers([str(number) for number in range(8)])) == 8
