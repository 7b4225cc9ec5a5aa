"""Who somebody is in another house's log-in: an issuer, and their subject there.

A subject is written here and read for one comparison alone: no function gives it back, and the log does not have it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select

from plumbline.collect.store import row_maps
from plumbline.collect.store.database import Store, insert_into
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.failures import ConflictError
from plumbline.collect.store.people import add_person_in, is_session_in, lock_worker, unerased
from plumbline.collect.store.rows import Person, Role
from plumbline.collect.store.studies import study_in
from plumbline.collect.store.tables import accounts, outside_identities, people

# Made once: building a statement takes longer than running it.
_KNOWN = (
    select(*row_maps.PERSON.columns)
    .join(outside_identities, outside_identities.c.person_id == people.c.id)
    .where(outside_identities.c.issuer == bindparam("issuer"))
    .where(outside_identities.c.subject == bindparam("subject"), people.c.erased_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class OutsideIdentity:
    """Somebody as another house's log-in names them.

    Attributes:
        issuer: the house, by its address.
        subject: who they are there; the same for good, and nobody else's.
    """

    issuer: str
    subject: str = field(repr=False)


def find_outside(store: Store, identity: OutsideIdentity) -> Person | None:
    """Whose identity it is, blocked or not; None where it is nobody's."""
    row = store.row(_KNOWN, {"issuer": identity.issuer, "subject": identity.subject})
    return None if row is None else row_maps.PERSON.of(row)


def has_outside(store: Store, person_id: str, issuer: str) -> bool:
    """Whether somebody can log in by this issuer."""
    query = select(outside_identities.c.id).where(outside_identities.c.person_id == person_id)
    return store.row(query.where(outside_identities.c.issuer == issuer).limit(1)) is not None


def has_owner_outside(store: Store, issuer: str) -> bool:
    """Whether an owner can log in by this issuer."""
    query = select(outside_identities.c.id).join(people, people.c.id == outside_identities.c.person_id)
    query = query.where(outside_identities.c.issuer == issuer, people.c.role == Role.OWNER.value)
    return store.row(query.where(people.c.erased_at.is_(None), people.c.blocked_at.is_(None)).limit(1)) is not None


def connect_outside(
    store: Store, person_id: str, identity: OutsideIdentity, *, now: datetime, session: str | None = None
) -> bool:
    """Lets somebody log in by an identity, in the place of another one that they have of the same issuer.

    Args:
        session: the token of the one in which they ask for it; False where it has ended.
    Raises:
        ConflictError: PL-COL-037, it is somebody else's. NotAllowedError: PL-COL-031, they were blocked or erased.
    """

    def work(connection: Connection) -> bool:
        """Within one transaction: whose it is, held, so that nothing ends their sessions in between."""
        lock_worker(connection, person_id)
        if session is not None and not is_session_in(connection, person_id, session, now):
            return False
        put_outside_in(connection, person_id, identity, now)
        return True

    return store.write(work)


def disconnect_outside(store: Store, person_id: str, issuer: str, *, now: datetime) -> bool | None:
    """Ends that somebody can log in by an issuer; False where they could not, None where it is their only way in."""

    def work(connection: Connection) -> bool | None:
        """Within one transaction: the identity removed, logged."""
        unerased(connection, person_id)
        theirs = (outside_identities.c.person_id == person_id, outside_identities.c.issuer == issuer)
        if connection.execute(select(outside_identities.c.id).where(*theirs)).first() is None:
            return False
        if connection.execute(select(accounts.c.person_id).where(accounts.c.person_id == person_id)).first() is None:
            return None
        connection.execute(delete(outside_identities).where(*theirs))
        add_event(connection, EventKind.OUTSIDE_DISCONNECTED, now, person_id=person_id)
        return True

    return store.write(work)


def outside_stands_in(connection: Connection, person_id: str, identity: OutsideIdentity) -> bool:
    """Whether an identity is somebody's still; within a transaction that holds them."""
    row = connection.execute(_KNOWN, {"issuer": identity.issuer, "subject": identity.subject}).one_or_none()
    return row is not None and row.id == person_id


def has_any_outside_in(connection: Connection, person_id: str) -> bool:
    """Whether somebody has an identity elsewhere, of whichever issuer; within the transaction at hand."""
    theirs = select(outside_identities.c.id).where(outside_identities.c.person_id == person_id)
    return connection.execute(theirs.limit(1)).first() is not None


def disconnect_all_in(connection: Connection, person_id: str, now: datetime) -> int:
    """Ends that somebody can log in by any issuer, logged; how many there were. Within the transaction at hand."""
    count = connection.execute(delete(outside_identities).where(outside_identities.c.person_id == person_id)).rowcount
    if count:
        add_event(connection, EventKind.OUTSIDE_DISCONNECTED, now, person_id=person_id)
    return count


def add_worker_outside(store: Store, study_id: int, identity: OutsideIdentity, *, now: datetime) -> Person:
    """A worker of this study alone for an identity; the person whose it is, where another request was faster.

    Raises:
        NotFoundError: PL-COL-010, no such study.
    """

    def work(connection: Connection) -> Person | None:
        """Within one transaction; None where the person of another request went while this one waited for it."""
        study_in(connection, study_id)
        savepoint = connection.begin_nested()
        person = add_person_in(connection, Role.WORKER, now, study_id)
        if not _put(connection, person.id, identity, now):
            savepoint.rollback()
            row = connection.execute(_KNOWN, {"issuer": identity.issuer, "subject": identity.subject}).one_or_none()
            return None if row is None else row_maps.PERSON.of(row)
        savepoint.commit()
        return person

    person = store.write(work)
    while person is None:
        person = store.write(work)
    return person


def put_outside_in(connection: Connection, person_id: str, identity: OutsideIdentity, now: datetime) -> None:
    """See `connect_outside`; within the transaction at hand, for somebody who is there and held.

    Raises:
        ConflictError: PL-COL-037.
    """
    theirs = (outside_identities.c.person_id == person_id, outside_identities.c.issuer == identity.issuer)
    connection.execute(delete(outside_identities).where(*theirs))
    if not _put(connection, person_id, identity, now):
        raise ConflictError(
            "PL-COL-037",
            "log-in",
            "somebody here has it already, perhaps you yourself",
            expected="one that nobody here has",
            advice="log in with it; where it should be another person's, they disconnect it on their account's page first",
        )


def _put(connection: Connection, person_id: str, identity: OutsideIdentity, now: datetime) -> bool:
    values = {"issuer": identity.issuer, "subject": identity.subject, "person_id": person_id, "created_at": now}
    query = insert_into(connection, outside_identities).values(**values).on_conflict_do_nothing()
    if connection.execute(query.returning(outside_identities.c.id)).one_or_none() is None:
        return False
    add_event(connection, EventKind.OUTSIDE_CONNECTED, now, person_id=person_id)
    return True
