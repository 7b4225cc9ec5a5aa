"""The topics that a study's items bring: read once, then only of items that were entered since."""

from __future__ import annotations

import threading

from plumbline.collect.store.database import Store
from plumbline.collect.store.standing import topics_entered


class KnownTopics:
    """By study; safe to share between threads. A topic whose items a restore took away stays known, which harms nobody."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[int, tuple[int, frozenset[str]]] = {}

    def of_study(self, store: Store, study_id: int) -> frozenset[str]:
        """All of them; the first call in a process goes through the study's items, later ones ask for newer ones alone."""
        newest, known = self._found.get(study_id, (0, frozenset()))
        newest, more = topics_entered(store, study_id, newest)
        with self._lock:
            before = self._found.get(study_id, (0, frozenset()))
            self._found[study_id] = max(newest, before[0]), known | more | before[1]
            return self._found[study_id][1]

    def known_among(self, store: Store, study_id: int, topics: frozenset[str]) -> frozenset[str]:
        """Those of `topics` that the study's items bring; asks the store only where some were not known before."""
        known = self._found.get(study_id, (0, frozenset[str]()))[1]
        return topics if topics <= known else topics & self.of_study(store, study_id)
