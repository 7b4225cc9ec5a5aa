"""People and their tokens. A token is shown once, when it is issued; only its digest is stored."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from plumbline.collect.store import row_maps
from plumbline.collect.store.database import Store, insert_into
from plumbline.collect.store.events import EventKind, acted, add_event
from plumbline.collect.store.failures import NotAllowedError, StoreError, not_found
from plumbline.collect.store.rows import Person, Role, TokenUse
from plumbline.collect.store.tables import people, tokens

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is easily taken for another
_PSEUDONYM_LETTERS = 10
_TOKEN_BYTES = 32
SESSIONS_KEPT = timedelta(days=7)
"""So long after its end a session's row goes, when anybody's next one begins."""
# Made once: building a statement takes longer than running it.
_OF_TOKEN = (
    select(*row_maps.PERSON.columns)
    .join(tokens, tokens.c.person_id == people.c.id)
    .where(tokens.c.sha256 == bindparam("sha256"), tokens.c.expires_at > bindparam("now"))
    .where(tokens.c.use == bindparam("use"))
    .where(tokens.c.revoked_at.is_(None), people.c.erased_at.is_(None))
)
_LOCK = (
    select(people.c.blocked_at, people.c.erased_at)
    .where(people.c.id == bindparam("worker"))
    .with_for_update(key_share=True)
)


def add_person(
    store: Store,
    role: Role = Role.WORKER,
    *,
    now: datetime,
    only_study_id: int | None = None,
    by: str | None = None,
) -> Person:
    """Somebody new, under a pseudonym drawn at random.

    Args:
        only_study_id: the one study that they can see and work in; None for the whole store.
        by: who adds them, for the log.
    """
    return store.write(lambda connection: add_person_in(connection, role, now, only_study_id, by=by))


def add_person_in(
    connection: Connection, role: Role, now: datetime, only_study_id: int | None = None, *, by: str | None = None
) -> Person:
    """Somebody new with a pseudonym that nobody has, within the transaction at hand."""
    drawn = {"role": role.value, "created_at": now, "only_study_id": only_study_id}
    for _ in range(100):
        values = {"id": uuid.uuid4().hex, "pseudonym": _pseudonym(), **drawn}
        query = insert_into(connection, people).values(**values).on_conflict_do_nothing()
        row = connection.execute(query.returning(*row_maps.PERSON.columns)).one_or_none()
        if row is not None:
            payload = {"role": role.value, **acted(by)}
            add_event(connection, EventKind.PERSON_ADDED, now, person_id=row.id, payload=payload)
            return row_maps.PERSON.of(row)
    raise StoreError(
        "PL-COL-008",
        "pseudonyms",
        "a hundred in a row were taken already",
        advice="look at the machine's source of randomness",
    )


def find_person(store: Store, pseudonym: str) -> Person:
    """The person of this pseudonym.

    Raises:
        NotFoundError: PL-COL-010.
    """
    query = select(*row_maps.PERSON.columns).where(people.c.pseudonym == pseudonym)
    # What no pseudonym is made of, such as half a surrogate pair, a database could not even be asked for.
    row = store.row(query) if pseudonym.isascii() and pseudonym.isprintable() else None
    if row is None:
        raise not_found("person", "of this pseudonym")
    return row_maps.PERSON.of(row)


def list_people(store: Store, *, after: str = "", limit: int = 1000, only_study_id: int | None = None) -> list[Person]:
    """People by id, from the one after `after` on, at most `limit`; those of one study alone, where one is named."""
    query = select(*row_maps.PERSON.columns).where(people.c.id > after).order_by(people.c.id).limit(limit)
    if only_study_id is not None:
        query = query.where(people.c.only_study_id == only_study_id)
    return [row_maps.PERSON.of(row) for row in store.rows(query)]


def set_blocked(store: Store, person_id: str, blocked: bool, *, now: datetime, by: str | None = None) -> Person:
    """Blocks a person or lifts it: a blocked one gets no work and may submit none; their token still tells them so.

    Args:
        by: who does it, for the log.
    Raises:
        NotFoundError: no such person. NotAllowedError: PL-COL-031, they were erased, which nothing lifts.
    """

    def work(connection: Connection) -> Person:
        """Within one transaction: the person as now."""
        person = unerased(connection, person_id)
        if (person.blocked_at is not None) != blocked:
            moment = now if blocked else None
            connection.execute(update(people).where(people.c.id == person_id).values(blocked_at=moment))
            kind = EventKind.PERSON_BLOCKED if blocked else EventKind.PERSON_UNBLOCKED
            add_event(connection, kind, now, person_id=person_id, payload=acted(by))
        return _person_in(connection, person_id)

    return store.write(work)


def issue_token(store: Store, person_id: str, *, now: datetime, expires_at: datetime) -> str:
    """A new token of 256 random bits; it cannot be read again.

    Raises:
        NotFoundError: no such person. NotAllowedError: PL-COL-031, they were erased.
    """

    def work(connection: Connection) -> str:
        """Within one transaction: the token's digest stored."""
        unerased(connection, person_id)
        return issue_token_in(connection, person_id, now, expires_at)

    return store.write(work)


