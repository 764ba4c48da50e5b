"""What `vsc tune` tells of an adapter that it made, and the files beside it. It trains nothing."""

from __future__ import annotations

import argparse
import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_vsc import __version__
from pytest_vsc.calibrations import trained, tuning
from pytest_vsc.calibrations.layers import Layers
from pytest_vsc.calibrations.lessons import Mixture
from pytest_vsc.calibrations.used import write_used
from pytest_vsc.cli.tune.data import Data
from pytest_vsc.cli.tune.training import Losses
from pytest_vsc.engines.checkpoint import versions
from pytest_vsc.errors import one_line
from pytest_vsc.leakage import used_of

if TYPE_CHECKING:
    from pytest_vsc.engines.candidate import Candidate


def account_of(
    given: argparse.Namespace,
    recipe: tuning.Recipe,
    mixture: Mixture,
    *,
    data: Data,
    candidate: Candidate,
    layers: Layers,
) -> dict[str, Any]:
    """All that `training.json` tells but the losses and the adapter."""
    said = candidate.said
    names = sorted({name.rpartition(".")[2] for name in layers.inner})
    own = {
        "what": "the user's own" if given.targets else "templates: refusals, and openings of answers",
        **({"sha256": hashlib.sha256(given.targets.read_bytes()).hexdigest()} if given.targets else {}),
    }
    return {
        "name": one_line(given.out.resolve().name),
        "made_by": f"pytest-vsc {__version__}",
        "model": {
            "name": candidate.name,
            "weights": candidate.base,
            "type": candidate.kind,
            "dtype": said["dtype"],
            **({"revision": said["revision"]} if "revision" in said else {}),
        },
        "recipe": {**recipe.model_dump(mode="json", exclude={"save_steps", "modules"}), "at_a_step": recipe.at_a_step},
        "layers": {"stack": layers.stack, "names": names, "count": layers.number},
        "mix": str(mixture),
        "suites": [
            {"name": suite.name, "version": suite.header.version, "sha256": suite.sha256, "cases": len(suite.cases)}
            for suite in data.suites
        ],
        "cases": trained.counted(data.taught, data.held_out),
        "targets": own,
        "utility": data.utility,
        "data": trained.data_digest([*data.taught, *data.held_out]),
        "versions": versions(["peft", "accelerate"]),
    }


def write_account(out: Path, said: Mapping[str, Any], losses: Losses, data: Data) -> None:
    """The files beside the adapter; then the checkpoints have served. said: as `account_of` gives it."""
    used = {(lesson.suite, lesson.id) for lesson in (*data.taught, *data.held_out)}
    cases = [case for suite in data.suites for case in suite.cases]
    write_used(out, used_of(case for case in cases if (case.suite, case.id) in used))
    lost = {"held_out_before": _rounded(losses.before), "held_out": _rounded(losses.after), "steps": [*losses.steps]}
    adapter = hashlib.sha256((out / "adapter_model.safetensors").read_bytes()).hexdigest()
    trained.write(out, {**said, "losses": lost, "adapter": adapter})
    shutil.rmtree(out / tuning.CHECKPOINTS)


def _rounded(loss: float | None) -> float | None:
    return None if loss is None else round(loss, 6)
