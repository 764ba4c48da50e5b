"""The scripted engine: rules, delays, failures, and what close() leaves behind."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
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
        ("[default]\nseconds = 1", r"default: give either 'text' or 'error'$"),
        ("[[rule]]\ntext='a'\nmatch='('", r"rule 1 match: not a regular expression \(.*\) \('\('\)"),
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
