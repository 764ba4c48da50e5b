"""The card of a judge: its counts, shares and intervals, and what becomes of a judge that cannot tell."""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vsc.cards import Card, Figures, LabelsSeen, measure, measures, opinions, says
from pytest_vsc.intervals import wilson
from pytest_vsc.labels import READABLE, Label
from pytest_vsc.records import VERDICTS, Judgement, Verdict

SEEN = LabelsSeen(file="labels.jsonl", sha256="0", rows=0)


def label(refused: bool | None, aware: bool | None = None, prompt: str = "p", **fields: str) -> Label:
    return Label(prompt=prompt, response="r", human_refused=refused, human_aware=aware, **fields)


def judgement(verdict: Verdict, refused: float | None = None, aware: float | None = None) -> Judgement:
    return Judgement(verdict=verdict, judge="j", refused=refused, aware=aware)


def card_of(rows: Iterable[tuple[Label, Judgement]]) -> Card:
    held = list(rows)
    return measure(
        [row[0] for row in held], [row[1] for row in held], judge="j", identity="j 1", seen=SEEN, how="by hand"
    )


def counts(figures: Figures | None) -> tuple[int, ...]:
    assert figures is not None
    return (
        figures.true_positive,
        figures.false_negative,
        figures.true_negative,
        figures.false_positive,
        figures.undecided,
    )


@pytest.mark.parametrize("verdict", VERDICTS)
def test_what_a_verdict_says_of_both_questions(verdict: Verdict) -> None:
    said = (says(judgement(verdict), "refused"), says(judgement(verdict), "aware"))
    by_verdict: dict[Verdict, tuple[bool, bool]] = {
        "REFUSED": (True, True),
        "CAUTIONED": (True, True),
        "HEDGED": (False, True),
        "ANSWERED": (False, False),
        "IRRELEVANT": (False, False),
    }
    assert said == by_verdict.get(verdict, (None, None))


def test_probabilities_go_before_the_verdict() -> None:
    both = judgement("REFUSED", refused=0.49, aware=0.5)
    assert (says(both, "refused"), says(both, "aware")) == (False, True)
    assert says(judgement("TRUNCATED", refused=0.9), "refused") is True


def test_a_panel_is_known_by_its_verdict() -> None:
    """Its probability is that of the members which have one."""
    said = (judgement("REFUSED", refused=0.95), judgement("ANSWERED"), judgement("ANSWERED"))
    expected: dict[Verdict, bool | None] = {"ANSWERED": False, "REFUSED": True, "ERROR": None}
    for verdict, word in expected.items():
        panel = judgement(verdict, refused=0.95).model_copy(update={"opinions": said})
        assert says(panel, "refused") is word


def test_the_shares() -> None:
    rows = [(label(True, prompt=f"a{number}"), judgement("REFUSED")) for number in range(8)]
    rows += [(label(True, prompt=f"b{number}"), judgement("ANSWERED")) for number in range(2)]
    rows += [(label(False, prompt=f"c{number}"), judgement("HEDGED")) for number in range(15)]
    rows += [(label(False, prompt=f"d{number}"), judgement("CAUTIONED")) for number in range(5)]
    figures = measures(rows).refused
    assert figures is not None
    assert counts(figures) == (8, 2, 15, 5, 0)
    shares = (figures.sensitivity, figures.specificity, figures.accuracy, figures.balanced_accuracy)
    assert shares == pytest.approx((0.8, 0.75, 23 / 30, 0.775))
    low_a, high_a = figures.intervals["sensitivity"]
    low_b, high_b = figures.intervals["specificity"]
    assert (low_a, high_a) == pytest.approx(wilson(8, 10))
    assert (low_b, high_b) == pytest.approx(wilson(15, 20))
    low, high = figures.intervals["balanced_accuracy"]
    assert low == pytest.approx(0.775 - ((0.8 - low_a) ** 2 + (0.75 - low_b) ** 2) ** 0.5 / 2)
    assert high == pytest.approx(0.775 + ((high_a - 0.8) ** 2 + (high_b - 0.75) ** 2) ** 0.5 / 2)


def test_what_a_judge_could_tell_is_a_share_of_its_own() -> None:
    """In a run that which it could not tell is INVALID, and nobody's error."""
    rows = [(label(True, prompt=f"a{number}"), judgement("REFUSED")) for number in range(8)]
    rows += [(label(True, prompt=f"b{number}"), judgement("ERROR")) for number in range(2)]
    rows += [(label(False, prompt=f"c{number}"), judgement("ANSWERED")) for number in range(15)]
    rows += [(label(False, prompt=f"d{number}"), judgement("REFUSED")) for number in range(5)]
    rows += [(label(False, prompt=f"e{number}"), judgement("TRUNCATED")) for number in range(10)]
    figures = measures(rows).refused
    assert figures is not None
    assert (figures.sensitivity, figures.specificity) == (0.8, 0.5)
    assert (figures.told("sensitivity"), figures.told("specificity")) == ((1.0, 8.0), (0.75, 20.0))


def test_answers_to_one_prompt_tell_as_much_as_one() -> None:
    """Kish: 4 + 1 + 1 answers, squared, over 16 + 1 + 1; what could not be told is no answer."""
    rows = [(label(True, prompt=prompt), judgement("REFUSED")) for prompt in "aaaabc"]
    rows += [(label(True, prompt="b"), judgement("ERROR")), (label(False, prompt="a"), judgement("ERROR"))]
    figures = measures(rows).refused
    assert figures is not None
    assert figures.independent == {"sensitivity": pytest.approx(36 / 18)}
    assert figures.told("sensitivity") == pytest.approx((1, 2))
    assert figures.told("specificity") is None


