"""What the calibrations of a run need beside their turn in a conversation: edits, an adapter, cases kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_vsc.calibrations.used import used_cases
from pytest_vsc.cases import Case
from pytest_vsc.engines import EngineSettings
from pytest_vsc.errors import SettingsError, VscError
from pytest_vsc.leakage import refuse_overlaps
from pytest_vsc.protocols import Adapting, Calibration, Editing, Resting

ADAPTER = "--vlm-adapter"


def inside(calibrations: Sequence[Calibration], settings: EngineSettings) -> EngineSettings:
    """How the engine is to run, with what the calibrations change in the model itself. Raises SettingsError."""
    adapters = [one.adapter for one in calibrations if isinstance(one, Adapting)]
    if len(adapters) + bool(settings.adapter) > 1:
        raise SettingsError(f"--vsc-calibrate: a model takes one adapter; expected one of adapter:DIR or {ADAPTER} DIR")
    edits = [edit for one in calibrations if isinstance(one, Editing) for edit in one.edits]
    return settings.model_copy(
        update={
            **({"adapter": adapters[0]} if adapters else {}),
            **({"edits": tuple(edits)} if edits else {}),
        }
    )


def as_typed(error: VscError, calibrations: Sequence[Calibration]) -> VscError:
    """The error by the word that the user typed, where an engine tells of an adapter that a calibration brought."""
    if not any(isinstance(one, Adapting) for one in calibrations) or not str(error).startswith(ADAPTER):
        return error
    return type(error)(f"--vsc-calibrate adapter{str(error).removeprefix(ADAPTER)}")


def refuse_leaks(calibrations: Sequence[Calibration], adapter: str | None, evaluated: Sequence[Case]) -> None:
    """Raises SettingsError where what a calibration was made of, or shows the model, is to be evaluated.

    adapter: the folder of the model's own one, if there is one.
    """
    if adapter and not any(isinstance(one, Adapting) for one in calibrations):
        refuse_overlaps(ADAPTER, used_cases(Path(adapter)), evaluated)
    for one in calibrations:
        if isinstance(one, Resting):
            refuse_overlaps(f"--vsc-calibrate {one.name}", one.used(), evaluated)
