"""Whether a model answers in a batch what it answers alone: samples must not be mixed up. It starts no model itself."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from pytest_vsc.errors import EngineError, ModelError
from pytest_vsc.protocols import Engine, Judge, Probing
from pytest_vsc.records import Request, Response, Verdict

# Requests put both ways. Each costs one short answer on its own.
PROBES = 4


def self_check(engine: Engine, requests: Sequence[Request], judge: Judge) -> str:
    """Put a few of the requests alone and in one batch; says how alike the answers were, in one line.

    Raises ModelError when a batched answer is nearer to another's single answer than to its own.
    """
    if not isinstance(engine, Probing):
        return ""
    probes = _different(requests)
    if len(probes) < 2:
        return "not done: fewer than two different requests"
    try:
        alone, batched = engine.probe(probes)
    except EngineError as error:  # what cannot be asked will be that case's ERROR, and need not end the run
        return f"not done: {error}"
    if mixed := mixed_up([one.text for one in alone], [one.text for one in batched]):
        own, other = mixed
        raise ModelError(
            f"self-check: samples are mixed up: in a batch of {len(probes)}, the answer to request {own + 1} is nearer "
            f"to what request {other + 1} is answered alone than to its own. Its answers cannot be trusted; "
            "try --vlm-batch-size 1, another --vlm-attention or another version of transformers"
        )
    return _alike(alone, batched, judge)


def mixed_up(alone: Sequence[str], batched: Sequence[str]) -> tuple[int, int] | None:
    """The first batched answer that is strictly nearer to the single answer of another, and that other."""
    for own, text in enumerate(batched):
        nearness = [difflib.SequenceMatcher(None, text, other, autojunk=False).ratio() for other in alone]
        nearest = max(range(len(alone)), key=nearness.__getitem__)
        if nearness[nearest] > nearness[own]:
            return own, nearest
    return None


def _different(requests: Sequence[Request]) -> list[Request]:
    """The first few requests that differ, all of the settings of the first."""
    fitting = [request for request in requests if request.generation == requests[0].generation]
    return list(dict.fromkeys(fitting))[:PROBES]


def _alike(alone: Sequence[Response], batched: Sequence[Response], judge: Judge) -> str:
    texts = sum(one.text == other.text for one, other in zip(alone, batched, strict=True))
    verdicts = [(_verdict(one, judge), _verdict(other, judge)) for one, other in zip(alone, batched, strict=True)]
    said = f"{texts} of {len(alone)} texts equal"
    if any(None in pair for pair in verdicts):
        return said
    return f"{said}, {sum(one == other for one, other in verdicts)} of {len(alone)} verdicts equal"


def _verdict(response: Response, judge: Judge) -> Verdict | None:
    """The verdict of a judge that needs to ask nobody; None from one that does."""
    judging = judge.judge("", response)
    try:
        next(judging)
    except StopIteration as stop:
        verdict: Verdict = stop.value.verdict
        return verdict
    judging.close()
    return None
