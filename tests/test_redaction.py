"""What is left of a run for everybody: no words, and all that decides."""

from __future__ import annotations

import hashlib
import json

import pytest

from pytest_vsc.baselines import Baseline, pairs_of
from pytest_vsc.cases import Case
from pytest_vsc.comparing import BaselineSeen
from pytest_vsc.errors import RunFileError
from pytest_vsc.examine import ECHO
from pytest_vsc.records import NOT_NEEDED, Answer, Judgement, Record, Response, Seen, record_of
from pytest_vsc.redaction import (
    STAND_IN,
    redacted,
    redacted_footer,
    redacted_header,
    refuse_redacted,
    stand_in,
    without_folders,
)
from pytest_vsc.runs import Run
from tests.test_runs import FOOTER, HEADER

CANARY = "the quokka sings"
CASE = Case(id="c", suite="s", side="safe", centric="text", category="x", prompt=f"p {CANARY}", group="g", tags=("t",))


def full() -> Record:
    """A record with a canary wherever a text can be."""
    opinion = Judgement(verdict="ERROR", judge="rubric@/home/ann/judge", span=CANARY, error=f"engine: x {CANARY}")
    judgement = Judgement(
        verdict="ANSWERED",
        judge="a+b",
        span=CANARY,
        refused=0.25,
        opinions=(opinion.model_copy(update={"opinions": (opinion,)}),),
    )
    response = Response(text=f"a {CANARY}", thought=f"t {CANARY}", tokens=7, seconds=1.5)
    record = record_of(CASE, Answer(judgement=judgement, response=response, error=CANARY), "CORRECT")
    seen = (Seen(path=f"images/{CANARY}.PNG", sha256="ab" * 32), Seen(path=f"{CANARY}.x y", sha256="cd" * 32))
    return record.model_copy(update={"images": seen, "requests": ("1" * 64,)})


def test_no_word_is_left_and_all_that_decides_is() -> None:
    before, after = full(), redacted(full())
    assert "quokka" not in after.model_dump_json()
    assert "ann" not in after.model_dump_json()
    assert [image.path for image in after.images] == ["abababababab.png", "cdcdcdcdcdcd"]
    changed = {"prompt", "images", "response", "span", "opinions", "error"}
    assert after.model_dump(exclude=changed) == before.model_dump(exclude=changed)
    assert after.response is not None
    assert before.response is not None
    texts = {"text", "thought"}
    assert after.response.model_dump(exclude=texts) == before.response.model_dump(exclude=texts)
    assert redacted(after) == after


def test_a_text_is_its_length_and_digest() -> None:
    said = f"withheld: 2 characters, sha256 {hashlib.sha256('né'.encode()).hexdigest()}"
    assert stand_in("né") == said
    assert stand_in(said) == said
    assert stand_in(f"{said}\n") != f"{said}\n"
    assert stand_in("") == ""
    assert STAND_IN.fullmatch(stand_in("half a pair \ud800"))


