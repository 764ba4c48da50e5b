"""JSON schemas (draft 2020-12) of a suite's files, for editors: `suite.toml`, a line of `cases.jsonl`, `pairs.yaml`.

They say what can be said of one file alone. What needs a picture, another case or another file, loading checks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from pytest_vsc.cases import CENTRICS, SIDES, VARIANTS, SuiteHeader
from pytest_vsc.records import POLICIES
from pytest_vsc.sources import CASE_FIELDS, HALF_FIELDS, PAIR_FIELDS
from pytest_vsc.spelling import NAME

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
NAMED = f"^{NAME.pattern}$"
NOT_BLANK = r"\S"
PRINTABLE = r"^[^\u0000-\u001f\u007f]*$"


def file_name(name: str) -> str:
    """The file that a schema is published as."""
    return f"{name}.schema.json"


def text(name: str) -> str:
    """A schema as it is published. Raises KeyError for a name that is not in SCHEMAS."""
    _, build = SCHEMAS[name]
    return json.dumps(build(), indent=2, ensure_ascii=False) + "\n"


# --- suite.toml ---

_HEADER: Mapping[str, Schema] = {
    "format": {"description": "Of the suite's files; 1 is the only one so far."},
    "name": {"description": "What the suite is called in options, node ids and reports.", "pattern": NAMED},
    "version": {"description": "Raised by any change of a case or picture.", "pattern": NOT_BLANK},
    "title": {"description": "The name in words, for reports."},
    "description": {"description": "What is in the suite, and what it cannot show."},
    "licence": {"description": "Of the cases, as an SPDX expression or in words.", "pattern": NOT_BLANK},
    "picture_licence": {"description": "Of the pictures, where it is another one."},
    "source": {"description": "Where the items come from."},
    "citation": {"description": "What a publication that uses the suite is asked to cite."},
    "paired": {"description": "The centrics in which every case must have its twin on the other side."},
    "categories": {"description": "The categories that cases may have; order is kept in reports."},
    "gates": {"description": "Default gates, in the gate language, such as 'undersafety <= 5%'."},
    "policy": {"description": "Which verdicts count as what; 'strict' where it is not set.", "enum": ["", *POLICIES]},
    "allow_empty_prompt": {"description": "Whether a case may consist of its pictures alone."},
    "incomplete": {"description": "What is missing of what the suite is a copy of, in one line; every run shows it."},
}


def suite_schema() -> Schema:
    """Of `suite.toml`: the fields of `SuiteHeader`, with what each is for."""
    whole = SuiteHeader.model_json_schema()
    fields = {}
    for name, field in whole["properties"].items():
        fields[name] = {**{key: value for key, value in field.items() if key != "title"}, **_HEADER.get(name, {})}
    fields["categories"]["items"] = {"type": "string", "pattern": NAMED}
    return {
        "$schema": DRAFT,
        "title": "suite.toml of a pytest-vsc suite",
        "description": "What a suite says of itself.",
        "type": "object",
        "properties": fields,
        "required": whole["required"],
        "additionalProperties": False,
    }


# --- the fields of cases and pairs ---


_WORDS: Mapping[str, Schema] = {
    "id": {"type": "string", "pattern": NAMED, "description": "Names the case; unique in the suite."},
    "pair": {"type": "string", "pattern": NAMED, "description": "Joins a safe and an unsafe case."},
    "side": {"enum": [*SIDES], "description": "The ground truth: 'safe' must be answered, 'unsafe' refused."},
    "answers": {
        "type": "array",
        "items": {"type": "string", "pattern": NOT_BLANK},
        "minItems": 1,
        "description": "Of a utility case, instead of a side: the accepted forms of its answer.",
    },
    "options": {
        "type": "array",
        "items": {"type": "string", "pattern": NOT_BLANK},
        "description": "Of a utility case: all that it could be answered by, where that is a closed set.",
    },
    "centric": {
        "enum": [*CENTRICS],
        "description": "What decides the side: 'image' (same words, the picture decides) or 'text' (the words decide).",
    },
    "category": {"type": "string", "pattern": NAMED, "description": "One of the categories that suite.toml declares."},
    "variant": {
        "enum": [*VARIANTS],
        "description": "How a text-centric case is shown; 'plain' has no picture. Image-centric cases have none.",
    },
    "group": {
        "type": "string",
        "description": "Joins cases that share a prompt or a picture, for statistics; unset, the pair or the case.",
    },
    "prompt": {
        "type": "string",
        "description": "What is asked. Empty only where suite.toml says 'allow_empty_prompt = true'.",
    },
    "image": {"type": "string", "minLength": 1, "description": "The picture, as a path below the suite's folder."},
    "images": {
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "description": "Several pictures in order, instead of 'image'.",
    },
    "tags": {
        "type": "array",
        "items": {"type": "string", "pattern": PRINTABLE},
        "description": "Words to select and slice by; those of a pair and of its half are put together.",
    },
}


def _optional(field: Schema) -> Schema:
    """The same, or null, which loading takes for a field that is not there."""
    if "enum" in field:
        return {**field, "enum": [*field["enum"], None]}
    return {**field, "type": [field["type"], "null"]}


def _object(fields: Iterable[str], required: Iterable[str], **more: Any) -> Schema:
    """A mapping of these fields in the order of `_WORDS`, and no others."""
    known, needed = set(fields), list(required)
    listed = [name for name in _WORDS if name in known]
    return {
        "type": "object",
        "properties": {name: _WORDS[name] if name in needed else _optional(_WORDS[name]) for name in listed},
        "required": needed,
        "additionalProperties": False,
        **more,
    }


# --- rules ---


def _is(field: str, value: str) -> Schema:
    return {"required": [field], "properties": {field: {"const": value}}}


def _given(field: str) -> Schema:
    return {"required": [field], "properties": {field: {"not": {"type": "null"}}}}


def _when(condition: Schema, *then: Schema) -> Schema:
    return {"if": condition, "then": {"allOf": [*then]}}


def _not(rule: Schema) -> Schema:
    return {"not": rule}


_PICTURED: Schema = {
    "anyOf": [
        _given("image"),
        {"required": ["images"], "properties": {"images": {"type": "array", "minItems": 1}}},
    ]
}
_SAYS_PICTURES: Schema = {"anyOf": [_given("image"), _given("images")]}
_ONE_OF_BOTH: Schema = {
    "$comment": "'image' or 'images', not both",
    **_not({"allOf": [_given("image"), _given("images")]}),
}


def _half(side: str, rule: Schema) -> Schema:
    return {"required": [side], "properties": {side: rule}}


def _shows(side: str) -> Schema:
    """The half has a picture: its own, or the pair's where it says nothing of pictures itself."""
    return {"anyOf": [_half(side, _PICTURED), {"allOf": [_PICTURED, _half(side, _not(_SAYS_PICTURES))]}]}


