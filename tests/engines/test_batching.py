"""Which requests make a batch, and how many: deterministic, full, and with its like."""

from __future__ import annotations

import pytest

from pytest_vsc.engines.batching import WINDOW, BatchSize, Job, Line
from pytest_vsc.records import Message, Request


def job(text: str, *, length: int = 0, pixels: tuple[int, ...] = (), urgent: bool = False) -> Job:
    return Job(Request(messages=(Message(role="user", text=text),)), urgent=urgent, bulk=(pixels, length))


def anything(_: Request, __: Request) -> bool:
    return True


def texts(jobs: list[Job]) -> list[str]:
    return [job.request.messages[0].text for job in jobs]


def line_of(*jobs: Job) -> Line:
    line = Line()
    for one in jobs:
        line.put(one)
    return line


def drain(line: Line, limit: int) -> list[list[str]]:
    batches = []
    while len(line):
        batches.append(texts(line.take(limit, anything)))
    return batches


def test_neighbours_in_size_go_together_and_batches_are_full() -> None:
    jobs = [job(f"{n}", length=n % 2 * 100 + n) for n in range(8)]
    assert drain(line_of(*jobs), 4) == [["0", "2", "4", "6"], ["1", "3", "5", "7"]]


def test_pictures_count_before_words() -> None:
    jobs = [job("small", pixels=(10,), length=9), job("large", pixels=(99,)), job("tiny", pixels=(10,), length=8)]
    assert drain(line_of(*jobs), 2) == [["tiny", "small"], ["large"]]


def test_the_oldest_is_always_in_the_batch_and_nobody_overtakes_far() -> None:
    limit = 2
    jobs = [job(f"{n}", length=-n) for n in range(40)]
    for number, batch in enumerate(drain(line_of(*jobs), limit)):
        assert max(map(int, batch)) < number * limit + WINDOW * limit
    assert drain(line_of(*jobs), limit) == drain(line_of(*jobs), limit)


def test_every_batch_but_the_last_is_full() -> None:
    batches = drain(line_of(*(job(f"{n}", length=n * 7 % 13) for n in range(50))), 8)
    assert [len(batch) for batch in batches] == [8, 8, 8, 8, 8, 8, 2]
    assert sorted([text for batch in batches for text in batch], key=int) == [f"{n}" for n in range(50)]


def test_what_is_waited_for_goes_first() -> None:
    line = line_of(*(job(f"{n}") for n in range(6)), job("now", urgent=True))
    assert line.urgent
    assert texts(line.take(2, anything)) == ["now", "0"]
    assert not line.urgent


def test_only_what_is_alike_and_nothing_that_was_cancelled() -> None:
    jobs = [job("a1"), job("b1"), job("a2"), job("b2")]
    jobs[2].future.cancel()
    line = line_of(*jobs)
    alike = [texts(line.take(4, lambda one, other: one.messages[0].text[0] == other.messages[0].text[0]))]
    assert alike == [["a1"]]
    assert drain(line, 4) == [["b1", "b2"]]


def grown(size: BatchSize, rates: dict[int, float]) -> list[int]:
    """The limits that a size goes through when batches of each size answer at the given rates."""
    limits = [size.limit]
    for _ in range(20):
        size.note(size.limit, size.limit / rates[size.limit])
        if size.limit != limits[-1]:
            limits.append(size.limit)
    return limits


@pytest.mark.parametrize(
    ("rates", "limits"),
    [
        pytest.param({8: 10, 16: 18, 32: 30, 64: 31}, [8, 16, 32, 64, 32], id="back to the last that paid"),
        pytest.param({8: 10, 16: 20, 32: 40, 64: 80}, [8, 16, 32, 64], id="as large as allowed"),
        pytest.param({8: 10, 16: 5}, [8, 16, 8], id="not at all"),
    ],
)
def test_a_batch_grows_while_that_pays(rates: dict[int, float], limits: list[int]) -> None:
    size = BatchSize(8, 64, fixed=False)
    assert grown(size, rates) == limits
    assert str(size) == f"{limits[-1]} (auto)"


def test_a_batch_that_was_asked_for_stays_until_memory_runs_out() -> None:
    size = BatchSize(8, 8, fixed=True)
    assert grown(size, {8: 1000}) == [8]
    assert str(size) == "8"
    size.shrink(8)
    assert (size.limit, str(size)) == (4, "4 (halved: out of memory)")
    size.shrink(1)
    assert size.limit == 1
