"""The replay engine: answers of a run by digest, and what it says of damaged files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.cases import Picture
from pytest_vsc.engines.replay import ReplayEngine
from pytest_vsc.errors import EngineError, ModelError
from pytest_vsc.records import Generation, Message, Policy, Request
from pytest_vsc.runs import Header
from pytest_vsc.writing import RunWriter

HEADER = {"kind": "header", "suites": [], "model": {"model": "tiny", "dtype": "float32", "fingerprint": "abc"}}
FOOTER = {"kind": "footer", "complete": True, "exit": 0}
SOUP = Picture(name="images/soup.png", data=b"soup")


def ask(text: str, **settings: Any) -> Request:
    return Request(messages=(Message(role="user", text=text, images=(SOUP,)),), generation=Generation(**settings))


def record(text: str, answer: str | None, error: str | None = None) -> dict[str, Any]:
    response = None if answer is None else {"text": answer, "finish_reason": "stop", "tokens": 2, "seconds": 0.5}
    digests = [ask(text).digest("abc")]
    return {
        "kind": "record",
        "case_id": text,
        "prompt": text,
        "requests": digests,
        "response": response,
        "error": error,
    }


def engine_of(tmp_path: Path, *lines: object, end: str = "\n") -> ReplayEngine:
    file = tmp_path / "run.jsonl"
    written = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    file.write_text("\n".join(written) + end, encoding="utf-8")
    return ReplayEngine(file)


def loaded(tmp_path: Path, *lines: object, end: str = "\n") -> ReplayEngine:
    engine = engine_of(tmp_path, *lines, end=end)
    engine.load()
    return engine


def test_answers_by_digest_under_the_recorded_fingerprint(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, HEADER, record("a", "An answer\u2028of lines"), record("b", "No."), FOOTER)
    engine.check()
    engine.load()
    assert engine.fingerprint == "abc"
    assert engine.describe() == {"model": "tiny", "dtype": "float32", "replay": "run.jsonl"}
    assert engine.submit(ask("a")).result().text == "An answer\u2028of lines"
    assert engine.submit(ask("b")).result().tokens == 2


def test_what_the_run_does_not_hold_fails_without_its_words(tmp_path: Path) -> None:
    engine = loaded(tmp_path, HEADER, record("a", "An answer"))
    with pytest.raises(
        EngineError, match=r"not in run .*run\.jsonl: a request of 1 message with images/soup\.png"
    ) as got:
        engine.submit(ask("a secret")).result()
    assert "secret" not in str(got.value)
    with pytest.raises(EngineError, match=r"not in run .*max_new_tokens 16, temperature 0,"):
        engine.submit(ask("a", max_new_tokens=16)).result()


def test_a_recorded_error_stays_one_unless_a_rerun_replaced_it(tmp_path: Path) -> None:
    engine = loaded(
        tmp_path, HEADER, record("a", None, "engine: timed out"), record("b", None, "x"), record("b", "Yes."), FOOTER
    )
    with pytest.raises(EngineError, match=r"^engine: timed out$"):
        engine.submit(ask("a")).result()
    assert engine.submit(ask("b")).result().text == "Yes."


def test_a_last_line_cut_short_is_left_out(tmp_path: Path) -> None:
    engine = loaded(tmp_path, HEADER, record("a", "An answer"), '{"kind": "record", "requ', end="")
    assert engine.submit(ask("a")).result().text == "An answer"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([HEADER, "{broken", FOOTER], r":2: not JSON: "),
        ([HEADER, "{broken"], r":2: not JSON: "),
        ([HEADER, "[1]"], r":2: not a JSON object \(list\)"),
        ([HEADER, {"kind": "recrd"}], r":2: unknown kind 'recrd'; expected one of .*; did you mean 'record'\?"),
        ([record("a", "x")], r":1: a record before the header"),
        ([""], r":1: no header"),
        ([{"kind": "header", "model": {"model": "tiny"}}], r":1: header: the model has no fingerprint"),
        ([HEADER, {"kind": "record", "requests": ["d"], "response": {"tokens": 1}}], r":2: record: response\.text: "),
    ],
)
def test_a_damaged_file_is_named_with_its_line(tmp_path: Path, lines: list[object], message: str) -> None:
    with pytest.raises(ModelError, match=r"run\.jsonl" + message):
        engine_of(tmp_path, *lines).check()


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"replay:.*none\.jsonl: cannot be read"):
        ReplayEngine(tmp_path / "none.jsonl").check()


def test_after_close(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, HEADER, record("a", "An answer"))
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.submit(ask("a")).result()


def test_a_run_written_in_the_place_of_the_replayed_one_changes_nothing(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, HEADER, record("a", "An answer"), record("b", "No."), FOOTER)
    engine.check()
    header = Header(
        pytest_vsc="0",
        started="2026-01-01T00:00:00+00:00",
        model={},
        suites=(),
        judge="j",
        policy=Policy(),
        calibration="none",
        generation=Generation(),
        gates=(),
    )
    writer = RunWriter(tmp_path)
    writer.begin(header)
    writer.close()
    engine.load()
    assert engine.submit(ask("b")).result().text == "No."


def test_a_replayed_file_that_somebody_cuts_gives_no_answer(tmp_path: Path) -> None:
    engine = loaded(tmp_path, HEADER, record("a", "An answer"), record("b", "No."), FOOTER)
    file = tmp_path / "run.jsonl"
    os.truncate(file, file.stat().st_size - 200)
    with pytest.raises(EngineError, match=r"run\.jsonl: changed while it was read"):
        engine.submit(ask("b")).result()
    assert engine.submit(ask("a")).result().text == "An answer"


def test_nothing_is_generated_so_an_answer_takes_no_time(tmp_path: Path) -> None:
    assert loaded(tmp_path, HEADER, record("a", "An answer")).submit(ask("a")).result().seconds == 0
