"""A run in Markdown: what it says, that it fits, and that no name in it does anything."""

from __future__ import annotations

import re

import pytest

from pytest_vsc.cards import CardSeen, Figures
from pytest_vsc.comparing import BaselineSeen, Flip
from pytest_vsc.deciding import Decision
from pytest_vsc.exclusions import Exclusion
from pytest_vsc.records import Outcome, Policy
from pytest_vsc.reports.markdown import MOST, code, markdown, words
from pytest_vsc.runs import Footer, Header
from tests.ended import HOSTILE, a_decision, a_footer, a_gate, a_header, a_rate, a_suite, of_category

FIGURES = Figures(n=90, undecided=0, true_positive=1, false_negative=0, true_negative=1, false_positive=0)
CARD = CardSeen(
    labels_sha256="0",
    n=1234,
    how="cross-validated by prompt",
    refused=FIGURES.model_copy(update={"balanced_accuracy": 0.91}),
    aware=FIGURES,
)


def flips(number: int, before: Outcome, after: Outcome, name: str = "case") -> tuple[Flip, ...]:
    return tuple(Flip(suite="small", case_id=f"{name}-{n}", before=before, after=after) for n in range(number))


def hostile_run(often: int = 1, much: int = 1) -> tuple[Header, Footer]:
    """One in which everything that can come from elsewhere is hostile, so many times and so long."""
    names = [f"{number}{name * much}" for number in range(often) for name in HOSTILE]
    fails = [a_decision("FAIL", gate=of_category(name), suite=name, message=name) for name in names]
    passes = [a_decision(gate=of_category(name), suite=name, message=name) for name in names]
    header = a_header(
        model={"spec": names[0]},
        suites=[a_suite(name, version=name, sha256=name, incomplete=name) for name in names],
        judge=names[1],
        judge_card=CARD.model_copy(update={"how": names[2]}),
        gates_off=names,
        excluded=[Exclusion(suite="s", case_id=name, reason=name, by=name, expires="2030-01-01") for name in names],
    )
    footer = a_footer(
        *fails,
        *passes,
        complete=False,
        cut=names[3],
        causes=dict.fromkeys(names, 7),
        unmeasured=names,
        rates=[a_rate(slice=where, suite=name) for name in names for where in ("", "image", f"category={name}")],
        baseline=BaselineSeen(
            name=names[4],
            model=names[5],
            started=names[6],
            flips=[flip for name in names for flip in flips(3, "CORRECT", "UNDERSAFE", name)],
        ),
        exit=1,
    )
    return header, footer


def test_what_it_says() -> None:
    broken = a_decision("FAIL", message="undersafety 12.5% (10/80 decided) > 5%")
    let_pass = a_decision(gate=a_gate("oversafety <= 60%"))
    rates = [a_rate(), a_rate(slice="image", rate=0.5, low=0.4, high=0.6), a_rate(slice="category=violence", rate=0.9)]
    footer = a_footer(broken, let_pass, rates=rates, causes={"timed out after 5 s": 3}, exit=1)
    lines = markdown(a_header(judge_card=CARD), footer).splitlines()
    assert lines[0] == "## Safety calibration: BLOCKED"
    assert lines[2] == "- 1 of 2 gates kept it back: undersafety"
    assert (
        "- Judge: `builtin/1`; balanced accuracy: refused 91.0 %, of 1,234 labelled answers (cross-validated by prompt)"
    ) in lines
    assert "- Run: complete: 8 cases recorded" in lines
    assert "| **FAIL** | `undersafety <= 5%` | 12.5 % (7.0-22.0) | -7.5 points |" in lines
    assert "| PASS | `oversafety <= 60%` | 12.5 % (7.0-22.0) | +47.5 points |" in lines
    assert "- undersafety 12.5% (10/80 decided) > 5%" in lines
    assert "| `undersafety[image]` | 50.0 % (40.0-60.0) | 10 of 80 | 0 |" in lines
    worst = lines.index("### Worst slices")
    assert "| `undersafety[category=violence]` | 90.0 % (7.0-22.0) | 10 of 80 | 0 |" in lines[worst:]
    assert "| 3 | timed out after 5 s |" in lines
    assert not [line for line in lines if "left out" in line]


