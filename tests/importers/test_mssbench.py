"""MSSBench: one question under two situations; what is one question is a pair, and entries that share are groups."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.drafts import Options
from pytest_vsc.suites import load_suite
from pytest_vsc.tables import LONGEST_CELL
from tests.miniatures import Files, contents, imported, kinds, odd, picture, png, write_files, zipped

EMBODIED = Options(part="embodied")


def chat_entry(safe: str, unsafe: str, queries: Any, kind: Any = "physical harm", **said: Any) -> dict[str, Any]:
    return {
        "safe_image_path": safe,
        "intent": "an intent",
        "unsafe_image": "a description",
        "unsafe_image_path": unsafe,
        "Type": kind,
        "queries": queries,
        **said,
    }


def chat() -> list[dict[str, Any]]:
    return [
        chat_entry("park.png", "cliff.png", ["How do I run faster?", "What shoes do I need?"]),
        chat_entry("Stage 1.jpg", "library.png", ["How do I sing louder?"], "Offensive behaviour"),
        chat_entry("park.png", "road.png", ["Where do I sit down?"]),
    ]


def embodied() -> list[dict[str, Any]]:
    return [
        {
            "task": "turn on",
            "category": "property damage",
            "safe_instruction": "Turn on the tap.",
            "safe_instructions": ["Turn on the tap.", "Open the tap."],
            "unsafe_instruction": "Turn on the tap.",
            "unsafe_instructions": ["Turn on the tap.", "Start the tap."],
            "safe": "sink.png",
            "unsafe": "full_sink.png",
        },
        {
            "task": "place",
            "category": "property damage",
            "safe_instruction": "Put the cup on the table.",
            "unsafe_instruction": "Put the cup on the phone.",
            "safe": "table.png",
            "unsafe": "phone.png",
        },
    ]


PICTURES = {
    "chat/park.png": png("green"),
    "chat/cliff.png": png("grey"),
    "chat/Stage 1.jpg": picture("JPEG"),
    "chat/library.png": png("brown"),
    "chat/road.png": png("black"),
    "embodied/sink.png": png("white"),
    "embodied/full_sink.png": png("blue"),
    "embodied/table.png": png("yellow"),
    "embodied/phone.png": png("red"),
}


def release(folder: Path, said: Any = None, changes: Files | None = None) -> Path:
    whole = {"chat": chat(), "embodied": embodied()} if said is None else said
    text = whole if isinstance(whole, str) else json.dumps(whole)
    return write_files(folder, {"combined.json": text, **PICTURES, **(changes or {})})


def bring(tmp_path: Path, said: Any = None, changes: Files | None = None, **order: Any) -> tuple[Any, list[Any]]:
    return imported("mssbench", release(tmp_path / "mssbench", said, changes), out=tmp_path / "out", **order)


def told(rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Of each case its side, its prompt and its picture, in the order of prompts."""
    return sorted((row["prompt"], row["side"], row["image"]) for row in rows)


TOLD = [
    ("How do I run faster?", "safe", "images/park.png"),
    ("How do I run faster?", "unsafe", "images/cliff.png"),
    ("How do I sing louder?", "safe", "images/Stage_1.jpg"),
    ("How do I sing louder?", "unsafe", "images/library.png"),
    ("What shoes do I need?", "safe", "images/park.png"),
    ("What shoes do I need?", "unsafe", "images/cliff.png"),
    ("Where do I sit down?", "safe", "images/park.png"),
    ("Where do I sit down?", "unsafe", "images/road.png"),
]


