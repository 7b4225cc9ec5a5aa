"""Accounts: names, and passwords as their hashes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, update

from plumbline.collect.store import row_maps
from plumbline.collect.store.database import Store, insert_into
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.failures import ConflictError
from plumbline.collect.store.identity.outside_identities import disconnect_all_in, has_any_outside_in
from plumbline.collect.store.people import end_sessions_in, unerased
from plumbline.collect.store.rows import Account, Person, Role
from plumbline.collect.store.tables import accounts, people

_OF_NAME = (
    select(*row_maps.ACCOUNT.labelled("account_"), *row_maps.PERSON.labelled("person_"))
    .join(people, people.c.id == accounts.c.person_id)
    .where(accounts.c.name_key == bindparam("name_key"), people.c.erased_at.is_(None))
)
_OF_PERSON = select(*row_maps.ACCOUNT.columns).where(accounts.c.person_id == bindparam("person"))


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A name, what makes it the same as another, and a password's hash."""

    name: str
    name_key: str
    password_hash: str = field(repr=False)


def find_account(store: Store, name_key: str) -> tuple[Account, Person] | None:
    """The account of a name, and whose it is; None where nobody has it."""
    row = store.row(_OF_NAME, {"name_key": name_key})
    return None if row is None else (row_maps.ACCOUNT.of(row, "account_"), row_maps.PERSON.of(row, "person_"))


def account_of(store: Store, person_id: str) -> Account | None:
    """Somebody's account; None where they have none."""
    row = store.row(_OF_PERSON, {"person": person_id})
    return None if row is None else row_maps.ACCOUNT.of(row)


def account_names(store: Store, people_ids: Iterable[str]) -> dict[str, str]:
    """Names by person, of those who have an account."""
    query = select(accounts.c.person_id, accounts.c.name).where(accounts.c.person_id.in_(list(people_ids)))
    return {row.person_id: row.name for row in store.rows(query)}


def has_owner_account(store: Store) -> bool:
    """Whether an owner can log in."""
    query = select(accounts.c.person_id).join(people, people.c.id == accounts.c.person_id)
    query = query.where(people.c.role == Role.OWNER.value, people.c.erased_at.is_(None), people.c.blocked_at.is_(None))
    return store.row(query.limit(1)) is not None


@dataclass(frozen=True, slots=True)
class PasswordSet:
    """What came of another password.

    Attributes:
        sessions_ended: other ones of theirs.
        outside_connected: they still log in by another house's account, too.
    """

    sessions_ended: int
    outside_connected: bool


def set_password(
    store: Store,
    account: Account,
    password_hash: str,
    *,
    now: datetime,
    but: str | None = None,
    disconnect: bool = False,
) -> PasswordSet | None:
    """Another password in the place of the one that was read; None where that was replaced meanwhile, and nothing is done.

    Args:
        account: as it was read to look at the password.
        but: the token of the session that goes on.
        disconnect: ends their logins elsewhere too.
    Raises:
        NotAllowedError: PL-COL-031, they were erased.
    """
    person_id = account.person_id

    def work(connection: Connection) -> PasswordSet | None:
        """Within one transaction: the hash replaced, other sessions ended, logins elsewhere where that is wanted."""
        unerased(connection, person_id)
        if not password_stands_in(connection, account):
            return None
        query = update(accounts).where(accounts.c.person_id == person_id)
        connection.execute(query.values(password_hash=password_hash, changed_at=now))
        ended = end_sessions_in(connection, person_id, now, but=but)
        add_event(connection, EventKind.PASSWORD_CHANGED, now, person_id=person_id, payload={"sessions_ended": ended})
        if disconnect:
            disconnect_all_in(connection, person_id, now)
        return PasswordSet(ended, has_any_outside_in(connection, person_id))

    return store.write(work)


def renew_hash(store: Store, account: Account, password_hash: str) -> None:
    """The same password under today's costs; nothing where it was changed meanwhile."""
    query = update(accounts).where(accounts.c.person_id == account.person_id)
    query = query.where(accounts.c.password_hash == account.password_hash).values(password_hash=password_hash)
    store.write(lambda connection: connection.execute(query))


def password_stands_in(connection: Connection, account: Account) -> bool:
    """Whether nobody set another password since an account was read; within a transaction that holds its person."""
    row = connection.execute(_OF_PERSON, {"person": account.person_id}).one_or_none()
    return row is not None and row_maps.ACCOUNT.of(row).changed_at == account.changed_at


def take_account_in(connection: Connection, person_id: str) -> str | None:
    """Ends that somebody logs in with a name and a password; the name. None where they did not. Within the transaction."""
    theirs = delete(accounts).where(accounts.c.person_id == person_id).returning(accounts.c.name)
    return connection.execute(theirs).scalar()


def put_account_in(connection: Connection, person_id: str, account: NewAccount, now: datetime) -> None:
    """The account of a person, in the place of the one they have, within the transaction at hand.

    Raises:
        ConflictError: PL-COL-034, somebody else has the name.
    """
    connection.execute(delete(accounts).where(accounts.c.person_id == person_id))
    values = {"name": account.name, "name_key": account.name_key, "password_hash": account.password_hash}
    query = insert_into(connection, accounts).values(person_id=person_id, changed_at=now, **values)
    put = query.on_conflict_do_nothing().returning(accounts.c.person_id)
    if connection.execute(put).one_or_none() is None:
        raise ConflictError(
            "PL-COL-034",
            "name",
            "somebody else logs in with it",
            expected="a name that nobody has",
            advice="choose another name",
        )
