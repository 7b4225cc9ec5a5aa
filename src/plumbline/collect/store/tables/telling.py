"""Tables of other systems that are told what happened, and of what they are told."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, text

from plumbline.collect.store.column_types import Id, Json, Moment, StoredText
from plumbline.collect.store.tables.work import metadata

# A database uses a partial index only where a query says its condition in the same words.
IS_UNDELIVERED = text("deliveries.delivered_at IS NULL AND deliveries.given_up_at IS NULL")

# `secret` signs what is sent: it leaves the store in no answer but the first, and in no export, log or event.
webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("study_id", Id, ForeignKey("studies.id", name="webhooks_study")),
    Column("url", StoredText, nullable=False),
    Column("secret", Text, nullable=False),
    Column("events", Json, nullable=False),
    Column("created_by", StoredText, ForeignKey("people.id", name="webhooks_created_by")),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    sqlite_autoincrement=True,
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("webhook_id", Id, ForeignKey("webhooks.id", name="deliveries_webhook"), nullable=False),
    Column("event", Text, nullable=False),
    Column("payload", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("claimed_until", Moment),
    Column("delivered_at", Moment),
    Column("given_up_at", Moment),
    Column("last_status", Integer),
    CheckConstraint("attempts >= 0", name="deliveries_attempts"),
    CheckConstraint("delivered_at IS NULL OR given_up_at IS NULL", name="deliveries_one_end"),
    Index("deliveries_of_webhook", "webhook_id", "id"),
    Index("deliveries_due", "next_at", sqlite_where=IS_UNDELIVERED, postgresql_where=IS_UNDELIVERED),
    sqlite_autoincrement=True,
)
