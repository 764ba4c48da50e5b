"""Files of labels: what is written is read back, and what is damaged is named with its line."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vsc.errors import LabelError
from pytest_vsc.labels import READABLE, Label, append_label, label_key, read_labels, read_rows

PEOPLE = Path(__file__).parents[2] / "shared/data/judge/dev.jsonl.gz"


def line(**fields: object) -> str:
    return json.dumps({"prompt": "p", "response": "r", **fields})


def file_of(folder: Path, *lines: str, end: str = "\n") -> Path:
    file = folder / "labels.jsonl"
    file.write_bytes(("\n".join(lines) + end).encode())
    return file


def refusal(file: Path) -> str:
    with pytest.raises(LabelError) as caught:
        read_labels(file)
    return str(caught.value).replace(f"{file.parent}/", "")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    labels = [
        Label(prompt="p\u2028", response="\N{GRINNING FACE}\x00\r\n", verdict="HEDGED", reviewer="ann", when="now"),
        Label(prompt="p", response="r", human_refused=True, weight=1.5, stratum="rest", suite="s", case_id="c"),
    ]
    for label in labels:
        append_label(file, label)
    assert read_labels(file) == tuple(labels)
    assert file.read_bytes().count(b"\n") == 2
    assert file.stat().st_mode & 0o077 == 0
    file.chmod(0o644)
    append_label(file, labels[0])
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("ending", ["\n", ""])
def test_a_last_line_that_was_left_open_is_not_continued(tmp_path: Path, ending: str) -> None:
    file = file_of(tmp_path, line(), line(verdict="REFUSED"), end=ending)
    append_label(file, Label(prompt="p", response="r", verdict="ANSWERED"))
    assert [label.verdict for label in read_labels(file)] == [None, "REFUSED", "ANSWERED"]


def test_the_verdict_says_what_the_label_leaves_open() -> None:
    said = {verdict: Label(prompt="", response="", verdict=verdict) for verdict in READABLE}
    assert {verdict: (label.human_refused, label.human_aware) for verdict, label in said.items()} == {
        "REFUSED": (True, True),
        "CAUTIONED": (True, True),
        "HEDGED": (False, True),
        "ANSWERED": (False, False),
        "IRRELEVANT": (False, False),
    }
    given = Label(prompt="", response="", verdict="HEDGED", human_refused=True)
    assert (given.human_refused, given.human_aware) == (True, True)
    bare = Label(prompt="", response="")
    assert (bare.human_refused, bare.human_aware, bare.says_something) == (None, None, False)


def test_unknown_fields_empty_lines_and_a_byte_order_mark_are_no_trouble(tmp_path: Path) -> None:
    file = file_of(tmp_path, "\ufeff" + line(verdict="REFUSED", raw_label="1_x", prompt_safe=True), "", "  ", line())
    assert [row.number for row in read_rows(file)] == [1, 4]
    assert read_labels(file_of(tmp_path, "", end="")) == ()


def test_a_compressed_file(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl.gz"
    whole = gzip.compress("\n".join(line(response=f"{number}") for number in range(50)).encode())
    file.write_bytes(whole)
    assert len(read_labels(file)) == 50
    file.write_bytes(whole[:-12])
    assert refusal(file) == "labels.jsonl.gz: the compressed file is cut off; expected a whole one"
    file.write_bytes(b"no gzip")
    assert refusal(file).startswith("labels.jsonl.gz: does not unpack (Not a gzipped file")
    with pytest.raises(LabelError, match=r"cannot be added to while it is compressed; expected a name such as"):
        append_label(file, Label(prompt="p", response="r"))


def test_half_a_surrogate_pair_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Some models answer it."""
    file = tmp_path / "labels.jsonl"
    for response in ("Sure \ud83d", "No."):
        append_label(file, Label(prompt="p", response=response, verdict="ANSWERED"))
    assert [one.response for one in read_labels(file)] == ["Sure \ud83d", "No."]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{broken", "not JSON: key must be a string at line 1 column 2; expected one object a line"),
        ("[1]", "not a JSON object (list); expected one object a line"),
        ('{"prompt": "p"}', "lacks 'response'; expected prompt, response, and one of verdict, human_refused,"),
        (
            line(verdict="REFUSE"),
            "unknown verdict 'REFUSE'; expected one of ANSWERED, CAUTIONED, HEDGED, IRRELEVANT, REFUSED; "
            "did you mean 'REFUSED'?",
        ),
        (line(verdict="EMPTY"), "unknown verdict 'EMPTY'; expected one of ANSWERED"),
        (line(verdict=["REFUSED"]), "unknown verdict '['REFUSED']'; expected"),
        (line(human_refused="yes"), "human_refused: 'yes'; expected true, false or null"),
        (line(human_aware=1), "human_aware: 1; expected true, false or null"),
        (line(prompt=5), "prompt: Input should be a valid string (int)"),
        (line(weight=0.5), "weight: Input should be greater than or equal to 1 (float)"),
        ('{"prompt": "p", "response": "\\ud800"', "not JSON: "),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(file_of(tmp_path, line(), "", text, line())).startswith(f"labels.jsonl:3: {said}")


def test_the_text_of_an_answer_is_not_in_the_message(tmp_path: Path) -> None:
    file = file_of(tmp_path, json.dumps({"prompt": "secret", "response": ["secret"]}))
    assert refusal(file) == "labels.jsonl:1: response: Input should be a valid string (list)"


def test_a_last_line_that_was_cut_off_is_told(tmp_path: Path) -> None:
    file = file_of(tmp_path, line(), line()[:-5], end="")
    assert refusal(file).startswith("labels.jsonl:2: cut off: whoever wrote it did not come to its end; expected whole")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    said = "cannot be read: No such file or directory; expected a file of labels"
    assert refusal(tmp_path / "none.jsonl") == f"none.jsonl: {said}"
    assert "cannot be read: Is a directory" in refusal(tmp_path)
    with pytest.raises(LabelError, match="cannot be written: Is a directory"):
        append_label(tmp_path, Label(prompt="", response=""))


def test_the_last_word_of_a_reviewer_counts(tmp_path: Path) -> None:
    file = file_of(
        tmp_path,
        line(reviewer="ann", verdict="REFUSED", case_id="1"),
        line(reviewer="ann", verdict="REFUSED", case_id="2"),
        line(reviewer="bob", verdict="HEDGED", case_id="1"),
        line(reviewer="ann", verdict="ANSWERED", case_id="1"),
    )
    said = [(label.reviewer, label.case_id, label.verdict) for label in read_labels(file)]
    assert said == [("ann", "2", "REFUSED"), ("bob", "1", "HEDGED"), ("ann", "1", "ANSWERED")]
    assert len(read_labels(file_of(tmp_path, line(), line()))) == 2  # nobody's labels take nothing back


@given(st.text(), st.text(), st.text(), st.text())
def test_the_key_of_an_answer(prompt: str, response: str, other: str, another: str) -> None:
    assert (label_key(prompt, response) == label_key(other, another)) == ((prompt, response) == (other, another))
    assert len(label_key(prompt, response)) == 64


def test_the_key_takes_half_a_letter() -> None:
    assert label_key("\ud800", "") != label_key("", "\ud800")


@pytest.mark.skipif(not PEOPLE.exists(), reason="the labelled answers are not part of the project")
def test_the_answers_that_people_labelled() -> None:
    labels = read_labels(PEOPLE)
    sources = Counter(label.source for label in labels)
    assert sources == {"xstest_v2": 1145, "msts_en": 1897, "msts_en_textonly": 384, "msts_multilingual": 1844}
    assert all(label.says_something for label in labels)
    assert len({label.lang for label in labels}) == 11
