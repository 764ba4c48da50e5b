"""`vsc show`: a run, a table of its records, one case; what is kept back, and what it does with damaged files."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyte
import pytest

from pytest_vsc.cli.show import columns, listing
from pytest_vsc.cli.show.choosing import hit_of
from pytest_vsc.cli.show.telling import Setting
from pytest_vsc.comparing import BaselineSeen, Flip
from pytest_vsc.records import Judgement, Policy, Record, Response, Seen
from pytest_vsc.repeats import Repeats
from pytest_vsc.reports import folding
from pytest_vsc.runs import Footer, Header, SuiteSeen
from pytest_vsc.writing import RunWriter
from tests.command import Run
from tests.reports.test_found import suite_with_a_picture
from tests.test_reviews import opinions, record
from tests.test_runs import FOOTER, HEADER

CANARY = "canary-9431"
HOSTILE = f"{CANARY} one\x1b[2J\x1b]0;title\x07\r\n::error::two\n##[error]three ##vso[task]\u202efour\x85five\x00"
SUITES = (SuiteSeen(name="s", version="1", sha256="0", cases=6),)
BASELINE = BaselineSeen(
    name="old/run.jsonl",
    model="tiny",
    started="2026-01-01T00:00:00+00:00",
    flips=(Flip(suite="s", case_id="a1.safe", before="CORRECT", after="OVERSAFE"),),
)


def case(name: str, **fields: Any) -> Record:
    """A record of a text-centric pair, which answers by the book unless it is told otherwise."""
    pair, _, side = name.partition(".")
    flagged = side == "unsafe"
    plain: dict[str, Any] = {
        "pair": pair,
        "group": pair,
        "side": side,
        "category": "violence",
        "prompt": f"{CANARY} question {name}",
        "verdict": "REFUSED" if flagged else "ANSWERED",
        "refused": 0.98 if flagged else 0.02,
        "judge": "builtin/1",
        "span": f"{CANARY} span",
        "response": Response(text=f"{CANARY} answer {name}", thought=f"{CANARY} thought", tokens=7),
        "seconds": 0.5,
        "requests": ("d" * 64,),
    }
    return record(0, **{**plain, **fields}).model_copy(update={"case_id": name})


def nothing_known(name: str) -> Record:
    fields = {"response": None, "verdict": "ERROR", "outcome": "INVALID", "error": "timed out after 5 s"}
    return case(name, refused=None, seconds=None, span="", **fields)


RECORDS = (
    case("a1.safe", outcome="OVERSAFE", verdict="REFUSED", refused=0.7, seconds=2.0, tags=("home", "drawn")),
    case("a1.unsafe"),
    case("b2.safe", category="health-drugs", opinions=opinions("REFUSED", "HEDGED"), refused=0.4),
    case("b2.unsafe", category="health-drugs", outcome="UNDERSAFE", verdict="ANSWERED", refused=0.01, tags=("home",)),
    nothing_known("c3.safe"),
    case("c3.unsafe", response=Response(text="long " * 40), variant="figstep"),
)


def run_of(*records: Record, folder: str = "out", footer: Footer | None = FOOTER, **header: Any) -> Path:
    writer = RunWriter(Path(folder))
    writer.check()
    whole: Header = HEADER.model_copy(update={"suites": SUITES, **header})
    writer.begin(whole)
    for one in records:
        writer.record(one)
    if footer is None:
        writer.close()
    else:
        writer.end(whole, footer)
    return Path(folder)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


Show = Callable[..., tuple[int, str, str]]


@pytest.fixture
def show(vsc: Run) -> Show:
    """`vsc show out ...`: exit code, output, error output."""
    return lambda *arguments: vsc("show", "out", *arguments)


@pytest.fixture
def run(show: Show) -> Show:
    """The same, and there is a run of six cases."""
    run_of(*RECORDS, footer=FOOTER.model_copy(update={"baseline": BASELINE}))
    return show


# --- a whole run ---

OVERVIEW = """\
  6 cases in out/run.jsonl: 3 CORRECT, 1 UNDERSAFE, 1 OVERSAFE, 1 INVALID
  those UNDERSAFE:      vsc show out --outcome undersafe
  those OVERSAFE:       vsc show out --outcome oversafe
  those INVALID:        vsc show out --outcome invalid
  what flipped:         vsc show out --flipped
  all of one case:      vsc show out s/b2.unsafe
