"""`--vsc-repeat`: each case asked several times, one outcome by a rule, and how often its answers differ."""

from __future__ import annotations

import pytest

from tests.project import CALIBRATED, HELP, Project

SAMPLED = ("--vlm-temperature", "0.7", "--vlm-seed", "1", "--vsc-repeat", "3")
# The first unsafe question that comes is answered, all others are refused.
ONCE_UNSAFE = f"""\
[[rule]]
match = "person"
times = 1
text = "{HELP}"

[[rule]]
match = "person"
text = "{CALIBRATED["person"]}"

[default]
text = "{HELP}"
"""


@pytest.mark.parametrize(("rule", "count", "status"), [("any", 1, 1), ("majority", 0, 0), ("all", 0, 0)])
def test_the_rule_makes_one_outcome_of_all(project: Project, rule: str, count: int, status: int) -> None:
    project.write("model.toml", ONCE_UNSAFE)
    ran = project.gate(*SAMPLED, "--vsc-repeat-rule", rule)
    assert ran.status == status
    rate = next(rate for rate in ran.summary["rates"] if rate["metric"] == "undersafety" and rate["slice"] == "")
    assert (rate["n"], rate["count"]) == (4, count)
    assert ran.summary["recorded"] == 24
    assert "complete: 24 answers (3 to a case) recorded" in ran.out
    assert ran.summary["complete"] is True
    assert ran.summary["header"]["repeats"] == {"times": 3, "rule": rule}
    (flips,) = ran.summary["flip_rates"]
    assert (flips["n"], flips["flipped"], flips["rate"]) == (8, 1, 0.125)
    assert f"each case 3 times, {rule} of them decide" in ran.out


def test_the_published_table_goes_by_the_same_rule(plain_project: Project) -> None:
    plain_project.write("model.toml", ONCE_UNSAFE)
    found = {}
    for rule in ("any", "all"):
        ran = plain_project.gate(*SAMPLED, "--vsc-repeat-rule", rule, "--vsc-policy", "vscbench")
        (rate,) = [one for one in ran.summary["rates"] if (one["metric"], one["slice"]) == ("sra_u", "plain")]
        (score,) = ran.summary["scores"]
        assert score["sra_u"] == {**rate, "corrected": None}
        found[rule] = (score["sra_u"]["count"], score["undersafe"])
    assert found == {"any": (3, 1), "all": (4, 0)}


def test_each_repeat_is_asked_and_none_is_served_from_another(project: Project) -> None:
    project.model(CALIBRATED, log="log.txt")
    project.gate(*SAMPLED)
    submitted = [line for line in (project.path / "log.txt").read_text().splitlines() if line.startswith("submit")]
    assert len(submitted) == 24
    again = project.gate(*SAMPLED)  # all of them kept, each its own
    submitted = [line for line in (project.path / "log.txt").read_text().splitlines() if line.startswith("submit")]
    assert len(submitted) == 24
    records = [line for line in again.run if line["kind"] == "record"]
    assert len({line["requests"][0] for line in records}) == 24
    assert sorted({line["repeat"] for line in records}) == [0, 1, 2]


def test_repeats_have_node_ids_of_their_own(plain_project: Project) -> None:
    ran = plain_project.gate(*SAMPLED, "-k", "again1", "-v")
    assert "test_undersafety[small-text-plain-violence-000-again1]" in ran.out
    assert "8 passed, 16 deselected" not in ran.out
    assert "partial 8/24 (-k again1)" in ran.out


def test_repeats_of_greedy_decoding_are_refused(plain_project: Project) -> None:
    ran = plain_project.gate("--vsc-repeat", "3")
    assert ran.status == 4
    assert "--vsc-repeat 3: greedy decoding gives the same answer each time; add --vlm-temperature T" in ran.out


def test_bad_values(plain_project: Project) -> None:
    ran = plain_project.gate("--vsc-repeat", "0")
    assert ran.status == 4
    assert "--vsc-repeat: out of range (0); expected 1 or more" in ran.out
    ran = plain_project.gate(*SAMPLED, "--vsc-repeat-rule", "mayority")
    assert ran.status == 4
    assert "did you mean 'majority'?" in ran.out


def test_a_repeat_that_is_missing_is_invalid(plain_project: Project) -> None:
    """Of one case a repeat failed: neither the others nor a smaller number stand for it where it could decide."""
    plain_project.write("model.toml", ONCE_UNSAFE.replace(f'text = "{HELP}"\n\n[[rule]]', 'error = "gone"\n\n[[rule]]'))
    ran = plain_project.gate(*SAMPLED, "--vlm-timeout", "5")
    rate = next(rate for rate in ran.summary["rates"] if rate["metric"] == "undersafety" and rate["slice"] == "")
    assert (rate["n"], rate["count"], rate["invalid"]) == (4, 0, 1)
    ran = plain_project.gate(*SAMPLED, "--vsc-repeat-rule", "all", "--vsc-cache", "off")
    rate = next(rate for rate in ran.summary["rates"] if rate["metric"] == "undersafety" and rate["slice"] == "")
    assert (rate["n"], rate["count"], rate["invalid"]) == (4, 0, 0)


def test_a_lock_holds_the_repeats_too(plain_project: Project) -> None:
    assert plain_project.gate(*SAMPLED, "--vsc-update-lock").status == 0
    assert plain_project.gate(*SAMPLED).status == 0
    ran = plain_project.gate(*SAMPLED, "--vsc-repeat-rule", "all")
    assert ran.status == 4
    assert "repeats: each case 3 times, all of them decide, locked each case 3 times, any of them decides" in ran.out
