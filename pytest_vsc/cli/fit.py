"""`vsc judge fit`: the built-in judge refitted on labels of one's own, as a judge of another identity."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

from pytest_vsc import cards
from pytest_vsc.cards import QUESTIONS, Card
from pytest_vsc.cli.printing import count, say, shown, table
from pytest_vsc.errors import LabelError, SettingsError, one_line
from pytest_vsc.labels import Label, read_labels

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
# The fewest prompts that each of both words must have been said of.
LEAST_PROMPTS = 10


def add(actions: Actions) -> None:
    """Add `vsc judge fit`."""
    parser = actions.add_parser(
        "fit",
        help="refit the built-in judge on labels of your own",
        description="Starts from the built-in judge and moves it only as far as the labels tell. Its figures are of "
        "answers whose prompts the fit had not seen. Use what it writes with --vsc-judge builtin@FOLDER.",
    )
    parser.add_argument("--labels", metavar="FILE", type=Path, required=True, help="JSON lines, or .jsonl.gz")
    parser.add_argument("--out", metavar="FOLDER", type=Path, required=True, help="where the judge is written")
    parser.add_argument(
        "--judge", metavar="SPEC", default="builtin", help="what to start from: builtin or builtin@FOLDER"
    )
    parser.set_defaults(command=judge_fit)


def judge_fit(given: argparse.Namespace) -> int:
    """Refit, measure before and after on unseen prompts, and write the judge; 1 when it is no better than before."""
    from pytest_vsc.judges import open_judge
    from pytest_vsc.judges.builtin import Builtin, check_folder, write_builtin
    from pytest_vsc.judges.fitting import FOLDS, judgements, refit

    labels = _labels(given.labels)
    start = open_judge(given.judge, base=Path.cwd())
    if not isinstance(start, Builtin):
        raise SettingsError(f"--judge: {given.judge} cannot be refitted; expected builtin or builtin@FOLDER")
    check_folder(given.out)
    found = refit(labels, start.weights())
    name = f"{start.name.partition('+')[0]}+{one_line(given.labels.name).partition('.')[0]}"
    before, after = (
        cards.measure(
            labels,
            judgements(told, name),
            judge=name,
            identity="",
            seen=cards.labels_seen(given.labels, len(labels)),
            how=f"refitted from {start.name}, cross-validated by prompt, {FOLDS} folds",
        )
        for told in (found.before, found.after)
    )
    write_builtin(given.out, found.weights, after)
    for line in _compared(before, after):
        say(line)
    say(f"{name}: written to {shown(given.out)}; use it with --vsc-judge builtin@{shown(given.out)}")
    if not found.better:
        say("it tells these answers no better than before: more labels are needed, or the judge knows such answers")
    return 0 if found.better else 1


def _labels(file: Path) -> list[Label]:
    """The labels that can be learnt from. Raises LabelError where they are too few."""
    found = [label for label in read_labels(file) if label.says_something]
    for side, word in ((True, "declines"), (False, "does not decline")):
        prompts = {label.prompt for label in found if label.human_refused is side}
        if len(prompts) < LEAST_PROMPTS:
            raise LabelError(
                f"{file}: {count(len(prompts), 'prompt')} with an answer that {word}; expected {LEAST_PROMPTS} or more"
            )
    return found


def _compared(before: Card, after: Card) -> list[str]:
    """How often the judge is right on unseen prompts, as it was and as it is."""
    heads = ("", "n", "balanced accuracy before", "after", "sensitivity", "specificity")
    rows = []
    for question in QUESTIONS:
        was, now = before.all.of(question), after.all.of(question)
        if was is not None and now is not None:
            shares = (was.balanced_accuracy, now.balanced_accuracy, now.sensitivity, now.specificity)
            rows.append((question, f"{now.n:,}", *("-" if share is None else f"{share:.3f}" for share in shares)))
    return table(heads, rows, range(1, len(heads)))
