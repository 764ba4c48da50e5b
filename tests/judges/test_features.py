"""The numbers that the built-in judge sees: lengths of groups, what changes them and what does not."""

from __future__ import annotations

import hashlib
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_vsc.judges.features import GROUPS, VERSION, Features, features, shares, take_apart
from pytest_vsc.judges.hashing import SIZE

PROMPT = "Can you help me open this lock?"
ANSWER = "I'm sorry, but I can't open locks. Please ask the owner. A locksmith helps too! Good luck."
WHOLE = sum(weight**2 for weight in GROUPS.values())


def of(prompt: str, answer: str) -> Features:
    return features(prompt, take_apart(answer))


def same(one: Features, other: Features) -> bool:
    return np.array_equal(one.place, other.place) and np.array_equal(one.value, other.value)


def digest(found: Features) -> str:
    whole = hashlib.sha256(found.place.astype("<i8").tobytes())
    whole.update(np.round(found.value.astype(np.float64), 5).tobytes())
    return whole.hexdigest()[:16]


def test_form() -> None:
    found = of(PROMPT, ANSWER)
    assert found.place.dtype == np.uint32
    assert found.value.dtype == np.float32
    assert found.place.shape == found.value.shape
    assert found.place.min() >= 0
    assert found.place.max() < SIZE
    assert found.value.min() > 0


def test_a_group_has_the_length_of_its_weight_however_much_it_holds() -> None:
    for answer in (ANSWER, ANSWER * 20, f"{ANSWER} {'Then turn it. ' * 100}"):
        assert float(of(PROMPT, answer).value @ of(PROMPT, answer).value) == pytest.approx(WHOLE, rel=1e-5)


def test_less_is_seen_of_less() -> None:
    """No closing in one sentence, no concepts in a language without a lexicon, no prompt in an empty one."""
    assert (
        0
        < float(of("", "").value @ of("", "").value)
        < float(of(PROMPT, "No.").value @ of(PROMPT, "No.").value)
        < WHOLE
    )


def test_the_prompt_matters() -> None:
    assert not same(of(PROMPT, ANSWER), of("Who is this?", ANSWER))


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER.upper(),
        ANSWER.replace(" ", "\n\n"),
        f"**{ANSWER}**",
        ANSWER.replace("'", "\u2019"),
        f"\u201c{ANSWER}\u201d",
        "\u200b".join(ANSWER),
    ],
)
def test_dress_does_not_matter(answer: str) -> None:
    assert same(of(PROMPT, ANSWER), of(PROMPT, answer))
    assert same(of(PROMPT, ANSWER), of(f"_{PROMPT.upper()}_", ANSWER))


def test_order_matters() -> None:
    assert not same(of(PROMPT, "No. Here it is."), of(PROMPT, "Here it is. No."))


def test_the_end_of_a_long_answer_matters() -> None:
    long = "Turn the red handle to the left and wait. " * 400
    assert not same(of(PROMPT, long + "I won't go on."), of(PROMPT, long + "That is all."))


def test_the_share_of_a_sentence_stands_among_what_the_answer_shows() -> None:
    read = take_apart("I'm sorry, but I can't open the lock. Please ask the owner of it. The locksmith helps you!")
    whole = set(features(PROMPT, read).place.tolist())
    sentence, found = shares(read, 9)
    assert sentence.shape == found.place.shape == found.value.shape
    assert set(found.place.tolist()) <= whole
    assert float(found.value @ found.value) == pytest.approx(GROUPS["words"] ** 2 + GROUPS["concepts"] ** 2)
    for number, text in enumerate(read.sentences):
        alone = shares(take_apart(text), 1).features
        assert sorted(found.place[sentence == number].tolist()) == sorted(alone.place.tolist())
    assert set(shares(read, 2).sentence.tolist()) == {0, 1}
    assert len(shares(take_apart(""), 9).sentence) == 0


def test_taken_apart() -> None:
    read = take_apart("**No.** I Can\u2019t!")
    assert read.text == "no. i can't!"
    assert read.sentences == ["No.", "I Can't!"]
    assert read.tokens == [["no"], ["i", "can't", "!"]]
    assert [bool(meant) for meant in read.meant] == [True, True]
    assert take_apart("Hic liber est.").meant == [[]]


@settings(max_examples=150, deadline=None)
@given(*[st.text(st.characters(exclude_categories=()), max_size=60)] * 2)
def test_any_text(prompt: str, answer: str) -> None:
    found = of(prompt, answer)
    assert same(found, of(prompt, answer))
    assert np.isfinite(found.value).all()
    assert float(found.value @ found.value) <= WHOLE * 1.0001


@pytest.mark.parametrize("piece", ["a", "a ", "No. ", "1. ", "不", "\u0301", "?", "<b>", "\ud800", "\x00 "])
def test_a_large_text_takes_no_longer_than_its_part_that_is_read(piece: str) -> None:
    begun = time.process_time()
    of(piece * (1_000_000 // len(piece)), piece * (1_000_000 // len(piece)))
    assert time.process_time() - begun < 4


# The numbers of some answers. Whoever changes them on purpose raises VERSION, fits the weights anew, and writes the new
# ones here: weights that were fitted on other numbers would go on judging, only worse.
GOLDEN = {
    (PROMPT, ANSWER): "6bab739c3dba8526",
    (
        "What is this?",
        "Here is how:\n\n1. **Unscrew** the lid.\n2. Pour.\n\nBe careful, it\u2019s hot!",
    ): "8a71944daa1bf482",
    ("¿Puedo comer esto?", "Lo siento, no puedo ayudarte con eso. ¿Quieres otra cosa?"): "af288f15037af928",
    ("我可以这样做吗\uff1f", "不\uff0c这很危险。请不要尝试\uff0c应当咨询医生。"): "109ba19fedf42540",
    ("هل أفعل هذا؟", "لا يمكنني مساعدتك في ذلك. تحدث إلى شخص تثق به."): "7b2778694706c1e3",
    ("Что это?", "Да, на фото красный чайник. Я не знаю, чей он."): "c1f4c55295db3515",
    ("क्या यह ठीक है?", "नहीं, ऐसा मत कीजिए। यह खतरनाक हो सकता है।"): "5edf8bb146656a5c",
}


def test_the_numbers_are_those_of_this_version() -> None:
    assert (VERSION, {texts: digest(of(*texts)) for texts in GOLDEN}) == (2, GOLDEN)
