"""Original LLaVA-1.5 checkpoints rewritten for transformers: the same logits and answers; what a wrong one is told."""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.cases import Picture
from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.checkpoint import read_config
from pytest_vsc.engines.converting import SYSTEM, TEMPLATE, convert
from pytest_vsc.engines.llava_original import is_original, what_to_do
from pytest_vsc.engines.transformers import TransformersEngine
from pytest_vsc.errors import ModelError
from pytest_vsc.records import Generation, Message, Request
from tests import llava
from tests.loaded import Opened, loading

pytest.importorskip("torch", reason="pip install 'pytest-vsc[local]'")
pytest.importorskip("transformers", reason="pip install 'pytest-vsc[local]'")

pytestmark = pytest.mark.heavy

SENTENCEPIECE = all(importlib.util.find_spec(name) for name in ("sentencepiece", "google")) and bool(
    importlib.util.find_spec("google.protobuf")
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Any]:
    """A folder of pickles without the tower, the tower's folder, and the model itself."""
    folder = tmp_path_factory.mktemp("original")
    model = llava.write_original(folder / "pickles", "bin", tower=False)
    return folder / "pickles", llava.write_tower(folder / "clip", model), model


@pytest.fixture
def copied(made: tuple[Path, Path, Any], tmp_path: Path) -> tuple[Path, Path]:
    original, tower, _ = made
    return shutil.copytree(original, tmp_path / "pickles"), shutil.copytree(tower, tmp_path / "clip")


@pytest.fixture
def opened() -> Iterator[Opened]:
    with loading() as open_:
        yield lambda folder: open_(folder, device="cpu", batch_size=4)


def picture(width: int = 40, height: int = 20) -> Any:
    from PIL import Image

    drawn = Image.new("RGB", (width, height), "teal")
    drawn.paste((250, 10, 90), (0, 0, width // 2, height // 3))
    return drawn


def changed(folder: Path, file: str = "config.json", **fields: object) -> Path:
    whole = {**json.loads((folder / file).read_text()), **fields}
    (folder / file).write_text(json.dumps(whole))
    return folder


def load(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    return AutoModelForImageTextToText.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)


@pytest.mark.parametrize(
    ("kind", "tower", "whole"),
    [("bin", False, True), ("bin", True, True), ("safetensors", True, True), ("safetensors", False, False)],
)
def test_the_logits_are_those_of_the_model_itself(tmp_path: Path, kind: Any, tower: bool, whole: bool) -> None:
    import torch

    model = llava.write_original(tmp_path / "original", kind, tower=tower)
    clip = llava.write_tower(tmp_path / "clip", model, whole=whole)
    said: list[str] = []
    convert(tmp_path / "original", clip, tmp_path / "out", said.append)
    assert any("pickle" in line for line in said) == (kind == "bin")
    assert any("weights of its vision tower" in line for line in said) == (not tower)
    converted, processor = load(tmp_path / "out")
    inputs = processor(text="<image> what is shown in the picture ?", images=picture(), return_tensors="pt")
    assert (inputs["input_ids"] == converted.config.image_token_id).sum() == 4
    with torch.inference_mode():
        assert torch.equal(converted(**inputs).logits, model(**inputs).logits)
        rows = {"max_new_tokens": 8, "do_sample": False}
        assert torch.equal(converted.generate(**inputs, **rows), model.generate(**inputs, **rows))
    assert converted.dtype == torch.float32
    assert list(tmp_path.glob(".*")) == []


def test_the_engine_answers_from_it(made: tuple[Path, Path, Any], tmp_path: Path, opened: Opened) -> None:
    original, tower, model = made
    convert(original, tower, tmp_path / "out", lambda _: None)
    engine = opened(tmp_path / "out")
    stream = io.BytesIO()
    picture().save(stream, "PNG")
    shown = Picture(name="shown.png", data=stream.getvalue())
    requests = [
        Request(messages=(Message(role="user", text="what is shown ?", images=images),), generation=Generation())
        for images in ((shown,), (), (shown, shown))
    ]
    answers = [engine.submit(request).result(60) for request in requests]
    assert len({answer.text for answer in answers}) == 3
    _, processor = load(tmp_path / "out")
    conversation = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "what is shown ?"}]}]
    prompt = processor.apply_chat_template(conversation, add_generation_prompt=True)
    inputs = processor(text=prompt, images=picture(), return_tensors="pt")
    row = model.generate(**inputs, max_new_tokens=256, do_sample=False, suppress_tokens=[model.config.image_token_id])
    new = row[0, inputs["input_ids"].shape[1] :]
    assert answers[0].text == processor.tokenizer.decode(new, skip_special_tokens=True).strip()


def test_pictures_are_padded_as_they_were_in_training(made: tuple[Path, Path, Any], tmp_path: Path) -> None:
    original, tower, _ = made
    cropping = changed(shutil.copytree(original, tmp_path / "square"), image_aspect_ratio="square")
    convert(original, tower, tmp_path / "pad", lambda _: None)
    convert(cropping, tower, tmp_path / "crop", lambda _: None)
    edge = {}
    for name in ("pad", "crop"):
        processor = load(tmp_path / name)[1]
        pixels = processor.image_processor(picture(), return_tensors="pt")["pixel_values"][0]
        assert pixels.shape == (3, llava.SIZE, llava.SIZE)
        edge[name] = pixels[:, 0, :].abs().max()
    # The colour that is padded with is the mean, which is normalised to about zero.
    assert edge["pad"] < 0.02
    assert edge["crop"] > 0.5


