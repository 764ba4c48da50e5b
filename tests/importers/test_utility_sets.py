"""MME, MMMU, POPE, TextVQA and MMBench: miniatures of each layout, and what they may lack. All texts are our own."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from pytest_vsc.drafts import Options
from pytest_vsc.errors import ReleaseError
from pytest_vsc.imports import Report
from pytest_vsc.suites import load_suite
from pytest_vsc.tables import LONGEST_CELL
from tests.command import Run, runner
from tests.miniatures import Files, imported, kinds, picture, png, write_files, zipped

Rows = Sequence[Mapping[str, Any]]
RED, WHITE = picture("JPEG", colour="red"), picture("JPEG", colour="white")
ASK = "Answer with the letter of the right option."


def as_lines(rows: Rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


# --- the miniatures ---


def mme() -> dict[str, bytes | str]:
    """A task with all in one folder, and one with a folder each for pictures and texts; and what is beside them."""
    return {
        "MME/count/0001.png": png("red"),
        "MME/count/0001.txt": "Is there one lamp? Please answer yes or no.\tYes\nAre there two lamps?\tNo\n",
        "MME/OCR/a1.jpg": RED,
        "MME/OCR/a1.txt": "Does it say open?\tNo\r\nDoes it say shut?\tYes\r\n",
        "MME/scene/images/park.jpg": WHITE,
        "MME/scene/questions_answers_YN/park.txt": "Is this a park?\tYes\nIs this a shop?\tNo\n",
        "MME/eval_tool/Your_Results/count.txt": "0001.png\tIs there one lamp?\tYes\tno\n",
    }


def mmmu_rows(**changes: Any) -> list[dict[str, Any]]:
    def row(name: str, question: str, **said: Any) -> dict[str, Any]:
        usual = {"options": "['a lamp', \"a dog's bed\", 'a tree']", "answer": "B", "question_type": "multiple-choice"}
        images: dict[str, Any] = {f"image_{number}": None for number in range(1, 8)}
        images["image_1"] = {"bytes": png("red"), "path": "1.png"}
        return {"id": name, "question": question, **usual, **images, "explanation": "", **said}

    return [
        row("validation_Art_Theory_1", "What is in <image 1>?"),
        row(
            "validation_Art_Theory_2",
            "What is <image 1> beside <image 2>?",
            image_2={"bytes": png("blue"), "path": None},
        ),
        row("validation_Math_10", "How many?", options="[]", answer="['3', 'three']", question_type="open"),
        row("dev_Math_1", "Which is it?") | changes,
    ]


def as_parquet(rows: Rows) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), buffer)
    return buffer.getvalue()


def pope(kind: str) -> list[dict[str, Any]]:
    named = [("1", "snow.jpg", "Is there a lamp in the image?", "yes"), ("2", "snow.jpg", f"Is there a {kind}?", "no")]
    return [
        {"question_id": int(number), "image": image, "text": text, "label": label}
        for number, image, text, label in named
    ]


def pope_files() -> dict[str, bytes | str]:
    tables = {
        f"output/coco/coco_pope_{kind}.json": as_lines(pope(kind)) for kind in ("random", "popular", "adversarial")
    }
    return {**tables, "val2014/snow.jpg": WHITE, "output/gqa/gqa_pope_seem_random.json": as_lines(pope("x"))}


def vqa_entry(number: int, answers: Sequence[str], **said: Any) -> dict[str, Any]:
    return {
        "question": f"What is written there, number {number}?",
        "image_id": "0a1b",
        "question_id": number,
        "answers": list(answers),
        "set_name": "val",
        **said,
    }


VQA = [
    vqa_entry(7, ["open"] * 6 + ["OPEN "] + ["shut"] * 3),
    vqa_entry(8, ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]),
    vqa_entry(9, ["unanswerable"] * 7 + ["12"] * 3, image_id="ffff"),
]


def textvqa(entries: Any = VQA) -> dict[str, bytes | str]:
    table = json.dumps({"dataset_type": "val", "dataset_name": "textvqa", "data": entries})
    return {
        "TextVQA_0.5.1_val.json": table,
        "train_images/0a1b.jpg": RED,
        "train_images/ffff.jpg": WHITE,
    }


def encoded(colour: str) -> str:
    return base64.b64encode(png(colour)).decode()


BENCH = [
    {"index": "241", "question": "What is it?", "hint": "Look at it.", "A": "a lamp", "B": "a tree", "C": "", "D": "",
     "answer": "B", "category": "object_localization", "image": encoded("red")},
    {"index": "252", "question": "Where is it?", "hint": "", "A": "left", "B": "right", "C": "above", "D": "below",
     "answer": "D", "category": "spatial_relationship", "image": "241"},
    {"index": "1000241", "question": "What is it?", "hint": "", "A": "a tree", "B": "a lamp", "C": "", "D": "",
     "answer": "A", "category": "object_localization", "image": "241"},
    {"index": "99", "question": "Who is it?", "hint": "nan", "A": "a cat", "B": "a dog", "C": "a hen", "D": "nan",
     "answer": "c", "category": "object_localization", "image": encoded("blue")},
]  # fmt: skip


def as_tsv(rows: Rows) -> str:
    return "".join("\t".join(line) + "\n" for line in [list(rows[0]), *(list(map(str, row.values())) for row in rows)])


def changed(rows: Rows, at: int, **said: Any) -> list[dict[str, Any]]:
    return [{**row, **said} if place == at else dict(row) for place, row in enumerate(rows)]


RELEASES: dict[str, Files] = {
    "mme": mme(),
    "mmmu": {"Art/validation-00000-of-00001.parquet": as_parquet(mmmu_rows())},
    "pope": pope_files(),
    "textvqa": textvqa(),
    "mmbench": {"mmbench_dev_en_20231003.tsv": as_tsv(BENCH)},
}


def bring(name: str, tmp_path: Path, files: Files, part: str = "") -> tuple[Report, list[dict[str, Any]]]:
    folder = write_files(tmp_path / "release", files)
    return imported(name, folder, out=tmp_path / "out", options=Options(part=part))


def told(rows: Rows) -> dict[str, tuple[Any, ...]]:
    return {row["id"]: (row["category"], row["prompt"], row["answers"], row.get("options")) for row in rows}


def where(report: Report, name: str) -> tuple[str, ...]:
    return next((one.where for one in report.findings if one.name == name), ())


# --- what all of them do ---


@pytest.fixture
def vsc(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


@pytest.mark.parametrize("name", RELEASES)
def test_each_is_a_utility_suite_and_the_same_each_time(name: str, tmp_path: Path) -> None:
    report, rows = bring(name, tmp_path / "one", RELEASES[name])
    suite = load_suite(str(tmp_path / "one/out"), tmp_path)
    assert suite.measures_utility
    assert len(suite.cases) == len(rows) == report.cases >= 2
    assert {case.centric for case in suite.cases} == {"image"}
    assert suite.header.gates == ("invalid <= 2%",)
    assert {one.side for one in report.counts} == {"utility"}
    assert report.complete
    again, _ = imported(name, zipped(tmp_path / "one/release"), out=tmp_path / "out")
    assert again.sha256 == report.sha256
    assert (tmp_path / "out/cases.jsonl").read_bytes() == (tmp_path / "one/out/cases.jsonl").read_bytes()


@pytest.mark.parametrize("name", RELEASES)
def test_the_command_imports_it(name: str, vsc: Run, tmp_path: Path) -> None:
    place = write_files(tmp_path / "release", RELEASES[name])
    code, out, err = vsc("import", name, place, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    heads = out.splitlines()[3].split()
    assert heads == ["centric", "variant", "category", "utility"]
    assert "complete: nothing is missing" in out.splitlines()


@pytest.mark.parametrize("name", RELEASES)
def test_nothing_of_it_there_is_no_suite(name: str, tmp_path: Path) -> None:
    report, rows = bring(name, tmp_path, {"a.png": png("red")})
    assert (kinds(report), rows) == ({("missing", "table"): 1 if name != "pope" else 3}, [])


# --- MME ---


def test_mme_has_two_questions_a_picture(tmp_path: Path) -> None:
    _, rows = bring("mme", tmp_path, mme())
    yes_or_no = ["yes", "no"]
    assert told(rows) == {
        "count-0001-1": ("count", "Is there one lamp? Please answer yes or no.", ["yes"], yes_or_no),
        "count-0001-2": ("count", "Are there two lamps?", ["no"], yes_or_no),
        "ocr-a1-1": ("ocr", "Does it say open?", ["no"], yes_or_no),
        "ocr-a1-2": ("ocr", "Does it say shut?", ["yes"], yes_or_no),
        "scene-park-1": ("scene", "Is this a park?", ["yes"], yes_or_no),
        "scene-park-2": ("scene", "Is this a shop?", ["no"], yes_or_no),
    }
    assert [row["group"] for row in rows[:2]] == ["count-0001"] * 2
    pictures = [(tmp_path / "out" / row["image"]).read_bytes() for row in rows]
    assert pictures == [png("red"), png("red"), RED, RED, WHITE, WHITE]


@pytest.mark.parametrize(
    ("lines", "finding", "place", "left"),
    [
        ("Is it?\tYes\nIs that?\tMaybe\n", ("refused", "answer"), "MME/count/0001.txt:2: maybe", 5),
        ("Is it?\tYes\nIs that? No\n", ("refused", "line-without-tab"), "MME/count/0001.txt:2", 5),
        ("Is it?\tYes\n\t No\n", ("refused", "without-words"), "MME/count/0001.txt:2: question", 5),
        ("Is it?\tYes\n", ("noted", "not-two-questions"), "MME/count/0001.txt: 1", 5),
    ],
)
def test_mme_damage_is_named_by_its_line(
    lines: str, finding: tuple[str, str], place: str, left: int, tmp_path: Path
) -> None:
    report, rows = bring("mme", tmp_path, {**mme(), "MME/count/0001.txt": lines})
    assert kinds(report)[finding] == 1
    assert where(report, finding[1]) == (place,)
    assert len(rows) == left


def test_mme_in_full_is_told_in_one_line(vsc: Run, tmp_path: Path) -> None:
    more = {f"MME/color/{n}.txt": "Is it red?\tYes\nIs it blue?\tNo\n" for n in range(10)}
    place = write_files(
        tmp_path / "release", {**mme(), **more, **{f"MME/color/{n}.png": png("red") for n in range(10)}}
    )
    _, out, _ = vsc("import", "mme", place, "--out", tmp_path / "out")
    assert out.splitlines()[0] == "read      26 rows of 13 files"


def test_mme_without_a_picture(tmp_path: Path) -> None:
    files = {name: data for name, data in mme().items() if name != "MME/scene/images/park.jpg"}
    report, rows = bring("mme", tmp_path, files)
    assert (kinds(report)["missing", "picture"], len(rows)) == (1, 4)
    assert where(report, "picture") == ("MME/scene/images/park.jpg (2 cases)",)


# --- MMMU ---

ART = ["A. a lamp", "B. a dog's bed", "C. a tree"]


def test_mmmu_has_choices_and_open_questions(tmp_path: Path) -> None:
    report, rows = bring("mmmu", tmp_path, RELEASES["mmmu"])
    options = "\n".join(ART)
    assert told(rows) == {
        "validation-art-theory-0001": ("art-theory", f"What is in <image 1>?\n{options}\n{ASK}", [ART[1]], ART),
        "validation-art-theory-0002": (
            *("art-theory", f"What is <image 1> beside <image 2>?\n{options}\n{ASK}", [ART[1]], ART),
        ),
        "validation-math-0010": ("math", "How many?", ["3", "three"], None),
    }
    shown = [(tmp_path / "out" / one).read_bytes() for one in rows[1]["images"]]
    assert shown == [png("red"), png("blue")]
    assert [row["tags"] for row in rows] == [["multiple-choice"], ["multiple-choice"], ["open"]]
    assert [row["group"] for row in rows] == ["validation-art-theory-0001"] * 3  # all show the first one's figure
    assert kinds(report) == {}


def test_mmmu_in_json_lines_with_its_pictures_beside_it_and_another_part(tmp_path: Path) -> None:
    rows = [
        {"id": "dev_Law_2", "question": "Which?", "options": ["x", "y"], "answer": "A", "image_1": "images/l.png"},
        {
            "id": "validation_Law_2",
            "question": "Whose?",
            "options": ["x", "y"],
            "answer": "A",
            "image_1": "images/l.png",
        },
    ]
    files: Files = {"all.jsonl": as_lines(rows), "images/l.png": png("gold"), "test-0.jsonl": "not read"}
    report, cases = bring("mmmu", tmp_path, files, part="dev")
    assert [case["id"] for case in cases] == ["dev-law-0002"]
    assert (report.part, kinds(report)) == ("dev", {})


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        ({"answer": "E"}, ("refused", "answer")),
        ({"answer": "?"}, ("refused", "answer")),
        ({"options": "['only one']", "answer": "A"}, ("refused", "options")),
        ({"options": "['a', "}, ("refused", "options")),
        ({"options": "{'a': 1}"}, ("refused", "options")),
        ({"options": "[]", "question_type": "open", "answer": "?"}, ("refused", "answer")),
        ({"question_type": "essay"}, ("refused", "question_type")),
        ({"id": "Math-1"}, ("refused", "id")),
        ({"question": ""}, ("refused", "without-words")),
        ({"image_1": None}, ("missing", "picture")),
        ({"image_1": {"bytes": b"no picture", "path": None}}, ("refused", "unusable-picture")),
    ],
)
def test_mmmu_damage_is_named_by_its_row(said: dict[str, Any], finding: tuple[str, str], tmp_path: Path) -> None:
    files = {"dev-00000-of-00001.parquet": as_parquet(changed([*mmmu_rows(), *mmmu_rows(id="dev_Math_2")], 3, **said))}
    report, rows = bring("mmmu", tmp_path, files, part="dev")
    assert kinds(report) == {finding: 1}
    if finding[1] != "unusable-picture":
        assert where(report, finding[1])[0].startswith("dev-00000-of-00001.parquet:4")
    assert [row["id"] for row in rows] == ["dev-math-0002"]


def test_mmmu_without_a_column(tmp_path: Path) -> None:
    rows = [{name: value for name, value in row.items() if name != "options"} for row in mmmu_rows()]
    report, _ = bring("mmmu", tmp_path, {"validation-0.parquet": as_parquet(rows)})
    assert where(report, "table")[0].startswith("validation-0.parquet: no column 'options'; ")


# --- POPE ---


def test_pope_asks_of_three_kinds_of_objects(tmp_path: Path) -> None:
    report, rows = bring("pope", tmp_path, pope_files())
    assert [row["id"] for row in rows[:2]] == ["coco-adversarial-0001", "coco-adversarial-0002"]
    assert told(rows)["coco-popular-0002"] == ("popular", "Is there a popular?", ["no"], ["yes", "no"])
    assert {row["group"] for row in rows} == {"picture-snow"}
    assert (report.pictures, kinds(report)) == (1, {})
    report, rows = imported("pope", tmp_path / "release", out=tmp_path / "gqa", options=Options(part="gqa"))
    assert [row["id"] for row in rows] == ["gqa-random-0001", "gqa-random-0002"]
    assert kinds(report) == {("missing", "table"): 2}


def test_pope_reads_the_one_table_that_was_named_and_a_list_too(tmp_path: Path) -> None:
    files = {**pope_files(), "output/coco/coco_pope_random.json": json.dumps(pope("random"))}
    folder = write_files(tmp_path / "release", files)
    pictures = write_files(tmp_path / "pictures", {"val2014/snow.jpg": WHITE})
    report, rows = imported("pope", folder / "output/coco/coco_pope_random.json", pictures, out=tmp_path / "out")
    assert ([row["category"] for row in rows], kinds(report)) == (["random", "random"], {})


@pytest.mark.parametrize(
    ("said", "finding", "place"),
    [
        ({"label": "maybe"}, ("refused", "label"), ":2: maybe"),
        ({"label": None}, ("refused", "label"), ":2: none"),
        ({"text": 3}, ("refused", "not-text"), ":2: text"),
        ({"question_id": ""}, ("refused", "id"), ":2"),
        ({"image": "gone.jpg"}, ("missing", "picture"), "val2014/gone.jpg"),
        ({"image": ""}, ("refused", "no-picture"), ":2"),
        ({"question_id": 1}, ("refused", "id-twice"), ":2 and "),
    ],
)
def test_pope_damage_is_named_by_its_line(
    said: dict[str, Any], finding: tuple[str, str], place: str, tmp_path: Path
) -> None:
    name = "output/coco/coco_pope_random.json"
    report, rows = bring("pope", tmp_path, {**pope_files(), name: as_lines(changed(pope("random"), 1, **said))})
    assert kinds(report) == {finding: 1}
    assert place in where(report, finding[1])[0]
    assert len(rows) == (4 if finding[1] == "id-twice" else 5)


# --- TextVQA ---


def test_textvqa_takes_what_people_agree_on(tmp_path: Path) -> None:
    report, rows = bring("textvqa", tmp_path, textvqa())
    assert told(rows) == {
        "question-000007": ("text-reading", "What is written there, number 7?", ["open", "shut"], None),
        "question-000009": ("text-reading", "What is written there, number 9?", ["12"], None),
    }
    assert [row["group"] for row in rows] == ["picture-0a1b", "picture-ffff"]
    assert kinds(report) == {("noted", "no-agreement"): 1}
    assert where(report, "no-agreement") == ("TextVQA_0.5.1_val.json:2",)


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        ({"answers": None}, ("refused", "answers")),
        ({"answers": [1] * 10}, ("refused", "answers")),
        ({"image_id": 5}, ("refused", "not-text")),
        ({"image_id": "gone"}, ("missing", "picture")),
        ({"question": "?"}, ("refused", "without-words")),
    ],
)
def test_textvqa_damage_is_named_by_its_entry(said: dict[str, Any], finding: tuple[str, str], tmp_path: Path) -> None:
    report, rows = bring("textvqa", tmp_path, textvqa(changed(VQA, 0, **said)))
    assert kinds(report) == {finding: 1, ("noted", "no-agreement"): 1}
    assert [row["id"] for row in rows] == ["question-000009"]


def test_textvqa_without_answers_or_without_its_list(tmp_path: Path) -> None:
    withheld = [{name: value for name, value in entry.items() if name != "answers"} for entry in VQA]
    report, _ = bring("textvqa", tmp_path / "test", textvqa(withheld))
    assert where(report, "table")[0].startswith("TextVQA_0.5.1_val.json: no column 'answers'; ")
    report, _ = bring("textvqa", tmp_path / "list", {**textvqa(), "TextVQA_0.5.1_val.json": "[]"})
    assert where(report, "table") == ("TextVQA_0.5.1_val.json: has no list 'data'",)


# --- MMBench ---


def test_mmbench_has_lettered_options_and_pictures_in_the_table(tmp_path: Path) -> None:
    report, rows = bring("mmbench", tmp_path, RELEASES["mmbench"])
    two, four = ["A. a lamp", "B. a tree"], ["A. left", "B. right", "C. above", "D. below"]
    three = ["A. a cat", "B. a dog", "C. a hen"]
    assert told(rows) == {
        "question-000099": ("object-localization", "\n".join(["Who is it?", *three, ASK]), [three[2]], three),
        "question-000241": ("object-localization", "\n".join(["Look at it.", "What is it?", *two, ASK]), [two[1]], two),
        "question-000252": ("spatial-relationship", "\n".join(["Where is it?", *four, ASK]), [four[3]], four),
    }
    assert [row["group"] for row in rows] == ["question-000099", "question-000241", "question-000241"]
    assert [(tmp_path / "out" / row["image"]).read_bytes() for row in rows] == [png("blue"), png("red"), png("red")]
    assert kinds(report) == {("noted", "turned-options"): 1}


def test_mmbench_in_another_order_is_the_same(tmp_path: Path) -> None:
    bring("mmbench", tmp_path / "one", RELEASES["mmbench"])
    bring("mmbench", tmp_path / "turned", {"mmbench_dev_en_20231003.tsv": as_tsv(BENCH[::-1])})
    cases = [(tmp_path / name / "out/cases.jsonl").read_bytes() for name in ("one", "turned")]
    assert cases[0] == cases[1]


def test_mmbench_may_hold_pictures_longer_than_any_text(tmp_path: Path) -> None:
    noise = bytes(range(256)) * 400
    large = png("red") + noise  # what follows the end of a PNG is not looked at
    text = base64.b64encode(large).decode()
    assert len(text) > LONGEST_CELL
    report, rows = bring("mmbench", tmp_path, {"mmbench.tsv": as_tsv(changed(BENCH[:2], 0, image=text))})
    assert (len(rows), kinds(report)) == (2, {})


@pytest.mark.parametrize(
    ("said", "finding", "place"),
    [
        ({"answer": "E"}, ("refused", "answer"), "mmbench.tsv:5: E"),
        ({"answer": "D"}, ("refused", "answer"), "mmbench.tsv:5: D"),
        ({"answer": ""}, ("refused", "answer"), "mmbench.tsv:5: none"),
        ({"B": ""}, ("refused", "options"), "mmbench.tsv:5: 1"),
        ({"image": "no base64 at all, not one bit of it"}, ("refused", "not-base64"), "mmbench.tsv:5"),
        ({"image": encoded("blue")[:-3]}, ("refused", "not-base64"), "mmbench.tsv:5"),
        ({"image": ""}, ("missing", "picture"), "mmbench.tsv:5"),
        ({"image": "31"}, ("missing", "picture"), "mmbench.tsv:5"),
        ({"image": base64.b64encode(b"this is no picture at all").decode()}, ("refused", "unusable-picture"), ": "),
        ({"index": "q5"}, ("refused", "id"), "mmbench.tsv:5: q5"),
        ({"category": ""}, ("refused", "no-name"), "mmbench.tsv:5"),
    ],
)
def test_mmbench_damage_is_named_by_its_line(
    said: dict[str, str], finding: tuple[str, str], place: str, tmp_path: Path
) -> None:
    report, rows = bring("mmbench", tmp_path, {"mmbench.tsv": as_tsv(changed(BENCH, 3, **said))})
    assert kinds(report) == {finding: 1, ("noted", "turned-options"): 1}
    assert place in where(report, finding[1])[0]
    assert [row["id"] for row in rows] == ["question-000241", "question-000252"]


def test_mmbench_without_a_column_or_with_several_tables(tmp_path: Path) -> None:
    rows = [{name: value for name, value in row.items() if name != "answer"} for row in BENCH]
    report, _ = bring("mmbench", tmp_path / "one", {"mmbench.tsv": as_tsv(rows)})
    assert where(report, "table")[0].startswith("mmbench.tsv: no column 'answer'; ")
    files = {"mmbench_dev.tsv": as_tsv(BENCH), "mmbench_test.tsv": as_tsv(rows)}
    with pytest.raises(
        ReleaseError, match=r"^2 tables \(mmbench_dev\.tsv, mmbench_test\.tsv\); expected one: give the"
    ):
        bring("mmbench", tmp_path / "two", files)
    report, cases = imported("mmbench", tmp_path / "two/release/mmbench_dev.tsv", out=tmp_path / "named")
    assert (len(cases), report.complete) == (3, True)
