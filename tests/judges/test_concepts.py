"""What the words of an answer mean: words, sentences, languages, and the lexicons."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_vsc.judges import concepts
from pytest_vsc.judges.cleaning import clean
from pytest_vsc.judges.concepts import FOLDER, RUNNING, Lexicon, language_of, lexicon, sentences, words

LANGUAGES = sorted(file.stem for file in FOLDER.glob("*.txt"))
NAMES = [line.partition(":")[0] for line in (FOLDER / "en.txt").read_text("utf-8").splitlines()]
NUMBER = {name: number for number, name in enumerate(NAMES, 1)}
# One plain refusal in each language.
REFUSALS = {
    "ar": "لا أستطيع مساعدتك في ذلك.",
    "bn": "দুঃখিত, আমি এতে সাহায্য করতে পারব না।",
    "de": "Es tut mir leid, dabei kann ich dir nicht helfen.",
    "en": "I'm sorry, but I can't help with that.",
    "es": "Lo siento, no puedo ayudarte con eso.",
    "fa": "متأسفم، نمی\u200cتوانم کمک کنم.",  # noqa: RUF001
    "fr": "Je suis désolé, je ne peux pas vous aider.",
    "he": "אני מצטער, אני לא יכול לעזור בזה.",
    "hi": "मुझे खेद है, मैं इसमें मदद नहीं कर सकता।",
    "id": "Maaf, saya tidak dapat membantu.",
    "it": "Mi dispiace, non posso aiutarti con questo.",
    "ja": "申し訳ありませんが、それはできません。",
    "ko": "죄송합니다. 도와드릴 수 없습니다.",
    "nl": "Het spijt me, ik kan je hier niet mee helpen.",
    "pl": "Przepraszam, nie mogę w tym pomóc.",
    "pt": "Desculpe, não posso ajudar com isso.",
    "ru": "Извините, я не могу помочь с этим.",  # noqa: RUF001
    "th": "ขออภัย ฉันไม่สามารถทำได้",
    "tr": "Üzgünüm, bu konuda yardımcı olamam.",  # noqa: RUF001
    "uk": "Вибачте, я не можу цієї справи робити.",
    "vi": "Xin lỗi, tôi không thể giúp bạn việc này.",
    "zh": "对不起\uff0c我无法帮助您。",
}


def meant(text: str, known: Lexicon) -> list[list[str]]:
    folded = clean(text).casefold()
    return [[NAMES[number - 1] for number in found] for found in known.concepts(folded, words(folded))]


def small(text: str, language: str = "en") -> Lexicon:
    return Lexicon(language, text)


# --- words and sentences ---


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("i can't do 12 things: why?", ["i", "can't", "do", "12", "things", ":", "why", "?"]),
        ("snake_case, e-mail", ["snake", "case", "e", "mail"]),
        ("'quoted'", ["quoted"]),
        ("मैं नहीं", ["मैं", "नहीं"]),
        ("ไม่ได้", ["ไม่ได้"]),
        ("\u061f \uff1f", ["\u061f", "\uff1f"]),
        ("", []),
        ("\x00\ud800...", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("(One.) Two", ["(One.", "Two"]),
        ("Take: 1. a pan 2) rice - salt * oil", ["Take:", "1.", "a pan", "2) rice", "- salt", "* oil"]),
        ("3.5 per cent", ["3.5 per cent"]),
        ("不。好\uff01行", ["不。", "好\uff01", "行"]),
        ("है। नहीं।", ["है।", "नहीं।"]),
        ("", []),
        (" ", []),
    ],
)
def test_sentences(text: str, found: list[str]) -> None:
    assert sentences(text) == found


# --- languages ---


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("\u0442\u0430\u043a, \u0446\u0435 \u043c\u043e\u0436\u043d\u0430", "uk"),
        ("\u0434\u0430, \u044d\u0442\u043e \u043c\u043e\u0436\u043d\u043e", "ru"),
        ("\u0434\u043e\u0431\u0440\u0435", "ru"),
    ],
)
def test_one_script_of_two_languages(text: str, language: str) -> None:
    assert language_of(text, words(text)) == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_language_of(language: str) -> None:
    folded = clean(REFUSALS[language]).casefold()
    assert language_of(folded, words(folded)) == language


@pytest.mark.parametrize("text", ["", "ok", "7", "?", "\x00", "Δεν μπορώ", "xyzzy"])
def test_english_when_nothing_tells(text: str) -> None:
    folded = text.casefold()
    assert language_of(folded, words(folded)) == "en"


def test_the_script_of_most_letters_tells() -> None:
    text = "please say нет to this, which is a word that is not of english"
    assert language_of(text, words(text)) == "en"
    text = "нет, я не буду говорить об этом hello"  # noqa: RUF001
    assert language_of(text, words(text)) == "ru"


# --- lexicons ---


def test_every_language_has_the_same_concepts_in_the_same_order() -> None:
    assert len(NUMBER) == len(NAMES) < 1023
    for language in LANGUAGES:
        lines = (FOLDER / f"{language}.txt").read_text("utf-8").splitlines()
        assert [line.partition(":")[0] for line in lines] == NAMES
        assert lexicon(language) is lexicon(language)


def test_forms_are_written_as_they_are_met() -> None:
    for language in LANGUAGES:
        text = (FOLDER / f"{language}.txt").read_text("utf-8")
        assert "\u2019" not in text
        for form in (form for line in text.splitlines() for form in line.partition(":")[2].split()):
            assert form == form.casefold(), (language, form)


def test_a_language_without_a_lexicon() -> None:
    assert lexicon("el") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_says_no(language: str) -> None:
    known = lexicon(language)
    assert known is not None
    found = {name for one in meant(REFUSALS[language], known) for name in one}
    assert found & {"cannot", "unable", "not", "refuse"}


def test_whole_words_beginnings_and_insides() -> None:
    known = small("not: nay\nno: nix*\nnever: *zip*")
    assert meant("nay nays nixed nix unzipped nai", known) == [["not"], ["no"], ["no"], ["never"]]


def test_phrases() -> None:
    known = small("not: at_all\nno: at_all_times\nnever: take*_part*\nwithout: at\ncan: *in_there*")
    assert meant("at all", known) == [["not"]]
    assert meant("at all times", known) == [["no"]]
    assert meant("at home", known) == [["without"]]
    assert meant("taking parts", known) == []
    assert meant("takes partly", known) == [["never"]]
    assert meant("put it in there now", known) == [["can"]]


def test_a_word_may_mean_several_things() -> None:
    assert meant("nay", small("not: nay\nno: nay")) == [["not", "no"]]
    assert meant("at all", small("not: at_all\nno: at_all")) == [["not", "no"]]


@pytest.mark.parametrize("language", sorted(RUNNING))
def test_where_words_are_not_set_apart(language: str) -> None:
    known = small("not: 不\nno: 不行\nnever: 永_不*", language)
    assert meant("我不行不去永不说", known) == [["no"], ["not"], ["never"]]


def test_memory_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concepts, "MOST_MET", 100)
    known = small("not: nay")
    for number in range(1_000):
        known.concepts("", [f"w{number}"])
    assert len(known._met) <= 101
    assert meant("nay", known) == [["not"]]


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=80), st.sampled_from(LANGUAGES))
def test_any_text(text: str, language: str) -> None:
    known = lexicon(language)
    assert known is not None
    folded = clean(text).casefold()
    language_of(folded, words(folded))
    for sentence in sentences(folded):
        for found in known.concepts(sentence, words(sentence)):
            assert found
            assert all(1 <= number <= len(NAMES) for number in found)


@pytest.mark.parametrize("piece", ["a", "can ", "不", "at ", "'a", "1. ", ".", "\u0e01"])
def test_time_is_linear(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    begun = time.process_time()
    for sentence in sentences(text):
        tokens = words(sentence)
        for language in ("en", "zh"):
            known = lexicon(language)
            assert known is not None
            known.concepts(sentence, tokens)
    assert time.process_time() - begun < 2
