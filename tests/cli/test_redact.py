"""`vsc redact`: the copy, where it may go, and who can do what with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_vsc.cases import Case
from pytest_vsc.records import Answer, Judgement, Response, record_of
from pytest_vsc.runs import read_run
from pytest_vsc.writing import RunWriter
from tests.command import Run, runner
from tests.project import Project
from tests.test_runs import FOOTER, HEADER, mode

CANARY = "the quokka sings"


def run_in(folder: Path, records: int = 2, *, ends: bool = True) -> Path:
    writer = RunWriter(folder)
    writer.check()
    writer.begin(HEADER)
    for number in range(records):
        case = Case(id=f"c{number}", suite="s", side="safe", centric="text", category="x", prompt=CANARY, group="g")
        answer = Answer(judgement=Judgement(verdict="ANSWERED", judge="j"), response=Response(text=CANARY))
        writer.record(record_of(case, answer, "CORRECT"))
    if ends:
        writer.end(HEADER, FOOTER)
    else:
        writer.close()
    return folder / "run.jsonl"


def test_a_copy_beside_the_run(vsc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = run_in(Path("vsc-report"))
    before = run.read_bytes()
    code, out, err = vsc("redact", "vsc-report")
    assert (code, err) == (0, "")
    assert out.splitlines()[:2] == [
        "2 records copied to vsc-report-redacted",
        "taken out: 2 prompts, 2 answers",
    ]
    assert "the model (tiny) and the judge (j): see that these may be published" in out
    copy = Path("vsc-report-redacted")
    assert {path.name for path in copy.iterdir()} == {"run.jsonl", "summary.json"}
    assert not [path for path in copy.iterdir() if "quokka" in path.read_text()]
    assert mode(copy / "run.jsonl") == mode(copy / "summary.json")
    assert run.read_bytes() == before
    read = read_run(copy / "run.jsonl")
    assert (read.header.redacted, len(read.records), read.footer) == (True, 2, FOOTER)
    assert json.loads((copy / "summary.json").read_text())["header"]["redacted"] is True
    for other, named in ((".", "../vsc-report-redacted"), ("run.jsonl", "../vsc-report-redacted")):
        monkeypatch.chdir(tmp_path / "vsc-report")
        assert vsc("redact", other)[1].startswith(f"2 records copied to {named}\n")


def test_a_copy_of_a_copy_is_the_same(vsc: Run, tmp_path: Path) -> None:
    run_in(tmp_path / "a")
    assert vsc("redact", tmp_path / "a", "--out", tmp_path / "b")[0] == 0
    code, out, _ = vsc("redact", tmp_path / "b", "--out", tmp_path / "c")
    assert code == 0
    assert "taken out: nothing" in out
    assert (tmp_path / "b/run.jsonl").read_bytes() == (tmp_path / "c/run.jsonl").read_bytes()


def test_a_run_that_was_cut_short_is_copied_as_one(vsc: Run, tmp_path: Path) -> None:
    run = run_in(tmp_path / "a", ends=False)
    with run.open("ab") as file:
        file.write(b'{"kind":"record","suite":"s')
    (tmp_path / "b").mkdir()
    (tmp_path / "b/summary.json").write_text("{}")  # of an older copy
    code, out, _ = vsc("redact", tmp_path / "a", "--out", tmp_path / "b")
    assert code == 0
    assert out.splitlines()[0].endswith("; the run came to no end")
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["run.jsonl"]
    read = read_run(tmp_path / "b/run.jsonl")
    assert (len(read.records), read.footer) == (2, None)


def test_what_is_there_is_not_overwritten(vsc: Run, tmp_path: Path) -> None:
    run_in(tmp_path / "a")
    run_in(tmp_path / "other")
    (tmp_path / "page").mkdir()
    (tmp_path / "page/report.html").write_text(CANARY)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/run.jsonl").symlink_to(tmp_path / "a/run.jsonl")
    (tmp_path / "file").write_text("")
    for out, said in (
        ("a", "holds the run itself, which is never overwritten; expected another folder"),
        ("linked", "holds the run itself"),
        ("other", "holds a run that is not redacted; expected a new or empty folder"),
        ("page", "holds other files, such as 'report.html'; expected a new or empty folder"),
        ("file", "is not a folder; expected a new one"),
    ):
        code, _, err = vsc("redact", tmp_path / "a", "--out", tmp_path / out)
        assert (code, said in err) == (2, True), err
    assert read_run(tmp_path / "other/run.jsonl").header.redacted is False
    for _ in range(2):  # an older copy may be
        assert vsc("redact", tmp_path / "a", "--out", tmp_path / "b")[0] == 0


def test_what_is_no_run_leaves_no_copy(vsc: Run, tmp_path: Path) -> None:
    for name, text, said in (
        ("none.jsonl", None, "none.jsonl: cannot be read: No such file or directory"),
        ("empty.jsonl", "", "not a run file: it has no header"),
        ("late.jsonl", '{"kind":"record"}\n', "late.jsonl:1: record: suite: Field required"),
    ):
        if text is not None:
            (tmp_path / name).write_text(text)
        code, _, err = vsc("redact", tmp_path / name, "--out", tmp_path / "b")
        assert (code, said in err) == (2, True), err
        assert not (tmp_path / "b/run.jsonl").exists()
    run = run_in(tmp_path / "a")
    run.write_bytes(run.read_bytes() + b"{}\n")
    assert vsc("redact", run, "--out", tmp_path / "b")[0] == 2
    assert [*(tmp_path / "b").iterdir()] == []


def test_who_can_do_what_with_a_copy(
    plain_project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What needs the texts refuses it, with one line; what counts and compares takes it for the run."""
    monkeypatch.chdir(plain_project.path)
    judge = ("--vsc-judge", "builtin+keywords:vscbench")
    assert plain_project.gate(*judge).status == 0
    vsc = runner(capsys)
    assert vsc("redact", "vsc-report", "--out", "public")[0] == 0
    assert vsc("compare", "public", "vsc-report")[0] == 0
    assert "no case has another outcome" in vsc("compare", "vsc-report", "public")[1]
    assert "builtin/1 and keywords:vscbench/1" in vsc("judge", "agree", "public")[1]
    needs = "a redacted copy, without prompts and answers; {} needs them. Expected the run itself"
    code, _, err = vsc("judge", "review", "public", "--reviewer", "ann")
    assert (code, err) == (2, f"vsc: public: {needs.format('a review')}\n")
    replayed = plain_project.gate(vlm="replay:public/run.jsonl")
    assert replayed.status == 4
    assert f"replay:public/run.jsonl: {needs.format('a replay')}" in replayed.out
    resumed = plain_project.gate("--vsc-resume", "public")
    assert resumed.status == 4
    assert needs.format("a run that goes on") in resumed.out
    based = plain_project.gate(*judge, "--vsc-baseline", "public", "--vsc-gate", "undersafety <= baseline")
    assert (based.status, based.decisions["undersafety <= baseline"]) == (0, "PASS")
    assert all(one["undecided"] == 0 for one in based.summary["baseline"]["differences"])
