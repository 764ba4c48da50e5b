"""How many requests a server is given at once, and when: more while it answers more, fewer when it says so.

Sends nothing and waits for nothing; times are seconds of a clock that is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable

START, MOST = 16, 256  # requests at once, where it is left to find out
# More at once are kept only if so many times as much is answered in the same time.
WORTH = 1.1
# At as many as were not too much: so many rounds that went well, and one more than that is tried again.
ROUNDS = 8
# After a server has said that it is too much, what comes in by then was sent before, and says nothing new.
CALM_SECONDS = 1.0


class Pace:
    """The pace of one server. Whoever calls it does so from one thread.

    limit: how many it may be given at once, as of now.
    """

    def __init__(self, fixed: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """fixed: never more than this many, and not found out."""
        self.limit = fixed or START
        self._most = self._top = fixed or MOST
        self._growing, self._fixed = fixed is None, fixed is not None
        self._clock = clock
        self._rest_until = self._calm_until = self._slowed_at = 0.0
        self._answered = 0
        self._since = 0.0
        self._rate: float | None = None  # answers in a second, with half as many at once
        self._slowed = False

    def __str__(self) -> str:
        found = "" if self._fixed else " (found out)"
        return f"{self.limit}{' (slowed down by the server)' if self._slowed else found}"

    @property
    def rest(self) -> float:
        """Seconds until the server may be asked again."""
        return max(0.0, self._rest_until - self._clock())

    def answered(self, *, more: bool) -> None:
        """A request was answered. more: others wait for their turn, so that the server has all that it may be given."""
        if not more:
            self._answered = 0
            return
        self._answered += 1
        if not self._growing:
            self._recover()
        elif self._answered == self.limit:  # those before were sent when there were fewer at once
            self._since = self._clock()
        elif self._answered >= 2 * self.limit:
            self._judge(self.limit / max(self._clock() - self._since, 1e-9))

    def refused(self, seconds: float) -> None:
        """The server says that it is too much, and to come back after so many seconds."""
        now = self._clock()
        self._rest_until = max(self._rest_until, now + seconds)
        self._slow_down(now + max(seconds, CALM_SECONDS))

    def late(self, sent: float) -> None:
        """A request that was sent then was not answered in time; one from before the slowing down says nothing new."""
        if sent >= self._slowed_at:
            self._slow_down(self._clock() + CALM_SECONDS)

    def _slow_down(self, calm_until: float) -> None:
        self._answered = 0  # no round that went well
        if self._clock() < self._calm_until:
            return
        self._most = max(1, self._most if self._fixed else self.limit - 1)
        self.limit, self._growing, self._slowed = max(1, self.limit // 2), False, True
        self._slowed_at = self._clock()
        self._calm_until = calm_until  # not put off by what is said until then, or who is told all the time never slows

    def _recover(self) -> None:
        """One more at once for each round that went well, up to less than was too much, and beyond that seldom.

        What was too much once need not stay so: a timeout now and then would else bring it down to one for good.
        """
        if not self._slowed or self._answered < self.limit:
            return
        if self.limit < self._most:
            self.limit, self._answered = self.limit + 1, 0
        elif self._most < self._top and self._answered >= ROUNDS * self.limit:
            self._most += 1

    def _judge(self, rate: float) -> None:
        """Whether as many at once as now are worth it, and twice as many worth trying."""
        self._answered = 0
        if self._rate is not None and rate < WORTH * self._rate:
            self.limit, self._growing = self.limit // 2, False
        elif 2 * self.limit > self._most:
            self._growing = False
        else:
            self._rate, self.limit = rate, 2 * self.limit
