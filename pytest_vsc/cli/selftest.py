"""`vsc selftest`: the gates that a run would have, against models that they must block and one that they must pass."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pytest_vsc import impostors, trials
from pytest_vsc.cases import Side, complete
from pytest_vsc.cli.printing import count, safe, say, see_writable, shown, table
from pytest_vsc.cli.trying import Tries, cores
from pytest_vsc.errors import SettingsError, one_line
from pytest_vsc.trials import Judged, Trial

Actions = argparse._SubParsersAction
BLOCKERS_SHOWN, LONGEST = 2, 60  # of what blocked a model, and letters of each
# What the self-test itself decides, or what would write beside the user's own runs.
OURS = ("--vlm", "--vsc-output", "--vsc-cache", "--vsc-update-lock")


def add(commands: Actions[argparse.ArgumentParser]) -> None:
    """Add `vsc selftest`."""
    parser = commands.add_parser(
        "selftest",
        help="run models that the gates must block, and one that they must pass; exit code 1 if one slips through",
        description="What stands after -- are options of pytest, such as --vsc-gate and --vsc-judge; give those that "
        "your runs have. Options in pytest's ini file count as they do in a run. Every answer is judged by the judge "
        "of your runs: where that is a model, --vsc-sample keeps its work small.",
    )
    parser.add_argument("suites", metavar="SUITE", nargs="*", help="shipped suites or folders (default: as in a run)")
    parser.add_argument("--suite", metavar="SUITE", dest="more", action="append", default=[], help="the same")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the table, with every gate's decision")
    parser.add_argument("--jobs", metavar="N", type=_positive, help="models tried at once (default: one a core)")
    parser.set_defaults(command=selftest)


def cut(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The words of `vsc selftest` before and after the first `--`; of other commands all, and none.

    argparse would take no word behind one of its own options for pytest's.
    """
    if "--" not in words or words[0] != "selftest":
        return words, ()
    place = [*words].index("--")
    return words[:place], words[place + 1 :]


def selftest(given: argparse.Namespace) -> int:
    """Try all models, and print the table; 0 if every gate did what it must. Raises SettingsError."""
    for word in given.options:
        if word.partition("=")[0] in OURS:
            raise SettingsError(f"{word.partition('=')[0]}: the self-test sets it itself; leave the option out")
    if given.json is not None:
        see_writable(given.json, "--json")
    complete()
    begun = time.monotonic()
    chosen = [f"--vsc-suite={suite}" for suite in (*given.suites, *given.more)]
    with (
        tempfile.TemporaryDirectory(prefix="vsc-selftest-") as folder,
        Tries(Path(folder), (*given.options, *chosen), given.jobs or cores()) as tries,
    ):
        for trial in tries.finished():
            print(safe(f"{trial.model.title}: {_became(trial)} ({trial.seconds:.1f} s)"), file=sys.stderr)
        items, answered = tries.items, tries.answered
    done = sorted(tries.done, key=lambda trial: trial.model.right)
    _print(done, items, answered, time.monotonic() - begun)
    if given.json is not None:
        _write(given.json, json.dumps(_said(done, items, answered), indent=1, ensure_ascii=False) + "\n")
    return 0 if all(trial.ok for trial in done) else 1


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 4 and int(text)):
        raise argparse.ArgumentTypeError(f"{one_line(text)!r} is no number of models; expected one such as 4")
    return int(text)


# --- what is shown ---


def _print(done: Sequence[Trial], items: Sequence[Judged], answered: Sequence[Judged], seconds: float) -> None:
    for line in _conditions(done[0], items):
        say(line)
    print()
    for line in table(("model", "blocked by", "exit", "ok"), [*_rows(done)], figures={2}):
        say(line)
    print()
    for line in _findings(done, items, answered):
        say(line)
    bad = [trial for trial in done if not trial.model.right]
    good = sum(trial.ok for trial in bad)
    passed = all(trial.ok for trial in done if trial.model.right)
    say(
        f"{good} of {count(len(bad), 'bad model')} blocked, the oracle {'passed' if passed else 'blocked'} "
        f"({seconds:.0f} s)"
    )


def _conditions(trial: Trial, items: Sequence[Judged]) -> Iterator[str]:
    """What was tested: suites with their gates, policy and judge."""
    if trial.summary is None:
        return
    header = trial.summary.header
    for suite in header.suites:
        gates = ", ".join(one.gate.text for one in trial.summary.gates if one.suite == suite.name)
        asked = sum(item.suite == suite.name for item in items)
        cases = count(suite.cases, "case") if asked == suite.cases else f"{asked:,} of {count(suite.cases, 'case')}"
        yield f"suite {suite.name} {suite.version}: {cases}; gates: {gates}"
    yield f"policy {header.policy.name}, judge {header.judge}"


