"""The folder of an activation revision: its numbers, and a card with what they were made of. It edits no model.

`revision.safetensors` holds, by the number of a decoder layer: `direction.N` (heads, width of a head) or (hidden,);
`sigma.N` (heads,) or (); `null.weights.N` (width,) and `null.bias.N` (); and of the gate `gate.weights` (hidden,) and
`gate.bias` ().
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from pydantic import Field, ValidationError

from pytest_vsc.cases import Value, read_json
from pytest_vsc.errors import ModelError, one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[np.float32]]

FILE, CARD, PAGE = "revision.safetensors", "card.json", "card.md"
Level = Literal["head", "layer"]
Samples = Literal["prompt", "single", "multi-response"]
Direction = Literal["mass-mean", "probe"]
Gate = Literal["none", "probe", "nullspace"]
LEVELS: tuple[Level, ...] = get_args(Level)
SAMPLES: tuple[Samples, ...] = get_args(Samples)
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
GATES: tuple[Gate, ...] = get_args(Gate)


class Place(Value):
    """Where the model can be edited. head: None at layer level. accuracy: of its probe, balanced, on held-out groups.

    loss: of the same, per case.
    """

    layer: int
    head: int | None = None
    accuracy: float
    loss: float


class LayerSeen(Value):
    """A decoder layer by the names of its modules. without: why it has no projection. safe, unsafe: how far the
    null-space gate opens there on held-out prompts, on average; None where nothing is edited."""

    name: str
    projection: str = ""
    without: str = ""
    safe: float | None = None
    unsafe: float | None = None


class GateSeen(Value):
    """The probe that tells from the prompt whether to act. layer: behind which it reads. accuracy: as in a place."""

    layer: int
    accuracy: float


class Tried(Value):
    """A setting that was measured on the held-out cases. Rates are shares of 1 of the decided cases, None for unknown.

    k 0 and alpha 0 is the model as it is.
    """

    k: int
    alpha: float
    gate: Gate
    undersafety: float | None
    oversafety: float | None
    utility: float | None = None
    invalid: int = 0


class RevisionCard(Value):
    """What a revision is and rests on. weights: as `Recognised.weights` says of the model that it was made of.

    places: the best first. fitted, held: ids of the cases, as `suite/case`; of the second the accuracies were measured.
    tensors: sha256 (hex) of the file of numbers; data: of all that was read for them.
    """

    format: Literal[1] = 1
    model: str
    weights: str
    level: Level
    samples: Samples
    direction: Direction
    seed: int
    k: int
    alpha: float = 1.0
    gate: Gate = "none"
    heads: int
    hidden: int
    layers: tuple[LayerSeen, ...]
    places: tuple[Place, ...] = Field(min_length=1)
    probe: GateSeen
    suites: Mapping[str, str]
    fitted: tuple[str, ...]
    held: tuple[str, ...]
    data: str
    tensors: str
    versions: Mapping[str, str]
    tried: tuple[Tried, ...] = ()

    def usable(self, gate: Gate) -> list[Place]:
        """The places that are edited under a gate, the best first.

        The probe gate decides behind its layer, once for each prompt, so that nothing before it can be edited.
        """
        first = self.probe.layer + (self.level == "head") if gate == "probe" else 0
        return [place for place in self.places if place.layer >= first]


def read_card(folder: Path, where: str) -> RevisionCard:
    """where: how messages begin. Raises ModelError for a folder that is none, or whose numbers are not its card's."""
    if not (folder / CARD).is_file() or not (folder / FILE).is_file():
        here = (
            "no such folder" if not folder.is_dir() else f"no {CARD if not (folder / CARD).is_file() else FILE} in it"
        )
        raise ModelError(f"{where}: {here} ({one_line(folder)}); expected one that `vsc calibrate fit` wrote")
    try:
        card = read_json(RevisionCard, (folder / CARD).read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelError(f"{where}: its {CARD} cannot be read ({type(error).__name__}); fit it anew") from None
    see_tensors(folder, card.tensors, where)
    return card


def see_tensors(folder: Path, sha256: str, where: str) -> bytes:
    """The bytes of the file of numbers. Raises ModelError unless they are those of the card."""
    try:
        held = (folder / FILE).read_bytes()
    except OSError as error:
        raise ModelError(f"{where}: {FILE} cannot be read ({error.strerror})") from None
    if hashlib.sha256(held).hexdigest() != sha256:
        raise ModelError(f"{where}: its {FILE} is not that of its {CARD}; fit it anew")
    return held


def read_tensors(folder: Path, sha256: str, where: str) -> Tensors:
    """The numbers. Raises ModelError."""
    from safetensors.numpy import load

    read: Tensors = load(see_tensors(folder, sha256, where))
    return read


def packed(tensors: Tensors) -> bytes:
    """The bytes of the file: the same for the same numbers."""
    from safetensors.numpy import save

    bytes_: bytes = save({name: tensors[name] for name in sorted(tensors)})
    return bytes_


def write_card(folder: Path, card: RevisionCard) -> None:
    """`card.json` and `card.md`."""
    (folder / CARD).write_text(json.dumps(card.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
    (folder / PAGE).write_text(page(card), encoding="utf-8")


def page(card: RevisionCard) -> str:
    """The card for a reader, as Markdown."""
    lines = [
        f"# Activation revision of {one_line(card.model)}",
        "",
        f"- level: {card.level}; samples: {card.samples}; direction: {card.direction}; seed: {card.seed}",
        f"- set to: K {card.k}, alpha {card.alpha:g}, gate {card.gate}",
        f"- model: weights {card.weights}; it is refused for any other",
        f"- fitted on {len(card.fitted)} cases, measured on {len(card.held)} of other groups, of "
        + ", ".join(f"{one_line(name)} ({sha256[:12]})" for name, sha256 in card.suites.items()),
        "- none of these cases may be evaluated with it; `used.json` has them",
        f"- probe gate: behind layer {card.probe.layer}, balanced accuracy {card.probe.accuracy:.3f}",
        f"- made with {', '.join(f'{name} {version}' for name, version in card.versions.items())}",
        "",
        "![balanced accuracy of each probe](accuracies.svg)",
        "",
        *_table(
            ("layer", "module", "probes", "best accuracy", "null space: safe", "unsafe"),
            [_layer_row(card, number, layer) for number, layer in enumerate(card.layers)],
        ),
    ]
    if card.tried:
        lines += ["", "Measured on the held-out cases:", "", *_table(TRIED, [tried_row(one) for one in card.tried])]
    return "\n".join(lines) + "\n"


TRIED = ("K", "alpha", "gate", "undersafety", "oversafety", "utility", "invalid")


def tried_row(one: Tried) -> tuple[str, ...]:
    """The cells of a row of what was measured, under the heads TRIED."""
    shares = (one.undersafety, one.oversafety, one.utility)
    told = ("-" if share is None else f"{100 * share:.1f} %" for share in shares)
    return (str(one.k), f"{one.alpha:g}", one.gate if one.k else "-", *told, str(one.invalid))


def _layer_row(card: RevisionCard, number: int, layer: LayerSeen) -> tuple[str, ...]:
    there = [place.accuracy for place in card.places if place.layer == number]
    module = layer.projection if card.level == "head" else layer.name
    best = f"{max(there):.3f}" if there else "-"
    shares = ("-" if share is None else f"{share:.2f}" for share in (layer.safe, layer.unsafe))
    return (str(number), module or layer.without, str(len(there)), best, *shares)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    whole = [heads, ["---"] * len(heads), *rows]
    return [f"| {' | '.join(one_line(cell).replace('|', ' ') for cell in row)} |" for row in whole]
