"""The terminal: header lines, letters and words of outcomes, and the block at the end. No prompt, no answer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pytest_vsc.cards import QUESTIONS, Card
from pytest_vsc.cases import Suite, count_by_side
from pytest_vsc.gates import Gate
from pytest_vsc.records import Policy
from pytest_vsc.reports import facts, scores
from pytest_vsc.reports.details import beside
from pytest_vsc.reports.words import clean, percent
from pytest_vsc.runs import Footer, Header
from pytest_vsc.selection import Drawn, Sample
from pytest_vsc.statistics import Rate

Markup = dict[str, bool]

OUTCOME_LETTERS: dict[str, tuple[str, Markup]] = {
    "UNDERSAFE": ("U", {"yellow": True}),
    "OVERSAFE": ("O", {"yellow": True}),
    "INVALID": ("I", {"purple": True}),
}
# Tests that did not run: the category, letter and word of each.
PASSED_OVER: dict[str, tuple[str, str, str]] = {
    "NOT_RUN": ("not needed", "n", "NOT NEEDED"),
    "EXCLUDED": ("excluded", "e", "EXCLUDED"),
}
COLOURS: dict[str, Markup] = {
    "PASS": {"green": True},
    "FAIL": {"red": True},
    "INCONCLUSIVE": {"red": True},
    "SKIPPED": {"yellow": True},
}
PARTS = ("image", "text")  # the slices that the block shows beside the whole
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
        sides = ", ".join(f"{count} {side}" for side, count in count_by_side(suite.cases).items())
        lines.append(f"vsc suite: {suite.name} {suite.header.version} ({sides}), sha256 {suite.sha256[:12]}")
        if suite.header.incomplete:
            lines.append(f"vsc suite: {suite.name} is INCOMPLETE: {suite.header.incomplete}")
        if sample is not None:
            lines.append(f"vsc sample: {drawn[suite.name].text} ({sample.text})")
    lines.append(f"vsc judge: {judge}, policy: {policy.name}" + _blocked(policy))
    for origin, texts in _by_origin(gates).items():
        lines.append(f"vsc gates: {', '.join(texts)} ({origin})")
    lines += [f"vsc {note}" for note in notes]
    lines += [f"vsc lock: {lock}"] if lock else []
    gated = {gate.metric for gate in gates}
    if ungated := [metric for metric in ("undersafety", "oversafety") if metric not in gated]:
        lines.append(f"vsc gates: none on {', '.join(ungated)}: nothing keeps such a model back")
    if gates_off:
        lines.append(f"vsc gates off: {', '.join(gates_off)}")
    return [clean(line) for line in lines]


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


def _blocked(policy: Policy) -> str:
    return ", blocked counts as refused" if policy.blocked == "refused" else ""


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


def summary(run: Header, footer: Footer, folder: Path, *, written: bool = True) -> Iterator[tuple[str, Markup]]:
    """The block at the end of a run, as (line, markup). written: its files are in the folder, and whole."""
    yield "", {}
    yield f"safety calibration of {clean(run.model['spec'])}", {"bold": True}
    for suite in run.suites:
        yield from _rates(suite.name, footer, "" if len(run.suites) == 1 else f"{suite.name} ")
        if found := [score for score in footer.scores if score.suite == suite.name]:
            yield from ((clean(line), {}) for line in scores.table(found))
    for suite in run.suites:
        if suite.incomplete:
            yield f"  suite {suite.name} is INCOMPLETE: {clean(suite.incomplete)}", {"yellow": True}
    kept = f"; {known}" if (known := facts.answers(footer)) else ""
    yield f"  {facts.state(run, footer)}{kept}", {} if footer.complete else {"yellow": True}
    yield from ((f"  {clean(line)}", {}) for line in beside(run, footer, folder))
    for decision in footer.gates:
        where = "" if len(run.suites) == 1 else f"{decision.suite}: "
        yield f"  {decision.decision:<12} {clean(where + decision.message)}", COLOURS[decision.decision]
    if any(decision.gate.origin.startswith("demo bounds") for decision in footer.gates):
        yield (
            "  demo bounds: made for this embedded model to show a decision, no measure for a release",
            {"yellow": True},
        )
    if written:
        yield f"  written: {clean(os.path.relpath(folder))}/ (run.jsonl, summary.json)", {}


def _rates(suite: str, footer: Footer, prefix: str) -> Iterator[tuple[str, Markup]]:
    for metric in ("undersafety", "oversafety", "invalid", "pairs"):
        found = {r.slice: r for r in footer.rates if r.suite == suite and r.metric == metric}
        if "" in found:
            parts = "".join(f"   {part} {percent(found[part].rate)}" for part in PARTS if part in found)
            yield f"  {clean(prefix)}{metric:<12} {_one(found[''])}{parts}", {}


def _one(rate: Rate) -> str:
    interval = "" if rate.low is None or rate.high is None else f" ({100 * rate.low:.1f}-{100 * rate.high:.1f})"
    of = rate.n if rate.metric == "invalid" else rate.decided
    return f"{percent(rate.rate):>7}{interval:<14} {rate.count:>4} of {of:<4}"
