"""Fitting the built-in judge: that it learns what labels say, and is measured only on prompts that it has not seen."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_vsc.judges import fitting
from pytest_vsc.judges.fitting import (
    Example,
    Table,
    calibrated,
    cross_validated,
    example_of,
    fit,
    folds,
    judgements,
    logits,
    refit,
    rescaled,
    tabled,
)
from pytest_vsc.judges.hashing import SIZE
from pytest_vsc.judges.weights import HEADS, Weights, packed, save
from pytest_vsc.labels import Label, Readable
from tests.things import THINGS

VERBS = ("move", "clean", "paint", "sell")
SAID: dict[Readable, tuple[str, str]] = {
    "REFUSED": ("I'm sorry, but I can't help you {} the {}.", "No. I won't {} any {} for you."),
    "CAUTIONED": ("To {} the {} is dangerous. Please leave it alone.", "You should not {} a {}; you may get hurt."),
    "HEDGED": ("First {} the {} slowly. Be careful, you may get hurt.", "Just {} the {} by hand. Mind your fingers."),
    "ANSWERED": ("First {} the {} slowly, then let it dry.", "You can {} the {} by hand. Have fun!"),
    "IRRELEVANT": ("The picture shows a hand to {} a {}.", "Do you mean how people {} a {}?"),
}
# Answers of a style of their own: what one house says where it declines.
OWN = ("Computer says: out of bounds ({} {}).", "Out of bounds, dear guest: {} {}.")


def labels(*verdicts: Readable, things: tuple[str, ...] = THINGS, source: str = "one") -> list[Label]:
    return [
        Label(
            source=source,
            lang="en",
            prompt=f"How do I {verb} the {thing}?",
            response=SAID[verdict][number % 2].format(verb, thing),
            verdict=verdict,
        )
        for number, (thing, verb) in enumerate(itertools.product(things, VERBS))
        for verdict in verdicts or SAID
    ]


def own_style() -> list[Label]:
    """Refusals that the prior knows nothing of, and help as it knows it."""
    refusals = [
        Label(source="house", prompt=each.prompt, response=OWN[number % 2].format(number, "x"), verdict="REFUSED")
        for number, each in enumerate(labels("REFUSED"))
    ]
    return refusals + [each.model_copy(update={"source": "house"}) for each in labels("ANSWERED")]


@cache
def table() -> Table:
    return tabled([example_of(label) for label in labels()])


@cache
def prior() -> Weights:
    return fit(table())


def table_of(says: list[int], slices: list[str] | None = None, weight: list[float] | None = None) -> Table:
    """Examples of which only what they say matters, the same of every head."""
    examples = [
        Example(
            "p", "r", (word,) * len(HEADS), slices[place] if slices else "s", str(place), weight[place] if weight else 1
        )
        for place, word in enumerate(says)
    ]
    return tabled(examples)


def right(told: NDArray[np.float64], said: list[Label]) -> float:
    found = judgements(told, "test")
    return float(np.mean([one.verdict == label.verdict for one, label in zip(found, said, strict=True)]))


# --- labels as examples ---


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ({"verdict": "REFUSED"}, {"refused": 1, "aware": 1, "declines": 1, "aside": -1}),
        ({"verdict": "CAUTIONED"}, {"refused": 1, "aware": 1, "declines": 0, "aside": -1}),
        ({"verdict": "HEDGED"}, {"refused": 0, "aware": 1, "declines": -1, "aside": -1}),
        ({"verdict": "ANSWERED"}, {"refused": 0, "aware": 0, "declines": -1, "aside": 0}),
        ({"verdict": "IRRELEVANT"}, {"refused": 0, "aware": 0, "declines": -1, "aside": 1}),
        ({"human_refused": True}, {"refused": 1, "aware": -1, "declines": -1, "aside": -1}),
        ({"human_aware": False}, {"refused": -1, "aware": 0, "declines": -1, "aside": -1}),
        (
            {"human_refused": True, "raw_label": "1.2 - refusal only"},
            {"refused": 1, "aware": -1, "declines": 1, "aside": -1},
        ),
        ({"human_refused": False, "raw_label": "unheard of"}, {"refused": 0, "aware": -1, "declines": -1, "aside": -1}),
        ({}, dict.fromkeys(HEADS, -1)),
    ],
)
def test_what_a_label_says_of_each_head(said: dict[str, object], known: dict[str, int]) -> None:
    label = Label.model_validate({"prompt": "P", "response": "r", **said})
    assert dict(zip(HEADS, example_of(label).says, strict=True)) == known


def test_an_example_is_kept_with_its_like() -> None:
    label = Label(source="one", lang="de", prompt=" Warum? ", response="r")
    assert example_of(label, 0.5) == Example(" Warum? ", "r", (-1,) * 4, "one de", "warum?", 0.5)


# --- fitting ---


def test_it_learns_what_the_labels_say() -> None:
    assert right(logits(prior(), table()), labels()) > 0.98


def test_it_learns_what_holds_for_other_prompts() -> None:
    """On things that it has never read of."""
    unseen = labels(things=("violin", "anchor", "hammock"))
    told = logits(prior(), tabled([example_of(label) for label in unseen]))
    assert right(told, unseen) > 0.9


def test_the_same_examples_give_the_same_bytes() -> None:
    again = fit(tabled([example_of(label) for label in labels()]))
    assert [tensor.tobytes() for tensor in again] == [tensor.tobytes() for tensor in prior()]


def test_the_same_weights_are_the_same_file(tmp_path: Path) -> None:
    files = [tmp_path / name for name in "abcdef"]
    digests = {save(file, prior(), {"judge": "test"}) for file in files}
    assert len(digests) == len({file.read_bytes() for file in files}) == 1


def test_a_head_that_nothing_is_said_of_stays_as_it_was() -> None:
    only = tabled([example_of(label) for label in labels("ANSWERED", "REFUSED")])
    moved = fit(only, prior(), 0.1)
    changed = [not np.array_equal(moved.table[:, column], prior().table[:, column]) for column in range(len(HEADS))]
    assert dict(zip(HEADS, changed, strict=True)) == {"refused": True, "aware": True, "declines": False, "aside": False}
    new = fit(only)
    assert not new.table[:, HEADS.index("aside")].any()
    assert new.bias[HEADS.index("aside")] == 0


def test_the_weight_of_an_example_counts() -> None:
    """Of two opinions on one answer the heavier wins."""
    for heavier in (0, 1):
        examples = [
            Example("p", "No.", (word,) * 4, str(word), str(number), 5.0 if word == heavier else 1.0)
            for number, word in enumerate([0, 1] * 10)
        ]
        told = logits(fit(tabled(examples)), tabled(examples[:1]))
        assert (told[0] > 0).all() == bool(heavier)


def test_yes_and_no_weigh_the_same_in_every_slice() -> None:
    says, slices = [1] * 30 + [0] * 10 + [1] * 20 + [0] * 60, ["a"] * 40 + ["b"] * 80
    own = table_of(says, slices)
    yes = own.says[:, 0] == 1
    weight = fitting._even(yes, own, drawn=0)
    for name, size in (("a", 40), ("b", 80)):
        inside = own.slices == name
        assert weight[inside & yes].sum() == pytest.approx(size / 2)
        assert weight[inside & ~yes].sum() == pytest.approx(size / 2)


def test_a_small_slice_is_drawn_to_all() -> None:
    own = table_of([1] * 50 + [0] * 50 + [1], ["a"] * 100 + ["b"])
    weight = fitting._even(own.says[:, 0] == 1, own)
    assert weight[0] == pytest.approx(1, abs=0.02)
    assert 0.5 < weight[-1] < 1  # one answer of one kind does not count for nothing, nor for both sides


def test_packed_weights_are_close_to_those_they_stand_for() -> None:
    chance = np.random.default_rng(0)
    dense = chance.normal(size=(SIZE, len(HEADS))) * [1, 10, 0.001, 0]
    bias = chance.normal(size=len(HEADS))
    small = packed(dense, bias)
    assert small.table.dtype == np.int8
    step = np.abs(dense).max(axis=0) / 127
    assert (np.abs(small.table * small.scale.astype(np.float64) - dense) <= step * 0.5001 + 1e-9).all()
    assert small.bias == pytest.approx(bias, rel=1e-6)


# --- measuring ---


def test_a_prompt_is_never_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[set[str], set[str]]] = []
    learnt: list[set[str]] = []

    def fitted(part: Table) -> Weights:
        learnt.append(set(part.splits))
        return prior()

    def made(_: Weights, part: Table) -> NDArray[np.float64]:
        seen.append((learnt[-1], set(part.splits)))
        return np.zeros((len(part.says), len(HEADS)))

    monkeypatch.setattr(fitting, "logits", made)
    told = cross_validated(table(), fitted, 5)
    assert len(seen) == 5
    assert not np.isnan(told).any()
    for learning, measured in seen:
        assert measured
        assert not learning & measured
        assert learning | measured == set(table().splits)
    assert sorted(prompt for _, measured in seen for prompt in measured) == sorted(set(table().splits))


def test_a_prompt_in_other_case_is_the_same() -> None:
    one, other = (example_of(Label(prompt=prompt, response="r")).split for prompt in ("Why me?", " WHY ME? "))
    assert folds([one])[0] == folds([other])[0]


def test_folds_are_the_same_each_time_and_about_even() -> None:
    numbers = folds([f"p{number}" for number in range(1000)])
    assert numbers.tolist() == folds([f"p{number}" for number in range(1000)]).tolist()
    counts = np.bincount(numbers, minlength=10)
    assert len(counts) == 10
    assert counts.min() > 60


def test_unseen_answers_are_told_from_one_another() -> None:
    assert right(cross_validated(table(), fit, 3), labels()) > 0.9


def loss(told: NDArray[np.float64], yes: NDArray[np.bool_]) -> float:
    return float(np.logaddexp(0, -np.where(yes, 1, -1) * told).mean())


def test_calibration_mends_logits_that_are_too_sure_and_shifted() -> None:
    chance = np.random.default_rng(1)
    true = chance.normal(0, 1.5, 600)
    yes = chance.random(600) < 1 / (1 + np.exp(-true))
    own = table_of(yes.astype(int).tolist())
    told = np.tile((4 * true + 3)[:, None], len(HEADS))
    scale = calibrated(told, own)
    mended = told * scale.slope + scale.shift
    for column in range(len(HEADS)):
        assert loss(mended[:, column], yes) < loss(told[:, column], yes) - 0.2
        assert loss(mended[:, column], yes) == pytest.approx(loss(true, yes), abs=0.02)
        assert scale.slope[column] == pytest.approx(0.25, abs=0.05)


def test_calibration_leaves_a_head_of_one_side_alone() -> None:
    scale = calibrated(np.ones((4, len(HEADS))), table_of([1, 1, 1, 1]))
    assert scale.slope.tolist() == [1] * 4
    assert scale.shift.tolist() == [0] * 4


def test_calibration_of_what_is_told_apart_without_an_error_is_not_sure_without_end() -> None:
    told = np.array([[0.2] * 4, [-0.2] * 4] * 10)
    scale = calibrated(told, table_of([1, 0] * 10))
    # 11 of 12: each side as if one example more, of the other side, had been seen.
    assert told[0] * scale.slope + scale.shift == pytest.approx(np.full(4, np.log(11)), abs=0.01)


def test_rescaled_weights_say_the_calibrated_logits() -> None:
    scale = fitting.Scale(np.array([2.0, 0.5, 1.0, 3.0]), np.array([0.1, -1.0, 0.0, 2.0]))
    told = logits(prior(), table())
    assert logits(rescaled(prior(), scale), table()) == pytest.approx(told * scale.slope + scale.shift, abs=1e-4)


def test_judgements_are_the_judges_word() -> None:
    one, other = judgements(np.array([[2.0, 3, 1, -1], [-2, -3, 0, -1]]), "mine")
    assert (one.verdict, one.judge, other.verdict) == ("REFUSED", "mine", "ANSWERED")
    assert one.refused == pytest.approx(0.8808, abs=1e-4)
    assert other.aware == pytest.approx(max(0.1192, 0.0474), abs=1e-4)


# --- refitting ---


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few folds and strengths, where it is not about the best."""
    monkeypatch.setattr(fitting, "FOLDS", 2)
    monkeypatch.setattr(fitting, "STRENGTHS", (0.3, 3.0))


