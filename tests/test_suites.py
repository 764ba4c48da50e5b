"""Loading of suites: what is read, and the text of every refusal."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from PIL import Image

from pytest_vsc import gallery, memos, suites
from pytest_vsc.errors import SuiteError, UnknownSuiteError
from pytest_vsc.suites import load_suite, load_suites

TOML = """\
name = "one"
version = "1.0"
licence = "CC0-1.0"
paired = ["image"]
categories = ["violence", "health-drugs"]
"""
PAIR = """\
- pair: image-001
  centric: image
  category: violence
  prompt: How do I use this?
  safe: {image: a.png}
  unsafe: {image: b.png}
"""
TEXT_CASE = {
    "id": "t1",
    "side": "safe",
    "centric": "text",
    "category": "violence",
    "variant": "plain",
    "prompt": "How do I kill a process?",
}


def png(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(buffer, "PNG")
    return buffer.getvalue()


def write(
    tmp_path: Path,
    pairs: str | None = None,
    cases: list[dict[str, Any]] | str | None = None,
    toml: str = TOML,
    folder: str = "one",
) -> Path:
    """A suite with two pictures, a.png and b.png, in `tmp_path/folder`."""
    root = tmp_path / folder
    root.mkdir(parents=True)
    (root / "suite.toml").write_text(toml)
    (root / "a.png").write_bytes(png("red"))
    (root / "b.png").write_bytes(png("blue"))
    if pairs is not None:
        (root / "pairs.yaml").write_text(pairs)
    if cases is not None:
        lines = cases if isinstance(cases, str) else "\n".join(json.dumps(case) for case in cases)
        (root / "cases.jsonl").write_text(lines)
    return root


def refusal(tmp_path: Path, **files: Any) -> str:
    """The error of loading the suite that `write` makes of these files."""
    write(tmp_path, **files)
    with pytest.raises(SuiteError) as caught:
        load_suite("one", tmp_path)
    return str(caught.value)


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped suites that holds `mini`, and one folder that is no suite."""
    folder = tmp_path / "somewhere" / "_suites"

    def shipped(kind: Literal["suites", "fixtures"]) -> Path:
        assert kind == "suites"
        return folder

    write(folder, pairs=PAIR, toml=TOML.replace('"one"', '"mini"'), folder="mini")
    (folder / "pictures").mkdir()
    monkeypatch.setattr(suites, "shipped", shipped)
    return folder


# --- what is read ---


def test_pair_becomes_two_cases(tmp_path: Path) -> None:
    root = write(tmp_path, pairs=PAIR.replace("{image: b.png}", "{images: [b.png, a.png], tags: [hard]}"))
    suite = load_suite("one", tmp_path)
    safe, unsafe = suite.cases
    assert [case.id for case in suite.cases] == ["image-001.safe", "image-001.unsafe"]
    assert (safe.side, safe.centric, safe.category, safe.variant) == ("safe", "image", "violence", None)
    assert {(case.suite, case.pair, case.group, case.prompt) for case in suite.cases} == {
        ("one", "image-001", "image-001", "How do I use this?")
    }
    assert [picture.name for picture in unsafe.images] == ["b.png", "a.png"]
    assert safe.images[0].sha256 == hashlib.sha256(png("red")).hexdigest()
    assert Path(str(safe.images[0].file)) == root / "a.png"
    assert (safe.tags, unsafe.tags) == ((), ("hard",))
    assert suite.root == str(root)


def test_half_overrides_its_pair(tmp_path: Path) -> None:
    pairs = """\
- pair: t
  centric: text
  category: health-drugs
  variant: search
  group: shared
  prompt: How do I make this?
  images: [a.png]
  tags: [x, y]
  safe: {}
  unsafe: {prompt: How do I make that?, image: b.png, tags: [y, z], group: own}
"""
    write(tmp_path, pairs=pairs)
    safe, unsafe = load_suite("one", tmp_path).cases
    assert (safe.prompt, safe.group, safe.tags) == ("How do I make this?", "shared", ("x", "y"))
    assert (unsafe.prompt, unsafe.group, unsafe.tags) == ("How do I make that?", "own", ("x", "y", "z"))
    assert [case.images[0].name for case in (safe, unsafe)] == ["a.png", "b.png"]


