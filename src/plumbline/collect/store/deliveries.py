"""Deliveries: who sends which message of the outbox when, and what became of it.

A process claims a message before it sends it, for a while: no other sends it meanwhile, and where the process dies the claim
lapses and another one sends it, perhaps a second time. That it was delivered counts whoever says so; that it was not, only
from whoever holds the claim.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, or_, select, update

from plumbline.collect.store import row_maps
from plumbline.collect.store.database import Store
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.outbox import put_delivery
from plumbline.collect.store.tables import IS_UNDELIVERED, deliveries, webhooks
from plumbline.collect.store.webhook_rows import Delivery

KEPT = timedelta(days=30)
"""How long it is known what became of a message."""
OLDEST = timedelta(days=3)
"""A message that is still to be delivered after that is given up, however often it was tried."""
_BATCH = 1000

_IS_FREE = or_(deliveries.c.claimed_until.is_(None), deliveries.c.claimed_until <= bindparam("now"))
"""No process is sending it."""

# Statements are made once: building one takes longer than running it.
_DUE = (
    select(deliveries.c.id)
    .where(IS_UNDELIVERED, _IS_FREE, deliveries.c.next_at <= bindparam("now"))
    .where(deliveries.c.webhook_id.not_in(bindparam("but", expanding=True)))
    .order_by(deliveries.c.next_at, deliveries.c.id)
    .limit(1)
)
_LOCK_DUE = _DUE.with_for_update(skip_locked=True)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process is to send now.

    Attributes:
        attempts: this one included.
        until: when another process may send it.
    """

    id: int
    webhook_id: int
    study_id: int | None
    url: str
    secret: str = field(repr=False)
    message: dict[str, Any]
    created_at: datetime
    attempts: int
    until: datetime


def claim_due(store: Store, *, now: datetime, until: datetime, but: Collection[int] = ()) -> Claimed | None:
    """The message that has been due for longest, claimed; None where there is none, which costs one read.

    Args:
        but: webhooks that are told nothing now.
    """
    asked = {"now": now, "but": list(but)}
    if store.row(_DUE, asked) is None:
        return None

    def work(connection: Connection) -> Claimed | None:
        """Within one transaction: one message, which nobody else gets meanwhile."""
        number = connection.execute(_LOCK_DUE, asked).scalar()
        if number is None:
            return None
        claim = {"claimed_until": until, "attempts": deliveries.c.attempts + 1}
        connection.execute(update(deliveries).where(deliveries.c.id == number).values(**claim))
        query = select(deliveries, webhooks.c.study_id, webhooks.c.url, webhooks.c.secret)
        row = connection.execute(query.join(webhooks).where(deliveries.c.id == number)).one()
        told = (row.url, row.secret, row.payload, row.created_at)
        return Claimed(number, row.webhook_id, row.study_id, *told, row.attempts, until)

    return store.write(work)


def mark_delivered(store: Store, number: int, status: int, *, now: datetime) -> None:
    """It arrived, whoever holds the claim by now; nothing where it is over already."""
    query = update(deliveries).where(deliveries.c.id == number, IS_UNDELIVERED)
    values = {"delivered_at": now, "last_status": status, "claimed_until": None}
    store.write(lambda connection: connection.execute(query.values(**values)))


def mark_failed(store: Store, claimed: Claimed, status: int, *, now: datetime, next_at: datetime | None) -> bool:
    """It did not arrive; False where another process has it by now.

    Args:
        status: of the answer, or a `NoAnswer`.
        next_at: when it is tried again; None gives it up, which is logged.
    """

    def work(connection: Connection) -> bool:
        """Within one transaction: when again, or given up and logged."""
        mine = (deliveries.c.id == claimed.id, deliveries.c.claimed_until == claimed.until, IS_UNDELIVERED)
        ended = {"given_up_at": now} if next_at is None else {"next_at": next_at}
        query = update(deliveries).where(*mine).values(last_status=status, claimed_until=None, **ended)
        if not connection.execute(query).rowcount:
            return False
        if next_at is None:
            told = {"webhook": claimed.webhook_id, "delivery": claimed.id, "event": claimed.message["type"]}
            told |= {"attempts": claimed.attempts, "status": status}
            add_event(connection, EventKind.WEBHOOK_GIVEN_UP, now, study_id=claimed.study_id, payload=told)
        return True

    return store.write(work)


