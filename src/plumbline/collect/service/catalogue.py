"""Studies by name. Name, kind and settings of a study never change, so each is read and parsed once.

A restore may take a study away, and another of its name may come; that one has another number.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from hashlib import sha256

from plumbline.collect.store.database import Store
from plumbline.collect.store.rows import Study
from plumbline.collect.store.studies import find_study, newest_version, read_study, study_numbers
from plumbline.collect.study_file import parse_study_file
from plumbline.collect.study_settings import StudyFile

_MOST = 1000


@dataclass(frozen=True, slots=True)
class KnownStudy:
    """A study's number and its settings; its state is not here, it changes.

    The `seed` of the settings is mixed with the study's secret: the file, and so the seed in it, is no secret, and what is
    shown where follows from the seed and numbers that workers see.
    """

    id: int
    settings: StudyFile


def mixed_seed(seed: int, secret: str | None) -> int:
    """What a study draws with: the first 63 bits of SHA-256 over its file's seed and its secret.

    Args:
        seed: of the file.
        secret: None in a study of before there were any: it goes on with the seed as it is.
    """
    if secret is None:
        return seed
    return int.from_bytes(sha256(f"{seed}:{secret}".encode()).digest()[:8], "big") >> 1


class Catalogue:
    """The studies of a store; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._by_name: dict[str, KnownStudy] = {}
        self._by_id: dict[int, KnownStudy] = {}
        self._versions: dict[int, int] = {}

    def named(self, name: str) -> KnownStudy:
        """The study of this name.

        Raises:
            NotFoundError: PL-COL-010.
        """
        return self._by_name.get(name) or self._keep(find_study(self._store, name))

    def of_id(self, study_id: int) -> KnownStudy:
        """The study of this number.

        Raises:
            NotFoundError: PL-COL-010.
        """
        return self._by_id.get(study_id) or self._keep(read_study(self._store, study_id))

    def forget_gone(self) -> bool:
        """Forgets studies that are not in the store any more; whether there were any."""
        known = study_numbers(self._store)
        with self._lock:
            gone = self._by_id.keys() - known
            self._by_id = {number: study for number, study in self._by_id.items() if number in known}
            self._by_name = {name: study for name, study in self._by_name.items() if study.id in known}
        return bool(gone)

    def has_version(self, study_id: int, version: int) -> bool:
        """Whether the study's guidelines have this version; versions count from 1 and none ever goes."""
        if 1 <= version <= self._versions.get(study_id, 0):
            return True
        newest = newest_version(self._store, study_id)
        with self._lock:
            self._versions[study_id] = max(newest, self._versions.get(study_id, 0))
        return 1 <= version <= newest

    def _keep(self, row: Study) -> KnownStudy:
        settings = parse_study_file(row.file, f"{row.name}.toml")
        known = KnownStudy(row.id, settings.model_copy(update={"seed": mixed_seed(settings.seed, row.secret)}))
        with self._lock:
            if len(self._by_name) >= _MOST:
                self._by_name.clear()
                self._by_id.clear()
            self._by_name[row.name] = known
            self._by_id[row.id] = known
        return known
