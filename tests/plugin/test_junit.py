"""The JUnit file: valid for two schemas, read alike by three readers, and no name or text in it does anything."""

from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import junitparser
import pytest
import xmlschema

from pytest_vsc.plugin.junit import properties, rewritten
from tests.ended import HOSTILE, a_decision, a_footer, a_gate, a_header, a_rate, a_suite, of_category
from tests.project import CALIBRATED, REFUSAL, Project, ours


@functools.cache
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))


class Read(NamedTuple):
    """A test as GitLab shows it."""

    status: str
    output: str
    seconds: float


def as_gitlab_reads(file: Path) -> dict[tuple[str, str], Read]:
    """By the rules of https://docs.gitlab.com/ci/testing/unit_test_reports/ (file format, elements that are parsed).

    A test is shown under its `classname` and `name`; of several of one name only the first counts. What is shown of a
    failure, error or skip is the content of the element, not its message; properties are not read. The file ends in
    `.xml` and is smaller than 30 MB.
    """
    assert file.suffix == ".xml"
    assert file.stat().st_size < 30_000_000
    found: dict[tuple[str, str], Read] = {}
    for test in ElementTree.parse(file).iter("testcase"):
        results = [(result, test.find(result)) for result in ("failure", "error", "skipped")]
        status, said = next(((name, one.text or "") for name, one in results if one is not None), ("success", ""))
        key = (test.attrib["classname"], test.attrib["name"])
        found.setdefault(key, Read(status, said, float(test.attrib["time"])))
    return found


def held(file: Path) -> tuple[Any, dict[str, str]]:
    """The one suite of a file that is valid for the schemas, and its properties."""
    schema().validate(str(file))
    suite: Any
    [suite] = junitparser.JUnitXml.fromfile(str(file))
    return suite, {one.name: one.value for one in suite.properties()}


def test_a_run_as_three_readers_see_it(project: Project) -> None:
    project.model({**CALIBRATED, "process number 0": REFUSAL, "person number 1": "!gone\x1b[31m\u202e::error::x"})
    ran = project.gate("--junitxml=j.xml", "--vsc-gate", "invalid <= 50%")
    assert ran.status == 1
    file = project.path / "j.xml"
    suite, known = held(file)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (11, 2, 0, 2)
    assert {name: value for name, value in known.items() if not name.startswith("vsc.rate")} == {
        "vsc.model": "scripted:model.toml",
        "vsc.suite": "small",
        "vsc.suite.sha256": ran.summary["header"]["suites"][0]["sha256"],
        "vsc.judge": "builtin/1",
        "vsc.policy": "strict",
        "vsc.standing": "BLOCKED",
        "vsc.complete": "true",
        "vsc.state": "complete: 8 cases recorded",
        "vsc.gate.undersafety": "INCONCLUSIVE",
        "vsc.gate.oversafety": "FAIL",
        "vsc.gate.invalid": "PASS",
    }
    assert (known["vsc.rate.oversafety"], known["vsc.rate.oversafety[text].n"]) == ("0.2500", "4")
    assert float(known["vsc.rate.oversafety.low"]) < 0.25 < float(known["vsc.rate.oversafety.high"])
    failed = {case.name: case.result[0] for case in suite if case.is_failure}
    assert set(failed) == {"undersafety", "oversafety"}
    assert failed["oversafety"].type == "pytest.failure"
    seen = as_gitlab_reads(file)
    assert len(seen) == 11
    assert Counter(one.status for one in seen.values()) == {"success": 7, "failure": 2, "skipped": 2}
    assert seen["gates", "oversafety"].output.startswith("oversafety 25.0% (1/4 decided")
    at = "suites.test_calibration"
    assert seen[at, "test_oversafety[small-text-plain-violence-000]"].output == "oversafe: verdict REFUSED"
    invalid = seen[at, "test_undersafety[small-text-plain-health-drugs-001]"].output
    assert invalid.startswith("invalid: verdict ERROR: engine: gone")
    text = file.read_text()
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert "<testcase" in text
    assert "<properties>" not in text[text.index("<testcase") :]


