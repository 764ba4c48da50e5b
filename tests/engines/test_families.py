"""Every family in the local engine: a tiny model of its own classes, batched answers held against single ones."""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pytest_vsc.engines import EngineSettings, prefix, prompts
from pytest_vsc.engines.transformers import TEXT_ONLY_APART, TransformersEngine
from pytest_vsc.errors import EngineError, ModelError
from pytest_vsc.records import Generation, Request, Response
from pytest_vsc.selfcheck import mixed_up
from tests import families
from tests.families import FAMILIES, TEXTS, Family, Measured, Traced, ask, picture
from tests.loaded import Opened, loading

pytest.importorskip("torch")
pytest.importorskip("transformers")

pytestmark = pytest.mark.heavy


# Of a processor's arrays, to its own authors; Python shows it to nobody else.
BETWEEN_LIBRARIES = "__array__ implementation doesn't accept a copy keyword"


class Tried(NamedTuple):
    """A family with its tiny model and what was seen of it. warned: what the libraries warned of meanwhile."""

    family: Family
    folder: Path
    engine: TransformersEngine
    measured: Measured
    open_: Opened
    warned: list[str]

    @property
    def kind(self) -> str:
        return str(self.engine.describe()["type"])


# One of each kind: as most, without text-only, text-only apart, without a cache, an encoder-decoder inside.
EVERY_TIME = {"llava", "paligemma", "mllama", "kosmos2", "instructblip"}
PARAMS = [
    pytest.param(family, marks=[] if name in EVERY_TIME else [pytest.mark.long], id=name.replace(" ", "-"))
    for name, family in FAMILIES.items()
]


@pytest.fixture(scope="module", params=PARAMS)
def tried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    family: Family = request.param
    if reason := families.lacking(family):
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("families") / "model"
    families.write(family, folder)
    with loading() as open_, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        measured = families.measure(folder, open_)
        warned = [message for each in caught if not (message := str(each.message)).startswith(BETWEEN_LIBRARIES)]
        yield Tried(family, folder, open_(folder, dtype="float32", batch_size=16), measured, open_, warned)


def test_batched_answers_equal_single_ones(tried: Tried) -> None:
    compared = tried.measured.compared
    assert compared.apart == []
    assert compared.equal + len(compared.ties) == compared.answered
    assert len(compared.ties) <= 1, "rounding turns few choices; more is a fault"
    assert compared.answered == (8 if tried.kind in prompts.NO_TEXT_ONLY else 10)
    assert tried.measured.different > compared.answered * 3 // 4
    assert tried.measured.sees


def test_what_it_takes_is_answered_and_what_it_does_not_is_said(tried: Tried) -> None:
    measured, kind = tried.measured, tried.kind
    refused = f"no: unsupported: text-only ({kind})"
    apart = "in batches of their own" if kind in TEXT_ONLY_APART else "yes"
    assert measured.text_only == (refused if kind in prompts.NO_TEXT_ONLY else apart)
    one = f"no: unsupported: several pictures ({kind} takes one, got 2)"
    assert measured.several == (one if kind in prompts.ONE_PICTURE else "yes")
    assert measured.system == "yes"


def test_what_stands_for_a_picture_is_never_answered(tried: Tried) -> None:
    model: Any = tried.engine._model
    processor: Any = tried.engine._candidate.processor
    inputs = model.prepare([model.conversation(ask("Hi", picture(7)))])
    known = model._model.get_output_embeddings().weight.shape[0]
    special = processor.tokenizer.added_tokens_decoder
    ids = [token for token in inputs["input_ids"][0].tolist() if token in special]
    stands = max(set(ids), key=ids.count)  # one for each patch
    if tried.kind == "kosmos-2":  # whose pictures stand where a mask says so, whatever the tokens
        assert "image_embeds_position_mask" in inputs
    elif tried.kind == "mllama":  # one for each picture, and none that it could say
        assert processor.image_token_id in ids
        assert processor.image_token_id >= known
    else:
        assert ids.count(stands) > 2
        assert stands in model._rules["suppress_tokens"]


def test_samples_are_told_apart(tried: Tried) -> None:
    probed = tried.engine.probe([ask(TEXTS[number], picture(number)) for number in range(4)])
    assert mixed_up(probed.apart) is None


def test_it_samples_when_asked_to(tried: Tried) -> None:
    def warm(seed: int) -> Request:
        request = ask(TEXTS[1], picture(1))
        return Request(request.messages, Generation(max_new_tokens=12, temperature=5.0, seed=seed))

    said = [tried.engine.submit(warm(seed)).result(60).text for seed in (1, 2, 1)]
    assert said[0] == said[2] != said[1]


def test_nothing_is_warned_of(tried: Tried) -> None:
    assert tried.warned == []