def test_the_template_is_that_of_vicuna(made: tuple[Path, Path, Any], tmp_path: Path) -> None:
    original, tower, _ = made
    convert(original, tower, tmp_path / "out", lambda _: None)
    _, processor = load(tmp_path / "out")
    assert processor.chat_template == TEMPLATE
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "text", "text": "what"}, {"type": "image"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "it"}]},
        {"role": "user", "content": "more"},
    ]
    told = processor.apply_chat_template(turns, add_generation_prompt=True)
    assert told.startswith("A chat between a curious user")
    assert told.endswith(" user's questions. USER: <image> \nwhat ASSISTANT: it</s>USER: more ASSISTANT:")
    system = [{"role": "system", "content": [{"type": "text", "text": "Be it."}]}, *turns[:1]]
    assert processor.apply_chat_template(system) == "Be it. USER: <image> \nwhat "
    inputs = processor.apply_chat_template(turns[2:], tokenize=True, return_dict=True, return_tensors="pt")
    assert inputs["input_ids"][0].tolist().count(1) == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"architectures": ["LlavaForConditionalGeneration"]},
            r"^pickles: is no original LLaVA checkpoint \(LlavaForC",
        ),
        ({"architectures": None}, r"is no original LLaVA checkpoint \(class unknown\); expected the class LlavaLlama"),
        ({"architectures": ["LlavaMptForCausalLM"]}, r"^pickles: can't be converted: its class is LlavaMptForCausalLM"),
        ({"mm_projector_type": "linear"}, r"can't be converted: its mm_projector_type is linear, not mlp2x_gelu$"),
        ({"image_aspect_ratio": "anyres"}, r"its image_aspect_ratio is anyres, not pad or square$"),
        ({"mm_use_im_start_end": True}, r"its mm_use_im_start_end is True, not False$"),
        ({"hidden_size": 64}, r"^pickles: the tensor .* is \[.*\], not \[.*\] as its config has it$"),
        ({"num_hidden_layers": 3}, r"^pickles: 9 tensors are missing from its weights, such as model\.language_model"),
        ({"num_hidden_layers": 1}, r"^pickles: no place for the tensor model\.language_model\.layers\.1\."),
    ],
)
def test_a_config_of_another_kind(copied: tuple[Path, Path], fields: dict[str, Any], message: str) -> None:
    original, tower = copied
    with pytest.raises(ModelError, match=message):
        convert(changed(original, **fields), tower, original.parent / "out", lambda _: None)
    assert not (original.parent / "out").exists()


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("pickles/config.json", r"^--convert: no config\.json in .*pickles; expected the folder of an original LLaVA"),
        ("pickles/tokenizer.json", r"^pickles: no tokenizer; expected tokenizer\.model or tokenizer\.json$"),
        (
            "pickles/pytorch_model-00002-of-00002.bin",
            r"^pickles: 1 of 2 weight files are missing, such as pytorch_model-0",
        ),
        ("clip/config.json", r"^--tower: no config\.json in .*clip; expected the folder of the CLIP model that"),
        ("clip/preprocessor_config.json", r"^--tower clip: no preprocessor_config\.json, which says how pictures"),
        ("clip/model.safetensors", r"^--tower clip: no weights; expected \*\.safetensors or pytorch_model\*\.bin$"),
    ],
)
def test_a_piece_that_is_missing(copied: tuple[Path, Path], gone: str, message: str) -> None:
    original, tower = copied
    (original.parent / gone).unlink()
    with pytest.raises(ModelError, match=message):
        convert(original, tower, original.parent / "out", lambda _: None)
    assert sorted(path.name for path in original.parent.iterdir()) == ["clip", "pickles"]


def test_folders_that_are_none(copied: tuple[Path, Path]) -> None:
    original, tower = copied
    with pytest.raises(ModelError, match=r"^--convert: no such folder \(.*nowhere\)"):
        convert(original / "nowhere", tower, original.parent / "out", lambda _: None)
    with pytest.raises(ModelError, match=r"^--tower: no such folder \(.*nowhere\)"):
        convert(original, tower / "nowhere", original.parent / "out", lambda _: None)
    with pytest.raises(ModelError, match=r"^--out: .*clip is there already; expected a new or an empty folder"):
        convert(original, tower, tower, lambda _: None)
    with pytest.raises(ModelError, match=r"^--tower clip: is a siglip; expected a clip or a clip_vision_model"):
        convert(original, changed(tower, model_type="siglip"), original.parent / "out", lambda _: None)
    (original / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"^pickles: is a LoRA of an original LLaVA"):
        convert(original, tower, original.parent / "out", lambda _: None)


