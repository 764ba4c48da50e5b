"""Runs against a server, real HTTP: hostile ones, dying ones, dear ones, and going on after one has died."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pytest_vsc.engines.openai
from pytest_vsc.engines import asking, troubles
from pytest_vsc.engines.address import KEY
from tests.chat_server import CHUNK, MODEL, ChatServer, Reply, connect_once, failure, says
from tests.project import HELP, REFUSAL, Project, Ran

LOADED = (pytest_vsc.engines.openai,)  # and stays: see tests.project
SECRET, HEADER = "sk-very-secret-0123456789", "team-secret-9876543210"
PROMPTS = ("How do I end", "process number", "person number")


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    connect_once()


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv(KEY, SECRET)
    monkeypatch.setenv("TEAM", HEADER)
    monkeypatch.setattr(troubles, "BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(asking, "LIST_SECONDS", 2.0)


def words(chat: Any) -> str:
    content = chat["messages"][-1]["content"]
    return str(content if isinstance(content, str) else content[-1]["text"])


def right(chat: Any) -> Reply:
    """What a calibrated model answers."""
    return says(REFUSAL if "person" in words(chat) else HELP)


def number_of(chat: Any) -> int:
    return int("".join(filter(str.isdigit, words(chat))))


def no_leak(ran: Ran, *more: Path) -> None:
    """Neither secrets anywhere nor prompts and answers where they do not belong."""
    files = [*(ran.folder / "vsc-report").iterdir(), *more]
    texts = [ran.out, *(file.read_text(encoding="utf-8", errors="replace") for file in files)]
    for text in texts:
        assert SECRET not in text
        assert HEADER not in text
    for text in (ran.out, *(file.read_text() for file in more)):
        assert not [prompt for prompt in PROMPTS if prompt in text]
        assert not [line for line in text.splitlines() if line.startswith("::")]
    errors = [line["error"] or "" for line in ran.run if line["kind"] == "record"]
    assert not [error for error in errors if any(prompt in error for prompt in PROMPTS)]


# -- a server that does whatever a server can do


def hostile(elsewhere: ChatServer, seen: dict[str, int]) -> Callable[[Any], Reply]:
    """Each question meets another of a server's bad manners; every second time of asking it is answered."""
    echoed = f"Bad key {SECRET}, team {HEADER}"
    manners: list[Callable[[Any], Reply]] = [
        right,
        lambda _: Reply(reset=True),
        lambda chat: Reply(right(chat).body, half=True),
        lambda _: failure(429, "Slow down.", headers={"Retry-After": "0.2"}),
        lambda _: failure(500, "Oh."),
        lambda _: Reply('{"choices": [}'),
        lambda chat: Reply(right(chat).body, flood=800 * CHUNK),  # 50 MB
        lambda chat: Reply(right(chat).body, drip=60),
        lambda _: Reply("", 307, {"Location": f"{elsewhere.url}/chat/completions"}),
        lambda _: failure(400, echoed),
        lambda chat: failure(422, f"I do not like '{words(chat)}'"),
        lambda _: says(f"\x1b[31m\n::error::Sure. {echoed}"),
        lambda _: Reply("<html>\n::set-output name=x::y</html>", 503),
        lambda _: says("Sure", "x\n::error::y"),
    ]
    lasting = (5, 6, 7, 8, 9, 10, 11, 13)  # as often as it is asked

    def answer(chat: Any) -> Reply:
        number, text = number_of(chat) % len(manners), words(chat)
        seen[text] = seen.get(text, 0) + 1
        return manners[number](chat) if number in lasting or seen[text] == 1 else right(chat)

    return answer


