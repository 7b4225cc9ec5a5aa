"""The tables, and the conditions that partial indexes need word for word.

    work        studies, people, items, work and its log
    identity    who logs in, is invited, arrives from elsewhere
    telling     other systems that are told, and the outbox
    wellbeing   what workers wish not to see, and how they say they are

The rules that must hold whatever a program does are constraints here; ``docs/design/collect.md`` says why each stands.
Triggers (append-only tables, nobody on their own item) are SQL of the migrations. A change here needs a new migration.
"""

from __future__ import annotations

from plumbline.collect.store.tables.identity import (
    accounts,
    arrivals,
    invitations,
    login_attempts,
    outside_identities,
)
from plumbline.collect.store.tables.telling import IS_UNDELIVERED, deliveries, webhooks
from plumbline.collect.store.tables.wellbeing import moods, preferences
from plumbline.collect.store.tables.work import (
    APPEND_ONLY,
    HOLDS_SLOT,
    IS_FIRST,
    IS_LEASED,
    IS_OPEN,
    IS_SHOWN,
    IS_WITHDRAWN,
    assignments,
    cursors,
    drafts,
    erasing,
    events,
    guidelines,
    items,
    judgements,
    late,
    metadata,
    never,
    participation,
    people,
    queues,
    replies,
    requests,
    studies,
    tallies,
    tokens,
    turns,
)

__all__ = [
    "APPEND_ONLY",
    "HOLDS_SLOT",
    "IS_FIRST",
    "IS_LEASED",
    "IS_OPEN",
    "IS_SHOWN",
    "IS_UNDELIVERED",
    "IS_WITHDRAWN",
    "accounts",
    "arrivals",
    "assignments",
    "cursors",
    "deliveries",
    "drafts",
    "erasing",
    "events",
    "guidelines",
    "invitations",
    "items",
    "judgements",
    "late",
    "login_attempts",
    "metadata",
    "moods",
    "never",
    "outside_identities",
    "participation",
    "people",
    "preferences",
    "queues",
    "replies",
    "requests",
    "studies",
    "tallies",
    "tokens",
    "turns",
    "webhooks",
]