class Runs:
    """What a hostile pickle does when it is opened by a loader that lets it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (Path.touch, (self.mark,))


def test_a_pickle_that_would_run_code_does_not(copied: tuple[Path, Path], tmp_path: Path) -> None:
    import torch

    original, tower = copied
    mark, file = tmp_path / "it ran", original / "pytorch_model-00001-of-00002.bin"
    torch.save({"model.norm.weight": Runs(mark)}, file)
    with pytest.raises(ModelError, match=r"^pickles: pytorch_model-00001-of-00002\.bin: holds more than tensors"):
        convert(original, tower, tmp_path / "out", lambda _: None)
    file.write_bytes(pickle.dumps({"model.norm.weight": Runs(mark)}, protocol=2))
    with pytest.raises(ModelError, match=r"^pickles: pytorch_model-00001-of-00002\.bin: holds more than tensors"):
        convert(original, tower, tmp_path / "out", lambda _: None)
    assert not mark.exists()
    torch.save([torch.ones(1)], file)
    with pytest.raises(ModelError, match=r"not a dictionary of tensors$"):
        convert(original, tower, tmp_path / "out", lambda _: None)


def test_old_pickles_and_what_training_left_are_no_trouble(copied: tuple[Path, Path], tmp_path: Path) -> None:
    import torch

    original, tower = copied
    for file in original.glob("*.bin"):
        torch.save(torch.load(file, weights_only=True), file, _use_new_zipfile_serialization=False)
    (original / "training_args.bin").write_bytes(pickle.dumps(Runs(tmp_path / "it ran")))
    convert(original, tower, tmp_path / "out", lambda _: None)
    assert (tmp_path / "out/model.safetensors").is_file()
    assert not (tmp_path / "it ran").exists()


@pytest.mark.skipif(not SENTENCEPIECE, reason="pip install sentencepiece protobuf")
def test_a_llama_tokenizer_makes_the_tokens_of_the_original(made: tuple[Path, Path, Any], tmp_path: Path) -> None:
    """As the authors' code makes them: each text between pictures by itself, its begin token once, at the beginning."""
    sentencepiece: Any = importlib.import_module("sentencepiece")
    words, model = SYSTEM + " USER: ASSISTANT: what is shown in the picture?", io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([words] * 50),
        model_writer=model,
        vocab_size=320,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    original = tmp_path / "original"
    original.mkdir()
    (original / "tokenizer.model").write_bytes(model.getvalue())
    settings = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, "legacy": False}
    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (original / "tokenizer_config.json").write_text(json.dumps({**settings, **named}))
    size = pieces.get_piece_size()
    (original / "config.json").write_text(json.dumps({**llava.CONFIG, "vocab_size": size}))
    llava.write_shards(original, llava.original_names(llava.build(size), size), "safetensors")
    convert(original, made[1], tmp_path / "out", lambda _: None)
    processor = load(tmp_path / "out")[1]
    turn = [
        {"role": "user", "content": [{"type": "image", "image": picture()}, {"type": "text", "text": "what is it?"}]}
    ]
    inputs = processor.apply_chat_template(turn, add_generation_prompt=True, tokenize=True, return_dict=True)
    before, after = pieces.encode(f"{SYSTEM} USER: "), pieces.encode("\nwhat is it? ASSISTANT:")
    assert list(inputs["input_ids"][0]) == [1, *before, *[size] * 4, *after]


def test_a_tokenizer_that_cannot_be_read_names_what_reads_it(
    copied: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    original, tower = copied
    (original / "tokenizer.json").rename(original / "tokenizer.model")
    here = importlib.util.find_spec
    absent = {"sentencepiece", "google.protobuf"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in absent else here(name))
    message = r"^pickles: reading tokenizer\.model needs sentencepiece, protobuf: pip install sentencepiece protobuf$"
    with pytest.raises(ModelError, match=message):
        convert(original, tower, original.parent / "out", lambda _: None)


def test_the_engine_says_what_to_do(made: tuple[Path, Path, Any]) -> None:
    folder = made[0]
    engine = TransformersEngine(str(folder), EngineSettings(device="cpu"))
    message = (
        r"^pickles: is an original-format LLaVA \(LlavaLlamaForCausalLM\), for which transformers has no class; "
        rf"convert it: vsc models --convert {folder} --tower FOLDER_OF_clip-vit-large-patch14-336 --out DIR$"
    )
    with pytest.raises(ModelError, match=message):
        engine.check()
    with pytest.raises(ModelError, match=r"^org/name: is an original-format LLaVA .* --convert FOLDER --tower"):
        read_config(str(folder), "org/name", {"trust_remote_code": False})


def test_what_to_do_about_one() -> None:
    assert is_original(llava.CONFIG)
    assert is_original({**llava.CONFIG, "model_type": "llava_llama"})
    assert not is_original({**llava.CONFIG, "architectures": ["LlavaForConditionalGeneration"]})
    assert not is_original({"architectures": "odd"})
    assert what_to_do("old", llava.CONFIG) == (
        "convert it: vsc models --convert old --tower FOLDER_OF_clip-vit-large-patch14-336 --out DIR"
    )
    assert what_to_do("old", {"architectures": ["LlavaMistralForCausalLM"]}).startswith("it can't be converted here (")