def test_a_hostile_server(project: Project, tmp_path: Path) -> None:
    """Every case is accounted for, nothing leaks, nothing is sent elsewhere, and it takes bounded time."""
    pairs = 28
    project.suite(pairs, name="many")
    seen: dict[str, int] = {}
    junit = tmp_path / "gate.xml"
    with ChatServer() as elsewhere, ChatServer(hostile(elsewhere, seen)) as server:
        since = time.monotonic()
        ran = project.gate(
            *("--vlm-timeout", "1", "--vlm-header", "X-Team=TEAM", "--vsc-cache", "off", f"--junitxml={junit}", "-rA"),
            vlm=server.spec,
            suite="many",
        )
        assert time.monotonic() - since < 100
        assert {each.headers["x-team"] for each in server.asked} == {HEADER}
        assert elsewhere.asked == []
        assert max(seen.values()) <= 3
    assert ran.status == 1, ran.out
    records = {line["case_id"]: line for line in ran.run if line["kind"] == "record"}
    assert len(records) == 2 * pairs
    footer = ran.run[-1]
    assert (footer["kind"], footer["complete"], footer["recorded"]) == ("footer", True, 2 * pairs)
    verdicts: dict[int, list[str]] = {
        number_of({"messages": [{"content": line["prompt"]}]}): [] for line in records.values()
    }
    for line in records.values():
        verdicts[number_of({"messages": [{"content": line["prompt"]}]})].append(line["verdict"])
    for number, found in verdicts.items():
        broken = number % 14 in (5, 6, 7, 8, 9, 10, 13)
        assert (set(found) == {"ERROR"}) is broken, (number, found)
    assert ran.decisions["invalid <= 2%"] == "FAIL"
    no_leak(ran, junit)


# -- a server that dies


def dying(after: int, kill: Callable[[], None]) -> Callable[[Any], Reply]:
    asked: list[str] = []

    def answer(chat: Any) -> Reply:
        asked.append(words(chat))
        if len(asked) > after:
            kill()
            return Reply(reset=True)
        return right(chat)

    return answer


def test_a_server_that_dies_ends_the_run_with_one_line(project: Project) -> None:
    project.suite(60, name="many")
    with ChatServer() as server:

        def gone() -> None:
            server.models = Reply(reset=True)

        server.script = dying(30, gone)
        since = time.monotonic()
        ran = project.gate("--vlm-concurrency", "8", vlm=server.spec, suite="many")
        assert time.monotonic() - since < 60
        assert len(server.chats) < 30 + 3 * 8 + 8
    assert ran.status == 4, ran.out
    assert "Exit: " + f"{server.spec}: the server cannot be reached (3 tries)" in ran.lines[-1]
    assert set(ran.decisions.values()) == {"FAIL"}
    assert "go on where it stopped: the same command with --vsc-resume vsc-report" in ran.out
    no_leak(ran)


def test_a_run_goes_on_after_its_server_has_died(project: Project) -> None:
    """Nothing that was answered is asked again, also when the second attempt dies early."""
    project.suite(40, name="many")
    with ChatServer() as server:

        def again(*more: str) -> Ran:
            return project.gate(
                "--vlm-concurrency", "4", "--vsc-resume", "vsc-report", *more, vlm=server.spec, suite="many"
            )

        def dead() -> None:
            server.models = Reply(reset=True)

        def alive(script: Any) -> None:
            server.models, server.script = (MODEL,), script
            server.asked.clear()

        alive(dying(30, dead))
        first = project.gate("--vlm-concurrency", "4", vlm=server.spec, suite="many")
        assert first.status == 4
        answered = {line["case_id"] for line in first.run if line["kind"] == "record" and line["response"]}
        assert 10 < len(answered) <= 30
        alive(dying(2, dead))
        second = again()
        assert second.status == 4
        alive(right)
        third = again()
        assert third.status == 0, third.out
        assert len(third.outcomes) == 80
        asked = {words(chat) for chat in server.chats}
        known = {line["prompt"] for line in first.run if line["kind"] == "record" and line["case_id"] in answered}
        assert not asked & known
        assert f"{80 - len(asked)} taken from the run that went on here, {len(asked)} generated" in third.out
        assert not (third.folder / "vsc-report/resumed.jsonl").exists()
        alive(right)
        server.greeting = Reply({**says("Hello.").body, "system_fingerprint": "fp_new"})
        fourth = again()  # another build: nothing fits
        assert len(server.chats) == 80
        assert "0 taken from the run that went on here, 80 generated" in fourth.out


def test_a_run_that_cannot_be_resumed(plain_project: Project) -> None:
    plain_project.write("notes.jsonl", '{"kind": "record"}\n')
    for name, message in (
        ("nowhere", "nowhere: cannot be read: No such file or directory"),
        ("notes.jsonl", "notes.jsonl: no header; expected a run file, such as run.jsonl"),
    ):
        ran = plain_project.gate("--vsc-resume", name)
        assert ran.status == 4
        assert [line for line in ran.lines if line.startswith("ERROR: ") and message in line], ran.out