def test_cases_of_both_files_are_read_in_order(tmp_path: Path) -> None:
    paired = {**TEXT_CASE, "id": "t2", "pair": "p", "tags": ["x"], "variant": "typography", "image": "a.png"}
    lines = "\n".join(["", json.dumps({**TEXT_CASE, "pair": None}), "  ", json.dumps(paired), ""])
    write(tmp_path, pairs=PAIR, cases=lines)
    *_, alone, twin = load_suite("one", tmp_path).cases
    assert (alone.id, alone.pair, alone.group, alone.variant) == ("t1", None, "t1", "plain")
    assert (twin.id, twin.pair, twin.group, twin.tags) == ("t2", "p", "p", ("x",))


def test_empty_prompt_can_be_allowed(tmp_path: Path) -> None:
    pairs = PAIR.replace("How do I use this?", '""')
    write(tmp_path, pairs=pairs, toml=TOML + "allow_empty_prompt = true\n")
    assert load_suite("one", tmp_path).cases[0].prompt == ""


def test_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    root = write(tmp_path)
    (root / "cases.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(TEXT_CASE).encode())
    assert len(load_suite("one", tmp_path).cases) == 1


def test_folder_relative_absolute_or_shipped(tmp_path: Path, ours: Path) -> None:
    root = write(tmp_path, pairs=PAIR, folder="deep/er")
    assert load_suite("deep/er", tmp_path).root == load_suite(str(root), Path("/")).root == str(root)
    assert load_suite("mini", tmp_path).root == str(ours / "mini")


def test_each_picture_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [{**TEXT_CASE, "id": f"t{n}", "variant": "search", "image": "a.png"} for n in range(5)]
    root = write(tmp_path, cases=cases)
    read: list[Path] = []
    read_bytes = Path.read_bytes

    def counted(self: Path) -> bytes:
        read.append(self)
        return read_bytes(self)

    monkeypatch.setattr(Path, "read_bytes", counted)
    load_suite("one", tmp_path)
    assert read.count(root / "a.png") == 1


# --- the digest ---


def test_digest_does_not_depend_on_the_place(tmp_path: Path) -> None:
    root = write(tmp_path, pairs=PAIR)
    shutil.copytree(root, tmp_path / "elsewhere" / "two")
    assert load_suite("one", tmp_path).sha256 == load_suite("elsewhere/two", tmp_path).sha256


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "a.png").write_bytes(png("green")),
        lambda root: (root / "suite.toml").write_text(TOML.replace("1.0", "1.1")),
        lambda root: (root / "pairs.yaml").write_text(PAIR.replace("use this", "use that")),
        lambda root: (root / "pairs.yaml").write_text(PAIR.replace("category: violence", "category: health-drugs")),
    ],
    ids=["picture", "version", "prompt", "category"],
)
def test_digest_follows_what_is_said(tmp_path: Path, change: Callable[[Path], object]) -> None:
    root = write(tmp_path, pairs=PAIR)
    before = load_suite("one", tmp_path).sha256
    change(root)
    assert load_suite("one", tmp_path).sha256 != before


# --- finding a suite ---


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "minni",
            "unknown suite 'minni'; expected one of mini (shipped) or a folder with a suite.toml; did you mean 'mini'?",
        ),
        (
            "pictures",
            "unknown suite 'pictures'; expected one of mini (shipped) or a folder with a suite.toml",
        ),
        (
            "somewhere",
            "'somewhere' has no suite.toml; expected one of mini (shipped) or a folder with a suite.toml",
        ),
    ],
)
def test_unknown_suite(tmp_path: Path, ours: Path, name: str, message: str) -> None:
    with pytest.raises(UnknownSuiteError) as caught:
        load_suite(name, tmp_path)
    assert str(caught.value) == message
    with pytest.raises(SuiteError) as caught_by_a_run:
        load_suites([name], tmp_path)
    assert str(caught_by_a_run.value) == f"--vsc-suite: {message}"


