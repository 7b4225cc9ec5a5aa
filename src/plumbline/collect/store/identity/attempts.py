"""Failed logins, counted in the database, so that all processes count together.

An attempt counts as failed from its beginning until it is known to have gone well: many at once do not get past the count.
Three counts, and the strictest holds:

- with one name from one address few may fail, and all is forgotten after an hour without: at most some 320 guesses a day;
- with one name from wherever, more may, and one is forgotten every four minutes, which is as fast as one address can guess: from
  there nobody keeps the name's owner out. From many addresses, 470 guesses on the first day and 360 on each after;
- from one address, which many people may share, one is forgotten every minute, whoever logs in there meanwhile.

What has to wait leaves no row.
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
"""So many may fail in a row with one name from one address before the next has to wait."""
FREE_OF_NAME = 100
"""The same with one name from wherever."""
FREE_OF_ADDRESS = 30
"""The same from one address."""
MOST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=1)
"""Failures with a name from an address do not count any more so long after the last."""
_REMOVED_AFTER = 24 * FORGOTTEN_AFTER
"""Rows of which nothing counts any more, whichever they are."""
_ADDRESS_BITS = 64
_NAME, _AT, _ADDRESS = "name:", ":at:", "address:"


@dataclass(frozen=True, slots=True)
class _Rule:
    """How many may fail, and after how long one of them is forgotten; None: all of them, `FORGOTTEN_AFTER` the last."""

    free: int
    one_forgotten_after: timedelta | None


_OF_BOTH = _Rule(FREE_ATTEMPTS, None)
_OF_NAME = _Rule(FREE_OF_NAME, timedelta(minutes=4))
_OF_ADDRESS = _Rule(FREE_OF_ADDRESS, timedelta(minutes=1))


def keys_of_login(name_key: str, address: str) -> tuple[str, ...]:
    """Under which attempts with a name from an address are counted: both together, the name, the address."""
    return key_of_both(name_key, address), key_of_name(name_key), key_of_address(address)


def key_of_both(name_key: str, address: str) -> str:
    """Under which attempts with a name from an address are counted; it begins as that of the name does."""
    return key_of_name(name_key) + _AT + key_of_address(address).removeprefix(_ADDRESS)


def of_name(name_key: str) -> tuple[str, str]:
    """The key of a name, and how its keys with addresses begin."""
    return key_of_name(name_key), key_of_name(name_key) + _AT


def key_of_name(name_key: str) -> str:
    """Under which attempts with a name are counted; the name itself is not stored there."""
    return _NAME + hashlib.sha256(name_key.encode("utf-8", errors="surrogatepass")).hexdigest()


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
        keys: of `keys_of_login`, or of `key_of_address` alone.
    """
    ordered = sorted(set(keys))

    def work(connection: Connection) -> timedelta:
        """Within one transaction: the counters held, in one order for all; compared, raised."""
        connection.execute(delete(login_attempts).where(login_attempts.c.last_at < now - _REMOVED_AFTER))
        savepoint = connection.begin_nested()
        counters = [_held(connection, key, now) for key in ordered]
        wait = _longest(counters, now)
        if wait > timedelta(0):
            savepoint.rollback()
            return wait
        for counter in counters:
            # What is forgotten one by one is not put off by attempts.
            since = now if _rule_of(counter.key).one_forgotten_after is None else counter.since
            query = update(login_attempts).where(login_attempts.c.key == counter.key)
            connection.execute(query.values(failures=counter.failures + 1, last_at=since))
        savepoint.commit()
        return timedelta(0)

    # Most of a flood is refused by a look, without a transaction that writes.
    query = select(login_attempts).where(login_attempts.c.key.in_(ordered))
    wait = _longest([_left(row.key, row.failures, row.last_at, now) for row in store.rows(query)], now)
    return wait if wait > timedelta(0) else store.write(work)


@dataclass(frozen=True, slots=True)
class _Counter:
    """What is left of a counter at a moment: `since` is when the next wait, or what is forgotten, counts from."""

    key: str
    failures: int
    since: datetime


def _rule_of(key: str) -> _Rule:
    if key.startswith(_ADDRESS):
        return _OF_ADDRESS
    return _OF_BOTH if _AT in key else _OF_NAME


def _held(connection: Connection, key: str, now: datetime) -> _Counter:
    fresh = insert_into(connection, login_attempts).values(key=key, failures=0, last_at=now)
    connection.execute(fresh.on_conflict_do_nothing())
    row = connection.execute(select(login_attempts).where(login_attempts.c.key == key).with_for_update()).one()
    return _left(key, row.failures, row.last_at, now)


def _longest(counters: Sequence[_Counter], now: datetime) -> timedelta:
    waits = [each.since + wait_after(each.failures, _rule_of(each.key).free) - now for each in counters]
    return max(waits, default=timedelta(0))


def _left(key: str, failures: int, last_at: datetime, now: datetime) -> _Counter:
    after = _rule_of(key).one_forgotten_after
    if after is None:
        return _Counter(key, 0 if now - last_at > FORGOTTEN_AFTER else failures, last_at)
    forgotten = min(max((now - last_at) // after, 0), failures)
    left = failures - forgotten
    return _Counter(key, left, last_at + forgotten * after if left else now)


def attempt_succeeded(store: Store, keys: Sequence[str]) -> None:
    """Forgets the failures with the name from the address; takes this attempt alone back of others: somebody may be guessing."""

    def work(connection: Connection) -> None:
        """Within one transaction: the counters, in the order in which attempts hold them."""
        for key in sorted(set(keys)):
            if _rule_of(key) is _OF_BOTH:
                connection.execute(delete(login_attempts).where(login_attempts.c.key == key))
            else:
                one = update(login_attempts).where(login_attempts.c.key == key, login_attempts.c.failures > 0)
                connection.execute(one.values(failures=login_attempts.c.failures - 1))

    store.write(work)