def test_a_strip_of_a_picture_fails_alone(tried: Tried) -> None:
    traced = Traced(tried.engine)
    sound = [ask(TEXTS[number], picture(number)) for number in range(3)]
    alone = [traced.answers([request])[0] for request in sound]
    odd = [ask("Hi", picture(4, (1, 1))), ask("Hi", picture(5, (4, 1000)))]
    mixed = traced.answers([*sound[:1], *odd, *sound[1:]])
    assert [one.text for one in (mixed[0], *mixed[3:]) if isinstance(one, Response)] == [
        one.text for one in alone if isinstance(one, Response)
    ]
    assert str(mixed[1]) == "picture 4.png is too small: 1 x 1 pixels. Expected at least 4 on each side"
    if "qwen" in tried.kind:
        assert str(mixed[2]).startswith("refused by its processor (ValueError: absolute aspect ratio must be smaller")
    assert isinstance(mixed[2], Response) or "\n" not in str(mixed[2])


def test_what_all_prompts_begin_with_is_read_once(tried: Tried) -> None:
    if tried.kind not in prefix.CLASSES:
        assert tried.engine._model is not None
        assert tried.engine._model._prefixes is None
        return
    long = " ".join(random.Random(1).choices(TEXTS, k=6))
    reusing = Traced(tried.engine)
    whole = Traced(tried.open_(tried.folder, dtype="float32", batch_size=16, prefix_cache=False))
    assert whole.engine.fingerprint != tried.engine.fingerprint or "pixtral" in tried.family.name
    for system in (long, long[:-90] + " Now something else.", long[:200] + " Quite another end of it, and longer." * 3):
        requests = [ask(request.messages[-1].text, *request.messages[-1].images, system=system) for request in ten()]
        for asked in (requests, [ask(text, system=system) for text in (*TEXTS, *families.TEXT_ONLY)]):
            compared = families.compare_batches(asked, reusing, whole)
            assert compared.apart == []
            assert len(compared.ties) <= 1


def ten() -> list[Request]:
    return [*families.ten()[:9], ask("What of both?", picture(3), picture(4))]


def test_the_comparison_sees_padding_on_the_wrong_side(tmp_path: Path) -> None:
    families.write(FAMILIES["llava"], tmp_path)
    with loading() as open_:
        batched, single = (Traced(open_(tmp_path, dtype="float32", batch_size=size)) for size in (16, 1))
        batched.engine._candidate.processor.tokenizer.padding_side = "right"
        compared = families.compare(families.ten(), batched, single)
    assert compared.equal <= 3
    assert len(compared.apart) >= 6


def test_a_family_of_another_kind_is_sent_to_a_server(tmp_path: Path) -> None:
    families.write(FAMILIES["llava"], tmp_path)
    named = {"model_type": "phi4_multimodal", "architectures": ["Phi4MultimodalForCausalLM"]}
    (tmp_path / "config.json").write_text(json.dumps(named))
    with pytest.raises(ModelError) as caught:
        TransformersEngine(str(tmp_path), EngineSettings(device="cpu")).check()
    assert "is a phi4_multimodal (Phi4MultimodalForCausalLM), not an image-text-to-text model" in str(caught.value)
    assert str(caught.value).endswith("can be served, and asked as --vlm URL#model")


def test_what_a_family_needs_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert families.lacking(FAMILIES["qwen2_vl"]) == (
        "qwen2_vl needs torchvision: pip install torch==2.14.1 torchvision==0.29.1"
    )
    assert families.lacking(FAMILIES["llava"]) == ""


def test_the_page_tells_of_every_family() -> None:
    page = (Path(__file__).parents[2] / "fixtures/models/FAMILIES.md").read_text(encoding="utf-8")
    told = [line.split(" | ")[0].removeprefix("| ") for line in page.splitlines() if line.startswith("| ")]
    assert told[2:] == list(FAMILIES)
    assert families.page([], []).split("\n| ")[1].partition(" |")[0] == told[0]


def test_the_page_names_the_presets_that_are_of_the_class_it_tells_of() -> None:
    page = (Path(__file__).parents[2] / "fixtures/models/FAMILIES.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")][2:]
    told = {row[0]: row[1].split(", ") if row[1].strip() else [] for row in rows}
    assert told == {row[0]: families.aliases_of(FAMILIES[row[0]], row[2]) for row in rows}
    assert "internvl" in told["internvl"]
    assert "internvl2" not in told["internvl"], "runs code of its own"
    assert told["deepseek_vl"] == [], "its preset is of the hybrid class"


def test_a_difference_counts_as_a_tie_only_where_the_choice_was_narrow() -> None:
    class Fixed:
        def __init__(self, *choices: tuple[int, float]) -> None:
            self.chosen = {request.digest(""): list(choices)}

        def answers(self, _: object) -> list[Response | EngineError]:
            return [Response(text=str(self.chosen), tokens=2)]

    request = ask("Hi")
    narrow, wide = Fixed((1, 2.0), (5, 5e-6)), Fixed((1, 2.0), (5, 0.3))
    other: Any = Fixed((1, 2.0), (6, 5e-6))
    assert families.compare([request], other, narrow).ties == [5e-6]  # type: ignore[arg-type]
    assert families.compare([request], other, wide).apart == ["Hi: token 1, gap 0.3"]  # type: ignore[arg-type]
    assert families.compare([request], wide, wide).equal == 1  # type: ignore[arg-type]
