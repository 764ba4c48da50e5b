"""Whether a model answers in a batch what it answers alone: samples must not be mixed up. It starts no model itself."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_vsc.errors import EngineError, ModelError
from pytest_vsc.protocols import Engine, Judge, Probing
from pytest_vsc.records import Question, Request, Response, Verdict

# Requests put both ways. Each costs one short answer on its own.
PROBES = 4
# How many times nearer to another one. Rounding moves logits in all directions, hardly towards those of another one.
CERTAIN = 2.0


def self_check(engine: Engine, requests: Sequence[Request], judge: Judge) -> str:
    """Put a few of the requests alone and in one batch; says how alike the answers were, in one line.

    Raises ModelError when the model makes of one in the batch what it makes of another alone.
    """
    if not isinstance(engine, Probing):
        return ""
    probes = _different(requests)
    if len(probes) < 2:
        return "not done: fewer than two different requests"
    try:
        probed = engine.probe(probes)
    except EngineError as error:  # what cannot be asked will be that case's ERROR, and need not end the run
        return f"not done: {error}"
    if mixed := mixed_up(probed.apart):
        own, other = mixed
        raise ModelError(
            f"self-check: samples are mixed up: in a batch of {len(probes)}, the model makes of request {own + 1} what "
            f"it makes of request {other + 1} alone. Its answers cannot be trusted; "
            "try --vlm-batch-size 1, another --vlm-attention or another version of transformers"
        )
    return _alike(probes, probed.alone, probed.batched, judge)


def mixed_up(apart: Sequence[Sequence[float]]) -> tuple[int, int] | None:
    """The first request that in the batch is far nearer to another one alone than to itself, and that other.

    apart: as in `protocols.Probed`. The texts would not do: of half-precision answers many begin otherwise in a batch,
    and a refusal that does is often the very words of another one.
    """
    for own, row in enumerate(apart):
        nearest = min(range(len(row)), key=row.__getitem__)
        if row[own] > CERTAIN * row[nearest]:
            return own, nearest
    return None


def _different(requests: Sequence[Request]) -> list[Request]:
    """The first few requests that differ, all of the settings of the first."""
    fitting = [request for request in requests if request.generation == requests[0].generation]
    return list(dict.fromkeys(fitting))[:PROBES]


def _alike(asked: Sequence[Request], alone: Sequence[Response], batched: Sequence[Response], judge: Judge) -> str:
    texts = sum(one.text == other.text for one, other in zip(alone, batched, strict=True))
    verdicts = [
        (_verdict(request, one, judge), _verdict(request, other, judge))
        for request, one, other in zip(asked, alone, batched, strict=True)
    ]
    said = f"{texts} of {len(alone)} texts equal"
    if any(None in pair for pair in verdicts):
        return said
    return f"{said}, {sum(one == other for one, other in verdicts)} of {len(alone)} verdicts equal"


def _verdict(request: Request, response: Response, judge: Judge) -> Verdict | None:
    """The verdict of a judge that needs to ask nobody; None from one that does."""
    last = request.messages[-1]
    judging = judge.judge(Question(last.text, last.images), response)
    try:
        next(judging)
    except StopIteration as stop:
        verdict: Verdict = stop.value.verdict
        return verdict
    except EngineError:  # it cannot tell
        return None
    judging.close()
    return None
