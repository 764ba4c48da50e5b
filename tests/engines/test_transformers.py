"""The transformers engine on a tiny model with random weights: batches, isolation, checks, closing. No network."""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import json
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc import memos
from pytest_vsc.cases import Picture
from pytest_vsc.engines import EngineSettings, files, generating, prefix, prompts
from pytest_vsc.engines.foreign import explain
from pytest_vsc.engines.transformers import TransformersEngine
from pytest_vsc.errors import EngineError, ModelError, SettingsError
from pytest_vsc.records import Generation, Message, Request, Response
from pytest_vsc.selfcheck import mixed_up
from tests.loaded import Opened, loading

pytest.importorskip("torch")
pytest.importorskip("transformers")

pytestmark = pytest.mark.heavy

SPECIAL = ["<pad>", "<s>", "<end_of_utterance>", "<image>", "<fake_token_around_image>", "<global-img>"]
WORDS = """
how do I use this ? what is shown here explain the picture in a few words and say more about it
""".split()  # noqa: SIM905  # a sentence is easier to read
CHAT = (
    "{% for message in messages %}<s>{{ message['role'] }} : {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}<end_of_utterance>"
    "{% endfor %}{% if add_generation_prompt %}<s>assistant :{% endif %}"
)
SIZES = [(40, 40), (64, 32), (20, 70), (33, 48), (100, 30), (16, 16)]


