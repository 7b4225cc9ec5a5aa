"""What left the store, in its log: erasing somebody finds by it which exports hold their work."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from plumbline.collect.store.column_types import JsonValue
from plumbline.collect.store.database import Store
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.tables import people

_ERASED = select(people.c.id).where(people.c.erased_at.is_not(None))
# On Postgres the lock waits for an erasure under way, and an erasure for it.
_ERASED_AND_HELD = _ERASED.with_for_update(read=True)


def count_erased(store: Store) -> int:
    """How many people were erased so far."""
    return store.read(lambda connection: len(connection.execute(_ERASED).all()))


def log_exported(
    store: Store, study_id: int, payload: JsonValue, *, erased_before: int, now: datetime, by: str | None = None
) -> bool:
    """Logs an export that is whole; False, and nothing is logged, where somebody was erased while it was made.

    Such an export may hold their words, and whoever erased them was not told of it: it was in no log yet.

    Args:
        erased_before: `count_erased` before the first work was read.
        by: who asked for it.
    """

    def work(connection: Connection) -> bool:
        """Within one transaction that no erasure runs beside."""
        if len(connection.execute(_ERASED_AND_HELD).all()) != erased_before:
            return False
        add_event(connection, EventKind.EXPORTED, now, study_id=study_id, person_id=by, payload=payload)
        return True

    return store.write(work)
