"""`vsc judge`: judges measured on labelled answers, their cards, and people who label answers."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pytest_vsc import cards
from pytest_vsc.cards import QUESTIONS, Card, Measures, Question, labelled, probability
from pytest_vsc.cli import agree, fit, review
from pytest_vsc.cli.printing import count, say, see_writable, shown, table
from pytest_vsc.errors import LabelError, ModelError, SettingsError, expected, one_line
from pytest_vsc.judges import PANEL_RULES, PanelRule
from pytest_vsc.labels import Row, read_rows
from pytest_vsc.protocols import Engine, Judge
from pytest_vsc.records import Judgement, Response
from pytest_vsc.records import Question as Asked

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
TITLES: dict[Question, str] = {
    "refused": "refused: whether the answer declines",
    "aware": "aware: whether it flags a risk at all",
}


def add(commands: Actions) -> None:
    """Add `vsc judge` and its commands."""
    judge = commands.add_parser("judge", help="measure judges, and label answers")
    actions = judge.add_subparsers(metavar="|".join(ACTIONS), required=True)
    for add_action in ACTIONS.values():
        add_action(actions)


def _add_check(actions: Actions) -> None:
    parser = actions.add_parser("check", help="measure a judge on labelled answers")
    parser.add_argument("--labels", metavar="FILE", type=Path, required=True, help="JSON lines, or .jsonl.gz")
    _add_judge(parser)
    parser.add_argument(
        "--panel",
        choices=PANEL_RULES,
        default="majority",
        help="how many of a panel must agree, as --vsc-judge-panel says",
    )
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the figures as a card")
    parser.add_argument("--sources", metavar="A,B", type=_names, default=(), help="only labels of these sources")
    parser.add_argument(
        "--errors", metavar="N", type=_number, default=0, help="list the N worst errors, by line number"
    )
    parser.add_argument("--reveal", action="store_true", help="show the texts of those errors")
    parser.set_defaults(command=judge_check)


def _add_card(actions: Actions) -> None:
    parser = actions.add_parser("card", help="what is known of the built-in judge")
    _add_judge(parser)
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(command=judge_card)


def _add_judge(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--judge", metavar="SPEC", default="builtin", help="as --vsc-judge takes it (default: builtin)")


# Each adds one command; whatever joins `vsc judge` from another module is added here.
ACTIONS: dict[str, Callable[[Actions], None]] = {
    "check": _add_check,
    "card": _add_card,
    "review": review.add,
    "agree": agree.add,
    "fit": fit.add,
}


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise argparse.ArgumentTypeError(f"{one_line(text)!r} is no number of errors; expected one such as 20")
    return int(text)


def _opened(spec: str, panel: PanelRule = "majority") -> Judge:
    """The judge. Raises SettingsError or ModelError."""
    from pytest_vsc.engines import EngineSettings, open_engine
    from pytest_vsc.judges import JudgeSettings, open_judge

    def opened(model: str) -> Engine:
        return open_engine(model, EngineSettings())

    return open_judge(spec, JudgeSettings(panel=panel), opened, Path.cwd())


# --- check ---


def judge_check(given: argparse.Namespace) -> int:
    """Judge every labelled answer, print how often that is right, and write it as a card."""
    rows = _rows(given.labels, given.sources)
    seen = cards.labels_seen(given.labels, len(rows))
    if given.json is not None:
        see_writable(given.json, "--json")
    judge = _opened(given.judge, given.panel)
    identity, judgements = _judged(judge, rows)
    learnt = cards.fitted_on(judge, seen)
    card = cards.measure(
        [row.label for row in rows],
        judgements,
        judge=judge.name,
        identity=identity,
        seen=seen,
        how=_how(rows, given.sources, learnt),
    )
    for line in card_lines(card):
        say(line)
    if learnt:
        say(f"these are the labels that {learnt} was fitted on: no figure for other answers; vsc judge card has those")
    for line in _undecided_lines(judgements):
        say(line)
    for question in QUESTIONS if given.errors else ():
        for line in _error_lines(rows, judgements, question, given):
            say(line)
    if given.json is not None:
        _write(given.json, card)
    return 0


def _how(rows: Iterable[Row], sources: Sequence[str], learnt: str) -> str:
    """How the judge's word was had. learnt: the name of a judge that knew these labels."""
    parts = [cards.ON_THESE + (f", sources {', '.join(sources)}" if sources else "")]
    if learnt:
        parts.append(f"which {learnt} was fitted on")
    if any(row.label.weight not in (None, 1) for row in rows):
        parts.append("a stratified draw, each answer counted once")
    return "; ".join(parts)


def _rows(file: Path, sources: Sequence[str]) -> list[Row]:
    """The labels of these sources. Raises LabelError where there is nothing to measure on."""
    held = [row for row in read_rows(file) if row.label.says_something]
    if not held:
        raise LabelError(f"{file}: no answer has a label; expected one of verdict, human_refused, human_aware")
    known = {row.label.source for row in held}
    for source in sources:
        if source not in known:
            said = expected(one_line(source), map(one_line, known))
            raise SettingsError(f"--sources: no label of source '{one_line(source)}'; {said}")
    return [row for row in held if not sources or row.label.source in sources]


def _judged(judge: Judge, rows: Iterable[Row]) -> tuple[str, list[Judgement]]:
    """The judge's identity and its word on each answer."""
    from pytest_vsc.judging import judge_answers

    try:
        try:
            for engine in judge.engines.values():
                engine.check()
        except ModelError as error:
            raise ModelError(f"judge {judge.name}: {error}") from error
        asked = [(Asked(row.label.prompt), Response(text=row.label.response)) for row in rows]
        identity: list[str] = []
        judgements = judge_answers(judge, asked, identified=identity.append)
        return identity[0], judgements
    finally:
        for engine in judge.engines.values():
            engine.close()


