"""What erasing takes of a person's identity: account, arrivals, preferences, moods, failed logins.

Of judgements the figures stay; of moods nothing does: they are about the person, and no data are made of them.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from plumbline.collect.store.identity.attempts import key_of_name
from plumbline.collect.store.tables import accounts, arrivals, invitations, login_attempts, moods, preferences


def erase_identity(connection: Connection, person_id: str, now: datetime) -> int:
    """Within the transaction at hand; how many rows were removed.

    Whoever has been erased cannot be given a password: invitations for them are revoked. Sessions go with the tokens.
    """
    name = connection.execute(select(accounts.c.name_key).where(accounts.c.person_id == person_id)).scalar()
    if name is not None:
        connection.execute(delete(login_attempts).where(login_attempts.c.key == key_of_name(name)))
    count = 0
    for table in (accounts, arrivals, preferences, moods):
        count += connection.execute(delete(table).where(table.c.person_id == person_id)).rowcount
    theirs = (invitations.c.person_id == person_id, invitations.c.revoked_at.is_(None))
    connection.execute(update(invitations).where(*theirs).values(revoked_at=now))
    return count