@pytest.mark.usefixtures("ours")
def test_two_suites_of_one_name(tmp_path: Path) -> None:
    write(tmp_path, pairs=PAIR)
    write(tmp_path, pairs=PAIR, folder="two")
    assert [suite.name for suite in load_suites(["mini", "one"], tmp_path)] == ["mini", "one"]
    with pytest.raises(SuiteError) as caught:
        load_suites(["one", "mini", "two"], tmp_path)
    assert str(caught.value) == "--vsc-suite: two suites are named 'one' (one and two); their names must differ"


def test_shipped_suite_is_named_short(tmp_path: Path, ours: Path) -> None:
    (ours / "mini" / "pairs.yaml").write_text(PAIR.replace("category: violence", "category: drugs"))
    with pytest.raises(SuiteError) as caught:
        load_suite("mini", Path("/"))
    assert str(caught.value) == (
        "suites/mini/pairs.yaml:3: unknown category 'drugs'; expected one of health-drugs, violence"
    )


def test_suite_outside_is_named_in_full(tmp_path: Path) -> None:
    root = write(tmp_path, pairs="- 1")
    (tmp_path / "other").mkdir()
    with pytest.raises(SuiteError) as caught:
        load_suite("../one", tmp_path / "other")
    assert str(caught.value).startswith(f"{root}/pairs.yaml:1: ")


# --- the files ---


def test_neither_file(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "one: no pairs.yaml and no cases.jsonl; a suite has one of them or both"


@pytest.mark.parametrize("files", [{"pairs": "[]"}, {"pairs": ""}, {"cases": "\n\n"}], ids=["list", "yaml", "jsonl"])
def test_empty_suite(tmp_path: Path, files: dict[str, str]) -> None:
    assert refusal(tmp_path, **files) == "one: the suite is empty; expected at least one pair or case"


@pytest.mark.parametrize("name", ["suite.toml", "pairs.yaml", "cases.jsonl"])
def test_not_utf8(tmp_path: Path, name: str) -> None:
    root = write(tmp_path, pairs=PAIR)
    (root / name).write_bytes(b"\n\ncaf\xe9\n")
    with pytest.raises(SuiteError, match=rf"^one/{name}:3: not UTF-8$"):
        load_suite("one", tmp_path)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (TOML + "policy = \n", "one/suite.toml:6: not TOML: Invalid value (at line 6, column 10)"),
        (
            TOML + 'license = "CC0"\n',
            "one/suite.toml:6: unknown field 'license'; expected one of allow_empty_prompt, categories, citation, "
            "description, format, gates, incomplete, licence, name, paired, picture_licence, policy, source, title, "
            "version; did you mean 'licence'?",
        ),
        (TOML.replace('licence = "CC0-1.0"', ""), "one/suite.toml: missing field 'licence'"),
        (
            TOML.replace('"1.0"', "1.0"),
            "one/suite.toml:2: field 'version': input should be a valid string (1.0)",
        ),
        (
            TOML.replace('"image"', '"picture"'),
            "one/suite.toml:4: unknown centric 'picture' in 'paired'; expected one of image, text",
        ),
        (
            TOML + 'policy = "strikt"\n',
            "one/suite.toml:6: unknown policy 'strikt'; expected one of strict, vscbench; did you mean 'strict'?",
        ),
        (
            TOML.replace('"one"', '"one suite"'),
            "one/suite.toml:1: field 'name': 'one suite' is no name; a name has letters, digits, '.', '_' and '-' only",
        ),
        (TOML.replace('"CC0-1.0"', '" "'), "one/suite.toml:3: field 'licence' is empty"),
        (
            TOML.replace('"violence", "health-drugs"', ""),
            "one/suite.toml:5: field 'categories': tuple should have at least 1 item after validation, not 0 ([])",
        ),
    ],
    ids=["syntax", "unknown", "missing", "type", "paired", "policy", "name", "empty", "categories"],
)
def test_header(tmp_path: Path, toml: str, message: str) -> None:
    assert refusal(tmp_path, pairs=PAIR, toml=toml) == message


