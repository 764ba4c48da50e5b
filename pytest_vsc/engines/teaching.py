"""A batch with its answers, as a model is taught them: prompts as they are asked, the answers' ids behind, labels.

Trains nothing, and loads nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from pytest_vsc.engines.decoding import ids_of
from pytest_vsc.engines.generating import Model
from pytest_vsc.engines.templates import ANSWER, USER, Manner, render, turn_of
from pytest_vsc.errors import ModelError, SettingsError
from pytest_vsc.records import Request

# What torch's cross entropy passes over.
IGNORED = -100
# How far the scores of a prompt's last token may move because an answer stands behind it: root mean square of the
# difference by that of the scores. Rounding alone; a model that saw the answer there is far above.
SAME = {"float32": 1e-3, "bfloat16": 5e-2, "float16": 1e-2}


class Frame(NamedTuple):
    """What a chat template puts around an answer. before: between what is asked and its first word. end: token id."""

    asked: str
    before: str
    end: int


class Teacher:
    """Makes batches for one loaded model. Of `generating.Model` it needs the weights only to see that they are apt."""

    def __init__(self, model: Model, processor: Any, manner: Manner) -> None:
        self._model, self._processor, self._manner = model, processor, manner
        self._frame = frame_of(processor, manner, ids_of(model.rules.get("eos_token_id")))
        self._holders = frozenset(model.rules.get("suppress_tokens", ()))
        self._follow = False
        self._apart = bool(getattr(model.network.config.get_text_config(), "is_encoder_decoder", False))

    def answer(self, text: str, *, whole: bool) -> list[int]:
        """The ids of an answer; whole: with its end, else the model goes on from there as it likes.

        Raises SettingsError for one that holds what stands for a picture.
        """
        ids = answer_ids(self._processor.tokenizer, self._frame, text)
        if held := self._holders.intersection(ids):
            mark = self._processor.tokenizer.decode([min(held)])
            raise SettingsError(f"holds {mark}, which stands for a picture; expected words only")
        return [*ids, self._frame.end] if whole else ids

    def batch(self, requests: Sequence[Request], answers: Sequence[Sequence[int]]) -> dict[str, Any]:
        """The tensors of a batch in the memory of the host, and `labels`. Raises EngineError, ModelError."""
        inputs = self._model.prepare([self._model.conversation(request) for request in requests])
        pad = self._processor.tokenizer.pad_token_id
        if self._apart:
            return {**inputs, **decoded(answers, pad, self._model.rules["decoder_start_token_id"])}
        return with_answers(inputs, answers, pad, follow=self._follow)

    def see_apt(self, requests: Sequence[Request], answers: Sequence[Sequence[int]], dtype: str) -> None:
        """See that an answer does not change what the model makes of the prompt before it, whatever its class marks.

        Classes that read a prompt in both directions mark where that ends; which mark is right is tried out. Raises
        ModelError where none is.
        """
        import torch

        network = self._model.network
        if self._apart:  # what reads the prompt is not shown the answer
            return
        inputs = self._model.prepare([self._model.conversation(request) for request in requests])
        with torch.inference_mode():
            asked = _last(network(**_there(inputs, network)).logits, ends_of(inputs))
            for self._follow in (False, True):
                taught = self.batch(requests, answers)
                taught.pop("labels")
                seen = _last(network(**_there(taught, network)).logits, ends_of(inputs))
                if float((asked - seen).square().mean() / asked.square().mean()) ** 0.5 <= SAME[dtype]:
                    return
        raise ModelError("it reads an answer in both directions, so that it would be shown what it is to learn")


def _there(inputs: Mapping[str, Any], network: Any) -> dict[str, Any]:
    return {name: value.to(network.device) if hasattr(value, "to") else value for name, value in inputs.items()}


def _last(logits: Any, ends: Sequence[int]) -> Any:
    """The scores behind each prompt, less their mean."""
    rows = logits[range(len(ends)), [end - 1 for end in ends]].float()
    return rows - rows.mean(-1, keepdim=True)


def frame_of(processor: Any, manner: Manner, ends: Collection[int]) -> Frame:
    """How answers stand in the prompts of a model. ends: the ids that end an answer when the model decodes."""
    tokenizer = processor.tokenizer
    usual = tokenizer.eos_token_id if tokenizer.eos_token_id in ends or not ends else min(ends)
    if manner.template == "none":
        return Frame("", "", usual)
    question = [turn_of("user", USER, picture=True)]
    asked = render(processor, manner, question)
    if manner.opens:  # what stands there is thought until the mark that closes it
        return Frame(asked, "\n" + re.sub(r"^([<\[\u25c1])", r"\1/", manner.opens) + "\n\n", usual)
    if not manner.answers:
        return Frame(asked, "", usual)
    whole = render(processor, manner, [*question, turn_of("assistant", ANSWER), turn_of("user", USER)])
    start, _, rest = whole.partition(ANSWER)
    before = start.removeprefix(asked) if start.startswith(asked) else ""
    first = tokenizer(rest, add_special_tokens=False)["input_ids"][:1]
    return Frame(asked, before, first[0] if first and first[0] in ends else usual)


def answer_ids(tokenizer: Any, frame: Frame, text: str) -> list[int]:
    """The ids of an answer as they follow those of a prompt: a tokenizer may read a text's first word otherwise."""

    def ids(words: str) -> list[int]:
        read: list[int] = tokenizer(words, add_special_tokens=False)["input_ids"]
        return read

    asked, whole = ids(frame.asked), ids(frame.asked + frame.before + text)
    return whole[len(asked) :] if whole[: len(asked)] == asked else ids(frame.before + text)


