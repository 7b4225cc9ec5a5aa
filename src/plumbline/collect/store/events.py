"""The log: what happened, to what, by whom. Append-only; ids, counts and states, never conversation text.

A line's person is who did it. Where it is about somebody, it is them, and who did it stands as ``by`` in the payload
(`acted`), unless they did it themselves. Nobody in either: it was done at the store's machine, from the command line.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, bindparam, exists, insert, or_, select

from plumbline.collect.store import row_maps
from plumbline.collect.store.column_types import JsonValue
from plumbline.collect.store.database import Store
from plumbline.collect.store.rows import Event
from plumbline.collect.store.tables import events, webhooks

_INSERT = insert(events)
_IS_TOLD = exists().where(
    webhooks.c.revoked_at.is_(None),
    or_(webhooks.c.study_id.is_(None), webhooks.c.study_id == bindparam("told_of")),
)
_INSERT_TOLD = insert(events).returning(_IS_TOLD.label("is_told"))


class EventKind(StrEnum):
    """What the store itself logs; a service may log kinds of its own by ``log_event``."""

    STUDY_CREATED = "study_created"
    STUDY_STATE = "study_state"
    GUIDELINES_ADDED = "guidelines_added"
    PERSON_ADDED = "person_added"
    PERSON_BLOCKED = "person_blocked"
    PERSON_UNBLOCKED = "person_unblocked"
    TOKEN_ISSUED = "token_issued"  # noqa: S105 - a kind of event
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - a kind of event
    CONSENTED = "consented"
    QUALIFICATION = "qualification"
    ITEMS_ENTERED = "items_entered"
    SPLIT_SETTLED = "split_settled"
    SPLIT_AGAIN = "split_again"
    LEASED = "leased"
    RENEWED = "renewed"
    EXPIRED = "expired"
    RELEASED = "released"
    DECLINED = "declined"
    CONSENT_DECLINED = "consent_declined"
    RECLAIMED = "reclaimed"
    REPLIES_STORED = "replies_stored"
    REPLIES_SHOWN = "replies_shown"
    JUDGED = "judged"
    SUBMITTED = "submitted"
    LATE = "late"
    CORRECTED = "corrected"
    PERSON_ERASED = "person_erased"
    RESTORED = "restored"
    EXPORTED = "exported"
    INVITED = "invited"
    INVITATION_ACCEPTED = "invitation_accepted"
    INVITATION_REVOKED = "invitation_revoked"
    OUTSIDE_CONNECTED = "outside_connected"
    OUTSIDE_DISCONNECTED = "outside_disconnected"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a kind of event
    PREFERENCES_SET = "preferences_set"
    MOOD_TOLD = "mood_told"
    ARRIVED = "arrived"
    VISIT_COMPLETED = "visit_completed"
    WEBHOOK_ADDED = "webhook_added"
    WEBHOOK_REMOVED = "webhook_removed"
    WEBHOOK_GIVEN_UP = "webhook_given_up"


_TOLD = frozenset(
    {
        *(EventKind.STUDY_CREATED, EventKind.STUDY_STATE, EventKind.GUIDELINES_ADDED),
        *(EventKind.ITEMS_ENTERED, EventKind.SUBMITTED, EventKind.SPLIT_SETTLED),
    }
)
"""What other systems may be told of, see `outbox`; all of a study."""


def log_event(
    store: Store,
    kind: str,
    *,
    now: datetime,
    study_id: int | None = None,
    person_id: str | None = None,
    assignment_id: int | None = None,
    payload: JsonValue = None,
) -> None:
    """Logs what happened outside the store, such as a model that did not answer. No conversation text in `payload`."""
    store.write(
        lambda connection: add_event(
            connection,
            kind,
            now,
            study_id=study_id,
            person_id=person_id,
            assignment_id=assignment_id,
            payload=payload,
        )
    )


def add_event(connection: Connection, kind: str, now: datetime, **about: JsonValue) -> bool:
    """Logs within the transaction at hand; `about` names columns of the log.

    Returns:
        Whether a webhook of the study may want to be told: asked in the same statement, since most stores have none.
    """
    line = {"at": now, "kind": str(kind), **about, "payload": about.get("payload") or {}}
    if kind not in _TOLD:
        connection.execute(_INSERT, line)
        return False
    return bool(connection.execute(_INSERT_TOLD, {**line, "told_of": about["study_id"]}).scalar_one())


def acted(by: str | None) -> dict[str, JsonValue]:
    """Who did it, for the payload of a line about somebody else."""
    return {} if by is None else {"by": by}


def read_events(store: Store, *, study_id: int | None = None, after: int = 0, limit: int = 1000) -> list[Event]:
    """Events after number `after`, oldest first, at most `limit`.

    On Postgres a transaction that is still open may commit a lower number later: who follows the log live reads again
    from a little before, or reads when nothing writes.
    """
    query = select(*row_maps.EVENT.columns).where(events.c.seq > after).order_by(events.c.seq).limit(limit)
    if study_id is not None:
        query = query.where(events.c.study_id == study_id)
    return [row_maps.EVENT.of(row) for row in store.rows(query)]