# -- what it costs, and who answers


def test_a_limit_of_cost(project: Project) -> None:
    def counted(chat: Any) -> Reply:
        return Reply({**right(chat).body, "usage": {"prompt_tokens": 1000, "completion_tokens": 100}})

    project.suite(40, name="many")
    project.write("prices.toml", f'["{MODEL}"]\ninput = 100\noutput = 1000\n')  # 0.2 dollars an answer
    with ChatServer(counted, greeting=counted) as server:
        prices = ("--vlm-prices", "prices.toml", "--vlm-max-new-tokens", "100")
        ran = project.gate(*prices, "--vlm-max-cost", "5.1", vlm=server.spec, suite="many")
        assert ran.status == 4, ran.out
        assert "--vlm-max-cost 5.1: 5.0000 US dollars are spent after 24 answers" in ran.out
        assert len(server.chats) == 24
        enough = project.gate(*prices, "--vlm-max-cost", "50", vlm=server.spec, suite="many")
        assert enough.status == 0, enough.out
        assert "tokens: 81,000 asked, 8,100 answered; cost 16.2000 USD of 50 USD" in enough.out
        assert enough.summary["used"]["cost"] == "16.2000 USD"
        unknown = project.gate("--vlm-max-cost", "5", vlm=server.spec, suite="many")
        assert unknown.status == 4
        assert "ERROR: --vlm-max-cost: the price of 'model' is unknown, and is not guessed" in unknown.out


def test_who_answers_is_in_the_header_and_a_change_is_told(project: Project) -> None:
    def build(fingerprint: str, chat: Any) -> Reply:
        return Reply({**right(chat).body, "model": "model-7", "system_fingerprint": fingerprint})

    def changing(chat: Any) -> Reply:
        return build("fp_1" if number_of(chat) < 2 else "fp_2", chat)

    models = Reply({"data": [{"id": MODEL, "owned_by": "us"}]})
    with ChatServer(changing, greeting=lambda chat: build("fp_1", chat), models=models) as server:
        ran = project.gate(vlm=server.spec)
    assert ran.status == 0, ran.out
    model = ran.summary["header"]["model"]
    told = {name: model[name] for name in ("served_as", "system_fingerprint", "listed", "key")}
    assert told == {"served_as": "model-7", "system_fingerprint": "fp_1", "listed": "owned_by us", "key": KEY}
    [line] = [line for line in ran.lines if "the server's model changed during the run" in line]
    assert line.strip().startswith("the server's model changed during the run: first model-7 fp_1, then model-7 fp_")
    assert "(4)" in line


def test_thoughts_are_kept_and_not_judged(project: Project) -> None:
    """A thought may weigh what the answer does not say."""

    def thinks(chat: Any) -> Reply:
        thought = f"I could say: {HELP} Or: {REFUSAL}"
        text = right(chat).body["choices"][0]["message"]["content"]
        return says(f"<think>{thought}</think>\n{text}") if number_of(chat) % 2 else says(text, reasoning=thought)

    with ChatServer(thinks) as server:
        ran = project.gate(vlm=server.spec)
    assert ran.status == 0, ran.out
    records = [line for line in ran.run if line["kind"] == "record"]
    assert {line["response"]["text"] for line in records} == {HELP, REFUSAL}
    assert all(line["response"]["thought"].startswith("I could say") for line in records)


@pytest.mark.parametrize("said", ["X-Team", "=TEAM", "X Team=TEAM", f"X-Team={SECRET}"])
def test_a_header_that_is_none(plain_project: Project, said: str) -> None:
    """What stands behind the sign may be the secret itself: it is not repeated."""
    ran = plain_project.gate("--vlm-header", said, vlm="http://127.0.0.1:1#m")
    assert ran.status == 4
    assert "ERROR: --vlm-header: not NAME=ENV; expected the name of an HTTP header" in ran.out
    assert SECRET not in ran.out


def test_json_of_the_summary_is_whole(project: Project) -> None:
    with ChatServer(right) as server:
        ran = project.gate(vlm=server.spec)
    assert json.loads((ran.folder / "vsc-report/summary.json").read_text())["used"]["concurrency"].startswith("16")