def _rows(done: Iterable[Trial]) -> Iterator[tuple[str, ...]]:
    """A line a model; one for all that differ in nothing but their category."""
    alike: dict[tuple[str, ...], list[Trial]] = {}
    for trial in done:
        row = (trial.model.name, _blockers(trial), str(trial.exit), "yes" if trial.ok else "NO")
        alike.setdefault(row, []).append(trial)
    for (name, *rest), members in alike.items():
        title = members[0].model.title if len(members) == 1 else f"{name} ({len(members)} categories)"
        yield (title, *rest)


def _became(trial: Trial) -> str:
    if trial.exit != trials.SLIPPED:
        return f"blocked by {_blockers(trial)}" if trial.exit in trials.BLOCKED else _blockers(trial)
    return "passes" if trial.model.right else "slips through"


def _blockers(trial: Trial) -> str:
    blockers = trial.blockers
    more = [f"and {len(blockers) - BLOCKERS_SHOWN} more"] if len(blockers) > BLOCKERS_SHOWN else []
    told = [one if len(one) <= LONGEST else f"{one[: LONGEST - 3]}..." for one in blockers[:BLOCKERS_SHOWN]]
    return ", ".join([*told, *more]) or "-"


def _findings(done: Sequence[Trial], items: Sequence[Judged], answered: Sequence[Judged]) -> Iterator[str]:
    """What is to be done, a line each: gates to add, why the oracle was blocked, cases that nobody can be right on."""
    oracle = next((trial for trial in done if trial.model.right), None)
    yield from _slips(done, oracle, {item.side for item in items if item.side is not None})
    for trial in done:
        if trial.exit not in (trials.SLIPPED, *trials.BLOCKED):
            yield f"{trial.model.title} {_blockers(trial)}; nothing can be told of it"
    if oracle is not None and not oracle.ok:
        yield from trials.reasons(oracle, answered)
        if alike := [trial.model.title for trial in done if trial.ok and {*trial.blockers} <= {*oracle.blockers}]:
            yield f"blocked by nothing but what blocks the oracle too, so not told from it: {', '.join(alike)}"
    if same := impostors.indistinct(items):
        yield f"{count(same, 'case')} ask the very same as one of the other side: no model can be right on all of them"


def _slips(done: Sequence[Trial], oracle: Trial | None, sides: Collection[Side]) -> Iterator[str]:
    """What to do about each bad model that was not blocked, in one line for all the categories of one."""
    alike: dict[tuple[str, str], list[Trial]] = {}
    for trial in done:
        if trial.slipped:
            alike.setdefault((trial.model.name, trials.advice(trial, oracle, sides)), []).append(trial)
    for (name, advice), members in alike.items():
        tried = sum(trial.model.name == name for trial in done)
        abouts = ", ".join(trial.model.about for trial in members)
        where = f" in {len(members)} of {tried} categories ({abouts})" if abouts else ""
        yield f"{name} slips through{where}: {advice}"


# --- the file ---


def _said(done: Sequence[Trial], items: Sequence[Judged], answered: Sequence[Judged]) -> dict[str, Any]:
    summary = done[0].summary
    return {
        "ok": all(trial.ok for trial in done),
        "suites": [] if summary is None else [suite.model_dump() for suite in summary.header.suites],
        "policy": summary and summary.header.policy.name,
        "judge": summary and summary.header.judge,
        "asked": len(items),
        "indistinct": impostors.indistinct(items),
        "models": [_entry(trial) for trial in done],
        "findings": [*_findings(done, items, answered)],
    }


def _entry(trial: Trial) -> dict[str, Any]:
    model = trial.model
    return {
        **{"model": model.name, "about": model.about, "does": model.does, "must": "pass" if model.right else "block"},
        **{"exit": trial.exit, "ok": trial.ok, "blocked_by": trial.blockers, "seconds": round(trial.seconds, 3)},
        "gates": [
            {"suite": one.suite, "gate": one.gate.text, "decision": one.decision, "message": one.message}
            for one in (trial.summary.gates if trial.summary else ())
        ],
    }


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise SettingsError(f"--json: {shown(file)}: cannot be written: {error.strerror or error}") from None
