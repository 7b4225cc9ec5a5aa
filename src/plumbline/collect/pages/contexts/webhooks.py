"""Webhooks: owners change them, managers see what becomes of what is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from plumbline.collect.pages.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A message.

    Attributes:
        number: of the delivery.
        event: what it tells.
        said: what became of it, in words.
        tag: that it was given up; empty where it was not.
        at: when it was written.
    """

    number: int
    event: str
    said: str
    tag: str
    at: datetime


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """An address that is told.

    Attributes:
        number: of the webhook.
        url: where it is; for who may not change it scheme and host alone.
        events: what it is told of, in its own words.
        study: of which study; empty for all.
        created_by: pseudonym; empty where nobody is known.
        created_at: when it was made.
        waiting: messages still to be delivered.
        given_up: messages that were given up.
        deliveries: the newest.
    """

    number: int
    url: str
    events: tuple[str, ...]
    study: str
    created_by: str
    created_at: datetime
    waiting: int
    given_up: int
    deliveries: tuple[DeliveryRow, ...]


@dataclass(frozen=True, slots=True)
class OfferedEvent:
    """What one can ask for.

    Attributes:
        name: as it is sent.
        means: in words.
        usual: whether it is chosen to begin with.
    """

    name: str
    means: str
    usual: bool


@dataclass(frozen=True, slots=True)
class WebhooksPage:
    """The webhooks that who looks may see.

    Attributes:
        frame: around it.
        may_change: whether who looks may add, try and remove them.
        permits_private: whether this server tells private addresses too.
        refresh_seconds: how often the list looks for what has become of messages.
        webhooks: in the order in which they were made.
        offered: events to choose from.
        studies: by name.
    """

    template: ClassVar[str] = "manage/webhooks.html"
    frame: Frame
    may_change: bool
    permits_private: bool
    refresh_seconds: int
    webhooks: tuple[WebhookRow, ...]
    offered: tuple[OfferedEvent, ...]
    studies: tuple[str, ...]
