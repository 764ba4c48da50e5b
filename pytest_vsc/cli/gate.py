"""`vsc gate plan`: how many groups a gate with proof takes to decide, told before a model is asked anything."""

from __future__ import annotations

import argparse
import math
import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pytest_vsc.cases import Suite
from pytest_vsc.cli.printing import count, say, table
from pytest_vsc.errors import SettingsError, one_line
from pytest_vsc.intervals import least_size
from pytest_vsc.language import LEAST_PROOF
from pytest_vsc.planning import MOST, Plan, groups_needed, plan_of
from pytest_vsc.suites import load_suite
from pytest_vsc.tallies import LARGER_IS_BETTER, Metric, tally_cases
from pytest_vsc.tallies import count as counts_of

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
POWERS = (Fraction(1, 2), Fraction(4, 5), Fraction(9, 10), Fraction(19, 20))  # shown whatever is asked for
METRICS: tuple[Metric, ...] = ("undersafety", "oversafety", "pairs", "utility")
PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)%?")


class Question(NamedTuple):
    """What is to be proved, and what is expected; shares, exactly."""

    bound: Fraction
    expect: Fraction
    confidence: Fraction
    at_least: bool

    @property
    def text(self) -> str:
        op = ">=" if self.at_least else "<="
        return f"rate {op} {_percent(self.bound)} @{_percent(self.confidence, '')}, expected {_percent(self.expect)}"

    def needs(self, power: Fraction) -> Plan | None:
        return groups_needed(
            self.bound,
            float(self.expect),
            float(power),
            float(self.confidence),
            larger_is_better=self.at_least,
        )

    def with_groups(self, groups: int) -> Plan:
        return plan_of(groups, self.bound, float(self.expect), float(self.confidence), larger_is_better=self.at_least)


def add(commands: Actions) -> None:
    """Add `vsc gate` and its commands."""
    gate = commands.add_parser("gate", help="what a gate with proof (@95) takes to decide")
    actions = gate.add_subparsers(metavar="plan", required=True)
    plan = actions.add_parser("plan", help="how many groups a decision with proof takes, or what a suite is good for")
    plan.add_argument("--bound", metavar="N%", type=_share, required=True, help="the bound of the gate")
    plan.add_argument("--expect", metavar="N%", type=_share, required=True, help="the rate that the model may have")
    plan.add_argument("--at-least", action="store_true", help="the gate reads >=, as that of pairs does; else <=")
    plan.add_argument(
        "--power", metavar="N%", type=_power, default="90%", help="how probable the decision is to be (90%%)"
    )
    plan.add_argument("--confidence", metavar="N", type=_confidence, default="95", help="what stands after the @ (95)")
    held = plan.add_mutually_exclusive_group()
    held.add_argument("--per-group", metavar="CASES", type=_number, help="how many cases of the metric a group holds")
    held.add_argument("--suite", metavar="SUITE", help="what this suite is good for: a shipped one's name, or a folder")
    plan.set_defaults(command=gate_plan)


def gate_plan(given: argparse.Namespace) -> int:
    """Print the groups that are needed, for some probabilities, and the power of a suite; 1 if there are too many."""
    question = _question(given)
    suite = load_suite(given.suite, Path.cwd()) if given.suite is not None else None
    plan = question.needs(given.power)
    for line in _needed(question, plan, given.power, given.per_group):
        say(line)
    if suite is not None:
        print()
        for line in _suite_lines(question, plan, given.power, suite):
            say(line)
    return int(plan is None)


def _question(given: argparse.Namespace) -> Question:
    """Raises SettingsError for what no number of groups could tell, or what needs none."""
    question = Question(given.bound, given.expect, given.confidence, given.at_least)
    if question.bound == question.expect:
        raise SettingsError(
            f"--expect: {_percent(question.expect)} is the bound itself, and no number of groups tells on which side "
            "of it a rate lies that is on it; expected a percentage above or below"
        )
    if question.bound == (0 if question.at_least else 1):
        sign, allowed = (">=", "more than 0%") if question.at_least else ("<=", "less than 100%")
        raise SettingsError(f"--bound: every rate is {sign} {_percent(question.bound)}; expected {allowed}")
    return question


# --- what is needed --------------------------------------------------------------------------------------------------


