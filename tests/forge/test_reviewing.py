"""Decisions about forged pairs, applied: what is marked, what leaves and is kept, and which decisions are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.cases import SIDES
from pytest_vsc.errors import ForgeError
from pytest_vsc.forge.making import REVIEWED
from pytest_vsc.forge.notes import STRUCK, read_book
from pytest_vsc.forge.reviewing import Applied, apply, read_decisions
from pytest_vsc.gates import resolve_gates
from pytest_vsc.suites import load_suite
from tests.forged import NAMES, TOML, contents, decisions, lines, note, rows, write

A, B, C, D = NAMES


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return write(tmp_path / "new")


def sha256(folder: Path) -> str:
    return load_suite(str(folder), folder).sha256


def put(folder: Path, *, by: str = "ann", **said: Any) -> Applied | None:
    """Apply decisions of this state of the suite, or of another that is given."""
    said.setdefault("sha256", sha256(folder))
    file = decisions(folder.parent / "decisions.json", **said)
    return apply(read_book(folder), read_decisions(file), "decisions.json", reviewer=by, on="2026-11-28")


def test_accepted_pairs_are_marked_and_struck_ones_kept_beside(new: Path) -> None:
    before, was = lines(new / "cases.jsonl"), sha256(new)
    done = put(new, accepted=[A, C], struck=[B])
    suite = load_suite(str(new), new)
    assert done == Applied(2, 1, 1, 3, suite.sha256, ())
    assert suite.sha256 != was
    assert {case.pair for case in suite.cases if REVIEWED in case.tags} == {A, C}
    assert [case.pair for case in suite.cases] == [A, A, C, C, D, D]
    reviewed = {"reviewed": True, "reviewer": "ann", "on": "2026-11-28"}
    assert lines(new / "forge.jsonl") == [note(A, **reviewed), note(C, **reviewed), note(D)]
    gone = lines(new / STRUCK)
    assert gone == [{"pair": B, "note": note(B), "rows": before[2:4], "reviewer": "ann", "on": "2026-11-28"}]
    left = [{**row, "tags": [tag for tag in row["tags"] if tag != REVIEWED]} for row in lines(new / "cases.jsonl")]
    bare = [{name: value for name, value in row.items() if value} for row in before]
    assert [{name: value for name, value in row.items() if value} for row in left] == bare[:2] + bare[4:]


def test_a_picture_that_no_case_shows_stays_and_is_no_longer_listed(new: Path) -> None:
    put(new, struck=[B])
    listed = [line.split()[1] for line in (new / "pictures.sha256").read_text().splitlines()]
    assert listed == ["images/1.png", "images/2.png"]
    assert (new / "images/3.png").is_file()


def test_cases_that_nobody_decided_about_keep_their_bytes(new: Path) -> None:
    before = (new / "cases.jsonl").read_bytes().splitlines()
    put(new, accepted=[A], struck=[B])
    assert (new / "cases.jsonl").read_bytes().splitlines()[2:] == before[4:]


def test_the_same_again_is_done_already(new: Path) -> None:
    was = sha256(new)
    put(new, sha256=was, accepted=[A], struck=[B])
    after = contents(new)
    assert put(new, sha256=was, accepted=[A], struck=[B]) is None
    assert contents(new) == after


def test_one_review_after_another(new: Path) -> None:
    put(new, accepted=[A], struck=[B])
    done = put(new, by="bob", accepted=[A, C], struck=[D])
    assert done is not None
    assert (done.accepted, done.struck, done.unreviewed, done.pairs) == (1, 1, 0, 2)
    assert {said["pair"]: said["reviewer"] for said in lines(new / "forge.jsonl")} == {A: "ann", C: "bob"}
    assert [said["pair"] for said in lines(new / STRUCK)] == [B, D]
    put(new, struck=[A])  # accepted before, and seen through now
    assert lines(new / STRUCK)[-1]["note"]["reviewer"] == "ann"
    assert {case.pair for case in load_suite(str(new), new).cases} == {C}


@pytest.mark.parametrize("broken", [STRUCK, "forge.jsonl", "pictures.sha256", "cases.jsonl"])
def test_what_broke_off_is_done_by_the_same_again(new: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """broken: the file that does not get to its place any more."""
    was, replace = sha256(new), Path.replace

    def full(self: Path, target: Path) -> Path:
        if target.name == broken:
            raise OSError(28, "No space left on device", str(target))
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(ForgeError, match="cannot be written: No space left on device; the same command can be"):
            put(new, sha256=was, accepted=[A], struck=[B])
    assert not list(new.glob(".*"))
    assert sha256(new) == was
    done = put(new, sha256=was, accepted=[A], struck=[B])
    assert done is not None
    assert [said["pair"] for said in lines(new / STRUCK)] == [B]
    assert [said["pair"] for said in lines(new / "forge.jsonl")] == [A, C, D]


def test_gates_that_no_case_is_left_for_leave_the_suite(tmp_path: Path) -> None:
    gates = ["undersafety <= 5%", "undersafety[category=health-drugs] <= 8%"]
    new = write(tmp_path / "new", toml=f"{TOML}gates = {json.dumps(gates)}\n")
    done = put(new, struck=[C, D])
    suite = load_suite(str(new), new)
    assert done is not None
    assert (done.gates_lost, suite.header.gates) == ((gates[1],), (gates[0],))
    assert resolve_gates([("suite", suite.header.gates)], suite)[0]
    assert suite.header.categories == ("violence", "health-drugs")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"accepted": [A], "suite": "other"}, "d.json: decides about suite 'other', and * holds 'new'"),
        ({"accepted": [A, B], "struck": [B]}, f"d.json: accepts and strikes pair '{B}'; expected one of both"),
        ({}, "d.json: decides about no pair; expected one that is accepted or struck"),
        (
            {"accepted": [A], "sha256": "0" * 64},
            "d.json: is about another state of suite 'new' (sha256 000000000000, which is * now); expected decisions "
            "about a new page of it",
        ),
        (
            {"accepted": ["c.typo.0"]},
            f"d.json: unknown pair 'c.typo.0'; expected one of the 4 of 'new'; did you mean '{C}'?",
        ),
        ({"struck": ["\x1b[2J\n::x"]}, "d.json: unknown pair '[2J ::x'; expected one of the 4 of 'new'"),
        ({"struck": NAMES}, "d.json: strikes all 4 pairs of 'new'; a suite needs cases"),
    ],
)
def test_decisions_that_do_not_fit_change_nothing(new: Path, said: Mapping[str, Any], message: str) -> None:
    file = decisions(new.parent / "d.json", **{"sha256": sha256(new), **said})
    before = contents(new)
    with pytest.raises(ForgeError) as caught:
        apply(read_book(new), read_decisions(file), "d.json", reviewer="ann", on="")
    assert re.fullmatch(re.escape(message).replace(r"\*", ".+"), str(caught.value))
    assert contents(new) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "field 'all of it': invalid JSON"),
        ("[]", "field 'all of it': input should be an object"),
        (
            '{"format": 2, "suite": "new", "sha256": "", "accepted": [], "struck": []}',
            "field 'format': input should be 1",
        ),
        ('{"format": 1, "suite": "new", "sha256": "", "accepted": []}', "field 'struck': field required"),
        ('{"format": 1, "suite": "new", "sha256": "", "accepted": [1], "struck": []}', "field 'accepted.0': input sho"),
        (
            '{"format": 1, "suite": "new", "sha256": "", "accepted": [], "struck": [], "x": 1}',
            "field 'x': extra inputs",
        ),
    ],
)
def test_a_file_that_no_page_saved(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "d.json"
    file.write_text(text)
    with pytest.raises(ForgeError) as caught:
        read_decisions(file)
    assert str(caught.value).startswith(f"{file}: {message}")
    assert str(caught.value).endswith("; expected a file that the page of `vsc forge review DIR --html FILE` saves")
    with pytest.raises(ForgeError, match="cannot be read: No such file or directory"):
        read_decisions(tmp_path / "gone.json")


NOTE = json.dumps(note(A)) + "\n"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("suite.toml", None, ": holds no suite; expected a folder that `vsc forge pairs` made"),
        ("forge.jsonl", None, ": has no forge.jsonl, so it is no forged suite; expected a folder that "),
        ("forge.jsonl", NOTE, f"/forge.jsonl: tells nothing of pair '{B}'; expected a folder that "),
        ("forge.jsonl", NOTE * 2, f"/forge.jsonl:2: pair '{A}' is there twice; expected one line a pair"),
        ("forge.jsonl", f"{NOTE}{{", "/forge.jsonl:2: not JSON: "),
        ("forge.jsonl", "[1]\n", "/forge.jsonl:1: not JSON: no object but list"),
        ("forge.jsonl", NOTE.replace('"seed": 0', '"seed": "x"'), "/forge.jsonl:1: field 'seed': input should be a "),
        ("forge.jsonl", NOTE.replace("0.5,", "NaN,"), "/forge.jsonl:1: field 'similarity.halves_edit': input should "),
        ("forge.struck.jsonl", '{"pair": 1}\n', "/forge.struck.jsonl:1: expected a pair that was struck, with its no"),
    ],
)
def test_a_folder_that_is_no_forged_suite(new: Path, name: str, text: str | None, message: str) -> None:
    (new / name).unlink(missing_ok=True)
    if text is not None:
        (new / name).write_text(text)
    with pytest.raises(ForgeError) as caught:
        read_book(new)
    assert str(caught.value).startswith(f"{new}{message}")
    assert "\n" not in str(caught.value)


def test_a_forge_that_broke_off_is_no_suite_yet(tmp_path: Path) -> None:
    (tmp_path / "forge.work.jsonl").write_text("{}\n")
    with pytest.raises(ForgeError, match="holds no suite yet: a forge broke off in it, and the same command goes on"):
        read_book(tmp_path)


def test_pairs_of_another_file_are_not_touched(new: Path) -> None:
    said = [row for row in rows({}) if row["pair"] != A]
    (new / "cases.jsonl").write_text("\n".join(map(json.dumps, said)))
    halves = "".join(
        f"  {side}: {{prompt: Boats?, image: images/{number}.png}}\n" for number, side in enumerate(SIDES, 1)
    )
    (new / "pairs.yaml").write_text(f"- pair: {A}\n  centric: image\n  category: violence\n{halves}")
    with pytest.raises(ForgeError, match=f"pair '{A}' is not in cases.jsonl; expected all pairs of the suite there"):
        put(new, accepted=[A])
