"""Run files: what is written is read back, and what is damaged is named with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_vsc.cases import Case
from pytest_vsc.errors import RunFileError
from pytest_vsc.records import Answer, Generation, Judgement, Policy, Record, Response, Seen, record_of
from pytest_vsc.runs import Footer, Header, RunWriter, SuiteSeen, read_run

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
