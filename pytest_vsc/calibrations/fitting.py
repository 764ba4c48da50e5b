"""From activations to a revision: which places tell the sides apart on unseen groups, which way to push, and the gates.

Runs no model and writes no file.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pytest_vsc.calibrations.contrast import Activations
from pytest_vsc.calibrations.probes import accuracy, direction_of, fit_null, fit_probe, log_loss
from pytest_vsc.calibrations.revision import Direction, GateSeen, LayerSeen, Level, Place
from pytest_vsc.calibrations.structure import Structure
from pytest_vsc.cases import SIDES, Case
from pytest_vsc.errors import ModelError, SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FITTED = 0.6  # of the groups; the others are held out
FEWEST = 10  # cases of each side that are fitted to
FEWEST_HELD = 5


class Split(NamedTuple):
    """The cases that numbers are fitted to, and those of other groups that these are measured on."""

    fitted: Sequence[Case]
    held: Sequence[Case]


class Fitted(NamedTuple):
    """tensors: as in the file of a revision. places: the best first."""

    tensors: Mapping[str, NDArray[np.float32]]
    places: Sequence[Place]
    probe: GateSeen
    layers: Sequence[LayerSeen]


def split(cases: Sequence[Case], seed: int, where: str) -> Split:
    """By groups, in an order that the seed decides. Raises SettingsError for cases of one side, or too few of one."""
    counts = {side: sum(case.side == side for case in cases) for side in SIDES}
    for side in SIDES:
        if not counts[side]:
            other = "unsafe" if side == "safe" else "safe"
            raise SettingsError(f"{where}: only {other} cases ({len(cases)}); expected both sides, to tell them apart")
    groups = sorted({(case.suite, case.group) for case in cases})
    random.Random(seed).shuffle(groups)  # noqa: S311  # no secret
    first = set(groups[: round(FITTED * len(groups))])
    parts = Split(
        [case for case in cases if (case.suite, case.group) in first],
        [case for case in cases if (case.suite, case.group) not in first],
    )
    for part, least, what in ((parts.fitted, FEWEST, "fit to"), (parts.held, FEWEST_HELD, "measure on")):
        for side in SIDES:
            if (found := sum(case.side == side for case in part)) < least:
                raise SettingsError(
                    f"{where}: too few pairs: {found} {side} case{'' if found == 1 else 's'} to {what} of the "
                    f"{counts[side]} that there are in {len(groups)} groups; expected {least} or more of each side, "
                    "which 20 pairs of different groups give"
                )
    return parts


def fit(
    activations: Activations,
    structure: Structure,
    parts: Split,
    *,
    level: Level,
    direction: Direction,
    name: str,
) -> Fitted:
    """activations: of the fitted cases, then of those held out. Raises ModelError where no place can be edited."""
    import numpy as np

    count = len(parts.fitted)
    unsafe = np.array([case.side == "unsafe" for case in (*parts.fitted, *parts.held)])
    tensors: dict[str, NDArray[np.float32]] = {}
    places: list[Place] = []
    opened: dict[int, tuple[float, float]] = {}
    for layer, whole in activations.samples.items():
        rows = whole.reshape(len(whole), structure.heads, -1) if level == "head" else whole[:, None]
        found = [direction_of(rows[:count, head], unsafe[:count], direction) for head in range(rows.shape[1])]
        spreads = [float((rows[:count, head] @ one).std()) for head, one in enumerate(found)]
        for head, one in enumerate(found):
            if one.any():
                probe = fit_probe(rows[:count, head], unsafe[:count])
                margins = probe.margins(rows[count:, head])
                places.append(
                    Place(
                        layer=layer,
                        head=head if level == "head" else None,
                        accuracy=accuracy(margins, unsafe[count:]),
                        loss=log_loss(margins, unsafe[count:]),
                    )
                )
        null = fit_null(activations.prompts[layer][:count], unsafe[:count])
        held = null.open(activations.prompts[layer][count:])
        opened[layer] = float(held[~unsafe[count:]].mean()), float(held[unsafe[count:]].mean())
        numbers = {
            f"direction.{layer}": np.array(found) if level == "head" else found[0],
            f"sigma.{layer}": np.array(spreads) if level == "head" else np.array(spreads[0]),
            f"null.weights.{layer}": null.weights,
            f"null.bias.{layer}": np.array(null.bias),
        }
        tensors |= {key: np.array(value, dtype=np.float32, order="C") for key, value in numbers.items()}
    if not places:
        why = next(
            (one.without for one in structure.layers if one.without), "safe and unsafe cases look the same in it"
        )
        raise ModelError(f"{name}: nothing to edit at {level} level: {why}; expected another --level, or another model")
    gate, gate_numbers = _gate(activations, unsafe, count, max(place.layer for place in places) - (level == "head"))
    places.sort(key=lambda place: (-place.accuracy, place.loss, place.layer, place.head or 0))
    layers = [
        LayerSeen(
            name=one.name,
            projection=one.projection,
            without=one.without,
            safe=opened.get(number, (None, None))[0],
            unsafe=opened.get(number, (None, None))[1],
        )
        for number, one in enumerate(structure.layers)
    ]
    return Fitted({**tensors, **gate_numbers}, places, gate, layers)


def _gate(
    activations: Activations, unsafe: NDArray[np.bool_], count: int, last: int
) -> tuple[GateSeen, dict[str, NDArray[np.float32]]]:
    """The probe that decides of a prompt, in the first layer that tells the sides apart about as well as the best.

    About as well is within one standard error: what lies before it cannot be edited. last: the last layer that leaves
    something to edit.
    """
    import numpy as np

    found = {}
    for layer, rows in activations.states.items():
        if layer <= max(last, 0):
            probe = fit_probe(rows[:count], unsafe[:count])
            found[layer] = probe, accuracy(probe.margins(rows[count:]), unsafe[count:])
    best = max(share for _, share in found.values())
    error = (best * (1 - best) / (len(unsafe) - count)) ** 0.5
    layer = min(layer for layer, (_, share) in found.items() if share >= best - error)
    probe, share = found[layer]
    numbers = {"gate.weights": probe.weights, "gate.bias": np.array(probe.bias)}
    return GateSeen(layer=layer, accuracy=share), {
        key: np.array(value, dtype=np.float32, order="C") for key, value in numbers.items()
    }


def data_digest(activations: Activations) -> str:
    """sha256 (hex) over all vectors, rounded: what rests on the same ones is the same."""
    import numpy as np

    whole = hashlib.sha256()
    for part in activations:
        for layer, rows in sorted(part.items()):
            whole.update(f"{layer} {rows.shape}".encode() + np.ascontiguousarray(rows, dtype=np.float32).tobytes())
    return whole.hexdigest()
