"""A revision at work: hooks on a loaded model that push activations at the last position while a batch is answered.

Reads no file, and knows neither cases nor verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_vsc.calibrations.structure import first_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Reading(NamedTuple):
    """A linear reading of the last token's activation: weights of shape (width,)."""

    weights: NDArray[np.float32]
    bias: float


class Push(NamedTuple):
    """What is added at one module, shape (width,): to what comes in, or else to what goes out.

    gate: how far that opens for a prompt, clipped to 0 and 1; None for wholly.
    """

    module: str
    vector: NDArray[np.float32]
    inward: bool
    gate: Reading | None = None


class Gate(NamedTuple):
    """A module by whose output it is decided of each prompt whether it is pushed: where the reading is above 0."""

    module: str
    reading: Reading


@dataclass
class _Held:
    """What is known of the batch under way. lengths: of the first call of each module, in positions. open: by module,
    how far each row is pushed, shape (rows, 1, 1)."""

    lengths: dict[str, int]
    open: dict[str, Any]


class Steering:
    """Pushes in a model. Entered around each batch; outside of that the model is as it was."""

    def __init__(self, model: Any, pushes: Sequence[Push], gate: Gate | None) -> None:
        """Raises AttributeError where the model has no such module."""
        self._held: _Held | None = None
        self._placed: dict[tuple[str, str], Any] = {}
        self._gate = gate
        if gate is not None:  # before the pushes: of one module's hooks it is to read what no push has touched
            model.get_submodule(gate.module).register_forward_hook(self._deciding(gate))
        for push in pushes:
            module = model.get_submodule(push.module)
            if push.inward:
                module.register_forward_pre_hook(self._inward(push))
            else:
                module.register_forward_hook(self._outward(push))

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self._held = _Held({}, {})
        try:
            yield
        finally:
            self._held = None

    def _inward(self, push: Push) -> Callable[[Any, tuple[Any, ...]], Any]:
        def hook(_: Any, inputs: tuple[Any, ...]) -> Any:
            return (self._pushed(push, inputs[0]), *inputs[1:]) if self._held else None

        return hook

    def _outward(self, push: Push) -> Callable[[Any, tuple[Any, ...], Any], Any]:
        def hook(_: Any, __: tuple[Any, ...], output: Any) -> Any:
            if not self._held:
                return None
            pushed = self._pushed(push, first_of(output))
            return type(output)((pushed, *output[1:])) if isinstance(output, (tuple, list)) else pushed

        return hook

    def _deciding(self, gate: Gate) -> Callable[[Any, tuple[Any, ...], Any], None]:
        def hook(_: Any, __: tuple[Any, ...], output: Any) -> None:
            if self._held and "" not in self._held.open:
                self._held.open[""] = (self._read(gate.reading, first_of(output)) > 0).float()

        return hook

    def _pushed(self, push: Push, states: Any) -> Any:
        """The states with the push at the last position. states: shape (rows, positions, width), padded on the left.

        Where a model decodes without a cache, it reads its own tokens again at each step, and these are pushed again.
        """
        held = self._held
        assert held is not None
        length = states.shape[1]
        if push.module not in held.lengths:
            held.lengths[push.module] = length
            if push.gate is not None:
                held.open[push.module] = self._read(push.gate, states).clamp(0, 1)
        count = max(1, length - held.lengths[push.module] + 1)
        how_far = held.open.get(push.module, held.open.get(""))
        vector = self._on(push.module, push.vector, states)
        added = vector if how_far is None else vector * how_far.to(states.device)
        pushed = states.clone()
        pushed[:, -count:] += added.to(states.dtype)
        return pushed

    def _read(self, reading: Reading, states: Any) -> Any:
        """Of the last position of each row, shape (rows, 1, 1)."""
        weights = self._on("", reading.weights, states)
        return (states[:, -1:].float() * weights).sum(-1, keepdim=True) + reading.bias

    def _on(self, name: str, numbers: NDArray[np.float32], states: Any) -> Any:
        """Numbers where the states are, in float32; those of one module are moved once."""
        import torch

        key = (f"{name} {id(numbers)}", str(states.device))
        if key not in self._placed:
            self._placed[key] = torch.tensor(numbers, dtype=torch.float32, device=states.device)
        return self._placed[key]
