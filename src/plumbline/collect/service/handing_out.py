"""Tokens and links for whoever sits at the store's machine: no role is asked, since who can open the store can do anything to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from plumbline.collect.service.identity.inviting import FIRST_OWNER_DAYS, Wanted, invite_from_store
from plumbline.collect.store.database import Store
from plumbline.collect.store.identity.accounts import has_owner_account
from plumbline.collect.store.identity.outside_identities import has_owner_outside
from plumbline.collect.store.people import add_person, find_person, issue_token, list_people
from plumbline.collect.store.rows import Person, Role
from plumbline.records import UsageError, unknown_name

OWNER_TOKEN_DAYS = 365
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class HandedOut:
    """A token; it stands nowhere but here.

    Attributes:
        link_path: of an invitation by which a first owner sets a name and a password; no better kept than the token.
    """

    pseudonym: str
    role: Role
    token: str
    expires_at: datetime
    is_new_person: bool
    link_path: str | None = None


def hand_out_token(
    store: Store, *, role: Role = Role.WORKER, days: int = 30, pseudonym: str | None = None, now: datetime
) -> HandedOut:
    """A token for somebody new, or another one for somebody.

    Args:
        role: of somebody new.
        days: until it ends.
        pseudonym: of somebody who is there already; their role stays.
    Raises:
        NotFoundError: PL-COL-010. NotAllowedError: PL-COL-031, they were erased.
    """
    person = add_person(store, role, now=now) if pseudonym is None else find_person(store, pseudonym)
    expires_at = now + timedelta(days=days)
    token = issue_token(store, person.id, now=now, expires_at=expires_at)
    return HandedOut(person.pseudonym, person.role, token, expires_at, pseudonym is None)


def hand_out_first_owner(store: Store, *, now: datetime) -> HandedOut | None:
    """An owner with a token and a link to log in by, where the store has no owner yet; None where it has."""
    if owners(store):
        return None
    owner = hand_out_token(store, role=Role.OWNER, days=OWNER_TOKEN_DAYS, now=now)
    return replace(owner, link_path=link_of_owner(store, now=now))


def link_of_owner(store: Store, *, now: datetime, issuer: str | None = None) -> str | None:
    """The path of a new link by which an owner sets a name and a password; None where one can log in already.

    Args:
        issuer: by which people log in here too.
    """
    everybody = [person for person in owners(store) if person.blocked_at is None]
    if not everybody or has_owner_account(store) or (issuer is not None and has_owner_outside(store, issuer)):
        return None
    first = min(everybody, key=lambda person: (person.created_at, person.id))
    wanted = Wanted(None, None, first.pseudonym, FIRST_OWNER_DAYS, 1)
    return invite_from_store(store, wanted, study_id=None, now=now).link_path


def role_of(stated: str | None, pseudonym: str | None) -> Role:
    """The role that a command line means; workers by default.

    Raises:
        UsageError: PL-ARG-001, there is no such role; PL-ARG-005, somebody who is there has one already.
    """
    if stated is None:
        return Role.WORKER
    if pseudonym is not None:
        raise UsageError(
            "PL-ARG-005",
            "--role",
            "somebody who is there has a role, which stays",
            found="--for",
            advice="leave --role out, or --for",
        )
    if stated not in tuple(Role):
        raise unknown_name("--role", stated, tuple(Role))
    return Role(stated)


def owners(store: Store) -> list[Person]:
    """Everybody who may do all."""
    found: list[Person] = []
    after = ""
    while page := list_people(store, after=after, limit=_PAGE):
        found += [person for person in page if person.role is Role.OWNER and person.erased_at is None]
        after = page[-1].id
    return found
