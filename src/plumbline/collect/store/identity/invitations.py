"""Invitations: a link with a code lets somebody in, so many times, until it ends. Only the code's digest is stored."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, insert, or_, select, update

from plumbline.collect.store import row_maps
from plumbline.collect.store.database import Store
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.failures import NotFoundError, not_found
from plumbline.collect.store.identity.accounts import NewAccount, put_account_in, take_account_in
from plumbline.collect.store.identity.outside_identities import disconnect_all_in
from plumbline.collect.store.people import (
    add_person_in,
    digest,
    end_sessions_in,
    issue_token_in,
    revoke_tokens_in,
    unerased,
)
from plumbline.collect.store.rows import Invitation, Person, Role, TokenUse
from plumbline.collect.store.tables import accounts, events, invitations, outside_identities, people, tokens

_CODE_BYTES = 24


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """An invitation to make; see `rows.Invitation`."""

    role: Role
    study_id: int | None
    person_id: str | None
    created_by: str | None
    expires_at: datetime
    uses: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ListedInvitation:
    """An invitation with the pseudonyms of whom it names."""

    invitation: Invitation
    person: str | None
    created_by: str | None


def add_invitation(store: Store, new: NewInvitation, *, now: datetime) -> tuple[Invitation, str]:
    """An invitation and its code of 192 random bits, which cannot be read again.

    Raises:
        NotAllowedError: PL-COL-031, whom it is for was erased.
    """
    code = secrets.token_urlsafe(_CODE_BYTES)

    def work(connection: Connection) -> tuple[Invitation, str]:
        """Within one transaction: the invitation, logged."""
        if new.person_id is not None:
            unerased(connection, new.person_id)
        values: dict[str, Any] = {
            "sha256": digest(code),
            "role": new.role.value,
            "study_id": new.study_id,
            "person_id": new.person_id,
            "created_by": new.created_by,
            "created_at": now,
            "expires_at": new.expires_at,
            "uses_left": new.uses,
            "note": new.note,
        }
        row = connection.execute(insert(invitations).values(**values).returning(*row_maps.INVITATION.columns)).one()
        payload = {"invitation": row.id, "role": new.role.value, "uses": new.uses}
        about = {"person_id": new.created_by, "study_id": new.study_id}
        add_event(connection, EventKind.INVITED, now, payload=payload, **about)
        return row_maps.INVITATION.of(row), code

    return store.write(work)


def find_invitation(store: Store, code: str, *, now: datetime) -> Invitation | None:
    """The invitation of a code; None where there is none that is still good.

    One is good until it ends, is used up or revoked, and as long as who made it is neither blocked nor erased.
    """
    row = store.row(_good(code, now))
    return None if row is None else row_maps.INVITATION.of(row)


def list_invitations(
    store: Store, *, after: int = 0, limit: int = 100, only_study_id: int | None = None
) -> list[ListedInvitation]:
    """Invitations by number, from the one after `after` on; those into one study alone, where one is named."""
    query = _listed().where(invitations.c.id > after).order_by(invitations.c.id).limit(limit)
    if only_study_id is not None:
        query = query.where(invitations.c.study_id == only_study_id)
    return [ListedInvitation(row_maps.INVITATION.of(row), row.whom, row.by) for row in store.rows(query)]


def list_open_invitations(store: Store, *, now: datetime, limit: int = 100) -> list[ListedInvitation]:
    """Those that have neither ended nor been used up or revoked, newest first."""
    query = _listed().where(invitations.c.expires_at > now, invitations.c.uses_left > 0)
    query = query.where(invitations.c.revoked_at.is_(None)).order_by(invitations.c.id.desc()).limit(limit)
    return [ListedInvitation(row_maps.INVITATION.of(row), row.whom, row.by) for row in store.rows(query)]


def notes_of_people(store: Store, person_ids: Sequence[str]) -> dict[str, str]:
    """What was noted of the invitation that somebody came by, by person; those without a note are left out.

    The log says who came by which. Its lines of no study are few, and have an index.
    """
    accepted = select(events.c.person_id, events.c.payload).where(
        events.c.study_id.is_(None), events.c.kind == EventKind.INVITATION_ACCEPTED.value
    )
    rows = store.rows(accepted.where(events.c.person_id.in_(person_ids)).order_by(events.c.seq)) if person_ids else []
    came_by = [(str(row.person_id), int(row.payload["invitation"])) for row in rows]
    numbers = {number for _, number in came_by}
    noted = select(invitations.c.id, invitations.c.note).where(
        invitations.c.id.in_(numbers), invitations.c.note.is_not(None)
    )
    notes = {int(row.id): str(row.note) for row in store.rows(noted)} if numbers else {}
    # The first with a note: later ones are for another password.
    return {person: notes[number] for person, number in reversed(came_by) if number in notes}


def read_invitation(store: Store, number: int) -> Invitation:
    """The invitation of this number, good or not.

    Raises:
        NotFoundError: PL-COL-010.
    """
    row = store.row(select(*row_maps.INVITATION.columns).where(invitations.c.id == number))
    if row is None:
        raise not_found("invitation", number)
    return row_maps.INVITATION.of(row)


def revoke_invitation(store: Store, number: int, *, by: str | None, now: datetime) -> bool:
    """Ends an invitation; False where it was ended before."""

    def work(connection: Connection) -> bool:
        """Within one transaction: ended, and logged."""
        query = update(invitations).where(invitations.c.id == number, invitations.c.revoked_at.is_(None))
        if not connection.execute(query.values(revoked_at=now)).rowcount:
            return False
        add_event(connection, EventKind.INVITATION_REVOKED, now, person_id=by, payload={"invitation": number})
        return True

    return store.write(work)


def accept_invitation(
    store: Store,
    code: str,
    make_account: Callable[[str | None], NewAccount],
    *,
    now: datetime,
    session_ends: datetime,
) -> tuple[Person, str]:
    """Lets somebody in by a name and a password; see `accept_by`.

    Args:
        make_account: the account, given the name of the one that stands there; pure.
    Raises:
        NotFoundError: PL-COL-035, the code is of no invitation that is still good.
        ConflictError: PL-COL-034, somebody else has the name.
    """

    def put_account(connection: Connection, person: Person, known: str | None) -> None:
        """The account, in the place of the one they had."""
        put_account_in(connection, person.id, make_account(known), now)

    return accept_by(store, code, put_account, now=now, session_ends=session_ends)


def accept_by(
    store: Store,
    code: str,
    put_way_in: Callable[[Connection, Person, str | None], None],
    *,
    now: datetime,
    session_ends: datetime,
) -> tuple[Person, str]:
    """Lets somebody in: one use less, the person, how they log in and a first session, or nothing of it.

    Of whoever was there before, every way in ends but the new one: name and password, logins elsewhere, sessions, other
    invitations for them; and the tokens, which others made and may still hold, but of an owner: those are from the command
    line or from owners. Whoever took the account over knows one of these, and a link is how its person gets it back.

    Args:
        put_way_in: writes by what they log in from now on; given the name that they logged in with, None where they had none.
    Raises:
        NotFoundError: PL-COL-035, the code is of no invitation that is still good. ConflictError: of `put_way_in`.
    """

    def work(connection: Connection) -> tuple[Person, str]:
        """Within one transaction: all of it."""
        invitation = _used(connection, code, now)
        person = _person_of(connection, invitation, now)
        known = None if invitation.person_id is None else take_account_in(connection, person.id)
        put_way_in(connection, person, known)
        payload: dict[str, Any] = {"invitation": invitation.id}
        if known is not None:
            payload["password_ended"] = True
        add_event(connection, EventKind.INVITATION_ACCEPTED, now, person_id=person.id, payload=payload)
        token = issue_token_in(connection, person.id, now, session_ends, TokenUse.SESSION)
        return person, token

    return store.write(work)


def has_way_in(store: Store, person_id: str, *, now: datetime) -> bool:
    """Whether somebody has a name and a password, a login elsewhere, or an open session: what a link for them ends."""
    session = (tokens.c.use == TokenUse.SESSION.value, tokens.c.revoked_at.is_(None), tokens.c.expires_at > now)
    ways = (
        select(accounts.c.person_id).where(accounts.c.person_id == person_id),
        select(outside_identities.c.person_id).where(outside_identities.c.person_id == person_id),
        select(tokens.c.person_id).where(tokens.c.person_id == person_id, *session),
    )
    return any(store.row(way.limit(1)) is not None for way in ways)


def not_invited() -> NotFoundError:
    """PL-COL-035: whether there ever was such an invitation is not told."""
    return NotFoundError(
        "PL-COL-035",
        "invitation",
        "it is over, used up or revoked, or there never was one",
        expected="a link that is still good",
        advice="ask whoever sent it for a new one",
    )


def _listed() -> Select[Any]:
    whom, by = people.alias(), people.alias()
    query = select(*row_maps.INVITATION.columns, whom.c.pseudonym.label("whom"), by.c.pseudonym.label("by"))
    query = query.outerjoin(whom, whom.c.id == invitations.c.person_id)
    return query.outerjoin(by, by.c.id == invitations.c.created_by)


def _used(connection: Connection, code: str, now: datetime) -> Invitation:
    """One use less. The person it is for is held before it: each of several links for them ends the others."""
    whom = connection.execute(_good(code, now).with_only_columns(invitations.c.person_id)).scalar()
    if whom is not None:
        unerased(connection, whom)
    row = connection.execute(_good(code, now).with_for_update(of=invitations)).one_or_none()
    if row is None:
        raise not_invited()
    one_less = update(invitations).where(invitations.c.id == row.id)
    connection.execute(one_less.values(uses_left=invitations.c.uses_left - 1))
    return row_maps.INVITATION.of(row)


def _person_of(connection: Connection, invitation: Invitation, now: datetime) -> Person:
    if invitation.person_id is None:
        return add_person_in(connection, invitation.role, now, invitation.study_id)
    person = unerased(connection, invitation.person_id)
    others = update(invitations).where(invitations.c.person_id == person.id, invitations.c.id != invitation.id)
    connection.execute(others.where(invitations.c.revoked_at.is_(None)).values(revoked_at=now))
    if person.role is Role.OWNER:
        end_sessions_in(connection, person.id, now)
    else:
        revoke_tokens_in(connection, person.id, now, by=None)
    disconnect_all_in(connection, person.id, now)
    return person


def _good(code: str, now: datetime) -> Select[Any]:
    by_trusted = or_(
        invitations.c.created_by.is_(None),
        select(people.c.id)
        .where(people.c.id == invitations.c.created_by, people.c.blocked_at.is_(None), people.c.erased_at.is_(None))
        .exists(),
    )
    return (
        select(*row_maps.INVITATION.columns)
        .where(invitations.c.sha256 == digest(code), invitations.c.expires_at > now)
        .where(invitations.c.uses_left > 0, invitations.c.revoked_at.is_(None), by_trusted)
    )