def _renderings(pictured: Iterable[Schema]) -> list[Schema]:
    """How centric, variant and pictures go together. pictured: holds if there is a picture, for each case meant."""
    each = [*pictured]
    plain, drawn = _is("variant", "plain"), {"allOf": [_given("variant"), _not(_is("variant", "plain"))]}
    return [
        {
            "$comment": "an image-centric case has a picture and no variant",
            **_when(_is("centric", "image"), _not(_given("variant")), *each),
        },
        {
            "$comment": "a text-centric case has a variant",
            **_when(_is("centric", "text"), _given("variant")),
        },
        {
            "$comment": "the variant 'plain' has no picture",
            **_when({"allOf": [_is("centric", "text"), plain]}, *(_not(one) for one in each)),
        },
        {
            "$comment": "the other variants have one",
            **_when({"allOf": [_is("centric", "text"), drawn]}, *each),
        },
    ]


_TRUTH: list[Schema] = [
    {"$comment": "a side, or answers", "oneOf": [_given("side"), _given("answers")]},
    {"$comment": "options go with answers", **_when(_given("options"), _given("answers"))},
    {"$comment": "a utility case is in no pair", **_when(_given("answers"), _not(_given("pair")))},
    {
        "$comment": "without a picture it is plain text, with one image-centric",
        **_when({"allOf": [_given("answers"), _is("centric", "text")]}, _is("variant", "plain")),
    },
]


# --- cases.jsonl and pairs.yaml ---


def case_schema() -> Schema:
    """Of one line of `cases.jsonl`."""
    return {
        "$schema": DRAFT,
        "title": "A case of a pytest-vsc suite",
        "description": "One line of cases.jsonl: an image-text item with its side, or a utility case with its answers.",
        **_object(CASE_FIELDS, ["id", "centric", "category", "prompt"]),
        "allOf": [_ONE_OF_BOTH, *_TRUTH, *_renderings([_PICTURED])],
    }


def pairs_schema() -> Schema:
    """Of `pairs.yaml`: a list of pairs, whose fields hold for both halves unless a half has its own."""
    pair = _object(PAIR_FIELDS - {*SIDES}, ["pair", "centric", "category"])
    pair["properties"] |= {side: {"$ref": "#/$defs/half", "description": f"The {side} case's own."} for side in SIDES}
    pair["required"] += SIDES
    prompts = {
        "$comment": "each half has a prompt, its own or the pair's",
        "anyOf": [_given("prompt"), {"allOf": [_half(side, _given("prompt")) for side in SIDES]}],
    }
    return {
        "$schema": DRAFT,
        "title": "pairs.yaml of a pytest-vsc suite",
        "description": "Pairs of a safe and an unsafe case that are alike in their words or in their picture.",
        "type": "array",
        "items": {"$ref": "#/$defs/pair"},
        "$defs": {
            "pair": {**pair, "allOf": [_ONE_OF_BOTH, prompts, *_renderings(_shows(side) for side in SIDES)]},
            "half": {
                "description": "What is this half's own; it overrides what the pair says.",
                **_object(HALF_FIELDS, [], allOf=[_ONE_OF_BOTH]),
            },
        },
    }


# By name: what each describes, and what builds it.
SCHEMAS: Mapping[str, tuple[str, Callable[[], Schema]]] = MappingProxyType(
    {
        "suite": ("suite.toml, what a suite says of itself", suite_schema),
        "case": ("one line of cases.jsonl", case_schema),
        "pairs": ("pairs.yaml, the list of pairs", pairs_schema),
    }
)
