"""Log-ins that went to another house and are awaited: each is good once, for a while, whichever process it comes back to.

They stand beside the failed ones, by the digest of what the browser keeps: the same rows for all processes, in no backup.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert

from plumbline.collect.store.database import Store
from plumbline.collect.store.people import digest
from plumbline.collect.store.tables import login_attempts

MOST_WAIT = timedelta(minutes=10)
_BEGUN = "begun:"


def begin_login(store: Store, kept: str, *, now: datetime) -> None:
    """Awaits what the browser keeps; one in sixteen, by chance, removes those that nobody came back with.

    Looking for them takes longer the more there are, and whoever asks need not have logged in: not each request pays for it.
    """
    key = _BEGUN + digest(kept)

    def work(connection: Connection) -> None:
        """Within one transaction: the old away, the new one there."""
        if key.endswith("0"):
            over = login_attempts.c.key.startswith(_BEGUN, autoescape=True)
            over &= login_attempts.c.last_at < now - MOST_WAIT
            connection.execute(delete(login_attempts).where(over))
        connection.execute(insert(login_attempts).values(key=key, failures=0, last_at=now))

    store.write(work)


def take_login(store: Store, kept: str, *, now: datetime) -> bool:
    """Whether it is awaited still; never twice."""
    query = delete(login_attempts).where(login_attempts.c.key == _BEGUN + digest(kept))
    query = query.where(login_attempts.c.last_at >= now - MOST_WAIT)
    return store.write(lambda connection: connection.execute(query).rowcount) == 1
