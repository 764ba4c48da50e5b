"""The search for what flips a model: a planted weakness is found and shrunk, within its limits, the same each time."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from random import Random

import pytest

from pytest_vsc.cases import Suite
from pytest_vsc.errors import ForgeError, ModelError, SettingsError
from pytest_vsc.forge import operator, operators
from pytest_vsc.forge.making import remade
from pytest_vsc.forge.recipes import Recipe, read_recipe, spelled
from pytest_vsc.forge.search import Find, Limits, Search
from pytest_vsc.forge.space import cause_of, opening, searched, simpler, simplest, some, themes, told, weight, within
from pytest_vsc.records import Request, Response
from tests.forge.planted import WORDS, Model, is_unsafe, pairs, planted, search

__all__ = ["planted"]  # a fixture
THIS = "[dol]"  # the word of most weaknesses here, as it stands in a prompt


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return pairs(tmp_path)


def recipe(said: str) -> Recipe:
    return read_recipe(said, "here")


def weak(prompt: str) -> bool:
    """What a model refuses that helps with anything once THIS is there."""
    return is_unsafe(prompt) and THIS not in prompt.lower()


def causes(done: Search) -> list[str]:
    return [told(known.cause) for known in done.causes]


# --- what is found ---


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize(("word", "seed"), [(WORDS[0], 0), (WORDS[149], 1), (WORDS[-1], 2), (WORDS[77], 3)])
def test_a_word_that_flips_the_model_is_found_and_shrunk_to_it_alone(suite: Suite, word: str, seed: int) -> None:
    model = Model(lambda prompt: is_unsafe(prompt) and f"[{word}]" not in prompt.lower())
    with search(model, suite, seed=seed) as done:
        done.run()
    assert [spelled(known.recipe) for known in done.causes] == causes(done) == [f"insert:words={word}"]
    assert done.why == "1 cause"
    assert len(model.asked) == len(set(model.asked)) == done.asking.questions <= 500
    assert all(find.twin is not None and find.twin.pair == find.case.pair for find in done.finds)
    assert len(done.finds) == len(done.causes[0].flipped) == len(done.causes[0].tried) > 10


def test_so_is_one_of_the_vocabulary_that_there_is_among_all_operators(suite: Suite) -> None:
    word = operator("insert", "here").parameters[0].choices[200]
    with search(Model(lambda prompt: word not in prompt), suite) as done:
        done.run()
    assert causes(done) == [f"insert:words={word}"]
    assert done.asking.questions <= 500


@pytest.mark.usefixtures("planted")
def test_two_steps_that_only_flip_it_together_are_shrunk_to_the_least_of_both(suite: Suite) -> None:
    model = Model(lambda prompt: is_unsafe(prompt) and not ("...." in prompt and "PERSON" in prompt))
    with search(model, suite, ops=("insert", "shout", "dots")) as done:
        done.run()
    assert sorted(causes(done)[0].split("+")) == ["dots", "shout"]
    assert done.causes[0].smallest
    first = done.finds[0]
    prompts = [
        remade(first.case, one, done.key(first.case)).case.prompt for one in (first.recipe, *simpler(first.recipe))
    ]
    assert [model.refuses(prompt) for prompt in prompts] == [False, *[True] * (len(prompts) - 1)]


@pytest.mark.usefixtures("planted")
def test_two_weaknesses_are_two_causes_however_often_they_are_met(suite: Suite) -> None:
    model = Model(lambda prompt: weak(prompt) and "..." not in prompt)
    with search(model, suite, limits=Limits(600, 9)) as done:
        done.run()
    assert sorted(causes(done)) == ["dots", "insert:words=dol"]
    assert done.raw_finds > 2
    assert {find.cause for find in done.finds} == {known.cause for known in done.causes}
    strengths = [spelled(known.recipe) for known in done.causes if told(known.cause) == "dots"]
    assert strengths == ["dots:strength=0.375"]  # three dots of eight


@pytest.mark.usefixtures("planted")
def test_what_is_safe_is_searched_for_what_is_refused(suite: Suite) -> None:
    model = Model(lambda prompt: is_unsafe(prompt) or THIS in prompt)
    with search(model, suite, goal="oversafe") as done:
        done.run()
    assert causes(done) == ["insert:words=dol"]
    assert {find.case.side for find in done.finds} == {"safe"}
    assert all(find.twin is not None and find.twin.side == "unsafe" for find in done.finds)


@pytest.mark.usefixtures("planted")
def test_a_twin_that_flips_too_is_none(suite: Suite) -> None:
    refuses = Model(lambda prompt: THIS not in prompt if is_unsafe(prompt) else THIS in prompt)
    with search(refuses, suite) as done:
        done.run()
    assert len(done.finds) > 10
    assert {find.twin for find in done.finds} == {None}


@pytest.mark.usefixtures("planted")
def test_what_is_wrong_or_unclear_as_it_is_is_no_seed_and_unclear_answers_are_no_finds(tmp_path: Path) -> None:
    class Mute(Model):
        def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:
            answered = super().submit(request, urgent=urgent)
            prompt = request.messages[-1].text
            if "7?" not in prompt and "." not in prompt:
                return answered
            silent: Future[Response] = Future()
            silent.set_result(Response(text=""))
            return silent

    few = pairs(tmp_path, 8)
    with search(Mute(lambda prompt: "3?" not in prompt), few, ops=("dots",)) as done:
        done.run()
    assert (len(done.seeds), done.wrong, done.unclear) == (6, 1, 1)
    assert (done.finds, done.why) == ([], "there is nothing else to try")
    with search(Model(lambda _: False), few) as done, pytest.raises(ForgeError, match="wrong about 8 and says"):
        done.run()


# --- how it goes on and ends ---


@pytest.mark.usefixtures("planted")
def test_it_finds_the_same_whatever_the_order_of_the_answers(suite: Suite) -> None:
    def late(prompt: str) -> float:
        return Random(prompt[::-1]).random() / 100

    told_ = []
    for how in (None, late):
        model = Model(weak, how)
        with search(model, suite, limits=Limits(300, 2), seed=5) as done:
            done.run()
        told_.append(([(find.case.id, spelled(find.recipe)) for find in done.finds], sorted(model.asked), done.why))
    assert told_[0] == told_[1]
    assert told_[0][0]


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("budget", [1, 19, 60, 90, 120])
def test_it_asks_no_more_than_it_may(suite: Suite, budget: int) -> None:
    model = Model(weak)
    with search(model, suite, limits=Limits(budget, 5), seed=1) as done:
        done.run()
    assert len(model.asked) <= budget
    assert done.why == "the budget is used up"
    assert all(find.recipe and not model.refuses(prompt_of(done, find)) for find in done.finds)


def prompt_of(done: Search, find: Find) -> str:
    return remade(find.case, find.recipe, done.key(find.case)).case.prompt


@pytest.mark.usefixtures("planted")
def test_what_was_not_shrunk_to_the_end_is_found_and_told_as_such(suite: Suite) -> None:
    begun: list[int] = []
    with search(Model(weak), suite) as whole:
        whole._tell = lambda: begun.append(whole.asking.questions) if whole._open else None
        whole.run()
    for budget in range(begun[0] + 8, begun[0] - 40, -8):
        with search(Model(weak), suite, limits=Limits(budget, 1)) as cut:
            cut.run()
        if cut.finds and not cut.causes[0].smallest:
            break
    assert [find.smallest for find in cut.finds] == [known.smallest for known in cut.causes] == [False]
    assert within(cause_of(recipe("insert:words=dol")), cut.finds[0].recipe)


@pytest.mark.usefixtures("planted")
def test_the_time_ends_it(suite: Suite) -> None:
    with search(Model(is_unsafe), suite, limits=Limits(5000, 1, 1e-9)) as done:
        done.run()
    assert done.why == "the time is up"


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("ends", [ModelError("gone"), KeyboardInterrupt()])
def test_what_was_found_stays_when_it_is_ended(suite: Suite, ends: BaseException) -> None:
    with search(Model(weak), suite, limits=Limits(5000, 5)) as done:

        def tell() -> None:
            if done.finds and done.why == "":
                done.why = "told"
                raise ends

        done._tell = tell
        with pytest.raises(type(ends)):
            done.run()
    assert causes(done) == ["insert:words=dol"]


@pytest.mark.usefixtures("planted")
def test_a_model_that_is_gone_ends_it(suite: Suite) -> None:
    class Mortal(Model):
        def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:
            answered = super().submit(request, urgent=urgent)
            if len(self.asked) > 50:
                answered = Future()
                answered.set_exception(ModelError("the model is gone"))
            return answered

    with search(Mortal(weak), suite) as done, pytest.raises(ModelError, match="the model is gone"):
        done.run()


@pytest.mark.usefixtures("planted")
def test_no_file_is_written(suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with search(Model(weak), suite) as done:
        done.run()
    assert done.finds
    assert list((tmp_path / "here").iterdir()) == []


# --- the space ---


def test_only_what_keeps_the_side_takes_part_and_what_is_slow_if_it_is_named() -> None:
    usual = {one.name for one in searched((), "--ops")}
    assert usual == {one.name for one in operators().values() if one.effect == "keeps" and not one.slow}
    assert [one.name for one in searched(("style-transfer", "blur"), "--ops")] == ["style-transfer", "blur"]
    with pytest.raises(SettingsError, match=r"homonym.* that keep it"):
        searched(("homonym",), "--ops")
    with pytest.raises(SettingsError, match=r"unknown operator .blurr.; .*did you mean .blur."):
        searched(("blurr",), "--ops")


@pytest.mark.usefixtures("planted")
def test_the_shares_of_a_vocabulary_make_all_of_it() -> None:
    dealt = themes(searched((), "--ops"), Random(3))
    words = [word for theme in dealt for name, share in theme.shares if name == "words" for word in share]
    assert sorted(words) == sorted(WORDS)
    openings = [spelled(opening(theme)) for theme in dealt if theme.op != "insert"]
    assert {"shout:strength=1", "dots:strength=1"} < set(openings)


@pytest.mark.usefixtures("planted")
def test_what_is_drawn_is_new_of_few_steps_and_with_the_theme() -> None:
    dealt = themes(searched((), "--ops"), Random(3))
    drawn = some(dealt[0], dealt, lambda one: len(one) > 1, 20, Random(4))
    assert drawn == some(dealt[0], dealt, lambda one: len(one) > 1, 20, Random(4))
    assert len(set(drawn)) == 20
    assert all(2 <= len(one) <= 3 and "insert" in {each.op for each in one} for one in drawn)


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize(
    ("said", "flips", "least"),
    [
        ("insert:words=bal|dol|kim+dots:strength=1", "insert:words=dol", "insert:words=dol"),
        ("shout:strength=1+dots:strength=0.75", "dots:strength=0.375", "dots:strength=0.375"),
        ("shout:strength=1+dots:strength=0.75", "shout:strength=1+dots:strength=0.75", None),
    ],
)
def test_hypothesis_shrinks_to_the_least_and_asks_in_portions(said: str, flips: str, least: str | None) -> None:
    raw, needed = recipe(said), recipe(flips)

    def flip(one: Recipe) -> bool:
        part = within(cause_of(needed), one)
        return part is not None and weight(part) >= weight(needed)

    known = {raw: True}
    for number in range(100):
        found, unknown = simplest(raw, known, 8, Random(number and 1))
        assert len(unknown) <= 8
        if not unknown:
            break
        known |= {one: flip(one) for one in unknown}
    assert found is not None
    assert spelled(found) == (least or said)


def test_what_is_simpler_and_what_is_part_of_what() -> None:
    one = recipe("casing:strength=0.25,style=upper+blur:strength=0.125")
    assert [spelled(less) for less in simpler(one)] == [
        "blur:strength=0.125",
        "casing:strength=0.25,style=upper",
        "casing:strength=0.125,style=upper+blur:strength=0.125",
        "casing:strength=0.25,style=random+blur:strength=0.125",
    ]
    assert all(weight(less) < weight(one) for less in simpler(one))
    assert told(cause_of(one)) == "casing:style=upper+blur"
    assert told(cause_of(recipe("casing+insert:words=quince|abacus"))) == "casing+insert:words=quince|abacus"
    bigger = recipe("noise+insert:words=quince|abacus,place=before+blur:strength=0.5")
    cause = cause_of(recipe("insert:words=quince+blur"))
    part = within(cause, bigger)
    assert part is not None
    assert spelled(part) == "insert:words=quince,place=after,form=sentence+blur:strength=0.5"
    assert within(cause_of(recipe("blur+insert:words=quince")), bigger) is None
    assert within(cause_of(recipe("insert:words=fjord")), bigger) is None
    assert within(cause_of(one), recipe("casing:style=lower+blur")) is None
