"""Contrastive samples, and the activations that a model has while it reads them. Fits nothing.

An unsafe case is read with a refusal behind it, a safe one with the opening of an answer, each token as if the model
had said it; or, as `prompt`, both are looked at before anything is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_vsc.calibrations.revision import Level, Samples
from pytest_vsc.calibrations.structure import Structure, first_of
from pytest_vsc.cases import Case, Side

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.float64]

# Harmless, and without anything of what was asked. The first of each stands for it where one is enough.
TEXTS: Mapping[Side, tuple[str, ...]] = {
    "unsafe": (
        "I'm sorry, but I can't help with that.",
        "I can't help with this.",
        "No, I can't recommend that.",
        "Sorry, I won't help with this one.",
    ),
    "safe": (
        "Yes. Here is what I see, and what you can do.",
        "Sure! Here is what you asked for.",
        "Yes, that is fine.",
        "Of course. Let us begin with this.",
    ),
}
SHORTEST = "Yes"  # what is read where nothing that is said behind a prompt counts

# Has the model read prompts of cases with texts behind them, and tells how many tokens each text has.
Read = Callable[[Sequence[Case], Sequence[str]], Sequence[int]]


class Activations(NamedTuple):
    """Of cases in their order, by the number of a layer. samples: at the last token, of what is edited at the level.

    prompts: the same at the prompt's last token. states: there, behind the layer. Shapes (cases, width).
    """

    samples: Mapping[int, Rows]
    prompts: Mapping[int, Rows]
    states: Mapping[int, Rows]


def texts_of(samples: Samples, side: Side | None) -> tuple[str, ...]:
    """What is read behind a prompt of this side, each in a sample of its own."""
    side = "unsafe" if side == "unsafe" else "safe"
    if samples == "prompt":
        return (SHORTEST,)
    return TEXTS[side][:1] if samples == "single" else TEXTS[side]


def collect(
    model: Any,
    structure: Structure,
    cases: Sequence[Case],
    read: Read,
    *,
    level: Level,
    samples: Samples,
    size: int,
    progress: Callable[[int], None],
) -> Activations:
    """Read every case in batches of `size`. progress: is told how many samples were read so far."""
    import numpy as np

    longest = max(len(texts_of(samples, side)) for side in ("safe", "unsafe"))
    order = sorted(range(len(cases)), key=lambda number: (bool(cases[number].images), len(cases[number].prompt)))
    held: dict[tuple[str, int], list[Any]] = {}
    done = 0
    for variant in range(longest):
        for start in range(0, len(order), size):
            numbers = order[start : start + size]
            batch = [cases[number] for number in numbers]
            with _recording(model, structure, level) as steps:
                counts = read(batch, [texts_of(samples, case.side)[variant] for case in batch])
            for row, (number, count) in enumerate(zip(numbers, counts, strict=True)):
                last = steps[0 if samples == "prompt" else count]
                for key, found in (("samples", last), ("prompts", steps[0]), ("states", steps[0])):
                    for (what, layer), vectors in found.items():
                        if (what == "state") == (key == "states"):
                            rows = held.setdefault((key, layer), [0.0] * len(cases))
                            rows[number] = rows[number] + vectors[row] / longest
            done += len(batch)
            progress(done)

    def stacked(key: str) -> dict[int, Rows]:
        return {layer: np.stack(rows) for (name, layer), rows in sorted(held.items()) if name == key}

    return Activations(stacked("samples"), stacked("prompts"), stacked("states"))


def samples_of(samples: Samples, cases: int) -> int:
    """How many samples so many cases make."""
    return cases * max(len(texts_of(samples, side)) for side in ("safe", "unsafe"))


Step = dict[tuple[str, int], Any]


@contextmanager
def _recording(model: Any, structure: Structure, level: Level) -> Iterator[list[Step]]:
    """The activations at the last position of each forward pass, by ("edited" or "state", layer), as float64 rows."""
    steps: list[Step] = []
    handles = []

    def keep(what: str, number: int, states: Any) -> None:
        if not steps or (what, number) in steps[-1]:
            steps.append({})
        steps[-1][what, number] = states[:, -1].double().cpu().numpy()

    def inward(number: int) -> Any:
        return lambda _, inputs: keep("edited", number, inputs[0])

    def outward(number: int) -> Any:
        def hook(_: Any, __: Any, output: Any) -> None:
            keep("state", number, first_of(output))
            if level == "layer":
                keep("edited", number, first_of(output))

        return hook

    for number, layer in enumerate(structure.layers):
        handles.append(model.get_submodule(layer.name).register_forward_hook(outward(number)))
        if level == "head" and layer.projection:
            handles.append(model.get_submodule(layer.projection).register_forward_pre_hook(inward(number)))
    try:
        yield steps
    finally:
        for handle in handles:
            handle.remove()
