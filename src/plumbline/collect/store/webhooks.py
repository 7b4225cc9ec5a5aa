"""Webhooks: which addresses are told of what. Made and removed by owners; a secret leaves here to sign, and once to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, case, func, insert, select, update

from plumbline.collect.store import row_maps
from plumbline.collect.store.database import Store
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.failures import ConflictError, not_found
from plumbline.collect.store.outbox import WebhookEvent, new_message, put_delivery
from plumbline.collect.store.tables import IS_UNDELIVERED, deliveries, people, studies, webhooks
from plumbline.collect.store.webhook_rows import Webhook

MOST_WEBHOOKS = 20


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook to make; see `webhook_rows.Webhook`."""

    study_id: int | None
    url: str
    secret: str = field(repr=False)
    events: Sequence[WebhookEvent]
    created_by: str | None


@dataclass(frozen=True, slots=True)
class ListedWebhook:
    """A webhook with what names it, and how its deliveries stand.

    Attributes:
        study, created_by: name and pseudonym; None for every study, or where nobody is known.
        waiting: still to be delivered.
        given_up: of those that are still kept.
    """

    webhook: Webhook
    study: str | None
    created_by: str | None
    waiting: int
    given_up: int


def add_webhook(store: Store, new: NewWebhook, *, now: datetime) -> Webhook:
    """A webhook that is told of everything from now on.

    Raises:
        ConflictError: PL-COL-038, there are many already.
    """

    def work(connection: Connection) -> Webhook:
        """Within one transaction: the webhook, logged."""
        standing = select(func.count()).where(webhooks.c.revoked_at.is_(None))
        if int(connection.execute(standing).scalar_one()) >= MOST_WEBHOOKS:
            raise _too_many()
        values: dict[str, Any] = {
            "study_id": new.study_id,
            "url": new.url,
            "secret": new.secret,
            "created_by": new.created_by,
        }
        values |= {"events": [event.value for event in new.events], "created_at": now}
        row = connection.execute(insert(webhooks).values(**values).returning(*row_maps.WEBHOOK.columns)).one()
        about = {"study_id": new.study_id, "person_id": new.created_by, "payload": {"webhook": row.id}}
        add_event(connection, EventKind.WEBHOOK_ADDED, now, **about)
        return row_maps.WEBHOOK.of(row)

    return store.write(work)


def list_webhooks(store: Store, *, only_study_id: int | None = None) -> list[ListedWebhook]:
    """Those that stand, in the order in which they were made; those of one study alone, where one is named."""
    waiting = func.count(deliveries.c.id).filter(IS_UNDELIVERED).label("waiting")
    given_up = func.sum(case((deliveries.c.given_up_at.is_not(None), 1), else_=0)).label("given_up")
    query = select(*row_maps.WEBHOOK.columns, studies.c.name, people.c.pseudonym, waiting, given_up)
    query = query.outerjoin(studies, studies.c.id == webhooks.c.study_id)
    query = query.outerjoin(people, people.c.id == webhooks.c.created_by)
    query = query.outerjoin(deliveries, deliveries.c.webhook_id == webhooks.c.id).where(webhooks.c.revoked_at.is_(None))
    if only_study_id is not None:
        query = query.where(webhooks.c.study_id == only_study_id)
    query = query.group_by(*row_maps.WEBHOOK.columns, studies.c.name, people.c.pseudonym).order_by(webhooks.c.id)
    return [
        ListedWebhook(row_maps.WEBHOOK.of(row), row.name, row.pseudonym, int(row.waiting), int(row.given_up or 0))
        for row in store.rows(query)
    ]


def read_webhook(store: Store, number: int) -> Webhook:
    """The webhook of this number, where it stands.

    Raises:
        NotFoundError: PL-COL-010.
    """
    row = store.row(_standing(number))
    if row is None:
        raise not_found("webhook", number)
    return row_maps.WEBHOOK.of(row)


def remove_webhook(store: Store, number: int, *, by: str | None, now: datetime) -> bool:
    """Ends a webhook, and gives up what it was still to be told; False where it was ended before, or never was."""

    def work(connection: Connection) -> bool:
        """Within one transaction: ended, given up, logged."""
        query = update(webhooks).where(webhooks.c.id == number, webhooks.c.revoked_at.is_(None))
        if not connection.execute(query.values(revoked_at=now)).rowcount:
            return False
        theirs = update(deliveries).where(deliveries.c.webhook_id == number, IS_UNDELIVERED)
        count = connection.execute(theirs.values(given_up_at=now, claimed_until=None)).rowcount
        payload = {"webhook": number, "given_up": count}
        add_event(connection, EventKind.WEBHOOK_REMOVED, now, person_id=by, payload=payload)
        return True

    return store.write(work)


def ping(store: Store, number: int, *, now: datetime) -> None:
    """Puts a message that tells nothing into the outbox, whatever the webhook asks for.

    Raises:
        NotFoundError: PL-COL-010.
    """

    def work(connection: Connection) -> None:
        """Within one transaction: one message for a webhook that stands."""
        if connection.execute(_standing(number).with_for_update(key_share=True)).first() is None:
            raise not_found("webhook", number)
        put_delivery(connection, number, new_message(WebhookEvent.PING, None, {"webhook": number}, now), now)

    store.write(work)


def _standing(number: int) -> Select[tuple[object, ...]]:
    return select(*row_maps.WEBHOOK.columns).where(webhooks.c.id == number, webhooks.c.revoked_at.is_(None))


def _too_many() -> ConflictError:
    return ConflictError(
        "PL-COL-038",
        "webhooks",
        "there are as many as a store may have",
        expected=f"at most {MOST_WEBHOOKS}",
        advice="remove one that nobody needs any more",
    )
