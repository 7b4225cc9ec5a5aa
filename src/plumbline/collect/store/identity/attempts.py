"""Failed logins, counted in the database, so that all processes count together.

An attempt counts as failed from its beginning until it is known to have gone well: many at once do not get past the count.
With one name few may fail, and all is forgotten after an hour without; from one address, which many people may share, more
may, and one of them is forgotten every minute, whoever logs in there meanwhile.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from plumbline.collect.store.database import Store, insert_into
from plumbline.collect.store.tables import login_attempts

FREE_ATTEMPTS = 5
"""So many may fail in a row with one name before the next has to wait."""
FREE_OF_ADDRESS = 30
"""The same from one address."""
MOST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=1)
"""Failures with a name do not count any more so long after the last."""
ONE_FORGOTTEN_AFTER = timedelta(minutes=1)
"""Of the failures from an address."""
_ADDRESS_BITS = 64
_ADDRESS = "address:"


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
    return _ADDRESS + hashlib.sha256(network.encode("utf-8", errors="surrogatepass")).hexdigest()


def wait_after(failures: int, free: int = FREE_ATTEMPTS) -> timedelta:
    """How long after so many failures the next attempt has to wait: 1 s after those that are free, twice as long after each more."""
    if failures < free:
        return timedelta(0)
    return min(timedelta(seconds=2 ** min(failures - free, 20)), MOST_WAIT)


def begin_attempt(store: Store, keys: Sequence[str], *, now: datetime) -> timedelta:
    """Counts an attempt as failed, for now; how long it has to wait, where it may not be made yet and is not counted.

    Args:
        keys: of `key_of_name` and `key_of_address`.
    """

    def work(connection: Connection) -> timedelta:
        """Within one transaction: the counters held, in one order for all; compared, raised."""
        longest = timedelta(0)
        raised: list[_Counter] = []
        for key in sorted(set(keys)):
            fresh = insert_into(connection, login_attempts).values(key=key, failures=0, last_at=now)
            connection.execute(fresh.on_conflict_do_nothing())
            counted = select(login_attempts.c.failures, login_attempts.c.last_at).where(login_attempts.c.key == key)
            row = connection.execute(counted.with_for_update()).one()
            left = _left(key, row.failures, row.last_at, now)
            longest = max(longest, left.since + wait_after(left.failures, left.free) - now)
            # Of an address, attempts do not put off what is to be forgotten.
            since = left.since if left.free == FREE_OF_ADDRESS else now
            raised.append(_Counter(key, left.failures + 1, since, left.free))
        if longest > timedelta(0):
            return longest
        for counter in raised:
            query = update(login_attempts).where(login_attempts.c.key == counter.key)
            connection.execute(query.values(failures=counter.failures, last_at=counter.since))
        return timedelta(0)

    return store.write(work)


@dataclass(frozen=True, slots=True)
class _Counter:
    """What is left of a counter at a moment: `since` is when the next wait, or what is forgotten, counts from."""

    key: str
    failures: int
    since: datetime
    free: int


def _left(key: str, failures: int, last_at: datetime, now: datetime) -> _Counter:
    if not key.startswith(_ADDRESS):
        is_over = now - last_at > FORGOTTEN_AFTER
        return _Counter(key, 0 if is_over else failures, last_at, FREE_ATTEMPTS)
    forgotten = min(max((now - last_at) // ONE_FORGOTTEN_AFTER, 0), failures)
    left = failures - forgotten
    since = last_at + forgotten * ONE_FORGOTTEN_AFTER if left else now
    return _Counter(key, left, since, FREE_OF_ADDRESS)


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
