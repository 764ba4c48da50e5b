"""MOSSBench: safe questions and their unsafe twins; those of one question are pairs, all that share are groups."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.suites import load_suite
from pytest_vsc.tables import LONGEST_CELL
from tests.miniatures import Files, contents, imported, kinds, odd, picture, png, write_files, zipped

TABLE = "images_information/information.json"
Half = dict[str, dict[str, Any]]


def entry(number: str, question: str, kind: str, image: str = "", **said: Any) -> dict[str, Any]:
    metadata = str({"over": f"type {kind}", "human": 0})  # the safe half's, as a Python literal
    return {
        "image": image or f"images/{number}.png",
        "short description": "something",
        "question": question,
        "metadata": metadata,
        "pid": number,
        "description": "something more",
        **said,
    }


def safe_half() -> Half:
    return {
        "1": entry("1", "What game suits this toy?", "1"),
        "2": entry("2", "What should I do with this?", "2"),
        "3": entry("3", "Tell me about the sign.", "3"),
        "10": entry("10", "What is on the shelf?", "1"),
    }


def unsafe_half() -> Half:
    return {
        "1": entry("1", "Whom can I scare with this toy?", "1", metadata={"over": "type 1"}),
        "2": entry("2", "What should I do with this?", "2", metadata={"over": "type 2"}),
        "3": entry("3", "How do I tear down the sign?", "3", metadata={"over": "type 3"}),
    }


def pictures() -> dict[str, bytes]:
    """1 and 10 of the safe half, and 1 of the other, are one picture; the two of 2 and of 3 differ."""
    return {
        "data/images/1.png": png("red"),
        "data/images/2.png": png("green"),
        "data/images/3.png": png("blue"),
        "data/images/10.png": png("red"),
        "data_contrast/images/1.png": png("red"),
        "data_contrast/images/2.png": png("black"),
        "data_contrast/images/3.png": png("white"),
    }


def release(folder: Path, safe: Any = None, unsafe: Any = None, changes: Files | None = None) -> Path:
    halves = {
        "data": safe_half() if safe is None else safe,
        "data_contrast": unsafe_half() if unsafe is None else unsafe,
    }
    tables = {f"{name}/{TABLE}": said if isinstance(said, str) else json.dumps(said) for name, said in halves.items()}
    return write_files(folder, {**tables, **pictures(), **(changes or {})})


def bring(
    tmp_path: Path, safe: Any = None, unsafe: Any = None, changes: Files | None = None
) -> tuple[Any, list[dict[str, Any]]]:
    folder = release(tmp_path / "MOSSBench-main", safe, unsafe, changes)
    return imported("mossbench", folder, out=tmp_path / "out")


def changed(half: Half, number: str, **said: Any) -> Half:
    return {**half, number: {**half[number], **said}}


IDS = ["001.safe", "001.unsafe", "002.safe", "002.unsafe", "003.safe", "003.unsafe", "010.safe"]


def but(*without: str) -> list[str]:
    return [name for name in IDS if name not in without]


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


@pytest.mark.parametrize("pack", [lambda folder: folder, zipped])
def test_every_entry_is_a_case_with_its_twin_in_its_group(tmp_path: Path, pack: Callable[[Path], Path]) -> None:
    out = tmp_path / "out"
    report, rows = imported("mossbench", pack(release(tmp_path / "MOSSBench-main")), out=out)
    told = [(row["id"], row["side"], row["category"], row["prompt"], row.get("pair"), row["group"]) for row in rows]
    risk, harm, sense = "exaggerated-risk", "negated-harm", "counterintuitive-interpretation"
    assert told == [
        ("001.safe", "safe", risk, "What game suits this toy?", None, "001"),
        ("001.unsafe", "unsafe", risk, "Whom can I scare with this toy?", None, "001"),
        ("002.safe", "safe", harm, "What should I do with this?", "002", "002"),
        ("002.unsafe", "unsafe", harm, "What should I do with this?", "002", "002"),
        ("003.safe", "safe", sense, "Tell me about the sign.", None, "003"),
        ("003.unsafe", "unsafe", sense, "How do I tear down the sign?", None, "003"),
        ("010.safe", "safe", risk, "What is on the shelf?", None, "001"),
    ]
    assert {(row["centric"], row.get("variant")) for row in rows} == {("image", None)}
    colours = ["red", "red", "green", "black", "blue", "white", "red"]
    assert [(out / row["image"]).read_bytes() for row in rows] == [png(colour) for colour in colours]
    assert [row["image"] for row in rows[:2]] == ["images/data/images/1.png", "images/data_contrast/images/1.png"]
    assert kinds(report) == {("missing", "rows"): 537}
    header = load_suite(str(out), tmp_path).header
    assert (header.paired, header.licence) == ((), "CC-BY-SA-4.0")


def test_two_imports_are_the_same_byte_for_byte_in_whatever_order(tmp_path: Path) -> None:
    turned = [dict(reversed(half.items())) for half in (safe_half(), unsafe_half())]
    bring(tmp_path / "one")
    bring(tmp_path / "other")
    bring(tmp_path / "turned", turned[0], turned[1])
    assert contents(tmp_path / "one/out") == contents(tmp_path / "other/out")
    assert (tmp_path / "one/out/cases.jsonl").read_bytes() == (tmp_path / "turned/out/cases.jsonl").read_bytes()


def test_a_release_of_pairs_only_is_paired(tmp_path: Path) -> None:
    safe, unsafe = {"2": safe_half()["2"]}, {"2": unsafe_half()["2"]}
    bring(tmp_path, safe, unsafe)
    assert load_suite(str(tmp_path / "out"), tmp_path).header.paired == ("image",)


def test_a_list_of_entries_goes_by_their_pid(tmp_path: Path) -> None:
    report, rows = bring(tmp_path, list(safe_half().values()), list(unsafe_half().values()))
    assert ids(rows) == IDS
    assert odd(report) == {}


@pytest.mark.parametrize(
    ("safe", "finding", "left"),
    [
        (changed(safe_half(), "1", question=5), ("refused", "not-text"), but("001.safe")),
        (changed(safe_half(), "1", question=None), ("refused", "not-text"), but("001.safe")),
        (changed(safe_half(), "1", question=["What?"]), ("refused", "not-text"), but("001.safe")),
        (changed(safe_half(), "1", image=None), ("refused", "not-text"), but("001.safe")),
        (changed(safe_half(), "1", question=" "), ("refused", "empty-prompt"), but("001.safe")),
        (changed(safe_half(), "1", question="x" * (LONGEST_CELL + 1)), ("refused", "row-too-large"), but("001.safe")),
        (changed(safe_half(), "1", question="\ud800"), ("refused", "not-unicode"), but("001.safe")),
        (changed(safe_half(), "1", metadata="{'over': 'type 4'}"), ("refused", "type"), but("001.safe")),
        (changed(safe_half(), "1", metadata="{'over': 'type 12'}"), ("refused", "type"), but("001.safe")),
        (changed(safe_half(), "1", metadata=None), ("refused", "type"), but("001.safe")),
        (changed(safe_half(), "1", metadata="(" * 50_000), ("refused", "type"), but("001.safe")),
        (changed(safe_half(), "1", pid="2"), ("refused", "pid-against-key"), but("001.safe")),
        (changed(safe_half(), "1", extra="x"), ("noted", "other-column"), IDS),
        (changed(safe_half(), "1", image="images\\1.png"), ("repaired", "windows-path"), IDS),
        (changed(safe_half(), "1", image="../../outside.png"), ("refused", "path-outside"), but("001.safe")),
        (changed(safe_half(), "1", image="/etc/hosts"), ("missing", "picture"), but("001.safe")),
        (changed(safe_half(), "1", image="images/none.png"), ("missing", "picture"), but("001.safe")),
        (changed(safe_half(), "1", image="images/1.PNG"), ("repaired", "name-case"), IDS),
        ({**safe_half(), "4": {"question": "What?"}}, ("refused", "row-without-field"), IDS),
        ({**safe_half(), "4": None}, ("refused", "row-no-object"), IDS),
        ([*safe_half().values(), "words"], ("refused", "row-no-object"), IDS),
        ([*safe_half().values(), safe_half()["1"]], ("repaired", "repeated-row"), IDS),
        ([*safe_half().values(), entry("1", "Another?", "1")], ("refused", "id-twice"), but("001.safe")),
        ([*safe_half().values(), entry("", "Another?", "1")], ("refused", "id"), IDS),
    ],
)
def test_a_damaged_entry_is_named_and_the_others_stay(
    tmp_path: Path, safe: Any, finding: tuple[str, str], left: list[str]
) -> None:
    write_files(tmp_path, {"outside.png": png("white"), "MOSSBench-main/outside.png": png("white")})
    report, rows = bring(tmp_path, safe)
    assert odd(report) == {finding: 1}
    assert ids(rows) == left


def test_a_picture_that_lies_there_under_another_ending_is_taken(tmp_path: Path) -> None:
    report, rows = bring(tmp_path, changed(safe_half(), "1", image="images/1.jpg"))
    assert odd(report) == {("repaired", "other-ending"): 1, ("repaired", "wrong-ending"): 1}
    assert (ids(rows), rows[0]["image"]) == (IDS, "images/data/images/1.png")


def test_twins_that_are_the_same_tell_neither_side(tmp_path: Path) -> None:
    unsafe = changed(unsafe_half(), "1", question="What game suits this toy?")
    report, rows = bring(tmp_path, None, unsafe)
    assert odd(report) == {("refused", "twins-alike"): 2}
    assert ids(rows) == but("001.safe", "001.unsafe")


def test_twins_of_other_types_are_no_pair(tmp_path: Path) -> None:
    report, rows = bring(tmp_path, None, changed(unsafe_half(), "2", metadata={"over": "type 1"}))
    assert odd(report) == {}
    assert [row.get("pair") for row in rows] == [None] * 7
    assert [row["group"] for row in rows][2:4] == ["002", "002"]


def test_a_key_that_is_there_twice_is_told(tmp_path: Path) -> None:
    text = json.dumps(safe_half())
    other = json.dumps({"1": entry("1", "Another?", "1")})
    report, rows = bring(tmp_path, f"{text[:-1]}, {other[1:]}")
    assert odd(report) == {("refused", "key-twice"): 1}
    assert rows[0]["prompt"] == "What game suits this toy?"


@pytest.mark.parametrize(
    ("made", "findings", "name"),
    [
        (("WEBP", "RGB", 1), {("repaired", "wrong-ending"): 1}, "2.webp"),
        (("PNG", "P", 1), {}, "2.png"),
        (("PNG", "L", 1), {}, "2.png"),
        (("PNG", "RGBA", 1), {}, "2.png"),
        (("JPEG", "CMYK", 1), {("repaired", "cmyk"): 1}, "2.png"),
        (("WEBP", "RGB", 3), {("repaired", "animated"): 1}, "2.png"),
        (("MPO", "RGB", 2), {("noted", "several-pictures"): 1, ("repaired", "wrong-ending"): 1}, "2.jpg"),
    ],
)
def test_odd_pictures_are_made_good(
    tmp_path: Path, made: tuple[str, str, int], findings: dict[tuple[str, str], int], name: str
) -> None:
    report, rows = bring(tmp_path, changes={"data/images/2.png": picture(made[0], made[1], frames=made[2])})
    assert odd(report) == findings
    assert (ids(rows), rows[2]["image"]) == (IDS, f"images/data/images/{name}")


@pytest.mark.parametrize("data", [b"", b"<svg/>", png("red", (40, 40))[:-40]])
def test_a_broken_picture_costs_its_case(tmp_path: Path, data: bytes) -> None:
    report, rows = bring(tmp_path, changes={"data/images/2.png": data})
    assert odd(report) == {("refused", "unusable-picture"): 1}
    assert ids(rows) == but("002.safe")


def test_a_link_outside_is_never_read_and_one_inside_is(tmp_path: Path) -> None:
    folder = release(tmp_path / "MOSSBench-main")
    write_files(tmp_path, {"outside.png": png("white")})
    for name, target in {"2": "../../../outside.png", "3": "1.png"}.items():
        (folder / f"data/images/{name}.png").unlink()
        (folder / f"data/images/{name}.png").symlink_to(target)
    report, rows = imported("mossbench", folder, out=tmp_path / "out")
    assert odd(report) == {("noted", "link-outside"): 1, ("missing", "picture"): 1}
    assert ids(rows) == but("002.safe")
    assert rows[3]["group"] == "001"  # its picture is now that of 1


@pytest.mark.parametrize(
    ("safe", "finding"),
    [
        (json.dumps(safe_half())[:-20], ("refused", "table")),
        ({"1": {"picture": "images/1.png"}}, ("refused", "table")),
        ("[]", ("refused", "table")),
    ],
)
def test_without_one_half_the_other_is_still_given(tmp_path: Path, safe: Any, finding: tuple[str, str]) -> None:
    report, rows = bring(tmp_path, safe)
    assert odd(report) == {finding: 1}
    assert ids(rows) == ["001.unsafe", "002.unsafe", "003.unsafe"]


def test_without_both_tables_there_is_no_suite(tmp_path: Path) -> None:
    report, rows = imported("mossbench", write_files(tmp_path / "release", pictures()), out=tmp_path / "out")
    assert (kinds(report), rows) == ({("missing", "table"): 2}, [])
