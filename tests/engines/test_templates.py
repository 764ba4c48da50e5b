"""Chat templates of all manners, on a tiny LLaVA: what they leave out or refuse is found and put in another way."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.prompts import conversation_of
from pytest_vsc.engines.templates import NONE, OWN, Manner, manner_of, render
from pytest_vsc.engines.transformers import TransformersEngine
from pytest_vsc.engines.wording import Stops, Wording
from pytest_vsc.errors import EngineError, ModelError, SettingsError
from pytest_vsc.records import Generation, Message, Request, Response, spoken
from tests import families
from tests.families import FAMILIES, TEXTS, ask, picture
from tests.family_models import ALTERNATE, GEMMA, MLLAMA, llava, named_roles, parts, tokenizer_of
from tests.loaded import Opened, loading

pytest.importorskip("torch")
pytest.importorskip("transformers")

pytestmark = pytest.mark.heavy

EACH = "{% for turn in messages %}"
END = "{% endfor %}{% if add_generation_prompt %}[answer]{% endif %}"
SYSTEM_AS_TEXT = (
    EACH + "{% if turn.role == 'system' %}{{ turn.content + '\n' }}{% else %}" + parts("<image>") + "{% endif %}" + END
)
DROPS_SYSTEM = EACH + "{% if turn.role != 'system' %}[" + "{{ turn.role }}]" + parts("<image>") + "{% endif %}" + END
DROPS_ANSWERS = EACH + "{% if turn.role != 'assistant' %}" + parts("<image>") + "{% endif %}" + END
TEXT_ONLY = EACH + "[{{ turn.role }}] {{ turn.content }}\n" + END
LOSES_ALL = EACH + "[{{ turn.role }}]" + END
BROKEN = "{{ raise_exception('not today') }}"


@pytest.fixture(scope="module")
def processor() -> Any:
    return llava().processor


def manner(processor: Any, template: str) -> Manner:
    processor.chat_template = template
    return manner_of(processor, "tiny")


@pytest.mark.parametrize(
    ("template", "expected", "said"),
    [
        (named_roles("<image>"), OWN, set()),
        (DROPS_SYSTEM, OWN._replace(folded=True), {"system"}),
        (MLLAMA.replace("<|image|>", "<image>"), OWN._replace(folded=True), {"system"}),
        (SYSTEM_AS_TEXT, OWN._replace(plain=frozenset({"system"})), {"content"}),
        (TEXT_ONLY, OWN._replace(plain=frozenset({"system", "user", "assistant"})), {"content"}),
        (GEMMA.replace("<start_of_image>", "<image>"), OWN._replace(joined=True), {"turns"}),
        (DROPS_ANSWERS, OWN._replace(answers=False), {"earlier_answers"}),
        (
            named_roles("<image>").replace("Assistant:", "Assistant:<think>\n"),
            OWN._replace(opens="<think>"),
            {"thought"},
        ),
        (named_roles("<image>").replace("Assistant:", "<think>\n\n</think>\n"), OWN, set()),
    ],
    ids=["its-own", "drops", "refuses", "system-text", "all-text", "alternates", "no-answers", "thinks", "thinks-not"],
)
def test_how_a_template_takes_turns(processor: Any, template: str, expected: Manner, said: set[str]) -> None:
    found = manner(processor, template)
    assert found == expected
    assert found.describe().keys() - {"chat_template"} == said
    assert found.describe()["chat_template"] == "its own"
    assert bool(found.differences()) == bool(said - {"earlier_answers"})


def turns(*, answered: bool = False) -> Request:
    more = (Message(role="assistant", text="A cup."), Message(role="user", text="And?")) if answered else ()
    user = Message(role="user", text="What is it?", images=(picture(1), picture(2)))
    return Request(messages=(Message(role="system", text="Be brief."), user, *more))


@pytest.mark.parametrize("template", [DROPS_SYSTEM, MLLAMA.replace("<|image|>", "<image>"), TEXT_ONLY, SYSTEM_AS_TEXT])
def test_every_word_and_picture_reaches_the_prompt(processor: Any, template: str) -> None:
    found = manner(processor, template)
    said = render(processor, found, conversation_of(turns(answered=True), "llava", found))
    words = ["Be brief.", "What is it?", "A cup.", "And?"]
    assert [said.count(word) for word in words] == [1, 1, 1, 1]
    assert sorted(words, key=said.index) == words
    assert said.count("<image>") == 2


def test_system_words_go_before_the_users_behind_the_pictures(processor: Any) -> None:
    found = manner(processor, DROPS_SYSTEM)
    [user] = conversation_of(turns(), "llava", found)
    assert [part.get("text") for part in user["content"]] == [None, None, "Be brief.\n\nWhat is it?"]


def test_turns_of_one_role_in_a_row_are_made_one(processor: Any) -> None:
    found = manner(processor, EACH + ALTERNATE + parts("<image>") + END)
    assert found.joined
    two = Request(messages=(Message(role="user", text="One.", images=(picture(1),)), Message(role="user", text="Two.")))
    [user] = conversation_of(two, "llava", found)
    assert "".join(part.get("text", "#") for part in user["content"]) == "#One.\n\nTwo."


@pytest.mark.parametrize("taken", ["{{ part.text | trim }}", "{% if not said.yet %}{{ part.text }}{% endif %}"])
def test_no_words_of_turns_that_are_made_one_are_lost_or_run_together(processor: Any, taken: str) -> None:
    """A template may trim each of its parts, or take the first only."""
    each = (
        "[{{ turn.role }}]{% set said = namespace(yet=false) %}{% for part in turn.content %}"
        "{% if part.type == 'image' %}<image>{% else %}" + taken + "{% set said.yet = true %}{% endif %}{% endfor %}"
    )
    found = manner(processor, EACH + ALTERNATE + each + END)
    assert found.joined
    pictures = Message(role="user", text="", images=(picture(1),))
    said = [Message(role="user", text="One."), Message(role="user", text="Two.")]
    two = Request(messages=(pictures, *said))
    assert "[user]<image>One.\n\nTwo.[answer]" in render(processor, found, conversation_of(two, "llava", found))


def test_a_template_that_speaks_of_types_spells_no_parts_out(processor: Any) -> None:
    tools = 'Your tools: {"type": "function"}\n'
    assert manner(processor, tools + named_roles("<image>")) == OWN


def test_earlier_answers_that_would_be_lost_are_an_error(processor: Any) -> None:
    found = manner(processor, DROPS_ANSWERS)
    assert conversation_of(turns(), "llava", found)
    with pytest.raises(EngineError, match=r"^unsupported: earlier answers \(the chat template of this llava does not"):
        conversation_of(turns(answered=True), "llava", found)


@pytest.mark.parametrize(
    ("template", "why"), [(LOSES_ALL, "it leaves out the words or the picture"), (BROKEN, "TemplateError: not today")]
)
def test_a_template_that_is_of_no_use(processor: Any, template: str, why: str) -> None:
    with pytest.raises(ModelError) as caught:
        manner(processor, template)
    assert str(caught.value) == f"tiny: its chat template takes no picture with a text ({why})"


def test_whose_template_it_is() -> None:
    processor = llava().processor
    processor.chat_template = None
    assert manner_of(processor, "tiny") == NONE
    assert NONE.describe()["chat_template"] == "none: image tokens, then the text, as it stands"
    assert NONE.differences() == {}
    processor.tokenizer.chat_template = TEXT_ONLY
    found = manner_of(processor, "tiny")
    assert (found.template, found.plain) == ("tokenizer", frozenset({"system", "user", "assistant"}))
    assert found.describe()["chat_template"] == "its own, of the tokenizer"


# -- the text of an answer


@pytest.fixture(scope="module")
def wording() -> Wording:
    return Wording(tokenizer_of("<think>", "</think>", "<|begin_of_box|>", "<|channel|>", "<|message|>"))


def spelt(wording: Wording, text: str) -> list[int]:
    ids: list[int] = wording._tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def test_marks_of_thoughts_survive_and_other_special_tokens_do_not(wording: Wording) -> None:
    tokens = spelt(wording, "<think>Hm</think>It is<|begin_of_box|> red<pad>.")
    assert wording.text(tokens) == "<think>Hm</think>It is red."
    assert wording.marks == ["</think>", "<think>", "<|channel|>", "<|message|>"]
    assert wording._tokenizer.decode(tokens, skip_special_tokens=True) == "HmIt is red."
    assert Wording(tokenizer_of("<|begin_of_box|>")).marks == []


@pytest.mark.parametrize(
    ("prompt", "opened"),
    [
        ("Why?[answer]<think>\n", "<think>"),
        ("Why?[answer]<think>", "<think>"),
        ("[answer]<|channel|>analysis<|message|>", "<|channel|>analysis<|message|>"),
        ("[answer][THINK]", "[THINK]"),
        ("[answer]<think>\n\n</think>\n\n", ""),
        ("What does <think> do?[answer]", ""),
        ("[answer]", ""),
    ],
)
def test_what_a_prompt_leaves_open(wording: Wording, prompt: str, opened: str) -> None:
    assert wording.opened(spelt(wording, prompt)) == opened


def test_a_stop_string_may_be_a_special_token_or_span_several(wording: Wording) -> None:
    import torch

    stops = Stops(["end.", "</think>", ""], wording, 3)
    rows = torch.tensor([spelt(wording, text) for text in ("An end. Or", "It</think> and so", "What is it"[:10])])
    for length in range(1, 11):
        done = stops(rows[:, :length]).tolist()
    assert stops.lengths == [7, 3, None]
    assert done == [True, True, False]
    assert stops.cut("An end. Or") == "An "


# -- through the engine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "llava"
    families.write(FAMILIES["llava"], folder)
    return folder


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[TransformersEngine]:
    with loading() as open_:
        yield open_(folder, device="cpu", batch_size=16)


@pytest.fixture
def opened() -> Iterator[Opened]:
    with loading() as open_:
        yield lambda folder, **settings: open_(folder, device="cpu", batch_size=16, **settings)


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copied")


def answers(engine: TransformersEngine, *requests: Request) -> list[Response]:
    return [future.result(60) for future in [engine.submit(request) for request in requests]]


def test_a_system_prompt_reaches_a_model_whose_template_drops_it(
    engine: TransformersEngine, opened: Opened, copied: Path
) -> None:
    template = (copied / "chat_template.jinja").read_text()
    drops = template.replace(EACH, EACH + "{% if turn.role != 'system' %}", 1).replace(
        "{% endfor %}{% if add", "{% endif %}{% endfor %}{% if add", 1
    )
    (copied / "chat_template.jinja").write_text(drops)
    folding = opened(copied)
    plain, system = answers(folding, ask("Why?", picture(1)), ask("Why?", picture(1), system="Be brief."))
    assert plain.text != system.text
    assert plain.text == answers(engine, ask("Why?", picture(1)))[0].text
    assert system.text == answers(engine, ask("Be brief.\n\nWhy?", picture(1)))[0].text
    assert folding.describe()["system"] == "before the user's words: the chat template takes no system turn"
    assert "system" not in engine.describe()


def test_the_way_a_template_takes_turns_is_in_the_fingerprint(
    engine: TransformersEngine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fingerprint(manner: Manner) -> str:
        made = TransformersEngine(str(folder), EngineSettings(device="cpu"))
        made.check()
        made._candidate.manner = manner
        return made.fingerprint

    assert fingerprint(OWN) == engine.fingerprint
    others = [OWN._replace(folded=True), OWN._replace(plain=frozenset({"user"})), OWN._replace(opens="<think>")]
    assert len({engine.fingerprint, *map(fingerprint, others)}) == 4


def test_a_template_that_tells_the_day_makes_each_day_another_model(
    engine: TransformersEngine, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on(day: int) -> TransformersEngine:
        moved = type("Day", (datetime.date,), {"today": classmethod(lambda _: datetime.date(2026, 3, day))})
        monkeypatch.setattr("pytest_vsc.engines.files.datetime.date", moved)
        made = TransformersEngine(str(copied), EngineSettings(device="cpu"))
        made.check()
        return made

    assert on(1).fingerprint == on(2).fingerprint == engine.fingerprint
    assert "day" not in engine.describe()
    template = copied / "chat_template.jinja"
    template.write_text("{{ strftime_now('%d %b %Y') }}\n" + template.read_text())
    assert on(1).fingerprint == on(1).fingerprint != on(2).fingerprint
    assert on(2).describe()["day"] == "told by the chat template: 2026-03-02"


def test_a_thought_that_the_template_opens_is_never_taken_for_an_answer(opened: Opened, copied: Path) -> None:
    template = (copied / "chat_template.jinja").read_text()
    (copied / "chat_template.jinja").write_text(template.replace("Assistant:", "Assistant:<think>\n"))
    thinking = opened(copied)
    assert thinking.describe()["thought"] == "opened by the chat template: <think>"
    for cut in answers(thinking, ask("Why?", picture(1)), ask("Say <think>")):
        assert cut.finish_reason == "length"
        assert cut.text.startswith("<think>")
        assert spoken(cut).text == ""
        assert spoken(cut).thought


def test_only_the_prompts_own_end_opens_a_thought(engine: TransformersEngine, opened: Opened, copied: Path) -> None:
    assert not answers(engine, ask("Say <think>"))[0].text.startswith("<think>")
    template = (copied / "chat_template.jinja").read_text()
    (copied / "chat_template.jinja").write_text(template.replace("Assistant:", ""))
    assert not answers(opened(copied), ask("Say <think>"))[0].text.startswith("<think>")
    (copied / "chat_template.jinja").unlink()
    assert not answers(opened(copied), ask("Say <think>"))[0].text.startswith("<think>")


@pytest.mark.parametrize("file", ["chat_template.json", "tokenizer_config.json"])
def test_a_template_in_a_file_of_another_name_counts(
    engine: TransformersEngine, opened: Opened, copied: Path, file: str
) -> None:
    template = (copied / "chat_template.jinja").read_text()
    (copied / "chat_template.jinja").unlink()
    known = json.loads((copied / file).read_text()) if (copied / file).is_file() else {}
    (copied / file).write_text(json.dumps(known | {"chat_template": template}))
    other = opened(copied)
    assert other.describe()["chat_template"].startswith("its own")
    requests = [ask(text, picture(number)) for number, text in enumerate(TEXTS[:3])]
    requests.append(ask("Both?", picture(1), picture(2), system="Be brief."))
    assert [one.text for one in answers(other, *requests)] == [one.text for one in answers(engine, *requests)]


def test_a_template_of_texts_is_given_texts(opened: Opened, copied: Path) -> None:
    (copied / "chat_template.jinja").write_text(TEXT_ONLY)
    other = opened(copied)
    assert other.describe()["content"] == "one text, and no parts: assistant, system, user"
    requests = [ask(text, picture(number), system="Be brief.") for number, text in enumerate(TEXTS)]
    batched = answers(other, *requests, ask("Why?"))
    assert [one.text for one in batched[:3]] == [answers(other, request)[0].text for request in requests[:3]]
    assert len({one.text for one in batched}) > 6


def test_a_stop_string_ends_its_answer_and_no_other(engine: TransformersEngine) -> None:
    requests = [ask(text, picture(number)) for number, text in enumerate(TEXTS)]
    whole = answers(engine, *requests)
    stop = whole[1].text[20:26]
    stopping = [ask(text, picture(number), stop=(stop, "never said")) for number, text in enumerate(TEXTS)]
    ended = answers(engine, *stopping)
    for one, other in zip(ended, whole, strict=True):
        assert one.text == other.text.partition(stop)[0].strip()
        assert one.finish_reason == ("stop" if stop in other.text else other.finish_reason)
    assert (ended[1].finish_reason, whole[1].finish_reason) == ("stop", "length")
    assert ended[1].tokens is not None
    assert 1 < ended[1].tokens < families.TOKENS // 2
    assert [one.text for one in ended] == [answers(engine, request)[0].text for request in stopping]


def test_a_stop_string_in_the_prompt_stops_nothing(engine: TransformersEngine) -> None:
    [whole] = answers(engine, ask("Say halt.", picture(1)))
    [same] = answers(engine, ask("Say halt.", picture(1), stop=("halt", "Assistant:")))
    assert (same.text, same.tokens) == (whole.text, whole.tokens)


def test_larger_pictures_are_shrunk_when_asked(engine: TransformersEngine, opened: Opened, folder: Path) -> None:
    small = opened(folder, max_pixels=900)
    assert small.describe()["max_pixels"] == "900"
    assert "max_pixels" not in engine.describe()
    assert small.fingerprint != engine.fingerprint
    model: Any = small._model
    [turn] = model.conversation(ask("Why?", picture(3, (320, 240)), picture(4, (30, 30))))
    assert [part["image"].size for part in turn["content"][:2]] == [(34, 25), (30, 30)]
    sides = [(8, 8), (320, 240)]
    asked = [ask("Why?", picture(3, size)) for size in sides]
    equal = [one.text == other.text for one, other in zip(answers(small, *asked), answers(engine, *asked), strict=True)]
    assert equal[0]


def test_a_long_picture_is_not_shrunk_to_where_its_sides_are_taken_for_channels() -> None:
    long = ask("Why?", picture(3, (2000, 8)))
    assert conversation_of(long, "llava", OWN, 4000)
    with pytest.raises(EngineError, match=r"is too small: 353 x 1 pixels, shrunk from 2000 x 8. Expected at least 4 o"):
        conversation_of(long, "llava", OWN, 500)


def test_a_bound_below_one_pixel(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"--vlm-max-pixels: not a picture \(0\). Expected 1 or more"):
        TransformersEngine(str(folder), EngineSettings(device="cpu", max_pixels=0)).check()


def test_stop_strings_are_part_of_what_is_asked() -> None:
    digests = {ask("Why?", stop=stop).digest("") for stop in ((), ("a",), ("a", "b"))}
    assert len(digests) == 3
    assert Generation().stop == ()
