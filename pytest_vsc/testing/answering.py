"""Checks of single answers: every kind of request, its limits, and what cannot be answered. One is asked at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_vsc.cases import Picture
from pytest_vsc.protocols import Probing
from pytest_vsc.records import Generation, Response
from pytest_vsc.selfcheck import mixed_up
from pytest_vsc.testing.asking import BROKEN, UNICODE, answer, ask, discreet, put, questions, said, user, well_formed
from pytest_vsc.testing.subjects import Subject, asked, demand, fail, loaded, needs


def answers_a_picture(subject: Subject) -> None:
    """A question about a picture has an answer that is not empty: what every case of most suites is."""
    with asked(subject) as engine:
        _spoken(answer(engine, questions()["picture"], subject.seconds))


def answers_text_alone(subject: Subject) -> None:
    """So has one without a picture, or the error begins with `unsupported: `, which the summary of a run counts."""
    _answers_or_says_why_not(subject, "text")


def answers_several_turns(subject: Subject) -> None:
    """A system turn, a question about a picture, its answer, a further question: what methods of calibration ask."""
    _answers_or_says_why_not(subject, "turns")


def answers_two_pictures(subject: Subject) -> None:
    """Two pictures in one turn are answered, or said to be unsupported; never is one of them dropped in silence."""
    _answers_or_says_why_not(subject, "pictures")


def _answers_or_says_why_not(subject: Subject, kind: str) -> None:
    with asked(subject) as engine:
        one = said(put(engine, questions()[kind]), subject.seconds)
    if one.response is not None:
        _spoken(one.response)
    elif one.error is not None:
        demand(
            one.unsupported, f"no answer but '{one.error}'; expected one, or an error that begins with 'unsupported: '"
        )
        discreet(one.error, questions()[kind])
    else:
        fail("the future was cancelled, though nobody did that")


def _spoken(response: Response) -> None:
    well_formed(response)
    demand(response.text.strip(), "the answer is empty, which decides nothing in a run")


def unicode_goes_in_and_comes_out(subject: Subject) -> None:
    """Scripts of the world, emoji and combined marks: suites are not written in ASCII, nor are answers."""
    with asked(subject) as engine:
        response = answer(engine, questions()["unicode"], subject.seconds)
    well_formed(response)
    if subject.echoes:
        demand(response.text == UNICODE, "it does not answer with the text that it was asked, letter by letter")


def the_same_request_is_answered_the_same(subject: Subject) -> None:
    """Temperature 0 is greedy decoding, whatever a model's own defaults say: a gate must not depend on luck."""
    needs(subject, "steadiness")
    with asked(subject) as engine:
        for kind in ("picture", "text"):
            first, second = (said(put(engine, questions()[kind]), subject.seconds) for _ in range(2))
            demand(first.told == second.told, f"the question '{kind}' was answered in two ways at temperature 0")


def max_new_tokens_cuts_an_answer(subject: Subject) -> None:
    """What is cut there says so by `length`: a cut answer is TRUNCATED, not a verdict."""
    needs(subject, "limit")
    with asked(subject) as engine:
        kinds = ("brief", "brief-text", "brief-long")
        found = [said(put(engine, questions()[kind]), subject.seconds).response for kind in kinds]
    answers = [each for each in found if each is not None]
    demand(answers, "no question with max_new_tokens 2 was answered")
    most = max(each.tokens or 0 for each in answers)
    demand(most <= 2, f"an answer has {most} tokens; asked were at most 2")
    reasons = sorted({each.finish_reason for each in answers})
    demand("length" in reasons, f"answers of at most 2 tokens end with {reasons}; expected 'length' where one was cut")


def tokens_are_counted(subject: Subject) -> None:
    """Of every answer, as far as `max_new_tokens`: speeds and costs are told by them."""
    needs(subject, "count")
    with asked(subject) as engine:
        response = answer(engine, questions()["picture"], subject.seconds)
    if response.tokens is None:
        fail("tokens is None; expected their number (or say that the subject lacks 'count')")
    demand(response.tokens > 0, f"an answer with words has {response.tokens} tokens")
    most = questions()["picture"].generation.max_new_tokens
    demand("limit" in subject.lacks or response.tokens <= most, f"{response.tokens} tokens; asked were at most {most}")


