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
        with self._lock:  # who comes while the items are gone through waits for that instead of doing it once more
            newest, known = self._found.get(study_id, (0, frozenset[str]()))
            newest, more = topics_entered(store, study_id, newest)
            self._found[study_id] = newest, known | more
            return known | more

    def known_among(self, store: Store, study_id: int, topics: frozenset[str]) -> frozenset[str]:
        """Those of `topics` that the study's items bring; asks the store only where some were not known before."""
        known = self._found.get(study_id, (0, frozenset[str]()))[1]
        return topics if topics <= known else topics & self.of_study(store, study_id)