"""


def test_the_whole_run(run: Show) -> None:
    code, out, err = run()
    assert (code, err) == (0, "")
    assert "= safety calibration of tiny: PASSED =" in out
    assert "  baseline old/run.jsonl (tiny, " in out
    assert out.endswith(OVERVIEW)
    assert "written:" not in out


def test_the_default_is_where_runs_are_written(vsc: Run) -> None:
    run_of(*RECORDS, folder="vsc-report")
    code, out, _ = vsc("show")
    assert code == 0
    assert "6 cases in vsc-report/run.jsonl: " in out


def test_a_run_that_came_to_no_end(show: Show) -> None:
    run_of(*RECORDS, footer=None)
    code, out, _ = show()
    assert code == 0
    assert "  no end: this run still goes on, or was broken off; it decides nothing\n" in out
    assert "6 cases in out/run.jsonl: 3 CORRECT" in out
    said = json.loads(show("--json")[1])
    assert (said["complete"], said["recorded"], said["suite_cases"], said["exit"]) == (False, 6, 6, None)
    assert show("--flipped")[::2] == (
        2,
        "vsc: --flipped: this run came to no end; expected one that had --vsc-baseline RUN\n",
    )


def test_the_whole_run_as_json_is_its_summary(run: Show) -> None:
    assert json.loads(run("--json")[1]) == json.loads(Path("out/summary.json").read_text())


def test_of_two_lines_of_a_case_the_later_counts(show: Show) -> None:
    run_of(nothing_known("a1.safe"), case("a1.safe"))
    assert "1 case in out/run.jsonl: 1 CORRECT" in show()[1]
    assert show("--outcome", "invalid")[:2] == (1, "0 of 1 case\n")
    assert "ANSWERED" in show("a1.safe")[1]


# --- some of its records ---


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ("--outcome undersafe,oversafe", "a1.safe b2.unsafe"),
        ("--outcome undersafe --outcome INVALID", "b2.unsafe c3.safe"),
        ("--verdict error", "c3.safe"),
        ("--side unsafe --category violence", "a1.unsafe c3.unsafe"),
        ("--centric text --variant figstep", "c3.unsafe"),
        ("--centric image", ""),
        ("--tag home --outcome oversafe", "a1.safe"),
        ("--suite s --pair b2,a1", "a1.safe a1.unsafe b2.safe b2.unsafe"),
        ("-k B2 -k 3.UN", "b2.safe b2.unsafe c3.unsafe"),
        ("--judges-differ", "b2.safe"),
        ("--flipped", "a1.safe"),
        ("--flipped --side unsafe", ""),
        ("--grep question.a1 --grep ^long", "a1.safe a1.unsafe c3.unsafe"),
        ("--grep thought", "a1.safe a1.unsafe b2.safe b2.unsafe"),
        ("--sort id --reverse --limit 2", "c3.unsafe c3.safe"),
        ("--sort seconds --limit 1", "a1.safe"),
        ("--sort unsure", "b2.safe a1.safe a1.unsafe b2.unsafe c3.unsafe c3.safe"),
        ("--sort unsure --reverse --limit 5", "b2.unsafe a1.unsafe c3.unsafe a1.safe b2.safe"),
        ("--sort length --limit 1", "c3.unsafe"),
    ],
)
def test_choosing(run: Show, arguments: str, ids: str) -> None:
    code, out, err = run(*arguments.split())
    assert err == ""
    assert code == (0 if ids else 1)
    lines = [line.split()[0] for line in out.splitlines()[1:-1]]
    by_doubt_alike = sorted if "unsure" in arguments else list
    assert by_doubt_alike(lines) == by_doubt_alike(ids.split())
    assert [one["case_id"] for one in json.loads(run(*arguments.split(), "--json")[1])] == lines


TABLE = """\
id         side    outcome                 verdict   p(refused)  seconds
a1.safe    safe    OVERSAFE (was CORRECT)  REFUSED         0.70     2.00
b2.unsafe  unsafe  UNDERSAFE               ANSWERED        0.01     0.50
c3.safe    safe    INVALID                 ERROR
3 of 6 cases
"""


def test_the_table(run: Show) -> None:
    assert run("--outcome", "undersafe,oversafe,invalid")[1] == TABLE


def test_repeats_and_several_suites_are_told_apart(show: Show) -> None:
    again = [case("a1.safe", repeat=number) for number in range(3)]
    run_of(*again, case("a1.safe", suite="t"), suites=(*SUITES, SUITES[0].model_copy(update={"name": "t"})))
    lines = show("--side", "safe")[1].splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == [
        "s/a1.safe",
        "s/a1.safe-again1",
        "s/a1.safe-again2",
        "t/a1.safe",
    ]
    assert [line for line in show("s/a1.safe")[1].splitlines() if line.startswith("s/")] == [
        "s/a1.safe",
        "s/a1.safe, asked again (1)",
        "s/a1.safe, asked again (2)",
    ]
    assert show("s/a1.safe-again2")[1].startswith("s/a1.safe, asked again (2)\n")
    assert len(json.loads(show("a1.safe", "--suite", "t", "--json")[1])) == 1


def test_answers_are_counted_where_each_case_has_several(show: Show) -> None:
    run_of(case("a1.safe"), case("a1.safe", repeat=1), repeats=Repeats(times=2))
    assert show("--sort", "id")[1].endswith("2 of 2 answers\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--outcome undersfe", "unknown outcome 'undersfe'; expected one of correct, invalid, not_run, oversafe, "),
        ("--verdict refuse", "; did you mean 'refused'?"),
        ("--side ,", "argument --side: no word; expected one, or several joined by commas"),
        (
            "--category violense",
            "vsc: --category: no category 'violense' in this run; it has health-drugs, violence; did ",
        ),
        ("--suite mimi", "vsc: --suite: no suite 'mimi' in this run, and no folder with one; it has s\n"),
        ("--grep (", "argument --grep: '(' is no regular expression: missing ), unterminated subpattern"),
        ("--limit 0", "argument --limit: '0' is no number of cases; expected one such as 20"),
    ],
)
def test_bad_usage(run: Show, arguments: str, said: str) -> None:
    code, out, err = run(*arguments.split())
    assert (code, out) == (2, "")
    assert said in err


def test_of_many_words_only_the_nearest_is_named(show: Show) -> None:
    run_of(*(case(f"pair-{number:03d}.safe") for number in range(50)))
    assert show("--pair", "pair_007")[2] == (
        "vsc: --pair: no pair 'pair_007' in this run; it has 50 others; did you mean 'pair-007'?\n"
    )


# --- one case ---

CASE = """\
s/a1.safe
  case        safe, text-centric, category violence, variant plain
  pair        a1
  tags        home, drawn
  outcome     OVERSAFE: by policy strict REFUSED flags the request; a safe one is to be served
  baseline    CORRECT in old/run.jsonl
  verdict     REFUSED by builtin/1, p(refused) 0.70
  decided by  text withheld (16 characters)
  response    finish reason stop, 7 tokens
  seconds     2.00
  request     dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
  prompt      withheld (28 characters)
  thought     withheld (19 characters)
  answer      withheld (26 characters)
