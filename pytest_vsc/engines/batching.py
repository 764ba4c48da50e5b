"""Which requests go into the next batch, and how many: full batches with little padding, the same ones each time.

Runs no model and reads no picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from pytest_vsc.records import Request, Response

# A batch is chosen among this many batches' worth of the oldest requests, so that nothing waits long for its like.
WINDOW = 4
# A larger batch is kept only if it answers this much more in the same time.
WORTH = 1.1
MEASUREMENTS = 2

# Sizes of the pictures in pixels, the largest first, then the length of the text in tokens.
Bulk = tuple[tuple[int, ...], int]


@dataclass(eq=False)
class Job:
    """A request that waits, with the future that answers it. bulk: how much room it takes, None until measured."""

    request: Request
    urgent: bool = False
    future: Future[Response] = field(default_factory=Future)
    bulk: Bulk | None = None

    @property
    def pictures(self) -> int:
        return sum(len(message.images) for message in self.request.messages)

    def size(self) -> Bulk:
        return self.bulk or ((), 0)


class Line:
    """The requests that wait, in the order of submission. Whoever calls it holds a lock."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self.urgent = False  # whether somebody waits for one of them already

    def __len__(self) -> int:
        return len(self._jobs)

    def put(self, job: Job) -> None:
        self._jobs.append(job)
        self.urgent = self.urgent or job.urgent

    def clear(self) -> None:
        self._keep([])

    def window(self, limit: int) -> list[Job]:
        """Those among which the next batch of at most `limit` is chosen; who is waited for stands first."""
        self._keep([job for job in self._jobs if not job.future.cancelled()])
        return sorted(self._jobs, key=lambda job: not job.urgent)[: WINDOW * limit]

    def take(self, limit: int, alike: Callable[[Request, Request], bool]) -> list[Job]:
        """The next batch: the first that waits, and those like it that are nearest to it in size."""
        chosen = choose(self.window(limit), limit, alike)
        gone = set(map(id, chosen))
        self._keep([job for job in self._jobs if id(job) not in gone])
        return chosen

    def _keep(self, jobs: list[Job]) -> None:
        self._jobs = jobs
        self.urgent = any(job.urgent for job in jobs)


def choose(window: Sequence[Job], limit: int, alike: Callable[[Request, Request], bool]) -> list[Job]:
    """A batch out of a window: all that is urgent, or else a run of neighbours in size with the oldest among them."""
    if not window:
        return []
    first = window[0]
    fitting = [job for job in window if alike(first.request, job.request)]
    if first.urgent:
        return fitting[:limit]
    ordered = sorted(fitting, key=Job.size)  # a stable sort: equals stay in the order of submission
    place = next(place for place, job in enumerate(ordered) if job is first)
    start = min(place // limit * limit, max(0, len(ordered) - limit))
    return ordered[start : start + limit]


class BatchSize:
    """The most requests in a batch: as asked for, or found by doubling while that answers more in the same time."""

    def __init__(self, start: int, most: int, *, fixed: bool) -> None:
        self.limit = start
        self._most, self._growing = most, not fixed
        self._said = "" if fixed else "auto"
        self._rates: dict[int, list[float]] = {}

    def note(self, size: int, seconds: float) -> None:
        """A batch of this size was answered in so many seconds."""
        if not self._growing or size != self.limit or seconds <= 0:
            return
        rates = self._rates.setdefault(size, [])
        rates.append(size / seconds)
        if len(rates) < MEASUREMENTS:
            return
        before = self._rates.get(size // 2)
        if before is not None and max(rates) < WORTH * max(before):
            self.limit, self._growing = size // 2, False
        elif 2 * size > self._most:
            self._growing = False
        else:
            self.limit = 2 * size

    def shrink(self, size: int) -> None:
        """A batch of this size was too large for the memory."""
        self.limit, self._growing = max(1, min(self.limit, size) // 2), False
        self._said = "halved: out of memory"

    def __str__(self) -> str:
        return f"{self.limit} ({self._said})" if self._said else str(self.limit)