def write_model(folder: Path) -> None:
    """A two-layer Idefics3 with weights large enough that every prompt gets an answer of its own."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import (
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3Processor,
        PreTrainedTokenizerFast,
    )
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    words = dict.fromkeys([*SPECIAL, *WORDS, ":", "user", "assistant", "system", *(f"w{n}" for n in range(80))])
    inner = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="w0"))
    inner.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="<end_of_utterance>",
        additional_special_tokens=SPECIAL[3:],
        padding_side="right",  # the engine must set its own
    )
    pictures = Idefics3ImageProcessorPil(
        size={"longest_edge": 32}, max_image_size={"longest_edge": 32}, do_image_splitting=False
    )
    processor = Idefics3Processor(pictures, tokenizer, image_seq_len=4, chat_template=CHAT)
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = Idefics3Config(
        vision_config={**shape, "image_size": 32, "patch_size": 8},
        text_config={
            "model_type": "llama",
            "vocab_size": len(tokenizer),
            "num_key_value_heads": 2,
            "max_position_embeddings": 4096,
            **shape,
            **ids,
        },
        scale_factor=2,
        image_token_id=3,
        **ids,
    )
    torch.manual_seed(7)
    model = Idefics3ForConditionalGeneration(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.normal_(std=0.3)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    wild = {"do_sample": True, "temperature": 5.0, "repetition_penalty": 3.0, "max_new_tokens": 2, **ids}
    (folder / "generation_config.json").write_text(json.dumps(wild))


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "random"
    write_model(folder)
    return folder


@pytest.fixture
def copied(model_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(model_folder, tmp_path / "copied")


@pytest.fixture(scope="session")
def engine(model_folder: Path) -> Iterator[TransformersEngine]:
    with loading() as open_:
        yield open_(model_folder, device="cpu", batch_size=16)


@pytest.fixture
def opened(model_folder: Path) -> Iterator[Opened]:
    with loading() as open_:
        yield lambda folder=model_folder, **settings: open_(folder, device="cpu", **settings)


def picture(number: int, size: tuple[int, int]) -> Picture:
    from PIL import Image

    drawn = Image.frombytes("RGB", size, random.Random(number).randbytes(3 * size[0] * size[1]))
    stream = io.BytesIO()
    drawn.save(stream, "PNG")
    return Picture(name=f"{number}.png", data=stream.getvalue())


def ask(text: str, *images: Picture, system: str | None = None, repeat: int = 0, **settings: Any) -> Request:
    generation = Generation(**{"max_new_tokens": 12, **settings})
    before = (Message(role="system", text=system),) if system else ()
    user = Message(role="user", text=text, images=images)
    return Request(messages=(*before, user), generation=generation, repeat=repeat)


def mixed() -> list[Request]:
    """Pictures of all sizes, prompts of all lengths, every third without a picture, one with two."""
    requests = []
    for number, size in enumerate(SIZES * 2):
        images = () if number % 3 == 2 else (picture(number, size),)
        requests.append(ask(" ".join(WORDS[number : number + 1 + number % 7]), *images))
    return [*requests, ask("what is shown", picture(1, (9, 9)), picture(2, (50, 20)), system="say more")]


def answers(engine: TransformersEngine, requests: Sequence[Request]) -> list[Response]:
    return [future.result(timeout=60) for future in [engine.submit(request) for request in requests]]


# -- answering


def watch_batches(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch, before: Callable[[Any], None] = lambda _: None
) -> list[int]:
    """The sizes of the batches from now on; `before` may break one."""
    sizes: list[int] = []
    generated = engine._generated

    def watched(batch: Any) -> Any:
        sizes.append(len(batch.jobs))
        before([job.request for job in batch.jobs])
        return generated(batch)

    monkeypatch.setattr(engine, "_generated", watched)
    return sizes


def test_batched_answers_equal_single_ones(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = watch_batches(engine, monkeypatch)
    batched = answers(engine, mixed())
    assert max(sizes) == len(batched)
    single = [answers(engine, [request])[0] for request in mixed()]
    assert [response.text for response in batched] == [response.text for response in single]
    assert [response.tokens for response in batched] == [response.tokens for response in single]
    assert len({response.text for response in single}) > len(single) // 2
    assert engine.describe()["padding"] == "left"


def test_the_models_own_sampling_is_ignored(engine: TransformersEngine, model_folder: Path) -> None:
    import torch
    import transformers

    request = ask("explain the picture", picture(5, (40, 40)))
    response = answers(engine, [request])[0]
    assert response == answers(engine, [request])[0].model_copy(update={"seconds": response.seconds})
    assert response.finish_reason == "length"
    assert response.tokens == 12

    model = transformers.AutoModelForImageTextToText.from_pretrained(model_folder, dtype=torch.float32).eval()
    processor = transformers.AutoProcessor.from_pretrained(model_folder)
    conversation = prompts.conversation_of(request, "idefics3")
    inputs = processor.apply_chat_template(
        [conversation], tokenize=True, add_generation_prompt=True, return_dict=True, return_tensors="pt"
    )
    ids = inputs["input_ids"]
    with torch.inference_mode():
        for _ in range(12):
            logits = model(**{**inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}).logits[0, -1]
            logits[3] = -torch.inf  # the image placeholder
            ids = torch.cat([ids, logits.argmax().view(1, 1)], dim=1)
    assert processor.tokenizer.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True) == response.text


def test_an_end_token_ends_an_answer_and_is_not_counted(
    opened: Opened, copied: Path, engine: TransformersEngine
) -> None:
    full = answers(engine, [ask("how do I")])[0].text.split()
    place, end = next((place, word) for place, word in enumerate(full) if place > 0 and word not in full[:place])
    number = engine._candidate.processor.tokenizer.convert_tokens_to_ids(end)
    (copied / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, number], "pad_token_id": 0}))
    response = answers(opened(copied), [ask("how do I"), ask("what is", picture(1, (30, 30)))])[0]
    assert response.text.split() == full[:place]
    assert (response.finish_reason, response.tokens) == ("stop", place)


def test_samples_depend_on_seed_and_repeat_but_not_on_the_batch(engine: TransformersEngine) -> None:
    warm: dict[str, Any] = {"temperature": 2.0, "seed": 3}
    one = ask("what is shown here", **warm)
    others = [ask("explain", picture(n, size), **warm) for n, size in enumerate(SIZES)]
    alone = answers(engine, [one])[0].text
    assert alone == answers(engine, [*others, one])[-1].text
    assert alone != answers(engine, [dataclasses.replace(one, repeat=1)])[0].text
    assert alone != answers(engine, [ask("what is shown here", temperature=2.0, seed=4)])[0].text


def test_requests_of_other_settings_go_into_another_batch(engine: TransformersEngine) -> None:
    requests = [ask("how do I use this", max_new_tokens=3 + number % 2) for number in range(6)]
    assert [response.tokens for response in answers(engine, requests)] == [3, 4, 3, 4, 3, 4]


def test_a_bad_picture_fails_alone(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    good = picture(1, (30, 30))
    whole = good.read()
    monkeypatch.setattr(prompts, "MOST_PIXELS", 2000)
    bad = [
        Picture(name="noise.png", data=b"no picture"),
        Picture(name="cut.png", data=whole[: len(whole) // 2]),
        Picture(name="gone.png", file=str(tmp_path / "gone.png")),
        picture(9, (50, 50)),
    ]
    (tmp_path / "other.png").write_bytes(picture(2, (30, 30)).read())
    bad.append(Picture(name="other.png", file=str(tmp_path / "other.png"), sha256=good.digest()))
    futures = [engine.submit(ask("what is shown", each)) for each in [good, *bad, good]]
    assert futures[0].result(timeout=60).text == futures[-1].result(timeout=60).text
    messages = [str(future.exception(timeout=60)) for future in futures[1:-1]]
    assert all(isinstance(future.exception(), EngineError) for future in futures[1:-1])
    assert messages[0].startswith("picture noise.png cannot be decoded: UnidentifiedImageError: ")
    assert messages[1].startswith("picture cut.png cannot be decoded: ")
    gone = "picture gone.png cannot be decoded: FileNotFoundError: No such file or directory ('gone.png')"
    assert messages[2] == gone, "the rest of its path is about this machine"
    assert messages[3] == "picture 9.png cannot be decoded: 50 x 50 pixels. Expected at most 2,000"
    changed = "picture other.png is not the one that the suite was read with: its file has changed since"
    assert messages[4] == changed, "else the answer to it would be kept as that to the other"


def test_a_sample_that_breaks_its_batch_is_found(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(requests: Sequence[Request]) -> None:
        if any("broken" in request.messages[-1].text for request in requests):
            raise ValueError("a shape is wrong\nin many lines")

    sizes = watch_batches(engine, monkeypatch, breaks)
    requests = [ask("broken" if number == 5 else "how do I", picture(number, (20, 20))) for number in range(8)]
    futures = [engine.submit(request) for request in [*requests, ask("say more")]]
    wait(futures, timeout=60)
    failed = [number for number, future in enumerate(futures) if future.exception()]
    assert failed == [5]
    assert str(futures[5].exception()) == "failed (ValueError: a shape is wrong)"
    assert sizes[:2] == [9, 8], "the text-only request is taken out before halving"


def test_a_text_that_no_tokenizer_takes_fails_alone(engine: TransformersEngine) -> None:
    futures = [engine.submit(ask(text)) for text in ("how do I", "what \ud83d is", "say more")]
    wait(futures, timeout=60)
    assert [bool(future.exception()) for future in futures] == [False, True, False]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is the point
def test_an_engine_that_breaks_leaves_nobody_waiting(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = opened(batch_size=2)

    def bug(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(engine, "_answer", bug)
    futures = [engine.submit(ask("how do I")) for _ in range(5)]
    assert {str(future.exception(timeout=30)) for future in futures} == {"the engine broke: ZeroDivisionError"}
    assert str(engine.submit(ask("hello")).exception(1)) == "random: closed"


def test_short_of_memory_halves_and_goes_on(
    opened: Opened, engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    tight = opened(batch_size=8)

    def breaks(requests: Sequence[Request]) -> None:
        if len(requests) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")

    sizes = watch_batches(tight, monkeypatch, breaks)
    requests = [ask(" ".join(WORDS[n : n + 3]), picture(n, SIZES[n % 6])) for n in range(16)]
    squeezed = [response.text for response in answers(tight, requests)]
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]
    assert tight.describe()["batch_size"] == "2 (halved: out of memory)"
    assert squeezed == [response.text for response in answers(engine, requests)]


def test_one_request_too_large_for_the_memory_fails_alone(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    tight = opened(batch_size=4)

    def breaks(requests: Sequence[Request]) -> None:
        if any("shown" in request.messages[-1].text for request in requests):
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes")

    watch_batches(tight, monkeypatch, breaks)
    futures = [tight.submit(ask(text)) for text in ("how do I", "what is shown", "explain", "say more")]
    wait(futures, timeout=60)
    assert [bool(future.exception()) for future in futures] == [False, True, False, False]
    assert str(futures[1].exception()).startswith("out of memory (")


def test_what_a_class_cannot_take_is_said(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "NO_TEXT_ONLY", {"idefics3"})
    monkeypatch.setattr(prompts, "ONE_PICTURE", {"idefics3"})
    two = (picture(1, (9, 9)), picture(2, (9, 9)))
    assert str(engine.submit(ask("hello")).exception(60)) == "unsupported: text-only (idefics3)"
    assert str(engine.submit(ask("hello", *two)).exception(60)) == (
        "unsupported: several pictures (idefics3 takes one, got 2)"
    )


def test_without_a_chat_template_the_text_goes_as_it_stands(opened: Opened, copied: Path) -> None:
    (copied / "chat_template.jinja").unlink()
    engine = opened(copied)
    assert engine.describe()["chat_template"] == "none: image tokens, then the text, as it stands"
    requests = [ask("what is shown", picture(1, (30, 30))), ask("how do I use this")]
    assert answers(engine, requests)[0].text == answers(engine, requests[:1])[0].text
    conversations = [prompts.conversation_of(requests[1], "idefics3")]
    prepared = prompts.prepare(
        conversations, engine._candidate.processor, "float32", "idefics3", engine._candidate.manner
    )
    assert engine._candidate.processor.tokenizer.decode(prepared["input_ids"][0]) == "how do I use this"


def endless(engine: TransformersEngine) -> None:
    """Let no answer end by itself."""
    model: Any = engine._model
    model._rules.pop("eos_token_id")
    model._model.generation_config.eos_token_id = None


def test_timeout(opened: Opened) -> None:
    engine = opened(timeout=0.2)
    endless(engine)
    with pytest.raises(EngineError, match=r"^timed out after 0\.2 s$"):
        engine.submit(ask("how do I", max_new_tokens=100_000)).result(timeout=30)
    assert answers(engine, [ask("how do I", max_new_tokens=2)])[0].tokens == 2


def test_close_stops_what_runs_and_cancels_what_waits(opened: Opened) -> None:
    engine = opened(batch_size=1)
    futures = [engine.submit(ask("how do I", max_new_tokens=100_000)) for _ in range(100)]
    time.sleep(0.3)  # the first may end by itself meanwhile; all hundred cannot
    since = time.monotonic()
    engine.close()
    engine.close()
    assert time.monotonic() - since < 2
    assert futures[-1].cancelled()
    assert not wait(futures, timeout=1).not_done
    assert [thread.is_alive() for thread in engine._threads] == [False, False]
    assert str(engine.submit(ask("hello")).exception(1)) == "random: closed"


def test_a_request_that_nobody_waits_for_stops_at_once(opened: Opened) -> None:
    engine = opened(batch_size=2)
    endless(engine)
    left = [engine.submit(ask("how do I", max_new_tokens=100_000)) for _ in range(2)]
    waiting = engine.submit(ask("what is shown", max_new_tokens=4))
    until = time.monotonic() + 30
    while len(engine._line) + len(engine._prepared) > 1 and time.monotonic() < until:
        time.sleep(0.01)  # the first two are being answered
    for future in left:
        future.cancel()
    assert waiting.result(timeout=10).tokens == 4


def test_who_is_waited_for_goes_first(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = opened(batch_size=2)
    order: list[str] = []
    watch_batches(engine, monkeypatch, lambda requests: order.extend(r.messages[-1].text for r in requests))
    ahead = [engine.submit(ask(f"w{n}", max_new_tokens=200)) for n in range(40)]
    hurried = engine.submit(ask("explain", max_new_tokens=200), urgent=True)
    hurried.result(timeout=60)
    assert order.index("explain") < 12, "behind what runs and what is prepared, before all that waits"
    assert not wait(ahead, timeout=60).not_done


def drawn(number: int, mode: str = "RGB") -> Any:
    from PIL import Image

    noise = Image.frombytes("RGB", (48, 40), random.Random(number).randbytes(3 * 48 * 40))
    return noise.resize((96, 80)).convert(mode)


def encoded(image: Any, form: str, **options: Any) -> Picture:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return Picture(name=f"picture.{form.lower()}", data=stream.getvalue())


def unusual_pictures() -> dict[str, tuple[Picture, Any]]:
    """By kind: the picture as a file, and what a model must be shown of it."""
    from PIL import Image

    plain, other, grey = drawn(1), drawn(2), drawn(3, "L")
    palette = drawn(4).quantize(16)
    palette.info["transparency"] = 0
    shown = palette.convert("RGBA")
    shown = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")
    deep = grey.convert("I").point(lambda value: value * 257).convert("I;16")
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by 90 degrees clockwise
    cmyk = plain.convert("CMYK")
    return {
        "CMYK": (encoded(cmyk, "TIFF"), cmyk.convert("RGB")),
        "palette with transparency": (encoded(palette, "PNG", transparency=0), shown),
        "animated GIF": (
            encoded(plain.quantize(64), "GIF", save_all=True, append_images=[other.quantize(64)]),
            plain.quantize(64).convert("RGB"),
        ),
        "animated WEBP": (encoded(plain, "WEBP", save_all=True, append_images=[other], lossless=True), plain),
        "16-bit": (encoded(deep, "PNG"), grey.convert("RGB")),
        "EXIF-rotated": (encoded(plain, "PNG", exif=turned), plain.transpose(Image.Transpose.ROTATE_270)),
    }


def test_unusual_pictures_are_seen_as_they_are_and_disturb_nobody(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20_000)
    unusual = unusual_pictures()
    neighbours = [picture(n, size) for n, size in enumerate(SIZES)]
    alone = [response.text for response in answers(engine, [ask("explain", each) for each in neighbours])]
    noise = Picture(name="noise.png", data=b"no picture")
    large, bomb = (encoded(Image.new("L", (side, side)), "PNG") for side in (150, 300))

    sizes = watch_batches(engine, monkeypatch)
    shown = [*neighbours[:3], noise, *(file for file, _ in unusual.values()), large, bomb, *neighbours[3:]]
    futures = [engine.submit(ask("explain", each)) for each in shown]
    wait(futures, timeout=60)
    assert sizes == [len(shown) - 3], "all in one batch, but the three that cannot be decoded"
    assert [future.result().text for future in [*futures[:3], *futures[-3:]]] == alone
    assert str(futures[3].exception()).startswith("picture noise.png cannot be decoded: UnidentifiedImageError")
    assert str(futures[-5].exception()).endswith("cannot be decoded: 150 x 150 pixels. Expected at most 20,000")
    assert "DecompressionBombError: Image size (90000 pixels) exceeds limit" in str(futures[-4].exception())
    seen = answers(engine, [ask("explain", encoded(image, "PNG")) for _, image in unusual.values()])
    assert dict(zip(unusual, (future.result().text for future in futures[4:-5]), strict=True)) == dict(
        zip(unusual, (response.text for response in seen), strict=True)
    )


@pytest.mark.parametrize("settings", [{"attention": "eager"}, {"kv_cache": "static"}])
def test_how_a_model_is_run_is_a_setting(opened: Opened, engine: TransformersEngine, settings: dict[str, Any]) -> None:
    other = opened(batch_size=16, **settings)
    texts = [response.text for response in answers(other, mixed())]
    assert texts == [response.text for response in answers(engine, mixed())]
    assert other.describe()["attention"] == settings.get("attention", "sdpa")
    assert other.fingerprint != engine.fingerprint


def test_a_shared_prefix_is_read_once(
    opened: Opened, engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    deployed = " ".join(random.Random(1).choices(WORDS, k=prefix.SHORTEST))
    requests = [ask(one.messages[-1].text, *one.messages[-1].images, system=deployed) for one in mixed()]
    widths: list[int] = []
    inner: Any = engine._model
    forward = type(inner._model.model).forward

    def watched(self: Any, *arguments: Any, **named: Any) -> Any:
        if isinstance(ids := named.get("input_ids"), torch.Tensor) and ids.shape[1] > 1:
            widths.append(ids.shape[1])
        return forward(self, *arguments, **named)

    monkeypatch.setattr(type(inner._model.model), "forward", watched)
    behind = [response.text for response in answers(engine, requests)]
    assert len(widths) == 2, "the prefix, then the rest of the batch"
    assert widths[0] >= prefix.SHORTEST
    assert answers(engine, requests[:2])
    assert len(widths) == 3, "the prefix is still there"
    whole = opened(batch_size=16, prefix_cache=False)
    assert behind == [response.text for response in answers(whole, requests)]
    assert len(set(behind)) > len(behind) // 2
    assert whole.fingerprint != engine.fingerprint


def test_a_model_is_spread_by_accelerates_device_map(engine: TransformersEngine, model_folder: Path) -> None:
    pytest.importorskip("accelerate")
    how = generating.How(str(model_folder), "random", "cuda", "float32", None, None, "auto", True, {})
    spread = generating.load(how, engine._candidate.processor)
    request = ask("explain", picture(1, SIZES[0]))
    [response] = spread.generate([request], spread.prepare([spread.conversation(request)]), threading.Event())
    assert isinstance(response, Response)
    assert response.text == answers(engine, [request])[0].text


def test_an_unknown_kind_of_attention(model_folder: Path) -> None:
    engine = TransformersEngine(str(model_folder), EngineSettings(device="cpu", attention="sdqa"))
    engine.check()
    with pytest.raises(ModelError, match=r"^random: ValueError: ") as caught:
        engine.load()
    assert "sdqa" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_digests_of_large_files_are_kept(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "WORTH_KEEPING", 1)
    monkeypatch.setattr(memos, "SETTLED", 0)
    once = files.digests_of(model_folder, str(tmp_path))
    monkeypatch.setattr(files, "_sha256", lambda file: pytest.fail(f"{file} was read again"))
    assert files.digests_of(model_folder, str(tmp_path)) == once
    monkeypatch.undo()
    (tmp_path / files.MEMO).write_text("broken")
    assert files.digests_of(model_folder, str(tmp_path)) == once


def test_probing_gives_the_same_alone_and_in_a_batch(engine: TransformersEngine) -> None:
    requests = [ask("explain", picture(n, size)) for n, size in enumerate(SIZES[:4])]
    probed = engine.probe(requests)
    assert [one.text for one in probed.alone] == [one.text for one in probed.batched]
    assert len({one.text for one in probed.alone}) == 4
    assert mixed_up(probed.apart) is None
    for own, row in enumerate(probed.apart):
        assert row[own] < 1e-4
        assert all(far > 0.01 for place, far in enumerate(row) if place != own)


def test_pictures_that_change_places_in_a_batch_are_seen(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = prompts.prepare

    def crossed(conversations: Any, *how: Any) -> Any:
        if len(conversations) > 1:  # as some models' own code did
            one, other = conversations[0][0]["content"][0], conversations[1][0]["content"][0]
            one["image"], other["image"] = other["image"], one["image"]
        return prepare(conversations, *how)

    monkeypatch.setattr(generating, "prepare", crossed)
    probed = engine.probe([ask("explain", picture(n, (40, 40))) for n in range(4)])
    assert mixed_up(probed.apart) == (0, 1)


def test_before_load_and_close_without_it(model_folder: Path) -> None:
    engine = TransformersEngine(str(model_folder), EngineSettings())
    assert str(engine.submit(ask("hello")).exception(1)) == "random: not loaded"
    engine.close()


# -- what is said of the model


def test_describe(engine: TransformersEngine, model_folder: Path) -> None:
    said = engine.describe()
    assert {"model": "random", "device": "cpu", "dtype": "float32", "batch_size": "16"}.items() <= said.items()
    assert said["class"] == "Idefics3ForConditionalGeneration"
    assert said["attention"] == "sdpa"
    assert int(said["parameters"].replace(",", "")) > 10_000
    assert {"torch", "transformers", "pillow"} <= said.keys()
    assert str(model_folder.parent) not in json.dumps(said)


def test_fingerprint_follows_the_files_and_the_dtype(engine: TransformersEngine, copied: Path) -> None:
    def of(folder: Path, **settings: Any) -> str:
        made = TransformersEngine(str(folder), EngineSettings(device="cpu", **settings))
        made.check()
        return made.fingerprint

    assert of(copied) == engine.fingerprint, "the same before and after load, and wherever the folder lies"
    assert of(copied, dtype="bfloat16") != engine.fingerprint
    seen = {engine.fingerprint}
    weights = copied / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    seen.add(of(copied))
    (copied / "chat_template.jinja").write_text(CHAT.replace("user", "human") + " ")
    seen.add(of(copied))
    assert len(seen) == 3


def test_the_users_own_verbosity_is_left(opened: Opened) -> None:
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    answers(opened(), [ask("hello")])
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


# -- what is refused before anything is loaded


def refused(folder: Path | str, **settings: Any) -> str:
    with pytest.raises(ModelError) as caught:
        TransformersEngine(str(folder), EngineSettings(device="cpu", **settings)).check()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_pickled_weights(copied: Path) -> None:
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    assert refused(copied).startswith("copied: its weights are pickle files (pytorch_model.bin), which can run code")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda _: b"", "copied: model.safetensors: not a whole safetensors file (0 bytes)"),
        (lambda data: data[:-5], "it was cut or altered"),
        (lambda _: b"version https://git-lfs", "copied: model.safetensors: only a Git LFS pointer; fetch the file"),
        (lambda data: data[:8] + b"#" + data[9:], "not a safetensors file (its header cannot be read)"),
    ],
)
def test_damaged_weights(copied: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    weights = copied / "model.safetensors"
    weights.write_bytes(damage(weights.read_bytes()))
    assert message in refused(copied)


def test_weights_that_are_no_files(copied: Path) -> None:
    """As in a cache whose blobs are gone."""
    weights = copied / "model.safetensors"
    weights.unlink()
    weights.symlink_to(copied / "gone")
    assert refused(copied) == "copied: model.safetensors: cannot be read (No such file or directory)"
    weights.unlink()
    weights.mkdir()
    assert refused(copied) == "copied: model.safetensors: cannot be read (Is a directory)"


def test_weights_of_names_that_nobody_looks_for(copied: Path) -> None:
    weights = copied / "model.safetensors"
    shard = weights.rename(copied / "model-00001-of-00002.safetensors")
    assert refused(copied) == (
        "copied: no model.safetensors, and no model.safetensors.index.json that names "
        "model-00001-of-00002.safetensors; expected one of the two"
    )
    for said in ([shard.name], {"a": 1}):
        (copied / "model.safetensors.index.json").write_text(json.dumps({"weight_map": said}))
        assert refused(copied) == (
            "copied: model.safetensors.index.json names no weight files; expected a weight_map of tensors to files"
        )


def test_missing_shards_and_missing_tensors(copied: Path) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (copied / "model.safetensors.index.json").write_text(json.dumps(index))
    assert refused(copied) == "copied: 1 of 2 weight files are missing, such as model-00002-of-00002.safetensors"
    (copied / "model.safetensors.index.json").unlink()

    from safetensors.torch import load_file, save_file

    tensors = load_file(copied / "model.safetensors")
    name = next(name for name in tensors if "q_proj" in name)
    save_file({key: value for key, value in tensors.items() if key != name}, copied / "model.safetensors")
    engine = TransformersEngine(str(copied), EngineSettings(device="cpu"))
    with pytest.raises(ModelError, match=r"copied: 1 tensors are missing from its weights, such as .*q_proj"):
        engine.load()


def test_a_model_that_takes_no_pictures(copied: Path) -> None:
    (copied / "config.json").write_text(json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}))
    assert refused(copied).startswith("copied: is a llama (LlamaForCausalLM), not an image-text-to-text model")


def test_folders_that_are_no_model(copied: Path, tmp_path: Path) -> None:
    assert refused(tmp_path / "none").startswith("none: no such folder")
    (copied / "config.json").write_text("{")
    assert refused(copied).startswith("copied: config.json is not JSON")
    (copied / "config.json").write_text('{"model_type": "nosuch"}')
    assert "model type `nosuch`" in refused(copied)
    (copied / "config.json").unlink()
    assert refused(copied).startswith("copied: no config.json in the folder")
    (copied / "adapter_config.json").write_text("{}")
    assert refused(copied).endswith(f"It is an adapter: --vlm MODEL --vlm-adapter {copied}")


def test_a_folder_without_a_processor(copied: Path) -> None:
    for file in ("processor_config.json", "preprocessor_config.json"):
        (copied / file).unlink(missing_ok=True)
    assert refused(copied).startswith("copied: ")


def test_a_hub_model_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    message = refused("no-such-org/no-such-model")
    assert message.startswith("no-such-org/no-such-model: not in the local cache")


def test_without_the_local_extra(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else find(name, *rest))
    with pytest.raises(SettingsError, match=r"a local model needs torch: pip install 'pytest-vsc\[local\]'"):
        TransformersEngine(str(model_folder), EngineSettings()).check()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "cpuu"}, r"--vlm-device: no device 'cpuu' here; expected one of .*; did you mean 'cpu'\?"),
        ({"dtype": "bfloat6"}, r"--vlm-dtype: unknown dtype 'bfloat6'; expected one of .*; did you mean 'bfloat16'\?"),
        ({"batch_size": 0}, r"--vlm-batch-size: not a batch \(0\). Expected 1 or more"),
    ],
)
def test_wrong_settings(model_folder: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        TransformersEngine(str(model_folder), EngineSettings(**settings)).check()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            ImportError("\nQwen2VLVideoProcessor requires the Torchvision library but it was not found.\nCheckout"),
            "needs torchvision, which is not installed: pip install torchvision",
        ),
        (
            ImportError(
                "Package `num2words` is required to run SmolVLM processor. Install it with `pip install num2words`"
            ),
            "needs num2words, which is not installed: pip install num2words",
        ),
        (MemoryError(), "out of memory; a smaller --vlm-dtype, --vlm-batch-size or model may fit"),
        (
            ValueError("The repository contains custom code. Please pass the argument `trust_remote_code=True`."),
            "needs code of its own to run; --vlm-trust-remote-code allows that, if you trust it",
        ),
        (OSError(), "OSError"),
    ],
)
def test_foreign_errors_in_one_line(error: Exception, line: str) -> None:
    assert explain(error) == line
