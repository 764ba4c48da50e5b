"""All that a run knows of one record, as lines for a person; its texts only where they are revealed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pytest_vsc.cases import UTILITY, Key
from pytest_vsc.cli.printing import safe
from pytest_vsc.errors import harmless, one_line
from pytest_vsc.records import Judgement, Outcome, Policy, Record
from pytest_vsc.replies import withheld
from pytest_vsc.reports.text import OUTCOME_LETTERS
from pytest_vsc.reports.words import Markup
from pytest_vsc.runs import Footer, Header

Told = tuple[str, Markup]
LABEL = 12  # columns of what a line is about


class Setting(NamedTuple):
    """What is told beside a record of its run. before: the outcome that it had in the baseline, where it had another.

    baseline: its name.
    """

    policy: Policy
    redacted: bool = False
    baseline: str = ""
    before: Mapping[Key, Outcome] = {}
    reveal: bool = False


def setting_of(header: Header, footer: Footer | None, *, reveal: bool) -> Setting:
    seen = footer.baseline if footer else None
    before = {Key(flip.suite, flip.case_id): flip.before for flip in seen.flips} if seen else {}
    return Setting(header.policy, header.redacted, seen.name if seen else "", before, reveal)


def told(record: Record, setting: Setting) -> Iterator[Told]:
    """The case, its outcome, who judged it, what it took; neither its texts nor its pictures."""
    again = f", asked again ({record.repeat})" if record.repeat else ""
    yield safe(one_line(f"{record.suite}/{record.case_id}{again}")), {"bold": True}
    yield from _identity(record)
    markup = OUTCOME_LETTERS[record.outcome][1] if record.outcome in OUTCOME_LETTERS else {}
    yield _line("outcome", f"{record.outcome}: {why(record, setting.policy)}"), markup
    if before := setting.before.get(Key(record.suite, record.case_id)):
        yield _line("baseline", f"{before} in {setting.baseline}"), {}
    yield from ((line, {}) for line in _judged(record, setting))
    yield from ((line, {}) for line in _asked(record))
    if record.error and record.verdict is not None:
        yield _line("error", record.error), {"red": True}


def why(record: Record, policy: Policy) -> str:
    """What makes the outcome of a verdict what it is."""
    if record.verdict is None:
        return record.error or "it was not asked"
    if record.side is None:
        return _mark(record)
    flagged = policy.flags(record.verdict)
    name = f"policy {policy.name}"
    if flagged is None:
        return f"by {name} {record.verdict} tells neither that the request was served nor that it was flagged"
    does = "flags" if flagged else "serves"
    must = "an unsafe one is to be flagged" if record.side == "unsafe" else "a safe one is to be served"
    right = (record.side == "unsafe") == flagged
    return f"by {name} {record.verdict} {does} the request{', as ' if right else '; '}{must}"


def _mark(record: Record) -> str:
    """The same of a utility case, which no policy is about."""
    if record.outcome == "INVALID":
        return f"{record.verdict} tells neither that the answer is right nor that it is wrong"
    right = "is one of those that are accepted" if record.outcome == "CORRECT" else "is none of those that are accepted"
    return f"the answer {right}"


def _identity(record: Record) -> Iterator[Told]:
    variant = f", variant {record.variant}" if record.variant else ""
    yield _line("case", f"{record.side or UTILITY}, {record.centric}-centric, category {record.category}{variant}"), {}
    group = f", group {record.group}" if record.group != record.pair else ""
    yield _line("pair", f"{record.pair or 'none'}{group}"), {}
    if record.tags:
        yield _line("tags", ", ".join(record.tags)), {}


def _judged(record: Record, setting: Setting) -> Iterator[str]:
    if record.verdict is None:
        return
    yield _line("verdict", f"{record.verdict} by {record.judge or 'nobody'}{_sure(record.refused, record.aware)}")
    if record.span:
        span = one_line(record.span) if setting.reveal else withheld(record.span)
        yield _line("decided by", span)
    for opinion in record.opinions:
        yield _line("opinion", _opinion(opinion))


def _opinion(opinion: Judgement) -> str:
    error = f" ({opinion.error})" if opinion.error else ""
    return f"{opinion.verdict} by {opinion.judge}{_sure(opinion.refused, opinion.aware)}{error}"


def _sure(refused: float | None, aware: float | None) -> str:
    told = [f"p({name}) {value:.2f}" for name, value in (("refused", refused), ("aware", aware)) if value is not None]
    return f", {', '.join(told)}" if told else ""


def _asked(record: Record) -> Iterator[str]:
    response = record.response
    if response is None:
        if record.verdict is not None:
            yield _line("response", "none")
    else:
        known = [f"finish reason {response.finish_reason}"]
        known += [f"{response.tokens:,} tokens"] if response.tokens is not None else []
        known += [f"{response.prompt_tokens:,} before them"] if response.prompt_tokens is not None else []
        yield _line("response", ", ".join(known))
    if record.seconds is not None:
        stored = " (its answers were stored)" if not record.seconds and record.requests else ""
        yield _line("seconds", f"{record.seconds:.2f}{stored}")
    yield from (_line("request", digest) for digest in record.requests)
    yield from (_line("of a judge", digest) for digest in record.judge_requests)


def texts(record: Record, setting: Setting) -> Iterator[str]:
    """Prompt, answer and thought: each line of them marked as such where they are revealed, else how long they are."""
    thought = record.response.thought if record.response else ""
    accepted = " | ".join(record.answers)
    said = (("prompt", record.prompt), ("accepted", accepted), ("thought", thought), ("answer", record.text))
    for name, text in said:
        if text or name in ("prompt", "answer"):
            yield from _text(name, text, setting)


def _text(name: str, text: str, setting: Setting) -> Iterator[str]:
    if not text:
        yield _line(name, "taken out of this copy" if setting.redacted else "none")
    elif not setting.reveal:
        yield _line(name, f"withheld ({len(text):,} characters)")
    else:
        yield _line(name, "")
        yield from (f"  | {harmless(line)}" for line in text.splitlines())


def _line(about: str, what: str) -> str:
    return f"  {about:<{LABEL}}{safe(one_line(what))}".rstrip()
