"""Sends what stands in the outbox: a task beside the requests of each server process, which none of them waits for.

Several processes send at once and never the same message, see `store.deliveries`. A receiver that hangs holds up its own
messages alone: so many at once of one webhook, and none for a while after it did not answer.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from fastapi import FastAPI

from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.webhooks.waiting import wait_after
from plumbline.collect.store.deliveries import OLDEST, Claimed, claim_due, mark_delivered, mark_failed, sweep
from plumbline.collect.store.webhook_rows import NoAnswer
from plumbline.records import PlumblineError
from plumbline.web.bounded_calls import BoundedCalls

AT_ONCE = 8
OF_ONE_WEBHOOK = 2
CLAIM = timedelta(seconds=60)
"""How long others leave a message alone; longer than an attempt may take."""
POLL_SECONDS = 2.0
SWEEP_EVERY = timedelta(hours=1)
REST_SECONDS = 10.0
"""How long a receiver is left alone that did not answer."""
GRACE_SECONDS = 5.0
"""How long attempts under way may take when the server ends; others make them again."""
_LOG = logging.getLogger("plumbline.collect")


class Posting(Protocol):
    """What sends one message, see `service.webhooks.posting.Poster`."""

    async def post(self, claimed: Claimed, now: datetime) -> int:
        """The status of the answer, or a `NoAnswer`."""

    async def close(self) -> None:
        """Lets go of connections."""


@dataclass
class WebhookSender:
    """Sends until it is stopped.

    Attributes:
        collecting: store and clock.
        make_poster: called for the first message.
        poll_seconds: how often it looks for messages of other processes.
        draw: 0 to 1, at random, for the waits.
    """

    collecting: Collecting
    make_poster: Callable[[], Posting]
    poll_seconds: float = POLL_SECONDS
    draw: Callable[[], float] = random.random
    _poster: Posting | None = None
    _calls: BoundedCalls = field(default_factory=lambda: BoundedCalls(1))
    _under_way: dict[asyncio.Task[None], int] = field(default_factory=dict)
    _resting: dict[int, float] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _swept_at: datetime | None = None

    async def run(self) -> None:
        """Sends for ever; what the database refuses is logged, and tried again."""
        while True:
            try:
                await self._sweep()
                while await self._send_next():
                    pass
            except Exception as error:  # it must go on: nobody would start it again
                _log(error)
            await self._pause()

    async def stop(self) -> None:
        """Lets attempts under way end, for a while; those that do not are given back for others to make."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._poster is not None:
            await self._poster.close()
        await asyncio.to_thread(self._calls.close)

    async def _send_next(self) -> bool:
        """Begins to send the message that has been due for longest; whether there was one."""
        if len(self._under_way) >= AT_ONCE:
            return False
        now = self.collecting.clock()
        claimed = await self._calls.run(
            claim_due, self.collecting.store, now=now, until=now + CLAIM, but=self._left_alone()
        )
        if claimed is None:
            return False
        if self._poster is None:
            self._poster = await asyncio.to_thread(self.make_poster)  # which reads certificates
        task = asyncio.ensure_future(self._send(self._poster, claimed))
        self._under_way[task] = claimed.webhook_id
        task.add_done_callback(self._ended)
        return True

    async def _send(self, poster: Posting, claimed: Claimed) -> None:
        try:
            status = await poster.post(claimed, self.collecting.clock())
        except asyncio.CancelledError:
            await self._noted(self._give_back(claimed))
            raise
        await self._noted(self._note(claimed, status))

    async def _note(self, claimed: Claimed, status: int) -> None:
        store, now = self.collecting.store, self.collecting.clock()
        if 200 <= status < 300:
            await self._calls.run(mark_delivered, store, claimed.id, status, now=now)
            return
        if status in list(NoAnswer):
            self._resting[claimed.webhook_id] = asyncio.get_running_loop().time() + REST_SECONDS
        wait = wait_after(claimed.attempts, status, self.draw())
        next_at = None if wait is None else now + wait
        if await self._calls.run(mark_failed, store, claimed, status, now=now, next_at=next_at) and wait is None:
            _LOG.warning("webhook %d: a message was given up after %d attempts", claimed.webhook_id, claimed.attempts)

    async def _give_back(self, claimed: Claimed) -> None:
        now = self.collecting.clock()
        await self._calls.run(
            mark_failed, self.collecting.store, claimed, NoAnswer.BROKE_OFF, now=now, next_at=now
        )  # fmt: skip

    async def _noted(self, noting: Awaitable[None]) -> None:
        """What cannot be noted is sent again once its claim has lapsed: twice rather than never."""
        try:
            await noting
        except PlumblineError as error:
            _log(error)

    def _left_alone(self) -> list[int]:
        """Webhooks that are told nothing now."""
        now = asyncio.get_running_loop().time()
        self._resting = {webhook: end for webhook, end in self._resting.items() if end > now}
        busy = [webhook for webhook, count in Counter(self._under_way.values()).items() if count >= OF_ONE_WEBHOOK]
        return sorted({*busy, *self._resting})

    async def _sweep(self) -> None:
        now = self.collecting.clock()
        if self._swept_at is None or now - self._swept_at >= SWEEP_EVERY:
            self._swept_at = now
            given_up, _ = await self._calls.run(sweep, self.collecting.store, now=now)
            if given_up:
                _LOG.warning("webhooks: %d messages were given up, which waited for %d days", given_up, OLDEST.days)

    async def _pause(self) -> None:
        """Until a message was sent, or it is time to look."""
        self._wake.clear()
        try:
            async with asyncio.timeout(self.poll_seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            _log(task.exception())


def _log(error: BaseException | None) -> None:
    """Our own errors with what to do; of others the kind alone, which quotes nothing."""
    _LOG.warning("webhooks: %s", error if isinstance(error, PlumblineError) else type(error).__name__)


def add_sender(app: FastAPI, collecting: Collecting, make_poster: Callable[[], Posting]) -> None:
    """Sends for as long as the application lives; it ends before the store is closed."""
    served = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(of: FastAPI) -> AsyncIterator[object]:
        """The application's, and a sender within it."""
        async with served(of) as state:
            sender = WebhookSender(collecting, make_poster)
            task = asyncio.ensure_future(sender.run())
            try:
                yield state
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await sender.stop()

    app.router.lifespan_context = lifespan  # type: ignore[assignment] # Starlette's own type has no state
