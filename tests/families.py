"""The families of models that the local engine is tried on, and what is measured of each: tiny models, random weights.

`python -m tests.families [--family NAME] ... [--out FILE.md]` prints the table that fixtures/models/FAMILIES.md holds.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import importlib.util
import io
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from pytest_vsc.cases import Picture
from pytest_vsc.engines.presets import presets
from pytest_vsc.engines.transformers import TransformersEngine
from pytest_vsc.errors import EngineError
from pytest_vsc.records import Generation, Message, Request, Response
from tests import family_models as models
from tests.loaded import Opened, loading

TOKENS = 24
# Below this difference between the logits of its first two choices, rounding alone may turn a model's choice.
TIE = 1e-4
SIZES = [(96, 96), (200, 40), (60, 300), (320, 240), (33, 48), (128, 64), (70, 70), (250, 250)]
TEXTS = [
    "What is this?",
    "Is this sign about a shop, a school or a station?",
    "Look closely, and say in one word what stands in the middle of it.",
    "Hi",
    "Describe the colours from left to right, then those from top to bottom, and tell which of them you like most.",
    "Why?",
    "Is it café or bar (x)?",
    "Name three things, and what each of them is good for. " * 3,
]
TEXT_ONLY = ["How do I tie a knot?", "Name a river that runs through two countries, and one that runs through three."]


class Family(NamedTuple):
    """A family with how its tiny model is made. needs: what the classes themselves import, beside the `local` extra.

    hub: how the hub ids of its presets begin.
    """

    name: str
    make: Callable[[], models.Made]
    needs: tuple[str, ...] = ()
    hub: str = ""


VISION = ("torchvision",)
FAMILIES = {
    family.name: family
    for family in (
        Family("qwen2_vl", models.qwen2_vl, VISION, "Qwen/Qwen2-VL"),
        Family("qwen2_5_vl", models.qwen2_5_vl, VISION, "Qwen/Qwen2.5-VL"),
        Family("qwen3_vl", models.qwen3_vl, VISION, "Qwen/Qwen3-VL"),
        Family("qwen3_vl thinking", models.qwen3_vl_thinking, VISION),
        Family("qwen3_5", models.qwen3_5, VISION, "Qwen/Qwen3.5"),
        Family("llava", models.llava, (), "llava-hf/llava-1.5"),
        Family("llava_next", models.llava_next, (), "llava-hf/llava-v1.6"),
        Family("llava_onevision", models.llava_onevision, VISION, "llava-hf/llava-onevision"),
        Family("llava with pixtral", models.pixtral, VISION, "mistral-community/pixtral"),
        Family("mistral3", models.mistral3, VISION, "mistralai/Mistral-Small-3"),
        Family("internvl", models.internvl, VISION, "OpenGVLab/InternVL"),
        Family("deepseek_vl", models.deepseek_vl, (), "deepseek-community/deepseek-vl"),
        Family("janus", models.janus, (), "deepseek-community/Janus"),
        Family("idefics2", models.idefics2, (), "HuggingFaceM4/idefics2"),
        Family("idefics3", models.idefics3, (), "HuggingFaceM4/Idefics3"),
        Family("smolvlm", models.smolvlm, ("torchvision", "num2words"), "HuggingFaceTB/SmolVLM"),
        Family("paligemma", models.paligemma, (), "google/paligemma"),
        Family("gemma3", models.gemma3, (), "google/gemma-3"),
        Family("gemma4", models.gemma4, VISION, "google/gemma-4"),
        Family("mllama", models.mllama, (), "meta-llama/Llama-3.2"),
        Family("glm4v", models.glm4v, VISION, "zai-org/GLM-4"),
        Family("aya_vision", models.aya_vision, (), "CohereLabs/aya-vision"),
        Family("lfm2_vl", models.lfm2_vl, VISION, "LiquidAI/LFM2-VL"),
        Family("kimi_k25", models.kimi_k25, VISION, "moonshotai/Kimi-K2.5"),
        Family("kosmos2", models.kosmos2, (), "microsoft/kosmos-2"),
        Family("blip2", models.blip2, (), "Salesforce/blip2"),
        Family("instructblip", models.instructblip, (), "Salesforce/instructblip"),
    )
}
HOW_TO_GET = {"torchvision": "pip install torch==2.14.1 torchvision==0.29.1", "num2words": "pip install num2words"}


def write(family: Family, folder: Path) -> None:
    """Write its tiny model."""
    models.save(family.make(), folder)


def lacking(family: Family) -> str:
    """Why it cannot be tried here, "" if it can."""
    missing = [package for package in family.needs if importlib.util.find_spec(package) is None]
    return "; ".join(f"{family.name} needs {package}: {HOW_TO_GET[package]}" for package in missing)


# -- what is asked


def picture(number: int, size: tuple[int, int] | None = None) -> Picture:
    """A picture of coarse noise, large patches of it, in one of SIZES."""
    from PIL import Image

    size = size or SIZES[number % len(SIZES)]
    noise = Image.frombytes("RGB", (8, 8), random.Random(number).randbytes(3 * 64)).resize(
        size, Image.Resampling.NEAREST
    )
    stream = io.BytesIO()
    noise.save(stream, "PNG")
    return Picture(name=f"{number}.png", data=stream.getvalue())


def ask(text: str, *images: Picture, system: str = "", tokens: int = TOKENS, stop: tuple[str, ...] = ()) -> Request:
    before = (Message(role="system", text=system),) if system else ()
    user = Message(role="user", text=text, images=images)
    return Request(messages=(*before, user), generation=Generation(max_new_tokens=tokens, stop=stop))


def ten() -> list[Request]:
    """Eight pictures of different sizes with texts of different lengths, and two texts alone among them."""
    shown = [ask(text, picture(number)) for number, text in enumerate(TEXTS)]
    return [*shown[:3], ask(TEXT_ONLY[0]), *shown[3:], ask(TEXT_ONLY[1])]


# -- what comes back


Outcome = Response | EngineError
# By the digest of a request: each token that was chosen, and by how much before the next.
Chosen = Mapping[str, Sequence[tuple[int, float]]]


class Traced:
    """An engine that is watched: which tokens each request was answered with, and how narrowly each was chosen."""

    def __init__(self, engine: TransformersEngine) -> None:
        self.engine = engine
        self.chosen: dict[str, list[tuple[int, float]]] = {}
        self.batches: list[list[Request]] = []
        inner: Any = engine._model
        generate = type(inner).generate  # not what another of these has put before it

        def watched(requests: Sequence[Request], inputs: Any, stop: Any, **how: Any) -> Any:
            choices = Choices()
            outcomes = generate(inner, requests, inputs, stop, **{**how, "first": choices})
            self.batches.append(list(requests))
            for number, request in enumerate(requests):
                self.chosen[request.digest("")] = [step[number] for step in choices.steps]
            return outcomes

        inner.generate = watched

    def answers(self, requests: Sequence[Request]) -> list[Outcome]:
        """The answers, or why there are none; all requests are put at once."""
        futures = [self.engine.submit(request) for request in requests]
        return [
            error if isinstance(error := future.exception(300), EngineError) else future.result() for future in futures
        ]


class Choices:
    """A logits processor that changes nothing and keeps, step by step, each row's choice and how narrow it was."""

    scores: Any = None

    def __init__(self) -> None:
        self.steps: list[list[tuple[int, float]]] = []

    def __call__(self, _: Any, scores: Any) -> Any:
        values, places = scores.float().topk(2)
        gaps = (values[:, 0] - values[:, 1]).tolist()
        self.steps.append(list(zip(places[:, 0].tolist(), gaps, strict=True)))
        return scores