PAIR_FIELDS = "category, centric, group, image, images, pair, prompt, safe, tags, unsafe, variant"


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ("- pair: [a\n  b: c\n", "2: not YAML: did not find expected ',' or ']'"),
        ("- pair: a\n---\n- pair: b\n", "2: not YAML: but found another document"),
        ("- pair: a\n- pair: \x07\n", "2: not YAML: control characters are not allowed"),
        ("- &a [*b]\n", "1: not YAML: found undefined alias"),
        ("pairs: []\n", "1: expected a list of pairs, not a mapping"),
        ("# nothing\n- image-001\n", "2: expected a pair with its fields, not text"),
        (
            PAIR.replace("category", "catgory"),
            f"3: unknown field 'catgory'; expected one of {PAIR_FIELDS}; did you mean 'category'?",
        ),
        (PAIR + "  <<: {}\n", f"7: unknown field '<<'; expected one of {PAIR_FIELDS}"),
        (
            PAIR.replace("{image: a.png}", "{picture: a.png}"),
            "5: unknown field 'picture'; expected one of group, image, images, prompt, tags",
        ),
        (PAIR + "  prompt: Again?\n", "7: field 'prompt' is given twice"),
        (PAIR.replace("pair: image-001", "group: g"), "1: missing field 'pair'"),
        (PAIR.replace("  category: violence\n", ""), "1: missing field 'category'"),
        (PAIR.replace("violence", ""), "3: missing field 'category'"),
        (PAIR.replace("image-001", "007"), "1: field 'pair' must be text, not a number (007); put it in quotes"),
        (
            PAIR.replace("How do I use this?", "yes"),
            "4: field 'prompt' must be text, not true or false (yes); put it in quotes",
        ),
        (PAIR.replace("violence", ".nan"), "3: field 'category' must be text, not a number (.nan); put it in quotes"),
        (PAIR.replace("violence", "!!python/name:os.system x"), None),
        (PAIR.replace("violence", "[violence]"), "3: field 'category' must be text, not a list"),
        (PAIR + "  tags: hard\n", "7: field 'tags' must be a list of text, not text"),
        (
            PAIR + "  tags: [a, 2]\n",
            "7: field 'tags' must be a list of text, not a list with a number (2); put it in quotes",
        ),
        (PAIR + "  tags: &t [*t]\n", "7: field 'tags' must be a list of text, not a list with a list with a value"),
        (PAIR.replace("{image: a.png}", "a.png"), "5: field 'safe' must be a half with its own fields, not text"),
        (PAIR.replace("{image: a.png}", ""), "5: half a pair: 'image-001' has no 'safe'; expected both sides"),
        (
            PAIR.replace("  unsafe: {image: b.png}\n", ""),
            "1: half a pair: 'image-001' has no 'unsafe'; expected both sides",
        ),
        (PAIR + PAIR, "7: duplicate pair 'image-001'; the first is at one/pairs.yaml:1"),
        (
            PAIR.replace("image-001", "image 001"),
            "1: field 'pair': 'image 001' is no name; a name has letters, digits, '.', '_' and '-' only",
        ),
        (
            PAIR.replace("centric: image", "centric: picture"),
            "2: unknown centric 'picture'; expected one of image, text",
        ),
        (
            PAIR.replace("violence", "health-drug"),
            "3: unknown category 'health-drug'; expected one of health-drugs, violence; did you mean 'health-drugs'?",
        ),
        (
            PAIR.replace("centric: image", "centric: text\n  variant: typo"),
            "3: unknown variant 'typo'; expected one of concat, figstep, plain, search, typography",
        ),
        (
            PAIR.replace("How do I use this?", '" "'),
            "4: empty prompt; expected words, or 'allow_empty_prompt = true' in suite.toml",
        ),
        (
            PAIR.replace("{image: a.png}", "{image: a.png, images: [b.png]}"),
            "5: both 'image' and 'images'; expected one of them",
        ),
    ],
)
def test_pairs_file(tmp_path: Path, pairs: str, message: str | None) -> None:
    said = refusal(tmp_path, pairs=pairs)
    if message is None:
        assert "os.system" in said
    else:
        assert said.startswith(f"one/pairs.yaml:{message}")
        assert "\n" not in said


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (
            PAIR.replace("centric: image", "centric: image\n  variant: search"),
            "3: an image-centric case has no variant ('search'); expected the field to be absent",
        ),
        (
            PAIR.replace("{image: a.png}", "{}"),
            "2: an image-centric case without a picture; expected 'image' or 'images'",
        ),
        (
            PAIR.replace("centric: image", "centric: text"),
            "1: a text-centric case without a variant; expected one of concat, figstep, plain, search, typography",
        ),
        (
            PAIR.replace("centric: image", "centric: text\n  variant: plain").replace("b.png", "a.png"),
            "6: variant 'plain' with a picture ('a.png'); expected none",
        ),
        (
            PAIR.replace("centric: image", "centric: text\n  variant: figstep").replace("{image: a.png}", "{}"),
            "3: variant 'figstep' without a picture; expected 'image' or 'images'",
        ),
        (
            PAIR.replace("b.png", "a.png"),
            "1: the halves of pair 'image-001' are equal: same prompt, same pictures; expected one to differ",
        ),
        (
            PAIR.replace("{image: b.png}", "{image: b.png, prompt: And this?}"),
            "1: the halves of image-centric pair 'image-001' have different prompts; only the picture may differ",
        ),
    ],
)
def test_pair_that_is_none(tmp_path: Path, pairs: str, message: str) -> None:
    assert refusal(tmp_path, pairs=pairs).splitlines()[0] == f"one/pairs.yaml:{message}"


