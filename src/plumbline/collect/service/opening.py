"""Everything that collecting needs, from an open store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pydantic import JsonValue

from plumbline.collect.service.catalogue import Catalogue, KnownStudy
from plumbline.collect.service.collecting import Collecting, utc_now
from plumbline.collect.service.samplers import OpenedSamplers, ScorerOpener, SourceRules
from plumbline.collect.store.database import Store
from plumbline.collect.store.events import log_event
from plumbline.collect.store.overview import has_event
from plumbline.web.bounded_calls import BoundedCalls

SOURCES_OPENED = "sources_opened"
"""The event of sources that were opened, with the terms of their replies."""
STUDY_STARTED = "study_started"
"""The event of a study that was started from a folder: its paths start there, and nowhere else."""

# Of either kind of calls. More of them wait for one another (the interpreter's lock) longer than for the database.
_THREADS = 4


def open_collecting(
    store: Store,
    rules: SourceRules,
    *,
    open_scorer: ScorerOpener | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Collecting:
    """What every use is handed.

    Args:
        store: open; closed with what is returned.
        rules: what study files may name on this server.
        open_scorer: from a model's folder to a scorer; None where no study has best-of-k.
        clock: the time, in UTC.
    """

    def opened(study: KnownStudy, sources: list[JsonValue]) -> None:
        """Log on what terms a study's sources give replies."""
        # What may be done with the replies of a corpus holds for what is collected with them too.
        log_event(store, SOURCES_OPENED, now=clock(), study_id=study.id, payload={"sources": sources})

    def has_folder(study: KnownStudy) -> bool:
        """Whether the study was started from a folder."""
        return has_event(store, study.id, STUDY_STARTED)

    samplers = OpenedSamplers(rules, open_scorer, opened, has_folder)
    return Collecting(
        store, Catalogue(store), samplers, BoundedCalls(_THREADS), BoundedCalls(_THREADS), BoundedCalls(1), clock
    )