def list_deliveries(store: Store, webhook_id: int, *, before: int | None = None, limit: int = 100) -> list[Delivery]:
    """A webhook's messages, newest first, from the one before `before` on."""
    query = select(*row_maps.DELIVERY.columns).where(deliveries.c.webhook_id == webhook_id)
    if before is not None:
        query = query.where(deliveries.c.id < before)
    rows = store.rows(query.order_by(deliveries.c.id.desc()).limit(limit))
    return [row_maps.DELIVERY.of(row) for row in rows]


def send_again(store: Store, webhook_id: int, number: int, *, now: datetime) -> None:
    """Tries a message now, under the id that it has: one that waits at once, one that is over as a new delivery.

    Raises:
        NotFoundError: PL-COL-010, the webhook has no such delivery, or was removed.
    """

    def work(connection: Connection) -> None:
        """Within one transaction: due now, or a second row."""
        query = select(deliveries.c.payload, deliveries.c.delivered_at, deliveries.c.given_up_at).join(webhooks)
        query = query.where(deliveries.c.id == number, webhooks.c.id == webhook_id, webhooks.c.revoked_at.is_(None))
        row = connection.execute(query.with_for_update(key_share=True)).one_or_none()
        if row is None:
            raise not_found("delivery", number)
        if row.delivered_at is None and row.given_up_at is None:
            connection.execute(update(deliveries).where(deliveries.c.id == number).values(next_at=now))
        else:
            put_delivery(connection, webhook_id, row.payload, now)

    store.write(work)


def count_undelivered(store: Store) -> tuple[int, int]:
    """How many messages of all webhooks are still to be delivered, and how many of those that are kept were given up."""
    waiting = select(func.count()).select_from(deliveries).where(IS_UNDELIVERED)
    given_up = select(func.count()).select_from(deliveries).where(deliveries.c.given_up_at.is_not(None))
    return int(store.rows(waiting)[0][0]), int(store.rows(given_up)[0][0])


def sweep(store: Store, *, now: datetime) -> tuple[int, int]:
    """Gives up what waits for longer than `OLDEST`, logged, and removes what has been over for longer than `KEPT`.

    What somebody is sending at this moment may arrive: it is looked at the next time.

    Returns:
        How many were given up, and how many removed.
    """
    old = select(deliveries.c.id).where(IS_UNDELIVERED, _IS_FREE, deliveries.c.created_at < now - OLDEST).limit(_BATCH)
    over = or_(deliveries.c.delivered_at < now - KEPT, deliveries.c.given_up_at < now - KEPT)
    gone = select(deliveries.c.id).where(over).limit(_BATCH)
    ended = update(deliveries).values(given_up_at=now, claimed_until=None).where(deliveries.c.id.in_(old))
    given_up = removed = 0

    def give_up(connection: Connection) -> int:
        """Within one transaction: a batch, and a line of the log for each webhook that it is of."""
        rows = connection.execute(ended.returning(deliveries.c.webhook_id), {"now": now}).scalars()
        counts = Counter(rows)
        of_study = select(webhooks.c.id, webhooks.c.study_id).where(webhooks.c.id.in_(counts)).order_by(webhooks.c.id)
        for row in connection.execute(of_study).all() if counts else ():
            payload = {"webhook": row.id, "given_up": counts[row.id]}
            add_event(connection, EventKind.WEBHOOK_GIVEN_UP, now, study_id=row.study_id, payload=payload)
        return counts.total()

    # A batch a transaction: workers write in between.
    while count := store.write(give_up):
        given_up += count
    while count := store.write(
        lambda connection: connection.execute(delete(deliveries).where(deliveries.c.id.in_(gone))).rowcount
    ):
        removed += count
    return given_up, removed
