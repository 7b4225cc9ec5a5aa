"""What every use is handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from plumbline.collect.service.catalogue import Catalogue
from plumbline.collect.service.identity.passwords import Passwords
from plumbline.collect.service.samplers import SamplerPool
from plumbline.collect.service.wellbeing.known_topics import KnownTopics
from plumbline.collect.store.database import Store
from plumbline.web.bounded_calls import BoundedCalls


def utc_now() -> datetime:
    """The time; tests hand in a clock of their own."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Collecting:
    """An open store and what is needed to collect into it.

    Attributes:
        store: where everything is.
        catalogue: its studies, read once.
        samplers: their sources, opened once.
        calls: threads for the store's blocking calls; all are short.
        long_calls: other threads, for who looks after a study: what they ask for may go through all of it, and no worker
            waits for that.
        checks: one thread more, for whether the database answers: whoever asks that must not wait behind work.
        clock: the time, in UTC.
        passwords: hashes, made in threads of their own.
        topics: those that items bring, remembered.
    """

    store: Store
    catalogue: Catalogue
    samplers: SamplerPool
    calls: BoundedCalls
    long_calls: BoundedCalls
    checks: BoundedCalls
    clock: Callable[[], datetime] = utc_now
    passwords: Passwords = field(default_factory=Passwords)
    topics: KnownTopics = field(default_factory=KnownTopics)

    async def close(self) -> None:
        """Waits for calls under way, closes the sources and the store."""
        await self.samplers.close()
        self.end_calls()
        self.store.close()

    def end_calls(self) -> None:
        """Waits for calls under way."""
        self.calls.close()
        self.long_calls.close()
        self.checks.close()
        self.passwords.close()
