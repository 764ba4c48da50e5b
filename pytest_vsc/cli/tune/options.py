"""What `vsc tune` can be told: its options, and the numbers that they take."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_vsc.calibrations import tuning
from pytest_vsc.cli.local import add_running, add_suites
from pytest_vsc.errors import one_line

USUAL = tuning.Recipe(steps=1)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The model, what is taught, how it is trained and run."""
    parser.add_argument("vlm", metavar="SPEC", help="the model: an alias, a folder or a hub id")
    add_suites(parser, why="cases to train on")
    parser.add_argument(
        "--utility",
        metavar="SUITE",
        action="append",
        default=[],
        help="a utility suite so that it does not forget (default: the model's own answers to neutral questions)",
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="a new folder for the adapter")
    parser.add_argument(
        "--targets", metavar="FILE", type=Path, help='JSON lines {"case_id", "target"}: what to answer, for every case'
    )
    parser.add_argument("--mix", metavar="S:U:T", default="1:1:1", help="weights of safe, unsafe, utility (1:1:1)")
    parser.add_argument("--one-sided", action="store_true", help="train though only one side is there")
    _add_recipe(parser.add_argument_group("how it is trained"))
    add_running(parser.add_argument_group("how the model is run"))


def _add_recipe(group: Any) -> None:
    group.add_argument("--rank", metavar="N", type=_whole, default=USUAL.rank, help=f"of the adapter ({USUAL.rank})")
    group.add_argument("--lora-alpha", metavar="X", type=_above, help="its scale is this by the rank (twice the rank)")
    group.add_argument("--dropout", metavar="P", type=_share, default=0.0, help="in the adapter (0)")
    group.add_argument("--target-modules", metavar="A,B", type=_names, default=(), help="only these linear layers")
    group.add_argument("--learning-rate", metavar="X", type=_above, default=USUAL.rate, help=f"({USUAL.rate:g})")
    group.add_argument("--epochs", metavar="X", type=_above, default=3.0, help="times that all is gone through (3)")
    group.add_argument("--steps", metavar="N", type=_whole, help="so many steps, whatever that is in epochs")
    group.add_argument("--batch-size", metavar="N", type=_whole, default=USUAL.batch_size, help=f"({USUAL.batch_size})")
    group.add_argument("--gradient-accumulation", metavar="N", type=_whole, default=1, help="batches a step (1)")
    group.add_argument("--eval-share", metavar="P", type=_share, default=0.1, help="of the groups, for the loss (0.1)")
    group.add_argument("--seed", metavar="N", type=_seed, default=0, help="(0)")
    group.add_argument("--save-steps", metavar="N", type=_whole, default=USUAL.save_steps, help="between checkpoints")
    group.add_argument("--resume", action="store_true", help="go on from the last checkpoint in DIR")


def _number(text: str, what: str, fits: Callable[[float], bool], kind: type = float) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and fits(value)):
        raise argparse.ArgumentTypeError(f"{one_line(text)!r} is none; expected {what}")
    return value


def _whole(text: str) -> int:
    found: int = _number(text, "a whole number, 1 or more", lambda value: value >= 1, int)
    return found


def _seed(text: str) -> int:
    found: int = _number(text, "a whole number, 0 or more", lambda value: 0 <= value < 2**32, int)
    return found


def _above(text: str) -> float:
    found: float = _number(text, "a number above 0", lambda value: value > 0)
    return found


def _share(text: str) -> float:
    found: float = _number(text, "a share of 0 or more, below 1", lambda value: 0 <= value < 1)
    return found


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