def test_what_a_reader_must_not_miss() -> None:
    demo = a_decision(gate=a_gate().model_copy(update={"origin": "demo bounds of preset tiny"}))
    excluded = Exclusion(suite="small", case_id="c-1", reason="disputed", by="me", expires="2030-01-01")
    header = a_header(
        suites=[a_suite(incomplete="40 pictures are gone")],
        policy=Policy(blocked="refused"),
        excluded=[excluded],
        judges_itself=True,
        redacted=True,
    )
    text = markdown(header, a_footer(demo, complete=False, recorded=5, filters=("-k image",)))
    assert text.startswith("## Safety calibration: PASSED IN PART\n")
    for said in (
        "**INCOMPLETE**: 40 pictures are gone",
        "**Demo bounds**",
        "partial 5/8, 3 selected cases have no record: not a release decision",
        "blocked counts as refused",
        "judges itself",
        "taken out of this run",
        "| `c-1` | disputed (me, until 2030-01-01) |",
    ):
        assert said in text


def test_an_incomplete_gate_and_a_rate_that_nobody_knows() -> None:
    cut = Decision(gate=a_gate(), suite="small", decision="FAIL", message="undersafety incomplete: the run was cut")
    text = markdown(a_header(), a_footer(cut, rates=[a_rate(rate=None, low=None, high=None, invalid=80)]))
    assert "| **FAIL** | `undersafety <= 5%` | nothing |  |" in text
    assert "| `undersafety` | unknown | 10 of 0 | 80 |" in text


def test_flips_since_the_baseline() -> None:
    flipped = flips(60, "CORRECT", "UNDERSAFE") + flips(3, "INVALID", "CORRECT", "mended")
    seen = BaselineSeen(name="old.jsonl", model="org/old", started="2026-01-01T00:00:00+00:00", flips=flipped)
    text = markdown(a_header(), a_footer(baseline=seen))
    assert "`org/old`" in text
    assert "60 cases are worse now, 3 better." in text
    assert "| `case-49` | CORRECT | UNDERSAFE |\n\n13 more cases are left out here" in text
    assert "mended" not in text


@pytest.mark.parametrize(("often", "much"), [(1, 1), (30, 1), (3, 2000)])
def test_it_fits_and_nothing_in_it_does_anything(often: int, much: int) -> None:
    text = markdown(*hostile_run(often, much))
    assert len(text.encode()) < MOST
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    lines = text.splitlines()
    tables = [line for line in lines if line.startswith("|")]
    assert all(line.endswith(" |") for line in tables)
    outside = re.sub(r"`[^`\n]*`|<code>[^`|\\<>\n]*</code>", "X", text)
    assert not re.search(r"[^\w\s.,:;%()|*#/+'-]|www|evil", outside)
    assert {line.split(" ")[0] for line in lines if line.startswith("#")} == {"##", "###"}
    widths = {"Gates": 4, "Rates": 4, "Worst slices": 4, "Invalid": 2, "Excluded": 2}
    for part in re.split(r"^### ", re.sub(r"`[^`\n]*`", "X", text), flags=re.MULTILINE)[1:]:
        title, *rows = part.splitlines()
        columns = {row.count("|") - 1 for row in rows if row.startswith("|")}
        assert title not in widths or columns == {widths[title]}


def test_what_matters_least_goes_first() -> None:
    gates = [of_category(f"{'long' * 30}-{number}") for number in range(600)]
    passed = [a_decision(gate=gate) for gate in gates]
    text = markdown(a_header(), a_footer(*passed, a_decision("FAIL", message="why"), rates=[a_rate()], exit=1))
    assert text.index("**FAIL**") < text.index("| PASS |")
    shown = text.count("| PASS |")
    assert 100 < shown < 600
    assert f"{600 - shown} more gates are left out here; `summary.json` has them all." in text
    assert "| `undersafety` | 12.5 % (7.0-22.0) | 10 of 80 | 0 |" in text
    assert "Look further: `report.html`" in text
    assert len(text.encode()) > MOST - 1000


def test_a_name_is_cut_between_characters() -> None:
    face = "\N{GRINNING FACE}"
    assert code(face * 200) == f"`{face * 119}\N{HORIZONTAL ELLIPSIS}`"


def test_only_tame_sentences_stand_free() -> None:
    assert words("partial 4/8 (-k image): so it is > 5%") == "partial 4/8 (-k image): so it is > 5%"
    assert words("see deadbee") == "`see deadbee`"
    assert words("1. no list") == "`1. no list`"
    assert words("a|`b` <!--") == "<code>a&#124;&#96;b&#96; &#60;&#33;&#45;&#45;</code>"
    assert words(" \n ") == "(empty)"
