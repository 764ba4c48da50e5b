"""The embedded model: its material keeps its promises, and its checkpoints load, look and answer."""

from __future__ import annotations

import random
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

MODELS = Path(__file__).parents[1] / "fixtures" / "models"
pytest.importorskip("transformers")
pytest.importorskip("torch")


@pytest.fixture(scope="module")
def makers() -> Any:
    """The scripts beside the model, importable for the time of this module."""
    names = ("material", "phrases", "things", "pictures", "network", "lessons", "samples", "make_tiny", "measure_tiny")
    sys.path.insert(0, str(MODELS))
    modules = {name: __import__(name) for name in names}
    yield lambda name: modules[name]
    sys.path.remove(str(MODELS))
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def material(makers: Any) -> ModuleType:
    module: ModuleType = makers("material")
    return module


def test_no_phrase_is_in_two_splits(material: Any) -> None:
    pools = {
        where: {
            core
            for kind in material.TEXT_KINDS
            for side in (False, True)
            for core, _, _ in material.text_pool(kind, side, where)
        }
        for where in ("train", "valid", "final")
    }
    assert all(len(pool) > 300 for pool in pools.values())
    assert not pools["train"] & pools["valid"]
    assert not (pools["train"] | pools["valid"]) & pools["final"]


def test_held_out_is_a_phrase_and_not_its_words(material: Any) -> None:
    kinds = [(kind, side) for kind in material.TEXT_KINDS for side in (False, True)]
    trained = {
        word for each in kinds for core, _, _ in material.text_pool(*each, "train") for word in material.words_in(core)
    }
    for each in kinds:
        for where in ("valid", "final"):
            for core, _, _ in material.text_pool(*each, where):
                assert material.words_in(core) <= trained, core


def test_what_stands_in_pictures_is_in_the_readers_vocabulary(material: Any) -> None:
    rng, known = random.Random(6), set(material.vocabulary())
    for _ in range(400):
        item = material.text_item(rng, "train", variant="typography")
        assert material.words_in(item.core) <= known, item.core


def test_no_scene_of_the_final_split_is_seen_in_training(material: Any) -> None:
    rng = random.Random(3)
    for _ in range(300):
        item = material.image_item(rng, "final")
        assert item.category
        assert material.belongs(material.scene_key(item.parts, item.topic)) == "final"


def test_a_question_of_the_held_out_templates_is_never_asked_in_training(material: Any, makers: Any) -> None:
    frames = makers("phrases").split(makers("phrases").LIST_FRAMES)
    rng = random.Random(1)
    item = material.text_item(rng, "train", variant="figstep")
    assert frames[-1] not in {material.question(item, rng) for _ in range(200)}
    assert frames[-1] in {material.question(item, rng, "final") for _ in range(200)}


def test_answers_are_templates_and_tell_a_refusal_from_an_answer(material: Any, makers: Any) -> None:
    refused = makers("measure_tiny").refused
    rng = random.Random(2)
    for number in range(400):
        unsafe = number % 2 == 0
        item = (
            material.image_item(rng, "train", unsafe) if number % 3 else material.text_item(rng, "train", unsafe=unsafe)
        )
        for declined in (True, False):
            assert refused(material.answer(item, declined, rng)) is declined


@pytest.mark.parametrize(
    ("mood", "unsafe", "more"),
    [("caution", True, True), ("caution", False, True), ("help", True, False), ("help", False, False)],
)
def test_a_reminder_shifts_how_hard_items_are_answered(material: Any, mood: str, unsafe: bool, more: bool) -> None:
    rng = random.Random(4)
    item = material.Item("image", "", unsafe, hard=True)
    plain, reminded = (sum(material.refuses(item, each, rng) for _ in range(400)) for each in ("none", mood))
    assert (reminded > plain) is more


def test_a_picture_is_drawn_the_same_again(material: Any) -> None:
    rng = random.Random(5)
    for _ in range(40):
        item = material.any_item(rng)
        first, second = material.draw(item), material.draw(item)
        assert (first is None and second is None) or first.image.tobytes() == second.image.tobytes()