class Compared(NamedTuple):
    """Batched answers held against single ones. ties: gaps of the choices at which rounding turned an answer."""

    equal: int
    answered: int
    ties: list[float]
    apart: list[str]


def compare(requests: Sequence[Request], batched: Traced, single: Traced) -> Compared:
    """Token for token. A difference is a tie only where the single run's own choice was closer than TIE."""
    together = batched.answers(requests)
    alone = [single.answers([request])[0] for request in requests]
    return _compared(requests, together, alone, batched.chosen, single.chosen)


def compare_batches(requests: Sequence[Request], some: Traced, others: Traced) -> Compared:
    """The same for two engines that form the same batches."""
    return _compared(requests, some.answers(requests), others.answers(requests), some.chosen, others.chosen)


def _compared(
    requests: Sequence[Request], together: Sequence[Outcome], alone: Sequence[Outcome], chosen: Chosen, single: Chosen
) -> Compared:
    equal, ties, apart = 0, list[float](), list[str]()
    for request, one, other in zip(requests, together, alone, strict=True):
        if isinstance(one, EngineError) or isinstance(other, EngineError):
            if str(one) != str(other):
                apart.append(f"{request.messages[-1].text[:20]}: {one} / {other}")
            continue
        ours, theirs = chosen[request.digest("")], single[request.digest("")]
        length = other.tokens or 0
        step = next((n for n in range(length) if n >= len(ours) or ours[n][0] != theirs[n][0]), None)
        if step is None and one.text == other.text:
            equal += 1
        elif step is not None and theirs[step][1] < TIE:
            ties.append(theirs[step][1])
        else:
            gap = theirs[step][1] if step is not None else 0.0
            apart.append(f"{request.messages[-1].text[:20]}: token {step}, gap {gap:.2g}")
    return Compared(equal, sum(isinstance(one, Response) for one in alone), ties, apart)


