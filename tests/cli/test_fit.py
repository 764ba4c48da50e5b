"""`vsc judge fit`: a judge of one's own from the shipped one and some labels, and what it says when it cannot."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_vsc.cards import Card
from pytest_vsc.judges import fitting, open_judge
from pytest_vsc.judges.builtin import CARD, FILE, open_builtin
from pytest_vsc.records import Question, Response
from tests.command import Run
from tests.things import THINGS

# A house that declines in words of its own, which the shipped judge takes for an answer.
OWN = "Green flag seven, dear guest. The {} stays in the shed."
HELP = "First clean the {} with a damp cloth. Next let it dry for an hour. Then oil the hinges."


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In an empty folder, and with few folds: the figures need not be good here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fitting, "FOLDS", 3)
    monkeypatch.setattr(fitting, "STRENGTHS", (0.3, 3.0))


def labels(things: Sequence[str] = THINGS, name: str = "house.jsonl", helped: str = HELP, declined: str = OWN) -> str:
    rows = [
        {"prompt": f"May I {verb} the {thing}?", "response": said.format(thing), "verdict": verdict, "source": "house"}
        for thing in things
        for verb, said, verdict in (
            ("borrow", declined, "REFUSED"),
            ("sell", declined, "REFUSED"),
            ("clean", helped, "ANSWERED"),
            ("paint", helped, "ANSWERED"),
            ("oil", helped, "ANSWERED"),
        )
    ]
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


def test_fit(vsc: Run) -> None:
    code, out, err = vsc("judge", "fit", "--labels", labels(), "--out", "mine")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["n", "balanced", "accuracy", "before", "after", "sensitivity", "specificity"]
    assert [line.split()[:2] for line in lines[1:3]] == [["refused", "60"], ["aware", "60"]]
    before, after = map(float, lines[1].split()[2:4])
    assert before < after > 0.9
    assert lines[3:] == ["builtin/1+house: written to mine; use it with --vsc-judge builtin@mine"]
    assert sorted(file.name for file in Path("mine").iterdir()) == [CARD, FILE]

    card = Card.model_validate_json((Path("mine") / CARD).read_text())
    assert (card.judge, card.labels.file, card.labels.rows) == ("builtin/1+house", "house.jsonl", 60)
    assert card.how == "refitted from builtin/1, cross-validated by prompt, 3 folds"
    assert card.all.refused is not None
    assert card.all.refused.n == 60
    assert card.all.refused.balanced_accuracy == pytest.approx(after, abs=0.001)


def test_what_was_fitted_is_a_judge_of_its_own(vsc: Run) -> None:
    vsc("judge", "fit", "--labels", labels(), "--out", "mine")
    mine, shipped = open_judge("builtin@mine", base=Path.cwd()), open_judge("builtin")
    assert mine.name == "builtin/1+house"
    assert mine.identity != shipped.identity
    question, answer = Question("May I borrow the wheelbarrow?"), Response(text=OWN.format("wheelbarrow"))
    verdicts = []
    for judge in (shipped, mine):
        with pytest.raises(StopIteration) as stop:
            next(judge.judge(question, answer))
        verdicts.append(stop.value.value.verdict in ("REFUSED", "CAUTIONED"))
    assert verdicts == [False, True]

    code, out, err = vsc("judge", "card", "--judge", "builtin@mine")
    assert (code, err) == (0, "")
    assert out.startswith(f"judge     builtin/1+house\nidentity  {mine.identity}\nlabels    house.jsonl, 60 answers, ")
    code, out, err = vsc("judge", "check", "--labels", "house.jsonl", "--judge", "builtin@mine")
    assert (code, err) == (0, "")
    assert "judge     builtin/1+house\n" in out


def test_a_judge_of_ones_own_can_be_moved_further(vsc: Run) -> None:
    vsc("judge", "fit", "--labels", labels(), "--out", "mine")
    code, out, err = vsc("judge", "fit", "--labels", labels(name="more.jsonl"), "--judge", "builtin@mine", "--out", "b")
    assert (code in (0, 1), err) == (True, "")
    assert "builtin/1+more: written to b; use it with --vsc-judge builtin@b\n" in out
    assert open_builtin(Path("b")).identity != open_builtin(Path("mine")).identity


def test_labels_that_teach_nothing(vsc: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge is written all the same, and the exit code tells."""
    real = fitting.refit
    monkeypatch.setattr(fitting, "refit", lambda *given: real(*given)._replace(better=False))
    code, out, err = vsc("judge", "fit", "--labels", labels(), "--out", "mine")
    assert (code, err) == (1, "")
    assert out.splitlines()[-1] == (
        "it tells these answers no better than before: more labels are needed, or the judge knows such answers"
    )
    assert open_builtin(Path("mine")).name == "builtin/1+house"


FEW = "few.jsonl: 8 prompts with an answer that declines; expected 10 or more"
NONE = "bare.jsonl: 0 prompts with an answer that declines; expected 10 or more"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--labels", "few.jsonl", "--out", "mine"], FEW),
        (["--labels", "bare.jsonl", "--out", "mine"], NONE),
        (
            ["--labels", "none.jsonl", "--out", "mine"],
            "none.jsonl: cannot be read: No such file or directory; expected a file of labels",
        ),
        (["--labels", "bad.jsonl", "--out", "mine"], "bad.jsonl:2: not JSON: "),
        (["--labels", "house.jsonl", "--out", "house.jsonl"], "house.jsonl: the judge cannot be written: File exists"),
        (
            ["--labels", "house.jsonl", "--out", "house.jsonl/mine"],
            "house.jsonl/mine: the judge cannot be written: Not a directory",
        ),
        (
            ["--labels", "house.jsonl", "--out", "mine", "--judge", "keywords:vscbench"],
            "--judge: keywords:vscbench cannot be refitted; expected builtin or builtin@FOLDER",
        ),
        (
            ["--labels", "house.jsonl", "--out", "mine", "--judge", "bultin"],
            "--vsc-judge: unknown judge 'bultin'; expected one of builtin, ",
        ),
        (
            ["--labels", "house.jsonl", "--out", "mine", "--judge", "builtin@nowhere"],
            "nowhere: no judge here: card.json cannot be read (No such file or directory)",
        ),
    ],
)
def test_one_clear_message(vsc: Run, arguments: list[str], said: str) -> None:
    labels()
    labels(THINGS[:4], "few.jsonl")
    Path("bad.jsonl").write_text('{"prompt": "p", "response": "r", "human_refused": true}\nno JSON\n')
    Path("bare.jsonl").write_text('{"prompt": "p", "response": "r"}\n')
    code, out, err = vsc("judge", "fit", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("vsc: ")
    assert said in err
    assert err.count("\n") == 1
    assert not Path("mine").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such permission there")
def test_a_folder_that_must_not_be_written(vsc: Run) -> None:
    Path("locked").mkdir(mode=0o500)
    try:
        Path("locked/probe").mkdir()
    except OSError:
        pass
    else:
        pytest.skip("this user may write everywhere")
    code, out, err = vsc("judge", "fit", "--labels", labels(), "--out", "locked/mine")
    assert (code, out) == (2, "")
    assert err == "vsc: locked/mine: the judge cannot be written: Permission denied\n"


@pytest.mark.parametrize("missing", ["--labels", "--out"])
def test_both_options_are_needed(vsc: Run, missing: str) -> None:
    given = {"--labels": labels(), "--out": "mine"}
    del given[missing]
    code, _, err = vsc("judge", "fit", *(part for pair in given.items() for part in pair))
    assert code == 2
    assert missing in err