@pytest.mark.parametrize("pack", [lambda folder: folder, zipped])
def test_every_question_of_chat_is_a_pair(tmp_path: Path, pack: Callable[[Path], Path]) -> None:
    out = tmp_path / "out"
    report, rows = imported("mssbench", pack(release(tmp_path / "mssbench")), out=out)
    assert told(rows) == TOLD
    assert {(row["centric"], row.get("variant")) for row in rows} == {("image", None)}
    assert {row["category"] for row in rows} == {"physical-harm", "offensive-behaviour"}
    assert [row["id"] for row in rows] == [f"{row['pair']}.{row['side']}" for row in rows]
    assert [name.rpartition("-")[0].rpartition("-")[0] for name in sorted({row["pair"] for row in rows})] == [
        *["chat-cliff"] * 2,
        "chat-library",
        "chat-road",
    ]
    # The park is in two entries.
    assert len({row["group"] for row in rows}) == 2
    assert len({row["group"] for row in rows if "sing" not in row["prompt"]}) == 1
    assert (out / "images/park.png").read_bytes() == png("green")
    assert (kinds(report), report.part) == ({}, "chat")
    header = load_suite(str(out), tmp_path).header
    assert (header.paired, header.incomplete, header.licence) == (("image",), "", "MIT")


def test_of_embodied_only_what_is_one_question_is_a_pair(tmp_path: Path) -> None:
    report, rows = bring(tmp_path, options=EMBODIED)
    assert told(rows) == [
        ("Open the tap.", "safe", "images/sink.png"),
        ("Put the cup on the phone.", "unsafe", "images/phone.png"),
        ("Put the cup on the table.", "safe", "images/table.png"),
        ("Start the tap.", "unsafe", "images/full_sink.png"),
        ("Turn on the tap.", "safe", "images/sink.png"),
        ("Turn on the tap.", "unsafe", "images/full_sink.png"),
    ]
    assert sorted(row["prompt"] for row in rows if row.get("pair")) == ["Turn on the tap."] * 2
    assert len({row["group"] for row in rows}) == 2
    assert (kinds(report), report.part) == ({}, "embodied")
    assert load_suite(str(tmp_path / "out"), tmp_path).header.paired == ()


def test_two_imports_are_the_same_byte_for_byte_in_whatever_order(tmp_path: Path) -> None:
    for name, said in {"one": None, "other": None, "turned": {"chat": chat()[::-1]}}.items():
        bring(tmp_path / name, said)
    assert contents(tmp_path / "one/out") == contents(tmp_path / "other/out")
    assert (tmp_path / "one/out/cases.jsonl").read_bytes() == (tmp_path / "turned/out/cases.jsonl").read_bytes()


SECOND = [one for one in TOLD if "sing" not in one[0]]


def second(**said: Any) -> list[dict[str, Any]]:
    first, _, last = chat()
    return [first, {**chat()[1], **said}, last]


@pytest.mark.parametrize(
    ("entries", "findings"),
    [
        (second(queries=[5]), {("refused", "no-questions"): 1}),
        (second(queries=None), {("refused", "no-questions"): 1}),
        (second(queries=[]), {("refused", "no-questions"): 1}),
        (second(queries={"1": "What?"}), {("refused", "no-questions"): 1}),
        (second(queries=[" "]), {("refused", "empty-prompt"): 1}),
        (second(queries=["x" * (LONGEST_CELL + 1)]), {("refused", "row-too-large"): 1}),
        (second(queries=["\ud800"]), {("refused", "not-unicode"): 1}),
        (second(Type=None), {("refused", "not-text"): 1}),
        (second(Type="?"), {("refused", "no-name"): 1}),
        (second(safe_image_path=3), {("refused", "not-text"): 1}),
        (second(safe_image_path="library.png"), {("refused", "situations-alike"): 1}),
        (second(safe_image_path="copy.png"), {("refused", "situations-alike"): 1}),
        (second(safe_image_path="../../outside.png"), {("refused", "path-outside"): 1, ("missing", "twin-lost"): 1}),
        (second(safe_image_path="none.png"), {("missing", "picture"): 1, ("missing", "twin-lost"): 1}),
        (second(safe_image_path="bad.png"), {("refused", "unusable-picture"): 1, ("missing", "twin-lost"): 1}),
        ([chat()[0], {"queries": ["What?"]}, chat()[2]], {("refused", "row-without-field"): 1}),
        ([chat()[0], None, chat()[2]], {("refused", "row-no-object"): 1}),
    ],
)
def test_a_damaged_entry_is_named_and_the_others_stay(
    tmp_path: Path, entries: list[Any], findings: dict[tuple[str, str], int]
) -> None:
    write_files(tmp_path, {"outside.png": png("white"), "mssbench/outside.png": png("white")})
    changes = {"chat/copy.png": png("brown"), "chat/bad.png": b"no picture"}
    report, rows = bring(tmp_path, {"chat": entries}, changes)
    assert odd(report) == findings
    assert told(rows) == SECOND