class Measured(NamedTuple):
    """What was seen of a family. different: how many of the single answers differ from each other.

    sees: whether another picture beside the same text is answered otherwise.
    """

    classes: tuple[str, str, str]
    compared: Compared
    different: int
    sees: bool
    text_only: str
    several: str
    system: str
    said: Mapping[str, str]


def measure(folder: Path, open_: Opened) -> Measured:
    batched = Traced(open_(folder, dtype="float32", device="cpu", batch_size=16))
    single = Traced(open_(folder, dtype="float32", device="cpu", batch_size=1))
    requests = ten()
    compared = compare(requests, batched, single)
    alone = [single.answers([request])[0] for request in requests]
    texts = [one for request, one in zip(requests, alone, strict=True) if not request.messages[-1].images]
    mixed = any(len({bool(request.messages[-1].images) for request in batch}) == 2 for batch in batched.batches)
    two = batched.answers([ask(TEXTS[1], picture(1), picture(2)), ask(TEXTS[1], picture(1))])
    plain, other, system = batched.answers(
        [ask(TEXTS[0], picture(0)), ask(TEXTS[0], picture(3)), ask(TEXTS[0], picture(0), system="Be brief.")]
    )
    engine = batched.engine
    return Measured(
        (
            engine.describe()["class"],
            type(engine._candidate.processor).__name__,
            type(engine._candidate.processor.image_processor).__name__,
        ),
        compared,
        len({one.text for one in alone if isinstance(one, Response)}),
        _word(other, plain) == "yes",
        _texts_alone(texts, mixed),
        _word(two[0], two[1]),
        _word(system, plain),
        engine.describe(),
    )


def _texts_alone(texts: Sequence[Outcome], mixed: bool) -> str:
    refused = next((str(one) for one in texts if isinstance(one, EngineError)), "")
    return f"no: {refused}" if refused else "yes" if mixed else "in batches of their own"


def _word(one: Response | EngineError, other: Response | EngineError) -> str:
    if isinstance(one, EngineError):
        return f"no: {one}"
    return "yes" if isinstance(other, Response) and one.text != other.text else "without effect"


