"""Work over all cores in the order of what it is done on, whatever the number of processes. It knows no pairs."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

from pytest_vsc.errors import ForgeError

AHEAD = 3  # chunks under way for each process
T = TypeVar("T")
R = TypeVar("R")


def spread(work: Callable[[T], R], items: Iterable[T], jobs: int, chunk: int = 1) -> Generator[R, None, None]:
    """What comes of each item. work: a function of a module, or a partial of one. chunk: items handed over at once.

    No more is under way than a few chunks a process. Raises ForgeError where a process dies.
    """
    if jobs == 1:
        yield from map(work, items)
        return
    held = iter(items)
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _begin)
    waiting: deque[Future[list[R]]] = deque()
    try:
        while True:
            while len(waiting) < AHEAD * jobs and (share := list(islice(held, chunk))):
                waiting.append(pool.submit(_done, work, share))
            if not waiting:
                return
            yield from waiting.popleft().result()
    except BrokenProcessPool:
        raise ForgeError("a process of the forge died (out of memory?); the same command goes on, --jobs 1") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that owns the pool ends it


def _done(work: Callable[[T], R], share: Sequence[T]) -> list[R]:
    return [work(one) for one in share]
