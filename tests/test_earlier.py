"""Answers of a run that came to no end: found by digest, and kept when its file is replaced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_vsc.earlier import ASIDE, read_earlier, set_aside
from pytest_vsc.errors import RunFileError
from pytest_vsc.records import Response

HEADER = json.dumps({"kind": "header", "model": {}}) + "\n"


def record(digests: list[str], text: str | None) -> str:
    response = None if text is None else {"text": text, "tokens": 3}
    return json.dumps({"kind": "record", "requests": digests, "response": response, "case_id": "a"}) + "\n"


def test_answers_by_the_last_request(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    file.write_text(HEADER + record(["a"], "One.") + record(["b", "c"], "Two.") + record(["d"], None) + record([], "X"))
    found = {"a": Response(text="One.", tokens=3), "c": Response(text="Two.", tokens=3)}
    assert read_earlier(file) == read_earlier(tmp_path) == found


def test_what_is_replaced_is_kept_beside(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    set_aside(file)
    assert list(tmp_path.iterdir()) == []
    file.write_text(HEADER + record(["a"], "One.") + record(["b"], "Two.")[:-9])
    set_aside(file)
    file.write_text(HEADER + record(["c"], "Three.") + record(["d"], "Four.")[:-1])
    assert sorted(read_earlier(tmp_path)) == ["a", "c", "d"]
    set_aside(file)
    file.write_text(HEADER + record(["a"], "Anew."))
    assert {digest: answer.text for digest, answer in read_earlier(file).items()} == {"a": "Anew.", "c": "Three."}
    assert (tmp_path / ASIDE).read_text().count("\n") == 4


def test_an_attempt_that_died_before_its_first_line(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    file.write_text(HEADER + record(["a"], "One."))
    set_aside(file)
    for _ in range(2):
        file.write_text("")
        assert sorted(read_earlier(tmp_path)) == ["a"]
        set_aside(file)
    file.unlink()
    assert sorted(read_earlier(tmp_path)) == ["a"]
    file.write_text(HEADER + record(["b"], "Two."))
    assert sorted(read_earlier(tmp_path)) == ["a", "b"]


def test_what_is_kept_beside_stays_whole(tmp_path: Path) -> None:
    """The disk was full, or the process killed, while it was written."""
    file = tmp_path / "run.jsonl"
    (tmp_path / ASIDE).write_text(HEADER + record(["a"], "One.") + record(["b"], "Two.")[:-9])
    file.write_text(HEADER + record(["c"], "Three."))
    set_aside(file)
    assert sorted(read_earlier(tmp_path)) == ["a", "c"]
    assert sorted(each.name for each in tmp_path.iterdir()) == [ASIDE, "run.jsonl"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"run\.jsonl: no header; expected a run file, such as run\.jsonl$"),
        (record(["a"], "One."), r"run\.jsonl: no header"),
        (HEADER + "{}\n" + HEADER, r"run\.jsonl:2: unknown kind ''; expected one of footer, header, record"),
        (HEADER + "nothing\n" + HEADER, r"run\.jsonl:2: not JSON"),
    ],
)
def test_what_is_no_run(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "run.jsonl").write_text(text)
    with pytest.raises(RunFileError, match=message):
        read_earlier(tmp_path)


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match=r"run\.jsonl: cannot be read: No such file or directory$"):
        read_earlier(tmp_path)