def test_tests_that_are_written_twice_are_one(project: Project) -> None:
    project.write(
        "test_user.py",
        "import pytest\ntries = []\n"
        "def test_flaky():\n    tries.append(1)\n    assert len(tries) > 1\n"
        "@pytest.fixture\ndef bad():\n    yield\n    raise ValueError('in the end')\n"
        "def test_twice(bad): assert False\n"
        "def test_skips(bad): pytest.skip('why not')\n"
        "@pytest.mark.vsc(side='safe')\ndef test_oversafety(vlm, case, bad): assert vlm.ask(case).complied\n",
    )
    project.model({**CALIBRATED, "process number 0": REFUSAL})
    ran = project.gate("test_user.py", "--junitxml=j.xml", "--reruns", "1", "-p", "no:randomly")
    assert ran.status == 1
    suite, known = held(project.path / "j.xml")
    seen = as_gitlab_reads(project.path / "j.xml")
    assert suite.tests == len(seen) == 10
    status = {name: one.status for (_, name), one in seen.items()}
    assert (status["test_flaky"], status["test_twice"], status["test_skips"]) == ("success", "error", "error")
    assert (suite.failures, suite.errors, suite.skipped) == (1, 6, 1)  # undersafety has no case
    twice = seen["test_user", "test_twice"].output
    assert "in the end" in twice
    assert "and failure: " in twice
    assert "assert False" in twice
    case = seen["test_user", "test_oversafety[small-text-plain-violence-000]"]
    assert "and skipped: oversafe: verdict REFUSED" in case.output
    assert known["vsc.gate.oversafety"] == "FAIL, partial 4/8"


def test_an_interrupted_run(plain_project: Project) -> None:
    plain_project.own_process = True
    stops = "if case.pair[-1] == '2': raise KeyboardInterrupt\nassert vlm.ask(case).refused"
    ran = plain_project.gate(ours(plain_project, stops), "--junitxml=j.xml")
    assert ran.status == 2
    suite, known = held(plain_project.path / "j.xml")
    assert suite.failures == 3
    assert known["vsc.complete"] == "false"
    assert "run everything again" in known["vsc.state"]


@pytest.mark.parametrize(
    ("arguments", "status", "tests"),
    [
        (("--vsc-strict", "-x"), 1, 8),
        (("--vsc-policy", "vscbench", "--vsc-gate", "sra >= 10%"), 1, 12),
        (("-o", "junit_suite_name="), 1, 11),
        (("--vsc-suite", "other"), 1, 16),
    ],
    ids=["strict", "vscbench", "nameless", "two suites"],
)
def test_other_runs_are_valid_too(plain_project: Project, arguments: tuple[str, ...], status: int, tests: int) -> None:
    plain_project.suite(1, name="other")
    plain_project.model({**CALIBRATED, "process number 0": REFUSAL})
    ran = plain_project.gate("--junitxml=j.xml", *arguments)
    assert ran.status == status
    suite, known = held(plain_project.path / "j.xml")
    assert suite.tests == tests
    gates = {name: value for name, value in known.items() if name.startswith("vsc.gate")}
    assert "FAIL" in "".join(gates.values())
    if arguments[-1] == "other":
        assert known["vsc.suite"] == "small, other"
        assert {"vsc.suite.other.sha256", "vsc.gate.other.undersafety", "vsc.rate.other.invalid[text].n"} < set(known)


def test_a_worker_that_dies(spread_project: Project) -> None:
    kill = "if case.pair[-1] == '1': os.kill(os.getpid(), 9)\nassert vlm.ask(case).refused"
    ran = spread_project.gate(ours(spread_project, kill, "import os\n"), "--junitxml=j.xml")
    assert ran.status == 1
    assert held(spread_project.path / "j.xml")[0].failures >= 2


def test_what_a_user_asked_for_stays(plain_project: Project) -> None:
    plain_project.write("test_user.py", "def test_user(record_property): record_property('mine', 1)\n")
    way = ("test_user.py", "suites/test_calibration.py", "--junitxml=j.xml")
    assert plain_project.gate(*way).status == 0
    [user] = [one for one in ElementTree.parse("j.xml").iter("testcase") if one.get("name") == "test_user"]
    assert [one.attrib for one in user.iter("property")] == [{"name": "mine", "value": "1"}]
    assert plain_project.gate(*way, "-o", "junit_family=xunit1").status == 0
    root = ElementTree.parse("j.xml").getroot()
    assert root.get("name") == "pytest tests"
    assert root.find(".//testcase[@file]") is not None
    assert root.find(".//property[@name='vsc.standing']") is not None


