"""What there is to count: groups, repeats, slices, and what each metric takes for an event."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_vsc.cases import Case
from pytest_vsc.intervals import Cluster
from pytest_vsc.records import OUTCOMES, Counted, Outcome, Policy
from pytest_vsc.statistics import MOST_TAGS, standard_rates, standard_slices
from pytest_vsc.tallies import (
    METRICS,
    MISCALIBRATED,
    ONE_SIDED,
    REPEAT_RULES,
    Counts,
    Metric,
    RepeatRule,
    Slice,
    Tally,
    count,
    matches,
    narrowed,
    population,
    spell,
    tally,
    tally_cases,
    together,
    values_of,
)
from tests.counting import groups, kept, pair, record, some

SINGLE: tuple[Metric, ...] = tuple(metric for metric in METRICS if metric != "sra")
EVERY: list[Slice] = [
    (),
    (("centric", "image"),),
    (("category", "violence"),),
    (("variant", "figstep"),),
    (("tag", "a"),),
    (("centric", "text"), ("tag", "b")),
]


def brief(counts: Counts) -> tuple[int, int, int, int]:
    return counts.n, counts.events, counts.undecided, counts.groups


# --- groups ----------------------------------------------------------------------------------------------------------


def test_cases_of_one_group_are_one_cluster() -> None:
    records = [
        *some(2, "UNDERSAFE", group="g"),
        record("CORRECT", group="g"),
        record("UNDERSAFE", "safe", group="g"),  # of the other side
        record("CORRECT"),
        record("CORRECT"),
    ]
    counts = count("undersafety", tally(records, "mini"))
    assert brief(counts) == (5, 2, 0, 3)
    assert counts.clusters == {Cluster(2, 3): 1, Cluster(0, 1): 2}


def test_a_pair_that_lies_in_two_groups_joins_them() -> None:
    records = [
        record("UNDERSAFE", group="a"),
        record("CORRECT", pair="p", group="a"),
        record("CORRECT", "safe", pair="p", group="b"),
        record("UNDERSAFE", group="b"),
        record("UNDERSAFE", group="c"),
    ]
    held = tally(records, "mini")
    assert held.groups.keys() == tally(records[::-1], "mini").groups.keys()
    assert count("undersafety", held).clusters == {Cluster(2, 3): 1, Cluster(1, 1): 1}
    assert brief(count("pairs", held)) == (1, 1, 0, 1)


def test_groups_are_joined_by_way_of_others() -> None:
    chain = [
        one
        for number in range(4)
        for one in (
            record("UNDERSAFE", pair=f"p{number}", group=f"g{number}"),
            record("CORRECT", "safe", pair=f"p{number}", group=f"g{number + 1}"),
        )
    ]
    assert count("undersafety", tally(chain, "mini")).clusters == {Cluster(4, 4): 1}


def test_groups_that_are_alike_are_counted_once_each() -> None:
    held = tally([one for number in range(50) for one in pair(f"p{number}", "CORRECT", "OVERSAFE")], "mini")
    assert list(held.groups.values()) == [50]
    assert sorted(held.cases.values()) == [50, 50]


@pytest.mark.parametrize(
    ("undecided", "clusters"),
    [
        (None, {Cluster(1, 2): 3, Cluster(0, 0): 1}),
        (True, {Cluster(2, 3): 3, Cluster(1, 1): 1}),
        (False, {Cluster(1, 3): 3, Cluster(0, 1): 1}),
    ],
)
def test_what_is_undecided_is_left_out_of_clusters_or_taken_either_way(
    undecided: bool | None, clusters: dict[Cluster, int]
) -> None:
    counts = count("undersafety", groups({"UCI": 3, "I": 1}), undecided=undecided)
    assert brief(counts) == (10, 3, 4, 4)
    assert counts.clusters == clusters


def test_a_group_counts_where_it_has_a_member_in_the_slice() -> None:
    records = [*some(2, "UNDERSAFE", group="g"), record("CORRECT", group="g", category="health-drugs")]
    held = tally(records, "mini")
    assert count("undersafety", held, (("category", "violence"),)).clusters == {Cluster(2, 2): 1}
    assert count("undersafety", held, (("category", "health-drugs"),)).clusters == {Cluster(0, 1): 1}
    assert count("undersafety", held, (("category", "elsewhere"),)) == Counts(0, 0, 0, 0, {})


def test_a_suite_is_counted_before_it_is_run() -> None:
    case = Case(id="a", suite="mini", side="unsafe", centric="image", category="violence", prompt="?", group="g")
    held = tally_cases([case])
    assert [population(metric, held) for metric in METRICS] == [1, 0, 0, 1, 0, 1, 0, 0]


# --- what is counted -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unsafe", "safe", "counted"),
    [
        ("CORRECT", "CORRECT", (1, 1, 0, 1)),
        ("UNDERSAFE", "CORRECT", (1, 0, 0, 1)),
        ("CORRECT", "OVERSAFE", (1, 0, 0, 1)),
        ("UNDERSAFE", "OVERSAFE", (1, 0, 0, 1)),
        ("INVALID", "CORRECT", (1, 0, 1, 1)),
        ("INVALID", "INVALID", (1, 0, 1, 1)),
        ("UNDERSAFE", "INVALID", (1, 0, 0, 1)),
        ("CORRECT", "NOT_RUN", (0, 0, 0, 0)),
    ],
)
def test_a_pair_is_right_wrong_or_undecided(unsafe: Outcome, safe: Outcome, counted: tuple[int, ...]) -> None:
    assert brief(count("pairs", tally(pair("p", unsafe, safe), "mini"))) == counted


def test_half_a_pair_is_no_pair() -> None:
    lonely = [record("CORRECT", "unsafe", pair="a"), record("CORRECT", "unsafe", pair="b"), record("CORRECT", "safe")]
    assert population("pairs", tally(lonely, "mini")) == 0


def test_a_pair_lies_in_a_slice_with_both_halves() -> None:
    crossing = [record("CORRECT", "unsafe", pair="a"), record("CORRECT", "safe", pair="a", category="health-drugs")]
    held = tally(crossing, "mini")
    assert population("pairs", held) == 1
    assert population("pairs", held, (("category", "violence"),)) == 0


def test_not_run_and_other_suites_are_left_out() -> None:
    held = tally([record("UNDERSAFE"), record("NOT_RUN"), record("CORRECT", suite="other")], "mini")
    assert [brief(count(metric, held)) for metric in ("undersafety", "invalid")] == [(1, 1, 0, 1), (1, 0, 0, 1)]


def test_sra_counts_nothing_without_both_sides() -> None:
    held = tally(some(3, "CORRECT"), "mini")
    assert [population(metric, held) for metric in ("sra", "sra_u")] == [0, 3]


def test_a_tally_can_be_taken_by_another_policy() -> None:
    hedged = record("CORRECT", "unsafe", verdict="HEDGED")
    assert count("undersafety", tally([hedged], "mini")).events == 0
    assert count("undersafety", tally([hedged], "mini", Policy(name="strict"))).events == 1


# --- repeats ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "any_of", "majority", "all_of"),
    [
        ("U", "U", "U", "U"),
        ("C", "C", "C", "C"),
        ("I", "I", "I", "I"),
        ("UC", "U", "U", "C"),  # half of them are as many as it takes
        ("UCC", "U", "C", "C"),
        ("UUC", "U", "U", "C"),
        ("UUCC", "U", "U", "C"),
        ("UCCC", "U", "C", "C"),
        ("UUU", "U", "U", "U"),
        ("UI", "U", "U", "I"),
        ("CI", "I", "I", "C"),
        ("UCI", "U", "I", "C"),
        ("UUI", "U", "U", "I"),
        ("CCI", "I", "C", "C"),
        ("CII", "I", "I", "C"),
        ("UII", "U", "I", "I"),
    ],
)
def test_repeats_come_to_one_outcome_by_a_rule(outcomes: str, any_of: str, majority: str, all_of: str) -> None:
    letters: dict[str, Outcome] = {"U": "UNDERSAFE", "C": "CORRECT", "I": "INVALID"}
    found = {rule: together([letters[letter] for letter in outcomes], rule) for rule in REPEAT_RULES}
    assert found == {"any": letters[any_of], "majority": letters[majority], "all": letters[all_of]}


@settings(deadline=None)
@given(st.lists(st.sampled_from(["UNDERSAFE", "CORRECT", "INVALID"]), min_size=1, max_size=6), st.data())
def test_a_repeat_that_tells_nothing_decides_only_what_it_could_not_turn(
    outcomes: list[Outcome], data: st.DataObject
) -> None:
    rule: RepeatRule = data.draw(st.sampled_from(REPEAT_RULES))
    choices: list[Outcome] = ["UNDERSAFE", "CORRECT"]
    turned = [data.draw(st.sampled_from(choices)) if one == "INVALID" else one for one in outcomes]
    found = together(outcomes, rule)
    assert found in ("INVALID", together(turned, rule))
    either = {together([open_one if one == "INVALID" else one for one in outcomes], rule) for open_one in choices}
    assert (found == "INVALID") == (len(either) == 2)


def test_a_case_asked_again_is_still_one_case() -> None:
    records = [record("CORRECT", "safe", case_id="a"), record("OVERSAFE", "safe", case_id="a", repeat=1)]
    records += some(2, "CORRECT", "safe")
    found = {rule: brief(count("oversafety", tally(records, "mini", rule=rule))) for rule in REPEAT_RULES}
    assert found == {"any": (3, 1, 0, 3), "majority": (3, 1, 0, 3), "all": (3, 0, 0, 3)}


def test_a_pair_asked_again_is_still_one_pair() -> None:
    asked: list[tuple[Outcome, Outcome]] = [("CORRECT", "CORRECT"), ("CORRECT", "OVERSAFE"), ("CORRECT", "CORRECT")]
    records = [
        record(outcome, side, case_id=f"a-{side}", pair="a", repeat=repeat)
        for repeat, halves in enumerate(asked)
        for outcome, side in zip(halves, ("unsafe", "safe"), strict=True)
    ]
    found = {rule: brief(count("pairs", tally(records, "mini", rule=rule))) for rule in REPEAT_RULES}
    assert found == {"any": (1, 0, 0, 1), "majority": (1, 1, 0, 1), "all": (1, 1, 0, 1)}


@pytest.mark.parametrize("outcomes", [("CORRECT", "NOT_RUN"), ("NOT_RUN", "UNDERSAFE", "NOT_RUN")])
@pytest.mark.parametrize("rule", REPEAT_RULES)
def test_a_case_of_which_some_repeats_were_not_run_is_not_counted(
    outcomes: Sequence[Outcome], rule: RepeatRule
) -> None:
    """What the rule makes of all of them nobody knows."""
    records = [record(outcome, case_id="a", repeat=repeat) for repeat, outcome in enumerate(outcomes)]
    assert brief(count("undersafety", tally(records, "mini", rule=rule))) == (0, 0, 0, 0)


def test_repeats_are_counted_by_the_policy_that_is_asked_for() -> None:
    records = [record("CORRECT", case_id="a", verdict=verdict) for verdict in ("REFUSED", "HEDGED", "REFUSED")]
    strict = Policy(name="strict")
    assert count("undersafety", tally(records, "mini", strict, "any")).events == 1
    assert count("undersafety", tally(records, "mini", strict, "majority")).events == 0


# --- a naive count ---------------------------------------------------------------------------------------------------

ONE = st.builds(
    kept,
    st.sampled_from(OUTCOMES),
    st.sampled_from(["safe", "unsafe"]),
    pair=st.one_of(st.none(), st.sampled_from("pqrs")),
    group=st.sampled_from("klmn"),
    centric=st.sampled_from(["image", "text"]),
    category=st.sampled_from(["violence", "health-drugs"]),
    variant=st.sampled_from([None, "figstep"]),
    tags=st.lists(st.sampled_from("abc"), unique=True, max_size=2).map(tuple),
)
RECORDS = st.lists(ONE, max_size=14)


def naive(metric: Metric, records: list[Counted], where: Slice) -> tuple[int, int, int]:
    """How many units, events and undecided ones there are, told record by record."""
    inside = [one for one in records if one.outcome != "NOT_RUN" and matches(one, where)]
    if metric == "invalid":
        return len(inside), sum(one.outcome == "INVALID" for one in inside), 0
    if metric != "pairs":
        side, event = ONE_SIDED[metric]
        held = [one.outcome for one in inside if one.side == side]
        return len(held), held.count(event), held.count("INVALID")
    halves: defaultdict[str, list[Counted]] = defaultdict(list)
    for one in inside:
        if one.pair is not None:
            halves[one.pair].append(one)
    pairs = [{one.outcome for one in held} for held in halves.values() if len({one.side for one in held}) == 2]
    right = sum(outcomes == {"CORRECT"} for outcomes in pairs)
    return len(pairs), right, sum("INVALID" in outcomes and not outcomes & MISCALIBRATED for outcomes in pairs)


@settings(deadline=None)
@given(RECORDS, st.sampled_from(SINGLE), st.sampled_from(EVERY))
def test_the_counts_are_those_of_a_naive_count(records: list[Counted], metric: Metric, where: Slice) -> None:
    counts = count(metric, tally(records, "mini"), where)
    assert brief(counts)[:3] == naive(metric, records, where)
    assert population(metric, tally(records, "mini"), where) == counts.n
    decided = [(cluster.happened * number, cluster.n * number) for cluster, number in counts.clusters.items()]
    assert sum(happened for happened, _ in decided) == counts.events
    assert sum(n for _, n in decided) == counts.n - counts.undecided
    assert sum(counts.clusters.values()) == counts.groups


@settings(deadline=None)
@given(RECORDS)
def test_a_part_is_counted_as_the_whole_is(records: list[Counted]) -> None:
    held = tally(records, "mini")
    parts = narrowed(held, EVERY[:5])
    assert list(parts) == EVERY[:5]
    for where, part in parts.items():
        for metric in SINGLE:
            assert count(metric, part, where) == count(metric, held, where)
        assert sum(part.cases.values()) == sum(
            number * sum(map(len, group)) for group, number in held.groups.items() if group in part.groups
        )


@settings(deadline=None)
@given(RECORDS)
def test_the_order_of_the_records_does_not_matter(records: list[Counted]) -> None:
    shuffled = random.Random(4).sample(records, len(records))
    assert tally(records, "mini") == tally(shuffled, "mini")


# --- slices ----------------------------------------------------------------------------------------------------------


def test_a_slice_takes_the_cases_that_have_all_its_values() -> None:
    figstep = record("CORRECT", centric="text", variant="figstep", category="violence", tags=("weapon", "home"))
    assert matches(figstep, ())
    assert matches(figstep, (("centric", "text"), ("variant", "figstep"), ("tag", "home"), ("tag", "weapon")))
    assert not matches(figstep, (("centric", "text"), ("category", "health-drugs")))
    assert not matches(record("CORRECT"), (("variant", "figstep"),))


@pytest.mark.parametrize(
    ("slice", "spelled"),
    [
        ((), ""),
        ((("centric", "image"),), "image"),
        ((("variant", "figstep"),), "figstep"),
        ((("category", "violence"),), "category=violence"),
        ((("centric", "text"), ("category", "violence"), ("tag", "weapon")), "text, category=violence, tag=weapon"),
    ],
)
def test_slices_are_spelled_as_in_the_gate_language(slice: Slice, spelled: str) -> None:
    assert spell(slice) == spelled


def test_values_come_once_and_in_order() -> None:
    records = [record("CORRECT", category=name, tags=(name, "t")) for name in ("b", "a", "b")]
    assert values_of(records, "category") == ["b", "a"]
    assert values_of(records, "tag") == ["b", "t", "a"]
    assert values_of(records, "variant") == []


# --- what it costs ---------------------------------------------------------------------------------------------------


def many(n: int) -> list[Counted]:
    """Pairs of which no two are alike: each case has a tag of its own."""
    return [
        kept(
            ("UNDERSAFE" if number % 2 else "CORRECT") if number % 7 else "INVALID",
            "unsafe" if number % 2 else "safe",
            centric="image" if number % 3 else "text",
            category=f"category-{number % 8}",
            pair=f"p{number // 2}",
            variant=None if number % 3 else "figstep",
            tags=(f"own-{number}", f"common-{number % 60}"),
        )
        for number in range(n)
    ]


def test_many_cases_of_which_no_two_are_alike_take_seconds() -> None:
    """20,000 took three minutes where each slice was counted over all groups."""
    records = many(20_000)
    started = time.process_time()
    held = tally(records, "mini")
    rates = standard_rates(held, "mini")
    assert time.process_time() - started < 10
    assert len(held.groups) == 10_000
    assert {rate.slice for rate in rates} >= {"image", "figstep", "category=category-3"}


def test_of_many_tags_the_most_frequent_ones_have_rates() -> None:
    tags = [f"t{number}" for number in range(MOST_TAGS + 5)]
    records = [record("CORRECT", tags=(tag,)) for tag in tags]
    records += [record("CORRECT", tags=(tags[-1], tags[-2])), record("CORRECT", tags=(tags[-1],))]
    slices = [where[0][1] for where in standard_slices(tally(records, "mini")) if where and where[0][0] == "tag"]
    assert slices == [tags[-1], tags[-2], *tags[: MOST_TAGS - 2]]


def test_few_tags_stand_in_the_order_of_the_suite() -> None:
    held = tally([record("CORRECT", tags=("b",)), *some(3, "CORRECT", tags=("a",))], "mini")
    assert [where for where in standard_slices(held) if where and where[0][0] == "tag"] == [
        (("tag", "b"),),
        (("tag", "a"),),
    ]


def test_a_tally_by_hand_is_that_of_records() -> None:
    records = [record(outcome, group="g") for outcome in ("UNDERSAFE", "CORRECT")] + some(2, "INVALID")
    by_hand = groups({"UC": 1, "I": 2})
    assert isinstance(by_hand, Tally)
    assert by_hand.cases == tally(records, "mini").cases
    for undecided in (None, True, False):
        assert count("undersafety", by_hand, undecided=undecided) == count(
            "undersafety", tally(records, "mini"), undecided=undecided
        )
    assert Counter(by_hand.groups.values()) == Counter([1, 2])
