"""Items can be withdrawn, and on SQLite no number is given twice, whatever was removed.

``items.withdrawn_at`` says since when nobody gets an item any more: the text it was made of is erased. An item that is
withdrawn has no open slot. Rows are removed only by ``restore`` (its backup has fewer of them) and by ``erase``; without
AUTOINCREMENT SQLite would give the numbers of removed rows to others, and a client that still holds an assignment's
number would answer another item by it. Postgres numbers rows by sequences, which never go back. The judgements of an assignment have an index, corrections among them:
without it every submission read all judgements of the store.

Frozen: it says what the tables were at this revision, whatever ``tables`` says by now.
"""

# ruff: noqa: S608 - the names in these statements are constants of this file

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from plumbline.collect.store.migrations.triggers_0001 import make_triggers

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_MOMENT = sa.BigInteger()
_ONLY_CLOSED = "withdrawn_at IS NULL OR open_slots = 0"
_OPEN = sa.text("items.open_slots > 0")
_LEASED = sa.text("assignments.state = 'leased'")
_HOLDS = sa.text("assignments.state IN ('leased', 'submitted')")
_SHOWN = sa.text("replies.shown_at IS NOT NULL")


def upgrade() -> None:
    """Adds the column; on SQLite the tables that number their rows are made anew around their rows."""
    op.create_index("judgements_of_assignment", "judgements", ["assignment_id"])
    if op.get_bind().dialect.name == "sqlite":
        _remake_sqlite_tables()
        return
    op.add_column("items", sa.Column("withdrawn_at", _MOMENT, nullable=True))
    op.create_check_constraint("items_withdrawn", "items", _ONLY_CLOSED)


def _remake_sqlite_tables() -> None:
    """SQLite adds AUTOINCREMENT to no table that stands; foreign keys are off here, see ``migrating``."""
    connection = op.get_bind()
    for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
        op.execute(f"DROP TRIGGER {name}")
    for make in (_remake_studies, _remake_items, _remake_assignments, _remake_replies, _remake_late):
        make()
    make_triggers()


def _remake(table: str, columns: list[sa.Column[object]], rules: list[sa.Constraint]) -> None:
    """The table of these columns and rules in the place of the one of this name, with its rows; without its indexes."""
    found = op.get_bind().exec_driver_sql(f"PRAGMA table_info({table})").all()
    names = ", ".join(row[1] for row in found)
    op.create_table(f"new_{table}", *columns, *rules, sqlite_autoincrement=True)
    op.execute(f"INSERT INTO new_{table} ({names}) SELECT {names} FROM {table} ORDER BY id")
    op.drop_table(table)
    op.rename_table(f"new_{table}", table)


def _remake_studies() -> None:
    _remake(
        "studies",
        [
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("name", sa.Text(), nullable=False),
            sa.Column("kind", sa.Text(), nullable=False),
            sa.Column("file", sa.Text(), nullable=False),
            sa.Column("digest", sa.Text(), nullable=False),
            sa.Column("state", sa.Text(), nullable=False),
            sa.Column("created_at", _MOMENT, nullable=False),
        ],
        [
            sa.CheckConstraint("state IN ('open', 'paused', 'closed')", name="studies_state"),
            sa.PrimaryKeyConstraint("id"),
            sa.UniqueConstraint("name", name="studies_name"),
        ],
    )


def _remake_items() -> None:
    purposes = "'work', 'training', 'gold', 'attention', 'review', 'adjudication', 'spot_check'"
    _remake(
        "items",
        [
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("study_id", sa.Integer(), nullable=False),
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
            sa.Column("withdrawn_at", _MOMENT, nullable=True),
        ],
        [
            sa.CheckConstraint(f"purpose IN ({purposes})", name="items_purpose"),
            sa.CheckConstraint("lane IN (2 * priority, 2 * priority + 1)", name="items_lane"),
            sa.CheckConstraint("open_slots BETWEEN 0 AND overlap", name="items_open_slots"),
            sa.CheckConstraint("overlap >= 1", name="items_overlap"),
            sa.CheckConstraint("priority BETWEEN 0 AND 9", name="items_priority"),
            sa.CheckConstraint(_ONLY_CLOSED, name="items_withdrawn"),
            sa.ForeignKeyConstraint(["author_id"], ["people.id"], name="items_author"),
            sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="items_study"),
            sa.PrimaryKeyConstraint("id"),
            sa.UniqueConstraint("id", "study_id", "purpose", "overlap", name="items_identity"),
            sa.UniqueConstraint("study_id", "key", name="items_key"),
        ],
    )
    op.create_index("items_open", "items", ["study_id", "purpose", "lane", "position"], sqlite_where=_OPEN)


def _remake_assignments() -> None:
    _remake(
        "assignments",
        [
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("study_id", sa.Integer(), nullable=False),
            sa.Column("item_id", sa.Integer(), nullable=False),
            sa.Column("purpose", sa.Text(), nullable=False),
            sa.Column("overlap", sa.Integer(), nullable=False),
            sa.Column("slot", sa.Integer(), nullable=False),
            sa.Column("worker_id", sa.Text(), nullable=False),
            sa.Column("state", sa.Text(), nullable=False),
            sa.Column("fence", sa.BigInteger(), nullable=False),
            sa.Column("leased_at", _MOMENT, nullable=False),
            sa.Column("expires_at", _MOMENT, nullable=False),
            sa.Column("ended_at", _MOMENT, nullable=True),
        ],
        [
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
        ],
    )
    _index_assignments()


def _index_assignments() -> None:
    in_hand = ["worker_id", "study_id", "purpose"]
    op.create_index("assignments_in_hand", "assignments", in_hand, unique=True, sqlite_where=_LEASED)
    op.create_index("assignments_lapsing", "assignments", ["study_id", "expires_at"], sqlite_where=_LEASED)
    op.create_index("assignments_of_worker", "assignments", ["worker_id", "id"])
    op.create_index("assignments_slot", "assignments", ["item_id", "slot"], unique=True, sqlite_where=_HOLDS)


def _remake_replies() -> None:
    _remake(
        "replies",
        [
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("assignment_id", sa.Integer(), nullable=False),
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
        ],
        [
            sa.CheckConstraint("side IN (0, 1)", name="replies_side"),
            sa.ForeignKeyConstraint(
                ["assignment_id", "turn"], ["turns.assignment_id", "turns.number"], name="replies_turn"
            ),
            sa.PrimaryKeyConstraint("id"),
            sa.UniqueConstraint("assignment_id", "turn", "draw", "side", name="replies_draw_side"),
        ],
    )
    shown_once = ["assignment_id", "turn", "side"]
    op.create_index("replies_shown_once", "replies", shown_once, unique=True, sqlite_where=_SHOWN)


def _remake_late() -> None:
    _remake(
        "late",
        [
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("assignment_id", sa.Integer(), nullable=False),
            sa.Column("worker_id", sa.Text(), nullable=False),
            sa.Column("fence", sa.BigInteger(), nullable=False),
            sa.Column("reason", sa.Text(), nullable=False),
            sa.Column("idempotency_key", sa.Text(), nullable=False),
            sa.Column("payload", sa.Text(), nullable=False),
            sa.Column("created_at", _MOMENT, nullable=False),
        ],
        [
            sa.ForeignKeyConstraint(["assignment_id"], ["assignments.id"], name="late_assignment"),
            sa.ForeignKeyConstraint(["worker_id"], ["people.id"], name="late_worker"),
            sa.PrimaryKeyConstraint("id"),
        ],
    )
    op.create_index("late_of_assignment", "late", ["assignment_id"])