def ends_of(inputs: Mapping[str, Any]) -> list[int]:
    """Where each prompt of a batch ends: the place behind its last token, whichever side is padded."""
    mask = inputs["attention_mask"]
    width = int(mask.shape[1])
    return [width - int(row.flip(0).argmax()) for row in mask.long()]


def with_answers(
    inputs: Mapping[str, Any], answers: Sequence[Sequence[int]], pad: int, *, follow: bool = False
) -> dict[str, Any]:
    """The tensors of some prompts with answers put behind, and `labels`: the answers' ids, IGNORED elsewhere.

    Every tensor that has a place for each token, in its first two dimensions, grows along: by what it says of the
    prompt's last token, or by ones where `follow`.
    """
    import torch

    ids, ends = inputs["input_ids"], ends_of(inputs)
    rows, width = ids.shape
    longest = max(end + len(answer) for end, answer in zip(ends, answers, strict=True))
    grown: dict[str, Any] = {}

    def grow(tensor: Any, behind: Sequence[Any], rest: Any = None) -> Any:
        made = torch.empty((rows, longest, *tensor.shape[2:]), dtype=tensor.dtype)
        for row, (end, answer) in enumerate(zip(ends, answers, strict=True)):
            made[row, :end] = tensor[row, :end]
            made[row, end : end + len(answer)] = behind[row]
            made[row, end + len(answer) :] = behind[row] if rest is None else rest
        return made

    for name, value in inputs.items():
        if getattr(value, "shape", ())[:2] == (rows, width):
            last = value[range(rows), [end - 1 for end in ends]]
            grown[name] = grow(value, torch.ones_like(last) if follow else last)
        else:
            grown[name] = value
    added = [torch.tensor(answer, dtype=ids.dtype) for answer in answers]
    grown["input_ids"] = grow(ids, added, pad)
    grown["attention_mask"] = grow(inputs["attention_mask"], [1] * rows, 0)
    grown["labels"] = grow(torch.full_like(ids, IGNORED), added, IGNORED)
    return grown


def decoded(answers: Sequence[Sequence[int]], pad: int, start: int) -> dict[str, Any]:
    """The same for a class whose decoder is given nothing of the prompt: what goes into it, and `labels`."""
    import torch

    width = max(map(len, answers))
    return {
        "decoder_input_ids": torch.tensor([[start, *ids, *[pad] * (width - len(ids))] for ids in answers]),
        "labels": torch.tensor([[IGNORED, *ids, *[IGNORED] * (width - len(ids))] for ids in answers]),
    }
