"""`vsc forge pairs`: a suite of new pairs out of the pairs of one. What makes them is in the forge."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_vsc.cases import Suite
from pytest_vsc.cli.forge.rewriting import rewriting, specs_of
from pytest_vsc.cli.local import Line, see_new
from pytest_vsc.cli.printing import count, say, shown, table
from pytest_vsc.cli.trying import cores
from pytest_vsc.errors import SettingsError, SuiteError, VscError, expected
from pytest_vsc.forge import see_installed
from pytest_vsc.forge.operators import REWRITE
from pytest_vsc.forge.pairing import ACCOUNT, BINS, HIGHEST, NOTES, Account, NoPair, forge_pairs, order_of, seeds_of
from pytest_vsc.forge.plans import see_fitting
from pytest_vsc.forge.recipes import Recipe, read_recipe
from pytest_vsc.forge.weighing import REASONS, Bounds
from pytest_vsc.forge.workbook import is_work
from pytest_vsc.spelling import NAME
from pytest_vsc.suites import load_suites

Actions = argparse._SubParsersAction
MOST_UNFIT = 5


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """Add `vsc forge pairs`."""
    parser = actions.add_parser(
        "pairs",
        help="build a suite of new pairs out of the pairs of one",
        description="Every new pair is made of one of the suite by a recipe of operators, measured against it and "
        "rejected unless it is alike, new, and of a certain side. The same command gives the same bytes; one that was "
        "interrupted goes on.",
    )
    parser.add_argument("suite", metavar="SUITE", help="a shipped suite or a folder, of pairs")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help="a new folder, whose name is the suite's"
    )
    parser.add_argument(
        "--ops",
        metavar="RECIPES",
        action="append",
        default=[],
        help="recipes such as typos:strength=0.5+blur, joined by commas (repeatable; default: any that fit a pair); "
        "rewrite@SPEC, as the first step, has the model of a SPEC as --vlm takes it put the words in other words",
    )
    parser.add_argument(
        "--verifier",
        metavar="SPEC",
        help="the model that must agree to what rewrite@SPEC wrote (default: the same, which is the weaker witness)",
    )
    parser.add_argument("--limit", metavar="N", type=positive, help="pairs (default: as many as the suite has)")
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="of all that is left to chance (default: 0)")
    parser.add_argument("--jobs", metavar="N", type=positive, help="processes (default: one a core)")
    parser.add_argument(
        "--bound",
        metavar="NAME=SHARE",
        action="append",
        default=[],
        help=f"what a pair must reach: {', '.join(f'{k}={v:g}' for k, v in Bounds()._asdict().items())} (repeatable)",
    )
    parser.set_defaults(command=command)


def command(given: argparse.Namespace) -> int:
    """Forge, and print what came of it. Raises ForgeError, SettingsError, SuiteError."""
    see_installed("vsc forge pairs")
    suite = suite_of(given.suite)
    recipes = recipes_of(given.ops)
    see_fitting(recipes, "--ops")
    specs = specs_of(recipes, given.verifier)
    seeds = seeds_of(suite)
    if not is_work(given.out):
        see_new(given.out)
    limit = given.limit or len(seeds)
    account, told = _forged(given, suite, recipes, specs, limit)
    for text in told if account is None else (*told, *lines(account)):
        say(text)
    if account is None:
        return 1
    say(f"written: {shown(given.out)} (suite {account.sha256[:12]}, {NOTES}, {ACCOUNT})")
    say(f"next: vsc forge review {shown(given.out)} --html review.html")
    if account.pairs < limit:
        say(f"{account.pairs:,} of {limit:,} pairs: the recipes gave no more; add operators, or lower a --bound")
    return int(account.pairs < limit)


def _forged(
    given: argparse.Namespace, suite: Suite, recipes: Sequence[Recipe], specs: Mapping[str, str], limit: int
) -> tuple[Account | None, list[str]]:
    """What came of it, and lines on what models gave; None where no pair came of it."""
    name, bounds = name_of(given.out), bounds_of(given.bound)
    jobs = given.jobs or (1 if specs else cores())  # several take attempts ahead, which a model would be asked for
    told: list[str] = []
    try:
        with (
            rewriting(recipes, specs, seeds_of(suite), given.out, limit=limit, told=told) as models,
            Line("vsc forge pairs", "pairs") as line,
        ):
            return forge_pairs(
                suite,
                models.recipes,
                order_of(suite, models.recipes, seed=given.seed, limit=limit, bounds=bounds, models=models.models),
                given.out,
                name=name,
                jobs=jobs,
                tell=lambda made, tried: line.show(made, limit, f" of {tried:,} attempts"),
                prepared=models.prepared,
            ), told
    except NoPair as none:
        return None, [*told, f"0 pairs: {none}"]


def suite_of(name: str) -> Suite:
    """The suite of a name or folder. Raises SuiteError."""
    try:
        return load_suites([name], Path.cwd())[0]
    except VscError as error:
        raise SuiteError(str(error).replace("--vsc-suite", "SUITE")) from None


def recipes_of(given: Sequence[str]) -> list[Recipe]:
    """The recipes of `--ops`, several at a time joined by commas. A piece that is a setting goes on with the one before
    it. Raises SettingsError.
    """
    found: list[str] = []
    for piece in (piece.strip() for words in given for piece in words.split(",")):
        if re.match(f"(?!{REWRITE}@)[^:+]*=", piece) and found:
            found[-1] += f"{',' if ':' in found[-1].rpartition('+')[2] else ':'}{piece}"
        elif piece:
            found.append(piece)
    return [read_recipe(one, "--ops") for one in found]


def name_of(out: Path) -> str:
    """The name of the suite that is made in a folder. Raises SettingsError."""
    name = out.absolute().name
    if not NAME.fullmatch(name):
        raise SettingsError(
            f"--out {shown(out)}: the folder's name is the suite's; expected letters, digits, '.', '_', '-'"
        )
    return name


def bounds_of(given: Sequence[str]) -> Bounds:
    """Raises SettingsError."""
    bounds = Bounds()
    for said in given:
        name, _, share = said.partition("=")
        if name not in Bounds._fields:
            raise SettingsError(f"--bound {said}: unknown bound '{name}'; {expected(name, Bounds._fields)}")
        if not re.fullmatch(r"0?\.\d+|[01](\.0+)?", share):
            raise SettingsError(f"--bound {said}: expected {name}=SHARE, from 0 to 1")
        bounds = bounds._replace(**{name: float(share)})
    return bounds


def lines(account: Account) -> list[str]:
    """What came of it, for a terminal."""
    kept = account.pairs / account.attempts
    out = [f"{count(account.pairs, 'pair')} of {count(account.attempts, 'attempt')} ({kept:.0%})", ""]
    rows = [(reason, f"{number:,}", REASONS[reason]) for reason, number in account.rejected.items()]  # type: ignore[index]
    out += table(("rejected", "", ""), rows, (1,)) if rows else []
    unfit = sorted(account.unfit.items(), key=lambda one: -one[1])[:MOST_UNFIT]
    out += [f"  unfit: {'; '.join(f'{why} ({number:,})' for why, number in unfit)}"] if unfit else []
    out += ["", *histogram(account.histogram), ""]
    out += ["operators: " + ", ".join(f"{name} {number:,}" for name, number in account.operators.items())]
    out += [f"left out, since no case is there: {gate}" for gate in account.gates_lost]
    return out


def histogram(bins: Mapping[str, Sequence[int]]) -> list[str]:
    """Each measure in a line: how many pairs lie in each tenth of its range."""
    heads = ("similarity", *(f"{number / BINS:.1f}" for number in range(BINS)))
    rows = []
    for key, counts in bins.items():
        unit = f" (of {HIGHEST[key]:g})" if key in HIGHEST else ""
        rows.append((f"{key}{unit}", *(f"{number:,}" if number else "." for number in counts)))
    return table(heads, rows, range(1, BINS + 1))


def positive(text: str) -> int:
    """The number of an option that takes one of 1 or more."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of 1 or more")
    return int(text)