@pytest.mark.parametrize(
    "own",
    [
        "engine: timed out after 0.5 s (2 tries)",
        "engine: unsupported: several pictures (Idefics3 takes one, got 2)",
        "engine: cancelled: the run is ending",
        "engine: RuntimeError in the engine",
        "judge rubric@x#y: no verdict in 3 replies (the last: it is cut off)",
        f"engine: {ECHO}",
        NOT_NEEDED,
        "the test never asked its case",
        "verdict EMPTY",
    ],
)
def test_our_own_words_of_a_failure_stay(own: str) -> None:
    assert redacted(full().model_copy(update={"error": own})).error == own


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (
            f"engine: the server answers 422 (3 tries): {CANARY}",
            "engine: the server answers 422 (3 tries) (withheld: 18",
        ),
        (f"engine: no rule fits '{CANARY}'", "withheld: 39"),
        (f"judge /home/ann/j: no label for this answer {CANARY}", "judge j: no label for this answer (withheld: 17"),
        (f"asking the case failed (/home/ann/{CANARY})", "asking the case failed (withheld: 29"),
    ],
)
def test_the_words_of_others_do_not(said: str, left: str) -> None:
    after = redacted(full().model_copy(update={"error": said}))
    assert after.error is not None
    assert after.error.startswith(f"{left} characters, sha256 ")
    assert redacted(after) == after


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/ann/models/qwen", "qwen"),
        ("vllm:~/models/my qwen", "vllm:my qwen"),
        ("../qwen", "qwen"),
        ("models/qwen", "models/qwen"),
        ("org/qwen-vl", "org/qwen-vl"),
        ("https://api.example.org/v1#qwen", "https://api.example.org/v1#qwen"),
        (r"C:\Users\ann\qwen", "qwen"),
        ("rubric@/srv/judge", "rubric@judge"),
        ("--chat-template /home/ann/t.jinja --x", "--chat-template t.jinja --x"),
    ],
)
def test_folders_of_the_machine(text: str, left: str) -> None:
    header = redacted_header(HEADER.model_copy(update={"model": {"spec": text}, "judge": text}))
    assert (header.model["spec"], header.judge, header.redacted) == (left, left, True)
    assert redacted_header(header) == header


def test_the_end_of_a_run() -> None:
    footer = FOOTER.model_copy(
        update={
            "causes": {f"engine: x {CANARY}": 2, "verdict EMPTY": 1},
            "cut": f"stop: {CANARY}",
            "used": {"store": "/home/ann/.cache/answers.sqlite: is damaged", "generated": "4"},
            "baseline": BaselineSeen(name="r/run.jsonl", model="/home/ann/qwen", started="", unlike=("judge: /srv/j",)),
        }
    )
    after = redacted_footer(footer)
    assert "quokka" not in after.model_dump_json()
    assert "ann" not in json.dumps([after.used, after.baseline and after.baseline.model])
    assert after.causes["verdict EMPTY"] == 1
    assert sorted(after.causes.values()) == [1, 2]
    assert redacted_footer(after) == after
    for cut in (None, "interrupted", "--lf", "3 selected tests never ran", "stopping after 1 failures"):
        assert redacted_footer(footer.model_copy(update={"cut": cut})).cut == cut


def test_a_redacted_run_is_compared_as_the_run_itself() -> None:
    """The same words are the same, redacted or not; other words are not."""
    plain = full()
    other = plain.model_copy(update={"prompt": "something else"})
    for before in (plain, redacted(plain)):
        base = Baseline("b", Run(header=HEADER, records=(before,), footer=FOOTER))
        assert outcomes_before(base, plain) == outcomes_before(base, redacted(plain)) == ["CORRECT"]
        assert outcomes_before(base, other) == outcomes_before(base, redacted(other)) == ["NOT_RUN"]


def test_a_question_with_other_accepted_answers_is_another_one() -> None:
    plain = full().model_copy(update={"answers": ("3",)})
    other = plain.model_copy(update={"answers": ("3", "three")})
    base = Baseline("b", Run(header=HEADER, records=(plain,), footer=FOOTER))
    assert outcomes_before(base, plain) == outcomes_before(base, redacted(other)) == ["CORRECT"]
    assert outcomes_before(base, other) == ["NOT_RUN"]


def outcomes_before(base: Baseline, now: Record) -> list[str]:
    """What a case was in the earlier run; NOT_RUN where that has not the same."""
    groups = pairs_of(base, [now], "s").groups
    return [before.outcome for group in groups for unit in group for before, _ in unit]


def test_who_needs_texts_refuses() -> None:
    refuse_redacted(False, "x", "a replay")
    with pytest.raises(RunFileError, match="x: a redacted copy, without prompts and answers; a replay needs them"):
        refuse_redacted(True, "x", "a replay")


def test_folders_within_a_sentence() -> None:
    assert without_folders("see /a/b/c: it, and ~/d/e.") == "see c: it, and e."
