"""What workers wish not to see, and how they say they are. Moods are only ever added; `erase` takes both away.

The log says that there were such acts, never what was wished or felt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Connection, Text, bindparam, func, insert, select, type_coerce
from sqlalchemy.dialects import postgresql, sqlite

from plumbline.collect.store.column_types import JsonValue
from plumbline.collect.store.database import Store
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.people import lock_worker
from plumbline.collect.store.studies import study_in
from plumbline.collect.store.tables import moods, preferences

# Statements are made once: building one takes longer than running it.
_STUDY, _PERSON = bindparam("study_id", type_=BigInteger), bindparam("person_id", type_=Text)
_PREFERENCES = select(preferences.c.payload).where(preferences.c.person_id == _PERSON, preferences.c.study_id == _STUDY)
_LAST_MOOD = select(func.max(moods.c.finished)).where(moods.c.person_id == _PERSON, moods.c.study_id == _STUDY)
# Plain columns: a thousand objects of dates and dictionaries cost more than a thousand rows.
_MOODS = (
    select(moods.c.person_id, type_coerce(moods.c.payload, Text), type_coerce(moods.c.created_at, BigInteger))
    .where(moods.c.study_id == _STUDY)
    .where(
        moods.c.created_at >= bindparam("since", type_=moods.c.created_at.type),
        moods.c.created_at < bindparam("until", type_=moods.c.created_at.type),
    )
    .order_by(moods.c.id)
)
_SAVE = {
    name: into.on_conflict_do_update(
        index_elements=["person_id", "study_id"],
        set_={"payload": into.excluded.payload, "updated_at": into.excluded.updated_at},
    )
    for name, into in (("sqlite", sqlite.insert(preferences)), ("postgresql", postgresql.insert(preferences)))
}


@dataclass(frozen=True, slots=True)
class MoodColumns:
    """Surveys that were answered or declined, one a place, in their order.

    Attributes:
        people: who was asked; tells one person's from another's, and goes no further.
        payloads: JSON: the feelings, or that the survey was declined.
        moments: microseconds since 1970, UTC.
    """

    people: tuple[str, ...] = ()
    payloads: tuple[str, ...] = ()
    moments: tuple[int, ...] = ()


def read_opted_out(store: Store, study_id: int, person_id: str) -> tuple[str, ...]:
    """The topics that somebody does not want to see in a study."""
    row = store.row(_PREFERENCES, {"study_id": study_id, "person_id": person_id})
    return () if row is None else tuple(row.payload["opted_out"])


def save_opted_out(store: Store, study_id: int, person_id: str, opted_out: Sequence[str], *, now: datetime) -> None:
    """In the place of what was said before.

    Raises:
        NotFoundError: no such study. NotAllowedError: PL-COL-031.
    """

    def work(connection: Connection) -> None:
        """Within one transaction: the wish stored, and that there is one logged."""
        lock_worker(connection, person_id)
        study_in(connection, study_id)
        values = {"person_id": person_id, "study_id": study_id, "updated_at": now}
        connection.execute(_SAVE[connection.dialect.name], {**values, "payload": {"opted_out": list(opted_out)}})
        add_event(connection, EventKind.PREFERENCES_SET, now, study_id=study_id, person_id=person_id)

    store.write(work)


def last_mood_at(store: Store, study_id: int, person_id: str) -> int:
    """How many items somebody had finished when they were last asked how they feel; 0 where they never were."""
    row = store.row(_LAST_MOOD, {"study_id": study_id, "person_id": person_id})
    return 0 if row is None or row[0] is None else int(row[0])


def add_mood(
    store: Store, study_id: int, person_id: str, payload: Mapping[str, JsonValue], finished: int, *, now: datetime
) -> bool:
    """Stores a survey; one at each count of finished items, so that a repeated request stores nothing more.

    Args:
        payload: the feelings, or that the survey was declined.
        finished: items that the person had finished in the study.
    Returns:
        False where one of this count, or a later one, stands there.
    Raises:
        NotFoundError: no such study. NotAllowedError: PL-COL-031.
    """

    def work(connection: Connection) -> bool:
        """Within one transaction, which holds the lock of the worker: two requests at once store one."""
        lock_worker(connection, person_id)
        study_in(connection, study_id)
        both = {"study_id": study_id, "person_id": person_id}
        last = connection.execute(_LAST_MOOD, both).scalar_one()
        if last is not None and last >= finished:
            return False
        values = {**both, "payload": dict(payload), "finished": finished, "created_at": now}
        connection.execute(insert(moods), values)
        add_event(connection, EventKind.MOOD_TOLD, now, **both, payload={"finished": finished})
        return True

    return store.write(work)


def read_moods(store: Store, study_id: int, *, since: datetime, until: datetime) -> MoodColumns:
    """The surveys of a study from `since` on, before `until`, oldest first."""
    rows = store.rows(_MOODS, {"study_id": study_id, "since": since, "until": until})
    return MoodColumns(*(tuple([row[at] for row in rows]) for at in range(3)))