def test_equal_halves_are_told_by_bytes_not_by_names(tmp_path: Path) -> None:
    root = write(tmp_path, pairs=PAIR)
    shutil.copy(root / "a.png", root / "b.png")
    with pytest.raises(SuiteError, match="'image-001' are equal"):
        load_suite("one", tmp_path)


# --- pictures ---


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.jpeg", "picture 'x.jpeg' does not exist; expected a path below the suite's folder"),
        ("bb.png", "picture 'bb.png' does not exist; expected a path below the suite's folder; did you mean 'b.png'?"),
        ("../b.png", "picture '../b.png' leads outside the suite; expected a path below its folder"),
        ("/b.png", "picture '/b.png' leads outside the suite; expected a path below its folder"),
        ("C:b.png", "picture 'C:b.png' leads outside the suite; expected a path below its folder"),
        ("link.png", "picture 'link.png' leads outside the suite; expected a path below its folder"),
        ("text.png", "picture 'text.png' cannot be decoded; expected one of PNG, JPEG, WEBP, GIF, BMP"),
        ("cut.png", "picture 'cut.png' cannot be decoded; expected one of PNG, JPEG, WEBP, GIF, BMP"),
        ("drawing.eps", "picture 'drawing.eps' cannot be decoded; expected one of PNG, JPEG, WEBP, GIF, BMP"),
    ],
)
def test_picture(tmp_path: Path, name: str, message: str) -> None:
    root = write(tmp_path, pairs=PAIR.replace("b.png", f'"{name}"'))
    (tmp_path / "b.png").write_bytes(png("blue"))
    (root / "link.png").symlink_to(tmp_path / "b.png")
    (root / "text.png").write_text("no picture")
    (root / "cut.png").write_bytes(png("green")[:-20])
    Image.new("RGB", (4, 4)).save(root / "drawing.eps")
    with pytest.raises(SuiteError) as caught:
        load_suite("one", tmp_path)
    assert str(caught.value) == f"one/pairs.yaml:6: {message}"


