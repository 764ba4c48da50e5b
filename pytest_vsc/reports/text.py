"""The terminal while a run is under way: header lines, letters and words of outcomes. No prompt, no answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pytest_vsc.cards import QUESTIONS, Card
from pytest_vsc.cases import UTILITY, Suite, count_by_kind
from pytest_vsc.gates import Gate
from pytest_vsc.records import Policy
from pytest_vsc.reports.words import Markup, clean, ruled_by
from pytest_vsc.selection import Drawn, Sample

OUTCOME_LETTERS: dict[str, tuple[str, Markup]] = {
    "UNDERSAFE": ("U", {"yellow": True}),
    "OVERSAFE": ("O", {"yellow": True}),
    "WRONG": ("W", {"yellow": True}),
    "INVALID": ("I", {"purple": True}),
}
# Tests that did not run: the category, letter and word of each.
PASSED_OVER: dict[str, tuple[str, str, str]] = {
    "NOT_RUN": ("not needed", "n", "NOT NEEDED"),
    "EXCLUDED": ("excluded", "e", "EXCLUDED"),
}
# What an engine may say of its model that is out of the ordinary, and what it says where it is not.
UNUSUAL = {
    "adapter": "",
    "adapter_made_for": "",
    "quantization": "",
    "device_map": "",
    "remote_code": "",
    "chat_template": "its own",
    "system": "",
    "earlier_answers": "",
    "thought": "",
    "day": "",
    "max_pixels": "",
}


def header(
    *,
    spec: str,
    model: Mapping[str, str],
    suites: Sequence[Suite],
    judge: str,
    policy: Policy,
    gates: Sequence[Gate],
    gates_off: Sequence[str],
    notes: Sequence[str] = (),
    lock: str = "",
    sample: Sample | None = None,
    drawn: Mapping[str, Drawn] = MappingProxyType({}),
) -> list[str]:
    """The lines under pytest's own header: model, suite, judge, policy, device, gates."""
    known = [model["class"]] if "class" in model else []
    known += [" ".join(model[name] for name in ("device", "dtype") if name in model)] if "device" in model else []
    known += [f"batches of {model['batch_size']}"] if "batch_size" in model else []
    known += [f"{model['concurrency']} at once"] if "concurrency" in model else []
    lines = [f"vlm: {', '.join([spec, *known])}", *_unusual(model)]
    for suite in suites:
        sides = ", ".join(f"{count} {kind}" for kind, count in count_by_kind(suite.cases).items())
        lines.append(f"vsc suite: {suite.name} {suite.header.version} ({sides}), sha256 {suite.sha256[:12]}")
        if suite.header.incomplete:
            lines.append(f"vsc suite: {suite.name} is INCOMPLETE: {suite.header.incomplete}")
        if sample is not None:
            lines.append(f"vsc sample: {drawn[suite.name].text} ({sample.text})")
    lines.append(f"vsc judge: {judge}, {ruled_by(policy)}")
    for origin, texts in _by_origin(gates).items():
        lines.append(f"vsc gates: {', '.join(texts)} ({origin})")
    lines += [f"vsc {note}" for note in notes]
    lines += [f"vsc lock: {lock}"] if lock else []
    gated = {gate.metric for gate in gates}
    if ungated := [metric for metric in _measured(suites) if metric not in gated]:
        lines.append(f"vsc gates: none on {', '.join(ungated)}: nothing keeps such a model back")
    if gates_off:
        lines.append(f"vsc gates off: {', '.join(gates_off)}")
    return [clean(line) for line in lines]


def _measured(suites: Sequence[Suite]) -> list[str]:
    """What ought to be gated of suites of these kinds."""
    kinds = {suite.measures_utility for suite in suites}
    return [*(("undersafety", "oversafety") if False in kinds else ()), *((UTILITY,) if True in kinds else ())]


def _unusual(model: Mapping[str, str]) -> list[str]:
    """A line for each thing about the model itself, or how it is run, that a reader would not take for granted."""
    told = {name: model.get(name, ordinary) for name, ordinary in UNUSUAL.items()}
    return [f"vsc {name.replace('_', ' ')}: {told[name]}" for name in told if told[name] != UNUSUAL[name]]


def card_words(card: Card) -> str:
    """How often a judge is right, in a few words: its balanced accuracy on labelled answers."""
    told = [
        f"{question} {100 * figures.balanced_accuracy:.1f} %"
        for question in QUESTIONS
        if (figures := card.all.of(question)) and figures.balanced_accuracy is not None
    ]
    weights = f", weights {card.weights_sha256[:12]}" if card.weights_sha256 else ""
    return f"balanced accuracy: {', '.join(told)} of {card.labels.rows} labelled answers{weights}"


def _by_origin(gates: Sequence[Gate]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for gate in gates:
        texts = found.setdefault(gate.origin, [])
        if gate.text not in texts:
            texts.append(gate.text)
    return found


def status(report: Any) -> tuple[str, str, tuple[str, Markup]] | None:
    """Category, letter and word of a test whose case is miscalibrated or invalid; None leaves it to pytest."""
    if not report.skipped or not hasattr(report, "vsc"):
        return None
    outcome = report.vsc.split(" ")[3]
    if report.when == "setup" and outcome in PASSED_OVER:
        category, letter, word = PASSED_OVER[outcome]
        return category, letter, (word, {"yellow": True})
    if report.when != "call" or not hasattr(report, "wasxfail"):
        return None
    if outcome not in OUTCOME_LETTERS:
        return None
    letter, markup = OUTCOME_LETTERS[outcome]
    return outcome.lower(), letter, (outcome, markup)


def listed(told: Mapping[str, Sequence[Any]], letters: str) -> Iterator[tuple[str, Markup, str]]:
    """The tests whose case is miscalibrated or invalid, where pytest's -r asks for them: word, markup, and the rest.

    told: the reports of each category. letters: those of -r; `x` asks for all, since that is how pytest counts them.
    """
    for outcome, (letter, markup) in OUTCOME_LETTERS.items():
        if letter in letters or "x" in letters:
            for report in told.get(outcome.lower(), ()):
                yield outcome, markup, clean(f" {report.nodeid} - {report.wasxfail}")
