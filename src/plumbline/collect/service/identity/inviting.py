"""Inviting people, and being invited: who may let whom in, and what comes of a link."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.identity.failures import bad_invitation, bad_name, note_too_long
from plumbline.collect.service.identity.logging_in import SESSION_TIME, LoggedIn
from plumbline.collect.service.identity.names import checked_name, name_key
from plumbline.collect.service.identity.passwords import checked_password
from plumbline.collect.service.people import reach, require_reach
from plumbline.collect.store.database import Store
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.identity import invitations as stored
from plumbline.collect.store.identity.accounts import NewAccount, account_of
from plumbline.collect.store.people import end_session, find_person
from plumbline.collect.store.rows import Invitation, Person, Role

JOIN_PATH = "/join"
MOST_NOTE = 200
"""Characters of an invitation's note; the store takes no more."""
FIRST_OWNER_DAYS = 7


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation and its link; the code stands nowhere else.

    Attributes:
        study, pseudonym: what it is for; None where it is for the store, or for anybody.
    """

    id: int
    code: str = field(repr=False)
    role: Role
    study: str | None
    pseudonym: str | None
    expires_at: datetime
    uses: int
    note: str | None = None

    @property
    def link_path(self) -> str:
        """The path of the link. A browser keeps what stands behind ``#`` to itself: no server and no log sees the code."""
        return f"{JOIN_PATH}#{self.code}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom somebody wants to invite.

    Attributes:
        role: None where it is for somebody who is there and has one.
        study: by name; None for the whole store.
        pseudonym: of somebody who is there.
        note: whom it is for, in their own words, at most `MOST_NOTE` characters; told to managers alone.
    """

    role: Role | None
    study: str | None
    pseudonym: str | None
    days: int
    uses: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ReadInvitation:
    """What is told to who has the code; `ends_others`: it is for somebody whose other ways in end by it."""

    role: Role
    study: str | None
    for_somebody: bool
    has_account: bool
    ends_others: bool
    expires_at: datetime


def invite(collecting: Collecting, by: Person, wanted: Wanted) -> Invited:
    """An invitation: into a role that `by` reaches; by who is of one study, into that one, named or not.

    Raises:
        ServiceError: PL-SVC-006, `by` does not reach so far; PL-IDN-008, it says two things, or its note is too long.
        NotFoundError: PL-COL-010, no such study or person.
    """
    if wanted.pseudonym is not None:
        person = reach(collecting, by, wanted.pseudonym)
        return _invite_somebody(collecting.store, person, wanted, by.id, now=collecting.clock())
    role = wanted.role or Role.WORKER
    require_reach(by, role)
    if wanted.study is None and by.only_study_id is not None:
        wanted = replace(wanted, study=collecting.catalogue.of_id(by.only_study_id).settings.name)
    study_id = None if wanted.study is None else collecting.catalogue.named(wanted.study).id
    if by.only_study_id not in (None, study_id):
        raise not_found("study", str(wanted.study))
    return _invite_anybody(collecting.store, role, study_id, wanted, by.id, now=collecting.clock())


def invite_from_store(store: Store, wanted: Wanted, *, study_id: int | None, now: datetime) -> Invited:
    """An invitation by whoever sits at the store's machine: no role is asked, since they can do anything to it.

    Raises:
        NotFoundError: PL-COL-010. ServiceError: PL-IDN-008.
    """
    if wanted.pseudonym is not None:
        return _invite_somebody(store, find_person(store, wanted.pseudonym), wanted, None, now=now)
    return _invite_anybody(store, wanted.role or Role.WORKER, study_id, wanted, None, now=now)


def revoke(collecting: Collecting, by: Person, number: int) -> bool:
    """Ends an invitation into a role that `by` reaches, or one of their own; False where it had ended.

    Raises:
        NotFoundError: PL-COL-010, there is none, or into another study. ServiceError: PL-SVC-006.
    """
    invitation = stored.read_invitation(collecting.store, number)
    if by.only_study_id not in (None, invitation.study_id):
        raise not_found("invitation", number)
    if invitation.created_by != by.id:
        require_reach(by, invitation.role)
    return stored.revoke_invitation(collecting.store, number, by=by.id, now=collecting.clock())


def read_invitation(collecting: Collecting, code: str) -> ReadInvitation:
    """What an invitation is for.

    Raises:
        NotFoundError: PL-COL-035, it is of no invitation that is still good.
    """
    now = collecting.clock()
    found = stored.find_invitation(collecting.store, code, now=now)
    if found is None:
        raise stored.not_invited()
    study = invitation_study(collecting, found)
    account = None if found.person_id is None else account_of(collecting.store, found.person_id)
    ends = found.person_id is not None and stored.has_way_in(collecting.store, found.person_id, now=now)
    return ReadInvitation(found.role, study, found.person_id is not None, account is not None, ends, found.expires_at)


async def accept(collecting: Collecting, code: str, name: str | None, password: str, earlier: str | None) -> LoggedIn:
    """Lets somebody in, with a name and a password from now on, and begins their session.

    Args:
        name: may be left out by who has one already; another one takes its place.
        earlier: the session that the browser has already; it ends.
    Raises:
        NotFoundError: PL-COL-035. ConflictError: PL-COL-034, somebody else has the name.
        ServiceError: PL-IDN-003, PL-IDN-004.
    """

    def look() -> None:
        """In a thread: refuse what costs no hash to refuse."""
        found = stored.find_invitation(collecting.store, code, now=collecting.clock())
        if found is None:
            raise stored.not_invited()
        account = None if found.person_id is None else account_of(collecting.store, found.person_id)
        _new_account(name, password, "", None if account is None else account.name)

    def finish(hashed: str) -> LoggedIn:
        """In a thread: all of it in one transaction."""
        now = collecting.clock()
        person, session = stored.accept_invitation(
            collecting.store,
            code,
            lambda known: _new_account(name, password, hashed, known),
            now=now,
            session_ends=now + SESSION_TIME,
        )
        if earlier is not None:
            end_session(collecting.store, earlier, now=now)
        return LoggedIn(person, session, now + SESSION_TIME)

    await collecting.calls.run(look)
    return await collecting.calls.run(finish, await collecting.passwords.hash(password))


def _new_account(name: str | None, password: str, hashed: str, known: str | None) -> NewAccount:
    """The account that is wanted, or why it may not be; `known` is the name of the one that stands there."""
    if name is None and known is None:
        raise bad_name("a name to log in with")
    chosen = known if name is None else checked_name(name)
    checked_password(password, chosen, known)
    return NewAccount(str(chosen), name_key(str(chosen)), hashed)


def _invite_anybody(
    store: Store, role: Role, study_id: int | None, wanted: Wanted, by: str | None, *, now: datetime
) -> Invited:
    if role is Role.OWNER and study_id is not None:
        raise bad_invitation("owners are of the whole store, and a study is named", "no study, or another role")
    expires_at = now + timedelta(days=wanted.days)
    new = stored.NewInvitation(role, study_id, None, by, expires_at, wanted.uses, _checked_note(wanted.note))
    row, code = stored.add_invitation(store, new, now=now)
    return Invited(row.id, code, role, wanted.study, None, expires_at, wanted.uses, row.note)


def _invite_somebody(store: Store, person: Person, wanted: Wanted, by: str | None, *, now: datetime) -> Invited:
    """A link by which somebody who is there sets a password."""
    if wanted.role not in (None, person.role):
        raise bad_invitation("somebody who is there has a role, which stays", "no role, or no pseudonym")
    if wanted.study is not None:
        raise bad_invitation("somebody who is there is of their study already", "no study, or no pseudonym")
    if wanted.uses != 1:
        raise bad_invitation("a link for one person is used once", "one use, or no pseudonym")
    expires_at = now + timedelta(days=wanted.days)
    note = _checked_note(wanted.note)
    new = stored.NewInvitation(person.role, person.only_study_id, person.id, by, expires_at, 1, note)
    row, code = stored.add_invitation(store, new, now=now)
    return Invited(row.id, code, person.role, None, person.pseudonym, expires_at, 1, row.note)


def _checked_note(note: str | None) -> str | None:
    """A note on one line; None for one that says nothing."""
    line = " ".join((note or "").split())
    if len(line) > MOST_NOTE:
        raise note_too_long(len(line), MOST_NOTE)
    return line or None


def invitation_study(collecting: Collecting, invitation: Invitation) -> str | None:
    """The name of the study that an invitation leads into."""
    return None if invitation.study_id is None else collecting.catalogue.of_id(invitation.study_id).settings.name
