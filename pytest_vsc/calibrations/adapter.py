"""An adapter of a local model as a calibration, so that it can be compared with others. It asks what it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_vsc.calibrations.spec import Spec, identity, only, path
from pytest_vsc.calibrations.used import used_cases
from pytest_vsc.errors import SettingsError
from pytest_vsc.leakage import Used
from pytest_vsc.protocols import Ask, Draft, Exchange
from pytest_vsc.records import Response


@dataclass(frozen=True)
class Adapter:
    """adapter: its folder. What it is enters the engine's fingerprint by its files."""

    adapter: str
    settings: Mapping[str, str]
    name: str = "adapter"

    @property
    def sha256(self) -> str:
        return identity(self.name, self.settings)

    def used(self) -> Sequence[Used]:
        """The cases that it was trained on, where `vsc tune` made it; of others nothing is known."""
        return used_cases(Path(self.adapter))

    def converse(self, draft: Draft, ask: Ask) -> Exchange[Response]:
        return (yield from ask(draft))


def adapter(spec: Spec) -> Adapter:
    """A PEFT adapter of a local model, as --vlm-adapter loads it.

    DIR: what `vsc tune` or peft wrote.

    Raises SettingsError.
    """
    only(spec, "")
    if "" not in spec.settings:
        raise SettingsError(f"{spec.where}: no folder; expected adapter:DIR with what `vsc tune` or peft wrote")
    folder = path(spec.base, spec.settings[""], spec.where)
    return Adapter(str(folder), {"": folder.resolve().name})
