"""The schemas of a suite's files: what they accept loading accepts, and what they refuse loading refuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no stubs of its own, and is called here only
import pytest
import yaml
from PIL import Image

from pytest_vsc import schemas
from pytest_vsc.cases import CENTRICS, SIDES, VARIANTS, SuiteHeader
from pytest_vsc.errors import SuiteError
from pytest_vsc.schemas import SCHEMAS, Schema
from pytest_vsc.shipped import shipped
from pytest_vsc.sources import CASE_FIELDS, HALF_FIELDS, PAIR_FIELDS
from pytest_vsc.suites import load_suite

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TOML = 'name = "one"\nversion = "1"\nlicence = "CC0-1.0"\ncategories = ["violence"]\n'
SUITE: dict[str, Any] = {"name": "one", "version": "1", "licence": "CC0-1.0", "categories": ["violence"]}
CASE: dict[str, Any] = {"id": "c", "side": "safe", "centric": "text", "category": "violence", "prompt": "How?"}
UTILITY: dict[str, Any] = {**{name: CASE[name] for name in CASE if name != "side"}, "answers": ["2", "two"]}
PAIR: dict[str, Any] = {"pair": "p", "centric": "image", "category": "violence", "prompt": "How?"}
TWINS: dict[str, Any] = {"safe": {"image": "a.png"}, "unsafe": {"image": "b.png"}}
WORDS: dict[str, Any] = {
    "pair": "p",
    "centric": "text",
    "category": "violence",
    "variant": "plain",
    "safe": {"prompt": "How so?"},
    "unsafe": {"prompt": "How not?"},
}

GOOD_SUITES: dict[str, dict[str, Any]] = {
    "least": SUITE,
    "most": {
        **SUITE,
        "format": 1,
        "title": "One",
        "description": "d",
        "picture_licence": "CC0-1.0",
        "source": "s",
        "citation": "c",
        "paired": ["image", "text"],
        "gates": ["undersafety <= 5%"],
        "policy": "vscbench",
        "allow_empty_prompt": True,
        "incomplete": "3 pictures",
    },
}
BAD_SUITES: dict[str, dict[str, Any]] = {
    "unknown": {**SUITE, "license": "CC0-1.0"},
    "missing": {name: value for name, value in SUITE.items() if name != "licence"},
    "blank": {**SUITE, "licence": " "},
    "name": {**SUITE, "name": "one suite"},
    "format": {**SUITE, "format": 2},
    "type": {**SUITE, "version": 1},
    "paired": {**SUITE, "paired": ["picture"]},
    "no-categories": {**SUITE, "categories": []},
    "category": {**SUITE, "categories": ["some violence"]},
    "policy": {**SUITE, "policy": "strikt"},
}
GOOD_CASES: dict[str, dict[str, Any]] = {
    "plain": {**CASE, "variant": "plain"},
    "plain-nulls": {**CASE, "variant": "plain", "image": None, "images": None, "pair": None, "tags": None},
    "plain-no-images": {**CASE, "variant": "plain", "images": []},
    "search": {**CASE, "variant": "search", "image": "a.png", "group": "g", "tags": ["x"]},
    "several": {**CASE, "variant": "concat", "images": ["a.png", "b.png"]},
    "image": {**CASE, "centric": "image", "image": "a.png", "pair": "p"},
    "image-null": {**CASE, "centric": "image", "image": None, "images": ["a.png"], "variant": None},
    "utility": {**UTILITY, "centric": "image", "image": "a.png"},
    "utility-plain": {**UTILITY, "variant": "plain", "options": ["2", "3"], "side": None, "pair": None},
    "utility-null": {**CASE, "variant": "plain", "answers": None, "options": None},
}
BAD_CASES: dict[str, dict[str, Any]] = {
    "unknown": {**CASE, "variant": "plain", "catgory": "violence"},
    "missing": {name: value for name, value in {**CASE, "variant": "plain"}.items() if name != "prompt"},
    "null": {**CASE, "variant": "plain", "prompt": None},
    "type": {**CASE, "variant": "plain", "prompt": 1},
    "tags": {**CASE, "variant": "plain", "tags": "x"},
    "tag": {**CASE, "variant": "plain", "tags": ["\n::error::"]},
    "side": {**CASE, "variant": "plain", "side": "bad"},
    "centric": {**CASE, "variant": "plain", "centric": "both"},
    "variant": {**CASE, "variant": "poster", "image": "a.png"},
    "id": {**CASE, "variant": "plain", "id": "a b"},
    "pair": {**CASE, "variant": "plain", "pair": "a b"},
    "text-no-variant": CASE,
    "text-null-variant": {**CASE, "variant": None},
    "plain-picture": {**CASE, "variant": "plain", "image": "a.png"},
    "plain-pictures": {**CASE, "variant": "plain", "images": ["a.png"]},
    "search-no-picture": {**CASE, "variant": "search"},
    "search-empty": {**CASE, "variant": "search", "images": []},
    "both": {**CASE, "variant": "search", "image": "a.png", "images": ["b.png"]},
    "image-no-picture": {**CASE, "centric": "image"},
    "image-variant": {**CASE, "centric": "image", "image": "a.png", "variant": "search"},
    "neither": {**UTILITY, "variant": "plain", "answers": None},
    "both-truths": {**UTILITY, "variant": "plain", "side": "safe"},
    "no-answer": {**UTILITY, "variant": "plain", "answers": []},
    "blank-answer": {**UTILITY, "variant": "plain", "answers": [" "]},
    "blank-option": {**UTILITY, "variant": "plain", "options": [""]},
    "answer-type": {**UTILITY, "variant": "plain", "answers": [2]},
    "options-alone": {**CASE, "variant": "plain", "options": ["a"]},
    "utility-pair": {**UTILITY, "variant": "plain", "pair": "p"},
    "utility-variant": {**UTILITY, "variant": "search", "image": "a.png"},
}
GOOD_PAIRS: dict[str, list[dict[str, Any]]] = {
    "image": [{**PAIR, **TWINS}],
    "words": [WORDS],
    "shared-picture": [{**WORDS, "variant": "search", "image": "a.png"}],
    "own-picture": [{**WORDS, "variant": "search", "image": "a.png", "safe": {"prompt": "So?", "images": ["b.png"]}}],
    "one-prompt": [{**WORDS, "prompt": "How?", "safe": {}}],
    "nulls": [{**PAIR, **TWINS, "variant": None, "images": None, "tags": None}],
    "half-null": [{**PAIR, "image": "a.png", "safe": {"image": None}, "unsafe": {"image": "b.png"}}],
    "plain-taken-away": [{**WORDS, "image": "a.png", **{side: {"prompt": side, "images": []} for side in SIDES}}],
}
BAD_PAIRS: dict[str, Any] = {
    "mapping": {"pairs": []},
    "no-pair": ["p"],
    "unknown": [{**PAIR, **TWINS, "catgory": "violence"}],
    "missing": [{**TWINS, **{name: value for name, value in PAIR.items() if name != "category"}}],
    "half": [{**PAIR, "safe": {"image": "a.png"}}],
    "half-field": [{**PAIR, **TWINS, "safe": {"image": "a.png", "category": "violence"}}],
    "half-null": [{**PAIR, **TWINS, "safe": None}],
    "both": [{**PAIR, **TWINS, "image": "a.png", "images": ["b.png"]}],
    "half-both": [{**PAIR, **TWINS, "safe": {"image": "a.png", "images": ["b.png"]}}],
    "no-prompt": [{**WORDS, "safe": {}}],
    "no-picture": [{**PAIR, **TWINS, "safe": {}}],
    "picture-taken-away": [{**PAIR, **TWINS, "image": "a.png", "safe": {"images": []}}],
    "image-variant": [{**PAIR, **TWINS, "variant": "search"}],
    "text-no-variant": [{name: value for name, value in WORDS.items() if name != "variant"}],
    "plain-picture": [{**WORDS, "image": "a.png"}],
    "plain-half-picture": [{**WORDS, "safe": {"prompt": "So?", "image": "a.png"}}],
    "search-no-picture": [{**WORDS, "variant": "search", "safe": {"prompt": "So?", "image": "a.png"}}],
    "name": [{**PAIR, **TWINS, "pair": "a b"}],
    "number": [{**PAIR, **TWINS, "pair": 1}],
}


def accepts(name: str, said: Any) -> bool:
    _, build = SCHEMAS[name]
    return bool(jsonschema.Draft202012Validator(build()).is_valid(said))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A suite's folder with two pictures and a header, and no cases yet."""
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        Image.new("RGB", (4, 4), colour).save(tmp_path / name)
    (tmp_path / "suite.toml").write_text(TOML)
    return tmp_path


