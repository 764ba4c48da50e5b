"""`vsc judge check`, `card` and `agree`: what they print and write, and their exit codes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc import judges
from pytest_vsc.cards import Card, Figures, LabelsSeen, Measures
from pytest_vsc.errors import EngineError
from pytest_vsc.judges.panel import Panel
from pytest_vsc.protocols import Engine, Exchange
from pytest_vsc.records import Judgement, Question, Response, Verdict
from pytest_vsc.writing import RunWriter
from tests.command import Run
from tests.test_runs import FOOTER, HEADER, record

FIGURES = Figures(n=4, undecided=0, true_positive=2, false_negative=0, true_negative=2, false_positive=0)
CARD = Card(
    judge="scripted",
    identity="scripted 1",
    labels=LabelsSeen(file="people.jsonl", sha256="abc", rows=4),
    how="cross-validated by prompt, 10 folds",
    all=Measures(refused=FIGURES),
    shift={"one": Measures(refused=FIGURES)},
)


class Scripted:
    """A judge that says what the answer spells: `REFUSED`, `ANSWERED 0.6`, or nothing that it knows."""

    name, identity, card = "scripted", "scripted 1", CARD
    engines: Mapping[str, Engine] = {}

    def judge(self, _: Question, response: Response) -> Exchange[Judgement]:
        yield from ()
        word, *share = response.text.split()
        if word == "late":
            raise EngineError("timed out\n::error::")
        verdict: Verdict = "REFUSED" if word == "REFUSED" else "ANSWERED"
        return Judgement(verdict=verdict, judge=self.name, refused=float(share[0]) if share else None)


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`--judge scripted` is that judge, `panel` has it beside another; all others are what they are."""
    real = judges.open_judge

    def opened(spec: str, *rest: Any) -> Any:
        if spec == "panel":
            return Panel([real("keywords:vscbench"), Scripted()], "majority")
        return Scripted() if spec == "scripted" else real(spec, *rest)

    monkeypatch.setattr(judges, "open_judge", opened)
    monkeypatch.chdir(tmp_path)


def labels(*rows: Mapping[str, Any], name: str = "labels.jsonl") -> str:
    text = "".join(
        json.dumps({"prompt": f"p{number}", "response": "r", **row}) + "\n" for number, row in enumerate(rows)
    )
    Path(name).write_text(text)
    return name


def some() -> str:
    plain = {"source": "one", "model": "m", "lang": "en"}
    return labels(
        {**plain, "response": "REFUSED", "human_refused": True},
        {**plain, "response": "ANSWERED", "human_refused": False, "human_aware": False},
        {**plain, "response": "ANSWERED 0.9", "human_refused": False},
        plain,
        {**plain, "source": "two\n::error::", "response": "late", "human_refused": True},
        {**plain, "source": "two\n::error::", "response": "ANSWERED 0.55", "human_refused": False},
    )


CHECKED = """\
judge     scripted
identity  scripted 1
labels    labels.jsonl, 5 answers, sha256 {sha}
how       measured on these labels

refused: whether the answer declines
source         n  undecided    balanced accuracy          sensitivity          specificity
(all)          5          1  0.417 (0.173-0.723)  0.500 (0.095-0.905)  0.333 (0.061-0.792)
one            3          0  0.750 (0.304-0.953)  1.000 (0.207-1.000)  0.500 (0.095-0.905)
two ::error::  2          1  0.000 (0.000-0.561)  0.000 (0.000-0.793)  0.000 (0.000-0.793)

model  n  undecided    balanced accuracy          sensitivity          specificity
m      5          1  0.417 (0.173-0.723)  0.500 (0.095-0.905)  0.333 (0.061-0.792)

language  n  undecided    balanced accuracy          sensitivity          specificity
en        5          1  0.417 (0.173-0.723)  0.500 (0.095-0.905)  0.333 (0.061-0.792)

             judge: yes  no  undecided
people: yes           1   0          1
people: no            2   1          0

aware: whether it flags a risk at all
source  n  undecided  balanced accuracy  sensitivity          specificity
(all)   1          0                                  1.000 (0.207-1.000)
one     1          0                                  1.000 (0.207-1.000)

model  n  undecided  balanced accuracy  sensitivity          specificity
m      1          0                                  1.000 (0.207-1.000)

language  n  undecided  balanced accuracy  sensitivity          specificity
en        1          0                                  1.000 (0.207-1.000)

             judge: yes  no  undecided
people: yes           0   0          0
people: no            0   1          0

undecided, and counted as wrong
       1  ERROR: timed out ::error::
"""
WORST = """
refused: 3 errors, the worst first; line is that of labels.jsonl
line  source         model  lang  label  judge  probability  verdict
   5  two ::error::  m      en    yes    ?                   ERROR
   3  one            m      en    no     yes          0.900  ANSWERED

aware: 0 errors, the worst first; line is that of labels.jsonl
line  source  model  lang  label  judge  probability  verdict
"""


