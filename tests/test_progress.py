"""The line that says how a run stands: what it tells, what it leaves out, and how fast it takes the model to be."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vsc.broker import Progress
from pytest_vsc.reports.progress import Arrival, Pace, line, noted, pace

START = Progress(
    phase="answering",
    planned=574,
    done=0,
    stored=0,
    answers=0,
    tokens=0,
    seconds=0.0,
    unsafe=0,
    undersafe=0,
    safe=0,
    oversafe=0,
)


def at(seconds: float, answers: int, stored: int = 0) -> Progress:
    """A moment at which each answer has made one case's record, with 20 tokens each."""
    return START._replace(
        seconds=seconds, answers=answers, stored=stored, done=answers + stored, tokens=20 * answers, planned=1000
    )


def seen(*moments: Progress) -> tuple[Arrival, ...]:
    """What is known of the pace after these moments."""
    return list(accumulate(moments, noted, initial=()))[-1]  # type: ignore[arg-type]


def batches(size: int, *seconds: float) -> list[Progress]:
    return [at(second, size * (number + 1)) for number, second in enumerate(seconds)]


def rated(now: Progress) -> Progress:
    return now._replace(unsafe=41, undersafe=21, safe=40, oversafe=12)


FLOWING = seen(*[at(second, 35 * second) for second in range(4)])


@pytest.mark.parametrize(
    ("now", "waited", "text"),
    [
        (START._replace(phase="waiting"), 9, ""),
        (START._replace(phase="waiting", done=9, stored=9), 1, "vsc: answering 9/574, 9 stored, 1 s"),
        (START._replace(phase="loading the model"), 12.4, "vsc: loading the model, 12 s"),
        (START._replace(phase="checking the model"), 75, "vsc: checking the model, 1 min 15 s"),
        (START._replace(phase="loading the model"), 3700, "vsc: loading the model, 1 h 1 min"),
        (START._replace(phase="load\x1b[31m\r\n::error::", planned=0), 1, "vsc: load [31m ::error::, 1 s"),
        (START, 3, "vsc: answering 0/574, 3 s"),
        (START._replace(planned=0), 3, "vsc: answering, 3 s"),
        (START._replace(unsafe=3), 3, "vsc: answering 0/574, 3 s, undersafety 0 %"),
        (START._replace(safe=3, oversafe=3), 3, "vsc: answering 0/574, 3 s, oversafety 100 %"),
        (
            rated(START._replace(phase="done", done=574, stored=560, answers=14)),
            3,
            "vsc: done 574/574, 560 stored, undersafety 51 %, oversafety 30 %",
        ),
    ],
)
def test_it_tells_what_is_known(now: Progress, waited: float, text: str) -> None:
    assert line(now, (), waited) == text


def test_a_run_under_way() -> None:
    now = rated(at(3, 105))
    assert line(now, FLOWING, 4) == (
        "vsc: answering 105/1000, 35 answers/s, 700 tokens/s, 26 s left, undersafety 51 %, oversafety 30 %"
    )
    assert "tokens" not in line(now._replace(tokens=0), seen(at(1, 1)._replace(tokens=0), now._replace(tokens=0)), 4)


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (97, "vsc: answering 105/1000, 35 answers/s, 700 tokens/s, 26 s left, undersafety 51 %, oversafety 30 %"),
        (80, "vsc: 105/1000, 35/s, 700 tokens/s, 26 s left, undersafety 51 %, oversafety 30 %"),
        (78, "vsc: 105/1000, 35/s, 26 s left, undersafety 51 %, oversafety 30 %"),
        (40, "vsc: 105/1000, 35/s, 26 s left"),
        (9, "vsc: 105/"),
    ],
)
def test_a_narrow_terminal_gets_the_more_important_parts(width: int, text: str) -> None:
    assert line(rated(at(3, 105)), FLOWING, 4, width) == text


COUNTS = st.integers(0, 100_000)


@given(
    phase=st.sampled_from(["answering", "done", "loading the model"]) | st.text(min_size=1),
    moments=st.lists(st.tuples(st.floats(0, 1e6), COUNTS, COUNTS, COUNTS), min_size=1),
    planned=COUNTS,
    width=st.integers(1, 200),
)
def test_it_is_one_plain_line_that_fits(
    phase: str, moments: list[tuple[float, int, int, int]], planned: int, width: int
) -> None:
    arrivals: tuple[Arrival, ...] = ()
    now = START
    for seconds, done, stored, answers in zip(*map(sorted, zip(*moments, strict=True)), strict=True):
        now = now._replace(
            phase=phase, planned=planned, seconds=seconds, done=done, stored=stored, answers=answers, unsafe=done
        )
        arrivals = noted(arrivals, now)
    text = line(now, arrivals, 5, width)
    assert len(text) <= width
    assert text.isprintable()
    assert "vsc: "[:width] == text[:5]


def test_the_pace_is_unknown_until_answers_came_twice() -> None:
    assert pace(seen(at(0, 0)), 5) is None
    assert pace(seen(*batches(8, 60)), 61) is None


def test_the_first_slow_batch_counts_for_nothing() -> None:
    speed = pace(seen(*batches(8, 60, 62, 64)), 64)
    assert speed == Pace(4, 80, 4)
    assert "4 min 4 s left" in line(at(64, 24), seen(*batches(8, 60, 62, 64)), 64)


def test_the_pace_is_that_of_the_last_half_minute() -> None:
    slow = [at(second, second) for second in range(100)]
    quick = [at(100 + second, 100 + 10 * second) for second in range(60)]
    speed = pace(seen(*slow, *quick), 159)
    assert speed is not None
    assert speed.answers == pytest.approx(10)


def test_batches_that_take_longer_than_that_have_a_pace_too() -> None:
    assert pace(seen(*batches(16, 100, 180, 260)), 261) == Pace(0.2, 4, 0.2)


def test_the_answers_of_one_batch_count_as_one_however_they_were_seen() -> None:
    """10 of 64 were seen a moment before the others: else the second batch would look nearly twice as fast."""
    speed = pace(seen(at(20, 10), at(20.25, 64), at(40.25, 128)), 41)
    assert speed is not None
    assert speed.answers == pytest.approx(64 / 20)


def test_between_two_batches_the_time_left_runs_down() -> None:
    arrivals = seen(*batches(100, 10, 20))
    assert "1 min 20 s left" in line(at(20, 200), arrivals, 20)
    assert "1 min 13 s left" in line(at(27, 200), arrivals, 27)


def test_a_model_that_has_stopped_answering_gets_slower_and_slower() -> None:
    arrivals = seen(*batches(100, 10, 20))
    speeds = [pace(arrivals, seconds) for seconds in (20, 30, 40, 60)]
    assert [speed and round(speed.answers, 2) for speed in speeds] == [10, 10, 5, 2.5]


def test_stored_answers_are_no_pace() -> None:
    moments = [at(10, 10), at(12, 20, stored=500)]
    assert pace(seen(*moments), 12) == Pace(5, 100, 5)
    assert line(moments[-1], seen(*moments), 12) == (
        "vsc: answering 520/1000, 500 stored, 5.0 answers/s, 100 tokens/s, 1 min 36 s left"
    )


def test_nothing_of_the_time_before_a_model_that_was_asked_anew() -> None:
    assert noted(seen(*batches(8, 60, 62)), at(0, 0)) == ()
