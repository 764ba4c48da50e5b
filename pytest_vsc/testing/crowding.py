"""Checks of many requests at a time: all are answered, as when they are alone, by whatever thread they come."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pytest_vsc.protocols import Engine
from pytest_vsc.records import Response
from pytest_vsc.testing.asking import all_said, answer, many, put, questions, said, well_formed
from pytest_vsc.testing.subjects import Subject, asked, demand, fail

PROMPT = 1.0  # seconds that 64 submits may take
THREADS = 8
ROUNDS = 3
STOOD = 0.5  # share of the whole time that is answering, not submitting, where the submits took longer


def submit_returns_at_once(subject: Subject) -> None:
    """While others are answered: the tests and the model share a process, and batches form of what waits already."""
    with asked(subject) as engine:
        since = time.monotonic()
        futures = [put(engine, request) for request in many()]
        submitting = time.monotonic() - since
        all_said(futures, subject.seconds)
        whole = time.monotonic() - since
    told = f"{len(futures)} submits took {submitting:.1f} s of the {whole:.1f} s until all were answered"
    demand(submitting <= PROMPT or submitting < STOOD * whole, f"{told}; expected that each returns without the answer")


def many_at_once_are_all_answered(subject: Subject) -> None:
    """64 that differ, each with an answer of its own, in whatever order they come."""
    with asked(subject) as engine:
        ended = all_said([put(engine, request) for request in many()], subject.seconds)
    for number, one in enumerate(ended):
        alone = not many()[number].messages[-1].images
        demand(one.response or (alone and one.unsupported), f"of 64 requests number {number + 1} failed: {one.error}")
        if one.response is not None:
            well_formed(one.response)
            asked_for = many()[number].messages[-1].text
            own = not subject.echoes or one.response.text == asked_for
            demand(own, f"of 64 requests number {number + 1} has the answer to another")


def a_batch_is_answered_as_one_at_a_time(subject: Subject) -> None:
    """Requests of all kinds put at once have the texts that each had alone: else samples are mixed up, or cut short.

    Where the subject lacks steadiness it is only told how many are equal.
    """
    requests = [*questions().values(), *many()[:7]]
    with asked(subject) as engine:
        alone = [said(put(engine, request), subject.seconds).told for request in requests]
        batched = all_said([put(engine, request) for request in reversed(requests)], subject.seconds)
    together = [one.told for one in reversed(batched)]
    same = sum(one == other for one, other in zip(alone, together, strict=True))
    told = f"{same} of {len(requests)} texts are the same alone and among others"
    if same < len(requests) and "steadiness" in subject.lacks:
        pytest.skip(f"{told}; the subject lacks 'steadiness'")
    demand(same == len(requests), f"{told}; expected all (or say that the subject lacks 'steadiness')")


def any_thread_may_submit(subject: Subject) -> None:
    """Tests, the broker and judges ask from threads of their own."""
    with asked(subject) as engine, ThreadPoolExecutor(THREADS) as pool:
        futures = list(pool.map(lambda request: put(engine, request), many()[: 4 * THREADS]))
        for number, one in enumerate(all_said(futures, subject.seconds)):
            alone = not many()[number].messages[-1].images
            demand(
                one.response or (alone and one.unsupported), f"one of those of {THREADS} threads failed: {one.error}"
            )


def what_is_cancelled_holds_nobody_up(subject: Subject) -> None:
    """Every other one of 64 is cancelled at once: those stay cancelled, the rest and what follows is answered."""
    with asked(subject) as engine:
        futures = [put(engine, request) for request in many()]
        cancelled = [future for future in futures[::2] if future.cancel()]
        for one in all_said([future for future in futures if future not in cancelled], subject.seconds):
            demand(one.response or one.unsupported, f"beside cancelled requests one failed: {one.error or 'cancelled'}")
        demand(all(future.cancelled() for future in cancelled), "a cancelled future did not stay cancelled")
        well_formed(answer(engine, questions()["picture"], subject.seconds))


def who_is_waited_for_goes_first(subject: Subject) -> None:
    """An urgent request goes before the 64 that came before it, but those under way: a test waits for it already.

    Seen once it holds: a queue that knows no hurry never shows it, and a machine that has other work may hold up one
    answer, but not each time.
    """
    if subject.ahead is None:
        pytest.skip("the subject says that its order cannot be seen (ahead)")
    places: list[int] = []
    with asked(subject) as engine:
        for _ in range(ROUNDS):
            before, place = _place_of_urgent(engine, subject.seconds)
            if before + subject.ahead >= len(many()):
                continue
            places.append(place)
            if place <= subject.ahead:
                return
    if not places:
        pytest.skip("all were answered before the urgent one came: the order cannot be seen")
    told = f"{min(places)} requests went before an urgent one"
    fail(f"{told}, at best of {len(places)} times; expected at most {subject.ahead}")


def _place_of_urgent(engine: Engine, seconds: float) -> tuple[int, int]:
    """How many of 64 were answered before an urgent request came, and how many then before it was answered."""
    order: list[Future[Response]] = []
    futures = [put(engine, request) for request in many()]
    for future in futures:
        future.add_done_callback(order.append)
    urgent = put(engine, questions()["picture"], urgent=True)
    urgent.add_done_callback(order.append)
    before = len(order)  # counted last: who was answered while this thread had to wait went before rightly
    all_said([*futures, urgent], seconds)
    until = time.monotonic() + 1.0  # callbacks may be called a moment after an answer is there
    while len(order) <= len(futures) and time.monotonic() < until:
        time.sleep(0.01)
    return before, order.index(urgent) - before


CHECKS: tuple[Callable[[Subject], None], ...] = (
    submit_returns_at_once,
    many_at_once_are_all_answered,
    a_batch_is_answered_as_one_at_a_time,
    any_thread_may_submit,
    what_is_cancelled_holds_nobody_up,
    who_is_waited_for_goes_first,
)
