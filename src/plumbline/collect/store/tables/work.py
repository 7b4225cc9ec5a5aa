"""Tables of studies, people, items, work and its log, and the conditions that partial indexes need word for word."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from plumbline.collect.store.column_types import Id, Json, Moment, StoredText

metadata = MetaData()

# A database uses a partial index only where a query says its condition in the same words, constants included.
IS_OPEN = text("items.open_slots > 0")
IS_WITHDRAWN = text("items.withdrawn_at IS NOT NULL")
IS_LEASED = text("assignments.state = 'leased'")
HOLDS_SLOT = text("assignments.state IN ('leased', 'submitted')")

studies = Table(
    "studies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", StoredText, nullable=False),
    Column("kind", StoredText, nullable=False),
    Column("file", StoredText, nullable=False),
    Column("digest", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("secret", Text),
    UniqueConstraint("name", name="studies_name"),
    CheckConstraint("state IN ('open', 'paused', 'closed')", name="studies_state"),
    sqlite_autoincrement=True,
)

queues = Table(
    "queues",
    metadata,
    Column("study_id", Id, ForeignKey("studies.id", name="queues_study"), primary_key=True, autoincrement=False),
    Column("next_position", BigInteger, nullable=False),
)

guidelines = Table(
    "guidelines",
    metadata,
    Column("study_id", Id, ForeignKey("studies.id", name="guidelines_study"), primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("text", StoredText, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
)

people = Table(
    "people",
    metadata,
    Column("id", StoredText, primary_key=True),
    Column("pseudonym", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("blocked_at", Moment),
    Column("erased_at", Moment),
    Column("only_study_id", Id, ForeignKey("studies.id", name="people_only_study")),
    UniqueConstraint("pseudonym", name="people_pseudonym"),
    CheckConstraint("role IN ('worker', 'reviewer', 'manager', 'owner')", name="people_role"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("person_id", StoredText, ForeignKey("people.id", name="tokens_person"), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    Column("use", Text, nullable=False, server_default="api"),
    CheckConstraint("use IN ('api', 'session')", name="tokens_use"),
    Index("tokens_person_id", "person_id"),
)

participation = Table(
    "participation",
    metadata,
    Column("worker_id", StoredText, ForeignKey("people.id", name="participation_worker"), primary_key=True),
    Column("study_id", Id, ForeignKey("studies.id", name="participation_study"), primary_key=True, autoincrement=False),
    Column("consented_at", Moment),
    Column("qualification", Text, nullable=False),
    CheckConstraint("qualification IN ('pending', 'passed', 'failed')", name="participation_qualification"),
)

items = Table(
    "items",
    metadata,
    Column("id", Id, primary_key=True),
    Column("study_id", Id, ForeignKey("studies.id", name="items_study"), nullable=False),
    Column("key", StoredText, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("payload", Json, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("lane", SmallInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("overlap", Integer, nullable=False),
    Column("open_slots", Integer, nullable=False),
    Column("author_id", StoredText, ForeignKey("people.id", name="items_author")),
    Column("truth", Json),
    Column("created_at", Moment, nullable=False),
    Column("withdrawn_at", Moment),
    UniqueConstraint("study_id", "key", name="items_key"),
    UniqueConstraint("id", "study_id", "purpose", "overlap", name="items_identity"),
    CheckConstraint(
        "purpose IN ('work', 'training', 'gold', 'attention', 'review', 'adjudication', 'spot_check')",
        name="items_purpose",
    ),
    CheckConstraint("priority BETWEEN 0 AND 9", name="items_priority"),
    CheckConstraint("lane IN (2 * priority, 2 * priority + 1)", name="items_lane"),
    CheckConstraint("overlap >= 1", name="items_overlap"),
    CheckConstraint("open_slots BETWEEN 0 AND overlap", name="items_open_slots"),
    CheckConstraint("withdrawn_at IS NULL OR open_slots = 0", name="items_withdrawn"),
    Index(
        "items_open", "study_id", "purpose", "lane", "position", sqlite_where=IS_OPEN, postgresql_where=IS_OPEN
    ),
    Index("items_taken_back", "study_id", "purpose", sqlite_where=IS_WITHDRAWN, postgresql_where=IS_WITHDRAWN),
    sqlite_autoincrement=True,
)  # fmt: skip

assignments = Table(
    "assignments",
    metadata,
    Column("id", Id, primary_key=True),
    Column("study_id", Id, nullable=False),
    Column("item_id", Id, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("overlap", Integer, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("worker_id", StoredText, ForeignKey("people.id", name="assignments_worker"), nullable=False),
    Column("state", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("leased_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("excused", SmallInteger, nullable=False, server_default="0"),
    ForeignKeyConstraint(
        ["item_id", "study_id", "purpose", "overlap"],
        ["items.id", "items.study_id", "items.purpose", "items.overlap"],
        name="assignments_item",
        onupdate="CASCADE",
    ),
    UniqueConstraint("item_id", "worker_id", name="assignments_item_worker"),
    CheckConstraint("slot >= 0 AND slot < overlap", name="assignments_slot_in_overlap"),
    CheckConstraint("state IN ('leased', 'submitted', 'released', 'expired')", name="assignments_state"),
    CheckConstraint("(state = 'leased') = (ended_at IS NULL)", name="assignments_ended"),
    CheckConstraint("fence >= 1", name="assignments_fence"),
    CheckConstraint("excused = 0 OR (excused = 1 AND state = 'released')", name="assignments_excused"),
    Index("assignments_slot", "item_id", "slot", unique=True, sqlite_where=HOLDS_SLOT, postgresql_where=HOLDS_SLOT),
    Index(
        "assignments_in_hand", "worker_id", "study_id", "purpose", unique=True,
        sqlite_where=IS_LEASED, postgresql_where=IS_LEASED,
    ),
    Index("assignments_lapsing", "study_id", "expires_at", sqlite_where=IS_LEASED, postgresql_where=IS_LEASED),
    Index("assignments_of_worker", "worker_id", "id"),
    sqlite_autoincrement=True,
)  # fmt: skip

cursors = Table(
    "cursors",
    metadata,
    Column("worker_id", StoredText, ForeignKey("people.id", name="cursors_worker"), primary_key=True),
    Column("study_id", Id, ForeignKey("studies.id", name="cursors_study"), primary_key=True, autoincrement=False),
    Column("purpose", Text, primary_key=True),
    Column("lane", SmallInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
)

tallies = Table(
    "tallies",
    metadata,
    Column("worker_id", StoredText, ForeignKey("people.id", name="tallies_worker"), primary_key=True),
    Column("study_id", Id, ForeignKey("studies.id", name="tallies_study"), primary_key=True, autoincrement=False),
    Column("purpose", Text, primary_key=True),
    Column("submitted", Integer, nullable=False),
)

turns = Table(
    "turns",
    metadata,
    Column("assignment_id", Id, ForeignKey("assignments.id", name="turns_assignment"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("human", StoredText, nullable=False),
    Column("created_at", Moment, nullable=False),
    CheckConstraint("number >= 1", name="turns_number"),
)

IS_SHOWN = text("replies.shown_at IS NOT NULL")

replies = Table(
    "replies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("assignment_id", Id, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("draw", Integer, nullable=False),
    Column("side", SmallInteger, nullable=False),
    Column("text", StoredText, nullable=False),
    Column("model", StoredText, nullable=False),
    Column("snapshot", StoredText, nullable=False),
    Column("seed", BigInteger),
    Column("parameters", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("shown_at", Moment),
    ForeignKeyConstraint(
        ["assignment_id", "turn"], ["turns.assignment_id", "turns.number"], name="replies_turn"
    ),
    UniqueConstraint("assignment_id", "turn", "draw", "side", name="replies_draw_side"),
    CheckConstraint("side IN (0, 1)", name="replies_side"),
    Index(
        "replies_shown_once", "assignment_id", "turn", "side", unique=True,
        sqlite_where=IS_SHOWN, postgresql_where=IS_SHOWN,
    ),
    sqlite_autoincrement=True,
)  # fmt: skip

IS_FIRST = text("judgements.corrects IS NULL")

judgements = Table(
    "judgements",
    metadata,
    Column("id", Id, primary_key=True),
    Column("study_id", Id, nullable=False),
    Column("item_id", Id, ForeignKey("items.id", name="judgements_item"), nullable=False),
    Column("assignment_id", Id, ForeignKey("assignments.id", name="judgements_assignment"), nullable=False),
    Column("worker_id", StoredText, ForeignKey("people.id", name="judgements_worker"), nullable=False),
    Column("part", StoredText, nullable=False),
    Column("kind", StoredText, nullable=False),
    Column("payload", Json, nullable=False),
    Column("guidelines_version", Integer, nullable=False),
    Column("corrects", Id),
    Column("idempotency_key", StoredText, nullable=False),
    Column("seconds", Float),
    Column("created_at", Moment, nullable=False),
    ForeignKeyConstraint(
        ["study_id", "guidelines_version"],
        ["guidelines.study_id", "guidelines.version"],
        name="judgements_guidelines",
    ),
    ForeignKeyConstraint(
        ["corrects", "assignment_id", "part"],
        ["judgements.id", "judgements.assignment_id", "judgements.part"],
        name="judgements_corrected",
    ),
    UniqueConstraint("id", "assignment_id", "part", name="judgements_identity"),
    UniqueConstraint("corrects", name="judgements_corrected_once"),
    Index(
        "judgements_part", "assignment_id", "part", unique=True, sqlite_where=IS_FIRST, postgresql_where=IS_FIRST
    ),
    Index("judgements_of_study", "study_id", "id"),
    Index("judgements_of_assignment", "assignment_id"),
    Index("judgements_of_item", "item_id"),
    Index("judgements_of_worker", "worker_id", "created_at"),
    sqlite_autoincrement=True,
)  # fmt: skip

events = Table(
    "events",
    metadata,
    Column("seq", Id, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("study_id", Id),
    Column("person_id", StoredText),
    Column("item_id", Id),
    Column("assignment_id", Id),
    Column("payload", Json, nullable=False),
    Index("events_of_study", "study_id", "seq"),
    Index("events_of_assignment", "assignment_id"),
    sqlite_autoincrement=True,
)

drafts = Table(
    "drafts",
    metadata,
    Column("assignment_id", Id, ForeignKey("assignments.id", name="drafts_assignment"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("payload", Json, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("worker_id", StoredText, ForeignKey("people.id", name="requests_worker"), primary_key=True),
    Column("idempotency_key", StoredText, primary_key=True),
    Column("assignment_id", Id, ForeignKey("assignments.id", name="requests_assignment"), nullable=False),
    Column("body_sha256", Text, nullable=False),
    Column("receipt", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
)

late = Table(
    "late",
    metadata,
    Column("id", Id, primary_key=True),
    Column("assignment_id", Id, ForeignKey("assignments.id", name="late_assignment"), nullable=False),
    Column("worker_id", StoredText, ForeignKey("people.id", name="late_worker"), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("idempotency_key", StoredText, nullable=False),
    Column("payload", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("late_of_assignment", "assignment_id"),
    sqlite_autoincrement=True,
)

# Erasing a person opens the append-only tables for one transaction. Its row cannot be committed: the column
# `until_commit` points into a table that can hold no row, and that is checked when the transaction ends.
never = Table(
    "never",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    CheckConstraint("id IS NULL", name="never_any"),
)

erasing = Table(
    "erasing",
    metadata,
    Column("person_id", StoredText, primary_key=True),
    Column(
        "until_commit",
        Integer,
        ForeignKey("never.id", name="erasing_until_commit", deferrable=True, initially="DEFERRED"),
        nullable=False,
    ),
)

APPEND_ONLY = (guidelines, turns, replies, judgements, events, late)
"""Their rows are never changed nor removed, but for ``replies.shown_at`` and by ``erase``."""
