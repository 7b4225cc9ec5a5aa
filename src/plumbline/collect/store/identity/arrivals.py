"""People who come from elsewhere, such as Prolific: the same participant in the same study is the same person again.

Who they are there, and the number of their visit, are written here and read for that comparison alone: no function gives
them back, and the log does not have them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Connection, Text, bindparam, select, update

from plumbline.collect.store import row_maps
from plumbline.collect.store.database import Store, insert_into
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.people import add_person_in
from plumbline.collect.store.rows import Person, Role
from plumbline.collect.store.studies import study_in
from plumbline.collect.store.tables import arrivals, people

MTURK = "mturk"
"""The provider of a worker there; their visit is the assignment that they came for last."""
HIT = "mturk-hit"
"""The provider of an assignment there: a row of its own for each, whose `external_id` is its number; see `hit_visits`."""

# Statements are made once: building one takes longer than running it.
_OF_PERSON = select(arrivals.c.id, arrivals.c.provider, arrivals.c.completed_at).where(
    arrivals.c.person_id == bindparam("person_id", type_=Text),
    arrivals.c.study_id == bindparam("study_id", type_=BigInteger),
    arrivals.c.provider != HIT,
)


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody as a provider of participants names them.

    Attributes:
        provider: ``prolific`` or ``mturk``.
        external_id: their id there.
        visit: the number of this visit there.
    """

    provider: str
    external_id: str
    visit: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """That somebody came from elsewhere; `completed_at` once their visit is complete."""

    id: int
    provider: str
    completed_at: datetime | None


def find_arrived(store: Store, study_id: int, participant: Participant) -> Person | None:
    """The person that a participant has been in a study before; their visit is this one from now on."""
    return store.write(lambda connection: known_in(connection, study_id, participant))


def add_arrival(store: Store, study_id: int, participant: Participant, *, now: datetime) -> Person:
    """A worker of this study alone for a participant; the person they are, where another request was faster.

    Raises:
        NotFoundError: PL-COL-010, no such study.
    """

    def work(connection: Connection) -> Person | None:
        """Within one transaction; None where the person of another request went while this one waited for it."""
        return add_arrival_in(connection, study_id, participant, now) or known_in(connection, study_id, participant)

    person = store.write(work)
    while person is None:
        person = store.write(work)
    return person


def add_arrival_in(connection: Connection, study_id: int, participant: Participant, now: datetime) -> Person | None:
    """See `add_arrival`; within the transaction at hand. None where another request was faster.

    Raises:
        NotFoundError: PL-COL-010, no such study.
    """
    study_in(connection, study_id)
    savepoint = connection.begin_nested()
    person = add_person_in(connection, Role.WORKER, now, study_id)
    values = {"provider": participant.provider, "external_id": participant.external_id, "visit": participant.visit}
    query = insert_into(connection, arrivals).values(**values, study_id=study_id, person_id=person.id, created_at=now)
    if connection.execute(query.on_conflict_do_nothing().returning(arrivals.c.id)).one_or_none() is None:
        savepoint.rollback()
        return None
    savepoint.commit()
    payload = {"provider": participant.provider}
    add_event(connection, EventKind.ARRIVED, now, study_id=study_id, person_id=person.id, payload=payload)
    return person


def find_arrival(store: Store, study_id: int, person_id: str) -> Arrival | None:
    """How somebody came to a study; None where they did not come from elsewhere."""
    row = store.row(_OF_PERSON, {"study_id": study_id, "person_id": person_id})
    return None if row is None else Arrival(*row)


def complete_arrival(store: Store, arrival_id: int, *, now: datetime) -> bool:
    """Marks a visit as complete; False where it was before, and the moment of then stays."""

    return store.write(lambda connection: complete_arrival_in(connection, arrival_id, now))


def complete_arrival_in(connection: Connection, arrival_id: int, now: datetime) -> bool:
    """See `complete_arrival`; within the transaction at hand."""
    query = update(arrivals).where(arrivals.c.id == arrival_id, arrivals.c.completed_at.is_(None))
    changed = query.values(completed_at=now).returning(arrivals.c.person_id, arrivals.c.study_id)
    row = connection.execute(changed).one_or_none()
    if row is None:
        return False
    add_event(connection, EventKind.VISIT_COMPLETED, now, study_id=row.study_id, person_id=row.person_id)
    return True


def known_in(connection: Connection, study_id: int, participant: Participant) -> Person | None:
    """See `find_arrived`; within the transaction at hand."""
    query = select(arrivals.c.id, arrivals.c.visit, *row_maps.PERSON.labelled("person_"))
    query = query.join(people, people.c.id == arrivals.c.person_id)
    query = query.where(arrivals.c.provider == participant.provider, arrivals.c.study_id == study_id)
    row = connection.execute(query.where(arrivals.c.external_id == participant.external_id)).one_or_none()
    if row is None:
        return None
    if row.visit != participant.visit:
        connection.execute(update(arrivals).where(arrivals.c.id == row.id).values(visit=participant.visit))
    return row_maps.PERSON.of(row, "person_")
