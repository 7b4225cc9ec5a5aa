"""People: who may add, block, invite and give tokens to whom.

Who is of one study reaches nobody else than those of that study, and whomever they add is of it too.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.failures import comes_in_alone, of_the_whole_store, person_out_of_reach
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.identity.handed_tokens import hand_token
from plumbline.collect.store.participation import takes_part
from plumbline.collect.store.people import add_person, find_person, revoke_tokens, set_blocked
from plumbline.collect.store.rows import Person, Role

RANKS = {role: rank for rank, role in enumerate((Role.WORKER, Role.REVIEWER, Role.MANAGER, Role.OWNER))}
"""Whoever may do what a role may, may do what the roles below it may."""


def has_role(person: Person, least: Role) -> bool:
    """Whether somebody is of a role or above it."""
    return RANKS[person.role] >= RANKS[least]


def new_person(collecting: Collecting, by: Person, role: Role, token_days: int) -> tuple[Person, str, datetime]:
    """Somebody new, their token, which cannot be read again, and its end.

    Raises:
        ServiceError: PL-SVC-006, `by` does not reach so far.
    """
    require_reach(by, role)
    now = collecting.clock()
    person = add_person(collecting.store, role, now=now, only_study_id=by.only_study_id, by=by.id)
    token, expires_at = _hand_token(collecting, by, person, token_days)
    return person, token, expires_at


def new_token(collecting: Collecting, by: Person, pseudonym: str, token_days: int) -> tuple[str, datetime]:
    """Another token for somebody who has nothing but tokens, or for `by`; those they have stay valid.

    Whoever reads a token can act as whom it is for: who comes in by themselves gets none from others.

    Raises:
        NotFoundError: PL-COL-010. ServiceError: PL-SVC-006; PL-SVC-013, they have a way in of their own.
    """
    return _hand_token(collecting, by, reach(collecting, by, pseudonym), token_days)


def end_tokens(collecting: Collecting, by: Person, pseudonym: str) -> int:
    """Ends all tokens of somebody; how many were valid."""
    return revoke_tokens(collecting.store, reach(collecting, by, pseudonym).id, now=collecting.clock(), by=by.id)


def change_blocked(collecting: Collecting, by: Person, pseudonym: str, blocked: bool) -> Person:
    """Blocks somebody, or lifts it."""
    person_id = reach(collecting, by, pseudonym).id
    return set_blocked(collecting.store, person_id, blocked, now=collecting.clock(), by=by.id)


def reach(collecting: Collecting, by: Person, pseudonym: str) -> Person:
    """Somebody whom `by` may do something about: of a lower role, or anyone for an owner.

    Raises:
        NotFoundError: PL-COL-010. ServiceError: PL-SVC-006; PL-SVC-014, they are of the whole store, and took part in the
            one study that `by` is of, who can see them there.
    """
    person = find_person(collecting.store, pseudonym)
    if by.only_study_id not in (None, person.only_study_id):
        if person.only_study_id is None and takes_part(collecting.store, by.only_study_id, person.id):
            raise of_the_whole_store()
        raise not_found("person", "of this pseudonym")
    require_reach(by, person.role)
    return person


def require_reach(by: Person, role: Role) -> None:
    """Refuses what somebody would do about people of a role that they do not reach.

    Raises:
        ServiceError: PL-SVC-006.
    """
    if by.role is not Role.OWNER and RANKS[role] >= RANKS[by.role]:
        raise person_out_of_reach(Role.OWNER.value if role in (Role.OWNER, Role.MANAGER) else Role.MANAGER.value)


def _hand_token(collecting: Collecting, by: Person, person: Person, days: int) -> tuple[str, datetime]:
    now = collecting.clock()
    expires_at = now + timedelta(days=days)
    token = hand_token(collecting.store, person.id, by=by.id, now=now, expires_at=expires_at)
    if token is None:
        raise comes_in_alone()
    return token, expires_at
