"""Tokens that somebody makes for somebody else: whoever reads such a token can act as whom it is for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, exists, select

from plumbline.collect.store.database import Store
from plumbline.collect.store.people import issue_token_in, unerased
from plumbline.collect.store.tables import accounts, arrivals, outside_identities


def hand_token(store: Store, person_id: str, *, by: str, now: datetime, expires_at: datetime) -> str | None:
    """A new token of somebody for `by`, who hands it on; None where they come in by a way of their own.

    Looked at with the person held: who sets a password meanwhile ends the token, or was seen to have one.

    Raises:
        NotFoundError: no such person. NotAllowedError: PL-COL-031, they were erased.
    """

    def work(connection: Connection) -> str | None:
        """Within one transaction: the token's digest stored, with who made it."""
        unerased(connection, person_id)
        if person_id != by and _comes_in_alone(connection, person_id):
            return None
        return issue_token_in(connection, person_id, now, expires_at, by=by)

    return store.write(work)


def _comes_in_alone(connection: Connection, person_id: str) -> bool:
    ways = [
        exists().where(table.c.person_id == person_id).label(table.name)
        for table in (accounts, outside_identities, arrivals)
    ]
    return any(connection.execute(select(*ways)).one())
