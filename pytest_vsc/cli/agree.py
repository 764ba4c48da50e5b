"""`vsc judge agree`: how far reviewers agree in their labels, or the judges of a panel in a run."""

from __future__ import annotations

import argparse
import json
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from pytest_vsc.agreement import Agreement, agreement
from pytest_vsc.cli.printing import count, safe, say, shown, table
from pytest_vsc.errors import LabelError, one_line
from pytest_vsc.labels import SAYS, Label, read_labels
from pytest_vsc.runs import RUN_FILE, read_run

Actions = argparse._SubParsersAction
# rater -> answer -> verdict, None where the rater could not tell.
Ratings = dict[str, dict[Hashable, str | None]]


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """Add `vsc judge agree`."""
    parser = actions.add_parser("agree", help="how far reviewers agree, or the judges of a panel")
    parser.add_argument(
        "files", metavar="FILE|RUN", nargs="+", type=Path, help="files of labels, or one run of a panel"
    )
    parser.set_defaults(command=judge_agree, usage=parser.error)


def judge_agree(given: argparse.Namespace) -> int:
    """Print the agreement of all raters, two by two and together; 1 if no answer has two ratings."""
    runs = [file for file in given.files if _is_run(file)]
    if runs and len(given.files) > 1:
        given.usage("a run stands alone: give one run, or files of labels")
    if runs:
        ratings = _of_panel(run_file(runs[0]))
        nothing = f"{shown(runs[0])}: no answer was judged by several; expected a run of a panel (--vsc-judge A+B)"
    else:
        ratings = of_reviewers({file: read_labels(file) for file in given.files})
        nothing = "no answer has labels of two reviewers"
    lines = agreement_lines(ratings)
    for line in lines or [nothing]:
        say(line)
    return 0 if lines else 1


def run_file(given: Path) -> Path:
    """The run file, where its folder was given."""
    return given / RUN_FILE if given.is_dir() else given


def _is_run(file: Path) -> bool:
    """Whether it is a run rather than labels, by its first line. Raises LabelError for what cannot be read."""
    if file.is_dir():
        return True
    if file.suffix == ".gz":
        return False
    try:
        with file.open("rb") as stream:
            first = json.loads(stream.readline())
    except OSError as error:
        raise LabelError(f"{file}: cannot be read: {error.strerror or error}; expected labels, or a run") from None
    except ValueError:
        return False
    return isinstance(first, dict) and first.get("kind") == "header"


def of_reviewers(files: Mapping[Path, Iterable[Label]]) -> Ratings:
    """What each reviewer says; labels without one are those of their file. What says no verdict is left out."""
    ratings: Ratings = {}
    for file, labels in files.items():
        for label in labels:
            if label.verdict is not None:
                rater = one_line(label.reviewer) if label.reviewer is not None else shown(file)
                ratings.setdefault(rater, {})[label.answer] = label.verdict
    return ratings


def _of_panel(file: Path) -> Ratings:
    ratings: Ratings = {}
    for record in read_run(file).records:
        for opinion in record.opinions:
            known = opinion.verdict if opinion.verdict in SAYS else None
            ratings.setdefault(one_line(opinion.judge), {})[record.key] = known
    return ratings


def agreement_lines(ratings: Ratings) -> list[str]:
    """A table; [] where no two raters rated the same answer."""
    groups: list[Sequence[str]] = list(combinations(ratings, 2))
    if len(ratings) > 2:
        groups.append(tuple(ratings))
    rows = [row for raters in groups for row in _rows({rater: ratings[rater] for rater in raters}, len(ratings))]
    if not rows:
        return []
    return table(("raters", "on", "n", "agree", "kappa", "alpha"), rows, figures={2, 3, 4, 5})


def _rows(ratings: Ratings, raters: int) -> Iterator[Sequence[str]]:
    everybody = len(ratings) == raters > 2
    name = f"all {count(raters, 'rater')}" if everybody else " and ".join(map(safe, ratings))
    for on, found in _questions(ratings).items():
        if found.n:
            share = "" if found.percent is None else f"{found.percent:.1%}"
            yield name, on, f"{found.n:,}", share, _figure(found.kappa, found), _figure(found.alpha, found)


def _questions(ratings: Ratings) -> dict[str, Agreement]:
    """On the verdict itself, and on what it says of both questions."""
    found = {"verdict": agreement(ratings)}
    for place, question in enumerate(("refused", "aware")):
        said: dict[str, dict[Hashable, bool | None]] = {
            rater: {thing: None if verdict is None else SAYS[verdict][place] for thing, verdict in rated.items()}
            for rater, rated in ratings.items()
        }
        found[question] = agreement(said)
    return found


def _figure(value: float | None, found: Agreement) -> str:
    if value is not None:
        return f"{value:.3f}"
    return "?" if len(found.raters) == 2 else ""
