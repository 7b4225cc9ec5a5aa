"""The first tables: studies, people, items, assignments, conversations, judgements, the log.

Frozen: it says what the tables were at this revision, whatever ``tables`` says by now.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from plumbline.collect.store.migrations.triggers_0001 import make_triggers

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.BigInteger()


def upgrade() -> None:
    """Makes every table, then the triggers."""
    for make in (
        _make_studies,
        _make_queues,
        _make_guidelines,
        _make_people,
        _make_tokens,
        _make_participation,
        _make_items,
        _make_assignments,
        _make_cursors,
        _make_tallies,
        _make_turns,
        _make_replies,
        _make_judgements,
        _make_events,
        _make_drafts,
        _make_requests,
        _make_late,
        _make_never,
        _make_erasing,
    ):
        make()
    make_triggers()


def _make_studies() -> None:
    op.create_table(
        "studies",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.CheckConstraint("state IN ('open', 'paused', 'closed')", name="studies_state"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name="studies_name"),
    )


def _make_queues() -> None:
    op.create_table(
        "queues",
        sa.Column("study_id", _ID, autoincrement=False, nullable=False),
        sa.Column("next_position", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="queues_study"),
        sa.PrimaryKeyConstraint("study_id"),
    )


def _make_guidelines() -> None:
    op.create_table(
        "guidelines",
        sa.Column("study_id", _ID, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="guidelines_study"),
        sa.PrimaryKeyConstraint("study_id", "version"),
    )


def _make_people() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("pseudonym", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("blocked_at", _MOMENT, nullable=True),
        sa.Column("erased_at", _MOMENT, nullable=True),
        sa.CheckConstraint("role IN ('worker', 'reviewer', 'manager', 'owner')", name="people_role"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("pseudonym", name="people_pseudonym"),
    )


def _make_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("revoked_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="tokens_person"),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_index("tokens_person_id", "tokens", ["person_id"], unique=False)


def _make_participation() -> None:
    op.create_table(
        "participation",
        sa.Column("worker_id", sa.Text(), nullable=False),
        sa.Column("study_id", _ID, autoincrement=False, nullable=False),
        sa.Column("consented_at", _MOMENT, nullable=True),
        sa.Column("qualification", sa.Text(), nullable=False),
        sa.CheckConstraint("qualification IN ('pending', 'passed', 'failed')", name="participation_qualification"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="participation_study"),
        sa.ForeignKeyConstraint(["worker_id"], ["people.id"], name="participation_worker"),
        sa.PrimaryKeyConstraint("worker_id", "study_id"),
    )


def _make_items() -> None:
    op.create_table(
        "items",
        sa.Column("id", _ID, nullable=False),
        sa.Column("study_id", _ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("overlap", sa.Integer(), nullable=False),
        sa.Column("open_slots", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Text(), nullable=True),
        sa.Column("truth", sa.Text(), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.CheckConstraint(
            "purpose IN ('work', 'training', 'gold', 'attention', 'review', 'adjudication', 'spot_check')",
            name="items_purpose",
        ),
        sa.CheckConstraint("lane IN (2 * priority, 2 * priority + 1)", name="items_lane"),
        sa.CheckConstraint("open_slots BETWEEN 0 AND overlap", name="items_open_slots"),
        sa.CheckConstraint("overlap >= 1", name="items_overlap"),
        sa.CheckConstraint("priority BETWEEN 0 AND 9", name="items_priority"),
        sa.ForeignKeyConstraint(["author_id"], ["people.id"], name="items_author"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="items_study"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("id", "study_id", "purpose", "overlap", name="items_identity"),
        sa.UniqueConstraint("study_id", "key", name="items_key"),
    )
    op.create_index(
        "items_open",
        "items",
        ["study_id", "purpose", "lane", "position"],
        unique=False,
        sqlite_where=sa.text("items.open_slots > 0"),
        postgresql_where=sa.text("items.open_slots > 0"),
    )


def _make_assignments() -> None:
    op.create_table(
        "assignments",
        sa.Column("id", _ID, nullable=False),
        sa.Column("study_id", _ID, nullable=False),
        sa.Column("item_id", _ID, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("overlap", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("leased_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.CheckConstraint("(state = 'leased') = (ended_at IS NULL)", name="assignments_ended"),
        sa.CheckConstraint("state IN ('leased', 'submitted', 'released', 'expired')", name="assignments_state"),
        sa.CheckConstraint("fence >= 1", name="assignments_fence"),
        sa.CheckConstraint("slot >= 0 AND slot < overlap", name="assignments_slot_in_overlap"),
        sa.ForeignKeyConstraint(
            ["item_id", "study_id", "purpose", "overlap"],
            ["items.id", "items.study_id", "items.purpose", "items.overlap"],
            name="assignments_item",
            onupdate="CASCADE",
        ),
        sa.ForeignKeyConstraint(["worker_id"], ["people.id"], name="assignments_worker"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("item_id", "worker_id", name="assignments_item_worker"),
    )
    op.create_index(
        "assignments_in_hand",
        "assignments",
        ["worker_id", "study_id", "purpose"],
        unique=True,
        sqlite_where=sa.text("assignments.state = 'leased'"),
        postgresql_where=sa.text("assignments.state = 'leased'"),
    )
    op.create_index(
        "assignments_lapsing",
        "assignments",
        ["study_id", "expires_at"],
        unique=False,
        sqlite_where=sa.text("assignments.state = 'leased'"),
        postgresql_where=sa.text("assignments.state = 'leased'"),
    )
    op.create_index("assignments_of_worker", "assignments", ["worker_id", "id"], unique=False)
    op.create_index(
        "assignments_slot",
        "assignments",
        ["item_id", "slot"],
        unique=True,
        sqlite_where=sa.text("assignments.state IN ('leased', 'submitted')"),
        postgresql_where=sa.text("assignments.state IN ('leased', 'submitted')"),
    )


def _make_cursors() -> None:
    op.create_table(
        "cursors",
        sa.Column("worker_id", sa.Text(), nullable=False),
        sa.Column("study_id", _ID, autoincrement=False, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("lane", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="cursors_study"),
        sa.ForeignKeyConstraint(["worker_id"], ["people.id"], name="cursors_worker"),
        sa.PrimaryKeyConstraint("worker_id", "study_id", "purpose", "lane"),
    )


def _make_tallies() -> None:
    op.create_table(
        "tallies",
        sa.Column("worker_id", sa.Text(), nullable=False),
        sa.Column("study_id", _ID, autoincrement=False, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("submitted", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="tallies_study"),
        sa.ForeignKeyConstraint(["worker_id"], ["people.id"], name="tallies_worker"),
        sa.PrimaryKeyConstraint("worker_id", "study_id", "purpose"),
    )


def _make_turns() -> None:
    op.create_table(
        "turns",
        sa.Column("assignment_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("human", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.CheckConstraint("number >= 1", name="turns_number"),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignments.id"], name="turns_assignment"),
        sa.PrimaryKeyConstraint("assignment_id", "number"),
    )


def _make_replies() -> None:
    op.create_table(
        "replies",
        sa.Column("id", _ID, nullable=False),
        sa.Column("assignment_id", _ID, nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("draw", sa.Integer(), nullable=False),
        sa.Column("side", sa.SmallInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("shown_at", _MOMENT, nullable=True),
        sa.CheckConstraint("side IN (0, 1)", name="replies_side"),
        sa.ForeignKeyConstraint(
            ["assignment_id", "turn"], ["turns.assignment_id", "turns.number"], name="replies_turn"
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("assignment_id", "turn", "draw", "side", name="replies_draw_side"),
    )
    op.create_index(
        "replies_shown_once",
        "replies",
        ["assignment_id", "turn", "side"],
        unique=True,
        sqlite_where=sa.text("replies.shown_at IS NOT NULL"),
        postgresql_where=sa.text("replies.shown_at IS NOT NULL"),
    )


def _make_judgements() -> None:
    op.create_table(
        "judgements",
        sa.Column("id", _ID, nullable=False),
        sa.Column("study_id", _ID, nullable=False),
        sa.Column("item_id", _ID, nullable=False),
        sa.Column("assignment_id", _ID, nullable=False),
        sa.Column("worker_id", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("guidelines_version", sa.Integer(), nullable=False),
        sa.Column("corrects", _ID, nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignments.id"], name="judgements_assignment"),
        sa.ForeignKeyConstraint(
            ["corrects", "assignment_id", "part"],
            ["judgements.id", "judgements.assignment_id", "judgements.part"],
            name="judgements_corrected",
        ),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="judgements_item"),
        sa.ForeignKeyConstraint(
            ["study_id", "guidelines_version"],
            ["guidelines.study_id", "guidelines.version"],
            name="judgements_guidelines",
        ),
        sa.ForeignKeyConstraint(["worker_id"], ["people.id"], name="judgements_worker"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("corrects", name="judgements_corrected_once"),
        sa.UniqueConstraint("id", "assignment_id", "part", name="judgements_identity"),
        sqlite_autoincrement=True,
    )
    op.create_index("judgements_of_item", "judgements", ["item_id"], unique=False)
    op.create_index("judgements_of_study", "judgements", ["study_id", "id"], unique=False)
    op.create_index("judgements_of_worker", "judgements", ["worker_id"], unique=False)
    op.create_index(
        "judgements_part",
        "judgements",
        ["assignment_id", "part"],
        unique=True,
        sqlite_where=sa.text("judgements.corrects IS NULL"),
        postgresql_where=sa.text("judgements.corrects IS NULL"),
    )


def _make_events() -> None:
    op.create_table(
        "events",
        sa.Column("seq", _ID, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("study_id", _ID, nullable=True),
        sa.Column("person_id", sa.Text(), nullable=True),
        sa.Column("item_id", _ID, nullable=True),
        sa.Column("assignment_id", _ID, nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("events_of_assignment", "events", ["assignment_id"], unique=False)
    op.create_index("events_of_study", "events", ["study_id", "seq"], unique=False)


def _make_drafts() -> None:
    op.create_table(
        "drafts",
        sa.Column("assignment_id", _ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignments.id"], name="drafts_assignment"),
        sa.PrimaryKeyConstraint("assignment_id"),
    )


def _make_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("worker_id", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("assignment_id", _ID, nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignments.id"], name="requests_assignment"),
        sa.ForeignKeyConstraint(["worker_id"], ["people.id"], name="requests_worker"),
        sa.PrimaryKeyConstraint("worker_id", "idempotency_key"),
    )


def _make_late() -> None:
    op.create_table(
        "late",
        sa.Column("id", _ID, nullable=False),
        sa.Column("assignment_id", _ID, nullable=False),
        sa.Column("worker_id", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignments.id"], name="late_assignment"),
        sa.ForeignKeyConstraint(["worker_id"], ["people.id"], name="late_worker"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("late_of_assignment", "late", ["assignment_id"], unique=False)


def _make_never() -> None:
    op.create_table(
        "never",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.CheckConstraint("id IS NULL", name="never_any"),
        sa.PrimaryKeyConstraint("id"),
    )


def _make_erasing() -> None:
    op.create_table(
        "erasing",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("until_commit", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["until_commit"], ["never.id"], name="erasing_until_commit", initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("person_id"),
    )
