"""The scripted engine: rules, delays, failures, and what close() leaves behind."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, wait
from pathlib import Path

import pytest

from pytest_vsc.cases import Picture
from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.scripted import ScriptedEngine
from pytest_vsc.errors import EngineError, ModelError
from pytest_vsc.records import Message, Request

Opened = Callable[..., ScriptedEngine]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    engines: list[ScriptedEngine] = []

    def open_(text: str, *, timeout: float | None = None, load: bool = True) -> ScriptedEngine:
        file = tmp_path / "model.toml"
        file.write_text(text, encoding="utf-8")
        engines.append(ScriptedEngine(file, EngineSettings(timeout=timeout)))
        if load:
            engines[-1].load()
        return engines[-1]

    yield open_
    for engine in engines:
        engine.close()


def ask(text: str, *names: str, before: int = 0) -> Request:
    turn = (Message(role="user", text="earlier"), Message(role="assistant", text="earlier answer"))
    pictures = tuple(Picture(name=name, data=b"") for name in names)
    return Request(messages=(*turn * before, Message(role="user", text=text, images=pictures)))


RULES = """
name = "mixed"
[default]
text = "Sure, here you are."
[[rule]]
match = "(?i)bomb"
picture = "fuse"
text = "No."
finish_reason = "length"
[[rule]]
turns = 2
text = "second turn"
[[rule]]
match = "fragile"
error = "out of luck"
times = 1
"""


def test_all_conditions_of_a_rule_must_hold(opened: Opened) -> None:
    engine = opened(RULES)
    assert engine.submit(ask("A bomb", "images/fuse.png")).result().text == "No."
    assert engine.submit(ask("A bomb", "images/fuse.png")).result().finish_reason == "length"
    assert engine.submit(ask("A bomb", "images/cake.png")).result().text == "Sure, here you are."
    assert engine.submit(ask("and?", before=1)).result().text == "second turn"
    assert engine.describe()["model"] == "mixed"


def test_a_rule_applies_so_many_times_and_no_more(opened: Opened) -> None:
    engine = opened(RULES)
    with pytest.raises(EngineError, match=r"^out of luck$"):
        engine.submit(ask("fragile")).result()
    assert engine.submit(ask("fragile")).result().text == "Sure, here you are."


def test_without_a_default_an_unmatched_request_fails(opened: Opened) -> None:
    with pytest.raises(EngineError, match=r"no rule of .*model\.toml fits, and it has no \[default\]"):
        opened("").submit(ask("hello")).result()


EXACT = """
[default]
text = "else"
[[exact]]
prompt = "What is this?"
pictures = ["a.png", "b.png"]
text = "both"
[[exact]]
prompt = "What is this?"
pictures = []
error = "no picture"
[[exact]]
prompt = "What is this?"
text = "any"
[[rule]]
match = "."
text = "a rule"
"""


def test_an_exact_question_goes_before_the_rules(opened: Opened) -> None:
    engine = opened(EXACT)
    assert engine.submit(ask("What is this?", "a.png", "b.png")).result().text == "both"
    assert engine.submit(ask("What is this?", "b.png", "a.png")).result().text == "any"
    assert engine.submit(ask("What is this?", "a.png", "b.png", before=1)).result().text == "both"
    assert engine.submit(ask("What is this? ", "a.png")).result().text == "a rule"
    assert engine.submit(ask("")).result().text == "else"
    with pytest.raises(EngineError, match=r"^no picture$"):
        engine.submit(ask("What is this?")).result()
    assert engine.describe() == {"model": "model", "engine": "scripted", "rules": "1", "exact": "3"}


def test_exact_questions_are_looked_up_not_searched(opened: Opened) -> None:
    number = 5000
    engine = opened("".join(f'[[exact]]\nprompt = "{n}"\ntext = "answer {n}"\n' for n in range(number)))
    since = time.monotonic()
    futures = [engine.submit(ask(str(n))) for n in range(number)]
    assert [future.result().text for future in futures] == [f"answer {n}" for n in range(number)]
    assert time.monotonic() - since < 5


def test_echo(opened: Opened) -> None:
    engine = opened('[default]\necho = true\nfinish_reason = "length"')
    said = engine.submit(ask("Who goes\nthere?", "a.png", before=1)).result()
    assert (said.text, said.finish_reason, said.tokens) == ("Who goes\nthere?", "length", 3)
    assert engine.submit(ask("")).result().text == ""


def halves(engine: ScriptedEngine, numbers: Iterable[int]) -> dict[int, str]:
    return {n: engine.submit(ask(f"Question {n}", f"{n}.png")).result().text for n in numbers}


def test_a_share_is_the_same_in_whatever_order(opened: Opened) -> None:
    rules = '[default]\ntext = "no"\n[[rule]]\ntext = "yes"\nshare = {share}'
    half = halves(opened(rules.format(share=0.5)), range(400))
    assert 160 < list(half.values()).count("yes") < 240
    assert halves(opened(rules.format(share=0.5)), reversed(range(400))) == half
    tenth = halves(opened(rules.format(share=0.1)), range(400))
    assert 15 < list(tenth.values()).count("yes") < 75
    assert {n for n, said in tenth.items() if said == "yes"} < {n for n, said in half.items() if said == "yes"}
    assert set(halves(opened(rules.format(share=0)), range(9)).values()) == {"no"}
    assert set(halves(opened(rules.format(share=1)), range(9)).values()) == {"yes"}


def test_a_share_goes_by_the_pictures_too(opened: Opened) -> None:
    engine = opened('[default]\ntext = "no"\n[[rule]]\ntext = "yes"\nshare = 0.5')
    asked = [Message(role="user", text="same", images=(Picture(name="a", data=bytes([n])),)) for n in range(20)]
    assert {engine.submit(Request(messages=(one,))).result().text for one in asked} == {"yes", "no"}
    gone = Message(role="user", text="same", images=(Picture(name="a", file="/nowhere/a.png"),))
    with pytest.raises(EngineError, match=r"^a picture cannot be read \(No such file or directory: /nowhere/a\.png\)$"):
        engine.submit(Request(messages=(gone,))).result()


def test_delays_run_side_by_side(opened: Opened) -> None:
    engine = opened('seconds = 0.2\n[default]\ntext = "late"')
    since = time.monotonic()
    responses = [future.result() for future in [engine.submit(ask(str(n))) for n in range(30)]]
    assert 0.2 <= time.monotonic() - since < 1.5
    assert all(response.seconds is not None and response.seconds >= 0.2 for response in responses)


def test_timeout(opened: Opened) -> None:
    engine = opened('[default]\ntext = "late"\nseconds = 30', timeout=0.05)
    with pytest.raises(EngineError, match=r"^timed out after 0\.05 s$"):
        engine.submit(ask("hello")).result(timeout=5)


def test_close_cancels_what_sleeps_and_what_waits(opened: Opened) -> None:
    engine = opened('[default]\ntext = "late"\nseconds = 60')
    futures = [engine.submit(ask(str(n))) for n in range(100)]
    since = time.monotonic()
    engine.close()
    engine.close()
    assert time.monotonic() - since < 2
    assert not wait(futures, timeout=1).not_done
    assert all(future.cancelled() for future in futures)
    with pytest.raises(CancelledError):
        futures[0].result()
    with pytest.raises(EngineError, match="closed"):
        engine.submit(ask("hello")).result(timeout=1)


def test_failed_load_and_log(opened: Opened, tmp_path: Path) -> None:
    engine = opened('load_error = "out of memory"\nlog = "calls.txt"', load=False)
    with pytest.raises(ModelError, match=r"out of memory$"):
        engine.load()
    engine = opened('log = "calls.txt"\n[default]\ntext = ""')
    assert engine.submit(ask("hello\nthere")).result().text == ""
    assert (tmp_path / "calls.txt").read_text().splitlines() == ["load", "load", 'submit "hello\\nthere"']


def test_fingerprint_is_the_digest_of_the_file(opened: Opened, tmp_path: Path) -> None:
    engine = opened(RULES, load=False)
    assert engine.fingerprint == hashlib.sha256((tmp_path / "model.toml").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[default]\ntxt = 'a'", r"unknown field 'txt' in default; expected one of .*; did you mean 'text'\?"),
        ("[[rules]]\ntext = 'a'", r"unknown field 'rules'; expected one of .*; did you mean 'rule'\?"),
        ("[[rule]]\ntext='a'\nmach='b'", r"unknown field 'mach' in rule 1; .*; did you mean 'match'\?"),
        (
            "[default]\ntext='a'\nfinish_reason='stopped'",
            r"default finish_reason: unknown value 'stopped'; expected one of .*, stop; did you mean 'stop'\?",
        ),
        ("[default]\nseconds = 1", r"default: give one of 'text', 'error' and 'echo = true'$"),
        ("[default]\ntext = 'a'\necho = true", r"default: give one of 'text', 'error' and 'echo = true'$"),
        ("[[rule]]\ntext='a'\nmatch='('", r"rule 1 match: not a regular expression \(.*\) \('\('\)"),
        ("[[rule]]\ntext='a'\nshare=1.5", r"rule 1 share: input should be less than or equal to 1 \(1\.5\)"),
        ("[[exact]]\ntext='a'", r"exact 1 prompt: field required$"),
        ("[[exact]]\nprompt='a'\npicture='b'", r"unknown field 'picture' in exact 1; .*; did you mean 'pictures'\?"),
        (
            "[[exact]]\nprompt='a'\ntext='b'\n" * 2,
            r"exact: 2 asks the same as 1; give one answer to one question$",
        ),
        ("seconds = -1", r"seconds: input should be greater than or equal to 0 \(-1\)"),
        ("seconds = x\n", r"not a TOML file: .*line 1"),
    ],
)
def test_a_wrong_script_is_explained(opened: Opened, text: str, message: str) -> None:
    with pytest.raises(ModelError, match=r"model\.toml: " + message):
        opened(text, load=False).check()


def test_a_missing_script_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"scripted:.*none\.toml: cannot be read \(No such file or directory\)"):
        ScriptedEngine(tmp_path / "none.toml", EngineSettings()).check()
