"""The log: what happened, to what, by whom. Append-only; ids, counts and states, never conversation text."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, insert, select

from plumbline.collect.store import row_maps
from plumbline.collect.store.column_types import JsonValue
from plumbline.collect.store.database import Store
from plumbline.collect.store.rows import Event
from plumbline.collect.store.tables import events

_INSERT = insert(events)


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
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a kind of event
    PREFERENCES_SET = "preferences_set"
    MOOD_TOLD = "mood_told"
    ARRIVED = "arrived"
    VISIT_COMPLETED = "visit_completed"


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


def add_event(connection: Connection, kind: str, now: datetime, **about: JsonValue) -> None:
    """Logs within the transaction at hand; `about` names columns of the log."""
    about["payload"] = about.get("payload") or {}
    connection.execute(_INSERT, {"at": now, "kind": str(kind), **about})


def read_events(store: Store, *, study_id: int | None = None, after: int = 0, limit: int = 1000) -> list[Event]:
    """Events after number `after`, oldest first, at most `limit`.

    On Postgres a transaction that is still open may commit a lower number later: who follows the log live reads again
    from a little before, or reads when nothing writes.
    """
    query = select(*row_maps.EVENT.columns).where(events.c.seq > after).order_by(events.c.seq).limit(limit)
    if study_id is not None:
        query = query.where(events.c.study_id == study_id)
    return [row_maps.EVENT.of(row) for row in store.rows(query)]
