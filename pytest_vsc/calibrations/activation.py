"""Internal activation revision: a fitted direction that is added to a model's activations while it decodes.

After Internal Activation Revision (arXiv 2501.16378) and Inference-Time Intervention (Li et al., arXiv 2306.03341).
What is fitted, and to what, is in `fitting`; here it is opened, checked against the model, and put on.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_vsc.calibrations.revision import CARD, GATES, Gate, Place, RevisionCard, read_card, read_tensors
from pytest_vsc.calibrations.spec import Spec, choice, identity, only, path, text, whole
from pytest_vsc.calibrations.used import USED, used_cases
from pytest_vsc.errors import ModelError, SettingsError, one_line
from pytest_vsc.leakage import Used
from pytest_vsc.protocols import Acting, Ask, Draft, Exchange
from pytest_vsc.records import Response

if TYPE_CHECKING:
    from pytest_vsc.calibrations.steering import Push

NAME = "activation-revision"
FORMULA = 1  # raised whenever the same numbers would be put on in another way


@dataclass(frozen=True, eq=False)
class Revision:
    """A `protocols.Edit`. folder: as `vsc calibrate fit` wrote it. k: how many places are edited, the best first."""

    folder: str
    card: RevisionCard = field(repr=False)
    k: int
    alpha: float
    gate: Gate
    name: str = NAME

    @property
    def identity(self) -> str:
        whole = [FORMULA, self.card.tensors, self.card.level, self.k, self.alpha, self.gate]
        places = [[place.layer, place.head] for place in self._places()]
        modules = [[layer.name, layer.projection] for layer in self.card.layers]
        return hashlib.sha256(json.dumps([whole, places, modules, self.card.probe.layer]).encode()).hexdigest()

    @property
    def title(self) -> str:
        """The name of the folder."""
        return one_line(Path(self.folder).resolve().name)

    def describe(self) -> dict[str, str]:
        places = f"{self.k} {self.card.level}{'s' if self.k > 1 else ''}"
        return {"activation_revision": f"{self.title}: {places}, alpha {self.alpha:g}, gate {self.gate}"}

    def check(self, weights: str) -> None:
        if weights != self.card.weights:
            raise ModelError(
                f"{NAME} {self.title}: made for another model ({one_line(self.card.model)}, weights "
                f"{self.card.weights[:12]}; those here are {weights[:12]}). Expected that model with the adapter that "
                "it had, if any; fit one for this by `vsc calibrate fit`"
            )

    def attach(self, model: Any) -> Acting:
        from pytest_vsc.calibrations.steering import Gate as Reader
        from pytest_vsc.calibrations.steering import Reading, Steering

        numbers = read_tensors(Path(self.folder), self.card.tensors, f"{NAME} {self.title}")
        reader = None
        if self.gate == "probe":
            module = self.card.layers[self.card.probe.layer].name
            reader = Reader(module, Reading(numbers["gate.weights"], float(numbers["gate.bias"])))
        try:
            return Steering(model, self.pushes(numbers), reader)
        except (AttributeError, KeyError) as error:
            raise ModelError(
                f"{NAME} {self.title}: does not fit the model as it was loaded ({one_line(error)}); fit it anew"
            ) from None

    def pushes(self, numbers: Mapping[str, Any]) -> list[Push]:
        """What is added at which module. numbers: as in the file."""
        import numpy as np

        from pytest_vsc.calibrations.steering import Push, Reading

        vectors: dict[int, Any] = {}
        for place in self._places():
            direction, sigma = numbers[f"direction.{place.layer}"], numbers[f"sigma.{place.layer}"]
            vector = vectors.setdefault(place.layer, np.zeros_like(direction))
            if place.head is None:
                vector += self.alpha * sigma * direction
            else:
                vector[place.head] += self.alpha * sigma[place.head] * direction[place.head]
        found = []
        for number, vector in sorted(vectors.items()):
            layer, null = self.card.layers[number], None
            if self.gate == "nullspace":
                null = Reading(numbers[f"null.weights.{number}"], float(numbers[f"null.bias.{number}"]))
            inward = self.card.level == "head"
            found.append(Push(layer.projection if inward else layer.name, vector.reshape(-1), inward, null))
        return found

    def _places(self) -> Sequence[Place]:
        return self.card.usable(self.gate)[: self.k]


@dataclass(frozen=True)
class ActivationRevision:
    """The same as a calibration: what it does is done inside the model, and it asks what it is asked."""

    revision: Revision
    settings: Mapping[str, str]
    name: str = NAME

    @property
    def sha256(self) -> str:
        return identity(self.name, self.settings, (self.revision.identity,))

    @property
    def edits(self) -> tuple[Revision, ...]:
        return (self.revision,)

    def used(self) -> Sequence[Used]:
        """The cases that it was fitted to and tuned on. Raises ModelError where these are not those of its card."""
        used, card = used_cases(Path(self.revision.folder)), self.revision.card
        if lost := {*card.fitted, *card.held} - {f"{one.suite}/{one.case}" for one in used}:
            raise ModelError(
                f"{NAME} {self.revision.title}: {USED} lacks cases that {CARD} names ({len(lost)}, such as "
                f"{one_line(min(lost))}); fit it anew"
            )
        return used

    def converse(self, draft: Draft, ask: Ask) -> Exchange[Response]:
        return (yield from ask(draft))


def activation_revision(spec: Spec) -> ActivationRevision:
    """A fitted direction added to activations of a local model while it decodes.

    DIR: what `vsc calibrate fit` wrote.
    alpha: how far, in spreads of the projections (default as fitted).
    gate: none, probe or nullspace (default as fitted).
    k: how many heads or layers, the best first (default as fitted).

    Raises SettingsError, and ModelError for the folder.
    """
    only(spec, "", "alpha", "gate", "k")
    if "" not in spec.settings:
        raise SettingsError(f"{spec.where}: no folder; expected {NAME}:DIR with what `vsc calibrate fit` wrote")
    folder = path(spec.base, spec.settings[""], spec.where)
    card = read_card(folder, f"{spec.where} {one_line(folder.name)}")
    gate = next(one for one in GATES if one == choice(spec, "gate", GATES, card.gate))
    k = whole(spec, "k", 1, card.k) if "k" in spec.settings else None
    revision = revision_of(folder, card, k=k, alpha=_number(spec, "alpha", card.alpha), gate=gate, where=spec.where)
    said = {"": revision.title, "alpha": f"{revision.alpha:g}", "gate": gate, "k": str(revision.k)}
    return ActivationRevision(revision, said)


def revision_of(
    folder: Path, card: RevisionCard, *, k: int | None, alpha: float, gate: Gate, where: str = NAME
) -> Revision:
    """A revision as it is to be put on. k: None for as many as the card says, or as there are.

    Raises SettingsError for more than there are.
    """
    there = len(card.usable(gate))
    behind = f" behind the gate's layer {card.probe.layer}" if gate == "probe" else ""
    if k is not None and not 1 <= k <= there:
        raise SettingsError(f"{where}: k: out of range ({k}); expected 1 to {there}, the {card.level}s{behind}")
    return Revision(str(folder), card, min(card.k, there) if k is None else k, alpha, gate)


def _number(spec: Spec, key: str, default: float) -> float:
    said = text(spec, key, repr(default))
    try:
        number = float(said)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SettingsError(f"{spec.where}: {key}: not a number ('{one_line(said)}'); expected one such as 0.5")
    return number
