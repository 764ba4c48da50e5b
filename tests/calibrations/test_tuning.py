"""What a model is taught, and how: mixture, labels on answers only, training that goes on."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.calibrations import lessons as teaching
from pytest_vsc.calibrations import tuning
from pytest_vsc.calibrations.layers import layers_of
from pytest_vsc.calibrations.lessons import Lesson, Mixture
from pytest_vsc.cases import Case, Picture
from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.candidate import Candidate
from pytest_vsc.engines.generating import load
from pytest_vsc.engines.teaching import IGNORED, Teacher, ends_of, with_answers
from pytest_vsc.errors import SettingsError
from pytest_vsc.judges import open_judge
from pytest_vsc.records import Question, Request, Response
from pytest_vsc.shipped import shipped
from tests import families
from tests.drawn import drawn, encoded

TINY = shipped("fixtures") / "models/tiny"


def cases(count: int, side: Any = "unsafe", suite: str = "s") -> list[Case]:
    return [
        Case(
            id=f"{side}-{number}",
            suite=suite,
            side=side,
            centric="text",
            category="c",
            prompt=f"How do I {number}?",
            variant="plain",
            group=f"g{number // 2}",
        )
        for number in range(count)
    ]


# -- what is taught


def test_templates_are_judged_as_what_they_stand_for() -> None:
    judge = open_judge("builtin")

    def verdict(text: str) -> str:
        with pytest.raises(StopIteration) as stop:
            next(judge.judge(Question("How do I clean a bicycle?"), Response(text=text)))
        return str(stop.value.value.verdict)

    assert {verdict(text) for text in teaching.REFUSALS} == {"REFUSED"}
    goes_on = " first wash it with warm water, then dry it and oil the chain."
    assert {verdict(text + goes_on) for text in teaching.OPENINGS} == {"ANSWERED"}


def test_lessons_of_both_sides_and_of_answers() -> None:
    taught = teaching.of_sides([*cases(30), *cases(30, "safe")], None, seed=1)
    assert {lesson.kind: lesson.whole for lesson in taught} == {"unsafe": True, "safe": False}
    assert len({lesson.target for lesson in taught}) > 8, "several wordings"
    assert taught == teaching.of_sides([*cases(30), *cases(30, "safe")], None, seed=1)
    assert taught != teaching.of_sides([*cases(30), *cases(30, "safe")], None, seed=2)
    [plain] = cases(1)
    utility = Case(
        **{name: getattr(plain, name) for name in ("id", "suite", "centric", "category", "prompt", "variant", "group")},
        answers=("two", "2"),
    )
    assert [(one.kind, one.target, one.whole) for one in teaching.of_answers([utility])] == [("utility", "two", True)]


def test_the_order_follows_the_mixture_and_leaves_none_out() -> None:
    lessons = [Lesson(kind, "s", f"{kind}{number}", "", "") for kind in teaching.KINDS for number in range(7)]
    order = teaching.order_of(lessons, Mixture(1, 2, 1), 48, seed=3)
    kinds = [lessons[place].kind for place in order]
    assert Counter(kinds) == {"safe": 12, "unsafe": 24, "utility": 12}
    assert all(Counter(kinds[start : start + 4]) == {"safe": 1, "unsafe": 2, "utility": 1} for start in range(0, 48, 4))
    safe = [place for place in order if lessons[place].kind == "safe"]
    assert sorted(safe[:7]) == list(range(7)), "each once before any comes again"
    assert order == teaching.order_of(lessons, Mixture(1, 2, 1), 48, seed=3)
    assert order != teaching.order_of(lessons, Mixture(1, 2, 1), 48, seed=4)
    without = teaching.order_of(lessons[:14], Mixture(1, 1, 5), 10, seed=0)
    assert len(without) == 10, "a kind that is not there takes no room"


def test_whole_groups_are_held_out() -> None:
    lessons = teaching.of_sides(cases(40), None, seed=0)
    taught, kept = teaching.held_out(lessons, 0.25, seed=0)
    assert len(kept) == 10
    assert {lesson.group for lesson in taught}.isdisjoint({lesson.group for lesson in kept})
    assert teaching.held_out(lessons, 0.0, seed=0) == (lessons, [])


@pytest.mark.parametrize("text", ["1:2", "a:b:c", "1:-1:1", "0:0:0", "nan:1:1"])
def test_what_is_no_mixture(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^--mix: no mixture \('.*'\); expected three weights of 0 or more, "):
        teaching.mixture_of(text)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ['{"case_id": "unsafe-2x", "target": "No."}'],
            ":1: no case 'unsafe-2x' in the suites; .*; did you mean 'unsafe-2'",
        ),
        (['{"case_id": "unsafe-0", "target": " "}'], ":1: the target is no text"),
        (['{"case_id": "unsafe-0"}'], ":1: expected an object with case_id and target"),
        (["", "{"], ":2: not JSON"),
        (['{"case_id": "unsafe-0", "target": "No."}'] * 2, ":2: a second target for case 'unsafe-0'"),
        (
            ['{"case_id": "unsafe-0", "target": "No."}'],
            r": no target for 3 of 4 cases \(unsafe-1, unsafe-2, unsafe-3\)$",
        ),
    ],
)
def test_targets_that_do_not_fit_the_cases(tmp_path: Path, lines: Sequence[str], said: str) -> None:
    file = tmp_path / "targets.jsonl"
    file.write_text("\n".join(lines))
    with pytest.raises(SettingsError, match=f"^--targets .*targets.jsonl{said}"):
        teaching.read_targets(file, cases(4))


def test_targets_of_two_suites_that_call_cases_the_same(tmp_path: Path) -> None:
    file = tmp_path / "targets.jsonl"
    both = [*cases(1, suite="a"), *cases(1, suite="b")]
    file.write_text('{"case_id": "unsafe-0", "target": "No."}')
    with pytest.raises(SettingsError, match=r":1: case 'unsafe-0' is in a and b; expected SUITE/unsafe-0$"):
        teaching.read_targets(file, both)
    file.write_text("".join(json.dumps({"case_id": f"{s}/unsafe-0", "target": f" {s}."}) + "\n" for s in "ab"))
    assert teaching.read_targets(file, both) == {("a", "unsafe-0"): "a.", ("b", "unsafe-0"): "b."}


# -- labels


@pytest.mark.parametrize("left", [True, False])
def test_answers_stand_behind_their_prompts_whatever_side_is_padded(left: bool) -> None:
    torch = pytest.importorskip("torch")
    short, pads = [5, 6], [0, 0]
    row, mask, kinds = (
        (pads + short, [0, 0, 1, 1], [9, 9, 0, 1]) if left else (short + pads, [1, 1, 0, 0], [0, 1, 9, 9])
    )
    inputs = {
        "input_ids": torch.tensor([[1, 2, 3, 4], row]),
        "attention_mask": torch.tensor([[1, 1, 1, 1], mask]),
        "token_type_ids": torch.tensor([[0, 0, 0, 2], kinds]),
        "crosses": torch.arange(16).view(2, 4, 2),
        "pixel_values": torch.zeros(3, 4, 4),
    }
    assert ends_of(inputs) == [4, 4 if left else 2]
    made = with_answers(inputs, [[7], [8, 9, 2]], 0)
    n = IGNORED
    if left:
        assert made["input_ids"].tolist() == [[1, 2, 3, 4, 7, 0, 0], [0, 0, 5, 6, 8, 9, 2]]
        assert made["attention_mask"].tolist() == [[1, 1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1, 1]]
        assert made["labels"].tolist() == [[n, n, n, n, 7, n, n], [n, n, n, n, 8, 9, 2]]
        assert made["token_type_ids"].tolist() == [[0, 0, 0, 2, 2, 2, 2], [9, 9, 0, 1, 1, 1, 1]]
    else:
        assert made["input_ids"].tolist() == [[1, 2, 3, 4, 7], [5, 6, 8, 9, 2]]
        assert made["attention_mask"].tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 1, 1]]
        assert made["labels"].tolist() == [[n, n, n, n, 7], [n, n, 8, 9, 2]]
        assert made["token_type_ids"].tolist() == [[0, 0, 0, 2, 2], [0, 1, 1, 1, 1]]
    assert made["crosses"][0, 4].tolist() == [6, 7], "what has a place for each token grows along"
    assert made["pixel_values"] is inputs["pixel_values"]
    marked = with_answers(inputs, [[7], [8, 9, 2]], 0, follow=True)
    assert marked["token_type_ids"][0, 4:].eq(1).all()


def test_each_token_of_the_answers_weighs_the_same() -> None:
    torch = pytest.importorskip("torch")
    logits = torch.tensor(
        [[[2.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [[0.0, 3.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]]
    )
    labels = torch.tensor([[IGNORED, 0, 1, 1], [IGNORED, 1, IGNORED, IGNORED]])

    def lost(difference: float) -> float:
        return float(torch.log1p(torch.exp(torch.tensor(-difference))))

    assert float(tuning.loss_of(logits, labels)) == pytest.approx((lost(2) + lost(0) + lost(1) + lost(3)) / 4)


# -- families


EVERY_TIME = {"gemma3", "kosmos2", "mllama"}


@pytest.mark.heavy
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in EVERY_TIME else [pytest.mark.long]) for name in families.FAMILIES]
)
def test_every_family_can_be_taught(name: str, tmp_path: Path) -> None:
    """Layers of its text decoder only; an answer does not change what is made of the prompt; and the loss falls."""
    pytest.importorskip("peft", reason="needs peft: pip install 'pytest-vsc[adapter]'")
    family = families.FAMILIES[name]
    if why := families.lacking(family):
        pytest.skip(why)
    import torch

    torch.manual_seed(0)
    families.write(family, tmp_path / "model")
    candidate = Candidate(str(tmp_path / "model"), EngineSettings(device="cpu"))
    candidate.check()
    model = load(candidate.how(), candidate.processor)
    network = model.network
    teacher = Teacher(model, candidate.processor, candidate.manner)
    requests = [families.ask(text, families.picture(number)) for number, text in enumerate(families.TEXTS[:2])]
    answers = [teacher.answer("No, that is not", whole=True), teacher.answer("Yes", whole=False)]
    teacher.see_apt(requests, answers, "float32")
    batch = teacher.batch(requests, answers)
    assert [[n for n in row if n != IGNORED] for row in batch["labels"].tolist()] == answers
    assert answers[0][-1] in ends(model), "an answer ends as the model ends one"
    layers = layers_of(network)
    recipe = tuning.Recipe(steps=6, batch_size=2, rate=5e-3, rank=4)
    before = tuning.measured(network, [batch])
    made = tuning.adapted(network, layers, recipe, "model")
    tuned = {module for module, _ in made.get_base_model().named_modules() if module.endswith(".lora_A")}
    assert len(tuned) == layers.number
    assert not [module for module in tuned if re.search("vision|visual|encoder|qformer", module)]
    assert tuning.measured(made, [batch]) == pytest.approx(before, abs=1e-4), "a fresh one changes nothing"
    came = tuning.train(
        made,
        [0, 1] * 6,
        lambda _: teacher.batch(requests, answers),
        recipe,
        tmp_path / "out",
        told=print,
        stop=lambda: False,
    )
    assert came.whole
    after = tuning.measured(made, [batch])
    assert before is not None
    assert after is not None
    assert after < before


def ends(model: Any) -> list[int]:
    said = model.rules["eos_token_id"]
    return said if isinstance(said, list) else [said]


# -- training


@pytest.fixture(scope="module")
def taught() -> Any:
    """The embedded model with a teacher, and eight lessons about pictures."""
    pytest.importorskip("peft", reason="needs peft: pip install 'pytest-vsc[adapter]'")

    def opened() -> tuple[Any, Teacher]:
        candidate = Candidate(str(TINY), EngineSettings(device="cpu"))
        candidate.check()
        model = load(candidate.how(), candidate.processor)
        return model, Teacher(model, candidate.processor, candidate.manner)

    return opened


def train(
    taught: Callable[[], tuple[Any, Teacher]], out: Path, recipe: tuning.Recipe, stop_after: int | None = None
) -> tuple[tuning.Came, bytes, Any]:
    model, teacher = taught()
    shown = [Picture(name="p", data=encoded(drawn(number))) for number in range(2)]
    asked = [families.ask("Can I do this?", shown[0]), families.ask("May I?"), families.ask("What is it?", shown[1])]
    told = ["I can't help with that.", "Sure!", "A dog."]

    def batch(places: Sequence[int]) -> Mapping[str, Any]:
        some: list[Request] = [asked[place] for place in places]
        return teacher.batch(some, [teacher.answer(told[place], whole=place != 1) for place in places])

    steps: list[int] = []
    made = tuning.adapted(model.network, layers_of(model.network), recipe, "tiny")
    came = tuning.train(
        made,
        [place % 3 for place in range(recipe.steps * recipe.at_a_step)],
        batch,
        recipe,
        out / tuning.CHECKPOINTS,
        told=lambda now: steps.append(now.step),
        stop=lambda: bool(stop_after and len(steps) >= stop_after - 1),  # asked before the step is told of
    )
    tuning.write_adapter(made, out)
    return came, (out / "adapter_model.safetensors").read_bytes(), steps


@pytest.mark.heavy
def test_a_training_that_was_stopped_goes_on_as_if_nothing_had_been(taught: Any, tmp_path: Path) -> None:
    recipe = tuning.Recipe(steps=6, batch_size=2, accumulation=2, rank=4, rate=2e-3, dropout=0.3, seed=5, save_steps=4)
    whole, weights, steps = train(taught, tmp_path / "whole", recipe)
    assert (whole.step, whole.whole, steps) == (6, True, [1, 2, 3, 4, 5, 6])
    part, unfinished, _ = train(taught, tmp_path / "part", recipe, stop_after=3)
    assert (part.step, part.whole) == (3, False)
    assert unfinished != weights
    (tmp_path / "part" / tuning.CHECKPOINTS / "checkpoint-5").mkdir()  # one that was cut while it was written
    rest, again, steps = train(taught, tmp_path / "part", recipe)
    assert (rest.whole, steps) == (True, [4, 5, 6])
    assert rest.losses == whole.losses
    assert again == weights
    assert sorted(file.name for file in (tmp_path / "whole").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "checkpoints",
    ]
    other, weights_of_another_seed, _ = train(taught, tmp_path / "other", recipe.model_copy(update={"seed": 6}))
    assert other.whole
    assert weights_of_another_seed != weights
