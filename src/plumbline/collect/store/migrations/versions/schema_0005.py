"""People come by another house's login; invitations have a note; other systems are told what happened.

``assignments.excused`` is 1 where an item was taken back from its worker without their doing: it counts against nobody.
``outside_identities.subject`` is who somebody is elsewhere: it leaves the store in no answer, export, log or event.
``deliveries`` is an outbox: a row is written in the transaction of what it tells, and sent after that.

Frozen: it says what the tables were at this revision, whatever ``tables`` says by now.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_MOMENT = sa.BigInteger()
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Adds two columns, an index and three tables."""
    op.execute("ALTER TABLE invitations ADD COLUMN note TEXT CONSTRAINT invitations_note CHECK (length(note) <= 200)")
    op.execute(
        "ALTER TABLE assignments ADD COLUMN excused SMALLINT NOT NULL DEFAULT 0 "
        "CONSTRAINT assignments_excused CHECK (excused = 0 OR (excused = 1 AND state = 'released'))"
    )
    withdrawn = sa.text("items.withdrawn_at IS NOT NULL")
    op.create_index(
        "items_taken_back", "items", ["study_id", "purpose"], sqlite_where=withdrawn, postgresql_where=withdrawn
    )
    op.create_table(
        "outside_identities",
        sa.Column("id", _ID, nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="outside_identities_person"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("issuer", "subject", name="outside_identities_subject"),
        sqlite_autoincrement=True,
    )
    op.create_index("outside_identities_of_person", "outside_identities", ["person_id"])
    _webhooks()


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", _ID, nullable=False),
        sa.Column("study_id", _ID, nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("revoked_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="webhooks_study"),
        sa.ForeignKeyConstraint(["created_by"], ["people.id"], name="webhooks_created_by"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "deliveries",
        sa.Column("id", _ID, nullable=False),
        sa.Column("webhook_id", _ID, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", _MOMENT, nullable=False),
        sa.Column("claimed_until", _MOMENT, nullable=True),
        sa.Column("delivered_at", _MOMENT, nullable=True),
        sa.Column("given_up_at", _MOMENT, nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.CheckConstraint("attempts >= 0", name="deliveries_attempts"),
        sa.CheckConstraint("delivered_at IS NULL OR given_up_at IS NULL", name="deliveries_one_end"),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name="deliveries_webhook"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("deliveries_of_webhook", "deliveries", ["webhook_id", "id"])
    due = sa.text("deliveries.delivered_at IS NULL AND deliveries.given_up_at IS NULL")
    op.create_index("deliveries_due", "deliveries", ["next_at"], sqlite_where=due, postgresql_where=due)
