"""Where an adapter goes: the linear layers of a text decoder, found by structure. It changes none of them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pytest_vsc.errors import SettingsError, one_line


class Layers(NamedTuple):
    """Linear layers of a text decoder. stack: name of the list of its blocks. inner: names within a block.

    number: how many they are in all blocks.
    """

    stack: str
    inner: tuple[str, ...]
    number: int

    @property
    def pattern(self) -> str:
        """A regular expression for all of them, as peft takes it. Layers of a vision tower may be called the same."""
        either = "|".join(map(re.escape, self.inner))
        return rf"{re.escape(self.stack)}\.\d+\.(?:{either})"


def layers_of(network: Any, wanted: Sequence[str] = ()) -> Layers:
    """The linear layers of the text decoder, by structure: what owns the token embeddings has the blocks beside them.

    wanted: the last part of a layer's name, or its name within a block; () for all. Raises SettingsError for a name
    that none has.
    """
    stack, blocks = _blocks(network)
    linear = _linear()
    every = [name for block in blocks for name, module in block.named_modules() if isinstance(module, linear) and name]
    inner = sorted(set(every))
    if not wanted:
        return Layers(stack, tuple(inner), len(every))
    chosen = {word: [name for name in inner if name == word or name.endswith(f".{word}")] for word in wanted}
    for word, names in chosen.items():
        if not names:
            raise SettingsError(f"--target-modules: no linear layer '{one_line(word)}' there; {_choice(word, inner)}")
    found = {name for names in chosen.values() for name in names}
    return Layers(stack, tuple(sorted(found)), sum(name in found for name in every))


def _choice(word: str, inner: Iterable[str]) -> str:
    names = sorted({name.rpartition(".")[2] for name in inner})
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.4)
    return f"expected some of {', '.join(names)}" + (f"; did you mean '{near[0]}'?" if near else "")


def _linear() -> tuple[type, ...]:
    import torch
    from transformers.pytorch_utils import Conv1D

    return torch.nn.Linear, Conv1D


def _blocks(network: Any) -> tuple[str, Any]:
    """The list of blocks beside the token embeddings, with its name; of an encoder and a decoder the decoder's."""
    import torch

    embedding = network.get_input_embeddings()
    owners = [name for name, module in network.named_modules() if any(one is embedding for one in module.children())]
    for owner in owners:
        lists = [
            (f"{owner}.{name}" if owner else name, module)
            for name, module in network.get_submodule(owner).named_modules()
            if isinstance(module, torch.nn.ModuleList)
        ]
        if lists:  # a block may hold lists too, of experts; the last of several is the decoder's
            name, blocks = max(reversed(lists), key=lambda each: (-each[0].count("."), len(each[1])))
            return str(name), blocks
    raise SettingsError(
        "--target-modules: no text decoder was found in the model: no blocks stand beside its embeddings"
    )