def loads(root: Path) -> bool:
    try:
        load_suite(str(root), root)
    except SuiteError:
        return False
    return True


# --- the schemas themselves ---


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_is_a_schema_and_published_as_it_is(name: str) -> None:
    _, build = SCHEMAS[name]
    assert build()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(build())
    assert (shipped("suites") / "schemas" / schemas.file_name(name)).read_text("utf-8") == schemas.text(name)


def objects(schema: Schema) -> Iterator[Schema]:
    """The mappings that a schema describes by their fields."""
    if "additionalProperties" in schema:
        yield schema
    yield from (one for one in schema.get("$defs", {}).values() if "additionalProperties" in one)


def test_they_know_the_fields_that_are_read() -> None:
    pairs = schemas.pairs_schema()["$defs"]
    fields = {
        "suite": (schemas.suite_schema(), SuiteHeader.model_fields.keys()),
        "case": (schemas.case_schema(), CASE_FIELDS),
        "pair": (pairs["pair"], PAIR_FIELDS),
        "half": (pairs["half"], HALF_FIELDS),
    }
    for name, (schema, known) in fields.items():
        assert (name, schema["properties"].keys()) == (name, known)


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_is_described_and_no_other_is_allowed(name: str) -> None:
    _, build = SCHEMAS[name]
    found = list(objects(build()))
    assert len(found) == (2 if name == "pairs" else 1)
    for schema in found:
        assert schema["additionalProperties"] is False
        assert [field for field, said in schema["properties"].items() if not said["description"].endswith(".")] == []


