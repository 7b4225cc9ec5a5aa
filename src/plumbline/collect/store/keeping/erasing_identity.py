"""What erasing takes of a person's identity: account, arrivals, logins elsewhere, preferences, moods, failed logins, notes.

Of judgements the figures stay; of moods nothing does: they are about the person, and no data are made of them.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, or_, select, update

from plumbline.collect.store.events import EventKind
from plumbline.collect.store.identity.attempts import of_name
from plumbline.collect.store.tables import (
    accounts,
    arrivals,
    events,
    invitations,
    login_attempts,
    moods,
    outside_identities,
    preferences,
)


def erase_identity(connection: Connection, person_id: str, now: datetime) -> int:
    """Within the transaction at hand; how many rows were removed.

    Whoever has been erased cannot be given a password: invitations for them are revoked. Sessions go with the tokens.
    """
    name = connection.execute(select(accounts.c.name_key).where(accounts.c.person_id == person_id)).scalar()
    if name is not None:
        key, with_addresses = of_name(name)
        counted = or_(login_attempts.c.key == key, login_attempts.c.key.startswith(with_addresses, autoescape=True))
        connection.execute(delete(login_attempts).where(counted))
    count = 0
    for table in (accounts, arrivals, outside_identities, preferences, moods):
        count += connection.execute(delete(table).where(table.c.person_id == person_id)).rowcount
    theirs = (invitations.c.person_id == person_id, invitations.c.revoked_at.is_(None))
    connection.execute(update(invitations).where(*theirs).values(revoked_at=now))
    _clear_notes(connection, person_id)
    return count


def _clear_notes(connection: Connection, person_id: str) -> None:
    """Of invitations for the person, and of those that they came by: a note says whom it is for."""
    accepted = select(events.c.payload).where(
        events.c.kind == EventKind.INVITATION_ACCEPTED.value, events.c.person_id == person_id
    )
    numbers = [payload.get("invitation") for payload in connection.execute(accepted).scalars()]
    theirs = or_(invitations.c.person_id == person_id, invitations.c.id.in_(numbers))
    connection.execute(update(invitations).where(theirs, invitations.c.note.is_not(None)).values(note=None))
