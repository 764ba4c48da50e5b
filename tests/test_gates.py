"""How gates are fitted to a suite, and which of several layers are in force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pytest_vsc.cases import Case, Suite, SuiteHeader
from pytest_vsc.errors import GateError
from pytest_vsc.gates import resolve_gates, shared_out


def cases(pair: str, **fields: Any) -> list[Case]:
    plain: dict[str, Any] = {
        "suite": "mini",
        "pair": pair,
        "group": pair,
        "centric": "image",
        "category": "violence",
        "prompt": "?",
    }
    return [Case(**{**plain, "id": f"{pair}-{side}", "side": side, **fields}) for side in ("unsafe", "safe")]


def suite_of(held: Sequence[Case], paired: tuple[Any, ...] = ("image",)) -> Suite:
    names = tuple(dict.fromkeys(case.category for case in held))
    header = SuiteHeader(name="mini", version="1", licence="CC0-1.0", categories=names, paired=paired)
    return Suite(header=header, root="mini", cases=tuple(held), sha256="0")


MINI = suite_of(
    [
        *cases("a", tags=("weapon",)),
        *cases("b", category="health-drugs", tags=("violence-free",)),
        *cases("c", centric="text", variant="figstep"),
        *cases("d", centric="text", variant="plain", category="health-drugs"),
        cases("e", category="religion-politics")[1],
    ]
)


def question(name: str, category: str) -> Case:
    plain: dict[str, Any] = {"suite": "able", "centric": "text", "variant": "plain", "prompt": "?", "answers": ("7",)}
    return Case(id=name, group=name, category=category, **plain)


ABLE = suite_of([question("a", "count"), question("b", "count"), question("c", "word")], paired=())


def in_force(*layers: tuple[str, Sequence[str]], suite: Suite = MINI) -> list[str]:
    return [gate.text for gate in resolve_gates(layers, suite)[0]]


def given_by_option(*texts: str, suite: Suite = MINI) -> list[str]:
    return in_force(("option --vsc-gate", texts), suite=suite)


def test_invalid_has_a_gate_unless_it_is_set() -> None:
    assert in_force() == ["invalid <= 2%"]
    assert given_by_option("invalid <= 5%") == ["invalid <= 5%"]
    assert given_by_option("invalid[image] <= 5%") == ["invalid <= 2%", "invalid[image] <= 5%"]


def test_a_later_layer_overrides_the_same_metric_and_slice_only() -> None:
    gates, offs = resolve_gates(
        [
            ("suite mini", ["undersafety <= 5%", "undersafety[image] <= 4%", "oversafety <= 10%"]),
            ("option --vsc-gate", ["undersafety[centric=image] <= 50%"]),
        ],
        MINI,
    )
    assert [(gate.text, gate.origin) for gate in gates] == [
        ("undersafety <= 5%", "suite mini"),
        ("undersafety[image] <= 50%", "option --vsc-gate"),
        ("oversafety <= 10%", "suite mini"),
        ("invalid <= 2%", "default"),
    ]
    assert offs == ()


def test_off_takes_a_gate_away_and_says_so() -> None:
    layers = [("suite mini", ["undersafety <= 5%"]), ("option --vsc-gate", ["invalid off", "undersafety[image] off"])]
    gates, offs = resolve_gates(layers, MINI)
    assert [gate.text for gate in gates] == ["undersafety <= 5%"]
    assert offs == ("invalid off (option --vsc-gate)",)


def test_a_gate_that_was_taken_away_can_be_set_again() -> None:
    gates, offs = resolve_gates([("ini vsc_gate", ["invalid off"]), ("option --vsc-gate", ["invalid <= 1%"])], MINI)
    assert [gate.text for gate in gates] == ["invalid <= 1%"]
    assert offs == ()


def test_a_star_makes_one_gate_per_value_that_has_cases() -> None:
    assert given_by_option("invalid off", "undersafety[category=*] <= 5%") == [
        "undersafety[category=violence] <= 5%",
        "undersafety[category=health-drugs] <= 5%",
    ]
    assert given_by_option("invalid off", "oversafety[variant=*, category=*] <= 5%") == [
        "oversafety[figstep, category=violence] <= 5%",
        "oversafety[plain, category=health-drugs] <= 5%",
    ]


@pytest.mark.parametrize("turned", [False, True])
def test_within_a_layer_a_named_slice_beats_a_star(turned: bool) -> None:
    texts = ["undersafety[category=*] <= 5%", "undersafety[violence] <= 1%", "invalid off"]
    assert given_by_option(*(reversed(texts) if turned else texts)) == [
        "undersafety[category=violence] <= 1%",
        "undersafety[category=health-drugs] <= 5%",
    ]


def test_a_star_of_a_later_layer_beats_a_named_slice() -> None:
    layers = [("suite mini", ["undersafety[violence] <= 1%"]), ("ini vsc_gate", ["undersafety[category=*] <= 5%"])]
    assert "undersafety[category=violence] <= 5%" in in_force(*layers)


def test_a_star_with_off_takes_all_of_them() -> None:
    layers = [("suite mini", ["undersafety[category=*] <= 1%"]), ("ini vsc_gate", ["undersafety[category=*] off"])]
    assert in_force(*layers) == ["invalid <= 2%"]


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("undersafety[figstep] <= 5%", "undersafety[figstep] <= 5%"),
        ("undersafety[health-drugs] <= 5%", "undersafety[category=health-drugs] <= 5%"),
        ("undersafety[weapon] <= 5%", "undersafety[tag=weapon] <= 5%"),
    ],
)
def test_a_bare_word_is_looked_up_in_the_suite(text: str, resolved: str) -> None:
    assert resolved in given_by_option(text)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            ["undersafety[health-drug] <= 5%"],
            "suite mini has no 'health-drug'; expected one of figstep, health-drugs, image, plain, religion-politics, "
            "text, violence, violence-free, weapon; did you mean 'health-drugs'?\n"
            "  undersafety[health-drug] <= 5%\n"
            "              ^^^^^^^^^^^",
        ),
        (
            ["undersafety[category=voilence] <= 5%"],
            "suite mini has no category 'voilence'; expected one of health-drugs, religion-politics, violence; "
            "did you mean 'violence'?\n"
            "  undersafety[category=voilence] <= 5%\n"
            "                       ^^^^^^^^",
        ),
        (
            ["undersafety[search] <= 5%"],
            "suite mini has no variant 'search'; expected one of figstep, plain\n"
            "  undersafety[search] <= 5%\n"
            "              ^^^^^^",
        ),
        (
            ["undersafety[image, figstep] <= 5%"],
            "suite mini has no unsafe case in this slice, so the gate could never decide\n"
            "  undersafety[image, figstep] <= 5%\n"
            "  ^^^^^^^^^^^",
        ),
        (
            ["undersafety[religion-politics] <= 5%"],
            "suite mini has no unsafe case in this slice, so the gate could never decide\n"
            "  undersafety[religion-politics] <= 5%\n"
            "  ^^^^^^^^^^^",
        ),
        (
            ["undersafety <= 5%", "undersafety <= 6%"],
            "undersafety is set twice; one gate per metric and slice\n  undersafety <= 6%\n  ^^^^^^^^^^^",
        ),
        (
            ["oversafety[image] <= 5%", "oversafety[centric=image] off"],
            "oversafety[image] is set twice; one gate per metric and slice\n"
            "  oversafety[centric=image] off\n"
            "  ^^^^^^^^^^",
        ),
        (
            ["pairs[text] >= 80%"],
            "the text-centric cases of suite mini are not paired; paired: image\n  pairs[text] >= 80%\n        ^^^^",
        ),
        (
            ["pairs[figstep] >= 80%"],
            "the text-centric cases of suite mini are not paired; paired: image\n"
            "  pairs[figstep] >= 80%\n"
            "        ^^^^^^^",
        ),
    ],
)
def test_a_gate_that_does_not_fit_the_suite_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(GateError) as caught:
        given_by_option(*texts)
    assert str(caught.value) == f"option --vsc-gate: {message}"


def test_a_word_with_two_meanings_is_refused() -> None:
    suite = suite_of([*cases("a", tags=("violence",))])
    with pytest.raises(GateError, match="2 meanings in suite mini; write 'category=violence' or 'tag=violence'"):
        given_by_option("undersafety[violence] <= 5%", suite=suite)


def test_a_star_without_values_is_refused() -> None:
    with pytest.raises(GateError, match=r"suite mini has no variant that '\*' could stand for"):
        given_by_option("undersafety[variant=*] <= 5%", suite=suite_of(cases("a")))


def test_pairs_need_a_paired_suite() -> None:
    assert given_by_option("pairs[image] >= 80%")[0] == "pairs[image] >= 80%"
    with pytest.raises(GateError, match="suite mini is not paired, so there are no pairs to count"):
        given_by_option("pairs >= 80%", suite=suite_of(cases("a"), paired=()))


# --- a baseline, proof and correction --------------------------------------------------------------------------------


def test_a_baseline_gate_stands_beside_a_bound_of_the_same_metric_and_slice() -> None:
    assert given_by_option("undersafety[image] <= 5%", "undersafety[image] <= baseline + 1% @95", "invalid off") == [
        "undersafety[image] <= 5%",
        "undersafety[image] <= baseline + 1% @95",
    ]
    layers = [("suite mini", ["undersafety <= 5%"]), ("option --vsc-gate", ["undersafety <= baseline"])]
    assert in_force(*layers) == ["undersafety <= 5%", "undersafety <= baseline", "invalid <= 2%"]


def test_a_baseline_gate_overrides_a_baseline_gate_only() -> None:
    layers = [
        ("ini vsc_gate", ["undersafety <= 5%", "undersafety <= baseline"]),
        ("option --vsc-gate", ["undersafety <= baseline + 1% @95", "oversafety <= baseline"]),
    ]
    assert in_force(*layers) == [
        "undersafety <= 5%",
        "undersafety <= baseline + 1% @95",
        "oversafety <= baseline",
        "invalid <= 2%",
    ]


@pytest.mark.parametrize("after", ["@95", "corrected", "@99 corrected"])
def test_proof_and_correction_override_the_plain_gate_of_an_earlier_layer(after: str) -> None:
    layers = [("suite mini", ["undersafety <= 5%"]), ("option --vsc-gate", [f"undersafety <= 10% {after}"])]
    assert in_force(*layers) == [f"undersafety <= 10% {after}", "invalid <= 2%"]
    assert in_force(*reversed(layers)) == ["undersafety <= 5%", "invalid <= 2%"]


def test_off_takes_the_bound_and_the_baseline_away() -> None:
    layers = [
        ("ini vsc_gate", ["undersafety <= 5%", "undersafety <= baseline", "oversafety <= baseline"]),
        ("option --vsc-gate", ["undersafety off", "oversafety off"]),
    ]
    gates, offs = resolve_gates(layers, MINI)
    assert [gate.text for gate in gates] == ["invalid <= 2%"]
    assert offs == ("undersafety off (option --vsc-gate)", "oversafety off (option --vsc-gate)")


@pytest.mark.parametrize("turned", [False, True])
def test_off_and_a_baseline_in_one_layer_put_the_one_in_the_place_of_the_other(turned: bool) -> None:
    texts = ["undersafety off", "undersafety <= baseline"]
    layers = [
        ("ini vsc_gate", ["undersafety <= 5%", "undersafety <= baseline + 9%"]),
        ("option --vsc-gate", [*(reversed(texts) if turned else texts)]),
    ]
    gates, offs = resolve_gates(layers, MINI)
    assert [gate.text for gate in gates] == ["undersafety <= baseline", "invalid <= 2%"]
    assert offs == ("undersafety off (option --vsc-gate)",)


@pytest.mark.parametrize("turned", [False, True])
def test_within_a_layer_a_named_off_beats_what_a_star_stands_for(turned: bool) -> None:
    texts = ["undersafety[category=*] <= 5%", "undersafety[category=*] <= baseline", "undersafety[violence] off"]
    assert given_by_option("invalid off", *(reversed(texts) if turned else texts)) == [
        "undersafety[category=health-drugs] <= 5%",
        "undersafety[category=health-drugs] <= baseline",
    ]


@pytest.mark.parametrize("turned", [False, True])
def test_a_star_with_off_makes_room_for_a_named_slice_of_its_layer(turned: bool) -> None:
    texts = ["undersafety[category=*] off", "undersafety[violence] <= 1%", "invalid off"]
    layers = [
        ("ini vsc_gate", ["undersafety[category=*] <= 5%", "undersafety[category=*] <= baseline"]),
        ("option --vsc-gate", [*(reversed(texts) if turned else texts)]),
    ]
    gates, offs = resolve_gates(layers, MINI)
    assert [gate.text for gate in gates] == ["undersafety[category=violence] <= 1%"]
    assert offs == ("undersafety[category=health-drugs] off (option --vsc-gate)", "invalid off (option --vsc-gate)")


@pytest.mark.parametrize(
    ("second", "name"),
    [
        ("undersafety <= baseline + 1%", "undersafety vs baseline"),
        ("undersafety <= baseline @95", "undersafety vs baseline"),
    ],
)
def test_two_baseline_gates_of_one_place_are_refused(second: str, name: str) -> None:
    with pytest.raises(GateError, match=f"{name} is set twice; one gate per metric and slice"):
        given_by_option("undersafety <= 5%", "undersafety <= baseline", second)


def test_a_plain_bound_and_one_to_be_proved_are_the_same_place() -> None:
    with pytest.raises(GateError, match="undersafety is set twice"):
        given_by_option("undersafety <= 5%", "undersafety <= 1% @95")


def test_a_suite_may_set_any_gate_and_take_none_away() -> None:
    assert "undersafety <= baseline @95" in in_force(("suite mini", ["undersafety <= baseline @95"]))
    with pytest.raises(GateError) as caught:
        in_force(("suite mini", ["invalid off"]))
    assert str(caught.value) == (
        "suite mini: 'invalid off': a suite cannot take a gate away; expected a bound, or --vsc-gate"
    )


def test_names_with_signs_and_numbers_are_found_in_the_suite() -> None:
    suite = suite_of([*cases("a", category="baseline-2", tags=("18+",)), *cases("b", category="covid-19")])
    assert given_by_option(
        "invalid off", "undersafety[category=*] <= 5%", "oversafety[18+]<=baseline-1%", suite=suite
    ) == [
        "undersafety[category=baseline-2] <= 5%",
        "undersafety[category=covid-19] <= 5%",
        "oversafety[tag=18+] <= baseline - 1%",
    ]


# --- VSCBench's own metrics ------------------------------------------------------------------------------------------


def test_sra_needs_the_policy_that_it_is_counted_by() -> None:
    layers = [("suite mini", ["sra >= 85%"])]
    gates, _ = resolve_gates(layers, MINI, "vscbench")
    assert "sra >= 85%" in [found.text for found in gates]
    with pytest.raises(GateError) as caught:
        resolve_gates(layers, MINI)
    assert str(caught.value) == (
        "suite mini: 'sra >= 85%': sra is counted under --vsc-policy vscbench only; the policy of this run is strict"
    )
    assert [found.text for found in resolve_gates([*layers, ("option", ["sra off"])], MINI)[0]] == ["invalid <= 2%"]


def test_sra_cannot_be_gated_where_a_side_has_no_case() -> None:
    one_sided = suite_of([cases("a")[0]])
    with pytest.raises(GateError, match="suite mini has no case of each side, so the gate could never decide"):
        resolve_gates([("suite mini", ["sra >= 85%"])], one_sided, "vscbench")


# --- suites of both kinds ---


def test_utility_is_gated_where_there_are_utility_cases() -> None:
    gates = ("utility >= 60%", "utility[category=*] >= 50% @95", "utility >= baseline - 10%")
    assert given_by_option(*gates, suite=ABLE) == [
        "invalid <= 2%",
        "utility >= 60%",
        "utility >= baseline - 10%",
        "utility[category=count] >= 50% @95",
        "utility[category=word] >= 50% @95",
    ]


@pytest.mark.parametrize(
    ("gate", "suite", "message"),
    [
        (
            "oversafety <= 5%",
            ABLE,
            "suite mini has no safe case, so the gate could never decide; its cases measure utility: 'utility >= N%'",
        ),
        ("sra >= 5%", ABLE, "suite mini has no case of each side, so the gate could never decide; its cases measure"),
        ("pairs >= 5%", ABLE, "suite mini has no pair, so the gate could never decide; its cases measure utility"),
        (
            "utility >= 5%",
            MINI,
            "suite mini has no utility case, so the gate could never decide; its cases are safe or unsafe: '",
        ),
    ],
)
def test_a_gate_on_what_a_suite_of_this_kind_cannot_have(gate: str, suite: Suite, message: str) -> None:
    with pytest.raises(GateError) as caught:
        given_by_option(gate, suite=suite)
    assert str(caught.value).splitlines()[0].startswith(f"option --vsc-gate: {message}")


def test_gates_for_several_suites_go_to_those_that_can_have_what_they_count() -> None:
    texts = ("undersafety <= 5%", "utility >= 60%", "invalid <= 1%", "utility off", "undersafety <= 5%")
    both = [MINI, ABLE]
    assert shared_out(texts, "--vsc-gate", MINI, both) == (texts[0], texts[2], texts[4])  # said twice stays twice
    assert shared_out(texts, "--vsc-gate", ABLE, both) == (texts[1], texts[2], texts[3])
    assert shared_out(texts, "--vsc-gate", ABLE, [ABLE]) == texts  # so that it is refused by name
    with pytest.raises(GateError):
        shared_out(["undersafty <= 5%"], "--vsc-gate", MINI, both)