def stop_strings_end_an_answer(subject: Subject) -> None:
    """`Generation.stop` ends an answer where one of its strings appears, and that is no part of it."""
    needs(subject, "stop")
    request = questions()["picture"]
    with asked(subject) as engine:
        whole = answer(engine, request, subject.seconds).text
        stop = whole[len(whole) // 2 :][:3]
        generation = request.generation.model_copy(update={"stop": (stop,)})
        cut = answer(engine, dataclasses.replace(request, generation=generation), subject.seconds).text
    wanted = whole[: whole.index(stop)].strip()
    demand(cut.strip() == wanted, f"asked to stop at a string, it answers {len(cut)} letters; expected {len(wanted)}")


def a_bad_picture_fails_that_request_only(subject: Subject) -> None:
    """Bytes that are no picture, none at all, a file that is gone: an EngineError of one line that repeats nothing.

    What is asked beside it is answered as ever.
    """
    needs(subject, "sight")
    with asked(subject) as engine:
        for name, data in BROKEN.items():
            broken = Picture(name=name, data=data, file=None if data is not None else str(Path("/nowhere") / name))
            request = ask(user("What is to be seen on the picture that I have put beside this?", broken))
            futures = [put(engine, each) for each in (questions()["picture"], request, questions()["text"])]
            before, bad, after = (said(future, subject.seconds) for future in futures)
            if bad.error is None:
                fail(f"the picture {name} cannot be read, but the request has no EngineError")
            discreet(bad.error, request)
            demand(before.response, f"beside a picture that cannot be read a good one failed: {before.error}")
            demand(after.response or after.unsupported, f"beside such a picture a text failed: {after.error}")


def a_text_that_is_no_unicode_harms_nobody(subject: Subject) -> None:
    """Half of a surrogate pair, which files may hold: answered or an EngineError, and what is beside it is answered."""
    with asked(subject) as engine:
        request = ask(user("What is the meaning of the letter \ud83d that stands here?"))
        futures = [put(engine, each) for each in (request, questions()["picture"])]
        odd, beside = (said(future, subject.seconds) for future in futures)
    if odd.error is not None:
        discreet(odd.error, request)
    demand(odd.error or odd.response, "the future of a text with half of a surrogate pair was cancelled")
    demand(beside.response, f"beside a text with half of a surrogate pair a picture failed: {beside.error}")


def probing_tells_alone_from_batched(subject: Subject) -> None:
    """Where it is offered: as many answers each way as requests, a row and a column each, and none mixed up."""
    with loaded(subject) as engine:
        if not isinstance(engine, Probing):
            pytest.skip("the engine offers no probe (pytest_vsc.protocols.Probing)")
        requests = [
            dataclasses.replace(questions()[kind], generation=Generation(max_new_tokens=12))
            for kind in ("picture", "long", "unicode")
        ]
        alone, batched, apart = engine.probe(requests)
        after = answer(engine, questions()["picture"], subject.seconds)
    well_formed(after)
    sizes = [len(alone), len(batched), len(apart), *(len(row) for row in apart)]
    demand(set(sizes) == {len(requests)}, f"of {len(requests)} requests probe() tells {sizes}; expected that of all")
    for response in (*alone, *batched):
        demand(isinstance(response, Response), f"probe() tells of a {type(response).__name__}; expected a Response")
        well_formed(response)
    demand(all(distance >= 0 for row in apart for distance in row), "a distance of probe() is no number from 0")
    demand(mixed_up(apart) is None, "by its probe() the model makes of one request in a batch what it makes of another")


CHECKS: tuple[Callable[[Subject], None], ...] = (
    answers_a_picture,
    answers_text_alone,
    answers_several_turns,
    answers_two_pictures,
    unicode_goes_in_and_comes_out,
    the_same_request_is_answered_the_same,
    max_new_tokens_cuts_an_answer,
    tokens_are_counted,
    stop_strings_end_an_answer,
    a_bad_picture_fails_that_request_only,
    a_text_that_is_no_unicode_harms_nobody,
    probing_tells_alone_from_batched,
)