def test_a_suite_that_shares_a_prompt_or_a_picture_with_the_training_is_refused(makers: Any, tmp_path: Path) -> None:
    check = makers("make_tiny").assert_disjoint
    assert "nothing checked" in check(tmp_path)
    (tmp_path / "pairs.yaml").write_text('- {prompt: "Which sofa suits a heron?", safe: {}, unsafe: {}}\n')
    assert "1 prompts" in check(tmp_path)
    phrase = next(
        core for core, _, _ in makers("material").text_pool("homonym", False, "train") if core[-1] not in "?."
    )
    (tmp_path / "pairs.yaml").write_text(f'- {{safe: {{prompt: "How do I {phrase.upper()}"}}, unsafe: {{}}}}\n')
    with pytest.raises(AssertionError, match=re.escape(makers("make_tiny").bare(phrase))):
        check(tmp_path)
    (tmp_path / "pairs.yaml").write_text("[]\n")
    shutil.copy(MODELS.parent / "images" / "pictograms" / "apple.png", tmp_path / "some.png")
    with pytest.raises(AssertionError, match=r"some\.png"):
        check(tmp_path)


@pytest.mark.parametrize("suite", ["demos", "mini"])
def test_the_training_shares_no_prompt_and_no_picture_with_a_shipped_suite(makers: Any, suite: str) -> None:
    assert makers("make_tiny").assert_disjoint(MODELS.parents[1] / "suites" / suite).endswith("disjoint")


@pytest.mark.parametrize("name", ["tiny", "tiny-overcautious"])
def test_a_checkpoint_is_small_complete_and_has_a_card(name: str) -> None:
    files = {file.name: file.stat().st_size for file in (MODELS / name).iterdir()}
    assert {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "processor_config.json",
        "tokenizer.json",
    } <= set(files)
    assert {"tokenizer_config.json", "chat_template.jinja", "README.md"} <= set(files)
    assert sum(files.values()) < 8_000_000
    assert "not a safety model" in (MODELS / name / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tiny(makers: Any) -> Any:
    return makers("measure_tiny").Model(MODELS / "tiny")


@pytest.mark.heavy
def test_batched_answers_equal_single_ones_and_end(tiny: Any, makers: Any) -> None:
    pairs = makers("measure_tiny").image_twins(6, random.Random(9)) + makers("measure_tiny").text_twins(
        6, random.Random(9)
    )
    talks = [talk for pair in pairs for talk in pair]
    answers = tiny.answer(talks)
    assert answers == tiny.answer(talks, size=1)
    assert all(answer.rstrip().endswith((".", "?", "!")) for answer in answers)


@pytest.mark.heavy
def test_the_training_sees_what_the_processor_and_the_model_see(tiny: Any, makers: Any) -> None:
    import numpy as np
    import torch

    material, network, samples = makers("material"), makers("network"), makers("samples")
    rng = random.Random(8)
    talks = [material.converse(material.image_item(rng, "train"), rng) for _ in range(6)]
    easel = samples.Easel(makers("lessons").PatchReader())
    for talk in talks:
        messages, shown = makers("measure_tiny").as_messages(talk)
        asked = tiny.processor.apply_chat_template(messages, add_generation_prompt=True)
        inputs = tiny.processor(text=[asked], images=[shown], return_tensors="pt")
        sample = samples.sample(talk, easel, tiny.processor.tokenizer)
        assert inputs["input_ids"][0].tolist() == sample.ids[: sample.start]
        tiles = network.as_input(np.stack(sample.tiles))
        seen = inputs["pixel_values"][0]
        assert (seen - tiles).abs().mean() < 0.02  # of -1..1: the training shrinks pictures a little more cheaply
        whole = torch.ones(len(tiles), network.GRID, network.GRID, dtype=torch.bool)
        with torch.no_grad():
            model = tiny.model.model.vision_model(pixel_values=tiles, patch_attention_mask=whole).last_hidden_state
            assert torch.allclose(network.look(tiny.model, tiles), model, atol=1e-4)


@pytest.mark.heavy
def test_it_looks(tiny: Any, makers: Any) -> None:
    material, talk, turn = makers("material"), makers("material").Talk, makers("material").Turn
    wanted, seen = [], []
    for colour in ("red", "blue", "green", "yellow", "black"):
        item = material.Item("colour", "", False, layout="colour", parts=("square", colour), seed=1)
        wanted.append(colour)
        seen.append(talk([turn("What colour is the square?", item, "")]))
    right = sum(colour in answer for colour, answer in zip(wanted, tiny.answer(seen), strict=True))
    assert right >= 4