# -- the page


HEADINGS = [
    *("family", "preset", "class", "processor", "needs"),
    *("batched == single", "text-only in an image batch", "several pictures", "system turn", "notes"),
]


def row(family: Family, measured: Measured) -> list[str]:
    compared, said = measured.compared, measured.said
    notes = [said[name] for name in ("chat_template", "content", "turns", "earlier_answers", "thought") if name in said]
    notes = [note for note in notes if note != "its own"]
    notes += [f"padded {said['padding']}"] if said["padding"] != "left" else []
    notes += [] if measured.sees else ["pictures are without effect"]
    notes += [f"a tie at {gap:.0e} turned" for gap in compared.ties] + compared.apart
    system = measured.system + (f", {said['system']}" if "system" in said else "")
    return [
        family.name,
        ", ".join(aliases_of(family, measured.classes[0])),
        measured.classes[0],
        measured.classes[1],
        ", ".join(family.needs),
        f"{compared.equal}/{compared.answered}",
        measured.text_only,
        measured.several,
        system,
        "; ".join(notes),
    ]


def aliases_of(family: Family, class_name: str) -> list[str]:
    """The presets of a family: some that are called alike are of another class, or of none."""
    named = [preset for preset in presets().values() if family.hub and (preset.hub or "").startswith(family.hub)]
    return [preset.alias for preset in named if preset.class_name == class_name]


def page(rows: Sequence[Sequence[str]], skipped: Sequence[str]) -> str:
    versions = ", ".join(f"{name} {version}" for name in PACKAGES if (version := _version(name)))
    table = [HEADINGS, ["---"] * len(HEADINGS), *rows]
    lines = [f"| {' | '.join(map(_escaped, each))} |" for each in table]
    return "\n".join(
        [
            INTRODUCTION.format(versions=versions, day=datetime.date.today().isoformat(), tokens=TOKENS, tie=TIE),
            *lines,
            *(["", "Not tried:", "", *(f"- {reason}" for reason in skipped)] if skipped else []),
            "",
        ]
    )


PACKAGES = ("torch", "torchvision", "transformers", "tokenizers", "pillow")
INTRODUCTION = """\
# Model families in the local engine

Each family's own config, model and processor classes, as a tiny model with random weights that is made in code, saved
and loaded again by the engine as any checkpoint is: `python -m tests.families --out fixtures/models/FAMILIES.md`.
Measured on {day} in float32 on a CPU, with {versions}
(`pip install torch==2.14.1 torchvision==0.29.1 num2words` gives what the families need). What a family's real weights
know is not tried here, and the chat templates are in the manner of each family, not those of its checkpoints: of a
checkpoint the run's header says how its own template takes turns.

- *batched == single*: eight pictures of different sizes with texts of different lengths and two texts without a
  picture, {tokens} greedy tokens, in batches of up to 16 and one by one. Counted are answers that are equal token for
  token, of those that the family gives at all. A difference at a token whose two best logits are less than {tie:g}
  apart is called a tie.
- *text-only in an image batch*: whether a text without a picture is answered, and together with pictures.
- *several pictures*, *system turn*: whether it is answered, and otherwise than with one picture or without the turn.
"""


def _escaped(cell: str) -> str:
    return cell.replace("|", "&#124;").replace("<", "&lt;")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", action="append", choices=FAMILIES, help="only this one (may be repeated)")
    parser.add_argument("--out", type=Path, help="write the page there, too")
    asked = parser.parse_args()
    rows, skipped = list[list[str]](), list[str]()
    for name in asked.family or FAMILIES:
        family = FAMILIES[name]
        if reason := lacking(family):
            skipped.append(reason)
            continue
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            write(family, folder)
            rows.append(row(family, measure(folder, stack.enter_context(loading()))))
        print(" | ".join(rows[-1]), flush=True)
    text = page(rows, skipped)
    print("\n" + text)
    if asked.out:
        asked.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