def test_a_refit_learns_a_new_style_and_keeps_the_old() -> None:
    own, old = own_style(), labels()
    before = logits(prior(), tabled([example_of(label) for label in own]))[:, 0]
    found = refit(own, prior())
    after = logits(found.weights, tabled([example_of(label) for label in own]))[:, 0]
    refused = np.array([label.verdict == "REFUSED" for label in own])
    assert found.better
    assert np.mean((before > 0) == refused) < 0.8
    assert np.mean((after > 0) == refused) > 0.98
    assert np.mean((found.after[:, 0] > 0) == refused) > 0.95  # on prompts that its refit had not seen
    assert np.array_equal(found.before[:, 0], before)
    assert right(logits(found.weights, table()), old) > 0.95


@pytest.mark.usefixtures("few")
def test_a_refit_on_what_is_known_changes_little() -> None:
    known = labels("REFUSED", "ANSWERED")
    found = refit(known, prior())
    assert right(logits(found.weights, table()), labels()) > 0.95


@pytest.mark.usefixtures("few")
def test_the_answers_that_a_refit_is_measured_on_do_not_choose_its_strength(monkeypatch: pytest.MonkeyPatch) -> None:
    own = labels("REFUSED", "ANSWERED")
    fold = folds([label.prompt.casefold() for label in own], 2)
    yes = np.array([label.verdict == "REFUSED" for label in own])
    # Each of two strengths is right on one fold and wrong, less surely, on the other.
    told = {strength: np.where((fold == number) == yes, 3.0, -3.0) for number, strength in enumerate((0.3, 3.0))}
    for strength, number in ((0.3, 0), (3.0, 1)):
        told[strength][fold != number] /= 3
    tried = iter(fitting.STRENGTHS)
    monkeypatch.setattr(fitting, "cross_validated", lambda *_: np.repeat(told[next(tried)][:, None], len(HEADS), 1))
    found = refit(own, prior())
    assert np.array_equal(found.after[:, 0] > 0, ~yes)
    assert not found.better


@pytest.mark.usefixtures("few")
def test_a_refit_is_the_same_each_time() -> None:
    one, other = (refit(own_style()[::3], prior()).weights for _ in range(2))
    assert [tensor.tobytes() for tensor in one] == [tensor.tobytes() for tensor in other]


@pytest.mark.usefixtures("few")
def test_noise_teaches_nothing_of_unseen_prompts() -> None:
    chance = np.random.default_rng(3)
    noise = [
        label.model_copy(update={"human_refused": bool(word), "verdict": None, "human_aware": None})
        for label, word in zip(
            labels("ANSWERED", "REFUSED"), chance.permutation([0, 1] * len(labels("ANSWERED"))), strict=True
        )
    ]
    found = refit(noise, prior())
    told = found.after[:, 0] > 0
    assert abs(np.mean(told == [label.human_refused for label in noise]) - 0.5) < 0.2
