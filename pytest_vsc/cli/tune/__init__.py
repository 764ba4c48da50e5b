"""`vsc tune`: a LoRA adapter for a local model, trained on suites so that it tells safe from unsafe better.

Joins engine and training; how a model is trained stands in `calibrations/tuning.py`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

from pytest_vsc.calibrations import lessons as teaching
from pytest_vsc.calibrations import trained, tuning
from pytest_vsc.calibrations.layers import layers_of
from pytest_vsc.cli.local import loaded, model_of, see_new, suites_of
from pytest_vsc.cli.printing import count, say, shown
from pytest_vsc.cli.tune.account import account_of, write_account
from pytest_vsc.cli.tune.data import COMMAND, data_of
from pytest_vsc.cli.tune.options import add_options
from pytest_vsc.cli.tune.training import Losses, recipe_of, see_begun, train
from pytest_vsc.engines.cores import one_left
from pytest_vsc.errors import SettingsError, one_line

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
EPILOG = (
    "Unsafe cases are taught with a refusal, safe ones with the opening of a helpful answer, from which the model goes "
    "on; or with your own words (--targets). Trained are all linear layers of the text decoder, and nothing of the "
    "vision tower. What it was trained on must not be what it is measured on."
)


def add(commands: Actions) -> None:
    """Add `vsc tune`."""
    parser = commands.add_parser("tune", help="train a LoRA adapter that calibrates a local model", epilog=EPILOG)
    add_options(parser)
    parser.set_defaults(command=tune)


def tune(given: argparse.Namespace) -> int:
    """Train and write the adapter; 2 where it was interrupted, and can be gone on with."""
    mixture = teaching.mixture_of(given.mix)
    tuning.require_peft(COMMAND)
    _see_device(given)
    source, settings = model_of(given, COMMAND)
    suites = suites_of(given)
    targets = teaching.read_targets(given.targets, suites.sides) if given.targets else None
    lessons = teaching.of_sides(suites.sides, targets, given.seed)
    teaching.see_enough(lessons, mixture, one_sided=given.one_sided)
    _see_room(given.out, resume=given.resume)
    candidate, model = loaded(source, settings)
    layers = layers_of(model.network, given.target_modules)
    (given.out / tuning.CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    with one_left(candidate.device):
        data = data_of(given, suites, lessons, mixture, model)
        recipe = recipe_of(given, len(data.taught))
        said = account_of(given, recipe, mixture, data=data, candidate=candidate, layers=layers)
        see_begun(given.out, {name: said[name] for name in ("model", "recipe", "mix", "data", "versions")})
        losses = train(given, data, recipe, mixture, layers=layers, candidate=candidate, model=model)
    if losses is None:
        return 2
    write_account(given.out, said, losses, data)
    _tell(given, losses, len(data.held_out))
    return 0


def _see_device(given: argparse.Namespace) -> None:
    if given.dtype == "float16":
        raise SettingsError("--dtype float16: too coarse to train in; expected bfloat16 or float32")
    if given.device.startswith("cuda:"):
        raise SettingsError(
            f"--device {one_line(given.device)}: trains on the first that it sees; expected cuda, with "
            f"CUDA_VISIBLE_DEVICES={one_line(given.device[5:])} in the environment"
        )


def _see_room(out: Path, *, resume: bool) -> None:
    """Raises SettingsError where the folder is not what `--resume` says."""
    begun = (out / tuning.CHECKPOINTS).is_dir()
    if not resume:
        see_new(out, ", or --resume to go on with what was begun there" if begun else "")
    elif (out / trained.FILE).is_file():
        raise SettingsError(f"--out {shown(out)}: is finished, there is nothing to go on with; expected a new folder")
    elif not begun:
        raise SettingsError(f"--resume: nothing was begun in {shown(out)}; leave it out")


def _tell(given: argparse.Namespace, losses: Losses, held_out: int) -> None:
    if losses.before is not None and losses.after is not None:
        say(f"held-out loss {losses.before:.3f} before, {losses.after:.3f} after, {count(held_out, 'lesson')}")
    say(f"{shown(given.out)}: written; use it with --vlm {one_line(given.vlm)} --vlm-adapter {shown(given.out)}")
