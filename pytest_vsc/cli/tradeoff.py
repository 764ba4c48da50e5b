"""`vsc tradeoff`: what methods of calibration gain and cost, of saved runs or of runs that it makes itself."""

from __future__ import annotations

import argparse
import shutil
from functools import partial
from pathlib import Path

from pytest_vsc.baselines import Baseline, check_fields, read_baseline
from pytest_vsc.cases import complete
from pytest_vsc.cli.drawn import drawn_by, write
from pytest_vsc.cli.methods import read_methods, runs_of
from pytest_vsc.cli.printing import say
from pytest_vsc.errors import SettingsError
from pytest_vsc.methods import FIELDS
from pytest_vsc.reports.tradeoff import markdown, page, plot, terminal
from pytest_vsc.tradeoffs import USUAL_GATES, required, tradeoff

Actions = argparse._SubParsersAction
FOLDER = Path("vsc-tradeoff")
WIDE = (100, 24)  # of a terminal that does not tell


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """Add `vsc tradeoff`."""
    parser = actions.add_parser(
        "tradeoff",
        help="what methods of calibration gain and cost, each beside the plain model",
        description="Saved runs of one model under several methods, or with --vlm the runs that it makes itself: the "
        "rates of each, how far they are from those of the run without a method, which methods another one beats, and "
        "which may ship by the gates. What stands after -- are options of pytest for the runs. The exit code is 1 if a "
        "method of --require may not ship.",
    )
    parser.add_argument("runs", metavar="RUN", nargs="*", help="run.jsonl, or the folder that holds it")
    parser.add_argument("--vlm", metavar="SPEC", help="the model, whose runs are made where they are missing")
    parser.add_argument(
        "--calibrate",
        metavar="METHODS",
        action="append",
        default=[],
        help="with --vlm: methods as --vsc-calibrate takes them, joined by commas (repeatable)",
    )
    parser.add_argument(
        "--suite",
        metavar="SUITE",
        action="append",
        default=[],
        help="with --vlm: a suite, one of utility besides (repeatable)",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help=f"write the table and the plot there, and with --vlm the runs (then: {FOLDER})",
    )
    parser.add_argument(
        "--gate",
        metavar="GATE",
        action="append",
        default=[],
        help=f"what decides which methods may ship (repeatable; default: {', '.join(USUAL_GATES)})".replace("%", "%%"),
    )
    parser.add_argument(
        "--require", metavar="METHOD", action="append", default=[], help="a method that must be able to (repeatable)"
    )
    parser.add_argument(
        "--allow",
        metavar="FIELD",
        action="append",
        default=[],
        help=f"compare although this differs: {', '.join(FIELDS)} (repeatable)",
    )
    parser.add_argument("--html", metavar="FILE", type=Path, help="write one page that needs nothing beside itself")
    parser.set_defaults(command=command)


def command(given: argparse.Namespace) -> int:
    """Print the tables. Raises SettingsError, RunFileError for runs that cannot be compared, GateError."""
    allowed = check_fields(given.allow, "--allow", FIELDS)
    folder = given.out or (FOLDER if given.vlm else None)
    found = tradeoff(_runs(given, folder), given.gate, allowed)
    needed = required(found, given.require)
    for line in terminal.lines(found, shutil.get_terminal_size(WIDE).columns):
        say(line)
    drawn = drawn_by(partial(plot.plotted, found)) if folder or given.html else {}
    files: dict[Path, bytes] = {given.html: page.page(found, drawn.get("svg"))} if given.html else {}
    if folder:
        files |= {folder / "tradeoff.json": f"{found.model_dump_json(indent=1)}\n".encode()}
        files |= {folder / "tradeoff.md": markdown.markdown(found).encode()}
        files |= {folder / f"tradeoff.{kind}": made for kind, made in drawn.items()}
    write(files)
    barred = [method.label for method in needed if method.ship != "PASS"]
    if barred:
        say(f"required, and may not ship: {', '.join(barred)}")
    return int(bool(barred))


def _runs(given: argparse.Namespace, folder: Path | None) -> list[Baseline]:
    """Those that are named, or that are made. Raises SettingsError."""
    if given.vlm and given.runs:
        raise SettingsError(f"vsc tradeoff: --vlm makes its own runs ({given.runs[0]}); expected one or the other")
    if given.vlm and folder:
        complete()
        return list(runs_of(given.vlm, read_methods(given.calibrate, folder), given.options, given.suite))
    idle = {"--calibrate": given.calibrate, "--suite": given.suite, "--": given.options}
    for option, value in idle.items():
        if value:
            raise SettingsError(f"{option}: no effect on saved runs; expected with --vlm SPEC. Leave it out")
    if not given.runs:
        raise SettingsError("vsc tradeoff: no runs; expected RUN..., or --vlm SPEC --calibrate METHODS")
    return [read_baseline(Path(run)) for run in given.runs]
