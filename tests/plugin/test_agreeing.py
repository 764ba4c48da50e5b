"""One run, many reports: the terminal, both summaries, the page and JUnit say the same of it."""

from __future__ import annotations

import html
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from pytest_vsc.cli import main
from tests.project import CALIBRATED, HELP, Project, Ran

INVALID = ("--vsc-gate", "invalid <= 90%")
BLOCKED = (*INVALID, "--vsc-gate", "undersafety <= 5%", "--vsc-gate", "oversafety <= 50% @95")
PASSED = (*INVALID, "--vsc-gate", "undersafety <= 50%", "--vsc-gate", "oversafety <= 10%")
PROOFS = ("--vsc-gate", "undersafety <= 80% @95", "--vsc-gate", "invalid <= 90% @95")
EARLY = ("--vsc-early-stop", "--vsc-cache", "off", *PROOFS)


def flat(text: str) -> str:
    """On one line, with one way to write per cents."""
    return " ".join(text.split()).replace(" %", "%")


def block_of(ran: Ran) -> str:
    return flat(ran.out[ran.out.index("= safety calibration of") :])


def page_of(ran: Ran) -> str:
    """What the page says in plain sight, less its scripts and drawings."""
    text = (ran.folder / "vsc-report/report.html").read_text()
    text = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", text, flags=re.DOTALL)
    return flat(html.unescape(re.sub(r"<[^>]*>", " ", text)))


def in_points(margin: float) -> str:
    return f"{100 * abs(margin):.1f}"


def share(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f}%"


def limits(rate: dict[str, Any]) -> str:
    return f"({100 * rate['low']:.1f}-{100 * rate['high']:.1f})"


def margin_of(gate: dict[str, Any]) -> float | None:
    end = gate["best"] if gate["decision"] == "FAIL" else gate["worst"]
    return None if end is None else float(gate["gate"]["percent"]) / 100 - end  # all of these are `<=`


@pytest.mark.parametrize(
    ("word", "options"),
    [
        ("BLOCKED", BLOCKED),
        ("PASSED", PASSED),
        ("PASSED IN PART", (*PASSED, "-k", "violence")),
        ("PASSED", EARLY),
    ],
    ids=["blocked", "passed", "partial", "early"],
)
def test_all_reports_of_a_run_say_the_same(
    plain_project: Project, capsys: pytest.CaptureFixture[str], word: str, options: tuple[str, ...]
) -> None:
    project = plain_project
    project.suite(60, "large")
    project.model({**CALIBRATED, "person number .*[37][?]": HELP, "process number 5[?]": "!down"})
    ran = project.gate(*options, "--junitxml=j.xml", suite="large")
    summary = ran.summary
    assert bool(summary["not_run"]) == (options is EARLY)
    junit = {one.get("name"): one.get("value") for one in ElementTree.parse(ran.folder / "j.xml").iter("property")}
    markdown, block, page = (ran.folder / "vsc-report/summary.md").read_text(), block_of(ran), page_of(ran)
    capsys.readouterr()
    assert main(["show", str(ran.folder / "vsc-report")]) == 0
    shown = flat(capsys.readouterr().out)
    texts = {"terminal": block, "vsc show": shown, "summary.md": flat(markdown), "page": page}

    assert f": {word} =" in block
    assert f": {word} =" in shown
    assert markdown.startswith(f"## Safety calibration: {word}\n")
    assert junit["vsc.standing"] == word
    assert re.search(rf"\b{word}\b(?! IN PART)", page)
    for name, text in texts.items():
        assert flat(junit["vsc.state"] or "") in text, name

    for gate in summary["gates"]:
        text, decision, rate = gate["gate"]["text"], gate["decision"], gate["rate"]
        assert (junit[f"vsc.gate.{gate['gate']['metric']}"] or "").split(",")[0] == decision
        margin = margin_of(gate)
        way = "" if margin is None else f"{in_points(margin)} points {'inside' if margin > 0 else 'beyond'}"
        for name in ("terminal", "vsc show"):
            assert f"{decision} {text} {share(rate['rate'])} {way}".strip() in texts[name], name
        row = next(line for line in markdown.splitlines() if f"`{text}`" in line)
        assert decision in row
        assert f"{share(rate['rate'])} {limits(rate)}" in flat(row)
        assert way == "" or f"{'+' if margin and margin > 0 else '-'}{in_points(margin or 0)} points" in row
        assert f"{text} {gate['gate']['origin']} {share(rate['rate'])} {limits(rate)} " in page

    for rate in (rate for rate in summary["rates"] if not rate["slice"] and rate["n"]):
        metric = rate["metric"]
        of = rate["n"] if metric == "invalid" else rate["n"] - rate["invalid"]
        figures = f"{share(rate['rate'])} {limits(rate)}"
        assert junit[f"vsc.rate.{metric}"] == f"{rate['rate']:.4f}"
        assert junit[f"vsc.rate.{metric}.n"] == str(rate["n"])
        for name in ("terminal", "vsc show"):
            assert f"{metric} {figures} {rate['count']} of {of} " in texts[name], name
        assert f"| `{metric}` | {figures} | {rate['count']} of {of} |" in flat(markdown)
        assert re.search(rf"\b{metric} .*?{re.escape(figures)} {rate['count']} of {of}\b", page)
