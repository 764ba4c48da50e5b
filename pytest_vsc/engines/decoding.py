"""How a model may decode: the token ids it gets, whatever it would like itself; sampling by seed; an end by the clock.

Calls no model, and makes no text of what one returns.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from pytest_vsc.records import Request

# Model classes that cannot decode with a cache, as measured; by `model_type`.
NO_CACHE = frozenset({"kosmos-2"})
# Model classes whose own `generate` drops the logits processors that it is given, and so would never sample.
PLAIN_GENERATE = frozenset({"janus"})


def token_rules(model: Any, processor: Any) -> dict[str, Any]:
    """The token ids that every generation config gets; everything else the model would like is dropped.

    `generate` fills what is left open from the model's own config, so that one is replaced, too.
    """
    import transformers

    own, tokenizer = model.generation_config, processor.tokenizer
    ids = {name: getattr(own, f"{name}_token_id", None) for name in ("bos", "eos", "pad", "decoder_start")}
    ids["eos"] = tokenizer.eos_token_id if ids["eos"] is None else ids["eos"]
    ids["pad"] = tokenizer.pad_token_id if ids["pad"] is None else ids["pad"]
    inner = model.config.get_text_config()
    if ids["decoder_start"] is None and getattr(inner, "is_encoder_decoder", False):
        ids["decoder_start"] = getattr(inner, "decoder_start_token_id", None)
    kept: dict[str, Any] = {f"{name}_token_id": value for name, value in ids.items() if value is not None}
    model.generation_config = transformers.GenerationConfig(**kept)
    # A placeholder in the answer makes decoding count pictures that are not there.
    holders = {
        value
        for owner in (model.config, processor)
        for kind in ("image", "video", "audio")
        for name in (f"{kind}_token_id", f"{kind}_token_index")
        if isinstance(value := getattr(owner, name, None), int)
    }
    holders -= ids_of(ids["eos"])
    known = model.get_output_embeddings()
    size = known.weight.shape[0] if known is not None else None
    suppressed = sorted(holder for holder in holders if holder >= 0 and (size is None or holder < size))
    return {
        **kept,
        **({"suppress_tokens": suppressed} if suppressed else {}),
        "use_cache": model.config.model_type not in NO_CACHE,
    }


def generate_of(model: Any) -> Any:
    """What generates: the model's own function, or where that would drop what it is given, the one it is made from."""
    import transformers

    if model.config.model_type in PLAIN_GENERATE:
        return functools.partial(transformers.GenerationMixin.generate, model)
    return model.generate


def ids_of(value: int | Sequence[int] | None) -> set[int]:
    return set() if value is None else {value} if isinstance(value, int) else set(value)


def after_prompt(rows: Any, prompts: Any) -> Any:
    """The generated part of each row; some model classes return the prompt before it, some do not."""
    width = prompts.shape[1]
    repeated = rows.shape[1] >= width and bool((rows[:, :width] == prompts).all())
    return rows[:, width:] if repeated else rows


class Watch:
    """A stopping criterion: ends a batch when the engine closes or its time is over, a row when nobody waits for it.

    timeout: seconds from now. left: for each row whether nobody waits any more.
    """

    def __init__(
        self, stop: threading.Event, timeout: float | None, left: Callable[[], Sequence[bool]] | None = None
    ) -> None:
        self._stop, self._timeout, self._left = stop, timeout, left
        self._until = None if timeout is None else time.monotonic() + timeout
        self._fired = False
        self._gone: Sequence[bool] = ()

    def __call__(self, input_ids: Any, *_: Any, **__: Any) -> Any:
        late = self._until is not None and time.monotonic() > self._until
        self._fired = self._fired or late or self._stop.is_set()
        done = input_ids.new_full((input_ids.shape[0],), self._fired).bool()
        if self._left is not None and not self._fired:
            self._gone = self._left()
            if any(self._gone):
                done |= input_ids.new_tensor(self._gone).bool()
        return done

    def ended(self, row: int) -> str:
        """Why the row was ended before it came to its end; "" if it was not."""
        if self._stop.is_set() or (self._gone and self._gone[row]):
            return "cancelled: nobody waits for it any more"
        return f"timed out after {self._timeout:g} s" if self._fired else ""


class FirstScores:
    """A logits processor that changes nothing and keeps what the first token of each answer was chosen by.

    scores: float32 on the host, shape (rows, vocabulary); None before the first token.
    """

    def __init__(self) -> None:
        self.scores: Any = None

    def __call__(self, _: Any, scores: Any) -> Any:
        if self.scores is None:
            self.scores = scores.float().cpu()
        return scores


class Forced:
    """A logits processor that leaves one token to choose: of each row the next that was given, and at its end the end.

    rows: token ids, at least one each. end: what follows them.
    """

    scores: Any = None

    def __init__(self, rows: Sequence[Sequence[int]], end: int) -> None:
        self._rows, self._end, self._step = rows, end, 0

    def __call__(self, _: Any, scores: Any) -> Any:
        step, self._step = self._step, self._step + 1
        only = scores.new_full(scores.shape, float("-inf"))
        for number, row in enumerate(self._rows):
            only[number, row[step] if step < len(row) else self._end] = 0.0
        return only


def apart(rows: Any, columns: Any) -> list[list[float]]:
    """How far each of some scores is from each of others, as `protocols.Probed.apart` says.

    rows, columns: shapes (n, vocabulary) and (m, vocabulary). Tokens that are ruled out in any of them do not count.
    """
    import torch

    both = torch.cat([rows, columns])
    both = both[:, both.isfinite().all(0)]
    both = both - both.mean(1, keepdim=True)
    between = [(both[: len(rows)] - one).square().mean(1).sqrt() for one in both[len(rows) :]]
    distances: list[list[float]] = torch.stack(between, 1).tolist()
    return distances


class Sampler:
    """A logits processor that samples by the Gumbel-max trick: argmax(logits / T + Gumbel noise) ~ softmax(logits / T).

    Each row has a generator of its own, seeded by its request, so that no answer depends on its batch.
    """

    def __init__(self, requests: Sequence[Request], device: str) -> None:
        import torch

        self._temperature = requests[0].generation.temperature
        self._generators = [
            torch.Generator(device).manual_seed(int(request.digest("")[:15], 16)) for request in requests
        ]

    def __call__(self, _: Any, scores: Any) -> Any:
        import torch

        noise = torch.empty_like(scores, dtype=torch.float32)
        for row, generator in zip(noise, self._generators, strict=True):
            row.exponential_(generator=generator)
        return scores.float() / self._temperature - noise.log()
