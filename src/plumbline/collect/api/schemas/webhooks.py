"""Webhooks and what they were told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from plumbline.collect.api.schemas.base import Body

EventName = Annotated[str, Meta(min_length=1, max_length=40)]


# --- bodies ---


class NewWebhook(Body):
    """An address, and what it is to be told of: a study's, or every study's."""

    url: Annotated[str, Meta(min_length=1, max_length=2000)]
    events: Annotated[list[EventName], Meta(min_length=1, max_length=40)]
    study: Annotated[str, Meta(min_length=1, max_length=63)] | None = None


# --- answers ---


class WebhookMade(Struct):
    """A webhook; its secret, by which a receiver verifies what it gets, cannot be read again."""

    id: int
    url: str
    events: list[str]
    study: str | None
    secret: str
    created_at: datetime


class WebhookLine(Struct):
    """A webhook without its secret: `waiting` and `given_up` count its messages of the last 30 days."""

    id: int
    url: str
    events: list[str]
    study: str | None
    created_by: str | None
    created_at: datetime
    waiting: int
    given_up: int


class Webhooks(Struct):
    """Those that stand, and the events that one can ask for."""

    webhooks: list[WebhookLine]
    events: list[str]


class WebhookRemoved(Struct):
    """Whether it was still standing."""

    removed: bool


class WebhookQueued(Struct):
    """A message is in the outbox; the list of deliveries says what becomes of it."""

    queued: bool


class DeliveryLine(Struct):
    """A message and what became of it: `status` of the last answer, or `trouble`, why there was none."""

    id: int
    message: str
    event: str
    state: Literal["waiting", "delivered", "given_up"]
    attempts: int
    status: int | None
    trouble: Literal["unreachable", "too_slow", "broke_off", "not_permitted"] | None
    created_at: datetime
    next_at: datetime | None
    ended_at: datetime | None


class Deliveries(Struct):
    """Newest first; `before` is where the next page begins, null at the end."""

    deliveries: list[DeliveryLine]
    before: int | None
