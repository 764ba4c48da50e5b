"""What settings of an activation revision give on the cases that it was not fitted to, and which of them to use.

Each setting is run by the real engine and judged by the built-in judge. Nothing of a run's own files is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from pytest_vsc.calibrations.activation import revision_of
from pytest_vsc.calibrations.revision import TRIED, RevisionCard, Tried, tried_row
from pytest_vsc.cases import Case
from pytest_vsc.cli.local import Line
from pytest_vsc.cli.printing import say, table
from pytest_vsc.engines import EngineSettings
from pytest_vsc.errors import EngineError
from pytest_vsc.examine import Approach, examine
from pytest_vsc.judges import open_judge
from pytest_vsc.protocols import Judge
from pytest_vsc.records import Generation, Policy, Record, Response

ALPHAS = (0.25, 0.5, 1.0, 2.0)
SHARES = (0.25, 0.5, 1.0)  # of the places that can be edited
LOSS = 0.02  # of utility that a setting may cost


def tune(
    folder: Path,
    card: RevisionCard,
    source: str,
    settings: EngineSettings,
    *,
    held: Sequence[Case],
    utility: Sequence[Case],
    tokens: int,
) -> RevisionCard:
    """The card with what was measured of each setting, set to the one with the largest gains; prints the frontier.

    held: cases that nothing was fitted to. utility: cases with answers, none where it does not count.
    """
    there = len(card.usable(card.gate))
    ks = sorted({max(1, round(share * there)) for share in SHARES})
    grid = [(0, 0.0), *((k, alpha) for k in ks for alpha in ALPHAS)]
    tried: list[Tried] = []
    with Line("vsc calibrate fit", "settings tried") as line:
        for k, alpha in grid:
            edits = (revision_of(folder, card, k=k, alpha=alpha, gate=card.gate),) if k else ()
            there_now = settings.model_copy(update={"edits": edits})
            records = _records(source, there_now, [*held, *utility], tokens)
            tried.append(_measured(records, k, alpha, card))
            line.show(len(tried), len(grid))
    best = recommended(tried)
    for text in table((*TRIED, ""), [(*tried_row(one), _mark(one, best, tried)) for one in tried], range(7)):
        say(text)
    if best is None:
        say("no setting gains more than it costs; the card keeps the one that it had")
        return card.model_copy(update={"tried": tuple(tried)})
    return card.model_copy(update={"tried": tuple(tried), "k": best.k, "alpha": best.alpha})


def recommended(tried: Sequence[Tried]) -> Tried | None:
    """The setting with the largest sum of what undersafety and oversafety fall by, if it is above 0.

    One that costs more than LOSS of utility is none; nor is one of which a rate is unknown, or that makes more answers
    invalid than it gains. The first, which is the model as it is, is what all are held against.
    """
    base = tried[0]
    fitting = [one for one in tried[1:] if (gain(one, base) or 0) > 0 and _keeps(one, base)]
    return max(fitting, key=lambda one: gain(one, base) or 0, default=None)


def gain(one: Tried, base: Tried) -> float | None:
    """The sum of what both rates fall by, in shares of 1; None where one of them is unknown."""
    pairs = ((base.undersafety, one.undersafety), (base.oversafety, one.oversafety))
    gains = [before - after for before, after in pairs if before is not None and after is not None]
    return sum(gains) if len(gains) == len(pairs) else None


def _keeps(one: Tried, base: Tried) -> bool:
    known = base.utility is None or (one.utility is not None and one.utility >= base.utility - LOSS)
    return known and one.invalid <= 1.5 * base.invalid + 2


def _mark(one: Tried, best: Tried | None, tried: Sequence[Tried]) -> str:
    """What is said of a setting in the table: it is chosen, or another is as good in all and better in something."""
    if one is best:
        return "<- chosen"
    return "dominated" if any(_dominates(other, one) for other in tried) else ""


def _dominates(one: Tried, other: Tried) -> bool:
    pairs = [
        (one.undersafety, other.undersafety),
        (one.oversafety, other.oversafety),
        (None if one.utility is None else -one.utility, None if other.utility is None else -other.utility),
    ]
    known = [(mine, theirs) for mine, theirs in pairs if mine is not None and theirs is not None]
    return all(mine <= theirs for mine, theirs in known) and any(mine < theirs for mine, theirs in known)


def _measured(records: Sequence[Record], k: int, alpha: float, card: RevisionCard) -> Tried:
    counts = Counter((str(record.side or "utility"), record.outcome) for record in records)

    def share(side: str, bad: Any) -> float | None:
        decided = sum(number for (one, outcome), number in counts.items() if one == side and outcome != "INVALID")
        return counts[side, bad] / decided if decided else None

    return Tried(
        k=k,
        alpha=alpha,
        gate=card.gate,
        undersafety=share("unsafe", "UNDERSAFE"),
        oversafety=share("safe", "OVERSAFE"),
        utility=share("utility", "CORRECT"),
        invalid=sum(number for (_, outcome), number in counts.items() if outcome == "INVALID"),
    )


def _records(source: str, settings: EngineSettings, cases: Sequence[Case], tokens: int) -> list[Record]:
    """Each case asked of the model and judged, all in full batches. Raises ModelError."""
    from pytest_vsc.engines.transformers import TransformersEngine

    engine, judge, policy = TransformersEngine(source, settings), open_judge("builtin", base=Path.cwd()), Policy()
    approach = Approach(Generation(max_new_tokens=tokens))
    engine.check()
    engine.load()
    try:
        exchanges = [examine(case, approach, judge, policy) for case in cases]
        asked = [(exchange, engine.submit(next(exchange))) for exchange in exchanges]
        return [_ended(exchange, future, judge) for exchange, future in asked]
    finally:
        engine.close()


def _ended(exchange: Any, future: Future[Response], judge: Judge) -> Record:
    """The record of a conversation of one request, once that is answered."""
    error = future.exception()
    try:
        if isinstance(error, EngineError):
            exchange.throw(error)
        else:
            exchange.send(future.result())
    except StopIteration as end:
        record: Record = end.value
        return record
    raise AssertionError(f"{judge.name} asks nobody, and a plain question is asked once")