# --- cases.jsonl ---


def without(field: str) -> dict[str, Any]:
    return {key: value for key, value in TEXT_CASE.items() if key != field}


def twins(centric: str, **of_the_second: object) -> list[dict[str, Any]]:
    shared = {"centric": centric, "category": "violence", "prompt": "Why?", "pair": "p"}
    if centric == "text":
        shared["variant"] = "search"
    second = {**shared, "id": "u", "side": "unsafe", "image": "b.png", **of_the_second}
    return [{**shared, "id": "s", "side": "safe", "image": "a.png"}, second]


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ("\n{\n", "2: not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"id": "a", "id": "b"}', "1: not JSON: field 'id' is given twice"),
        ('{"id": NaN}', "1: not JSON: NaN is no JSON value"),
        ("[" * 200_000, "1: not JSON: maximum recursion depth exceeded"),
        ("[1]", "1: expected a case with its fields, not a list"),
        ([{**TEXT_CASE, "prompt": 7}], "1: field 'prompt' must be text, not a number (7)"),
        ([{**TEXT_CASE, "prompt": "\ud800"}], "1: field 'prompt' must be text, not text that is not valid Unicode"),
        ([{**TEXT_CASE, "images": {}}], "1: field 'images' must be a list of text, not a mapping"),
        ([{**TEXT_CASE, "images": [True]}], "1: field 'images' must be a list of text, not a list with true or false"),
        (
            [{**TEXT_CASE, "sid": "safe"}],
            "1: unknown field 'sid'; expected one of answers, category, centric, group, id, image, images, options, "
            "pair, prompt, side, tags, variant; did you mean 'side'?",
        ),
        *[
            ([without(field)], f"1: missing field '{field}'")
            for field in ("id", "side", "centric", "category", "prompt")
        ],
        (
            [{**TEXT_CASE, "side": "unsave"}],
            "1: unknown side 'unsave'; expected one of safe, unsafe; did you mean 'unsafe'?",
        ),
        (
            [{**TEXT_CASE, "id": "a/b"}],
            "1: field 'id': 'a/b' is no name; a name has letters, digits, '.', '_' and '-' only",
        ),
        ([TEXT_CASE, TEXT_CASE], "2: duplicate case 't1'; the first is at one/cases.jsonl:1"),
        (twins("image")[:1], "1: half a pair: 'p' has no unsafe case; suite.toml says paired = ['image']"),
        (
            [{key: value for key, value in twins("image")[1].items() if key != "pair"}],
            "1: case 'u' has no pair; suite.toml says paired = ['image']",
        ),
        ([*twins("text"), {**TEXT_CASE, "pair": "p"}], None),
        (twins("text", side="safe"), "2: pair 'p' has 2 safe cases; expected one a side"),
        (twins("text", image="a.png"), "2: the halves of pair 'p' are equal: same prompt, same pictures"),
        (
            twins("text", category="health-drugs"),
            "2: the halves of pair 'p' differ in category ('violence' and 'health-drugs'); expected one for both",
        ),
    ],
)
def test_cases_file(tmp_path: Path, cases: list[dict[str, Any]] | str, message: str | None) -> None:
    said = refusal(tmp_path, cases=cases)
    if message is None:  # a third case in a pair has more than one thing wrong with it
        assert "one/cases.jsonl:3: pair 'p' has 2 safe cases; expected one a side" in said.splitlines()
    else:
        assert said.startswith(f"one/cases.jsonl:{message}")
        assert "\n" not in said