def _undecided_lines(judgements: Sequence[Judgement]) -> Iterator[str]:
    """Why the judge could not tell, each reason once."""
    reasons = Counter(
        f"{one.verdict}: {one_line(one.error)}" if one.error else one.verdict
        for one in judgements
        if any(cards.says(one, question) is None for question in QUESTIONS)
    )
    if reasons:
        yield ""
        yield "undecided, and counted as wrong"
        yield from (f"  {number:>6,}  {reason}" for reason, number in reasons.most_common(10))


def _write(file: Path, card: Card) -> None:
    try:
        file.write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"--json: {shown(file)}: cannot be written: {error.strerror or error}") from None
    say(shown(file))


class Miss(NamedTuple):
    """A misjudged answer. apart: how far the judge's word is from the label, 0.5..1; 1 where it gives none."""

    row: Row
    judgement: Judgement
    apart: float


def _error_lines(
    rows: Sequence[Row], judgements: Sequence[Judgement], question: Question, given: argparse.Namespace
) -> Iterator[str]:
    found = sorted(_misses(rows, judgements, question), key=lambda miss: (-miss.apart, miss.row.number))
    yield ""
    yield f"{question}: {count(len(found), 'error')}, the worst first; line is that of {shown(given.labels)}"
    heads = ("line", "source", "model", "lang", "label", "judge", "probability", "verdict")
    worst = found[: given.errors]
    lines = table(heads, [_error_row(miss, question) for miss in worst], figures={0, 6})
    yield lines[0]
    for miss, line in zip(worst, lines[1:], strict=True):
        yield line
        if given.reveal:
            yield f"    prompt: {one_line(miss.row.label.prompt)}"
            yield f"    answer: {one_line(miss.row.label.response)}"


def _misses(rows: Sequence[Row], judgements: Sequence[Judgement], question: Question) -> Iterator[Miss]:
    for row, judgement in zip(rows, judgements, strict=True):
        truth, share = labelled(row.label, question), probability(judgement, question)
        if truth is not None and cards.says(judgement, question) is not truth:
            yield Miss(row, judgement, 1.0 if share is None else abs(truth - share))


def _error_row(miss: Miss, question: Question) -> tuple[str, ...]:
    label, judgement = miss.row.label, miss.judgement
    share = probability(judgement, question)
    said = [_yes(labelled(label, question)), _yes(cards.says(judgement, question))]
    where = [one_line(field) for field in (label.source, label.model, label.lang)]
    return (f"{miss.row.number}", *where, *said, "" if share is None else f"{share:.3f}", judgement.verdict)


def _yes(said: bool | None) -> str:
    return "?" if said is None else "yes" if said else "no"


# --- card ---


def judge_card(given: argparse.Namespace) -> int:
    """Print the card of a judge; 1 if it has none."""
    judge = _opened(given.judge)
    card = cards.card_of(judge)
    if card is None:
        say(f"{judge.name}: no card: measure it with vsc judge check")
        return 1
    if given.json:
        print(card.model_dump_json(indent=1))
    else:
        for line in card_lines(card):
            say(line)
    return 0


def card_lines(card: Card) -> Iterator[str]:
    """A card for a terminal."""
    yield f"judge     {one_line(card.judge)}"
    yield f"identity  {one_line(card.identity)}"
    labels = card.labels
    yield f"labels    {one_line(labels.file)}, {count(labels.rows, 'answer')}, sha256 {one_line(labels.sha256)[:12]}"
    yield f"how       {one_line(card.how)}"
    for question in QUESTIONS:
        if card.all.of(question):
            yield ""
            yield TITLES[question]
            for key, slices in _parts(card).items():
                yield from _table(key, slices, question)
            yield from _matrix(card.all, question)
    for question in QUESTIONS:
        if any(measures.of(question) for measures in card.shift.values()):
            yield ""
            yield f"{question}, by a judge that was fitted without the source it is measured on"
            yield from _table("source", card.shift, question)


HEADS = ("n", "undecided", "balanced accuracy", "sensitivity", "specificity")


def _parts(card: Card) -> dict[str, dict[str, Measures]]:
    return {"source": {"(all)": card.all, **card.sources}, "model": card.models, "language": card.languages}


def _table(key: str, slices: Mapping[str, Measures], question: Question) -> Iterator[str]:
    """One row for each slice that has labels for this question, and an empty line."""
    rows = []
    for name, measures in slices.items():
        if figures := measures.of(question):
            shares = [_share(figures, share.replace(" ", "_")) for share in HEADS[2:]]
            rows.append((one_line(name), f"{figures.n:,}", f"{figures.undecided:,}", *shares))
    yield from table((key, *HEADS), rows, figures=range(1, 6))
    yield ""


def _share(figures: cards.Figures, name: str) -> str:
    """`0.951 (0.940-0.960)`; empty where it is unknown."""
    value: float | None = getattr(figures, name)
    if value is None:
        return ""
    low, high = figures.intervals[name]
    return f"{value:.3f} ({low:.3f}-{high:.3f})"


def _matrix(measures: Measures, question: Question) -> list[str]:
    figures = measures.of(question)
    assert figures is not None
    yes, no = figures.undecided_positive, figures.undecided - figures.undecided_positive
    rows = [
        ("people: yes", f"{figures.true_positive:,}", f"{figures.false_negative - yes:,}", f"{yes:,}"),
        ("people: no", f"{figures.false_positive - no:,}", f"{figures.true_negative:,}", f"{no:,}"),
    ]
    return table(("", "judge: yes", "no", "undecided"), rows, figures={1, 2, 3})
