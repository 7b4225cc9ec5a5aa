"""How people feel, remembered for a minute: it is told by day, and reading a hundred thousand surveys takes half a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.wellbeing.mood_summary import MoodDay, mood_summary

FRESH_SECONDS = 60.0
_MOST = 100
"""Studies remembered at once."""


@dataclass
class _Held:
    lock: threading.Lock = field(default_factory=threading.Lock)
    read: float | None = None
    days: Sequence[MoodDay] = ()


class RememberedMoods:
    """Of each study, as it was at most a minute ago; while one thread reads, others get what is there."""

    def __init__(self, fresh_seconds: float = FRESH_SECONDS) -> None:
        """None yet.

        Args:
            fresh_seconds: how old what is told may be.
        """
        self._fresh_seconds = fresh_seconds
        self._lock = threading.Lock()
        self._held: dict[int, _Held] = {}

    def of(self, collecting: Collecting, study: str) -> Sequence[MoodDay]:
        """The days of a study; only the very first reading is waited for.

        Raises:
            NotFoundError: PL-COL-010.
        """
        number = collecting.catalogue.named(study).id
        with self._lock:
            if number not in self._held and len(self._held) >= _MOST:
                self._held.clear()
            held = self._held.setdefault(number, _Held())
        is_first = held.read is None
        if (is_first or self._is_old(held)) and held.lock.acquire(blocking=is_first):
            try:
                if self._is_old(held):
                    held.days = mood_summary(collecting, study)
                    held.read = time.monotonic()
            finally:
                held.lock.release()
        return held.days

    def _is_old(self, held: _Held) -> bool:
        return held.read is None or time.monotonic() - held.read > self._fresh_seconds
