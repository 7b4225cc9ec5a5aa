"""How many requests an endpoint gets at once: as many as it takes, found by trying.

Additive increase, multiplicative decrease, as TCP has it (Chiu & Jain 1989): the limit grows by one for each full round of
answers while it is used to the full, and halves where the endpoint says that it gets too many (429, 503). Only the
first such answer of a round counts, for all requests of that round were sent under the old limit. All then wait as long
as the endpoint asked (Retry-After), or longer each time where it did not say.

`AdaptiveLimit` decides, knows no clock and does not wait; `AdaptiveGate` makes requests wait. The queue is bounded, and
first come, first served: a request that is tried again keeps its place.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from plumbline.records import UsageError
from plumbline.sources.failures import ReplyError

RequestEnd = Literal["answered", "throttled", "failed"]


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Bounds of the requests at once.

    Attributes:
        start, least, most: requests at once; 1 ≤ least ≤ start ≤ most.
        decrease: what the limit is multiplied by where the endpoint is throttled; in (0, 1).
        pause_seconds: how long all wait after that where the endpoint does not say; doubles each time, to `most_pause`.
        most_pause_seconds: the longest such pause.
        most_asked_seconds: the longest pause that an endpoint can ask for; it cannot close a source for a day.
        most_waiting: requests in the queue; more are refused at once.
    """

    start: int = 8
    least: int = 1
    most: int = 64
    decrease: float = 0.5
    pause_seconds: float = 0.5
    most_pause_seconds: float = 30.0
    most_asked_seconds: float = 600.0
    most_waiting: int = 1024

    def __post_init__(self) -> None:
        """Check the bounds.

        Raises:
            UsageError: they contradict each other.
        """
        if not (1 <= self.least <= self.start <= self.most and 0 < self.decrease < 1 and self.most_waiting >= 1):
            raise UsageError(
                "PL-REP-031",
                "limit",
                "the bounds of requests at once contradict each other",
                expected="1 <= least <= start <= most, 0 < decrease < 1, most_waiting >= 1",
                found=f"least {self.least}, start {self.start}, most {self.most}, decrease {self.decrease:g}, "
                f"most_waiting {self.most_waiting}",
                advice="leave them out, or mend the one that is wrong",
            )


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to one request. `round` is that of the limit when it was given."""

    round: int


class AdaptiveLimit:
    """The limit itself: pure, told the time by its caller, in seconds of any clock that does not go back.

    Attributes:
        limit: requests at once, fractions included.
        in_flight: requests under way.
        paused_until: nothing starts before.
    """

    def __init__(self, settings: LimitSettings) -> None:
        self.settings = settings
        self.limit = float(settings.start)
        self.in_flight = 0
        self.paused_until = float("-inf")
        self._round = 0
        self._strikes = 0

    def seconds_to_wait(self, now: float) -> float | None:
        """0 where a request may start; the rest of a pause; None until another one has ended."""
        if now < self.paused_until:
            return self.paused_until - now
        return 0.0 if self.in_flight < int(self.limit) else None

    def start(self) -> Ticket:
        """Count a request as under way."""
        self.in_flight += 1
        return Ticket(self._round)

    def end(self, ticket: Ticket, outcome: RequestEnd, now: float, retry_after_seconds: float | None = None) -> None:
        """Count a request as ended, and learn from how it ended."""
        was_full = self.in_flight >= int(self.limit)
        self.in_flight -= 1
        if outcome == "answered":
            self._strikes = 0
            if was_full and ticket.round == self._round:
                self.limit = min(float(self.settings.most), self.limit + 1 / self.limit)
        elif outcome == "throttled":
            self._throttle(ticket, now, retry_after_seconds)

    def _throttle(self, ticket: Ticket, now: float, retry_after_seconds: float | None) -> None:
        if ticket.round == self._round:
            self.limit = max(float(self.settings.least), self.limit * self.settings.decrease)
            self._round += 1
            self._strikes += 1
        doubled = self.settings.pause_seconds * 2.0 ** min(max(self._strikes - 1, 0), 30)
        if retry_after_seconds is None:
            pause = min(doubled, self.settings.most_pause_seconds)
        else:
            pause = min(retry_after_seconds, self.settings.most_asked_seconds)
        self.paused_until = max(self.paused_until, now + pause)


Later = Callable[[float, Callable[[], None]], object]


def _on_the_loop(seconds: float, do: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, do)


class AdaptiveGate:
    """Makes requests wait until the limit lets them through; belongs to one event loop."""

    def __init__(
        self,
        settings: LimitSettings,
        place: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        later: Later = _on_the_loop,
    ) -> None:
        """A gate.

        Args:
            place: what errors call it.
            clock: seconds.
            later: calls a function after so many seconds.
        """
        self.limit = AdaptiveLimit(settings)
        self._place = place
        self._clock = clock
        self._later = later
        self._arrivals = 0
        self._entries = 0
        self._queue: list[tuple[int, int, asyncio.Future[Ticket]]] = []
        self._alarm_is_set = False

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(not waiter.done() for _, _, waiter in self._queue)

    def arrive(self) -> int:
        """A place in the queue, to be kept over all attempts of a request.

        Raises:
            ReplyError: the queue is full.
        """
        most = self.limit.settings.most_waiting
        if len(self._queue) >= most and self.waiting >= most:
            raise ReplyError(
                "PL-REP-025",
                self._place,
                "too many requests wait already",
                expected=f"at most {most}",
                advice="ask for the turn again in a while, or raise most_waiting",
            )
        self._arrivals += 1
        return self._arrivals

    async def enter(self, arrival: int) -> Ticket:
        """Wait for the right to a request; whoever gets it must give it back by `leave`."""
        waiter: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        self._entries += 1
        heapq.heappush(self._queue, (arrival, self._entries, waiter))
        self._let_in()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():  # it was let in and went away at the same moment
                self.leave(waiter.result(), "failed")
            raise

    def leave(self, ticket: Ticket, outcome: RequestEnd, retry_after_seconds: float | None = None) -> None:
        """Give the right back and say how the request ended."""
        self.limit.end(ticket, outcome, self._clock(), retry_after_seconds)
        self._let_in()

    def _let_in(self) -> None:
        while self._queue:
            if self._queue[0][2].done():
                heapq.heappop(self._queue)
                continue
            seconds = self.limit.seconds_to_wait(self._clock())
            if seconds == 0:
                heapq.heappop(self._queue)[2].set_result(self.limit.start())
                continue
            if seconds is not None and not self._alarm_is_set:
                self._alarm_is_set = True
                self._later(seconds, self._ring)
            return

    def _ring(self) -> None:
        self._alarm_is_set = False
        self._let_in()
