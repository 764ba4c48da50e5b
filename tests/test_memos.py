"""Digests kept from run to run: known by the state of the file, never by its name alone."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from pytest_vsc import memos
from pytest_vsc.memos import Memo


@pytest.fixture
def made() -> list[str]:
    return []


def ask(memo: Memo, file: Path, made: list[str]) -> str:
    def make(path: Path) -> str:
        made.append(path.name)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    return memo.digest(file, make)


def settled(file: Path, said: bytes) -> Path:
    file.write_bytes(said)
    return file


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memos, "SETTLED", 0)


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path, made: list[str]) -> None:
    file = settled(tmp_path / "a", b"one")
    first = Memo(tmp_path / "memo.json")
    digest = ask(first, file, made)
    first.keep()
    assert ask(Memo(tmp_path / "memo.json"), file, made) == digest
    assert made == ["a"]


def test_a_change_that_keeps_size_and_time_is_seen(tmp_path: Path, made: list[str]) -> None:
    file = settled(tmp_path / "a", b"one")
    before = file.stat()
    first = Memo(tmp_path / "memo.json")
    ask(first, file, made)
    first.keep()
    time.sleep(0.02)
    file.write_bytes(b"two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert ask(Memo(tmp_path / "memo.json"), file, made) == hashlib.sha256(b"two").hexdigest()
    assert made == ["a", "a"]


def test_what_has_just_changed_is_not_kept(tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memos, "SETTLED", 60)
    first = Memo(tmp_path / "memo.json")
    ask(first, settled(tmp_path / "a", b"one"), made)
    first.keep()
    assert not (tmp_path / "memo.json").exists()


def test_small_files_may_not_be_worth_it(tmp_path: Path, made: list[str]) -> None:
    first = Memo(tmp_path / "memo.json", worth=4)
    ask(first, settled(tmp_path / "a", b"one"), made)
    ask(first, settled(tmp_path / "b", b"four"), made)
    first.keep()
    kept = json.loads((tmp_path / "memo.json").read_text())
    assert [Path(key.split(" ")[0]).name for key in kept] == ["b"]


def test_of_a_file_only_the_last_state_is_kept(tmp_path: Path, made: list[str]) -> None:
    other = settled(tmp_path / "b", b"other")
    for said in (b"one", b"three"):
        memo = Memo(tmp_path / "memo.json")
        ask(memo, settled(tmp_path / "a", said), made)
        ask(memo, other, made)
        memo.keep()
    assert len(json.loads((tmp_path / "memo.json").read_text())) == 2
    assert made == ["a", "b", "a"]


def test_a_whole_memo_forgets_what_was_not_asked_for(tmp_path: Path, made: list[str]) -> None:
    for name in ("a", "b"):
        memo = Memo(tmp_path / "memo.json", whole=True)
        ask(memo, settled(tmp_path / name, b"one"), made)
        memo.keep()
    assert [Path(key.split(" ")[0]).name for key in json.loads((tmp_path / "memo.json").read_text())] == ["b"]


@pytest.mark.parametrize("said", ["", "broken", "[1]", '{"a": 1}', '{"a": "no digest"}'])
def test_a_memo_that_is_none_is_only_slower(tmp_path: Path, made: list[str], said: str) -> None:
    (tmp_path / "memo.json").write_text(said)
    assert ask(Memo(tmp_path / "memo.json"), settled(tmp_path / "a", b"x"), made) == hashlib.sha256(b"x").hexdigest()


def test_a_folder_that_cannot_be_written_is_only_slower(tmp_path: Path, made: list[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    memo = Memo(tmp_path / "file" / "memo.json")
    ask(memo, settled(tmp_path / "a", b"x"), made)
    memo.keep()
    assert (tmp_path / "file").read_text() == "in the way"


def test_memos_are_forgotten_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a.memo.json", "b.memo.json", "answers.sqlite", "mine.json"):
        (tmp_path / name).write_text("{}")
    memos.forget(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.sqlite", "mine.json"]
    memos.forget(tmp_path / "nowhere")