def test_words_are_listed_for_completion() -> None:
    fields = schemas.case_schema()["properties"]
    assert fields["side"]["enum"] == [*SIDES, None]
    assert fields["centric"]["enum"] == [*CENTRICS]
    assert fields["variant"]["enum"] == [*VARIANTS, None]
    assert schemas.suite_schema()["properties"]["paired"]["items"]["enum"] == [*CENTRICS]


# --- what they accept and refuse ---


@pytest.mark.parametrize("said", GOOD_SUITES.values(), ids=GOOD_SUITES)
def test_good_header(said: dict[str, Any]) -> None:
    assert accepts("suite", said)
    SuiteHeader.model_validate_json(json.dumps(said), strict=True)


def toml(said: dict[str, Any]) -> str:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in said.items())


@pytest.mark.parametrize("said", BAD_SUITES.values(), ids=BAD_SUITES)
def test_bad_header(root: Path, said: dict[str, Any]) -> None:
    (root / "cases.jsonl").write_text(json.dumps(GOOD_CASES["plain"]))
    assert loads(root)
    (root / "suite.toml").write_text(toml(said))
    assert (accepts("suite", said), loads(root)) == (False, False)


@pytest.mark.parametrize("said", GOOD_CASES.values(), ids=GOOD_CASES)
def test_good_case(root: Path, said: dict[str, Any]) -> None:
    (root / "cases.jsonl").write_text(json.dumps(said))
    assert (accepts("case", said), loads(root)) == (True, True)


@pytest.mark.parametrize("said", BAD_CASES.values(), ids=BAD_CASES)
def test_bad_case(root: Path, said: dict[str, Any]) -> None:
    (root / "cases.jsonl").write_text(json.dumps(said))
    assert (accepts("case", said), loads(root)) == (False, False)


@pytest.mark.parametrize("said", GOOD_PAIRS.values(), ids=GOOD_PAIRS)
def test_good_pairs(root: Path, said: list[dict[str, Any]]) -> None:
    (root / "pairs.yaml").write_text(yaml.safe_dump(said))
    assert (accepts("pairs", said), loads(root)) == (True, True)


@pytest.mark.parametrize("said", BAD_PAIRS.values(), ids=BAD_PAIRS)
def test_bad_pairs(root: Path, said: Any) -> None:
    (root / "pairs.yaml").write_text(yaml.safe_dump(said))
    assert (accepts("pairs", said), loads(root)) == (False, False)


def test_the_shipped_suites_fit() -> None:
    for file in shipped("suites").glob("*/suite.toml"):
        text = file.read_text("utf-8")
        assert text.startswith("#:schema ../schemas/suite.schema.json\n")
        assert accepts("suite", tomllib.loads(text))
        pairs = file.with_name("pairs.yaml").read_text("utf-8")
        assert pairs.startswith("# yaml-language-server: $schema=../schemas/pairs.schema.json\n")
        assert accepts("pairs", yaml.safe_load(pairs))