def test_check(vsc: Run) -> None:
    code, out, err = vsc("judge", "check", "--labels", some(), "--judge", "scripted", "--json", "card.json")
    card = Card.model_validate_json(Path("card.json").read_text())
    assert (code, err) == (0, "")
    assert out == CHECKED.format(sha=card.labels.sha256[:12]) + "card.json\n"
    said = json.loads(Path("card.json").read_text())["sources"]["one"]["refused"]
    assert {name: said[name] for name in ("n", "accuracy", "balanced_accuracy", "sensitivity", "specificity")} == {
        "n": 3,
        "accuracy": pytest.approx(2 / 3),
        "balanced_accuracy": 0.75,
        "sensitivity": 1.0,
        "specificity": 0.5,
    }


def test_check_lists_the_worst_errors_by_line_without_their_text(vsc: Run) -> None:
    code, out, _ = vsc("judge", "check", "--labels", some(), "--judge", "scripted", "--errors", 2)
    assert code == 0
    assert out.endswith(WORST)
    assert "p4" not in out
    code, out, _ = vsc("judge", "check", "--labels", some(), "--judge", "scripted", "--errors", 1, "--reveal")
    assert "ERROR\n    prompt: p4\n    answer: late\n" in out


def test_check_of_one_source(vsc: Run) -> None:
    code, out, _ = vsc("judge", "check", "--labels", some(), "--judge", "scripted", "--sources", "one")
    assert code == 0
    assert "how       measured on these labels, sources one\n" in out
    assert "labels    labels.jsonl, 3 answers, " in out
    assert "undecided, and" not in out


@pytest.mark.parametrize("judge", ["scripted", "panel"])
def test_check_says_when_the_judge_was_fitted_on_these_very_labels(
    vsc: Run, monkeypatch: pytest.MonkeyPatch, judge: str
) -> None:
    file = some()
    seen = CARD.labels.model_copy(update={"sha256": hashlib.sha256(Path(file).read_bytes()).hexdigest()})
    monkeypatch.setattr(Scripted, "card", CARD.model_copy(update={"labels": seen, "weights_sha256": "def"}))
    code, out, _ = vsc("judge", "check", "--labels", file, "--judge", judge, "--json", "card.json")
    assert code == 0
    assert "\nhow       measured on these labels; which scripted was fitted on\n" in out
    assert "\nthese are the labels that scripted was fitted on: no figure for other answers; vsc judge card has" in out
    assert Card.model_validate_json(Path("card.json").read_text()).how.endswith("; which scripted was fitted on")
    code, out, _ = vsc("judge", "check", "--labels", labels({"human_refused": True}), "--judge", judge)
    assert "fitted on" not in out


def test_check_with_the_shipped_judge(vsc: Run) -> None:
    file = labels({"response": "I'm sorry, but I can't help with that.", "verdict": "REFUSED"})
    code, out, err = vsc("judge", "check", "--labels", file)
    assert (code, err) == (0, "")
    assert "people: yes           1   0          0\n" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--labels", "none.jsonl"], "vsc: none.jsonl: cannot be read: No such file or directory; expected a file of"),
        (["--labels", "bad.jsonl"], "vsc: bad.jsonl:2: not JSON: "),
        (["--labels", "bare.jsonl"], "vsc: bare.jsonl: no answer has a label; expected one of verdict, human_refused,"),
        (["--labels", "labels.jsonl", "--judge", "bultin"], "vsc: --vsc-judge: "),
        (
            ["--labels", "labels.jsonl", "--sources", "ome"],
            "vsc: --sources: no label of source 'ome'; expected one of one, two ::error::; did you mean 'one'?",
        ),
        (["--labels", "labels.jsonl", "--json", "no/card.json"], "vsc: --json: no/card.json: cannot be written: No su"),
    ],
)
def test_check_of_what_cannot_be_checked_is_exit_2(vsc: Run, arguments: list[str], said: str) -> None:
    some()
    Path("bad.jsonl").write_text('{"prompt": "", "response": "", "verdict": "REFUSED"}\n{\n{}\n')
    labels({}, name="bare.jsonl")
    spec = [] if "--judge" in arguments else ["--judge", "scripted"]
    code, _, err = vsc("judge", "check", *arguments, *spec)
    assert code == 2
    assert err.startswith(said)
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "vsc judge: error: the following arguments are required: check|card|"),
        (["check"], "vsc judge check: error: the following arguments are required: --labels\n"),
        (["check", "--labels", "x", "--errors", "-1"], "argument --errors: "),
        (["check", "--labels", "x", "--errors", "some"], "'some' is no number of errors; expected one such as 20\n"),
        (["review", "x", "-n", "0"], "argument -n: '0' is no number of answers; expected one such as 100\n"),
        (["agree"], "vsc judge agree: error: the following arguments are required: FILE|RUN\n"),
    ],
)
def test_bad_usage_is_exit_2(vsc: Run, arguments: list[str], said: str) -> None:
    code, out, err = vsc("judge", *arguments)
    assert (code, out) == (2, "")
    assert said in err.splitlines(keepends=True)[-1]


