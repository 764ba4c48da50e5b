"""Where in a loaded model an edit can act: the layers of its text decoder and the last linear map of their attention.

Found by what they do when the model reads something, never by their names. It changes nothing in the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pytest_vsc.errors import ModelError

# What a config may call its number of layers; of an encoder-decoder that of the decoder.
COUNTS = ("num_decoder_layers", "decoder_layers", "num_hidden_layers")
MOVED = 1e-6  # relative change of a vector from which it counts as another one
FILLER = (0.37, -0.61)  # what other words are made of: the hidden states turned round by one, times this, less that


class Layer(NamedTuple):
    """One decoder layer. name: of the module. projection: of its attention's output, "" for none. width: what that
    reads, in numbers a token. without: why there is no projection to edit."""

    name: str
    projection: str = ""
    width: int = 0
    without: str = ""


class Structure(NamedTuple):
    """heads: how many a projection's input is made of, one behind the other. hidden: numbers a token between layers."""

    layers: Sequence[Layer]
    heads: int
    hidden: int


class _Call(NamedTuple):
    """The first call of a layer: as the how-manieth of all, with what, and how wide what came of it was."""

    order: int
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]
    width: int


def structure_of(model: Any, read: Callable[[], object], name: str) -> Structure:
    """The structure of a torch model. read: has it read one prompt, of several tokens unless it is an encoder-decoder.

    name: of the model, for messages. Raises ModelError where nothing looks like a text decoder.
    """
    config = _text_config(model)
    hidden, heads = getattr(config, "hidden_size", None), getattr(config, "num_attention_heads", None)
    counts = {count for key in COUNTS if isinstance(count := getattr(config, key, None), int)}
    if not isinstance(hidden, int) or not counts:
        raise ModelError(f"{name}: its config does not say how many layers its text decoder has, and how wide they are")
    calls = _calls(model, counts, read)
    container = _decoder(model, calls, hidden)
    if container is None:
        told = " or ".join(map(str, sorted(counts)))
        raise ModelError(f"{name}: no text decoder was found; expected {told} layers of width {hidden}, run in turn")
    kinds = getattr(config, "layer_types", None) or ()
    layers = [
        _layer(f"{container}.{number}", module, calls.get(f"{container}.{number}"), kinds[number : number + 1], heads)
        for number, module in enumerate(model.get_submodule(container))
    ]
    return Structure(layers, heads if isinstance(heads, int) else 0, hidden)


def _text_config(model: Any) -> Any:
    return model.config.get_text_config(decoder=True)


def _calls(model: Any, counts: set[int], read: Callable[[], object]) -> dict[str, _Call]:
    """The first call of each module that stands in a list of the right length, by its name."""
    import torch

    calls: dict[str, _Call] = {}
    handles = []
    for list_name, container in model.named_modules():
        if isinstance(container, torch.nn.ModuleList) and len(container) in counts:
            for number, module in enumerate(container):
                note = _noting(f"{list_name}.{number}", calls)
                handles.append(module.register_forward_hook(note, with_kwargs=True))
    try:
        read()
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _noting(name: str, calls: dict[str, _Call]) -> Callable[..., None]:
    def note(_: Any, arguments: tuple[Any, ...], named: Mapping[str, Any], output: Any) -> None:
        if name not in calls:
            made = first_of(output)
            calls[name] = _Call(len(calls), arguments, named, made.shape[-1] if hasattr(made, "shape") else 0)

    return note


def first_of(output: Any) -> Any:
    """The hidden states in what a layer gives, which may be a tuple."""
    return output[0] if isinstance(output, (tuple, list)) else output


def _decoder(model: Any, calls: Mapping[str, _Call], hidden: int) -> str | None:
    """The list of layers that ran last, one after the other, and stands in no other such list."""
    found: dict[str, int] = {}
    for name in {call.rpartition(".")[0] for call in calls}:
        length = len(model.get_submodule(name))
        orders = [calls[item].order for number in range(length) if (item := f"{name}.{number}") in calls]
        fits = all(calls[f"{name}.{number}"].width == hidden for number in range(length) if f"{name}.{number}" in calls)
        if fits and orders == sorted(orders) and 2 * len(orders) > length:  # those that only pictures pass may not run
            found[name] = orders[-1]
    outer = [name for name in found if not any(name.startswith(f"{other}.") for other in found)]
    return max(outer, key=found.__getitem__, default=None)


