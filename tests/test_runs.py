"""Run files: what is written is read back, and what is damaged is named with its line."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_vsc.cases import Case
from pytest_vsc.errors import RunFileError
from pytest_vsc.records import Answer, Generation, Judgement, Policy, Record, Response, Seen, record_of
from pytest_vsc.runs import Footer, Header, SuiteSeen, read_run
from pytest_vsc.writing import RunWriter

HEADER = Header(
    pytest_vsc="0",
    started="2026-01-01T00:00:00+00:00",
    model={"spec": "tiny"},
    suites=(SuiteSeen(name="s", version="1", sha256="0", cases=1),),
    judge="j",
    policy=Policy(),
    calibration="none",
    generation=Generation(),
    gates=("invalid <= 2%",),
)
FOOTER = Footer(complete=True, suite_cases=1, expected=1, recorded=1, cut=None, gates=(), rates=(), exit=0)
CASE = Case(id="c", suite="s", side="safe", centric="text", category="x", prompt="p", group="g", variant="plain")


def record(text: str) -> Record:
    answer = Answer(judgement=Judgement(verdict="ANSWERED", judge="j"), response=Response(text=text))
    return record_of(CASE, answer, "CORRECT")


def written(folder: Path, text: str = "hello") -> Path:
    writer = RunWriter(folder)
    writer.check()
    writer.begin(HEADER)
    writer.record(record(text))
    writer.end(HEADER, FOOTER)
    return folder / "run.jsonl"


@pytest.mark.parametrize("text", ["hello", "two\nlines", "odd\u2028line\u0085ends\r\x0c", "\N{GRINNING FACE}\x00"])
def test_what_is_written_is_read_back(tmp_path: Path, text: str) -> None:
    run = read_run(written(tmp_path / "out", text))
    assert run.header == HEADER
    assert run.records == (record(text),)
    assert run.footer == FOOTER
    assert json.loads((tmp_path / "out/summary.json").read_text())["header"]["judge"] == "j"


def test_half_a_surrogate_pair_is_read_back(tmp_path: Path) -> None:
    """Some models answer it; it must not cost the run its other records."""
    assert read_run(written(tmp_path / "out", "Sure \ud83d x")).records == (record("Sure \ud83d x"),)


def test_what_is_no_unicode_is_written_escaped(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path)
    writer.begin(HEADER)
    writer.record(record("hello").model_copy(update={"images": (Seen(path="\udcff.png", sha256="0"),)}))
    writer.close()
    line = (tmp_path / "run.jsonl").read_bytes().splitlines()[1]
    assert json.loads(line)["images"] == [{"path": "\udcff.png", "sha256": "0"}]


def test_a_run_that_broke_off_is_readable(tmp_path: Path) -> None:
    file = written(tmp_path)
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:2]) + '\n{"kind": "rec')
    run = read_run(file)
    assert len(run.records) == 1
    assert run.footer is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{broken", ":2: not JSON"),
        ("[]", ":2: not a JSON object"),
        (
            '{"kind": "recrod"}',
            ":2: unknown kind 'recrod'; expected one of footer, header, record; did you mean 'record'?",
        ),
        ('{"kind": "record"}', ":2: record: "),
        (None, "0 header lines"),
    ],
)
def test_damage_is_named(tmp_path: Path, line: str | None, said: str) -> None:
    file = written(tmp_path)
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[1:] if line is None else [lines[0], line, *lines[1:]]))
    with pytest.raises(RunFileError, match=r"run\.jsonl") as caught:
        read_run(file)
    assert said in str(caught.value)


def test_an_older_run_is_not_touched_by_the_check(tmp_path: Path) -> None:
    file = written(tmp_path)
    before = file.read_text()
    RunWriter(tmp_path).check()
    assert file.read_text() == before
    assert {path.name for path in tmp_path.iterdir()} == {"run.jsonl", "summary.json"}


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFileError, match="--vsc-output: cannot write into"):
        RunWriter(tmp_path / "file/out").check()


# -- the end of a run


def under_way(folder: Path) -> RunWriter:
    """A writer with one record written, and no end yet."""
    writer = RunWriter(folder)
    writer.check()
    writer.begin(HEADER)
    writer.record(record("hello"))
    return writer


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    written(tmp_path)
    assert names(tmp_path) == {"run.jsonl", "summary.json"}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_run_is_its_owners_alone_and_its_summary_is_for_all(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        written(tmp_path)
        run = tmp_path / "run.jsonl"
        RunWriter(tmp_path, resumes=True).begin(HEADER)
        assert [mode(run), mode(tmp_path / "resumed.jsonl")] == [0o600, 0o600]
        assert mode(tmp_path / "summary.json") == 0o666 & ~umask
        public = RunWriter(tmp_path / "public", public=True)
        public.check()
        public.begin(HEADER)
        assert mode(tmp_path / "public/run.jsonl") == 0o666 & ~umask
    finally:
        os.umask(before)


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def test_an_older_file_gives_its_mode_to_no_run_and_a_link_leads_where_it_did(tmp_path: Path) -> None:
    for name in ("run.jsonl", "resumed.jsonl", "resumed.scratch"):
        (tmp_path / name).write_text('{"kind":"header"}\n')
        (tmp_path / name).chmod(0o644)
    RunWriter(tmp_path, resumes=True).begin(HEADER)
    assert [mode(tmp_path / name) for name in ("run.jsonl", "resumed.jsonl")] == [0o600, 0o600]
    (tmp_path / "linked").mkdir()
    (tmp_path / "elsewhere").touch(0o640)
    (tmp_path / "linked/run.jsonl").symlink_to(tmp_path / "elsewhere")
    written(tmp_path / "linked")
    assert mode(tmp_path / "elsewhere") == 0o640
    assert read_run(tmp_path / "elsewhere").footer is not None


def test_both_are_on_the_disk_before_the_summary_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def noted_replace(path: Path, target: Path) -> Path:
        steps.append(target.name)
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    written(tmp_path)
    assert steps == ["file", "file", "summary.json", "folder"]


def test_a_folder_that_knows_no_fsync_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def picky(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", picky)
    assert read_run(written(tmp_path)).footer == FOOTER


def replaced(folder: Path) -> None:
    other = folder / "other"
    other.write_bytes((folder / "run.jsonl").read_bytes())
    other.replace(folder / "run.jsonl")


def added(folder: Path) -> None:
    with (folder / "run.jsonl").open("ab") as file:
        file.write(b"\n")


MEDDLING: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (lambda folder: (folder / "run.jsonl").unlink(), "run.jsonl: is gone after it was written (No such"),
    "replaced": (replaced, "run.jsonl: was replaced by another file while this run was written."),
    "cut": (lambda folder: os.truncate(folder / "run.jsonl", 10), "where"),
    "added to": (added, "run.jsonl: holds"),
}


@pytest.mark.parametrize("name", list(MEDDLING))
def test_a_run_file_that_is_not_what_was_written(tmp_path: Path, name: str) -> None:
    meddle, said = MEDDLING[name]
    writer = under_way(tmp_path)
    meddle(tmp_path)
    with pytest.raises(RunFileError, match=r"run\.jsonl") as caught:
        writer.end(HEADER, FOOTER)
    assert said in str(caught.value)
    assert "Run everything again, into a folder that nothing else writes into (--vsc-output)" in str(caught.value)
    assert names(tmp_path) <= {"run.jsonl"}


def test_two_runs_in_one_folder(tmp_path: Path) -> None:
    """The later one takes the name; the earlier one, whose records nobody will find, says so."""
    earlier = under_way(tmp_path)
    written(tmp_path)
    with pytest.raises(RunFileError, match=r"run\.jsonl: was replaced by another file"):
        earlier.end(HEADER, FOOTER)
    assert read_run(tmp_path / "run.jsonl").footer == FOOTER


def test_a_folder_that_was_deleted(tmp_path: Path) -> None:
    writer = under_way(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(RunFileError, match=r"summary\.json: cannot be written: No such file or directory"):
        writer.end(HEADER, FOOTER)


def test_a_run_whose_summary_cannot_be_written_has_no_footer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = under_way(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFileError, match=r"summary\.json: cannot be written: No space left on device"):
        writer.end(HEADER, FOOTER)
    assert names(tmp_path) == {"run.jsonl"}
    assert read_run(tmp_path / "run.jsonl").footer is None


def test_a_summary_that_was_changed_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace

    def meddled(path: Path, target: Path) -> Path:
        done = replace(path, target)
        target.write_text("{}")
        return done

    monkeypatch.setattr(Path, "replace", meddled)
    with pytest.raises(RunFileError, match=r"summary\.json: holds 2 bytes where"):
        written(tmp_path)
