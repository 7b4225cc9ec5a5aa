"""Frozen rows of webhooks and of what they are told; see `rows`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from plumbline.collect.store.column_types import JsonValue


class NoAnswer(IntEnum):
    """Why there is no status of an answer to a webhook's message; all below 100, which no status is."""

    UNREACHABLE = 1
    TOO_SLOW = 2
    BROKE_OFF = 3
    NOT_PERMITTED = 4


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told what happens.

    Attributes:
        study_id: None for every study of the store.
        secret: signs what is sent; begins with ``whsec_``.
        events: what it is told of, see `outbox.WebhookEvent`.
        created_by: None where that is not known any more.
    """

    id: int
    study_id: int | None
    url: str
    secret: str = field(repr=False)
    events: JsonValue
    created_by: str | None
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message of the outbox; neither delivered nor given up: still to be sent.

    Attributes:
        payload: the message as it is sent.
        attempts: how often it was sent, the attempt under way included.
        next_at: when it is due.
        claimed_until: as long as a process is at it.
        last_status: of the last answer, or a `NoAnswer`.
    """

    id: int
    webhook_id: int
    event: str
    payload: JsonValue
    created_at: datetime
    attempts: int
    next_at: datetime
    claimed_until: datetime | None
    delivered_at: datetime | None
    given_up_at: datetime | None
    last_status: int | None
