"""`vsc forge robust`: how a model fares as pairs change, of a saved run or of one that it makes itself."""

from __future__ import annotations

import argparse
import math
import re
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pytest_vsc.baselines import Baseline, read_baseline
from pytest_vsc.cases import Suite, complete
from pytest_vsc.cli.drawn import drawn_by, write
from pytest_vsc.cli.forge.pairs import positive, recipes_of
from pytest_vsc.cli.local import Line, see_new
from pytest_vsc.cli.printing import count, say, shown
from pytest_vsc.cli.running import QUIET, Wanted, run_of, see_options
from pytest_vsc.cli.trying import cores
from pytest_vsc.errors import SettingsError, VscError, one_line
from pytest_vsc.forge import robustness as making
from pytest_vsc.forge import see_installed
from pytest_vsc.forge.making import Pair
from pytest_vsc.forge.straining import Grade, Order, grades_of
from pytest_vsc.reports.robust import markdown, page, plot, terminal
from pytest_vsc.robust import gates_of, robustness, see_gates
from pytest_vsc.suites import load_suite, load_suites

Actions = argparse._SubParsersAction
FOLDER, SUITES = Path("vsc-robust"), "suite"
USUAL = "mini"
COMMAND = "vsc forge robust"
WIDE = (100, 24)  # of a terminal that does not tell
# What the command sets itself, or what would keep pairs from being asked as they are and under every operator.
OURS = ("--vlm", "--vsc-suite", "--vsc-gate", "--vsc-output", "--vsc-resume", "--vsc-update-lock", "--vsc-early-stop")


class Seed(NamedTuple):
    """A suite whose pairs are put under operators. place: where what is made of them lies."""

    suite: Suite
    pairs: Sequence[Pair]
    grades: Sequence[Grade]
    order: Order
    place: Path


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """Add `vsc forge robust`."""
    parser = actions.add_parser(
        "robust",
        help="calibration as a function of how strongly pairs are changed",
        description="The same pairs as they are and under each operator at each strength, of a saved run, or with "
        "--vlm of one that it makes itself: rates over strength with intervals, the rise over the same pairs, and "
        "which operator does most damage by category. What stands after -- are options of pytest for the run. The exit "
        "code is 1 if a gate fails or is inconclusive.",
    )
    parser.add_argument("run", metavar="RUN", nargs="?", help="run.jsonl of such a run, or the folder that holds it")
    parser.add_argument("--vlm", metavar="SPEC", help="the model, of which a run is made")
    _add_making(parser.add_argument_group("with --vlm"))
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help=f"write the table and the plot there, and with --vlm the suite and the run (then: {FOLDER})",
    )
    parser.add_argument(
        "--gate",
        metavar="GATE",
        action="append",
        default=[],
        help="what the rates are held to, such as 'undersafety[op=*] <= 8%%', one gate an operator (repeatable)",
    )
    parser.add_argument("--html", metavar="FILE", type=Path, help="write one page that needs nothing beside itself")
    parser.set_defaults(command=command)


def _add_making(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--suite", metavar="SUITE", action="append", default=[], help=f"of pairs (repeatable; default: {USUAL})"
    )
    group.add_argument(
        "--ops",
        metavar="OP,OP",
        action="append",
        default=[],
        help="operators that keep the side, with settings such as blur:kind=box (repeatable; default: all on words "
        "and pictures that have a strength and are not slow); one without a strength is done once",
    )
    usual = ",".join(f"{one:g}" for one in making.STRENGTHS)
    group.add_argument("--strengths", metavar="S,S", help=f"from 0 to 1 (default: {usual}); 0 is there in any case")
    group.add_argument("--limit", metavar="N", type=positive, help="pairs, drawn in whole groups (default: all)")
    group.add_argument("--seed", metavar="S", type=int, help="of all that is left to chance (default: 0)")
    group.add_argument("--jobs", metavar="N", type=positive, help="processes that draw (default: one a core)")


def command(given: argparse.Namespace) -> int:
    """Print the tables. Raises VscError for what cannot be made, read or decided."""
    see_gates(given.gate)
    if given.vlm:
        see_installed(COMMAND)
    folder = given.out or (FOLDER if given.vlm else None)
    found = robustness(_run(given, folder), () if given.vlm else given.gate)
    for line in terminal.lines(found, shutil.get_terminal_size(WIDE).columns):
        say(line)
    drawn = drawn_by(partial(plot.plotted, found)) if folder or given.html else {}
    files: dict[Path, bytes] = {given.html: page.page(found, drawn.get("svg"))} if given.html else {}
    if folder:
        files |= {folder / "robust.json": f"{found.model_dump_json(indent=1)}\n".encode()}
        files |= {folder / "robust.md": markdown.markdown(found).encode()}
        files |= {folder / f"robust.{kind}": made for kind, made in drawn.items()}
    write(files)
    return int(found.ruling != "PASS")


