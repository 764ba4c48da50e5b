"""The upkeep: what is kept is counted, pruned and cleared; each damage is found, said in one line, and mended."""

from __future__ import annotations

import contextlib
import functools
import os
import random
from pathlib import Path

import pytest

from pytest_vsc import upkeep
from pytest_vsc.errors import StoreError
from pytest_vsc.records import Response
from pytest_vsc.store import Store
from pytest_vsc.storefile import DAY, FILE, StoreFile
from pytest_vsc.upkeep import Counts, clear, contents, find_damage, prune, repair, size
from tests.kept import ANSWERS, KEYS, REFUSED, answer, fill, held, locked, option, patch, read, sql


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def filled(folder: Path) -> Path:
    return fill(folder)


# Counting, pruning, clearing


def test_contents_are_counted_by_model(folder: Path) -> None:
    with contextlib.closing(Store(folder, clock=lambda: 3.0 * DAY)) as opened:
        opened.keep("b\x1b[2J\ud800", "f2", {"1": answer("1")})
        opened.keep("a", "f1", {"2": answer("2")})
        opened.keep_judgements({"x": REFUSED})
    with contextlib.closing(Store(folder, clock=lambda: 9.0 * DAY)) as opened:
        opened.keep("a", "f1", {"3": answer("3")})
    kept = contents(folder)
    assert kept.answers == (("a", "f1", 2, 3, 9), ("b [2J", "f2", 1, 3, 3))
    assert kept.judgements[2:] == (1, 3, 3)


def test_what_was_long_unused_is_pruned_to_the_day(folder: Path) -> None:
    for day in (10, 11):
        with contextlib.closing(Store(folder, clock=lambda day=day: (day + 0.9) * DAY)) as opened:  # type: ignore[misc]
            opened.keep("m", "f", {f"{day}": answer("t")})
            opened.keep_judgements({f"{day}": REFUSED})
    counted = [prune(folder, days, dry_run=dry, clock=lambda: 41.0 * DAY) for days, dry in ((30, True), (31, False))]
    assert counted == [Counts(1, 1), Counts(0, 0)]
    assert prune(folder, 30, clock=lambda: 41.0 * DAY) == Counts(1, 1)
    with contextlib.closing(Store(folder)) as opened:
        assert [*opened.answers(["10", "11"])] == ["11"]
        assert (opened.judgement("10"), opened.judgement("11")) == (None, REFUSED)


def test_one_models_answers_are_pruned_and_their_space_given_back(folder: Path) -> None:
    with contextlib.closing(Store(folder)) as opened:
        opened.keep("big", "f", {key: Response(text="x" * 5000) for key in KEYS})
        opened.keep("small", "f", {"d": answer("d")})
        opened.keep_judgements({"j": REFUSED})
    before = size(folder)
    assert prune(folder, model="big", dry_run=True) == Counts(400, 0)
    assert len(read(folder)) == 400
    with contextlib.closing(Store(folder)) as running:
        assert prune(folder, model="big") == Counts(400, 0)
        assert size(folder) < before / 20
        assert running.judgement("j") == REFUSED
    assert [share.model for share in contents(folder).answers] == ["small"]


def test_clearing_leaves_nothing_and_a_run_that_has_it_open_goes_on(filled: Path) -> None:
    with contextlib.closing(Store(filled)) as running:
        clear(filled)
        assert (running.answers(KEYS), running.judgement("j")) == ({}, None)
        running.keep("m", "f", {"d": answer("d")})
    assert b"The answer to" in (filled / FILE).read_bytes()
    clear(filled)
    assert b"The answer to" not in (filled / FILE).read_bytes()


def test_nothing_is_cleared_while_somebody_has_it_for_himself(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with held(filled, "PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"), monkeypatch.context() as patched:
        patched.setattr(upkeep, "StoreFile", functools.partial(StoreFile, patience=0.1))
        with pytest.raises(StoreError) as raised:
            clear(filled)
    assert str(raised.value) == locked(filled)
    assert read(filled) == ANSWERS


# Damage: each case, and what it says


def test_an_undamaged_store_has_no_damage(filled: Path) -> None:
    assert find_damage(filled) == []
    assert repair(filled) == Counts(400, 1)
    assert read(filled) == ANSWERS
    assert [file.name for file in filled.iterdir()] == [FILE]


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
    assert [*read(filled)] == KEYS[1:]
    assert sum(share.entries for share in contents(filled).answers) == 400
    assert find_damage(filled)[-1] == "answers: row 1: its checksum does not fit"


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
            patched.setattr(upkeep, "PATIENCE", 0.1)
            with pytest.raises(StoreError) as raised:
                repair(filled)
    assert str(raised.value) == locked(filled)
    assert read(filled) == ANSWERS


def test_another_programs_database(folder: Path) -> None:
    folder.mkdir()
    sql(folder, "CREATE TABLE answers (question, answer)")
    before = (folder / FILE).read_bytes()
    for use in (Store, contents, prune, find_damage, repair, clear):
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
    for use in (Store, contents, prune, find_damage, repair, clear):
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