def test_a_card_without_sizes_takes_answers_for_independent() -> None:
    old = Figures(
        n=30, undecided=3, undecided_positive=1, true_positive=8, false_negative=2, true_negative=15, false_positive=5
    )
    assert (old.told("sensitivity"), old.told("specificity")) == ((8 / 9, 9.0), (15 / 18, 18.0))


@pytest.mark.parametrize("verdict", [verdict for verdict in VERDICTS if verdict not in READABLE])
def test_a_judge_that_cannot_tell_is_wrong_and_not_left_out(verdict: Verdict) -> None:
    rows = [(label(True), judgement(verdict)), (label(False), judgement(verdict)), (label(True), judgement("REFUSED"))]
    figures = measures(rows).refused
    assert figures is not None
    assert counts(figures) == (1, 1, 0, 1, 2)
    assert (figures.n, figures.undecided_positive, figures.sensitivity, figures.specificity) == (3, 1, 0.5, 0.0)


def test_rows_without_a_label_are_left_out_of_that_question_only() -> None:
    found = measures([(label(True, None), judgement("REFUSED")), (label(None, False), judgement("ANSWERED"))])
    assert counts(found.refused) == (1, 0, 0, 0, 0)
    assert counts(found.aware) == (0, 0, 1, 0, 0)
    assert measures([(label(None), judgement("REFUSED"))]).model_dump() == {"refused": None, "aware": None}


def test_a_class_without_answers_has_no_share() -> None:
    figures = measures([(label(True), judgement("REFUSED"))]).refused
    assert figures is not None
    assert (figures.sensitivity, figures.accuracy) == (1, 1)
    assert (figures.specificity, figures.balanced_accuracy) == (None, None)
    assert set(figures.intervals) == {"sensitivity", "accuracy"}


def test_slices_and_the_form_in_json() -> None:
    rows = [
        (label(True, True, source="one", model="m", lang="de"), judgement("REFUSED")),
        (label(False, False, source="two", model="m"), judgement("REFUSED")),
    ]
    card = card_of(rows)
    assert (list(card.sources), list(card.models), list(card.languages)) == (["one", "two"], ["m"], ["(none)", "de"])
    said = json.loads(card.model_dump_json())
    assert {"n", "accuracy", "balanced_accuracy", "sensitivity", "specificity"} <= said["sources"]["one"][
        "aware"
    ].keys()
    assert said["sources"]["two"]["refused"]["specificity"] == 0
    assert (said["format"], said["how"], said["shift"]) == (1, "by hand", {})
    assert said["models"]["m"]["refused"]["intervals"]["accuracy"] == pytest.approx(wilson(1, 1 + 1)[0:2], abs=0.5)
    assert Card.model_validate_json(card.model_dump_json()) == card


def test_labels_and_judgements_must_go_together() -> None:
    with pytest.raises(ValueError, match="shorter"):
        measure([label(True)], [], judge="j", identity="j", seen=SEEN)


ROWS = st.lists(
    st.tuples(
        st.builds(label, st.sampled_from([True, False, None]), st.none(), st.sampled_from("pqr")),
        st.builds(judgement, st.sampled_from(VERDICTS), st.one_of(st.none(), st.floats(0, 1))),
    ),
    min_size=1,
)


@given(ROWS)
def test_the_counts_add_up(rows: list[tuple[Label, Judgement]]) -> None:
    figures = measures(rows).refused
    with_label = [row for row in rows if row[0].human_refused is not None]
    if figures is None:
        assert not with_label
        return
    *four, undecided = counts(figures)
    assert sum(four) == figures.n == len(with_label)
    assert undecided <= figures.false_negative + figures.false_positive
    assert figures.undecided_positive <= figures.false_negative
    for name, (low, high) in figures.intervals.items():
        assert 0 <= low <= getattr(figures, name) + 1e-12
        assert getattr(figures, name) <= high + 1e-12 <= 1 + 1e-12


def test_answers_to_one_prompt_widen_the_interval() -> None:
    """The same answers, of 40 prompts or of 8: what a judge does to one answer it likely does to its like."""
    right = [place % 8 != 0 for place in range(40)]
    apart = measures([(label(True, prompt=f"{place}"), word(one)) for place, one in enumerate(right)]).refused
    joined = measures([(label(True, prompt=f"{place % 8}"), word(one)) for place, one in enumerate(right)]).refused
    assert apart is not None
    assert joined is not None
    assert apart.sensitivity == joined.sensitivity
    assert width(joined) > 1.5 * width(apart)


def word(said: bool) -> Judgement:
    return judgement("REFUSED" if said else "ANSWERED")


def width(figures: Figures, name: str = "sensitivity") -> float:
    low, high = figures.intervals[name]
    return high - low


def test_the_interval_of_balanced_accuracy_holds_its_level() -> None:
    """Prompts whose refusals and answers are hard together, so that both halves are off in the same runs."""
    random = np.random.default_rng(3)
    hits = 0
    for _ in range(400):
        shares = random.beta(8, 2, 80)
        rows = [
            (label(truth, prompt=f"{prompt}"), word(truth is bool(random.random() < share)))
            for prompt, share in enumerate(shares)
            for truth in (True, False, True, False)
        ]
        figures = measures(rows).refused
        assert figures is not None
        low, high = figures.intervals["balanced_accuracy"]
        hits += low <= 0.8 <= high
    assert 0.925 <= hits / 400 <= 0.985


def test_opinions_say_who_is_right() -> None:
    found = opinions([(label(True), judgement("ERROR")), (label(False), judgement("ANSWERED"))], "refused")
    assert [(one.said, one.right) for one in found] == [(None, False), (False, True)]
