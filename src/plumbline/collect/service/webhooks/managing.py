"""What owners do with webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.webhooks.addresses import checked_address
from plumbline.collect.service.webhooks.failures import unknown_events
from plumbline.collect.service.webhooks.signing import new_secret
from plumbline.collect.store.outbox import WebhookEvent
from plumbline.collect.store.rows import Person
from plumbline.collect.store.webhook_rows import Delivery, NoAnswer, Webhook
from plumbline.collect.store.webhooks import NewWebhook, add_webhook

OFFERED = tuple(event for event in WebhookEvent if event is not WebhookEvent.PING)
"""What a webhook can ask for."""

Trouble = Literal["unreachable", "too_slow", "broke_off", "not_permitted"]
_TROUBLES: dict[int, Trouble] = {
    NoAnswer.UNREACHABLE: "unreachable",
    NoAnswer.TOO_SLOW: "too_slow",
    NoAnswer.BROKE_OFF: "broke_off",
    NoAnswer.NOT_PERMITTED: "not_permitted",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a webhook was told, or is to be told.

    Attributes:
        message: its id, as receivers know it.
        status: of the last answer; `trouble` says why there was none.
        next_at: when it is sent again; None where it is over.
        ended_at: when it was delivered or given up.
    """

    id: int
    message: str
    event: str
    state: Literal["waiting", "delivered", "given_up"]
    attempts: int
    status: int | None
    trouble: Trouble | None
    created_at: datetime
    next_at: datetime | None
    ended_at: datetime | None


def new_webhook(
    collecting: Collecting, by: Person, url: str, events: Sequence[str], study: str | None, *, allow_private: bool
) -> Webhook:
    """A webhook with a secret of its own, which is told of everything from now on.

    Args:
        study: by name; None for every study of the store.
        allow_private: the server permits private addresses.
    Raises:
        ServiceError: PL-WHK-001, PL-WHK-002. NotFoundError: PL-COL-010. ConflictError: PL-COL-038.
    """
    wanted = [event for event in OFFERED if event.value in events]
    if not wanted or len(wanted) != len(events):
        raise unknown_events(", ".join(event.value for event in OFFERED))
    address = checked_address(url, allow_private=allow_private)
    study_id = None if study is None else collecting.catalogue.named(study).id
    new = NewWebhook(study_id, address, new_secret(), wanted, by.id)
    return add_webhook(collecting.store, new, now=collecting.clock())


def told_of(row: Delivery) -> Told:
    """How a delivery stands."""
    ended_at = row.delivered_at or row.given_up_at
    trouble = None if row.last_status is None else _TROUBLES.get(row.last_status)
    return Told(
        id=row.id,
        message=str(row.payload.get("id", "")),
        event=row.event,
        state="waiting" if ended_at is None else "delivered" if row.delivered_at is not None else "given_up",
        attempts=row.attempts,
        status=row.last_status if trouble is None else None,
        trouble=trouble,
        created_at=row.created_at,
        next_at=row.next_at if ended_at is None else None,
        ended_at=ended_at,
    )