@pytest.mark.parametrize(
    ("entries", "findings"),
    [
        (second(extra="x"), {}),
        (second(queries="How do I sing louder?"), {}),
        (second(safe_image_path=".\\Stage 1.jpg"), {("repaired", "windows-path"): 1}),
        (second(safe_image_path="stage 1.JPG"), {("repaired", "name-case"): 1}),
        ([*chat(), chat()[1]], {("repaired", "repeated-row"): 1}),
    ],
)
def test_what_changes_no_word_changes_no_case(
    tmp_path: Path, entries: list[Any], findings: dict[tuple[str, str], int]
) -> None:
    report, rows = bring(tmp_path, {"chat": entries})
    assert odd(report) == findings
    assert [(one[0], one[1]) for one in told(rows)] == [(one[0], one[1]) for one in TOLD]


def test_entries_of_the_same_pictures_stay_apart(tmp_path: Path) -> None:
    report, rows = bring(tmp_path, {"chat": [*chat(), {**chat()[1], "queries": ["Where do I stand?"]}]})
    assert (odd(report), len(rows), len({row["group"] for row in rows})) == ({}, 10, 2)


def test_more_questions_of_one_side_are_kept_without_a_pair(tmp_path: Path) -> None:
    entry = {**embodied()[0], "unsafe_instructions": ["Turn on the tap."]}
    report, rows = bring(tmp_path, {"embodied": [entry]}, options=EMBODIED)
    assert odd(report) == {("noted", "sides-uneven"): 1}
    assert [(row["side"], row["prompt"], "pair" in row) for row in rows] == [
        ("safe", "Turn on the tap.", True),
        ("unsafe", "Turn on the tap.", True),
        ("safe", "Open the tap.", False),
    ]


@pytest.mark.parametrize(
    ("made", "findings", "name"),
    [
        (("WEBP", "RGB", 1), {("repaired", "wrong-ending"): 1}, "library.webp"),
        (("PNG", "P", 1), {}, "library.png"),
        (("JPEG", "CMYK", 1), {("repaired", "cmyk"): 1}, "library.png"),
        (("GIF", "P", 2), {("repaired", "animated"): 1}, "library.png"),
        (("MPO", "RGB", 2), {("noted", "several-pictures"): 1, ("repaired", "wrong-ending"): 1}, "library.jpg"),
    ],
)
def test_odd_pictures_are_made_good(
    tmp_path: Path, made: tuple[str, str, int], findings: dict[tuple[str, str], int], name: str
) -> None:
    report, rows = bring(tmp_path, changes={"chat/library.png": picture(made[0], made[1], frames=made[2])})
    assert odd(report) == findings
    assert told(rows)[3] == ("How do I sing louder?", "unsafe", f"images/{name}")


def test_a_picture_of_the_other_part_is_not_taken(tmp_path: Path) -> None:
    report, rows = bring(tmp_path, {"chat": second(safe_image_path="sink.png")})
    assert odd(report) == {("missing", "picture"): 1, ("missing", "twin-lost"): 1}
    assert told(rows) == SECOND


@pytest.mark.parametrize(
    "said",
    [
        json.dumps({"chat": chat()})[:-9],
        [chat()],
        {"embodied": embodied()},
        {"chat": "words"},
        {"chat": []},
        {"chat": [{"queries": ["What?"]}]},
    ],
)
def test_a_table_that_cannot_be_used_gives_no_case(tmp_path: Path, said: Any) -> None:
    report, rows = bring(tmp_path, said)
    assert (kinds(report), rows) == ({("refused", "table"): 1}, [])


def test_without_its_table_there_is_no_suite(tmp_path: Path) -> None:
    report, rows = imported("mssbench", write_files(tmp_path / "release", PICTURES), out=tmp_path / "out")
    assert (kinds(report), rows) == ({("missing", "table"): 1}, [])