def issue_session(
    store: Store,
    person_id: str,
    *,
    now: datetime,
    expires_at: datetime,
    stands: Callable[[Connection], bool] = lambda _: True,
) -> str | None:
    """The token of a new session; None where what somebody came in by does not stand any more.

    Looked at with the person held: whoever takes it away meanwhile ends the session, or was seen to have done so.

    Args:
        stands: whether it does, within the transaction at hand.
    Raises:
        NotFoundError: no such person. NotAllowedError: PL-COL-031, they were erased.
    """

    def work(connection: Connection) -> str | None:
        """Within one transaction: what they came in by looked at, the token's digest stored."""
        unerased(connection, person_id)
        if not stands(connection):
            return None
        return issue_token_in(connection, person_id, now, expires_at, TokenUse.SESSION)

    return store.write(work)


def issue_token_in(
    connection: Connection,
    person_id: str,
    now: datetime,
    expires_at: datetime,
    use: TokenUse = TokenUse.API,
    *,
    by: str | None = None,
) -> str:
    """A new token within the transaction at hand, for somebody who is there and held; `by` is who makes it."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    if use is TokenUse.SESSION:
        over = (tokens.c.use == TokenUse.SESSION.value, tokens.c.expires_at < now - SESSIONS_KEPT)
        connection.execute(delete(tokens).where(*over))
    values = {"sha256": digest(token), "person_id": person_id, "created_at": now, "expires_at": expires_at}
    connection.execute(insert(tokens), {**values, "use": use.value})
    payload = acted(by) if use is TokenUse.API else {"use": use.value}
    add_event(connection, EventKind.TOKEN_ISSUED, now, person_id=person_id, payload=payload)
    return token


def find_by_token(store: Store, token: str, *, now: datetime, use: TokenUse = TokenUse.API) -> Person | None:
    """Whose token it is; None where it is unknown, of another use, over, revoked, or its person was erased.

    A blocked person is found: the caller sees ``blocked_at`` and can say so.
    """
    values = {"sha256": digest(token), "now": now, "use": use.value}
    row = store.row(_OF_TOKEN, values)
    return None if row is None else row_maps.PERSON.of(row)


def revoke_tokens(store: Store, person_id: str, *, now: datetime, by: str | None = None) -> int:
    """Ends all tokens of a person, for the log `by` somebody; returns how many were still valid."""

    def work(connection: Connection) -> int:
        """Within one transaction: every token of the person ended; how many."""
        _person_in(connection, person_id)
        return revoke_tokens_in(connection, person_id, now, by=by)

    return store.write(work)


def revoke_tokens_in(connection: Connection, person_id: str, now: datetime, *, by: str | None) -> int:
    """See `revoke_tokens`; within the transaction at hand, for somebody who is there."""
    query = update(tokens).where(tokens.c.person_id == person_id, tokens.c.revoked_at.is_(None))
    count = connection.execute(query.values(revoked_at=now)).rowcount
    payload = {"count": count, **acted(by)}
    add_event(connection, EventKind.TOKEN_REVOKED, now, person_id=person_id, payload=payload)
    return count


def end_session(store: Store, token: str, *, now: datetime) -> bool:
    """Ends the one session of this token; False where there is none that is not over."""

    def work(connection: Connection) -> bool:
        """Within one transaction: the session ended."""
        query = update(tokens).where(tokens.c.sha256 == digest(token), tokens.c.use == TokenUse.SESSION.value)
        query = query.where(tokens.c.revoked_at.is_(None), tokens.c.expires_at > now).values(revoked_at=now)
        person_id = connection.execute(query.returning(tokens.c.person_id)).scalar()
        if person_id is not None:
            payload = {"count": 1, "use": TokenUse.SESSION.value}
            add_event(connection, EventKind.TOKEN_REVOKED, now, person_id=person_id, payload=payload)
        return person_id is not None

    return store.write(work)


def is_session_in(connection: Connection, person_id: str, token: str, now: datetime) -> bool:
    """Whether it is a session of theirs that has not ended; within the transaction at hand."""
    row = connection.execute(_OF_TOKEN, {"sha256": digest(token), "now": now, "use": TokenUse.SESSION.value}).first()
    return row is not None and row.id == person_id


def end_sessions_in(connection: Connection, person_id: str, now: datetime, *, but: str | None = None) -> int:
    """Ends the sessions of a person within the transaction at hand, `but` that of one token; how many."""
    query = update(tokens).where(tokens.c.person_id == person_id, tokens.c.use == TokenUse.SESSION.value)
    query = query.where(tokens.c.revoked_at.is_(None), tokens.c.expires_at > now)
    if but is not None:
        query = query.where(tokens.c.sha256 != digest(but))
    return connection.execute(query.values(revoked_at=now)).rowcount


def lock_worker(connection: Connection, worker_id: str) -> None:
    """Lets one transaction at a time act for a worker, and refuses who may not work.

    Raises:
        NotFoundError: PL-COL-010. NotAllowedError: PL-COL-031, blocked or erased.
    """
    row = connection.execute(_LOCK, {"worker": worker_id}).one_or_none()
    if row is None:
        raise not_found("person", worker_id)
    if row.erased_at is not None or row.blocked_at is not None:
        raise _may_not_work(worker_id, "erased" if row.erased_at is not None else "blocked")


def unerased(connection: Connection, person_id: str) -> Person:
    """The person, locked, so that they are not erased meanwhile."""
    connection.execute(_LOCK, {"worker": person_id})
    person = _person_in(connection, person_id)
    if person.erased_at is not None:
        raise _may_not_work(person_id, "erased")
    return person


def _person_in(connection: Connection, person_id: str) -> Person:
    row = connection.execute(select(*row_maps.PERSON.columns).where(people.c.id == person_id)).one_or_none()
    if row is None:
        raise not_found("person", person_id)
    return row_maps.PERSON.of(row)


def _may_not_work(person_id: str, why: str) -> NotAllowedError:
    return NotAllowedError(
        "PL-COL-031",
        f"person {person_id}",
        "they may not work",
        expected="somebody who is neither blocked nor erased",
        found=f"somebody who is {why}",
        advice="ask the study's manager",
    )


def _pseudonym() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_PSEUDONYM_LETTERS))


def digest(token: str) -> str:
    """What is stored of a token, or of another secret that was drawn."""
    return hashlib.sha256(token.encode("utf-8", errors="surrogatepass")).hexdigest()
