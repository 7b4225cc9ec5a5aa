"""The outbox: what other systems are told is written in the transaction of what it tells, and sent after that.

Whether a webhook wants to know comes back with the line of the log (`events.add_event`), so without webhooks no query more
is made. Where one does, its row is locked until the transaction ends: two people who hand in the last two judgements of an
item at the same moment would each see one missing, and nobody would be told. These locks are the last that a transaction
takes, so none waits in a circle.

What is told holds ids, pseudonyms, counts, times and the study's name: no text, no item's key, no name of a model.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, exists, insert, or_, select

from plumbline.collect.kinds.spot_check import WRITING
from plumbline.collect.kinds.work import Purpose
from plumbline.collect.store.rows import Assignment, NewJudgement, StudyState
from plumbline.collect.store.tables import IS_LEASED, IS_OPEN, assignments, deliveries, items, people, studies, webhooks


class WebhookEvent(StrEnum):
    """What a webhook can ask for; and `PING`, which is sent where somebody tries one."""

    STUDY_STARTED = "study.started"
    STUDY_PAUSED = "study.paused"
    STUDY_RESUMED = "study.resumed"
    STUDY_CLOSED = "study.closed"
    STUDY_FINISHED = "study.finished"
    ITEM_FINISHED = "item.finished"
    ITEM_DISPUTED = "item.disputed"
    ITEM_RULED = "item.ruled"
    SPOT_CHECK_FAILED = "spot_check.failed"
    GUIDELINES_CHANGED = "guidelines.changed"
    PING = "ping"


MEANINGS: dict[WebhookEvent, tuple[str, tuple[str, ...]]] = {
    WebhookEvent.STUDY_STARTED: ("a study was made, and is open", ()),
    WebhookEvent.STUDY_PAUSED: ("it hands out no work for now", ()),
    WebhookEvent.STUDY_RESUMED: ("it hands out work again", ()),
    WebhookEvent.STUDY_CLOSED: ("it hands out no work any more", ()),
    WebhookEvent.STUDY_FINISHED: ("every item that people can ask for has all its judgements", ()),
    WebhookEvent.ITEM_FINISHED: ("an item has all its judgements", ("item", "purpose", "judgements")),
    WebhookEvent.ITEM_DISPUTED: ("an item goes to adjudication", ("item", "about")),
    WebhookEvent.ITEM_RULED: ("somebody ruled on it", ("item", "about")),
    WebhookEvent.SPOT_CHECK_FAILED: ("somebody's writing was marked as unusable or poor", ("item", "worker", "mark")),
    WebhookEvent.GUIDELINES_CHANGED: ("workers read a new version of the guidelines", ("version",)),
    WebhookEvent.PING: ("somebody tries the webhook", ("webhook",)),
}
"""What each means, and what its data hold besides the name of the study; all of it, a test looks."""

POOR = 2
"""The best mark of writing that is told as a failed spot check."""

Facts = list[tuple[WebhookEvent, dict[str, Any]]]

_ASKED_FOR = [each.value for each in (Purpose.WORK, Purpose.REVIEW, Purpose.ADJUDICATION, Purpose.SPOT_CHECK)]
_JUDGED = (Purpose.WORK, Purpose.REVIEW)

# Statements are made once: building one takes longer than running it.
_WANTING = (
    select(webhooks.c.id, webhooks.c.events)
    .where(webhooks.c.revoked_at.is_(None), or_(webhooks.c.study_id.is_(None), webhooks.c.study_id == bindparam("study")))
    .order_by(webhooks.c.id)
    .with_for_update(key_share=True)
)  # fmt: skip
_NAME = select(studies.c.name).where(studies.c.id == bindparam("study"))
_LEASED = exists().where(assignments.c.item_id == items.c.id, IS_LEASED)
_ITEM = select(items.c.open_slots, items.c.overlap, items.c.payload, items.c.author_id, _LEASED.label("leased")).where(
    items.c.id == bindparam("item")
)
_OPEN = select(items.c.id).where(items.c.study_id == bindparam("study"), items.c.purpose.in_(_ASKED_FOR), IS_OPEN)
_IN_HAND = select(assignments.c.id).where(
    assignments.c.study_id == bindparam("study"), assignments.c.purpose.in_(_ASKED_FOR), IS_LEASED
)
_DISPUTED = (
    select(items.c.id, items.c.payload)
    .where(items.c.study_id == bindparam("study"), items.c.purpose == Purpose.ADJUDICATION.value, IS_OPEN)
    .where(items.c.position >= bindparam("first"), items.c.position < bindparam("end"))
    .order_by(items.c.id)
)
_OF_KEYS = select(items.c.key, items.c.id).where(
    items.c.study_id == bindparam("study"), items.c.key.in_(bindparam("keys", expanding=True))
)
_PSEUDONYM = select(people.c.pseudonym).where(people.c.id == bindparam("person"))
_INSERT = insert(deliveries)


def tell_state(connection: Connection, study_id: int, before: StudyState, state: StudyState, now: datetime) -> None:
    """That a study was paused, closed or opened again; nothing where it was so already."""
    if before is not state:
        _tell(connection, study_id, now, [(_STATES[state], {})])


def tell_started(connection: Connection, study_id: int, now: datetime) -> None:
    """That a study was made."""
    _tell(connection, study_id, now, [(WebhookEvent.STUDY_STARTED, {})])


def tell_guidelines(connection: Connection, study_id: int, version: int, now: datetime) -> None:
    """That workers read a new version."""
    _tell(connection, study_id, now, [(WebhookEvent.GUIDELINES_CHANGED, {"version": version})])


def tell_disputed(connection: Connection, study_id: int, first: int, count: int, now: datetime) -> None:
    """That items go to adjudication: those among the ones that were just entered, from position `first` on."""
    asked = {"study": study_id, "first": first, "end": first + count}
    found = [(int(row.id), _about(row.payload)) for row in connection.execute(_DISPUTED, asked)]
    if found:
        numbers = _numbers(connection, study_id, [key for _, key in found])
        disputed = [(WebhookEvent.ITEM_DISPUTED, {"item": item, "about": numbers.get(key)}) for item, key in found]
        _tell(connection, study_id, now, disputed)


def tell_submitted(
    connection: Connection, assignment: Assignment, judgements: Sequence[NewJudgement], now: datetime
) -> None:
    """What finished work brings about: an item, a ruling, a check, a whole study. After all that follows is entered."""
    hooks = _lock_webhooks(connection, assignment.study_id)
    wanted = {event for _, events in hooks for event in events}
    if wanted & _OF_SUBMISSIONS:
        # Counted under the lock: whoever had it before has committed.
        _write(connection, hooks, assignment.study_id, now, list(_facts(connection, assignment, judgements, wanted)))


def tell_settled(connection: Connection, study_id: int, now: datetime) -> None:
    """That a study is finished, where labels that were corrected settle the last split that was left to rule on."""
    hooks = _lock_webhooks(connection, study_id)
    wants = any(WebhookEvent.STUDY_FINISHED.value in events for _, events in hooks)
    if wants and _is_finished(connection, study_id):
        _write(connection, hooks, study_id, now, [(WebhookEvent.STUDY_FINISHED, {})])


def new_message(event: WebhookEvent, study: str | None, data: dict[str, Any], now: datetime) -> dict[str, Any]:
    """What is sent: `id` is the same at every attempt, and no two messages have the same."""
    about = {} if study is None else {"study": study}
    moment = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"id": f"msg_{secrets.token_hex(16)}", "type": event.value, "timestamp": moment, "data": {**about, **data}}


def put_delivery(connection: Connection, webhook_id: int, message: dict[str, Any], now: datetime) -> None:
    """Into the outbox, due at once, within the transaction at hand."""
    values = {"webhook_id": webhook_id, "event": message["type"], "payload": message, "created_at": now}
    connection.execute(_INSERT, {**values, "attempts": 0, "next_at": now})


_STATES = {
    StudyState.OPEN: WebhookEvent.STUDY_RESUMED,
    StudyState.PAUSED: WebhookEvent.STUDY_PAUSED,
    StudyState.CLOSED: WebhookEvent.STUDY_CLOSED,
}
_OF_SUBMISSIONS = {
    WebhookEvent.STUDY_FINISHED.value,
    WebhookEvent.ITEM_FINISHED.value,
    WebhookEvent.ITEM_RULED.value,
    WebhookEvent.SPOT_CHECK_FAILED.value,
}


def _facts(
    connection: Connection, assignment: Assignment, judgements: Sequence[NewJudgement], wanted: set[str]
) -> Iterator[tuple[WebhookEvent, dict[str, Any]]]:
    if assignment.purpose.value not in _ASKED_FOR:
        return
    item, study = connection.execute(_ITEM, {"item": assignment.item_id}).one(), assignment.study_id
    about: dict[str, Any] = {"item": assignment.item_id}
    if assignment.purpose is Purpose.SPOT_CHECK:
        for mark in (each.payload["mark"] for each in judgements if each.kind == WRITING):
            if mark <= POOR:
                worker = connection.execute(_PSEUDONYM, {"person": item.author_id}).scalar()
                yield WebhookEvent.SPOT_CHECK_FAILED, {**about, "worker": worker, "mark": mark}
    if item.open_slots > 0 or item.leased:
        return
    if assignment.purpose is Purpose.ADJUDICATION:
        key = _about(item.payload)
        yield WebhookEvent.ITEM_RULED, {**about, "about": _numbers(connection, study, [key]).get(key)}
    elif assignment.purpose in _JUDGED:
        counted = {"purpose": assignment.purpose.value, "judgements": item.overlap}
        yield WebhookEvent.ITEM_FINISHED, {**about, **counted}
    if WebhookEvent.STUDY_FINISHED.value in wanted and _is_finished(connection, study):
        yield WebhookEvent.STUDY_FINISHED, {}


def _is_finished(connection: Connection, study_id: int) -> bool:
    """By two indexes that hold open items and leases alone, however many items there are."""
    return all(connection.execute(query.limit(1), {"study": study_id}).first() is None for query in (_OPEN, _IN_HAND))


def _about(payload: Any) -> str:
    """The key of what an adjudication is about, see `kinds.adjudication.DisputedItem`; it is not told."""
    return str(payload.get("item_key", "")) if isinstance(payload, dict) else ""


def _numbers(connection: Connection, study_id: int, keys: list[str]) -> dict[str, int]:
    return {row.key: int(row.id) for row in connection.execute(_OF_KEYS, {"study": study_id, "keys": keys})}


def _tell(connection: Connection, study_id: int, now: datetime, facts: Facts) -> None:
    _write(connection, _lock_webhooks(connection, study_id), study_id, now, facts)


def _lock_webhooks(connection: Connection, study_id: int) -> list[tuple[int, list[str]]]:
    return [(int(row.id), row.events) for row in connection.execute(_WANTING, {"study": study_id})]


def _write(connection: Connection, hooks: list[tuple[int, list[str]]], study: int, now: datetime, facts: Facts) -> None:
    wanted = [(hook, event, data) for event, data in facts for hook, events in hooks if event.value in events]
    if wanted:
        name = connection.execute(_NAME, {"study": study}).scalar_one()
        for hook, event, data in wanted:
            put_delivery(connection, hook, new_message(event, name, data, now), now)