def _needed(question: Question, plan: Plan | None, power: Fraction, per_group: int | None) -> Iterator[str]:
    wanted = f"with a probability of {_percent(power)}"
    if plan is None:
        yield f"{question.text}: more than {count(MOST, 'group')} for a decision {wanted}"
    else:
        yield f"{question.text}: {_groups(plan.groups, per_group)} for a {plan.decision} {wanted}"
    plans = {each: question.needs(each) for each in sorted({*POWERS, power})}
    first = next((each for each in plans.values() if each is not None), None)
    if first is None:
        return
    yield from table(
        ("power", "groups", *(("cases",) if per_group else ()), f"{first.decision} with"),
        [_row(each, found, per_group) for each, found in plans.items()],
        figures={0, 1, 2} if per_group else {0, 1},
    )
    yield _error(question, plan or first)


def _error(question: Question, plan: Plan) -> str:
    """How often the decision is wrong, in the worst case."""
    passes = plan.decision == "PASS"
    verb, side = "passes" if passes else "fails", "above" if passes != question.at_least else "below"
    return (
        f"With {count(plan.groups, 'group')}, a model whose rate is {_percent(question.bound)} {verb} "
        f"with a probability of {plan.error:.2%}, one {side} it with less."
    )


def _groups(groups: int, per_group: int | None) -> str:
    return count(groups, "group") + (f" ({count(groups * per_group, 'case')})" if per_group else "")


def _row(power: Fraction, plan: Plan | None, per_group: int | None) -> list[str]:
    if plan is None:
        return [_percent(power), f"> {MOST:,}", *([f"> {MOST * per_group:,}"] if per_group else []), ""]
    cases = [f"{plan.groups * per_group:,}"] if per_group else []
    return [_percent(power), f"{plan.groups:,}", *cases, _reach(plan)]


def _reach(plan: Plan) -> str:
    """`at most 41 of 1,106`."""
    return "none" if plan.limit is None else f"{plan.reach} {plan.limit:,} of {plan.groups:,}"


# --- what a suite is good for ----------------------------------------------------------------------------------------


def _suite_lines(question: Question, plan: Plan | None, power: Fraction, suite: Suite) -> Iterator[str]:
    held = tally_cases(suite.cases)
    rows = []
    for metric in METRICS:
        counts = counts_of(metric, held, (), True)
        if counts.n:
            size = least_size(Counter(dict(counts.clusters)))
            shown = (metric, f"{counts.n:,}", f"{counts.groups:,}", f"{math.floor(size):,}")
            rows.append((*shown, *_good_for(question, plan, metric, counts.n, size)))
    decision = question.with_groups(1).decision
    heads = (suite.name, "cases", "groups", "count as", "power", f"{decision} with", f"cases for {_percent(power)}")
    yield from table(heads, rows, figures={1, 2, 3, 4, 6})


def _good_for(question: Question, plan: Plan | None, metric: Metric, cases: int, size: float) -> tuple[str, str, str]:
    """size: how many groups of one size tell as much; where groups differ in size, the power is about right only."""
    if (metric in LARGER_IS_BETTER) != question.at_least:
        return "", "its gates read " + ("<=" if question.at_least else ">="), ""
    here = question.with_groups(math.floor(size))
    needed = f"> {MOST:,}" if plan is None else f"{math.ceil(plan.groups * cases / size):,}"
    return f"{here.power:.1%}", _reach(here), needed


# --- reading the options ---------------------------------------------------------------------------------------------


def _share(text: str) -> Fraction:
    found = PERCENT.fullmatch(text.strip())
    if found is None or Fraction(found[1]) > 100:
        raise argparse.ArgumentTypeError(
            f"{one_line(text)!r} is no percentage; expected one from 0% to 100%, such as 5% or 0.5%"
        )
    return Fraction(found[1]) / 100


def _power(text: str) -> Fraction:
    return _between(text, 0, "probability", "90%")


def _confidence(text: str) -> Fraction:
    return _between(text, LEAST_PROOF, "confidence", "95")


def _between(text: str, least: int, noun: str, example: str) -> Fraction:
    found = PERCENT.fullmatch(text.strip())
    if found is None or not least < Fraction(found[1]) < 100:
        raise argparse.ArgumentTypeError(
            f"{one_line(text)!r} is no {noun} in percent; expected more than {least} and less than 100, as in {example}"
        )
    return Fraction(found[1]) / 100


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 7 and int(text)):
        raise argparse.ArgumentTypeError(f"{one_line(text)!r} is no number of cases; expected one such as 4")
    return int(text)


def _percent(share: Fraction, sign: str = "%") -> str:
    """The share as it was given, less needless zeros."""
    return f"{float(share * 100):.9f}".rstrip("0").rstrip(".") + sign