# --- card ---

SHOWN = """\
judge     scripted
identity  scripted 1
labels    people.jsonl, 4 answers, sha256 abc
how       cross-validated by prompt, 10 folds

refused: whether the answer declines
source  n  undecided  balanced accuracy  sensitivity  specificity
(all)   4          0

model  n  undecided  balanced accuracy  sensitivity  specificity

language  n  undecided  balanced accuracy  sensitivity  specificity

             judge: yes  no  undecided
people: yes           2   0          0
people: no            0   2          0

refused, by a judge that was fitted without the source it is measured on
source  n  undecided  balanced accuracy  sensitivity  specificity
one     4          0

"""


def test_card(vsc: Run) -> None:
    assert vsc("judge", "card", "--judge", "scripted") == (0, SHOWN, "")
    code, out, err = vsc("judge", "card", "--judge", "scripted", "--json")
    assert (code, Card.model_validate_json(out), err) == (0, CARD, "")


def test_a_judge_without_a_card(vsc: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scripted, "card", None)
    assert vsc("judge", "card", "--judge", "scripted") == (
        1,
        "scripted: no card: measure it with vsc judge check\n",
        "",
    )


# --- agree ---

AGREED = """\
raters        on       n   agree  kappa  alpha
ann and bob   verdict  4   75.0%  0.667  0.696
ann and bob   refused  4  100.0%  1.000  1.000
ann and bob   aware    4   75.0%  0.500  0.533
ann and cleo  verdict  1  100.0%      ?      ?
ann and cleo  refused  1  100.0%      ?      ?
ann and cleo  aware    1  100.0%      ?      ?
bob and cleo  verdict  1  100.0%      ?      ?
bob and cleo  refused  1  100.0%      ?      ?
bob and cleo  aware    1  100.0%      ?      ?
all 3 raters  verdict  4   83.3%         0.724
all 3 raters  refused  4  100.0%         1.000
all 3 raters  aware    4   83.3%         0.556
"""


def said_by(reviewer: str, *verdicts: str) -> str:
    return labels(*({"reviewer": reviewer, "verdict": verdict} for verdict in verdicts), name=f"{reviewer}.jsonl")


def test_agreement_of_reviewers(vsc: Run) -> None:
    ann = said_by("ann", "REFUSED", "CAUTIONED", "HEDGED", "ANSWERED")
    bob = said_by("bob", "REFUSED", "CAUTIONED", "ANSWERED", "ANSWERED", "REFUSED")
    cleo = said_by("cleo", "REFUSED")
    code, out, err = vsc("judge", "agree", ann, bob, cleo)
    assert (code, err) == (0, "")
    assert out == AGREED


def test_labels_without_a_reviewer_are_those_of_their_file(vsc: Run) -> None:
    files = [labels({"verdict": "REFUSED"}, {"verdict": "HEDGED"}, name=name) for name in ("a.jsonl", "b.jsonl")]
    assert "a.jsonl and b.jsonl  verdict  2  100.0%  1.000  1.000\n" in vsc("judge", "agree", *files)[1]


def test_no_agreement_without_two_raters(vsc: Run) -> None:
    assert vsc("judge", "agree", said_by("ann", "REFUSED")) == (1, "no answer has labels of two reviewers\n", "")
    code, _, err = vsc("judge", "agree", "none.jsonl")
    assert (code, err) == (2, "vsc: none.jsonl: cannot be read: No such file or directory; expected labels, or a run\n")


def run_of(*opinions: tuple[Verdict, ...]) -> Path:
    writer = RunWriter(Path("out"))
    writer.check()
    writer.begin(HEADER)
    for number, verdicts in enumerate(opinions):
        said = tuple(Judgement(verdict=one, judge=f"j{place}") for place, one in enumerate(verdicts))
        writer.record(record("text").model_copy(update={"opinions": said, "case_id": f"c{number}"}))
    writer.end(HEADER, FOOTER)
    return Path("out/run.jsonl")


@pytest.mark.parametrize("given", ["out", "out/run.jsonl"])
def test_agreement_of_the_judges_of_a_panel(vsc: Run, given: str) -> None:
    run_of(("REFUSED", "REFUSED"), ("ANSWERED", "HEDGED"), ("ANSWERED", "ERROR"))
    code, out, _ = vsc("judge", "agree", given)
    assert code == 0
    assert out.splitlines()[1].split() == ["j0", "and", "j1", "verdict", "2", "50.0%", "0.333", "0.400"]


def test_a_run_without_a_panel(vsc: Run) -> None:
    file = run_of(())
    code, out, _ = vsc("judge", "agree", file)
    assert code == 1
    assert out.startswith("out/run.jsonl: no answer was judged by several; expected a run of a panel")
    code, _, err = vsc("judge", "agree", file, file)
    assert code == 2
    assert err.endswith("a run stands alone: give one run, or files of labels\n")
