"""The header of a run: what is out of the ordinary about a model has a line, and nothing else."""

from __future__ import annotations

from pytest_vsc.records import Policy
from pytest_vsc.reports.text import header


def lines(**model: str) -> list[str]:
    told = header(spec="it", model=model, suites=[], judge="builtin", policy=Policy(), gates=[], gates_off=[])
    return told[1 : next(place for place, line in enumerate(told) if line.startswith("vsc judge"))]


def test_an_ordinary_model_has_none() -> None:
    assert lines(model="it", device="cpu", dtype="float32", chat_template="its own", revision="v2") == []


def test_what_is_unusual_about_a_model() -> None:
    assert lines(
        max_pixels="200704",
        adapter="careful",
        adapter_made_for="org/other",
        quantization="4bit nf4",
        device_map="auto",
        remote_code="ON: it runs\ncode",
        chat_template="none: as it stands",
    ) == [
        "vsc adapter: careful",
        "vsc adapter made for: org/other",
        "vsc quantization: 4bit nf4",
        "vsc device map: auto",
        "vsc remote code: ON: it runs\N{REPLACEMENT CHARACTER}code",
        "vsc chat template: none: as it stands",
        "vsc max pixels: 200704",
    ]
