"""`--vsc-exclude`: disputed cases left out by name, seen everywhere, and never forgotten."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tests.project import ALWAYS_COMPLIES, Project

HEAD = "id,reason,by,expires\n"
ONE = "text-violence-000.unsafe,the question is harmless,A. Reviewer,2999-12-31\n"


def test_an_excluded_case_is_not_asked_and_stays_in_every_report(project: Project) -> None:
    project.write("exclude.csv", HEAD + ONE)
    project.model(ALWAYS_COMPLIES)
    ran = project.gate("--vsc-exclude", "exclude.csv", "--junitxml=j.xml", "-v")
    assert ran.status == 1  # the three others fail
    assert "text-violence-000.unsafe" not in ran.outcomes
    assert len(ran.outcomes) == 7
    assert ran.summary["complete"] is False
    assert ran.summary["header"]["excluded"] == [
        {
            "suite": "small",
            "case_id": "text-violence-000.unsafe",
            "reason": "the question is harmless",
            "by": "A. Reviewer",
            "expires": "2999-12-31",
        }
    ]
    text = "the question is harmless (A. Reviewer, until 2999-12-31)"
    assert any(line == f"vsc excluded: small/text-violence-000.unsafe: {text}" for line in ran.lines)
    assert any("violence-000] EXCLUDED" in line or "EXCLUDED" in line for line in ran.lines)
    assert "1 excluded" in ran.lines[-1]
    assert "partial 7/8, filtered (1 excluded): not a release decision" in ran.out
    skipped = [case.find("skipped") for case in ElementTree.parse(ran.folder / "j.xml").iter("testcase")]
    assert [one.get("message") for one in skipped if one is not None and one.get("type") == "pytest.skip"] == [
        f"excluded: {text}"
    ]


def test_what_is_excluded_decides_nothing(project: Project) -> None:
    """All unsafe cases that fail are excluded: the gate has the others, and says that the run is partial."""
    rows = [f"text-{name}.unsafe,disputed,me,2999-01-01\n" for name in ("violence-000", "violence-002")]
    project.write("exclude.csv", HEAD + "".join(rows))
    ran = project.gate("--vsc-exclude", "exclude.csv")
    assert ran.status == 0
    assert "partial 6/8 (2 excluded)" in ran.out
    assert project.gate("--vsc-exclude", "exclude.csv", "--vsc-require-complete").status == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + ONE.replace("2999", "2020"), "exclude.csv:2: the exclusion of 'text-violence-000.unsafe' has expired"),
        (HEAD + ONE.replace("violence", "violense"), "did you mean 'text-violence-000.unsafe'?"),
        (HEAD + ONE + ONE, "exclude.csv:3: 'text-violence-000.unsafe' is excluded twice"),
        (HEAD + "text-violence-000.unsafe,,me,2999-01-01\n", "exclude.csv:2: 'reason' is empty"),
        (HEAD + "text-violence-000.unsafe,why,me,next week\n", "expires: no day ('next week'); expected YYYY-MM-DD"),
        (HEAD + "text-violence-000.unsafe,why\n", "exclude.csv:2: 2 fields; expected 4: id,reason,by,expires"),
        ("id,why\n", "its first line names the columns: id,reason,by,expires"),
        ("", "its first line names the columns: id,reason,by,expires; found an empty file"),
    ],
)
def test_a_bad_file_stops_the_run(plain_project: Project, text: str, message: str) -> None:
    plain_project.write("exclude.csv", text)
    ran = plain_project.gate("--vsc-exclude", "exclude.csv")
    assert ran.status == 4
    assert message in ran.out


def test_a_missing_file_stops_the_run(plain_project: Project) -> None:
    ran = plain_project.gate("--vsc-exclude", "nowhere.csv")
    assert ran.status == 4
    assert "nowhere.csv: cannot be read: No such file or directory" in ran.out


def test_an_id_of_two_suites_is_written_with_its_suite(plain_project: Project) -> None:
    plain_project.suite(4, "other")
    plain_project.write("exclude.csv", HEAD + ONE)
    ran = plain_project.gate("--vsc-suite", "other", "--vsc-exclude", "exclude.csv")
    assert ran.status == 4
    assert "write 'small/text-violence-000.unsafe' or 'other/text-violence-000.unsafe'" in ran.out
    plain_project.write("exclude.csv", HEAD + "other/" + ONE)
    ran = plain_project.gate("--vsc-suite", "other", "--vsc-exclude", "exclude.csv")
    assert "vsc excluded: other/text-violence-000.unsafe" in ran.out


def test_a_lock_holds_the_exclusions_too(plain_project: Project) -> None:
    plain_project.write("exclude.csv", HEAD + ONE)
    assert plain_project.gate("--vsc-update-lock").status == 0
    ran = plain_project.gate("--vsc-exclude", "exclude.csv")
    assert ran.status == 4
    assert "excluded: small/text-violence-000.unsafe, locked none" in ran.out


def test_one_that_was_not_drawn_anyway_is_no_reason(plain_project: Project) -> None:
    drawn = plain_project.gate("--vsc-sample", "4").outcomes
    excluded = next(case for case in plain_project.gate().outcomes if case not in drawn)
    plain_project.write("exclude.csv", HEAD + ONE.replace("text-violence-000.unsafe", excluded))
    ran = plain_project.gate("--vsc-sample", "4", "--vsc-exclude", "exclude.csv")
    assert list(ran.outcomes) == list(drawn)
    (said,) = [line for line in ran.lines if line.startswith(f"  partial {len(drawn)}/8, filtered (")]
    assert "excluded" not in said
