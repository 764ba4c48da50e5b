"""A loaded model with its processor: loads the weights, prepares a batch, generates the answers to it.

Forms no batches and handles no failures. torch and transformers are imported when a model is loaded.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from pytest_vsc.engines import checkpoint
from pytest_vsc.engines.adapter import Adapter, put_on
from pytest_vsc.engines.decoding import (
    FirstScores,
    Forced,
    Sampler,
    Watch,
    after_prompt,
    generate_of,
    ids_of,
    token_rules,
)
from pytest_vsc.engines.foreign import foreign, quiet
from pytest_vsc.engines.prefix import Prefixes
from pytest_vsc.engines.prompts import conversation_of, prepare
from pytest_vsc.engines.templates import OWN, Conversation, Manner
from pytest_vsc.engines.wording import Stops, Wording
from pytest_vsc.errors import EngineError, ModelError
from pytest_vsc.protocols import Acting, Edit
from pytest_vsc.records import Generation, Request, Response
from pytest_vsc.thoughts import left_open

Inputs = Mapping[str, Any]


class How(NamedTuple):
    """How a model is loaded and run, by torch's names.

    device_map: how it is spread over several devices, None for not at all. prefixes: whether what all prompts begin
    with is read once. manner: how its chat template takes turns. max_pixels: of a picture. quantized: whether its
    weights are, or will be. edits: of what it computes, once it is loaded.
    """

    source: str
    name: str
    device: str
    dtype: str
    attention: str | None
    cache: str | None
    device_map: str | None
    prefixes: bool
    options: Mapping[str, Any]
    manner: Manner = OWN
    max_pixels: int | None = None
    adapter: Adapter | None = None
    quantized: bool = False
    edits: tuple[Edit, ...] = ()


def load(how: How, processor: Any) -> Model:
    """The model with its weights. Raises ModelError."""
    with foreign(how.name), quiet():
        model = _load(how)
        rules = token_rules(model, processor)
        edits = [edit.attach(model) for edit in how.edits]
    right = bool(getattr(model.config.get_text_config(), "is_encoder_decoder", False))
    processor.tokenizer.padding_side = "right" if right else "left"
    return Model(model, processor, how, rules, edits)


def _load(how: How) -> Any:
    import torch
    import transformers

    accelerated = importlib.util.find_spec("accelerate") is not None
    straight = accelerated and (how.device.startswith("cuda") or how.device_map is not None or how.quantized)
    place = {"device_map": how.device_map or {"": how.device}} if straight else {}
    model, info = transformers.AutoModelForImageTextToText.from_pretrained(
        how.source,
        use_safetensors=True,
        dtype=getattr(torch, how.dtype),
        output_loading_info=True,
        **place,
        **({"attn_implementation": how.attention} if how.attention else {}),
        **how.options,
    )
    for fault in ("missing_keys", "mismatched_keys"):
        if keys := sorted(map(str, info.get(fault, ()))):
            what = "are missing from" if fault == "missing_keys" else "have another shape in"
            raise ModelError(f"{how.name}: {len(keys)} tensors {what} its weights, such as {keys[0]}")
    checkpoint.refuse_inner_adapter(model, how.name)
    model = (model if straight else model.to(how.device)).eval()
    return put_on(model, how.adapter) if how.adapter else model


class Model:
    """The weights in place. `prepare` may run in one thread while `generate` runs in another."""

    def __init__(
        self, model: Any, processor: Any, how: How, rules: Mapping[str, Any], edits: Sequence[Acting] = ()
    ) -> None:
        self._model, self._processor, self._how, self._rules, self._edits = model, processor, how, rules, edits
        left = processor.tokenizer.padding_side == "left"
        reuses = how.prefixes and left and how.cache is None and rules.get("use_cache", True)
        self._prefixes = Prefixes(model, rules.get("suppress_tokens", ())) if reuses else None
        self._wording = Wording(processor.tokenizer)

    def describe(self) -> dict[str, str]:
        count = self._model.num_parameters()  # which knows that two may be packed into one
        spread = sorted({str(place) for place in getattr(self._model, "hf_device_map", {}).values()})
        return {
            "class": type(self._model).__name__,
            "parameters": f"{count:,}",
            "attention": checkpoint.attention(self._model),
            "padding": str(self._processor.tokenizer.padding_side),
            **({"devices": ", ".join(spread)} if len(spread) > 1 else {}),
        }

    @property
    def network(self) -> Any:
        """The module with the weights, for what trains it. It must not be asked meanwhile."""
        return self._model

    @property
    def rules(self) -> Mapping[str, Any]:
        """As `decoding.token_rules` tells them."""
        return self._rules

    def conversation(self, request: Request) -> Conversation:
        """The request with its pictures decoded. Raises EngineError for what no decoder or this class cannot take."""
        return conversation_of(request, self._model.config.model_type, self._how.manner, self._how.max_pixels)

    def prepare(self, conversations: Sequence[Conversation]) -> Inputs:
        """The tensors of a batch, in the memory of the host."""
        with quiet():
            kind = self._model.config.model_type
            return prepare(conversations, self._processor, self._how.dtype, kind, self._how.manner)

    def generate(
        self,
        requests: Sequence[Request],
        inputs: Inputs,
        stop: threading.Event,
        *,
        timeout: float | None = None,
        left: Callable[[], Sequence[bool]] | None = None,
        first: FirstScores | Forced | None = None,
    ) -> list[Response | EngineError]:
        """What each request of a batch of one kind of settings is answered.

        timeout: seconds for the whole batch. left: which rows nobody waits for any more. first: is given the scores
        before anything else reads them.
        """
        import torch
        import transformers

        generation, begun = requests[0].generation, time.monotonic()
        watch = Watch(stop, timeout, left)
        stops = Stops(generation.stop, self._wording, len(requests)) if generation.stop else None
        sampler = [Sampler(requests, str(self._model.device))] if generation.temperature > 0 else []
        processors = [first, *sampler] if first is not None else sampler
        with quiet(), torch.inference_mode():
            there = {**inputs.to(self._model.device)}  # type: ignore[attr-defined]  # a BatchFeature
            if self._prefixes is not None and (behind := self._prefixes.apply(there)) is not None:
                there |= {
                    "input_ids": behind.input_ids,
                    "attention_mask": behind.attention_mask,
                    _cache_name(): behind.cache,
                }
            with self._edited():  # behind the prefix: what is kept of that is read by the model as it is
                rows = generate_of(self._model)(
                    **there,
                    generation_config=transformers.GenerationConfig(
                        **self._rules,
                        **({"cache_implementation": self._how.cache} if self._how.cache else {}),
                        **({"disable_compile": True} if self._edits else {}),  # hooks that remember are not compiled
                        max_new_tokens=generation.max_new_tokens,
                        do_sample=False,
                        num_beams=1,
                    ),
                    stopping_criteria=transformers.StoppingCriteriaList([watch, *([stops] if stops else [])]),
                    logits_processor=transformers.LogitsProcessorList(processors),
                )
        new = after_prompt(rows, there["input_ids"]).tolist()
        opened = self._opened(requests, inputs)
        share, asked = (time.monotonic() - begun) / len(requests), _lengths(inputs, len(requests))
        outcomes = [
            self._outcome(row, number, generation, watch, stops=stops, opened=opened[number], share=share)
            for number, row in enumerate(new)
        ]
        return [
            one.model_copy(update={"prompt_tokens": length}) if isinstance(one, Response) else one
            for one, length in zip(outcomes, asked, strict=True)
        ]

    def force(self, requests: Sequence[Request], texts: Sequence[str]) -> list[int]:
        """Have the model read each request and then, token by token as if it were its own, an answer that it is given.

        One text a request, all requests of the same settings. Gives the number of tokens of each text: the model reads
        the last of a text in the forward pass of that number, 0 being that of the prompt. Raises EngineError.
        """
        rows = [self._wording.tokens(text) for text in texts]
        longest = requests[0].generation.model_copy(update={"max_new_tokens": max(map(len, rows)) + 1})
        requests = [dataclasses.replace(request, generation=longest) for request in requests]
        ends = sorted(ids_of(self._rules.get("eos_token_id")))
        inputs = self.prepare([self.conversation(request) for request in requests])
        for outcome in self.generate(requests, inputs, threading.Event(), first=Forced(rows, ends[0] if ends else 0)):
            if isinstance(outcome, EngineError):
                raise outcome
        return [len(row) for row in rows]

    def _edited(self) -> ExitStack:
        """Within it the edits act."""
        stack = ExitStack()
        for acting in self._edits:
            stack.enter_context(acting())
        return stack

    def _opened(self, requests: Sequence[Request], inputs: Inputs) -> list[str]:
        """The mark of a thought that each prompt ended with, "" for none: the answer's text lacks it."""
        prompts, manner = inputs["input_ids"], self._how.manner
        seen = inputs.get("attention_mask", prompts * 0 + 1).bool()
        return [
            ""  # a template may put nothing behind the user's own words, and these may end with a mark
            if manner.template == "none" or (not manner.opens and left_open(request.messages[-1].text))
            else self._wording.opened(prompt[mask].tolist())
            for request, prompt, mask in zip(requests, prompts, seen, strict=True)
        ]

    def _outcome(
        self,
        row: list[int],
        number: int,
        generation: Generation,
        watch: Watch,
        *,
        stops: Stops | None,
        opened: str,
        share: float,
    ) -> Response | EngineError:
        """What one row of generated ids says: up to the first end token or stop string, or cut by limit or clock.

        opened: the mark of a thought that its prompt ended with.
        """
        ends, start = ids_of(self._rules.get("eos_token_id")), self._rules.get("decoder_start_token_id")
        if start is not None and row[:1] == [start]:
            row = row[1:]
        end = next((place for place, token in enumerate(row) if token in ends), None)
        if stops is not None and (length := stops.lengths[number]) is not None:
            end = length if end is None else min(end, length)
        if end is None and (why := watch.ended(number)) and len(row) < generation.max_new_tokens:
            return EngineError(why)
        tokens = row[:end]
        text = self._wording.text(tokens)
        text = stops.cut(text) if stops is not None else text
        return Response(
            text=opened + text.strip(),
            finish_reason="length" if end is None else "stop",
            tokens=len(tokens),
            seconds=share,
        )


def _lengths(inputs: Inputs, rows: int) -> Sequence[int | None]:
    """The tokens of each prompt, those that stand for pictures among them; None where padding cannot be told apart."""
    mask = inputs.get("attention_mask")
    return [None] * rows if mask is None else mask.sum(1).tolist()


def _cache_name() -> str:
    """What `generate` of this transformers calls its cache."""
    from transformers.generation import utils

    return "cache" if "cache" in getattr(utils, "ALL_CACHE_NAMES", ()) else "past_key_values"
