"""How workers stand to a study: consent, the training set, and how much they have submitted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, exists, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from plumbline.collect.store import row_maps
from plumbline.collect.store.column_types import JsonValue
from plumbline.collect.store.database import Store, insert_into
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.people import lock_worker
from plumbline.collect.store.rows import Participation, Purpose, Qualification
from plumbline.collect.store.studies import study_in
from plumbline.collect.store.tables import assignments, participation, tallies

# Statements are made once: building one takes longer than running it.
_COUNT = {
    name: into.on_conflict_do_update(
        index_elements=["study_id", "worker_id", "purpose"], set_={"submitted": tallies.c.submitted + 1}
    )
    for name, into in (("sqlite", sqlite.insert(tallies)), ("postgresql", postgresql.insert(tallies)))
}


def read_participation(store: Store, study_id: int, worker_id: str) -> Participation:
    """How the worker stands to the study; pending and without consent where nothing was stored yet."""
    query = select(*row_maps.PARTICIPATION.columns).where(
        participation.c.study_id == study_id, participation.c.worker_id == worker_id
    )
    row = store.row(query)
    if row is None:
        return Participation(worker_id, study_id, None, Qualification.PENDING)
    return row_maps.PARTICIPATION.of(row)


def takes_part(store: Store, study_id: int, worker_id: str) -> bool:
    """Whether somebody has consented to a study, answered its training, or had an item of it in hand."""
    begun = exists().where(participation.c.study_id == study_id, participation.c.worker_id == worker_id)
    given = exists().where(assignments.c.study_id == study_id, assignments.c.worker_id == worker_id)
    query: Select[Any] = select(or_(begun, given).label("takes_part"))
    return bool(store.rows(query)[0].takes_part)


def set_qualification(
    store: Store, study_id: int, worker_id: str, qualification: Qualification, *, now: datetime
) -> None:
    """What came of the training set."""
    values = {"qualification": qualification.value}
    store.write(lambda connection: _record(connection, study_id, worker_id, now, values))


def submitted_counts(store: Store, study_id: int, worker_id: str) -> dict[Purpose, int]:
    """How many assignments of each purpose the worker has finished; purposes without any are left out."""
    query = select(tallies.c.purpose, tallies.c.submitted).where(
        tallies.c.study_id == study_id, tallies.c.worker_id == worker_id
    )
    return {Purpose(row.purpose): row.submitted for row in store.rows(query)}


def count_submitted(connection: Connection, study_id: int, worker_id: str, purpose: Purpose) -> None:
    """One more finished assignment."""
    values = {"study_id": study_id, "worker_id": worker_id, "purpose": purpose.value, "submitted": 1}
    connection.execute(_COUNT[connection.dialect.name], values)


def record_consent(connection: Connection, study_id: int, worker_id: str, *, now: datetime) -> None:
    """The worker has read the warning and agrees to take part; a later consent takes the place of an earlier."""
    _record(connection, study_id, worker_id, now, {"consented_at": now})


def _record(connection: Connection, study_id: int, worker_id: str, now: datetime, values: dict[str, JsonValue]) -> None:
    lock_worker(connection, worker_id)
    study_in(connection, study_id)
    keys = {"worker_id": worker_id, "study_id": study_id}
    first = {"consented_at": None, "qualification": Qualification.PENDING.value} | values
    query = insert_into(connection, participation).values(**keys, **first)
    connection.execute(query.on_conflict_do_update(index_elements=list(keys), set_=values))
    consented = "consented_at" in values
    kind = EventKind.CONSENTED if consented else EventKind.QUALIFICATION
    payload = {} if consented else values
    add_event(connection, kind, now, study_id=study_id, person_id=worker_id, payload=payload)