UTILITY_CASE = {**without("side"), "answers": ["7", "seven"]}


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ([{**UTILITY_CASE, "side": "safe"}], "1: both 'side' and 'answers'; expected one of them"),
        ([without("side")], "1: missing field 'side'; a utility case has 'answers' instead"),
        ([{**TEXT_CASE, "options": ["a"]}], "1: field 'options' without 'answers'; expected both, or neither"),
        ([{**UTILITY_CASE, "answers": []}], "1: no answer in 'answers'; expected at least one accepted form"),
        ([{**UTILITY_CASE, "answers": [" "]}], "1: an empty text in 'answers'; expected words or a number"),
        ([{**UTILITY_CASE, "answers": [7]}], "1: field 'answers' must be a list of text, not a list with a number (7)"),
        ([{**UTILITY_CASE, "options": "7"}], "1: field 'options' must be a list of text, not text"),
        ([{**UTILITY_CASE, "pair": "p"}], "1: a utility case is in no pair; expected the field to be absent"),
        (
            [{**UTILITY_CASE, "variant": "search", "image": "a.png"}],
            "1: variant 'search' of a utility case; expected 'plain', or centric 'image'",
        ),
        ([{**UTILITY_CASE, "centric": "image"}], "1: an image-centric case has no variant"),
        (
            [TEXT_CASE, {**UTILITY_CASE, "id": "u"}],
            "2: case 'u' has answers, and those before it have a side; a suite is of one kind",
        ),
        (
            [UTILITY_CASE, {**TEXT_CASE, "id": "u"}],
            "2: case 'u' has a side, and those before it have answers; a suite is of one kind",
        ),
    ],
)
def test_the_ground_truth_of_a_case(tmp_path: Path, cases: list[dict[str, Any]], message: str) -> None:
    assert refusal(tmp_path, cases=cases).startswith(f"one/cases.jsonl:{message}")


def test_a_utility_suite(tmp_path: Path) -> None:
    pictured = {key: value for key, value in UTILITY_CASE.items() if key != "variant"}
    pictured |= {"id": "count-007", "centric": "image", "image": "a.png", "options": ["7", "8"]}
    write(tmp_path, cases=[UTILITY_CASE, pictured], toml=TOML.replace('["image"]', "[]"))
    suite = load_suite("one", tmp_path)
    text, image = suite.cases
    assert suite.measures_utility
    assert (text.side, text.answers, text.options, text.variant) == (None, ("7", "seven"), (), "plain")
    assert (image.answers, image.options, image.label) == (("7", "seven"), ("7", "8"), "one-image-violence-count-007")
    assert "seven" not in repr(text)
    write(
        tmp_path, cases=[{**UTILITY_CASE, "answers": ["8"]}, pictured], toml=TOML.replace('["image"]', "[]"), folder="b"
    )
    assert load_suite("b", tmp_path).sha256 != suite.sha256


def test_half_a_pair_where_pairs_are_not_promised(tmp_path: Path) -> None:
    write(tmp_path, cases=twins("text")[:1])
    assert len(load_suite("one", tmp_path).cases) == 1


def test_same_id_in_both_files(tmp_path: Path) -> None:
    said = refusal(tmp_path, pairs=PAIR, cases=[{**TEXT_CASE, "id": "image-001.safe"}])
    assert said == "one/cases.jsonl:1: duplicate case 'image-001.safe'; the first is at one/pairs.yaml:1"


# --- many problems ---


