"""What a restore does not take back of who may come in: passwords, invitations that are used up, wishes, who arrived.

Read before the rows are removed, written once the backup's stand there. Accounts and preferences stay as they are now where
their people stand in the backup: a password that was changed since must not open anything again, and who opted out of a
topic has; a login elsewhere that was taken from them since does not come back. An invitation is never good for more than it was before, and one of which the backup knows nothing is void; so it
is also after another backup, which knows it, was restored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, or_, select, update

from plumbline.collect.store.database import insert_into
from plumbline.collect.store.tables import (
    accounts,
    arrivals,
    invitations,
    outside_identities,
    people,
    preferences,
    studies,
)

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class IdentityNow:
    """Rows as they stand before a restore."""

    accounts: Rows = field(default_factory=list)
    invitations: Rows = field(default_factory=list)
    arrivals: Rows = field(default_factory=list)
    outside: Rows = field(default_factory=list)
    preferences: Rows = field(default_factory=list)
    people: frozenset[str] = frozenset()


def identity_now(target: Connection) -> IdentityNow:
    """What stands in the store that a restore is about to replace."""

    def rows(table: Table) -> Rows:
        """All of a table."""
        return [dict(row) for row in target.execute(select(table)).mappings()]

    persons = frozenset(target.execute(select(people.c.id)).scalars())
    came = rows(arrivals), rows(outside_identities)
    return IdentityNow(rows(accounts), rows(invitations), *came, rows(preferences), persons)


def stay_within(target: Connection, persons: Rows, now: datetime) -> Rows:
    """People to be carried over, fit for the studies that stand in the backup.

    Whose only study is not there any more is blocked: without a study they would be of all studies.
    """
    stay = set(target.execute(select(studies.c.id)).scalars())
    return [
        person
        if person["only_study_id"] is None or person["only_study_id"] in stay
        else {**person, "only_study_id": None, "blocked_at": person["blocked_at"] or now}
        for person in persons
    ]


def carry_identity(target: Connection, before: IdentityNow, now: datetime) -> None:
    """Writes over the backup's rows what outlasts a restore; whoever is erased again has been by now."""
    there = set(target.execute(select(people.c.id).where(people.c.erased_at.is_(None))).scalars())
    stay = set(target.execute(select(studies.c.id)).scalars())
    # Also who had none any more: they had chosen another way in.
    for person_id in set(target.execute(select(accounts.c.person_id)).scalars()) & before.people:
        target.execute(delete(accounts).where(accounts.c.person_id == person_id))
    for account in before.accounts:
        if account["person_id"] in there:
            same = or_(accounts.c.person_id == account["person_id"], accounts.c.name_key == account["name_key"])
            target.execute(delete(accounts).where(same))
            target.execute(insert(accounts), account)
    for wish in before.preferences:
        if wish["person_id"] in there and wish["study_id"] in stay:
            key = (preferences.c.person_id == wish["person_id"], preferences.c.study_id == wish["study_id"])
            target.execute(delete(preferences).where(*key))
            target.execute(insert(preferences), wish)
    for arrival in before.arrivals:
        # Under a new number, where the backup does not have it: who is blocked must not arrive as somebody new.
        if arrival["person_id"] in there and arrival["study_id"] in stay:
            kept = {name: value for name, value in arrival.items() if name != "id"}
            target.execute(insert_into(target, arrivals).values(**kept).on_conflict_do_nothing())
    _carry_outside(target, before, there)
    _carry_invitations(target, before.invitations, now)


def _carry_outside(target: Connection, before: IdentityNow, there: set[str]) -> None:
    """Whoever was in the store has the logins elsewhere that they had; nobody has one that was somebody's."""
    of_whom = set(target.execute(select(outside_identities.c.person_id)).scalars())
    for person_id in of_whom & before.people:
        target.execute(delete(outside_identities).where(outside_identities.c.person_id == person_id))
    for identity in before.outside:
        key = (outside_identities.c.issuer == identity["issuer"], outside_identities.c.subject == identity["subject"])
        target.execute(delete(outside_identities).where(*key))
        if identity["person_id"] in there:
            kept = {name: value for name, value in identity.items() if name != "id"}
            target.execute(insert(outside_identities), kept)


def _carry_invitations(target: Connection, before: Rows, now: datetime) -> None:
    columns = (invitations.c.sha256, invitations.c.uses_left, invitations.c.revoked_at)
    known = {row.sha256: row for row in target.execute(select(*columns))}
    for invitation in before:
        then = known.get(invitation["sha256"])
        if then is None:
            nobody = {"study_id": None, "person_id": None, "created_by": None, "note": None}
            void = {"uses_left": 0, "revoked_at": invitation["revoked_at"] or now}
            target.execute(insert(invitations), {**invitation, **nobody, **void})
            continue
        left = {
            "uses_left": min(then.uses_left, invitation["uses_left"]),
            "revoked_at": invitation["revoked_at"] or then.revoked_at,
        }
        target.execute(update(invitations).where(invitations.c.sha256 == invitation["sha256"]).values(**left))