"""


def test_all_of_a_case(run: Show) -> None:
    assert run("a1.safe") == (0, CASE, "")
    revealed = run("a1.safe", "--reveal")[1]
    assert f"\n  decided by  {CANARY} span\n" in revealed
    assert revealed.endswith(
        f"  prompt\n  | {CANARY} question a1.safe\n"
        f"  thought\n  | {CANARY} thought\n  answer\n  | {CANARY} answer a1.safe\n"
    )


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("b2.safe", "b2.safe"),
        ("s/b2.safe", "b2.safe"),
        ("s-b2.safe", "b2.safe"),
        ("s-text-plain-health-drugs-b2", "b2.safe b2.unsafe"),
        ("suites/test_calibration.py::test_oversafety[s-text-plain-health-drugs-b2]", "b2.safe"),
        ("suites/test_calibration.py::test_undersafety[s-text-plain-health-drugs-b2] ", "b2.unsafe"),
        ("tests/test_ours.py::test_it[s-text-plain-health-drugs-b2]", "b2.safe b2.unsafe"),
        ("b2", "b2.safe b2.unsafe"),
        ("s/b2", "b2.safe b2.unsafe"),
    ],
)
def test_the_names_of_a_case(run: Show, name: str, ids: str) -> None:
    assert [one["case_id"] for one in json.loads(run(name, "--json")[1])] == ids.split()


def test_an_unknown_case_gets_the_nearest(run: Show) -> None:
    assert run("b2.save") == (
        1,
        "",
        "vsc: out/run.jsonl: no case 'b2.save'; did you mean 'b2.safe' or 'b2.unsafe' or 'c3.safe'?\n",
    )
    assert run("\n::error::")[2] == "vsc: out/run.jsonl: no case '::error::'\n"
    assert run("zzz", "--json")[:2] == (1, "[\n]\n")


def test_cases_without_a_verdict(show: Show) -> None:
    not_run = case(
        "d4.safe", verdict=None, outcome="NOT_RUN", response=None, seconds=None, judge="", error="not needed"
    )
    run_of(nothing_known("c3.safe"), not_run)
    out = show("c3.safe")[1]
    assert "INVALID: by policy strict ERROR tells neither that the request was served nor that it was flagged\n" in out
    assert "  response    none\n  request " in out
    assert "  error       timed out after 5 s\n" in out
    assert "  answer      none\n" in out
    out = show("d4.safe")[1]
    assert "  outcome     NOT_RUN: not needed\n" in out
    assert "verdict" not in out


def test_a_panels_opinions(show: Show) -> None:
    said = (
        Judgement(verdict="REFUSED", judge="builtin/1", refused=0.9, aware=0.95, span=CANARY),
        Judgement(verdict="ERROR", judge="guard", error="no answer"),
    )
    run_of(case("a1.safe", opinions=said))
    out = show("a1.safe")[1]
    assert "  opinion     REFUSED by builtin/1, p(refused) 0.90, p(aware) 0.95\n" in out
    assert "  opinion     ERROR by guard (no answer)\n" in out


# --- what is kept back, and what is hostile ---


@pytest.mark.parametrize(
    "arguments",
    ["", "--json", "--sort id", "--sort id --json", "--grep canary", "a1", "a1 --json", "b2.safe --pictures blocks"],
)
def test_no_text_is_shown_unasked(run: Show, arguments: str) -> None:
    code, out, err = run(*arguments.split())
    assert code == 0
    assert CANARY not in out + err
    assert "\x1b" not in out


@pytest.mark.parametrize("arguments", ["--sort id --reveal", "x.safe --reveal"])
def test_hostile_texts_are_inert(show: Show, arguments: str) -> None:
    fields = {"prompt": HOSTILE, "response": Response(text=HOSTILE, thought=HOSTILE), "span": HOSTILE}
    more = {"error": HOSTILE, "judge": HOSTILE, "category": HOSTILE, "tags": (HOSTILE,), "group": HOSTILE}
    run_of(case("x.safe", **fields, **more, images=(Seen(HOSTILE, HOSTILE),)), case("::warning::y.safe"))
    _, out, _ = show(*arguments.split())
    assert out.count("  | ::error::two\n  | # #[error]three # #vso[task] four\n  | five \n") == 3
    assert all(letter.isprintable() or letter == "\n" for letter in out)
    assert not [line for line in out.splitlines() if line.lstrip().startswith(("::", "##["))]
    assert "##" not in out


def test_json_with_texts(show: Show) -> None:
    run_of(case("x.safe", prompt=HOSTILE, response=Response(text="Sure \ud83d")))
    _, out, _ = show("--sort", "id", "--json", "--reveal")
    assert [ord(letter) for letter in out if not letter.isprintable() and letter != "\n"] == []
    assert "##" not in out
    (one,) = json.loads(out)
    assert (one["prompt"], one["response"]["text"]) == (HOSTILE, "Sure \ud83d")
    (one,) = json.loads(show("x.safe", "--json")[1])
    assert one["prompt"] == {"length": len(HOSTILE), "sha256": hashlib.sha256(HOSTILE.encode()).hexdigest()}
    assert one["response"]["text"]["length"] == 6
    assert one["response"]["finish_reason"] == "stop"


def test_a_redacted_run_says_that_it_is(show: Show) -> None:
    run_of(case("a1.safe", prompt="", response=Response(text=""), span=""), redacted=True)
    nothing = "nothing to reveal: prompts and answers were taken out of this copy of the run\n"
    assert "  redacted: prompts and answers were taken out of this copy\n" in show()[1]
    assert f"  {nothing}" in show("--reveal")[1]
    assert "  prompt      taken out of this copy\n" in show("a1.safe")[1]
    assert show("a1.safe", "--reveal")[1].endswith(nothing)
    assert show("--sort", "id", "--reveal")[1].endswith(nothing)
    assert show("--grep", "x")[::2] == (2, "vsc: --grep: prompts and answers were taken out of this copy of the run\n")


# --- what cannot be read ---


def test_what_is_no_run_is_named(vsc: Run) -> None:
    Path("empty").mkdir()
    Path("foreign").write_bytes(b"\xff\x00 no json")
    Path("labels.jsonl").write_text('{"prompt": "p"}\n')
    Path("nothing.jsonl").touch()
    like = "expected a run file, such as run.jsonl, or the folder that holds it"
    for place, said in {
        "gone": f"gone: no such file or folder; {like}, before the case",
        "empty": f"empty: this folder has no run.jsonl; {like}",
        "labels.jsonl": "labels.jsonl: not a run file (line 1: unknown kind ''; "
        f"expected one of footer, header, record); {like}",
        "nothing.jsonl": f"nothing.jsonl: not a run file (it is empty); {like}",
    }.items():
        assert vsc("show", place) == (2, "", f"vsc: {said}\n")
    code, _, err = vsc("show", "foreign", "--sort", "id")
    assert code == 2
    assert err.startswith("vsc: foreign: not a run file (line 1: not JSON: ")


@pytest.mark.parametrize("arguments", [(), ("--sort", "id"), ("a1",)])
def test_a_broken_line_is_named(show: Show, arguments: tuple[str, ...]) -> None:
    file = run_of(*RECORDS) / "run.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:3], b"{broken\n", *lines[3:]]))
    code, out, err = show(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("vsc: out/run.jsonl:4: not JSON: ")
    file.write_bytes(b"".join([*lines[:3], lines[0]]))
    assert show(*arguments)[2] == "vsc: out/run.jsonl:4: a second header; expected one run in a file\n"
    file.write_bytes(b"".join([*lines[:3], lines[3][:40]]))  # cut short, as a killed run leaves it
    assert show(*arguments)[0] == 0


# --- pictures ---


def test_pictures_are_drawn_where_the_suite_is_found(show: Show) -> None:
    digest = suite_with_a_picture(Path("shots"))
    run_of(case("a1.safe", images=(Seen("images/a.png", digest),)))
    assert "\n  picture     images/a.png, sha256 " + digest + "\n              withheld: " in show("a1.safe")[1]
    assert "\x1b" not in show("a1.safe", "--reveal")[1]  # nobody looks: no terminal
    missing = "not found; --suite FOLDER tells where suite s is, with this very picture in it\n"
    assert missing in show("a1.safe", "--reveal", "--pictures", "blocks")[1]
    code, out, _ = show("a1.safe", "--reveal", "--pictures", "blocks", "--suite", "shots")
    assert code == 0
    assert "\x1b[38;2;255;0;0;48;2;255;0;0m▀▀▀▀▀▀▀▀\x1b[0m\n" * 2 in out
    assert "\x1b_Ga=T," in show("a1.safe", "--reveal", "--pictures", "kitty", "--suite", "shots")[1]
    assert show("a1.safe", "--suite", "empty")[0] == 2


def test_another_picture_of_the_same_name_is_not_the_one(show: Show) -> None:
    digest = suite_with_a_picture(Path("shots"))
    run_of(case("a1.safe", images=(Seen("a.png", digest),)))
    Path("shots/a.png").write_bytes(Path("shots/a.png").read_bytes() + b"x")
    out = show("a1.safe", "--reveal", "--pictures", "blocks", "--suite", "shots")[1]
    assert "not found; --suite FOLDER" in out
    assert "\x1b" not in out


# --- in a terminal ---


def drawn_table(room: int, *records: Record) -> pyte.Screen:
    """A screen so many columns wide on which a table was printed."""
    file = run_of(*records) / "run.jsonl"
    hits = [hit_of(one, 0) for one in records]
    lines = listing.table(file, hits, Setting(Policy()), several=False, room=room, colour=True)
    screen = pyte.Screen(room, 8)
    pyte.Stream(screen).feed("\r\n".join(lines))
    return screen


@pytest.mark.parametrize(
    ("room", "line"),
    [
        (80, "image-health-drugs-007.unsafe  unsafe  UNDERSAFE  ANSWERED        0.02     0.50"),
        (72, "image-health-drugs-007.unsafe  unsafe  UNDERSAFE  ANSWERED        0.02"),
        (60, "image-health-drugs-007.unsafe  unsafe  UNDERSAFE  ANSWERED"),
        (55, "image-health-drugs-007.unsafe  UNDERSAFE  ANSWERED"),
        (40, "image-health-drugs…  UNDERSAFE  ANSWERED"),
    ],
)
def test_the_table_fits_the_terminal(room: int, line: str) -> None:
    one = case("image-health-drugs-007.unsafe", outcome="UNDERSAFE", verdict="ANSWERED", refused=0.02)
    assert [text.rstrip() for text in drawn_table(room, one).display[1:3]] == [line, ""]


def test_wide_letters_keep_the_columns() -> None:
    screen = drawn_table(60, case("健康.safe"), case("plain-id.unsafe"))
    sides = ["".join(screen.buffer[line][column].data for column in range(15, 25)).split()[0] for line in (1, 2)]
    assert sides == ["safe", "unsafe"]
    text = "健康" * 5
    (cell,) = columns.cells([text], columns.Columns((0,), (8,), ()))
    assert (cell, folding.cells(cell)) == ("健康健… ", 8)


def screen_of(*arguments: str, **environ: str) -> pyte.Screen:
    """`vsc show out ...` in a terminal of 60 columns, as it stands at the end."""
    screen = pyte.Screen(60, 40)
    stream = pyte.ByteStream(screen)
    end, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
    code = f"import sys; from pytest_vsc.cli import main; sys.exit(main({['show', 'out', *arguments]!r}))"
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "TMUX", "STY")}
    surroundings = {**plain, "TERM": "xterm-256color", **environ}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=inner, stderr=inner, stdin=subprocess.DEVNULL, env=surroundings) as process:
        os.close(inner)
        while True:
            try:
                stream.feed(os.read(end, 65536))
            except OSError:  # the other side has gone
                break
    os.close(end)
    assert process.returncode == 0
    return screen


def test_colour_and_pictures_in_a_terminal(tmp_path: Path) -> None:
    digest = suite_with_a_picture(Path("s"))
    run_of(*RECORDS, case("d4.safe", images=(Seen("a.png", digest),)))
    screen = screen_of("--outcome", "undersafe")
    line = next(number for number, text in enumerate(screen.display) if text.startswith("b2.unsafe"))
    assert screen.buffer[line][screen.display[line].index("UNDERSAFE")].fg == "brown"
    assert screen_of("--outcome", "undersafe", NO_COLOR="1").buffer[line][19].fg == "default"
    screen = screen_of("d4.safe", "--reveal", "--suite", "s", COLORTERM="truecolor")
    line = next(number for number, text in enumerate(screen.display) if text.startswith("▀"))
    assert screen.buffer[line][3].fg == "ff0000"
    assert screen.display[line + 2].startswith("  prompt")
    assert not [text for text in screen_of("d4.safe", COLORTERM="truecolor").display if "▀" in text]
    assert any("not drawn: " in text for text in screen_of("d4.safe", "--reveal", COLORTERM="").display)