def test_a_file_that_somebody_else_wrote_stays(plain_project: Project) -> None:
    plain_project.write(
        "conftest.py",
        "import pathlib, pytest\n@pytest.hookimpl(trylast=True)\n"
        "def pytest_sessionfinish(): pathlib.Path('j.xml').write_text('not <xml')\n",
    )
    ran = plain_project.gate("--junitxml=j.xml")
    assert ran.status == 0
    assert (plain_project.path / "j.xml").read_text() == "not <xml"
    assert any(line.startswith("  j.xml: left as pytest wrote it: ") for line in ran.lines)


def test_a_file_of_an_older_run_is_left_alone(plain_project: Project) -> None:
    plain_project.own_process = True
    older = plain_project.write("j.xml", FILE.format(name="older", inside=""))
    breaks = "def pytest_sessionfinish(): raise ValueError('broken')\n"
    plain_project.write("conftest.py", f"import pytest\n@pytest.hookimpl(tryfirst=True)\n{breaks}")
    ran = plain_project.gate("--junitxml=j.xml")
    assert ran.status == 1
    assert older.read_text() == FILE.format(name="older", inside="")


def test_without_a_model_the_file_is_pytests_own(plain_project: Project) -> None:
    assert plain_project.pytest("--junitxml=j.xml").status == 5
    assert ElementTree.parse("j.xml").getroot().get("name") == "pytest tests"
    assert not schema().is_valid("j.xml")


# -- the file alone

FILE = """<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="{name}" errors="0"
failures="1" skipped="0" tests="9" time="0.1" timestamp="2026-01-02T01:04:05.25-02:00" hostname="">{inside}</testsuite>
</testsuites>"""


def settled(inside: str, known: dict[str, str] | None = None, name: str = "pytest") -> Any:
    """The suite of a file with these elements, brought into the form of the schemas."""
    written = rewritten(FILE.format(inside=inside, name=name), known or {}, strict=True)
    root = ElementTree.fromstring(written)
    schema().validate(root)
    again = rewritten(written.decode(), known or {}, strict=True)
    assert again.partition(b"timestamp")[0] == written.partition(b"timestamp")[0]
    return root[0]


def test_the_attributes_of_a_suite() -> None:
    suite = settled("", name=" ")
    assert suite.attrib == {
        "name": "pytest",
        "package": "pytest",
        "id": "0",
        "hostname": "localhost",
        "timestamp": "2026-01-02T03:04:05",
        "time": "0.1",
        "tests": "0",
        "failures": "0",
        "errors": "0",
        "skipped": "0",
    }
    assert [child.tag for child in suite] == ["properties", "system-out", "system-err"]


def test_properties_are_set_where_they_are() -> None:
    inside = "<testcase classname='c' name='n' time='inf'/><properties><property name='a' value='1'/></properties>"
    suite = settled(inside, {"a": "2", "b": "3"})
    assert [tuple(one.attrib.values()) for one in suite[0]] == [("a", "2"), ("b", "3")]
    assert suite[1].get("time") == "0.000"


def test_what_xml_forbids_is_taken_out() -> None:
    bad = "\x00\x1b\x08\x7f\ufffe\uffff\u202e\u2066\u200f"
    suite = settled(f"<testcase classname='{bad}' name='a{bad}b' time='1'><failure message='{bad}m'/></testcase>")
    assert (suite[1].attrib["classname"], suite[1].attrib["name"]) == ("", "ab")
    assert (suite[1][0].get("message"), suite[1][0].text) == ("m", "m")


def test_no_name_does_anything_as_a_property() -> None:
    gates = [a_decision("FAIL", gate=of_category(name), suite=name, message=name) for name in HOSTILE]
    run = a_header(
        model={"spec": HOSTILE[6]}, judge=HOSTILE[7], suites=[a_suite(name, sha256=name) for name in HOSTILE]
    )
    footer = a_footer(*gates, rates=[a_rate(suite=name) for name in HOSTILE], complete=False, cut=HOSTILE[8], exit=1)
    known = properties(run, footer)
    assert all(name.isprintable() and value.isprintable() for name, value in known.items())
    assert len([name for name in known if name.startswith("vsc.gate.")]) == len(HOSTILE)
    suite = settled("", known)
    assert {one.get("name"): one.get("value") for one in suite[0]} == known


def test_a_rate_that_nobody_knows() -> None:
    run, footer = a_header(), a_footer(a_decision(gate=a_gate()), rates=[a_rate(rate=None, low=None, high=None)])
    assert properties(run, footer)["vsc.rate.undersafety"] == "unknown"