def _run(given: argparse.Namespace, folder: Path | None) -> Baseline:
    """The one that is named, or that is made. Raises SettingsError."""
    if given.vlm and given.run:
        raise SettingsError(f"{COMMAND}: --vlm makes its own run ({one_line(given.run)}); expected one or the other")
    if given.vlm and folder:
        return _made(given, folder)
    idle = {f"--{name}": getattr(given, name) for name in ("suite", "ops", "strengths", "limit", "seed", "jobs")}
    for option, value in {**idle, "--": given.options}.items():
        if value is not None and value not in ([], ()):
            raise SettingsError(f"{option}: no effect on a saved run; expected with --vlm SPEC. Leave it out")
    if not given.run:
        raise SettingsError(f"{COMMAND}: no run; expected RUN, or --vlm SPEC")
    return read_baseline(Path(given.run))


# --- a run of its own ------------------------------------------------------------------------------------------------


def _made(given: argparse.Namespace, folder: Path) -> Baseline:
    see_options(given.options, OURS, COMMAND)
    seeds = _seeds(given, folder)
    _see_ours(folder, seeds)
    for seed in seeds:
        _make(seed, given.jobs or cores())
    places = [seed.place.absolute() for seed in seeds]
    suites = [load_suite(str(place), place) for place in places]
    gates_of(given.gate, suites, "vscbench")  # under which each metric is counted; the run knows its own policy
    chosen = [*(f"--vsc-suite={place}" for place in places), *(f"--vsc-gate={gate}" for gate in given.gate)]
    complete()
    return run_of(Wanted("run", folder / "run", [*given.options, *chosen, *QUIET, f"--vlm={given.vlm}"]))


def _see_ours(folder: Path, seeds: Sequence[Seed]) -> None:
    """Raises SettingsError for a folder that holds something else: suites of another order make room."""
    if not any(making.is_ours(place) for place in folder.glob(f"{SUITES}*")):
        see_new(folder)
    for seed in seeds:
        if not making.is_ours(seed.place):
            see_new(seed.place)


def _seeds(given: argparse.Namespace, folder: Path) -> list[Seed]:
    """What is asked for, seen to be possible before anything is made. Raises SettingsError, SuiteError."""
    if said := next((said for said in given.ops if re.search(r"[:,]\s*strength\s*=", said)), None):
        raise SettingsError(f"--ops {one_line(said)}: strengths are those of all operators; give them as --strengths")
    strengths = strengths_of(given.strengths)
    grades = grades_of(recipes_of(given.ops), strengths, "--ops")
    try:
        suites = load_suites(given.suite or [USUAL], Path.cwd())
    except VscError as error:
        raise type(error)(str(error).replace("--vsc-suite", "--suite")) from None
    seed = given.seed or 0
    found = []
    for suite in suites:
        pairs = making.seeds_of(suite, given.limit, seed, "--suite")
        order = making.order_of(suite, grades, limit=given.limit, seed=seed)
        place = folder / (SUITES if len(suites) == 1 else f"{SUITES}-{suite.name}")
        found.append(Seed(suite, pairs, grades, order, place))
    return found


def strengths_of(said: str | None) -> tuple[float, ...]:
    """Those of `--strengths`, the weakest first, without 0. Raises SettingsError."""
    if said is None:
        return making.STRENGTHS
    found = {_strength(word.strip()) for word in said.split(",") if word.strip()} - {0.0}
    if not found:
        raise SettingsError(f"--strengths '{one_line(said)}': none above 0; expected some from 0 to 1, such as 0.5,1")
    return tuple(sorted(found))


def _strength(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        raise SettingsError(f"--strengths: '{one_line(word)}' is no number; expected some from 0 to 1") from None
    if math.isnan(number) or not 0 <= number <= 1:
        raise SettingsError(f"--strengths: {one_line(word)} is out of range; expected 0 to 1")
    return float(f"{number:g}")  # as tags and names tell it


def _make(seed: Seed, jobs: int) -> None:
    """Make the suite, unless the same order has made it before, and say what came of it. Raises ForgeError."""
    account = making.made_before(seed.place, seed.order)
    how = "taken from" if account else "written to"
    if account is None:
        with Line(COMMAND, f"{one_line(seed.suite.name)}: pairs") as line:
            account = making.make_suite(
                seed.suite, seed.pairs, seed.grades, seed.order, seed.place, jobs=jobs, tell=line.show
            )
    drawn = "" if account.pairs == len(seed.pairs) and seed.order.limit is None else f" (--limit {seed.order.limit})"
    say(
        f"suite {one_line(account.suite)}: {count(account.pairs, 'pair')}{drawn} as they are, {account.made:,} under "
        f"{count(len(seed.order.ops), 'operator')}; {how} {shown(seed.place)}"
    )
    for said, ops in _by_reason(account).items():
        say(f"  left out: {said}: {', '.join(ops)}")
    for op, number in account.unchanged.items():
        say(f"  {one_line(op)} leaves {count(number, 'pair')} unchanged at some strength; these stay in")


def _by_reason(account: making.Account) -> dict[str, list[str]]:
    """Of what was left out why and how many pairs, and by which operators."""
    found: dict[str, list[str]] = {}
    for key, number in account.left_out.items():
        op, _, why = key.partition(": ")
        found.setdefault(f"{one_line(why)} ({count(number, 'pair')})", []).append(one_line(op))
    return found