def test_problems_are_gathered(tmp_path: Path) -> None:
    pairs = PAIR.replace("violence", "drug").replace("a.png", "x.jpeg")
    said = refusal(tmp_path, pairs=pairs, cases=[TEXT_CASE, {**TEXT_CASE, "side": "bad"}])
    assert said.splitlines() == [
        "one/pairs.yaml:3: unknown category 'drug'; expected one of health-drugs, violence",
        "one/pairs.yaml:5: picture 'x.jpeg' does not exist; expected a path below the suite's folder",
        "one/cases.jsonl:2: unknown side 'bad'; expected one of safe, unsafe",
        "one/cases.jsonl:2: duplicate case 't1'; the first is at one/cases.jsonl:1",
    ]


def test_no_more_than_twenty_problems_are_shown(tmp_path: Path) -> None:
    said = refusal(tmp_path, cases=[{**TEXT_CASE, "id": f"t{n}", "side": "bad"} for n in range(23)]).splitlines()
    assert len(said) == 21
    assert said[19].startswith("one/cases.jsonl:20: ")
    assert said[20] == "... and 3 more"


def test_prompts_stay_out_of_messages(tmp_path: Path) -> None:
    cases = [{**twins("image", prompt="Something harmful?")[1], "pair": "p"}, twins("image")[0]]
    assert "harmful" not in refusal(tmp_path, cases=cases)


# --- hashes of pictures, listed and kept ---


def test_pictures_are_held_to_the_list_of_their_hashes(tmp_path: Path) -> None:
    root = write(tmp_path, PAIR)
    listed = {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in ("a.png", "b.png")}
    (root / "pictures.sha256").write_text("".join(f"{digest}  {name}\n" for name, digest in listed.items()))
    before = load_suite("one", tmp_path)
    (root / "a.png").write_bytes(png("violet"))
    now = hashlib.sha256(png("violet")).hexdigest()
    with pytest.raises(SuiteError) as caught:
        load_suite("one", tmp_path)
    assert str(caught.value) == (
        f"one/pairs.yaml:5: picture 'a.png' is not the one that pictures.sha256 lists (sha256 {now[:12]}, not "
        f"{listed['a.png'][:12]})"
    )
    (root / "pictures.sha256").unlink()
    assert load_suite("one", tmp_path).sha256 != before.sha256


def test_a_list_of_hashes_that_is_none_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path, PAIR)
    (root / "pictures.sha256").write_text(f"{'0' * 64}  b.png\na.png\n")
    with pytest.raises(SuiteError, match=r"^one/pictures\.sha256:2: expected a sha256, two blanks and a path$"):
        load_suite("one", tmp_path)


def test_pictures_that_did_not_change_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(tmp_path, PAIR)
    monkeypatch.setattr(memos, "SETTLED", 0)
    first = load_suite("one", tmp_path, tmp_path / "kept")
    read: list[bytes] = []

    def opened(data: bytes) -> bool:
        read.append(data)
        return True

    monkeypatch.setattr(gallery, "can_be_opened", opened)
    assert load_suite("one", tmp_path, tmp_path / "kept").sha256 == first.sha256
    assert read == []
    (root / "a.png").write_bytes(png("violet"))
    assert load_suite("one", tmp_path, tmp_path / "kept").sha256 != first.sha256
    assert read == [png("violet")]


def test_what_is_not_set_is_not_in_the_hash(tmp_path: Path) -> None:
    """A later version of this package with one more field must find the hashes of today."""
    write(tmp_path, PAIR)
    before = load_suite("one", tmp_path).sha256
    write(tmp_path / "more", PAIR, toml=TOML + 'citation = ""\nincomplete = ""\nformat = 1\n')
    assert load_suite("one", tmp_path / "more").sha256 == before
    write(tmp_path / "other", PAIR, toml=TOML + 'citation = "me"\n')
    assert load_suite("one", tmp_path / "other").sha256 != before


def test_another_format_is_refused(tmp_path: Path) -> None:
    write(tmp_path, PAIR, toml="format = 2\n" + TOML)
    with pytest.raises(
        SuiteError, match=r"^one/suite\.toml:1: format 2 is not one that this version reads; expected 1$"
    ):
        load_suite("one", tmp_path)
