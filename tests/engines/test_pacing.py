"""How many requests at once: more while that is worth it, fewer when the server says so. No server, a clock by hand."""

from __future__ import annotations

import itertools

import pytest

from pytest_vsc.engines.pacing import MOST, START, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def simulated(pace: Pace, clock: Clock, most_useful: int, answers: int = 4000) -> list[int]:
    """A server that answers one request in a second, and up to `most_useful` at once as fast; the limits it saw."""
    seen = []
    for _ in range(answers):
        clock.now += 1 / min(pace.limit, most_useful)
        pace.answered(more=True)
        seen.append(pace.limit)
    return seen


@pytest.mark.parametrize(("most_useful", "found"), [(1, START), (16, 16), (32, 32), (64, 64), (1000, MOST)])
def test_as_many_as_the_server_can_use(most_useful: int, found: int) -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    limits = simulated(pace, clock, most_useful)
    assert limits[-1] == found
    assert max(limits) <= 2 * found
    assert str(pace) == f"{found} (found out)"


def test_without_a_queue_nothing_is_found_out() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    for _ in range(1000):
        clock.now += 0.01
        pace.answered(more=False)
    assert pace.limit == START


def test_a_fixed_number_stays() -> None:
    clock = Clock()
    pace = Pace(7, clock)
    assert set(simulated(pace, clock, 1000)) == {7}
    assert str(pace) == "7"


def test_a_server_that_has_too_much_gets_less_and_its_rest() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    simulated(pace, clock, 1000, 100)
    before = pace.limit
    for _ in range(before):  # all that were under way are told so
        pace.refused(3.0)
    assert pace.limit == before // 2
    assert pace.rest == pytest.approx(3.0)
    clock.now += 2.5
    pace.refused(1.0)
    assert pace.rest == pytest.approx(1.0)
    assert pace.limit == before // 2  # still of those that were sent before
    clock.now += 5
    assert pace.rest == 0
    pace.refused(0.0)
    assert pace.limit == before // 4
    assert str(pace).endswith("(slowed down by the server)")


def test_who_is_told_all_the_time_slows_down_to_what_is_taken() -> None:
    """A server that takes four at once, and turns away all others at once without a time to come back."""
    clock = Clock()
    pace = Pace(clock=clock)
    seen = []
    for _ in range(200):
        clock.now += 0.2
        for _ in range(min(4, pace.limit)):
            pace.answered(more=True)
        for _ in range(pace.limit - 4):
            pace.refused(0.05)
        seen.append(pace.limit)
    assert max(seen[30:]) <= 5
    assert min(seen) >= 2


def test_it_recovers_step_by_step_to_less_than_was_too_much() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    pace.refused(0.0)
    limits = simulated(pace, clock, 1000)
    assert limits[0] == START // 2
    assert set(limits[100:180]) == {START - 1}
    assert {after - before for before, after in itertools.pairwise(limits)} == {0, 1}


def test_trouble_now_and_then_does_not_bring_it_down_for_good() -> None:
    """One request in four hundred is late, whatever else is under way."""
    clock = Clock()
    pace = Pace(clock=clock)
    for _ in range(40):
        pace.late(clock.now)
        limits = simulated(pace, clock, 1000, 400)
    assert limits[-1] >= START // 2


def test_those_that_were_sent_before_say_nothing_new() -> None:
    """A request takes its whole time to be late: others of that time come after it, one by one."""
    clock = Clock()
    pace = Pace(clock=clock)
    for number in range(START):
        pace.late(clock.now - 60)
        clock.now += 2
        assert pace.limit == START // 2, number
    pace.late(clock.now)
    assert pace.limit == START // 4


def test_a_fixed_number_recovers_to_itself() -> None:
    clock = Clock()
    pace = Pace(9, clock)
    pace.late(clock.now)
    assert pace.limit == 4
    assert simulated(pace, clock, 1000)[-1] == 9


def test_never_less_than_one() -> None:
    clock = Clock()
    pace = Pace(1, clock)
    for _ in range(5):
        clock.now += 10
        pace.refused(0.0)
    assert pace.limit == 1
