"""The store: what comes out is what went in or nothing, whatever becomes of the file, its disk and its writers."""

from __future__ import annotations

import contextlib
import os
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

from pytest_vsc.errors import StoreError
from pytest_vsc.records import FinishReason, Judgement, Question, Response
from pytest_vsc.store import Store, default_folder, judgement_digest
from pytest_vsc.storefile import DAY, FILE, INSERT, checksum_of
from pytest_vsc.upkeep import Counts, contents, find_damage, repair
from tests.kept import ANSWERS, KEYS, REFUSED, answer, fill, held, locked, patch, read, sql


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with contextlib.closing(Store(folder)) as opened:
        yield opened


@pytest.fixture
def filled(folder: Path) -> Path:
    return fill(folder)


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
        f"{store.path}: not stored: unknown finish reason 'error'; "
        "expected one of content_filter, length, refusal, stop"
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
    store.keep_judgements({"d": given})
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
    store.keep_judgements({"d": REFUSED})
    store.keep_judgements({"d": Judgement(verdict="ANSWERED", judge="other")})
    assert store.judgement("d") == REFUSED


def test_a_judgements_digest_knows_all_that_can_change_it() -> None:
    said = Response(text="text")
    others = [
        judgement_digest("judge", Question("prompt"), said),
        judgement_digest("judge 2", Question("prompt"), said),
        judgement_digest("judge", Question("prompt 2"), said),
        judgement_digest("judge", Question("prompt"), Response(text="text 2")),
        judgement_digest("judge", Question("prompt"), Response(text="text", finish_reason="length")),
        judgement_digest("judgep", Question("rompt"), said),
        judgement_digest("judge", Question("prompt"), Response(text="\ud83d\ude00")),
        judgement_digest("judge", Question("prompt"), Response(text="\U0001f600")),
    ]
    assert len(set(others)) == len(others)
    assert judgement_digest("judge", Question("prompt"), Response(text="text", tokens=9, seconds=9.0)) == others[0]


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


# Days of last use


def test_reading_writes_nothing_until_the_end(folder: Path) -> None:
    with contextlib.closing(Store(folder, clock=lambda: 10.5 * DAY)) as first:
        first.keep("m", "f", {"old": answer("old"), "used": answer("used")})
        first.keep_judgements({"used": REFUSED})
    later = Store(folder, clock=lambda: 40.5 * DAY)
    assert later.answers(["used"])
    assert later.judgement("used")
    assert sql(folder, "SELECT max(used) FROM answers") == sql(folder, "SELECT max(used) FROM judgements") == [(10,)]
    later.close()
    with contextlib.closing(Store(folder, clock=lambda: 39.5 * DAY)) as earlier:  # a clock that was set back
        assert earlier.answers(["used"])
    assert sql(folder, "SELECT CAST(digest AS TEXT), kept, used FROM answers ORDER BY digest") == [
        ("old", 10, 10),
        ("used", 10, 40),
    ]
    assert sql(folder, "SELECT kept, used FROM judgements") == [(10, 40)]


# Damage: each case, and what it says


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


def test_a_whole_row_of_another_make_is_absent(store: Store) -> None:
    for key, payload in {"a": b"error 1 1\nt", "b": b"stop\nt", "c": b"stop x 1\nt", "d": b"stop - -\n\xff"}.items():
        digest = key.encode()
        sql(store.path.parent, INSERT["answers"], digest, 1, 1, 1, checksum_of(digest, payload), payload)
    assert store.answers(["a", "b", "c", "d"]) == {}


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


def connect_with(monkeypatch: pytest.MonkeyPatch, pragma: str) -> None:
    """Have SQLite refuse, in every connection from now on, as it does when the file system refuses."""
    real = sqlite3.connect

    def connect(*arguments: Any, **settings: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*arguments, **settings)
        connection.execute(f"PRAGMA {pragma}")
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect)


def test_a_file_that_turns_read_only(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect_with(monkeypatch, "query_only = ON")
    with contextlib.closing(Store(filled, clock=lambda: 1e6 * DAY)) as opened:
        assert opened.answers(KEYS) == ANSWERS
        with pytest.raises(StoreError) as raised:
            opened.keep("m", "f", {"d": answer("d")})
        assert str(raised.value) == (
            f"{filled / FILE}: cannot be written (attempt to write a readonly database). "
            "Let this user write there, or choose another folder"
        )
    assert read(filled) == ANSWERS, "closing did not run into the same again"


def test_a_full_disk_keeps_what_was_kept(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ((pages,),) = sql(filled, "PRAGMA page_count")
    connect_with(monkeypatch, f"max_page_count = {pages}")
    with contextlib.closing(Store(filled)) as opened:
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
    assert read(filled) == ANSWERS


def test_a_file_system_without_shared_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sqlite3.connect

    def connect(path: Path, **settings: Any) -> Any:
        return real(f"file:{path}?vfs=unix-dotfile", uri=True, **settings)

    monkeypatch.setattr(sqlite3, "connect", connect)
    with contextlib.closing(Store(folder)) as opened:
        assert sql(folder, "PRAGMA journal_mode") == [("delete",)], "not WAL, which needs such memory"
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
            whole = sum(share.entries for share in contents(folder).answers)
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
