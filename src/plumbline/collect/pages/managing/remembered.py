"""What takes a second to read and changes little, remembered for a minute: of each study, in each server process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from plumbline.collect.service.collecting import Collecting

T = TypeVar("T")

FRESH_SECONDS = 60.0
_MOST = 100
"""Studies remembered at once."""


@dataclass
class _Reading(Generic[T]):
    lock: threading.Lock = field(default_factory=threading.Lock)
    at: float | None = None
    found: list[T] = field(default_factory=list)


class Remembered(Generic[T]):
    """Of each study, as it was at most a minute ago; while one thread reads, others get what is there."""

    def __init__(self, read: Callable[[Collecting, str], T], fresh_seconds: float = FRESH_SECONDS) -> None:
        """Nothing yet.

        Args:
            read: of a study, by name.
            fresh_seconds: how old what is told may be.
        """
        self._read = read
        self._fresh_seconds = fresh_seconds
        self._lock = threading.Lock()
        self._readings: dict[int, _Reading[T]] = {}

    def of(self, collecting: Collecting, study: str) -> T:
        """What was read of a study; only the very first reading is waited for.

        Raises:
            NotFoundError: PL-COL-010.
        """
        number = collecting.catalogue.named(study).id
        with self._lock:
            if number not in self._readings and len(self._readings) >= _MOST:
                self._readings.clear()
            reading = self._readings.setdefault(number, _Reading())
        is_first = reading.at is None
        if (is_first or self._is_old(reading)) and reading.lock.acquire(blocking=is_first):
            try:
                if self._is_old(reading):
                    reading.found = [self._read(collecting, study)]
                    reading.at = time.monotonic()
            finally:
                reading.lock.release()
        return reading.found[0]

    def _is_old(self, reading: _Reading[T]) -> bool:
        return reading.at is None or time.monotonic() - reading.at > self._fresh_seconds
