"""Checks of what an engine says of itself before and after it is loaded. They ask it nothing that needs an answer."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

import pytest

from pytest_vsc.errors import ModelError, SettingsError, one_line
from pytest_vsc.protocols import Batching, Engine, ReadyMade
from pytest_vsc.testing.asking import put, questions, said
from pytest_vsc.testing.subjects import Subject, asked, demand, fail, made, make_ready

SECRET = re.compile("KEY|TOKEN|SECRET|PASSWORD")  # names of environment variables
TELLING = 12  # letters from which the value of one is more than a word


def offers_what_an_engine_offers(subject: Subject) -> None:
    """All names of `protocols.Engine`, and what else it offers in its shape: a run calls them without looking."""
    with made(subject) as engine:
        for name in ("check", "load", "describe", "submit", "close"):
            demand(callable(getattr(engine, name, None)), f"{name} is no method; see pytest_vsc.protocols.Engine")
    with asked(subject) as engine:
        demand(isinstance(engine.lasting, bool), f"lasting is {engine.lasting!r}; expected True or False")
        at_once: object = engine.at_once if isinstance(engine, Batching) else 1
        fine = isinstance(at_once, int) and not isinstance(at_once, bool) and at_once >= 1
        demand(fine, f"at_once is {at_once!r}; expected how many requests it works on, 1 or more")
        ready_made: object = engine.ready_made if isinstance(engine, ReadyMade) else False
        demand(isinstance(ready_made, bool), f"ready_made is {ready_made!r}; expected True or False")


def check_loads_nothing_and_may_be_called_twice(subject: Subject) -> None:
    """`check()` runs before tests are collected, also under `--collect-only`; what it leaves is no loaded engine."""
    with made(subject) as engine:
        make_ready(engine, load=False)
        make_ready(engine, load=False)
        one = said(put(engine, questions()["text"]), subject.seconds)
        demand(one.error, "it answers after check() alone; expected that it loads its model in load()")


def a_model_that_is_not_there_is_refused(subject: Subject) -> None:
    """`check()`, or where only asking tells `load()`, raises a ModelError or SettingsError of one line: exit code 4."""
    if subject.absent is None:
        pytest.skip("the subject names none that is absent")
    try:
        with made(subject.absent) as engine:
            engine.check()
            engine.load()
    except (ModelError, SettingsError) as error:
        message = str(error)
        demand(message and message == one_line(message), f"the message is not one line: {message!r}")
    except Exception as error:
        fail(f"it raised {type(error).__name__}; expected a ModelError or a SettingsError")
    else:
        fail("check() and load() raised nothing; expected a ModelError that says what is not there")


def describes_itself_in_words(subject: Subject) -> None:
    """`describe()` stands in the header and in every run file, by `model` above all: valid after `check()`."""
    with made(subject) as engine:
        make_ready(engine, load=False)
        _described(engine)
    with asked(subject) as engine:
        _described(engine)


def _described(engine: Engine) -> None:
    told: object = engine.describe()
    if not isinstance(told, dict):
        fail(f"describe() returned a {type(told).__name__}; expected a dict of str to str")
    for name, value in told.items():
        words = isinstance(name, str) and isinstance(value, str)
        demand(words, f"describe() says {name!r}: {value!r}; expected a str and a str")
        demand(value == one_line(value), f"describe() says {name!r}: {value!r}; expected one line of printable text")
    demand(told.get("model"), "describe() says no 'model'; expected the name that reports call it by")


def tells_no_secret(subject: Subject) -> None:
    """No key or password is in what it says of itself, which goes into run files, reports and logs."""
    values = {
        value: name for name, value in os.environ.items() if SECRET.search(name.upper()) and len(value) >= TELLING
    }
    secrets = {**values, **dict.fromkeys(subject.secrets, "a secret of the subject")}
    with made(subject) as engine:
        _withholds(engine, secrets)
        make_ready(engine, load=False)
        _withholds(engine, secrets)
        early = said(put(engine, questions()["text"]), subject.seconds)
        _search("the error of a request", str(early.error), secrets)
    with asked(subject) as engine:
        _withholds(engine, secrets)


def _withholds(engine: Engine, secrets: dict[str, str]) -> None:
    for name, text in _words(engine):
        _search(name, text, secrets)


def _words(engine: Engine) -> Iterator[tuple[str, str]]:
    yield "describe()", str(engine.describe())
    yield "repr()", repr(engine)
    for name in ("fingerprint", "weights") if _knows_weights(engine) else ("fingerprint",):
        yield name, str(_told(engine, name))


def _search(where: str, text: str, secrets: dict[str, str]) -> None:
    for secret, name in secrets.items():
        demand(secret not in text, f"{where} tells {name}; expected that it is masked or left out")


def fingerprint_is_the_same_again(subject: Subject) -> None:
    """For two engines of the same settings, loaded or not: stored answers are found by it. Else it is a ModelError."""
    with made(subject) as engine:
        _told(engine, "fingerprint")
    first = _printed(subject)
    demand(isinstance(first, str) and first, f"the fingerprint is {first!r}; expected a str")
    with asked(subject) as engine:
        same = _told(engine, "fingerprint") == first
    demand(same, "a second engine of the same settings, loaded, has another fingerprint; no stored answer is found")


def fingerprint_follows_what_changes_answers(subject: Subject) -> None:
    """One that may answer otherwise has another: else answers of one model are taken for those of another."""
    if not subject.unlike:
        pytest.skip("the subject names none that may answer otherwise")
    prints = [_printed(each) for each in (subject, *subject.unlike)]
    for place, each in enumerate(prints):
        demand(each not in prints[:place], f"number {place} of `unlike` has a fingerprint that another has too")


def weights_are_known_again(subject: Subject) -> None:
    """Where they are offered, a str that is the same in a second engine: a model must not judge itself unnoticed."""
    with asked(subject) as engine:
        if not _knows_weights(engine):
            pytest.skip("the engine offers no weights (pytest_vsc.protocols.Recognised)")
        told = _told(engine, "weights")
    demand(isinstance(told, str), f"weights is {told!r}; expected a str")
    demand(told == _printed(subject, "weights"), "two engines of the same settings have different weights")


def _knows_weights(engine: Engine) -> bool:
    return "weights" in dir(engine)  # without asking for them, which may be too early


def _printed(subject: Subject, name: str = "fingerprint") -> object:
    """What a new engine says, loaded only where that is needed."""
    with made(subject) as engine:
        make_ready(engine, load=False)
        if isinstance(told := _told(engine, name), ModelError):
            make_ready(engine)
            told = _told(engine, name)
        return told


def _told(engine: Engine, name: str) -> object:
    """What it says, or the ModelError by which it says that it cannot tell yet."""
    try:
        return getattr(engine, name)
    except ModelError as error:
        return error
    except Exception as error:
        fail(f"{name} raised {type(error).__name__}; expected a str, or a ModelError before it can be told")


CHECKS: tuple[Callable[[Subject], None], ...] = (
    offers_what_an_engine_offers,
    check_loads_nothing_and_may_be_called_twice,
    a_model_that_is_not_there_is_refused,
    describes_itself_in_words,
    tells_no_secret,
    fingerprint_is_the_same_again,
    fingerprint_follows_what_changes_answers,
    weights_are_known_again,
)