def _layer(name: str, module: Any, call: _Call | None, kind: Sequence[str], heads: Any) -> Layer:
    if kind and (not kind[0].endswith("attention") or kind[0].startswith("linear")):
        return Layer(name, without=f"a layer of {kind[0].replace('_', ' ')}")
    found = _projection(module, call) if call is not None else None
    if found is None:
        return Layer(name, without="it mixes nothing of what was said before")
    inner, width = found
    if not isinstance(heads, int) or heads < 1 or width % heads:
        return Layer(name, without=f"its attention's output of {width} numbers is not made of {heads} heads")
    return Layer(name, f"{name}.{inner}", width)


def _projection(layer: Any, call: _Call) -> tuple[str, int] | None:
    """The first linear map of a layer that reads of one token what depends on others: name in the layer, width.

    What comes before it, such as queries and keys, is made of each token alone; what comes after it is no attention.
    """
    import torch

    with torch.no_grad():
        plain = _last_inputs(layer, call, other=False)
        other = _last_inputs(layer, call, other=True)
    for name, (vector, whole) in plain.items():
        moved = (other[name][0] - vector).abs().max() if name in other else None
        if moved is not None and moved > MOVED * vector.abs().max().clamp_min(MOVED):
            return (name, len(vector)) if whole else None
    return None


def _last_inputs(layer: Any, call: _Call, *, other: bool) -> dict[str, tuple[Any, bool]]:
    """What each linear map of a layer reads of the last token, in order.

    With whether rows and tokens are told apart there. other: behind other words than it was called with.
    """
    arguments, named = _rearranged(call, other)
    seen: dict[str, tuple[Any, bool]] = {}

    def look(name: str) -> Callable[[Any, tuple[Any, ...]], None]:
        def hook(_: Any, inputs: tuple[Any, ...]) -> None:
            if inputs and hasattr(inputs[0], "shape"):
                last = inputs[0].reshape(-1, inputs[0].shape[-1])[-1].float().cpu()
                seen.setdefault(name, (last, inputs[0].dim() == 3))

        return hook

    handles = [module.register_forward_pre_hook(look(name)) for name, module in _linear_maps(layer)]
    try:
        layer(*arguments, **named)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _rearranged(call: _Call, other: bool) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call for its first row alone and without a cache. The first is the hidden states."""
    from transformers.cache_utils import Cache

    rows = len(first_of([*call.arguments, *call.named.values()]))
    named = {
        key: None if isinstance(value, Cache) else _first_row(value, rows)
        for key, value in call.named.items()
        if key not in ("use_cache", "output_attentions")
    }
    arguments = [None if isinstance(value, Cache) else _first_row(value, rows) for value in call.arguments]
    if arguments:
        arguments[0] = _behind(arguments[0], other)
    else:
        key = next(iter(named))
        named[key] = _behind(named[key], other)
    return arguments, named


def _first_row(value: Any, rows: int) -> Any:
    if isinstance(value, tuple):
        return tuple(_first_row(each, rows) for each in value)
    batched = hasattr(value, "dim") and value.dim() > 1 and len(value) == rows
    return value[:1] if batched else value


def _behind(states: Any, other: bool) -> Any:
    """Hidden states of shape (1, tokens, width), of two tokens or more, of which `other` changes all but the last."""
    import torch

    states = torch.cat([states, states], 1) if states.shape[1] == 1 else states
    if not other:
        return states
    scale, shift = FILLER
    before = states[:, :-1].roll(1, dims=2) * scale + shift * states[:, :-1].abs().mean()
    return torch.cat([before, states[:, -1:]], 1)


def _linear_maps(module: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Those within a module, by their names; what an adapter has put around one counts as that one."""
    if hasattr(module, "in_features") or hasattr(module, "nf"):  # `nf` is of the transposed ones of transformers
        yield name, module
        return
    for inner, child in module.named_children():
        yield from _linear_maps(child, f"{name}.{inner}" if name else inner)
