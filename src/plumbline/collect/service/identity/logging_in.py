"""Logging in and out, and another password."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.identity.failures import (
    ThrottledError,
    no_account,
    wrong_login,
    wrong_old_password,
)
from plumbline.collect.service.identity.names import name_key
from plumbline.collect.service.identity.passwords import checked_password
from plumbline.collect.store.identity.accounts import (
    PasswordSet,
    account_of,
    find_account,
    password_stands_in,
    renew_hash,
    set_password,
)
from plumbline.collect.store.identity.attempts import attempt_succeeded, begin_attempt, keys_of_login
from plumbline.collect.store.people import end_session, issue_session
from plumbline.collect.store.rows import Account, Person

SESSION_TIME = timedelta(hours=12)
"""How long a session lasts, whatever is done in it."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Somebody, and their new session.

    Attributes:
        session: its token, for a cookie; it stands nowhere else.
    """

    person: Person
    session: str = field(repr=False)
    expires_at: datetime


async def log_in(collecting: Collecting, name: str, password: str, address: str, earlier: str | None) -> LoggedIn:
    """A new session for who has this name and this password; also for who is blocked, so that they can be told.

    Args:
        address: where it comes from.
        earlier: the session that the browser has already; it ends.
    Raises:
        ServiceError: PL-IDN-001 wrong, or another was set meanwhile; PL-IDN-002 too many were wrong.
    """
    key = name_key(name)
    counted = keys_of_login(key, address)

    def begin() -> tuple[Account, Person] | None:
        """In a thread: whether it may be tried, and whose name it is."""
        require_attempt(collecting, *counted)
        return find_account(collecting.store, key)

    def finish(person: Person, account: Account, renewed: str | None) -> LoggedIn:
        """In a thread: the failures forgotten, a session made."""
        attempt_succeeded(collecting.store, counted)
        if renewed is not None:
            renew_hash(collecting.store, account, renewed)
        return begin_session(
            collecting, person, earlier, stands=lambda connection: password_stands_in(connection, account)
        )

    found = await collecting.calls.run(begin)
    verified = await collecting.passwords.verify(found[0].password_hash if found else None, password)
    if found is None or not verified.is_right:
        raise wrong_login()
    return await collecting.calls.run(finish, found[1], found[0], verified.renewed)


def begin_session(
    collecting: Collecting,
    person: Person,
    earlier: str | None = None,
    *,
    stands: Callable[[Any], bool] = lambda _: True,
    refused: Callable[[], ServiceError] = wrong_login,
) -> LoggedIn:
    """A new session: its token is drawn now, never taken over from the browser; the earlier one ends.

    Args:
        stands: whether what they came in by is theirs still, asked in the transaction that makes the session.
        refused: why there is none where it is not.
    Raises:
        NotAllowedError: PL-COL-031, they were erased meanwhile. ServiceError: of `refused`.
    """
    now = collecting.clock()
    if earlier is not None:
        end_session(collecting.store, earlier, now=now)
    expires_at = now + SESSION_TIME
    token = issue_session(collecting.store, person.id, now=now, expires_at=expires_at, stands=stands)
    if token is None:
        raise refused()
    return LoggedIn(person, token, expires_at)


def log_out(collecting: Collecting, session: str) -> bool:
    """Ends a session; False where it had ended."""
    return end_session(collecting.store, session, now=collecting.clock())


async def change_password(
    collecting: Collecting,
    person: Person,
    old: str,
    new: str,
    *,
    session: str | None,
    address: str,
    disconnect: bool = False,
) -> PasswordSet:
    """Another password for somebody who knows the one they have; their other sessions end.

    Args:
        session: the one that goes on.
        disconnect: their logins elsewhere end too; otherwise whoever connected one comes in as before.
    Raises:
        ServiceError: PL-IDN-002, 003; 005, also where another was set meanwhile; PL-IDN-006, they have none.
    """

    def begin() -> Account:
        """In a thread: whose it is, and whether it may be tried."""
        account = account_of(collecting.store, person.id)
        if account is None:
            raise no_account()
        checked_password(new, account.name)
        require_attempt(collecting, *keys_of_login(account.name_key, address))
        return account

    def finish(account: Account, hashed: str) -> PasswordSet:
        """In a thread: stored."""
        attempt_succeeded(collecting.store, keys_of_login(account.name_key, address))
        now = collecting.clock()
        done = set_password(collecting.store, account, hashed, now=now, but=session, disconnect=disconnect)
        if done is None:
            raise wrong_old_password()
        return done

    account = await collecting.calls.run(begin)
    if not (await collecting.passwords.verify(account.password_hash, old)).is_right:
        raise wrong_old_password()
    return await collecting.calls.run(finish, account, await collecting.passwords.hash(new))


def require_attempt(collecting: Collecting, *keys: str) -> None:
    """Count an attempt to come in.

    Args:
        keys: what it is counted under; one that has had too many makes this one wait.
    Raises:
        ThrottledError: it has to wait.
    """
    wait = begin_attempt(collecting.store, keys, now=collecting.clock())
    if wait > timedelta(0):
        raise ThrottledError(wait)
