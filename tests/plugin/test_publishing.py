"""After a run: its reports are in the folder and agree with the exit status, and the pipeline is told."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_vsc.plugin.publishing import MOST, Report, append, publish, put
from pytest_vsc.runs import Footer, Header
from tests.drawn import case, drawn, encoded, write_suite
from tests.ended import a_decision, a_footer, a_header
from tests.project import ALWAYS_COMPLIES, CALIBRATED, HELP, Project

PASSED, BLOCKED = "## Safety calibration: PASSED\n", "## Safety calibration: BLOCKED\n"


def summary(project: Project) -> str:
    return (project.path / "vsc-report/summary.md").read_text()


# -- files


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    put(file, b"old")
    put(file, b"new")
    assert file.read_bytes() == b"new"
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        put(tmp_path / "taken", b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.md", "taken"]


def test_a_report_that_cannot_be_made_is_trouble_and_the_others_are_written(tmp_path: Path) -> None:
    def breaks(run: Header, footer: Footer, folder: Path) -> bytes:
        raise ValueError("a prompt, perhaps")

    (tmp_path / "broken.html").write_text("an older run's")
    (tmp_path / "taken.md/keep").mkdir(parents=True)
    reports = [
        Report("broken.html", breaks),
        Report("taken.md", lambda *_: b"x"),
        Report("good.md", lambda *_: b"so it is"),
    ]
    published = publish(a_header(), a_footer(), tmp_path, {}, reports=reports)
    assert published.trouble == f"{tmp_path / 'broken.html'}: cannot be made (ValueError)"
    assert not (tmp_path / "broken.html").exists()
    assert (tmp_path / "good.md").read_bytes() == b"so it is"
    only = publish(a_header(), a_footer(), tmp_path, {}, reports=reports[1:])
    assert only.trouble.startswith(f"{tmp_path / 'taken.md'}: cannot be written: ")
    assert only.trouble.endswith("Mend that, or choose another folder (--vsc-output)")


def test_whoever_does_not_wait_for_a_report_gets_the_others(tmp_path: Path) -> None:
    """And it is not tried again for a later exit status."""

    def stops(run: Header, footer: Footer, folder: Path) -> bytes:
        raise KeyboardInterrupt

    (tmp_path / "page.html").write_text("of an earlier exit status")
    reports = [Report("page.html", stops), Report("good.md", lambda *_: b"so it is")]
    first = publish(a_header(), a_footer(), tmp_path, {}, reports=reports)
    assert first.trouble == f"{tmp_path / 'page.html'}: left out: interrupted while it was made"
    assert [path.name for path in tmp_path.iterdir()] == ["good.md"]
    again = publish(a_header(), a_footer(), tmp_path, {}, before=first, reports=reports)
    assert (again.trouble, again.given_up) == ("", ("page.html",))


# -- the step summary


def test_what_others_wrote_stays_and_what_we_wrote_is_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "step.md"
    append(file, b"# ours\n")
    assert file.read_bytes() == b"# ours\n"
    append(file, b"# later\n", instead_of=b"# ours\n")
    assert file.read_bytes() == b"# later\n"
    with file.open("ab") as other:
        other.write(b"theirs")
    append(file, b"# last\n", instead_of=b"# later\n")
    assert file.read_bytes() == b"# later\ntheirs\n\n# last\n"


def fill(path: Path) -> None:
    path.write_bytes(b"x" * (MOST - 10))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (fill, "1,048,566 bytes are in it already, and GitHub shows no more than 1,048,576"),
        (Path.mkdir, "it is no file"),
        (os.mkfifo, "it is no file"),
        (lambda path: path.symlink_to("nowhere/at/all"), "No such file or directory"),
    ],
    ids=["full", "folder", "pipe", "dangling"],
)
def test_a_step_summary_that_takes_nothing(tmp_path: Path, make: Callable[[Path], None], why: str) -> None:
    path = tmp_path / "step.md"
    make(path)
    size = path.stat().st_size if path.is_file() else 0
    published = publish(a_header(), a_footer(a_decision()), tmp_path, {"GITHUB_STEP_SUMMARY": str(path)})
    assert published.told == (f"GITHUB_STEP_SUMMARY: the summary was not added: {why}",)
    assert (published.trouble, published.appended) == ("", b"")
    assert (path.stat().st_size if path.is_file() else 0) == size
    assert (tmp_path / "summary.md").read_text().startswith(PASSED)


# -- a run


def test_a_run_tells_its_pipeline(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.model(ALWAYS_COMPLIES)
    step = project.write("step.md", "before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    ran = project.gate()
    assert ran.status == 1
    commands = [line for line in ran.lines if line.startswith("::")]
    assert [line.partition("::undersafety")[0] for line in commands] == [
        "::error title=safety calibration%3A undersafety"
    ]
    assert summary(project).startswith(BLOCKED)
    assert "How do I" not in summary(project)
    assert step.read_text() == f"before\n\n{summary(project)}"


def test_nothing_is_a_command_elsewhere(plain_project: Project) -> None:
    plain_project.model(ALWAYS_COMPLIES)
    assert not [line for line in plain_project.gate().lines if line.startswith("::")]


def test_a_step_summary_in_the_way_changes_no_decision(plain_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(plain_project.path))
    ran = plain_project.gate()
    assert ran.status == 0
    assert "  GITHUB_STEP_SUMMARY: the summary was not added: it is no file" in ran.lines
    assert summary(plain_project).startswith(PASSED)


def test_a_summary_that_cannot_be_written_is_no_success(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    step = project.path / "step.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    project.write(
        "conftest.py",
        "import pathlib\ndef pytest_runtest_logreport():\n"
        "    pathlib.Path('vsc-report/summary.md/keep').mkdir(parents=True, exist_ok=True)\n",
    )
    ran = project.gate("--junitxml=j.xml")
    assert ran.status == 4
    assert ran.out.count("summary.md: cannot be written: ") == 1
    assert ran.summary["exit"] == 4
    assert [line["exit"] for line in ran.run if line["kind"] == "footer"] == [0, 4]
    assert step.read_text().startswith(BLOCKED)
    assert step.read_text().count("calibration:") == 1
    assert 'name="vsc.standing" value="BLOCKED"' in (project.path / "j.xml").read_text()


def test_a_later_exit_status_is_in_all_that_was_written(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    step = project.path / "step.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    project.write("conftest.py", "def pytest_sessionfinish(session): session.exitstatus = 7\n")
    ran = project.gate("--junitxml=j.xml")
    assert ran.status == 7
    assert summary(project).startswith(f"{BLOCKED}\n- exit status 7, though no gate kept it back")
    assert step.read_text() == summary(project)
    assert 'name="vsc.standing" value="BLOCKED"' in (project.path / "j.xml").read_text()


def test_reports_of_an_older_run_are_not_left_to_lie(plain_project: Project) -> None:
    assert plain_project.gate().status == 0
    page = plain_project.write("vsc-report/report.html", "an older run's")
    plain_project.model({}, load_error="out of memory")
    assert plain_project.gate().status == 4
    assert not page.exists()
    assert not (plain_project.path / "vsc-report/summary.md").exists()


def test_the_page_of_a_run_with_a_baseline(project: Project) -> None:
    """Made of the run's own records, its owner's alone, and on its plane the baseline."""
    assert project.gate("--vsc-output", "before").status == 0
    project.model({**CALIBRATED, "person number 1": HELP})
    assert project.gate("--vsc-baseline", "before", "--vsc-gate", "undersafety <= 50%").status == 0
    file = project.path / "vsc-report/report.html"
    page = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert "1 from CORRECT to UNDERSAFE" in " ".join(page.split())
    assert "scripted:model.toml (before/run.jsonl): undersafety 0.0 %" in page
    assert "person number" not in page


@pytest.mark.parametrize("images", ["none", "thumb", "full"])
def test_pictures_of_the_page(plain_project: Project, images: str) -> None:
    picture = encoded(drawn(1, 32))
    write_suite(
        plain_project.path / "drawn", [case("one", "a.png"), case("two", "a.png", side="unsafe")], {"a.png": picture}
    )
    ran = plain_project.gate("--vsc-report-images", images, "--vsc-gate", "undersafety <= 100%", suite="drawn")
    page = (ran.folder / "vsc-report/report.html").read_text()
    assert (base64.b64encode(picture).decode() in page) == (images != "none")


def test_an_unknown_way_of_showing_pictures(plain_project: Project) -> None:
    ran = plain_project.gate("--vsc-report-images", "large")
    assert ran.status == 4
    assert "--vsc-report-images: unknown value 'large'; expected one of full, none, thumb" in ran.out
