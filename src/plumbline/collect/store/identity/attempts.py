"""Failed logins, counted in the database, so that all processes count together.

An attempt counts as failed from its beginning until it is known to have gone well: many at once do not get past the count.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from plumbline.collect.store.database import Store, insert_into
from plumbline.collect.store.tables import login_attempts

FREE_ATTEMPTS = 5
"""So many may fail in a row before the next has to wait."""
MOST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=1)
"""Failures of before the last so long do not count any more: many people may share an address."""
_ADDRESS_BITS = 64


def key_of_name(name_key: str) -> str:
    """Under which attempts with a name are counted; the name itself is not stored there."""
    return "name:" + hashlib.sha256(name_key.encode("utf-8", errors="surrogatepass")).hexdigest()


def key_of_address(address: str) -> str:
    """Under which attempts from an address are counted; of IPv6, the network of 64 bits that one line has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        network = address
    else:
        mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
        bits = 32 if mapped is not None or parsed.version == 4 else _ADDRESS_BITS
        network = str(ipaddress.ip_network((mapped or parsed, bits), strict=False))
    return "address:" + hashlib.sha256(network.encode("utf-8", errors="surrogatepass")).hexdigest()


def wait_after(failures: int) -> timedelta:
    """How long after so many failures in a row the next attempt has to wait: 1 s after five, twice as long after each more."""
    if failures < FREE_ATTEMPTS:
        return timedelta(0)
    exponent = min(failures - FREE_ATTEMPTS, 20)
    return min(timedelta(seconds=2**exponent), MOST_WAIT)


def begin_attempt(store: Store, keys: Sequence[str], *, now: datetime) -> timedelta:
    """Counts an attempt as failed, for now; how long it has to wait, where it may not be made yet and is not counted.

    Args:
        keys: of `key_of_name` and `key_of_address`.
    """

    def work(connection: Connection) -> timedelta:
        """Within one transaction: the counters held, in one order for all; compared, raised."""
        longest = timedelta(0)
        counts = {}
        for key in sorted(set(keys)):
            fresh = insert_into(connection, login_attempts).values(key=key, failures=0, last_at=now)
            connection.execute(fresh.on_conflict_do_nothing())
            query = select(login_attempts.c.failures, login_attempts.c.last_at).where(login_attempts.c.key == key)
            row = connection.execute(query.with_for_update()).one()
            failures = 0 if now - row.last_at > FORGOTTEN_AFTER else row.failures
            counts[key] = failures + 1
            longest = max(longest, row.last_at + wait_after(failures) - now)
        if longest > timedelta(0):
            return longest
        for key, failures in counts.items():
            raised = update(login_attempts).where(login_attempts.c.key == key)
            connection.execute(raised.values(failures=failures, last_at=now))
        return timedelta(0)

    return store.write(work)


def attempt_succeeded(store: Store, name_key: str | None, address_key: str | None, *, now: datetime) -> None:
    """Forgets the failures with the name; of the address takes this attempt alone back, others there may be guessing."""

    def work(connection: Connection) -> None:
        """Within one transaction: both counters, and those that nobody needs any more."""
        if address_key is not None:
            one = update(login_attempts).where(login_attempts.c.key == address_key, login_attempts.c.failures > 0)
            connection.execute(one.values(failures=login_attempts.c.failures - 1))
        if name_key is not None:
            connection.execute(delete(login_attempts).where(login_attempts.c.key == name_key))
        connection.execute(delete(login_attempts).where(login_attempts.c.last_at < now - 24 * FORGOTTEN_AFTER))

    store.write(work)
